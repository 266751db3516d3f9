"""``answer: label``: one word or line, mapped to categories in the prompt's front matter.

Decides when a line is a declared label: equal to it as a whole, or followed by punctuation and an explanation. A label
inside another word (``VALID`` in ``INVALID``) or before more words is never one. Where the server gave log
probabilities, a category's score is the share of its labels at the answer's first token.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from harness.candidates.names import loose
from harness.candidates.parsers.base import ParseContext, Parsed, Parser, decided, unparsed
from harness.candidates.parsers.text import answer_text, plain, verdict_token, word_of

_END = re.compile(r"\Z|[.,:;!)](?:\s|\Z)|\s+[-–—:(]\s?")
MIN_KNOWN_SHARE = 0.5
"""Below this share of probability on declared labels the first token says too little to be a score."""
_DECORATION = " \t*_`\"'“”>#"


def parse_label(text: str, context: ParseContext) -> Parsed:
    """Read the label an answer begins with."""
    labels = context.header.labels or {}
    lines = [line.strip(_DECORATION) for line in plain(answer_text(text)).splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        return unparsed("the answer is empty")
    label, rest = match_label(lines[0], labels)
    if label is None:
        return unparsed("no declared label at the beginning")
    others = {match_label(line, labels)[0] for line in lines[1:]} - {None, label}
    if any(set(labels[other or ""]) != set(labels[label]) for other in others):
        return unparsed("several labels that disagree")
    rationale = "\n".join([*([rest] if rest else []), *lines[1:]])
    return decided(context, labels[label], scores=label_scores(context, labels), rationale=rationale or None)


def label_scores(context: ParseContext, labels: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """P(category) = P(its labels) / P(all labels) at the first token of the answer; empty where that cannot be told.

    A token that begins several labels counts for the one that no longer token of the same list begins.
    """
    token = verdict_token(context.tokens)
    if token is None or len(token.alternatives) < 2:
        return {}
    shares = dict.fromkeys(labels, 0.0)
    words = {word_of(text) for text, _ in token.alternatives} - {""}
    for text, logprob in token.alternatives:
        label = _label_begun_by(word_of(text), labels, words)
        if label is not None and logprob <= 0:
            shares[label] += math.exp(logprob)
    total = sum(shares.values())
    if total < MIN_KNOWN_SHARE:
        return {}
    return {
        category: min(1.0, sum(share for label, share in shares.items() if category in labels[label]) / total)
        for category in context.categories
    }


def _label_begun_by(word: str, labels: Mapping[str, Sequence[str]], words: set[str]) -> str | None:
    begun = [label for label in labels if word and label.casefold().startswith(word)]
    if len(begun) > 1:
        longer = {other for other in words if len(other) > len(word) and other.startswith(word)}
        begun = [label for label in begun if not any(label.casefold().startswith(other) for other in longer)]
    return begun[0] if len(begun) == 1 else None


def match_label(line: str, labels: Mapping[str, object]) -> tuple[str | None, str]:
    """The longest label that a line begins with, and what follows it."""
    wanted = loose(line.rstrip(".,:;! "))
    for label in labels:
        if loose(label) == wanted:
            return label, ""
    folded = line.casefold()
    for label in sorted(labels, key=len, reverse=True):
        if folded.startswith(label.casefold()) and (end := _END.match(line, len(label))):
            return label, line[end.end() :].strip()
    return None, ""


LABEL = Parser(parse_label, version=2)
