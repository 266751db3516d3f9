"""Values of items <-> cells of a table: what is written so that no spreadsheet runs it, and what import makes of it.

Decides both ways in one place, so that a written cell is read back on the spot: where it says something else than the
value did, that is counted by column and reason (``Cells.changed``) and the command says it. An apostrophe stands before
text that a spreadsheet could take for a formula, and before text that begins with such an apostrophe; a workbook holds
what XML cannot as ``_x000D_``, as its format says (ECMA-376 part 1, 22.9.2.19).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

Form = Literal["csv", "xlsx"]
_FORMULA = "=+-@\t\r\n|%＝＋－＠'"
_SPACES = " \u00a0"
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_NO_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
MOST_UNITS = 32_767
"""What a cell of a workbook holds, in UTF-16 units."""
_MOST_DIGITS = 10**15
"""Whole numbers beyond lose digits in a spreadsheet."""
_NAMED = 3

NUMBERS = ("weight", "meta.sample.inclusion_probability", "meta.sample.views")
"""Columns that are numbers in CSV too, where all other cells are text."""
NUMBER, EMPTY, CUT, LIKE_LIST, DOTTED, SPACED, ROUNDED = (
    "a number or true/false, which comes back as text",
    "an empty value, which comes back as none",
    f"more than {MOST_UNITS:,} characters, cut there",
    "text that reads as a list or a mapping",
    "a name with a dot, which comes back as two names",
    "a name of which some spaces do not come back",
    "a number with more than the 16 digits that a workbook holds, rounded there",
)


def guarded(text: str) -> str:
    """Text that no spreadsheet takes for a formula; a number stays as it is.

    >>> guarded("=1+1"), guarded("'tis"), guarded("-5"), guarded("fine")
    ("'=1+1", "''tis", '-5', 'fine')
    """
    return f"'{text}" if text.lstrip(_SPACES)[:1] in tuple(_FORMULA) and not _is_number(text) else text


def unguarded(text: str) -> str:
    """The text that was guarded.

    >>> unguarded("'=1+1"), unguarded("''tis"), unguarded("'tis")
    ('=1+1', "'tis", "'tis")
    """
    return text[1:] if text[:1] == "'" and text[1:].lstrip(_SPACES)[:1] in tuple(_FORMULA) else text


def xml_escaped(text: str) -> str:
    r"""Text of a cell whose every character survives the XML of a workbook.

    >>> xml_escaped("a\r\nb\x00"), xml_escaped("_x0041_")
    ('a_x000D_\nb_x0000_', '_x005F_x0041_')
    """
    return _NO_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def xml_unescaped(text: str) -> str:
    """What a spreadsheet shows of such a text."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def structured(cell: str) -> Any:
    """The list or mapping that a cell holds as JSON; None where it holds none."""
    if cell[:1] not in ("[", "{"):
        return None
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError:
        return None


def value_of(column: str, cell: Any, *, is_text: bool) -> Any:
    """What a cell of an exported table says; None where it is empty. Labels are left as they stand.

    ``is_text`` says whether all cells of the table are text.
    """
    if cell is None or cell == "":
        return None
    if not isinstance(cell, str):
        return cell
    if is_text and column in NUMBERS:
        return _number(cell)
    if column == "must_catch":
        return {"true": True, "false": False}.get(cell.casefold(), cell)
    if column not in ("id", "text", "group") and not column.startswith("labels."):
        found = structured(cell)
        if found is not None:
            return found
    return unguarded(cell)


@dataclass(slots=True)
class Cells:
    """Writes the cells of one table and notes what does not come back."""

    form: Form
    changed: dict[tuple[str, str], tuple[int, list[str]]] = field(default_factory=dict)

    def cell(self, column: str, value: Any, item: str) -> Any:
        """The cell for a value of an item."""
        written, reason = self._written(value)
        back = written if self.form == "csv" or not isinstance(written, str) else xml_unescaped(written)
        if self.form == "csv" and back is not None:
            back = str(back)
        is_label = column.startswith("labels.")
        if not reason and not is_label and not _same(value_of(column, back, is_text=self.form == "csv"), value):
            reason = EMPTY if value == "" else LIKE_LIST if isinstance(value, str) else NUMBER
        if reason:
            self.note(column, reason, item)
        return written

    def note(self, column: str, reason: str, item: str) -> None:
        """Note a value that does not come back as it was."""
        n, items = self.changed.setdefault((column, reason), (0, []))
        if len(items) < _NAMED:
            items.append(item)
        self.changed[column, reason] = n + 1, items

    def head(self, name: str) -> str:
        """A name of a column as it is written."""
        return xml_escaped(name) if self.form == "xlsx" else name

    def _written(self, value: Any) -> tuple[Any, str]:
        if isinstance(value, Mapping | list | tuple):
            value = orjson.dumps(value).decode()
        elif isinstance(value, str):
            value = guarded(value)
        elif isinstance(value, int) and abs(value) > _MOST_DIGITS and self.form == "xlsx":
            return str(value), NUMBER
        elif isinstance(value, float) and self.form == "xlsx" and float(f"{value:.16g}") != value:
            return value, ROUNDED
        if self.form == "csv" or not isinstance(value, str):
            return value, ""
        return _cut(xml_escaped(value))


def _cut(text: str) -> tuple[str, str]:
    if len(text) <= MOST_UNITS // 2 or len(text.encode("utf-16-le")) <= 2 * MOST_UNITS:
        return text, ""
    kept = text.encode("utf-16-le")[: 2 * MOST_UNITS].decode("utf-16-le", errors="ignore")
    at = kept.rfind("_x", len(kept) - 6)
    is_split = at >= 0 and _ESCAPED.match(text, at) is not None and at + 7 > len(kept)
    return kept[:at] if is_split else kept, CUT


def _same(back: Any, value: Any) -> bool:
    if isinstance(value, tuple):
        value = list(value)
    return bool(back == value) and isinstance(back, str) == isinstance(value, str)


def _is_number(text: str) -> bool:
    return isinstance(_number(text), float) and text.isascii()


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
