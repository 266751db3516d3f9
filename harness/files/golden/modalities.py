"""One modality of a row -> what is wrong with it.

Decides what an entry may hold: a text, a file name, or a mapping whose times are seconds. A name beside a declared
modality that the card does not declare is a fault: it would be read by nobody, in silence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from harness.files.golden.fields import read_paths
from harness.files.text import joined, quoted, shortened
from harness.records import GoldenCard

Fault = tuple[str, str, str, str]
"""Field, what was found, what is allowed, what to do."""
_TIMES, _TEXTS = ("time", "start", "end"), ("file", "text")
_OWN_FOLDER = "meta"


def modality_faults(name: str, path: str, part: Any) -> Iterator[Fault]:
    """What is wrong with a modality's value."""
    if isinstance(part, str):
        return
    if not isinstance(part, list) or not all(isinstance(entry, str | dict) for entry in part):
        allowed = f"text, or a list of texts, file names or mappings with times (modality '{name}')"
        yield path, f"is {quoted(part)}", allowed, "correct the row"
        return
    for at, entry in enumerate(part):
        if not isinstance(entry, dict):
            continue
        for key in (*_TIMES, *_TEXTS):
            value = entry.get(key)
            if value is None:
                continue
            if key in _TIMES and not _is_time(value):
                yield f"{path}.{at}.{key}", f"is {quoted(value)}", "seconds, 0 or more", "write it as a plain number"
            elif key in _TEXTS and not isinstance(value, str):
                yield f"{path}.{at}.{key}", f"is {quoted(value)}", "text", "correct the row"


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def names_beside(card: GoldenCard) -> Mapping[str, frozenset[str]]:
    """Mapping that holds modalities -> the names in it that the card reads.

    >>> from harness.records import PolicyRef
    >>> names_beside(GoldenCard("c", 1, PolicyRef("c", 1), "c.jsonl", ("hate",), modalities={"ocr": "parts.ocr"}))
    {'parts': frozenset({'ocr'})}
    """
    tops = {path.split(".")[0] for path in card.modalities.values() if "." in path} - {_OWN_FOLDER, *card.ignore}
    paths = read_paths(card, "images", "context", "votes", "weight", "group", "must_catch")
    return {top: frozenset(path.split(".")[1] for path in paths if path.startswith(f"{top}.")) for top in sorted(tops)}


def undeclared(row: Mapping[str, Any], beside: Mapping[str, frozenset[str]]) -> Iterator[Fault]:
    """Names in a mapping of modalities that nothing reads."""
    for top, known in beside.items():
        inner = row.get(top)
        for name in inner if isinstance(inner, dict) else ():
            if name not in known:
                field = f"{top}.{shortened(name)}"
                hint = f"declare it in the card ('modalities: {{{shortened(name)}: {field}}}'), or move it under meta"
                yield field, "is declared nowhere in the card", joined(sorted(known)), hint
