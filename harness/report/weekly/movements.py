"""The categories of a week, and which of their figures moved by more than chance explains.

Decides which categories have a row and in which order movements stand; what is significant is decided by the charts
(``series``, ``slid``) and the pairs (``paired``).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Literal

from harness.gating.findings.pair import is_better
from harness.gating.findings.stored import NEWLY
from harness.measure.compare import Comparison
from harness.report.weekly import sentences
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import METRIC_NAMES, CategoryRow, Movement, Series
from harness.report.weekly.paired import Pair, proven_moves
from harness.report.weekly.series import point_at
from harness.report.weekly.summaries import metric as metric_of
from harness.report.weekly.targets import judge

_DIRECTIONS = tuple(dict.fromkeys(one for names in NEWLY.values() for one in names))


def category_rows(
    source: WeeklySource,
    names: Mapping[str, str],
    series: tuple[Series, ...],
    paired: Comparison | None,
    lost: Set[str | None],
) -> tuple[CategoryRow, ...]:
    """A row for each category that was measured, or that is lost."""
    run, summary = source.run, source.summaries[source.run.meta.run_id]
    rows = []
    for category in run.categories:
        stated = run.meta.policy.category(category)
        results = {name: metric_of(summary, source.candidate, category, name) for name in METRIC_NAMES}
        if category not in lost and not any(one.is_defined or one.n for one in results.values()):
            continue
        targets = run.meta.policy.targets(category)
        judged = {name: judge(name, results[name], targets.get(name)) for name in METRIC_NAMES}
        points = {name: point_at(series, category, name, source.week) for name in METRIC_NAMES}
        at_prevalence = metric_of(summary, source.candidate, category, "precision_at_prevalence")
        flips = paired.categories.get(category) if paired is not None else None
        n_violating, n_not, n_unknown = summary.gold[category]
        rows.append(
            CategoryRow(
                id=category,
                name=names[category],
                severity=stated.severity or "",
                owner=stated.owner,
                n_violating=n_violating,
                n_not_violating=n_not,
                n_unlabelled=n_unknown,
                results=results,
                judgements={name: one for name, one in judged.items() if one is not None},
                points={name: one for name, one in points.items() if one is not None},
                production_precision=at_prevalence if at_prevalence.is_defined else None,
                newly={} if flips is None else {name: len(flips.newly.get(name, ())) for name in _DIRECTIONS},
            )
        )
    return tuple(rows)


def movements_of(
    week: str,
    names: Mapping[str, str],
    series: tuple[Series, ...],
    pair: Pair | None,
    previous_week: str | None,
    critical: Set[str],
) -> tuple[Movement, ...]:
    """Chart flags and slides, then what only the pairs prove; falls of critical categories first, then the worst."""
    found = [_flag(one, week, names) for one in series]
    kept = [one for one in found if one is not None]
    flagged = {(one.category, one.metric) for one in kept}
    if pair is not None and previous_week is not None:
        paired = pair.compared
        for category, metric, one, p_holm in proven_moves(paired):
            if (category, metric) in flagged:
                continue
            moved = paired.categories[category]
            newly = {name: len(moved.newly.get(name, ())) for name in _DIRECTIONS}
            point = point_at(series, category, metric, week)
            sentence = sentences.paired_sentence(
                names[category],
                metric,
                one.difference,
                newly,
                previous_week,
                pair.n_shared,
                is_charted=point is not None and bool(point.weeks_before),
            )
            kept.append(
                Movement(
                    week,
                    category,
                    names[category],
                    metric,
                    one.baseline.value,
                    one.candidate,
                    one.difference.value,
                    p_holm,
                    is_better(metric, one.difference.value),
                    "paired",
                    sentence,
                )
            )
    kept.sort(key=lambda one: (one.is_better, one.category not in critical, _importance(one)))
    return tuple(kept)


def _importance(one: Movement) -> tuple[bool, bool, bool, float, str]:
    """Falls before rises, flags before pairs, missed harm before wrong flags, then by size."""
    return one.is_better, one.source == "paired", one.metric != "recall", -abs(one.difference), one.category


def _flag(series: Series, week: str, names: Mapping[str, str]) -> Movement | None:
    point = next((one for one in series.points if one.week == week and one.has_moved), None)
    if point is None:
        return None
    name = names.get(series.category, series.category)
    difference = point.result.value - point.moved_from
    source: Literal["chart", "slide"]
    if point.slide is not None:
        said = sentences.slide_sentence(name, series.metric, point.slide, point.result)
        since, q_value, source = point.slide.since, point.slide.q_value, "slide"
    else:
        said = sentences.movement_sentence(name, series.metric, point)
        since, q_value, source = "", point.q_value, "chart"
    return Movement(
        week,
        series.category,
        name,
        series.metric,
        point.moved_from,
        point.result,
        difference,
        q_value,
        is_better(series.metric, difference),
        source,
        said,
        since,
    )


def earlier_movements(week: str, names: Mapping[str, str], series: tuple[Series, ...]) -> tuple[Movement, ...]:
    """Flags of the weeks before, newest first."""
    weeks = sorted({point.week for one in series for point in one.points if point.week < week}, reverse=True)
    found = [_flag(one, earlier, names) for earlier in weeks for one in series]
    return tuple(one for one in found if one is not None)
