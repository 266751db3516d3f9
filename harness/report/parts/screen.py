"""Sentences on a terminal: how wide it is, and where their lines end.

Decides what is never broken over two lines: a figure with its interval, a p-value, and a command, which readers copy.
Tables are drawn by ``tables``; what is printed into a file or pipe is left as it is.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import TextIO

from harness.report.parts.isolation import COMMAND, isolated_line

TERMINAL_WIDTH = 128
NARROWEST = 60
_FIGURE = re.compile(r"(?<![\w-])([npq]) (?:(=) )?(?=[<\d])|(?<=[\d%]) (?=\[[^\s\[\]]+, )")
"""Blanks within a figure: ``p = 0.012``, ``n 34``, a value and its interval."""
INTERVAL = re.compile(r"\[([^\s\[\]]+), ([^\s\[\]]+)\]")
GLUE = "\ue000"
"""A blank at which no line ends, while lines are made; ``printable`` lets no other by."""
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Scripts that are written without blanks: a line may end behind each of their characters, but for a closing mark."""
_PIECE = re.compile(rf"[ \t]*(?:[{_UNSPACED}][\u3001-\u3011\uff09-\uff1f]*|[^ \t{_UNSPACED}]+)")
_SET = re.compile(r"    |\||#|=|>|```")
"""How lines of prose begin that stand as they were written: code, tables, headings."""
_DRAWN = re.compile(r"\||[^\n]*[\r\x1b]")
"""How lines begin that nobody may fold: rows of a Markdown table, and what moves the cursor."""
_POINT = re.compile(r"\s*(?:[-*]|\d+\.) ")
_HANGING = re.compile(r"[-*] |(?:Error|Warning|Note|allowed): ")
"""How lines begin whose further lines stand in from them."""


def terminal_width(stream: TextIO | None = None) -> int:
    """Columns of a table: those of the screen where there is one, within bounds; a file or pipe gets the most."""
    return max(NARROWEST, min(TERMINAL_WIDTH, screen_width(stream) or TERMINAL_WIDTH))


def screen_width(stream: TextIO | None = None) -> int | None:
    """Columns of the screen that a stream (None: the output) is shown on; None where it goes to a file or pipe."""
    shown = sys.stdout if stream is None else stream
    if shown is None or not shown.isatty():
        return None
    try:
        return int(os.environ.get("COLUMNS", "")) or os.get_terminal_size(shown.fileno()).columns
    except (ValueError, OSError):
        return shutil.get_terminal_size((TERMINAL_WIDTH, 24)).columns


def fitted(text: str, wide: int) -> str:
    """What is printed as a screen shows it well: lines end between words, and words from right to left stay apart."""
    return "\n".join(map(isolated_line, "\n".join(_folded(line, wide) for line in text.split("\n")).split("\n")))


def to_prose(text: str) -> str:
    """Pages of prose for a screen that is narrower than they were written: paragraphs and points are folded anew."""
    wide = screen_width()
    if wide is None or all(len(line) <= wide for line in text.split("\n")):
        return text
    lines: list[str] = []
    for line in text.split("\n"):
        is_begun = bool(lines) and lines[-1].strip() and not _SET.match(lines[-1])
        goes_on = is_begun and line.strip() and not _SET.match(line) and not _POINT.match(line)
        lines[-1:] = [f"{lines[-1]} {line.strip()}"] if goes_on else [*lines[-1:], line]
    return "\n".join(line if _SET.match(line) else _folded(line, terminal_width()) for line in lines)


def folded(text: str, wide: int, first: str = "", below: str = "") -> list[str]:
    """Lines of at most ``wide`` columns of a screen, ended between words; a longer word (a path) stays whole."""
    from rich.cells import cell_len

    lines: list[str] = []
    line, begun = first, False
    for piece in _PIECE.findall(unbroken(_glued(_FIGURE, _glued(COMMAND, text)))):
        if begun and cell_len(line) + cell_len(piece) > wide:
            lines.append(line)
            line, begun = below, False
        line, begun = line + (piece if begun or not lines else piece.lstrip()), True
    return [one.replace(GLUE, " ") for one in (*lines, line)] if begun else [""]


def _glued(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda found: found[0].replace(" ", GLUE), text)


def unbroken(text: str) -> str:
    """The text with the two ends of every interval made one word, until ``GLUE`` is a blank again."""
    return INTERVAL.sub(rf"[\1,{GLUE}\2]", text)


def _folded(line: str, wide: int) -> str:
    if 2 * len(line) <= wide or _DRAWN.match(line):  # no character takes more than two columns
        return line
    from rich.cells import cell_len

    if cell_len(line) <= wide:
        return line
    said = line.lstrip(" ")
    blanks = " " * (len(line) - len(said))
    return "\n".join(folded(said, wide, blanks, blanks + "  " if _HANGING.match(said) else blanks))
