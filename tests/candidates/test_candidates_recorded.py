import json
import os
from pathlib import Path

import pytest
from candidate_fakes import CROSSWALKS, item, local

from harness.candidates.names import NameIndex
from harness.candidates.recorded import FIELDS, RecordedCandidate, read_recorded
from harness.errors import HarnessError

NAMES = NameIndex(("hate", "spam"))


def write(folder, *rows):
    path = folder / "decisions.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def recorded(folder, *rows, names=NAMES, thresholds=None):
    rows_read = read_recorded(write(folder, *rows), names, thresholds)
    return RecordedCandidate("humans", rows_read, names, thresholds=thresholds)


def test_recorded_row_is_the_answer(tmp_path):
    row = {
        "id": "i1",
        "decisions": {"hate": 1, "spam": 0},
        "scores": {"hate": 0.9},
        "latency_ms": 120,
        "cost_usd": 0.01,
    }
    answer = local(recorded(tmp_path, row | {"rationale": "slur"}), item())
    assert (answer.outcome, answer.decisions, answer.scores) == ("ok", {"hate": 1, "spam": 0}, {"hate": 0.9})
    assert (answer.latency_ms, answer.cost_usd, answer.rationale) == (120, 0.01, "slur")


def test_recorded_ids_and_decisions_may_be_written_as_labels_are(tmp_path):
    """A golden set took whole numbers as ids and true as a label; its recorded decisions did not."""
    candidate = recorded(tmp_path, {"id": 7, "decisions": {"hate": True, "spam": False}})
    candidate.check_ids(["7"])
    assert dict(candidate.rows.lines).keys() == {"7"}
    (tmp_path / "more").mkdir()
    decided = recorded(tmp_path / "more", {"id": "i1", "decisions": {"hate": True, "spam": False}})
    assert local(decided, item()).decisions == {"hate": 1, "spam": 0}
    with pytest.raises(HarnessError, match="decides item '7' again"):
        recorded(tmp_path, {"id": 7, "decisions": {}}, {"id": "7", "decisions": {}})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{\n"id": "i1",\n"decisions": {}\n}\n', "begins an object that does not end on its line"),
        ('[\n{"id": "i1"}\n]\n', "(?s)holds a JSON array.*jq -c"),
        ('[{"id": "i1"}]\n', "(?s)holds a JSON array.*jq -c"),
        ("id,hate\n", "(?s)is not JSON: 'id,hate'.*write one object"),
    ],
)
def test_recorded_files_in_other_forms_are_one_fault(tmp_path, content, message):
    (tmp_path / "d.jsonl").write_text(content)
    with pytest.raises(HarnessError, match=message) as caught:
        read_recorded(tmp_path / "d.jsonl", NAMES)
    assert str(caught.value).count("d.jsonl:") == 1
    (tmp_path / "d.jsonl").write_bytes('{"id": "i1"}\n'.encode("utf-16"))
    with pytest.raises(HarnessError, match="looks like UTF-16"):
        read_recorded(tmp_path / "d.jsonl", NAMES)


def test_recorded_item_without_a_row_is_a_missing_pair(tmp_path):
    answer = local(recorded(tmp_path, {"id": "other", "decisions": {"hate": 1}}), item())
    assert (answer.outcome, answer.error, answer.decisions) == ("not_asked", "no recorded decision", {})


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ({"decisions": {"hate": None, "spam": None}}, "abstained"),
        ({"decisions": {}}, "abstained"),
        ({"decisions": {"hate": None, "spam": 0}}, "ok"),
        ({"outcome": "refused"}, "refused"),
        ({"decisions": {}, "outcome": "blocked"}, "blocked"),
        ({"decisions": {"hate": 1}, "outcome": "ok"}, "ok"),
    ],
)
def test_recorded_outcome(tmp_path, row, outcome):
    assert local(recorded(tmp_path, {"id": "i1"} | row), item()).outcome == outcome


def test_recorded_decides_items_whose_text_is_withheld(tmp_path):
    candidate = recorded(tmp_path, {"id": "i1", "decisions": {"hate": 1}})
    assert candidate.needs_text is False
    assert local(candidate, item(None)).decisions == {"hate": 1}
    assert candidate.categories == ("hate",)


def test_recorded_withheld_item_without_a_row_stays_withheld(tmp_path):
    """It was an error: decisions recorded for the items with a text made the whole run invalid."""
    candidate = recorded(tmp_path, {"id": "i1", "decisions": {"hate": 1}})
    assert local(candidate, item(None, item_id="i2")).outcome == "withheld"
    assert local(candidate, item(item_id="i2")).outcome == "not_asked"


def test_recorded_threshold_turns_the_score_into_the_decision(tmp_path):
    candidate = recorded(
        tmp_path,
        {"id": "i1", "decisions": {"hate": 0}, "scores": {"hate": 0.7}},
        {"id": "i2", "scores": {"hate": 0.69}},
        thresholds={"hate": 0.7},
    )
    assert local(candidate, item()).decisions == {"hate": 1}
    assert local(candidate, item(item_id="i2")).decisions == {"hate": 0}


