"""A gate as GitHub annotations: one workflow command per check that did not pass.

Decides level, title and escaping. A workflow command ends at a line break, so none is let through; the older ``##[``
form is broken up wherever it occurs.
"""

from __future__ import annotations

from harness.gating.checks import limit_text
from harness.gating.coverage import coverage_notes
from harness.gating.records import CheckReport, GateReport
from harness.report.parts.masking import printable, shorten

MAX_MESSAGE = 900
MOST = 40
"""GitHub shows few annotations per step; the worst come first and the rest are counted."""
_LEVELS = {"error": "error", "failure": "error", "skipped": "warning"}


def annotation_lines(report: GateReport) -> list[str]:
    """Workflow commands, the verdict first; a PASS without remarks has a notice only, one with gaps warns."""
    level = ("warning" if report.has_gaps else "notice") if report.verdict == "PASS" else "error"
    lines = [command(level, f"Moderation gate: {report.verdict}", report.headline)]
    if report.verdict == "INVALID":
        return lines
    if report.must_catch is not None:
        lines += [
            command("error", f"Must-catch item missed: {one.item_id}", report.must_catch.described(one))
            for one in report.must_catch.missed[:MOST]
        ]
        if len(report.must_catch.missed) > MOST:
            more = len(report.must_catch.missed) - MOST
            lines.append(command("error", "Moderation gate", f"{more} more must-catch items were missed"))
    open_checks = [check for check in report.all_checks if report.status_of(check) != "passed"]
    open_checks.sort(key=lambda check: report.status_of(check) != "failure")
    for check in open_checks[:MOST]:
        title = f"{check.name}: {check.result.verdict}"
        lines.append(command(_LEVELS[report.status_of(check)], title, _message(check)))
    if len(open_checks) > MOST:
        lines.append(command("warning", "Moderation gate", f"{len(open_checks) - MOST} more checks did not pass"))
    lines += [command("warning", "Moderation gate", f"{note}.") for note in _gap_notes(report)]
    if report.reuse is not None and report.reuse.warning:
        lines.append(command("warning", "Gate set", report.reuse.warning))
    return lines


def failure_annotation(eval_name: str, message: str) -> str:
    """The command of a run that came to nothing."""
    return command("error", f"Moderation gate: INVALID ({eval_name})", message)


def command(level: str, title: str, message: str) -> str:
    """One workflow command with escaped title and message."""
    return f"::{level} title={_property(title)}::{_data(shorten(_broken_up(message), MAX_MESSAGE))}"


def log_safe(text: str) -> str:
    """Text for one line of a CI log, in which no workflow command can begin."""
    shown = _broken_up(printable(text))
    return shown.replace("::", ": :", 1) if shown.lstrip().startswith("::") else shown


def _message(check: CheckReport) -> str:
    spec = check.result.spec
    asked = f"{limit_text(spec)}, n={check.result.n:,}"
    return f"{spec.tier} check, {asked}. {check.message}".rstrip(" .") + "."


def _gap_notes(report: GateReport) -> list[str]:
    return coverage_notes([one for one in report.left_out if one.is_gap])


def _broken_up(text: str) -> str:
    return text.replace("##[", "## [")


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(_broken_up(text)).replace(":", "%3A").replace(",", "%2C")
