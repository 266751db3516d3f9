"""A gate as GitHub annotations: one workflow command per check that did not pass.

Decides level, title and escaping. A workflow command ends at a line break, so none is let through; the older ``##[``
form is broken up wherever it occurs.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.gating.coverage import coverage_notes
from harness.gating.findings import Finding
from harness.gating.gate_report import CheckReport, GateReport
from harness.report.gate.statement_words import check_message, headline_of, must_catch_item, said
from harness.report.parts import numbers
from harness.report.parts.finding_words import figure, finding_sentence
from harness.report.parts.first_screen import told_parts
from harness.report.parts.masking import broken_up, printable, shorten
from harness.report.parts.words import capital

MAX_MESSAGE = 900
LONGEST = 60_000
"""Characters of the annotation that names the further harm: no critical category is cut off (GitHub takes 64 KB)."""
MOST_TOLD = 3
"""Findings of harm with an annotation of their own; one more names what the others are about, and counts them."""
MOST = 10
"""GitHub shows ten annotations of a level per step and drops the rest unsaid; so ten in all, and the last counts."""
_LEVELS = {"error": "error", "failure": "error", "skipped": "warning"}
_ORDER = ("error", "warning", "notice")


def annotation_lines(report: GateReport) -> list[str]:
    """Workflow commands, the verdict first, then the worst; what does not fit is counted in the last.

    A PASS without remarks has a notice only, one with gaps warns.
    """
    level = ("warning" if report.has_gaps else "notice") if report.verdict == "PASS" else "error"
    kinds = ("harm", "open") if report.verdict == "INVALID" else ("invalid", "harm", "open")  # the verdict says it
    harms = [one for one in report.findings if one.kind in kinds]
    level = "warning" if level == "notice" and harms else level
    level = "warning" if report.is_tolerated else level
    lines = [command(level, f"Moderation gate: {report.verdict}", headline_of(report)), *_harm_lines(harms)]
    remarks = [] if report.verdict == "INVALID" else sorted(_remarks(report), key=lambda one: _ORDER.index(one[0]))
    room = MOST - len(lines)
    if len(remarks) > room:
        rest = remarks[room - 1 :]
        more = f"{len(rest)} more checks and remarks; the job summary has every check."
        remarks = [*remarks[: room - 1], (rest[0][0], "Moderation gate", more)]
    return [*lines, *(command(*one) for one in remarks)]


def _harm_lines(harms: Sequence[Finding]) -> list[str]:
    """The first findings of harm, then one line that counts the others and names what may not be overlooked."""
    own = [one for one in harms if not one.evidence.restates]
    told = own[:MOST_TOLD]
    lines = [command("warning", f"{capital(one.kind)}: {figure(one)}", finding_sentence(one)) for one in told]
    if further := told_parts(harms, MOST_TOLD)[len(told) :]:
        message = " ".join(one.text for one in further)
        n_more = len(own) - len(told)
        lines.append(command("warning", f"Harm: {n_more} more" if n_more else "Harm: where else", message, LONGEST))
    return lines


def _remarks(report: GateReport) -> list[tuple[str, str, str]]:
    remarks = [("warning", "Moderation gate", f"{note}.") for note in _gap_notes(report)]
    if report.reuse is not None and report.reuse.warning:
        remarks.append(("warning", "Gate set", report.reuse.warning))
    if (must_catch := report.must_catch) is not None:
        title = "Must-catch item missed: {}".format
        remarks += [("error", title(one.item_id), must_catch_item(must_catch, one)) for one in must_catch.missed]
    for check in sorted(report.all_checks, key=lambda one: one.result.spec.tier != "critical"):
        status = report.status_of(check)
        if status != "passed":
            remarks.append((_LEVELS[status], f"{check.name}: {check.result.verdict}", _message(check)))
    return remarks


def failure_annotation(eval_name: str, message: str) -> str:
    """The command of a run that came to nothing."""
    return command("error", f"Moderation gate: INVALID ({eval_name})", message)


def command(level: str, title: str, message: str, longest: int = MAX_MESSAGE) -> str:
    """One workflow command with escaped title and message."""
    return f"::{level} title={_property(title)}::{_data(shorten(broken_up(message), longest))}"


def _message(check: CheckReport) -> str:
    spec = check.result.spec
    asked = f"{numbers.limit(spec.kind, spec.limit)}, n={check.result.n:,}"
    return f"{spec.tier} check, {asked}. {check_message(check)}".rstrip(" .") + "."


def _gap_notes(report: GateReport) -> list[str]:
    return [said(note) for note in coverage_notes([one for one in report.left_out if one.is_gap])]


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(broken_up(text)).replace(":", "%3A").replace(",", "%2C")
