"""The ledger of a candidate: which figures it follows over the remembered weeks, and what its lines are called.

Decides nothing about falls and recoveries: those rules are in ``gating.findings.memory``. A figure without a chart of
its own (a slice, the false positive rate, failed answers, a category decided no longer) is followed from the week on in
which it got worse; those of production over all its samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from harness.core.metric_table import METRIC_TITLES
from harness.core.production_table import PRODUCTION_FIGURES
from harness.core.results import MetricResult
from harness.gating.findings.memory import Entry, Figure, ledger
from harness.goldens.prevalence import ANY
from harness.report.parts import numbers
from harness.report.parts.finding_words import EVERYWHERE, slice_words
from harness.report.weekly.changes import gold_key
from harness.report.weekly.chosen import WEEKS_REMEMBERED
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import Series
from harness.report.weekly.kept import NOT_MEASURED
from harness.report.weekly.paired import FAILURES, LOST, share_of
from harness.report.weekly.production import production_of
from harness.report.weekly.series import series_of
from harness.report.weekly.slid_slices import Followed, Slides, own_slides
from harness.report.weekly.summaries import Summary
from harness.report.weekly.summaries import metric as metric_of
from harness.runs import RunMeta

ENGINEERING, OPERATIONS = "engineering", "operations"
"""Who answers for what no category's owner does."""


def remembered_series(source: WeeklySource) -> tuple[Series, ...]:
    """The candidate's figures over all weeks that are remembered."""
    return series_of(source.candidate, source.run.categories, source.remembered, source.summaries)


def ledger_of(source: WeeklySource, long: Sequence[Series] | None = None) -> tuple[Entry, ...]:
    """Harm of the candidate over the weeks that are remembered: open, answered for, or repaired."""
    long = remembered_series(source) if long is None else long
    charts = {(one.category, one.metric, None) for one in long}
    slid = own_slides(source.slid, long)
    others = {one.figure: None for one in source.moves if not one.is_better and one.figure not in charts}
    others |= {figure: None for found in slid.values() for figure in found}
    found = ledger(
        [
            *(((one.category, one.metric, None), one.points) for one in long),
            *((figure, _points(source, figure, slid)) for figure in others),
            *_in_production(source),
        ],
        source.moves,
        source.acknowledged,
    )
    return tuple(_owned(source, _given_up(source, one)) for one in found)


def _in_production(source: WeeklySource) -> Iterator[tuple[Figure, tuple[Followed, ...]]]:
    """Every figure of production's samples over the remembered weeks; another sample is no other set of labels."""
    production = production_of(source.production, source.run.meta.policy, source.week, WEEKS_REMEMBERED)
    for one in () if production is None else production.series:
        points = []
        for at in one.points:
            before, since = math.nan if at.before is None else at.before.value, () if at.since is None else (at.since,)
            points.append(Followed(at.week, at.result, before, at.is_moved, "", since))
        yield (None if one.category == ANY else one.category, one.figure, None), tuple(points)


def _given_up(source: WeeklySource, one: Entry) -> Entry:
    """Closed where the policy holds the category no more."""
    metas = [(week, meta.policy.categories) for week, meta in source.remembered]
    if one.closed is not None or one.category is None or not metas or one.category in metas[-1][1]:
        return one
    last = max((week for week, known in metas if one.category in known), default="")
    return replace(one, closed=next(week for week, _ in metas if week > last), is_given_up=True)


def _owned(source: WeeklySource, one: Entry) -> Entry:
    """With the severity and the owner that the newest policy names which knows the category."""
    category = one.category or ""
    metas = (source.run.meta, *(meta for _, meta in reversed(source.remembered)))
    facts = next((meta.policy.category(category) for meta in metas if category in meta.policy.categories), None)
    owner = None if facts is None else facts.owner
    if one.metric == FAILURES:
        owner = ENGINEERING
    elif one.category is None and one.is_of_production:
        owner = OPERATIONS
    return replace(one, severity="" if facts is None else facts.severity or "", owner=owner)


def _points(source: WeeklySource, figure: Figure, slid: Slides) -> tuple[Followed, ...]:
    rises = {one.week: one.before.value for one in source.moves if one.figure == figure and one.is_better}
    rests_on_labels = figure[1] not in (FAILURES, LOST)
    return tuple(
        Followed(
            week,
            _result(source, meta, figure),
            rises.get(week, math.nan),
            week in rises,
            gold_key(meta) if rests_on_labels else "",
            slide=slid.get(week, {}).get(figure),
        )
        for week, meta in source.remembered
    )


def _result(source: WeeklySource, meta: RunMeta, figure: Figure) -> MetricResult:
    category, metric, part = figure
    summary = source.summaries[meta.run_id]
    if metric == FAILURES:
        scored = summary.candidates.get(source.candidate)
        return NOT_MEASURED if scored is None else scored.failure_rate
    if metric == LOST:
        return _decided(summary, source.candidate, str(category))
    if part is None and category is not None:
        return metric_of(summary, source.candidate, category, metric)
    return source.followed.get(meta.run_id, {}).get(figure, NOT_MEASURED)


def _decided(summary: Summary, candidate: str, category: str) -> MetricResult:
    """The share of a category's labelled items that are decided."""
    scored = summary.candidates.get(candidate)
    one = None if scored is None else scored.categories.get(category)
    n_violating, n_not, _ = summary.gold.get(category, (0, 0, 0))
    if not n_violating:
        return MetricResult(0.0, 0.0, 0.0, 0)  # the golden set asks nothing about it: of no item
    n_decided = 0.0 if one is None else float(one.tp + one.fp + one.fn + one.tn)
    return share_of(n_decided, n_violating + n_not)


def entry_value(one: Entry, value: float) -> str:
    """A value of it as text; shares of production may be small."""
    return numbers.rate(value) if one.is_of_production else numbers.share(value)


def names_of(source: WeeklySource) -> dict[str, str]:
    """Category id -> name, also of categories that nobody decided, or that only an earlier run knew.

    An earlier category whose name another has now (it was renamed in the policy's ids) is told apart by its id.
    """
    found: dict[str, str] = {}
    for meta in (*(meta for _, meta in source.remembered), source.run.meta):
        found |= {one: meta.policy.category_name(one) for one in meta.categories}
    current = {found[one] for one in source.run.categories}
    kept = set(source.run.categories)
    return {one: f"{name} ({one})" if one not in kept and name in current else name for one, name in found.items()}


def entry_place(one: Entry, names: Mapping[str, str]) -> str:
    """Where it was measured: ``Hate in language ar``, ``all categories together in language ar``."""
    if one.metric == FAILURES:
        return "all answers"
    where = EVERYWHERE if one.category is None else names.get(one.category, one.category)
    return where if one.slice is None else f"{where} in {slice_words(one.slice)}"


def entry_figure(one: Entry, names: Mapping[str, str]) -> str:
    """The figure at the beginning of a sentence: ``Recall of Hate in language ar``."""
    if one.is_of_production:
        return f"In production the {PRODUCTION_FIGURES[one.metric].words} of {entry_place(one, names)}"
    title = "Share of decided items" if one.metric == LOST else METRIC_TITLES[one.metric]
    return f"{title} of {entry_place(one, names)}"
