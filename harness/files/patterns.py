r"""Regular expressions of rules: what RE2 says of them, and Unicode's words where RE2 knows only ASCII's.

RE2 runs in linear time, so no text can stall a rule, but its ``\b`` and ``\w`` know ASCII alone: ``\bтупой\b`` never
matched, ``\bcon\b`` matched in "conçu". Decides how each pattern is searched so that they mean every script:

* A pattern in ASCII with ``\b`` or ``\w`` is searched in a copy of the text whose other letters, digits and marks are
  written as ``_``, a letter to RE2: words and their boundaries are then where Unicode has them.
* In a pattern with other letters, ``\w`` becomes a class of Unicode and a ``\b`` at an edge "beginning, end, or no word
  character"; a ``\b`` anywhere else is refused, since RE2 could only take it for ASCII's.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MAX_PATTERN_CHARS = 10_000
WORD_CLASS = r"\p{L}\p{N}\p{M}_"
NO_WORD_BEFORE = rf"(?:^|[^{WORD_CLASS}])"
NO_WORD_AFTER = rf"(?:$|[^{WORD_CLASS}])"
_OUTSIDE = {r"\w": f"[{WORD_CLASS}]", r"\W": f"[^{WORD_CLASS}]"}
_OF_WORDS = re.compile(r"\\[bBwW]")
_TOKEN = re.compile(
    r"\\Q(?s:.*?)(?:\\E|$)|\\p\{[^}]*\}|\\P\{[^}]*\}|\\x\{[^}]*\}|\\.|\((?:\?[^():]*[:)]|\?P?<[^>]*>)?|[)|]|\[|(?s:.)"
)


@dataclass(frozen=True, slots=True)
class ReadPattern:
    """A pattern as RE2 is given it; ``is_masked`` when it is searched in the copy with ``_`` for other letters."""

    pattern: str
    is_masked: bool = False


class _Mask(dict[int, str]):
    """Code point -> itself, or ``_`` for a letter, digit or mark beyond ASCII."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        found = "_" if code > 127 and unicodedata.category(character)[0] in "LNM" else character
        self[code] = found
        return found


_MASK = _Mask()


def masked(text: str) -> str:
    """The text with ``_`` for every letter, digit and mark beyond ASCII.

    >>> masked("bien conçu, 18€")
    'bien con_u, 18€'
    """
    return text if text.isascii() else text.translate(_MASK)


def read_pattern(pattern: str) -> ReadPattern | str:
    """How a pattern is searched; a string says why it cannot be."""
    if len(pattern) > MAX_PATTERN_CHARS:
        return f"it has {len(pattern):,} characters; at most {MAX_PATTERN_CHARS:,} are allowed"
    fault = _fault(pattern)
    if fault is not None:
        return fault
    tokens = _tokens(pattern)
    if not any(_OF_WORDS.search(token) for token in tokens):
        return ReadPattern(pattern)
    if pattern.isascii() and "_" not in pattern and not any(re.search(r"\\[pPx]", token) for token in tokens):
        return ReadPattern(pattern, is_masked=True)
    starts, ends = _edges(tokens)
    out = _widened(tokens)
    for at, token in enumerate(tokens):
        if token == r"\B" or (token == r"\b" and at not in starts and at not in ends):
            return (
                rf"it has {token} inside, and RE2's word boundaries are ASCII only; "
                rf"write [^{WORD_CLASS}] for what stands between words, or make two rules of it"
            )
        if token == r"\b":
            out[at] = NO_WORD_BEFORE if at in starts else NO_WORD_AFTER
    return _compiled(ReadPattern("".join(out)))


def pattern_fault(pattern: str) -> str | None:
    """Why a pattern cannot be searched, else None."""
    found = read_pattern(pattern)
    return found if isinstance(found, str) else None


def _compiled(found: ReadPattern) -> ReadPattern | str:
    return _fault(found.pattern) or found


def _fault(pattern: str) -> str | None:
    """RE2's message when a pattern does not compile."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        message = error.args[0] if error.args else "it does not compile"
        return message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
    return None


def _tokens(pattern: str) -> list[str]:
    """Atoms, escapes, group ends and whole classes of a pattern that compiles."""
    found: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "[":
            end = _class_end(pattern, at)
            found.append(pattern[at:end])
        else:
            match = _TOKEN.match(pattern, at)
            end = at + 1 if match is None else match.end()
            found.append(pattern[at:end])
        at = end
    return found


def _class_end(pattern: str, at: int) -> int:
    end = at + 1
    if pattern[end : end + 1] == "^":
        end += 1
    if pattern[end : end + 1] == "]":
        end += 1
    while end < len(pattern) and pattern[end] != "]":
        if pattern[end] == "\\":
            end += 2
        elif pattern.startswith("[:", end) and ":]" in pattern[end:]:
            end = pattern.index(":]", end) + 2
        else:
            end += 1
    return end + 1


def _widened(tokens: list[str]) -> list[str]:
    r"""``\w`` as Unicode's; what the pattern says literally stays."""
    out = []
    for token in tokens:
        if token.startswith("[") and len(token) > 1:
            out.append(re.sub(r"\\.", lambda found: WORD_CLASS if found[0] == r"\w" else found[0], token))
        else:
            out.append(_OUTSIDE.get(token, token))
    return out


def _edges(tokens: list[str]) -> tuple[set[int], set[int]]:
    r"""Positions of the ``\b`` that nothing stands before, and of those that nothing follows, on any way through."""
    return _leading(tokens), _trailing(tokens)


def _leading(tokens: list[str]) -> set[int]:
    found: set[int] = set()
    is_start, opened = True, []
    for at, token in enumerate(tokens):
        if token.startswith("(") and not token.endswith(")"):
            opened.append(is_start)
        elif token == "|":
            is_start = opened[-1] if opened else True
        elif token == ")":
            if opened:
                opened.pop()
            is_start = False
        elif token == r"\b":
            if is_start and _begins_word(tokens, at + 1):
                found.add(at)
        elif not token.startswith("(?") and token != "^":
            is_start = False
    return found


def _begins_word(tokens: list[str], at: int) -> bool:
    """Whether what follows may begin a word: a letter, a class, a group; not a mark."""
    after = tokens[at] if at < len(tokens) else ""
    return bool(after) and (after[0] in "([\\" or after.isalnum() or after == "_")


def _trailing(tokens: list[str]) -> set[int]:
    found: set[int] = set()
    for at, token in enumerate(tokens):
        if token != r"\b" or at == 0:
            continue
        before, end, depth = tokens[at - 1], at + 1, 0
        while end < len(tokens):
            if tokens[end] == ")" and depth == 0:
                end += 1
            elif tokens[end] == "|" and depth == 0:
                while end < len(tokens) and not (tokens[end] == ")" and depth == 0):
                    depth += (tokens[end].startswith("(") and not tokens[end].endswith(")")) - (tokens[end] == ")")
                    end += 1
            else:
                break
        if end >= len(tokens) or tokens[end] == "$":
            is_mark = unicodedata.category(before[-1])[0] == "M"  # Devanagari and Thai words end with one
            is_word = is_mark or before[-1] in ")]+*?}" or before.isalnum() or before == "_" or before[0] == "\\"
            if is_word:
                found.add(at)
    return found
