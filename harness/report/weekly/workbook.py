"""The weekly report as a spreadsheet: tables that a person sorts, filters and pivots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.report.parts import numbers
from harness.report.parts.finding_sheet import findings_sheet
from harness.report.parts.masking import TextMode
from harness.report.parts.xlsx import Column, Sheet, Value, number, proportion, write_workbook
from harness.report.weekly import titles
from harness.report.weekly.acknowledged import ledger_state
from harness.report.weekly.data import METRIC_NAMES, WeeklyData
from harness.report.weekly.data_sheet import data_sheet, trend_sheets
from harness.report.weekly.error_data import KIND_NAMES
from harness.report.weekly.function_sheets import function_sheets
from harness.report.weekly.operating_view import operating_sheets
from harness.report.weekly.production_sheets import production_sheets

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
    found += [
        _categories(data),
        *operating_sheets(data),
        *production_sheets(data),
        *trend_sheets(data),
        _history(data),
        data_sheet(data),
    ]
    if data.errors is not None and data.errors.clusters:
        found.append(_errors(data))
    if data.errors is not None and data.errors.topics:
        found.append(_topics(data))
    if data.items:
        found.append(_items(data, text_mode))
    return [*found, _candidates(data), _about(data, text_mode)]


def _summary(data: WeeklyData) -> Sheet:
    rows: list[tuple[Value, ...]] = [(one.word, one.text, "") for one in data.banners]
    rows.append(("Verdict", data.word, ""))
    rows += [("Headline", sentence, "") for sentence in data.headline]
    rows += [(heading, sentence, "") for heading, said in data.screen for sentence in said]
    rows += [("Why", sentence, "") for sentence in data.causes if sentence not in data.headline]
    shown = [one for one in data.movements if one.sentence not in data.headline]
    rows += [("Moved", one.sentence, one.week) for one in (*shown, *data.earlier)]
    columns = (Column("What", width=20), Column("Sentence", "long", 120), Column("Week", width=12))
    title = "".join(f"{one.word}: " for one in data.banners) + f"{data.eval_name}, {data.week}: {data.candidate}"
    return Sheet("Summary", columns, rows, title=title, marks=_MARKS)


def _ledger(data: WeeklyData) -> list[Sheet]:
    """Falls that are open, answered for, or repaired."""
    if not data.ledger:
        return []
    columns = (
        Column("Key", width=42),
        Column("Category", width=26),
        Column("Slice", width=26),
        Column("Metric", width=12),
        Column("Since", width=10),
        Column("Before", "rate", 9),
        Column("Then", "rate", 9),
        Column("Now", "rate", 9),
        Column("Same labels", width=11),
        Column("State", "long", 44),
        Column("Owner", width=22),
    )
    rows = [
        (
            one.key,
            data.names.get(one.category or "", one.category or "all together"),
            "" if one.slice is None else f"{one.slice[0]} {one.slice[1]}",
            one.metric,
            one.since,
            number(one.before),
            number(one.then.value),
            number(one.now.value),
            "yes" if one.is_comparable else "no",
            ledger_state(one),
            one.answers or "",
        )
        for one in data.ledger
    ]
    return [Sheet("Ledger", columns, rows, marks=_MARKS)]


def _categories(data: WeeklyData) -> Sheet:
    columns = (
        Column("Week", width=10),
        Column("Category", width=22),
        Column("Name", width=30),
        Column("Severity", width=10),
        Column("Owner", width=20),
        Column("Metric", width=10),
        Column("Value", "share", 9),
        Column("95% low", "share", 9),
        Column("95% high", "share", 9),
        Column("Items", "count", 8),
        Column("Target", "share", 8),
        Column("Verdict", width=15),
        Column("One-sided low", "share", 10),
        Column("One-sided high", "share", 10),
        Column("More items needed", "count", 10),
        Column("Weeks before", "share", 9),
        Column("Change, points", "points", 9),
        Column("q", "p_value", 8),
        Column("Movement", width=13),
        Column("Violating", "count", 10),
        Column("Not violating", "count", 10),
        Column("Unlabelled", "count", 12),
    )
    return Sheet("Categories", columns, list(_category_rows(data)), marks=_MARKS)


def _category_rows(data: WeeklyData) -> Iterator[tuple[Value, ...]]:
    for row in data.rows:
        for metric in METRIC_NAMES:
            result, judged, point = row.results[metric], row.judgements.get(metric), row.points.get(metric)
            before = None if point is None else number(point.before)
            difference = None if before is None or not result.is_defined else 100 * (result.value - float(before))
            moved = point is not None and point.is_flagged and difference is not None
            yield (
                data.week,
                row.id,
                row.name,
                row.severity,
                row.owner or "",
                metric,
                *proportion(result),
                None if judged is None else judged.target,
                "" if judged is None else _VERDICTS[judged.verdict],
                None if judged is None else number(judged.low),
                None if judged is None else number(judged.high),
                None if judged is None else judged.more,
                before,
                difference,
                None if point is None else number(point.q_value),
                "" if not moved else "moved up" if (difference or 0) > 0 else "moved down",
                row.n_violating,
                row.n_not_violating,
                row.n_unlabelled,
            )


def _history(data: WeeklyData) -> Sheet:
    names = titles.names_of(data)
    flags = {
        (one.candidate, one.category, one.metric, point.week)
        for one in data.series
        for point in one.points
        if point.is_flagged
    }
    columns = (
        Column("Week", width=10),
        Column("Run", width=26),
        Column("Golden set", width=20),
        Column("Candidate", width=18),
        Column("Category", width=22),
        Column("Name", width=26),
        Column("Caught (TP)", "count", 9),
        Column("Wrongly flagged (FP)", "count", 9),
        Column("Missed (FN)", "count", 9),
        Column("Rightly passed (TN)", "count", 9),
        Column("Recall", "share", 9),
        Column("Recall low", "share", 9),
        Column("Recall high", "share", 9),
        Column("Precision", "share", 9),
        Column("Precision low", "share", 9),
        Column("Precision high", "share", 9),
        Column("False positive rate", "share", 9),
        Column("Moved", width=20),
    )
    rows = [
        (
            one.week,
            one.run_id,
            one.golden,
            one.candidate,
            one.category,
            names.get(one.category, one.category),
            one.tp,
            one.fp,
            one.fn,
            one.tn,
            *proportion(one.recall)[:3],
            *proportion(one.precision)[:3],
            number(one.fpr.value),
            ", ".join(m for m in METRIC_NAMES if (one.candidate, one.category, m, one.week) in flags),
        )
        for one in data.history
    ]
    return Sheet("History", columns, rows)


def _topics(data: WeeklyData) -> Sheet:
    """One row an item of a cluster: to filter and to pivot."""
    assert data.errors is not None
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
    return Sheet("Error texts", columns, rows)


def _errors(data: WeeklyData) -> Sheet:
    errors = data.errors
    assert errors is not None
    columns = (
        Column("Category", width=22),
        Column("Name", width=28),
        Column("Kind of error", width=24),
        Column("Slice", width=16),
        Column("Value", width=28),
        Column("New" if errors.is_new else "Errors", "count", 8),
        Column("Gone", "count", 8),
        Column("Items", "count", 8),
        Column("q", "p_value", 8),
        Column("Stands out", width=12),
    )
    rows: list[tuple[Value, ...]] = []
    for one in errors.clusters:
        word = "yes" if one.stands_out else "may be chance"
        kind = KIND_NAMES[one.kind]
        q = number(one.q_value)
        rows.append((one.category, one.name, kind, "all items", "", one.n_new, one.n_gone, one.n_items, q, word))
        rows += [
            (
                one.category,
                one.name,
                kind,
                part.slice,
                part.value,
                part.n_new,
                part.n_gone,
                part.n_items,
                number(part.q_value),
                "yes",
            )
            for part in one.parts
        ]
    return Sheet("New errors" if errors.is_new else "Errors", columns, rows)


def _items(data: WeeklyData, text_mode: TextMode) -> Sheet:
    slices = sorted({name for one in data.items for name in one.slices})
    columns = (
        Column("Item", width=22),
        Column("Category", width=20),
        Column("Gold", "count", 6),
        Column("Decision", "count", 9),
        Column("Error", width=22),
        Column("Since last week", width=14),
        Column("Outcome", width=11),
        *(Column(name, width=16) for name in slices),
        *((Column("Text, where the decision is wrong", "clip", 70),) if text_mode != "none" else ()),
    )
    rows = [
        (
            one.item_id,
            one.category,
            one.gold,
            one.decision,
            one.error,
            one.last_week,
            one.outcome,
            *(one.slices.get(name, "") for name in slices),
            *((one.text,) if text_mode != "none" else ()),
        )
        for one in data.items
    ]
    return Sheet("Items", columns, rows, marks=_MARKS)


def _candidates(data: WeeklyData) -> Sheet:
    columns = (
        Column("Week", width=10),
        Column("Candidate", width=20),
        Column("What it is", width=46),
        Column("Role", width=10),
        Column("Recall, any violation", "share", 10),
        Column("low", "share", 8),
        Column("high", "share", 8),
        Column("Precision, any violation", "share", 10),
        Column("low", "share", 8),
        Column("high", "share", 8),
        Column("Failure rate", "share", 9),
        Column("Latency median, ms", "milliseconds", 10),
        Column("Latency p95, ms", "milliseconds", 10),
        Column("Cost per 1,000 answered items", "money", 12),
        Column("Tokens per answered item", "number", 10),
        Column("Outcomes", width=36),
        Column("Run", width=26),
    )
    rows = [
        (
            data.week,
            one.id,
            one.description,
            "reported" if one.is_reported else "control" if one.is_control else "",
            *proportion(one.recall)[:3],
            *proportion(one.precision)[:3],
            number(one.failure_rate.value),
            one.latency_p50,
            one.latency_p95,
            one.cost_per_1000_usd,
            one.tokens_per_item,
            ", ".join(f"{numbers.count(n)} {name}" for name, n in one.outcomes.items()),
            one.run_id,
        )
        for one in data.candidates
    ]
    return Sheet("Candidates", columns, rows)


def _texts_note(text_mode: TextMode) -> str:
    if text_mode == "none":
        return "Texts were left out."
    return f"Texts ({text_mode}) stand beside wrong decisions only."


def _about(data: WeeklyData, text_mode: TextMode) -> Sheet:
    health = data.health
    rows: list[tuple[Value, ...]] = [
        ("Report", f"Weekly quality report of {data.eval_name}, {data.week}"),
        ("Written", data.generated_at),
        ("Version", f"moderation-harness {data.version}"),
        ("Candidate", f"{data.candidate}: {data.candidate_description}. {data.candidate_note}"),
        ("Control", data.control_note),
        ("Policy", data.policy),
        ("Golden set", f"{health.name} v{health.version}, sha256 {health.sha256}, in use since {health.first_week}"),
        ("Items sheet", f"{data.items_note} {_texts_note(text_mode)}"),
        ("Intervals", "95%, two-sided; targets are judged by the one-sided 95% bound"),
        (
            "Movements",
            "two-proportion score test against up to four weeks before on the same golden set; Benjamini-Hochberg, "
            "q 0.10, over the week's categories x metrics; a mark on a chart, never a gate",
        ),
        ("Signature", data.signature),
        ("Rebuild", data.reproduce),
    ]
    rows.append(("Data sheet", data.data_note))
    rows += [("Run", f"{week} {who}: {run_id}, {golden}, {n} items") for week, who, run_id, golden, n in data.runs]
    return Sheet("About", (Column("What", width=14), Column("Value", "long", 120)), rows)
