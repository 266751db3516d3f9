"""Variants of a prompt and what runs of them say, against a model whose answers are known functions of the prompt."""

from __future__ import annotations

import json
import re

import orjson
import pytest
from click.testing import CliRunner

from harness.candidates.prompt_parts import part_sizes, stale_texts
from harness.cli import main
from harness.files.policy import load_policy
from harness.files.prompts import load_prompt
from harness.jobs.prompt_variants import ablations, rewordings, write_prompt
from harness.records import Item
from tests.stub_server import StubServer, completion

POLICY = """\
policy: p
version: 1
categories:
  hate: {name: Hate, definition: Attacks people because of a protected attribute such as religion.}
  spam: {name: Spam, definition: Unwanted promotion that nobody on the page has asked for.}
"""
PROMPT = """\
---
prompt: p
version: 1
answer: label
labels: {hate: [hate], spam: [spam], ok: []}
---
# system
You moderate posts.

- hate: attacks people
- spam: unwanted promotion

Answer with one word: hate, spam or ok.

# user
buy my pills now

# assistant
spam

# user
{{ item.text }}
"""
ITEMS = [(f"h{n}", f"these vermin {n}", {"hate": 1, "spam": 0}) for n in range(12)]
ITEMS += [(f"s{n}", f"buy {n} followers", {"hate": 0, "spam": 1}) for n in range(12)]
ITEMS += [(f"o{n}", f"a lovely day {n}", {"hate": 0, "spam": 0}) for n in range(12)]


def says(messages):
    """Flags hate where the prompt lists it, spam where an example shows it; a please makes it wary of lovely days."""
    system, text = messages[0]["content"], messages[-1]["content"]
    if "vermin" in text and "hate: attacks" in system:
        return "hate"
    if "buy" in text and any(one["content"] == "spam" for one in messages[1:-1]):
        return "spam"
    return "spam" if "lovely" in text and "Please" in system else "ok"


