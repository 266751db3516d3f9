"""A gate as JUnit XML: a test case per check.

Decides what a test report shows: what keeps the gate from passing is a failure whose type is the verdict, what does not
pass and does not block is skipped with its message, an INVALID run is an error. INCONCLUSIVE is never a success, and a
check that was left out of the gate is skipped with the reason. A case is named by the category's id, so that its
history outlives a new name; its text says the name.
"""

from __future__ import annotations

import unicodedata
from xml.etree import ElementTree

from harness.gating.coverage import LeftOut
from harness.gating.gate_report import SEVERAL, CheckReport, GateReport, Status
from harness.report.gate.statement_words import (
    check_message,
    headline_of,
    left_out_message,
    must_catch_item,
    must_catch_message,
)
from harness.report.parts import numbers
from harness.report.parts.masking import printable

SUITE = "moderation gate"


def junit_xml(report: GateReport) -> str:
    """The report as a JUnit document; well-formed whatever names and ids contain."""
    cases = [_verdict_case(report), *(_check_case(report, check) for check in report.all_checks)]
    cases += _must_catch_cases(report)
    cases += [_left_out_case(report, one) for one in report.left_out]
    counted = {tag: sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error", "skipped")}
    totals = {
        "tests": str(len(cases)),
        "failures": str(counted["failure"]),
        "errors": str(counted["error"]),
        "skipped": str(counted["skipped"]),
    }
    root = ElementTree.Element("testsuites", {"name": SUITE, **totals})
    suite = ElementTree.SubElement(root, "testsuite", {"name": xml_text(f"{SUITE}: {report.eval_name}"), **totals})
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in (
        ("verdict", report.verdict),
        ("candidate", report.candidate.name),
        ("baseline", report.baseline.name),
        ("run_id", report.candidate.run_id),
        ("signature", report.candidate.signature),
    ):
        ElementTree.SubElement(properties, "property", {"name": name, "value": xml_text(value)})
    suite.extend(cases)
    return _document(root)


def failure_junit(eval_name: str, message: str) -> str:
    """The document of a run that came to nothing: one case, an error."""
    counts = {"tests": "1", "failures": "0", "errors": "1", "skipped": "0"}
    root = ElementTree.Element("testsuites", {"name": SUITE, **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": xml_text(f"{SUITE}: {eval_name}"), **counts})
    case = ElementTree.SubElement(suite, "testcase", {"classname": xml_text(eval_name), "name": "verdict", "time": "0"})
    _mark(case, "error", "INVALID", message.split("\n")[0], message)
    return _document(root)


def xml_text(text: str) -> str:
    """Text without characters that XML cannot hold; they become visible marks."""
    return "".join(
        f"\\u{ord(character):04x}" if unicodedata.category(character) == "Cn" else character
        for character in printable(text)
    )


def describe(check: CheckReport) -> str:
    """One check in a few lines: what was asked, what was measured, what is missing."""
    spec, result = check.result.spec, check.result
    asked = f"{spec.tier}, {numbers.limit(spec.kind, spec.limit)}, n={numbers.count(result.n)}"
    lines = [f"{result.verdict}: {check.name}, {asked}"]
    if check.baseline.reason != SEVERAL:
        lines.append(f"baseline {numbers.share_with_interval(check.baseline)}")
        lines.append(f"candidate {numbers.share_with_interval(check.candidate)}")
    if spec.kind == "margin":
        lines.append(f"difference {numbers.points_with_interval(result.difference)} points")
    lines.append(f"p (non-inferior) {numbers.p_value(result.p_non_inferior)}")
    lines.append(f"p (worse, Holm) {numbers.p_value(result.p_worse_holm)}")
    return "\n".join(line for line in (*lines, check_message(check)) if line)


def _document(root: ElementTree.Element) -> str:
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _verdict_case(report: GateReport) -> ElementTree.Element:
    status: Status = {"PASS": "passed", "INVALID": "error"}.get(report.verdict, "failure")  # type: ignore[assignment]
    status = "skipped" if report.is_tolerated else status
    case = ElementTree.Element("testcase", {"classname": xml_text(report.eval_name), "name": "verdict", "time": "0"})
    headline = headline_of(report)
    _mark(case, status, report.verdict, headline, headline)
    if status == "passed" and report.has_gaps:
        ElementTree.SubElement(case, "system-out").text = xml_text(headline)
    return case


def _check_case(report: GateReport, check: CheckReport) -> ElementTree.Element:
    spec = check.result.spec
    name = f"{check.key} ({numbers.limit(spec.kind, spec.limit)})"
    attributes = {"classname": xml_text(f"{report.eval_name}.{spec.tier}"), "name": xml_text(name), "time": "0"}
    case = ElementTree.Element("testcase", attributes)
    status = report.status_of(check)
    if report.verdict == "INVALID":
        _mark(case, "skipped", "INVALID", "not judged: the run is INVALID", "")
    else:
        known = check_message(check)
        message = f"{check.result.verdict}: {known}" if known else check.result.verdict
        _mark(case, status, check.result.verdict, message, describe(check))
    return case


def _must_catch_cases(report: GateReport) -> list[ElementTree.Element]:
    """One case for the list, and one for each item that was missed or not answered."""
    must_catch = report.must_catch
    if must_catch is None:
        return []
    cases = []
    own = [
        (
            "all items",
            "passed" if not (must_catch.missed or must_catch.unknown) else "skipped",
            must_catch_message(must_catch),
        )
    ]
    own += [(one.item_id, "failure", must_catch_item(must_catch, one)) for one in must_catch.missed]
    own += [(one.item_id, "skipped", must_catch_item(must_catch, one)) for one in must_catch.unknown]
    for name, status, message in own:
        attributes = {"classname": xml_text(f"{report.eval_name}.must_catch"), "name": xml_text(name), "time": "0"}
        case = ElementTree.Element("testcase", attributes)
        said: Status = "skipped" if report.verdict == "INVALID" else status  # type: ignore[assignment]
        _mark(case, said, "must_catch", message, message)
        cases.append(case)
    return cases


def _left_out_case(report: GateReport, one: LeftOut) -> ElementTree.Element:
    name = f"{one.key} ({numbers.limit(one.spec.kind, one.spec.limit)})"
    attributes = {"classname": xml_text(f"{report.eval_name}.{one.spec.tier}"), "name": xml_text(name), "time": "0"}
    case = ElementTree.Element("testcase", attributes)
    _mark(case, "skipped", "NOT_EVALUABLE", left_out_message(one), "")
    return case


def _mark(case: ElementTree.Element, status: Status, kind: str, message: str, text: str) -> None:
    if status == "passed":
        return
    attributes = {"message": xml_text(message)} | ({} if status == "skipped" else {"type": kind})
    mark = ElementTree.SubElement(case, status, attributes)
    if text and status != "skipped":
        mark.text = "\n".join(xml_text(line) for line in text.split("\n"))
