"""From an eval file to a verdict: run, then gate; what ``harness ci`` and the pytest plugin share.

Decides which candidates must run, what ``cached only`` means, and where the promoted baseline of an eval lies. Running
is ``execution``'s, the verdict ``gating``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from msgspec import structs

from harness.core.statements import Statement
from harness.errors import IncompleteRunError
from harness.gating import GateReport, gate_runs
from harness.gating.baselines import FOLDER
from harness.gating.checks import gate_of
from harness.gating.choose import declared_baseline, judged_candidate, needed_candidates, resolve_baseline
from harness.gating.decide import is_same_system
from harness.gating.log import GateEntry, earlier_looks, record_gate
from harness.runs import Run, open_run

if TYPE_CHECKING:
    from harness.files.evals import LoadedEval
    from harness.jobs.run import PreparedRun
    from harness.jobs.run_options import GateOptions, RunOptions
    from harness.runner import RunSummary
    from harness.runner.endpoint import Endpoint
    from harness.runner.transport import RawResponse


class NoCalls:
    """A transport that refuses: in a replay every answer must be in the journal already."""

    def open(self) -> None:
        """There is nothing to open."""

    async def post(self, endpoint: Endpoint, route: str, body: bytes, timeout_s: float) -> RawResponse:
        """Refuse the call, and with it the run."""
        raise IncompleteRunError(
            f"model '{endpoint.model_id}': an answer is missing from the journal, and --cached-only makes no calls",
            next_step="run it once without --cached-only, and keep the journal for CI",
        )

    async def close(self) -> None:
        """Nothing is open."""


def run_eval_file(
    eval_path: Path,
    options: GateOptions,
    run_options: RunOptions,
    environment: Mapping[str, str],
    *,
    stream: TextIO | None = None,
) -> tuple[PreparedRun, RunSummary]:
    """Run what a gate needs of an eval as ``harness run`` does; with ``is_cached_only`` from the journal alone.

    Raises:
        IncompleteRunError: A replay misses answers; nothing was asked.
    """
    from harness.files.evals import load_eval
    from harness.jobs.run import execute, prepare_run
    from harness.runner import run_eval

    loaded = load_eval(eval_path)
    if options.candidate is not None:
        spec = loaded.eval.value
        needed = needed_candidates(list(spec.candidates), str(spec.baseline), options.candidate, options.baseline)
        run_options = structs.replace(run_options, candidates=needed)
    if not options.is_cached_only:
        prepared = prepare_run(loaded, run_options, environment)
        return prepared, execute(prepared, stream=stream)
    prepared = prepare_run(loaded, run_options, {**_unused_keys(loaded), **environment})
    _require_answers(prepared)
    return prepared, run_eval(prepared.request, stream=stream, transport=NoCalls())


def gate_eval(
    eval_path: Path,
    options: GateOptions,
    run_options: RunOptions,
    environment: Mapping[str, str],
    *,
    now: datetime,
    stream: TextIO | None = None,
) -> GateReport:
    """Run what the gate needs of an eval, gate it, and count the candidate in the golden set's log."""
    prepared, summary = run_eval_file(eval_path, options, run_options, environment, stream=stream)
    root, card = Path(eval_path).parent / FOLDER, prepared.loaded.golden.path
    return gate_stored(open_run(summary.path), options, runs_dir=run_options.runs_dir, root=root, card=card, now=now)


def gate_stored(
    run: Run,
    options: GateOptions,
    *,
    runs_dir: str | Path,
    root: Path,
    card: Path | None,
    now: datetime,
    is_counted: bool = True,
) -> GateReport:
    """Gate a candidate of a stored run, and count it in the golden set's log unless it is only looked at."""
    declared, where = declared_baseline(run), f"run {run.meta.run_id}"
    candidate = judged_candidate(
        run.candidates, options.candidate, reference=options.baseline, declared=declared, where=where
    )
    baseline = resolve_baseline(options.baseline, run, candidate, runs_dir=runs_dir, root=root)
    fingerprint, n_items = run.meta.fingerprint(candidate), len(run.item_ids)
    sides = run[candidate], baseline.run[baseline.candidate]
    is_aa = is_same_system(*sides)  # tries no candidate: no look, not logged
    name = run.meta.golden_set.name
    looks = [] if is_aa else earlier_looks(card, name, fingerprint, run.meta.run_id, n_items)
    n_looks = max(len(looks), int(options.is_second_look))
    report = gate_runs(*sides, source=baseline.source, across_versions=options.across_versions, n_earlier_looks=n_looks)
    report = replace(report, fail_on=options.fail_on or gate_of(run.meta.eval).fail_on)
    tolerated = [Statement("tolerated", facts={"verdict": report.verdict})] if report.is_tolerated else []
    before = [Statement("gated_before", facts={"candidate": candidate, **asdict(look)}) for look in looks]
    report = replace(report, notes=(*tolerated, *report.notes, *before))
    if is_aa or not is_counted:
        return report
    entry = GateEntry(run.meta.run_id, candidate, fingerprint, report.verdict, report.golden_set.hash, report.n_items)
    return replace(report, reuse=record_gate(card, entry, now=now))


def card_of(run: Run) -> Path | None:
    """The golden set's card where the run found it; None when it is not there any more."""
    described = run.meta.inputs.get("golden_set")
    return Path(described.path) if described is not None and Path(described.path).is_file() else None


def _unused_keys(loaded: LoadedEval) -> dict[str, str]:
    """A value for every secret of the models file: a replay calls nobody, so it needs none."""
    from harness.runner.endpoint import secret_variables

    models = loaded.models.value.values() if loaded.models is not None else ()
    return {name: "unused" for model in models for name in secret_variables(model)}


def _require_answers(prepared: PreparedRun) -> None:
    from harness.runner.dry_run import dry_run

    missing = {name: one for name, one in dry_run(prepared.request).items() if one.calls}
    if missing:
        listed = ", ".join(f"{name} lacks {one.calls:,} of {one.calls + one.cached:,}" for name, one in missing.items())
        raise IncompleteRunError(
            f"{prepared.loaded.eval.path}: answers are missing from the journal: {listed}",
            allowed="with --cached-only, every answer in the journal already",
            next_step="run it once without --cached-only, and keep the journal for CI (--cache FILE)",
        )
