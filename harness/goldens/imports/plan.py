"""What each column of a foreign file is, and what a value in a column of labels means.

A ``Plan`` is complete: it is guessed (``guess_plan``), asked for or given by options, and then nothing is guessed any
more. A value that it does not say how to read is collected and refused with the option that would declare it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.errors import HarnessError
from harness.files.golden.guess import structure
from harness.files.golden.values import folded, meaning, written
from harness.files.text import counted, quoted
from harness.goldens.imports.flat import Row

VoteRule = Literal["majority", "any", "all"]
RULES: Mapping[VoteRule, str] = {
    "majority": "violates where more than half of the votes say so; not labelled at a tie",
    "any": "violates where one vote says so",
    "all": "violates where every vote says so",
}
_CELLS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+%?")
"""A number as most of Europe writes it."""
_MOST_UNREAD = 20


@dataclass(frozen=True, slots=True)
class LabelColumn:
    """A column whose values are labels of one category."""

    column: str
    category: str


@dataclass(frozen=True, slots=True)
class VoteColumn:
    """A column of what one annotator said: of one category, or by naming what is violated."""

    column: str
    annotator: str
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How the rows of a file become items.

    ``listed`` names the column whose cells name what is violated, one word or several joined by ``separator``;
    ``names`` maps those words to categories. ``values`` maps values of labels to 1, 0 or null, ``cuts`` the number from
    which on a value of a column violates. An empty cell is not labelled, or 0 in the columns of ``blank_is_zero``.
    ``annotator`` names the column that says who gave the labels of a row.
    """

    text: str | None = None
    id: str | None = None
    labels: tuple[LabelColumn, ...] = ()
    listed: str | None = None
    separator: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, int | None] = field(default_factory=dict)
    cuts: Mapping[str, float] = field(default_factory=dict)
    absent: Literal["negative", "unknown"] = "negative"
    blank_is_zero: tuple[str, ...] = ()
    votes: tuple[VoteColumn, ...] = ()
    annotator: str | None = None
    vote_rule: VoteRule = "majority"
    group: str | None = None
    images: str | None = None
    slices: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    unescape: bool = False
    repair: bool = False

    @property
    def categories(self) -> tuple[str, ...]:
        """Categories in the order of the file."""
        named = [self.names[name] for name in self.names]
        voted = [vote.category for vote in self.votes if vote.category is not None]
        return tuple(dict.fromkeys([*(label.category for label in self.labels), *named, *voted]))

    @property
    def columns(self) -> frozenset[str]:
        """Columns with a part to play; all others are kept under ``meta``."""
        named = (self.text, self.id, self.listed, self.annotator, self.group, self.images)
        return frozenset(
            [name for name in named if name is not None]
            + [label.column for label in self.labels]
            + [vote.column for vote in self.votes]
        )

    def rules(self) -> tuple[str, ...]:
        """In words, what turned values into labels; written into the card."""
        said = []
        if self.cuts:
            said += [f"{name}: violates from {cut:g} on" for name, cut in self.cuts.items()]
        if self.values:
            words = {1: "violates", 0: "does not violate", None: "not labelled"}
            said.append("; ".join(f"{quoted(value)}: {words[code]}" for value, code in self.values.items()))
        if self.names and any(name != category for name, category in self.names.items()):
            said.append("; ".join(f"'{name}': {category}" for name, category in self.names.items() if name != category))
        if self.listed is not None:
            left = "not violated" if self.absent == "negative" else "not labelled"
            said.append(f"a category that {self.listed} does not name: {left}")
        if self.blank_is_zero:
            said.append(f"an empty cell of {', '.join(self.blank_is_zero)}: not violated")
        if self.votes or self.annotator is not None:
            said.append(f"{counted(len(self.votes), 'annotator')}: {RULES[self.vote_rule]}" if self.votes
                        else f"votes: {RULES[self.vote_rule]}")  # fmt: skip
        if self.unescape:
            said.append("HTML entities were turned into their characters")
        if self.repair:
            said.append("text that was decoded wrongly was repaired (ftfy)")
        return tuple(said)


