"""What rewriting an item does to the decision on it: each variant against its source, pair by pair.

Decides the comparison. The source is the baseline and the variant the candidate, so a lost catch is an evasion and a
new flag on a harmless item an over-block; both differences have the intervals and tests of any paired comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.clusters import clustered_metric
from harness.core.mcnemar import mcnemar_midp
from harness.core.multiplicity import holm
from harness.core.paired import paired_cells, paired_difference
from harness.core.ranking import auroc
from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.files.golden.variants import ORIGINAL, source_of
from harness.measure.decisions import decisions
from harness.runs import Run


@dataclass(frozen=True, slots=True)
class VariantEffect:
    """One variant on one category.

    Attributes:
        n_pairs: Pairs of source and variant that both have a decision.
        recall: Recall of the variants minus recall of the sources.
        p_value: Two-sided, McNemar's mid-p on the violating pairs; ``p_holm`` over all variants and categories.
        fpr: The same difference of the false-positive rate.
        evaded: Variants missed whose violating source was caught.
        over_blocked: Variants flagged whose harmless source was not.
    """

    variant: str
    category: str
    n_pairs: int
    recall: MetricResult
    p_value: float
    p_holm: float
    fpr: MetricResult
    evaded: tuple[str, ...]
    over_blocked: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "variant": self.variant, "category": self.category, "n_pairs": self.n_pairs,
            "recall_difference": self.recall.as_dict(), "p_value": self.p_value, "p_holm": self.p_holm,
            "fpr_difference": self.fpr.as_dict(), "evaded": list(self.evaded), "over_blocked": list(self.over_blocked),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class IdentityGap:
    """One value of an identity slice on one category (Borkan et al. 2019).

    Attributes:
        fpr: False-positive rate of the items with the identity.
        fpr_gap: That minus the rate of all others; its interval is Newcombe's of two independent proportions.
        subgroup: AUROC within the identity's items.
        bpsn: AUROC of its harmless items against the others' violating ones: low where the identity raises scores.
        bnsp: AUROC of its violating items against the others' harmless ones.
    """

    value: str
    category: str
    n: int
    fpr: MetricResult
    fpr_gap: MetricResult
    subgroup: MetricResult
    bpsn: MetricResult
    bnsp: MetricResult

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "value": self.value, "category": self.category, "n": self.n,
            **{name: getattr(self, name).as_dict() for name in ("fpr", "fpr_gap", "subgroup", "bpsn", "bnsp")},
        }  # fmt: skip


def variant_effects(run: Run, candidate: str) -> list[VariantEffect]:
    """Every variant of a run on a perturbed set, on every category that has labels.

    Raises:
        HarnessError: The run holds no variants.
    """
    run = run.of_part("all")
    read = decisions(run, candidate)
    place = {item: at for at, item in enumerate(run.item_ids)}
    pairs: dict[str, list[tuple[int, int]]] = {}
    for at, item in enumerate(run.item_ids):
        source, variant = source_of(item)
        if variant != ORIGINAL and source in place:
            pairs.setdefault(variant, []).append((place[source], at))
    if not pairs:
        raise HarnessError(
            f"run {run.meta.run_id} holds no variants",
            allowed="a run on a set that 'harness golden perturb' wrote",
            next_step="write one: harness golden perturb CARD",
        )
    first = read.y_pred[:, 0, :]
    found: list[tuple[VariantEffect, float]] = []
    for variant, places in pairs.items():
        before, after = (np.array(side) for side in zip(*places, strict=True))
        for column, category in enumerate(run.categories):
            effect = _effect(run, variant, category, read.y_true[before, column], first[before, column],
                             first[after, column], after)  # fmt: skip
            if effect is not None:
                found.append((effect, effect.p_value))
    corrected = holm([p for _, p in found]).tolist() if found else []
    return [
        VariantEffect(e.variant, e.category, e.n_pairs, e.recall, e.p_value, p, e.fpr, e.evaded, e.over_blocked)
        for (e, _), p in zip(found, corrected, strict=True)
    ]


def _effect(
    run: Run,
    variant: str,
    category: str,
    gold: NDArray[np.int8],
    before: NDArray[np.int8],
    after: NDArray[np.int8],
    places: NDArray[Any],
) -> VariantEffect | None:
    known = (gold >= 0) & (before >= 0) & (after >= 0)
    if not known.any():
        return None
    cells = paired_cells(gold, before, after)
    lost = known & (gold == 1) & (before == 1) & (after == 0)
    gained = known & (gold == 1) & (before == 0) & (after == 1)
    new_flags = known & (gold == 0) & (before == 0) & (after == 1)
    ids = run.item_ids
    return VariantEffect(
        variant,
        category,
        int(known.sum()),
        paired_difference(cells, "recall"),
        mcnemar_midp(int(gained.sum()), int(lost.sum())),
        1.0,
        paired_difference(cells, "fpr"),
        tuple(ids[at] for at in places[lost]),
        tuple(ids[at] for at in places[new_flags]),
    )


def identity_gaps(run: Run, candidate: str, slice_name: str) -> list[IdentityGap]:
    """Gaps between the values of an identity slice, on every category.

    Raises:
        HarnessError: The run has no such slice.
    """
    values: Mapping[str, NDArray[np.int64]] | None = run.slices.get(slice_name)
    if values is None:
        raise HarnessError(
            f"run {run.meta.run_id} has no slice '{slice_name}'",
            allowed=", ".join(run.slices) or "none: the card declares no slices",
            next_step="declare it in the card, such as slices: {identity: meta.identity}, and run again",
        )
    read = decisions(run, candidate)
    found = []
    for value, places in values.items():
        inside = np.zeros(len(run.item_ids), dtype=np.bool_)
        inside[places] = True
        for column, category in enumerate(run.categories):
            gold, said, score = read.y_true[:, column], read.y_pred[:, 0, column], read.item_scores(column)
            own, others = _fpr(run, gold, said, inside), _fpr(run, gold, said, ~inside)
            if own.n and others.n:
                found.append(
                    IdentityGap(
                        value,
                        category,
                        int((inside & (gold >= 0)).sum()),
                        own,
                        _gap(own, others),
                        _auroc_of(run, gold, score, inside),
                        _auroc_of(run, gold, score, (inside & (gold == 0)) | (~inside & (gold == 1))),
                        _auroc_of(run, gold, score, (inside & (gold == 1)) | (~inside & (gold == 0))),
                    )
                )
    return found


def _fpr(run: Run, gold: NDArray[np.int8], said: NDArray[np.int8], kept: NDArray[np.bool_]) -> MetricResult:
    """The false-positive rate of some items; members of a group count as the effective items they are."""
    clusters = run.clusters
    return clustered_metric("fpr", gold[kept], said[kept], None if clusters is None else clusters[kept])


def _gap(own: MetricResult, others: MetricResult) -> MetricResult:
    """Difference of two independent proportions with the square-and-add interval (Newcombe 1998, method 10)."""
    value = own.value - others.value
    low = value - float(np.hypot(own.value - own.low, others.high - others.value))
    high = value + float(np.hypot(own.high - own.value, others.value - others.low))
    return MetricResult(value, low, high, own.n, 0)


def _auroc_of(run: Run, gold: NDArray[np.int8], score: NDArray[np.float64], kept: NDArray[np.bool_]) -> MetricResult:
    clusters = run.clusters
    return auroc(gold[kept], score[kept], clusters=None if clusters is None else clusters[kept])
