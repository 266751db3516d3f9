"""A gate as JUnit XML: a test case per check.

Decides what a test report shows: what keeps the gate from passing is a failure whose type is the verdict, what does not
pass and does not block is skipped with its message, an INVALID run is an error. INCONCLUSIVE is never a success, and a
check that was left out of the gate is skipped with the reason. A case is named by the category's id, so that its
history outlives a new name; its text says the name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from harness.core.checks import CheckSpec
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
    side = report.candidate
    properties = {"verdict": report.verdict, "candidate": side.name, "baseline": report.baseline.name}
    return _document(report.eval_name, cases, {**properties, "run_id": side.run_id, "signature": side.signature})


def failure_junit(eval_name: str, message: str) -> str:
    """The document of a run that came to nothing: one case, an error."""
    case = _case(eval_name, "verdict")
    _mark(case, "error", "INVALID", message.split("\n")[0], message)
    return _document(eval_name, [case])


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


def _document(eval_name: str, cases: Sequence[Element], properties: Mapping[str, str] | None = None) -> str:
    """One suite of cases, counted by what became of them."""
    counted = {tag: sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error", "skipped")}
    totals = {"tests": len(cases), "failures": counted["failure"], "errors": counted["error"]}
    attributes = {name: str(n) for name, n in {**totals, "skipped": counted["skipped"]}.items()}
    root = Element("testsuites", {"name": SUITE, **attributes})
    suite = SubElement(root, "testsuite", {"name": xml_text(f"{SUITE}: {eval_name}"), **attributes})
    if properties:
        listed = SubElement(suite, "properties")
        for name, value in properties.items():
            SubElement(listed, "property", {"name": name, "value": xml_text(value)})
    suite.extend(cases)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(classname: str, name: str) -> Element:
    return Element("testcase", {"classname": xml_text(classname), "name": xml_text(name), "time": "0"})


def _verdict_case(report: GateReport) -> Element:
    status: Status = {"PASS": "passed", "INVALID": "error"}.get(report.verdict, "failure")  # type: ignore[assignment]
    case, headline = _case(report.eval_name, "verdict"), headline_of(report)
    _mark(case, "skipped" if report.is_tolerated else status, report.verdict, headline, headline)
    if status == "passed" and report.has_gaps:
        SubElement(case, "system-out").text = xml_text(headline)
    return case


def _of_check(report: GateReport, key: str, spec: CheckSpec) -> Element:
    return _case(f"{report.eval_name}.{spec.tier}", f"{key} ({numbers.limit(spec.kind, spec.limit)})")


def _check_case(report: GateReport, check: CheckReport) -> Element:
    case, verdict = _of_check(report, check.key, check.result.spec), check.result.verdict
    if report.verdict == "INVALID":
        _mark(case, "skipped", "INVALID", "not judged: the run is INVALID", "")
    else:
        message = ": ".join(part for part in (verdict, check_message(check)) if part)
        _mark(case, report.status_of(check), verdict, message, describe(check))
    return case


def _must_catch_cases(report: GateReport) -> list[Element]:
    """One case for the list, and one for each item that was missed or not answered."""
    must_catch = report.must_catch
    if must_catch is None:
        return []
    all_caught = not (must_catch.missed or must_catch.unknown)
    own: list[tuple[str, Status, str]] = [
        ("all items", "passed" if all_caught else "skipped", must_catch_message(must_catch)),
        *((one.item_id, "failure", must_catch_item(must_catch, one)) for one in must_catch.missed),
        *((one.item_id, "skipped", must_catch_item(must_catch, one)) for one in must_catch.unknown),
    ]
    cases = []
    for name, status, message in own:
        cases.append(_case(f"{report.eval_name}.must_catch", name))
        _mark(cases[-1], "skipped" if report.verdict == "INVALID" else status, "must_catch", message, message)
    return cases


def _left_out_case(report: GateReport, one: LeftOut) -> Element:
    case = _of_check(report, one.key, one.spec)
    _mark(case, "skipped", "NOT_EVALUABLE", left_out_message(one), "")
    return case


def _mark(case: Element, status: Status, kind: str, message: str, text: str) -> None:
    if status == "passed":
        return
    attributes = {"message": xml_text(message)} | ({} if status == "skipped" else {"type": kind})
    mark = SubElement(case, status, attributes)
    if text and status != "skipped":
        mark.text = "\n".join(xml_text(line) for line in text.split("\n"))
