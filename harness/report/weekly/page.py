"""Writes the weekly report as one HTML file: the template's view of ``WeeklyData``.

Decides which characters a template may print and what the page may load (nothing but itself, by hash).
"""

from __future__ import annotations

import base64
import math
from collections import Counter
from pathlib import Path

from markupsafe import Markup

from harness.core.metric_table import METRIC_MEANINGS
from harness.core.results import MetricResult
from harness.gating.findings.memory import Entry, not_restated
from harness.report.parts import numbers
from harness.report.parts.assets import asset, page_policy, script
from harness.report.parts.isolation import isolated
from harness.report.parts.masking import TextMode
from harness.report.parts.templates import environment
from harness.report.parts.words import plural
from harness.report.weekly import drawings, titles
from harness.report.weekly.acknowledged import ledger_state
from harness.report.weekly.cost_charts import cost_charts
from harness.report.weekly.data import (
    ASK_EXAMPLES,
    FUNCTIONS,
    METRIC_NAMES,
    Ask,
    CategoryRow,
    Judgement,
    Series,
    WeeklyData,
)
from harness.report.weekly.error_data import KIND_NAMES, Cluster, Example
from harness.report.weekly.ledger import entry_figure, entry_value
from harness.report.weekly.operating_view import (
    operating_change,
    operating_notes,
    operating_title,
    threshold_of,
)
from harness.report.weekly.production_view import ProductionView
from harness.report.weekly.sentences import topic_counts, topic_name
from harness.report.weekly.targets import is_below_in_production

MAX_CHARTS = 30
ASKS_OPEN = 4
"""Asks of one owner that stand open, the most urgent; the others are folded where there are more than two of them."""
ASK_IDS = 200
"""Items of an ask that stand on the page by their id alone."""
_ICONS = {"good": "✓", "bad": "✗", "open": "!", "neutral": "·"}
_VERDICTS = {"met": "✓ met", "missed": "✗ missed", "open": "? cannot tell yet"}


def write_html(data: WeeklyData, path: Path, text_mode: TextMode) -> Path:
    """Write the page."""
    path.write_text(render_page(data, text_mode), encoding="utf-8")
    return path


def render_page(data: WeeklyData, text_mode: TextMode) -> str:
    """The page as text."""
    page = WeeklyPage(data, text_mode)
    return isolated(environment().get_template("weekly.html.jinja").render(page=page), page.names.values())


