"""Who is judged, and against whom: every default of these, for every command, report and script.

Decides which candidate and which baseline are meant where a person names one, both or none. The rules, for all alike:

* An eval that names no baseline means its first candidate.
* The baseline is the one that was named; else the eval's, where the run has it. A comparison inside a run falls back on
  the run's first candidate, a gate on the promoted baseline, and so does a gate of the eval's baseline itself.
* The candidate is the one that was named; else the only one, or the only one beside the baseline; where that comes from
  elsewhere, beside the eval's own. Where several are left a person has to say which.
* ``--baseline REF`` is a candidate of the same run, ``promoted``, or ``RUN[:candidate]``; a run alone means its only
  candidate, else the one with the judged one's name, else its eval's baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.files.default_baseline import default_baseline
from harness.files.text import shortened, suggestion
from harness.gating.baselines import DEFAULT_ROOT, PROMOTED, Promotion, promoted_run
from harness.runs import Run, StoredCandidate, open_run
from harness.runs.commands import over_runs

if TYPE_CHECKING:
    from harness.gating.gate_report import GateSide


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a candidate is judged against, and where it comes from."""

    run: Run
    candidate: str
    promotion: Promotion | None = None
    is_same_run: bool = False

    @property
    def source(self) -> str:
        """Where the baseline comes from, as reports show it."""
        if self.promotion is not None:
            one = self.promotion
            return f"promoted {one.when[:10]} by {one.who}: {one.why}"
        return "same run" if self.is_same_run else f"run {self.run.meta.run_id}"


def declared_baseline(run: Run) -> str | None:
    """The baseline that the run's eval declares, whether or not the run has it."""
    return run.meta.eval.baseline


def judged_candidate(
    names: Sequence[str], named: str | None, *, reference: str | None, declared: str | None, where: str
) -> str:
    """The candidate that is judged.

    ``reference`` is the baseline that a person named, in any form; ``where`` is what holds the candidates, as an error
    begins.

    >>> judged_candidate(["v1", "v2"], None, reference="promoted", declared="v1", where="run r")
    'v2'
    """
    if named is not None:
        return known_candidate(named, names, where)
    if len(names) == 1:
        return str(names[0])
    apart = reference if reference in names else declared
    others = [str(name) for name in names if name != apart]
    if len(others) != 1:
        raise HarnessError(
            f"{where} has {len(others)} candidates beside the baseline",
            allowed=", ".join(others),
            next_step="choose one with --candidate",
        )
    return others[0]


def known_candidate(name: str, names: Sequence[str], where: str) -> str:
    """A candidate that is there."""
    if name not in names:
        raise HarnessError(
            f"{where} has no candidate '{shortened(name)}'",
            allowed=", ".join(names),
            next_step=suggestion(name, names, "choose one that it has"),
        )
    return str(name)


def choose_pair(
    run: Run, baseline: str | None, candidate: str | None, baseline_run: Run | None = None
) -> tuple[StoredCandidate, StoredCandidate]:
    """Baseline and candidate of a comparison, the baseline in ``baseline_run`` where that is another run."""
    source = baseline_run or run
    before = _baseline_of_comparison(run, baseline, source)
    if candidate is None and baseline_run in (None, run) and list(run.candidates) == [before]:
        raise HarnessError(
            f"run {run.meta.run_id} has no candidate beside '{before}'",
            allowed="a run with two candidates, or --baseline-run",
            next_step="compare it with another run: --baseline-run RUN",
        )
    after = judged_candidate(
        run.candidates, candidate, reference=before, declared=declared_baseline(run), where=f"run {run.meta.run_id}"
    )
    return source[before], run[after]


def pair_names(baseline: StoredCandidate | GateSide, candidate: StoredCandidate | GateSide) -> tuple[str, str]:
    """How two candidates are called side by side: two of one name by their runs as well."""
    if baseline.name != candidate.name or baseline.run_id == candidate.run_id:
        return baseline.name, candidate.name
    return f"{baseline.name} ({baseline.run_id})", f"{candidate.name} ({candidate.run_id})"


