"""What the report says of each check: in items, with the values of both sides and what is missing.

Decides on which items the two values of a check are read, and that counts are items, however often each was asked. The
check's verdict is the core's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.core.arrays import Bools, Ints
from harness.core.checks import CheckResult, CheckSpec
from harness.core.gate import GateResult
from harness.core.metric_facts import NO_ITEMS
from harness.core.metric_table import table_metric
from harness.core.planning import MOST_FURTHER
from harness.core.results import MetricResult
from harness.core.statements import Statement
from harness.gating.across import item_metric
from harness.gating.checks import ALL_ITEMS, is_implied
from harness.gating.gate_report import SEVERAL, CheckReport
from harness.gating.points import PointPairs, levels_with_choice, point_remarked
from harness.measure.pairs import Pairs
from harness.records import MISSING, Check

NOT_DECIDED = "not decided"


def check_reports(
    result: GateResult, pairs: Pairs, points: Mapping[str, PointPairs], missing: Bools, declared: Sequence[Check]
) -> tuple[CheckReport, ...]:
    """The checks with the values of both sides; ``missing`` is of items, repeats and categories."""
    return tuple(
        CheckReport(
            _with_point(_in_items(check, pairs.n_repeats), points, missing),
            *_levels_of(check.spec, pairs, points, missing),
            is_implied(check.spec, declared),
            _n_missing(missing, check.spec, pairs),
        )
        for check in result.checks
    )


def pooled_reports(result: GateResult, n_repeats: int) -> tuple[CheckReport, ...]:
    """The pools of checks, which have no one value."""
    several = MetricResult.undefined(SEVERAL)
    return tuple(CheckReport(_in_items(pool, n_repeats), several, several) for pool in result.pooled)


def _levels(
    spec: CheckSpec, pairs: Pairs, missing: Bools, metric: str | None = None
) -> tuple[MetricResult, MetricResult]:
    """The check's metric, or another, of both on the items of their difference, each with its own 95% interval."""
    kept, k = pairs.is_asked, pairs.n_repeats
    groups = None if pairs.groups is None else pairs.groups[kept]
    both = (pairs.baseline, pairs.candidate)
    if spec.metric == "failure_rate":
        is_missing = missing.any(axis=2)
        chosen = slice(None) if spec.category == ALL_ITEMS else [pairs.categories.index(spec.category)]
        failed = (np.any(one.fails[kept, :k][:, :, chosen], axis=2) for one in both)
        a, b = (share_of_items(np.asarray(flags, dtype=np.bool_), np.asarray(is_missing), groups) for flags in failed)
        return a, b
    column = pairs.categories.index(spec.category)
    gold = pairs.y_true[kept, column]
    weights = None if pairs.weights is None else pairs.weights[kept]
    found = []
    for one in both:
        if one.decides[column]:
            paired = np.where(missing[:, :, column], MISSING, one.declared[kept, :k, column]).astype(np.int8)
            found.append(item_metric(table_metric(metric or spec.metric), gold, paired, groups, weights))
        else:
            found.append(MetricResult.undefined(NOT_DECIDED))
    return found[0], found[1]


def _levels_of(
    spec: CheckSpec, pairs: Pairs, points: Mapping[str, PointPairs], missing: Bools
) -> tuple[MetricResult, MetricResult]:
    """Baseline and candidate as the check judges them."""
    point = points.get(spec.metric)
    if point is None:
        return _levels(spec, pairs, missing)
    return levels_with_choice(point, spec.category, _levels(spec, point.pairs, missing))


def _with_point(check: CheckResult, points: Mapping[str, PointPairs], missing: Bools) -> CheckResult:
    """The same check with its thresholds and what they keep, where it is one at an operating point."""
    point = points.get(check.spec.metric)
    if point is None or check.verdict == "NOT_EVALUABLE":
        return check
    return point_remarked(check, point, _levels(check.spec, point.pairs, missing, point.metric.held))


def _n_missing(missing: Bools, spec: CheckSpec, pairs: Pairs) -> int:
    """Items of a check that lack an answer of either system in some repeat."""
    chosen = missing if spec.metric == "failure_rate" else missing[:, :, [pairs.categories.index(spec.category)]]
    return int(chosen.any(axis=(1, 2)).sum())


def share_of_items(flags: Bools, is_missing: Bools, groups: Ints | None) -> MetricResult:
    """Share of calls with a property, its interval knowing that an item's calls are one cluster."""
    coded = np.where(is_missing, MISSING, flags).astype(np.int8)
    result = item_metric("fpr", np.zeros(coded.shape[0], dtype=np.int8), coded, groups)
    return result if result.is_defined else replace(result, reason=NO_ITEMS)


def _in_items(check: CheckResult, n_repeats: int) -> CheckResult:
    """The same check with its counts in items, not rows; a number of items that nobody will label is not given."""
    needed = None if check.items_needed is None else math.ceil(check.items_needed / n_repeats)
    if needed is not None and needed > MOST_FURTHER:
        remark = Statement("too_many_needed", facts={"more_than": MOST_FURTHER, "unit": check.items_unit})
        check, needed = replace(check, items_unit=None, remarks=(*check.remarks, remark)), None
    return replace(
        check, n=round(check.n / n_repeats), difference=check.difference.per_item(n_repeats), items_needed=needed
    )
