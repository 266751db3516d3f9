"""Text -> the forms in which rules look for words, and the tokens of each.

Decides what each normalisation step does and what counts as a word. The same steps run over the words of rules, so that
both meet in one form. All steps take linear time.

* ``strip_zero_width``: zero-width and bidirectional controls, soft hyphens, variation selectors and blank letters go.
* ``nfkc``: compatibility forms (full width, ligatures, mathematical letters) become plain ones.
* ``casefold``: case is disregarded.
* ``strip_diacritics``: accents of Latin, Greek and Cyrillic letters go; marks of other scripts are letters and stay.
* ``join_spaced_letters``: three or more single letters (digits too, after a letter) with one space or mark between them
  are one word ("k i l l", "k.1.l.l").
* ``leetspeak``: digits and ``@ $ ! |`` become the letters they look like, in runs that hold a letter. ``@`` at the
  beginning is a mention, ``!`` at the end is a mark: both stay.
* ``collapse_repeats``: a letter three times or more is read as two and, in a second form, as one
  ("killlll" as "kill" and "kil", "fuuuck" as "fuuck" and "fuck").

Steps always run in this order, however the rule set lists them.

A word is a run of letters, digits and combining marks; everything else separates words, so "guaranteed-return" and
"guaranteed return" are the same phrase. Characters of scripts that are written without spaces (Han, kana, Thai, Lao,
Khmer, Burmese, Tibetan), emoji and currency signs are words of their own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection

from harness.records import NormalisationStep

MAX_MARKS = 30
"""Longest run of combining marks kept, Unicode's stream-safe limit: ordering longer ones takes quadratic time."""

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_UNDECOMPOSED = str.maketrans(
    {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ħ": "h", "ŧ": "t", "ı": "i"}
)
_LEET = str.maketrans("0134578@$!|", "oieastbasii")
_LEET_RUN = re.compile(r"[a-z0-9$|][a-z0-9@$!|]*", re.IGNORECASE)
_LETTER = re.compile("[a-z]", re.IGNORECASE)
_REPEATS = re.compile(r"([^\W\d_])\1{2,}")
_SPACED = re.compile(r"(?<![^\W_])[^\W\d_](?:[ .\-_*][^\W_]){2,}(?![^\W_])")
_BETWEEN = re.compile(r"[ .\-_*]")

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


def _nfkc(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", _with_few_marks(text))


def _strip_diacritics(text: str) -> str:
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", _with_few_marks(text).translate(_UNDECOMPOSED))
    return unicodedata.normalize("NFC", _ACCENTS.sub("", apart))


def _with_few_marks(text: str) -> str:
    """The text with runs of combining marks cut to the length that can be put in order quickly."""
    if len(text) <= 1_000:
        return text
    kept: list[str] = []
    run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        if run <= MAX_MARKS:
            kept.append(character)
    return "".join(kept)


def _leet_run(found: re.Match[str]) -> str:
    run = found[0]
    if not _LETTER.search(run):
        return run
    core = run.rstrip("!|")
    return core.translate(_LEET) + run[len(core) :]


def _leetspeak(text: str) -> str:
    return _LEET_RUN.sub(_leet_run, text)


def _collapse_repeats(text: str) -> str:
    return _REPEATS.sub(r"\1\1", text)


def _join_spaced_letters(text: str) -> str:
    return _SPACED.sub(lambda found: _BETWEEN.sub("", found[0]), text)


STEPS: dict[NormalisationStep, Callable[[str], str]] = {
    "strip_zero_width": lambda text: text if text.isascii() else _INVISIBLE.sub("", text),
    "nfkc": _nfkc,
    "casefold": str.casefold,
    "strip_diacritics": _strip_diacritics,
    "join_spaced_letters": _join_spaced_letters,
    "leetspeak": _leetspeak,
    "collapse_repeats": _collapse_repeats,
}
"""In the order in which they run."""


def normalise(text: str, steps: Collection[NormalisationStep]) -> str:
    """The text after the steps.

    >>> normalise("Ｋ 1 ＬＬ", ["leetspeak", "casefold", "nfkc"])
    'k 1 ll'
    >>> normalise("Ｋ1ＬＬ", ["leetspeak", "casefold", "nfkc"])
    'kill'
    """
    for name, step in STEPS.items():
        if name in steps:
            text = step(text)
    return text


def forms(text: str, steps: Collection[NormalisationStep]) -> tuple[str, ...]:
    """The forms in which rules look for words: one, or two where ``collapse_repeats`` had something to do."""
    if "collapse_repeats" not in steps:
        return (normalise(text, steps),)
    whole = normalise(text, [step for step in steps if step != "collapse_repeats"])
    if not _REPEATS.search(whole):
        return (whole,)
    return _collapse_repeats(whole), _REPEATS.sub(r"\1", whole)


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
