"""``answer: label``: one word or line, mapped to categories in the prompt's front matter.

Decides what a label's categories and scores are. A label inside another word (``VALID`` in ``INVALID``) or before more
words is never one; where the verdict stands is decided in ``verdict``. Where the server gave log probabilities, a
category's score is the share of its labels at the verdict's own token.
"""

from __future__ import annotations

from harness.candidates.parsers.base import ParseContext, Parsed, Parser, decided, unparsed
from harness.candidates.parsers.scores import shares_at
from harness.candidates.parsers.text import answer_part
from harness.candidates.parsers.verdict import NoVerdict, Verdict, find_verdict

MIN_KNOWN_SHARE = 0.5
"""Below this share of probability on declared labels the token says too little to be a score."""
_EDGES = " \t\n*_`\"'“”>#.,:;!()-–—"


def parse_label(text: str, context: ParseContext) -> Parsed:
    """Read the label an answer gives."""
    labels = context.header.labels or {}
    part = answer_part(text, context.reasoning)
    answer = text[part.start : part.end]
    if not answer:
        return unparsed("there is no answer, only reasoning" if text.strip() else "the answer is empty")
    found = _verdict(answer, context)
    if isinstance(found, NoVerdict):
        return unparsed(f"no declared label: {found.reason}")
    rationale = answer[found.end :].strip(_EDGES) if len(answer[: found.at].strip()) < 20 else answer
    scores = label_scores(text, part.start + found.at, context)
    return decided(context, labels[found.choice], scores=scores, rationale=rationale or None)


def _verdict(answer: str, context: ParseContext) -> Verdict | NoVerdict:
    """The label; labels with the same categories do not disagree."""
    labels = context.header.labels or {}
    found = find_verdict(answer, {label: (label,) for label in labels}, is_cut_off=context.is_cut_off)
    if isinstance(found, Verdict) or "disagree" not in found.reason:
        return found
    groups: dict[tuple[str, ...], list[str]] = {}
    for label, categories in labels.items():
        groups.setdefault(tuple(sorted(categories)), []).append(label)
    if len(groups) == len(labels):
        return found
    together = {spelled[0]: tuple(spelled) for spelled in groups.values()}
    return find_verdict(answer, together, is_cut_off=context.is_cut_off)


def label_scores(text: str, at: int, context: ParseContext) -> dict[str, float]:
    """P(category) = P(its labels) / P(all labels) at the token where the label begins; empty where unknown."""
    labels = context.header.labels or {}
    words = {label: (label,) for label in labels}
    shares = shares_at(context.tokens, text, at, words, least_known=MIN_KNOWN_SHARE)
    if not shares:
        return {}
    return {
        category: min(1.0, sum(share for label, share in shares.items() if category in labels[label]))
        for category in context.categories
    }


LABEL = Parser(parse_label, version=4)
