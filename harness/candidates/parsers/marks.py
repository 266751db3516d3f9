"""Lists, boxes and tables of an answer: what they say of each name, by words, by ticks and crosses, by columns.

Decides which lines and cells say yes or no of which name, and which of several choices is the marked one. A tick or a
cross alone may mean "found" or "passed": its meaning is left open, unless a column's head tells it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.candidates.names import loose
from harness.candidates.parsers.base import Words
from harness.candidates.parsers.words import AGAINST, CROSSES, FOR, NOT, TICKS, YES, words_of

ALARMS, CALMS = frozenset("🚫⛔🛑🔴👎🚩"), frozenset("🟢👍")
MARKS = TICKS | CROSSES | ALARMS | CALMS


class Row(NamedTuple):
    """What a line or a cell says of a name: ``said`` where it says yes or no, ``mark`` for a tick or a cross alone."""

    name: str
    said: bool | None
    mark: bool | None = None


_BOX = r"\[[ xX✓✔✅]?\]|[☐⬜☑☒]"
_BOXES = re.compile(_BOX)
_MARK = f"[{''.join(sorted(MARKS))}]\ufe0f?"
_BULLET = r"\s*(?:[-*+•>#]+\s+|\d{1,2}[.)]\s+)*[*_`]*"
_ROW = re.compile(
    rf"^{_BULLET}(?:(?P<box>{_BOX})|(?P<lead>{_MARK}))?\s*[*_`\"']*(?P<name>[^\W_](?:[^:|=\n]{{0,38}}?[^\W_])?)[*_`\"')]*"
    rf"(?:\s*(?:[:=]|->|→)[*_`]*|\s+[-–—](?=\s)|\s+(?=\()|(?=\s*(?:{_MARK}|{_BOX}))|(?=\s*$))\s*(?P<value>.*)$"
)
_ENDS = r"(?=[*_`\"')\]]*\s*(?:[.,;:!(|–—-]|$))"
_HOLDS = re.compile(
    rf"[*_`\"'(]*(?:yes|true|x|unsafe|fail(?:s|ed)?|violat(?:ed|es|ing|ive|ion)|present|detected|found|flagged|triggered|matched"
    rf"|appl(?:ies|icable)|1(?![.\d])){_ENDS}",
    re.IGNORECASE,
)
_FAILS = re.compile(
    rf"[*_`\"'(]*(?:no|false|none|absent|safe|compliant|pass(?:es|ed)?|non-?violating|no\s+violations?(?:\s+found)?"
    rf"|(?:is\s+|does\s+)?not\s+(?:violat\w+|present|detected|found|flagged|triggered|matched|applicable|apply|met)"
    rf"|doesn't\s+(?:apply|violate)|0(?![.\d])){_ENDS}",
    re.IGNORECASE,
)
_RULE = re.compile(r"[\s|:]*-{2,}[\s|:-]*")
_OF_VIOLATION = AGAINST | {
    "present",
    "applies",
    "applicable",
    "detected",
    "found",
    "match",
    "matched",
    "hit",
    "triggered",
}
_ASIDE = frozenset(
    ("reason", "reasons", "explanation", "rationale", "evidence", "notes", "note", "comment", "severity", "score",
     "confidence", "considered", "checked", "reviewed", "definition", "example", "description")
)  # fmt: skip
_LINE = re.compile(
    r"^[ \t*_#>|•-]*([^\W\d_][^:|\n*`]{0,38}[^\W_])[*_` \t]*[:|]([^|\n]*)(?:\|[^\n]*)?$(?!\n[ \t|:]*--)", re.MULTILINE
)
"""One of several lines or rows; the head of a table says nothing."""
_MOST_LINES = 400


def fields_in(text: str) -> dict[str, str]:
    r"""Lines of prose that are fields, and rows of tables: ``**Verdict:** unsafe``, ``hate: yes``, ``| hate | yes |``.

    >>> fields_in("So:\n**Verdict:** Unsafe.\n| hate | yes |")
    {'Verdict': 'Unsafe.', 'hate': 'yes'}
    """
    if ":" not in text and "|" not in text:
        return {}
    if "--" in text:
        heads = {line for line, head in _headed(text.splitlines()) if any(_column(one) is False for one in head)}
        text = "\n".join(line for line in text.splitlines() if line not in heads)
    lines = ((found[1], found[2].strip(" \t*_`")) for found in _LINE.finditer(text))
    return {name: value for name, value in lines if value}


def rows_of(text: str) -> list[Row]:
    r"""What the lines of lists and the rows of tables say of their names.

    >>> rows_of("- [x] hate\n- [ ] spam\nselfharm: no")[1:]
    [Row(name='spam', said=False, mark=None), Row(name='selfharm', said=False, mark=None)]
    >>> rows_of("| Category | Safe? |\n|---|---|\n| hate | no |\n| spam | ✅ |")
    [Row(name='hate', said=True, mark=None), Row(name='spam', said=False, mark=None)]
    >>> rows_of("hate ✅ | spam ❌")[1]
    Row(name='spam', said=None, mark=False)
    """
    return [row for line, head in _headed(text.splitlines()[:_MOST_LINES]) for row in _rows(line, head)]


def marked_choice(answer: str, words: Words) -> str | None:
    r"""The one of several choices that a list or table marks; empty for none or several, None without such a list.

    >>> choices = {"yes": ("yes",), "no": ("no",)}
    >>> marked_choice("[ ] Yes\n[x] No", choices), marked_choice("☐ Yes ☐ No", choices), marked_choice("No", choices)
    ('no', '', None)
    """
    known = {loose(word): choice for choice, spelled in words.items() for word in spelled}
    rows = [(known[loose(row.name)], row) for row in rows_of(answer) if loose(row.name) in known]
    if not rows or (len({choice for choice, _ in rows}) < 2 and _BOXES.search(answer) is None):
        return None
    said = [(choice, row.mark if row.said is None else row.said) for choice, row in rows]
    marked, others = {choice for choice, holds in said if holds}, {choice for choice, holds in said if not holds}
    is_told = bool(others) or any(row.said is not None for _, row in rows)
    return min(marked) if len(marked) == 1 and marked.isdisjoint(others) and is_told else ""


def has_marks(text: str) -> bool:
    """Whether there is a tick, a cross, a box or a table at all."""
    return not MARKS.isdisjoint(text) or "|" in text or _BOXES.search(text) is not None


def _headed(lines: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """Every line but heads and rules of tables, each with the head of its table."""
    head: Sequence[str] = ()
    for at, line in enumerate(lines):
        if "|" not in line:
            head = ()
        if "|" in line and _RULE.fullmatch(line):
            head = _cells(lines[at - 1]) if at else ()
        elif not (at + 1 < len(lines) and "|" in lines[at + 1] and _RULE.fullmatch(lines[at + 1])):
            yield line, head


def _cells(line: str) -> list[str]:
    return [cell.strip(" \t*_`") for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _rows(line: str, head: Sequence[str]) -> Iterator[Row]:
    boxes = list(_BOXES.finditer(line))
    if "|" in line:
        yield from _table_rows(_cells(line), head)
    elif len(boxes) > 1:
        is_first = not any(char.isalnum() for char in line[: boxes[0].start()])
        cuts = [box.start() for box in boxes[1:]] if is_first else [box.end() for box in boxes[:-1]]
        for start, end in zip([0, *cuts], [*cuts, len(line)], strict=True):
            yield from _line_row(line[start:end])
    else:
        yield from _line_row(line)


def _line_row(line: str) -> Iterator[Row]:
    found = _ROW.match(line.rstrip())
    if found is None:
        return
    said, mark = _meaning(found["value"])
    if found["box"] and said is None and mark is None:
        said = _is_ticked(found["box"])
    elif found["lead"] and said is None and mark is None:
        said, mark = _of_mark(found["lead"])
    if said is not None or mark is not None:
        yield Row(found["name"], said, mark)


def _table_rows(cells: Sequence[str], head: Sequence[str]) -> Iterator[Row]:
    if not head:
        single = [row for cell in cells for row in _line_row(cell)]
        if len(single) > 1:
            yield from single
            return
    if len(head) == len(cells) and (not cells[0] or _meaning(cells[0]) != (None, None)):
        for name, cell in zip(head, cells, strict=True):
            said, mark = _meaning(cell)
            if said is not None or mark is not None:
                yield Row(name, said, mark)
        return
    for at, cell in enumerate(cells[1:], start=1):
        column = head[at] if at < len(head) else ""
        said, mark = _in_column(column, cell)
        if said is not None or mark is not None:
            yield Row(cells[0], said, mark)
            return


def _in_column(column: str, cell: str) -> tuple[bool | None, bool | None]:
    """What a cell says under its column's head, which may ask whether the text is safe, or be a yes or a no itself."""
    words = words_of(column)
    if not _ASIDE.isdisjoint(words):
        return None, None
    if len(words) == 1 and (words[0] in YES or words[0] in NOT):
        return (words[0] in YES if cell.strip("-–— ") else None), None
    said, mark = _meaning(cell)
    holds = _column(column)
    if holds is None:
        return said, mark
    if mark is not None:
        return mark == holds, None
    return (said if holds or said is None or _is_verdict(cell) else not said), None


