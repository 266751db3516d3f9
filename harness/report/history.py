"""The history of an eval: one row a run and candidate, its inputs by version and hash, and how each category stood.

Decides what a row holds and which earlier row it is set against: the same candidate's run before, over the same labels.
A text that changed while its version did not is marked, since a version nobody raised hides a change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.results import MetricResult
from harness.report.parts import numbers
from harness.report.parts.finding_words import few_behind
from harness.report.parts.tables import Table
from harness.report.weekly.changes import gold_key
from harness.report.weekly.kept import SummaryCache, run_key
from harness.report.weekly.summaries import Summary, metric, summary_of
from harness.runs import RunMeta, list_runs, open_run
from harness.runs.asked import read_note

METRICS = ("recall", "precision")
MOST_SHOWN = 20
MOST_CATEGORIES = 20
WORST_CATEGORIES = 10


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One candidate of one run.

    Attributes:
        inputs: Kind of input -> version@hash.
        silent: Kinds whose text changed under the same version since the run before.
        values: (Category, metric) -> value with interval.
        before: The same of the run before over the same labels; empty without one.
    """

    meta: RunMeta
    candidate: str
    inputs: Mapping[str, str]
    silent: tuple[str, ...]
    values: Mapping[tuple[str, str], MetricResult]
    before: Mapping[tuple[str, str], MetricResult]
    note: str | None = None


def history(runs_dir: str | Path, eval_name: str, candidates: Sequence[str] = ()) -> list[HistoryRow]:
    """Every complete run of an eval, oldest first; only the candidates named, where any are."""
    metas = [one for one in list_runs(runs_dir, eval_name) if one.status == "complete"]
    last: dict[str, HistoryRow] = {}
    rows = []
    with SummaryCache(runs_dir) as cache:
        for meta in metas:
            summary = cache.get(
                run_key(meta),
                Summary,
                lambda run_id=meta.run_id: summary_of(open_run(run_id, runs_dir)),  # type: ignore[misc]
            )
            for candidate in (one for one in meta.candidates if not candidates or one in candidates):
                values = {
                    (category, name): metric(summary, candidate, category, name)
                    for category in meta.categories
                    for name in METRICS
                }
                before = last.get(candidate)
                silent = () if before is None else _silent(before.meta, meta, candidate)
                then = before.values if before is not None and gold_key(before.meta) == gold_key(meta) else {}
                note = read_note(runs_dir, meta.run_id)
                last[candidate] = HistoryRow(meta, candidate, _inputs(meta, candidate), silent, values, then, note)
                rows.append(last[candidate])
    return rows


def _inputs(meta: RunMeta, candidate: str) -> dict[str, str]:
    described = {kind: meta.input_of(kind, candidate) for kind in ("prompt", "rules")}
    return {kind: f"{one.title}@{one.sha256[:8]}" for kind, one in described.items() if one is not None}


def _silent(before: RunMeta, meta: RunMeta, candidate: str) -> tuple[str, ...]:
    found = []
    for kind in ("prompt", "rules"):
        old, new = (one.input_of(kind, candidate) for one in (before, meta))
        if old and new and old.version == new.version and old.sha256 != new.sha256:
            found.append(kind)
    return tuple(found)


def as_dict(rows: Sequence[HistoryRow]) -> dict[str, Any]:
    """Plain data in the shape of ``harness history --json``."""
    runs: dict[str, dict[str, Any]] = {}
    for row in rows:
        run = runs.setdefault(row.meta.run_id, _run_as_dict(row))
        categories: dict[str, dict[str, Any]] = {}
        for (category, name), value in row.values.items():
            categories.setdefault(category, {})[name] = value.as_dict()
        run["candidates"][row.candidate] = {
            "inputs": dict(row.inputs),
            "changed_without_version": list(row.silent),
            "categories": categories,
        }
    return {"runs": list(runs.values())}


def _run_as_dict(row: HistoryRow) -> dict[str, Any]:
    return {
        "run_id": row.meta.run_id,
        "time": row.meta.created_at,
        "label": row.meta.wave,
        "note": row.note,
        "golden_set": row.meta.golden_set.title,
        "candidates": {},
    }


def history_table(rows: Sequence[HistoryRow], name: str, *, most: int = MOST_SHOWN, shows_all: bool = False) -> Table:
    """One metric of the newest rows, oldest first: value, and points against the run before over the same labels.

    Of more than ``MOST_CATEGORIES`` those stand there that fell most, or stand lowest where no row has one before.
    """
    shown = list(rows)[-most:]
    every = list(dict.fromkeys(category for row in shown for category, _ in row.values))
    is_long = len(every) > MOST_CATEGORIES and not shows_all
    categories = _worst(shown, name, every)[:WORST_CATEGORIES] if is_long else every
    names: dict[str, str] = {}
    for row in shown:  # the newest names win
        names |= row.meta.policy.names_of(row.meta.categories)
    heads = tuple(names[one] for one in categories)
    has_inputs = any(row.inputs for row in shown)
    columns = ("Run", "Label", "Candidate", *(("Inputs",) if has_inputs else ()), *heads)
    lines = []
    for row in shown:
        inputs = ", ".join(row.inputs.values())
        mark = f" (! {' and '.join(row.silent)} edited without a new version)" if row.silent else ""
        cells = [_cell(row, category, name) for category in categories]
        label = (row.meta.wave or row.meta.created_at[:10]) + (f": {row.note}" if row.note else "")
        lines.append((row.meta.run_id, label, row.candidate, *((inputs + mark,) if has_inputs else ()), *cells))
    notes = []
    if any(row.before for row in shown):
        notes.append("In brackets: points against the same candidate's run before, over the same labels.")
    if len(rows) > most:
        notes.append(f"{numbers.count(len(rows) - most)} earlier rows are in --json.")
    if is_long:
        most_fallen = f"{len(categories)} categories that fell most, or stand lowest where nothing was compared"
        notes.append(f"Shown are the {most_fallen}; {len(every) - len(categories)} others: --all.")
    n_of = {
        names[category]: min(row.values[category, name].n for row in shown if (category, name) in row.values)
        for category in categories
    }
    notes += few_behind(name, n_of)
    keys = frozenset(("Run", "Candidate"))
    return Table(name.capitalize(), columns, tuple(lines), tuple(notes), frozenset(heads), frozenset(("Run",)), keys)


def _worst(rows: Sequence[HistoryRow], name: str, categories: Sequence[str]) -> list[str]:
    """The categories by their largest fall against a run before, then by their lowest value."""
    falls, lowest = dict.fromkeys(categories, 0.0), dict.fromkeys(categories, 1.0)
    for row in rows:
        for category in categories:
            value, before = (one.get((category, name)) for one in (row.values, row.before))
            if value is not None and value.is_defined:
                lowest[category] = min(lowest[category], value.value)
                if before is not None and before.is_defined:
                    falls[category] = min(falls[category], value.value - before.value)
    return sorted(categories, key=lambda one: (falls[one], lowest[one]))


def _cell(row: HistoryRow, category: str, name: str) -> str:
    value = row.values.get((category, name))
    if value is None or not value.is_defined:
        return "n/a"
    before = row.before.get((category, name))
    if before is None or not before.is_defined:
        return numbers.share(value.value)
    return f"{numbers.share(value.value)} ({numbers.points(value.value - before.value)})"
