"""Checks at an operating point, through the gate of stored runs and through files of an eval."""

import numpy as np
import pytest

from gating.stored import store_run
from harness.core.check_spec import CheckSpec
from harness.errors import HarnessError
from harness.files.evals import load_eval
from harness.gating.decide import gate_runs
from harness.gating.looks import sequential_gate
from harness.report.gate.statement_words import check_message

SPLIT = {"dev": 0.5, "by": "group", "seed": 7}


def asked(metric="recall@precision=0.90", tier="critical", **limit):
    return {"category": "*", "metric": metric, "tier": tier, "margin": None, "floor": None, **limit}


def gated(tmp_path, noise, *, check=None, split=SPLIT, n=3000, **more):
    rng = np.random.default_rng(4)
    gold = (rng.random(n) < 0.35).astype(int)
    score = 2.8 * gold + rng.normal(0, 1, n)
    other = score + rng.normal(0, 1, n) * noise
    decided = {"v1": (score > 1).astype(int), "v2": (other > 1).astype(int)}
    scores = {"v1": score, "v2": other}
    scores |= more.pop("scores", {})
    run = store_run(tmp_path, gold, decided, scores=scores, split=split, checks=[check or asked(margin=0.1)], **more)
    report = gate_runs(run["v2"], run["v1"], with_findings=False)
    return report, report.checks[0]


def test_a_model_that_orders_alike_passes_on_another_scale(tmp_path):
    report, check = gated(tmp_path, 0)
    assert check.result.spec.metric == "recall@precision=0.9"
    assert (report.verdict, check.result.difference.value) == ("PASS", 0.0)
    message = check_message(check)
    assert "chosen on the dev part" in message
    assert "for precision of at least 90%" in message


def test_a_model_that_orders_worse_regresses_whatever_its_threshold(tmp_path):
    report, check = gated(tmp_path, 1.5)
    assert (report.verdict, check.result.verdict) == ("REGRESSION", "REGRESSION")
    assert check.candidate.value < check.baseline.value


def test_a_candidate_without_scores_is_not_proven(tmp_path):
    nothing = np.full(3000, np.nan)
    report, check = gated(tmp_path, 0, scores={"v2": nothing}, check=asked(tier="guarded", margin=0.1))
    assert (report.verdict, check.result.verdict) == ("INCONCLUSIVE", "NOT_EVALUABLE")
    assert "the candidate gives no scores" in check_message(check)
    assert check.candidate.reason == "gives no scores here"  # it was called not decided
    pools = [one.result for one in report.pooled if one.result.spec.metric == check.result.spec.metric]
    reasons = {one.difference.reason for one in pools}
    assert reasons == {check.result.difference.reason}  # together they were said to have no violating items
    _, check = gated(tmp_path / "b", 0, scores={"v1": nothing})
    assert "the baseline gives no scores" in check_message(check)
    _, check = gated(tmp_path / "c", 0, scores={"v1": nothing}, check=asked(floor=0.5))
    assert check.result.verdict == "PASS"  # a floor needs no baseline


def test_a_baseline_that_reaches_no_such_point_leaves_nothing_to_lose(tmp_path):
    _, check = gated(tmp_path, 0, scores={"v1": np.full(3000, 0.5)})
    assert check.result.verdict == "NOT_EVALUABLE"
    assert "nothing to lose there" in check_message(check)


def test_a_stored_run_without_a_split_proves_nothing(tmp_path):
    report, check = gated(tmp_path, 0, split=None)
    assert (report.verdict, check.result.verdict) == ("INCONCLUSIVE", "NOT_EVALUABLE")
    assert "declares no split" in check_message(check)


def test_repeats_and_failures_go_the_same_way(tmp_path):
    rng = np.random.default_rng(4)
    gold = (rng.random(1500) < 0.35).astype(int)
    score = 2.8 * gold[:, None, None] + rng.normal(0, 1, (1500, 2, 1))
    outcomes = np.full((1500, 2), "ok", dtype=object)
    outcomes[:30] = "refused"
    lost = np.where((outcomes == "refused")[:, :, None], np.nan, score)
    cube = (score > 1).astype(int)
    run = store_run(
        tmp_path, gold, {"v1": cube, "v2": cube}, scores={"v1": score, "v2": lost}, split=SPLIT,
        outcomes={"v2": outcomes}, checks=[asked(margin=0.1)],
    )  # fmt: skip
    report = gate_runs(run["v2"], run["v1"], with_findings=False)
    check = report.checks[0]
    assert check.result.n == (run.y_true == 1).sum()
    assert check.result.difference.value < 0
    assert set(report.fallback.verdicts) == {"all_wrong", "dropped"}


def test_a_sequential_run_refuses_what_it_cannot_judge():
    spec = CheckSpec("hate", "recall@precision=0.9", "guarded", margin=0.05)
    plain = CheckSpec("hate", "recall", "guarded", margin=0.05)
    with pytest.raises(HarnessError, match="operating points that block"):
        sequential_gate([spec, plain])
    watched = CheckSpec("hate", "recall@precision=0.9", "watch", margin=0.05)
    gate, left_out = sequential_gate([watched, plain])
    assert gate.asked == (plain,) or watched not in gate.asked
    assert [one.checks for one in left_out] == [(watched,)]


def test_an_eval_without_a_split_is_refused_before_any_call(tmp_path):
    from gating.small_eval import write_eval

    path = write_eval(tmp_path)
    text = path.read_text()
    path.write_text(text.replace("metric: recall,", "metric: recall@precision=0.9,"))
    with pytest.raises(HarnessError, match="declares no split"):
        load_eval(path)
    path.write_text(text.replace("metric: recall,", "metric: recall, min: 0.8,"))
    with pytest.raises(HarnessError, match="did you mean 'floor'"):
        load_eval(path)
    path.write_text(text.replace("metric: recall,", "metric: recall@precision=90,"))
    with pytest.raises(HarnessError, match="recall@precision=NUMBER"):
        load_eval(path)
