"""Candidates that decide categories which the golden set does not label: run, stored and scored without them."""

import json

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.records.answers import Answer, Prediction, Usage
from harness.runs.columns import Columns

POLICY = """\
policy: p
version: 1
categories:
  harassment: {name: Harassment, definition: Attacks a person.}
  spam: {name: Spam, definition: Unwanted bulk.}
"""
CARD = """\
golden_set: g
version: 1
policy: {name: p, version: 1}
items: items.jsonl
labels: [harassment]
"""
ITEMS = "".join(
    json.dumps({"id": f"c-{at}", "text": f"{'idiot ' * (at % 2)}casino {at}", "labels": {"harassment": at % 2}}) + "\n"
    for at in range(6)
)
DECISIONS = "".join(
    json.dumps({"id": f"c-{at}", "decisions": {"harassment": 1, "spam": 1}, "scores": {"spam": 0.9}}) + "\n"
    for at in range(6)
)
BOTH = """\
rule_set: both
version: 1
rules:
  - {id: r1, category: spam, words: [casino]}
  - {id: r2, category: harassment, words: [idiot]}
"""
SPAM_ALONE = """\
rule_set: alone
version: 1
rules:
  - {id: r1, category: spam, words: [casino]}
"""
EVAL = """\
eval: e
policy: policy.yaml
golden_set: card.yaml
candidates:
  both: {rules: both.yaml}
  recorded: {recorded: decisions.jsonl}
  cascade: {cascade: [{use: both, decide: [spam]}, {use: recorded}]}
  vote: {vote: [both, recorded, cascade], rule: majority}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    files = {
        "policy.yaml": POLICY, "card.yaml": CARD, "items.jsonl": ITEMS, "decisions.jsonl": DECISIONS,
        "both.yaml": BOTH, "alone.yaml": SPAM_ALONE, "eval.yaml": EVAL,
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(main, arguments)


def test_what_is_not_labelled_is_neither_stored_nor_scored(project):
    done = invoke("run", "eval.yaml", "--json")
    assert done.exit_code == 0, done.output
    (path,) = (project / "reports" / "runs").glob("*/predictions.parquet")
    table = pq.read_table(path)
    assert table.num_rows == 4 * 6
    assert not [name for name in table.column_names if "spam" in name]
    scores = json.loads(invoke("score", "latest", "--json").stdout)["candidates"]
    for name in ("both", "recorded", "cascade", "vote"):
        assert list(scores[name]["categories"]) == ["harassment"]
    cells = scores["both"]["categories"]["harassment"]
    assert [cells[one] for one in ("tp", "fp", "fn", "tn")] == [3, 0, 0, 3]


def test_check_says_what_becomes_of_them(project):
    done = invoke("check", *(str(path) for path in sorted(project.glob("*.yaml"))))
    assert done.exit_code == 0, done.output
    assert "does not label spam of policy 'p'" in done.stderr
    assert "what candidates decide on them is neither stored nor scored" in " ".join(done.stderr.split())


def test_check_names_a_candidate_that_decides_nothing_else(project):
    (project / "eval.yaml").write_text(EVAL + "  alone: {rules: alone.yaml}\n")
    done = invoke("check", *(str(path) for path in sorted(project.glob("*.yaml"))))
    assert done.exit_code == 0, done.output
    said = " ".join(done.stderr.split())
    assert "eval.yaml:9: candidate 'alone' decides only spam, which golden set 'g' does not label" in said
    assert "candidate 'both' decides only" not in said
    ran = invoke("run", "eval.yaml", "--candidate", "alone")
    assert ran.exit_code == 0, ran.output
    assert invoke("score", "latest").exit_code == 0


def test_check_says_that_a_narrower_category_does_not_count_for_the_wider_one(project):
    every = [str(path) for path in sorted(project.glob("*.yaml"))]
    said = "labels a wider category than spam: a candidate that flags the narrower one alone is scored as not flagging"
    assert said not in " ".join(invoke("check", *every).stderr.split())
    (project / "policy.yaml").write_text(POLICY.replace("Unwanted bulk.", "Unwanted bulk., parent: harassment"))
    assert said in " ".join(invoke("check", *every).stderr.split())


def test_a_category_that_the_policy_does_not_have_stays_a_fault_of_the_candidate():
    def row(answer):
        return Prediction("a", "c-1", 0, answer, 0.0, Usage(), None, is_cached=False, response_key=None)

    columns = Columns(("harassment",), lambda batch: None, unlabelled=("spam",))
    columns.add(row(Answer("ok", {"harassment": 1, "spam": 1}, {"spam": 0.5})))
    with pytest.raises(ValueError, match="unknown categories: spma"):
        columns.add(row(Answer("ok", {"spma": 1})))
