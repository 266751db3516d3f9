"""Two candidates' rows on the same items, as the arrays the core decides on.

Decides which rows make a pair (withheld items are none, repeats of an item are one cluster) and which items count as
fixed and broken. All readings come from ``decisions``, so that gate, score and comparison cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.gate_arrays import GateArrays
from harness.measure.decisions import FAILURE_READINGS, Decisions, decisions, is_sample, outcome_code, read_failures
from harness.measure.weighted import weights_of
from harness.records import MISSING
from harness.records.answers import FALLBACK_OUTCOMES, NOT_ASKED, WITHHELD
from harness.runs import Run, StoredCandidate

_FALLBACK_CODES = [outcome_code(one) for one in FALLBACK_OUTCOMES]


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """One candidate's decisions on chosen items.

    Attributes:
        declared: Decisions with the declared fallback, int8 (n_items, n_repeats, n_categories).
        has_failed: Where the fallback stands in, bool, same shape.
        is_error: Rows without an answer, bool (n_items, n_repeats).
        is_withheld: Items that were not asked, bool (n_items,).
        is_unseen: Labels outside the sample that the candidate's decisions are by declaration, bool (n_items,
            n_categories); they are no missing pairs, and count on neither side.
        is_sent: Labels whose decision is left to a person, bool (n_items, n_categories); they count on neither side.
        is_lost: Failed rows of a candidate that decides on no category at all, bool (n_items, n_repeats).
    """

    declared: NDArray[np.int8]
    has_failed: NDArray[np.bool_]
    is_error: NDArray[np.bool_]
    is_withheld: NDArray[np.bool_]
    is_unseen: NDArray[np.bool_]
    is_sent: NDArray[np.bool_]
    is_lost: NDArray[np.bool_]

    @property
    def decides(self) -> NDArray[np.bool_]:
        """Per category, whether the candidate decides on it at all."""
        return np.asarray((self.declared != MISSING).any(axis=(0, 1)))

    @property
    def fails(self) -> NDArray[np.bool_]:
        """Where no decision is its own, also of a candidate that never had one."""
        return np.asarray(self.has_failed | self.is_lost[:, :, None])

    @property
    def error_rate(self) -> float:
        """Share of asked rows that got no answer."""
        asked = self.is_error[~self.is_withheld]
        return float(asked.mean()) if asked.size else 0.0


@dataclass(frozen=True, slots=True)
class Flips:
    """Items of one category whose decision became right, or wrong.

    ``newly`` parts them by gold label and direction: ``caught`` and ``missed`` ones violate and move recall;
    ``wrongly_flagged`` and ``cleared`` ones do not violate and move precision and FPR.
    """

    fixed: tuple[str, ...]
    broken: tuple[str, ...]
    newly: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class CategoryPairs:
    """One category of two systems: gold (n,), decisions of both (n, n_repeats) and the cluster of each item (n,).

    ``clusters`` is None where every item is its own, ``weights`` where every item counts once.
    """

    name: str
    y_true: NDArray[np.int8]
    a: NDArray[np.int8]
    b: NDArray[np.int8]
    clusters: NDArray[np.int64] | None
    weights: NDArray[np.float64] | None = None

    @property
    def is_decided(self) -> bool:
        """Whether both systems decide on the category at all."""
        return bool((self.a != MISSING).any() and (self.b != MISSING).any())


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Two systems on the same items."""

    categories: tuple[str, ...]
    item_ids: tuple[str, ...]
    y_true: NDArray[np.int8]
    baseline: System
    candidate: System
    groups: NDArray[np.int64] | None
    weights: NDArray[np.float64] | None = None

    @property
    def n_repeats(self) -> int:
        """Repeats that both systems have."""
        return int(min(self.baseline.declared.shape[1], self.candidate.declared.shape[1]))

    @property
    def is_asked(self) -> NDArray[np.bool_]:
        """Items that both systems were shown."""
        return np.asarray(~(self.baseline.is_withheld | self.candidate.is_withheld))

    def arrays(self) -> GateArrays:
        """Rows of the asked items, one per repeat; an item's repeats form one cluster unless its group is larger."""
        kept, k = self.is_asked, self.n_repeats
        return GateArrays(
            y_true=np.repeat(self.y_true[kept], k, axis=0),
            a=self._flat(self.baseline.declared),
            b=self._flat(self.candidate.declared),
            failed_a=self._flat(self.baseline.fails),
            failed_b=self._flat(self.candidate.fails),
            clusters=self._clusters(),
            weights=None if self.weights is None else np.repeat(self.weights[kept], k),
        )

    def alternatives(self) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
        """Decisions of both systems under the two other readings; empty when nothing failed."""
        a, b = self.baseline, self.candidate
        if not self._flat(a.has_failed).any() and not self._flat(b.has_failed).any():
            return {}
        return {
            reading: (
                self._flat(read_failures(a.declared, a.has_failed, self.y_true, reading)),
                self._flat(read_failures(b.declared, b.has_failed, self.y_true, reading)),
            )
            for reading in FAILURE_READINGS
        }

    def category(self, column: int) -> CategoryPairs:
        """One category over all items."""
        k = self.n_repeats
        return CategoryPairs(
            self.categories[column],
            self.y_true[:, column],
            self.baseline.declared[:, :k, column],
            self.candidate.declared[:, :k, column],
            self.groups,
            self.weights,
        )

    def flips(self) -> dict[str, Flips]:
        """Per category, the items right in more repeats than before, and in fewer; categories without any left out."""
        k = self.n_repeats
        gain = gained_repeats(self.y_true[:, None, :], self.baseline.declared[:, :k], self.candidate.declared[:, :k])
        found = {}
        for column, name in enumerate(self.categories):
            one = flips_of(self.item_ids, self.y_true[:, column], gain[:, column])
            if one.fixed or one.broken:
                found[name] = one
        return found

    def _flat(self, cube: NDArray[Any]) -> NDArray[Any]:
        rows = cube[self.is_asked, : self.n_repeats]
        return rows.reshape(rows.shape[0] * rows.shape[1], rows.shape[2])

    def _clusters(self) -> NDArray[np.int64] | None:
        kept, k = self.is_asked, self.n_repeats
        if self.groups is None and k == 1:
            return None
        codes = np.arange(kept.size) if self.groups is None else self.groups
        return np.repeat(codes[kept], k).astype(np.int64)


