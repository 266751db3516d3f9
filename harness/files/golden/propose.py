"""The lines of a card with which a foreign file could be read: proposed in messages, never applied.

What a column probably holds is guessed in ``guess``; what a value of a label means in ``values``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.files.golden import guess
from harness.files.golden.fields import label_names, read_paths
from harness.files.golden.values import value_lines, yaml_key
from harness.records import FieldPaths, GoldenCard

_ROLES = ("id", "text", "labels")


def card_lines(samples: guess.Samples, card: GoldenCard, *, is_text: bool = False) -> list[str]:
    """Lines to write in a card so that the columns of a file are read, or left out.

    ``is_text`` says whether all values are text, as in CSV.
    """
    return _Proposal(samples, card, is_text=is_text).lines()


class _Proposal:
    def __init__(self, samples: guess.Samples, card: GoldenCard, *, is_text: bool) -> None:
        self.samples = samples
        self.card = card
        self.is_text = is_text
        self.fields = {
            name: path
            for name in FieldPaths.__struct_fields__
            if (path := getattr(card.fields, name)) != getattr(FieldPaths(), name)
        }
        self.rename: dict[str, str] = dict(card.rename)
        self.values: list[Any] = []
        self.extra: list[str] = []
        read = {
            path.split(".")[0]
            for path in read_paths(card, "images", "context", "votes", "weight", "group", "must_catch")
        }
        read |= {"meta", *card.ignore} | ({*label_names(card)} if card.fields.labels == "." else set())
        self.left = [name for name in samples if name not in read and name.split(".")[0] not in read]
        self.ignored = [name for name in self.left if guess.is_index(name, samples[name])]
        self._leave(self.ignored)
        self._find_parts()

    def lines(self) -> list[str]:
        slices = {name: name for name in guess.slice_columns({name: self.samples[name] for name in self.left})}
        ignored = [name for name in self.left if name not in slices]
        lines = []
        if self.fields:
            lines.append(f"fields: {_flow(self.fields)}")
        lines += self.extra
        if self.rename:
            lines.append(f"rename: {_flow(self.rename)}")
        lines += value_lines(self.values)
        if slices:
            lines.append(f"slices: {_flow({**self.card.slices, **{_slice_name(name): name for name in slices}})}")
        ignored = [*self.card.ignore, *self.ignored, *ignored]
        if ignored:
            lines.append(f"ignore: [{', '.join(map(yaml_key, ignored))}]")
        return lines

    def _find_parts(self) -> None:
        near = {name: guess.near_part(name, [role for role in _ROLES if self._is_missing(role)]) for name in self.left}
        for name, role in near.items():
            if role is not None and role != "labels" and self._is_missing(role):
                self._take(role, name)
        if self._is_missing("labels"):
            self._find_labels()
        left = {name: self.samples[name] for name in self.left}
        if self._is_missing("id"):
            ids = guess.id_column(left)
            if ids is None:
                self.extra.append("id: row")
            else:
                self._take("id", ids)
        left = {name: self.samples[name] for name in self.left}
        texts = guess.text_column(left) if self._is_missing("text") else None
        if texts is not None:
            self._take("text", texts)

    def _find_labels(self) -> None:
        names = label_names(self.card)
        left = {name: self.samples[name] for name in self.left}
        alike = {_alike(name): name for name in names}
        plain = [name for name in left if _alike(name) in alike]
        for name in plain:
            if name not in names:
                own = alike[_alike(name)]
                self.rename[name] = self.card.rename.get(own, own)
        if plain:
            self.fields["labels"] = "."
            self._read_values(plain)
            return
        for name, values in left.items():
            is_list, mark = guess.listed_labels(values, names)
            if is_list:
                self._take("labels", name)
                if self.card.absent_labels != "negative":
                    self.extra.append("absent_labels: negative")
                if mark is not None:
                    self.extra.append(f"separator: {yaml_key(mark)}")
                return
        nearly = [name for name in left if guess.near_part(name, ["labels"]) and _is_mapping(left[name])]
        if nearly:
            self._take("labels", nearly[0])
            return
        binary = guess.label_columns({name: values for name, values in left.items() if not _is_id(name, values)})
        if len(self.card.labels) == 1 and binary:
            named = guess.word_column({name: left[name] for name in binary}) or binary[0]
            self.fields["labels"] = "."
            self.rename[named] = self.card.rename.get(self.card.labels[0], self.card.labels[0])
            self._read_values([named])

    def _read_values(self, columns: Sequence[str]) -> None:
        for name in columns:
            self.values += guess.unread_values(self.card, name, self.samples[name], is_text=self.is_text)
        self._leave(columns)

    def _is_missing(self, role: str) -> bool:
        if role == "id" and self.card.id == "row":
            return False
        path = self.fields.get(role, getattr(self.card.fields, role))
        if role == "labels" and path == ".":
            return not any(name in self.samples for name in label_names(self.card)) and not self.rename
        top = path.split(".")[0]
        return top not in self.samples and not any(name.startswith(f"{path}.") for name in self.samples)

    def _take(self, role: str, name: str) -> None:
        self.fields[role] = name
        self._leave([name])

    def _leave(self, names: Iterable[str]) -> None:
        gone = set(names)
        self.left = [name for name in self.left if name not in gone]


def written_in(card: str | Path, lines: Sequence[str]) -> str:
    """Proposed lines as the next step of a message."""
    return f"write in {card}:\n" + "\n".join(f"    {line}" for line in lines)


def resave_hint(path: str | Path) -> str:
    """What always helps with a foreign file: the same rows in a form that is read."""
    return f"or save {path} as CSV (UTF-8), JSONL or Parquet, one row an item"


def _flow(mapping: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{yaml_key(name)}: {_scalar(value)}" for name, value in mapping.items()) + "}"


def _scalar(value: str) -> str:
    return value if value == "." else yaml_key(value)


def _slice_name(column: str) -> str:
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in column).strip("_") or "slice"


def _alike(name: str) -> str:
    """A name without what differs in writing alone: case, blanks at its ends, how accents are encoded."""
    return unicodedata.normalize("NFC", name.strip()).casefold()


def _is_mapping(values: Sequence[Any]) -> bool:
    return any(isinstance(value, dict) for value in values)


def _is_id(name: str, values: Sequence[Any]) -> bool:
    return guess.id_column({name: values}) == name and len(values) > 2
