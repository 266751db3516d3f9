"""What an opened row of the item table says beyond the row: how an answer was read, what it took, who voted what.

Decides what travels with the page for every item. What was sent and what came back does not: it would be many times the
page, and ``harness show`` makes it again.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.report.comparison.source import OUTCOME_NAMES, Arm, ReportSource
from harness.report.parts.masking import TextMode, printable, shorten, visible_text

LONGEST_REASON = 160
_QUOTED = re.compile(r"""(['"]).*\1|['"].*$""", re.DOTALL)
"""From the first quotation mark to the last of its kind; from one alone to the end: an answer may be cut there."""
_OK = OUTCOME_NAMES.index("ok")


def opened_rows(source: ReportSource, start: int, end: int, text_mode: TextMode) -> dict[str, Any]:
    """Per candidate reasons, milliseconds, dollars, repeats, what was left open; votes by category. No empty parts."""
    arms = [_of_arm(arm, start, end, text_mode) for arm in source.arms]
    found: dict[str, Any] = {"a": arms} if any(arms) else {}
    if source.votes is not None:
        votes = {
            str(index): {str(column): [int(source.votes.n_yes[at, column]), int(source.votes.n_known[at, column])]
                         for column in np.flatnonzero(source.votes.n_known[at]).tolist()}
            for index, at in enumerate(range(start, end)) if source.votes.n_known[at].any()
        }  # fmt: skip
        found |= {"v": votes} if votes else {}
    return found


def _of_arm(arm: Arm, start: int, end: int, text_mode: TextMode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if arm.reasons is not None:
        reasons = {
            str(index): _reason(reason, text_mode)
            for index, reason in enumerate(arm.reasons[start:end])
            if reason and arm.outcomes[start + index] != _OK
        }
        found |= {"why": reasons} if reasons else {}
    for name, values, scale in (("ms", arm.latency_ms, 1.0), ("usd", arm.cost_usd, 1e6)):
        part = _rounded(values, start, end, scale)
        found |= {name: part} if part is not None else {}
    if arm.is_fallback is not None:
        partly = arm.is_fallback[start:end] & (arm.outcomes[start:end] == _OK)[:, None]
        open_ = {
            str(index): np.flatnonzero(partly[index]).tolist() for index in np.flatnonzero(partly.any(axis=1)).tolist()
        }
        found |= {"fb": open_} if open_ else {}
    if arm.n_flagged is not None:
        n_repeats = arm.n_repeats
        flagged = arm.n_flagged[start:end]
        moved = {
            str(index): {str(column): int(flagged[index, column])
                         for column in np.flatnonzero((flagged[index] > 0) & (flagged[index] < n_repeats)).tolist()}
            for index in np.flatnonzero(((flagged > 0) & (flagged < n_repeats)).any(axis=1)).tolist()
        }  # fmt: skip
        found |= {"rep": moved} if moved else {}
    return found


def _reason(text: str, text_mode: TextMode) -> str:
    """Why an answer could not be used; what it quotes of the answer is shown as any text is."""
    shown = text if text_mode == "full" else _QUOTED.sub(lambda one: visible_text(one[0], text_mode), text)
    return printable(shorten(shown, LONGEST_REASON))


def _rounded(values: NDArray[Any] | None, start: int, end: int, scale: float) -> list[int | None] | None:
    if values is None:
        return None
    part = np.asarray(values[start:end], dtype=np.float64) * scale
    known = np.isfinite(part)
    if not known.any() or not (part[known] > 0).any():
        return None
    whole = np.round(np.where(known, part, 0)).astype(np.int64).tolist()
    return [value if is_known else None for value, is_known in zip(whole, known.tolist(), strict=True)]
