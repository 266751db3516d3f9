"""A stored run without files, for tests of what is computed from runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from harness.errors import HarnessError
from harness.records import Eval, GoldenFacts, PolicyFacts, Prevalence, RunInput
from harness.runs import ALL_OUTCOMES, CandidateRows, Run, StoredCandidate


@dataclass
class FakeMeta:
    run_id: str = "fake-000000000000"
    eval: Eval = field(default_factory=lambda: Eval("fake", "", "", {}))
    golden_set: GoldenFacts = field(default_factory=lambda: GoldenFacts("fake", 1, "0" * 64, 0))
    fingerprints: dict[str, dict[str, Any]] = field(default_factory=dict)
    inputs: dict[str, RunInput] = field(default_factory=dict)
    policy: PolicyFacts = field(default_factory=PolicyFacts)
    seed: int = 0

    def signature_fields(self, candidate: str) -> dict[str, Any]:
        return {"set": "fake_v1@0000", "candidate": candidate}

    def fingerprint(self, candidate: str) -> dict[str, Any]:
        return self.fingerprints.get(candidate, {})

    def on_failure(self, candidate: str) -> str:
        return self.eval.on_failure


@dataclass
class FakeRun:
    """Gold and rows as given; one column per category."""

    y_true: np.ndarray
    rows: dict[str, CandidateRows]
    categories: tuple[str, ...] = ()
    clusters: np.ndarray | None = None
    slices: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    prevalences: dict[str, Prevalence] = field(default_factory=dict)
    part: str = "all"
    only: tuple[str, ...] = ()
    weights: np.ndarray = field(default_factory=lambda: np.empty(0))
    meta: FakeMeta = field(default_factory=FakeMeta)

    def __post_init__(self) -> None:
        n_items, n_categories = self.y_true.shape
        self.categories = self.categories or tuple(f"c{column}" for column in range(n_categories))
        self.item_ids = [f"i{index}" for index in range(n_items)]
        self.text_hashes = [f"hash of {item_id}" for item_id in self.item_ids]
        self.candidates = tuple(self.rows)
        self.weights = self.weights if self.weights.size else np.ones(n_items)
        self.meta.golden_set = GoldenFacts("fake", 1, "0" * 64, n_items)

    def __getitem__(self, name: str) -> StoredCandidate:
        return StoredCandidate(cast(Run, self), name)

    def candidate(self, name: str) -> CandidateRows:
        if name not in self.rows:
            raise HarnessError(f"no candidate '{name}'")
        return self.rows[name]

    def prevalence(self, category: str) -> Prevalence | None:
        return self.prevalences.get(category)


def rows_of(y_pred, outcomes=None, y_score=None, *, latency_ms=10.0, cost_usd=0.001) -> CandidateRows:
    """Rows from decisions of shape (n_items, n_categories) or (n_items, n_repeats, n_categories)."""
    decided = np.asarray(y_pred, dtype=np.int8)
    decided = decided[:, None, :] if decided.ndim == 2 else decided
    shape = decided.shape[:2]
    names = (
        np.full(shape, "ok", dtype=object) if outcomes is None else np.asarray(outcomes, dtype=object).reshape(shape)
    )
    scores = np.full(decided.shape, np.nan) if y_score is None else np.asarray(y_score, float).reshape(decided.shape)
    return CandidateRows(
        outcomes=np.vectorize(ALL_OUTCOMES.index, otypes=[np.int8])(names),
        y_pred=decided,
        y_score=scores,
        latency_ms=np.full(shape, latency_ms),
        tokens={name: np.ones(shape, dtype=np.int64) for name in ("input_tokens", "cached_tokens", "output_tokens")},
        cost_usd=np.full(shape, cost_usd),
        is_cached=np.zeros(shape, dtype=bool),
    )


def column(values) -> np.ndarray:
    """One category's labels as a column."""
    return np.asarray(values, dtype=np.int8)[:, None]
