"""What is wrong with the characters of texts: each kind counted, with the items that show it.

Decides what counts as damage. A lost character (U+FFFD), text that was decoded wrongly (as ftfy's heuristic judges it),
invisible characters that no script or emoji needs there, control characters, HTML entities, and texts that all end at
one length, as an export that cuts them leaves. Hostile text hides letters on purpose: a finding is a question, not a
fault.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.files.text import words

_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|nbsp|apos|#\d{2,6}|#x[0-9a-f]{2,5});", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b"  # soft hyphen, fillers, zero width
    "\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"  # line ends, marks of direction, joiners
)
_JOINERS = re.compile("[\u200c\u200d]")
_JOINING_SCRIPTS = tuple(
    words(
        "ARABIC DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL TELUGU KANNADA MALAYALAM SINHALA KHMER MYANMAR SYRIAC "
        "MONGOLIAN NKO THAANA ZERO"
    )
)
_MIN_CUT_LENGTH = 50
_MIN_CUT = 5
_CUT_SHARE = 0.03

KINDS: Mapping[str, str] = {
    "lost": "with a lost character (U+FFFD)",
    "mojibake": "that seem decoded wrongly (such as Ã© for é)",
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
        from ftfy.badness import is_bad

        if is_bad(text.replace("\ufffd", "")):
            yield "mojibake"
        if _INVISIBLE.search(text) or _has_loose_joiner(text):
            yield "invisible"
    if _CONTROL.search(text):
        yield "control"
    if "&" in text and any(html.unescape(one) != one for one in _ENTITY.findall(text)):
        yield "entities"


def _has_loose_joiner(text: str) -> bool:
    """A joiner or non-joiner where neither a script that joins letters nor an emoji needs one."""
    for found in _JOINERS.finditer(text):
        around = text[max(0, found.start() - 2) : found.start()] + text[found.end() : found.end() + 1]
        if not any(_joins(char) for char in around):
            return True
    return False


def _joins(char: str) -> bool:
    category = unicodedata.category(char)
    if category in ("So", "Sk", "Mn", "Me", "Cn"):
        return True
    return category[0] == "L" and unicodedata.name(char, "").startswith(_JOINING_SCRIPTS)
