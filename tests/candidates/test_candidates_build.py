import sys

import orjson
import pytest
import yaml
from candidate_fakes import local

from harness.candidates.build import build_candidates
from harness.candidates.kinds import KINDS
from harness.candidates.parsers import PARSERS, Parser, load_parser
from harness.errors import HarnessError
from harness.files.evals import load_eval

POLICY = {
    "policy": "tiny",
    "version": 1,
    "categories": {name: {"name": name.title(), "definition": f"{name} content"} for name in ("hate", "spam", "scams")},
    "crosswalks": {"omni": {"hate": ["hate", "hate/threatening"], "scams": ["illicit"]}, "guard": {"hate": ["S10"]}},
}
CARD = {
    "golden_set": "tiny",
    "version": 1,
    "policy": {"name": "tiny", "version": 1},
    "items": "tiny.jsonl",
    "labels": ["hate", "spam", "scams"],
}
MODELS = {"models": {"acme": {"provider": "openai", "model": "acme-1", "api_key_env": "ACME_KEY"}}}
RULES = {"rule_set": "words", "version": 2, "rules": [{"id": "r1", "category": "spam", "words": ["follow"]}]}
PROMPT = "---\nprompt: short\nversion: 3\nanswer: {answer}\n---\n# user\n{{{{ item.text }}}}\n"
CANDIDATES = {
    "v1": {"prompt": "short.md", "model": "acme"},
    "guard": {"prompt": "guard.md", "model": "acme", "crosswalk": "guard"},
    "omni": {"moderation": "acme", "crosswalk": "omni", "thresholds": {"hate": 0.4}},
    "rules": {"rules": "words.yaml"},
    "clf": {"classifier": "code_beside_the_eval:constant", "thresholds": {"hate": 0.5}},
    "humans": {"recorded": "humans.jsonl"},
    "cascade": {"cascade": [{"use": "rules", "decide": ["spam"]}, {"use": "v1"}]},
}


CODE = """
def constant(texts):
    return [0.7 for _ in texts]


NOT_CALLABLE = 7
"""


@pytest.fixture
def folder(tmp_path):
    for name, content in (("policy", POLICY), ("card", CARD), ("models", MODELS), ("words", RULES)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (tmp_path / "code_beside_the_eval.py").write_text(CODE)
    sys.modules.pop("code_beside_the_eval", None)
    (tmp_path / "short.md").write_text(PROMPT.format(answer="json"))
    (tmp_path / "guard.md").write_text(PROMPT.format(answer="llama_guard"))
    (tmp_path / "tiny.jsonl").write_text('{"id": "i1", "text": "follow me", "labels": {"hate": 0, "spam": 1}}\n')
    (tmp_path / "humans.jsonl").write_text('{"id": "i1", "decisions": {"spam": 1}}\n')
    return tmp_path


def loaded(folder, candidates=None):
    found = {"eval": "tiny", "policy": "policy.yaml", "golden_set": "card.yaml",
             "candidates": CANDIDATES if candidates is None else candidates}  # fmt: skip
    (folder / "eval.yaml").write_text(yaml.safe_dump(found, sort_keys=False))
    return load_eval(folder / "eval.yaml")


def test_build_makes_every_kind(folder):
    built = {candidate.id: candidate for candidate in build_candidates(loaded(folder))}
    assert list(built) == list(CANDIDATES)
    assert {name: one.categories for name, one in built.items()} == {
        "v1": ("hate", "spam", "scams"),
        "guard": ("hate",),
        "omni": ("hate", "scams"),
        "rules": ("spam",),
        "clf": ("hate",),
        "humans": ("spam",),
        "cascade": ("hate", "spam", "scams"),
    }
    assert {name for name, one in built.items() if one.models_used} == {"v1", "guard", "omni", "cascade"}
    assert {name for name, one in built.items() if not one.needs_text} == {"humans"}


def test_build_every_local_kind_decides(folder):
    eval_ = loaded(folder)
    one = eval_.golden.item(0)
    for candidate in build_candidates(eval_, ["rules", "clf", "humans"]):
        candidate.prepare([one])
        assert local(candidate, one).outcome == "ok"


def test_build_fingerprints_are_json_and_repeat(folder):
    first = [orjson.dumps(one.fingerprint) for one in build_candidates(loaded(folder))]
    assert first == [orjson.dumps(one.fingerprint) for one in build_candidates(loaded(folder))]
    assert len(set(first)) == len(first)
    assert not any(b"ACME_KEY" in one for one in first)
    assert not any(str(folder).encode() in one for one in first)


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("short.md", "# user", "# user\nJudge:", {"v1", "cascade"}),
        ("words.yaml", "follow", "unfollow", {"rules", "cascade"}),
        ("humans.jsonl", '"spam": 1', '"spam": 0', {"humans"}),
        ("models.yaml", "acme-1", "acme-2", {"v1", "guard", "omni", "cascade"}),
    ],
)
def test_build_fingerprint_follows_its_inputs(folder, name, old, new, changed):
    before = {one.id: one.fingerprint for one in build_candidates(loaded(folder))}
    path = folder / name
    path.write_text(path.read_text().replace(old, new))
    after = {one.id: one.fingerprint for one in build_candidates(loaded(folder))}
    assert {name for name in before if before[name] != after[name]} == changed


