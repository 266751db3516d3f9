"""Stopping a gate run early without inflating its error.

Decides the boundaries of a group sequential run and what a look may conclude: PASS by O'Brien-Fleming spending at
alpha, REGRESSION by Pocock spending at alpha/(number of checks). Leaves the order of items and the calls to the runner.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.core.arrays import Array, Floats
from harness.core.check_p_values import MIN_FLAGGED, MIN_POSITIVES
from harness.core.checks import CheckSpec, Verdict
from harness.core.metric_table import table_metric
from harness.core.paired import check_cells, discordance
from harness.core.results import Interval
from harness.core.special import ndtr, ndtri
from harness.core.tango import tango_interval, tango_statistic
from harness.core.wgs import PSEUDO_COUNT, wgs_statistic

LOOKS = (0.2, 0.4, 0.6, 0.8, 1.0)  # shares of the fixed, seeded order
_GRID, _REACH = 1201, 8.0  # points and standard deviations of the numerical integration

Spending = Callable[[float, float], float]


def obrien_fleming_spending(fraction: float, alpha: float) -> float:
    """Error spent by a share of the items: 2(1 - Phi(z_{alpha/2}/sqrt(t))); almost nothing early.

    Args:
        fraction: Share t of the planned items, in (0, 1].
        alpha: One-sided level, in (0, 1).

    Returns:
        A probability that reaches alpha at t = 1.

    Raises:
        ValueError: An argument is out of range.

    References:
        Lan & DeMets (1983), Biometrika.

    >>> round(obrien_fleming_spending(1.0, 0.05), 4)
    0.05
    """
    _check_spending(fraction, alpha)
    return float(2 * ndtr(-ndtri(1 - alpha / 2) / math.sqrt(fraction)))


def pocock_spending(fraction: float, alpha: float) -> float:
    """Error spent by a share of the items: alpha·ln(1 + (e - 1)t); much of it early.

    Args:
        fraction: Share t of the planned items, in (0, 1].
        alpha: One-sided level, in (0, 1).

    Returns:
        A probability that reaches alpha at t = 1.

    Raises:
        ValueError: An argument is out of range.

    References:
        Lan & DeMets (1983), Biometrika.

    >>> round(pocock_spending(1.0, 0.05), 4)
    0.05
    """
    _check_spending(fraction, alpha)
    return alpha * math.log(1 + (math.e - 1) * fraction)


def _check_spending(fraction: float, alpha: float) -> None:
    if not 0 < fraction <= 1 or not 0 < alpha < 1:
        raise ValueError(f"need fraction in (0, 1] and alpha in (0, 1), got {fraction} and {alpha}")


def boundaries(fractions: Sequence[float], alpha: float, spending: Spending) -> list[float]:
    """One-sided critical values z_k with P(Z_k >= z_k first at look k) = spent(t_k) - spent(t_{k-1}).

    Z_k·sqrt(t_k) is a Brownian motion under the null; its density below the boundaries is carried from look to look by
    numerical integration (the Armitage-McPherson-Rowe recursion).

    Args:
        fractions: Increasing shares t_1 < ... < t_K of the planned items, in (0, 1].
        alpha: One-sided level spent in all, in (0, 1).
        spending: Error spent by a share of the items.

    Returns:
        K critical values.

    Raises:
        ValueError: The fractions do not increase within (0, 1], or alpha is outside (0, 1).

    References:
        Armitage, McPherson & Rowe (1969), JRSS A. Jennison & Turnbull (2000).

    >>> [round(z, 2) for z in boundaries(LOOKS, 0.025, obrien_fleming_spending)]
    [4.88, 3.36, 2.68, 2.29, 2.03]
    """
    if any(later <= earlier for earlier, later in zip([0.0, *fractions], fractions, strict=False)):
        raise ValueError(f"fractions must increase within (0, 1], got {list(fractions)}")
    critical: list[float] = []
    points, mass = np.zeros(1), np.ones(1)
    previous, spent = 0.0, 0.0
    for fraction in fractions:
        budget = spending(fraction, alpha) - spent
        spent += budget
        step = math.sqrt(fraction - previous)
        low, high = -_REACH * math.sqrt(fraction), _REACH * math.sqrt(fraction)
        for _ in range(80):
            middle = (low + high) / 2
            crossing = float(np.dot(mass, ndtr((points - middle) / step)))
            low, high = (middle, high) if crossing > budget else (low, middle)
        edge = (low + high) / 2
        critical.append(edge / math.sqrt(fraction))
        grid = np.linspace(-_REACH * math.sqrt(fraction), edge, _GRID)
        density = np.exp(-0.5 * ((grid[:, np.newaxis] - points) / step) ** 2) @ mass / (step * math.sqrt(2 * math.pi))
        points, mass = grid, density * _simpson_weights(grid)
        previous = fraction
    return critical


def _simpson_weights(grid: Floats) -> Floats:
    weights = np.full(grid.size, 2.0)
    weights[1::2] = 4.0
    weights[0] = weights[-1] = 1.0
    return np.asarray(weights * (grid[1] - grid[0]) / 3, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class SequentialPlan:
    """Boundaries of a run, fixed before the first call.

    Attributes:
        fractions: Share of the items at each look.
        z_pass: Critical values of the non-inferiority statistic Z(-margin).
        z_regression: Critical values of -Z(0).
    """

    fractions: tuple[float, ...]
    z_pass: tuple[float, ...]
    z_regression: tuple[float, ...]


def sequential_plan(n_checks: int, *, fractions: Sequence[float] = LOOKS, alpha: float = 0.05) -> SequentialPlan:
    """Boundaries for a gate with a number of checks.

    Args:
        n_checks: Checks of the gate, >= 1.
        fractions: Share of the items at each look, increasing, in (0, 1].
        alpha: One-sided level of PASS, and of any REGRESSION over the gate, in (0, 1).

    Returns:
        The plan.

    Raises:
        ValueError: An argument is out of range.

    References:
        Jennison & Turnbull (2000), Group Sequential Methods.

    >>> [round(z, 2) for z in sequential_plan(8).z_pass]
    [4.23, 2.89, 2.3, 1.96, 1.74]
    """
    if n_checks < 1:
        raise ValueError(f"n_checks must be >= 1, got {n_checks}")
    return SequentialPlan(
        tuple(fractions),
        tuple(boundaries(fractions, alpha, obrien_fleming_spending)),
        tuple(boundaries(fractions, alpha / n_checks, pocock_spending)),
    )


@dataclass(frozen=True, slots=True)
class LookResult:
    """What is known after a look.

    Attributes:
        look: Number of the look, from 1.
        is_stopped: Whether the run may end: every gated check passed, or one regressed.
        verdicts: PASS, REGRESSION or INCONCLUSIVE per check; a PASS at an earlier look stays.
    """

    look: int
    is_stopped: bool
    verdicts: tuple[Verdict, ...]


def sequential_look(plan: SequentialPlan, specs: Sequence[CheckSpec], looks: Sequence[Sequence[Array]]) -> LookResult:
    """Judge a run after its latest look.

    A check passes at the first look with Z(-margin) >= z_pass and regresses at the first with Z(0) <= -z_regression,
    Tango's statistic for recall, FPR and failure rate, the weighted generalised score for precision. Watch checks are
    judged but never stop the run.

    Args:
        plan: Boundaries fixed before the run.
        specs: Checks with a margin.
        looks: For each look so far, the cumulative 8 counts of each check (effective counts when clustered).

    Returns:
        The state after the last of the looks.

    Raises:
        ValueError: A check has a floor, or there are more looks than the plan has.

    References:
        Jennison & Turnbull (2000), Group Sequential Methods.

    >>> import numpy as np
    >>> spec = CheckSpec("hate", "recall", "critical", margin=0.1)
    >>> sequential_look(sequential_plan(1), [spec], [[np.array([500, 0, 0, 0, 5, 0, 0, 250])]]).verdicts
    ('PASS',)
    """
    if not 1 <= len(looks) <= len(plan.fractions):
        raise ValueError(f"need 1 to {len(plan.fractions)} looks, got {len(looks)}")
    if any(spec.kind == "floor" for spec in specs):
        raise ValueError("sequential runs take checks with a margin, not floors")
    by_check = zip(specs, zip(*looks, strict=True), strict=True)
    verdicts = tuple(_verdict(plan, spec, tables) for spec, tables in by_check)
    gated = [verdict for spec, verdict in zip(specs, verdicts, strict=True) if spec.tier != "watch"]
    is_stopped = "REGRESSION" in gated or (bool(gated) and all(verdict == "PASS" for verdict in gated))
    return LookResult(len(looks), is_stopped, verdicts)


def _verdict(plan: SequentialPlan, spec: CheckSpec, tables: Sequence[Array]) -> Verdict:
    """What the first look says of a check at which it passes a boundary."""
    for z_pass, z_regression, cells in zip(plan.z_pass, plan.z_regression, tables, strict=False):
        at_margin, at_zero = _statistics(spec, cells)
        if at_margin >= z_pass:
            return "PASS"
        if at_zero <= -z_regression:
            return "REGRESSION"
    return "INCONCLUSIVE"


def _statistics(spec: CheckSpec, cells: Array) -> tuple[float, float]:
    """Z(-margin) and Z(0); NaN, which crosses no boundary, where the data cannot be judged yet."""
    c = check_cells(cells)
    if spec.metric == "precision":
        if c[4:].sum() < MIN_POSITIVES or min(c[[1, 3, 5, 7]].sum(), c[[2, 3, 6, 7]].sum()) < MIN_FLAGGED:
            return math.nan, math.nan
        return wgs_statistic(c, -spec.limit), wgs_statistic(c, pseudo_count=PSEUDO_COUNT)
    gained, lost, n = discordance(c, table_metric(spec.metric))
    if n == 0:
        return math.nan, math.nan
    return tango_statistic(gained, lost, n, -spec.limit), tango_statistic(gained, lost, n, 0.0)


def repeated_interval(n_gained: float, n_lost: float, n: float, z: float) -> Interval:
    """Tango's interval at the critical value of a look; covers at every look together.

    Args:
        n_gained: Items only the candidate has right.
        n_lost: Items only the baseline has right.
        n: Pairs so far.
        z: Critical value of the look, > 0.

    Returns:
        Differences in [-1, 1]; NaN when n == 0.

    Raises:
        ValueError: A count is out of range, or z <= 0.

    References:
        Jennison & Turnbull (2000), Group Sequential Methods.

    >>> [round(end, 3) for end in repeated_interval(1, 7, 21, 1.959964)]
    [-0.517, -0.026]
    """
    if z <= 0:
        raise ValueError(f"z must be > 0, got {z}")
    return tango_interval(n_gained, n_lost, n, confidence=min(1 - 1e-15, float(2 * ndtr(z) - 1)))
