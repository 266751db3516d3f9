"""A line of numbers for each of many runs: recall and precision of its first candidate, averaged over the categories.

Decides which numbers stand for a run in a list. A run is scored once and kept with the summaries of the weekly report;
one that cannot be scored has no numbers, which the list says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.report.parts import numbers
from harness.report.weekly.summaries import NOT_MEASURED, Summary, SummaryCache, run_key, summary_of
from harness.runs import RunMeta, open_run


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
        return {
            "candidate": self.candidate,
            "recall": self.recall.as_dict(),
            "precision": self.precision.as_dict(),
        }


def headlines(runs_dir: str | Path, metas: Sequence[RunMeta]) -> dict[str, Headline]:
    """Run id -> the numbers of its first candidate."""
    found = {}
    with SummaryCache(runs_dir) as cache:
        for meta in metas:
            first = meta.candidates[0]
            try:
                summary = cache.get(
                    run_key(meta),
                    Summary,
                    lambda run_id=meta.run_id: summary_of(open_run(run_id, runs_dir)),  # type: ignore[misc]
                )
                values = summary.candidates[first].macro if first in summary.candidates else {}
            except HarnessError:  # its rows are damaged
                values = {}
            recall, precision = (values.get(name, NOT_MEASURED) for name in ("recall", "precision"))
            found[meta.run_id] = Headline(first, recall, precision)
    return found
