"""The comparison report as Markdown: verdict, categories, checks, inputs, items, failures, cost, gold, signature.

Decides order and length for a reader of a pull request or a wiki page; numbers are rounded by ``report.numbers``,
tables escaped by ``report.tables``. Sections that have no data are absent. Of many candidates or categories it holds
what the page has in view, of the first candidate alone its items, and says what is in the spreadsheet and the JSON: all
of twenty candidates and sixty categories is more than code hosts show of a Markdown file (512 kB).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from harness.core.metric_table import TESTED_METRICS
from harness.core.results import MetricResult
from harness.gating.findings.stored import NEWLY
from harness.report.comparison.change_signs import CHANGE_WORDS
from harness.report.comparison.data import (
    METRIC_NAMES,
    CategoryRow,
    Economics,
    GoldRow,
    InputChange,
    Measure,
    Pair,
    ReportData,
    VerdictLine,
)
from harness.report.comparison.long_table import NOTHING_COMPARED, deciding_checks, told_and_still
from harness.report.comparison.many import decisions, first_pair, has_first, is_many, short_details, standing_words
from harness.report.comparison.markdown_slices import slices_markdown
from harness.report.comparison.matrix import matrix_table
from harness.report.comparison.names import names_of
from harness.report.comparison.section_table import section_markdown
from harness.report.comparison.source import ReportSource
from harness.report.comparison.strip import strips
from harness.report.comparison.workload import ProductionRow, ProductionTotal
from harness.report.parts import numbers
from harness.report.parts.finding_words import GOLD_WORDS, NEWLY_WORDS
from harness.report.parts.isolation import isolated_text
from harness.report.parts.masking import TextMode, printable, shorten, visible_text
from harness.report.parts.tables import Table, markdown_code, markdown_text, to_markdown
from harness.report.parts.words import capital, outcome_words, plural

MAX_ITEMS = 10
MAX_DIFF_LINES = 60
TEXT_WIDTH = 160
MOST_STRIPS = 4
MANY_METRICS = 2
"""Recall and precision, as on the page."""
ELSEWHERE = "in report.xlsx and report.json"
Record = TypeVar("Record")
_TEXTS = {"Category", "Value", "Candidate", "Check", "Tier", "Verdict", "Remark", "Item", "Text", "Change", ""}
"""Heads of columns that hold no figures."""
_FENCE = re.compile(r"`{3,}")


def write_markdown(source: ReportSource, data: ReportData, path: Path, text_mode: TextMode) -> Path:
    """Write the report."""
    path.write_text(markdown_report(source, data, text_mode), encoding="utf-8")
    return path


def markdown_report(source: ReportSource, data: ReportData, text_mode: TextMode) -> str:
    """The report as text."""
    parts = [_head(data), *_strips(data), _workload(data)]
    for pair in data.pairs:
        parts += _pair(source, data, pair, text_mode)
    parts += [
        _outcomes(data),
        *map(section_markdown, data.sections),
        _economics(data),
        _production(data),
        *slices_markdown(data),
        _gold(data),
        _about(data),
    ]
    text = "\n\n".join(part for part in parts if part) + "\n"
    return isolated_text(text, map(markdown_text, names_of(data)))


def _head(data: ReportData) -> str:
    several = len(data.verdict.lines) > 1
    banners = [f"> **⚠ {one.word}.** {markdown_text(one.text)}" for one in data.banners]
    verdicts = [_decision(one, several, is_whole) for _, one, is_whole in decisions(data)]
    notes = "\n".join(f"- {markdown_text(note)}" for note in data.verdict.notes)
    facts = (
        f"{plural(data.n_items, 'item')} of {data.golden_set.title}, "
        f"policy {data.policy_name} v{data.policy_version}, run {data.run_id}, written {data.generated_at}"
    )
    standing = markdown_text(standing_words(data))
    verdicts.insert(int(has_first(data)), to_markdown(matrix) if (matrix := matrix_table(data)) else "")
    parts = [*banners, f"# {markdown_text(data.title)}", standing, *verdicts, notes, markdown_text(facts)]
    return "\n\n".join(part for part in parts if part)


def _decision(line: VerdictLine, several: bool, is_whole: bool) -> str:
    """Ship or not and why, gains, harm, what cannot be told, and the next step."""
    word = f"{line.candidate}: {line.word}" if several else line.word
    details = line.details if is_whole else short_details(line)
    return "\n\n".join([f"**{markdown_text(word)}.** {markdown_text(line.sentence)}", *screen_lists(details)])


def screen_lists(parts: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """The parts of a first screen as Markdown: a heading, and a list where it has more than one sentence."""
    found = []
    for name, said in parts:
        head = f"**{markdown_text(name)}:**"
        rows = "\n".join(f"- {markdown_text(one)}" for one in said)
        found.append(f"{head} {markdown_text(said[0])}" if len(said) == 1 else f"{head}\n{rows}")
    return found


def _pair(source: ReportSource, data: ReportData, pair: Pair, text_mode: TextMode) -> list[str]:
    heading = f"{pair.candidate} against {pair.baseline}" if pair.baseline else pair.candidate
    is_short = is_many(data)
    metrics = TESTED_METRICS[: MANY_METRICS if is_short else None]
    measured = [metric for metric in metrics if any(metric in row.measures for row in pair.rows)]
    parts = [f"## {markdown_text(heading)}", *(_metric_table(pair, metric, is_short) for metric in measured)]
    if pair.family:
        parts.append(markdown_text(f"Proven: Holm-corrected ({pair.family}). Brackets are 95% intervals."))
    elif pair.baseline and not pair.rows:
        parts.append(NOTHING_COMPARED)
    if pair.checks:
        parts.append(_checks(pair, is_short))
    parts += [_input(change) for change in pair.inputs if change.is_changed]
    if pair.baseline and (not is_short or pair is data.pairs[first_pair(data)]):
        parts += _items(source, pair, text_mode)
    return parts


def _metric_table(pair: Pair, metric: str, is_short: bool) -> str:
    told, still = told_and_still(pair, metric, 0 if is_short else len(pair.rows))
    rows = [(row, row.measures[metric]) for row in told]
    cells: list[tuple[str, ...]]
    if pair.baseline is None:
        columns: tuple[str, ...] = ("Category", "n", pair.candidate)
        cells = [(row.name, str(one.candidate.n), _share(one.candidate)) for row, one in rows]
    else:
        newly = [capital(NEWLY_WORDS[name]) for name in NEWLY.get(metric, ())]
        columns = ("Category", "n", pair.baseline, pair.candidate, "Difference, points", "", *newly)
        cells = [_measured(row, one) for row, one in rows]
    categories = plural(len(still), "category", "categories")
    rest = f"{categories} without a change, a missed target or a failed check: {ELSEWHERE}"
    if not cells:
        return f"### {markdown_text(METRIC_NAMES[metric])}\n\n{markdown_text(rest)}"
    return _drawn(METRIC_NAMES[metric], columns, cells, rest if still else "")


def _measured(row: CategoryRow, one: Measure) -> tuple[str, ...]:
    return (
        row.name,
        numbers.count(one.n),
        _share(one.baseline),
        _share(one.candidate),
        "n/a" if one.difference is None else numbers.points_with_interval(one.difference),
        CHANGE_WORDS[one.change],
        *(numbers.count(len(getattr(row.newly, name))) for name in NEWLY.get(one.metric, ())),
    )


def _share(result: MetricResult | None, digits: int = 1) -> str:
    return "n/a" if result is None else numbers.share_with_interval(result, digits)


def _drawn(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]], note: str = "") -> str:
    """A table whose figures stand to the right."""
    heads = tuple(columns)
    notes = (note,) if note else ()
    return to_markdown(Table(title, heads, tuple(map(tuple, rows)), notes, frozenset(heads) - _TEXTS))


def _records(title: str, records: Iterable[Record], columns: Mapping[str, Callable[[Record], str]]) -> str:
    """The table of records: each head beside what its cells hold."""
    return _drawn(title, columns, ([cell(one) for cell in columns.values()] for one in records))


def _checks(pair: Pair, is_short: bool) -> str:
    rows, shown = [], deciding_checks(pair) if is_short else pair.checks
    for check in shown:
        needed = f"{plural(check.items_needed, 'more item')} needed" if check.items_needed else ""
        remark = "; ".join(filter(None, (needed, check.remark)))
        difference = "" if check.difference is None else numbers.points_with_interval(check.difference)
        difference = difference if check.value is None else f"is {numbers.share_with_interval(check.value)}"
        name = f"{check.subject}, {check.metric.replace('_', ' ')}"
        rows.append((name, check.tier, check.limit, difference, check.verdict.replace("_", " "), remark))
    columns = ("Check", "Tier", "Limit", "Difference, points (90%)", "Verdict", "Remark")
    n_left = len(pair.checks) - len(shown)
    rest = f"{plural(n_left, 'check')} that the verdict does not rest on: {ELSEWHERE}" if n_left else ""
    return _drawn("Gate", columns, rows, rest)


def _input(change: InputChange) -> str:
    """A text difference in a fence that its lines cannot close."""
    names = [name for name in (change.old_name, change.new_name) if name]
    title = f"{change.kind.capitalize()}: {' → '.join(dict.fromkeys(names))}"
    counted = f"{plural(change.n_added, 'line')} added, {numbers.count(change.n_removed)} removed"
    remark = f"; {change.remark}" if change.remark else ""
    head = f"### {markdown_text(title)}\n\n{markdown_text(counted + remark)}"
    if not change.lines:
        return head
    signs = {"added": "+", "removed": "-", "same": " ", "gap": "@@"}
    lines = [
        signs[line.kind] + printable("".join(text for _, text in line.parts)) for line in change.lines[:MAX_DIFF_LINES]
    ]
    rest = len(change.lines) - len(lines)
    longest = max((len(found) for line in lines for found in _FENCE.findall(line)), default=2)
    fence = "`" * max(3, longest + 1)
    more = [markdown_text(f"and {plural(rest, 'more line')}; see the HTML report.")] if rest > 0 else []
    return "\n\n".join([head, "\n".join([f"{fence}diff", *lines, fence]), *more])


def _items(source: ReportSource, pair: Pair, text_mode: TextMode) -> list[str]:
    """A few items whose decision changed, by gold label; the page and the spreadsheet hold all."""
    place = {item_id: index for index, item_id in enumerate(source.item_ids)}
    columns = ("Category", "Item", "Text") if text_mode != "none" else ("Category", "Item")
    parts = []
    for which in ("missed", "wrongly_flagged", "caught", "cleared"):
        title = capital(NEWLY_WORDS[which])
        found = [(row.name, item_id) for row in pair.rows for item_id in getattr(row.newly, which)]
        if not found:
            continue
        rows: list[tuple[str, ...]] = []
        for name, item_id in _round_robin(found, MAX_ITEMS):
            text = visible_text(source.texts[place[item_id]], text_mode, TEXT_WIDTH)
            rows.append((name, shorten(item_id, 60), text)[: len(columns)])
        head = f"{title} ({GOLD_WORDS[which]}): {numbers.count(len(rows))} of {numbers.count(len(found))}"
        parts.append(_drawn(head, columns, rows))
    return parts


def _round_robin(found: Sequence[tuple[str, str]], n: int) -> list[tuple[str, str]]:
    """The first of every category, then the second: no category crowds out the others."""
    seen: dict[str, int] = {}
    ranked = []
    for position, (name, item_id) in enumerate(found):
        seen[name] = seen.get(name, 0) + 1
        ranked.append((seen[name], position, (name, item_id)))
    return [one for _, _, one in sorted(ranked)[:n]]


def _outcomes(data: ReportData) -> str:
    names = list(dict.fromkeys(name for row in data.outcomes for name in row.counts))
    rows = [
        (row.candidate, *(numbers.count(row.counts.get(name, 0)) for name in names), _share(row.failure_rate, 2))
        for row in data.outcomes
    ]
    return _drawn("What came of the calls", ("Candidate", *map(outcome_words, names), "Failure rate"), rows)


def _economics(data: ReportData) -> str:
    columns: dict[str, Callable[[Economics], str]] = {
        "Candidate": lambda row: row.candidate,
        "Median": lambda row: numbers.milliseconds(row.latency_ms.get("p50")),
        "p95": lambda row: numbers.milliseconds(row.latency_ms.get("p95")),
        "Input tokens": lambda row: numbers.count(row.tokens.get("input_tokens", 0)),
        "Output tokens": lambda row: numbers.count(row.tokens.get("output_tokens", 0)),
        "Input from prompt cache": lambda row: numbers.share(row.cached_share),
        "Cost": lambda row: numbers.usd_known(row.cost_usd, row.n_unknown_cost),
        "Cost per 1,000 answered items": lambda row: numbers.usd(row.cost_per_1000_usd, row.n_unknown_cost),
        "Cost per caught violation": lambda row: numbers.usd(row.cost_per_caught_usd, row.n_unknown_cost),
    }
    return _records("Latency and cost", data.economics, columns) if data.economics else ""


def _production(data: ReportData) -> str:
    if data.production is None or is_many(data):
        return ""
    traffic, hours = data.production.items_per_day, data.production.hours
    columns: dict[str, Callable[[ProductionRow], str]] = {
        "Candidate": lambda row: row.candidate,
        "Category": lambda row: row.name,
        "Prevalence": lambda row: numbers.share(row.prevalence, 2),
        "Precision": lambda row: _share(row.precision),
        "Flags a day": lambda row: numbers.amount_with_interval(row.flagged, traffic),
        "Reviewer hours": lambda row: numbers.amount_with_interval(row.flagged, hours),
        "Missed a day": lambda row: numbers.amount_with_interval(row.missed, traffic),
    }
    title = f"In production, at {numbers.count(traffic)} items a day"
    sources = sorted({row.source for row in data.production.rows})
    table = _records(title, data.production.rows, columns)
    return f"{table}\n\n{markdown_text('Prevalence: ' + '; '.join(sources))}"


def _strips(data: ReportData) -> list[str]:
    """Language by category, as on the page's first screen."""
    found = []
    for pair in [data.pairs[first_pair(data)]] if is_many(data) else data.pairs[:MOST_STRIPS]:
        for one in strips(data, pair):
            title = one.title if len(data.pairs) == 1 else f"{pair.candidate}: {one.title}"
            columns = (one.slice_name, "Items", *one.columns)
            rows = [(value, numbers.count(n), *(cell.words for cell in cells)) for value, n, cells in one.rows]
            note = f"Points against {pair.baseline}; ▲ ▼ stand out (exploratory), · too few items. {one.left_out}"
            table = Table(title, columns, tuple(rows), (note.strip(),), frozenset(columns[1:]))
            found.append(to_markdown(table))
    return found


