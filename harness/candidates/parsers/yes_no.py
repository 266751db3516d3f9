"""``answer: yes_no`` and ``answer: shieldgemma``: one word about one category, and P(yes) as its score.

Decides which words are a verdict. ``No`` also begins refusals in other languages ("No puedo ..."), so the word must
stand alone or be followed by punctuation or by the beginning of an explanation.
"""

from __future__ import annotations

import re

from harness.candidates.parsers.base import ParseContext, Parsed, Parser, decided, unparsed
from harness.candidates.parsers.text import answer_text, looks_like_refusal, plain, positive_share

_FIRST = re.compile(
    r"(yes|no)(?=\Z|[.,;:!)\]*\n]|\s*[-–—(\n]|\s+(?:this|it|the|that|there|because|since|as|violat\w+|policy)\b)",
    re.IGNORECASE,
)
_BOTH = re.compile(r"\A(?:yes|no)\s*(?:[,/|]|or|and|but)*\s*(?:yes|no)\b", re.IGNORECASE)
_MARKED = re.compile(
    r"\b(?:answer|verdict|decision|conclusion)(?:\s+is)?\s*[:=]?\s*[*_\"'`]*(yes|no)\b(?!\s+(?:puedo|me|es)\b)",
    re.IGNORECASE,
)
_UNSURE = {"unsure", "uncertain", "unclear", "undetermined", "maybe", "n/a", "cannot determine"}


def parse_yes_no(text: str, context: ParseContext) -> Parsed:
    """Read a yes or a no about the one category asked."""
    answer = answer_text(text)
    if context.only is None:
        return unparsed("yes or no cannot say which of several categories is violated")
    if not answer:
        return unparsed("the answer is empty")
    bare = plain(answer)
    if bare.rstrip(".!").casefold() in _UNSURE:
        return Parsed("abstained", {context.only: None}, reason="the model was not sure")
    word = _word(bare)
    marked = {found.casefold() for found in _MARKED.findall(answer)}
    if word is None and len(marked) == 1:
        word = marked.pop()
    elif word is not None and marked - {word}:
        return unparsed("yes and no in one answer")
    if word is None:
        return unparsed("neither yes nor no")
    share = positive_share(context.tokens, "yes", "no")
    scores = {} if share is None else {context.only: share}
    rationale = bare[len(word) :].lstrip(" .,:;!-–—*\n") if bare.casefold().startswith(word) else bare
    return decided(context, [context.only] if word == "yes" else [], scores=scores, rationale=rationale or None)


def _word(bare: str) -> str | None:
    """The verdict at the beginning of an answer."""
    found = _FIRST.match(bare)
    if found is None or _BOTH.match(bare):
        return None
    rest = bare[found.end() :].lstrip(" .,:;!-–—*\n")
    return None if looks_like_refusal(rest) else found[1].casefold()


YES_NO = Parser(parse_yes_no, wants_logprobs=True, needs_one_category=True)
SHIELDGEMMA = Parser(parse_yes_no, wants_logprobs=True, needs_one_category=True)
