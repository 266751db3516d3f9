"""What a word is: the forms of a text that rules are looked up in, and how a rule's word is written in them.

Decides what counts as a word and what of a rule's word must stand in the text. A word is a run of letters, digits and
combining marks of any script. Characters of scripts that are written without spaces (Han, kana, Thai, Lao, Khmer,
Burmese, Tibetan), emoji and currency signs are words of their own, so a word of such a script is found inside a run.

* A word of letters is looked up where words are parted by one space and everything else parts them: "guaranteed return"
  finds "guaranteed-return", "self-harm" finds "self harm".
* A word with a symbol ("18+", "c++", "#ad", ".ru", "t.me") keeps it: it is looked up in the text as it stands, and a
  letter or digit at its edge must be the edge of a word there.
* ``*`` at the beginning or end of a word stands for any letters: "자살*" finds the word with a particle, "*pack" a
  German compound. For attached words with no mark of their own, ``match: includes`` looks anywhere.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from harness.records import Match

START, END = "\x02", "\x03"
"""What stands before and after every text, so that its beginning and end can be looked for."""

_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x109F),  # Tibetan, Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),
    (0x3040, 0x312F),  # kana, bopomofo
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9D),
    (0x20000, 0x3FFFF),
)
_BLANKS = {0x2800}


class _TokenTable(dict[int, str]):
    """Code point -> itself, a space, or itself between spaces; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category in ("So", "Sc") or any(low <= code <= high for low, high in _UNSPACED):
            found = " " if code in _BLANKS or category[0] in "PZ" else f" {character} "
        else:
            found = character if category[0] in "LNM" else " "
        self[code] = found
        return found


_TOKENS = _TokenTable()


def tokens(text: str) -> list[str]:
    """Words of a text.

    >>> tokens("don't_kill 🍆我要")
    ['don', 't', 'kill', '🍆', '我', '要']
    """
    return text.translate(_TOKENS).split()


class Sought(NamedTuple):
    """What is looked for: the exact string, in which form, and whether its edges must be the edges of words."""

    text: str
    is_literal: bool = False
    left: bool = False
    right: bool = False


_PARTS = re.compile(r"[\s_\u2010-\u2015-]+")
_SENTENCE = re.compile(r"(?<=\w)[,;:!?\u2026\"()\[\]\u201c\u201d\u00ab\u00bb]+(?=\s)|(?<=\s)[\"(\[\u201c\u00ab]+(?=\w)")
_APOSTROPHES = re.compile("['\u2019\u2018\u02bc\uff07`]")


def plain_form(text: str) -> str:
    r"""A text as its words with one space around each.

    >>> plain_form("Guaranteed-return!")
    '\x02 Guaranteed return \x03'
    """
    return f"{START} {' '.join(tokens(text))} {END}"


def literal_form(text: str) -> str:
    """A text as it stands, with one space for every run of spaces, dashes and underscores."""
    return f"{START}{_PARTS.sub(' ', text).strip()}{END}"


def is_word_character(character: str) -> bool:
    """Whether a letter, digit or mark of a script that parts its words."""
    return character != " " and _TOKENS[ord(character)] == character


def symbols_of(word: str) -> str:
    """Symbols of a rule's word that must stand in the text; empty for a word of letters.

    >>> symbols_of("c++"), symbols_of("don't kill"), symbols_of("self-harm"), symbols_of("wtf?!")
    ('++', '', '', '?!')
    """
    bare = _APOSTROPHES.sub("", _PARTS.sub(" ", _SENTENCE.sub(" ", word)))
    return "".join(
        one
        for one in bare
        if one != " " and _TOKENS[ord(one)] == " " and unicodedata.category(one)[0] != "C" and not _is_tone(one)
    )


def sought(word: str, match: Match) -> Sought | None:
    """How a rule's word, normalised already, is looked up; None when it has no letter, digit, emoji or currency."""
    bare = word.strip()
    before, after = bare.startswith("*"), bare.endswith("*")
    bare = bare.strip("*").strip()
    if not tokens(bare):
        return None
    is_literal = bool(symbols_of(bare))
    text = _PARTS.sub(" ", bare).strip() if is_literal else " ".join(tokens(bare))
    anywhere = match == "includes"
    left, right = not (before or anywhere), not (after or anywhere)
    if match in ("starts-with", "full-text"):
        text, left = (START if is_literal else f"{START} ") + text, False
    if match in ("ends-with", "full-text"):
        text, right = text + (END if is_literal else f" {END}"), False
    if is_literal:
        return Sought(text, True, left and is_word_character(text[0]), right and is_word_character(text[-1]))
    return Sought((" " if left else "") + text + (" " if right else ""))


def _is_tone(character: str) -> bool:
    return "\U0001f3fb" <= character <= "\U0001f3ff"
