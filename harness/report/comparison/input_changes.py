"""Text differences of prompts, policies, rules and model settings, line by line and word by word.

Decides which files face each other and how much of a difference is shown; colours belong to the page.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from harness.report.comparison.data import DiffLine, InputChange
from harness.report.comparison.source import InputText

MAX_LINES = 2_000
MAX_WIDTH = 2_000
CONTEXT = 3
KINDS = ("prompt", "rules", "model", "settings", "policy")
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")


def input_changes(old: Sequence[InputText], new: Sequence[InputText]) -> tuple[InputChange, ...]:
    """Every input of either side, paired by kind and order; unchanged ones are listed without lines."""
    changes: list[InputChange] = []
    kinds = [kind for kind in KINDS if any(one.kind == kind for one in (*old, *new))]
    kinds += sorted({one.kind for one in (*old, *new)} - set(KINDS))
    for kind in kinds:
        left, right = [one for one in old if one.kind == kind], [one for one in new if one.kind == kind]
        changes += [_change(kind, *both) for both in zip_longest(left, right)]
    return tuple(changes)


def _change(kind: str, old: InputText | None, new: InputText | None) -> InputChange:
    remark = ""
    lines: list[DiffLine] = []
    if old is None or new is None:
        remark = f"only the {'candidate' if old is None else 'baseline'} has one"
    if (old.sha256 if old else None) != (new.sha256 if new else None):
        before, after = _lines(old), _lines(new)
        if max(len(before), len(after)) > MAX_LINES:
            remark = f"longer than {MAX_LINES:,} lines: only the first {MAX_LINES:,} of each are compared"
            before, after = before[:MAX_LINES], after[:MAX_LINES]
        lines = list(diff_lines(before, after))
    return InputChange(
        kind=kind,
        old_name=old.name if old else None,
        new_name=new.name if new else None,
        old_sha256=old.sha256 if old else None,
        new_sha256=new.sha256 if new else None,
        n_added=sum(line.kind == "added" for line in lines),
        n_removed=sum(line.kind == "removed" for line in lines),
        lines=tuple(lines),
        remark=remark,
    )


def _lines(text: InputText | None) -> list[str]:
    if text is None:
        return []
    return [line if len(line) <= MAX_WIDTH else line[:MAX_WIDTH] + "…" for line in text.text.split("\n")]


def diff_lines(before: Sequence[str], after: Sequence[str]) -> Iterator[DiffLine]:
    """Changed lines with three lines of context; far-apart changes are separated by a gap."""
    matcher = difflib.SequenceMatcher(None, before, after)
    for number, group in enumerate(matcher.get_grouped_opcodes(CONTEXT)):
        if number:
            yield DiffLine("gap", None, None, ())
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                for offset in range(i2 - i1):
                    yield DiffLine("same", i1 + offset + 1, j1 + offset + 1, ((False, before[i1 + offset]),))
                continue
            removed, added = before[i1:i2], after[j1:j2]
            marked = [_words(*both) for both in zip(removed, added, strict=False)]
            for offset, text in enumerate(removed):
                parts = marked[offset][0] if offset < len(marked) else ((False, text),)
                yield DiffLine("removed", i1 + offset + 1, None, parts)
            for offset, text in enumerate(added):
                parts = marked[offset][1] if offset < len(marked) else ((False, text),)
                yield DiffLine("added", None, j1 + offset + 1, parts)


Parts = tuple[tuple[bool, str], ...]


def _words(old: str, new: str) -> tuple[Parts, Parts]:
    """Mark the words that differ; lines that share little are marked nowhere, which reads better."""
    left, right = _WORDS.findall(old), _WORDS.findall(new)
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    if len(left) * len(right) > 200_000 or matcher.ratio() < 0.4:
        return ((False, old),), ((False, new),)
    before: list[tuple[bool, str]] = []
    after: list[tuple[bool, str]] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if i2 > i1:
            before.append((tag != "equal", "".join(left[i1:i2])))
        if j2 > j1:
            after.append((tag != "equal", "".join(right[j1:j2])))
    return tuple(before), tuple(after)
