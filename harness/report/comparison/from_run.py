"""A stored run (or two over the same items) -> ``ReportSource``.

Decides what is scored and compared for a report, and how candidates of two runs are told apart. Texts come from the
caller: a run holds none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from harness.environment import RUNS_DIR
from harness.gating.decide import gate_runs
from harness.gating.findings.stored import check_facts, evidence_alone, evidence_of, missing_facts
from harness.gating.gate_report import GateReport
from harness.measure.compare import Comparison, compare
from harness.measure.decisions import decisions
from harness.measure.money import costs_nothing
from harness.measure.point_pairs import point_pairs
from harness.measure.points import point_metrics
from harness.measure.score import RunScore, score_candidate
from harness.measure.slices import compare_slices
from harness.records import RunInput
from harness.report.comparison.source import Arm, InputText, ReportSource, VoteCounts
from harness.report.item.policy_text import definitions_of
from harness.report.parts import numbers
from harness.report.parts.banner import Banner, run_banner
from harness.report.parts.disputes import NO_VOTES, Votes
from harness.runs import Run
from harness.runs.commands import home_of, over_runs

_NOT_SETTINGS = frozenset({"kind", "model", "prompt", "prompt_sha256", "rules", "rules_sha256", "sha256", "engine"})
"""Parts of a fingerprint that the report shows as files or as the model."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One candidate of one run, and the name it goes by in the report."""

    run: Run
    candidate: str
    name: str


def choices(run: Run, baseline: str | None, candidates: Sequence[str], baseline_run: Run | None = None) -> list[Choice]:
    """The baseline (if any) first, then the candidates; a name used twice gets its run's id."""
    found = [] if baseline is None else [(baseline_run or run, baseline)]
    found += [(run, one) for one in candidates if baseline is None or (run, one) != found[0]]
    names = [candidate for _, candidate in found]
    return [
        Choice(of, candidate, candidate if names.count(candidate) == 1 else f"{candidate} ({of.meta.run_id})")
        for of, candidate in found
    ]


def source_from_run(
    chosen: Sequence[Choice],
    texts: Mapping[str, str | None],
    *,
    has_baseline: bool,
    n_resamples: int = 10_000,
    votes: VoteCounts | None = None,
    agreement: Votes = NO_VOTES,
    points: Sequence[str] = (),
    runs_dir: str = RUNS_DIR,
) -> ReportSource:
    """Score and compare what was chosen; with a baseline the others are compared with it, and the first is gated.

    Args:
        chosen: Candidates, the baseline first.
        texts: Text per item id; an item that is not there shows as withheld only when the run says so.
        has_baseline: Whether the first of ``chosen`` is a baseline.
        n_resamples: Resamples of the paired bootstrap and of the gate's precision test.
        votes: The annotators' votes on these items, where the golden set has any.
        agreement: What the golden set's votes say by category and team.
        points: Metrics at operating points, beside those that the gate asks for.
        runs_dir: Where the runs lie, for the commands that the report prints.
    """
    run, first = chosen[-1].run, chosen[0]
    scores = {one.name: score_candidate(one.run, one.candidate, points=points) for one in chosen}
    withheld = run.is_withheld
    source = ReportSource(
        eval_name=run.meta.eval_name,
        policy=run.meta.policy,
        item_ids=run.item_ids,
        texts=[None if withheld[index] else texts.get(one) or "" for index, one in enumerate(run.item_ids)],
        categories=run.categories,
        y_true=run.y_true,
        slices=run.slices,
        arms=tuple(_arm(one) for one in chosen),
        scores=RunScore(run.meta.run_id, run.meta.golden_set, scores, run.meta.policy.names_of(run.categories)),
        baseline=first.name if has_baseline else None,
        inputs={one.name: _inputs(one) for one in chosen},
        facts=_facts(chosen),
        reproduce=(_command(chosen, has_baseline, points, runs_dir),),
        banners=_banners(chosen, runs_dir),
        n_repeats=run.meta.repeats,
        votes=votes,
        agreement=agreement,
        definitions=definitions_of(run),
    )
    if has_baseline:
        return _with_comparisons(source, chosen, n_resamples, points)
    alone = {one.name: evidence_alone(one.run, one.candidate, scores[one.name], one.name) for one in chosen}
    return replace(source, evidence=alone)


def _with_comparisons(
    source: ReportSource, chosen: Sequence[Choice], n_resamples: int, points: Sequence[str]
) -> ReportSource:
    """The source with what each candidate shows against the first."""
    first = chosen[0]
    pairs = {one.name: (first.run[first.candidate], one.run[one.candidate]) for one in chosen[1:]}
    metrics, gates = point_metrics(chosen[-1].run, points), _gates(chosen, n_resamples)
    comparisons = {name: compare(*pair, n_resamples=n_resamples) for name, pair in pairs.items()}
    slice_changes = {name: compare_slices(*pair) for name, pair in pairs.items()}
    evidence = {
        name: evidence_of(
            *pair,
            comparison=comparisons[name],
            slices=slice_changes[name],
            checks=check_facts(gate.all_checks) if (gate := gates.get(name)) else (),
            missing=missing_facts(gate.verdict, gate.reasons, gate.n_items) if gate else (),
            names=(first.name, name),
        )
        for name, pair in pairs.items()
    }
    return replace(
        source,
        comparisons=tuple(_named(one, first.name, name) for name, one in comparisons.items()),
        gates=gates,
        slice_changes=slice_changes,
        evidence=evidence,
        points={name: point_pairs(*pair, metrics, n_resamples=n_resamples) for name, pair in pairs.items()},
    )


