"""``run --early-stop``: asks a growing part of the golden set, and stops when the gate's answer is clear.

Decides what each look asks (a prefix of a seeded order; the journal makes earlier answers free), and what is reported:
the sequential verdict, the look, calls and money saved. Order, boundaries and verdicts are ``gating.looks``'. The looks
themselves leave no run behind but the last one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from harness import __version__
from harness.core.checks import CheckSpec, Verdict
from harness.core.gate import POOLED
from harness.core.gate_arrays import GateArrays
from harness.core.results import MetricResult
from harness.core.statements import Statement, StatementKind
from harness.errors import HarnessError
from harness.files.evals import load_eval
from harness.gating.baselines import FOLDER
from harness.gating.checks import gate_of, resolve_checks
from harness.gating.choose import judged_candidate, needed_candidates, resolve_baseline
from harness.gating.gate_report import EXIT_CODES, Reuse
from harness.gating.log import GateEntry, record_gate
from harness.gating.looks import (
    LookVerdict,
    SequentialGate,
    Tables,
    is_robust,
    judge,
    look_sizes,
    look_tables,
    seeded_order,
    sequential_gate,
    unjudged_checks,
    verdicts_of,
)
from harness.measure.comparable import version_differences
from harness.measure.pairs import Pairs, pair_runs
from harness.records import EarlyStop, Item
from harness.runner import RunRequest, RunSummary, run_eval
from harness.runner.dry_run import dry_run
from harness.runner.run_id import run_id_of
from harness.runner.run_request import Golden
from harness.runs import Run, cluster_codes, open_run

if TYPE_CHECKING:
    from harness.jobs.run import RunOptions

Execute = Callable[[RunRequest], RunSummary]


class GoldenPart:
    """Some items of a golden set, as a golden set for the runner."""

    def __init__(self, whole: Golden, positions: NDArray[np.int64]) -> None:
        self._whole = whole
        self._positions = positions
        self.name = whole.name
        self.version = whole.version
        self.sha256 = whole.sha256
        self.categories = whole.categories
        self.card = getattr(whole, "card", None)

    def __len__(self) -> int:
        return int(self._positions.size)

    def ids(self) -> list[str]:
        """Ids of the part, in golden order."""
        ids = list(self._whole.ids())
        return [ids[position] for position in self._positions.tolist()]

    def items(self, indices: Sequence[int] | None = None) -> Iterator[Item]:
        """Items at the indices of the part."""
        chosen = self._positions if indices is None else self._positions[np.asarray(indices, dtype=np.int64)]
        return self._whole.items(chosen.tolist())

    def labels(self) -> NDArray[np.int8]:
        """Gold of the part."""
        return self._whole.labels()[self._positions]


@dataclass(frozen=True, slots=True)
class SequentialReport:
    """What a run with early stopping came to.

    Attributes:
        look: The look at which it ended, of ``n_looks``.
        n_items: Items asked, of ``n_items_in_set``.
        calls: Calls made, those of them whose cost nobody knows, and calls that stopping saved.
        cost_usd: Money spent, and an estimate of what stopping saved; None for what nobody knows.
        checks: Verdict and difference per check; the interval is valid at every look together.
    """

    verdict: Verdict
    reasons: tuple[Statement, ...]
    look: int
    n_looks: int
    n_items: int
    n_items_in_set: int
    run: RunSummary
    candidate: str
    baseline: str
    calls: Mapping[str, int]
    cost_usd: Mapping[str, float | None]
    checks: Mapping[str, tuple[CheckSpec, Verdict, MetricResult]]
    notes: tuple[Statement, ...] = ()
    reuse: Reuse | None = None

    @property
    def exit_code(self) -> int:
        """Exit code of DESIGN's table."""
        return EXIT_CODES[self.verdict]

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness run --early-stop --json``."""
        from harness.report.gate.statement_words import said, statements_text

        return {
            **self.run.as_dict(),
            "sequential": {
                "verdict": self.verdict,
                "reason": statements_text(self.reasons),
                "reasons": [one.as_dict() for one in self.reasons],
                "look": self.look,
                "looks": self.n_looks,
                "items_asked": self.n_items,
                "items_in_set": self.n_items_in_set,
                "candidate": self.candidate,
                "baseline": self.baseline,
                "calls": dict(self.calls),
                "cost_usd": dict(self.cost_usd),
                "checks": [
                    {
                        "category": spec.category,
                        "metric": spec.metric,
                        "tier": spec.tier,
                        "margin": spec.margin,
                        "verdict": verdict,
                        "difference": difference.as_dict(),
                    }
                    for spec, verdict, difference in self.checks.values()
                ],
                "notes": [said(one) for one in self.notes],
                "reuse": None if self.reuse is None else self.reuse.as_dict(),
            },
        }


@dataclass(slots=True)
class _Progress:
    """What is known so far."""

    looks: list[Tables]
    history: list[tuple[GateArrays, tuple[str, ...]]]
    calls: int = 0
    unknown_calls: int = 0
    cost_usd: float = 0.0

    def add(self, summary: RunSummary) -> None:
        """Count what one more execution has done."""
        self.calls += summary.calls
        self.unknown_calls += summary.unknown_calls
        self.cost_usd += summary.cost_usd


def early_stop_eval(
    eval_path: Path,
    options: RunOptions,
    environment: Mapping[str, str],
    baseline: str | None,
    *,
    now: datetime,
    stream: TextIO | None = None,
    on_look: Callable[[str], None] = lambda text: None,
) -> SequentialReport:
    """Run an eval with early stopping: one candidate against its baseline; the golden set's log counts it.

    Raises:
        HarnessError: More than one candidate is left to judge.
    """
    from harness.jobs.run import prepare_run

    loaded = load_eval(eval_path)
    names, declared = list(loaded.eval.value.candidates), str(loaded.eval.value.baseline)
    chosen = list(options.candidates) or names
    candidate = judged_candidate(chosen, None, reference=baseline, declared=declared, where=str(eval_path))
    needed = needed_candidates(names, declared, candidate, baseline)
    prepared = prepare_run(loaded, structs.replace(options, candidates=needed), environment)
    execute = partial(run_eval, stream=stream, wrap=prepared.transport)
    root = eval_path.parent / FOLDER
    report = run_early_stop(
        prepared.request, candidate, baseline, execute=execute, baselines_root=root, on_look=on_look
    )
    golden, run = prepared.loaded.golden, open_run(report.run.path)
    fingerprint, n_items = run.meta.fingerprint(candidate), len(run.item_ids)
    entry = GateEntry(
        run.meta.run_id, candidate, fingerprint, report.verdict, golden.sha256, n_items, is_sequential=True
    )
    return replace(report, reuse=record_gate(golden.path, entry, now=now))


def run_early_stop(
    request: RunRequest,
    candidate: str,
    reference: str | None,
    *,
    execute: Execute,
    baselines_root: Path,
    on_look: Callable[[str], None] = lambda text: None,
) -> SequentialReport:
    """Run a request in five looks, and stop when the gate passes or regresses.

    The candidate's baseline is another candidate of the request, or a stored one: ``reference``, as ``gate --baseline``
    takes it.

    Raises:
        HarnessError: The gate cannot be judged sequentially, the baseline is over another golden set, or ``--limit`` is
            set.
    """
    _require_whole(request)
    golden = request.golden
    named = {one: request.policy.category_name(one) for one in golden.categories}
    specs = resolve_checks(gate_of(request.eval).checks, golden.categories, len(golden), named)
    gate, left_out = sequential_gate(specs, alpha=gate_of(request.eval).alpha)
    clusters = cluster_codes([item.group for item in golden.items()])
    order = seeded_order(golden.labels(), clusters, request.seed)
    sizes = look_sizes(order, clusters, gate.plan.fractions)
    so_far = _Progress([], [])
    request = structs.replace(
        request, ledger=request.ledger or run_id_of(request, __version__)
    )  # one bound for all looks
    with tempfile.TemporaryDirectory(prefix="harness-looks-") as folder:
        for number, size in enumerate(sizes, start=1):
            part = _part(request, order[:size], number, len(sizes))
            summary = execute(structs.replace(part, runs_dir=folder))
            so_far.add(summary)
            pairs = _pairs(open_run(summary.path), candidate, reference, request, baselines_root)
            so_far.history.append((pairs.arrays(), pairs.categories))
            so_far.looks.append(look_tables(gate, pairs.arrays(), pairs.categories))
            found = judge(gate, so_far.looks)
            on_look(f"Look {number} of {len(sizes)}: {size:,} of {len(golden):,} items, {found.verdict}")
            if found.verdict != "INCONCLUSIVE" or summary.reason is not None:
                break
    stored = execute(part)
    so_far.add(stored)  # rows without an answer are asked again
    spent = so_far.cost_usd if so_far.cost_usd or not so_far.unknown_calls else None
    blind = unjudged_checks(gate, *so_far.history[-1])
    checks = verdicts_of(gate, found, blind)
    verdict, reason = _concluded(gate, found, checks, so_far, pairs, summary, request.max_error_rate)
    saved_calls, saved_usd = _saved(request)
    return SequentialReport(
        verdict=verdict,
        reasons=(reason,),
        look=found.look,
        n_looks=len(sizes),
        n_items=sizes[found.look - 1],
        n_items_in_set=len(golden),
        run=stored,
        candidate=candidate,
        baseline=reference or str(request.eval.baseline),
        calls={"made": so_far.calls, "unknown": so_far.unknown_calls, "saved": saved_calls},
        cost_usd={"spent": spent, "saved": saved_usd},
        checks=checks,
        notes=(*left_out, *blind.values()),
    )


def _require_whole(request: RunRequest) -> None:
    """Refuse what only a run over all items could answer."""
    if request.limit is not None:
        raise HarnessError("--early-stop and --limit exclude one another", next_step="leave one of them out")
    if getattr(request.golden, "must_catch", ()):
        raise HarnessError(
            "--early-stop cannot judge must-catch items: a run that stops early leaves some of them unasked",
            next_step="run it without --early-stop, or leave must_catch out",
        )


def _part(request: RunRequest, chosen: NDArray[np.int64], look: int, n_looks: int) -> RunRequest:
    """The request of one look; what it is becomes part of the run's id and of run.json."""
    return structs.replace(
        request,
        golden=GoldenPart(request.golden, np.sort(chosen)),
        early_stop=EarlyStop(look, n_looks, int(chosen.size), len(request.golden), request.seed),
    )


