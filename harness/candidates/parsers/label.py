"""``answer: label``: one word or line, mapped to categories in the prompt's front matter.

Decides what a label's categories and scores are. A label inside another word (``VALID`` in ``INVALID``) or before more
words is never one, nor is one that is denied ("hate: no") or one of several with a value each; where the verdict stands
is decided in ``verdict``. Where the server gave log probabilities, a category's score is the share of its labels at the
verdict's own token.
"""

from __future__ import annotations

import re

from harness.candidates.parsers.base import ParseContext, Parsed, Parser, decided, unparsed
from harness.candidates.parsers.beside import against
from harness.candidates.parsers.marks import ALARMS, CALMS
from harness.candidates.parsers.scan import whole_objects
from harness.candidates.parsers.scores import shares_at
from harness.candidates.parsers.text import answer_part, no_answer
from harness.candidates.parsers.verdict import NoVerdict, Verdict, find_verdict, mark_at
from harness.candidates.parsers.words import CROSSES, TICKS

MIN_KNOWN_SHARE = 0.5
"""Below this share of probability on declared labels the token says too little to be a score."""
_VALUE = r"[*_`\"'\])]*\s{0,9}(?:[:?(|\n,;]|=>?|->|→|\s[-–—])\s{0,9}[*_`\"'\[(]*"
"""Between a label and a value; so many spaces, as more would be tried in every way."""
_END = r"(?=[*_`\"'\])}]*\s*(?:[.!]*\s*\Z|[,;|\n]))"
DENIED = re.compile(
    rf"{_VALUE}(?:no|nope|false|not|0(?:\.[0-4]\d*|\.)?|[0-4]?\d(?:\.\d+)?\s?%|[{''.join(sorted(CROSSES))}]\ufe0f?){_END}",
    re.IGNORECASE,
)
DOUBTED = re.compile(
    r"[*_`\"'\])]*\s*(?:\?+\s*\Z"
    r"|[(:,–—-]+\s*(?:unlikely|unsure|not sure|uncertain|maybe|perhaps|possibly|probably not)\b)",
    re.IGNORECASE,
)
_ABSENT = re.compile(
    rf"{_VALUE}(?:none|n/?a|absent|nothing|negative|not (?:present|detected|found|applicable|violated"
    rf"|met|a violation)|no violation){_END}",
    re.IGNORECASE,
)
_ANOTHER = r"{value}[\w.%]+(?: \w+)?[*_`\"'\])]*\s*[,;|\n]\s*[-*•_`\"'\[\s]*(?:{labels})(?=[*_`\"'\])]*\s*(?:[:=]|\Z))"
EDGES = " \t\n*_`\"'“”>#.,:;!()-–—"


def parse_label(text: str, context: ParseContext) -> Parsed:
    """Read the label an answer gives."""
    labels = context.header.labels or {}
    answer, start = answer_part(text, context.reasoning)
    if not answer:
        return unparsed(no_answer(text))
    found = _verdict(answer, context)
    reason = found.reason if isinstance(found, NoVerdict) else _against(found, answer, context)
    if isinstance(found, NoVerdict) or reason:
        return unparsed(f"no declared label: {reason}")
    rationale = answer[found.end :].strip(EDGES) if len(answer[: found.at].strip()) < 20 else answer
    scores = label_scores(text, start + found.at, context)
    return decided(context, labels[found.choice], scores=scores, rationale=rationale or None)


def _against(found: Verdict, answer: str, context: ParseContext) -> str | None:
    """Why a label that was found is none: what stands behind it speaks against it."""
    labels = context.header.labels or {}
    mine, rest = labels[found.choice], answer[found.end :]
    if DENIED.match(answer, found.end) or (mine and _ABSENT.match(answer, found.end)):
        return "the label is denied"
    others = [label for label, categories in labels.items() if set(categories) != set(mine)]
    listed = _ANOTHER.format(value=_VALUE, labels="|".join(map(re.escape, others)) or "(?!)")
    if re.compile(listed, re.IGNORECASE).match(answer, found.end):
        return "a value for each of several labels"
    if DOUBTED.match(answer, found.end):
        return "the label is in doubt"
    if (mark := mark_at(answer, found)) and mark not in (ALARMS if mine else TICKS | CALMS):
        return "a mark beside it says something else, or nothing certain"
    return against(mine, [rest.lstrip(EDGES)], context, objects=whole_objects(answer))


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


LABEL = Parser(parse_label, version=7)