def _named(compared: Comparison, baseline: str, candidate: str) -> Comparison:
    """The comparison under the names that the report gives both."""
    return replace(
        compared,
        baseline=replace(compared.baseline, candidate=baseline),
        candidate=replace(compared.candidate, candidate=candidate),
    )


def _banners(chosen: Sequence[Choice], runs_dir: str) -> tuple[Banner, ...]:
    names: dict[Run, list[str]] = {}
    for one in chosen:
        names.setdefault(one.run, []).append(one.candidate)
    commands = {run: over_runs(runs_dir, "runs", "show", run.meta.run_id) for run in names}
    shown = (run_banner(run.meta, asked, commands[run]) for run, asked in names.items())
    return tuple(filter(None, shown))


def _gates(chosen: Sequence[Choice], n_resamples: int) -> dict[str, GateReport]:
    """What the gate of its own eval says about each candidate; empty without one."""
    first = chosen[0]
    return {
        one.name: gate_runs(
            one.run[one.candidate], first.run[first.candidate], n_resamples=n_resamples, with_findings=False
        )
        for one in chosen[1:]
        if one.run.meta.eval.gate is not None and one.run.meta.eval.gate.checks
    }


def _arm(one: Choice) -> Arm:
    rows = one.run.candidate(one.candidate)
    read = decisions(one.run, one.candidate)
    has_scores = not np.isnan(rows.y_score).all()
    return Arm(
        id=one.name,
        outcomes=rows.outcomes[:, 0].astype(np.uint8),
        decisions=read.y_pred[:, 0, :],
        scores=read.y_score[:, 0, :] if has_scores else None,
        rationales=_first_texts(one, "rationale"),
        description=_description(one),
        latency_ms=rows.latency_ms[:, 0],
        cost_usd=rows.cost_usd[:, 0],
        reasons=_first_texts(one, "error"),
        n_flagged=(rows.y_pred == 1).sum(axis=1) if rows.y_pred.shape[1] > 1 else None,
        n_repeats=int(rows.y_pred.shape[1]),
        run_id=one.run.meta.run_id,
        is_fallback=read.has_failed[:, 0, :],
        makes_calls=not costs_nothing(one.run.meta.fingerprint(one.candidate)),
    )


def _first_texts(one: Choice, column: Literal["rationale", "error"]) -> list[str | None] | None:
    """Those of the first repeat; None where there is none."""
    found = [texts[0] for texts in one.run.texts(one.candidate, column)]
    return found if any(found) else None


def _description(one: Choice) -> str:
    """Prompt, rules and model of a candidate, as far as the eval says."""
    spec = one.run.meta.spec(one.candidate)
    is_named = spec.kind in ("prompt", "rules", "moderation", "classifier", "recorded")
    stages = ", ".join(stage.use for stage in spec.stages)
    parts = (
        f"{spec.kind} {str(spec.value).rsplit('/', 1)[-1]}" if is_named else "",
        f"cascade of {stages}" if stages else "",
        f"model {spec.model}" if spec.model else "",
        spec.description,
    )
    return ", ".join(filter(None, parts))


def _inputs(one: Choice) -> tuple[InputText, ...]:
    meta, fingerprint = one.run.meta, one.run.meta.fingerprint(one.candidate)
    files = [(kind, f"{kind}:{one.candidate}") for kind in ("prompt", "rules")]
    found = [_input(one.run, kind, key, meta.inputs[key]) for kind, key in files if key in meta.inputs]
    model, kind = fingerprint.get("model"), str(fingerprint.get("kind", ""))
    if isinstance(model, Mapping):
        found.append(_written("model", str(model.get("model", "model")), model))
    settings = {name: value for name, value in fingerprint.items() if name not in _NOT_SETTINGS and value}
    if settings:
        found.append(_written("settings", str(fingerprint.get(kind) or kind) if kind != "prompt" else kind, settings))
    if "policy" in meta.inputs:
        found.append(_input(one.run, "policy", "policy", meta.inputs["policy"]))
    return tuple(found)


def _written(kind: str, name: str, settings: Mapping[str, Any]) -> InputText:
    text = json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False)
    return InputText(kind, name, text, hashlib.sha256(text.encode()).hexdigest())


def _input(run: Run, kind: str, key: str, described: RunInput) -> InputText:
    return InputText(kind, described.path or described.name, run.input_text(key) or "", described.sha256)


def _facts(chosen: Sequence[Choice]) -> tuple[tuple[str, str], ...]:
    facts = []
    for run in dict.fromkeys(one.run for one in chosen):
        meta = run.meta
        made = meta.created_at[:16].replace("T", " ")
        facts.append(("Run", f"{meta.run_id}, made {made} UTC, {meta.status}"))
        facts.append(("Calls", f"{numbers.count(meta.calls)}, and {numbers.count(meta.cached)} taken from the cache"))
        if meta.limit is not None:
            facts.append(("Sample", f"{numbers.count(meta.limit)} items of the golden set, seed {meta.seed}"))
        facts.append(("Versions", ", ".join(f"{name} {version}" for name, version in sorted(meta.packages.items()))))
    return tuple(one for one in facts if one[1])


def _command(chosen: Sequence[Choice], has_baseline: bool, points: Sequence[str], runs_dir: str) -> str:
    first, run = chosen[0], chosen[-1].run
    words = [run.meta.run_id]
    if has_baseline:
        words += ["--baseline", first.candidate]
        if first.run is not run:
            is_here = home_of(first.run) == home_of(run)
            words += ["--baseline-run", first.run.meta.run_id if is_here else first.run.path]
    words += [word for one in (chosen[1:] if has_baseline else chosen) for word in ("--candidate", one.candidate)]
    words += [word for one in points for word in ("--at", one)]
    return over_runs(runs_dir, "report", *words)
