"""What a golden set can prove, before any call: power at each margin, and the smallest margin within reach.

Decides the assumptions, and states them: how often the two systems differ, and, for precision, how much they flag. The
figures are ``core.planning``'s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core.arrays import Codes, Floats
from harness.core.check_p_values import MIN_FLAGGED
from harness.core.checks import CheckSpec
from harness.core.metric_table import LOWER_IS_BETTER, SHARES, table_metric, unit_of
from harness.core.operating_metrics import operating_metric
from harness.core.planning import (
    PLANNED_DISCORDANCE,
    POWER,
    floor_items_needed,
    precision_smallest_margin,
    recall_items_needed,
    recall_power,
    smallest_provable_margin,
)
from harness.core.results import number_or_none
from harness.gating.checks import gate_of, resolve_checks
from harness.records import GoldenFacts
from harness.runs.split import is_dev

if TYPE_CHECKING:
    from harness.files.evals import LoadedEval

ASSUMED_PRECISION = 0.8
MOST_ITEMS = 1_000_000
LARGEST_MARGIN = 0.5


@dataclass(frozen=True, slots=True)
class PlannedCheck:
    """What one check can prove on a golden set.

    Attributes:
        n: Items of its denominator in the golden set; for precision the number assumed to be flagged.
        power: Chance to PASS when the two systems are equal; NaN without items, or for a floor.
        smallest_margin: Smallest margin provable with 80% power; NaN without items, or for a floor.
        needed: Items of the denominator for 80% power at the limit; None when no number suffices.
        unit: What ``n`` and ``needed`` count.
    """

    spec: CheckSpec
    n: int
    power: float
    smallest_margin: float
    needed: int | None
    unit: str

    @property
    def can_pass(self) -> bool:
        """Whether the set is large enough for the check to be worth asking."""
        return self.needed is not None and self.n >= self.needed

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness gate --plan --json``."""
        return {
            "category": self.spec.category,
            "metric": self.spec.metric,
            "tier": self.spec.tier,
            self.spec.kind: self.spec.limit,
            "n": self.n,
            "unit": self.unit,
            "power": number_or_none(self.power),
            "smallest_margin": number_or_none(self.smallest_margin),
            "needed": self.needed,
            "enough": self.can_pass,
        }


@dataclass(frozen=True, slots=True)
class GatePlan:
    """What a golden set can prove under stated assumptions."""

    eval_name: str
    golden_set: GoldenFacts
    alpha: float
    discordance: float
    checks: tuple[PlannedCheck, ...]
    assumptions: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness gate --plan --json``."""
        return {
            "eval": self.eval_name,
            "golden_set": self.golden_set.as_dict(),
            "alpha": self.alpha,
            "discordance": self.discordance,
            "checks": [check.as_dict() for check in self.checks],
            "assumptions": list(self.assumptions),
        }


def plan_eval(loaded: LoadedEval, *, discordance: float = PLANNED_DISCORDANCE) -> GatePlan:
    """What the golden set of an eval can prove about its gate; nothing is called."""
    spec, golden = loaded.eval.value, loaded.golden
    gate = gate_of(spec)
    y_true, groups = golden.labels(), [item.group for item in golden.items()]
    if spec.split is not None:  # the gate judges its own part of the set alone
        is_gated = ~is_dev(list(golden.ids()), groups, spec.split)
        y_true, groups = y_true[is_gated], [group for group, kept in zip(groups, is_gated, strict=True) if kept]
    n_items = len(groups)
    names = {one.id: one.name for one in loaded.policy.value.categories}
    specs = resolve_checks(gate.checks, golden.categories, n_items, names)
    named = {group for group in groups if group is not None}
    n_groups = None if not named else len(named) + groups.count(None)
    said = assumptions(specs, discordance, n_groups, n_items)
    if spec.split is not None:
        said = (*said, f"only the gate part of the split counts, {n_items} of {len(golden)} items")
    return GatePlan(
        spec.eval,
        GoldenFacts(golden.name, golden.version, golden.sha256, n_items),
        gate.alpha,
        discordance,
        plan_checks(y_true, golden.categories, specs, discordance=discordance, alpha=gate.alpha),
        said,
    )


def plan_checks(
    y_true: Codes,
    categories: Sequence[str],
    specs: Sequence[CheckSpec],
    *,
    discordance: float = PLANNED_DISCORDANCE,
    alpha: float = 0.05,
) -> tuple[PlannedCheck, ...]:
    """Power and smallest margin of each check when baseline and candidate are equal and differ on that share."""
    planned = []
    for spec in specs:
        n = _denominator(y_true, categories, spec)
        if spec.kind == "floor":
            planned.append(_floor(spec, n, alpha))
        elif table_metric(spec.metric) == "precision":
            planned.append(_precision(spec, n, discordance, alpha))
        else:
            planned.append(_matched(spec, n, discordance, alpha))
    return tuple(planned)


@cache
def provable_recall_margin(n_violating: int, alpha: float = 0.05) -> float | None:
    """Smallest recall margin that so many violating items can prove under the plan's assumptions.

    None where there is none below 50 points.
    """
    if n_violating == 0:
        return None
    margin = smallest_provable_margin(n_violating, PLANNED_DISCORDANCE, power=POWER, alpha=alpha)
    return None if math.isnan(margin) or margin > LARGEST_MARGIN else margin


@cache
def violating_items_needed(margin: float, alpha: float = 0.05) -> int | None:
    """Violating items for a recall margin under the plan's assumptions; None where no number suffices."""
    return recall_items_needed(margin, PLANNED_DISCORDANCE, power=POWER, alpha=alpha)


