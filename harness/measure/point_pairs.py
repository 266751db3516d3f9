"""Two candidates at an operating point, item by item: recall of both where each keeps its precision at 90%.

Decides nothing of its own: the thresholds are ``points``', the tests ``compare``'s. What the choice of the thresholds
costs is in the intervals and p-values where they were chosen on a dev part. The p-values are of no family: these
differences are for reading, and a gate asks for them by a check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.operating_metrics import OperatingMetric
from harness.core.paired import PairedResult
from harness.core.point_choice import with_choice
from harness.core.results import MetricResult
from harness.measure.compare import compare_metrics, paired_dict, side_metric
from harness.measure.pairs import pair_runs
from harness.measure.points import PointChoice, read_points
from harness.runs import Run


@dataclass(frozen=True, slots=True)
class PointPair:
    """Two candidates on one category at an operating point.

    Attributes:
        metric: The metric, such as ``recall@precision=0.9``.
        result: What is measured there, of both and their difference.
        held: What each keeps of what is held, baseline and candidate.
        choices: Their thresholds.
    """

    metric: str
    result: PairedResult
    held: tuple[MetricResult, MetricResult]
    choices: tuple[PointChoice, PointChoice]

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness compare --json``."""
        names = ("baseline", "candidate")
        return {
            **paired_dict(self.result),
            "held": {name: one.as_dict() for name, one in zip(names, self.held, strict=True)},
            "choice": {name: one.as_dict() for name, one in zip(names, self.choices, strict=True)},
        }


def point_pairs(
    baseline_run: Run,
    baseline: str,
    candidate_run: Run,
    candidate: str,
    metrics: Sequence[OperatingMetric],
    *,
    seed: int = 0,
    n_resamples: int = 10_000,
) -> dict[str, tuple[PointPair, ...]]:
    """Category -> both candidates at each operating point; categories that one gives no scores on are left out."""
    before = read_points(baseline_run, baseline, metrics)
    after = read_points(candidate_run, candidate, metrics)
    found: dict[str, list[PointPair]] = {}
    for metric in metrics:
        a, b = before[metric.name], after[metric.name]
        pairs = pair_runs(baseline_run, baseline, candidate_run, candidate, decided=(a.y_pred, b.y_pred))
        for column, name in enumerate(pairs.categories):
            one = pairs.category(column)
            if name not in a.choices or not (a.choices[name].thresholds and b.choices[name].thresholds):
                continue
            if not one.is_decided:
                continue
            drawn = (a.drawn.get(name), b.drawn.get(name))
            both = (drawn[0] or drawn[1], drawn[1] or drawn[0])
            known = None if both[0] is None or both[1] is None else (both[0], both[1])
            _, results = compare_metrics(one, seed, n_resamples, (metric.measured,), drawn=known)
            result = results[metric.measured]
            if known is not None:
                result = result._replace(
                    baseline=with_choice(result.baseline, metric.measured, known[0]),
                    candidate=with_choice(result.candidate, metric.measured, known[1]),
                )
            n_excluded = result.baseline.n_excluded
            held = (side_metric(metric.held, one, one.a, n_excluded), side_metric(metric.held, one, one.b, n_excluded))
            found.setdefault(name, []).append(PointPair(metric.name, result, held, (a.choices[name], b.choices[name])))
    return {name: tuple(several) for name, several in found.items()}


def plain_pairs(points: Sequence[PointPair]) -> dict[str, Any]:
    """Metric -> plain data."""
    return {one.metric: one.as_dict() for one in points}
