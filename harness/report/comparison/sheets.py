"""The comparison report as a spreadsheet: tables that a person sorts, filters and pivots."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.core.results import MetricResult
from harness.gating.findings.stored import NEWLY
from harness.measure.score import CategoryScore
from harness.measure.slices import ALL_CATEGORIES, SliceChange
from harness.report.comparison.change_signs import CHANGE_WORDS
from harness.report.comparison.data import (
    METRIC_NAMES,
    CategoryRow,
    CheckRow,
    Economics,
    Measure,
    OutcomeRow,
    Pair,
    ReportData,
)
from harness.report.comparison.many import decisions, is_many, short_details, standing_words
from harness.report.comparison.matrix import matrix_sheet
from harness.report.comparison.section_table import section_sheets
from harness.report.comparison.source import OUTCOME_NAMES, Arm, ReportSource
from harness.report.comparison.workload import ProductionRow, ProductionTotal
from harness.report.parts import numbers
from harness.report.parts.fields import ENDS, Field, Record, ends, field, fields, table
from harness.report.parts.finding_sheet import findings_sheet
from harness.report.parts.finding_words import NEWLY_WORDS
from harness.report.parts.masking import TextMode, visible_text
from harness.report.parts.words import capital, outcome_words, slice_words
from harness.report.parts.xlsx import Column, Sheet, Value, number, proportion, write_workbook

_DIFFERENCE = ("Difference, points", "Difference low", "Difference high")
MAX_ITEM_ROWS = 30_000
TEXT_WIDTH = 1_000
_MARKS: Any = (
    ("PASS", "good"),
    ("REGRESSION", "bad"),
    ("INVALID", "bad"),
    ("INCOMPLETE", "bad"),
    ("NO VERDICT", "bad"),
    ("INCONCLUSIVE", "open"),
    ("NOT EVALUABLE", "open"),
    (CHANGE_WORDS["better"], "good"),
    (CHANGE_WORDS["worse"], "bad"),
    *((NEWLY_WORDS[name], "good") for name in ("caught", "cleared")),
    *((NEWLY_WORDS[name], "bad") for name in ("missed", "wrongly_flagged")),
)


def write_xlsx(source: ReportSource, data: ReportData, path: Path, text_mode: TextMode) -> Path:
    """Write the workbook."""
    return write_workbook(sheets(source, data, text_mode), path, title=data.title)


def sheets(source: ReportSource, data: ReportData, text_mode: TextMode) -> list[Sheet]:
    """Summary, categories, checks, items, slices, outcomes, about; a sheet without rows is left out."""
    items = _items(source, data, text_mode)
    names = {**dict(data.categories), ALL_CATEGORIES: "all categories"}
    found = [_summary(data), *matrix_sheet(data), *findings_sheet(data.findings), _categories(data), *_checks(data)]
    found += [items, *_workload(data), *_slices(source, names), *_slice_changes(source, names), _outcomes(data)]
    return [*found, *(sheet for one in data.sections for sheet in section_sheets(one)), _about(data, items)]


def _summary(data: ReportData) -> Sheet:
    rows: list[tuple[Value, ...]] = [(one.word, one.text) for one in data.banners]
    several = len(data.verdict.lines) > 1
    rows += [("Candidates", text) for text in [standing_words(data)] if text]
    for _, one, is_whole in decisions(data):
        rows.append((f"Verdict, {one.candidate}" if several else "Verdict", one.word))
        rows.append(("In words", one.sentence))
        details = one.details if is_whole else short_details(one)
        rows += [(heading, text) for heading, said in details for text in said]
    rows += [("Note", note) for note in data.verdict.notes]
    rows += [(f"{name} is", data.descriptions[name]) for name in data.candidates if data.descriptions.get(name)]
    rows += [(name, value) for name, value in data.facts]
    title = "".join(f"{one.word}: " for one in data.banners) + data.title
    columns = (Column("What", width=22), Column("Value", "long", 120))
    return Sheet("Summary", columns, rows, title=title, marks=_MARKS)


def _metric(name: str) -> str:
    """A metric as the other sheets call it."""
    return METRIC_NAMES.get(name, capital(name.replace("_", " ")))


class _Cell(NamedTuple):
    """One metric of a category in one comparison."""

    pair: Pair
    row: CategoryRow
    metric: str
    measure: Measure


def _points(heads: Sequence[str], result: Callable[[Record], MetricResult | None], width: float = 11) -> Field[Record]:
    """Value and ends in percentage points; empty without a result."""

    def cells(of: Record) -> list[Value]:
        return [None if end is None else 100 * end for end in proportion(result(of))[:3]]

    return fields(heads, cells, "points", width)


def _newly(one: _Cell) -> list[Value]:
    """How many decisions changed, for those directions that move the metric."""
    counted = NEWLY.get(one.metric, NEWLY_WORDS)
    return [len(getattr(one.row.newly, name)) if name in counted else None for name in NEWLY_WORDS]


def _categories(data: ReportData) -> Sheet:
    columns: tuple[Field[_Cell], ...] = (
        field("Candidate", lambda one: one.pair.candidate, width=18),
        field("Baseline", lambda one: one.pair.baseline or "", width=18),
        field("Category", lambda one: one.row.id, width=22),
        field("Name", lambda one: one.row.name, width=38),
        field("Severity", lambda one: one.row.severity, width=10),
        field("Metric", lambda one: METRIC_NAMES[one.metric], width=20),
        ends(("Baseline value", "Baseline low", "Baseline high"), lambda one: one.measure.baseline, width=10),
        ends(("Candidate value", "Candidate low", "Candidate high"), lambda one: one.measure.candidate, width=10),
        field("Items", lambda one: one.measure.n, "count", 8),
        _points(_DIFFERENCE, lambda one: one.measure.difference),
        field("p (Holm)", lambda one: number(one.measure.p_holm), "p_value", 9),
        field("Change", lambda one: CHANGE_WORDS[one.measure.change] if one.pair.baseline else "", width=18),
        fields(map(capital, NEWLY_WORDS.values()), _newly, "count", 10),
    )
    cells = [
        _Cell(pair, row, metric, one)
        for pair in data.pairs
        for row in pair.rows
        for metric, one in row.measures.items()
    ]
    return table("Categories", cells, columns, marks=_MARKS)


def _checks(data: ReportData) -> list[Sheet]:
    columns: tuple[Field[tuple[str, CheckRow]], ...] = (
        field("Candidate", lambda of: of[0], width=18),
        field("Category", lambda of: of[1].subject, width=26),
        field("Metric", lambda of: _metric(of[1].metric)),
        field("Tier", lambda of: of[1].tier, width=10),
        field("Limit", lambda of: of[1].limit, width=16),
        field("Items", lambda of: of[1].n, "count", 8),
        _points(("Difference, points", "90% interval low", "90% interval high"), lambda of: of[1].difference),
        ends(("Value against a floor", "Value, 90% low", "Value, 90% high"), lambda of: of[1].value, width=10),
        field("Verdict", lambda of: of[1].verdict.replace("_", " "), width=16),
        field("More items needed", lambda of: of[1].items_needed, "count", 10),
        field("Remark", lambda of: of[1].remark, "long", 70),
    )
    checks = [(pair.candidate, one) for pair in data.pairs for one in pair.checks]
    return [table("Checks", checks, columns, marks=_MARKS)] if checks else []


def _items(source: ReportSource, data: ReportData, text_mode: TextMode) -> Sheet:
    """One row per item and labelled category: gold, every candidate's decision, fixed or broken."""
    slices = sorted(source.slices)
    has_changes = data.baseline is not None
    told = _told_outcomes(source, data)
    columns = (
        Column("Item", width=22),
        Column("Category", width=20),
        Column("Gold", "count", 7),
        *(Column(arm.id, "count", 10) for arm in source.arms),
        *((Column(f"Change, {pair.candidate}", width=16) for pair in data.pairs) if has_changes else ()),
        *(Column(f"Outcome, {arm.id}", width=14) for arm in told),
        *(Column(name, width=16) for name in slices),
        *((Column("Text, where somebody is wrong", "clip", 70),) if text_mode != "none" else ()),
    )
    return Sheet("Items", columns, list(_item_rows(source, data, text_mode, slices)), marks=_MARKS)


