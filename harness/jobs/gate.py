"""From an eval file to a verdict: run, then gate; what ``harness ci`` and the pytest plugin share.

Decides which candidates must run, what ``cached only`` means, and where the promoted baseline of an eval lies. Running
is ``execution``'s, the verdict ``gating``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from harness.core.statements import Statement
from harness.errors import HarnessError, IncompleteRunError
from harness.files.yaml import read_yaml
from harness.gating import GateReport, gate_runs
from harness.gating.baselines import FOLDER, PROMOTED, resolve_baseline
from harness.gating.decide import is_same_system
from harness.gating.log import GateEntry, earlier_looks, record_gate
from harness.records.base import FailOn
from harness.runner import RunSummary, run_eval
from harness.runs import Run, open_run

if TYPE_CHECKING:
    from harness.jobs.run import PreparedRun, RunOptions
    from harness.runner.endpoint import Endpoint
    from harness.runner.transport import RawResponse


@dataclass(frozen=True, slots=True)
class GateOptions:
    """What is gated, against what."""

    candidate: str | None = None
    baseline: str | None = None
    across_versions: bool = False
    is_cached_only: bool = False
    is_second_look: bool = False
    fail_on: FailOn | None = None
    """None: as the eval says."""


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
    run_options: RunOptions,
    environment: Mapping[str, str],
    *,
    is_cached_only: bool = False,
    stream: TextIO | None = None,
) -> tuple[PreparedRun, RunSummary]:
    """Run an eval as ``harness run`` does; with ``is_cached_only`` from the journal alone.

    Raises:
        IncompleteRunError: A replay misses answers; nothing was asked.
    """
    from harness.jobs.run import execute, prepare_run

    if not is_cached_only:
        prepared = prepare_run(eval_path, run_options, environment)
        return prepared, execute(prepared, stream=stream)
    prepared = prepare_run(eval_path, run_options, {**_unused_keys(eval_path), **environment})
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
    if options.candidate is not None:
        run_options = replace(run_options, candidates=needed_candidates(eval_path, options))
    prepared, summary = run_eval_file(
        eval_path, run_options, environment, is_cached_only=options.is_cached_only, stream=stream
    )
    run = open_run(summary.path)
    root = Path(eval_path).parent / FOLDER
    return gate_stored(
        run, options, runs_dir=run_options.runs_dir, root=root, card=prepared.loaded.golden.path, now=now
    )


def gate_stored(
    run: Run, options: GateOptions, *, runs_dir: str | Path, root: Path, card: Path | None, now: datetime
) -> GateReport:
    """Gate a candidate of a stored run, and count it in the golden set's log."""
    candidate = options.candidate or default_candidate(run, options.baseline)
    baseline = resolve_baseline(options.baseline, run, candidate, runs_dir=runs_dir, root=root)
    fingerprint, n_items = run.meta.fingerprints.get(candidate, {}), len(run.item_ids)
    is_aa = is_same_system(baseline.run, baseline.candidate, run, candidate)  # tries no candidate: no look, not logged
    name = str(run.meta.golden_set.get("name"))
    looks = [] if is_aa else earlier_looks(card, name, fingerprint, run.meta.run_id, n_items)
    report = gate_runs(
        run,
        candidate,
        baseline.run,
        baseline.candidate,
        source=baseline.source,
        across_versions=options.across_versions,
        n_earlier_looks=max(len(looks), int(options.is_second_look)),
    )
    gate = run.meta.eval.get("gate") or {}
    report = replace(report, fail_on=options.fail_on or gate.get("fail_on") or "inconclusive")
    if report.is_tolerated:
        report = replace(report, notes=(Statement("tolerated", facts={"verdict": report.verdict}), *report.notes))
    if is_aa:
        return report
    entry = GateEntry(
        run.meta.run_id, candidate, fingerprint, report.verdict, report.golden_set.get("hash"), report.n_items
    )
    notes = tuple(Statement("gated_before", facts={"candidate": candidate, **asdict(look)}) for look in looks)
    return replace(report, notes=(*report.notes, *notes), reuse=record_gate(card, entry, now=now))


def card_of(run: Run) -> Path | None:
    """The golden set's card where the run found it; None when it is not there any more."""
    path = run.meta.inputs.get("golden_set", {}).get("path")
    return Path(path) if path and Path(path).is_file() else None


def default_candidate(run: Run, baseline: str | None) -> str:
    """The candidate that is gated when none is named: the only one beside the baseline."""
    before = baseline if baseline is not None else run.meta.eval.get("baseline")
    if len(run.candidates) == 1:
        return str(run.candidates[0])
    others = [name for name in run.candidates if name != before]
    if len(others) != 1:
        raise HarnessError(
            f"run {run.meta.run_id} has {len(others)} candidates beside the baseline",
            allowed=", ".join(others),
            next_step="choose the one to gate with --candidate",
        )
    return str(others[0])


def needed_candidates(eval_path: Path, options: GateOptions) -> tuple[str, ...]:
    """The gated candidate, and the baseline where it is a candidate of the same eval."""
    data = read_yaml(Path(eval_path), what="eval").data
    named = data.get("candidates")
    names = list(named) if isinstance(named, dict) else []
    baseline = options.baseline or data.get("baseline") or (names[0] if names else None)
    chosen = [name for name in names if name in (options.candidate, baseline)]
    if options.baseline == PROMOTED and PROMOTED not in names:
        chosen = [name for name in chosen if name == options.candidate]
    return tuple(chosen) if options.candidate in chosen else (str(options.candidate),)


def _unused_keys(eval_path: Path) -> dict[str, str]:
    """A value for every key variable of the models file: a replay calls nobody, so it needs no secret."""
    from harness.files.models import load_models

    named = read_yaml(Path(eval_path), what="eval").data.get("models", "models.yaml")
    path = Path(eval_path).parent / str(named)
    if not path.is_file():
        return {}
    return {model.api_key_env: "unused" for model in load_models(path).value.values() if model.api_key_env}


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
