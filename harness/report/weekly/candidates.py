"""All candidates of the week side by side, and the history of figures: volumes, failures, time and money."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from harness.core.results import MetricResult
from harness.measure.points import PointScore
from harness.measure.score import CandidateScore
from harness.report.parts.words import enumerated, n_answered, outcome_words
from harness.report.weekly.changes import versions_between
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import CandidateRow
from harness.report.weekly.kept import NOT_MEASURED
from harness.report.weekly.sheet_data import Figure, HistoryRow
from harness.report.weekly.summaries import SLICE_METRICS, metric
from harness.runs import RunMeta

KIND_WORDS = {
    "prompt": "prompt",
    "moderation": "moderation endpoint",
    "rules": "rule set",
    "classifier": "classifier",
    "cascade": "cascade",
    "recorded": "recorded decisions",
}


FIGURE_METRICS = ("recall", "precision", "fpr", "f1", "precision_at_prevalence")
MOST_FIGURES = 300_000


def description(meta: RunMeta, candidate: str) -> str:
    """What decides, in a few words: prompt and model, rule set, recorded decisions."""
    inputs = [(kind, meta.input_of(kind, candidate)) for kind in ("prompt", "rules")]
    parts = [f"{KIND_WORDS[kind]} {one.title}" for kind, one in inputs if one is not None]
    fingerprint, spec = meta.fingerprint(candidate), meta.spec(candidate)
    if not parts:
        kind = str(fingerprint.get("kind") or "")
        named = fingerprint.get("cascade") or spec.of("recorded") or spec.of("classifier") or spec.of("moderation")
        short = str(named).rsplit("/", 1)[-1].rsplit(":", 1)[-1] if named else ""
        parts.append(f"{KIND_WORDS.get(kind, kind)} {short}".strip())
    if fingerprint.get("kind") == "prompt" and fingerprint.get("model"):
        parts.append(f"model {fingerprint['model']}")
    return ", ".join(part for part in (*parts, spec.description) if part)


def candidate_rows(source: WeeklySource) -> tuple[CandidateRow, ...]:
    """Every candidate that ran this week, the reported one first."""
    of = source.by_week[source.week].of
    order = sorted(of, key=lambda name: (name != source.candidate, name != source.control, name))
    return tuple(_row(source, name, of[name]) for name in order)


def version_marks(source: WeeklySource, runs: Sequence[tuple[str, RunMeta]] | None = None) -> dict[str, str]:
    """Week -> what of the reported candidate or of the labels became another version since its run before.

    ``runs`` are the candidate's, by week; by default those of the weeks shown.
    """
    shown = [(one.week, one.of[source.candidate]) for one in source.by_week.values() if source.candidate in one.of]
    runs, found = shown if runs is None else runs, {}
    for (_, before), (week, meta) in itertools.pairwise(runs):
        told = versions_between(before, meta, source.candidate)
        if told:
            found[week] = enumerated(told, 3)
    return found


def _row(source: WeeklySource, name: str, meta: RunMeta) -> CandidateRow:
    scored = source.summaries[meta.run_id].candidates[name]
    earlier = [one for one in source.by_week.values() if one.week < source.week and name in one.of]
    last = None if not earlier else source.summaries[earlier[-1].of[name].run_id].candidates[name]
    tokens = sum(int(n) for key, n in scored.tokens.items() if key != "cached_tokens")
    answered = n_answered(scored.outcomes)
    return CandidateRow(
        id=name,
        kind=KIND_WORDS.get(str(meta.fingerprint(name).get("kind")), ""),
        description=description(meta, name),
        is_reported=name == source.candidate,
        is_control=name == source.control,
        run_id=meta.run_id,
        golden=meta.golden_set.title,
        recall=_any(scored, "recall"),
        precision=_any(scored, "precision"),
        failure_rate=scored.failure_rate,
        outcomes={outcome_words(key): int(n) for key, n in scored.outcomes.items() if n},
        latency_p50=scored.latency_ms.get("p50"),
        latency_p95=scored.latency_ms.get("p95"),
        cost_per_1000_usd=scored.money.per_1000_usd,
        tokens_per_item=tokens / answered if tokens and answered else None,
        last_cost_per_1000_usd=None if last is None else last.money.per_1000_usd,
        last_latency_p95=None if last is None else last.latency_ms.get("p95"),
    )


def _any(scored: CandidateScore, name: str) -> MetricResult:
    return scored.any_violation.metrics.get(name, NOT_MEASURED)


def _shown(source: WeeklySource) -> Iterator[tuple[str, str, RunMeta]]:
    """Week, candidate and the run that speaks for it, oldest first."""
    return ((week, name, meta) for week, runs in source.by_week.items() for name, meta in runs.of.items())


def history_rows(source: WeeklySource) -> tuple[HistoryRow, ...]:
    """Every week, candidate and category that is shown, oldest first."""
    rows = []
    for week, candidate, meta in _shown(source):
        summary, place = source.summaries[meta.run_id], (week, meta.run_id, meta.golden_set.title, candidate)
        for category, scored in summary.candidates[candidate].categories.items():
            counts = float(scored.tp), float(scored.fp), float(scored.fn), float(scored.tn)
            recall, precision, fpr = (metric(summary, candidate, category, one) for one in SLICE_METRICS)
            if any(counts):
                rows.append(HistoryRow(*place, category, *counts, recall, precision, fpr))
    return tuple(rows)


def figures_of(source: WeeklySource) -> tuple[tuple[Figure, ...], str]:
    """Every figure of the weeks shown, on all items and by slice, and what is left out; each stands there once."""
    found: list[Figure] = []
    n_left = 0
    for week, candidate, meta in _shown(source):
        place = (week, meta.run_id, meta.golden_set.title, candidate)
        found += [
            Figure(*place, category, "", "", name, one)
            for category, scored in source.summaries[meta.run_id].candidates[candidate].categories.items()
            for name in FIGURE_METRICS
            if (one := scored.metrics.get(name)) is not None and (one.is_defined or one.n)
        ]
        found += [
            Figure(*place, category, "", "", at.metric, at.value)
            for category, at in _at_points(source, meta.run_id, candidate)
        ]
        in_slices = [
            Figure(*place, category, slice_name, value, name, one)
            for slice_name, values in source.slice_scores.get(meta.run_id, {}).get(candidate, {}).items()
            for value, categories in values.items()
            for category, metrics in categories.items()
            for name, one in metrics.items()
        ]
        room = max(0, MOST_FIGURES - len(found))
        found += in_slices[:room]
        n_left += len(in_slices[room:])
    left = f" {n_left:,} figures of slices are left out: a sheet holds no more." if n_left else ""
    return tuple(found), f"One row per week, candidate, category, slice and metric, each once.{left}"


def _at_points(source: WeeklySource, run_id: str, candidate: str) -> Iterator[tuple[str, PointScore]]:
    """Category and figure at operating points: of the reported candidate all that are shown, of others the gate's."""
    own = source.points.get(run_id, {}) if candidate == source.candidate else {}
    scores = own or source.summaries[run_id].candidates[candidate].points
    for category, every in scores.items():
        yield from ((category, one) for one in every if one.value.is_defined or one.value.n)


def runs_read(source: WeeklySource) -> tuple[tuple[str, str, str, str, int], ...]:
    """Which run spoke for whom in which week."""
    return tuple(
        (week, candidate, meta.run_id, f"{meta.golden_set.title} @{meta.golden_set.hash[:8]}", meta.n_items)
        for week, candidate, meta in _shown(source)
    )
