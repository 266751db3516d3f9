"""A gate as Markdown: the comment on a pull request, and the job summary.

Decides what a reviewer needs at a glance: ship or not and why, harm before gains, only the checks that changed, the
items whose decision changed by id, cost, latency and signature; item text never. A marker lets a workflow find its
comment again. What is too long for the place gives way in the middle: verdict, cost and signature always stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from harness.core.gate import POOLED
from harness.gating.checks import ALL_ITEMS
from harness.gating.findings.stored import NEWLY
from harness.gating.gate_report import CheckReport, GateReport, GateSide
from harness.report.gate.fitting import Block, fitted, table_block
from harness.report.gate.head import decision_of, first_word
from harness.report.gate.statement_words import must_catch_message, notes_of, opponents, reason_of
from harness.report.gate.tables import across_tables, check_table, flip_table, must_catch_tables, outlook_notes
from harness.report.parts import numbers
from harness.report.parts.decision_words import decision_sentence, decision_word, screen
from harness.report.parts.finding_words import NEWLY_WORDS
from harness.report.parts.isolation import isolated_text, names_among
from harness.report.parts.masking import shorten
from harness.report.parts.tables import Table, markdown_text, to_markdown
from harness.report.parts.words import enumerated, plural

MARKER = "<!-- moderation-harness:{name} -->"
MOST_TOLD = 5
"""Findings of a kind that the head of a comment tells; the JSON has all."""
MOST_IDS, MOST_CATEGORIES, MOST_NAMED, ID_WIDTH = 10, 40, 5, 80
MOST_NOTES, NOTE_WIDTH, NAME_WIDTH, SIGNATURE_WIDTH = 10, 600, 120, 1_500
COMMENT_CHARACTERS = 65_536
"""What a comment on GitHub holds; counted as it counts, in UTF-16."""
SUMMARY_BYTES = 1_048_576
"""What the job summary of one step on GitHub holds; beyond it none of it is shown."""
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_.]+")
_WWW = re.compile(r"(www)\.", re.IGNORECASE)
MEANINGS = {
    "PASS": "what the gate asks is proven",
    "REGRESSION": "worse beyond doubt; do not ship",
    "INCONCLUSIVE": "not proven; each check says what it lacks",
    "INVALID": "the run cannot be trusted; run it again",
}
TOLERATED = "not proven, and no proof of harm: this gate warns and does not fail"


def marker(eval_name: str) -> str:
    """The hidden line by which a workflow finds its own comment."""
    return MARKER.format(name=_NOT_A_NAME.sub("-", eval_name).strip("-") or "eval")


def comment_markdown(report: GateReport) -> str:
    """The comment on a pull request: only what changed."""
    head = [marker(report.eval_name), *_head(report)]
    blocks = [*_must_catch(report), *_changed(report), *_flips(report)]
    return _apart(report, head, blocks, COMMENT_CHARACTERS, _utf16_length)


def summary_markdown(report: GateReport, *, limit: int = SUMMARY_BYTES) -> str:
    """The job summary: every check, in at most ``limit`` bytes."""
    checks = check_table(report.all_checks, "All checks", notes=outlook_notes(report))
    rates = [table_block(flip_table(report))] if report.flip_rates else []
    blocks = [*_must_catch(report), table_block(checks), *rates, *_flips(report)]
    return _apart(report, _head(report), blocks, limit, _utf8_length)


def _apart(
    report: GateReport, head: Sequence[str], blocks: Sequence[Block], limit: int, size: Callable[[str], int]
) -> str:
    """All of it in at most ``limit``, its right-to-left names isolated."""
    given = [name for one in report.findings for name in (one.name, one.owner)]
    named = names_among([*given, *report.names.values()])
    apart = partial(isolated_text, names=[markdown_text(one) for one in named])
    return apart(fitted(head, blocks, _foot(report), limit=limit, size=lambda part: size(apart(part))))


def failure_markdown(eval_name: str, message: str) -> str:
    """The comment of a run that came to nothing: why, in the first line."""
    lines = [line.strip() for line in message.split("\n") if line.strip()] or ["no reason was given"]
    shortened = [markdown_text(shorten(line, NOTE_WIDTH)) for line in lines]
    head = [marker(eval_name), f"## Moderation gate: INVALID: {shortened[0]}", f"({MEANINGS['INVALID']}): no verdict."]
    block = Block(shortened[1], tuple(f"\n{line}" for line in shortened[2:])) if shortened[1:] else Block("")
    return fitted(head, [block], [], limit=COMMENT_CHARACTERS, size=_utf16_length)


def _utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _utf8_length(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))


def item_id(text: str) -> str:
    """An item id that Markdown shows as it is."""
    return _WWW.sub(r"\1\.", markdown_text(shorten(text, ID_WIDTH)))


def _head(report: GateReport) -> list[str]:
    golden = report.golden_set
    meaning = MEANINGS.get(report.verdict, "")
    if report.verdict == "PASS" and report.has_gaps:
        meaning = "what could be evaluated is proven"
    if report.is_tolerated:
        meaning = TOLERATED
    title = f"## Moderation gate: {markdown_text(first_word(report))}: {_said(reason_of(report), NOTE_WIDTH)}"
    line = f"The gate: **{report.verdict}** ({meaning}): {_said(opponents(report))}."
    where = f"Eval {_said(report.eval_name)}, golden set {_said(golden.name)} v{golden.version}, "
    where += f"{numbers.count(report.n_items)} items. Baseline: {_said(report.baseline.source)}."
    notes = [f"Note: {_said(note, NOTE_WIDTH)}." for note in notes_of(report)[:MOST_NOTES]]
    n_more = len(report.notes) - MOST_NOTES
    return [title, *_decision(report), line, where, *notes, *_more(n_more, "({} more notes in the job's JSON)")]


def _more(n: int, words: str) -> list[str]:
    return [words.format(n)] if n > 0 else []


def _decision(report: GateReport) -> list[str]:
    """Ship or not and why, then harm, gains, what cannot be told, the next step."""
    decision = decision_of(report)
    if decision is None:
        return []
    told = screen(decision, MOST_TOLD)
    is_long = sum(len(markdown_text(one)) for _, rows in told for one in rows) > COMMENT_CHARACTERS // 3
    width = NOTE_WIDTH if is_long else COMMENT_CHARACTERS  # a line that names all critical categories is not cut
    parts = [f"**{markdown_text(decision_word(decision)[0])}.** {_said(decision_sentence(decision), NOTE_WIDTH)}"]
    for name, rows in told:
        lines = "\n".join(f"- {_said(one, width)}" for one in rows)
        parts.append(f"**{name}:** {_said(rows[0], width)}" if len(rows) == 1 else f"**{name}:**\n\n{lines}")
    return parts


def _said(text: str, width: int = NAME_WIDTH) -> str:
    return markdown_text(shorten(text, width))


def _changed(report: GateReport) -> list[Block]:
    shown = [one for one in report.all_checks if one.result.verdict == "REGRESSION" or _is_changed(report, one)]
    others = [one for one in report.all_checks if one not in shown]
    open_ = [one.name for one in others if one.result.verdict != "PASS"]
    shown.sort(key=lambda one: one.result.verdict != "REGRESSION")
    cut = tuple(shown[:MOST_CATEGORIES])
    blocks = [table_block(check_table(cut, "What changed", notes=outlook_notes(report)))] if cut else []
    said = _more(len(shown) - len(cut), "{} more changed checks are in the job summary.")
    if open_:
        names = _said(enumerated(open_, MOST_NAMED), NOTE_WIDTH)
        said.append(f"{plural(len(open_), 'check')} not proven, though no decision changed: {names}.")
    if rest := len(others) - len(open_):
        said.append(f"{rest} {'check' if rest == 1 else 'checks'} passed without a changed decision.")
    return [*blocks, *map(Block, said), *map(table_block, across_tables(report))]


def _must_catch(report: GateReport) -> list[Block]:
    if report.must_catch is None:
        return []
    said = f"Must-catch items: {_said(must_catch_message(report.must_catch), NOTE_WIDTH)}."
    return [table_block(one) for one in must_catch_tables(report, MOST_CATEGORIES)] or [Block(said)]


def _is_changed(report: GateReport, check: CheckReport) -> bool:
    """Whether the items that its metric counts changed; those over several categories count where any of these did."""
    category, metric = check.result.spec.category, check.result.spec.metric
    counted = NEWLY.get(metric)
    if counted is None:  # failures are no decisions
        return check.result.verdict != "PASS"
    together = category in (POOLED, ALL_ITEMS)
    flips = [one for name, one in report.flips.items() if together or name == category]
    return any(one.newly.get(name) for one in flips for name in counted)


def _flips(report: GateReport) -> list[Block]:
    lines = [
        f"| {markdown_text(report.named(one))} | {NEWLY_WORDS[name]} | {numbers.count(len(ids))} | {_listed(ids)} |"
        for one, flips in list(report.flips.items())[:MOST_CATEGORIES]
        for name in ("missed", "wrongly_flagged", "caught", "cleared")
        if (ids := flips.newly.get(name, ()))
    ]
    if not lines:
        return [Block("No decision changed.")]
    opening = (
        "<details><summary>Items whose decision changed</summary>\n\n"
        "Newly missed and newly caught items violate by the gold label; the other two kinds do not.\n\n"
    )
    header = "| Category | Items | Count | Ids |\n| --- | --- | ---: | --- |"
    return [Block(opening + header, tuple(lines), "\n</details>")]


def _listed(ids: Sequence[str]) -> str:
    return "".join([", ".join(map(item_id, ids[:MOST_IDS])), *_more(len(ids) - MOST_IDS, ", and {} more")])


def _foot(report: GateReport) -> list[str]:
    columns = ("Candidate", "Outcomes", "Failure rate", "Cost", "Latency p50", "p95")
    rows = tuple(_operations_row(side) for side in (report.baseline, report.candidate))
    parts = [to_markdown(Table("Cost and latency", columns, rows, (), frozenset(columns[2:])))]
    if report.reuse is not None:
        counted = f"Candidates gated on this golden set so far: {report.reuse.n_candidates}."
        parts.append(f"{counted} {_said(report.reuse.warning or '', NOTE_WIDTH)}".strip())
    parts.append(f"Signature: {_said(report.candidate.signature, SIGNATURE_WIDTH)}")
    return parts


def _operations_row(side: GateSide) -> tuple[str, ...]:
    outcomes = ", ".join(f"{numbers.count(n)} {outcome}" for outcome, n in side.outcomes.items() if n)
    latency = (numbers.milliseconds(side.latency_ms[q]) for q in ("p50", "p95"))
    failed, cost = numbers.share(side.failure_rate.value), numbers.usd_known(side.cost_usd, side.n_unknown_cost)
    return (shorten(side.name, NAME_WIDTH), outcomes, failed, cost, *latency)