@pytest.fixture
def folder(tmp_path):
    server = StubServer(lambda asked: completion(says(asked.body["messages"])))
    rows = (json.dumps({"id": item_id, "text": text, "labels": labels}) for item_id, text, labels in ITEMS)
    files = {
        "policy.yaml": POLICY,
        "prompt.md": PROMPT,
        "models.yaml": "models:\n  m: {provider: openai, base_url: 'URL', model: m}\n".replace("URL", server.url),
        "items.jsonl": "\n".join(rows) + "\n",
        "card.yaml": "golden_set: g\nversion: 1\npolicy: {name: p, version: 1}\nitems: items.jsonl\n"
        "labels: [hate, spam]\n",
        "eval.yaml": "eval: e\npolicy: policy.yaml\ngolden_set: card.yaml\nmodels: models.yaml\ncandidates:\n"
        "  v1: {prompt: prompt.md, model: m}\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    with server:
        yield tmp_path


def run(folder, *arguments):
    stored = ["--runs-dir", str(folder / "runs"), "--cache", str(folder / "cache.sqlite")]
    done = CliRunner().invoke(main, ["prompts", *arguments, *stored], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def test_ablate_finds_the_line_and_the_example_that_carry_a_category(folder):
    found = orjson.loads(run(folder, "ablate", str(folder / "eval.yaml"), "--json").stdout)
    moved = {(one["variant"], one["category"]): one for one in found["moved"]}
    line = next(one["name"] for one in found["variants"] if one["categories"] == ["hate"])
    assert set(moved) == {(line, "hate"), ("no-turn-1", "spam")}
    for one in moved.values():
        assert (one["newly"]["missed"], one["newly"]["caught"]) == (12, 0)
        assert one["recall"]["difference"]["value"] == pytest.approx(-1.0)
        assert one["recall"]["difference"]["high"] < 0
        assert one["recall"]["p_holm"] < 0.05
    said = run(folder, "ablate", str(folder / "eval.yaml")).stdout
    assert "-100.0" in said
    assert re.search(r"Moved no decision:.*line", said, re.DOTALL)
    listed = CliRunner().invoke(main, ["runs", "list", "--runs-dir", str(folder / "runs")]).output
    assert "e-ablate" in listed


def test_a_variant_without_one_usable_answer_is_named_and_the_others_are_compared(folder):
    prompt = folder / "prompt.md"
    prompt.write_text(PROMPT.replace("Answer with one word: hate, spam or ok.", "Answer in words."), "utf-8")
    with StubServer(lambda asked: completion(_rambles_without(asked.body["messages"], "Answer in"))) as server:
        models = folder / "models.yaml"
        models.write_text(f"models:\n  m: {{provider: openai, base_url: '{server.url}', model: m}}\n", "utf-8")
        done = run(folder, "ablate", str(folder / "eval.yaml"), "--json", "--limit", "9", "--balanced")
        found = orjson.loads(done.stdout)
        assert [one["outcomes"] for one in found["not_compared"]] == [{"unparsed": 9}]
        assert {one["category"] for one in found["moved"]} == {"hate", "spam"}
        assert not any("Answer in" in one["what"] for one in found["variants"])

        prompt.write_text(PROMPT.replace("Answer with one word: hate, spam or ok.", ""), "utf-8")
        stored = ["--runs-dir", str(folder / "runs"), "--cache", str(folder / "cache.sqlite")]
        done = CliRunner().invoke(main, ["prompts", "ablate", str(folder / "eval.yaml"), "--limit", "9", *stored])
        assert (done.exit_code, "most answers of 'v1' itself cannot be used (9 unparsed)" in done.stderr) == (5, True)


def test_a_variant_most_of_whose_answers_cannot_be_read_is_not_told_to_carry_anything(folder):
    def answers(asked):
        messages = asked.body["messages"]
        is_lost = "spam: unwanted" not in messages[0]["content"] and not messages[-1]["content"].endswith(" 0")
        return completion("I would rather think about it." if is_lost else says(messages))

    with StubServer(answers) as server:
        models = folder / "models.yaml"
        models.write_text(f"models:\n  m: {{provider: openai, base_url: '{server.url}', model: m}}\n", "utf-8")
        asked = ["ablate", str(folder / "eval.yaml"), "--limit", "9", "--balanced"]
        found = orjson.loads(run(folder, *asked, "--json").stdout)
        (lost,) = found["not_compared"]
        assert lost["outcomes"]["unparsed"] > lost["outcomes"].get("ok", 0)
        assert lost["name"] not in {one["variant"] for one in found["moved"]}
        said = " ".join(run(folder, *asked).stdout.split())
        assert f"Not compared, since most answers cannot be used: {lost['what']}" in said


@pytest.mark.parametrize(("command", "lost"), [("ablate", ""), ("stability", "I'm sorry, but I can't help with that.")])
def test_a_variant_whose_first_answers_cannot_be_used_stops_alone(folder, command, lost):
    """The whole trial stopped there, and nothing was compared."""

    def answers(asked):
        messages = asked.body["messages"]
        is_lost = "Please" in messages[0]["content"] or "spam: unwanted" not in messages[0]["content"]
        return completion(lost if is_lost else says(messages))

    with StubServer(answers) as server:
        models = folder / "models.yaml"
        limits = "limits: {concurrency: 2}"
        models.write_text(
            f"models:\n  m: {{provider: openai, base_url: '{server.url}', model: m, {limits}}}\n", "utf-8"
        )
        asked = [command, str(folder / "eval.yaml"), "--json"]
        found = orjson.loads(run(folder, *asked).stdout)
        (left_out,) = found["not_compared"]
        outcomes = left_out["outcomes"]
        assert 10 <= sum(outcomes.get(one, 0) for one in ("unparsed", "refused")) <= 12
        assert outcomes["not_asked"] > 0
        assert len(found["variants"]) >= 3
        n_asked = len(server.seen)
        again = orjson.loads(run(folder, *asked).stdout)
        assert [one["name"] for one in again["not_compared"]] == [left_out["name"]]
        assert len(server.seen) == n_asked  # the lost variant costs nothing the second time


def _rambles_without(messages, needed):
    return says(messages) if needed in messages[0]["content"] else "I would rather think about it."


def test_stability_measures_flips_against_the_prompt_asked_twice(folder):
    given = folder / "short.md"
    given.write_text(PROMPT.replace("You moderate posts.", "You judge posts.").replace("version: 1", "version: 2"))
    arguments = ["stability", str(folder / "eval.yaml"), "--rewording", str(given)]
    found = orjson.loads(run(folder, *arguments, "--json").stdout)
    rates = {one["name"]: one for one in found["variants"]}
    assert found["floor"]["value"] == 0.0
    assert set(rates) == {"given-1", "please", "marks", "spacing", "list-reversed"}
    assert rates["please"]["flips"]["value"] == pytest.approx(12 / 36)
    assert rates["please"]["categories"]["spam"]["value"] == pytest.approx(12 / 36)
    assert rates["please"]["p_holm"] < 0.05
    assert {rates[name]["flips"]["value"] for name in rates if name != "please"} == {0.0}
    said = run(folder, *arguments).stdout
    assert "asked twice (floor)" in said
    assert "33.3%" in said


def test_a_dry_run_calls_nothing_and_about_chooses(folder):
    done = run(folder, "ablate", str(folder / "eval.yaml"), "--about", "hate", "--dry-run")
    assert "v1" in done.stdout
    assert "no-turn" not in done.stdout
    assert re.search(r"^no-line-\d+: line \d+, about hate$", done.stdout, re.MULTILINE)
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ablate", "eval.yaml", "--candidate", "v9"], "no one candidate with a prompt"),
        (["ablate", "eval.yaml", "--about", "nothing"], "no part that can be varied as asked"),
        (["show", "eval.yaml", "h99"], "has no item 'h99'"),
        (["show", "eval.yaml", "h1", "--candidate", "v9"], "no candidate 'v9'"),
        (["diff", "prompt.md", "gone.md"], "gone.md"),
    ],
)
def test_what_cannot_be_done_is_one_message(folder, monkeypatch, arguments, said):
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(main, ["prompts", *arguments])
    assert done.exit_code == 1
    assert said in done.output


