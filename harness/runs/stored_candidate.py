"""One candidate's results in a stored run: what is compared and judged.

Decides nothing: it keeps together what would travel as two arguments. The numbers are read by ``measure``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from harness.runs.layout import CandidateRows
    from harness.runs.reader import Run


class StoredCandidate(NamedTuple):
    """A candidate of a run, as ``run["v1"]`` names it; whether the run has it is told when its rows are read."""

    run: Run
    name: str

    @property
    def run_id(self) -> str:
        """The id of its run."""
        return self.run.meta.run_id

    @property
    def rows(self) -> CandidateRows:
        """Its rows, not to be written to."""
        return self.run.candidate(self.name)
