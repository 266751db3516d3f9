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
_JOINERS = "\u200c\u200d"
_JOINER = "\u200d"
_VIRAMA = 9
"""Combining class of the marks behind which Indic scripts choose a letter's form by a joiner."""
_AROUND = 16
"""Characters on each side of a joiner that decide about it: letters, and the marks between."""
_PICTURE = re.compile(
    "[\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
)
_ARABIC = re.compile("[\u0620-\u064a\u066e-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06ff\u0750-\u077f\u0870-\u08c9]")
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0]"
    "|(?<![#*0-9\x80-\U0010ffff])[\ufe00-\ufe0f]|(?<=[\ufe00-\ufe0f])[\ufe00-\ufe0f]"
    "|(?<![\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])[\U000e0100-\U000e01ef]"
)
"""Printable characters that nobody sees: fillers, and selectors behind what has no variants (Unicode, section 23.4)."""
_MODIFIERS = "\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff\u20e3"


def default_text_mode(environment: Mapping[str, str]) -> TextMode:
    """Masked; none where CI is set, since logs and attachments of a build are read by many."""
    return "none" if environment.get("CI") else "masked"


def printable(text: str) -> str:
    r"""The text with control, bidirectional and invisible characters replaced by visible ``\uXXXX`` marks.

    Line breaks and tabs become one space each, so that one text stays on one line. A joiner stays where a script or an
    emoji is written with it, and a variation selector behind what has variants; elsewhere they are marks.

    >>> printable("\u0645\u06cc\u200c\u062e").endswith("\u200c\u062e")
    True
    >>> printable("sc\u200cam")
    'sc\\u200cam'
    """
    if text.isprintable():  # what acts is none of Unicode's printable characters
        return text if text.isascii() else _UNSEEN.sub(_mark, text)
    text = _UNSEEN.sub(_mark, text)
    if _JOINERS[0] not in text and _JOINERS[1] not in text:
        return "".join(_visible(character) for character in text)
    return "".join(
        character if character in _JOINERS and _is_written(text, at) else _visible(character)
        for at, character in enumerate(text)
    )


def _is_written(text: str, at: int) -> bool:
    """Whether a joiner belongs to how a word or an emoji is written: RFC 5892, appendices A.1 and A.2; UTS 51.

    Beyond the RFC, a joiner may stand before a virama, as in the ya of Bengali ra (Unicode standard, section 12.2), and
    a non-joiner between any two Arabic letters: Persian parts its suffixes so, whether or not the letters would join.
    """
    before, after = text[max(0, at - _AROUND) : at], text[at + 1 : at + 1 + _AROUND]
    if not before or not after:
        return bool(before) and unicodedata.combining(before[-1]) == _VIRAMA
    if text[at] == _JOINER:
        shown = before.rstrip(_MODIFIERS)
        if shown and _PICTURE.match(shown[-1]) and _PICTURE.match(after):
            return True
    elif _ARABIC.match(before[-1]) and _ARABIC.match(after):
        return True
    if unicodedata.combining(after[0]) == _VIRAMA and unicodedata.category(before[-1]) == "Lo":
        return True
    from idna import valid_contextj

    try:
        return valid_contextj(before + text[at] + after, len(before))
    except ValueError:  # a neighbour without a name
        return False


def _visible(character: str) -> str:
    if character in "\n\r\t":
        return " "
    if unicodedata.category(character) in _ACTING or _is_no_character(ord(character)):
        return f"\\u{ord(character):04x}"
    return character


def _mark(unseen: re.Match[str]) -> str:
    return f"\\u{ord(unseen[0]):04x}"


def _is_no_character(code: int) -> bool:
    """Code points that are none in any text, and that XML refuses: U+FFFE, U+FFFF, U+FDD0 to U+FDEF."""
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def log_safe(text: str) -> str:
    """Text for one line of a terminal or a CI log, in which no workflow command can begin."""
    return without_command(printable(text))


def without_command(line: str) -> str:
    """A line that may be printed as it is, in which no workflow command can begin."""
    shown = broken_up(line)
    return shown.replace("::", ": :", 1) if shown.lstrip().startswith("::") else shown


def broken_up(text: str) -> str:
    """Text without the older form of a workflow command, which acts wherever it stands in a line."""
    return _OLD_COMMAND.sub("## ", text)


def in_word(character: str) -> bool:
    """Whether a character belongs to a word: letters, figures and the marks of vowels."""
    return unicodedata.category(character)[0] in "LNM" or character == "_"


def mask(text: str) -> str:
    """Every word as its first letter and a dot for each further one: ``you idiot`` becomes ``y•• i••••``."""
    masked, is_inside = [], False
    for at, character in enumerate(text):
        if is_inside and character in _JOINERS and _is_written(text, at):
            continue  # a part of the word, as the letters that it stands between
        is_word = in_word(character)
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
