"""The third decision: what a candidate leaves to a person, and how wrong it is where nobody looks.

Decides the denominators. An item goes to a person when one of its categories does; a person sees it once. Missed
unseen is a share of all that violates, whoever decided it; removed unseen of all that does not; the residual error is a
share of what was decided without a person, a failed answer counting as the decision that production takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.repeats import repeated_metric
from harness.core.results import MetricResult
from harness.measure.decisions import Decisions
from harness.records import MISSING


@dataclass(frozen=True, slots=True)
class PeopleShares:
    """Of one category, or of the items: shares that go to a person, and errors that nobody sees.

    Attributes:
        share: Share that goes to a person.
        missed: Share of what violates that passes without a person.
        overblocked: Share of what does not violate that is removed without a person.
        error: Share of what is decided without a person that is wrong.
    """

    share: MetricResult
    missed: MetricResult
    overblocked: MetricResult
    error: MetricResult

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {name: getattr(self, name).as_dict() for name in ("share", "missed", "overblocked", "error")}


@dataclass(frozen=True, slots=True)
class People:
    """What a candidate leaves to people.

    Attributes:
        share: Share of the items that a person looks at.
        error: Share of the decisions made without a person that are wrong, over all categories.
    """

    share: MetricResult
    error: MetricResult
    categories: Mapping[str, PeopleShares] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness score --json``."""
        return {
            "share": self.share.as_dict(),
            "error": self.error.as_dict(),
            "categories": {name: one.as_dict() for name, one in self.categories.items()},
        }


def people_of(read: Decisions, names: tuple[str, ...], clusters: NDArray[np.int64] | None) -> People | None:
    """What is left to people; None where nothing is.

    ``clusters`` is the cluster code of each item; None where each is its own.
    """
    sent = read.to_person
    if sent is None:
        return None
    n_items, n_repeats, n_categories = sent.shape
    decided = read.y_pred != MISSING
    gold = np.repeat(read.y_true[:, None, :], n_repeats, axis=1)
    wrong = decided & (gold != MISSING) & (read.y_pred != gold)
    weights = read.weights

    def share(event: Any, counted: Any) -> MetricResult:
        return share_of(event, counted, clusters, weights)

    categories = {
        name: PeopleShares(
            share(sent[:, :, at], sent[:, :, at] | decided[:, :, at]),
            share(wrong[:, :, at], (gold[:, :, at] == 1) & (sent | decided)[:, :, at]),
            share(wrong[:, :, at], (gold[:, :, at] == 0) & (sent | decided)[:, :, at]),
            share(wrong[:, :, at], decided[:, :, at] & (gold[:, :, at] != MISSING)),
        )
        for at, name in enumerate(names)
        if sent[:, :, at].any()
    }
    by_item = np.arange(n_items) if clusters is None else clusters
    together = share_of(
        wrong.transpose(0, 2, 1).reshape(-1, n_repeats),
        (decided & (gold != MISSING)).transpose(0, 2, 1).reshape(-1, n_repeats),
        np.repeat(by_item, n_categories),
        None if weights is None else np.repeat(weights, n_categories),
    )
    return People(share(sent.any(axis=2), (sent | decided).any(axis=2)), together, categories)


def share_of(
    event: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    clusters: NDArray[np.int64] | None,
    weights: NDArray[np.float64] | None,
) -> MetricResult:
    """Share of the counted rows in which something happened; repeats are averaged within the item.

    Args:
        event: Where it happened, bool (n_items, n_repeats).
        counted: Rows that count, bool, same shape.
        clusters: Cluster code of each item; None where each is its own.
        weights: Weight of each item; None where all count alike.
    """
    codes = np.where(counted, event, MISSING).astype(np.int8)
    if not counted.any():
        return MetricResult.undefined("nothing to count", n_excluded=len(codes))
    ones = np.ones(len(codes), dtype=np.int8)
    return repeated_metric("recall", ones, codes, clusters=clusters, sample_weight=weights).per_item(codes.shape[1])
