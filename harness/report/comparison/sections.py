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
from harness.report.comparison.pairs import category_name
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
    anything = flagged.any(axis=1)
    cells, missed, support = [], [], []
    for column in range(len(source.categories)):
        violating = gold[:, column] & is_decided
        caught = violating & flagged[:, column]
        row = wrong[violating & ~flagged[:, column]].sum(axis=0)
        row[column] = caught.sum()
        cells.append(tuple(int(value) for value in row))
        missed.append(int((violating & ~anything).sum()))
        support.append(int(violating.sum()))
    clean = is_decided & ~gold.any(axis=1) & (source.y_true == 0).any(axis=1)
    is_wrong_selection = is_decided & gold.any(axis=1) & wrong.any(axis=1) & ~(gold & flagged).any(axis=1)
    return Confusion(
        candidate=arm.id,
        cells=tuple(cells),
        missed=tuple(missed),
        support=tuple(support),
        clean=tuple(int(value) for value in (flagged & (source.y_true == 0))[clean].sum(axis=0)),
        n_clean=int(clean.sum()),
        n_wrong_selection=int(is_wrong_selection.sum()),
    )


def slice_tables(source: ReportSource) -> tuple[SliceTable, ...]:
    """Recall and FPR per slice value, category and candidate, largest values first."""
    tables = []
    changes = _slice_cells(source)
    for name, values in source.slices.items():
        sized = sorted(values.items(), key=lambda one: (-len(one[1]), one[0]))
        rows = []
        for value, members in sized[:MAX_SLICE_VALUES]:
            results: dict[str, dict[str, dict[str, MetricResult]]] = {}
            for metric in SLICE_METRICS:
                results[metric] = {}
                for arm in source.arms:
                    scored = source.scored(arm.id).slices.get(name, {}).get(value, {})
                    found = {category: one.metrics[metric] for category, one in scored.items() if metric in one.metrics}
                    if found:
                        results[metric][arm.id] = found
            if any(results.values()):
                rows.append(SliceRow(value, len(members), results, changes.get((name, value), {})))
        if rows:
            tables.append(SliceTable(name, tuple(rows), max(0, len(sized) - MAX_SLICE_VALUES)))
    return tuple(tables)


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
    rows = []
    for arm in source.arms:
        scored = source.scored(arm.id)
        counted = scored.outcomes
        total = len(source.item_ids) * source.n_repeats
        if sum(counted.values()) != total:
            raise AssertionError(f"outcomes of {arm.id} add up to {sum(counted.values())}, not {total}")
        order = [*OUTCOME_NAMES, *sorted(set(counted) - set(OUTCOME_NAMES))]
        counts = {name: counted[name] for name in order if counted.get(name)}
        rows.append(OutcomeRow(arm.id, counts, scored.failure_rate, scored.on_failure))
    return tuple(rows)


def economics(source: ReportSource) -> tuple[Economics, ...]:
    """Latency, tokens and cost; empty when nothing was timed, counted or priced."""
    rows = []
    for arm in source.arms:
        scored = source.scored(arm.id)
        rows.append(
            Economics(
                candidate=arm.id,
                latency_ms=dict(scored.latency_ms),
                tokens=dict(scored.tokens),
                cost_usd=scored.cost_usd,
                cost_per_1000_usd=scored.money.per_1000_usd,
                cost_per_caught_usd=scored.money.per_caught_usd,
                n_unknown_cost=scored.money.n_unknown,
                cached_share=scored.money.cached_share,
                macro_f1=scored.macro.get("f1"),
            )
        )
    has_data = any(
        any(value is not None for value in row.latency_ms.values()) or any(row.tokens.values()) or row.cost_usd
        for row in rows
    )
    return tuple(rows) if has_data else ()


def production(source: ReportSource, items_per_day: float, review_seconds: float) -> Production | None:
    """What the candidates would do to a day's traffic; None when the policy states no prevalence."""
    found = [
        production_row(arm.id, category, category_name(source, category), source.policy.category(category), scored)
        for arm in source.arms
        for category, scored in source.scored(arm.id).categories.items()
    ]
    rows = [row for row in found if row is not None]
    if not rows:
        return None
    known = {row.category for row in rows}
    left = [one for one in source.categories if one not in known]
    unknown = tuple(category_name(source, one) for one in left if source.policy.category(one).prevalence is None)
    unmeasured = tuple(category_name(source, one) for one in left if source.policy.category(one).prevalence is not None)
    totals = tuple(
        total
        for arm in source.arms
        if (total := production_total([row for row in rows if row.candidate == arm.id])) is not None
    )
    return Production(items_per_day, review_seconds, tuple(rows), totals, unknown, unmeasured)


def gold_quality(source: ReportSource) -> GoldQuality:
    """Labels per category, agreement where votes exist, and labels that every candidate contradicts."""
    rows = []
    for column, category in enumerate(source.categories):
        gold = source.y_true[:, column]
        rows.append(
            GoldRow(
                id=category,
                name=category_name(source, category),
                n_violating=int((gold == 1).sum()),
                n_not_violating=int((gold == 0).sum()),
                n_unlabelled=int((gold < 0).sum()),
                provable_margin=provable_recall_margin(int((gold == 1).sum())),
            )
        )
    return GoldQuality(
        rows=tuple(rows),
        n_withheld=sum(text is None for text in source.texts),
        n_all_disagree=int(all_disagree(source).any(axis=1).sum()),
    )


def all_disagree(source: ReportSource) -> NDArray[np.bool_]:
    """Where every candidate that decides contradicts the gold, bool (n_items, n_categories); needs two deciders.

    A failed answer decides nothing, whatever its fallback counts as.
    """
    decided = (np.where((arm.outcomes == 0)[:, None], arm.decisions, MISSING) for arm in source.arms)
    return all_against(source.y_true, decided)
