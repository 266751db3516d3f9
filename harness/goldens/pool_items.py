"""A sample of a pool -> rows of a golden set without labels, and what its card keeps of the draw.

Decides that the weight of an item is one over its inclusion probability, and that stratum, probability and views stand
under ``meta.sample``, where estimates of prevalence find them again after review and release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.goldens.imports.convert import meta_name
from harness.goldens.imports.foreign import sha256_of
from harness.goldens.pool import Pool
from harness.goldens.pool_sample import Asked, Sample


def item_rows(pool: Pool, sample: Sample, categories: Sequence[str]) -> list[dict[str, Any]]:
    """Items of a golden set, unlabelled, with their weights; the pool's other columns stand under ``meta``."""
    rows = []
    for one in sample.items:
        kept = {meta_name(name): value for name, value in one.row.items() if name not in (pool.text, pool.id)}
        drawn: dict[str, Any] = {"stratum": one.stratum, "inclusion_probability": one.probability}
        if one.views is not None:
            drawn["views"] = one.views
        rows.append(
            {
                "id": one.id,
                "text": one.row[pool.text],
                "labels": dict.fromkeys(categories),
                "weight": 1 / one.probability,
                "meta": {**kept, "sample": drawn},
            }
        )
    return rows


def provenance(pool: Pool, sample: Sample, asked: Asked) -> Mapping[str, Any]:
    """What the card keeps of the draw: enough to estimate from it and to repeat it."""
    return {
        "sampling": {
            "method": "stratified, by size within strata" if asked.views is not None else "stratified, simple random",
            "seed": asked.seed,
            "by": list(sample.names),
            "embeddings": None if asked.embedder is None else [asked.embedder.name, asked.embedder.sha256],
            "bins": list(asked.design.edges) if asked.design.scores else None,
            "allocation": asked.allocation,
            "views": asked.views,
            "views_part": None if asked.views is None else asked.views_part,
            "missing_views": asked.missing_views,
            "population": sample.population,
            "population_views": sample.views,
            "strata": [one.as_dict() for one in sample.strata],
        },
        "pool": {
            "files": [{"name": path.name, "sha256": sha256_of(path)} for path in pool.files],
            "rows": sample.n_rows,
            "left_out": dict(sample.left_out.counts),
        },
    }
