"""What a page leaves to the spreadsheet and the JSON when candidates, or their categories, are many.

Decides from how many on, which candidates the charts then draw, and how the page says so.
"""

from __future__ import annotations

from harness.report.comparison.data import ReportData
from harness.report.comparison.matrix import ranked
from harness.report.parts.words import plural

MANY_PAIRS, MANY_ROWS = 8, 150
"""Comparisons, or comparisons times categories, from which the page holds recall and precision alone, changes of slices
without values, and no tables of thresholds; charts draw as many candidates as there are colours."""
COLOURS = 8


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
    return f"Those {who}; {plural(n_left, 'more candidate')} in words beside each chart and in the JSON."
