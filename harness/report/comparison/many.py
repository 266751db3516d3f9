"""What a page leaves to the spreadsheet and the JSON when candidates, or their categories, are many.

Decides from how many on, which candidates the charts then draw, and how the page says so.
"""

from __future__ import annotations

from collections import Counter

from harness.report.comparison.data import ReportData
from harness.report.comparison.matrix import ranked
from harness.report.parts.words import enumerated, plural

MANY_PAIRS, MANY_ROWS = 8, 150
"""Comparisons, or comparisons times categories, from which the page holds recall and precision alone, changes of slices
without values, and no tables of thresholds; charts draw as many candidates as there are colours."""
COLOURS = 8
BEST_OF_MANY = (
    "The best of many on one golden set looks better than it is: confirm it on items that were not used to choose it."
)
FOLDED_FROM = 5
"""Decisions from which one stands on the first screen, that of the candidate that may ship first; the others fold."""
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
    if len(data.pairs) < FOLDED_FROM or data.baseline is None:
        return 0
    return data.pairs.index(ranked(data)[0])


def standing_words(data: ReportData) -> str:
    """How many candidates got which decision, those that may ship first; empty where each decision is in view."""
    if len(data.pairs) < FOLDED_FROM or data.baseline is None:
        return ""
    words = {line.candidate: line.word for line in data.verdict.lines}
    found = Counter(words[pair.candidate] for pair in ranked(data))
    counted = enumerated([f"{n} {word}" for word, n in found.items()], len(found))
    first = ranked(data)[0].candidate
    order = f"The first of them by decision, then by least harm and most gains, is {first}."
    return f"Of {len(data.pairs)} candidates: {counted}. {order} {BEST_OF_MANY}"