def _is_verdict(cell: str) -> bool:
    """Whether a cell says by itself what it is about: "safe", "violated", unlike "yes"."""
    return not (AGAINST | FOR).isdisjoint(words_of(cell))


def _column(head: str) -> bool | None:
    """Whether a yes under a head says that something is violated; None where the head does not tell."""
    words = words_of(head)
    is_denied = not NOT.isdisjoint(words)
    if not FOR.isdisjoint(words):
        return is_denied
    return None if _OF_VIOLATION.isdisjoint(words) else not is_denied


def _meaning(value: str) -> tuple[bool | None, bool | None]:
    """What a value says as a yes or a no, or as a mark of which nobody told what it means."""
    value = value.strip(" \t*_`\"'(")
    if not value:
        return None, None
    if value[0] in MARKS:
        return _of_mark(value[0])
    if box := _BOXES.match(value):
        return _is_ticked(box[0]), None
    if _HOLDS.match(value):
        return True, None
    return (False, None) if _FAILS.match(value) else (None, None)


def _of_mark(mark: str) -> tuple[bool | None, bool | None]:
    if mark[0] in ALARMS | CALMS:
        return mark[0] in ALARMS, None
    return None, mark[0] in TICKS


def _is_ticked(box: str) -> bool:
    return box not in ("☐", "⬜", "[]", "[ ]")