def _pairs(run: Run, candidate: str, reference: str | None, request: RunRequest, root: Path) -> Pairs:
    baseline = resolve_baseline(reference, run, candidate, runs_dir=request.runs_dir, root=root)
    if baseline.run is run:
        return pair_runs(run[baseline.candidate], run[candidate])
    found = version_differences(baseline.run, run)
    if found:
        raise HarnessError(
            f"the baseline (run {baseline.run.meta.run_id}) is over another golden set: {'; '.join(found)}",
            allowed="the same golden set and policy",
            next_step="run the baseline again on this golden set and promote it",
        )
    place = {item_id: index for index, item_id in enumerate(baseline.run.item_ids)}
    missing = [item_id for item_id in run.item_ids if item_id not in place]
    if missing:
        raise HarnessError(
            f"the baseline (run {baseline.run.meta.run_id}) lacks {len(missing)} items, the first '{missing[0]}'",
            allowed="a baseline over the whole golden set",
            next_step="run the baseline without --limit and promote it",
        )
    at_baseline = np.asarray([place[item_id] for item_id in run.item_ids], dtype=np.int64)
    positions = (at_baseline, np.arange(len(run.item_ids), dtype=np.int64))
    return pair_runs(baseline.run[baseline.candidate], run[candidate], positions=positions)


