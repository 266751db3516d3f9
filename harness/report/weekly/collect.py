"""Reads what a weekly report is made of: run records, cached summaries, this week's and last week's rows.

Decides what is read of which week. Only the weeks that are shown are scored, each run once in its life; item rows are
read for two weeks at most.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from harness.report.weekly.chosen import BASELINE_NOTE, candidate_to_report, control_of, week_to_report
from harness.report.weekly.commands import Asked
from harness.report.weekly.kept import SummaryCache, run_key
from harness.report.weekly.operations import Traffic
from harness.report.weekly.paired import Move, moves_between
from harness.report.weekly.slid_slices import slice_slides
from harness.report.weekly.summaries import SliceScores, Summary, slices_of, summary_of
from harness.report.weekly.swapped import baseline_before, swap_moves, swaps
from harness.report.weekly.weeks import WeekRuns, parse_week, runs_by_week, week_of, weeks_until
from harness.runs import Run, RunMeta, list_runs, open_run

WEEKS_SHOWN = 12
WEEKS_REMEMBERED = 52
"""Weeks over which the ledger of open findings looks back, shown or not."""

Points = dict[str, tuple[PointScore, ...]]
"""Category -> the candidate at each operating point."""


@dataclass(frozen=True, slots=True, eq=False)
class WeeklySource:
    """Everything a weekly report is built from.

    Attributes:
        by_week: Weeks with runs, oldest first, the reported one last.
        control_note: Why this control, or why none.
        summaries: Run id -> summary.
        control_previous: The control's run of the week of ``previous``.
        unusable: Whole runs of this week (and later ones, where no week was chosen) that are incomplete or invalid, and
            that no later run made good.
        missing_baseline: The eval's baseline, where it has no complete run in the week and nobody chose a candidate.
        first_week: First week in which this golden-set version was run.
        votes: Agreement, teams and disputes, where the golden set has votes.
        traffic: Items of a day and time of a review, for the workload.
        remembered: Weeks and runs of the candidate over which the ledger looks back, oldest first.
        followed: Run id -> figures by slice, of the slices in which something fell or slid.
        slid: Week -> figure of a slice -> the slide that the week names.
        is_baseline: Whether the candidate is reported because it is the eval's baseline.
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
    week: str
    by_week: Mapping[str, WeekRuns]
    candidate: str
    candidate_note: str
    control: str | None
    control_note: str
    summaries: Mapping[str, Summary]
    run: Run
    previous: tuple[str, Run] | None
    control_run: Run | None
    control_previous: Run | None
    first_week: str
    unusable: tuple[RunMeta, ...] = ()
    damaged: tuple[str, ...] = ()
    missing_baseline: str | None = None
    votes: Votes = NO_VOTES
    n_gated: int | None = None
    traffic: Traffic = field(default_factory=Traffic)
    texts: Mapping[str, str | None] = field(default_factory=dict)
    remembered: tuple[tuple[str, RunMeta], ...] = ()
    moves: tuple[PairedMove, ...] = ()
    followed: Mapping[str, Mapping[Figure, MetricResult]] = field(default_factory=dict)
    slid: Mapping[str, Mapping[Figure, Slide]] = field(default_factory=dict)
    acknowledged: tuple[Acknowledgement, ...] = ()
    is_baseline: bool = False
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
        chosen = week_to_report(metas, eval_name, str(runs_dir), wanted, begun)
        by_week = runs_by_week(metas, weeks_until(chosen, n_weeks))
        this = by_week[chosen]
        reported, candidate_note, missing_baseline = candidate_to_report(this, candidate)
        control_name, note = control_of(by_week, chosen, reported, control)
        long = runs_by_week(metas, weeks_until(chosen, max(n_weeks, WEEKS_REMEMBERED)))
        remembered = tuple((one.week, one.of[reported]) for one in long.values() if reported in one.of)
        shown = {meta.run_id: meta for one in by_week.values() for meta in one.of.values()}
        summaries, broken = _summaries(shown | {meta.run_id: meta for _, meta in remembered}, runs_dir)
        if not broken:
            break
        damaged += broken.values()  # a run that cannot be read is named, and the report is made without it
        metas = [meta for meta in metas if meta.run_id not in broken]
    future = [meta for meta in metas if wanted is None and begun is not None and week_of(meta) > begun]
    metas = [meta for meta in metas if meta not in future]
    is_baseline = candidate_note == BASELINE_NOTE
    moves = _swap_moves(long.values(), reported, runs_dir) if is_baseline else []
    moves += _moves(remembered, reported, runs_dir)
    by_slice = _by_slice(remembered, reported, runs_dir)
    slid = slice_slides(remembered, by_slice, moves)
    opened: dict[str, Run] = {}

    def opened_run(meta: RunMeta | None) -> Run | None:
        if meta is None:
            return None
        if meta.run_id not in opened:
            opened[meta.run_id] = open_run(meta.run_id, runs_dir)
        return opened[meta.run_id]

    run = opened_run(this.of[reported])
    assert run is not None
    metrics = point_metrics(run, points)
    earlier = [one for one in long.values() if one.week < chosen and reported in one.of]  # shown or not
    before = earlier[-1] if earlier else None
    previous = opened_run(before.of[reported]) if before else None
    other = baseline_before(by_week, chosen, reported) if is_baseline else None
    own = [one for one in metas if one.status == "complete" and reported in one.candidates]
    older = [week_of(one) for one in own if week_of(one) < chosen] if before is None else []
    return WeeklySource(
        eval_name=eval_name,
        week=chosen,
        by_week=by_week,
        candidate=reported,
        candidate_note=candidate_note,
        missing_baseline=missing_baseline,
        control=control_name,
        control_note=note,
        summaries=summaries,
        run=run,
        previous=(before.week, previous) if before is not None and previous is not None else None,
        control_run=opened_run(this.of.get(control_name)) if control_name else None,
        control_previous=opened_run(before.of.get(control_name)) if control_name and before else None,
        damaged=tuple(damaged),
        future=tuple(future),
        replaced=tuple(one for one in own if week_of(one) == chosen and one.run_id != run.meta.run_id),
        last_ever=max(older, default=None),
        unusable=tuple(one for one in metas if _is_of(week_of(one), chosen, wanted) and _is_wanting(one, metas)),
        remembered=remembered,
        moves=tuple(moves),
        followed=_followed(remembered, by_slice, moves, slid),
        slid=slid,
        acknowledged=read_acknowledged(runs_dir, eval_name, reported),
        is_baseline=is_baseline,
        swapped=None if other is None else (*other[:2], opened_run(other[2])),
        points=_points(
            [one.of[reported] for one in by_week.values() if reported in one.of], reported, metrics, runs_dir
        ),
        point_metrics=metrics,
        n_weeks=n_weeks,
        first_week=min(week_of(one) for one in metas if one.golden_set.hash == run.meta.golden_set.hash),
    )


