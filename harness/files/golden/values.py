"""What a label's value means (1, 0, nobody labelled it, or nothing that can be read), and the lines of a card for it.

Decides by what the card declares, in this order: ``label_values`` (a table of values), ``cut`` (the number from which
on it violates), and what needs no declaration: 1, 0, true, false, null and, in tables, 1.0, 0.0 and a missing number.
Values that are none of these are never guessed; ``value_lines`` words the lines that would declare them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from harness.files.text import words
from harness.records import GoldenCard

ABSENT: Final = 0xFE  # the label is not in the row
NULL: Final = 0xFF  # the label is null; int8 -1
UNKNOWN: Final = 0xFD  # the card declares that this value means nobody labelled it

_CELLS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "": NULL}
_TRUE = frozenset(
    words(
        "wahr vrai verdadero verdadeiro vero waar prawda sant sand sann tosi pravda igaz doğru истина істина αληθες "
        "αληθής adevărat istina 真 tak evet ano igen kyllä так ναι 예 네 صحيح نعم"
    )
)
"""What spreadsheets write for TRUE, and people for yes, where the language is another than those below."""
_FALSE = frozenset(
    words(
        "falsch faux falso onwaar fałsz falskt falsk usann epätosi nepravda hamis yanlış yanliş ложь неистина хибність "
        "ψευδες ψευδής fals laž 假 nie hayır hayir ne nem ei nee nej nei ні όχι 아니요 아니오 خطأ لا"
    )
)
_VIOLATES = _TRUE | frozenset(
    words(
        "yes y true t x 1 ✓ ✔ violating violates violation violative harmful unsafe toxic hateful hate abusive "
        "offensive insulting obscene racist sexist spam bad block blocked remove removed flag flagged reject rejected "
        "deny denied nsfw positive pos si sí sim oui ja да はい 是"
    )
)
_ONLY_YES = _TRUE | frozenset(
    words(
        "yes y true t x 1 ✓ ✔ violating violates violation violative harmful unsafe bad block blocked remove removed "
        "flag flagged reject rejected deny denied positive pos si sí sim oui ja да はい 是"
    )
)
_DOES_NOT = _FALSE | frozenset(
    words(
        "no n false f 0 - harmless safe neither clean benign normal neutral ok okay fine good allow allowed keep kept "
        "approve approved accept accepted ham sfw negative neg acceptable compliant não nao non nein нет いいえ 否"
    )
)
_NOBODY = frozenset(
    ("", "na", "n/a", "n.a.", "nan", "null", "nil", "unknown", "unsure", "unclear", "skip", "skipped", "?")
)
_NOBODY_TOO = frozenset(
    ("-1", "9", "99", "999", "-9", "-99", "not labelled", "not labeled", "unlabelled", "unlabeled", "undecided", "tbd")
)
_NOT = re.compile(r"(?:not|non|no|un|in)(?:[ _-]*)(.+)")
_PLAIN_KEY = re.compile(r"[^\W_][\w .+-]*|-?[0-9]+(\.[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"-?(?:0,[0-9]+|[0-9]+,[0-9]{1,2})")
_WHOLE = re.compile(r"(-?[0-9]+)\.0+")
_YAML_WORDS = frozenset(words("yes no y n on off true false null ~"))
_MOST_KEYS = 20
_OFTEN_MISSING, _GRADES = (99, 999), 10
"""Numbers by which surveys say that there is no answer, unless grades go beyond ten."""


class LabelValues:
    """Reads the values of labels as one card declares them."""

    def __init__(self, card: GoldenCard, *, is_text: bool = False) -> None:
        """``is_text``: the values are cells of text, as in CSV."""
        self._declared = {folded(value): _code(code) for value, code in card.label_values.items()}
        self._cuts = card.cut if isinstance(card.cut, Mapping) else None
        self._cut = None if isinstance(card.cut, Mapping) else card.cut
        self._is_text = is_text
        self.is_plain = not self._declared and card.cut is None

    def code(self, name: str, value: Any) -> int | None:
        """1, 0, ``NULL`` or ``UNKNOWN`` for the value of a label; None when the card does not say what it means."""
        if value is None:
            return NULL
        kind = type(value)
        if self._declared and (declared := self.declared(value)) is not None:
            return declared
        cut = self._cut if self._cuts is None else self._cuts.get(name)
        if kind is str:
            text = value.strip().casefold()
            if cut is not None and (number := _number(text)) is not None:
                return int(number >= cut)
            if not self._is_text:
                return None
            number = _number(text) if "," in text else None
            return int(number) if number in (0, 1) else _CELLS.get(text)
        if kind is bool:
            return int(value)
        if kind is int or kind is float:
            if value != value:  # a missing number in a column of floats
                return NULL
            if cut is not None:
                return int(value >= cut)
            return int(value) if value in (0, 1) else None
        return None

    def declared(self, value: Any) -> int | None:
        """What ``label_values`` says of a value: 1, 0 or ``UNKNOWN``; None when it does not name it."""
        return self._declared.get(folded(value))


def folded(value: Any) -> str:
    """A value as ``label_values`` compares it: case, outer blanks and the zeros of a whole number do not count.

    >>> folded(" Not  Harmful"), folded(True), folded(-1.0), folded("2.00")
    ('not harmful', 'true', '-1', '2')
    """
    text = " ".join(str(value).split()).casefold()
    whole = _WHOLE.fullmatch(text)
    return text if whole is None else whole[1]


def meaning(value: Any, *, none_is_zero: bool = False) -> int | str | None:
    """What a value probably means: 1, 0, None (nobody labelled it), or ``?`` where only its owner can say.

    >>> [meaning(word) for word in ("Harmful", "unharmful", "not_hate", "N/A", -1, "borderline")]
    [1, 0, 0, None, None, '?']
    """
    word = folded(value)
    if word in ("none", "nothing", "no violation", "no_violation"):
        return 0 if none_is_zero else None
    if word in _NOBODY or word in _NOBODY_TOO:
        return None
    if word in _DOES_NOT:
        return 0
    if word in _VIOLATES:
        return 1
    if is_negation(word):
        return 0
    return "?"


def names_category(word: str) -> bool:
    """Whether a word says what is violated, and not only that something is.

    >>> names_category("Spam"), names_category("yes"), names_category("unsafe"), names_category("none")
    (True, False, False, False)
    """
    return folded(word) not in _ONLY_YES and meaning(word, none_is_zero=True) not in (0, None)


def is_negation(word: str, of: Iterable[str] = _VIOLATES) -> bool:
    """Whether a word says that another does not hold: ``unharmful``, ``not_hate``, ``non-toxic``."""
    found = _NOT.fullmatch(folded(word))
    return found is not None and found[1] in {folded(name) for name in of}


def value_lines(values: Iterable[Any]) -> list[str]:
    """The lines of a card that declare values of labels; ``?`` stands where their owner must choose.

    >>> value_lines(["harmful", "unharmful", ""])
    ['label_values: {harmful: 1, unharmful: 0, "": null}']
    >>> value_lines([0.25, 0.9, -1])
    ['label_values: {-1: null}', 'cut: 0.5']
    >>> value_lines([2, 99])
    ['label_values: {99: null}', 'cut: 1']
    """
    distinct = list(dict.fromkeys(values))
    numbers = {value: number for value in distinct if (number := _as_number(value)) is not None}
    is_scale = any(_GRADES < number < _OFTEN_MISSING[0] for number in numbers.values())
    missing = () if is_scale else _OFTEN_MISSING
    scale = [number for number in numbers.values() if number not in (0, 1, *missing) and number >= 0]
    words = [value for value in distinct if (number := numbers.get(value, -1)) < 0 or number in missing]
    lines = []
    if words:
        named = words[:_MOST_KEYS]
        keys = {folded(value): value for value in named}
        entries = [
            f"{yaml_key(key if key.lstrip('-').isdigit() else str(value))}: {written(meaning(value))}"
            for key, value in keys.items()
        ]
        lines.append(f"label_values: {{{', '.join(entries)}{', ...' if len(words) > len(named) else ''}}}")
    if scale:
        lines.append("cut: 0.5" if max(scale) <= 1 else "cut: 1")
    return lines


def yaml_key(text: str) -> str:
    """A text as a key or an entry inside a YAML flow mapping or list.

    >>> yaml_key("harmful"), yaml_key(""), yaml_key("a: b"), yaml_key("no")
    ('harmful', '""', '"a: b"', '"no"')
    """
    is_plain = _PLAIN_KEY.fullmatch(text) and text == text.strip() and text.casefold() not in _YAML_WORDS
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def written(code: int | str | None) -> str:
    """A label as files have it."""
    return "null" if code is None else str(code)


def _code(declared: int | None) -> int:
    return UNKNOWN if declared is None else declared


def _number(text: str) -> float | None:
    """A number, also with the decimal comma of many spreadsheets; "1,000" may be a thousand, and is none."""
    try:
        number = float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text.strip()) else text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    return _number(value) if isinstance(value, str) else None
