"""Builds ``WeeklyData`` from what was collected: pure, no clock, no files beyond the runs already opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.gating.findings import Finding
from harness.gating.findings.memory import Entry, not_restated
from harness.gating.findings.pair import About
from harness.measure.run_facts import signature_of
from harness.report.parts.banner import UNDECIDED, Banner, run_banner
from harness.report.parts.disputes import disputes_of
from harness.report.parts.masking import TextMode
from harness.report.weekly import commands, titles
from harness.report.weekly.ask_source import AskSource
from harness.report.weekly.asks import build_asks
from harness.report.weekly.before import Before, before_of
from harness.report.weekly.candidates import (
    candidate_rows,
    description,
    figures_of,
    history_rows,
    runs_read,
    version_marks,
)
from harness.report.weekly.causes import cause_between, causes_of, shown_of
from harness.report.weekly.changes import OWN_KINDS, golden_name
from harness.report.weekly.clusters import error_clusters
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import (
    ASK_EXAMPLES,
    Ask,
    CandidateRow,
    CategoryRow,
    GoldenHealth,
    Movement,
    Series,
    Tone,
    WeekChanges,
    WeeklyData,
)
from harness.report.weekly.engineering import engineering_of
from harness.report.weekly.findings import still_open, week_findings, week_screen
from harness.report.weekly.headline import headline_of
from harness.report.weekly.health import contradicted, gold_rows
from harness.report.weekly.items import AskItems, example_of, item_rows
from harness.report.weekly.ledger import ledger_of, names_of, remembered_series
from harness.report.weekly.movements import category_rows, earlier_movements, movements_of
from harness.report.weekly.operating import operating_findings, operating_of
from harness.report.weekly.operating_data import OperatingRow
from harness.report.weekly.operations import Operations, operations_of
from harness.report.weekly.paired import LOST
from harness.report.weekly.production import Production, production_of
from harness.report.weekly.silence import silent_banners
from harness.report.weekly.slid_slices import own_slides, slide_findings
from harness.report.weekly.swapped import swap_findings
from harness.report.weekly.verdict import verdict_word
from harness.report.weekly.weeks import week_of, weeks_between


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """What the week's figures are, and what of them is a finding.

    Attributes:
        names: Category id -> name.
        told: The ledger without what a wider line of it tells.
    """

    names: dict[str, str]
    series: tuple[Series, ...]
    before: Before
    entries: tuple[Entry, ...]
    told: tuple[Entry, ...]
    rows: tuple[CategoryRow, ...]
    movements: tuple[Movement, ...]
    production: Production | None
    operating: tuple[OperatingRow, ...]
    findings: tuple[Finding, ...]


def build_weekly(source: WeeklySource, *, generated_at: str, version: str, text_mode: TextMode) -> WeeklyData:
    """Everything the report says."""
    run, candidate, week = source.run, source.candidate, source.week
    judged = _judged(source)
    names, rows, before, findings = judged.names, judged.rows, judged.before, judged.findings
    examples = {one: example_of(source, index, text_mode) for index, one in enumerate(run.item_ids)}
    errors = error_clusters(run, candidate, names, examples, before.shared, before.week, source.texts, text_mode)
    against_all = contradicted(run)
    health = _health(source, names, len(against_all))
    candidates = candidate_rows(source)
    operations = _operations(source, before.is_comparable)
    asks = _asks(source, judged, health, candidates, operations, against_all)
    word, tone = _verdict(source, judged)
    engineering = engineering_of(source)
    disputes = disputes_of(run, candidate, source.votes, names)
    figures, data_note = figures_of(source)
    items, items_note = item_rows(source, names, text_mode, before.shared)
    causes = _causes(source, judged)
    return WeeklyData(
        banners=_banners(source),
        eval_name=source.eval_name,
        week=week,
        generated_at=generated_at,
        version=version,
        candidate=candidate,
        candidate_description=description(run.meta, candidate),
        candidate_note=source.candidate_note,
        control=source.control,
        control_note=source.control_note,
        tone=tone,
        word=word,
        headline=_headline(source, judged, causes),
        findings=findings,
        ledger=judged.entries,
        screen=week_screen(findings),
        in_short=titles.in_short(operations, disputes, engineering, week),
        new_errors=titles.new_error_sentences(errors),
        policy=f"{run.meta.policy.name} v{run.meta.policy.version}",
        golden=golden_name(run.meta),
        run_id=run.meta.run_id,
        previous_week=before.week,
        is_comparable=before.is_comparable,
        n_runs=sum(one.n_runs for one in source.by_week.values()),
        weeks=tuple(source.by_week),
        rows=rows,
        names=names,
        series=judged.series,
        movements=judged.movements,
        causes=causes,
        earlier=earlier_movements(week, names, judged.series),
        changes=() if before.week is None else (WeekChanges(week, before.week, run.meta.run_id, before.changes),),
        versions=version_marks(source),
        splits=before.splits,
        n_split_items=before.n_split,
        errors=errors,
        health=health,
        operations=operations,
        operating=judged.operating,
        production=judged.production,
        disputes=disputes,
        teams=source.votes.teams,
        engineering=engineering,
        candidates=candidates,
        asks=asks,
        ask_examples={item: examples[item] for one in asks for item in one.items[:ASK_EXAMPLES] if item in examples},
        history=history_rows(source),
        figures=figures,
        data_note=data_note,
        items=items,
        items_note=items_note,
        runs=runs_read(source),
        signature=signature_of(run, candidate),
        reproduce=commands.again(source),
        ack=commands.ack(source),
        answers={one.key: commands.answer(source, [one]) for one in judged.told if one.is_open},
        show=commands.show_item(source),
    )


def _judged(source: WeeklySource) -> _Judged:
    run, candidate, week = source.run, source.candidate, source.week
    names = names_of(source)
    long = remembered_series(source)
    series = shown_of(source, long)
    before = before_of(source, names)
    entries = ledger_of(source, long)
    told = not_restated(entries)
    lost = {one.category for one in entries if one.metric == LOST and one.closed is None}
    rows = category_rows(source, names, series, before.paired, lost)
    critical = {one for one in run.categories if run.meta.policy.category(one).severity == "critical"}
    movements = movements_of(week, names, series, before.pair, before.week, critical)
    production = production_of(source.production, run.meta.policy, week, source.n_weeks)
    about = {row.id: About(row.name, row.severity, row.owner) for row in rows}
    operating = operating_of(source, about, before.same_items)
    findings = week_findings(
        run,
        candidate,
        before.run,
        before.pair,
        rows,
        movements,
        told,
        cause_between(source, [one for one in movements if one.source != "slide"], before.changes),
        before.week,
        week,
        names,
        production,
        operating_findings(operating, candidate),
        [
            *slide_findings(
                own_slides(source.slid, long).get(week, {}), source.followed[run.meta.run_id], about, candidate
            ),
            *swap_findings(source.swapped, run, candidate),
        ],
    )
    return _Judged(names, series, before, entries, told, rows, movements, production, operating, findings)


def _asks(
    source: WeeklySource,
    judged: _Judged,
    health: GoldenHealth,
    candidates: tuple[CandidateRow, ...],
    operations: Operations,
    against_all: tuple[str, ...],
) -> tuple[Ask, ...]:
    items = AskItems(source.run, source.candidate, judged.before.paired)
    return build_asks(
        AskSource(
            source.week,
            lambda entries: commands.answer(source, entries),
            judged.rows,
            judged.names,
            judged.movements,
            judged.findings,
            health,
            candidates,
            operations,
            source.unusable,
            float(source.run.meta.max_error_rate),
            any(one.kind in OWN_KINDS for one in judged.before.changes),
            still_open(judged.told, judged.findings, source.week),
            items.errors,
            items.newly,
            lambda: against_all,
            len(source.damaged),
            source.asked.command("runs", "list"),
            [one for one in judged.entries if one.is_open],
        )
    )


def _verdict(source: WeeklySource, judged: _Judged) -> tuple[str, Tone]:
    n_missed = sum(one.verdict == "missed" for row in judged.rows for one in row.judgements.values())
    before = judged.before
    return verdict_word(
        judged.movements,
        before.week,
        before.is_comparable,
        n_missed,
        judged.findings,
        judged.told,
        source.last_ever,
    )


def _causes(source: WeeklySource, judged: _Judged) -> tuple[str, ...]:
    before = judged.before
    return causes_of(
        source,
        judged.movements,
        before.changes,
        before.splits,
        before.n_split,
        [since for one in judged.findings if one.kind == "harm" and (since := one.evidence.slid_since)],
        is_comparable=before.is_comparable,
    )


def _headline(source: WeeklySource, judged: _Judged, causes: tuple[str, ...]) -> tuple[str, ...]:
    return headline_of(
        source,
        judged.rows,
        judged.movements,
        causes,
        judged.findings,
        judged.before.week,
        judged.before.is_comparable,
        judged.told,
        judged.production,
        judged.operating,
    )


def _operations(source: WeeklySource, is_comparable: bool) -> Operations:
    before = None
    if source.previous is not None:
        past_week, past = source.previous
        before = (past_week, past, source.summaries[past.meta.run_id])
    summary = source.summaries[source.run.meta.run_id]
    return operations_of(source.run, source.candidate, summary, before, source.traffic, is_comparable=is_comparable)


def _banners(source: WeeklySource) -> tuple[Banner, ...]:
    """Whose quality is shown where nobody would expect it, and runs that should have been in the report."""
    found = []
    if source.missing_baseline is not None:
        found.append(
            Banner(
                "NOT THE BASELINE",
                f"This is the quality of {source.candidate}. {source.candidate_note}",
                "Run the baseline, or choose with --candidate.",
                "open",
            )
        )
    for meta in source.unusable:
        broken = run_banner(meta, meta.candidates, source.asked.command("runs", "show", meta.run_id))
        if broken is not None:
            left_out = f"A run of {week_of(meta)} is not in this report of {source.week}."
            advice = broken.advice.removeprefix(UNDECIDED).strip()
            found.append(Banner(broken.word, f"{left_out} {broken.sentence}", advice))
    return (*found, *silent_banners(source))


def _health(source: WeeklySource, names: Mapping[str, str], n_all_disagree: int) -> GoldenHealth:
    run, summary = source.run, source.summaries[source.run.meta.run_id]
    golden = run.meta.golden_set
    return GoldenHealth(
        name=golden.name,
        version=golden.version,
        sha256=golden.hash,
        n_items=len(run.item_ids),
        n_in_set=golden.n_items_in_set or run.meta.n_items,
        is_sample=run.meta.n_items != (golden.n_items_in_set or run.meta.n_items),
        part=run.part,
        n_withheld=summary.n_withheld,
        first_week=source.first_week,
        age_weeks=max(0, weeks_between(source.first_week, source.week)),
        n_gated=source.n_gated,
        n_all_disagree=n_all_disagree,
        has_votes=bool(source.votes.categories),
        rows=gold_rows(run, summary.gold, names, source.votes),
    )
