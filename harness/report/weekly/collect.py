"""Reads what a weekly report is made of: run records, cached summaries, this week's and last week's rows.

Decides what is read of which week. Only the weeks that are shown are scored, each run once in its life; item rows are
read for two weeks at most.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

from harness.core.operating_metrics import OperatingMetric
from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.gating.findings.memory import Acknowledgement, Figure, PairedMove, Slide
from harness.goldens.production_series import SeriesLine
from harness.measure.points import PointScore, point_metrics, point_scores
from harness.measure.slices import SliceFigure, slice_figures
from harness.report.parts.disputes import NO_VOTES, Votes
from harness.report.weekly.acknowledged import read_acknowledged
from harness.report.weekly.chosen import Chosen, choose, week_to_report
from harness.report.weekly.commands import Asked
from harness.report.weekly.kept import SummaryCache
from harness.report.weekly.operations import Traffic
from harness.report.weekly.paired import moves_between
from harness.report.weekly.slid_slices import slice_slides
from harness.report.weekly.summaries import SliceScores, Summary, slices_of, summary_of
from harness.report.weekly.swapped import baseline_before, swap_moves, swaps
from harness.report.weekly.weeks import WeekRuns, parse_week, week_of
from harness.runs import Run, RunMeta, list_runs, open_run

WEEKS_SHOWN = 12

Points = dict[str, tuple[PointScore, ...]]
"""Category -> the candidate at each operating point."""


@dataclass(frozen=True, eq=False)
class WeeklySource(Chosen):
    """Everything a weekly report is built from.

    Attributes:
        summaries: Run id -> summary.
        control_previous: The control's run of the week of ``previous``.
        unusable: Whole runs of this week (and later ones, where no week was chosen) that are incomplete or invalid, and
            that no later run made good.
        first_week: First week in which this golden-set version was run.
        votes: Agreement, teams and disputes, where the golden set has votes.
        traffic: Items of a day and time of a review, for the workload.
        followed: Run id -> figures by slice, of the slices in which something fell or slid.
        slid: Week -> figure of a slice -> the slide that the week names.
        swapped: Week, name and run of another baseline in the last week before; the run None where there is none.
        points: Run id -> category -> the candidate at each operating point, of the weeks shown.
        point_metrics: The operating points: those of the gate, and those that were asked for.
        production: Lines of the series of production figures, where the caller read one.
        slice_scores: Run id -> candidate -> figures by slice, where the data sheet is asked for (``with_slices``).
        future: Runs of weeks that have not begun, left out where no week was chosen.
        replaced: Complete runs of the candidate in this week that another one speaks for.
        last_ever: The newest week with the candidate, where that is too long ago to be compared with.
        this_week: The week in which the newest report is asked for; None where a week was chosen.
        asked: How the report was asked for: what its commands must say.
    """

    eval_name: str
    summaries: Mapping[str, Summary]
    run: Run
    previous: tuple[str, Run] | None
    control_run: Run | None
    control_previous: Run | None
    first_week: str
    unusable: tuple[RunMeta, ...] = ()
    damaged: tuple[str, ...] = ()
    votes: Votes = NO_VOTES
    n_gated: int | None = None
    traffic: Traffic = field(default_factory=Traffic)
    texts: Mapping[str, str | None] = field(default_factory=dict)
    moves: tuple[PairedMove, ...] = ()
    followed: Mapping[str, Mapping[Figure, MetricResult]] = field(default_factory=dict)
    slid: Mapping[str, Mapping[Figure, Slide]] = field(default_factory=dict)
    acknowledged: tuple[Acknowledgement, ...] = ()
    swapped: tuple[str, str, Run | None] | None = None
    points: Mapping[str, Points] = field(default_factory=dict)
    point_metrics: tuple[OperatingMetric, ...] = ()
    production: tuple[SeriesLine, ...] = ()
    n_weeks: int = WEEKS_SHOWN
    slice_scores: Mapping[str, SliceScores] = field(default_factory=dict)
    future: tuple[RunMeta, ...] = ()
    replaced: tuple[RunMeta, ...] = ()
    last_ever: str | None = None
    this_week: str | None = None
    asked: Asked = field(default_factory=Asked)


def collect(
    runs_dir: str | Path,
    eval_name: str,
    *,
    week: str | None = None,
    candidate: str | None = None,
    control: str | None = None,
    n_weeks: int = WEEKS_SHOWN,
    points: Sequence[str] = (),
    begun: str | None = None,
) -> WeeklySource:
    """Read the runs of an eval up to a week; texts, votes and the gate log are added by the caller.

    Where no week is chosen, runs of weeks after ``begun`` are left out: they have not begun.

    Raises:
        HarnessError: The eval has no complete run in the week, or a candidate or an operating point is unknown.
    """
    enumerated = list_runs(runs_dir, eval_name)
    metas, damaged = list(enumerated), list(enumerated.damaged)
    wanted = parse_week(week) if week else None
    while True:
        reported_week = week_to_report(metas, eval_name, str(runs_dir), wanted, begun)
        chosen = choose(metas, reported_week, n_weeks, candidate, control)
        summaries, broken = _summaries(chosen, runs_dir)
        if not broken:
            break
        damaged += broken.values()  # a run that cannot be read is named, and the report is made without it
        metas = [meta for meta in metas if meta.run_id not in broken]
    future = [meta for meta in metas if wanted is None and begun is not None and week_of(meta) > begun]
    metas = [meta for meta in metas if meta not in future]
    moves = [*_swap_moves(chosen, runs_dir), *_moves(chosen, runs_dir)]
    by_slice = _by_slice(chosen, runs_dir)
    slid = slice_slides(chosen.remembered, by_slice, moves)
    opened = cache(partial(open_run, runs_dir=runs_dir))  # a run of several candidates is opened once
    this, reported = chosen.by_week[chosen.week], chosen.candidate
    earlier = [one for one in chosen.long.values() if one.week < chosen.week and reported in one.of]  # shown or not
    before = earlier[-1] if earlier else None

    def run_of_control(runs: WeekRuns | None) -> Run | None:
        if runs is None or chosen.control is None or chosen.control not in runs.of:
            return None
        return opened(runs.of[chosen.control].run_id)

    run = opened(this.of[reported].run_id)
    metrics = point_metrics(run, points)
    own = [one for one in metas if one.status == "complete" and reported in one.candidates]
    older = [week_of(one) for one in own if week_of(one) < chosen.week] if before is None else []
    return WeeklySource(
        **vars(chosen),
        eval_name=eval_name,
        summaries=summaries,
        run=run,
        previous=None if before is None else (before.week, opened(before.of[reported].run_id)),
        control_run=run_of_control(this),
        control_previous=run_of_control(before),
        damaged=tuple(damaged),
        future=tuple(future),
        replaced=tuple(one for one in own if week_of(one) == chosen.week and one.run_id != run.meta.run_id),
        last_ever=max(older, default=None),
        unusable=tuple(one for one in metas if _is_of(week_of(one), chosen.week, wanted) and _is_wanting(one, metas)),
        moves=tuple(moves),
        followed=_followed(chosen.remembered, by_slice, moves, slid),
        slid=slid,
        acknowledged=read_acknowledged(runs_dir, eval_name, reported),
        swapped=_swapped(chosen, runs_dir),
        points=_points(chosen, metrics, runs_dir),
        point_metrics=metrics,
        n_weeks=n_weeks,
        first_week=min(week_of(one) for one in metas if one.golden_set.hash == run.meta.golden_set.hash),
    )


def with_slices(source: WeeklySource, runs_dir: str | Path) -> WeeklySource:
    """The source with every shown run's figures by slice, each run scored once in its life."""
    with SummaryCache(runs_dir) as kept:
        found = {
            run_id: kept.of_runs("slices", SliceScores, slices_of, meta)
            for run_id, meta in sorted(source.shown.items())
        }
    return replace(source, slice_scores=found)


