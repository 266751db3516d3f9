"""Who is judged against whom: one table of situations, and every surface agrees with it."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.gating.baselines import promote
from harness.gating.choose import (
    choose_pair,
    choose_several,
    declared_baseline,
    judged_candidate,
    needed_candidates,
    pair_names,
    promotable,
)
from harness.jobs.gate import gate_stored
from harness.jobs.run_options import GateOptions
from harness.report.weekly.chosen import candidate_to_report
from harness.report.weekly.weeks import WeekRuns
from tests.gating.stored import store_run

GOLD = np.array([1] * 40 + [0] * 40)
NOW = datetime(2026, 11, 3, tzinfo=UTC)
ASK = None
"""Nobody can know: a person has to say."""
OTHER = "other-000000000000"

# candidates of the run, the eval's baseline, --candidate, --baseline
#   -> (candidate, baseline) of a gate, of a comparison in the run, and of a comparison with the other run
SITUATIONS = [
    (["v1", "v2"], "v1", None, None, ("v2", "v1"), ("v2", "v1"), ("v2", "v1")),
    (["v2", "v1"], "v1", None, None, ("v2", "v1"), ("v2", "v1"), ("v2", "v1")),
    (["v1", "v2"], None, None, "v1", ("v2", "v1"), ("v2", "v1"), ("v2", "v1")),
    (["v1", "v2"], "v1", None, "v2", ("v1", "v2"), ("v1", "v2"), ("v1", "v2")),
    (["v1", "v2"], "v1", "v1", "v1", ("v1", "v1"), ("v1", "v1"), ("v1", "v1")),
    (["v1", "v2", "v3"], "v1", None, None, ASK, ASK, ASK),
    (["v1", "v2", "v3"], "v1", "v3", None, ("v3", "v1"), ("v3", "v1"), ("v3", "v1")),
    (["v1", "v2", "v3"], "v1", "v3", "v2", ("v3", "v2"), ("v3", "v2"), ("v3", "v2")),
    (["v2"], "v1", None, None, ("v2", "kept"), ASK, ("v2", "v1")),
    (["v1"], "v1", None, None, ("v1", "kept"), ASK, ("v1", "v1")),
    (["v1", "v2"], "v1", "v9", None, ASK, ASK, ASK),
    (["v1", "v2"], "v1", None, "v9", ASK, ASK, ASK),
    (["v1", "v2"], "v1", "v1", None, ("v1", "kept"), ("v1", "v1"), ("v1", "v1")),
]


def run_of(tmp_path, names, declared, run_id="demo-0123456789ab"):
    checks = [{"category": "*", "metric": "recall", "margin": 0.05, "floor": None, "tier": "watch"}]
    decided = dict.fromkeys(names, GOLD)
    return store_run(tmp_path / "runs", GOLD, decided, checks=checks, baseline=declared, run_id=run_id)


def promoted(tmp_path):
    """The promoted baseline of the eval: a candidate that no run here has."""
    root = tmp_path / "baselines"
    kept = run_of(tmp_path, ["kept"], "kept", run_id="kept-000000000000")
    promote(kept, "kept", who="Ada", why="shipped", now=NOW, root=root)
    return root


def gated(run, tmp_path, root, candidate, reference):
    options = GateOptions(candidate, reference)
    report = gate_stored(run, options, runs_dir=tmp_path / "runs", root=root, card=None, now=NOW)
    return report.candidate.name, report.baseline.name


def in_eval(names, declared, candidate, reference):
    """What a run that is gated as it goes asks: the eval file has the same candidates."""
    judged = judged_candidate(names, candidate, reference=reference, declared=declared or names[0], where="eval")
    return judged, needed_candidates(names, declared or names[0], judged, reference)


def chosen(*asked):
    before, after = choose_pair(*asked)
    return after.name, before.name


def found(call):
    try:
        return call()
    except HarnessError:
        return ASK


@pytest.mark.parametrize(("names", "declared", "candidate", "reference", "gate", "inside", "across"), SITUATIONS)
def test_every_surface_means_the_same(tmp_path, names, declared, candidate, reference, gate, inside, across):
    run, root = run_of(tmp_path, names, declared), promoted(tmp_path)
    other = run_of(tmp_path, ["v1", "v2", "v3"], "v1", run_id=OTHER)
    assert found(lambda: gated(run, tmp_path, root, candidate, reference)) == gate
    assert found(lambda: chosen(run, reference, candidate)) == inside
    assert found(lambda: chosen(run, reference, candidate, other)) == across
    if gate is not ASK:
        judged, needed = in_eval(names, declared, candidate, reference)
        assert judged == gate[0]
        assert set(needed) >= {gate[0]}
        assert gate[1] in needed or gate[1] == "kept"
    for expected, source in ((inside, run), (across, other)):
        if expected is not ASK:
            named = [] if candidate is None else [candidate]
            before, others = choose_several(run, reference, named, source)
            assert before == expected[1]
            assert expected[0] in others or expected[0] == before


@pytest.mark.parametrize("reference", ["promoted", OTHER, f"{OTHER}:v1"])
def test_a_baseline_from_elsewhere_leaves_the_evals_own_aside(tmp_path, reference):
    """``gate --baseline promoted`` asked which of v1 and v2 is meant, though v1 is what the eval compares with."""
    run, root = run_of(tmp_path, ["v1", "v2"], "v1"), promoted(tmp_path)
    run_of(tmp_path, ["v1"], "v1", run_id=OTHER)
    expected = "kept" if reference == "promoted" else "v1"
    assert gated(run, tmp_path, root, None, reference) == ("v2", expected)
    assert in_eval(["v1", "v2"], "v1", None, reference) == ("v2", ("v2",))


@pytest.mark.parametrize(
    ("names", "declared", "reported", "missing"),
    [(["v1", "v2"], "v2", "v2", None), (["v2", "v3"], "v1", "v2", "v1"), (["v2", "v3"], None, "v2", None)],
)
def test_the_weekly_report_and_a_comparison_begin_with_the_same_candidate(tmp_path, names, declared, reported, missing):
    run = run_of(tmp_path, names, declared)
    week = WeekRuns("2026-W45", dict.fromkeys(names, run.meta), 1)
    assert candidate_to_report(week, None)[::2] == (reported, missing)
    assert choose_several(run, None, [], run)[0] == reported


def test_an_eval_file_without_a_baseline_means_its_first_candidate(tmp_path):
    from harness.files.evals import load_eval
    from tests.gating.small_eval import write_eval

    path = Path(write_eval(tmp_path))
    path.write_text(path.read_text(encoding="utf-8").replace("baseline: v1\n", ""), encoding="utf-8")
    spec = load_eval(path).eval.value
    assert spec.baseline == next(iter(spec.candidates))
    assert declared_baseline(run_of(tmp_path, ["v1", "v2"], None)) is None


def test_what_is_promoted_is_a_candidate_of_the_run(tmp_path):
    run = run_of(tmp_path, ["v1", "v2"], None)
    assert promotable(run, "v2") == "v2"
    for named, said in (("v9", r"'v9'[\s\S]*v1, v2"), (None, r"2 candidates[\s\S]*choose one with --candidate")):
        with pytest.raises(HarnessError, match=said):
            promotable(run, named)
    assert promotable(run_of(tmp_path, ["alone"], None, run_id="one-000000000000"), None) == "alone"


def test_two_candidates_of_one_name_are_called_by_their_runs(tmp_path):
    run, other = run_of(tmp_path, ["v1", "v2"], "v1"), run_of(tmp_path, ["v2"], "v2", run_id=OTHER)
    assert pair_names(run["v1"], run["v2"]) == ("v1", "v2")
    assert pair_names(other["v2"], run["v2"]) == (f"v2 ({OTHER})", f"v2 ({run.meta.run_id})")
