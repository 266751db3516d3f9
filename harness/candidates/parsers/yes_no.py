"""``answer: yes_no`` and ``answer: shieldgemma``: one word about one category, and P(yes) as its score.

Decides which words are a yes or a no: the English ones, and those the prompt declares under ``words``. ``No`` also
begins refusals in other languages ("No puedo ..."), so a word must stand alone, or be followed by punctuation or by the
beginning of an explanation. Where a verdict stands is decided in ``verdict``.
"""

from __future__ import annotations

import re

from harness.candidates.parsers.base import ParseContext, Parsed, Parser, decided, unparsed
from harness.candidates.parsers.label import DENIED
from harness.candidates.parsers.prose import clears, states
from harness.candidates.parsers.scores import shares_at
from harness.candidates.parsers.text import answer_part, looks_like_refusal
from harness.candidates.parsers.verdict import NoVerdict, find_verdict
from harness.candidates.parsers.words import AGAINST, FOR, says
from harness.candidates.parsers.words import words_of as spoken

WORDS = {"yes": ("yes",), "no": ("no",)}
STARTERS = r"this|it|the|that|there|because|since|as|violat\w+|policy|violation"
_MORE = re.compile(r"[ *_`\"')]*[.,:;!\n–—-]")
"""What parts a verdict from a statement: "No. Unsafe.", not "No violation"."""
_QUESTION = re.compile(r"[.!\n]")
_EDGES = " \t\n*_`\"'“”([{<>"
_UNSURE = {"unsure", "uncertain", "unclear", "undetermined", "maybe", "n/a", "cannot determine"}


def words_of(context: ParseContext) -> dict[str, tuple[str, ...]]:
    """Spellings of yes and no: the English ones and the prompt's own."""
    declared = context.header.words or {}
    return {
        "yes": tuple(dict.fromkeys((*declared.get("yes", ()), *WORDS["yes"]))),
        "no": tuple(dict.fromkeys((*declared.get("no", ()), *WORDS["no"]))),
    }


def parse_yes_no(text: str, context: ParseContext) -> Parsed:
    """Read a yes or a no about the one category asked."""
    if context.only is None:
        return unparsed("yes or no cannot say which of several categories is violated")
    part = answer_part(text, context.reasoning)
    answer = text[part.start : part.end]
    if not answer:
        return unparsed("there is no answer, only reasoning" if text.strip() else "the answer is empty")
    if answer.strip(" \n*_`\"'.!").casefold() in _UNSURE:
        return Parsed("abstained", {context.only: None}, reason="the model was not sure")
    words = words_of(context)
    found = find_verdict(answer, words, is_cut_off=context.is_cut_off, starters=STARTERS)
    if isinstance(found, NoVerdict):
        return unparsed(f"neither yes nor no: {found.reason}")
    rest = answer[found.end :].lstrip(" .,:;!-–—*\n\"'`)")
    if looks_like_refusal(rest):
        return unparsed("neither yes nor no: a refusal follows")
    is_more = _MORE.match(answer, found.end)
    if is_more and (said := says(rest)) is not None and said != (found.choice == "yes"):
        return unparsed(f"neither yes nor no: {found.choice}, and words that say the opposite")
    if DENIED.match(answer, found.end):
        return unparsed(f"neither yes nor no: {found.choice}, and a value that denies it")
    asked = frozenset(spoken(_QUESTION.split(answer[: found.at].rstrip(_EDGES))[-1]))
    if not asked.isdisjoint(FOR) and asked.isdisjoint(AGAINST):
        return unparsed("neither yes nor no: it answers whether the text is allowed")
    if found.choice == "no" and states(rest, context):
        return unparsed("neither yes nor no: no, and prose that states a violation")
    if found.choice == "yes" and clears(rest, [context.only], context):
        return unparsed("neither yes nor no: yes, and prose that says nothing is violated")
    shares = shares_at(context.tokens, text, part.start + found.at, words)
    scores = {context.only: shares["yes"]} if shares else {}
    before = answer[: found.at].strip(" \n*_`\"'")
    rationale = rest if len(before) < 20 else answer
    return decided(context, [context.only] if found.choice == "yes" else [], scores=scores, rationale=rationale or None)


YES_NO = Parser(parse_yes_no, version=6, wants_logprobs=True, needs_one_category=True)
SHIELDGEMMA = Parser(parse_yes_no, version=6, wants_logprobs=True, needs_one_category=True)