def _swapped(chosen: Chosen, runs_dir: str | Path) -> tuple[str, str, Run | None] | None:
    """Week, name and run of the baseline before, where this one took its place."""
    if not chosen.is_baseline or (found := baseline_before(chosen.by_week, chosen.week, chosen.candidate)) is None:
        return None
    week, name, meta = found
    return week, name, None if meta is None else open_run(meta.run_id, runs_dir)


def _moves(chosen: Chosen, runs_dir: str | Path) -> list[PairedMove]:
    """What moved on pairs from one remembered run to the next."""
    what, make = f"moves|{chosen.candidate}", partial(moves_between, candidate=chosen.candidate)
    with SummaryCache(runs_dir) as kept:
        return [
            one
            for (_, before), (week, meta) in itertools.pairwise(chosen.remembered)
            for one in kept.of_runs(what, tuple[PairedMove, ...], partial(make, week=week), before, meta)
        ]


def _swap_moves(chosen: Chosen, runs_dir: str | Path) -> list[PairedMove]:
    """What got worse as the candidate became the eval's baseline."""
    found: list[PairedMove] = []
    with SummaryCache(runs_dir) as kept:
        for old, before, week, meta in swaps(chosen.long.values(), chosen.candidate) if chosen.is_baseline else ():
            what = f"swap|{old}|{chosen.candidate}"
            make = partial(swap_moves, old=old, candidate=chosen.candidate, week=week)
            found += kept.of_runs(what, tuple[PairedMove, ...], make, before, meta)
    return found


