"""What run.json says about a run.

Decides its status and its content; every number in it comes from elsewhere.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from harness import __version__
from harness.core.signature import SIGNATURE_FIELDS
from harness.records import GoldenFacts, RunMeta, RunStatus
from harness.records.answers import Candidate
from harness.records.runs import ShardFacts
from harness.runner.claims import Spent
from harness.runner.failures import is_all_failed
from harness.runner.run_id import run_id_of
from harness.runner.run_request import RunRequest
from harness.runs.layout import status_of_counts

RECORDED_PACKAGES = ("aiohttp", "numpy", "openai", "orjson", "pyarrow")


class Execution(Struct, frozen=True):
    """What one execution of a run did."""

    status: RunStatus
    reason: str | None
    counts: Mapping[str, Mapping[str, int]]
    error_reasons: Mapping[str, Mapping[str, int]]
    calls: int
    retries: int
    cached: int
    cost_usd: float
    unknown_calls: int
    earlier: Spent
    answers_cost_usd: float | None
    unpriced_answers: int
    tokens: Mapping[str, int]
    limits: Mapping[str, Any]
    created: datetime
    wall_s: float
    n_items: int
    n_items_of_whole: int


def status_of(counts: Mapping[str, Mapping[str, int]], max_error_rate: float, reason: str | None) -> RunStatus:
    """``incomplete`` when the run was stopped; ``invalid`` when it is no basis for a verdict.

    That is so when too many rows of a candidate have no answer, or when not one of its answers can be used. The share
    is of the rows that were asked: those withheld or never asked cannot fail. A model that refuses every item is a
    fact about the model, for which production has its fallback: such a run stands.
    """
    if reason is not None:
        return "incomplete"
    if any(is_all_failed(outcomes) and not _only_refused(outcomes) for outcomes in counts.values()):
        return "invalid"
    return status_of_counts(counts, max_error_rate)


def _only_refused(outcomes: Mapping[str, int]) -> bool:
    return not any(outcomes.get(one, 0) for one in ("unparsed", "blocked", "rejected", "error"))


def check_counts(counts: Mapping[str, Mapping[str, int]], n_rows: int) -> None:
    """Items in = items accounted for.

    Raises:
        RuntimeError: The outcomes of a candidate do not add up: a fault of the runner.
    """
    for candidate, outcomes in counts.items():
        if sum(outcomes.values()) != n_rows:
            raise RuntimeError(f"candidate '{candidate}' has {sum(outcomes.values())} rows instead of {n_rows}")


def run_record(request: RunRequest, run_id: str, done: Execution) -> RunMeta:
    """The record of a run without its inputs, which the writer adds."""
    golden = request.golden
    return RunMeta(
        run_id=run_id,
        status=done.status,
        reason=done.reason,
        eval_name=request.eval_name,
        eval=request.eval,
        early_stop=request.early_stop,
        golden_set=GoldenFacts(
            name=golden.name,
            version=golden.version,
            hash=golden.sha256,
            n_items=done.n_items,
            n_items_in_set=len(golden),
            n_must_catch=len(getattr(golden, "must_catch", ())),
        ),
        policy=request.policy,
        categories=tuple(golden.categories),
        candidates=tuple(candidate.id for candidate in request.candidates),
        inputs={},
        fingerprints={candidate.id: candidate.fingerprint for candidate in request.candidates},
        signatures={candidate.id: signature_fields(request, candidate) for candidate in request.candidates},
        repeats=request.repeats,
        shard=None
        if request.shard is None
        else ShardFacts(*request.shard, run_id_of(request, __version__), done.n_items_of_whole),
        limit=request.limit if request.chosen is None else done.n_items_of_whole,
        only=tuple(request.only),
        wave=request.wave,
        seed=request.seed,
        max_error_rate=request.max_error_rate,
        counts=done.counts,
        error_reasons=done.error_reasons,
        calls=done.calls,
        retries=done.retries,
        cached=done.cached,
        cost_usd=done.cost_usd,
        unknown_calls=done.unknown_calls,
        earlier_cost_usd=float(done.earlier.usd),
        earlier_unknown_calls=done.earlier.unknown_calls,
        answers_cost_usd=done.answers_cost_usd,
        unpriced_answers=done.unpriced_answers,
        tokens=done.tokens,
        limits=done.limits,
        harness_version=__version__,
        packages=package_versions(RECORDED_PACKAGES),
        platform={
            "python": platform.python_version(),
            "system": platform.system(),
            "machine": platform.machine(),
            "implementation": sys.implementation.name,
        },
        created_at=done.created.isoformat(timespec="seconds"),
        wall_s=round(done.wall_s, 3),
    )


def signature_fields(request: RunRequest, candidate: Candidate) -> dict[str, Any]:
    """All that can move this candidate's numbers, as the runner knows it: the set and its fingerprint."""
    fingerprint = candidate.fingerprint
    own = {name: fingerprint[name] for name in SIGNATURE_FIELDS if isinstance(fingerprint.get(name), (str, int, float))}
    own |= {name: ",".join(parts) for name in ("media", "without") if (parts := fingerprint.get(name))}
    for name, given in (("threshold", fingerprint.get("thresholds")), ("cuts", fingerprint.get("cuts"))):
        if given:
            own[name] = ",".join(
                f"{category}={value if isinstance(value, str) else f'{value:g}'}"
                for category, value in sorted(given.items())
            )
    golden = request.golden
    fields: dict[str, Any] = {"set": f"{golden.name}_v{golden.version}@{golden.sha256[:8]}"}
    if request.policy.version is not None:
        fields["policy"] = f"{request.policy.name}_v{request.policy.version}"
    fields.update(own)
    if request.limit is not None and request.limit < len(golden):
        fields["limit"] = f"{request.limit}@{request.seed}{'-balanced' if request.is_balanced else ''}"
    if request.repeats > 1:
        fields["repeats"] = request.repeats
    if request.wave is not None:
        fields["wave"] = request.wave
    return fields


def package_versions(names: Sequence[str]) -> dict[str, str]:
    """Versions of the packages among these that were loaded: a run from the journal alone has called nothing."""
    return {name: str(sys.modules[name].__version__) for name in names if name in sys.modules}


def is_final(meta: RunMeta) -> bool:
    """Whether running again could not add anything: complete, and every row has an answer."""
    return meta.status == "complete" and meta.n_errors == 0
