"""Sections that read scores and decisions without scores: confusion, slices, outcomes, money, production, gold.

Decides what each table holds; wording and drawing belong to the page.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.core.metric_table import LOWER_IS_BETTER
from harness.core.results import MetricResult
from harness.gating.plan import provable_recall_margin
from harness.measure.decisions import all_against
from harness.measure.score import CandidateScore
from harness.measure.slices import SLICE_FDR, SLICE_METRICS, SliceChange
from harness.records import MISSING
from harness.report.comparison.data import (
    Confusion,
    Economics,
    GoldQuality,
    GoldRow,
    OutcomeRow,
    SliceCell,
    SliceRow,
    SliceTable,
)
from harness.report.comparison.pairs import category_name, gold_counts
from harness.report.comparison.source import OUTCOME_NAMES, Arm, ReportSource
from harness.report.comparison.workload import Production, production_row, production_total

MAX_SLICE_VALUES = 40


def confusions(source: ReportSource) -> tuple[Confusion, ...]:
    """One matrix per candidate; none with a single category, or when nothing was flagged."""
    if len(source.categories) < 2:
        return ()
    found = [_confusion(source, arm) for arm in source.arms]
    return tuple(one for one in found if any(map(any, one.cells)) or any(one.clean))


def _confusion(source: ReportSource, arm: Arm) -> Confusion:
    gold, flagged = source.y_true == 1, arm.decisions == 1
    is_decided = (arm.decisions >= 0).any(axis=1)
    wrong = flagged & (source.y_true == 0)
    violating = gold & (arm.decisions >= 0).any(axis=1, keepdims=True)
    cells = []
    for column, (of_category, is_flagged) in enumerate(zip(violating.T, flagged.T, strict=True)):
        row = wrong[of_category & ~is_flagged].sum(axis=0)
        row[column] = (of_category & is_flagged).sum()
        cells.append(tuple(row.tolist()))
    clean = is_decided & ~gold.any(axis=1) & (source.y_true == 0).any(axis=1)
    is_wrong_selection = violating.any(axis=1) & wrong.any(axis=1) & ~(gold & flagged).any(axis=1)
    return Confusion(
        candidate=arm.id,
        cells=tuple(cells),
        missed=tuple((violating & ~flagged.any(axis=1, keepdims=True)).sum(axis=0).tolist()),
        support=tuple(violating.sum(axis=0).tolist()),
        clean=tuple(wrong[clean].sum(axis=0).tolist()),
        n_clean=int(clean.sum()),
        n_wrong_selection=int(is_wrong_selection.sum()),
    )


def slice_tables(source: ReportSource) -> tuple[SliceTable, ...]:
    """Recall and FPR per slice value, category and candidate, largest values first."""
    tables = []
    changes = _slice_cells(source)
    for name, values in source.slices.items():
        sized = sorted(values.items(), key=lambda one: (-len(one[1]), one[0]))
        found = (
            SliceRow(value, len(members), _slice_results(source, name, value), changes.get((name, value), {}))
            for value, members in sized[:MAX_SLICE_VALUES]
        )
        if rows := tuple(row for row in found if any(row.results.values())):
            tables.append(SliceTable(name, rows, max(0, len(sized) - MAX_SLICE_VALUES)))
    return tuple(tables)


def _slice_results(source: ReportSource, name: str, value: str) -> dict[str, dict[str, dict[str, MetricResult]]]:
    """Metric -> candidate -> category -> result, for the candidates that have any."""
    scored = {arm.id: source.scored(arm.id).slices.get(name, {}).get(value, {}) for arm in source.arms}
    results: dict[str, dict[str, dict[str, MetricResult]]] = {metric: {} for metric in SLICE_METRICS}
    for metric, by_candidate in results.items():
        for candidate, categories in scored.items():
            found = {category: one.metrics[metric] for category, one in categories.items() if metric in one.metrics}
            by_candidate |= {candidate: found} if found else {}
    return results


def _slice_cells(source: ReportSource) -> dict[tuple[str, str], dict[str, dict[str, dict[str, SliceCell]]]]:
    """(Slice, value) -> metric -> candidate -> category -> change."""
    found: dict[tuple[str, str], dict[str, dict[str, dict[str, SliceCell]]]] = {}
    for candidate, changes in source.slice_changes.items():
        for one in changes:
            metrics = found.setdefault((one.slice_name, one.value), {})
            metrics.setdefault(one.metric, {}).setdefault(candidate, {})[one.category] = _slice_cell(one)
    return found


def _slice_cell(one: SliceChange) -> SliceCell:
    return SliceCell(
        baseline=one.baseline,
        candidate=one.candidate,
        difference=one.difference,
        p_value=one.p_value,
        q_value=one.q_value,
        is_tested=not math.isnan(one.q_value),
        is_moved=one.q_value <= SLICE_FDR,
        is_worse=(one.difference.value < 0) != (one.metric in LOWER_IS_BETTER),
    )


def outcome_rows(source: ReportSource) -> tuple[OutcomeRow, ...]:
    """Outcomes per candidate, in the order of the code table; they add up to items x repeats."""
    rows, total = [], len(source.item_ids) * source.n_repeats
    for arm in source.arms:
        scored = source.scored(arm.id)
        counted = scored.outcomes
        if sum(counted.values()) != total:
            raise AssertionError(f"outcomes of {arm.id} add up to {sum(counted.values())}, not {total}")
        order = [*OUTCOME_NAMES, *sorted(set(counted) - set(OUTCOME_NAMES))]
        counts = {name: counted[name] for name in order if counted.get(name)}
        rows.append(OutcomeRow(arm.id, counts, scored.failure_rate, scored.on_failure))
    return tuple(rows)


def economics(source: ReportSource) -> tuple[Economics, ...]:
    """Latency, tokens and cost; empty when nothing was timed, counted or priced."""
    rows = tuple(_economics(arm.id, source.scored(arm.id)) for arm in source.arms)
    is_known = (row.cost_usd or any(row.tokens.values()) or set(row.latency_ms.values()) - {None} for row in rows)
    return rows if any(is_known) else ()


def _economics(candidate: str, scored: CandidateScore) -> Economics:
    return Economics(
        candidate=candidate,
        latency_ms=dict(scored.latency_ms),
        tokens=dict(scored.tokens),
        cost_usd=scored.cost_usd,
        cost_per_1000_usd=scored.money.per_1000_usd,
        cost_per_caught_usd=scored.money.per_caught_usd,
        n_unknown_cost=scored.money.n_unknown,
        cached_share=scored.money.cached_share,
        macro_f1=scored.macro.get("f1"),
    )


def production(source: ReportSource, items_per_day: float, review_seconds: float) -> Production | None:
    """What the candidates would do to a day's traffic; None when the policy states no prevalence."""
    found = (
        production_row(arm.id, category, category_name(source, category), source.policy.category(category), scored)
        for arm in source.arms
        for category, scored in source.scored(arm.id).categories.items()
    )
    rows = tuple(filter(None, found))
    if not rows:
        return None
    known = {row.category for row in rows}
    left = [one for one in source.categories if one not in known]
    has_prevalence = {one: source.policy.category(one).prevalence is not None for one in left}
    unmeasured = tuple(category_name(source, one) for one in left if has_prevalence[one])
    unknown = tuple(category_name(source, one) for one in left if not has_prevalence[one])
    totals = (production_total([row for row in rows if row.candidate == arm.id]) for arm in source.arms)
    return Production(items_per_day, review_seconds, rows, tuple(filter(None, totals)), unknown, unmeasured)


def gold_quality(source: ReportSource) -> GoldQuality:
    """Labels per category, agreement where votes exist, and labels that every candidate contradicts."""
    counts = {category: gold_counts(source, category) for category in source.categories}
    return GoldQuality(
        rows=tuple(
            GoldRow(category, category_name(source, category), *found, provable_recall_margin(found[0]))
            for category, found in counts.items()
        ),
        n_withheld=sum(text is None for text in source.texts),
        n_all_disagree=int(all_disagree(source).any(axis=1).sum()),
    )


def all_disagree(source: ReportSource) -> NDArray[np.bool_]:
    """Where every candidate that decides contradicts the gold, bool (n_items, n_categories); needs two deciders.

    A failed answer decides nothing, whatever its fallback counts as.
    """
    decided = (np.where((arm.outcomes == 0)[:, None], arm.decisions, MISSING) for arm in source.arms)
    return all_against(source.y_true, decided)
