"""Whether a candidate keeps what an operating point holds.

Decides when a metric at an operating point may not pass, however high it is: the candidate is proven to keep less than
was asked, and it keeps less than the baseline does. How a threshold is chosen is decided in ``operating_points``.
"""

from __future__ import annotations

from harness.core.arrays import Array
from harness.core.metric_facts import System
from harness.core.metric_table import LOWER_IS_BETTER, SHARES
from harness.core.operating_metrics import OperatingMetric
from harness.core.statements import Statement
from harness.core.targets import target_state


def point_missed(
    point: OperatingMetric, cells: Array, *, alpha: float = 0.05, is_alone: bool = False
) -> Statement | None:
    """What an operating point holds, where the candidate does not keep it.

    Args:
        point: The metric at an operating point.
        cells: The 8 effective counts of the metric that is held, cell = 4y + 2a + b.
        alpha: One-sided level of the proof.
        is_alone: Whether the candidate is judged without the baseline, as by a floor.

    Returns:
        A statement with what is held, what was wanted and the bound; None where it is kept or not proven missed.

    >>> import numpy as np
    >>> from harness.core.operating_metrics import operating_metric
    >>> kept, lost = np.array([800, 2, 2, 6, 20, 0, 0, 170]), np.array([700, 100, 2, 8, 20, 0, 0, 170])
    >>> point = operating_metric("recall@precision=0.9")
    >>> point_missed(point, kept) is None, point_missed(point, lost).facts["held"]
    (True, 'precision')
    """
    is_upper_limit = point.held in LOWER_IS_BETTER

    def kept(system: System) -> tuple[float, float]:
        counted, among = SHARES[point.held].cells(system)
        n, k = float(cells[among].sum()), float(cells[counted].sum())
        return (n - k if is_upper_limit else k), n

    (k, n), (k_before, n_before) = kept("candidate"), kept("baseline")
    if n <= 0 or (not is_alone and n_before > 0 and k / n >= k_before / n_before):
        return None
    state, _, high = target_state(k, n, 1 - point.value if is_upper_limit else point.value, alpha=alpha)
    if state != "missed":
        return None
    bound = 1 - high if is_upper_limit else high
    return Statement("point_missed", facts={"held": point.held, "wanted": point.value, "bound": bound})
