"""What the public functions return: a run, its scores, a comparison, a gate's verdict, a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.api.display import as_html, as_text
from harness.api.place import place
from harness.errors import HarnessError
from harness.report.parts import numbers
from harness.report.parts.tables import Table

if TYPE_CHECKING:
    import pandas as pd

    from harness.core.checks import Verdict
    from harness.gating import GateReport
    from harness.jobs.compare import DecidedComparison
    from harness.measure.score import CandidateScore, RunScore
    from harness.runs import RunMeta
    from harness.runs.reader import Run as StoredRun


class _Shown(ABC):
    """A readable repr, and HTML where a notebook asks for it."""

    @abstractmethod
    def _lines(self) -> list[str]: ...

    def _tables(self) -> list[Table]:
        return []

    def _foot(self) -> list[str]:
        return []

    def __repr__(self) -> str:
        return as_text(self._lines(), self._tables(), self._foot())

    def _repr_html_(self) -> str:
        return as_html(self._lines(), self._tables(), self._foot())


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Run(_Shown):
    """A stored run. ``stored`` is its reader, with every array; what is here is what most people need."""

    stored: StoredRun

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.stored.meta.run_id

    @property
    def path(self) -> str:
        """Its folder or address."""
        return self.stored.path

    @property
    def status(self) -> str:
        """``complete``, ``incomplete`` or ``invalid``."""
        return self.stored.meta.status

    @property
    def meta(self) -> RunMeta:
        """The content of ``run.json``."""
        return self.stored.meta

    @property
    def candidates(self) -> tuple[str, ...]:
        """Who decided."""
        return self.stored.candidates

    @property
    def categories(self) -> tuple[str, ...]:
        """What was decided on."""
        return self.stored.categories

    def frame(self, *, texts: bool = False) -> pd.DataFrame:
        """One row per candidate, item and repeat, with the item's gold labels and slices.

        Args:
            texts: Whether to add the items' texts, whole, from the golden set.

        Raises:
            HarnessError: Texts are asked for and the golden set is not at hand.
        """
        from harness.api.frames import run_frame
        from harness.jobs.texts import texts_of

        with place():
            found = texts_of(self.stored, "full") if texts else None
        if texts and not found:
            raise HarnessError(
                f"run {self.run_id}: its golden set is not at hand or has changed, so there are no texts to show",
                allowed="the golden set that was run, where the run found it",
                next_step="work in the folder in which it was run, or leave texts out",
            )
        return run_frame(self.stored, found)

    def _lines(self) -> list[str]:
        meta, golden = self.meta, self.meta.golden_set
        part = "" if self.stored.part == "all" else f", part '{self.stored.part}'"
        return [
            f"Run {self.run_id}: {self.status}, eval {meta.eval_name}, golden set {golden.title}{part}, "
            f"{numbers.count(len(self.stored.item_ids))} items",
            f"{numbers.count(meta.calls)} calls, {numbers.count(meta.cached)} answers from the journal, "
            f"{numbers.usd_spent(meta.spent_usd, meta.n_unknown_calls)} spent, "
            f"made {meta.created_at[:16].replace('T', ' ')} UTC",
        ]

    def _tables(self) -> list[Table]:
        outcomes = list(dict.fromkeys(name for counts in self.meta.counts.values() for name, n in counts.items() if n))
        rows = [
            (name, *(numbers.count(self.meta.counts.get(name, {}).get(one, 0)) for one in outcomes))
            for name in self.candidates
        ]
        return [Table("Outcomes", ("Candidate", *outcomes), tuple(rows), (), frozenset(outcomes))]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Score(_Shown):
    """The scores of a run's candidates."""

    result: RunScore

    @property
    def candidates(self) -> Mapping[str, CandidateScore]:
        """Everything scored, per candidate."""
        return self.result.candidates

    def to_frame(self) -> pd.DataFrame:
        """One row per candidate, slice value, category and metric, with interval and support."""
        from harness.api.frames import score_frame

        return score_frame(self.result)

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness score --json``."""
        return self.result.as_dict()

    def _lines(self) -> list[str]:
        from harness.report.scores import READING, score_head

        return [score_head(self.result), *READING.split("\n")]

    def _tables(self) -> list[Table]:
        from harness.report.scores import score_tables

        return score_tables(self.result)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison(_Shown):
    """Two candidates item by item, and what it means."""

    result: DecidedComparison

    def to_frame(self) -> pd.DataFrame:
        """One row per category and metric: both values and their paired difference."""
        from harness.api.frames import comparison_frame

        return comparison_frame(self.result.comparison)

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness compare --json``."""
        return self.result.as_dict()

    def _lines(self) -> list[str]:
        from harness.report.comparison.terminal import decision_lines

        return decision_lines(self.result.decision, self.result.comparison)

    def _tables(self) -> list[Table]:
        from harness.report.comparison.terminal import comparison_tables

        return comparison_tables(self.result.comparison, n_items=0, shows_all=True)

    def _foot(self) -> list[str]:
        from harness.report.comparison.terminal import foot_lines

        return foot_lines(self.result.comparison)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Gate(_Shown):
    """A verdict: may this candidate replace the baseline?"""

    report: GateReport

    @property
    def verdict(self) -> Verdict:
        """PASS, REGRESSION, INCONCLUSIVE, NOT_EVALUABLE or INVALID."""
        return self.report.verdict

    @property
    def exit_code(self) -> int:
        """What ``harness gate`` exits with."""
        return self.report.exit_code

    def to_frame(self) -> pd.DataFrame:
        """One row per check."""
        from harness.api.frames import gate_frame

        return gate_frame(self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness gate --json``."""
        from harness.report.gate.document import gate_document

        return gate_document(self.report)

    def _lines(self) -> list[str]:
        from harness.report.gate.screen import head_lines

        return head_lines(self.report)

    def _foot(self) -> list[str]:
        from harness.report.gate.screen import foot_lines

        return foot_lines(self.report)

    def _tables(self) -> list[Table]:
        from harness.report.gate.tables import gate_tables

        return gate_tables(self.report)


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot as the bytes of a PNG or SVG file; notebooks show it."""

    content: bytes
    format: Literal["png", "svg"]

    def save(self, path: str | Path) -> Path:
        """Write the file; its ending must be that of the format."""
        target = Path(path)
        if target.suffix.lower() != f".{self.format}":
            raise HarnessError(f"{target}: the picture is {self.format}", allowed=f"a name that ends in .{self.format}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.content)
        return target

    def __repr__(self) -> str:
        return f"Picture({self.format}, {len(self.content):,} bytes); save it with .save(path)"

    def _repr_png_(self) -> bytes | None:
        return self.content if self.format == "png" else None

    def _repr_svg_(self) -> str | None:
        return self.content.decode("utf-8") if self.format == "svg" else None
