"""The first words of a weekly report and their tone, from its movements, findings and ledger.

Decides which of several facts names the week: missed harm weighs most, and a good word needs a week without harm.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.gating.findings import Finding
from harness.gating.findings.memory import Entry
from harness.report.weekly.before import Before
from harness.report.weekly.data import Movement, Tone
from harness.report.weekly.silence import is_silence
from harness.report.weekly.swapped import is_swap

_WORDS = {"failures": "MORE FAILURES", "production": "WORSE IN PRODUCTION"}
"""Fact -> the verdict of a week in which all harm is of that kind."""


def verdict_word(
    movements: Sequence[Movement],
    findings: Sequence[Finding],
    entries: Sequence[Entry],
    before: Before,
    last_ever: str | None = None,
    *,
    is_below_in_production: bool = False,
) -> tuple[str, Tone]:
    """The words and their tone; a target of precision that this set meets may fail at production's prevalence."""
    if any(one.kind == "invalid" for one in findings):
        return "NOTHING TO JUDGE", "bad"
    if lost := [one for one in findings if is_silence(one)]:
        is_new = any(one.kind == "harm" for one in lost)
        return ("CATEGORY LOST" if len(lost) == 1 else "CATEGORIES LOST") + ("" if is_new else ", NOT REPAIRED"), "bad"
    moved = {(one.metric, one.is_better) for one in movements}
    if ("recall", False) in moved:
        return "MORE HARM MISSED", "bad"
    apart = [one for one in findings if one.kind in ("harm", "open") and one.fact != "target_missed"]
    if ("precision", False) in moved:
        misses_more = any(one.metric == "recall" or one.fact == "must_catch" for one in apart)
        is_trade = ("recall", True) in moved and not misses_more
        return ("MORE CAUGHT, LESS PRECISE", "open") if is_trade else ("LESS PRECISE", "bad")
    if apart:
        return _apart(apart, has_gains=bool(moved))
    if any(one.closed is None and one.acknowledged is not None for one in entries):
        return ("BETTER, A FALL ACKNOWLEDGED" if moved else "NOT REPAIRED, ACKNOWLEDGED"), "open"
    word, tone = _quiet(before, last_ever) if not moved else ("BETTER", "good")
    if any(one.fact == "target_missed" for one in findings):
        return f"{word}, BELOW TARGET", "open"
    return (f"{word}, BELOW TARGET IN PRODUCTION", "open") if is_below_in_production else (word, tone)


def _apart(apart: Sequence[Finding], *, has_gains: bool) -> tuple[str, Tone]:
    """Harm that no figure of this week shows: still open, in places, or of another kind."""
    better = "BETTER, " if has_gains else ""
    still = [one for one in apart if one.kind == "open"]
    if still and all(one.fact == "production" for one in apart):
        return f"{better}NOT REPAIRED IN PRODUCTION", "open"
    if still:
        in_places = "" if any(one.slice is None and one.evidence.proof == "proven" for one in still) else " IN PLACES"
        return f"{better}NOT REPAIRED{in_places}", "open" if in_places or has_gains else "bad"
    facts = {one.fact for one in apart}
    if "must_catch" in facts:
        return f"{better}MUST-CATCH ITEMS MISSED", "bad"
    if all(is_swap(one) for one in apart):
        is_proven = any(one.metric == "recall" and one.evidence.proof == "proven" for one in apart)
        return "WORSE THAN THE BASELINE BEFORE", "bad" if is_proven else "open"
    word = _WORDS.get(apart[0].fact) if len(facts) == 1 else None
    return f"{better}{word or 'WORSE IN PLACES'}", "open"


def _quiet(before: Before, last_ever: str | None) -> tuple[str, Tone]:
    """A week in which nothing moved."""
    if before.week is None:
        return "FIRST WEEK" if last_ever is None else f"FIRST WEEK SINCE {last_ever}", "neutral"
    return ("STEADY", "good") if before.is_comparable else ("NEW LABELS", "open")
