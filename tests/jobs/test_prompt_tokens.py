import json

import pytest

from harness.jobs.prompt_tokens import body_counter, counts_of
from harness.runner.budget import IMAGE_TOKENS, input_estimate


def words(text):
    return len(text.split())


def body(**fields):
    return json.dumps({"model": "m", "max_tokens": 8, **fields}).encode()


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({"messages": [{"role": "user", "content": "a b c"}]}, 4 + 3 + 3),
        ({"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b c"}]}, 4 + 1 + 4 + 2 + 3),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a b"}]}]}, 4 + 2 + 3),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:..."}}]}]},
            4 + IMAGE_TOKENS + 3,
        ),
        ({"messages": [{"role": "assistant", "content": None}]}, 4 + 3),
        ({"messages": [{"role": "user", "content": "a"}], "tools": [{"x": 1}]}, 4 + 1 + 3 + 1),
        ({"input": "a b c d"}, 4),
        ({"input": ["a", "b c"]}, 3),
        ({"input": [{"type": "text", "text": "a b"}]}, 2),
    ],
)
def test_a_request_is_counted_whole(fields, tokens):
    assert body_counter(words)(body(**fields)) == tokens


@pytest.mark.parametrize("odd", [b"", b"[]", b"{", b'{"messages": 5}', b'{"messages": [3]}', b"\xff"])
def test_a_body_of_an_unknown_form_is_estimated(odd):
    assert body_counter(words)(odd) == input_estimate(odd)


def test_what_stands_in_every_request_is_counted_once():
    counted = []
    count = body_counter(lambda text: counted.append(text) or words(text))
    for at in range(5):
        count(body(messages=[{"role": "system", "content": "policy"}, {"role": "user", "content": f"text {at}"}]))
    assert counted.count("policy") == 1


def test_models_without_a_tokeniser_at_hand_are_left_to_the_rule(tmp_path):
    from projects import write_project

    from harness.files.evals import load_eval

    tokenizers = pytest.importorskip("tokenizers", reason="extra: tokens")
    folder = write_project(tmp_path / "p")
    own = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    own.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    own.save(str(folder / "tokenizer.json"))
    models = folder / "models.yaml"
    models.write_text(
        models.read_text().replace("    model: mini-1\n", "    model: mini-1\n    tokenizer: tokenizer.json\n")
    )
    counts = counts_of(load_eval(folder / "eval.yaml"))
    assert list(counts) == ["mini"]
    assert counts["mini"](body(input="one two, three")) == 4
