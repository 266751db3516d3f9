"""What is wrong with the characters of texts: each kind counted, with the items that show it.

Decides what counts as damage. A lost character (U+FFFD), text that was decoded wrongly (as ftfy's heuristic judges it),
invisible characters (those that rules strip, and line ends of Unicode) that no script or emoji needs there, control
characters, HTML entities, and texts that all end at one length, as an export that cuts them leaves. Hostile text hides
letters on purpose: a finding is a question, not a fault.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.candidates.normalise import INVISIBLE
from harness.files.text import words

_ENTITY = re.compile(r"&(?:([a-z]{2,8});|#\d{2,6};|#x[0-9a-f]{2,5};)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LINE_END = re.compile("[\u2028\u2029]")
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f")
"""The flag of a region, as England's: a black flag and the letters of its name as tags."""
_JOINERS = "\u200c\u200d"
_MARKS_OF_DIRECTION = "\u200e\u200f\u061c"
_MONGOLIAN_SELECTORS = "\u180b\u180c\u180d\u180f"
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_JOINING_SCRIPTS = tuple(
    words(
        "ARABIC DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL TELUGU KANNADA MALAYALAM SINHALA KHMER MYANMAR SYRIAC "
        "MONGOLIAN NKO THAANA ZERO"
    )
)
_WITHOUT_VARIANTS = frozenset(("Lu", "Ll", "Lt", "Lm", "Zs", "Zl", "Zp", "Cc", "Cf"))
_INFORMATION = "\u2139"  # a letter by its category, and an emoji
_MIN_CUT_LENGTH = 50
_MIN_CUT = 5
_CUT_SHARE = 0.03

KINDS: Mapping[str, str] = {
    "lost": "with a lost character (U+FFFD)",
    "mojibake": "apparently decoded wrongly (such as Ã© for é)",
    "invisible": "with invisible characters",
    "control": "with control characters",
    "entities": "with HTML entities (such as &amp;)",
    "cut": "cut at the same length",
}
"""Kind -> its words after ``n texts``."""


MENDS: Mapping[str, str] = {
    "lost": "export the items again in their own encoding: what was lost cannot be restored here",
    "mojibake": "look at them, and export again as UTF-8, or import them with --repair",
    "invisible": "look at them: evasion is worth keeping, debris of an export is not",
    "control": "remove the characters, unless they are the point of the item",
    "entities": "turn them into characters (harness golden import --unescape) if the product shows them so",
    "cut": "export the items whole: a model is judged on what it was not shown",
}
"""Kind -> what to do about it."""


@dataclass(slots=True)
class Hygiene:
    """Items with each kind of damage, in the order of the set."""

    found: dict[str, list[str]] = field(default_factory=dict)
    _lengths: Counter[int] = field(default_factory=Counter)
    _ends: dict[int, list[str]] = field(default_factory=dict)
    cut_length: int = 0

    def look(self, item_id: str, text: str) -> None:
        """Look at one text."""
        for kind in damage(text):
            self.found.setdefault(kind, []).append(item_id)
        if len(text) >= _MIN_CUT_LENGTH:
            self._lengths[len(text)] += 1
            self._ends.setdefault(len(text), []).append(item_id)

    def finish(self) -> None:
        """Decide, after the last text, whether texts were cut: the greatest length is then by far the commonest."""
        if not self._lengths:
            return
        longest, n_all = max(self._lengths), self._lengths.total()
        n_longest = self._lengths[longest]
        near = [n for length, n in self._lengths.items() if longest - 20 <= length < longest]
        usual = max(near, default=0)
        if n_longest >= max(_MIN_CUT, _CUT_SHARE * n_all) and n_longest > 4 * usual:
            self.found["cut"] = self._ends[longest]
            self.cut_length = longest


def damage(text: str) -> Iterator[str]:
    r"""The kinds of damage a text shows.

    >>> list(damage("caf\u00c3\u00a9")), list(damage("a\u200bb &amp; c")), list(damage("fine \u2764\ufe0f"))
    (['mojibake'], ['invisible', 'entities'], [])
    """
    if not text.isascii():
        if "\ufffd" in text:
            yield "lost"
        if is_mojibake(text):
            yield "mojibake"
        if _LINE_END.search(text) or _has_hidden(_FLAG.sub("", text)):
            yield "invisible"
    if _CONTROL.search(text):
        yield "control"
    if has_entities(text):
        yield "entities"


def is_mojibake(text: str) -> bool:
    """Whether a text was decoded wrongly somewhere on its way, as ftfy judges it; lost characters do not count."""
    if text.isascii():
        return False
    from ftfy.badness import is_bad

    return bool(is_bad(text.replace("\ufffd", "")))


def has_entities(text: str) -> bool:
    """Whether a text holds HTML entities that stand for characters."""
    if "&" not in text:
        return False
    from html.entities import html5

    return any(one[1] is None or f"{one[1]};" in html5 for one in _ENTITY.finditer(text))


def _has_hidden(text: str) -> bool:
    """Whether a text has an invisible character where nothing needs it."""
    return any(not _is_needed(text, found.start()) for found in INVISIBLE.finditer(text))


def _is_needed(text: str, at: int) -> bool:
    """Joiners among joined letters or emoji, selectors after what has variants, marks of direction in such text."""
    char, before = text[at], text[at - 1 : at]
    if char in _JOINERS:
        return any(map(_joins, text[max(0, at - 2) : at] + text[at + 1 : at + 2]))
    if _SELECTORS.match(char):
        return before == _INFORMATION or (bool(before) and unicodedata.category(before) not in _WITHOUT_VARIANTS)
    if char in _MONGOLIAN_SELECTORS:
        return unicodedata.name(before, "").startswith("MONGOLIAN") if before else False
    if char in _MARKS_OF_DIRECTION:
        return any(unicodedata.bidirectional(one) in ("R", "AL") for one in text if one not in _MARKS_OF_DIRECTION)
    return False


def _joins(char: str) -> bool:
    category = unicodedata.category(char)
    if category in ("So", "Sk", "Mn", "Me", "Cn"):
        return True
    return category[0] == "L" and unicodedata.name(char, "").startswith(_JOINING_SCRIPTS)