def _item_rows(
    source: ReportSource, data: ReportData, text_mode: TextMode, slices: list[str]
) -> Iterator[tuple[Value, ...]]:
    changes = [
        {
            (item, row.id): words
            for row in pair.rows
            for name, words in NEWLY_WORDS.items()
            for item in getattr(row.newly, name)
        }
        for pair in data.pairs
        if pair.baseline is not None
    ]
    values, told = slice_words(source.slices, len(source.item_ids)), _told_outcomes(source, data)
    names = dict(data.categories)
    for index, column in _shown(source).tolist():
        item_id, category = source.item_ids[index], source.categories[column]
        gold = int(source.y_true[index, column])
        decided = [_decision(arm, index, column) for arm in source.arms]
        is_wrong = any(one is not None and one != gold for one in decided)
        text = visible_text(source.texts[index], text_mode, TEXT_WIDTH) if is_wrong else ""
        yield (
            item_id,
            names[category],
            gold,
            *decided,
            *(change.get((item_id, category), "") for change in changes),
            *(outcome_words(OUTCOME_NAMES[int(arm.outcomes[index])]) for arm in told),
            *(values[index].get(name, "") for name in slices),
            *((text,) if text_mode != "none" else ()),
        )


def _told_outcomes(source: ReportSource, data: ReportData) -> list[Arm]:
    """Candidates with a column of outcomes: all, or of many those of which an answer failed; the others are all ok."""
    return [arm for arm in source.arms if not is_many(data) or (arm.outcomes != OUTCOME_NAMES.index("ok")).any()]