def test_show_prints_the_request_masked_and_in_full(folder):
    masked = CliRunner().invoke(main, ["prompts", "show", str(folder / "eval.yaml"), "h1", "--text", "masked"]).output
    assert "t•••• v•••••" in masked and "vermin" not in masked  # noqa: PT018
    assert "tokens: instructions" in masked
    found = CliRunner().invoke(main, ["prompts", "show", str(folder / "eval.yaml"), "h1", "--text", "full", "--json"])
    (sent,) = orjson.loads(found.stdout)["candidates"]["v1"]["requests"]
    assert sent["body"]["messages"][-1] == {"role": "user", "content": "these vermin 1"}


def shown(folder, *more):
    asked = ["prompts", "show", str(folder / "eval.yaml"), "h1", *more]
    done = CliRunner().invoke(main, asked)
    return done.exit_code, done.output


def test_tokens_are_those_of_the_text_however_it_is_shown(folder):
    """Each dot of a masked text has three bytes: the item was counted as nearly three times as long."""
    lines = [next(line for line in shown(folder, "--text", how)[1].split("\n") if " tokens: " in line)
             for how in ("masked", "full", "none")]  # fmt: skip
    assert len(set(lines)) == 1
    assert f"item {-(-len('these vermin 1') // 4)} (estimated: one for every 4 bytes)" in lines[0]


