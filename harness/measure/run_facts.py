"""What a run says of itself beside its metrics: what was measured on, by what, how fast.

Decides the fields of a candidate's signature. Score, comparison and gate all take these from here.
"""

from __future__ import annotations

import numpy as np
from msgspec import structs

from harness import __version__
from harness.core.metric_table import interval_name
from harness.core.signature import signature
from harness.measure.decisions import on_failure_of
from harness.measure.weighted import weights_of
from harness.records import GoldenFacts
from harness.runs import CandidateRows, Run
from harness.runs.split import described


def golden_facts(run: Run) -> GoldenFacts:
    """What was measured on: the golden set and, under a split, the part of the run's items that the numbers are of."""
    if run.part == "all":
        return run.meta.golden_set
    return structs.replace(
        run.meta.golden_set, n_items=len(run.item_ids), part=run.part, n_items_in_run=run.meta.n_items
    )


def signature_of(run: Run, candidate: str) -> str:
    """All that can move this candidate's numbers, in the fixed order of the signature."""
    fields = {"candidate": candidate, **run.meta.signature_fields(candidate)}
    if run.part != "all" and run.meta.eval.split is not None:
        fields["split"] = described(run.part, run.meta.eval.split)
    if run.only:
        fields["only"] = ",".join(run.only)
    interval = interval_name("recall")
    if weights_of(run) is not None:
        fields["weights"], interval = "used", "design95"
    return signature({**fields, "unparsed": on_failure_of(run, candidate), "ci": interval, "v": __version__})


def latency_percentiles(rows: CandidateRows) -> dict[str, float | None]:
    """Percentiles of the latency in milliseconds, over the rows that were asked; None without any."""
    known = rows.latency_ms[~np.isnan(rows.latency_ms)]
    if not known.size:
        return {"p50": None, "p95": None, "p99": None}
    return {f"p{q}": float(np.percentile(known, q)) for q in (50, 95, 99)}
