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
    parts = {
        "why": _reasons(arm, start, end, text_mode),
        "ms": _rounded(arm.latency_ms, start, end, 1.0),
        "usd": _rounded(arm.cost_usd, start, end, 1e6),
        "fb": _left_open(arm, start, end),
        "rep": _unsteady(arm, start, end),
    }
    return {name: part for name, part in parts.items() if part}


def _reasons(arm: Arm, start: int, end: int, text_mode: TextMode) -> dict[str, str]:
    """Item -> why its answer could not be used."""
    told = enumerate([] if arm.reasons is None else arm.reasons[start:end])
    return {str(at): _reason(one, text_mode) for at, one in told if one and arm.outcomes[start + at] != _OK}


def _left_open(arm: Arm, start: int, end: int) -> dict[str, list[int]]:
    """Item -> categories that a usable answer does not decide."""
    if arm.is_fallback is None:
        return {}
    partly = arm.is_fallback[start:end] & (arm.outcomes[start:end] == _OK)[:, None]
    return {str(at): np.flatnonzero(partly[at]).tolist() for at in np.flatnonzero(partly.any(axis=1)).tolist()}


def _unsteady(arm: Arm, start: int, end: int) -> dict[str, dict[str, int]]:
    """Item -> category -> how many repeats flagged it, where some did and some did not."""
    if arm.n_flagged is None:
        return {}
    flagged = arm.n_flagged[start:end]
    moved = (flagged > 0) & (flagged < arm.n_repeats)
    return {
        str(at): {str(column): int(flagged[at, column]) for column in np.flatnonzero(moved[at]).tolist()}
        for at in np.flatnonzero(moved.any(axis=1)).tolist()
    }


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