def _shown(source: ReportSource) -> Any:
    """Positions of the labelled decisions; only those that somebody got wrong where all would overflow a sheet."""
    is_labelled = source.y_true >= 0
    if is_labelled.sum() > MAX_ITEM_ROWS:
        wrong = np.zeros_like(is_labelled)
        for arm in source.arms:
            wrong |= (arm.decisions >= 0) & (arm.decisions != source.y_true)
        is_labelled &= wrong
    return np.argwhere(is_labelled)[:MAX_ITEM_ROWS]


def _decision(arm: Arm, index: int, column: int) -> Value:
    decided = int(arm.decisions[index, column])
    return None if decided < 0 else decided


def _slices(source: ReportSource, names: Mapping[str, str]) -> list[Sheet]:
    rows = [
        (candidate, name, value, names.get(category, category), one)
        for candidate, scored in source.scores.candidates.items()
        for name, values in scored.slices.items()
        for value, categories in values.items()
        for category, one in categories.items()
        if one.tp + one.fp + one.fn + one.tn
    ]
    if not rows:
        return []
    metrics = {"Recall": "recall", "Precision": "precision", "False positive rate": "fpr"}
    columns: tuple[Field[tuple[str, str, str, str, CategoryScore]], ...] = (
        field("Candidate", lambda of: of[0], width=18),
        field("Slice", lambda of: of[1], width=16),
        field("Value", lambda of: of[2], width=24),
        field("Category", lambda of: of[3], width=22),
        field("Violating", lambda of: of[4].tp + of[4].fn, "count", 10),
        field("Items", lambda of: of[4].tp + of[4].fp + of[4].fn + of[4].tn, "count", 8),
        fields(
            [f"{head}{end}" for head in metrics for end in ("", " low", " high")],
            lambda of: [cell for name in metrics.values() for cell in proportion(of[4].metrics.get(name))[:3]],
            "share",
            10,
        ),
    )
    return [table("Slices", rows, columns)]


def _slice_changes(source: ReportSource, names: Mapping[str, str]) -> list[Sheet]:
    """Candidate against baseline per slice value and category; q is empty where too few items were there to test."""
    rows = [(candidate, one) for candidate, changes in source.slice_changes.items() for one in changes]
    if not rows:
        return []
    columns: tuple[Field[tuple[str, SliceChange]], ...] = (
        field("Candidate", lambda of: of[0], width=18),
        field("Slice", lambda of: of[1].slice_name, width=16),
        field("Value", lambda of: of[1].value, width=24),
        field("Category", lambda of: names.get(of[1].category, of[1].category), width=22),
        field("Metric", lambda of: _metric(of[1].metric), width=10),
        field("Items", lambda of: of[1].difference.n, "count", 8),
        field("Baseline", lambda of: number(of[1].baseline.value), "share", 10),
        field("Candidate value", lambda of: number(of[1].candidate.value), "share", 10),
        _points(_DIFFERENCE, lambda of: of[1].difference, 10),
        field("p", lambda of: number(of[1].p_value), "p_value", 8),
        field("q (Benjamini-Hochberg, exploratory)", lambda of: number(of[1].q_value), "p_value", 16),
    )
    return [table("Slice changes", rows, columns)]