def _workload(data: ReportData) -> str:
    """A day in production before and after, all categories together."""
    if data.production is None or not data.production.totals:
        return ""
    traffic, hours = data.production.items_per_day, data.production.hours
    columns: dict[str, Callable[[ProductionTotal], str]] = {
        "Candidate": lambda one: one.candidate,
        "Flags a day": lambda one: numbers.amount_with_interval(one.flagged, traffic),
        "of them wrong": lambda one: numbers.amount_with_interval(one.wrongly_flagged, traffic),
        "Missed a day": lambda one: numbers.amount_with_interval(one.missed, traffic),
        "Reviewer hours": lambda one: numbers.amount_with_interval(one.flagged, hours),
        "Precision in production": lambda one: _share(one.precision),
    }
    table = _records(f"A day in production, at {numbers.count(traffic)} items", data.production.totals, columns)
    return "\n\n".join(filter(None, (table, markdown_text(data.production.gaps))))


def _gold(data: ReportData) -> str:
    columns: dict[str, Callable[[GoldRow], str]] = {
        "Category": lambda row: row.name,
        "Violating": lambda row: numbers.count(row.n_violating),
        "Not violating": lambda row: numbers.count(row.n_not_violating),
        "Unlabelled": lambda row: numbers.count(row.n_unlabelled),
        "Smallest provable loss of recall": lambda row: _provable(row.provable_margin),
    }
    if any(row.alpha is not None for row in data.gold.rows):
        columns["Agreement"] = lambda row: "" if row.alpha is None else numbers.score_with_interval(row.alpha)
    return _records("Golden set", data.gold.rows, columns)


def _provable(margin: float | None) -> str:
    return "none" if margin is None else f"{numbers.points(margin).lstrip('+')} points"


def _about(data: ReportData) -> str:
    lines = ["### Reproduce", "", *(f"- {markdown_code(command)}" for command in data.reproduce)]
    lines += [f"- {markdown_text(f'{name}: {signature}')}" for name, signature in data.signatures.items() if signature]
    return "\n".join([*lines, f"- moderation-harness {markdown_text(data.version)}"])