def assumptions(specs: Sequence[CheckSpec], discordance: float, n_groups: int | None, n_items: int) -> tuple[str, ...]:
    """What the figures take for granted, in sentences."""
    said = [
        f"baseline and candidate are equally good and differ on {discordance:.1%} of the items (--discordance); it is "
        "never less than what the baseline differs from itself in an A/A run",
        f"power of {POWER:.0%} for each check on its own",
    ]
    if any(table_metric(spec.metric) == "precision" for spec in specs):
        said.append(
            f"precision: both systems flag as many items as violate, {ASSUMED_PRECISION:.0%} of them rightly, at the "
            "set's own prevalence"
        )
    if any(spec.metric == "failure_rate" and spec.kind == "margin" for spec in specs):
        said.append("failure rate: the two systems differ on no more items than the margin")
    if any(operating_metric(spec.metric) for spec in specs):
        said.append(
            "operating points: both systems have scores, and their thresholds are given; what choosing them on the dev "
            "part costs is known after the run, and power is at most this"
        )
    if any(spec.kind == "floor" for spec in specs):
        said.append("floor: the true value lies halfway between the floor and 100%")
    if n_groups is not None and n_groups < n_items:
        said.append(
            f"items count as independent; {n_items} items in {n_groups} groups are worth fewer: power is at most this"
        )
    return tuple(said)


def _denominator(y_true: Codes, categories: Sequence[str], spec: CheckSpec) -> int:
    if spec.metric == "failure_rate":
        return int(y_true.shape[0])
    column = y_true[:, list(categories).index(spec.category)]
    return int(np.isin(column, SHARES[spec.metric].gold or (1,)).sum())


def _matched(spec: CheckSpec, n: int, discordance: float, alpha: float) -> PlannedCheck:
    unit, margin = unit_of(spec.metric), spec.limit
    psi = discordance if spec.metric != "failure_rate" else min(discordance, margin)
    needed = recall_items_needed(margin, psi, power=POWER, alpha=alpha)
    if n == 0:
        return PlannedCheck(spec, 0, math.nan, math.nan, needed, unit)
    smallest = smallest_provable_margin(n, psi, power=POWER, alpha=alpha)
    return PlannedCheck(spec, n, recall_power(n, margin, psi, alpha=alpha), smallest, needed, unit)


def _precision(spec: CheckSpec, n: int, discordance: float, alpha: float) -> PlannedCheck:
    cells = _assumed_cells(n, discordance)
    unit = f"{unit_of('precision')} (assumed)"
    needed = _precision_needed(spec.limit, discordance, alpha)
    if n == 0:
        return PlannedCheck(spec, 0, math.nan, math.nan, needed, unit)
    smallest = precision_smallest_margin(cells, power=POWER, alpha=alpha)
    return PlannedCheck(spec, n, _precision_power(cells, spec.limit, alpha), smallest, needed, unit)


def _precision_needed(margin: float, discordance: float, alpha: float) -> int | None:
    """Fewest flagged items at which the margin is within reach, by bisection."""

    def suffices(n: int) -> bool:
        return precision_smallest_margin(_assumed_cells(n, discordance), power=POWER, alpha=alpha) <= margin

    low, high = 0, 1
    while not suffices(high):
        low, high = high, 2 * high
        if high > MOST_ITEMS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return max(MIN_FLAGGED, high)


def _assumed_cells(n_flagged: int, discordance: float) -> Floats:
    """Two equal systems that flag ``n_flagged`` each and differ on a share of the flagged items."""
    differ = discordance / 2
    cells = np.zeros(8)
    for both, only_a, only_b, share in ((7, 6, 5, ASSUMED_PRECISION), (3, 2, 1, 1 - ASSUMED_PRECISION)):
        cells[both] = n_flagged * share * (1 - differ)
        cells[only_a] = cells[only_b] = n_flagged * share * differ
    return cells


def _precision_power(cells: Floats, margin: float, alpha: float) -> float:
    """The power at which the smallest provable margin is this one, by bisection."""
    low, high = 0.001, 0.999
    for _ in range(40):
        middle = (low + high) / 2
        provable = precision_smallest_margin(cells, power=middle, alpha=alpha) <= margin
        low, high = (middle, high) if provable else (low, middle)
    return low


def _floor(spec: CheckSpec, n: int, alpha: float) -> PlannedCheck:
    is_upper_limit = spec.metric in LOWER_IS_BETTER
    floor = 1 - spec.limit if is_upper_limit else spec.limit
    needed = floor_items_needed((1 + floor) / 2, floor, power=POWER, alpha=alpha)
    return PlannedCheck(spec, n, math.nan, math.nan, needed, unit_of(spec.metric))