class Unread:
    """Values that the plan does not say how to read: each once, counted, with the row where it stands first."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[Any, int, int]] = {}
        self.n = 0

    def add(self, column: str, value: Any, number: int) -> None:
        """Note a value of a column in a row."""
        self.n += 1
        key = (column, folded(value))
        first = self._seen.get(key)
        if first is not None:
            self._seen[key] = (first[0], first[1], first[2] + 1)
        elif len(self._seen) < _MOST_UNREAD:
            self._seen[key] = (value, number, 1)

    def raise_if_any(self, path: str, plan: Plan) -> None:
        """One message for all of them, with the options that would declare them."""
        if not self._seen:
            return
        lines = [
            f"{column} is {quoted(value)} in {counted(n, 'row')}, first in row {number}"
            for (column, _), (value, number, n) in self._seen.items()
        ]
        options = " ".join(_option(column, value, plan) for (column, _), (value, _, _) in self._seen.items())
        raise HarnessError(
            f"{path}: {counted(self.n, 'value')} of labels cannot be read:\n    " + "\n    ".join(lines),
            allowed="1, 0, true, false, and what is declared",
            next_step=f"add: {options}\n  with 1 (violates), 0 (does not) or null (nobody knows) in place of each ?"
            + self._cuts(plan),
        )

    def _cuts(self, plan: Plan) -> str:
        """Where the values are numbers: the option that says from which number on one violates."""
        columns = {column for column, _ in self._seen if column != plan.listed}
        numeric = [
            column
            for column in sorted(columns)
            if all(
                _as_number(folded(value)) is not None for (own, _), (value, _, _) in self._seen.items() if own == column
            )
        ]
        return "".join(f"\n  or, as a grade or count that violates from a number on: --cut {_quoted(f'{one}=NUMBER')}"
                       for one in numeric)  # fmt: skip


def _option(column: str, value: Any, plan: Plan) -> str:
    if column == plan.listed:
        return f"--rename {_quoted(f'{value}=CATEGORY')}"
    code = meaning(value)
    return f"--value {_quoted(f'{value}={written(code)}')}"


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)


class LabelReader:
    """Reads the labels of one row under a plan."""

    def __init__(self, plan: Plan, unread: Unread) -> None:
        self.plan, self._unread = plan, unread
        self._values = {folded(value): code for value, code in plan.values.items()}
        self._names = {folded(name): category for name, category in plan.names.items()}

    def labels(self, row: Row, number: int) -> dict[str, int | None]:
        """Category -> 1, 0 or None; categories of which the row says nothing are left out."""
        plan = self.plan
        found: dict[str, int | None] = {}
        for label in plan.labels:
            code = self.code(label.column, row.get(label.column), number)
            found[label.category] = _joined(found.get(label.category, 0), code) if label.category in found else code
        if plan.listed is not None:
            found |= self.listed(plan.listed, row.get(plan.listed), number)
        return found

    def votes(self, row: Row, number: int) -> Iterator[tuple[str, dict[str, int | None]]]:
        """Annotator and labels of each column of votes; a cell without any is no vote."""
        by_annotator: dict[str, dict[str, int | None]] = {}
        for vote in self.plan.votes:
            value = row.get(vote.column)
            if vote.category is None:
                said = self.listed(vote.column, value, number)
            else:
                said = {vote.category: self.code(vote.column, value, number)}
            if any(code is not None for code in said.values()):
                by_annotator.setdefault(vote.annotator, {}).update(said)
        yield from by_annotator.items()

    def code(self, column: str, value: Any, number: int) -> int | None:
        """What a value of a column of labels means."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            value = ""
        word = folded(value)
        if word in self._values:
            return self._values[word]
        cut = self.plan.cuts.get(column)
        if cut is not None and (number_of := _as_number(word)) is not None:
            return int(number_of >= cut)
        if word == "":
            return 0 if column in self.plan.blank_is_zero else None
        if word in _CELLS:
            return _CELLS[word]
        self._unread.add(column, value, number)
        return None

    def listed(self, column: str, value: Any, number: int) -> dict[str, int | None]:
        """Labels of a cell that names what is violated."""
        plan = self.plan
        if (said_by_name := mapped(value)) is not None:
            return self._mapped(column, said_by_name, number)
        if isinstance(value, list) and any(isinstance(one, dict) and mapped(one) is None for one in value):
            self._unread.add(column, str(value), number)
            return dict.fromkeys(plan.categories)
        is_whole = isinstance(value, str) and folded(value) in self._names.keys() | self._values.keys()
        words = [value] if is_whole else parted(value, plan.separator)
        if not words and (isinstance(value, list) or (isinstance(value, str) and value.strip())):
            return dict.fromkeys(plan.categories, 0)  # a list is there, and it is empty
        every = dict.fromkeys(plan.categories)
        if not words:
            return dict.fromkeys(plan.categories, 0) if column in plan.blank_is_zero else every
        violated = set()
        is_said = False
        for word in words:
            key = folded(word)
            if key in self._names:
                violated.add(self._names[key])
                is_said = True
            elif key in self._values and self._values[key] is not None:
                if self._values[key] == 1 and len(plan.categories) == 1:
                    violated.add(plan.categories[0])
                is_said = True
            elif key not in self._values:
                self._unread.add(plan.listed or column, word, number)
        if not is_said:
            return every
        rest = 0 if plan.absent == "negative" or not violated else None
        return {category: 1 if category in violated else rest for category in every}

    def _mapped(self, column: str, said: Mapping[str, Any], number: int) -> dict[str, int | None]:
        """Labels of a mapping from names to 1, 0 or null; what it does not name is not labelled."""
        found: dict[str, int | None] = dict.fromkeys(self.plan.categories)
        for name, value in said.items():
            category = self._names.get(folded(name))
            if category is not None:
                found[category] = self.code(column, value, number)
            elif folded(name) not in self._values:
                self._unread.add(self.plan.listed or column, name, number)
        return found


