"""Made-up report sources of any size, scored by the real core; seeded, so that pages can be compared byte by byte."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from harness.core import metrics
from harness.core.averages import macro_average
from harness.core.checks import CheckResult, CheckSpec, Verdict
from harness.core.multiplicity import holm
from harness.core.paired import CELL_NAMES, PAIRED_METRICS, compare_paired, paired_cells
from harness.core.ranking import auroc, average_precision
from harness.core.results import MetricResult
from harness.core.statements import Statement
from harness.gating.findings.pair import About, Cell, PairEvidence
from harness.gating.findings.stored import NEWLY, check_facts
from harness.gating.findings.targets import target_facts
from harness.gating.gate_report import CheckReport, Fallback, GateReport, GateSide
from harness.measure.compare import CategoryComparison, Comparison, Side
from harness.measure.money import Money
from harness.measure.pairs import flips_of, gained_repeats
from harness.measure.score import CandidateScore, CategoryScore, RunScore
from harness.measure.slices import slice_changes
from harness.records import CategoryFacts, GoldenFacts, PolicyFacts, Prevalence, Target
from harness.report.comparison.source import OUTCOME_NAMES, Arm, InputText, ReportSource

CATEGORY_NAMES = [
    ("hate", "Hate and hateful behaviour", "high"),
    ("harassment", "Harassment and bullying", "medium"),
    ("threats", "Threats and incitement to violence", "critical"),
    ("self_harm", "Suicide and self-harm", "critical"),
    ("sexual", "Sexual content", "medium"),
    ("scams", "Scams and fraud", "high"),
    ("spam", "Spam and inauthentic engagement", "low"),
    ("regulated_goods", "Regulated goods", "medium"),
    ("dangerous_acts", "Dangerous acts and challenges", "high"),
    ("private_information", "Private information", "high"),
]
WORD_LINE = """video great this channel follow
back never again people should know about the real story today my friend says
nobody asked lol same here tell them where you live idiot garbage thanks for sharing buy now cheap link below
weather match goal recipe dog garden school train night market phone wallet promise winner claim prize"""
WORDS = WORD_LINE.split()
LANGUAGES = ("en", "de", "ko", "pt")
SURFACES = ("comment", "caption", "live_chat", "profile", "message")
FUNCTIONALITIES = (
    "implicit_attack",
    "counter_speech",
    "negation",
    "news_report",
    "banter",
    "reclaimed_term",
    "spelling",
)
PROMPT_V1 = """# system

You are a content moderator. Read the item and name the policy categories it violates.

Categories:
{% for category in categories %}
- {{ category.id }}: {{ category.definition }}
{% endfor %}

Answer with one JSON object: {"categories": [...], "rationale": "..."}.

# user

