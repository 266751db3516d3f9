"""Whether the journal already holds answers to requests of this run.

Decides how many items are looked at. A rerun that asks only what failed before must not take the failures for a wrong
set-up: the answers of the other items stand in the journal.
"""

from __future__ import annotations

from itertools import islice

from harness.runner.asking import requests_of
from harness.runner.cache import ResponseCache
from harness.runner.run_request import RunRequest

LOOKED_AT = 500


def was_answered(request: RunRequest, cache: ResponseCache, model_id: str) -> bool:
    """Whether one of the first requests to this model has an answer in the journal."""
    indices = request.indices()
    for candidate in request.candidates:
        if model_id not in getattr(candidate, "models_used", (model_id,)):
            continue
        items = islice(request.golden.items(indices), LOOKED_AT)
        first = requests_of(request, candidate, items, lambda keys: {}, repeats=1, is_prepared=True)
        keys = [
            key
            for asked in first
            for key, one in zip(asked.keys, asked.requests, strict=True)
            if one.model_id == model_id
        ]
        if cache.has_any(keys):
            return True
    return False
