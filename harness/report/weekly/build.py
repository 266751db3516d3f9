"""Builds ``WeeklyData`` from what was collected: pure, no clock, no files beyond the runs already opened."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set

from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.gating.across import split_change
from harness.gating.findings.memory import not_restated
from harness.gating.findings.pair import About, is_better
from harness.gating.findings.stored import NEWLY
from harness.measure.comparable import shared_positions
from harness.measure.compare import Comparison
from harness.measure.points import point_metrics
from harness.measure.run_facts import signature_of
from harness.report.parts.banner import UNDECIDED, Banner, run_banner
from harness.report.parts.disputes import disputes_of
from harness.report.parts.masking import TextMode
from harness.report.weekly import sentences, titles
from harness.report.weekly.acknowledged import ack_command
from harness.report.weekly.ask_source import AskSource
from harness.report.weekly.asks import build_asks
from harness.report.weekly.candidates import (
    candidate_rows,
    description,
    figures_of,
    history_rows,
    runs_read,
    version_marks,
)
from harness.report.weekly.causes import candidate_series, cause_between, causes_of, headline_of
from harness.report.weekly.changes import OWN_KINDS, changes_between, golden_name
from harness.report.weekly.clusters import error_clusters
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import (
    ASK_EXAMPLES,
    METRIC_NAMES,
    CategoryRow,
    GoldenHealth,
    LabelSplit,
    Movement,
    Series,
    WeekChanges,
    WeeklyData,
)
from harness.report.weekly.engineering import engineering_of
from harness.report.weekly.findings import still_open, week_findings, week_screen
from harness.report.weekly.health import contradicted, gold_rows
from harness.report.weekly.items import AskItems, example_of, item_rows
from harness.report.weekly.ledger import ledger_of, names_of
from harness.report.weekly.operating import operating_findings, operating_of
from harness.report.weekly.operations import Operations, operations_of
from harness.report.weekly.paired import LOST, against_itself, proven_moves
from harness.report.weekly.production import production_of
from harness.report.weekly.series import point_at
from harness.report.weekly.silence import silent_banners
from harness.report.weekly.summaries import metric as metric_of
from harness.report.weekly.targets import judge
from harness.report.weekly.weeks import week_of, weeks_between
from harness.runs import Run

SPLIT_SHOWN = 0.005
_DIRECTIONS = tuple(dict.fromkeys(one for names in NEWLY.values() for one in names))


def build_weekly(source: WeeklySource, *, generated_at: str, version: str, text_mode: TextMode) -> WeeklyData:
    """Everything the report says.

    Args:
        source: Runs, summaries, texts.
        generated_at: Time of writing as text; the caller reads the clock.
        version: Version of the harness.
        text_mode: How much of a text may be shown.
    """
    run, candidate, week = source.run, source.candidate, source.week
    names = names_of(source)
    series = candidate_series(source, candidate)
    previous_week, before = source.previous if source.previous else (None, None)
    changes = changes_between(before, run, candidate) if before is not None else ()
    is_comparable = not any(one.kind == "golden_set" for one in changes)
    paired = against_itself(before, run, candidate) if before is not None and is_comparable else None
    entries = ledger_of(source)
    lost = {one.category for one in entries if one.metric == LOST and one.closed is None}
    rows = _rows(source, names, series, paired, lost)
    critical = {one for one in run.categories if run.meta.policy.category(one).severity == "critical"}
    movements = _movements(week, names, series, paired, previous_week, critical)
    splits, n_split = _splits(before, run, candidate, names) if before is not None and not is_comparable else ((), 0)
    causes = causes_of(source, movements, changes, splits, n_split, is_comparable=is_comparable)
    examples = {one: example_of(source, index, text_mode) for index, one in enumerate(run.item_ids)}
    shared = None
    if before is not None:
        try:
            shared = (before, candidate, *shared_positions(before, run))
        except HarnessError:
            shared = None  # no item in common: nothing can be called new
    errors = error_clusters(run, candidate, names, examples, shared, previous_week, source.texts, text_mode)
    against_all = contradicted(run)
    health = _health(source, names, len(against_all))
    candidates = candidate_rows(source)
    told = not_restated(entries)
    production = production_of(source.production, run.meta.policy, week, source.n_weeks)
    about = {row.id: About(row.name, row.severity, row.owner) for row in rows}
    operating = operating_of(source, about, before if paired is not None else None)
    findings = week_findings(
        run,
        candidate,
        before,
        paired,
        rows,
        movements,
        told,
        cause_between(source, movements, changes),
        previous_week,
        week,
        names,
        production,
        operating_findings(operating, candidate),
    )
    operations = _operations(source, is_comparable)
    ack = ack_command(source.eval_name, None if source.is_baseline else candidate)
    ask_items = AskItems(run, candidate, paired)
    asks = build_asks(
        AskSource(
            week,
            ack,
            rows,
            names,
            movements,
            findings,
            health,
            candidates,
            operations,
            source.unusable,
            float(run.meta.max_error_rate),
            any(one.kind in OWN_KINDS for one in changes),
            still_open(told, findings, week),
            ask_items.errors,
            ask_items.newly,
            lambda: against_all,
        )
    )
    n_missed = sum(one.verdict == "missed" for row in rows for one in row.judgements.values())
    word, tone = sentences.verdict_word(movements, previous_week, is_comparable, n_missed, findings, told)
    reproduce = f"harness weekly --eval {source.eval_name} --week {week} --candidate {candidate}"
    reproduce += f" --control {source.control}" if source.control else ""
    reproduce += "".join(f" --at {one.name}" for one in source.point_metrics if one not in point_metrics(run))
    engineering = engineering_of(source, reproduce)
    disputes = disputes_of(run, candidate, source.votes, names)
    figures, data_note = figures_of(source)
    items, items_note = item_rows(source, names, text_mode, shared)
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
        headline=headline_of(
            source, rows, movements, causes, findings, previous_week, is_comparable, told, production, operating
        ),
        findings=findings,
        ledger=entries,
        screen=week_screen(findings),
        in_short=titles.in_short(operations, disputes, engineering, week),
        new_errors=titles.new_error_sentences(errors),
        policy=f"{run.meta.policy.name} v{run.meta.policy.version}",
        golden=golden_name(run.meta),
        run_id=run.meta.run_id,
        previous_week=previous_week,
        is_comparable=is_comparable,
        n_runs=sum(one.n_runs for one in source.by_week.values()),
        weeks=tuple(source.by_week),
        rows=rows,
        names=names,
        series=series,
        movements=movements,
        causes=causes,
        earlier=_earlier(week, names, series),
        changes=((WeekChanges(week, previous_week, run.meta.run_id, changes),) if previous_week is not None else ()),
        versions=version_marks(source),
        splits=splits,
        n_split_items=n_split,
        errors=errors,
        health=health,
        operations=operations,
        operating=operating,
        production=production,
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
        reproduce=reproduce,
        ack=ack,
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
        broken = run_banner(meta, meta.candidates)
        if broken is not None:
            left_out = f"A run of {week_of(meta)} is not in this report of {source.week}."
            advice = broken.advice.removeprefix(UNDECIDED).strip()
            found.append(Banner(broken.word, f"{left_out} {broken.sentence}", advice))
    return (*found, *silent_banners(source))


def _rows(
    source: WeeklySource,
    names: Mapping[str, str],
    series: tuple[Series, ...],
    paired: Comparison | None,
    lost: Set[str | None],
) -> tuple[CategoryRow, ...]:
    run, summary = source.run, source.summaries[source.run.meta.run_id]
    rows = []
    for category in run.categories:
        stated = run.meta.policy.category(category)
        results = {name: metric_of(summary, source.candidate, category, name) for name in METRIC_NAMES}
        if category not in lost and not any(one.is_defined or one.n for one in results.values()):
            continue
        targets = run.meta.policy.targets(category)
        judged = {name: judge(name, results[name], targets.get(name)) for name in METRIC_NAMES}
        points = {name: point_at(series, category, name, source.week) for name in METRIC_NAMES}
        at_prevalence = metric_of(summary, source.candidate, category, "precision_at_prevalence")
        flips = paired.categories.get(category) if paired is not None else None
        n_violating, n_not, n_unknown = summary.gold[category]
        rows.append(
            CategoryRow(
                id=category,
                name=names[category],
                severity=stated.severity or "",
                owner=stated.owner,
                n_violating=n_violating,
                n_not_violating=n_not,
                n_unlabelled=n_unknown,
                results=results,
                judgements={name: one for name, one in judged.items() if one is not None},
                points={name: one for name, one in points.items() if one is not None},
                production_precision=at_prevalence if at_prevalence.is_defined else None,
                newly={} if flips is None else {name: len(flips.newly.get(name, ())) for name in _DIRECTIONS},
            )
        )
    return tuple(rows)


def _movements(
    week: str,
    names: Mapping[str, str],
    series: tuple[Series, ...],
    paired: Comparison | None,
    previous_week: str | None,
    critical: Set[str],
) -> tuple[Movement, ...]:
    """Chart flags, then what only the pairs prove; falls of critical categories first, then the worst."""
    found = [_flag(one, week, names) for one in series]
    kept = [one for one in found if one is not None]
    flagged = {(one.category, one.metric) for one in kept}
    if paired is not None and previous_week is not None:
        for category, metric, one, p_holm in proven_moves(paired):
            if (category, metric) in flagged:
                continue
            moved = paired.categories[category]
            newly = {name: len(moved.newly.get(name, ())) for name in _DIRECTIONS}
            sentence = sentences.paired_sentence(names[category], metric, one.difference, newly, previous_week)
            kept.append(
                Movement(
                    week,
                    category,
                    names[category],
                    metric,
                    one.baseline.value,
                    one.candidate,
                    one.difference.value,
                    p_holm,
                    is_better(metric, one.difference.value),
                    "paired",
                    sentence,
                )
            )
    kept.sort(key=lambda one: (one.is_better, one.category not in critical, _importance(one)))
    return tuple(kept)


def _importance(one: Movement) -> tuple[bool, bool, bool, float, str]:
    """Falls before rises, flags before pairs, missed harm before wrong flags, then by size."""
    return one.is_better, one.source == "paired", one.metric != "recall", -abs(one.difference), one.category


def _flag(series: Series, week: str, names: Mapping[str, str]) -> Movement | None:
    point = next((one for one in series.points if one.week == week and one.is_flagged), None)
    if point is None:
        return None
    name = names.get(series.category, series.category)
    difference = point.result.value - point.before
    return Movement(
        week,
        series.category,
        name,
        series.metric,
        point.before,
        point.result,
        difference,
        point.q_value,
        is_better(series.metric, difference),
        "chart",
        sentences.movement_sentence(name, series.metric, point),
    )


def _earlier(week: str, names: Mapping[str, str], series: tuple[Series, ...]) -> tuple[Movement, ...]:
    """Flags of the weeks before, newest first."""
    weeks = sorted({point.week for one in series for point in one.points if point.week < week}, reverse=True)
    found = [_flag(one, earlier, names) for earlier in weeks for one in series]
    return tuple(one for one in found if one is not None)


def _splits(before: Run, run: Run, candidate: str, names: Mapping[str, str]) -> tuple[tuple[LabelSplit, ...], int]:
    try:
        positions = shared_positions(before, run)
    except HarnessError:
        return (), 0
    across = split_change(before, candidate, run, candidate, positions)
    found = []
    for one in across.splits:
        if one.metric not in METRIC_NAMES:
            continue
        labels, ours = _difference(one.old_on_old, one.old_on_new), _difference(one.old_on_new, one.new_on_new)
        if max(abs(labels), abs(ours)) >= SPLIT_SHOWN:
            name = names.get(one.category, one.category)
            found.append(LabelSplit(one.category, name, one.metric, one.old_on_old, labels, ours, one.new_on_new))
    return tuple(found), len(positions[0])


def _difference(before: MetricResult, after: MetricResult) -> float:
    return after.value - before.value if before.is_defined and after.is_defined else math.nan


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