def _concluded(
    gate: SequentialGate,
    found: LookVerdict,
    checks: Mapping[str, tuple[CheckSpec, Verdict, MetricResult]],
    so_far: _Progress,
    pairs: Pairs,
    summary: RunSummary,
    most: float,
) -> tuple[Verdict, Statement]:
    if summary.reason is not None:
        return "INVALID", Statement("sequential_stopped", facts={"why": summary.reason})
    for name, system in (("baseline", pairs.baseline), ("candidate", pairs.candidate)):
        if system.error_rate > most:
            facts = {"share": system.error_rate, "side": name, "most": most}
            return "INVALID", Statement("sequential_rows_without_answer", facts=facts)
    if not is_robust(gate, found.verdict, so_far.history):
        return "INVALID", Statement("sequential_not_robust", facts={"verdict": found.verdict})
    where = {"look": found.look, "looks": len(gate.plan.fractions)}
    if found.verdict == "PASS":
        return "PASS", Statement("every_check_passes", facts=where)
    behind = tuple(spec for spec, verdict, _ in checks.values() if _is_reason(spec, verdict, found.verdict))
    kind: StatementKind = "regressed" if found.verdict == "REGRESSION" else "not_proven"
    return found.verdict, Statement(kind, behind, where)


def _is_reason(spec: CheckSpec, verdict: Verdict, overall: Verdict) -> bool:
    """Whether a check stands behind the verdict; a guarded check never has to be proven on its own."""
    if overall == "REGRESSION":
        return verdict == "REGRESSION" and spec.tier != "watch"
    return verdict != "PASS" and (spec.tier == "critical" or spec.category == POOLED)


def _saved(request: RunRequest) -> tuple[int, float | None]:
    """What a run of the whole set would still ask for."""
    estimates = dry_run(request).values()
    costs = [one.cost_usd for one in estimates]
    known = [cost for cost in costs if cost is not None]
    return sum(one.calls for one in estimates), sum(known) if len(known) == len(costs) else None
