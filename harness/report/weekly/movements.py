"""The categories of a week, and which of their figures moved by more than chance explains.

Decides which categories have a row and in which order movements stand; what is significant is decided by the charts
(``series``, ``slid``) and the pairs (``paired``).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace

from harness.gating.findings.pair import is_better
from harness.gating.findings.stored import NEWLY
from harness.measure.compare import Comparison
from harness.report.weekly import sentences
from harness.report.weekly.before import Before
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import METRIC_NAMES, CategoryRow, Movement, Series
from harness.report.weekly.paired import proven_moves
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
    week: str, names: Mapping[str, str], series: tuple[Series, ...], before: Before, critical: Set[str]
) -> tuple[Movement, ...]:
    """Chart flags and slides, then what only the pairs prove; falls of critical categories first, then the worst."""
    kept = [one for each in series if (one := _flag(each, week, names)) is not None]
    flagged = {(one.category, one.metric) for one in kept}
    if before.pair is not None and before.week is not None:
        for category, metric, result, p_holm in proven_moves(before.pair.compared):
            if (category, metric) not in flagged:
                point = point_at(series, category, metric, week)
                is_charted = point is not None and bool(point.weeks_before)
                flips = before.pair.compared.categories[category]
                newly = {name: len(flips.newly.get(name, ())) for name in _DIRECTIONS}
                name, size = names[category], result.difference.value
                sentence = sentences.paired_sentence(
                    name, metric, result.difference, newly, before.week, before.pair.n_shared, is_charted=is_charted
                )
                then, now, is_gain = result.baseline.value, result.candidate, is_better(metric, size)
                kept.append(
                    Movement(week, category, name, metric, then, now, size, p_holm, is_gain, "paired", sentence)
                )
    kept.sort(key=lambda one: (one.is_better, one.category not in critical, _importance(one)))
    return tuple(kept)


def _importance(one: Movement) -> tuple[bool, bool, bool, float, str]:
    """Falls before rises, flags before pairs, missed harm before wrong flags, then by size."""
    return one.is_better, one.source == "paired", one.metric != "recall", -abs(one.difference), one.category


def _flag(series: Series, week: str, names: Mapping[str, str]) -> Movement | None:
    at = next((one for one in series.points if one.week == week and one.has_moved), None)
    if at is None:
        return None
    category, metric = series.category, series.metric
    name, size = names.get(category, category), at.result.value - at.moved_from
    chart = Movement(
        week, category, name, metric, at.moved_from, at.result, size, at.q_value, is_better(metric, size), "chart", ""
    )
    if at.slide is None:
        return replace(chart, sentence=sentences.movement_sentence(name, metric, at))
    sentence = sentences.slide_sentence(name, metric, at.slide, at.result)
    return replace(chart, q_value=at.slide.q_value, source="slide", sentence=sentence, since=at.slide.since)


def earlier_movements(week: str, names: Mapping[str, str], series: tuple[Series, ...]) -> tuple[Movement, ...]:
    """Flags of the weeks before, newest first."""
    weeks = sorted({point.week for one in series for point in one.points if point.week < week}, reverse=True)
    found = [_flag(one, earlier, names) for earlier in weeks for one in series]
    return tuple(one for one in found if one is not None)
