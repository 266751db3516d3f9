"""The policy's targets for one candidate, judged by the one rule of targets."""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.results import MetricResult
from harness.core.targets import judge_target
from harness.gating.findings.pair import TargetFact


def target_facts(
    targets: Mapping[str, Mapping[str, float]], results: Mapping[tuple[str, str], MetricResult]
) -> tuple[TargetFact, ...]:
    """Category -> metric -> target, and what was measured, as judged targets; what was not measured is left out."""
    found = []
    for category, asked in targets.items():
        for metric, target in asked.items():
            result = results.get((category, metric))
            if target is None or result is None or not result.is_defined or not result.n:
                continue
            one = judge_target(metric, result, float(target))
            bound = one.high if one.state == "missed" else one.low
            found.append(TargetFact(category, metric, float(target), one.state, result, bound, one.further))
    return tuple(found)
