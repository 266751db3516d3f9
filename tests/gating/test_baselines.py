import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.errors import HarnessError
from harness.gating import gate_runs
from harness.gating.baselines import TEXT_COLUMNS, promote, promoted_run, read_promotion
from harness.gating.choose import resolve_baseline
from harness.measure.decisions import decisions
from harness.runs import open_run
from tests.gating.stored import decided, store_run

GOLD = np.array([1] * 100 + [0] * 100)
NOW = datetime(2026, 11, 3, 12, 30, tzinfo=UTC)
SECRET = "words of an item nobody may see"


@pytest.fixture
def run(tmp_path):
    return store_run(
        tmp_path / "runs",
        GOLD,
        {"v1": decided(GOLD, missed=3), "v2": decided(GOLD)},
        error_text=SECRET,
        eval_name="demo",
    )


def set_baseline(run, tmp_path, candidate="v1", **options):
    options = {
        "who": "Ada",
        "why": "shipped in November",
        "now": NOW,
        "root": tmp_path / "evals" / "baselines",
    } | options
    return promote(run, candidate, **options)


def test_promotion_says_who_when_why_and_which(run, tmp_path):
    promotion = read_promotion(set_baseline(run, tmp_path))
    assert (promotion.who, promotion.when, promotion.why) == ("Ada", "2026-11-03T12:30:00+00:00", "shipped in November")
    assert (promotion.run_id, promotion.candidate) == (run.meta.run_id, "v1")
    assert promotion.signature.startswith("set:demo_v1@")


def test_baseline_opens_like_a_run_and_decides_the_same(run, tmp_path):
    kept = open_run(set_baseline(run, tmp_path))
    assert kept.candidates == ("v1",)
    assert kept.item_ids == run.item_ids
    assert np.array_equal(decisions(kept, "v1").y_pred, decisions(run, "v1").y_pred)
    assert np.array_equal(kept.y_true, run.y_true)


def test_baseline_holds_no_text(run, tmp_path):
    folder = set_baseline(run, tmp_path)
    table = pq.read_table(folder / "predictions.parquet")
    assert all(table[name].null_count == table.num_rows for name in TEXT_COLUMNS)
    assert not any(SECRET.encode() in path.read_bytes() for path in folder.rglob("*"))
    assert not (folder / "inputs").exists()


def test_second_promotion_remembers_the_one_before(run, tmp_path):
    set_baseline(run, tmp_path)
    promotion = read_promotion(set_baseline(run, tmp_path, "v2", why="better"))
    assert promotion.previous == {"run_id": run.meta.run_id, "candidate": "v1", "when": "2026-11-03T12:30:00+00:00"}
    assert [path.name for path in (tmp_path / "evals" / "baselines").iterdir()] == ["demo"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"who": " "}, "--by is empty"),
        ({"why": ""}, "--reason is empty"),
        ({"why": "x" * 600}, "--reason has 600 characters"),
    ],
)
def test_promotion_is_refused_with_the_reason(run, tmp_path, options, named):
    with pytest.raises(HarnessError, match=named):
        set_baseline(run, tmp_path, **options)


@pytest.mark.parametrize("status", ["incomplete", "invalid"])
def test_a_broken_run_is_no_baseline(tmp_path, status):
    run = store_run(tmp_path, GOLD, {"v1": decided(GOLD)}, status=status)
    with pytest.raises(HarnessError, match=f"is {status}: a baseline must be a complete run"):
        set_baseline(run, tmp_path)


def test_unwritable_folder_is_an_error_not_a_crash(run, tmp_path):
    (tmp_path / "evals").write_text("a file where the folder should be")
    with pytest.raises(HarnessError, match="the baseline cannot be written"):
        set_baseline(run, tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '{"run_id": "x"}'])
def test_damaged_record_is_an_error_that_names_the_file(run, tmp_path, content):
    folder = set_baseline(run, tmp_path)
    (folder / "baseline.json").write_text(content)
    with pytest.raises(HarnessError, match=r"baseline\.json: no record of a promotion"):
        read_promotion(folder)


def test_nothing_promoted_says_how(tmp_path):
    with pytest.raises(HarnessError, match=r"eval 'demo' has no promoted baseline[\s\S]*harness baseline set RUN"):
        promoted_run("demo", tmp_path)


def resolved(reference, run, tmp_path, candidate="v2"):
    found = resolve_baseline(
        reference, run, candidate, runs_dir=tmp_path / "runs", root=tmp_path / "evals" / "baselines"
    )
    return found.run.meta.run_id, found.candidate, found.source


def test_reference_defaults_to_the_evals_baseline_then_to_the_promoted_one(run, tmp_path):
    assert resolved(None, run, tmp_path) == (run.meta.run_id, "v1", "same run")
    with pytest.raises(HarnessError, match="no promoted baseline"):
        resolved(None, run, tmp_path, candidate="v1")
    set_baseline(run, tmp_path)
    assert resolved(None, run, tmp_path, candidate="v1")[2] == "promoted 2026-11-03 by Ada: shipped in November"


def test_reference_may_be_a_candidate_a_run_or_promoted(run, tmp_path):
    other = store_run(tmp_path / "runs", GOLD, {"v1": decided(GOLD), "v3": decided(GOLD)}, run_id="other-000000000000")
    set_baseline(run, tmp_path)
    assert resolved("v1", run, tmp_path)[1:] == ("v1", "same run")
    assert resolved("other-000000000000:v3", run, tmp_path)[:2] == (other.meta.run_id, "v3")
    assert resolved("other-000000000000", run, tmp_path)[:2] == (other.meta.run_id, "v1")
    assert resolved(str(tmp_path / "runs" / "other-000000000000"), run, tmp_path)[0] == other.meta.run_id
    assert resolved("promoted", run, tmp_path)[1] == "v1"


@pytest.mark.parametrize("reference", ["nobody", "nobody:v1", "other:v9"])
def test_unknown_reference_is_refused(run, tmp_path, reference):
    store_run(tmp_path / "runs", GOLD, {"v1": decided(GOLD)}, run_id="other-000000000000")
    with pytest.raises(HarnessError):
        resolved(reference, run, tmp_path)


def test_gate_against_a_promoted_baseline_equals_the_gate_in_the_run(run, tmp_path):
    kept = open_run(set_baseline(run, tmp_path))
    inside, outside = gate_runs(run["v2"], run["v1"]), gate_runs(run["v2"], kept["v1"])
    assert inside.checks == outside.checks
    assert inside.verdict == outside.verdict


def test_run_json_of_a_baseline_names_one_candidate_only(run, tmp_path):
    content = json.loads((Path(set_baseline(run, tmp_path)) / "run.json").read_text())
    assert list(content["eval"]["candidates"]) == content["candidates"] == list(content["counts"]) == ["v1"]
