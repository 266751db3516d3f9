"""Letters that look like other letters, folded where a word mixes scripts.

The look-alikes are Unicode's own (UTS 39, ``confusables.txt``, through the package confusable-homoglyphs) and its names
("LATIN LETTER SMALL CAPITAL V"). Decides when they are folded: only in a word that mixes Latin with another script, so
that a Russian text is never read as English. A word whose letters all have Latin look-alikes becomes Latin; one that
keeps a letter of the other script is that script's, and its Latin letters become that script's look-alikes.
"""

from __future__ import annotations

import functools
import re
import string
import unicodedata
from collections.abc import Mapping

from harness.errors import HarnessError

_WORD = re.compile(r"[^\W\d_]+")
_PICTURED = {
    **{first + at: letter for first in (0x1F150, 0x1F170) for at, letter in enumerate(string.ascii_lowercase)},
    0x0251: "a", 0x0261: "g", 0x237A: "a",
}  # fmt: skip
"""Letters in black circles and squares, which NFKC leaves, and those of phonetics that are drawn as plain ones are."""
_SCRIPTS = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "GEORGIAN", "HEBREW", "LISU")


def fold_confusables(text: str, *, to_latin: bool = True) -> str:
    """The text with look-alikes folded word by word.

    A word that could be either script becomes Latin, or with ``to_latin=False`` the other script.

    >>> fold_confusables("this is a s\u0441\u0430m, \u0441\u0430\u043c \u043f\u0440\u0438\u0448\u0451\u043b")
    'this is a scam, сам пришёл'
    >>> fold_confusables("c\u0443ka", to_latin=False)
    'сука'
    """
    if text.isascii():
        return text
    return _WORD.sub(lambda found: _folded(found[0], to_latin), text.translate(_PICTURED))


@functools.lru_cache(maxsize=65_536)
def _folded(word: str, to_latin: bool) -> str:
    if word.isascii():
        return word
    small = "".join(_small_capital(one) for one in word) if any(map(_is_small_capital, word)) else word
    scripts = {script_of(one) for one in small}
    if "LATIN" not in scripts or not scripts & set(_SCRIPTS):
        return small
    latin_of, from_latin = tables()
    latin = "".join(latin_of.get(one, one) for one in small)
    is_latin = all(script_of(one) == "LATIN" for one in latin)
    if is_latin and to_latin:
        return latin
    (other,) = sorted(scripts & set(_SCRIPTS))[:1]
    back = "".join(from_latin.get(other, {}).get(one.lower(), one) for one in small)
    return back if not is_latin or "LATIN" not in {script_of(one) for one in back} else latin


@functools.lru_cache(maxsize=65_536)
def script_of(character: str) -> str:
    """First word of a character's name, which is its script for letters."""
    return unicodedata.name(character, "").partition(" ")[0]


@functools.lru_cache(maxsize=65_536)
def _is_small_capital(character: str) -> bool:
    return "SMALL CAPITAL" in unicodedata.name(character, "")


def _small_capital(character: str) -> str:
    """A small capital as the letter it is named after."""
    last = unicodedata.name(character, "").rpartition(" ")[2] if _is_small_capital(character) else ""
    return last.lower() if len(last) == 1 else character


@functools.cache
def tables() -> tuple[Mapping[str, str], Mapping[str, Mapping[str, str]]]:
    """Look-alike -> Latin small letter, and per script Latin small letter -> its look-alike.

    A small letter is what it looks like itself: Greek "ν" is "v", though its capital "Ν" is "n". A capital that looks
    like "l" looks like a capital "I".
    """
    try:
        from confusable_homoglyphs import confusables
    except ImportError:
        raise HarnessError(
            "the step 'confusables' needs the package confusable-homoglyphs, which is not installed",
            allowed="an environment with the harness's own dependencies",
            next_step="pip install confusable-homoglyphs",
        ) from None
    to_latin: dict[str, str] = {}
    of_capitals: dict[str, str] = {}
    from_latin: dict[str, dict[str, str]] = {}
    for one, found in confusables.confusables_data.items():
        script = script_of(one) if len(one) == 1 else ""
        if script not in _SCRIPTS:
            continue
        near = sorted({look["c"].lower() for look in found if len(look["c"]) == 1 and look["c"].isascii()})
        letters = [letter for letter in near if letter.isalpha()]
        if letters:
            small = one.lower()
            to_latin.setdefault(one, "i" if one.isupper() and letters[0] == "l" else letters[0])
            if len(small) == 1:
                of_capitals.setdefault(small, letters[0])
                from_latin.setdefault(script, {}).setdefault(letters[0], small)
    return {**of_capitals, **to_latin}, from_latin