def _by_slice(chosen: Chosen, runs_dir: str | Path) -> dict[str, tuple[SliceFigure, ...]]:
    """Run id -> every figure of the candidate by slice, of the runs whose eval declares any."""
    what, make = f"figures|{chosen.candidate}", partial(slice_figures, candidate=chosen.candidate)
    with SummaryCache(runs_dir) as kept:
        return {meta.run_id: kept.of_runs(what, tuple[SliceFigure, ...], make, meta) for _, meta in chosen.remembered}


def _followed(
    remembered: Sequence[tuple[str, RunMeta]],
    by_slice: Mapping[str, Sequence[SliceFigure]],
    moves: Sequence[PairedMove],
    slid: Mapping[str, Mapping[Figure, Slide]],
) -> dict[str, dict[Figure, MetricResult]]:
    """The slices in which something fell or slid, in every week from where it stood before."""
    since: dict[Figure, str] = {}
    for one in moves:
        if one.slice is not None and not one.is_better:
            since[one.figure] = min(one.week, since.get(one.figure, one.week))
    for found in slid.values():
        for figure, slide in found.items():
            since[figure] = min(*slide.weeks, since.get(figure, slide.since))
    return {
        meta.run_id: {
            one.figure: one.result for one in by_slice[meta.run_id] if one.figure in since and since[one.figure] <= week
        }
        for week, meta in remembered
    }


def _points(chosen: Chosen, metrics: Sequence[OperatingMetric], runs_dir: str | Path) -> dict[str, Points]:
    """The candidate at operating points in every week shown, whether or not the gate of that week asked for them."""
    if not metrics:
        return {}
    what = f"points|{chosen.candidate}|{','.join(one.name for one in metrics)}"
    make = partial(point_scores, candidate=chosen.candidate, metrics=metrics)
    metas = [one.of[chosen.candidate] for one in chosen.by_week.values() if chosen.candidate in one.of]
    with SummaryCache(runs_dir) as kept:
        return {meta.run_id: kept.of_runs(what, Points, make, meta) for meta in metas}


def _summaries(chosen: Chosen, runs_dir: str | Path) -> tuple[dict[str, Summary], dict[str, str]]:
    """Summaries by run id, and what is wrong with the runs that cannot be read."""
    found: dict[str, Summary] = {}
    broken = {}
    wanted = chosen.shown | {meta.run_id: meta for _, meta in chosen.remembered}
    with SummaryCache(runs_dir) as kept:
        for run_id, meta in sorted(wanted.items()):
            try:
                found[run_id] = kept.of_runs("", Summary, summary_of, meta)
            except HarnessError as error:
                broken[run_id] = error.message
    return found, broken


def _is_of(week: str, chosen: str, wanted: str | None) -> bool:
    """Whether a broken run belongs in the report: of its week, and of later ones where nobody asked for a past week."""
    return week == chosen or (wanted is None and week > chosen)


def _is_wanting(meta: RunMeta, metas: Sequence[RunMeta]) -> bool:
    """Whether a run should be repeated: it broke, is no sample, and no later run of its week has its candidates."""
    if meta.status == "complete" or meta.is_sample:
        return False
    week, later = week_of(meta), set[str]()
    for one in metas:
        if one.status == "complete" and week_of(one) == week and one.created_at > meta.created_at:
            later |= set(one.candidates)
    return not later.issuperset(meta.candidates)
