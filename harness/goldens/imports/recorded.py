"""Runs of other harnesses -> items with their targets as labels, and what each model decided, as recorded candidates.

Decides where every answer of such a run goes. How a target or an answer in words becomes a label is decided in
``answer_words``; an answer that cannot be read is ``unparsed``, a call that failed is an ``error``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.goldens.imports.account import NO_TEXT, OTHER_TEXT, Account, LeftOut
from harness.goldens.imports.answer_words import AnswerWords, dumped, says_a_verdict
from harness.goldens.imports.convert import cleaner
from harness.goldens.imports.importers import Imported
from harness.goldens.imports.plan import Plan


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


Answers = Callable[[], Iterator[Answered | LeftOut]]


def imported(answers: Answers, plan: Plan, account: Account) -> Imported:
    """Items and recorded decisions.

    The answers are read twice. The plan's ``names`` map words to categories, its ``values`` words to 1, 0 or null.
    """
    words = AnswerWords((one.target for one in answers() if isinstance(one, Answered)), plan)
    found = Imported(iter(()), words.categories, rules=("the other harness's target is the label",))
    found.items = _items(answers, words, plan, account, found.decisions)
    return found


def _items(
    answers: Answers,
    words: AnswerWords,
    plan: Plan,
    account: Account,
    decisions: dict[str, list[dict[str, Any]]],
) -> Iterator[dict[str, Any]]:
    seen: dict[str, str] = {}
    asked: set[tuple[str, str]] = set()
    cleaned = cleaner(plan, account)
    for one in answers():
        account.n_rows += 1
        if isinstance(one, LeftOut):
            account.left_out.add(one.reason, one.number)
            continue
        if one.text is None or not one.text.strip():
            account.left_out.add(NO_TEXT, one.number)
            continue
        is_known = one.item_id in seen
        if seen.setdefault(one.item_id, one.text) != one.text:
            account.left_out.add(OTHER_TEXT, one.number)
            continue
        if (one.candidate, one.item_id) in asked:
            account.left_out.add("a further repeat of an answer", one.number)
            continue
        asked.add((one.candidate, one.item_id))
        decisions.setdefault(one.candidate, []).append(_decision(one, words))
        if is_known:
            account.n_joined += 1
            continue
        labels = words.labels(one.target)
        account.count(labels)
        item: dict[str, Any] = {"id": one.item_id, "text": cleaned(one.text), "labels": labels}
        meta = {name: value for name, value in one.meta.items() if value not in (None, "", [], {})}
        if meta:
            item["meta"] = meta
        yield item


def _decision(one: Answered, words: AnswerWords) -> dict[str, Any]:
    row: dict[str, Any] = {"id": one.item_id, "decisions": {}}
    if one.error:
        row["outcome"] = "error"
    else:
        said = words.read(one.answer)
        if said.outcome == "ok":
            row["decisions"] = dict(said.decisions)
        else:
            row["outcome"] = said.outcome
        if said.scores and said.outcome == "ok":
            row["scores"] = dict(said.scores)
    if one.latency_ms is not None:
        row["latency_ms"] = one.latency_ms
    if one.cost_usd is not None:
        row["cost_usd"] = one.cost_usd
    return row


def spoken(value: Any) -> str | None:
    """An answer or an item as text, where a harness stores it as messages or parts; other structures as JSON.

    >>> spoken([{"role": "assistant", "content": [{"type": "text", "text": "no"}]}]), spoken(["hate", "spam"])
    ('no', '["hate","spam"]')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        parts = [part for one in value if (part := spoken(one)) is not None]
        return parts[-1] if parts else None
    if isinstance(value, dict) and not says_a_verdict(value):
        for name in ("content", "text", "output", "completion", "prompt", "input", "message"):
            if name in value:
                return spoken(value[name])
    return None if value is None else dumped(value) if isinstance(value, dict | list | bool) else str(value)
