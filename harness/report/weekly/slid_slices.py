"""Slides within declared slices: a language that loses a little every week while the whole set hardly shows it.

Decides which slices are looked at: those of which enough items stand behind a figure every week. Figures of slices are
a family of their own with a smaller share of the false alarms; what slides as its whole category does is told by that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.core.results import MetricResult
from harness.core.targets import effective_items
from harness.gating.findings import Finding
from harness.gating.findings.memory import Figure, PairedMove, Slide
from harness.gating.findings.pair import About
from harness.gating.findings.records import Evidence
from harness.measure.slices import SMALL_CELL, SliceFigure
from harness.report.weekly.changes import gold_key
from harness.report.weekly.data import Series
from harness.report.weekly.slid import Q_SLICES, slides_of
from harness.runs import RunMeta

Slides = Mapping[str, Mapping[Figure, Slide]]
"""Week -> figure -> the slide that is named in it."""


@dataclass(frozen=True, slots=True)
class Followed:
    """One week of a figure without a chart; flagged where a rise on pairs was likely, and of slices any move."""

    week: str
    result: MetricResult
    before: float
    is_flagged: bool
    golden: str
    weeks_before: tuple[str, ...] = ()
    slide: Slide | None = None


def slice_slides(
    remembered: Sequence[tuple[str, RunMeta]],
    figures: Mapping[str, Sequence[SliceFigure]],
    moves: Iterable[PairedMove],
) -> dict[str, dict[Figure, Slide]]:
    """The slides of every week, oldest first; each begins after the last move, and the last slide, of its figure."""
    jumped = {(one.week, one.figure) for one in moves if one.slice is not None}
    histories: dict[Figure, list[Followed]] = {}
    found: dict[str, dict[Figure, Slide]] = {}
    for week, meta in remembered:
        golden, now = gold_key(meta), set()
        for one in figures[meta.run_id]:
            if effective_items(one.result) < SMALL_CELL:
                continue
            is_flagged = (week, one.figure) in jumped
            past = [] if is_flagged else histories.get(one.figure, [])
            histories[one.figure] = [*past, Followed(week, one.result, math.nan, is_flagged, golden)]
            now.add(one.figure)
        found[week] = slides_of({figure: histories[figure] for figure in sorted(now, key=repr)}, Q_SLICES)
        for figure in found[week]:
            histories[figure] = histories[figure][-1:]
    return {week: slides for week, slides in found.items() if slides}


def own_slides(slides: Slides, whole: Sequence[Series]) -> dict[str, dict[Figure, Slide]]:
    """Those that no slide of the whole category tells, named while they went on."""
    told = [(one.category, one.metric, point.week) for one in whole for point in one.points if point.slide is not None]

    def is_told(week: str, figure: Figure, slide: Slide) -> bool:
        category, metric, _ = figure
        wanted = {"fpr": "precision"}.get(metric, metric)
        return any(
            category in (None, other) and name == wanted and slide.since < when <= week for other, name, when in told
        )

    own = {
        week: {figure: slide for figure, slide in found.items() if not is_told(week, figure, slide)}
        for week, found in slides.items()
    }
    return {week: found for week, found in own.items() if found}


def slide_findings(
    slides: Mapping[Figure, Slide], now: Mapping[Figure, MetricResult], about: Mapping[str, About], candidate: str
) -> list[Finding]:
    """A finding for each slide of a slice that this week names."""
    found = []
    for figure, slide in slides.items():
        category, metric, part = figure
        after, facts = now[figure], about.get(category or "", About("", ""))
        found.append(
            Finding(
                "harm",
                "moved",
                candidate,
                category,
                facts.name,
                slice=part,
                metric=metric,
                severity=facts.severity,
                before=MetricResult(slide.before, math.nan, math.nan, 0),
                after=after,
                difference=MetricResult(after.value - slide.before, math.nan, math.nan, after.n),
                evidence=Evidence("likely", after.n, slide.q_value, slid_since=slide.since),
                since=slide.since,
                owner=facts.owner,
            )
        )
    parts = {one.slice for one in found if one.category is not None}  # a category tells what all together do there
    return [
        replace(one, evidence=replace(one.evidence, restates=one.category is None and one.slice in parts))
        for one in found
    ]
