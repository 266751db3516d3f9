"""Values over the weeks, with control limits and flags.

Decides which weeks a week is tested against: the four calendar weeks before it, on the same golden-set version, and not
from before the last flagged movement of the same metric. After a flag the new level is the level: a fall is told once.
What no week shows for itself is looked for over half a year of the same labels: a slide, named once, after which the
next one begins. The family of a week's Benjamini-Hochberg correction is one candidate's categories x metrics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.core.multiplicity import benjamini_hochberg
from harness.core.targets import effective_items
from harness.report.weekly.changes import gold_key
from harness.report.weekly.control import (
    WEEKS_BEFORE,
    Q,
    chart_p_value,
    control_limits,
    pooled,
)
from harness.report.weekly.data import METRIC_NAMES, Point, Series
from harness.report.weekly.slid import slides_of
from harness.report.weekly.summaries import Summary
from harness.report.weekly.summaries import metric as metric_of
from harness.report.weekly.weeks import weeks_between
from harness.runs import RunMeta

Key = tuple[str, str]


def series_of(
    candidate: str,
    categories: Sequence[str],
    runs: Sequence[tuple[str, RunMeta]],
    summaries: Mapping[str, Summary],
) -> tuple[Series, ...]:
    """Every category and metric of one candidate over its weeks, oldest first; what was never measured is left out."""
    points: dict[Key, list[Point]] = {(one, metric): [] for one in categories for metric in METRIC_NAMES}
    starts: dict[Key, int] = dict.fromkeys(points, 0)
    slid: dict[Key, int] = dict.fromkeys(points, 0)
    for week, meta in runs:
        drafts = {key: _draft(key, candidate, week, meta, summaries, points[key], starts) for key in points}
        keys = list(drafts)
        q_values = benjamini_hochberg([drafts[key].p_value for key in keys])
        for key, q in zip(keys, q_values.tolist(), strict=True):
            draft = drafts[key]
            is_flagged = not math.isnan(q) and q <= Q
            points[key].append(replace(draft, q_value=q, is_flagged=is_flagged))
            if is_flagged:
                starts[key] = slid[key] = len(points[key]) - 1
        for key, found in slides_of({key: points[key][slid[key] :] for key in keys}).items():
            points[key][-1] = replace(points[key][-1], slide=found)
            slid[key] = len(points[key]) - 1
    return tuple(
        Series(candidate, category, metric, tuple(found))
        for (category, metric), found in points.items()
        if any(point.result.is_defined for point in found)
    )


def _draft(
    key: Key,
    candidate: str,
    week: str,
    meta: RunMeta,
    summaries: Mapping[str, Summary],
    past: Sequence[Point],
    starts: Mapping[Key, int],
) -> Point:
    category, metric = key
    result = metric_of(summaries[meta.run_id], candidate, category, metric)
    golden = gold_key(meta)
    before = [
        one
        for one in past[starts[key] :]
        if one.golden == golden and weeks_between(one.week, week) <= WEEKS_BEFORE and effective_items(one.result) > 0
    ]
    results = [one.result for one in before]
    x, n = pooled(results)
    share = x / n if n else math.nan
    limits = control_limits(share, n, effective_items(result)) if n else None
    p_value = chart_p_value(result, results) if result.is_defined and n else math.nan
    low, high = (math.nan, math.nan) if limits is None else limits
    weeks = tuple(one.week for one in before)
    return Point(week, result, share, weeks, low, high, p_value, math.nan, False, golden, meta.run_id)


def point_at(series: Sequence[Series], category: str, metric: str, week: str) -> Point | None:
    """One week of one series."""
    for one in series:
        if one.category == category and one.metric == metric:
            return next((point for point in one.points if point.week == week), None)
    return None
