"""Items for the spreadsheet and examples for the page, with texts as ``--text`` allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from harness.gating.findings.stored import NEWLY
from harness.measure.compare import Comparison
from harness.measure.decisions import decisions
from harness.records import MISSING
from harness.records.answers import WITHHELD
from harness.report.parts import numbers
from harness.report.parts.masking import TextMode, printable, shorten, visible_text
from harness.report.parts.words import NOT_ASKED, outcome_words, slice_words
from harness.report.weekly.clusters import KINDS, NO_KIND, run_kinds
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.error_data import KIND_NAMES, Example
from harness.report.weekly.sheet_data import ItemRow
from harness.runs import ALL_OUTCOMES, Run

MAX_ROWS = 30_000
EXAMPLE_WIDTH = 240
CLEAR_WIDTH = 2_000
CELL_WIDTH = 1_000
NOT_AT_HAND = "(text not at hand)"

Shared = tuple[Run, str, NDArray[np.int64], NDArray[np.int64]]


def example_of(source: WeeklySource, index: int, mode: TextMode) -> Example:
    """What the page may show of one item."""
    text = _text(source, index) if mode == "masked" else None
    clear = None if text is None else shorten(printable(text[: 4 * CLEAR_WIDTH]), CLEAR_WIDTH)
    return Example(source.run.item_ids[index], _shown(source, index, mode, EXAMPLE_WIDTH), clear, None)


def _text(source: WeeklySource, index: int) -> str | None:
    return None if source.run.is_withheld[index] else source.texts.get(source.run.item_ids[index])


def _shown(source: WeeklySource, index: int, mode: TextMode, width: int) -> str:
    if mode != "none" and not source.run.is_withheld[index] and source.run.item_ids[index] not in source.texts:
        return NOT_AT_HAND
    return visible_text(_text(source, index), mode, width)


class AskItems:
    """The very items behind an ask, by category and metric."""

    def __init__(self, run: Run, candidate: str, paired: Comparison | None) -> None:
        self._run, self._paired = run, paired
        self._decided = decisions(run, candidate).y_pred[:, 0, :]

    def errors(self, category: str | None, metric: str, part: tuple[str, str] | None) -> tuple[str, ...]:
        """Items missed (recall) or wrongly flagged (precision) now, of a slice value or all; those newly so first."""
        if category is None:
            every = (self.errors(one, metric, part) for one in self._run.categories)
            return tuple(dict.fromkeys(item for found in every for item in found))
        if category not in self._run.categories:
            return ()
        column = list(self._run.categories).index(category)
        gold, decided = self._run.y_true[:, column], self._decided[:, column]
        wrong = (gold == 1) & (decided == 0) if metric == "recall" else (gold == 0) & (decided == 1)
        new = set(self.newly(category, metric, None))
        ids = self._inside([self._run.item_ids[index] for index in np.flatnonzero(wrong).tolist()], part)
        return tuple(sorted(ids, key=lambda one: one not in new))

    def newly(self, category: str, metric: str, part: tuple[str, str] | None) -> tuple[str, ...]:
        """Items newly missed or newly wrongly flagged, of one slice value where it is named."""
        found = None if self._paired is None else self._paired.categories.get(category)
        if found is None:
            return ()
        ids = found.newly.get(NEWLY[metric][0], ()) if metric in NEWLY else ()
        return self._inside(ids, part)

    def _inside(self, ids: Iterable[str], part: tuple[str, str] | None) -> tuple[str, ...]:
        if part is None:
            return tuple(ids)
        members = self._run.slices.get(part[0], {}).get(part[1])
        inside = set() if members is None else {self._run.item_ids[index] for index in members.tolist()}
        return tuple(one for one in ids if one in inside)


def item_rows(
    source: WeeklySource, names: Mapping[str, str], mode: TextMode, shared: Shared | None
) -> tuple[tuple[ItemRow, ...], str]:
    """One row per item and labelled category, texts beside the wrong ones; only those where a sheet would overflow."""
    run, candidate = source.run, source.candidate
    kinds = run_kinds(run, candidate).kinds
    read, rows = decisions(run, candidate), run.candidate(candidate)
    before = _before(run, shared)
    is_labelled = (run.y_true != MISSING) & read.is_covered[None, :]
    n_all = int(is_labelled.sum())
    is_shown = is_labelled if n_all <= MAX_ROWS else is_labelled & (kinds != NO_KIND)
    slices = slice_words(run.slices, len(run.item_ids))
    out = []
    for index, column in np.argwhere(is_shown)[:MAX_ROWS].tolist():
        outcome = ALL_OUTCOMES[int(rows.outcomes[index, 0])]
        decision, kind = int(read.y_pred[index, 0, column]), int(kinds[index, column])
        out.append(
            ItemRow(
                item_id=run.item_ids[index],
                category=run.categories[column],
                gold=int(run.y_true[index, column]),
                decision=None if decision == MISSING else decision,
                outcome=outcome_words(outcome),
                error=KIND_NAMES[KINDS[kind]] if kind != NO_KIND else _right(outcome, decision),
                last_week=_change(int(before[index, column]), kind),
                slices=slices[index],
                text=_shown(source, index, mode, CELL_WIDTH) if kind != NO_KIND else "",
            )
        )
    if len(out) == n_all:
        return tuple(out), f"All {numbers.count(n_all)} labelled decisions of {candidate}."
    what = "wrong decisions" if n_all > MAX_ROWS else "decisions"
    return tuple(out), f"The first {numbers.count(len(out))} {what} out of {numbers.count(n_all)} labelled ones."


def _right(outcome: str, decision: int) -> str:
    if outcome in (WITHHELD, NOT_ASKED):
        return outcome_words(outcome)
    return "no decision" if decision == MISSING else "right"


def _before(run: Run, shared: Shared | None) -> NDArray[np.int8]:
    """Whether last time's decision was right (1) or wrong (0) by today's gold; -1 unknown."""
    found = np.full(run.y_true.shape, MISSING, dtype=np.int8)
    if shared is None:
        return found
    old, candidate, at_old, at_new = shared
    read = decisions(old, candidate).y_pred[at_old, 0, :]
    for column, category in enumerate(run.categories):
        if category in old.categories:
            past, gold = read[:, old.categories.index(category)], run.y_true[at_new, column]
            found[at_new, column] = np.where((past == MISSING) | (gold == MISSING), MISSING, past == gold)
    return found


def _change(was: int, kind: int) -> str:
    """What became of an item since last time, where it was right (1), wrong (0) or unknown (-1)."""
    if kind != NO_KIND:
        return {1: "new error", 0: "still wrong"}.get(was, "")
    return "fixed" if was == 0 else ""