def _workload(data: ReportData) -> list[Sheet]:
    """A day in production by candidate and category, with the totals."""
    if data.production is None:
        return []
    traffic, hours = data.production.items_per_day, data.production.hours
    columns: tuple[Field[ProductionRow | ProductionTotal], ...] = (
        field("Candidate", lambda one: one.candidate, width=18),
        field("Category", lambda one: one.name if isinstance(one, ProductionRow) else "all categories", width=26),
        field("Prevalence", lambda one: one.prevalence if isinstance(one, ProductionRow) else None, "share", 10),
        ends([f"Precision in production{end}" for end in ENDS], lambda one: one.precision, width=12),
        _amounts("Flags a day", lambda one: one.flagged, traffic),
        _amounts("Wrong flags a day", lambda one: one.wrongly_flagged, traffic),
        _amounts("Missed a day", lambda one: one.missed, traffic),
        _amounts("Reviewer hours a day", lambda one: one.flagged, hours),
    )
    days: list[ProductionRow | ProductionTotal] = [*data.production.totals, *data.production.rows]
    return [table("Workload", days, columns)]


def _amounts(head: str, result: Callable[[Record], MetricResult], factor: float) -> Field[Record]:
    """A share of traffic as a number a day, with its ends."""

    def cells(of: Record) -> list[Value]:
        one = result(of)
        return [factor * end for end in (one.value, one.low, one.high)]

    return fields([f"{head}{end}" for end in ENDS], cells, "amount", 11)


def _outcomes(data: ReportData) -> Sheet:
    names = list(dict.fromkeys(name for row in data.outcomes for name in row.counts))
    money = {one.candidate: one for one in data.economics}
    columns: tuple[Field[tuple[OutcomeRow, Economics | None]], ...] = (
        field("Candidate", lambda of: of[0].candidate, width=20),
        fields(map(outcome_words, names), lambda of: [of[0].counts.get(name, 0) for name in names], "count", 10),
        ends([f"Failure rate{end}" for end in ENDS], lambda of: of[0].failure_rate, width=10),
        field("Latency median, ms", lambda of: of[1].latency_ms.get("p50") if of[1] else None, "milliseconds", 10),
        field("Latency p95, ms", lambda of: of[1].latency_ms.get("p95") if of[1] else None, "milliseconds", 10),
        field("Cost per 1,000 answered items", lambda of: of[1].cost_per_1000_usd if of[1] else None, "money", 12),
        field("Cost per caught violation", lambda of: of[1].cost_per_caught_usd if of[1] else None, "money", 12),
        field("Input from prompt cache", lambda of: of[1].cached_share if of[1] else None, "share", 10),
    )
    return table("Outcomes", [(row, money.get(row.candidate)) for row in data.outcomes], columns)


def _about(data: ReportData, items: Sheet) -> Sheet:
    n_decisions = f"{numbers.count(len(list(items.rows)))} labelled decisions"
    family = data.pairs[0].family or ("no category to compare" if data.baseline else "no baseline")
    rows: list[tuple[Value, ...]] = [
        ("Report", data.title),
        ("Written", data.generated_at),
        ("Version", f"moderation-harness {data.version}"),
        ("Run", data.run_id),
        ("Golden set", f"{data.golden_set.title}, sha256 {data.golden_set.hash}"),
        ("Policy", f"{data.policy_name} v{data.policy_version}"),
        ("Items sheet", f"{n_decisions}; texts stand beside those that somebody got wrong"),
        ("Proven", f"Holm-corrected; {family}"),
        ("Intervals", "95%; those of the gate's checks 90%, whose end is the one-sided 95% bound"),
    ]
    rows += [("Signature", f"{name}: {text}") for name, text in data.signatures.items() if text]
    rows += [
        ("Input", f"{who}: {kind} {name}, sha256 {sha}")
        for who, files in data.inputs.items()
        for kind, name, sha in files
    ]
    rows += [("Rebuild", command) for command in data.reproduce]
    return Sheet("About", (Column("What", width=14), Column("Value", "long", 120)), rows)
