"""A cascade by its stages: who was asked, who decided, what that caught, cost and saved.

Decides whose work a decision is: the stage's that had the last word on it. A stage's gain is what it flagged as a share
of everything that violates (or does not), whoever was asked about it, so that the gains of all stages add up to the
cascade's recall (or over-blocking) where a person's part counts as not flagged. Calls saved
are those that the stage would have made more, at its own mean, if it had been asked about every row of the cascade.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from harness.core.results import MetricResult
from harness.measure.decisions import Decisions, outcome_code
from harness.measure.people import share_of
from harness.records import MISSING
from harness.records.answers import HUMAN, UNASKED
from harness.runs import CandidateRows, Run


@dataclass(frozen=True, slots=True)
class StageGain:
    """What one stage flagged: of what violates, and of what does not."""

    recall: MetricResult
    fpr: MetricResult


@dataclass(frozen=True, slots=True)
class StageScore:
    """One stage of a cascade over a run.

    Attributes:
        n_asked: Rows that reached the stage.
        decided: Share of the cascade's decisions on which it had the last word; a person's are those left to one.
        gain: What it flagged, over all categories.
        calls: Requests that it made, answered from the journal or not.
        calls_saved: Requests it would have made more if it had been asked about every row; None when it makes none.
        cost_usd: List price of its answers; None where nobody knows it.
        n_unpriced: Rows whose price nobody knows.
        latency_ms: Median and 95th percentile of the rows that reached it; None where nothing was timed.
    """

    use: str
    is_person: bool
    n_rows: int
    n_asked: int
    decided: MetricResult
    gain: StageGain
    categories: Mapping[str, StageGain]
    calls: int
    calls_saved: int | None
    cost_usd: float | None
    n_unpriced: int
    latency_ms: Mapping[str, float | None]

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness score --json``."""
        return {
            "use": self.use,
            "is_person": self.is_person,
            "n_rows": self.n_rows,
            "n_asked": self.n_asked,
            "decided": self.decided.as_dict(),
            "gain": _plain(self.gain),
            "categories": {name: _plain(one) for name, one in self.categories.items()},
            "calls": self.calls,
            "calls_saved": self.calls_saved,
            "cost_usd": self.cost_usd,
            "n_unpriced": self.n_unpriced,
            "latency_ms": dict(self.latency_ms),
        }


def stages_of(run: Run, candidate: str, rows: CandidateRows, read: Decisions) -> tuple[StageScore, ...]:
    """The stages of a cascade in their order; none for other candidates, and for runs that did not keep them."""
    fingerprint = run.meta.fingerprint(candidate)
    if fingerprint.get("kind") != "cascade":
        return ()
    stages = fingerprint.get("stages") or ()
    names = [str(one.get("use")) for one in stages]
    kept = run.texts(candidate, "stages")
    if not names or all(text is None for texts in kept for text in texts):
        return ()
    taken = _Taken(names, run.categories, kept)
    is_row = ~np.isin(rows.outcomes, [outcome_code(one) for one in UNASKED])
    people = [(one.get("candidate") or {}).get("kind") == HUMAN for one in stages]
    return tuple(_stage(run, read, taken, at, is_row, is_person=people[at]) for at in range(len(names)))


class _Taken:
    """What the rows say of their stages, as arrays over (items, repeats[, categories])."""

    def __init__(self, names: Sequence[str], categories: Sequence[str], kept: Sequence[Sequence[str | None]]) -> None:
        self.names = names
        shape = (len(kept), len(kept[0]) if kept else 1)
        self.last_word = np.full((*shape, len(categories)), MISSING, dtype=np.int16)
        self.is_asked = np.zeros((len(names), *shape), dtype=np.bool_)
        self.calls = np.zeros((len(names), *shape), dtype=np.int64)
        self.latency_ms = np.full((len(names), *shape), np.nan)
        self.cost_usd = np.full((len(names), *shape), np.nan)
        column = {name: at for at, name in enumerate(categories)}
        number = {name: at for at, name in enumerate(names)}
        for row, texts in enumerate(kept):
            for repeat, text in enumerate(texts):
                for one in orjson.loads(text) if text else ():
                    at = number.get(one["use"])
                    if at is None:
                        continue
                    place = at, row, repeat
                    self.is_asked[place] = True
                    self.calls[place] = one["calls"]
                    self.latency_ms[place] = _number(one["latency_ms"])
                    self.cost_usd[place] = _number(one["cost_usd"])
                    for name in (*one["settled"], *one["last"]):
                        if name in column:
                            self.last_word[row, repeat, column[name]] = at


def _stage(
    run: Run, read: Decisions, taken: _Taken, at: int, is_row: NDArray[np.bool_], *, is_person: bool
) -> StageScore:
    sent = np.zeros(read.y_pred.shape, dtype=np.bool_) if read.to_person is None else read.to_person
    is_decision = (read.y_pred != MISSING) | sent
    is_mine = (taken.last_word == at) & is_decision
    flagged = is_mine & (read.y_pred == 1)
    gold = np.repeat(read.y_true[:, None, :], read.y_pred.shape[1], axis=1)
    asked = taken.is_asked[at]
    n_rows, n_asked, calls = int(is_row.sum()), int(asked.sum()), int(taken.calls[at].sum())
    costs, latencies = taken.cost_usd[at][asked], taken.latency_ms[at][asked]
    is_priced = ~np.isnan(costs)
    timed = latencies[~np.isnan(latencies)]

    def gain(chosen: slice) -> StageGain:
        recall, fpr = (
            _pooled(run, read, flagged[:, :, chosen], (is_decision & (gold == label))[:, :, chosen]) for label in (1, 0)
        )
        return StageGain(recall, fpr)

    return StageScore(
        use=taken.names[at],
        is_person=is_person,
        n_rows=n_rows,
        n_asked=n_asked,
        decided=_pooled(run, read, is_mine, is_decision),
        gain=gain(slice(None)),
        categories={name: gain(slice(k, k + 1)) for k, name in enumerate(run.categories) if flagged[:, :, k].any()},
        calls=calls,
        calls_saved=round(calls / n_asked * (n_rows - n_asked)) if calls else None,
        cost_usd=float(costs[is_priced].sum()) if is_priced.any() else None,
        n_unpriced=int((~is_priced & (taken.calls[at][asked] > 0)).sum()),
        latency_ms={f"p{q}": float(np.percentile(timed, q)) if timed.size else None for q in (50, 95)},
    )


def _pooled(run: Run, read: Decisions, event: NDArray[np.bool_], counted: NDArray[np.bool_]) -> MetricResult:
    """A share of decisions over several categories, an item's decisions being one cluster."""
    n_items, n_repeats, n_categories = event.shape
    clusters = np.arange(n_items) if run.clusters is None else run.clusters
    one_each = n_categories == 1
    return share_of(
        event.transpose(0, 2, 1).reshape(-1, n_repeats),
        counted.transpose(0, 2, 1).reshape(-1, n_repeats),
        run.clusters if one_each else np.repeat(clusters, n_categories),
        None if read.weights is None else np.repeat(read.weights, n_categories),
    )


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _plain(gain: StageGain) -> dict[str, Any]:
    return {"recall": gain.recall.as_dict(), "fpr": gain.fpr.as_dict()}
