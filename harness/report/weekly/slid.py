"""Slides: which figures fell over the weeks in moves that no week shows for itself.

Decides how far back a slide is looked for, at which rate of false alarms, and that this week's value must itself be
below where the figure stood. Over 12 weeks of nothing but noise, fewer than one report in ten names any slide.
Weeks count as independent samples, which is cautious where the same items only waver. Where items change sides for good
in both directions, as of a candidate that is changed every week, that holds up to 2% of them a week (7 to 12 histories
of 100 name a slide), and no longer at 5% (one in four).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from harness.core.multiplicity import benjamini_hochberg
from harness.core.slides import slide
from harness.core.targets import effective_items
from harness.gating.findings.memory import Slide
from harness.report.weekly.control import chart_p_value, pooled
from harness.report.weekly.data import Point
from harness.report.weekly.weeks import weeks_between

Q = 0.02
"""Each week, over all figures of a candidate: 12 weeks see much the same data, and err in 8 of 100 histories."""
WEEKS = 26
ALPHA = 0.05
"""One-sided, for this week alone: a slide that is over is none."""
Key = TypeVar("Key")


def slides_of(histories: Mapping[Key, Sequence[Point]]) -> dict[Key, Slide]:
    """The figures that slid, by what is known of each since it last moved; the newest week stands last."""
    found = {key: _slide(points) for key, points in histories.items()}
    kept = {key: one for key, one in found.items() if one is not None}
    is_known = {key: points[-1].result.is_defined for key, points in histories.items()}
    p_values = [one.q_value if one else 1.0 if is_known[key] else math.nan for key, one in found.items()]
    q_values = benjamini_hochberg(p_values)
    adjusted = dict(zip(found, q_values.tolist(), strict=True))
    return {
        key: Slide(one.since, one.before, one.weeks, adjusted[key])
        for key, one in kept.items()
        if adjusted[key] <= Q and _is_lower(histories[key], one)
    }


def _slide(points: Sequence[Point]) -> Slide | None:
    """The likeliest slide of a figure, with its own p-value; none where this week is not below the others."""
    now = points[-1]
    if now.is_flagged or not now.result.is_defined:
        return None
    same = [
        one
        for one in points
        if one.golden == now.golden and weeks_between(one.week, now.week) < WEEKS and effective_items(one.result) > 0
    ]
    x, n = pooled([one.result for one in same])
    if not n or now.result.value >= x / n:
        return None
    sizes = [effective_items(one.result) for one in same]
    counts = [min(one.result.value * size, size) for one, size in zip(same, sizes, strict=True)]
    best = slide(counts, sizes, [weeks_between(same[0].week, one.week) for one in same])
    if best is None:
        return None
    base = same[best.first : best.start + 1]
    x, n = pooled([one.result for one in base])
    return Slide(base[-1].week, x / n, tuple(one.week for one in base), best.p_value)


def _is_lower(points: Sequence[Point], one: Slide) -> bool:
    now = points[-1]
    before = [point.result for point in points if point.week in one.weeks]
    p_value = chart_p_value(now.result, before)
    return now.result.value < one.before and not math.isnan(p_value) and p_value / 2 <= ALPHA