{{ item.text }}
"""
PROMPT_V2 = PROMPT_V1.replace(
    "name the policy categories it violates", "name every policy category it violates"
).replace(
    "Categories:",
    "Quoting abuse in order to report it is allowed. When unsure, name both categories.\n\nCategories:",
)


def synthetic_source(
    n_items: int = 300,
    n_categories: int = 4,
    n_candidates: int = 2,
    *,
    seed: int = 7,
    gate: bool = True,
    with_scores: bool = True,
    text_words: int = 14,
) -> ReportSource:
    """A run that never was: the second candidate is a little better on some categories and worse on one."""
    rng = np.random.default_rng(seed)
    names = [
        CATEGORY_NAMES[index] if index < len(CATEGORY_NAMES) else (f"area_{index}", f"Policy area {index}", "medium")
        for index in range(n_categories)
    ]
    categories = tuple(one[0] for one in names)
    prevalence = Prevalence(0.004, "made up", datetime.date(2026, 11, 1), 0.003, 0.006)
    target = Target(recall=0.8, precision=0.8)
    stated = {one[0]: CategoryFacts(one[1], one[2], prevalence=prevalence, target=target) for one in names}
    policy = PolicyFacts("community", 3, stated)
    y_true = (rng.random((n_items, n_categories)) < rng.uniform(0.06, 0.25, n_categories)).astype(np.int8)
    y_true[rng.random(y_true.shape) < 0.03] = -1
    texts: list[str | None] = [
        " ".join(rng.choice(WORDS, int(rng.integers(4, 2 * text_words)))) for _ in range(n_items)
    ]
    if n_items > 20:
        texts[5] = None
    difficulty = rng.normal(0, 1, y_true.shape)
    arms = []
    for position in range(n_candidates):
        skill = 2.2 + 0.5 * min(position, 1) * np.where(np.arange(n_categories) % 3 == 2, -1.6, 1.0)
        noise = rng.normal(0, 0.6, y_true.shape)
        logits = np.where(y_true == 1, skill, -skill) + 1.2 * difficulty + noise
        scores = 1 / (1 + np.exp(-logits))
        decisions = (scores >= 0.5).astype(np.int8)
        outcomes = np.zeros(n_items, dtype=np.uint8)
        failed = rng.random(n_items) < 0.02 / (position + 1)
        outcomes[failed] = rng.choice([1, 2, 3, 5], int(failed.sum()))
        decisions[outcomes != 0] = 0
        decisions[outcomes == OUTCOME_NAMES.index("error")] = -1
        if texts[5 % n_items] is None:
            outcomes[5], decisions[5] = OUTCOME_NAMES.index("withheld"), -1
        scores[outcomes != 0] = np.nan
        flagged = [[categories[c] for c in np.flatnonzero(row == 1)] for row in decisions]
        arms.append(
            Arm(
                id=f"v{position + 1}",
                outcomes=outcomes,
                decisions=decisions,
                scores=scores if with_scores else None,
                rationales=[
                    None if outcomes[row] else f"Reads as {', '.join(hits)}." if hits else "Nothing here violates."
                    for row, hits in enumerate(flagged)
                ],
                latency_ms=rng.gamma(4, 60, n_items),
                description=f"prompt community_v{position + 1}.md on a small model",
            )
        )
    slices = {
        name: {value: np.flatnonzero(picked == index) for index, value in enumerate(values) if (picked == index).any()}
        for name, values in (("language", LANGUAGES), ("surface", SURFACES), ("functionality", FUNCTIONALITIES))
        for picked in [rng.choice(len(values), n_items, p=_weights(len(values)))]
    }
    item_ids = [f"c-{index + 1:06d}" for index in range(n_items)]
    return assembled("community", policy, item_ids, texts, categories, y_true, slices, tuple(arms), gate=gate)


def _weights(n: int) -> Any:
    weights = 1.0 / np.arange(1, n + 1) ** 1.3
    return weights / weights.sum()


def assembled(
    name: str,
    policy: PolicyFacts,
    item_ids: list[str],
    texts: list[str | None],
    categories: tuple[str, ...],
    y_true: Any,
    slices: Any,
    arms: tuple[Arm, ...],
    *,
    gate: bool,
    prompts: tuple[str, str] = (PROMPT_V1, PROMPT_V2),
) -> ReportSource:
    """Score and compare the arms, and wrap everything up."""
    golden = GoldenFacts(name, 1, "3f9a1c2e" * 8, len(item_ids))
    candidates = {arm.id: _scored(arm, policy, categories, y_true, slices) for arm in arms}
    scores = RunScore("20261123-0900-5f3a", golden, candidates)
    comparisons = tuple(_compared(arms[0], arm, categories, y_true, item_ids, golden) for arm in arms[1:])
    inputs = {}
    for position, arm in enumerate(arms):
        text = prompts[min(position, 1)]
        inputs[arm.id] = (
            InputText("prompt", f"prompts/community_v{position + 1}.md", text, _sha256(text)),
            InputText("policy", "policies/community.yaml", "policy: community\n", "ab" * 32),
        )
    gates = {one.candidate.candidate: _gated(one) for one in comparisons} if gate else {}
    changes = {
        arm.id: slice_changes(categories, y_true, arms[0].decisions[:, None], arm.decisions[:, None], slices, None)
        for arm in arms[1:]
    }
    about = {name: About(one.name, one.severity or "", one.owner) for name, one in policy.categories.items()}
    return ReportSource(
        eval_name=name,
        policy=policy,
        item_ids=item_ids,
        texts=texts,
        categories=categories,
        y_true=y_true,
        slices=slices,
        arms=arms,
        scores=scores,
        baseline=arms[0].id if comparisons else None,
        comparisons=comparisons,
        slice_changes=changes,
        evidence={one.candidate.candidate: _evidence(one, about, policy, changes, gates, scores) for one in comparisons}
        or {arms[0].id: _alone(arms[0].id, about, policy, scores)},
        gates=gates,
        inputs=inputs,
        facts=(("Run", "20261123-0900-5f3a"), ("Run on", "2026-11-23 09:00 UTC"), ("Model", "embedded")),
        reproduce=("harness run evals/community.yaml", "harness report runs/20261123-0900-5f3a --baseline v1"),
    )


def _evidence(one, about, policy, changes, gates, scores):
    """What the findings of a made-up comparison rest on."""
    candidate = one.candidate.candidate
    cells = tuple(
        Cell(
            category,
            metric,
            *compared.metrics[metric],
            compared.p_holm.get(metric, np.nan),
            {name: len(compared.newly[name]) for name in NEWLY[metric]},
        )
        for category, compared in one.categories.items()
        for metric in NEWLY
    )
    checks = check_facts(gates[candidate].checks) if candidate in gates else ()
    alone = _alone(candidate, about, policy, scores)
    return PairEvidence(
        one.baseline.candidate,
        candidate,
        about,
        cells,
        changes[candidate],
        alone.outcomes,
        targets=alone.targets,
        checks=checks,
    )


def _alone(candidate, about, policy, scores):
    scored = scores.candidates[candidate]
    results = {
        (category, metric): one.metrics[metric]
        for category, one in scored.categories.items()
        for metric in ("recall", "precision")
    }
    targets = {one: policy.targets(one) for one in policy.categories if policy.targets(one)}
    return PairEvidence(None, candidate, about, outcomes=scored.outcomes, targets=target_facts(targets, results))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _counts(y_true: Any, decided: Any) -> tuple[float, float, float, float]:
    return (
        float(((y_true == 1) & (decided == 1)).sum()),
        float(((y_true == 0) & (decided == 1)).sum()),
        float(((y_true == 1) & (decided == 0)).sum()),
        float(((y_true == 0) & (decided == 0)).sum()),
    )


def _category(counts: tuple[float, float, float, float]) -> CategoryScore:
    names = ("precision", "recall", "f1", "fpr")
    return CategoryScore(*counts, {name: metrics.METRICS[name](*counts) for name in names}, {})


def _restated(one: CategoryScore, share: float) -> MetricResult:
    def at(recall: float, fpr: float) -> float:
        return share * recall / (share * recall + (1 - share) * fpr)

    recall, fpr = one.metrics["recall"], one.metrics["fpr"]
    if not recall.is_defined or not recall.value or not fpr.is_defined or not fpr.value:
        return MetricResult.undefined("nothing flagged")
    low, high = at(recall.low, fpr.high), at(recall.high, fpr.low)
    return MetricResult(at(recall.value, fpr.value), low, high, recall.n + fpr.n)


def _scored(arm: Arm, policy: PolicyFacts, categories: tuple[str, ...], y_true: Any, slices: Any) -> CandidateScore:
    scored = {}
    for column, category in enumerate(categories):
        one = _category(_counts(y_true[:, column], arm.decisions[:, column]))
        more: dict[str, MetricResult] = {}
        stated = policy.category(category).prevalence
        if stated is not None:
            more["precision_at_prevalence"] = _restated(one, stated.value)
        if arm.scores is not None:
            more["average_precision"] = average_precision(y_true[:, column], arm.scores[:, column])
            more["auroc"] = auroc(y_true[:, column], arm.scores[:, column])
        scored[category] = replace(one, metrics={**one.metrics, **more})
    outcomes = np.bincount(arm.outcomes, minlength=len(OUTCOME_NAMES))
    n_failed = int(outcomes[1:5].sum())
    return CandidateScore(
        outcomes={name: int(n) for name, n in zip(OUTCOME_NAMES, outcomes, strict=True)},
        on_failure="no_flag",
        failure_rate=metrics.failure_rate(n_failed, n_failed + int(outcomes[0])),
        n_fallback=0,
        categories=scored,
        any_violation=_category((0.0, 0.0, 0.0, 0.0)),
        macro={"f1": macro_average(y_true, arm.decisions, metric="f1")},
        micro={},
        slices={
            name: {
                value: {
                    category: _category(_counts(y_true[members, column], arm.decisions[members, column]))
                    for column, category in enumerate(categories)
                }
                for value, members in values.items()
            }
            for name, values in slices.items()
        },
        latency_ms={}
        if arm.latency_ms is None
        else {f"p{q}": float(np.percentile(arm.latency_ms, q)) for q in (50, 95, 99)},
        tokens={"input_tokens": 412 * len(y_true), "cached_tokens": 0, "output_tokens": 31 * len(y_true)},
        cost_usd=0.00021 * len(y_true) * (1 + 0.4 * float(arm.id[-1] == "2")),
        signature=f"set:community_v1@3f9a1c2e|policy:3|candidate:{arm.id}|ci:wilson95|v:0.1.0",
        money=_money(arm, y_true),
    )


def _money(arm: Arm, y_true: Any) -> Money:
    cost = 0.00021 * len(y_true) * (1 + 0.4 * float(arm.id[-1] == "2"))
    n_answered = int((arm.outcomes < OUTCOME_NAMES.index("error")).sum())
    n_caught = int(((arm.decisions == 1) & (y_true == 1)).any(axis=1).sum())
    return Money(cost, 1000 * cost / n_answered, cost / n_caught if n_caught else None, n_caught, 0, 0.0)


def _compared(
    a: Arm, b: Arm, categories: tuple[str, ...], y_true: Any, item_ids: list[str], golden: GoldenFacts
) -> Comparison:
    found: dict[str, CategoryComparison] = {}
    tested = []
    for column, category in enumerate(categories):
        gold, one, other = y_true[:, column], a.decisions[:, column], b.decisions[:, column]
        cells = paired_cells(gold, one, other)
        results = {
            metric: compare_paired(cells, metric, rng=np.random.default_rng([7, column]), n_resamples=500)
            for metric in PAIRED_METRICS
        }
        tested += [
            (category, metric, float(result.p_value))
            for metric, result in results.items()
            if metric != "f1" and not np.isnan(result.p_value)
        ]
        paired = (gold >= 0) & (one >= 0) & (other >= 0)
        found[category] = CategoryComparison(
            dict(zip(CELL_NAMES, map(int, cells), strict=True)),
            results,
            {},
            tuple(item_ids[i] for i in np.flatnonzero(paired & (other == gold) & (one != gold))),
            tuple(item_ids[i] for i in np.flatnonzero(paired & (one == gold) & (other != gold))),
            flips_of(item_ids, gold, gained_repeats(gold[:, None], one[:, None], other[:, None])).newly,
        )
    adjusted = holm(np.array([p for *_, p in tested]))
    for (category, metric, _), p in zip(tested, adjusted, strict=True):
        found[category] = replace(found[category], p_holm={**found[category].p_holm, metric: float(p)})
    sides = (Side("20261123-0900-5f3a", arm.id, {}, None, {}, "") for arm in (a, b))
    family = f"Holm over {len(categories)} categories x recall, precision, fpr"
    return Comparison(*sides, golden, len(item_ids), family, found)


def _gated(comparison: Comparison) -> GateReport:
    checks = []
    for category, compared in comparison.categories.items():
        difference = compared.metrics["recall"].difference
        verdict: Verdict = "INCONCLUSIVE"
        if not np.isnan(difference.low):
            verdict = "PASS" if difference.low > -0.05 else "REGRESSION" if difference.high < 0 else "INCONCLUSIVE"
        needed = 120 if verdict == "INCONCLUSIVE" else None
        spec = CheckSpec(category, "recall", "guarded", margin=0.05)
        result = CheckResult(spec, verdict, difference.n, 0.01, 0.2, 0.8, 0.5, difference, needed)
        sides = compared.metrics["recall"]
        checks.append(CheckReport(result, sides.baseline, sides.candidate))
    order: tuple[Verdict, ...] = ("REGRESSION", "INCONCLUSIVE", "PASS")
    verdict = next(one for one in order if any(check.result.verdict == one for check in checks))
    sides = [
        GateSide(one.run_id, one.candidate, "", {}, MetricResult.undefined("not measured"), None, 0, {})
        for one in (comparison.baseline, comparison.candidate)
    ]
    return GateReport(
        verdict=verdict,
        reasons=(),
        checks=tuple(checks),
        pooled=(),
        eval_name="community",
        alpha=0.05,
        seed=0,
        golden_set=comparison.golden_set,
        n_items=comparison.n_items,
        n_missing=0,
        n_withheld=0,
        baseline=sides[0],
        candidate=sides[1],
        fallback=Fallback({}, {}, {}),
        flips={},
    )


def rescored(source: ReportSource, candidate: str, **fields: Any) -> ReportSource:
    """The source with other scores of one candidate."""
    one = replace(source.scored(candidate), **fields)
    return replace(source, scores=replace(source.scores, candidates={**source.scores.candidates, candidate: one}))


def with_notes(source: ReportSource, note: Callable[[str], Statement]) -> ReportSource:
    """The source whose gates have one note each."""
    return replace(source, gates={name: replace(gate, notes=(note(name),)) for name, gate in source.gates.items()})


def left_out_note(category: str, candidate: str) -> Statement:
    """A check that the gate does not ask."""
    spec = CheckSpec(category, "recall", "guarded", margin=0.05)
    facts = {"because": "makes_no_calls", "baseline": "v1", "candidate": candidate}
    return Statement("left_out", (spec,), facts)
