"""The first words of a weekly report and their tone, from its movements, findings and ledger.

Decides which of several facts names the week: missed harm weighs most, and a good word needs a week without harm.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.gating.findings import Finding
from harness.gating.findings.memory import Entry
from harness.report.weekly.data import Movement, Tone
from harness.report.weekly.silence import is_silence
from harness.report.weekly.swapped import is_swap


def verdict_word(
    movements: Sequence[Movement],
    previous: str | None,
    is_comparable: bool,
    n_missed: int,
    findings: Sequence[Finding] = (),
    entries: Sequence[Entry] = (),
    last_ever: str | None = None,
) -> tuple[str, Tone]:
    """The words and their tone."""
    if any(one.kind == "invalid" for one in findings):
        return "NOTHING TO JUDGE", "bad"
    lost = [one for one in findings if is_silence(one)]
    if lost:
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
    still = [one for one in apart if one.kind == "open"]
    if still and all(one.fact == "production" for one in apart):
        return ("BETTER, NOT" if moved else "NOT") + " REPAIRED IN PRODUCTION", "open"
    if still:
        in_places = "" if any(one.slice is None and one.evidence.proof == "proven" for one in still) else " IN PLACES"
        if moved:
            return f"BETTER, NOT REPAIRED{in_places}", "open"
        return f"NOT REPAIRED{in_places}", "open" if in_places else "bad"
    facts = {one.fact for one in apart}
    if "must_catch" in facts:
        return ("BETTER, " if moved else "") + "MUST-CATCH ITEMS MISSED", "bad"
    if apart and all(is_swap(one) for one in apart):
        is_proven = any(one.metric == "recall" and one.evidence.proof == "proven" for one in apart)
        return "WORSE THAN THE BASELINE BEFORE", "bad" if is_proven else "open"
    if apart:
        word = _WORDS.get(next(iter(facts)), "WORSE IN PLACES") if len(facts) == 1 else "WORSE IN PLACES"
        return (f"BETTER, {word}" if moved else word), "open"
    if any(one.closed is None and one.acknowledged is not None for one in entries):
        return ("BETTER, A FALL ACKNOWLEDGED" if moved else "NOT REPAIRED, ACKNOWLEDGED"), "open"
    if moved:
        return ("BETTER, BELOW TARGET", "open") if n_missed else ("BETTER", "good")
    if previous is None:
        word = "FIRST WEEK" if last_ever is None else f"FIRST WEEK SINCE {last_ever}"
        return (f"{word}, BELOW TARGET", "open") if n_missed else (word, "neutral")
    if not is_comparable:
        return "NEW LABELS, BELOW TARGET" if n_missed else "NEW LABELS", "open"
    return ("STEADY, BELOW TARGET", "open") if n_missed else ("STEADY", "good")


_WORDS = {"failures": "MORE FAILURES", "production": "WORSE IN PRODUCTION"}
"""Fact -> the verdict of a week in which all harm is of that kind."""
