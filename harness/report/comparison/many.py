"""What a page leaves to the spreadsheet and the JSON when candidates, or their categories, are many.

Decides from how many on, which candidates the charts then draw, and how the page says so.
"""

from __future__ import annotations

from collections import Counter

from harness.report.comparison.data import ReportData, VerdictLine
from harness.report.comparison.matrix import MATRIX_FROM, ranked
from harness.report.parts.words import enumerated, plural

MANY_PAIRS, MANY_ROWS = 8, 150
"""Comparisons, or comparisons times categories, from which the page holds recall and precision alone, changes of slices
without values, and no tables of thresholds; charts draw as many candidates as there are colours."""
COLOURS = 8
BEST_OF_MANY = (
    "The best of several on one golden set looks better than it is: "
    "confirm it on items that were not used to choose it."
)
FIRST_FROM = MATRIX_FROM
"""Decisions from which one stands whole on the first screen, that of the candidate that may ship first."""
FOLDED_FROM = 5
"""Decisions from which the others are a sentence each, and fold."""
_NOT_NOW = ("no", "worse", "wait", "invalid")
"""Answers that let nothing be shipped on this evidence."""
LEGEND_FROM = COLOURS
"""Candidates beyond which the legend folds: no colour would tell them apart."""


def is_many(data: ReportData) -> bool:
    """Whether the page has to choose."""
    n_pairs = len(data.pairs)
    return n_pairs >= MANY_PAIRS or n_pairs * len(data.categories) >= MANY_ROWS


def drawn_candidates(data: ReportData) -> list[str]:
    """Candidates that charts draw, in the order of the report: all, or the baseline and those that may ship first."""
    if not is_many(data):
        return list(data.candidates)
    first = [] if data.baseline is None else [data.baseline]
    kept = {*first, *[pair.candidate for pair in ranked(data)][: COLOURS - len(first)]}
    return [name for name in data.candidates if name in kept]


def colour_numbers(data: ReportData) -> dict[str, int]:
    """Each candidate's colour by number, on page and pictures: first what is drawn; 0 is the baseline's alone."""
    names = [name for name in dict.fromkeys((*drawn_candidates(data), *data.candidates)) if name != data.baseline]
    if data.baseline is None:
        return {name: (number + 1) % COLOURS for number, name in enumerate(names)}
    return {data.baseline: 0} | {name: 1 + number % (COLOURS - 1) for number, name in enumerate(names)}


def drawn_words(data: ReportData) -> str:
    """Which candidates the charts leave out; empty when they leave out none."""
    n_left = len(data.candidates) - len(drawn_candidates(data))
    if not n_left:
        return ""
    who = "with the best decisions are drawn" if data.baseline else "are drawn that come first"
    return f"Those {who}; {plural(n_left, 'more candidate')} in words below each chart and in the JSON."


def first_pair(data: ReportData) -> int:
    """Position of the comparison that a page opens with: the first; of many the one that may ship first."""
    if not has_first(data):
        return 0
    return data.pairs.index(ranked(data)[0])


def standing_words(data: ReportData) -> str:
    """How many candidates got which decision, those that may ship first; empty where each decision is in view."""
    if not has_first(data):
        return ""
    words = {line.candidate: line.word for line in data.verdict.lines}
    found = Counter(words[pair.candidate] for pair in ranked(data))
    counted = enumerated([f"{n} {word}" for word, n in found.items()], len(found))
    first = ranked(data)[0].candidate
    order = f"The first of them by decision, then by least harm, most gains and F1, is {first}."
    n = len(data.pairs)
    is_none = all(pair.decision.answer in _NOT_NOW for pair in data.pairs)
    who = f"None of {n} candidates can be shipped on this evidence" if is_none else f"Of {n} candidates"
    return f"{who}: {counted}. {order} {BEST_OF_MANY}"


def has_first(data: ReportData) -> bool:
    """Whether one decision stands before the others."""
    return len(data.pairs) >= FIRST_FROM and data.baseline is not None


def decisions(data: ReportData) -> list[tuple[int, VerdictLine, bool]]:
    """Position, decision and whether all of it is told, those that may ship first; of many the first alone is whole."""
    lines = list(enumerate(data.verdict.lines))
    if not has_first(data):
        return [(at, line, True) for at, line in lines]
    places = {pair.candidate: place for place, pair in enumerate(ranked(data))}
    ordered = sorted(lines, key=lambda one: places[one[1].candidate])
    return [(at, line, not place or len(lines) < FOLDED_FROM) for place, (at, line) in enumerate(ordered)]


def short_details(line: VerdictLine) -> list[tuple[str, tuple[str, ...]]]:
    """Of a decision that is not told whole: the next step."""
    return [one for one in line.details if one[0] == "Next step"]
