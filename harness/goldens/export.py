"""A golden set -> the rows or tasks of other tools: what each row holds, for tables and for Label Studio.

Decides how a set is written so that nothing is lost on the way back. In Label Studio each category is a choice of yes
or no, and a label that nobody gave is no choice; every annotator's vote is an annotation (a vote that says nothing was
skipped), decisions of candidates are predictions, and the set's own label is the annotation marked as ground truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import quoteattr

from harness.files.golden.sets import GoldenSet
from harness.files.text import counted
from harness.goldens.export_cells import DOTTED, SPACED, Cells, Form
from harness.goldens.imports.flat import unique
from harness.goldens.rewrite import plain_row
from harness.records import Item

GOLD = "gold"
"""Who gave the annotation that holds the set's own label."""
_TEXT = "text"
_CHOICES = {1: "yes", 0: "no"}

Decisions = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Candidate -> item -> its recorded row."""


def rows(golden: GoldenSet) -> Iterator[dict[str, Any]]:
    """Items in the default form, labels as 1, 0 or null; slices that stand elsewhere in the file are under ``meta``."""
    for item in golden.items():
        row = plain_row(item, golden.card.slices)
        yield row | {name: part for name, part in item.modalities.items() if part not in (None, [], {})}


@dataclass(frozen=True, slots=True)
class Table:
    """Head and rows of a table; ``cells`` knows what of it does not come back once the rows are read."""

    head: list[str]
    rows: Iterator[list[Any]]
    cells: Cells


def table(golden: GoldenSet, form: Form) -> Table:
    """A table with a column for each category, modality and name under ``meta``.

    Votes and other lists stand as JSON in one cell, a mapping under ``meta`` in a column for each of its names. Weights
    and marks of what must be caught have columns where an item has one.
    """
    cells, inner = Cells(form), _inner_names(golden)
    fixed = ["id", "text", "group", "images", "context", "votes"]
    fixed += ["weight"] if any(item.weight != 1 for item in golden.items()) else []
    fixed += ["must_catch"] if any(item.must_catch for item in golden.items()) else []
    fixed += golden.card.modalities
    metas: list[tuple[str, str | None]] = [(name, one) for name, below in inner.items() for one in below or [None]]
    names = [f"meta.{name}" if one is None else f"meta.{name}.{one}" for name, one in metas]
    labels = [f"labels.{name}" for name in golden.categories]

    def lines() -> Iterator[list[Any]]:
        for row in rows(golden):
            meta = row.get("meta", {})
            yield [
                *(cells.cell(name, row.get(name), row["id"]) for name in fixed[:2]),
                *(row["labels"][name] for name in golden.categories),
                *(cells.cell(name, row.get(name), row["id"]) for name in fixed[2:]),
                *(
                    cells.cell(column, meta.get(name) if one is None else (meta.get(name) or {}).get(one), row["id"])
                    for column, (name, one) in zip(names, metas, strict=True)
                ),
            ]
            for name in meta:
                if "." in name:
                    cells.note(f"meta.{name}", DOTTED, row["id"])

    head = [cells.head(name) for name in [*fixed[:2], *labels, *fixed[2:], *names]]
    for name, kept in zip(head, unique(head), strict=True):
        if name != kept:
            cells.note(name, SPACED, "")
    return Table(head, lines(), cells)


def _inner_names(golden: GoldenSet) -> dict[str, list[str | None]]:
    """Names under ``meta``, each with those below it where it is a mapping in every item that has it."""
    found: dict[str, dict[str, None] | None] = {}
    for row in rows(golden):
        for name, value in row.get("meta", {}).items():
            is_mapping = isinstance(value, Mapping) and value and not any("." in one for one in value)
            if not is_mapping:
                found[name] = None
            elif (below := found.setdefault(name, {})) is not None:
                below.update(dict.fromkeys(value))
    return {name: [*(below or ())] for name, below in found.items()}


def tasks(golden: GoldenSet, decisions: Decisions) -> Iterator[dict[str, Any]]:
    """Tasks for Label Studio, with every annotation and prediction."""
    for item in golden.items():
        annotations = [_annotation(vote["annotator"], vote["labels"], golden.categories) for vote in item.votes]
        if any(code is not None for code in item.labels.values()):
            annotations.append({**_annotation(GOLD, item.labels, golden.categories), "ground_truth": True})
        predictions = [
            _prediction(candidate, rows_of[item.id], golden.categories)
            for candidate, rows_of in decisions.items()
            if item.id in rows_of
        ]
        task: dict[str, Any] = {"id": _whole(item.id), "data": {_TEXT: item.text, **item.meta}}
        if item.group is not None:
            task["data"]["group"] = item.group
        yield {**task, "annotations": annotations, "predictions": predictions}


def cannot_hold(golden: GoldenSet) -> list[str]:
    """What of the items a Label Studio task has no place for, in words."""
    counts = {"images": 0, "context": 0, "weight": 0, "must_catch": 0, "withheld text": 0}
    counts |= dict.fromkeys(golden.card.modalities, 0)

    def look(item: Item) -> None:
        counts["images"] += bool(item.images)
        counts["context"] += item.context is not None
        counts["weight"] += item.weight != 1
        counts["must_catch"] += item.must_catch
        counts["withheld text"] += item.text is None
        for name, part in item.modalities.items():
            counts[name] += part is not None

    for item in golden.items():
        look(item)
    return [f"{name} of {counted(n, 'item')}" for name, n in counts.items() if n]


def labelling_config(categories: Sequence[str]) -> str:
    """The labelling interface that fits the tasks."""
    controls = [
        f"  <Header value={quoteattr(name)}/>\n"
        f'  <Choices name={quoteattr(name)} toName="{_TEXT}" choice="single"><Choice value="yes"/><Choice value="no"/>'
        "</Choices>"
        for name in categories
    ]
    return "\n".join(["<View>", f'  <Text name="{_TEXT}" value="${_TEXT}"/>', *controls, "</View>"]) + "\n"


def _annotation(who: str, labels: Mapping[str, int | None], categories: Sequence[str]) -> dict[str, Any]:
    """A vote; a category that it leaves out is one that it did not choose."""
    codes = {name: labels.get(name, 0) for name in categories}
    by: Any = _whole(who) if who.isdigit() else {"email": who}
    return {"completed_by": by, "was_cancelled": all(code is None for code in codes.values()), "result": _chosen(codes)}


def _prediction(candidate: str, row: Mapping[str, Any], categories: Sequence[str]) -> dict[str, Any]:
    decisions, scores = row.get("decisions") or {}, row.get("scores") or {}
    found: dict[str, Any] = {
        "model_version": candidate,
        "result": _chosen({name: decisions.get(name) for name in categories}),
    }
    ones = [name for name in categories if decisions.get(name) == 1]
    if len(ones) == 1 and ones[0] in scores:
        found["score"] = scores[ones[0]]
    return found


def _chosen(codes: Mapping[str, int | None]) -> list[dict[str, Any]]:
    return [
        {"from_name": name, "to_name": _TEXT, "type": "choices", "value": {"choices": [_CHOICES[code]]}}
        for name, code in codes.items()
        if code is not None
    ]


def _whole(text: str) -> int | str:
    return int(text) if text.isdigit() and str(int(text)) == text else text
