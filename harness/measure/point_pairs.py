"""Two candidates at an operating point, item by item: recall of both where each keeps its precision at 90%.

Decides nothing of its own: the thresholds are ``points``', the tests ``compare``'s. What the choice of the thresholds
costs is in the intervals and p-values where they were chosen on a dev part. A category that one of the two gives no
scores on is shown with the other alone and the reason. The p-values are of no family: these differences are for
reading, and a gate asks for them by a check.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.operating_metrics import OperatingMetric
from harness.core.paired import PairedResult
from harness.core.point_choice import with_choice
from harness.core.results import MetricResult
from harness.measure.compare import compare_metrics, paired_dict, side_metric
from harness.measure.pairs import CategoryPairs, pair_runs
from harness.measure.points import NO_SCORES, PointChoice, drawn_of, read_points
from harness.runs import StoredCandidate


@dataclass(frozen=True, slots=True)
class PointPair:
    """Two candidates on one category at an operating point.

    Attributes:
        metric: The metric, such as ``recall@precision=0.9``.
        result: What is measured there, of both and their difference.
        held: What each keeps of what is held, baseline and candidate.
    """

    metric: str
    result: PairedResult
    held: tuple[MetricResult, MetricResult]
    choices: tuple[PointChoice, PointChoice]

    @property
    def absent(self) -> tuple[str | None, str | None]:
        """Why the baseline, and the candidate, has no operating point here; None where it has one."""
        a, b = (None if one.is_chosen else one.reason for one in self.choices)
        return a, b

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness compare --json``."""
        names = ("baseline", "candidate")
        return {
            **paired_dict(self.result),
            "held": {name: one.as_dict() for name, one in zip(names, self.held, strict=True)},
            "choice": {name: one.as_dict() for name, one in zip(names, self.choices, strict=True)},
            "reason": self.result.difference.reason,
        }


def point_pairs(
    baseline: StoredCandidate,
    candidate: StoredCandidate,
    metrics: Sequence[OperatingMetric],
    *,
    seed: int = 0,
    n_resamples: int = 10_000,
) -> dict[str, tuple[PointPair, ...]]:
    """Category -> both candidates at each operating point, those that one gives no scores on with the reason."""
    before = read_points(*baseline, metrics)
    after = read_points(*candidate, metrics)
    found: dict[str, list[PointPair]] = {}
    for metric in metrics:
        a, b = before[metric.name], after[metric.name]
        pairs = pair_runs(baseline, candidate, decided=(a.y_pred, b.y_pred))
        for column, name in enumerate(pairs.categories):
            one = pairs.category(column)
            of_b = b.choices[name]
            choices = (a.choices.get(name, PointChoice(of_b.chosen_on, reason=NO_SCORES)), of_b)
            drawn = drawn_of(a, b, name)
            if choices[0].is_chosen and choices[1].is_chosen:
                if not one.is_decided:
                    continue
                _, results = compare_metrics(one, seed, n_resamples, (metric.measured,), drawn=drawn)
                result = results[metric.measured]
                n_excluded = result.baseline.n_excluded
                held = tuple(side_metric(metric.held, one, side, n_excluded) for side in (one.a, one.b))
            else:
                result, held = _one_sided(one, metric, choices)
            if drawn is not None:
                result = result._replace(
                    baseline=with_choice(result.baseline, metric.measured, drawn[0]),
                    candidate=with_choice(result.candidate, metric.measured, drawn[1]),
                )
            found.setdefault(name, []).append(PointPair(metric.name, result, (held[0], held[1]), choices))
    return {name: tuple(several) for name, several in found.items()}


def _one_sided(
    pairs: CategoryPairs, metric: OperatingMetric, choices: tuple[PointChoice, PointChoice]
) -> tuple[PairedResult, tuple[MetricResult, ...]]:
    """What is measured and what is held where one side, or both, gives no scores: no difference."""
    n_all = len(pairs.y_true)
    measured, held = (
        tuple(
            side_metric(name, pairs, side, n_all - int(((pairs.y_true >= 0) & (side >= 0).any(axis=1)).sum()))
            if choice.is_chosen
            else MetricResult.undefined(str(choice.reason), n_excluded=n_all)
            for side, choice in zip((pairs.a, pairs.b), choices, strict=True)
        )
        for name in (metric.measured, metric.held)
    )
    reason = next(str(one.reason) for one in choices if not one.is_chosen)
    difference = MetricResult.undefined(reason, n_excluded=n_all)
    return PairedResult(measured[0], measured[1], difference, math.nan), held
