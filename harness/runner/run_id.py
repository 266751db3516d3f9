"""A run's id.

Decides which inputs make a run the same run.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from msgspec import structs

from harness.records import Price
from harness.runs.canonical import canonical_json
from harness.runs.meta import eval_document

if TYPE_CHECKING:
    from harness.runner.run_request import RunRequest

ID_DIGITS = 12


def run_id_of(request: RunRequest, harness_version: str) -> str:
    """``<eval>-<12 hex>``: the same inputs give the same id on any machine; all shards of a run name it."""
    content = {
        "candidates": [[candidate.id, candidate.fingerprint] for candidate in request.candidates],
        "endpoints": {name: endpoint.identity for name, endpoint in request.endpoints.items()},
        "eval": [request.eval_name, eval_document(request.eval, request.early_stop)],
        "golden_set": request.golden.sha256,
        "harness": harness_version,
        "inputs": {kind: one.sha256 for kind, one in request.inputs.items()},
        "limit": [request.limit, request.is_balanced],
        "prices": {name: _price(endpoint.price) for name, endpoint in request.endpoints.items()},
        "repeats": request.repeats,
        "seed": request.seed,
        "wave": request.wave,
    }
    if request.chosen is not None:
        content["chosen"] = list(request.chosen)
    digest = hashlib.sha256(canonical_json(content)).hexdigest()
    return f"{request.eval_name}-{digest[:ID_DIGITS]}"


def _price(price: Price | None) -> dict[str, Any] | None:
    """A price as part of a run's id: what is not declared adds nothing, so that a new field moves no id."""
    if price is None:
        return None
    found = structs.asdict(price)
    return {name: value for name, value in found.items() if name != "reasoning_per_mtok" or value is not None}
