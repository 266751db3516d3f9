"""One question, one answer: two surfaces side by side, each pair of which once disagreed."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from harness.core.check_p_values import evaluate_check
from harness.core.checks import CheckEvidence, CheckSpec
from harness.core.metric_table import LOWER_IS_BETTER, METRIC_TABLE
from harness.core.metrics import METRICS
from harness.core.targets import judge_target
from harness.files.golden.sets import load_golden
from harness.gating.checks import resolve_checks
from harness.gating.decide import gate_runs
from harness.gating.log import GateEntry, candidates_gated, log_path, record_gate
from harness.gating.plan import plan_checks
from harness.goldens.agreement import category_agreement, read_votes, voted
from harness.measure.compare import compare
from harness.report.comparison.build import build_report
from harness.report.comparison.from_run import choices, source_from_run
from harness.report.comparison.sections import gold_quality
from harness.report.comparison.terminal import comparison_tables
from harness.report.gate.tables import check_row
from harness.report.parts import numbers
from harness.report.parts.disputes import NO_VOTES, votes_of
from harness.report.weekly.health import gold_rows, recall_checks
from harness.report.weekly.targets import judge
from tests.gating.stored import store_run
from tests.goldens.test_agreement import small_set

EXAMPLES = [(87, 100, 0.80), (149, 200, 0.80), (85, 100, 0.80), (59, 59, 0.95), (58, 58, 0.95), (0, 20, 0.5)]


@pytest.mark.parametrize(("k", "n", "target"), EXAMPLES)
def test_a_target_is_judged_alike_by_gate_floor_comparison_and_weekly(tmp_path, k, n, target):
    """The comparison went by the two-sided Wilson bound: 87/100 against 0.80 was "not proven" there and "met" here."""
    state = judge_target("recall", METRICS["recall"](k, 0, n - k, 50), target).state

    weekly = judge("recall", METRICS["recall"](k, 0, n - k, 50), target)
    assert weekly is not None
    assert weekly.verdict == state

    gold, decided = np.array([1] * n + [0] * 50), np.array([1] * k + [0] * (n - k + 50))
    cells = np.bincount(4 * gold + 3 * decided, minlength=8)
    floor = evaluate_check(
        CheckSpec("hate", "recall", "critical", floor=target),
        CheckEvidence(cells, cells),
        alpha=0.05,
        n_checks=1,
        rng=np.random.default_rng(0),
    )
    assert (floor.verdict == "PASS") == (state == "met")
    assert (floor.p_worse <= 0.05) == (state == "missed")

    policy = {"name": "demo", "version": 1, "categories": {"hate": {"name": "Hate", "target": {"recall": target}}}}
    run = store_run(tmp_path, gold, {"v1": gold, "v2": decided}, policy=policy)
    source = source_from_run(choices(run, "v1", ["v2"]), {}, has_baseline=True, n_resamples=50)
    data = build_report(source, generated_at="2026-01-01", version="0")
    assert data.pairs[0].rows[0].targets["recall"].state == state


def test_a_ceiling_is_judged_by_the_same_rule_mirrored():
    assert judge_target("fpr", METRICS["fpr"](0, 13, 0, 87), 0.20).state == "met"
    assert judge_target("fpr", METRICS["fpr"](0, 51, 0, 149), 0.20).state == "missed"


def _precision_run(tmp_path):
    """61 flags of the candidate, 95 of either: the row said 95 in one surface and 61 in another."""
    gold = np.array([1] * 80 + [0] * 120)
    before, after = np.zeros(200, dtype=int), np.zeros(200, dtype=int)
    before[:60], before[80:95] = 1, 1
    after[20:70], after[90:101] = 1, 1
    checks = [
        {"category": "*", "metric": "precision", "margin": 0.05, "tier": "critical"},
        {"category": "*", "metric": "fpr", "floor": 0.10, "tier": "watch"},
    ]
    return store_run(tmp_path, gold, {"v1": before, "v2": after}, checks=checks)


def test_a_row_of_precision_names_one_n_on_every_surface(tmp_path):
    run = _precision_run(tmp_path)
    comparison = compare(run["v1"], run["v2"], n_resamples=50)
    expected = comparison.categories["hate"].metrics["precision"].difference.n
    table = comparison_tables(comparison, metrics=("precision",), n_items=0)[0]
    source = source_from_run(choices(run, "v1", ["v2"]), {}, has_baseline=True, n_resamples=50)
    pair = build_report(source, generated_at="2026-01-01", version="0").pairs[0]
    gate = gate_runs(run["v2"], run["v1"], n_resamples=50)
    assert table.rows[0][1] == str(expected)
    assert pair.rows[0].measures["precision"].n == expected
    assert gate.checks[0].result.n == expected
    assert next(one for one in pair.checks if one.metric == "precision").n == expected


def test_a_limit_is_written_one_way(tmp_path):
    """It was "floor 10%", "≤ 10%" and "floor 10.0%"."""
    run = _precision_run(tmp_path)
    gate = gate_runs(run["v2"], run["v1"], n_resamples=50)
    source = source_from_run(choices(run, "v1", ["v2"]), {}, has_baseline=True, n_resamples=50)
    pair = build_report(source, generated_at="2026-01-01", version="0").pairs[0]
    texts = {numbers.limit("margin", 0.05), numbers.limit("floor", 0.10)}
    assert texts == {"margin 5 points", "floor 10%"}
    assert texts <= {check_row(check)[6] for check in gate.checks}
    assert texts <= {check.limit for check in pair.checks}


def test_fixed_and_broken_items_are_counted_once(tmp_path):
    run = _precision_run(tmp_path)
    compared = compare(run["v1"], run["v2"], n_resamples=50).categories["hate"]
    flips = gate_runs(run["v2"], run["v1"], n_resamples=50).flips["hate"]
    assert (compared.fixed, compared.broken) == (flips.fixed, flips.broken)


def test_every_metric_has_one_name_and_one_direction():
    titles = [facts.title for name, facts in METRIC_TABLE.items() if not name.endswith("_difference")]
    assert len(titles) == len(set(titles))
    assert {"fpr", "fnr", "failure_rate"} <= LOWER_IS_BETTER


def test_the_gate_log_has_one_reader(tmp_path):
    """A line cut short and an entry under another hash were counted by one surface and not by the other."""
    card = tmp_path / "demo_v1.yaml"
    card.write_text("golden_set: demo\n", encoding="utf-8")
    assert candidates_gated(None) is None
    assert candidates_gated(card) is None
    now = datetime(2026, 11, 3, tzinfo=UTC)
    for number, sha in enumerate(("aa", "aa", "bb")):
        entry = GateEntry(f"r{number}", "v2", {"prompt": number % 3}, "PASS", sha, 100)
        counted = record_gate(card, entry, now=now).n_candidates
    with log_path(card).open("ab") as file:
        file.write(b'{"signature": 3}\n{"signature": "cut')
    assert candidates_gated(card) == counted == 3
    assert record_gate(card, entry, now=now).n_candidates == 3


def test_weekly_agreement_is_that_of_golden_agreement(tmp_path):
    """A category that no vote names counted as agreed on in the weekly report alone."""
    golden = load_golden(small_set(tmp_path), None)
    votes = read_votes(golden)
    found = votes_of(golden)
    assert [one.category for one in found.categories] == list(voted(votes)) == ["hate"]
    agreed = category_agreement(votes, "hate")
    assert found.of("hate").alpha == agreed.alpha
    assert set(found.of("hate").disputed) == set(agreed.disputed)
    assert votes_of(load_golden(small_set(tmp_path, rows=[("a", {"hate": 1, "spam": 0}, [])]), None)) == NO_VOTES


def test_what_a_set_can_prove_is_the_plan_s_on_every_surface(tmp_path):
    gold = np.array([1] * 60 + [0] * 40)
    lines = [{"category": "*", "metric": "recall", "margin": 0.05, "floor": None, "tier": "guarded"}]
    run = store_run(tmp_path, gold, {"v1": gold, "v2": gold}, checks=lines)
    (row,) = gold_rows(run, {"hate": (60, 40, 0)}, {}, NO_VOTES)
    planned = plan_checks(run.y_true, ("hate",), resolve_checks(run.meta.eval.gate.checks, ("hate",), 100))[0]
    assert row.provable_margin == planned.smallest_margin
    assert row.items_needed == planned.needed - 60
    assert recall_checks(run) == {"hate": planned.spec}
    (other,) = gold_quality(source_from_run(choices(run, "v1", ["v2"]), {}, has_baseline=True, n_resamples=200)).rows
    assert other.provable_margin == row.provable_margin
