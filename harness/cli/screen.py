"""What commands print on a terminal, fitted to its width; a file or pipe gets the text as it is.

Decides for every command at once, on both streams. What is printed for machines stands inside ``as_written``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from harness.cli.streams import Stream

_is_written: ContextVar[bool] = ContextVar("is_written", default=False)


@contextmanager
def as_written() -> Iterator[None]:
    """What is printed in here is read by machines, or was fitted before: no line of it is folded."""
    token = _is_written.set(True)
    try:
        yield
    finally:
        _is_written.reset(token)


@contextmanager
def fitting() -> Iterator[None]:
    """Both streams fitted to the screen, each where it is a terminal."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (Fitting(one) if one is not None and one.isatty() else one for one in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class Fitting(Stream):
    """A text stream whose lines end between words at the terminal's width."""

    _is_begun = False
    """Whether the line that is being written has a beginning, behind which nothing can be measured."""

    def write(self, text: str) -> int:
        """Write the text; returns its own length."""
        if _is_written.get() or self._is_begun:
            self._stream.write(text)
        else:
            from harness.report.parts.screen import fitted, terminal_width

            self._stream.write(fitted(text, terminal_width(self._stream)))
        if text:
            self._is_begun = not text.endswith(("\n", "\r"))
        return len(text)