def mapped(value: Any) -> dict[str, Any] | None:
    """The names and their labels where a cell is a mapping of them, also as text; None where it is none.

    >>> mapped('{"hate": 1, "spam": 0}'), mapped("hate"), mapped({"label": "hate", "score": 0.9})
    ({'hate': 1, 'spam': 0}, None, None)
    """
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        value = structure(value)
    if not isinstance(value, dict):
        return None
    codes = (None, "", *_CELLS)
    return value if all((None if one is None else folded(one)) in codes for one in value.values()) else None


def parted(value: Any, separator: str | None) -> list[str]:
    """The words of a cell that names labels: a list, a list as text, words joined by the separator, or one word.

    >>> parted("hate; violence", ";"), parted("['hate']", None), parted("", ";"), parted(["a", "b"], None)
    (['hate', 'violence'], ['hate'], [], ['a', 'b'])
    """
    if value is None:
        return []
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        value = structure(value)
    if isinstance(value, dict):
        return [str(name) for name, one in value.items() if one in (1, True, "1", "true")]
    if isinstance(value, list | tuple | set):
        return [part for one in value for part in parted(one, separator)]
    text = str(value).strip()
    if not text:
        return []
    if separator is None:
        return [text]
    parts = text.split() if separator == " " else text.split(separator)
    return [part.strip() for part in parts if part.strip()]


def decided(
    votes: Sequence[Mapping[str, int | None]], rule: VoteRule, categories: Sequence[str]
) -> dict[str, int | None]:
    """The label that votes give each category.

    >>> decided([{"hate": 1}, {"hate": 0}, {"hate": 1}], "majority", ["hate"]), decided([{"hate": 1}, {"hate": 0}],
    ... "majority", ["hate"])
    ({'hate': 1}, {'hate': None})
    """
    found: dict[str, int | None] = {}
    for category in categories:
        said = [code for vote in votes if (code := vote.get(category)) is not None]
        n_for = sum(said)
        if not said:
            found[category] = None
        elif rule == "any":
            found[category] = int(n_for > 0)
        elif rule == "all":
            found[category] = int(n_for == len(said))
        else:
            found[category] = None if 2 * n_for == len(said) else int(2 * n_for > len(said))
    return found


def _joined(one: int | None, other: int | None) -> int | None:
    """A three-valued or, for columns that mean the same category."""
    if 1 in (one, other):
        return 1
    return None if None in (one, other) else 0


def _as_number(text: str) -> float | None:
    if _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    try:
        number = float(text.replace("%", "e-2") if text.endswith("%") else text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
