"""YAML text -> a tree of plain values with line numbers.

Reads the parser's event stream rather than composed nodes: depth, aliases and duplicate keys are refused before any
structure is built. Scalars follow the YAML 1.2 core schema, so ``no`` is a string, a date is its ISO string, and keys
are always strings. What a record may hold is left to ``fromfile``.
"""

from __future__ import annotations

import bisect
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from harness.errors import FileError
from harness.files.schema import Loc
from harness.files.text import MAX_TEXT_BYTES, TextFile, quoted, read_text, require_file, shortened, with_article

T = TypeVar("T")

MAX_DEPTH = 40
KINDS = {
    "eval": "eval",
    "golden_set": "golden-set card",
    "rule_set": "rule set",
    "policy": "policy",
    "models": "models file",
}
"""What a file with this top-level key is, in the order they are looked for: an eval and a card name a policy too."""

_OTHER_SUFFIXES = {".md": "prompt", ".jsonl": "file of rows", ".csv": "file of rows", ".parquet": "file of rows"}
_NEARBY = ("", "evals", "golden_sets", "policies", "..", "../evals", "../golden_sets", "../evals/policies")
_MAX_NEARBY = 200
_MAX_NAMED = 6
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STANDARD_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq")}
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+")
_JSON_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TOP_KEY = re.compile(r"^(\w+):", re.MULTILINE)


