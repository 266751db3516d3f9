"""Rules on labelled items: credit of each rule, dead and shadowed ones, steps of normalisation, two versions."""

import json

import numpy as np
from click.testing import CliRunner

from harness.cli import main
from harness.files.rules import load_rules
from harness.measure.rule_hits import rule_diff, rule_report
from harness.records import Item

RULES = """
rule_set: r
version: 1
normalise: [nfkc, casefold, leetspeak]
rules:
  - {id: news, category: spam, decision: allow, words: [news]}
  - {id: casino, category: spam, words: [casino]}
  - {id: luck, category: spam, phrases: [good luck]}
  - {id: shadow, category: spam, phrases: [the casino]}
  - {id: never, category: spam, words: [zzz]}
"""
TEXTS = ["the casino wins", "CASINO and good luck", "c4sino", "news of a casino", "good luck to you", "nothing", None]
GOLD = np.array([[1], [1], [1], [0], [0], [0], [1]], dtype=np.int8)


def items():
    return [Item(f"i{at}", text, {"spam": int(GOLD[at, 0])}) for at, text in enumerate(TEXTS)]


def loaded(folder, text, name="r.yaml"):
    path = folder / name
    path.write_text(text)
    return load_rules(path).value


def test_each_rule_is_credited_with_what_it_hits_decides_and_catches_alone(tmp_path):
    report = rule_report(loaded(tmp_path, RULES), items(), GOLD, ["spam"])
    found = {one.rule: one for one in report.rules}
    assert report.n_items == 6
    assert [(one.n_hits, one.n_decides, one.n_right, one.n_wrong, one.n_alone) for one in report.rules] == [
        (1, 1, 1, 0, 0),
        (4, 3, 3, 1, 1),
        (2, 1, 1, 1, 0),
        (1, 0, 1, 0, 0),
        (0, 0, 0, 0, 0),
    ]
    assert found["never"].state == "dead"
    assert found["shadow"].state == "shadowed"
    assert found["casino"].state == ""
    precision, recall = report.categories["spam"]
    assert (precision.value, recall.value) == (0.75, 1.0)
    assert ("casino", "shadow", 1) in report.overlaps


def test_a_normalisation_step_is_credited_with_what_only_it_catches(tmp_path):
    report = rule_report(loaded(tmp_path, RULES), items(), GOLD, ["spam"])
    assert {one.step: (one.n_caught, one.n_false) for one in report.steps} == {
        "nfkc": (0, 0), "casefold": (0, 0), "leetspeak": (1, 0)
    }  # fmt: skip


def test_what_a_new_version_changes_is_named_by_rule(tmp_path):
    old = loaded(tmp_path, RULES)
    new = loaded(tmp_path, RULES.replace("  - {id: luck, category: spam, phrases: [good luck]}\n", "").replace(
        "words: [casino]", "words: [wins]"), "new.yaml")  # fmt: skip
    diff = rule_diff(old, new, items(), GOLD, ["spam"])
    moved = {
        kind: [(one.item, one.before, one.after) for one in by.get("spam", [])] for kind, by in diff.kinds().items()
    }
    assert moved == {
        "newly caught": [],
        "newly missed": [("i1", "casino", None), ("i2", "casino", None)],
        "newly over-blocked": [],
        "no longer over-blocked": [("i4", "luck", None)],
        "moved without a label": [],
    }


def test_the_command_shows_both_and_refuses_rules_of_another_policy(tmp_path):
    (tmp_path / "p.yaml").write_text("policy: p\nversion: 1\ncategories: {spam: {name: S, definition: D.}}\n")
    (tmp_path / "s.jsonl").write_text("".join(
        json.dumps({"id": one.id, "text": one.text, "labels": dict(one.labels)}) + "\n" for one in items()
    ))  # fmt: skip
    (tmp_path / "s.yaml").write_text(
        "golden_set: s\nversion: 1\npolicy: {name: p, version: 1}\nitems: s.jsonl\nlabels: [spam]\n"
    )
    (tmp_path / "r.yaml").write_text(RULES)
    (tmp_path / "new.yaml").write_text(RULES.replace("words: [casino]", "words: [wins]"))
    options = ["--golden", str(tmp_path / "s.yaml"), "--policy", str(tmp_path / "p.yaml")]
    shown = CliRunner().invoke(
        main, ["rules", "test", str(tmp_path / "new.yaml"), *options, "--against", str(tmp_path / "r.yaml")]
    )
    assert shown.exit_code == 0, shown.output
    assert "S, newly missed: 1" in shown.output
    assert "casino -> no rule: 1 (i2)" in shown.output
    told = CliRunner().invoke(main, ["rules", "test", str(tmp_path / "r.yaml"), *options, "--json"])
    assert json.loads(told.output)["rules"]["never"]["state"] == "dead"
    (tmp_path / "bad.yaml").write_text(RULES.replace("category: spam", "category: spma"))
    bad = CliRunner().invoke(main, ["rules", "test", str(tmp_path / "bad.yaml"), *options])
    assert bad.exit_code == 1
    assert "did you mean 'spam'" in bad.output
    against = CliRunner().invoke(
        main, ["rules", "test", str(tmp_path / "new.yaml"), *options, "--against", str(tmp_path / "bad.yaml")]
    )
    assert against.exit_code == 0  # an older version may name what is no more
    assert "Warning" in against.stderr
    assert "did you mean 'spam'" in against.stderr


def test_an_item_that_an_allowing_rule_decides_is_caught_by_nobody(tmp_path):
    rules = loaded(tmp_path, RULES.replace("phrases: [good luck]", "words: [news]"))
    item = Item("x", "bad news", {"spam": 1})
    report = rule_report(rules, [item], np.array([[1]], dtype=np.int8), ["spam"])
    luck = next(one for one in report.rules if one.rule == "luck")
    assert (luck.n_hits, luck.n_decides, luck.n_alone) == (1, 0, 0)
