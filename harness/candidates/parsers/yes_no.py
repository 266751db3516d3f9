"""``answer: yes_no`` and ``answer: shieldgemma``: one word about one category, and P(yes) as its score.

Decides which words are a yes or a no: the English ones, and those the prompt declares under ``words``. ``No`` also
begins refusals in other languages ("No puedo ..."), so a word must stand alone, or be followed by punctuation or by the
beginning of an explanation. Where a verdict stands is decided in ``verdict``.
"""

from __future__ import annotations

import re
from typing import Literal

from harness.candidates.parsers.base import ParseContext, Parsed, Parser, decided, unparsed
from harness.candidates.parsers.label import DENIED
from harness.candidates.parsers.prose import clears, states
from harness.candidates.parsers.refusals import looks_like_refusal
from harness.candidates.parsers.scores import score_at
from harness.candidates.parsers.text import answer_part, no_answer
from harness.candidates.parsers.verdict import NoVerdict, Verdict, find_verdict
from harness.candidates.parsers.words import AGAINST, FOR, says
from harness.candidates.parsers.words import words_of as spoken

WORDS: dict[Literal["yes", "no"], tuple[str, ...]] = {"yes": ("yes",), "no": ("no",)}
STARTERS = r"this|it|the|that|there|because|since|as|violat\w+|policy|violation"
_MORE = re.compile(r"[ *_`\"')]*[.,:;!\n–—-]")
"""What parts a verdict from a statement: "No. Unsafe.", not "No violation"."""
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
    if against := _against(found, answer, rest, context):
        return unparsed(f"neither yes nor no: {against}")
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
    if found.choice == "no" and states(rest, context):
        return "no, and prose that states a violation"
    if found.choice == "yes" and clears(rest, context.categories, context):
        return "yes, and prose that says nothing is violated"
    return None


YES_NO = Parser(parse_yes_no, version=6, wants_logprobs=True, needs_one_category=True)
SHIELDGEMMA = Parser(parse_yes_no, version=6, wants_logprobs=True, needs_one_category=True)