def test_build_fingerprint_follows_code_that_is_edited_in_place(folder):
    """It named only the path and an installed version: a changed callable found its old run and was not run again."""
    module = folder / "our_own_code.py"
    prints = []
    for threshold in (1, 2):
        module.write_text(f"def classify(texts):\n    return [0.{threshold} for _ in texts]\n")
        sys.modules.pop("our_own_code", None)
        spec = {"c": {"classifier": "our_own_code:classify", "thresholds": {"hate": 0.5}}}
        prints.append(build_candidates(loaded(folder, spec))[0].fingerprint)
    assert prints[0] != prints[1]
    assert str(folder) not in str(prints)


def test_build_only_the_chosen_in_the_order_of_the_file(folder):
    assert [one.id for one in build_candidates(loaded(folder), ["cascade", "omni"])] == ["omni", "cascade"]


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ({"h": {"recorded": "humans.jsonl", "thresholds": {"spam": 0.5}}}, "field 'scores' has no score"),
        ({"c": {"classifier": "no_such_package:f"}}, "no module 'no_such_package'"),
        ({"c": {"classifier": "code_beside_the_eval:NOT_CALLABLE"}}, "is a int"),
        ({"g": {"prompt": "guard.md", "model": "acme"}}, "crosswalk"),
        ({"o": {"moderation": "acme", "crosswalk": "omni", "thresholds": {"spam": 0.5}}}, "threshold for 'spam'"),
        (CANDIDATES | {"cascade": {"cascade": [{"use": "rules", "decide": ["hate"]}]}}, "to decide 'hate'"),
    ],
)  # fmt: skip
def test_build_refuses_what_cannot_work(folder, candidates, message):
    with pytest.raises(HarnessError, match=message):
        build_candidates(loaded(folder, candidates))


def test_build_unknown_choice_names_the_nearest(folder):
    with pytest.raises(HarnessError, match=r"(?s)no candidate 'v2'.*v1"):
        build_candidates(loaded(folder), ["v2"])


def test_build_recorded_ids_must_be_in_the_golden_set(folder):
    (folder / "humans.jsonl").write_text('{"id": "i9", "decisions": {"spam": 1}}\n')
    with pytest.raises(HarnessError, match="i9"):
        build_candidates(loaded(folder))


# ---------------------------------------------------------------------------------------------------- entry points


@pytest.mark.parametrize("door", [KINDS, PARSERS], ids=lambda door: door.group)
def test_built_in_ones_come_in_by_the_door_of_plugins(door):
    for name, path in door.own.items():
        point = door.entry(name)
        assert (point.name, point.value, point.group) == (name, path, door.group)
        assert point.load() is door[name]


def test_parser_may_be_a_callable_beside_the_eval(folder):
    parser = load_parser("code_beside_the_eval:constant", folder=folder)
    assert isinstance(parser, Parser)
    assert parser.parse is sys.modules["code_beside_the_eval"].constant
    with pytest.raises(HarnessError, match="is a int"):
        load_parser("code_beside_the_eval:NOT_CALLABLE", folder=folder)


def test_unknown_parser_lists_the_known_ones():
    with pytest.raises(HarnessError, match=r"(?s)no parser 'jsn'.*llama_guard.*did you mean 'json'"):
        load_parser("jsn")
