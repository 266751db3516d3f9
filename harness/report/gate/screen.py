"""The verdict on a screen: what a terminal and a notebook's cell say of a gate, above and below its tables."""

from __future__ import annotations

from harness.gating.gate_report import GateReport
from harness.report.gate.head import decision_of, first_word
from harness.report.gate.statement_words import headline_of, must_catch_message, notes_of
from harness.report.parts.decision_words import decision_sentence, screen_lines


def head_lines(report: GateReport) -> list[str]:
    """Verdict and decision, then the baseline."""
    decision = decision_of(report)
    head = headline_of(report, first_word(report))
    told = [] if decision is None else [decision_sentence(decision), *screen_lines(decision)]
    return [head, *told, f"Baseline: {report.baseline.name}, {report.baseline.source}."]


def foot_lines(report: GateReport) -> list[str]:
    """Must-catch items, notes, how often the golden set was used, and the signature."""
    must_catch = report.must_catch
    lines = [] if must_catch is None else [f"Must-catch items: {must_catch_message(must_catch)}."]
    lines += [f"Note: {one}." for one in notes_of(report)]
    if report.reuse is not None:
        lines.append(f"Candidates gated on this golden set so far: {report.reuse.n_candidates}.")
    return [*lines, f"signature: {report.candidate.signature}", "What a verdict means: harness explain gate"]
