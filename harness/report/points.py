"""Metrics at operating points as tables: for the score of a run, for a comparison in the terminal and in reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.core.metric_table import METRIC_TITLES
from harness.core.operating_metrics import operating_metric
from harness.core.paired import PairedResult
from harness.measure.point_pairs import PointPair
from harness.measure.points import NO_SCORES, PointChoice, PointScore
from harness.report.parts import numbers
from harness.report.parts.tables import Table
from harness.report.parts.words import HELD_WORDS, capital, enumerated

WHERE = {
    "dev": "Thresholds are chosen on the dev part and read on the gate part; the intervals hold what the choice costs.",
    "folds": "Without a split, each fifth of the items is read at a threshold chosen on the four others, groups kept "
    "whole; the intervals take these thresholds as given. Declare a split for thresholds that are one number.",
}
FEW_REACH = 10
"""Up to so many items at or above a threshold, the threshold hangs on them."""
OFTEN = 0.05
"""From this share of redraws on, whether a threshold is reached at all is a matter of which items were drawn."""
_TIES = "Items of one score are flagged together, so that what is kept may lie above what is asked."
UNCORRECTED = "The p-values are corrected for nothing: these differences are for reading, and a gate asks by a check."


def point_table(name: str, points: Mapping[str, Sequence[PointScore]]) -> Table:
    """One candidate at each operating point, category by category."""
    columns = ("Category", "Metric", "Value", "Kept there", "Threshold", "Note")
    rows = [
        (
            category,
            METRIC_TITLES[one.metric],
            numbers.share_with_interval(one.value),
            _kept(one.metric, one.held.value),
            threshold_words(one.choice),
            threshold_note(one.choice) if one.value.is_defined else "",
        )
        for category, every in points.items()
        for one in every
    ]
    choices = [one.choice for every in points.values() for one in every]
    return Table(f"{name}: operating points", columns, tuple(rows), _notes(choices), frozenset(columns[2:5]))


def pair_table(points: Mapping[str, Sequence[PointPair]], names: tuple[str, str], title: str) -> Table:
    """Two candidates at each operating point: values, difference, and what each keeps of what is held."""
    columns = ("Category", "Metric", "n", *names, "Difference in points", "p", "Kept there", "Thresholds", "Note")
    rows = [
        (
            category,
            METRIC_TITLES[one.metric],
            *paired_cells(one.result),
            " and ".join(numbers.share(held.value) for held in one.held),
            " and ".join(map(threshold_words, one.choices)),
            "; ".join(filter(None, dict.fromkeys(threshold_note(each) for each in one.choices if each.is_chosen))),
        )
        for category, every in points.items()
        for one in every
    ]
    choices = [choice for every in points.values() for one in every for choice in one.choices]
    notes = (*_notes(choices), UNCORRECTED)
    return Table(title, columns, tuple(rows), notes, frozenset(columns[2:9]))


def paired_cells(one: PairedResult) -> tuple[str, ...]:
    """Items, both values, their difference in points and its p-value."""
    values = map(numbers.share_with_interval, (one.baseline, one.candidate))
    points = numbers.points_with_interval(one.difference) if one.difference.is_defined else "n/a"
    return (numbers.count(one.difference.n), *values, points, numbers.p_value(one.p_value))


def absent_lines(points: Mapping[str, Sequence[PointPair]], names: tuple[str, str]) -> list[str]:
    """Who has no operating point where, and why: to be said before any figure; nothing where both have theirs."""
    absent = {
        category: [(name, why) for one in every for name, why in zip(names, one.absent, strict=True) if why is not None]
        for category, every in points.items()
    }
    return _absent_lines("At an operating point nothing is compared in", absent)


def absent_alone(name: str, points: Mapping[str, Sequence[PointScore]]) -> list[str]:
    """The same for one candidate that is compared with none."""
    absent = {
        category: [(name, str(one.choice.reason)) for one in every if not one.choice.is_chosen]
        for category, every in points.items()
    }
    return _absent_lines("No operating point in", absent)


def _absent_lines(what: str, absent: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    """A line for each reason, with the categories where somebody has it; of a lack of scores it says whose."""
    categories: dict[str, list[str]] = {}
    for category, found in absent.items():
        for reason in dict.fromkeys(f"{name} {why}" if why == NO_SCORES else why for name, why in found):
            categories.setdefault(reason, []).append(category)
    return [f"{what} {enumerated(several, 8)}: {reason}." for reason, several in categories.items()]


def _kept(metric: str, value: float) -> str:
    point = operating_metric(metric)
    return "" if point is None else f"{capital(HELD_WORDS[point.held])} {numbers.share(value)}"


def threshold_words(choice: PointChoice) -> str:
    """Where the threshold lies; a range where each fifth of the items has its own."""
    found = sorted(choice.thresholds)
    if not found:
        return "none"
    shown = ["nothing" if one == float("inf") else numbers.threshold(one) for one in (found[0], found[-1])]
    return shown[0] if len(set(shown)) == 1 else f"{shown[0]} to {shown[1]}"


def threshold_note(choice: PointChoice) -> str:
    """Why there is none, that it hangs on few items, or that many items tie there."""
    if choice.reason is not None:
        return choice.reason
    tied = f"{numbers.count(choice.n_tied)} items tie at the threshold" if choice.n_tied > 5 else ""
    return "; ".join(filter(None, (barely_reached(choice), tied)))


def barely_reached(choice: PointChoice) -> str:
    """How few items stand behind a threshold, and how often others would leave none; empty where it stands firm."""
    if not choice.is_chosen:
        return ""
    few = ""
    if choice.is_reached and choice.n_reached <= FEW_REACH:
        where = "dev items" if choice.chosen_on == "dev" else "items of some fifth's others"
        few = f"only {numbers.count(choice.n_reached)} {where} score that high"
        if choice.n_reached == 1:
            few = few.replace(" items", " item", 1).replace("score", "scores", 1)
    share, others = choice.unreached, ""
    if choice.is_reached and share >= OFTEN:
        others = f"in {numbers.share(share)} of redraws of the dev items no threshold reaches it"
    elif not choice.is_reached and share <= 1 - OFTEN:
        others = (
            f"whether one reaches it hangs on few dev items, as in {numbers.share(1 - share)} of their redraws one does"
        )
    return ", ".join(filter(None, (few, others)))


def _notes(choices: Iterable[PointChoice]) -> tuple[str, ...]:
    return (*dict.fromkeys(WHERE[one.chosen_on] for one in choices), _TIES)
