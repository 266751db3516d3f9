"""Findings as a sheet: one row each, with every number that its sentence holds."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Literal

from harness.core.results import MetricResult
from harness.gating.findings import Finding
from harness.report.parts.fields import Field, field, fields, table
from harness.report.parts.finding_words import finding_sentence, metric_words, short_name
from harness.report.parts.words import capital
from harness.report.parts.xlsx import Sheet, Value, number

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
    nothing = MetricResult.undefined("")

    def sentence(one: Finding) -> str:
        said = finding_sentence(one)
        return said if said not in told else capital(short_name(one))

    def points(one: Finding) -> list[Value]:
        difference = one.difference or nothing
        return [number(100 * end) for end in (difference.value, difference.low, difference.high)]

    columns: tuple[Field[Finding], ...] = (
        field("Kind", lambda one: KIND_WORDS[one.kind]),
        field("Candidate", lambda one: one.candidate, width=18),
        field("Finding", sentence, "long", 90),
        field("Category", lambda one: one.name or one.category or "", width=22),
        field("Severity", lambda one: one.severity, width=10),
        field("Slice", lambda one: one.slice[0] if one.slice else ""),
        field("Value of slice", lambda one: one.slice[1] if one.slice else ""),
        field("Metric", lambda one: metric_words(one.metric or ""), width=13),
        field("Before", lambda one: number(one.before.value) if one.before else None, "share", 9),
        field("After", lambda one: number(one.after.value) if one.after else None, "share", 9),
        fields(("Difference, points", "low", "high"), points, "points", 11),
        field("Items", lambda one: (one.difference or nothing).n or None, "count", 8),
        field("Proof", lambda one: one.evidence.proof, width=10),
        field("p or q, corrected", lambda one: one.evidence.adjusted, "p_value", 10),
        field("Since", lambda one: one.since or "", width=10),
        field("Owner", lambda one: one.owner or "", width=20),
        field("Key", lambda one: one.key, width=26),
    )
    return [table("Findings", findings, columns, marks=_MARKS)]
