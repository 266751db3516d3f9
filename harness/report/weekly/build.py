"""Builds ``WeeklyData`` from what was collected: pure, no clock, no files beyond the runs already opened."""

from __future__ import annotations

from collections.abc import Mapping

from harness.gating.findings.memory import not_restated
from harness.gating.findings.pair import About
from harness.measure.run_facts import signature_of
from harness.report.parts.banner import UNDECIDED, Banner, run_banner
from harness.report.parts.disputes import disputes_of
from harness.report.parts.masking import TextMode
from harness.report.weekly import commands, titles
from harness.report.weekly.ask_source import AskSource
from harness.report.weekly.asks import build_asks
from harness.report.weekly.before import before_of
from harness.report.weekly.candidates import (
    candidate_rows,
    description,
    figures_of,
    history_rows,
    runs_read,
    version_marks,
)
from harness.report.weekly.causes import cause_between, causes_of, shown_of
from harness.report.weekly.clusters import error_clusters
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import ASK_EXAMPLES, GoldenHealth, WeekChanges, WeeklyData
from harness.report.weekly.engineering import engineering_of
from harness.report.weekly.findings import week_findings, week_screen
from harness.report.weekly.headline import headline_of
from harness.report.weekly.health import contradicted, gold_rows
from harness.report.weekly.items import example_of, item_rows
from harness.report.weekly.judged import Judged
from harness.report.weekly.ledger import ledger_of, names_of, remembered_series
from harness.report.weekly.movements import category_rows, earlier_movements, movements_of
from harness.report.weekly.operating import operating_findings, operating_of
from harness.report.weekly.operations import Operations, operations_of
from harness.report.weekly.paired import LOST
from harness.report.weekly.production import production_of
from harness.report.weekly.silence import silent_banners
from harness.report.weekly.slid_slices import own_slides, slide_findings
from harness.report.weekly.swapped import swap_findings
from harness.report.weekly.targets import is_below_in_production
from harness.report.weekly.verdict import verdict_word
from harness.report.weekly.weeks import week_of, weeks_between


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
    asks = build_asks(AskSource(source, judged, health, candidates, operations, against_all))
    word, tone = verdict_word(
        judged.movements,
        judged.findings,
        judged.told,
        before,
        source.last_ever,
        is_below_in_production=any(map(is_below_in_production, rows)),
    )
    engineering = engineering_of(source)
    disputes = disputes_of(run, candidate, source.votes, names)
    figures, data_note = figures_of(source)
    items, items_note = item_rows(source, names, text_mode, before.shared)
    causes = causes_of(source, judged)
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
        headline=headline_of(source, judged, causes),
        findings=findings,
        ledger=judged.entries,
        screen=week_screen(findings),
        in_short=titles.in_short(operations, disputes, engineering, week),
        new_errors=titles.new_error_sentences(errors),
        policy=f"{run.meta.policy.name} v{run.meta.policy.version}",
        golden=run.meta.golden_set.title,
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


def _judged(source: WeeklySource) -> Judged:
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
    movements = movements_of(week, names, series, before, critical)
    cause = cause_between(source, [one for one in movements if one.source != "slide"], before.changes)
    production = production_of(source.production, run.meta.policy, week, source.n_weeks)
    about = {row.id: About(row.name, row.severity, row.owner) for row in rows}
    operating = operating_of(source, about, before.same_items)
    slides = own_slides(source.slid, long).get(week, {})
    others = [
        *slide_findings(slides, source.followed[run.meta.run_id], about, candidate),
        *swap_findings(source.swapped, run, candidate),
    ]
    points = operating_findings(operating, candidate)
    findings = week_findings(source, before, rows, movements, told, cause, names, production, points, others)
    return Judged(names, series, before, entries, told, rows, movements, production, operating, cause, findings)


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
        said = f"This is the quality of {source.candidate}. {source.candidate_note}"
        found.append(Banner("NOT THE BASELINE", said, "Run the baseline, or choose with --candidate.", "open"))
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
