"""``answer: yes_no`` and ``answer: shieldgemma``: one word about one category, and P(yes) as its score.

Decides which words are a yes or a no: the English ones, and those the prompt declares under ``words``. ``No`` also
begins refusals in other languages ("No puedo ..."), so a word must stand alone, or be followed by punctuation or by the
beginning of an explanation. Where a verdict stands is decided in ``verdict``.
"""

from __future__ import annotations

import re
from typing import Literal

from harness.candidates.parsers.base import ParseContext, Parsed, Parser, decided, unparsed
from harness.candidates.parsers.beside import against
from harness.candidates.parsers.label import DENIED, DOUBTED
from harness.candidates.parsers.marks import ALARMS, CALMS
from harness.candidates.parsers.refusals import looks_like_refusal
from harness.candidates.parsers.scan import whole_objects
from harness.candidates.parsers.scores import score_at
from harness.candidates.parsers.text import answer_part, no_answer
from harness.candidates.parsers.verdict import NoVerdict, Verdict, find_verdict, mark_at
from harness.candidates.parsers.words import AGAINST, CROSSES, FOR, TICKS, says
from harness.candidates.parsers.words import words_of as spoken

WORDS: dict[Literal["yes", "no"], tuple[str, ...]] = {"yes": ("yes",), "no": ("no",)}
STARTERS = r"this|it|the|that|there|because|since|as|violat\w+|policy|violation"
_MORE = re.compile(r"[ *_`\"')]*[.,:;!\n–—-]")
"""What parts a verdict from a statement: "No. Unsafe.", not "No violation"."""
_GOES_ON = re.compile(r"[ \t]+\w")
_QUESTION = re.compile(r"[.!\n]")
_EDGES = " \t\n*_`\"'“”([{<>"
_UNSURE = {"unsure", "uncertain", "unclear", "undetermined", "maybe", "n/a", "cannot determine"}


def words_of(context: ParseContext) -> dict[str, tuple[str, ...]]:
    """Spellings of yes and no: the English ones and the prompt's own."""
    declared = context.header.words or {}
    return {choice: tuple(dict.fromkeys((*declared.get(choice, ()), *own))) for choice, own in WORDS.items()}


def parse_yes_no(text: str, context: ParseContext) -> Parsed:
    """Read a yes or a no about the one category asked."""
    if context.only is None:
        return unparsed("yes or no cannot say which of several categories is violated")
    answer, start = answer_part(text, context.reasoning)
    if not answer:
        return unparsed(no_answer(text))
    if answer.strip(" \n*_`\"'.!").casefold() in _UNSURE:
        return Parsed("abstained", {context.only: None}, reason="the model was not sure")
    words = words_of(context)
    found = find_verdict(answer, words, is_cut_off=context.is_cut_off, starters=STARTERS)
    if isinstance(found, NoVerdict):
        return unparsed(f"neither yes nor no: {found.reason}")
    before, rest = answer[: found.at], answer[found.end :].lstrip(" .,:;!-–—*\n\"'`)")
    if reason := _against(found, answer, rest, context):
        return unparsed(f"neither yes nor no: {reason}")
    scores = score_at(context, text, start + found.at, words, "yes")
    rationale = rest if len(before.strip(" \n*_`\"'")) < 20 else answer
    flagged = context.categories if found.choice == "yes" else ()
    return decided(context, flagged, scores=scores, rationale=rationale or None)


def _against(found: Verdict, answer: str, rest: str, context: ParseContext) -> str | None:
    """Why a yes or a no that was found is none: what stands before or behind it speaks against it."""
    if looks_like_refusal(rest):
        return "a refusal follows"
    is_more = _MORE.match(answer, found.end)
    if is_more and (said := says(rest)) is not None and said != (found.choice == "yes"):
        return f"{found.choice}, and words that say the opposite"
    if DENIED.match(answer, found.end):
        return f"{found.choice}, and a value that denies it"
    asked = frozenset(spoken(_QUESTION.split(answer[: found.at].rstrip(_EDGES))[-1]))
    if not asked.isdisjoint(FOR) and asked.isdisjoint(AGAINST):
        return "it answers whether the text is allowed"
    if DOUBTED.match(answer, found.end):
        return "the word is in doubt"
    if (mark := mark_at(answer, found)) and mark not in (TICKS | ALARMS if found.choice == "yes" else CROSSES | CALMS):
        return "a mark beside it says something else, or nothing certain"
    return against(
        context.categories if found.choice == "yes" else (),
        [answer[found.at :] if _GOES_ON.match(answer, found.end) else rest],
        context,
        objects=whole_objects(answer),
    )


YES_NO = Parser(parse_yes_no, version=7, wants_logprobs=True, needs_one_category=True)
SHIELDGEMMA = Parser(parse_yes_no, version=7, wants_logprobs=True, needs_one_category=True)
