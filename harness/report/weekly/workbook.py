"""The weekly report as a spreadsheet: tables that a person sorts, filters and pivots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.gating.findings.memory import Entry
from harness.report.parts.fields import Field, ends, field, fields, table
from harness.report.parts.finding_sheet import findings_sheet
from harness.report.parts.masking import TextMode
from harness.report.parts.words import plural
from harness.report.parts.xlsx import Column, Sheet, Value, number, write_workbook
from harness.report.weekly import titles
from harness.report.weekly.acknowledged import ledger_state
from harness.report.weekly.data import METRIC_NAMES, CandidateRow, CategoryRow, Judgement, Point, WeeklyData
from harness.report.weekly.data_sheet import data_sheet, trend_sheets
from harness.report.weekly.error_data import KIND_NAMES, Cluster, Part
from harness.report.weekly.function_sheets import function_sheets
from harness.report.weekly.operating_view import operating_sheets
from harness.report.weekly.production_sheets import production_sheets
from harness.report.weekly.sheet_data import HistoryRow, ItemRow

_VERDICTS = {"met": "met", "missed": "missed", "open": "cannot tell yet"}
_MARKS: Any = (
    ("met", "good"),
    ("missed", "bad"),
    ("cannot tell yet", "open"),
    ("moved up", "good"),
    ("moved down", "bad"),
    ("new error", "bad"),
    ("open", "bad"),
    ("fixed", "good"),
    ("INVALID", "bad"),
    ("INCOMPLETE", "bad"),
    ("NOT THE BASELINE", "open"),
)


def write_xlsx(data: WeeklyData, path: Path, text_mode: TextMode) -> Path:
    """Write the workbook."""
    return write_workbook(sheets(data, text_mode), path, title=f"{data.eval_name} {data.week}")


def sheets(data: WeeklyData, text_mode: TextMode) -> list[Sheet]:
    """Every sheet, what readers act on first; a sheet without rows is left out."""
    said = {*data.headline, *(sentence for _, part in data.screen for sentence in part)}
    found = [_summary(data), *findings_sheet(data.findings, said), *_ledger(data), *function_sheets(data)]
    found += [_categories(data), *operating_sheets(data), *production_sheets(data), *trend_sheets(data)]
    found += [_history(data), data_sheet(data), *_errors(data), *_topics(data), *_items(data, text_mode)]
    return [*found, _candidates(data), _about(data, text_mode)]


def _summary(data: WeeklyData) -> Sheet:
    told: list[tuple[str, Sequence[str]]] = [("Verdict", [data.word]), ("Headline", data.headline), *data.screen]
    told += [("New errors", data.new_errors), *((heading, [sentence]) for heading, sentence in data.in_short)]
    told.append(("Why", [sentence for sentence in data.causes if sentence not in data.headline]))
    rows: list[tuple[Value, ...]] = [(one.word, one.text, "") for one in data.banners]
    rows += [(heading, sentence, "") for heading, said in told for sentence in said]
    shown = [one for one in data.movements if one.sentence not in data.headline]
    rows += [("Moved", one.sentence, one.week) for one in (*shown, *data.earlier)]
    columns = (Column("What", width=20), Column("Sentence", "long", 120), Column("Week", width=12))
    title = "".join(f"{one.word}: " for one in data.banners) + f"{data.eval_name}, {data.week}: {data.candidate}"
    return Sheet("Summary", columns, rows, title=title, marks=_MARKS)


def _ledger(data: WeeklyData) -> list[Sheet]:
    """Falls that are open, answered for, or repaired."""
    if not data.ledger:
        return []
    columns: tuple[Field[Entry], ...] = (
        field("Key", lambda one: one.key, width=42),
        field("Category", lambda one: data.names.get(one.category or "", one.category or "all together"), width=26),
        field("Slice", lambda one: " ".join(one.slice or ()), width=26),
        field("Metric", lambda one: one.metric, width=12),
        field("Since", lambda one: one.since, width=10),
        field("Before", lambda one: number(one.before), "rate", 9),
        field("Then", lambda one: number(one.then.value), "rate", 9),
        field("Now", lambda one: number(one.now.value), "rate", 9),
        field("Same labels", lambda one: "yes" if one.is_comparable else "no", width=11),
        field("State", ledger_state, "long", 44),
        field("Owner", lambda one: one.answers or "", width=22),
    )
    return [table("Ledger", data.ledger, columns, marks=_MARKS)]


class _Cell(NamedTuple):
    """One metric of a category this week."""

    row: CategoryRow
    metric: str
    judged: Judgement | None
    point: Point | None


def _categories(data: WeeklyData) -> Sheet:
    cells = [
        _Cell(row, metric, row.judgements.get(metric), row.points.get(metric))
        for row in data.rows
        for metric in METRIC_NAMES
    ]
    columns: tuple[Field[_Cell], ...] = (
        field("Week", lambda _: data.week, width=10),
        field("Category", lambda one: one.row.id, width=22),
        field("Name", lambda one: one.row.name, width=30),
        field("Severity", lambda one: one.row.severity, width=10),
        field("Owner", lambda one: one.row.owner or "", width=20),
        field("Metric", lambda one: one.metric, width=10),
        ends(("Value", "95% low", "95% high"), lambda one: one.row.results[one.metric]),
        field("Items", lambda one: one.row.results[one.metric].n, "count", 8),
        field("Target", lambda one: one.judged.target if one.judged else None, "share", 8),
        field("Verdict", lambda one: "" if one.judged is None else _VERDICTS[one.judged.verdict], width=15),
        field("One-sided low", lambda one: number(one.judged.low) if one.judged else None, "share", 10),
        field("One-sided high", lambda one: number(one.judged.high) if one.judged else None, "share", 10),
        field("More items needed", lambda one: one.judged.more if one.judged else None, "count", 10),
        field("Weeks before", lambda one: number(one.point.moved_from) if one.point else None, "share", 9),
        field("Change, points", _change, "points", 9),
        field("q", lambda one: number(one.point.q_value) if one.point else None, "p_value", 8),
        field("Movement", _movement, width=20),
        field("Violating", lambda one: one.row.n_violating, "count", 10),
        field("Not violating", lambda one: one.row.n_not_violating, "count", 10),
        field("Unlabelled", lambda one: one.row.n_unlabelled, "count", 12),
    )
    return table("Categories", cells, columns, marks=_MARKS)


def _change(one: _Cell) -> float | None:
    before, result = number(one.point.moved_from) if one.point else None, one.row.results[one.metric]
    return None if before is None or not result.is_defined else 100 * (result.value - before)


def _movement(one: _Cell) -> str:
    change = _change(one)
    if one.point is not None and one.point.slide is not None:
        return f"slid since {one.point.slide.since}"
    is_moved = one.point is not None and one.point.is_flagged and change is not None
    return "" if not is_moved else "moved up" if (change or 0) > 0 else "moved down"


def _history(data: WeeklyData) -> Sheet:
    names = titles.names_of(data)
    flags = {
        (one.candidate, one.category, one.metric, point.week)
        for one in data.series
        for point in one.points
        if point.has_moved
    }

    def moved(one: HistoryRow) -> str:
        return ", ".join(m for m in METRIC_NAMES if (one.candidate, one.category, m, one.week) in flags)

    columns: tuple[Field[HistoryRow], ...] = (
        field("Week", lambda one: one.week, width=10),
        field("Run", lambda one: one.run_id, width=26),
        field("Golden set", lambda one: one.golden, width=20),
        field("Candidate", lambda one: one.candidate, width=18),
        field("Category", lambda one: one.category, width=22),
        field("Name", lambda one: names.get(one.category, one.category), width=26),
        field("Caught (TP)", lambda one: one.tp, "count", 9),
        field("Wrongly flagged (FP)", lambda one: one.fp, "count", 9),
        field("Missed (FN)", lambda one: one.fn, "count", 9),
        field("Rightly passed (TN)", lambda one: one.tn, "count", 9),
        ends(("Recall", "Recall low", "Recall high"), lambda one: one.recall),
        ends(("Precision", "Precision low", "Precision high"), lambda one: one.precision),
        field("False positive rate", lambda one: number(one.fpr.value), "share", 9),
        field("Moved", moved, width=20),
    )
    return table("History", data.history, columns)


def _topics(data: WeeklyData) -> list[Sheet]:
    """One row an item of a cluster: to filter and to pivot."""
    if data.errors is None or not data.errors.topics:
        return []
    columns = (
        Column("Cluster", "count", 8),
        Column("Words", width=36),
        Column("Slices and rules", width=36),
        Column("Errors", "count", 8),
        Column("Item", width=18),
    )
    rows = tuple(
        (number, ", ".join(one.words), "; ".join(one.marks), one.n, item_id)
        for number, one in enumerate(data.errors.topics, 1)
        for item_id in one.item_ids
    )
    return [Sheet("Error texts", columns, rows)]


def _errors(data: WeeklyData) -> list[Sheet]:
    errors = data.errors
    if errors is None or not errors.clusters:
        return []
    both = [(one, part) for one in errors.clusters for part in (None, *one.parts)]
    columns: tuple[Field[tuple[Cluster, Part | None]], ...] = (
        field("Category", lambda one: one[0].category, width=22),
        field("Name", lambda one: one[0].name, width=28),
        field("Kind of error", lambda one: KIND_NAMES[one[0].kind], width=24),
        field("Slice", lambda one: "all items" if one[1] is None else one[1].slice, width=16),
        field("Value", lambda one: "" if one[1] is None else one[1].value, width=28),
        field("New" if errors.is_new else "Errors", lambda one: (one[1] or one[0]).n_new, "count", 8),
        field("Gone", lambda one: (one[1] or one[0]).n_gone, "count", 8),
        field("Items", lambda one: (one[1] or one[0]).n_items, "count", 8),
        field("q", lambda one: number((one[1] or one[0]).q_value), "p_value", 8),
        field("Stands out", lambda one: "yes" if one[1] or one[0].stands_out else "may be chance", width=12),
    )
    return [table("New errors" if errors.is_new else "Errors", both, columns)]


def _items(data: WeeklyData, text_mode: TextMode) -> list[Sheet]:
    slices = sorted({name for one in data.items for name in one.slices})
    columns: tuple[Field[ItemRow], ...] = (
        field("Item", lambda one: one.item_id, width=22),
        field("Category", lambda one: one.category, width=20),
        field("Gold", lambda one: one.gold, "count", 6),
        field("Decision", lambda one: one.decision, "count", 9),
        field("Error", lambda one: one.error, width=22),
        field("Since last week", lambda one: one.last_week, width=14),
        field("Outcome", lambda one: one.outcome, width=11),
        fields(slices, lambda one: [one.slices.get(name, "") for name in slices], width=16),
    )
    if text_mode != "none":
        columns = (*columns, field("Text, where the decision is wrong", lambda one: one.text, "clip", 70))
    return [table("Items", data.items, columns, marks=_MARKS)] if data.items else []


def _candidates(data: WeeklyData) -> Sheet:
    columns: tuple[Field[CandidateRow], ...] = (
        field("Week", lambda _: data.week, width=10),
        field("Candidate", lambda one: one.id, width=20),
        field("What it is", lambda one: one.description, width=46),
        field("Role", lambda one: "reported" if one.is_reported else "control" if one.is_control else "", width=10),
        ends(("Recall, any violation", "low", "high"), lambda one: one.recall),
        ends(("Precision, any violation", "low", "high"), lambda one: one.precision),
        field("Failure rate", lambda one: number(one.failure_rate.value), "share", 9),
        field("Latency median, ms", lambda one: one.latency_p50, "milliseconds", 10),
        field("Latency p95, ms", lambda one: one.latency_p95, "milliseconds", 10),
        field("Cost per 1,000 answered items", lambda one: one.cost_per_1000_usd, "money", 12),
        field("Tokens per answered item", lambda one: one.tokens_per_item, "number", 10),
        field("Outcomes", lambda one: ", ".join(f"{n:,} {name}" for name, n in one.outcomes.items()), width=36),
        field("Run", lambda one: one.run_id, width=26),
    )
    return table("Candidates", data.candidates, columns)


def _about(data: WeeklyData, text_mode: TextMode) -> Sheet:
    health, texts = data.health, f"Texts ({text_mode}) stand beside wrong decisions only."
    rows: list[tuple[Value, ...]] = [
        ("Report", f"Weekly quality report of {data.eval_name}, {data.week}"),
        ("Written", data.generated_at),
        ("Version", f"moderation-harness {data.version}"),
        ("Candidate", f"{data.candidate}: {data.candidate_description}. {data.candidate_note}"),
        ("Control", data.control_note),
        ("Policy", data.policy),
        ("Golden set", f"{health.name} v{health.version}, sha256 {health.sha256}, in use since {health.first_week}"),
        ("Items sheet", f"{data.items_note} {'Texts were left out.' if text_mode == 'none' else texts}"),
        ("Intervals", "95%, two-sided; targets are judged by the one-sided 95% bound"),
        (
            "Movements",
            "two-proportion score test against up to four weeks before on the same golden set; Benjamini-Hochberg, "
            "q 0.10, over the week's categories x metrics; a mark on a chart, never a gate",
        ),
        ("Signature", data.signature),
        ("Rebuild", data.reproduce),
        ("Data sheet", data.data_note),
        *(("Run", f"{week} {who}: {run_id}, {of}, {plural(n, 'item')}") for week, who, run_id, of, n in data.runs),
    ]
    return Sheet("About", (Column("What", width=14), Column("Value", "long", 120)), rows)
