"""The list of items that no candidate may miss -> their ids, checked against the golden set.

Decides what such a list may say: one id a line, blank lines and lines that begin with ``#`` left out. An item that
violates nothing, or whose text is withheld, cannot be caught and is an error here. What a miss means for a rollout is
decided by the gate.
"""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import FileError, HarnessError, raise_all
from harness.files.golden.sets import GoldenSet
from harness.files.text import read_text, shortened, suggestion
from harness.records import Loaded

WHAT = "must-catch list"
_COMMENT = re.compile(r"\s+#\s.*$")


def load_must_catch(path: Path, golden: GoldenSet) -> Loaded[tuple[str, ...]]:
    """Read a list of ids; each must be an item of the set with something to catch."""
    file = read_text(path, what=WHAT)
    first: dict[str, int] = {}
    errors: list[HarnessError] = []
    for number, line in enumerate(file.text.split("\n"), start=1):
        written = line.strip()
        if not written or (written.startswith("#") and not _has(golden, written)):
            continue
        item_id = written if _has(golden, written) else _COMMENT.sub("", written).strip()
        if item_id in first:
            found = f"names '{shortened(item_id)}', as line {first[item_id]} does"
            errors.append(_fault(path, number, found, "each id once", "remove the line"))
            continue
        first[item_id] = number
        if not _has(golden, item_id):
            where = f"golden set '{golden.name}' version {golden.version}"
            hint = suggestion(item_id, golden.ids()[:20_000], "write one id a line; a comment begins with #")
            errors.append(
                _fault(path, number, f"names '{shortened(item_id)}', which {where} does not have", "ids of it", hint)
            )
    errors += [_fault(path, first[item_id], *fault) for item_id, fault in _uncatchable(golden, list(first)).items()]
    if not first and not errors:
        errors.append(_fault(path, None, "names no item", "one id a line", "add ids, or remove 'must_catch'"))
    raise_all(errors)
    return Loaded(tuple(first), path, file.sha256)


def _uncatchable(golden: GoldenSet, ids: list[str]) -> dict[str, tuple[str, str, str]]:
    """Ids of the set that cannot be caught -> what was found, what is allowed, what to do."""
    faults = {}
    known = [item_id for item_id in ids if _has(golden, item_id)]
    positions = [golden.index_of(item_id) for item_id in known]
    labels = golden.labels()
    for item in golden.items(positions):
        if not (labels[golden.index_of(item.id)] == 1).any():
            faults[item.id] = (
                f"names '{shortened(item.id)}', which violates nothing by its labels",
                "items with a label of 1",
                "correct the labels, or leave the item out: there is nothing to catch",
            )
        elif item.is_withheld:
            faults[item.id] = (
                f"names '{shortened(item.id)}', whose text is withheld",
                "items that can be shown to a candidate",
                "leave the item out, or restore its text",
            )
    return faults


def _has(golden: GoldenSet, item_id: str) -> bool:
    try:
        golden.index_of(item_id)
    except KeyError:
        return False
    return True


def _fault(path: Path, line: int | None, found: str, allowed: str, next_step: str) -> FileError:
    return FileError(str(path), found, line=line, allowed=allowed, next_step=next_step)