Fault = tuple[Loc, str, str, str]
"""A place in a file, what was found there, what is allowed, and what to do next."""


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed YAML file: plain values, and the line on which each key or list entry begins."""

    path: Path
    sha256: str
    data: Any
    lines: Mapping[Loc, int] = field(default_factory=dict)

    def line(self, loc: Loc = ()) -> int:
        """Line of the value at ``loc``, or of its nearest enclosing value that is in the file."""
        while loc not in self.lines and loc:
            loc = loc[:-1]
        return self.lines.get(loc, 1)

    def error(
        self, loc: Loc, found: str, *, allowed: str | None = None, next_step: str | None = None, key: str | None = None
    ) -> FileError:
        """A fault at ``loc``."""
        name = key or ".".join(str(part) for part in loc) or None
        return FileError(
            str(self.path),
            found,
            line=self.line(loc),
            field=None if name is None else shortened(name),
            allowed=allowed,
            next_step=next_step,
        )

    def errors(self, faults: Iterable[Fault]) -> list[FileError]:
        """Faults at their lines."""
        return [self.error(place, found, allowed=allowed, next_step=step) for place, found, allowed, step in faults]


def read_yaml(path: Path, *, what: str, kind: str | None = None) -> Document:
    """Read a YAML file whose top level is a mapping; one of another kind than ``kind`` is refused."""
    if kind is not None and path.suffix in _OTHER_SUFFIXES:
        require_file(path, what=what)
        raise _other_kind(path, _OTHER_SUFFIXES[path.suffix], kind)
    return parse_yaml(read_text(path, what=what), what=what, kind=kind)


def kind_of(data: Mapping[str, Any]) -> str | None:
    """The kind of file its top-level keys say it is; an eval that forgets its name is still one."""
    if "candidates" in data and "golden_set" in data:
        return "eval"
    return next((kind for kind in KINDS if kind in data), None)


def _other_kind(path: Path, found: str, kind: str) -> FileError:
    near = list(dict.fromkeys(_nearby(path, kind)))
    names = ", ".join(near[:_MAX_NAMED]) + (", ..." if len(near) > _MAX_NAMED else "")
    return FileError(
        str(path),
        f"is {with_article(found)}, not {with_article(KINDS[kind])}",
        allowed=f"{with_article(KINDS[kind])}: a YAML file with the field '{kind}'",
        next_step=f"name {'it' if len(near) == 1 else 'one of them'}: {names}"
        if near
        else f"name {with_article(KINDS[kind])}",
    )


def _nearby(path: Path, kind: str) -> Iterator[str]:
    """Files of a kind in the folders around a file."""
    begins = re.compile(rf"^{kind}:", re.MULTILINE)
    for folder in _NEARBY:
        here = Path(os.path.normpath(path.parent / folder))
        for other in sorted(here.glob("*.yaml"))[:_MAX_NEARBY]:
            with suppress(OSError, UnicodeDecodeError):
                text = other.read_text(encoding="utf-8") if other.stat().st_size < MAX_TEXT_BYTES else ""
                if begins.search(text) and kind_of(dict.fromkeys(_TOP_KEY.findall(text))) == kind:
                    yield str(other)


def parse_yaml(file: TextFile, *, what: str, first_line: int = 1, kind: str | None = None) -> Document:
    """Parse YAML text whose top level is a mapping; ``first_line`` is where the text begins in its file."""
    builder = _Builder(file, first_line)
    data = builder.build()
    if not isinstance(data, dict):
        found = "has nothing but comments" if data is None else f"holds {quoted(data)} at the top level"
        raise FileError(
            str(file.path),
            found,
            line=first_line,
            allowed=f"a mapping (the fields of {with_article(what)})",
            next_step="write 'field: value' lines",
        )
    found_kind = None if kind is None else kind_of(data)
    if kind is not None and found_kind is not None and found_kind != kind:
        raise _other_kind(file.path, KINDS[found_kind], kind)
    return Document(file.path, file.sha256, data, builder.lines)


class _Builder:
    """Builds the tree from parser events, with an explicit stack."""

    def __init__(self, file: TextFile, first_line: int) -> None:
        self.file = file
        self.first_line = first_line
        self.lines: dict[Loc, int] = {}
        self._breaks = [match.start() for match in re.finditer("\n", file.text)]

    def build(self) -> Any:
        try:
            return self._consume(yaml.parse(self.file.text, Loader=_LOADER))
        except yaml.reader.ReaderError as error:
            raise self._error(
                self._line_at_byte(error.position),
                f"has a character YAML does not allow: {_character(error.character)}",
                "printable characters, spaces and line breaks",
                "remove the character or write it as an escape in double quotes",
            ) from None
        except yaml.MarkedYAMLError as error:
            raise self._syntax_error(error) from None

    def _consume(self, events: Any) -> Any:
        stack: list[tuple[Any, Loc, int]] = []  # container, its location, its line
        keys: list[str | None] = []  # pending key of each open container (None in lists and before a key)
        root: Any = None
        has_root = False
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if has_root:
                    raise self._error(
                        self._line(event), "holds a second YAML document ('---')", "one document", "split the file"
                    )
                continue
            if isinstance(event, yaml.CollectionEndEvent):
                stack.pop()
                keys.pop()
                continue
            if not isinstance(event, yaml.NodeEvent):
                continue
            self._check_node(event, len(stack))
            line = self._line(event)
            if not stack:
                root, has_root = self._value(event, line), True
                self.lines[()] = line
                if isinstance(root, dict | list):
                    stack.append((root, (), line))
                    keys.append(None)
                continue
            container, loc, _ = stack[-1]
            if isinstance(container, dict) and keys[-1] is None:
                keys[-1] = key = self._key(event, line, container, loc)
                self.lines[(*loc, key)] = line
                continue
            value = self._value(event, line)
            if isinstance(container, dict):
                here: Loc = (*loc, keys[-1] or "")
                container[keys[-1]] = value
                keys[-1] = None
            else:
                here = (*loc, len(container))
                self.lines[here] = line
                container.append(value)
            if isinstance(value, dict | list):
                stack.append((value, here, line))
                keys.append(None)
        return root

    def _check_node(self, event: Any, depth: int) -> None:
        line = self._line(event)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            mark = "*" if isinstance(event, yaml.AliasEvent) else "&"
            raise self._error(
                line,
                f"uses a YAML anchor or alias ('{mark}{shortened(event.anchor)}')",
                "plain values without anchors and aliases",
                "write the value out where it is needed",
            )
        if event.tag is not None and event.tag not in _STANDARD_TAGS | {"!"}:
            raise self._error(
                line, f"uses the YAML tag '{shortened(event.tag)}'", "plain values without tags", "remove the tag"
            )
        if depth > MAX_DEPTH:
            raise self._too_deep(line)

    def _key(self, event: Any, line: int, container: dict[str, Any], loc: Loc) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise self._error(line, "uses a list or mapping as a key", "a name as the key", "write 'name: value'")
        key: str = event.value
        if key in container:
            first = self.lines[(*loc, key)]
            raise FileError(
                str(self.file.path),
                f"is given twice (first on line {first})",
                line=line,
                field=shortened(".".join(str(part) for part in (*loc, key))),
                allowed="each key once",
                next_step="remove or rename one of the two",
            )
        return key

    def _value(self, event: Any, line: int) -> Any:
        if isinstance(event, yaml.MappingStartEvent):
            return {}
        if isinstance(event, yaml.SequenceStartEvent):
            return []
        text: str = event.value
        is_plain = event.implicit[0] and event.tag is None
        if not is_plain:
            if any("\ud800" <= char <= "\udfff" or char == "\0" for char in text):
                raise self._error(
                    line, "has a NUL or half of a surrogate pair in a string", "Unicode text", "remove the escape"
                )
            return text
        return self._plain(text, line)

    def _plain(self, text: str, line: int) -> Any:
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _NOT_FINITE.fullmatch(text):
            raise self._error(line, f"has the number '{text}'", "a finite number", "write a number, or null if unknown")
        if _INT.fullmatch(text):
            if len(text) > 20 or not -(2**63) <= (number := int(text, 0 if text[:2] in ("0x", "0o") else 10)) < 2**63:
                raise self._error(
                    line,
                    f"has the number {shortened(text)}",
                    "a whole number of at most 64 bits",
                    "quote it if it is text",
                )
            return number
        if _FLOAT.fullmatch(text):
            value = float(text)
            if not math.isfinite(value):
                raise self._error(
                    line, f"has the number {shortened(text)}", "a finite number", "write a smaller number"
                )
            return value
        return text

    def _line(self, event: Any) -> int:
        return self._line_at(event.start_mark.index)

    def _line_at(self, index: int) -> int:
        return self.first_line + bisect.bisect_left(self._breaks, index)

    def _line_at_byte(self, offset: int) -> int:
        return self.first_line + self.file.text.encode()[:offset].count(b"\n")

    def _syntax_error(self, error: yaml.MarkedYAMLError) -> FileError:
        mark = error.problem_mark or error.context_mark
        line = self.first_line if mark is None else self._line_at(mark.index)
        problem = shortened(error.problem or "cannot be read as YAML")
        if "maximum nesting depth" in problem:  # the parser's own limit, from PyYAML 6.0.4 on
            return self._too_deep(line)
        text = self.file.text.split("\n")[line - self.first_line] if mark is not None else ""
        if "\t" in text[: len(text) - len(text.lstrip())] or "'\\t'" in str(error.problem):
            return self._error(line, "uses a tab for indentation", "spaces", "replace the tabs by spaces")
        context = "" if not error.context else f" {shortened(error.context)}"
        if _JSON_PAIR.search(text):
            step = "write the character itself: two halves (\\ud83d\\ude00) are of JSON alone"
            return self._error(line, f"is not YAML: {problem}{context}", "valid YAML", step)
        return self._error(
            line,
            f"is not YAML: {problem}{context}",
            "valid YAML",
            "check indentation, colons and quotes near this line",
        )

    def _too_deep(self, line: int) -> FileError:
        found, allowed = f"is nested more than {MAX_DEPTH} levels deep", f"at most {MAX_DEPTH} levels"
        return self._error(line, found, allowed, "flatten the file")

    def _error(self, line: int, found: str, allowed: str, next_step: str) -> FileError:
        return FileError(str(self.file.path), found, line=line, allowed=allowed, next_step=next_step)


def _character(character: object) -> str:
    code = character if isinstance(character, int) else ord(str(character)[:1] or "\0")
    return f"U+{code:04X}"
