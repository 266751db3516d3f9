"""The first line of a report whose numbers are no basis for a decision: what is wrong, and what to do.

Decides which runs need one; every format prints it before anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.records.answers import HUMAN, WITHHELD
from harness.report.parts import numbers
from harness.report.parts.words import NOT_ASKED, failed_counts, outcome_words, plural, sentence
from harness.runs import RunMeta
from harness.runs.layout import status_of_counts

UNDECIDED = "Do not decide on this report."
AGAIN = "Repeat the command that made the run: it asks again only for what is missing."


@dataclass(frozen=True, slots=True)
class Banner:
    """One warning: a word in capitals, what is wrong, and what to do."""

    word: str
    sentence: str
    advice: str
    tone: Literal["bad", "open"] = "bad"

    @property
    def text(self) -> str:
        """What is wrong and what to do."""
        return f"{self.sentence} {self.advice}"


def run_banner(meta: RunMeta, candidates: Sequence[str], see: str) -> Banner | None:
    """The warning that a run which is not complete needs; None for a complete one.

    ``see`` is the command that shows it.
    """
    if meta.status == "complete":
        return None
    reason = f" It stopped: {sentence(meta.reason)}" if meta.reason else ""
    if meta.status == "incomplete":
        counted = "; ".join(_asked(meta, one, with_name=len(candidates) > 1) for one in candidates)
        text = f"{counted} (run {meta.run_id}).{reason}"
        return Banner("INCOMPLETE", text, f"{UNDECIDED} {AGAIN}")
    text = f"{_why_invalid(meta)} (run {meta.run_id})."
    advice = f"{UNDECIDED} See why: {see}. {AGAIN}"
    return Banner("INVALID", text + reason, advice)


def _asked(meta: RunMeta, candidate: str, *, with_name: bool) -> str:
    """``379 of 2,000 items were asked``; rows of one item are counted apart where it is asked several times."""
    counts = meta.counts.get(candidate, {})
    total = sum(counts.values()) - counts.get(WITHHELD, 0)
    n_asked, n_errors = total - counts.get(NOT_ASKED, 0), counts.get("error", 0)
    noun = "items" if meta.repeats == 1 else f"rows ({numbers.count(meta.repeats)} per item)"
    whose = f"{candidate}: " if with_name else ""
    if not counts.get(NOT_ASKED, 0):
        return f"{whose}{numbers.count(total - n_errors)} of {numbers.count(total)} {noun} have an answer"
    failed = f", {numbers.count(n_errors)} of them without an answer" if n_errors else ""
    return f"{whose}{numbers.count(n_asked)} of {numbers.count(total)} {noun} were asked{failed}"


def _why_invalid(meta: RunMeta) -> str:
    """Candidates with too many rows without an answer, and those of whose answers not one can be used."""
    missing = [
        one for one, counts in meta.counts.items() if status_of_counts({one: counts}, meta.max_error_rate) != "complete"
    ]
    said = []
    if missing:
        counted = "; ".join(_failed(meta, one) for one in missing)
        said.append(f"{counted}. More than {numbers.share(meta.max_error_rate)} is allowed")
    said += [_unusable(one, counts) for one, counts in meta.counts.items() if one not in missing and is_empty(counts)]
    return ". ".join(said) or "Its record says that it is no basis for a decision"


def is_empty(counts: Mapping[str, int]) -> bool:
    """Whether there are answers, and not one of them can be used."""
    return bool(failed_counts(counts)) and not any(counts.get(one, 0) for one in ("ok", "abstained", HUMAN))


def _unusable(candidate: str, counts: Mapping[str, int]) -> str:
    failed = {name: n for name, n in failed_counts(counts).items() if n}
    outcomes = ", ".join(f"{numbers.count(n)} {outcome_words(name)}" for name, n in failed.items())
    return f"Not one of {plural(sum(failed.values()), 'answer')} of {candidate} can be used: {outcomes}"


def _failed(meta: RunMeta, candidate: str) -> str:
    counts = meta.counts[candidate]
    n_asked = sum(counts.values()) - counts.get(WITHHELD, 0) - counts.get(NOT_ASKED, 0)
    return f"{numbers.count(counts['error'])} of {numbers.count(n_asked)} rows of {candidate} have no answer"
