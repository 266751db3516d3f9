"""What the shards of a run came to, in one summary.

Decides sums alone; status and counts of a run that was put together are those of its record.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from harness.records import RunMeta
from harness.records.answers import NOT_ASKED
from harness.runner import RunSummary

SUMMED = ("items", "calls", "cached", "errors", "not_asked", "unknown_calls", "unpriced_calls", "earlier_unknown_calls")
SUMMED_USD = ("cost_usd", "unknown_usd", "spent_before_usd", "earlier_cost_usd")


def summed(run_id: str, parts: Sequence[RunSummary], wall_s: float) -> RunSummary:
    """The summary of a run of which not every shard was carried through; each can be gone on with."""
    reasons = Counter(one.reason for one in parts if one.reason)
    order = {"budget": -1, "interrupted": 1}  # a bound says more than the stop that follows it, and a sentence more yet
    answers = [one.answers_cost_usd for one in parts if one.answers_cost_usd is not None]
    sums: dict[str, Any] = {name: sum(getattr(one, name) for one in parts) for name in SUMMED}
    sums |= {name: math.fsum(getattr(one, name) for one in parts) for name in SUMMED_USD}
    counts = _added([one.counts for one in parts])
    return RunSummary(
        run_id=run_id,
        path="",
        status="incomplete",
        wall_s=wall_s,
        reason=min(reasons, key=lambda one: order.get(one, 0), default=None),
        counts=counts,
        error_reasons=_added([one.error_reasons for one in parts]),
        answers_cost_usd=math.fsum(answers) if answers else None,
        failures=_added([one.failures for one in parts]),
        examples=_examples(parts, counts),
        whole=None,
        warning=next((one.warning for one in parts if one.warning), None),
        is_reused=False,
        **sums,
    )


def whole_of(run_id: str, path: str, meta: RunMeta, parts: Sequence[RunSummary], wall_s: float) -> RunSummary:
    """The summary of a run that was put together."""
    return structs.replace(
        summed(run_id, parts, wall_s),
        path=path,
        status=meta.status,
        reason=None,
        items=meta.n_items,
        counts=meta.counts,
        errors=meta.n_errors,
        not_asked=sum(one.get(NOT_ASKED, 0) for one in meta.counts.values()),
        error_reasons=meta.error_reasons,
        answers_cost_usd=meta.answers_cost_usd,
    )


def _added(parts: Sequence[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for part in parts:
        for candidate, counts in part.items():
            found.setdefault(candidate, Counter()).update(counts)
    return {candidate: dict(counts.most_common()) for candidate, counts in found.items()}


def _examples(parts: Sequence[RunSummary], counts: Mapping[str, Mapping[str, int]]) -> dict[str, str]:
    """What came back, of candidates without one usable answer in any shard."""
    found: dict[str, str] = {}
    for part in parts:
        for candidate, example in part.examples.items():
            if not (counts[candidate].get("ok") or counts[candidate].get("abstained")):
                found.setdefault(candidate, example)
    return found
