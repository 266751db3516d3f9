"""Colour on a terminal: the words of a verdict, and what a line on stderr is.

Decides when there is colour: on a terminal alone, never where ``NO_COLOR`` is set or the terminal is ``dumb``. Which
word is good, open or bad is the report's to say; the word itself stays, so that nothing rests on colour.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

from harness.cli.streams import Stream

CODES = {"good": "\033[32m", "open": "\033[33m", "bad": "\033[1;31m"}
"""Tone -> how it begins on a terminal of eight colours: green, yellow, bold red; ``neutral`` has none."""
END = "\033[0m"
_BEGINNINGS = {"Error:": "bad", "Warning:": "open"}
_BEGINNING = re.compile(r"^(?:Error:|Warning:)", re.MULTILINE)
_DOCUMENT = ("{", "[{", "[\n", "[]")
_CAPITALS = re.compile(r"[A-Z]{4}")


@contextmanager
def coloured(environment: Mapping[str, str]) -> Iterator[None]:
    """Both streams in colour, each where it is a terminal that wants it."""
    before = sys.stdout, sys.stderr
    if not environment.get("NO_COLOR") and environment.get("TERM") != "dumb":
        sys.stdout, sys.stderr = (Coloured(one) if one is not None and one.isatty() else one for one in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class Coloured(Stream):
    """A text stream whose verdicts, errors and warnings have a colour."""

    def write(self, text: str) -> int:
        """Write the text; returns its own length. JSON is for programs, also from a terminal that is recorded."""
        if text.startswith(_DOCUMENT):
            self._stream.write(text)
            return len(text)
        shown = _BEGINNING.sub(lambda found: _painted(found[0], _BEGINNINGS[found[0]]), text)
        if _CAPITALS.search(text):
            pattern, tones = _verdicts()
            shown = pattern.sub(lambda found: _painted(found[0], tones[found[0]]), shown)
        self._stream.write(shown)
        return len(text)


@cache
def _verdicts() -> tuple[re.Pattern[str], Mapping[str, str]]:
    """The words of verdicts, the longest first: ``PASS, BELOW TARGET`` is not a ``PASS``."""
    from harness.report.parts.decision_words import TONES

    words = sorted(TONES, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, words))})(?![\w,-])"), TONES


def _painted(word: str, tone: str) -> str:
    return f"{CODES[tone]}{word}{END}" if tone in CODES else word
