"""A gate's report in CI formats, on every verdict and with names that try to break out."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.core.statements import Statement
from harness.gating import gate_runs
from harness.gating.log import Reuse
from harness.report.gate.annotations import annotation_lines, failure_annotation
from harness.report.gate.comment import (
    COMMENT_CHARACTERS,
    SUMMARY_BYTES,
    comment_markdown,
    failure_markdown,
    marker,
    summary_markdown,
)
from harness.report.gate.fitting import Block, fitted
from harness.report.gate.junit import failure_junit, junit_xml
from harness.report.parts.masking import log_safe
from tests.gating.stored import GOLD, RECALL, decided, store_case, store_run

ATTACKS = [
    "]]><failure message='x'/>",
    '"><script>alert(1)</script>',
    "a\n::error::owned\n",
    "a\r\n##[error]owned",
    "::set-output name=a::b",
    "%0A::error::owned",
    "| a | b |\n| --- |",
    "`code` **bold** [link](https://evil.example) ![x](https://evil.example/p.png)",
    "@everyone #1 GH-1 www.evil.example",
    "<!-- moderation-harness:other -->",
    "--><img src=x onerror=alert(1)>",
    "\x00\x07\x1b[31mred\x85\u2028\u2029",
    "\u202eevil\u2066\ufeff\ufffe\uffff",
    "\ud800 lone surrogate",
    "=cmd|' /C calc'!A0",
    "</details>",
]
EXPECTED = {"PASS": 0, "REGRESSION": 3, "INCONCLUSIVE": 4, "NOT_EVALUABLE": 4, "INVALID": 5}


def report_of(tmp_path, case, **options):
    run = store_case(tmp_path, case, **options)
    return gate_runs(run["v2"], run["v1"], n_resamples=500)


@pytest.fixture(scope="module", params=list(EXPECTED))
def case(request, tmp_path_factory):
    return request.param, report_of(tmp_path_factory.mktemp("gate"), request.param)


def cases_of(report):
    return {one.get("name"): one for one in ElementTree.fromstring(junit_xml(report)).iter("testcase")}


def test_exit_code_per_verdict(case):
    name, report = case
    assert report.exit_code == EXPECTED[name]


def test_a_gate_that_fails_on_a_regression_alone_warns_of_what_nobody_can_tell(case):
    name, report = case
    report = replace(report, fail_on="regression")
    is_green = report.verdict not in ("REGRESSION", "INVALID")
    assert report.exit_code == (0 if is_green else EXPECTED[name])
    root = ElementTree.fromstring(junit_xml(report))
    assert (int(root.get("failures")) + int(root.get("errors")) == 0) is is_green
    levels = {line.split(" ", 1)[0] for line in annotation_lines(report)}
    assert ("::error" not in levels) is is_green
    if report.verdict == "INCONCLUSIVE":
        assert "this gate warns and does not fail" in comment_markdown(report)


def test_junit_has_a_case_per_check_and_shows_the_verdict(case):
    name, report = case
    root = ElementTree.fromstring(junit_xml(report))
    found = cases_of(report)
    assert len(found) == 1 + len(report.all_checks) == int(root.get("tests"))
    head, check = found["verdict"], found["hate recall (margin 5 points)"]
    if name == "PASS":
        assert not list(head)
        assert not list(check)
    elif name == "INVALID":
        assert head.find("error").get("type") == "INVALID"
        assert check.find("skipped") is not None
    else:
        assert check.find("failure").get("type") == name
        assert head.find("failure").get("type") == report.verdict
    failed = sum(one.find("failure") is not None for one in found.values())
    assert (int(root.get("failures")), int(root.get("errors"))) == (failed, int(name == "INVALID"))


def test_nothing_but_pass_reads_as_a_success(case):
    _, report = case
    if report.verdict == "PASS":
        return
    assert all(list(one) for title, one in cases_of(report).items() if "hate" in title)


def test_watch_checks_are_skipped_with_their_message(tmp_path):
    report = report_of(tmp_path, "INCONCLUSIVE", checks=[dict(RECALL[0], tier="watch")])
    skipped = cases_of(report)["hate recall (margin 5 points)"].find("skipped")
    assert report.verdict == "PASS"
    assert skipped.get("message").startswith("INCONCLUSIVE: ")


def test_annotations_name_the_verdict_first(case):
    name, report = case
    lines = annotation_lines(report)
    level = "notice" if report.verdict == "PASS" else "error"
    assert lines[0].startswith(f"::{level} title=Moderation gate%3A {report.verdict}::")
    if name in ("REGRESSION", "INCONCLUSIVE", "NOT_EVALUABLE"):
        assert any(line.startswith(f"::error title=hate recall%3A {name}::") for line in lines[1:])
    if name == "INVALID":
        assert len(lines) == 1


def test_comment_begins_with_its_marker_and_one_verdict_line(case):
    _, report = case
    lines = comment_markdown(report).splitlines()
    assert lines[0] == "<!-- moderation-harness:demo -->"
    assert len([line for line in lines if line.startswith(f"The gate: **{report.verdict}**")]) == 1
    if report.findings:
        assert lines[4].startswith("**")  # the decision comes first
    assert "Signature: set:demo" in comment_markdown(report)
    assert "### Cost and latency" in comment_markdown(report)


def test_comment_shows_only_what_changed(tmp_path):
    gold = np.stack([GOLD, GOLD], axis=1)
    after = gold.copy()
    after[:2, 0] = 0
    run = store_run(tmp_path, gold, {"v1": gold, "v2": after}, categories=("hate", "spam"))
    report = gate_runs(run["v2"], run["v1"])
    text = comment_markdown(report)
    assert "| hate recall |" in text
    assert "| spam recall |" not in text
    assert "| hate | newly missed | 2 | i0, i1 |" in text
    assert "| spam recall |" in summary_markdown(report)


def test_many_items_are_cut_and_counted(tmp_path):
    report = report_of(tmp_path, "REGRESSION")
    assert "and 50 more" in comment_markdown(report)


@pytest.fixture(scope="module")
def huge(tmp_path_factory):
    gold = np.ones((40, 100))
    names = tuple(f"category_{column}_{'x' * 60}" for column in range(100))
    ids = [f"{index}-{'😀' * 500}" for index in range(40)]
    home = tmp_path_factory.mktemp("huge")
    run = store_run(home, gold, {"v1": gold, "v2": np.zeros_like(gold)}, categories=names, ids=ids)
    return gate_runs(run["v2"], run["v1"], n_resamples=200)


def test_a_huge_report_fits_a_comment_and_keeps_head_and_foot(huge):
    """It was once cut wherever it was too long: inside <details>, and without cost and signature."""
    text = comment_markdown(huge)
    assert len(text.encode("utf-16-le")) // 2 <= COMMENT_CHARACTERS
    assert text.startswith("<!-- moderation-harness:demo -->\n\n## Moderation gate: REGRESSION: ")
    assert text.count("<details>") == text.count("</details>") == 1
    assert text.index("### Cost and latency") < text.index("Signature: ")
    assert re.search(r"\(\d+ more rows in the job's JSON\)", text)


@pytest.mark.parametrize("limit", [SUMMARY_BYTES, 60_000, 9_000])
def test_a_job_summary_keeps_head_and_foot_at_any_limit_that_holds_them(huge, limit):
    text = summary_markdown(huge, limit=limit)
    assert len(text.encode()) <= limit
    assert text.startswith("## Moderation gate: REGRESSION: ")
    assert text.count("<details>") == text.count("</details>")
    assert "Signature: " in text


def test_where_not_even_the_foot_fits_the_head_stands_alone():
    blocks = [Block("head of a table", ("row",) * 9)]
    assert fitted(["why"], blocks, ["f" * 100], limit=50, size=len) == "why\n"
    assert fitted(["w" * 51], blocks, [], limit=50, size=len) == ""


@pytest.mark.parametrize("limit", range(60, 400, 7))
def test_blocks_share_what_is_left_and_never_pass_the_limit(limit):
    blocks = [Block("a" * 10, tuple("r" * 9 for _ in range(n)), "z", rest="elsewhere") for n in (30, 0, 3)]
    text = fitted(["head"], blocks, ["foot"], limit=limit, size=len)
    assert len(text) <= limit
    assert text.startswith("head\n\n")
    assert text.endswith("\n\nfoot\n")
    assert text.count("a" * 10) == text.count("z")


def test_ten_annotations_at_most_and_the_last_counts_the_rest(huge):
    """GitHub shows ten of a level a step and drops the others without a word."""
    lines = annotation_lines(huge)
    assert len(lines) == 10
    assert lines[0].startswith("::error title=Moderation gate%3A REGRESSION::")
    assert re.match(r"::error title=Moderation gate::\d+ more checks and remarks", lines[-1])


@pytest.fixture(scope="module", params=ATTACKS, ids=range(len(ATTACKS)))
def attacked(request, tmp_path_factory):
    """The attack as category, item id, candidate name, reason of the baseline and log warning at once."""
    attack = request.param
    stored_as = attack.encode("utf-8", "replace").decode()
    ids = [stored_as, *(f"i{index}" for index in range(1, 600))]
    run = store_run(
        tmp_path_factory.mktemp("attacked"),
        GOLD,
        {"v1": decided(GOLD), stored_as: decided(GOLD, missed=60)},
        categories=(stored_as,),
        ids=ids,
        texts=[f"SECRET TEXT {index}" for index in range(600)],
    )
    report = gate_runs(run[stored_as], run["v1"], source=attack, n_resamples=200)
    return attack, _with_warning(report, attack)


def _with_warning(report, attack):
    import dataclasses

    note = Statement("sample", facts={"run_id": attack, "n_items": 3})
    return dataclasses.replace(report, reuse=Reuse(11, "log", attack), notes=(note,))


def test_junit_stays_well_formed_under_attack(attacked):
    _, report = attacked
    root = ElementTree.fromstring(junit_xml(report).encode("utf-8"))
    assert len(list(root.iter("testcase"))) == 1 + len(report.all_checks)
    assert {child.tag for one in root.iter("testcase") for child in one} <= {"failure", "skipped"}
    assert sum(1 for _ in root.iter("failure")) == int(root.get("failures"))


def test_annotations_stay_one_command_a_line_under_attack(attacked):
    _, report = attacked
    for line in annotation_lines(report):
        assert "\n" not in line
        assert "\r" not in line
        assert re.fullmatch(r"::(error|warning|notice) title=[^:,]*::.*", line)
        assert "##[" not in line
        assert "%0A::" not in line.replace("%250A", "")


def test_markdown_shows_attacks_as_text(attacked):
    _, report = attacked
    for text in (comment_markdown(report), summary_markdown(report)):
        bare = re.sub(r"\\.", "", text)  # without what is escaped
        bare = bare.replace(marker(report.eval_name), "", 1)
        bare = bare.replace("<details><summary>Items whose decision changed</summary>", "").replace("</details>", "", 1)
        assert not re.search(r"[<>]|!\[|\]\(|@\w|https?://|`", bare)
        assert text.count("<!--") <= 1
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]", text)
        text.encode("utf-8")


def test_tables_keep_their_columns_under_attack(attacked):
    _, report = attacked
    blocks = re.findall(r"(?:^\|.*\n)+", comment_markdown(report) + "\n", re.MULTILINE)
    for block in blocks:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1


def test_item_text_never_appears(attacked):
    _, report = attacked
    for text in (junit_xml(report), comment_markdown(report), summary_markdown(report), *annotation_lines(report)):
        assert "SECRET TEXT" not in text


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_failed_runs_are_reported_safely(attack):
    root = ElementTree.fromstring(failure_junit("demo", attack).encode("utf-8"))
    assert root.find(".//error").get("type") == "INVALID"
    assert failure_annotation("demo", attack).count("\n") == 0
    assert not re.search(r"[<>]", re.sub(r"\\.", "", failure_markdown("demo", attack)).replace(marker("demo"), ""))


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_a_log_line_is_never_a_workflow_command(attack):
    line = log_safe(attack)
    assert not line.strip().startswith("::")
    assert "##[" not in line
    assert "\n" not in line


@pytest.mark.parametrize("name", ["a-->b", "../x", "", "a b", "-->"])
def test_marker_cannot_be_closed_early(name):
    assert re.fullmatch(r"<!-- moderation-harness:[A-Za-z0-9_.]+(-[A-Za-z0-9_.]+)* -->", marker(name))
