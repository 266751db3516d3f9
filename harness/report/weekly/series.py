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
        summary = summaries[meta.run_id]
        drafts = {key: _draft(key, candidate, week, meta, summary, past[starts[key] :]) for key, past in points.items()}
        q_values = benjamini_hochberg([draft.p_value for draft in drafts.values()]).tolist()
        for (key, draft), q in zip(drafts.items(), q_values, strict=True):
            points[key].append(replace(draft, q_value=q, is_flagged=q <= Q))
            if q <= Q:
                starts[key] = slid[key] = len(points[key]) - 1
        for key, found in slides_of({key: past[slid[key] :] for key, past in points.items()}).items():
            points[key][-1] = replace(points[key][-1], slide=found)
            slid[key] = len(points[key]) - 1
    return tuple(
        Series(candidate, category, metric, tuple(found))
        for (category, metric), found in points.items()
        if any(point.result.is_defined for point in found)
    )


def _draft(key: Key, candidate: str, week: str, meta: RunMeta, summary: Summary, past: Sequence[Point]) -> Point:
    """A week beside those before it, not yet corrected; ``past`` begins with the last movement."""
    result, golden = metric_of(summary, candidate, *key), gold_key(meta)
    before = [
        one
        for one in past
        if one.golden == golden and weeks_between(one.week, week) <= WEEKS_BEFORE and effective_items(one.result) > 0
    ]
    results, weeks = [one.result for one in before], tuple(one.week for one in before)
    x, n = pooled(results)
    share = x / n if n else math.nan
    limits = control_limits(share, n, effective_items(result))
    p_value = chart_p_value(result, results)
    return Point(week, result, share, weeks, *limits, p_value, math.nan, False, golden, meta.run_id)


def point_at(series: Sequence[Series], category: str, metric: str, week: str) -> Point | None:
    """One week of one series."""
    own = (one.points for one in series if one.category == category and one.metric == metric)
    return next((point for points in own for point in points if point.week == week), None)
