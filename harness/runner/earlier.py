"""Whether the journal already holds answers to requests of this run.

Decides how many items are looked at. A rerun that asks only what failed before must not take the failures for a wrong
set-up: the answers of the other items stand in the journal.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice

from harness.errors import HarnessError
from harness.records.answers import Request
from harness.runner.cache import Keys, ResponseCache
from harness.runner.request import RunRequest

LOOKED_AT = 500


def was_answered(request: RunRequest, cache: ResponseCache, model_id: str) -> bool:
    """Whether one of the first requests to this model has an answer in the journal."""
    endpoint, indices = request.endpoints[model_id], request.indices()
    for candidate in request.candidates:
        if model_id not in getattr(candidate, "models_used", (model_id,)):
            continue
        needs_text = getattr(candidate, "needs_text", True)
        keys: list[bytes] = []
        for item in islice(request.golden.items(indices), LOOKED_AT):
            if needs_text and item.is_withheld:
                continue
            requests: list[Request] = []
            with suppress(StopIteration, HarnessError):
                decision = candidate.decide(item)
                requests = list(next(decision))
                decision.close()
            keys += [
                Keys(endpoint.identity, one.route, repeat=0, wave=request.wave).of(one.body)
                for one in requests
                if one.model_id == model_id
            ]
        if cache.has_any(keys):
            return True
    return False
