"""Runs of other harnesses -> items with their targets as labels, and what each model decided, as recorded candidates.

Decides how a target or an answer in words becomes a label: a word that reads as yes or no is one of the only
category, a category's name names it, a JSON answer is read by its ``categories``. An answer that is none of these is
``unparsed``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.files.golden.guess import structure
from harness.files.golden.values import folded, meaning, names_category
from harness.files.text import shortened
from harness.goldens.imports.convert import NO_TEXT, Account
from harness.goldens.imports.guess_plan import category_id
from harness.goldens.imports.importers import Imported
from harness.goldens.imports.plan import Plan, parted

_FENCE = re.compile(r"^```\w*\s*(.*?)\s*```$", re.DOTALL)
_MOST_WORDS = 60


@dataclass(frozen=True, slots=True)
class Answered:
    """One model's answer to one item of another harness's run."""

    number: int
    item_id: str
    text: str | None
    target: Any
    candidate: str
    answer: Any
    error: str | None = None
    latency_ms: float | None = None
    cost_usd: float | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


def imported(answers: Callable[[], Iterator[Answered]], plan: Plan, account: Account) -> Imported:
    """Items and recorded decisions.

    Args:
        answers: Every answer of the run, read twice.
        plan: ``names`` maps words to categories, ``values`` words to 1, 0 or null.
        account: Where every row went.
    """
    words: dict[str, None] = {}
    for one in answers():
        if len(words) <= _MOST_WORDS:
            words.update(dict.fromkeys(_words(one.target)))
    scale = _Scale(words, plan)
    found = Imported(iter(()), scale.categories, rules=("the other harness's target is the label",))
    found.items = _items(answers, scale, account, found.decisions)
    return found


class _Scale:
    def __init__(self, words: Mapping[str, None], plan: Plan) -> None:
        self._values = {folded(value): code for value, code in plan.values.items()}
        self._names = {folded(name): category for name, category in plan.names.items()}
        others = [
            word
            for word in words
            if folded(word) in self._names or (folded(word) not in self._values and names_category(word))
        ]
        own = dict.fromkeys(
            [*plan.names.values(), *(self._names.get(folded(word), category_id(word)) for word in others)]
        )
        self.categories = tuple(own) or ("violation",)
        self._by_word = {folded(category): category for category in self.categories} | {
            folded(word): self._names.get(folded(word), category_id(word)) for word in others
        }

    def _code(self, word: str) -> Any:
        key = folded(word)
        return self._values[key] if key in self._values else meaning(word, none_is_zero=True)

    def labels(self, said: Any) -> dict[str, int | None] | None:
        """Category -> 1, 0 or None; None where the words cannot be read."""
        words = _words(said)
        if said is None or (isinstance(said, str) and not said.strip()):
            return None
        violated: set[str] = set()
        for word in words:
            code = self._code(word)
            if folded(word) in self._by_word:
                violated.add(self._by_word[folded(word)])
            elif code == 1 and len(self.categories) == 1:
                violated.add(self.categories[0])
            elif code is None:
                return dict.fromkeys(self.categories)
            elif code != 0:
                return None
        return {category: int(category in violated) for category in self.categories}


def _words(said: Any) -> list[str]:
    """The words of a target or an answer: of a JSON answer its categories or its verdict."""
    if isinstance(said, bool):
        return ["true" if said else "false"]
    if isinstance(said, str):
        text = said.strip()
        fenced = _FENCE.match(text)
        text = fenced[1] if fenced else text
        said = structure(text) if text[:1] in ("{", "[") else text.rstrip(".!")
    if isinstance(said, dict):
        for name in ("categories", "violates", "label", "labels", "verdict", "answer", "flagged"):
            if name in said:
                value = said[name]
                if name == "categories" and not value:
                    return ["none"]
                return parted(value, None) if not isinstance(value, bool) else ["true" if value else "false"]
        return [str(said)]
    if isinstance(said, list) and not said:
        return ["none"]
    return parted(said, "," if isinstance(said, str) and len(said) < 200 else None)


def _items(
    answers: Callable[[], Iterator[Answered]],
    scale: _Scale,
    account: Account,
    decisions: dict[str, list[dict[str, Any]]],
) -> Iterator[dict[str, Any]]:
    seen: dict[str, str] = {}
    asked: set[tuple[str, str]] = set()
    for one in answers():
        account.n_rows += 1
        if one.text is None or not one.text.strip():
            account.leave(NO_TEXT, one.number)
            continue
        is_known = one.item_id in seen
        if seen.setdefault(one.item_id, one.text) != one.text:
            account.leave("another text under an id that was there already", one.number)
            continue
        if (one.candidate, one.item_id) in asked:
            account.leave("a further repeat of an answer", one.number)
        else:
            asked.add((one.candidate, one.item_id))
            decisions.setdefault(one.candidate, []).append(_decision(one, scale))
        if is_known:
            continue
        labels = scale.labels(one.target)
        if labels is None:
            labels = dict.fromkeys(scale.categories)
        account.count(labels)
        item: dict[str, Any] = {"id": one.item_id, "text": one.text, "labels": labels}
        meta = {name: value for name, value in one.meta.items() if value not in (None, "", [], {})}
        if meta:
            item["meta"] = meta
        yield item


def _decision(one: Answered, scale: _Scale) -> dict[str, Any]:
    row: dict[str, Any] = {"id": one.item_id}
    if one.error:
        row |= {"decisions": {}, "outcome": "error"}
    else:
        said = scale.labels(one.answer)
        row |= {"decisions": {}, "outcome": "unparsed"} if said is None else {"decisions": said}
    if one.latency_ms is not None:
        row["latency_ms"] = one.latency_ms
    if one.cost_usd is not None:
        row["cost_usd"] = one.cost_usd
    return row


def answer_text(value: Any) -> str | None:
    """An answer as text, where a harness stores it as messages or parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = [part for one in value if (part := answer_text(one)) is not None]
        return parts[-1] if parts else None
    if isinstance(value, dict):
        for name in ("content", "text", "output", "completion", "prompt", "input", "message"):
            if name in value:
                return answer_text(value[name])
        return shortened(value) if not value else str(value)
    return None if value is None else str(value)
