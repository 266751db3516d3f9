"""The report's sentences, made from numbers: what a careful analyst would write, and nothing the numbers do not say.

Decides wording only. Every figure is rounded by ``report.numbers``.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.results import MetricResult
from harness.report.parts import numbers
from harness.report.parts.words import capital, listed, plural
from harness.report.weekly.data import METRIC_NAMES, CategoryRow, Change, Judgement, Movement, Point, Tone

TOLD = 3
"""Movements and categories named in the headline; the rest is counted."""


def weeks_phrase(weeks: Sequence[str]) -> str:
    """What a value is compared with: the week before, or several weeks together."""
    return f"in {weeks[0]}" if len(weeks) == 1 else f"over the {len(weeks)} weeks before"


def points_text(difference: float) -> str:
    """A size in points without sign: ``12.4 points``."""
    size = numbers.points(abs(difference)).lstrip("+")
    return f"{size} {'point' if size == '1.0' else 'points'}"


def movement_sentence(name: str, metric: str, point: Point) -> str:
    """A chart flag as one sentence."""
    difference = point.result.value - point.before
    verb = "rose" if difference > 0 else "fell"
    return (
        f"{METRIC_NAMES[metric]} of {name} {verb} by {points_text(difference)}, from {numbers.share(point.before)} "
        f"{weeks_phrase(point.weeks_before)} to {numbers.share_with_interval(point.result)} "
        f"(q {_q(point.q_value)}, n {numbers.count(point.result.n)})."
    )


def summary_sentence(movements: Sequence[Movement]) -> str:
    """Many movements in one sentence: ``15 figures moved: recall rose in 6 categories; precision rose in 9 ...``."""
    told = []
    for metric in dict.fromkeys(one.metric for one in movements):
        ways = {
            verb: sum(1 for one in movements if one.metric == metric and (one.difference > 0) is is_up)
            for verb, is_up in (("fell", False), ("rose", True))
        }
        counted = [f"{verb} in {plural(n, 'category', 'categories')}" for verb, n in ways.items() if n]
        told.append(f"{METRIC_NAMES[metric].lower()} {' and '.join(counted)}")
    return f"{numbers.count(len(movements))} figures moved: {'; '.join(told)}."


def paired_sentence(name: str, metric: str, difference: MetricResult, fixed: int, broken: int, since: str) -> str:
    """A proven paired difference that the chart does not flag."""
    verb = "rose" if difference.value > 0 else "fell"
    return (
        f"{METRIC_NAMES[metric]} of {name} {verb} by {points_text(difference.value)} "
        f"[{numbers.points(difference.low)}, {numbers.points(difference.high)}] on the same items as in {since} "
        f"({fixed} fixed, {broken} broken): small on the chart, but not chance."
    )


def _q(value: float) -> str:
    text = numbers.p_value(value)
    return f"under {text[1:]}" if text.startswith("<") else text


def targets_sentence(week: str, candidate: str, rows: Sequence[CategoryRow]) -> str:
    """How the categories stand against their targets."""
    judged = [(row, one) for row in rows for one in row.judgements.values()]
    if not judged:
        return f"The policy states no targets, so the figures of {candidate} in {week} are not judged."
    if len(judged) == 1:
        return _only_target(week, candidate, *judged[0])
    by = {verdict: [pair for pair in judged if pair[1].verdict == verdict] for verdict in ("met", "missed", "open")}
    text = f"In {week} {candidate} met {len(by['met'])} of its {plural(len(judged), 'target')}"
    if by["missed"]:
        names = [
            f"{METRIC_NAMES[one.metric].lower()} of {row.name} ({numbers.share(row.results[one.metric].value)}, "
            f"target {numbers.share(one.target, 0)})"
            for row, one in by["missed"]
        ]
        text += f" and missed {len(names)}: {listed(names)}"
    elif by["open"]:
        text += " and missed none"
    if by["open"]:
        text += f"; {plural(len(by['open']), 'target')} cannot be told yet"
    return text + "."


def _only_target(week: str, candidate: str, row: CategoryRow, one: Judgement) -> str:
    value = f"{METRIC_NAMES[one.metric].lower()} of {row.name} ({numbers.share(row.results[one.metric].value)}, "
    value += f"target {numbers.share(one.target, 0)})"
    if one.verdict == "open":
        return f"In {week} it cannot be told yet whether {candidate} meets its only target, {value}."
    return f"In {week} {candidate} {one.verdict} its only target, {value}."


def nothing_moved(previous: str | None, is_comparable: bool) -> str:
    """The sentence of a quiet week."""
    if previous is None:
        return "This is the first week with a run, so there is nothing to compare it with."
    if not is_comparable:
        return ""
    return "Nothing moved by more than chance explains."


def changes_sentence(changes: Sequence[Change], since: str | None) -> str:
    """What changed in the inputs."""
    if since is None:
        return ""
    if not changes:
        return f"No input changed since {since}."
    return f"What changed since {since}: {listed([one.phrase for one in changes], 4)}."


def cause_sentence(
    movements: Sequence[Movement],
    ours: Sequence[Change],
    samples: Sequence[Change],
    since: str,
    *,
    kind: str,
    control: str | None,
    control_moved: Sequence[str],
    control_identical: bool | None,
) -> str:
    """Why it moved, as far as runs can tell: our change, the vendor's drift, or another sample.

    Args:
        movements: This week's movements.
        ours: Changes of the candidate's own inputs.
        samples: Changes of the sample of items.
        since: Week of the run before.
        kind: What stands behind the decisions: ``model``, ``recorded`` or ``own``.
        control: The frozen control; None when there is none in both weeks.
        control_moved: Categories in which the control moved too.
        control_identical: Whether the control decided every item as before; None when the items differ.
    """
    if not movements:
        return ""
    what = listed([one.phrase for one in ours], 4)
    if kind == "recorded":
        text = f"These are recorded decisions: what changed since {since} behind them, the runs cannot say."
    else:
        text = f"Since {since}, {what}." if ours else f"None of its own inputs changed since {since}."
    if samples:
        text += f" The items are {samples[0].phrase}."
    if control is None:
        if kind == "model":
            text += " No frozen control ran in both weeks, so a change on the vendor's side cannot be told from ours."
        elif kind == "own" and ours:
            text += " No vendor's model takes part, so the change is ours."
        return text
    still = "decided every item as before" if control_identical else "shows no drift"
    if control_moved:
        moved = f"The frozen control {control} moved too ({listed(control_moved)})"
        ending = "not all of it is our change" if ours else "the model behind them or the items changed, not we"
        return f"{text} {moved}: {ending}."
    if ours:
        ending = "the cause is our change" if control_identical else "this points to our change"
        return f"{text} The frozen control {control} {still}: {ending}."
    return f"{text} The frozen control {control} {still}: look for what the runs do not record."


def verdict_word(
    movements: Sequence[Movement], previous: str | None, is_comparable: bool, n_missed: int
) -> tuple[str, Tone]:
    """The report's first words and their tone; missed harm weighs most."""
    found = {(one.metric, one.is_better) for one in movements}
    if ("recall", False) in found:
        return "MORE HARM MISSED", "bad"
    if ("precision", False) in found:
        return ("MORE CAUGHT, LESS PRECISE", "open") if ("recall", True) in found else ("LESS PRECISE", "bad")
    if found:
        return ("BETTER, BELOW TARGET", "open") if n_missed else ("BETTER", "good")
    if previous is None:
        return "FIRST WEEK", "neutral"
    if not is_comparable:
        return "NEW LABELS", "open"
    return ("STEADY, BELOW TARGET", "open") if n_missed else ("STEADY", "good")


def golden_sentence(changes: Sequence[Change], previous: str, n_shared: int) -> str:
    """Why two weeks over different golden sets or policies are not set side by side."""
    what = capital(listed([one.phrase for one in changes], 3))
    shared = (
        f"On the {numbers.count(n_shared)} items that both hold with the same text the change is split below into "
        "labels and candidate."
        if n_shared
        else "They share no item with the same text."
    )
    return f"{what}: this week's figures are not comparable with those of {previous} and before. {shared}"


def split_sentence(name: str, metric: str, by_labels: float, by_candidate: float) -> str:
    """One line of a split that is worth a sentence."""
    return (
        f"{METRIC_NAMES[metric]} of {name}: labels {numbers.points(by_labels)}, "
        f"candidate {numbers.points(by_candidate)} points"
    )
