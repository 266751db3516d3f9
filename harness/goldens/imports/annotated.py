"""What annotators chose in a labelling tool -> items with votes; shared by the importers of such tools.

Decides what a control of a tool is: where all its choices only say yes, no or nothing it is a category, else each of
its choices is one, and what an annotator did not choose is not violated. A skipped or cancelled annotation is no vote,
and an item that nobody annotated has no label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.files.golden.values import folded, meaning, names_category
from harness.goldens.imports.account import NO_TEXT, OTHER_TEXT, SECOND_VOTE, Account, LeftOut
from harness.goldens.imports.convert import cleaner
from harness.goldens.imports.guess_plan import category_id
from harness.goldens.imports.importers import Imported
from harness.goldens.imports.plan import RULES, Plan, decided

Choices = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Annotated:
    """One item as a tool exports it: who chose what, control by control; models' choices apart.

    ``gold`` is the choice that was marked as the truth: it is the label, whatever the votes say. ``skipped`` names who
    saw the item and said nothing, ``notes`` says what else is no vote, ``n_rows`` how many rows the item is made of.
    """

    number: int
    id: str
    text: str | None
    votes: Sequence[tuple[str, Choices]]
    meta: Mapping[str, Any] = field(default_factory=dict)
    predictions: Sequence[tuple[str, Choices, float | None]] = ()
    notes: Mapping[str, int] = field(default_factory=dict)
    n_rows: int = 1
    gold: Choices | None = None
    skipped: Sequence[str] = ()


SKIPPED = "a skipped or cancelled annotation"
Records = Callable[[], Iterator[Annotated | LeftOut]]


def imported(records: Records, plan: Plan, account: Account) -> Imported:
    """Items of what annotators chose.

    The records are read twice: for the choices there are, and for the items.
    """
    words: dict[str, dict[str, None]] = {}
    meta: dict[str, set[str]] = {}
    for record in records():
        if isinstance(record, LeftOut):
            continue
        gold = [] if record.gold is None else [record.gold]
        for choices in [*(said for _, said in record.votes), *gold, *(said for _, said, _ in record.predictions)]:
            for control, chosen in choices.items():
                words.setdefault(control, {}).update(dict.fromkeys(chosen))
        for name, value in record.meta.items():
            if isinstance(value, str) and len(meta.setdefault(name, set())) < 40:
                meta[name].add(value)
    scale = _Scale(words, plan)
    slices = {name: f"meta.{name}" for name, values in meta.items() if name in _SLICES and 1 < len(values) < 40}
    found = Imported(
        iter(()), scale.categories, slices=slices, rules=(*scale.rules(), f"votes: {RULES[plan.vote_rule]}")
    )
    found.items = _items(records, scale, plan, account, found.decisions)
    return found


_SLICES = ("language", "lang", "country", "region", "source", "surface", "split", "platform")


class _Scale:
    """Which choices of which control mean which category."""

    def __init__(self, words: Mapping[str, Mapping[str, None]], plan: Plan) -> None:
        self._values = {folded(value): code for value, code in plan.values.items()}
        self._names = {folded(name): category for name, category in plan.names.items()}
        self._own: dict[str, str] = {}
        found: dict[str, None] = {}
        for control, chosen in words.items():
            codes = [self._code(word) for word in chosen if folded(word) not in self._names]
            is_yes_or_no = len(codes) == len(chosen) and all(code != "?" for code in codes)
            if chosen and is_yes_or_no and not any(map(self._is_named, chosen)):
                self._own[control] = self._names.get(folded(control), category_id(control))
                found[self._own[control]] = None
                continue
            found.update(dict.fromkeys(self._category(word) for word in chosen if self._code(word) not in (0, None)))
        self.categories = tuple(found)

    def _code(self, word: str) -> Any:
        key = folded(word)
        return self._values[key] if key in self._values else meaning(word, none_is_zero=True)

    def _is_named(self, word: str) -> bool:
        return folded(word) not in self._values and names_category(word)

    def _category(self, word: str) -> str:
        return self._names.get(folded(word), category_id(word))

    def labels(self, choices: Choices) -> dict[str, int | None]:
        """What one annotator said of every category."""
        said: dict[str, int | None] = {}
        others = [name for name in self.categories if name not in self._own.values()]
        for control, chosen in choices.items():
            if control in self._own:
                codes = [self._code(word) for word in chosen]
                said[self._own[control]] = None if not codes or codes[0] is None else int(1 in codes)
                continue
            if chosen and all(self._code(word) is None and folded(word) not in self._names for word in chosen):
                continue
            said = {**dict.fromkeys(others, 0), **said}
            said |= {self._category(word): 1 for word in chosen if self._code(word) not in (0, None)}
        return said

    def rules(self) -> tuple[str, ...]:
        return (
            ("a choice that an annotator did not make: not violated",) if len(self._own) < len(self.categories) else ()
        )


def _items(
    records: Records,
    scale: _Scale,
    plan: Plan,
    account: Account,
    decisions: dict[str, list[dict[str, Any]]],
) -> Iterator[dict[str, Any]]:
    cleaned = cleaner(plan, account)
    for record in records():
        if isinstance(record, LeftOut):
            account.n_rows += 1
            account.left_out.add(record.reason, record.number)
            continue
        account.n_rows += record.n_rows
        if record.text is None or not record.text.strip():
            for _ in range(record.n_rows):
                account.left_out.add(NO_TEXT, record.number)
            continue
        account.n_joined += record.n_rows - 1
        for why, n in record.notes.items():
            account.note(why, n)
        votes = _one_each(record.votes, scale, account)
        labels = dict.fromkeys(scale.categories) | decided(
            [vote["labels"] for vote in votes], plan.vote_rule, scale.categories
        )
        if record.gold is not None:
            labels |= scale.labels(record.gold)
        account.n_votes += len(votes)
        voted = {vote["annotator"] for vote in votes}
        nothing = dict.fromkeys(scale.categories)
        votes += [{"annotator": who, "labels": nothing} for who in dict.fromkeys(record.skipped) if who not in voted]
        account.count(labels)
        predicted: set[str] = set()
        for model, choices, score in record.predictions:
            if model in predicted:
                account.note("a further prediction of one model on one item")
                continue
            predicted.add(model)
            said = scale.labels(choices)
            row: dict[str, Any] = {"id": record.id, "decisions": dict.fromkeys(scale.categories) | said}
            ones = [name for name, code in said.items() if code == 1]
            if score is not None and len(ones) == 1 and 0 <= score <= 1:
                row["scores"] = {ones[0]: score}
            decisions.setdefault(model, []).append(row)
        item: dict[str, Any] = {"id": record.id, "text": cleaned(record.text), "labels": labels}
        if votes:
            item["votes"] = votes
        meta = {name: value for name, value in record.meta.items() if value not in (None, "")}
        group = None if plan.group is None else meta.pop(plan.group.removeprefix("data."), None)
        if group is not None:
            item["group"] = str(group)
        if meta:
            item["meta"] = meta
        yield item


def _one_each(given: Sequence[tuple[str, Choices]], scale: _Scale, account: Account) -> list[dict[str, Any]]:
    votes: dict[str, dict[str, Any]] = {}
    for who, choices in given:
        if who in votes:
            account.note(SECOND_VOTE)
        said = scale.labels(choices)
        if any(code is not None for code in said.values()):
            votes[who] = {"annotator": who, "labels": dict.fromkeys(scale.categories) | said}
        else:
            account.note("an annotation that says nothing of any category")
    return list(votes.values())


class Tasks:
    """Rows that are one annotation each -> one item a task, in the order in which tasks come first."""

    def __init__(self) -> None:
        self._rows: dict[str, _Task] = {}

    def add(self, number: int, item_id: str, text: str | None, meta: Mapping[str, Any]) -> _Task | LeftOut:
        """The task of a row, which counts as one of its rows; why the row is none where the text is another."""
        task = self._rows.setdefault(item_id, _Task(number, text, meta))
        if task.text != text:
            return LeftOut(number, OTHER_TEXT)
        task.n_rows += 1
        return task

    def records(self) -> Iterator[Annotated]:
        """All tasks."""
        for item_id, task in self._rows.items():
            yield Annotated(
                task.number, item_id, task.text, task.votes, task.meta, notes=task.notes, n_rows=task.n_rows
            )


@dataclass(slots=True)
class _Task:
    number: int
    text: str | None
    meta: Mapping[str, Any]
    votes: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)
    n_rows: int = 0

    def note(self, why: str) -> None:
        self.notes[why] = self.notes.get(why, 0) + 1
