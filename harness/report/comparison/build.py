"""Builds ``ReportData``: pure, no clock, no files."""

from __future__ import annotations

from harness.report.comparison.data import ReportData
from harness.report.comparison.frontier import frontier_points
from harness.report.comparison.matrix import ranked_pairs
from harness.report.comparison.pairs import build_pair, build_single, build_verdict, category_name
from harness.report.comparison.scored import scored_categories
from harness.report.comparison.section_table import shown_sections
from harness.report.comparison.sections import (
    confusions,
    economics,
    gold_quality,
    outcome_rows,
    production,
    slice_tables,
)
from harness.report.comparison.sensitivity import sensitivity_rows
from harness.report.comparison.source import ReportSource
from harness.report.comparison.workload import ITEMS_PER_DAY, REVIEW_SECONDS
from harness.report.parts.words import compared_words


def build_report(
    source: ReportSource,
    *,
    generated_at: str,
    version: str,
    items_per_day: float = ITEMS_PER_DAY,
    review_seconds: float = REVIEW_SECONDS,
) -> ReportData:
    """Everything the report says, as one tree."""
    pairs = [build_pair(source, comparison) for comparison in source.comparisons]
    pairs = pairs or [build_single(source, arm.id) for arm in source.arms]
    names = tuple(arm.id for arm in source.arms)
    baseline = source.baseline if source.comparisons else None
    return ReportData(
        banners=source.banners,
        title=f"{source.eval_name}: {compared_words([pair.candidate for pair in pairs], baseline)}",
        eval_name=source.eval_name,
        run_id=source.scores.run_id,
        generated_at=generated_at,
        version=version,
        golden_set=source.scores.golden_set,
        policy_name=source.policy.name,
        policy_version=source.policy.version or 0,
        n_items=len(source.item_ids),
        n_repeats=source.n_repeats,
        baseline=baseline,
        candidates=names,
        descriptions={arm.id: arm.description for arm in source.arms},
        categories=tuple((one, category_name(source, one)) for one in source.categories),
        verdict=build_verdict(source, pairs),
        findings=tuple(one for pair in pairs for one in pair.decision.findings),
        facts=source.facts,
        pairs=tuple(pairs),
        outcomes=outcome_rows(source),
        sensitivity=sensitivity_rows(source),
        sections=shown_sections(source),
        ranking=tuple(one.candidate for one in ranked_pairs(pairs)) if baseline else (),
        frontier=frontier_points(source),
        scored=scored_categories(source),
        confusions=confusions(source),
        slices=slice_tables(source),
        economics=economics(source),
        production=production(source, items_per_day, review_seconds),
        gold=gold_quality(source),
        inputs={arm: tuple((one.kind, one.name, one.sha256) for one in files) for arm, files in source.inputs.items()},
        signatures={name: source.scored(name).signature for name in names},
        reproduce=source.reproduce,
        runs=tuple(dict.fromkeys(arm.run_id for arm in source.arms if arm.run_id)),
        definitions=dict(source.definitions),
    )