class WeeklyPage:
    """What the template reads."""

    def __init__(self, data: WeeklyData, text_mode: TextMode) -> None:
        self.data = data
        self.text_mode = text_mode
        self.css = Markup(asset("report.css") + asset("weekly.css"))
        self.script = Markup(script("weekly"))
        self.policy = page_policy(self.css, self.script)
        self.icon = _ICONS[data.tone]
        self.metrics = list(METRIC_NAMES.items())
        self.meanings = METRIC_MEANINGS
        self.kinds = KIND_NAMES
        self.verdicts = _VERDICTS
        self.names = titles.names_of(data)
        self.targets_title = titles.targets_title(data.rows)
        self.in_short = dict(data.in_short)
        self.operating_title = operating_title(data.operating)
        self.operating_notes = operating_notes(data.operating)
        self.live = None if data.production is None else ProductionView(data.production)
        self._target = {(row.id, name): one.target for row in data.rows for name, one in row.judgements.items()}

    @property
    def sections(self) -> list[tuple[str, str]]:
        """Links at the top: the sections that are there."""
        data = self.data
        possible: list[tuple[str, str, object]] = [
            ("asks", "Asks", data.asks),
            ("targets", "Targets", data.rows),
            ("operating", "Operating points", data.operating),
            ("production", "Production", data.production),
            ("trend", "Trend", self.has_trend),
            ("moved", "What moved", data.movements or data.causes or data.earlier),
            ("ledger", "Ledger", data.ledger),
            ("errors", "New errors", data.errors and data.errors.clusters),
            ("workload", "Workload", True),
            ("languages", "Languages", data.operations.languages),
            ("disputes", "Disputes", data.disputes),
            ("golden", "Golden set", True),
            ("engineering", "Cost and time", True),
            ("candidates", "Candidates", data.candidates),
            ("about", "About", True),
        ]
        return [(name, text) for name, text, has_data in possible if has_data]

    def figure_of(self, one: Entry) -> str:
        """What a line of the ledger was measured on."""
        return entry_figure(one, self.data.names)

    entry_value, ledger_state = staticmethod(entry_value), staticmethod(ledger_state)

    @property
    def ledger(self) -> list[Entry]:
        """Lines of the ledger that no other one tells."""
        return list(not_restated(self.data.ledger))

    @property
    def ledger_parts(self) -> list[Entry]:
        """The others: parts of what stands above."""
        return [one for one in self.data.ledger if one not in self.ledger]

    @property
    def tiles(self) -> list[tuple[str, str, str]]:
        """A few facts: name, value, remark."""
        data, health = self.data, self.data.health
        tiles = self._target_tile()
        if data.previous_week is not None and data.is_comparable:
            flags = sum(one.source == "chart" for one in data.movements)
            tiles.append(("Figures that moved", str(len(data.movements)), f"{flags} flagged on the charts"))
        tiles += [*self._ledger_tile(), *self._production_tiles()]
        if data.errors is not None and data.errors.is_new:
            gone = f"{numbers.count(data.errors.n_gone)} gone"
            tiles.append(("New errors", numbers.count(data.errors.n_new), gone))
        of_set = "" if health.n_items == health.n_in_set else f" of {numbers.count(health.n_in_set)}"
        part = ", gate part of the split" if health.part == "gate" else ""
        tiles.append(("Items", f"{numbers.count(health.n_items)}{of_set}", f"{data.golden}{part}"))
        tiles.append(("Asks", str(len(data.asks)), plural(len({one.owner for one in data.asks}), "owner")))
        return tiles

    def _target_tile(self) -> list[tuple[str, str, str]]:
        judged = Counter(one.verdict for row in self.data.rows for one in row.judgements.values())
        if not judged:
            return []
        rest = f"{judged['missed']} missed, {judged['open']} cannot be told yet"
        n_below = sum(is_below_in_production(row) for row in self.data.rows)
        rest += f"; {n_below} of precision below target in production" if n_below else ""
        return [("Targets met", f"{judged['met']} of {judged.total()}", rest)]

    def _ledger_tile(self) -> list[tuple[str, str, str]]:
        still = [one.since for one in self.ledger if one.is_open]
        n_new = still.count(self.data.week)
        parts = [f"{n_new} since this week"] if n_new else []
        parts += [f"{len(still) - n_new} from weeks before"] if n_new < len(still) else []
        return [("Open in the ledger", str(len(still)), ", ".join(parts))] if still else []

    def _production_tiles(self) -> list[tuple[str, str, str]]:
        """What a day would bring, and what its labelled samples say."""
        tiles = []
        if (work := self.data.operations.workload) is not None:
            n_flags, n_hours = (
                titles.day(work.now.flagged, one) for one in (work.traffic.items_per_day, work.traffic.hours)
            )
            a_day = f"{n_flags} flags a day, {n_hours} reviewer hours"
            tiles.append(("Precision in production", numbers.share(work.now.precision.value), a_day))
        if self.live is not None and self.live.for_operations:
            words, value = self.live.for_operations[0]
            share, _, interval = value.partition(" ")
            tiles.append(("Measured in production", share, f"{interval} {words}, {self.live.newest}"))
        return tiles

    # -------------------------------------------------------------------------------------------------- targets

    def _scale(self, metric: str) -> tuple[float, float]:
        targets = [target for (_, name), target in self._target.items() if name == metric]
        return drawings.table_scale([row.results[metric] for row in self.data.rows], targets)

    def scale(self, metric: str) -> str:
        """Ends of a metric's scale: ``60 to 100%``."""
        low, high = self._scale(metric)
        return f"{100 * low:.0f} to {100 * high:.0f}%"

    def whiskers(self, row: CategoryRow, metric: str) -> Markup:
        """A value with its interval and its target."""
        return drawings.against_target(row.results[metric], self._target.get((row.id, metric)), self._scale(metric))

    @staticmethod
    def bound(one: Judgement) -> str:
        """What the data prove about a target."""
        if math.isnan(one.low):
            return one.reason or ""
        if one.verdict == "met":
            return f"at least {numbers.share(one.low)}"
        if one.verdict == "missed":
            return f"at most {numbers.share(one.high)}"
        between = f"between {numbers.share(one.low)} and {numbers.share(one.high)}"
        return f"{between}; {one.reason}" if one.reason else between

    @staticmethod
    def change(row: CategoryRow, metric: str) -> tuple[str, str, str] | None:
        """This week against the weeks before: points, class, words; None without weeks before."""
        point = row.points.get(metric)
        if point is None or math.isnan(point.moved_from) or not point.result.is_defined:
            return None
        difference = point.result.value - point.moved_from
        size = numbers.points(difference)
        if point.slide is not None:
            return size, "c-worse", f"▼ slid since {point.slide.since[5:]}"
        if not point.is_flagged:
            return size, "c-same", "within chance"
        return (size, "c-better", "▲ moved") if difference > 0 else (size, "c-worse", "▼ moved")

    operating_change, threshold_of = staticmethod(operating_change), staticmethod(threshold_of)

    # ---------------------------------------------------------------------------------------------------- trend

    @property
    def has_trend(self) -> bool:
        """Whether there are two weeks to draw."""
        return len(self.data.weeks) > 1

    def _panels(self, metric: str) -> list[Series]:
        return [one for one in self.data.series if one.metric == metric and one.category in self.names]

    def trend_title(self, metric: str) -> str:
        """The finding of all panels of a metric."""
        return titles.trend_title(metric, self._panels(metric), self.data.week, self.names)

    def trends(self, metric: str) -> list[tuple[str, bool, Markup]]:
        """Finding, whether it moved this week, and chart, per category; what moved comes first."""
        data, found = self.data, []
        shown = [(one, self._target.get((one.category, metric))) for one in self._panels(metric)]
        ticks = drawings.trend_ticks(shown)
        judged = {row.id: row.judgements.get(metric) for row in data.rows}
        for one, target in shown:
            name = self.names[one.category]
            moved = bool(one.points) and one.points[-1].week == data.week and one.points[-1].has_moved
            label = drawings.trend_label(name, METRIC_NAMES[metric], one)
            chart = drawings.trend(one, data.weeks, target, ticks, label, data.versions)
            found.append((titles.trend_finding(name, one, judged[one.category], data.week), moved, chart))
        return sorted(found, key=lambda one: not one[1])[:MAX_CHARTS]

    def n_more_charts(self, metric: str) -> int:
        """Categories whose chart is left out: their figures are in the table below the charts."""
        return max(0, len(self.table_points(metric)) - MAX_CHARTS)

    def table_points(self, metric: str) -> list[tuple[str, Series]]:
        """The figures behind the charts."""
        return [(self.names[one.category], one) for one in self._panels(metric)]

    # --------------------------------------------------------------------------------------------------- errors

    topic_name, topic_counts = staticmethod(topic_name), staticmethod(topic_counts)

    @staticmethod
    def counted(one: Cluster, is_new: bool) -> str:
        """How many errors a cluster holds."""
        if not is_new:
            return f"{plural(one.n_new, 'item')} of {numbers.count(one.n_items)}"
        gone = f", {numbers.count(one.n_gone)} gone" if one.n_gone else ""
        return f"{numbers.count(one.n_new)} new{gone}; {numbers.count(one.n_errors)} in all"

    @staticmethod
    def packed(one: Example) -> str:
        """The clear text in base64: it stands in the source, but not in clear, until the reader asks for it."""
        return base64.b64encode((one.clear or "").encode("utf-8", "backslashreplace")).decode("ascii")

    # ----------------------------------------------------------------------------------------------------- asks

    @property
    def asks_by_function(self) -> list[tuple[str, list[tuple[str, list[Ask]]]]]:
        """Function -> owners: both in the order of their most urgent ask."""
        found: dict[str, dict[str, list[Ask]]] = {}
        order: dict[str, int] = {name: at for at, name in enumerate(FUNCTIONS)}
        for one in sorted(self.data.asks, key=lambda one: (one.rank, order.get(one.function, len(order)))):
            found.setdefault(one.function, {}).setdefault(one.owner, []).append(one)
        return [(name, list(owners.items())) for name, owners in found.items()]

    @staticmethod
    def folded(asks: list[Ask]) -> tuple[list[Ask], list[Ask]]:
        """Asks of an owner that stand open, and those behind a fold."""
        return (asks, []) if len(asks) <= ASKS_OPEN + 2 else (asks[:ASKS_OPEN], asks[ASKS_OPEN:])

    def items_behind(self, one: Ask) -> tuple[list[Example], tuple[str, ...], int]:
        """Items of an ask: some with their texts, more by id, and how many are left to the spreadsheet."""
        shown = [self.data.ask_examples[item] for item in one.items[:ASK_EXAMPLES] if item in self.data.ask_examples]
        rest = one.items[len(shown) :]
        return shown, rest[:ASK_IDS], max(0, len(rest) - ASK_IDS)

    # ----------------------------------------------------------------------------------- operations, engineering

    def day(self, result: MetricResult, unit: str) -> tuple[str, str]:
        """A share of traffic as a number a day, and its range."""
        work = self.data.operations.workload
        assert work is not None
        factor = work.traffic.hours if unit == "hours" else work.traffic.items_per_day
        value, low, high = (numbers.count(round(factor * one)) for one in (result.value, result.low, result.high))
        return value, f"[{low}, {high}]"

    is_below_in_production = staticmethod(is_below_in_production)

    @property
    def cost_charts(self) -> list[tuple[str, Markup]]:
        """Cost, latency and failures over the weeks: finding and chart."""
        return cost_charts(self.data.engineering, self.data.weeks)

    @property
    def has_latency(self) -> bool:
        """Whether any candidate was timed."""
        return any(one.latency_p50 is not None for one in self.data.candidates)

    @property
    def has_cost(self) -> bool:
        """Whether any candidate has a price."""
        return any(one.cost_per_1000_usd is not None for one in self.data.candidates)

    @property
    def has_alpha(self) -> bool:
        """Whether votes gave an agreement."""
        return any(one.alpha is not None for one in self.data.health.rows)
