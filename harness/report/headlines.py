"""A line of numbers for each of many runs: recall and precision of its first candidate, averaged over the categories.

Decides which numbers stand for a run in a list. A run is scored once, its line kept beside the summaries of the weekly
report; one that cannot be scored has no numbers, which the list says. What scores is loaded only for a run that is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.records import RunMeta
from harness.report.parts import numbers
from harness.report.weekly.kept import NOT_MEASURED, SummaryCache, run_key


@dataclass(frozen=True, slots=True)
class Headline:
    """A candidate's averages over the categories."""

    candidate: str
    recall: MetricResult
    precision: MetricResult

    def cells(self) -> tuple[str, str]:
        """Recall and precision as a table shows them."""
        recall, precision = (
            numbers.share(one.value) if one.is_defined else "n/a" for one in (self.recall, self.precision)
        )
        return recall, precision

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"candidate": self.candidate, "recall": self.recall.as_dict(), "precision": self.precision.as_dict()}


def headlines(runs_dir: str | Path, metas: Sequence[RunMeta]) -> dict[str, Headline]:
    """Run id -> the numbers of its first candidate."""
    found = {}
    with SummaryCache(runs_dir) as cache:
        for meta in metas:
            try:
                found[meta.run_id] = cache.get(
                    f"headline|{run_key(meta)}",
                    Headline,
                    lambda meta=meta: _scored(cache, runs_dir, meta),  # type: ignore[misc]
                )
            except HarnessError:  # its rows are damaged
                found[meta.run_id] = Headline(meta.candidates[0], NOT_MEASURED, NOT_MEASURED)
    return found


def _scored(cache: SummaryCache, runs_dir: str | Path, meta: RunMeta) -> Headline:
    from harness.report.weekly.summaries import Summary, summary_of
    from harness.runs import open_run

    first = meta.candidates[0]
    summary = cache.get(run_key(meta), Summary, lambda: summary_of(open_run(meta.run_id, runs_dir)))
    values = summary.candidates[first].macro if first in summary.candidates else {}
    recall, precision = (values.get(name, NOT_MEASURED) for name in ("recall", "precision"))
    return Headline(first, recall, precision)