def test_tokens_are_counted_by_the_models_own_tokeniser(folder):
    tokenizers = pytest.importorskip("tokenizers", reason="the extra tokens is not installed")
    own = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    own.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    own.save(str(folder / "tokenizer.json"))
    models = folder / "models.yaml"
    models.write_text(models.read_text().replace("model: m}", "model: m, tokenizer: tokenizer.json}"))
    found = orjson.loads(shown(folder, "--json")[1])["candidates"]["v1"]
    assert found["counted_by"] == "tokenizer.json"
    assert found["tokens"]["item"] == 3
    assert found["tokens"]["examples"] == len(["buy", "my", "pills", "now"]) + 1
    (folder / "tokenizer.json").write_text("{}")
    code, said = shown(folder)
    assert code == 1
    assert "is no tokeniser that can be read" in said


def test_tokens_of_a_model_that_tiktoken_knows(folder, monkeypatch):
    tiktoken = pytest.importorskip("tiktoken", reason="the extra tokens is not installed")
    models = folder / "models.yaml"
    models.write_text(models.read_text().replace("model: m}", "model: openai/gpt-4o-mini}"))

    class Encoding:
        def encode(self, text, disallowed_special):
            return list(text)

    monkeypatch.setattr(tiktoken, "get_encoding", lambda name: Encoding())
    assert f"item {len('these vermin 1')} (by o200k_base)" in shown(folder)[1]

    def refused(name):
        raise OSError("no way out")

    monkeypatch.setattr(tiktoken, "get_encoding", refused)
    assert "(estimated: one for every 4 bytes; the vocabulary o200k_base could not be had" in shown(folder)[1]


def test_show_masks_what_is_said_and_names_pictures(folder):
    """Modalities stood in clear, and every byte of a picture, in what was to be masked."""
    from PIL import Image

    Image.new("RGB", (8, 8), "red").save(folder / "a.png")
    (folder / "card.yaml").write_text((folder / "card.yaml").read_text() + "modalities: {said: said}\n")
    items = [orjson.loads(line) for line in (folder / "items.jsonl").read_bytes().splitlines()]
    items[0] |= {"said": "spoken aloud", "images": ["a.png"]}
    (folder / "items.jsonl").write_bytes(b"\n".join(map(orjson.dumps, items)))
    prompt = (folder / "prompt.md").read_text().replace("answer: label", "answer: label\nmedia: [images]")
    (folder / "prompt.md").write_text(prompt.replace("{{ item.text }}", "{{ item.modalities.said }}"))
    asked = ["prompts", "show", str(folder / "eval.yaml"), str(items[0]["id"])]
    masked = CliRunner().invoke(main, asked).output + CliRunner().invoke(main, [*asked, "--json"]).output
    assert masked.count("s••••• a••••") == 2, masked
    assert masked.count("[image/png, ") == 2
    assert "base64" not in masked
    full = CliRunner().invoke(main, [*asked, "--json", "--text", "full"]).output
    assert "spoken aloud" in full and "data:image/png;base64," in full  # noqa: PT018


def test_diff_warns_of_one_version_over_two_texts(tmp_path):
    before, after = tmp_path / "a.md", tmp_path / "b.md"
    before.write_text(PROMPT)
    after.write_text(PROMPT.replace("unwanted promotion", "unwanted ads").replace("buy my pills now", "follow me"))
    done = CliRunner().invoke(main, ["prompts", "diff", str(before), str(after)])
    assert "the same name and version over different texts" in done.output
    assert "+- spam: unwanted ads" in done.output
    assert "examples: 1 -> 1 (1 removed, 1 added)" in done.output
    after.write_text(
        PROMPT.replace("spam: [spam], ok: []", "ads: [spam], ok: [hate]").replace("version: 1", "version: 2")
    )
    said = CliRunner().invoke(main, ["prompts", "diff", str(before), str(after)]).output
    assert "labels: - spam: spam\nlabels: ok: nothing -> hate\nlabels: + ads: spam\n" in said
    after.write_text(PROMPT)
    same = CliRunner().invoke(main, ["prompts", "diff", str(before), str(before)])
    assert "The messages are the same." in same.output
    assert "Warning" not in same.output
    after.write_text(PROMPT.replace("\nversion: 1", "\nversion: 2").replace("ads", "x"))
    assert "Warning" not in CliRunner().invoke(main, ["prompts", "diff", str(before), str(after)]).output