def with_slices(source: WeeklySource, runs_dir: str | Path) -> WeeklySource:
    """The source with every shown run's figures by slice, each run scored once in its life."""
    shown = {meta.run_id: meta for one in source.by_week.values() for meta in one.of.values()}
    with SummaryCache(runs_dir) as cache:
        found = {
            run_id: cache.get(
                f"slices|{run_key(meta)}",
                SliceScores,
                lambda run_id=run_id: slices_of(open_run(run_id, runs_dir)),  # type: ignore[misc]
            )
            for run_id, meta in sorted(shown.items())
        }
    return replace(source, slice_scores=found)


def _moves(remembered: Sequence[tuple[str, RunMeta]], reported: str, runs_dir: str | Path) -> list[PairedMove]:
    """What moved on pairs from one remembered run to the next."""
    with SummaryCache(runs_dir) as cache:
        return [
            one.in_week(later)
            for (_, before_meta), (later, meta) in itertools.pairwise(remembered)
            for one in cache.get(
                f"moves|{reported}|{run_key(before_meta)}|{run_key(meta)}",
                tuple[Move, ...],
                lambda a=before_meta, b=meta: moves_between(  # type: ignore[misc]
                    open_run(a.run_id, runs_dir), open_run(b.run_id, runs_dir), reported
                ),
            )
        ]


def _swap_moves(weeks: Iterable[WeekRuns], reported: str, runs_dir: str | Path) -> list[PairedMove]:
    """What got worse as the candidate became the eval's baseline."""
    with SummaryCache(runs_dir) as cache:
        return [
            one.in_week(week)
            for old, before_meta, week, meta in swaps(weeks, reported)
            for one in cache.get(
                f"swap|{old}|{reported}|{run_key(before_meta)}|{run_key(meta)}",
                tuple[Move, ...],
                lambda a=before_meta, old=old, b=meta: swap_moves(  # type: ignore[misc]
                    open_run(a.run_id, runs_dir), old, open_run(b.run_id, runs_dir), reported
                ),
            )
        ]


def _by_slice(
    remembered: Sequence[tuple[str, RunMeta]], reported: str, runs_dir: str | Path
) -> dict[str, tuple[SliceFigure, ...]]:
    """Run id -> every figure of the candidate by slice, of the runs whose eval declares any."""
    with SummaryCache(runs_dir) as cache:
        return {
            meta.run_id: cache.get(
                f"figures|{reported}|{run_key(meta)}",
                tuple[SliceFigure, ...],
                lambda run_id=meta.run_id: slice_figures(open_run(run_id, runs_dir), reported),  # type: ignore[misc]
            )
            for _, meta in remembered
        }


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


def _points(
    metas: Sequence[RunMeta], reported: str, metrics: Sequence[OperatingMetric], runs_dir: str | Path
) -> dict[str, Points]:
    """The candidate at operating points in every week shown, whether or not the gate of that week asked for them."""
    if not metrics:
        return {}
    names = ",".join(one.name for one in metrics)
    with SummaryCache(runs_dir) as cache:
        return {
            meta.run_id: cache.get(
                f"points|{reported}|{names}|{run_key(meta)}",
                Points,
                lambda run_id=meta.run_id: point_scores(open_run(run_id, runs_dir), reported, metrics),  # type: ignore[misc]
            )
            for meta in metas
        }


def _summaries(shown: Mapping[str, RunMeta], runs_dir: str | Path) -> tuple[dict[str, Summary], dict[str, str]]:
    """Summaries by run id, and what is wrong with the runs that cannot be read."""
    found: dict[str, Summary] = {}
    broken = {}
    with SummaryCache(runs_dir) as cache:
        for run_id, meta in sorted(shown.items()):
            try:
                found[run_id] = cache.get(
                    run_key(meta),
                    Summary,
                    lambda run_id=run_id: summary_of(open_run(run_id, runs_dir)),  # type: ignore[misc]
                )
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
