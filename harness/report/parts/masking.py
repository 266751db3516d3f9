"""Shows hostile text safely: masked, whole or not at all, and never with characters that act on the reader's screen.

Escaping for HTML, Markdown and spreadsheets belongs to those formats; this module decides which characters remain.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Literal

TextMode = Literal["masked", "full", "none"]

WITHHELD_TEXT = "(withheld)"
HIDDEN_TEXT = "(not shown)"
UNDER_THE_MASKS = "{} holds the texts in full under its masks, for whoever has the file; --text none leaves them out."
"""Said of a page that a reader may unmask."""

_OLD_COMMAND = re.compile(r"##(?=\w*\[)")
"""``##[error]``, ``##vso[task.setvariable]``, ``##teamcity[...]``."""
_ACTING = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def default_text_mode(environment: Mapping[str, str]) -> TextMode:
    """Masked; none where CI is set, since logs and attachments of a build are read by many."""
    return "none" if environment.get("CI") else "masked"


def printable(text: str) -> str:
    r"""The text with control, bidirectional and invisible characters replaced by visible ``\uXXXX`` marks.

    Line breaks and tabs become one space each, so that one text stays on one line.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character in "\n\r\t":
        return " "
    if unicodedata.category(character) in _ACTING or _is_no_character(ord(character)):
        return f"\\u{ord(character):04x}"
    return character


def _is_no_character(code: int) -> bool:
    """Code points that are none in any text, and that XML refuses: U+FFFE, U+FFFF, U+FDD0 to U+FDEF."""
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def log_safe(text: str) -> str:
    """Text for one line of a terminal or a CI log, in which no workflow command can begin."""
    shown = broken_up(printable(text))
    return shown.replace("::", ": :", 1) if shown.lstrip().startswith("::") else shown


def broken_up(text: str) -> str:
    """Text without the older form of a workflow command, which acts wherever it stands in a line."""
    return _OLD_COMMAND.sub("## ", text)


def mask(text: str) -> str:
    """Every word as its first letter and a dot for each further one: ``you idiot`` becomes ``y•• i••••``."""
    masked, is_inside = [], False
    for character in text:
        is_word = unicodedata.category(character)[0] in "LNM" or character == "_"
        if not (is_word and is_inside):
            masked.append(character)
        elif unicodedata.category(character)[0] != "M":  # a mark belongs to the letter that is already a dot
            masked.append("•")
        is_inside = is_word
    return "".join(masked)


def shorten(text: str, width: int) -> str:
    """At most ``width`` characters, the last of them an ellipsis where something was cut."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def hidden(text: str) -> str:
    """Nothing of a text."""
    return HIDDEN_TEXT


SEEN: dict[TextMode, Callable[[str], str]] = {"full": str, "masked": mask, "none": hidden}
"""What of a text each mode lets through."""


def visible_text(text: str | None, mode: TextMode, width: int | None = None) -> str:
    """An item's text as a report may show it under ``--text``."""
    if text is None:
        return WITHHELD_TEXT
    if mode == "none":
        return HIDDEN_TEXT
    clear = text if width is None else text[: 4 * width]
    clear = printable(SEEN[mode](clear))
    return clear if width is None else shorten(clear, width)