def test_sizes_of_parts_add_up_to_the_request(tmp_path):
    (tmp_path / "policy.yaml").write_text(POLICY)
    text = PROMPT.replace(
        "- hate: attacks people", "{% for c in categories %}- {{ c.id }}: {{ c.definition }}\n{% endfor %}"
    )
    (tmp_path / "p.md").write_text(text)
    policy, prompt = load_policy(tmp_path / "policy.yaml").value, load_prompt(tmp_path / "p.md")
    sizes = part_sizes(prompt, policy, Item("a", "x" * 100, {}))
    assert sizes["item"] == 100
    assert sizes["examples"] == len("buy my pills now") + len("spam")
    assert sizes["policy text"] == sum(len(one.definition) for one in policy.categories)
    assert sizes["instructions"] > 0


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("- hate: Attacks people because of a protected attribute such as race.", [("hate", ("race",), ("religion",))]),
        ("- hate: Attacks people because of a protected attribute such as religion.", []),
        ("hate (high): attacks people because of a protected attribute, such as religion", []),
        ("- hate: attacks people", []),  # the prompt's own words
        ("- spam: Unwanted promotion that nobody has asked for.", [("spam", (), ("on the page",))]),
    ],
)
def test_policy_text_that_went_out_of_date_is_found(tmp_path, line, found):
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "p.md").write_text(PROMPT.replace("- hate: attacks people", line))
    policy, prompt = load_policy(tmp_path / "policy.yaml").value, load_prompt(tmp_path / "p.md").value
    assert [(one.category, one.added, one.removed) for one in stale_texts(prompt, policy)] == found


def test_variants_are_valid_prompts_that_read_back_as_written(tmp_path):
    (tmp_path / "policy.yaml").write_text(POLICY)
    text = PROMPT.replace(
        "labels:", "examples: [{text: 'a: \"b\" #c', categories: [hate]}, {text: two}]\nlabels:"
    ).replace(
        "- spam: unwanted promotion",
        "{% for category in categories %}\n- {{ category.id }}: {{ category.definition }}\n{% endfor %}\n"
        "{% for one in examples %}{{ one.text }}{% endfor %}",
    )
    (tmp_path / "p.md").write_text(text)
    policy, prompt = load_policy(tmp_path / "policy.yaml").value, load_prompt(tmp_path / "p.md").value
    made = [*ablations(prompt, policy), *rewordings(prompt, policy)]
    names = {one.name for one in made}
    assert {"no-example-1", "no-turn-1", "no-definition-hate", "no-definition-spam", "categories-reversed"} <= names
    assert len(names) == len(made)
    for one in made:
        again = write_prompt(one.prompt, tmp_path / "again.md").value
        assert again.header == one.prompt.header
        assert [m.template.strip() for m in again.messages] == [m.template.strip() for m in one.prompt.messages]


def test_check_says_old_policy_text_and_one_version_over_two_texts(folder):
    (folder / "other.md").write_text(
        PROMPT.replace("attacks people", "attacks people because of a protected attribute such as race")
    )
    with (folder / "eval.yaml").open("a") as file:
        file.write("  v2: {prompt: other.md, model: m}\n")
    said = " ".join(CliRunner().invoke(main, ["check", str(folder)]).output.split())
    assert "says the policy's text of 'hate' as it is not (any more): without 'religion', with 'race'" in said
    assert "prompt.md:3: says prompt 'p' version 1, as other.md does over another text" in said
