"""Finds which of many rules have a word, phrase or pattern in a text, in one pass per kind.

Decides how fast that is: words and phrases are walked in a tree of tokens, patterns in one RE2 set; neither time grows
with the number of rules, and both are linear in the text. What a match means is left to ``rule_set``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import re2

from harness.errors import HarnessError

MEMORY = (64 << 20, 512 << 20)
"""Bytes an RE2 set may use, tried in turn."""


class PhraseTree:
    """Sequences of tokens, each with the keys that it stands for."""

    def __init__(self, phrases: Iterable[tuple[Sequence[str], int]]) -> None:
        self._root: dict[str, Any] = {}
        for words, key in phrases:
            node = self._root
            for word in words:
                node = node.setdefault(word, {})
            node.setdefault("", set()).add(key)

    def find(self, words: Sequence[str]) -> set[int]:
        """Keys of all phrases that stand somewhere in the words."""
        found: set[int] = set()
        root = self._root
        for at, word in enumerate(words):
            node = root.get(word)
            ahead = at
            while node is not None:
                if "" in node:
                    found |= node[""]
                ahead += 1
                if ahead == len(words):
                    break
                node = node.get(words[ahead])
        return found


class PatternSet:
    """RE2 patterns searched together.

    RE2 says nothing when a set runs out of memory on a text, so the set holds an empty pattern that always matches;
    when even that is not found, the patterns are searched one by one.
    """

    def __init__(self, patterns: Iterable[tuple[str, int]]) -> None:
        self._patterns = list(patterns)
        self._keys = [key for _, key in self._patterns]
        self._single: list[Any] = []
        self._set = self._compile() if self._patterns else None

    def _compile(self) -> Any:
        for memory in MEMORY:
            options = _options(memory)
            found = re2.Set.SearchSet(options)
            try:
                found.Add("")
                for pattern, _ in self._patterns:
                    found.Add(pattern)
                found.Compile()
            except re2.error:
                for pattern, _ in self._patterns:
                    _compiled(pattern, options)
                continue
            return found
        return None

    def find(self, text: str) -> set[int]:
        """Keys of all patterns that match somewhere in the text."""
        if not self._patterns:
            return set()
        data = text.encode("utf-8", "replace")
        matched = self._set.Match(data) if self._set is not None else []
        if 0 in matched:
            return {self._keys[index - 1] for index in matched if index}
        if not self._single:
            self._single = [_compiled(pattern, _options(MEMORY[0])) for pattern, _ in self._patterns]
        return {key for one, key in zip(self._single, self._keys, strict=True) if one.search(data)}


def _compiled(pattern: str, options: Any) -> Any:
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        raise HarnessError(
            f"a pattern of {len(pattern)} characters does not compile: {error}",
            allowed="RE2 syntax (no look-around, no back-references)",
            next_step="correct the pattern in the rule set",
        ) from None


def _options(memory: int) -> Any:
    options = re2.Options()
    options.max_mem = memory
    options.log_errors = False
    options.never_capture = True
    return options