def flips_of(item_ids: Sequence[str], y_true: NDArray[np.int8], gain: NDArray[np.int64]) -> Flips:
    """What became of the items of one category: gold (n,) and in how many more repeats each is right (n,)."""
    is_fixed, is_broken, violates = gain > 0, gain < 0, y_true == 1
    chosen = {
        "caught": is_fixed & violates,
        "missed": is_broken & violates,
        "wrongly_flagged": is_broken & ~violates,
        "cleared": is_fixed & ~violates,
    }
    newly = {name: _ids(item_ids, mask) for name, mask in chosen.items()}
    return Flips(_ids(item_ids, is_fixed), _ids(item_ids, is_broken), newly)


def _ids(item_ids: Sequence[str], mask: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(item_ids[index] for index in np.flatnonzero(mask).tolist())


def gained_repeats(gold: NDArray[np.int8], a: NDArray[np.int8], b: NDArray[np.int8]) -> NDArray[np.int64]:
    """Per item (and category), in how many more repeats the second system is right; pairs alone count."""
    is_paired = (gold != MISSING) & (a != MISSING) & (b != MISSING)
    return np.asarray(((b == gold) & is_paired).sum(axis=1) - ((a == gold) & is_paired).sum(axis=1))


def read_system(
    one: StoredCandidate,
    positions: NDArray[np.int64] | None = None,
    decided: NDArray[np.int8] | None = None,
) -> System:
    """Read one candidate's rows, at the positions of the chosen items; ``decided`` stands for what it decided."""
    chosen = slice(None) if positions is None else positions
    read, outcomes = decisions(*one), one.rows.outcomes
    return System(
        declared=(read.y_pred if decided is None else decided)[chosen],
        has_failed=read.has_failed[chosen],
        is_error=(outcomes == outcome_code("error"))[chosen],
        is_withheld=(outcomes == outcome_code(WITHHELD)).any(axis=1)[chosen],
        is_unseen=_unseen(one, read.y_pred, outcomes)[chosen],
        is_sent=_sent(read)[chosen],
        is_lost=(np.isin(outcomes, _FALLBACK_CODES) & ~read.is_covered.any())[chosen],
    )


def _sent(read: Decisions) -> NDArray[np.bool_]:
    """Labels whose decision is left to a person in some repeat."""
    if read.to_person is None:
        return np.zeros((read.y_pred.shape[0], read.y_pred.shape[2]), dtype=np.bool_)
    return np.asarray(read.to_person.any(axis=1))


def _unseen(one: StoredCandidate, y_pred: NDArray[np.int8], outcomes: NDArray[Any]) -> NDArray[np.bool_]:
    """Labels that a reviewer was not asked for; an answer that failed stays an answer."""
    if not is_sample(*one):
        return np.zeros((y_pred.shape[0], y_pred.shape[2]), dtype=np.bool_)
    is_open = np.isin(outcomes, [outcome_code("ok"), outcome_code(NOT_ASKED)])[:, :, None] & (y_pred == MISSING)
    return np.asarray(is_open.any(axis=1))


def pair_runs(
    baseline: StoredCandidate,
    candidate: StoredCandidate,
    *,
    positions: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
    decided: tuple[NDArray[np.int8], NDArray[np.int8]] | None = None,
) -> Pairs:
    """Pair two candidates of runs over the same items, or the shared items of both runs at the positions given.

    Gold, groups and ids are the candidate run's; gold is missing where a declared sample of decisions ends, and where
    one of the two leaves the decision to a person. ``decided`` stands for what the two decided: their decisions at an
    operating point.
    """
    at_baseline, at_candidate = positions or (None, None)
    chosen: Any = slice(None) if at_candidate is None else at_candidate
    by_a, by_b = decided or (None, None)
    run = candidate.run
    ids = run.item_ids
    base = _reordered(read_system(baseline, at_baseline, by_a), _columns(baseline.run, run))
    cand = read_system(candidate, at_candidate, by_b)
    is_left_out = base.is_unseen | cand.is_unseen | base.is_sent | cand.is_sent
    return Pairs(
        categories=tuple(run.categories),
        item_ids=tuple(ids if at_candidate is None else (ids[index] for index in at_candidate.tolist())),
        y_true=np.where(is_left_out, MISSING, run.y_true[chosen]).astype(np.int8),
        baseline=base,
        candidate=cand,
        groups=None if run.clusters is None else run.clusters[chosen],
        weights=None if (weights := weights_of(run)) is None else weights[chosen],
    )


def _columns(baseline_run: Run, candidate_run: Run) -> list[int]:
    """Column of each of the candidate run's categories in the baseline run; -1 where it has none."""
    place: Mapping[str, int] = {name: column for column, name in enumerate(baseline_run.categories)}
    return [place.get(name, -1) for name in candidate_run.categories]


def _reordered(system: System, order: list[int]) -> System:
    if order == list(range(system.declared.shape[2])):
        return system
    known = np.array(order) >= 0
    declared, has_failed = system.declared[:, :, order], system.has_failed[:, :, order]
    declared[:, :, ~known], has_failed[:, :, ~known] = MISSING, False
    is_unseen, is_sent = system.is_unseen[:, order], system.is_sent[:, order]
    is_unseen[:, ~known] = is_sent[:, ~known] = False
    return System(declared, has_failed, system.is_error, system.is_withheld, is_unseen, is_sent, system.is_lost)