def choose_several(
    run: Run, baseline: str | None, candidates: Sequence[str], baseline_run: Run
) -> tuple[str, tuple[str, ...]]:
    """Baseline and candidates of a report: those that were named, else all beside the baseline."""
    before = _baseline_of_comparison(run, baseline, baseline_run)
    chosen = [known_candidate(one, run.candidates, f"run {run.meta.run_id}") for one in candidates or run.candidates]
    return before, tuple(dict.fromkeys(one for one in chosen if baseline_run is not run or one != before))


def _baseline_of_comparison(run: Run, named: str | None, baseline_run: Run) -> str:
    there = baseline_run.candidates
    if named is not None:
        return known_candidate(named, there, f"run {baseline_run.meta.run_id}")
    return default_baseline(declared_baseline(run), there)


def needed_candidates(names: Sequence[str], declared: str, candidate: str, reference: str | None) -> tuple[str, ...]:
    """What must run for a gate: the judged candidate, and the baseline where it is one of the same eval.

    >>> needed_candidates(["v1", "v2", "v3"], "v1", "v3", None)
    ('v1', 'v3')
    >>> needed_candidates(["v1", "v2", "v3"], "v1", "v3", "promoted")
    ('v3',)
    """
    found = tuple(name for name in names if name in (candidate, reference or declared))
    return found if candidate in found else (candidate,)  # an unknown one is named by what builds candidates


def resolve_baseline(
    reference: str | None, run: Run, candidate: str, *, runs_dir: str | Path, root: Path = DEFAULT_ROOT
) -> Baseline:
    """The baseline that a candidate is gated against.

    Raises:
        HarnessError: Nothing was promoted yet, or there is no such candidate or run.
    """
    if reference is None:
        declared = declared_baseline(run)
        if declared in run.candidates and declared != candidate:
            return Baseline(run, str(declared), is_same_run=True)
    elif reference in run.candidates:
        return Baseline(run, reference, is_same_run=True)
    if reference is None or reference == PROMOTED:
        return promoted_baseline(run.meta.eval_name, root)
    address, separator, named = reference.rpartition(":")
    if separator and address and "/" not in named and "\\" not in named and not Path(reference).is_dir():
        other = open_run(address, runs_dir)
        return Baseline(other, known_candidate(named, other.candidates, f"run {other.meta.run_id}"))
    try:
        other = open_run(reference, runs_dir)
    except HarnessError as error:
        raise HarnessError(
            f"--baseline {reference}: {error.message}",
            allowed=f"a candidate of this run ({', '.join(run.candidates)}), RUN[:candidate], or {PROMOTED}",
            next_step=f"list the runs with: {over_runs(runs_dir, 'runs', 'list')}",
        ) from None
    return Baseline(other, _meant_by_run(other, candidate))


def promoted_baseline(eval_name: str, root: Path = DEFAULT_ROOT) -> Baseline:
    """The promoted baseline of an eval."""
    run, promotion = promoted_run(eval_name, root)
    return Baseline(run, promotion.candidate, promotion)


def promotable(run: Run, named: str | None) -> str:
    """The candidate that is promoted: only a run's only one needs no name."""
    if named is None and len(run.candidates) != 1:
        raise _has_several(run, "choose one with --candidate")
    return known_candidate(named or run.candidates[0], run.candidates, f"run {run.meta.run_id}")


def _meant_by_run(run: Run, judged: str) -> str:
    """The candidate meant where a baseline names a run alone."""
    if len(run.candidates) == 1:
        return str(run.candidates[0])
    for name in (judged, declared_baseline(run)):
        if name in run.candidates:
            return str(name)
    raise _has_several(run, f"name one: --baseline {run.meta.run_id}:ID")


def _has_several(run: Run, next_step: str) -> HarnessError:
    found = f"run {run.meta.run_id} has {len(run.candidates)} candidates"
    return HarnessError(found, allowed=", ".join(run.candidates), next_step=next_step)
