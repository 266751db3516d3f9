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
    (old_name, old_sha256), (new_name, new_sha256) = (
        (one.name, one.sha256) if one else (None, None) for one in (old, new)
    )
    if old is None or new is None:
        remark = f"only the {'candidate' if old is None else 'baseline'} has one"
    if old_sha256 != new_sha256:
        before, after = _lines(old), _lines(new)
        if max(len(before), len(after)) > MAX_LINES:
            remark = f"longer than {MAX_LINES:,} lines: only the first {MAX_LINES:,} of each are compared"
            before, after = before[:MAX_LINES], after[:MAX_LINES]
        lines = list(diff_lines(before, after))
    n_added, n_removed = (sum(line.kind == one for line in lines) for one in ("added", "removed"))
    return InputChange(kind, old_name, new_name, old_sha256, new_sha256, n_added, n_removed, tuple(lines), remark)


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
            removed, added = before[i1:i2], after[j1:j2]
            if tag == "equal":
                for offset, text in enumerate(removed, 1):
                    yield DiffLine("same", i1 + offset, j1 + offset, ((False, text),))
                continue
            marked = [_words(*both) for both in zip(removed, added, strict=False)]
            old = [parts for parts, _ in marked] + [((False, text),) for text in removed[len(marked) :]]
            new = [parts for _, parts in marked] + [((False, text),) for text in added[len(marked) :]]
            yield from (DiffLine("removed", at, None, parts) for at, parts in enumerate(old, i1 + 1))
            yield from (DiffLine("added", None, at, parts) for at, parts in enumerate(new, j1 + 1))


Parts = tuple[tuple[bool, str], ...]


def _words(old: str, new: str) -> tuple[Parts, Parts]:
    """Mark the words that differ; lines that share little are marked nowhere, which reads better."""
    left, right = _WORDS.findall(old), _WORDS.findall(new)
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    if len(left) * len(right) > 200_000 or matcher.ratio() < 0.4:
        return ((False, old),), ((False, new),)
    codes = matcher.get_opcodes()
    before = tuple((tag != "equal", "".join(left[i1:i2])) for tag, i1, i2, _, _ in codes if i2 > i1)
    after = tuple((tag != "equal", "".join(right[j1:j2])) for tag, _, _, j1, j2 in codes if j2 > j1)
    return before, after
