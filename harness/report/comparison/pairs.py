"""Turns one comparison into rows, changes and a sentence.

Decides how a paired difference is named; the tests behind the names come with the comparison.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, get_args

from harness.core.paired import PairedResult
from harness.core.results import MetricResult
from harness.core.targets import judge_target
from harness.gating.checks import check_subject
from harness.gating.findings import decide, pair_findings
from harness.gating.findings.pair import SAME_WITHIN, is_better
from harness.gating.gate_report import CheckReport
from harness.measure.compare import CategoryComparison, Comparison
from harness.records.evals import ALPHA
from harness.report.comparison.data import (
    METRIC_NAMES,
    CategoryRow,
    Change,
    CheckRow,
    Measure,
    NewlyItems,
    Pair,
    TargetRow,
    Verdict,
    VerdictLine,
)
from harness.report.comparison.input_changes import input_changes
from harness.report.comparison.source import OUTCOME_NAMES, ReportSource
from harness.report.gate.statement_words import notes_of, statements_text
from harness.report.parts import numbers
from harness.report.parts.decision_words import decision_sentence, decision_word, screen
from harness.report.parts.words import NOT_ASKED, enumerated, never_asked, sentence
from harness.report.points import absent_alone, absent_lines

T = TypeVar("T")
_NAME = "\0"
MOST_NAMES = 6
"""Candidates that one note names; the rest is counted."""

CHANGES: tuple[Change, ...] = get_args(Change)


def change_of(difference: MetricResult, p_holm: float | None, metric: str) -> Change:
    """Name a paired difference (candidate minus baseline)."""
    if math.isnan(difference.value):
        return "undefined"
    if p_holm is not None and p_holm <= ALPHA and difference.value != 0:
        return "better" if is_better(metric, difference.value) else "worse"
    if math.isnan(difference.low) or math.isnan(difference.high):
        return "unclear"
    if difference.low > 0 or difference.high < 0:
        return _leaning(difference, metric)
    return "same" if max(-difference.low, difference.high) <= SAME_WITHIN else "unclear"


def _leaning(difference: MetricResult, metric: str) -> Change:
    return "leans_better" if is_better(metric, difference.value) else "leans_worse"


def _check_row(check: CheckReport) -> CheckRow:
    result, spec = check.result, check.result.spec
    return CheckRow(
        category=spec.category,
        subject=check_subject(spec),
        metric=spec.metric,
        tier=spec.tier,
        limit=numbers.limit(spec.kind, spec.limit),
        n=result.n,
        verdict=result.verdict,
        difference=result.difference if spec.kind == "margin" else None,
        value=result.difference if spec.kind == "floor" else None,
        items_needed=result.items_needed,
        remark=statements_text(result.remarks),
    )


def build_pair(source: ReportSource, comparison: Comparison) -> Pair:
    """One baseline and one candidate."""
    baseline, candidate = comparison.baseline.candidate, comparison.candidate.candidate
    gate = source.gates.get(candidate)
    verdict = None if gate is None else gate.verdict
    checks = () if gate is None else tuple(map(_check_row, (*gate.checks, *gate.pooled)))
    findings = pair_findings(source.evidence[candidate])
    told = {(one.category, one.metric) for one in findings if one.fact == "moved" and one.slice is None}
    rows = [
        _compared_row(source, category, compared, {metric for of, metric in told if of == category}, checks)
        for category, compared in comparison.categories.items()
    ]
    return Pair(
        baseline=baseline,
        candidate=candidate,
        decision=decide(candidate, baseline, findings, verdict),
        family=comparison.family if comparison.categories else "",
        rows=tuple(rows),
        changes={metric: _changes(rows, metric) for metric in METRIC_NAMES},
        inputs=input_changes(source.inputs.get(baseline, ()), source.inputs.get(candidate, ())),
        verdict=verdict and verdict.replace("_", " "),
        checks=checks,
        n_fixed=len({one for row in rows for one in row.fixed}),
        n_broken=len({one for row in rows for one in row.broken}),
    )


def _compared_row(
    source: ReportSource,
    category: str,
    compared: CategoryComparison,
    told: Container[str | None],
    checks: Sequence[CheckRow],
) -> CategoryRow:
    """One category; ``told`` are the metrics that the first screen tells of."""
    measures = {
        metric: _measure(metric, compared.metrics[metric], compared.p_holm.get(metric), is_told=metric in told)
        for metric in METRIC_NAMES
        if metric in compared.metrics
    }
    row = _row(source, category, measures)
    newly = NewlyItems(**compared.newly)
    asked = tuple(check for check in checks if check.category == category)
    return replace(row, fixed=compared.fixed, broken=compared.broken, newly=newly, checks=asked)


def _changes(rows: Sequence[CategoryRow], metric: str) -> dict[str, tuple[str, ...]]:
    """Change -> categories."""
    found = [(row.id, row.measures[metric].change) for row in rows if metric in row.measures]
    return {change: tuple(category for category, one in found if one == change) for change in CHANGES}


def _measure(metric: str, paired: PairedResult, p_holm: float | None, *, is_told: bool) -> Measure:
    """One metric; what the first screen tells as likely is maybe so in the table too, whatever its interval."""
    change = change_of(paired.difference, p_holm, metric)
    if is_told and change in ("unclear", "same"):
        change = _leaning(paired.difference, metric)
    p_value = None if math.isnan(paired.p_value) else paired.p_value
    return Measure(metric, paired.baseline, paired.candidate, paired.difference, p_value, p_holm, change)


def build_single(source: ReportSource, candidate: str) -> Pair:
    """One candidate alone."""
    rows = []
    for category, scored in source.scored(candidate).categories.items():
        found = {metric: scored.metrics[metric] for metric in METRIC_NAMES if metric in scored.metrics}
        alone = {metric: Measure(metric, None, one, None, None, None, "undefined") for metric, one in found.items()}
        rows.append(_row(source, category, alone))
    decision = decide(candidate, None, pair_findings(source.evidence[candidate]))
    return Pair(None, candidate, decision, "", tuple(rows), {}, (), None, (), 0, 0)


def _row(source: ReportSource, category: str, measures: Mapping[str, Measure]) -> CategoryRow:
    """One category of a candidate alone."""
    name, severity = category_name(source, category), source.policy.category(category).severity or ""
    targets = _targets(source, category, measures)
    return CategoryRow(category, name, severity, *gold_counts(source, category), targets, measures)


def gold_counts(source: ReportSource, category: str) -> tuple[int, int, int]:
    """How many items violate the category, do not, and have no label of it."""
    gold = source.y_true[:, source.categories.index(category)]
    violating, other = int((gold == 1).sum()), int((gold == 0).sum())
    return violating, other, len(gold) - violating - other


def _targets(source: ReportSource, category: str, measures: Mapping[str, Measure]) -> dict[str, TargetRow]:
    """What the policy asks of the category, judged as gates and the weekly report judge it."""
    asked, found = source.policy.targets(category), {metric: one.candidate for metric, one in measures.items()}
    return {
        metric: TargetRow(target, judge_target(metric, found[metric], target).state)
        for metric, target in asked.items()
        if metric in found and found[metric].is_defined
    }


def category_name(source: ReportSource, category: str) -> str:
    """Name for readers; the id when the policy does not know it."""
    return source.policy.category_name(category)


def build_verdict(source: ReportSource, pairs: Sequence[Pair]) -> Verdict:
    """Per candidate the decision in words; then notes."""
    lines = tuple(_line(pair) for pair in pairs)
    notes = [*_without_points(source), *_not_asked(source), *_gate_notes(source)]
    first = lines[0]
    return Verdict(first.word, first.tone, first.sentence, lines, tuple(dict.fromkeys(notes)))


def _not_asked(source: ReportSource) -> list[str]:
    """Who was not asked about every item, where no banner says that the run is broken."""
    code, n_items = OUTCOME_NAMES.index(NOT_ASKED), len(source.item_ids)
    n_of = {arm.id: int((arm.outcomes == code).sum()) for arm in source.arms if not source.banners}
    return [never_asked(name, n, n_items) for name, n in n_of.items() if n]


def _without_points(source: ReportSource) -> list[str]:
    """Who has no operating point where one is shown or asked for."""
    if source.baseline is not None:
        pairs = ((source.baseline, name, _by_name(source, points)) for name, points in source.points.items())
        return [line for first, name, points in pairs for line in absent_lines(points, (first, name))]
    return [
        line for arm in source.arms for line in absent_alone(arm.id, _by_name(source, source.scored(arm.id).points))
    ]


def _by_name(source: ReportSource, points: Mapping[str, T]) -> dict[str, T]:
    return {category_name(source, category): one for category, one in points.items()}


def _gate_notes(source: ReportSource) -> list[str]:
    """The gates' notes; those that differ only in the candidate's name are said once, for the candidates they name."""
    alike: dict[str, list[str]] = {}
    for candidate, gate in source.gates.items():
        for note in notes_of(gate):
            alike.setdefault(re.sub(rf"(?<!\w){re.escape(candidate)}(?!\w)", _NAME, note), []).append(candidate)
    return [sentence(_named(note, names)) for note, names in alike.items()]


def _named(note: str, names: Sequence[str]) -> str:
    """One note about several candidates; the verb stays in the singular."""
    if len(names) > 1:
        several = enumerated(names, MOST_NAMES)
        note = re.sub(rf"(?<=nor ){_NAME}|(?<=not decided by ){_NAME}", f"any of {several}", note)
        return note.replace(_NAME, f"each of {several}")
    return note.replace(_NAME, names[0])


def _line(pair: Pair) -> VerdictLine:
    """The decision in words; a broken run's banner says what is wrong with it."""
    decision = pair.decision
    word, tone = decision_word(decision)
    details = tuple((name, tuple(said)) for name, said in screen(decision))
    return VerdictLine(pair.candidate, word, tone, decision_sentence(decision), details)  # type: ignore[arg-type]
