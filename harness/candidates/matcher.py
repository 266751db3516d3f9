"""Finds which of many words, patterns and domains stand in a text, each kind in one pass.

Decides how fast that is: words are looked up by one Aho-Corasick automaton, patterns by one RE2 set, domains in a
table; none of these times grows with the number of rules, and all are linear in the text. What a match means is left to
``rule_set``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from typing import Any

import re2

from harness.candidates.normalise import normalise
from harness.candidates.words import Sought, is_word_character
from harness.errors import HarnessError
from harness.files.patterns import NO_WORD_AFTER, NO_WORD_BEFORE, ReadPattern, masked, read_pattern

MEMORY = (64 << 20, 512 << 20)
"""Bytes an RE2 set may use, tried in turn."""

_HOST = re.compile(
    r"(?:[^\W_](?:[\w-]{0,62}[^\W_])?\.){1,8}(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})(?![^\W_])", re.IGNORECASE
)
_NOTHING: Set[int] = frozenset()
_NONE: Mapping[int, str] = {}
_DEFANGED = re.compile(r"[\[({] ?(?:\.|dot) ?[\])}]", re.IGNORECASE)
_FULL_STOPS = str.maketrans("\u3002\uff0e\uff61", "...")


class Keywords:
    """Words of one form, each with the keys that it stands for."""

    def __init__(self, entries: Iterable[tuple[Sought, int]]) -> None:
        keys: dict[Sought, list[int]] = {}
        for one, key in entries:
            keys.setdefault(one, []).append(key)
        self._sought = list(keys)
        words = [one.text.strip("\x02\x03 ") for one in self._sought]
        self._said = [dict.fromkeys(own, word) for own, word in zip(keys.values(), words, strict=True)]
        self._has_edges = any(one.left or one.right for one in self._sought)
        self._automaton: Any = None
        self._set: PatternSet | None = None
        if not self._sought:
            return
        try:
            from ahocorasick_rs import AhoCorasick
        except ImportError:  # no wheel for this platform: RE2 finds the same, more slowly
            self._set = PatternSet((_as_pattern(one), at) for at, one in enumerate(self._sought))
        else:
            self._automaton = AhoCorasick([one.text for one in self._sought], store_patterns=False)

    def find(self, text: str) -> Mapping[int, str]:
        """Keys of all words that stand in the text, each with the word."""
        if self._automaton is not None:
            hits = self._automaton.find_matches_as_indexes(text, overlapping=True)
            if not hits:
                return _NONE
            if self._has_edges:
                hits = [hit for hit in hits if self._is_whole(hit[0], text, hit[1], hit[2])]
            positions: Collection[int] = dict.fromkeys([hit[0] for hit in hits])
            if len(positions) == 1:
                return self._said[next(iter(positions))]
        elif self._set is not None:
            positions = sorted(self._set.find(text))
        else:
            return _NONE
        return {key: word for at in positions for key, word in self._said[at].items()}

    def _is_whole(self, at: int, text: str, start: int, end: int) -> bool:
        one = self._sought[at]
        return not (
            (one.left and start > 0 and is_word_character(text[start - 1]))
            or (one.right and end < len(text) and is_word_character(text[end]))
        )


def _as_pattern(one: Sought) -> ReadPattern:
    left, right = NO_WORD_BEFORE if one.left else "", NO_WORD_AFTER if one.right else ""
    return ReadPattern(left + re2.escape(one.text) + right)


class PatternSet:
    """RE2 patterns searched together.

    RE2 says nothing when a set runs out of memory on a text, so the set holds an empty pattern that always matches;
    when even that is not found, the patterns are searched one by one.
    """

    def __init__(self, patterns: Iterable[tuple[str | ReadPattern, int]]) -> None:
        read = _read(list(patterns))
        parts = [[one for one in read if one[0].is_masked is is_masked] for is_masked in (False, True)]
        self._parts = [_Part(part) for part in parts if part]

    def find(self, text: str) -> Set[int]:
        """Keys of all patterns that match somewhere in the text."""
        if len(self._parts) == 1:
            return self._parts[0].find(text)
        return {key for part in self._parts for key in part.find(text)}


def _read(patterns: Sequence[tuple[str | ReadPattern, int]]) -> list[tuple[ReadPattern, int]]:
    found = []
    for pattern, key in patterns:
        read = pattern if isinstance(pattern, ReadPattern) else read_pattern(pattern)
        if isinstance(read, str):
            raise HarnessError(
                f"a pattern of {len(str(pattern))} characters does not compile: {read}",
                allowed="RE2 syntax (no look-around, no back-references)",
                next_step="correct the pattern in the rule set",
            )
        found.append((read, key))
    return found


class _Part:
    """Patterns that are searched in the same copy of a text."""

    def __init__(self, patterns: Sequence[tuple[ReadPattern, int]]) -> None:
        self._is_masked = any(one.is_masked for one, _ in patterns)
        self._patterns = [one.pattern for one, _ in patterns]
        self._keys = [key for _, key in patterns]
        self._single: list[Any] = []
        self._set = self._compile() if patterns else None

    def _compile(self) -> Any:
        for memory in MEMORY:
            found = re2.Set.SearchSet(_options(memory))
            with suppress(re2.error):
                found.Add("")
                for pattern in self._patterns:
                    found.Add(pattern)
                found.Compile()
                return found
        return None

    def find(self, text: str) -> Set[int]:
        data = (masked(text) if self._is_masked else text).encode("utf-8", "replace")
        matched = self._set.Match(data) if self._set is not None else []
        if len(matched) == 1 and not matched[0]:
            return _NOTHING
        if 0 in matched:
            return {self._keys[index - 1] for index in matched if index}
        if not self._single:
            self._single = [re2.compile(pattern.encode(), _options(MEMORY[0])) for pattern in self._patterns]
        return {key for one, key in zip(self._single, self._keys, strict=True) if one.search(data)}


def captured(pattern: str, text: str) -> str | None:
    """What a pattern matches in a text: its first group that took part, else the whole match."""
    read = read_pattern(pattern)
    if isinstance(read, str):
        return None
    options = re2.Options()
    options.log_errors = False
    found = re2.compile(read.pattern, options).search(masked(text) if read.is_masked else text)
    if found is None:
        return None
    group = next((at for at in range(1, found.re.groups + 1) if found.group(at)), 0)
    return text[found.start(group) : found.end(group)].strip()


class Domains:
    """Domains of links: ``bit.ly`` finds itself and what is below it, ``ru`` every host of that ending."""

    def __init__(self, entries: Iterable[tuple[str, int]]) -> None:
        self._keys: dict[str, list[int]] = {}
        for domain, key in entries:
            self._keys.setdefault(host_of(domain), []).append(key)

    def find(self, text: str) -> Mapping[int, str]:
        """Keys of all domains that a link or host in the text is of, each with the domain."""
        if not self._keys:
            return _NONE
        if not text.isascii():
            text = _as_browsers_read(text)
        if "[" in text or "{" in text or "(" in text:
            text = _DEFANGED.sub(".", text)
        if "." not in text:
            return _NONE
        found: dict[int, str] = {}
        for host in dict.fromkeys(match[0] for match in _HOST.finditer(text)):
            labels = host_of(host).split(".")
            for at in range(len(labels)):
                for key in self._keys.get(".".join(labels[at:]), ()):
                    found.setdefault(key, ".".join(labels[at:]))
        return found


def _as_browsers_read(text: str) -> str:
    """Full stops of other scripts part a host's labels, wide letters are plain, and what is not seen goes (UTS 46)."""
    return normalise(text.translate(_FULL_STOPS), ("strip_zero_width", "nfkc"))


def host_of(domain: str) -> str:
    """A domain as hosts are compared: small letters, no leading dot or ``www``, decoded where it is punycode."""
    bare = domain.strip().strip(".").casefold().removeprefix("www.")
    if "xn--" in bare:
        with suppress(UnicodeError):
            return bare.encode("ascii").decode("idna")
    return bare


def _options(memory: int) -> Any:
    options = re2.Options()
    options.max_mem = memory
    options.log_errors = False
    options.never_capture = True
    return options
