"""A gate as Markdown: the comment on a pull request, and the job summary.

Decides what a reviewer needs at a glance: the verdict in one line, only the categories that changed, fixed and broken
items by id, cost, latency and signature. Item text never appears. A marker lets a workflow find its own comment again.
"""

from __future__ import annotations

import re

from harness.gating.records import CheckReport, GateReport, GateSide
from harness.report.gate.tables import (
    across_table,
    check_table,
    flip_table,
    must_catch_rows,
    must_catch_table,
    outlook_notes,
)
from harness.report.parts import numbers
from harness.report.parts.masking import shorten
from harness.report.parts.tables import Table, markdown_text, to_markdown

MARKER = "<!-- moderation-harness:{name} -->"
MOST_IDS, MOST_CATEGORIES, ID_WIDTH = 10, 40, 80
MAX_LENGTH = 60_000
"""A comment on GitHub holds 65,536 characters."""
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_.]+")
_WWW = re.compile(r"(www)\.", re.IGNORECASE)
MEANINGS = {
    "PASS": "what the gate asks is proven",
    "REGRESSION": "worse beyond doubt; do not ship",
    "INCONCLUSIVE": "not proven; each check says what it lacks",
    "INVALID": "the run cannot be trusted; run it again",
}


def marker(eval_name: str) -> str:
    """The hidden line by which a workflow finds its own comment."""
    return MARKER.format(name=_NOT_A_NAME.sub("-", eval_name).strip("-") or "eval")


def comment_markdown(report: GateReport) -> str:
    """The comment on a pull request: only what changed."""
    return _joined(
        [
            marker(report.eval_name),
            *_head(report),
            *_must_catch(report),
            *_changed(report),
            *_flips(report),
            *_foot(report),
        ]
    )


def summary_markdown(report: GateReport) -> str:
    """The job summary: every check."""
    parts = [*_head(report), *_must_catch(report)]
    parts += [to_markdown(check_table(report.all_checks, "All checks", notes=outlook_notes(report)))]
    if report.flip_rates:
        parts.append(to_markdown(flip_table(report)))
    return _joined([*parts, *_flips(report), *_foot(report)])


def failure_markdown(eval_name: str, message: str) -> str:
    """The comment of a run that came to nothing."""
    said = "\n\n".join(markdown_text(line.strip()) for line in message.split("\n") if line.strip())
    head = f"**INVALID** ({MEANINGS['INVALID']}): no verdict."
    return _joined([marker(eval_name), "## Moderation gate: INVALID", head, said])


def item_id(text: str) -> str:
    """An item id that Markdown shows as it is."""
    return _WWW.sub(r"\1\.", markdown_text(shorten(text, ID_WIDTH)))


def _joined(parts: list[str]) -> str:
    text = "\n\n".join(part for part in parts if part) + "\n"
    if len(text) <= MAX_LENGTH:
        return text
    cut = text[:MAX_LENGTH].rsplit("\n", 1)[0]
    return f"{cut}\n\n(cut: the rest is in the job's JSON)\n"


def _head(report: GateReport) -> list[str]:
    golden = report.golden_set
    meaning = MEANINGS.get(report.verdict, "")
    if report.verdict == "PASS" and report.has_gaps:
        meaning = "what could be evaluated is proven"
    title = f"## Moderation gate: {report.verdict}"
    line = f"**{report.verdict}** ({meaning}): {markdown_text(f'{report.pair}: {report.reason}')}"
    where = (
        f"Eval {markdown_text(report.eval_name)}, "
        f"golden set {markdown_text(str(golden['name']))} v{markdown_text(str(golden['version']))}, "
        f"{numbers.count(report.n_items)} items. Baseline: {markdown_text(report.baseline.source)}."
    )
    return [title, line, where, *(f"Note: {markdown_text(note)}." for note in report.notes)]


def _changed(report: GateReport) -> list[str]:
    shown = [check for check in report.all_checks if _is_changed(report, check)]
    rest = len(report.all_checks) - len(shown)
    parts = []
    if shown:
        cut = tuple(shown[:MOST_CATEGORIES])
        parts.append(to_markdown(check_table(cut, "What changed", notes=outlook_notes(report))))
    if len(shown) > MOST_CATEGORIES:
        parts.append(f"{len(shown) - MOST_CATEGORIES} more changed checks are in the job summary.")
    if rest:
        parts.append(f"{rest} {'check' if rest == 1 else 'checks'} passed without a changed decision.")
    if report.across is not None:
        parts.append(to_markdown(across_table(report.across)))
    return parts


def _must_catch(report: GateReport) -> list[str]:
    if report.must_catch is None:
        return []
    if must_catch_rows(report.must_catch):
        return [to_markdown(must_catch_table(report.must_catch, most=MOST_CATEGORIES))]
    return [f"Must-catch items: {markdown_text(report.must_catch.message)}."]


def _is_changed(report: GateReport, check: CheckReport) -> bool:
    return check.result.verdict != "PASS" or check.result.spec.category in report.flips


def _flips(report: GateReport) -> list[str]:
    rows = []
    for category, flips in list(report.flips.items())[:MOST_CATEGORIES]:
        for what, ids in (("fixed", flips.fixed), ("broken", flips.broken)):
            if ids:
                rows.append((category, what, numbers.count(len(ids)), ids))
    if not rows:
        return ["No decision changed."]
    lines = ["| Category | Items | Count | Ids |", "| --- | --- | ---: | --- |"]
    for category, what, n, ids in rows:
        listed = ", ".join(item_id(one) for one in ids[:MOST_IDS])
        more = f", and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else ""
        lines.append(f"| {markdown_text(category)} | {what} | {n} | {listed}{more} |")
    return ["\n".join(["<details><summary>Fixed and broken items</summary>", "", *lines, "", "</details>"])]


def _foot(report: GateReport) -> list[str]:
    columns = ("Candidate", "Outcomes", "Failure rate", "Cost", "Latency p50", "p95")
    rows = tuple(_operations_row(side) for side in (report.baseline, report.candidate))
    parts = [to_markdown(Table("Cost and latency", columns, rows, (), frozenset(columns[2:])))]
    if report.reuse is not None:
        counted = f"Candidates gated on this golden set so far: {report.reuse.n_candidates}."
        parts.append(f"{counted} {markdown_text(report.reuse.warning or '')}".strip())
    parts.append(f"Signature: {markdown_text(report.candidate.signature)}")
    return parts


def _operations_row(side: GateSide) -> tuple[str, ...]:
    outcomes = ", ".join(f"{numbers.count(n)} {outcome}" for outcome, n in side.outcomes.items() if n)
    latency = (numbers.milliseconds(side.latency_ms[q]) for q in ("p50", "p95"))
    return (side.candidate, outcomes, numbers.share(side.failure_rate.value), numbers.usd(side.cost_usd), *latency)
