"""Slides: which figures fell over the weeks in moves that no week shows for itself.

Decides how far back a slide is looked for, at which rate of false alarms, and that this week's value must itself be
worse than where the figure stood. Over 12 weeks of nothing but noise, fewer than one report in ten names any slide,
those of slices (``slid_slices``) among them.
Weeks count as independent samples, which is cautious where the same items only waver. Where items change sides for good
in both directions, as of a candidate that is changed every week, that holds up to 2% of them a week (7 to 12 histories
of 100 name a slide), and no longer at 5% (one in four). A test that counts each item once (a trend over each item's
outcomes, variance over items) holds there too (4 of 100), but finds half of what this one finds: at 2% of the items a
week and 1.5 points of slide, 27 of 60 histories in 24 weeks instead of 59, and 0.5 points where items only waver in 44
of 60 instead of 59. It was left aside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Protocol, TypeVar

from harness.core.multiplicity import benjamini_hochberg
from harness.core.results import MetricResult
from harness.core.slides import slide
from harness.core.targets import effective_items
from harness.gating.findings.memory import BETTER_LOWER, Slide
from harness.report.weekly.control import chart_p_value, pooled
from harness.report.weekly.weeks import weeks_between

Q, Q_SLICES = 0.015, 0.005
"""Each week, over all figures of a candidate, and over all of its slices: 12 weeks see much the same data, and err
together in 8 of 100 histories."""
WEEKS = 26
ALPHA = 0.05
"""One-sided, for this week alone: a slide that is over is none."""
_size = lru_cache(1 << 16)(effective_items)  # of each week it is asked again in every later one
Key = TypeVar("Key", bound=tuple[object, ...])


class Week(Protocol):
    """One week of one figure."""

    @property
    def week(self) -> str:
        """ISO label."""

    @property
    def result(self) -> MetricResult:
        """The week's value."""

    @property
    def golden(self) -> str:
        """Labels that the value rests on."""

    @property
    def is_flagged(self) -> bool:
        """Whether it moved in this week alone."""


def slides_of(histories: Mapping[Key, Sequence[Week]], q: float = Q) -> dict[Key, Slide]:
    """The figures that slid, by what is known of each since it last moved; the newest week stands last.

    The second part of a key is the metric: one that gets worse as it rises slides upwards.
    """
    found = {key: _slide(points, key[1] in BETTER_LOWER) for key, points in histories.items()}
    untold = {key: 1.0 if points[-1].result.is_defined else math.nan for key, points in histories.items()}
    q_values = benjamini_hochberg([one.q_value if one else untold[key] for key, one in found.items()]).tolist()
    return {
        key: replace(one, q_value=q_value)
        for (key, one), q_value in zip(found.items(), q_values, strict=True)
        if one is not None and q_value <= q and _is_worse(histories[key], one, key[1] in BETTER_LOWER)
    }


def _slide(points: Sequence[Week], is_rise: bool) -> Slide | None:
    """The likeliest slide of a figure, with its own p-value; none where this week is not worse than the others."""
    now = points[-1]
    if now.is_flagged or not now.result.is_defined:
        return None
    same = [
        one
        for one in points[-WEEKS:]
        if one.golden == now.golden and weeks_between(one.week, now.week) < WEEKS and _size(one.result) > 0
    ]
    sizes = [_size(one.result) for one in same]
    counts = [min(one.result.value * size, size) for one, size in zip(same, sizes, strict=True)]
    if not same or not _worse(now.result.value, sum(counts) / sum(sizes), is_rise):
        return None
    good = [size - x for x, size in zip(counts, sizes, strict=True)] if is_rise else counts
    best = slide(good, sizes, [weeks_between(same[0].week, one.week) for one in same])
    if best is None:
        return None
    base = same[best.first : best.start + 1]
    x, n = pooled([one.result for one in base])
    return Slide(base[-1].week, x / n, tuple(one.week for one in base), best.p_value)


def _worse(now: float, then: float, is_rise: bool) -> bool:
    return now > then if is_rise else now < then


def _is_worse(points: Sequence[Week], one: Slide, is_rise: bool) -> bool:
    now = points[-1]
    before = [point.result for point in points if point.week in one.weeks]
    p_value = chart_p_value(now.result, before)
    return _worse(now.result.value, one.before, is_rise) and not math.isnan(p_value) and p_value / 2 <= ALPHA
