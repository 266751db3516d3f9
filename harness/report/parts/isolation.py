"""Words that run from right to left, kept apart: without it a screen draws the figure behind a name before it.

Decides which words are isolated, and how: by an element (``bdi``) in a page, by Unicode's own isolates where a format
knows no elements (drawings, titles, Markdown, spreadsheets). A name is isolated whole, other words run by run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from markupsafe import escape

from harness.report.parts.masking import printable

BEGIN, END = "\u2068", "\u2069"
"""Unicode's first-strong isolate and its end (UAX #9): nothing is drawn for them."""
_LETTER = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
"""Code points of the blocks whose letters run from right to left: Hebrew, Arabic, Syriac, Thaana, NKo and more."""
_BETWEEN = r"(?:(?![<>&|`*_\\\[\]])[\W_])"
"""What may stand between two such words of one run; no figure, and nothing that a format reads."""
_RUN = rf"{_LETTER}+(?:{_BETWEEN}{{1,4}}{_LETTER}+)*"
_HAS_ANY = re.compile(_LETTER)
_FIGURE = re.compile(r"\d%|[\[:] *[-+]?\d|\d\]")
_INSIDE = re.compile(r"\S(?:.*\S)?")
_STRONG = re.compile(r"[^\W\d_]")
_TAGS = re.compile(r"(<[^>]*>)")
_APART = re.compile(
    r"<(script|style|textarea|bdi)\b.*?</\1>|<(svg|title|option)\b.*?</\2>"
    r"|<(\w+)\b[^>]*\bdir=\"auto\"[^>]*>.*?</\3>|<[^>]*>",
    re.DOTALL,
)
"""What is left as it is, or is a drawing; an element with a direction of its own holds one whole text."""
_KEPT = re.compile(rf"```.*?```|`[^`\n]+`|{BEGIN}[^{END}]*{END}", re.DOTALL)
_WORDS = r"(?:[^\s:']*/)?harness [a-z]+(?:'[^']*'|(?!'|[,;.] | \().)*"
COMMAND = re.compile(rf"(?:^|(?<=: )|(?<=  )|(?<=')){_WORDS}")
"""A command that readers copy: at the beginning of a line, behind a colon, or in quotation marks."""
_COPIED = re.compile(rf"{COMMAND.pattern}|\S*/\S*")
"""What a terminal's readers copy: commands and paths."""
_CELL = re.compile(r"(?<=\| )(?:\\\||[^|`\n])+?(?= \|)")
LONGEST_NAME = 100
"""Characters up to which a cell that begins from right to left is a name."""


def isolated(page: str, names: Iterable[str] = ()) -> str:
    """The page with every name that holds right-to-left letters, and every other such run of words, isolated.

    >>> isolated('<p title="عام 02">عام 02 0.9% (target 80%)</p>', ["عام 02", "Hate"])
    '<p title="عام 02"><bdi>عام 02</bdi> 0.9% (target 80%)</p>'
    """
    if not _HAS_ANY.search(page):
        return page
    words = _words(str(escape(printable(one))) for one in names)
    return _around(
        page,
        _APART.finditer(page),
        lambda text: words.sub(r"<bdi>\g<0></bdi>", text),
        lambda kept: _drawn(kept.group(), words) if kept.group(2) else kept.group(),
    )


def _around(
    text: str,
    kept: Iterable[re.Match[str]],
    change: Callable[[str], str],
    keep: Callable[[re.Match[str]], str] = re.Match.group,
) -> str:
    """The text with everything changed that lies around what is kept."""
    parts, at = [], 0
    for one in kept:
        parts += [change(text[at : one.start()]), keep(one)]
        at = one.end()
    return "".join([*parts, change(text[at:])])


def isolated_text(text: str, names: Iterable[str] = ()) -> str:
    r"""The same for text without elements; what stands as code is copied by readers, and stays as it is.

    A cell of a table that begins from right to left and with no name, such as an item's text, is isolated whole.

    >>> isolated_text("עברית 02: 75.4%, `עברית`", ["עברית 02"]).encode("ascii", "backslashreplace").decode()[:6]
    '\\u2068'
    """
    if not _HAS_ANY.search(text):
        return text
    known = [one for one in names if _HAS_ANY.search(one)]
    words = _words(known)
    return _around(text, _KEPT.finditer(text), lambda part: _cells_apart(part, words, known))


def isolated_sentence(text: str, names: Iterable[str] = ()) -> str:
    """The same for a sentence that begins from left to right; a name alone, a text of an item or a command stays."""
    return text if _runs_leftwards(text) or text.startswith("harness ") else isolated_text(text, names)


def isolated_line(line: str) -> str:
    r"""One line of a terminal: whole where most of its letters run leftwards and it holds no figure, else its words.

    Commands and paths are copied, and stay as they are.

    >>> isolated_line("  عام: 95 ok, see runs/عام").encode("ascii", "backslashreplace").decode()
    '  \\u2068\\u0639\\u0627\\u0645\\u2069: 95 ok, see runs/\\u0639\\u0627\\u0645'
    """
    if not _HAS_ANY.search(line) or BEGIN in line:
        return line
    if 2 * len(_HAS_ANY.findall(line)) > sum(map(str.isalpha, line)) and not _FIGURE.search(line):
        return isolated_cell(line)
    return _around(line, _COPIED.finditer(line), partial(_words(()).sub, _kept_apart))


def isolated_cell(text: str) -> str:
    """A text isolated whole, but for the blanks around it, where any of its letters run leftwards."""
    return _INSIDE.sub(_kept_apart, text, count=1) if _HAS_ANY.search(text) else text


def names_among(cells: Iterable[object]) -> set[str]:
    """Cells that are names: short texts that begin from right to left."""
    texts = (one for one in cells if isinstance(one, str) and not one.isascii() and len(one) <= LONGEST_NAME)
    return {one for one in texts if _runs_leftwards(one)}


def _cells_apart(text: str, words: re.Pattern[str], names: Sequence[str]) -> str:
    """Cells that run leftwards isolated whole, and the words of everything else."""
    cells = (one for one in _CELL.finditer(text) if _runs_leftwards(one.group(), names))
    return _around(text, cells, partial(words.sub, _kept_apart), _kept_apart)


def _runs_leftwards(text: str, names: Sequence[str] = ()) -> bool:
    """Whether the first letter does, and the text does not merely begin with one of these names."""
    first = _STRONG.search(text)
    return first is not None and _HAS_ANY.match(first.group()) is not None and not text.startswith(tuple(names))


def _words(names: Iterable[str]) -> re.Pattern[str]:
    known = sorted({one for one in names if _HAS_ANY.search(one)}, key=len, reverse=True)
    return re.compile("|".join([*map(re.escape, known), _RUN]))


def _kept_apart(found: re.Match[str]) -> str:
    return f"{BEGIN}{found.group()}{END}"


def _drawn(element: str, words: re.Pattern[str]) -> str:
    """A drawing or a title: its text knows no ``bdi``."""
    if not _HAS_ANY.search(element):
        return element
    pieces = _TAGS.split(element)
    return "".join(one if one.startswith("<") else words.sub(_kept_apart, one) for one in pieces)
