"""Findings as a sheet: one row each, with every number that its sentence holds."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Literal

from harness.core.results import MetricResult
from harness.gating.findings import Finding
from harness.report.parts.finding_words import finding_sentence, metric_words, short_name
from harness.report.parts.words import capital
from harness.report.parts.xlsx import Column, Sheet, Value, number

KIND_WORDS = {
    "invalid": "invalid",
    "harm": "harm",
    "open": "still open",
    "unknown": "cannot be told",
    "gain": "gain",
}
_MARKS: tuple[tuple[str, Literal["good", "bad", "open"]], ...] = (
    ("harm", "bad"),
    ("invalid", "bad"),
    ("still open", "bad"),
    ("cannot be told", "open"),
    ("gain", "good"),
)


def findings_sheet(findings: Sequence[Finding], told: Container[str] = ()) -> list[Sheet]:
    """The findings, the worst first; no sheet without any; a sentence in ``told`` stands on another sheet."""
    if not findings:
        return []
    columns = (
        Column("Kind", width=14),
        Column("Candidate", width=18),
        Column("Finding", "long", 90),
        Column("Category", width=22),
        Column("Severity", width=10),
        Column("Slice", width=14),
        Column("Value of slice", width=14),
        Column("Metric", width=13),
        Column("Before", "share", 9),
        Column("After", "share", 9),
        Column("Difference, points", "points", 11),
        Column("low", "points", 8),
        Column("high", "points", 8),
        Column("Items", "count", 8),
        Column("Proof", width=10),
        Column("p or q, corrected", "p_value", 10),
        Column("Since", width=10),
        Column("Owner", width=20),
        Column("Key", width=26),
    )
    return [Sheet("Findings", columns, [_row(one, told) for one in findings], marks=_MARKS)]


def _row(one: Finding, told: Container[str]) -> tuple[Value, ...]:
    difference = one.difference or MetricResult.undefined("")
    return (
        KIND_WORDS[one.kind],
        one.candidate,
        sentence if (sentence := finding_sentence(one)) not in told else capital(short_name(one)),
        one.name or one.category or "",
        one.severity,
        one.slice[0] if one.slice else "",
        one.slice[1] if one.slice else "",
        metric_words(one.metric or ""),
        None if one.before is None else number(one.before.value),
        None if one.after is None else number(one.after.value),
        *(number(100 * end) for end in (difference.value, difference.low, difference.high)),
        difference.n or None,
        one.evidence.proof,
        one.evidence.adjusted,
        one.since or "",
        one.owner or "",
        one.key,
    )
