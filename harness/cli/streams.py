"""What commands print where a CI system reads along: no line that came out of data is taken for a command of its own.

Decides for every command at once, however a text comes to be printed: a slice's value, a file's name, a server's words.
Lines that are meant as commands (the gate's annotations) are printed inside ``as_commands``. What the encoding of an
output has no sign for, as on a Windows code page, is escaped as in JSON: nothing is lost, and JSON stays JSON.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import re
import stat
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

READ_ALONG = ("GITHUB_ACTIONS", "GITEA_ACTIONS", "FORGEJO_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")
"""Set by systems that look for commands in what a step prints."""
_ESCAPED = "escaped_as_in_json"
_are_commands: ContextVar[bool] = ContextVar("are_commands", default=False)


def escape_unwritable() -> None:
    """From here on, both streams escape what their encoding has no sign for."""
    codecs.register_error(_ESCAPED, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors=_ESCAPED)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].replace("\u2022", "*")  # the dot of masked words
    return json.dumps(text)[1:-1], error.end


@contextmanager
def as_commands() -> Iterator[None]:
    """What is printed in here is meant to be read by the CI system."""
    token = _are_commands.set(True)
    try:
        yield
    finally:
        _are_commands.reset(token)


@contextmanager
def defused(environment: Mapping[str, str]) -> Iterator[None]:
    """Both streams without commands, where somebody reads along; a stream that goes into a file is left as it is."""
    if not any(environment.get(name) for name in READ_ALONG):
        yield
        return
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (one if one is None or _is_file(one) else Defused(one) for one in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _is_file(stream: Any) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError, AttributeError):
        return False


class Stream(ABC):
    """A text stream that writes into another, each text in its own way."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    @abstractmethod
    def write(self, text: str) -> int:
        """Write the text; returns its own length."""

    def writelines(self, lines: Any) -> None:
        """Write several."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Defused(Stream):
    """A text stream in which no workflow command can begin."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._begun: str | None = ""
        """What the line holds so far, while that may still begin a command: nothing, or one colon."""

    def write(self, text: str) -> int:
        """Write the text, its commands broken up."""
        from harness.report.parts.masking import broken_up

        if _are_commands.get():
            self._stream.write(text)
            self._begun = "" if text.endswith("\n") else None
            return len(text)
        shown = []
        for at, line in enumerate(re.split("(\r|\n)", text)):
            if at % 2:
                self._begun = ""
                shown.append(line)
                continue
            if self._begun is not None and line.strip():
                begun = self._begun + line.lstrip()
                if begun.startswith("::"):
                    line = " " + line if self._begun else line.replace("::", ": :", 1)
                self._begun = ":" if begun == ":" else None
            shown.append(line)
        self._stream.write(broken_up("".join(shown)))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # the way around this stream
            raise AttributeError(name)
        return super().__getattr__(name)
