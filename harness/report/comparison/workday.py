"""A day in production as the page shows it: whose figures, in which order, and each figure as a cell.

Decides which candidates fold; the page's script works the figures out again for other traffic.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from harness.core.results import MetricResult
from harness.report.comparison.data import ReportData
from harness.report.comparison.many import first_pair, has_first
from harness.report.comparison.workload import ProductionTotal
from harness.report.parts import numbers


class Workday:
    """The production view's values as cells."""

    def __init__(self, data: ReportData, drawn: Sequence[str]) -> None:
        self.data = data
        self._drawn = drawn

    @property
    def produced(self) -> list[str]:
        """Candidates of the production view."""
        rows = self.data.production.rows if self.data.production else ()
        return [name for name in dict.fromkeys(row.candidate for row in rows) if name in self._drawn]

    @property
    def totals(self) -> tuple[list[ProductionTotal], list[ProductionTotal]]:
        """A day in production of all categories: of the candidates that charts draw, and of the others."""
        found = self.data.production.totals if self.data.production else ()
        ranking = self.data.ranking if has_first(self.data) else ()
        order = {name: at for at, name in enumerate(ranking)}
        ordered = sorted(found, key=lambda one: order.get(one.candidate, -1))
        return [one for one in ordered if one.candidate in self._drawn], [
            one for one in ordered if one.candidate not in self._drawn
        ]

    @property
    def prevalence_source(self) -> str | None:
        """Where every prevalence comes from; None when they differ."""
        sources = {row.source for row in self.data.production.rows} if self.data.production else set()
        return sources.pop() if len(sources) == 1 else None

    @property
    def production_options(self) -> list[tuple[int, str]]:
        """Candidates of the production view, numbered."""
        return list(enumerate(self.produced))

    @property
    def first_production(self) -> int:
        """The first compared candidate is shown first."""
        name = self.data.pairs[first_pair(self.data)].candidate
        return self.produced.index(name) if name in self.produced else 0

    def share_cell(self, label: str, result: MetricResult, unit: str = "items") -> Markup:
        """A share of traffic as a number a day; the page's script works it out again for other traffic."""
        assert self.data.production is not None
        factor = self.data.production.hours if unit == "hours" else self.data.production.items_per_day
        value, *interval = numbers.amount_with_interval(result, factor).partition(" ")
        shares = " ".join(f"{part:.8g}" for part in (result.value, result.low, result.high))
        return Markup(
            '<td class="r" data-label="{}"><span class="num" data-share="{}" data-unit="{}"><b>{}</b>{}</span></td>'
        ).format(label, shares, unit, value, "".join(interval))
