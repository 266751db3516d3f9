"""The comparison report as a spreadsheet: tables that a person sorts, filters and pivots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from harness.gating.checks import check_subject
from harness.gating.findings.stored import NEWLY
from harness.report.comparison.data import METRIC_NAMES, ReportData
from harness.report.comparison.markdown import CHANGE_WORDS
from harness.report.comparison.matrix import matrix_sheet
from harness.report.comparison.section_table import section_sheets
from harness.report.comparison.source import OUTCOME_NAMES, Arm, ReportSource
from harness.report.comparison.workload import ProductionRow, ProductionTotal
from harness.report.parts import numbers
from harness.report.parts.finding_sheet import findings_sheet
from harness.report.parts.finding_words import NEWLY_WORDS
from harness.report.parts.masking import TextMode, visible_text
from harness.report.parts.words import capital, outcome_words, slice_words
from harness.report.parts.xlsx import Column, Sheet, Value, number, proportion, write_workbook

MAX_ITEM_ROWS = 30_000
TEXT_WIDTH = 1_000
ENDS = ("", ", low", ", high")
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
    matrix = matrix_sheet(data)
    found = [_summary(data), *([matrix] if matrix else ()), *findings_sheet(data.findings), _categories(data)]
    if any(pair.checks for pair in data.pairs):
        found.append(_checks(data))
    items = _items(source, data, text_mode)
    found += [items, *_workload(data), *_slices(source), *_slice_changes(source), _outcomes(data)]
    found += [sheet for one in data.sections for sheet in section_sheets(one)]
    return [*found, _about(data, items)]


def _summary(data: ReportData) -> Sheet:
    rows: list[tuple[Value, ...]] = [(one.word, one.text) for one in data.banners]
    several = len(data.verdict.lines) > 1
    for one in data.verdict.lines:
        rows.append((f"Verdict, {one.candidate}" if several else "Verdict", one.word))
        rows.append(("In words", one.sentence))
        rows += [(heading, text) for heading, said in one.details for text in said]
    rows += [("Note", note) for note in data.verdict.notes]
    rows += [(f"{name} is", data.descriptions[name]) for name in data.candidates if data.descriptions.get(name)]
    rows += [(name, value) for name, value in data.facts]
    title = "".join(f"{one.word}: " for one in data.banners) + data.title
    columns = (Column("What", width=22), Column("Value", "long", 120))
    return Sheet("Summary", columns, rows, title=title, marks=_MARKS)


def _categories(data: ReportData) -> Sheet:
    columns = (
        Column("Candidate", width=18),
        Column("Baseline", width=18),
        Column("Category", width=22),
        Column("Name", width=38),
        Column("Severity", width=10),
        Column("Metric", width=20),
        Column("Baseline value", "share", 10),
        Column("Baseline low", "share", 10),
        Column("Baseline high", "share", 10),
        Column("Candidate value", "share", 10),
        Column("Candidate low", "share", 10),
        Column("Candidate high", "share", 10),
        Column("Items", "count", 8),
        Column("Difference, points", "points", 11),
        Column("Difference low", "points", 10),
        Column("Difference high", "points", 10),
        Column("p (Holm)", "p_value", 9),
        Column("Change", width=18),
        *(Column(capital(words), "count", 10) for words in NEWLY_WORDS.values()),
    )
    return Sheet("Categories", columns, list(_category_rows(data)), marks=_MARKS)


def _category_rows(data: ReportData) -> Iterator[tuple[Value, ...]]:
    for pair in data.pairs:
        for row in pair.rows:
            for metric, one in row.measures.items():
                value, low, high, _ = proportion(one.candidate)
                difference = one.difference
                points: tuple[Value, ...] = (None, None, None)
                if difference is not None:
                    points = tuple(_points(end) for end in (difference.value, difference.low, difference.high))
                yield (
                    pair.candidate,
                    pair.baseline or "",
                    row.id,
                    row.name,
                    row.severity,
                    METRIC_NAMES[metric],
                    *proportion(one.baseline)[:3],
                    value,
                    low,
                    high,
                    one.n,
                    *points,
                    number(one.p_holm),
                    CHANGE_WORDS[one.change] if pair.baseline else "",
                    *(
                        len(getattr(row.newly, name)) if metric not in NEWLY or name in NEWLY[metric] else None
                        for name in NEWLY_WORDS
                    ),
                )


def _points(value: float) -> Value:
    found = number(value)
    return None if found is None else 100 * float(found)


def _checks(data: ReportData) -> Sheet:
    columns = (
        Column("Candidate", width=18),
        Column("Category", width=26),
        Column("Metric", width=14),
        Column("Tier", width=10),
        Column("Limit", width=16),
        Column("Items", "count", 8),
        Column("Difference, points", "points", 11),
        Column("90% interval low", "points", 10),
        Column("90% interval high", "points", 10),
        Column("Value against a floor", "share", 10),
        Column("Value, 90% low", "share", 10),
        Column("Value, 90% high", "share", 10),
        Column("Verdict", width=16),
        Column("More items needed", "count", 10),
        Column("Remark", "long", 70),
    )
    rows: list[tuple[Value, ...]] = []
    for pair in data.pairs:
        for one in pair.checks:
            ends: tuple[Value, ...] = (None, None, None)
            if one.difference is not None:
                ends = tuple(_points(end) for end in (one.difference.value, one.difference.low, one.difference.high))
            verdict, needed = one.verdict.replace("_", " "), one.items_needed
            rows.append(
                (
                    pair.candidate,
                    check_subject(one.category),
                    one.metric,
                    one.tier,
                    one.limit,
                    one.n,
                    *ends,
                    *proportion(one.value)[:3],
                    verdict,
                    needed,
                    one.remark,
                )
            )
    return Sheet("Checks", columns, rows, marks=_MARKS)


def _items(source: ReportSource, data: ReportData, text_mode: TextMode) -> Sheet:
    """One row per item and labelled category: gold, every candidate's decision, fixed or broken."""
    slices = sorted(source.slices)
    has_changes = data.baseline is not None
    columns = (
        Column("Item", width=22),
        Column("Category", width=20),
        Column("Gold", "count", 7),
        *(Column(arm.id, "count", 10) for arm in source.arms),
        *((Column(f"Change, {pair.candidate}", width=16) for pair in data.pairs) if has_changes else ()),
        *(Column(f"Outcome, {arm.id}", width=14) for arm in source.arms),
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
    values = slice_words(source.slices, len(source.item_ids))
    for index, column in _shown(source).tolist():
        item_id, category = source.item_ids[index], source.categories[column]
        gold = int(source.y_true[index, column])
        decided = [_decision(arm, index, column) for arm in source.arms]
        is_wrong = any(one is not None and one != gold for one in decided)
        text = visible_text(source.texts[index], text_mode, TEXT_WIDTH) if is_wrong else ""
        yield (
            item_id,
            category,
            gold,
            *decided,
            *(change.get((item_id, category), "") for change in changes),
            *(outcome_words(OUTCOME_NAMES[int(arm.outcomes[index])]) for arm in source.arms),
            *(values[index].get(name, "") for name in slices),
            *((text,) if text_mode != "none" else ()),
        )


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


def _slices(source: ReportSource) -> list[Sheet]:
    rows: list[tuple[Value, ...]] = []
    for candidate, scored in source.scores.candidates.items():
        for name, values in scored.slices.items():
            for value, categories in values.items():
                for category, one in categories.items():
                    total = one.tp + one.fp + one.fn + one.tn
                    if total:
                        metrics = [proportion(one.metrics.get(metric)) for metric in ("recall", "precision", "fpr")]
                        cells = [cell for found in metrics for cell in found[:3]]
                        rows.append((candidate, name, value, category, one.tp + one.fn, total, *cells))
    if not rows:
        return []
    heads = [
        f"{metric}{end}" for metric in ("Recall", "Precision", "False positive rate") for end in ("", " low", " high")
    ]
    columns = (
        Column("Candidate", width=18),
        Column("Slice", width=16),
        Column("Value", width=24),
        Column("Category", width=22),
        Column("Violating", "count", 10),
        Column("Items", "count", 8),
        *(Column(head, "share", 10) for head in heads),
    )
    return [Sheet("Slices", columns, rows)]


def _slice_changes(source: ReportSource) -> list[Sheet]:
    """Candidate against baseline per slice value and category; q is empty where too few items were there to test."""
    rows: list[tuple[Value, ...]] = [
        (
            candidate,
            one.slice_name,
            one.value,
            one.category,
            one.metric,
            one.difference.n,
            number(one.baseline.value),
            number(one.candidate.value),
            *(number(100 * end) for end in (one.difference.value, one.difference.low, one.difference.high)),
            number(one.p_value),
            number(one.q_value),
        )
        for candidate, changes in source.slice_changes.items()
        for one in changes
    ]
    if not rows:
        return []
    columns = (
        Column("Candidate", width=18),
        Column("Slice", width=16),
        Column("Value", width=24),
        Column("Category", width=22),
        Column("Metric", width=10),
        Column("Items", "count", 8),
        Column("Baseline", "share", 10),
        Column("Candidate value", "share", 10),
        Column("Difference, points", "points", 10),
        Column("Difference low", "points", 10),
        Column("Difference high", "points", 10),
        Column("p", "p_value", 8),
        Column("q (Benjamini-Hochberg, exploratory)", "p_value", 16),
    )
    return [Sheet("Slice changes", columns, rows)]


def _workload(data: ReportData) -> list[Sheet]:
    """A day in production by candidate and category, with the totals."""
    if data.production is None:
        return []
    traffic, hours = data.production.items_per_day, data.production.hours
    heads = ("Flags a day", "Wrong flags a day", "Missed a day")
    columns = (
        Column("Candidate", width=18),
        Column("Category", width=26),
        Column("Prevalence", "share", 10),
        *(Column(f"Precision in production{end}", "share", 12) for end in ENDS),
        *(Column(f"{head}{end}", "count", 11) for head in heads for end in ENDS),
        *(Column(f"Reviewer hours a day{end}", "number", 11) for end in ENDS),
    )

    def row(one: ProductionRow | ProductionTotal, name: str, prevalence: float | None) -> tuple[Value, ...]:
        amounts = [
            traffic * end
            for result in (one.flagged, one.wrongly_flagged, one.missed)
            for end in (result.value, result.low, result.high)
        ]
        amounts += [hours * end for end in (one.flagged.value, one.flagged.low, one.flagged.high)]
        return (one.candidate, name, prevalence, *proportion(one.precision)[:3], *amounts)

    rows = [row(one, "all categories", None) for one in data.production.totals]
    rows += [row(one, one.name, one.prevalence) for one in data.production.rows]
    return [Sheet("Workload", columns, rows)]


def _outcomes(data: ReportData) -> Sheet:
    names = list(dict.fromkeys(name for row in data.outcomes for name in row.counts))
    money = {one.candidate: one for one in data.economics}
    columns = (
        Column("Candidate", width=20),
        *(Column(outcome_words(name), "count", 10) for name in names),
        *(Column(f"Failure rate{end}", "share", 10) for end in ENDS),
        Column("Latency median, ms", "milliseconds", 10),
        Column("Latency p95, ms", "milliseconds", 10),
        Column("Cost per 1,000 answered items", "money", 12),
        Column("Cost per caught violation", "money", 12),
        Column("Input from prompt cache", "share", 10),
    )
    rows = []
    for row in data.outcomes:
        one = money.get(row.candidate)
        rows.append(
            (
                row.candidate,
                *(row.counts.get(name, 0) for name in names),
                *proportion(row.failure_rate)[:3],
                None if one is None else one.latency_ms.get("p50"),
                None if one is None else one.latency_ms.get("p95"),
                None if one is None else one.cost_per_1000_usd,
                None if one is None else one.cost_per_caught_usd,
                None if one is None else one.cached_share,
            )
        )
    return Sheet("Outcomes", columns, rows)


def _about(data: ReportData, items: Sheet) -> Sheet:
    n_rows = len(list(items.rows))
    rows: list[tuple[Value, ...]] = [
        ("Report", data.title),
        ("Written", data.generated_at),
        ("Version", f"moderation-harness {data.version}"),
        ("Run", data.run_id),
        (
            "Golden set",
            f"{data.golden_set.title}, sha256 {data.golden_set.hash}",
        ),
        ("Policy", f"{data.policy_name} v{data.policy_version}"),
        (
            "Items sheet",
            f"{numbers.count(n_rows)} labelled decisions; texts stand beside those that somebody got wrong",
        ),
        ("Proven", f"Holm-corrected; {data.pairs[0].family or 'no baseline'}"),
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