def test_recorded_names_map_by_the_crosswalk(tmp_path):
    names = NameIndex(("hate", "scams", "threats", "spam"), CROSSWALKS["omni"])
    row = {"id": "i1", "decisions": {"hate": 0, "hate/threatening": 1, "illicit": 0},
           "scores": {"hate": 0.2, "hate/threatening": 0.8}}  # fmt: skip
    candidate = recorded(tmp_path, row, names=names)
    answer = local(candidate, item())
    assert answer.decisions == {"hate": 1, "threats": 1, "scams": 0}
    assert answer.scores == {"hate": 0.8, "threats": 0.8}
    assert candidate.categories == ("hate", "scams", "threats")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("{", ":2: is not JSON"),
        ("[]", ":2: is an empty list"),
        ({"decisions": {"hate": 1}}, ":2: field 'id' is null"),
        ({"id": 7.5, "decisions": {"hate": 1}}, ":2: field 'id' is 7.5"),
        ('{"id": "i2", "scores": {"hate": NaN}}', "(?s):2: has NaN, which is not JSON.*write null"),
        ({"id": "i1", "decisions": {"hate": 0}}, r":2: decides item 'i1' again \(first on line 1\)"),
        ({"id": "i2", "decision": {"hate": 0}}, r"(?s):2: field 'decision' is not a known field.*'decisions'"),
        ({"id": "i2"}, ":2: field 'decisions' is missing"),
        ({"id": "i2", "decisions": [1]}, ":2: field 'decisions' is a list"),
        ({"id": "i2", "decisions": {"hat": 1}}, r"(?s):2: field 'decisions.hat' is not a known category.*'hate'"),
        ({"id": "i2", "decisions": {"hate": "yes"}}, ":2: field 'decisions.hate' is 'yes'"),
        ({"id": "i2", "decisions": {"hate": 2}}, ":2: field 'decisions.hate' is 2"),
        ({"id": "i2", "decisions": {"hate": 0.5}}, ":2: field 'decisions.hate' is 0.5"),
        ({"id": "i2", "scores": {"hate": 1.5}}, ":2: field 'scores.hate' is 1.5"),
        ({"id": "i2", "decisions": {}, "outcome": "failed"}, ":2: field 'outcome' is 'failed'"),
        ({"id": "i2", "decisions": {}, "latency_ms": -1}, ":2: field 'latency_ms' is -1"),
        ({"id": "i2", "decisions": {}, "rationale": 1}, ":2: field 'rationale' is 1"),
    ],
)
def test_recorded_faults_name_their_line(tmp_path, bad, message):
    with pytest.raises(HarnessError, match=message):
        recorded(tmp_path, {"id": "i1", "decisions": {"hate": 1}}, bad)


def test_recorded_threshold_needs_a_score_in_every_row(tmp_path):
    with pytest.raises(HarnessError, match=":1: field 'scores' has no score for 'hate'"):
        recorded(tmp_path, {"id": "i1", "decisions": {"hate": 1}}, thresholds={"hate": 0.5})
    recorded(tmp_path, {"id": "i1", "outcome": "refused"}, thresholds={"hate": 0.5})


def test_recorded_several_faults_are_reported_together(tmp_path):
    with pytest.raises(HarnessError, match=r"(?s):1: .*:3: "):
        recorded(tmp_path, "x", {"id": "i1", "decisions": {}}, "y")


def test_recorded_empty_file_is_refused(tmp_path):
    with pytest.raises(HarnessError, match="has no rows"):
        recorded(tmp_path, "", "")
    with pytest.raises(HarnessError, match="is not there"):
        read_recorded(tmp_path / "none.jsonl", NAMES)


def test_recorded_unknown_ids_are_listed(tmp_path):
    candidate = recorded(tmp_path, *({"id": f"x{n}", "decisions": {"hate": 1}} for n in range(7)))
    with pytest.raises(HarnessError, match=r"7 ids .* have: x0, x1, x2, x3, x4, \.\.\."):
        candidate.check_ids(["i1"])
    candidate.check_ids(f"x{n}" for n in range(9))


def test_recorded_fields_are_the_documented_ones():
    assert FIELDS == ("id", "decisions", "scores", "outcome", "latency_ms", "cost_usd", "rationale")


# ------------------------------------------------------------------------------------------------- published answers


@pytest.fixture
def spam_policy():
    folder = os.environ.get("MODERATION_DATASETS") or Path(__file__).parents[2].parent / "shared" / "datasets"
    path = Path(folder) / "spam_policy" / "data.jsonl"
    if not path.exists():
        pytest.skip("the public spam_policy set is not here (MODERATION_DATASETS)")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_recorded_published_answers_give_the_published_rows(tmp_path, spam_policy):
    """gpt-oss-safeguard, example_policies/spam: of the 22 violating items among its 40, 19 were found (SP2 or worse).

    Counting by hand: recall 19/22, precision 19/19, F1 = 2 * 19 / (2 * 19 + 0 + 3) = 38/41 = .927.
    """
    levels = {row["id"]: row["meta"]["published_prediction"] for row in spam_policy}
    rows = [{"id": name, "decisions": {"spam": int(level != "SP0")}} for name, level in levels.items()]
    assert set(levels.values()) <= {"SP0", "SP2", "SP3", "SP4"}
    candidate = recorded(tmp_path, *rows, names=NameIndex(("spam", "spam/escalate")))
    gold = {row["id"]: row["labels"]["spam"] for row in spam_policy}
    decided = {name: local(candidate, item(item_id=name)).decisions["spam"] for name in gold}
    tp = sum(gold[name] == 1 and decided[name] == 1 for name in gold)
    fn = sum(gold[name] == 1 and decided[name] == 0 for name in gold)
    fp = sum(gold[name] == 0 and decided[name] == 1 for name in gold)
    assert (tp, fn, fp) == (19, 3, 0)
    assert 2 * tp / (2 * tp + fp + fn) == pytest.approx(0.927, abs=5e-4)
    assert candidate.categories == ("spam",)
