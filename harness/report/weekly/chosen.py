"""Which week, candidate and control a weekly report is of, where nobody says so.

Decides that a week that has not begun is none yet: its runs are left out until then, unless it is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.environment import RUNS_DIR
from harness.errors import HarnessError
from harness.files.default_baseline import default_baseline
from harness.gating.findings.causes import models_of, same_models
from harness.report.parts.words import enumerated
from harness.report.weekly.changes import fingerprint_of
from harness.report.weekly.commands import Asked
from harness.report.weekly.weeks import WeekRuns, runs_by_week, week_of, weeks_between, weeks_until
from harness.runs import RunMeta, list_runs

BASELINE_NOTE = "The eval's baseline."
WEEKS_REMEMBERED = 52
"""Weeks over which the ledger of open findings looks back, shown or not."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """Whom and which week a report is of.

    Attributes:
        by_week: Weeks with runs, oldest first, the reported one last.
        long: The same with the weeks over which the ledger looks back.
        missing_baseline: The eval's baseline, where it has no complete run in the week and nobody chose a candidate.
        control_note: Why this control, or why none.
    """

    week: str
    by_week: Mapping[str, WeekRuns]
    long: Mapping[str, WeekRuns]
    candidate: str
    candidate_note: str
    missing_baseline: str | None
    control: str | None
    control_note: str

    @property
    def is_baseline(self) -> bool:
        """Whether the candidate is reported because it is the eval's baseline."""
        return self.candidate_note == BASELINE_NOTE

    @property
    def remembered(self) -> tuple[tuple[str, RunMeta], ...]:
        """Weeks and runs of the candidate over which the ledger looks back, oldest first."""
        return tuple((one.week, one.of[self.candidate]) for one in self.long.values() if self.candidate in one.of)

    @property
    def shown(self) -> dict[str, RunMeta]:
        """Run id -> every run that speaks for somebody in the weeks shown."""
        return {meta.run_id: meta for one in self.by_week.values() for meta in one.of.values()}


def choose(metas: Sequence[RunMeta], week: str, n_weeks: int, candidate: str | None, control: str | None) -> Chosen:
    """Who is reported in a week, over which weeks, and beside which control; both may be asked for by name.

    Raises:
        HarnessError: One of them has no complete run in the week.
    """
    by_week = runs_by_week(metas, weeks_until(week, n_weeks))
    long = runs_by_week(metas, weeks_until(week, max(n_weeks, WEEKS_REMEMBERED)))
    reported = candidate_to_report(by_week[week], candidate)
    return Chosen(week, by_week, long, *reported, *control_of(by_week, week, reported[0], control))


def week_to_report(
    metas: Sequence[RunMeta], eval_name: str, runs_dir: str, wanted: str | None, begun: str | None = None
) -> str:
    """The week that is wanted, else the newest with a complete run that has begun."""
    weeks = sorted({week_of(meta) for meta in metas if meta.status == "complete"})
    if not weeks:
        counted = Counter(meta.status for meta in metas)
        broken = ", ".join(f"{n} {status}" for status, n in sorted(counted.items()))
        others = sorted({meta.eval.eval for meta in list_runs(runs_dir) if meta.status == "complete"})
        raise HarnessError(
            f"no complete run of eval '{eval_name}' in {runs_dir}{f' (of its runs, {broken})' if broken else ''}",
            allowed=f"an eval with a complete run{f': {enumerated(others, 8)}' if others else ''}",
            next_step=f"see what is there: {Asked(_elsewhere(runs_dir)).command('runs', 'list')}",
        )
    if wanted is not None and wanted not in weeks:
        raise HarnessError(
            f"eval '{eval_name}' has no complete run in {wanted}",
            allowed=", ".join(weeks[-8:]),
            next_step=f"run it: {Asked(_elsewhere(runs_dir)).command('run', 'EVAL', '--wave', wanted)}",
        )
    there = [week for week in weeks if begun is None or week <= begun]
    if wanted is None and not there:
        options = [("--eval", eval_name), ("--week", weeks[0])]
        raise HarnessError(
            f"every complete run of eval '{eval_name}' in {runs_dir} is of a week that has not begun",
            allowed=f"a week up to {begun}, or one that is named: {', '.join(weeks[:8])}",
            next_step=f"name it: {Asked(_elsewhere(runs_dir)).command('weekly', more=options)}",
        )
    return wanted or there[-1]


def _elsewhere(runs_dir: str) -> str | None:
    """The folder of runs, where commands would look elsewhere."""
    return None if runs_dir == RUNS_DIR else runs_dir


def _require(this: WeekRuns, wanted: str) -> None:
    if wanted not in this.of:
        raise HarnessError(f"no complete run of {this.week} has a candidate '{wanted}'", allowed=", ".join(this.of))


def candidate_to_report(this: WeekRuns, wanted: str | None) -> tuple[str, str, str | None]:
    """Who is reported, why, and the eval's baseline where that would have been expected and is not there."""
    if wanted is not None:
        _require(this, wanted)
        return wanted, "Chosen with --candidate.", None
    newest = max(this.of.values(), key=lambda meta: (meta.created_at, meta.run_id))
    baseline = newest.eval.baseline
    first = default_baseline(baseline, [*newest.candidates, *this.of])
    if first == baseline:
        return first, BASELINE_NOTE, None
    if not baseline:
        return first, f"The eval names no baseline: this is the first candidate of run {newest.run_id}.", None
    why = f"The eval's baseline '{baseline}' has no complete run in {this.week}: this is the first candidate of run "
    return first, f"{why}{newest.run_id}.", baseline


def control_of(
    by_week: Mapping[str, WeekRuns], week: str, candidate: str, wanted: str | None
) -> tuple[str | None, str]:
    """The control that was asked for, else one that nobody touched; it must have run before, unchanged."""
    this = by_week[week]
    if wanted is not None:
        _require(this, wanted)
        since = _frozen_since(by_week, week, wanted)
        if since is None:
            return None, f"{wanted} cannot serve as control: it was changed, or did not run before."
        return wanted, f"{wanted} is the frozen control: unchanged since {since}."
    frozen = {name: since for name in this.of if name != candidate and (since := _frozen_since(by_week, week, name))}
    if len(by_week) == 1:
        return None, "There is no earlier week, so nothing can serve as frozen control."
    if not frozen:
        return None, "No candidate stayed unchanged over these weeks, so there is no frozen control."
    model = _models(this, candidate)

    def rank(name: str) -> tuple[bool, int, str]:
        return not same_models(model, _models(this, name)), -weeks_between(frozen[name], week), name

    best = min(frozen, key=rank)
    return best, f"{best} serves as frozen control: unchanged since {frozen[best]}."


def _models(this: WeekRuns, name: str) -> frozenset[tuple[str, str, str]]:
    meta = this.of[name]
    return models_of(meta.fingerprint(name), meta.spec(name))


def _frozen_since(by_week: Mapping[str, WeekRuns], week: str, candidate: str) -> str | None:
    """First of the weeks, without a break up to this one, in which the candidate was what it is now; None for none."""
    now = fingerprint_of(by_week[week].of[candidate], candidate)
    since: str | None = None
    for one in reversed([one for one in by_week.values() if one.week < week and candidate in one.of]):
        if fingerprint_of(one.of[candidate], candidate) != now:
            break
        since = one.week
    return since
