"""``answer: label``: one word or line, mapped to categories in the prompt's front matter.

Decides when a line is a declared label: equal to it as a whole, or followed by punctuation and an explanation. A label
inside another word (``VALID`` in ``INVALID``) or before more words is never one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.candidates.names import loose
from harness.candidates.parsers.base import ParseContext, Parsed, Parser, decided, unparsed
from harness.candidates.parsers.text import answer_text, plain

_END = re.compile(r"\Z|[.,:;!)](?:\s|\Z)|\s+[-–—:(]\s?")
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
    return decided(context, labels[label], rationale=rationale or None)


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


LABEL = Parser(parse_label)
