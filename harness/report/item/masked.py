"""What of an item's text, messages and answers may be seen under ``--text``.

Decides which words of an answer are its own: a model may repeat what it was asked about, and a mask that knows the item
alone would let it through.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from harness.files.pictures import named_in
from harness.records import Item
from harness.report.parts.masking import HIDDEN_TEXT, SEEN, TextMode, in_word, mask

_PLAIN_FIELDS = frozenset(
    {"id", "object", "model", "role", "finish_reason", "native_finish_reason", "type", "system_fingerprint", "provider",
     "service_tier", "stop_reason", "status", "code"}
)  # fmt: skip
"""Strings of an answer that speak of the call and never of the item."""


def shown_text(text: str | None, mode: TextMode) -> str | None:
    """A text as the mode has it; None stays None."""
    return None if text is None else SEEN[mode](text)


def seen_item(item: Item, mode: TextMode) -> Item:
    """The item as it may be shown: a request made of it cannot carry a text past the mask."""
    if mode == "full":
        return item
    change = SEEN[mode]
    return replace(
        item,
        text=shown_text(item.text, mode),
        context=changed(item.context, change),
        meta=changed(item.meta, change),
        modalities=changed_parts(item.modalities, change),
    )


def changed(value: Any, change: Any) -> Any:
    """Every string inside, changed; names of fields stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: changed(one, change) for name, one in value.items()}
    return [changed(one, change) for one in value] if isinstance(value, list | tuple) else value


def changed_parts(parts: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Modalities with their words changed; names of pictures stay, since they are read by them.

    >>> changed_parts({"frames": [{"file": "1.png", "time": 1}], "ocr": "SALE"}, lambda text: "x")
    {'frames': [{'file': '1.png', 'time': 1}], 'ocr': 'x'}
    """
    names = {one.name for part, value in parts.items() for one in named_in(part, value)}
    return {part: changed(value, lambda text: text if text in names else change(text)) for part, value in parts.items()}


class AnswerWords:
    """Which words of an answer may be seen in a masked sheet: those of decisions, and short codes that quote nothing.

    Args:
        text: The item's text; None where it is not at hand, and then nothing counts as short.
        names: Ids and names of categories.
    """

    SHORT = 4
    DECISIONS = frozenset(
        {"yes", "no", "true", "false", "null", "none", "ok", "safe", "unsafe", "categories", "category", "rationale",
         "violates", "violation", "scores", "label", "flagged", "allow", "block"}
    )  # fmt: skip

    def __init__(self, text: str | None, names: Sequence[str]) -> None:
        self._text = None if text is None else set(_words(text))
        self._kept = (
            self.DECISIONS | {word for name in names for word in _words(name)} | {name.casefold() for name in names}
        )

    def seen(self, text: str) -> str:
        """The text, without the words that might be the item's."""
        words = _words(text)
        if self._text is not None and len(words) <= self.SHORT and self._text.isdisjoint(words):
            return text
        return "".join(
            mask(run) if is_word and run.casefold() not in self._kept else run for is_word, run in _runs(text)
        )


def _runs(text: str) -> list[tuple[bool, str]]:
    """Words, and what stands between them; marks of vowels belong to their word, which no class of ``re`` knows."""
    return [(is_word, "".join(run)) for is_word, run in itertools.groupby(text, in_word)]


def _words(text: str) -> list[str]:
    return [run.casefold() for is_word, run in _runs(text.replace("_", " ")) if is_word]


def shown_raw(body: bytes, mode: TextMode, words: AnswerWords) -> str:
    """The answer's body; masked, its strings lose their words, for a model may repeat what it was asked about."""
    text = body.decode("utf-8", "replace")
    if mode == "full":
        return text
    if mode == "none":
        return HIDDEN_TEXT
    try:
        return json.dumps(_without_words(json.loads(text), words), ensure_ascii=False)
    except (ValueError, RecursionError):
        return mask(text)


def _without_words(value: Any, words: AnswerWords, name: str = "") -> Any:
    if isinstance(value, str):
        return value if name in _PLAIN_FIELDS else words.seen(value)
    if isinstance(value, dict):
        return {key: _without_words(one, words, key) for key, one in value.items() if key != "bytes"}
    return [_without_words(one, words, name) for one in value] if isinstance(value, list) else value
