"""Writes the weekly report as one HTML file: the template's view of ``WeeklyData``.

Decides which characters a template may print and what the page may load (nothing but itself, by hash).
"""

from __future__ import annotations

import base64
import hashlib
import math
from functools import cache
from importlib import resources
from pathlib import Path

from markupsafe import Markup

from harness.core.metric_table import METRIC_MEANINGS
from harness.gating.findings.memory import Entry
from harness.report.parts import numbers
from harness.report.parts.assets import script
from harness.report.parts.masking import TextMode
from harness.report.parts.templates import environment
from harness.report.parts.words import plural
from harness.report.weekly import drawings
from harness.report.weekly.acknowledged import ledger_state
from harness.report.weekly.data import METRIC_NAMES, Ask, CategoryRow, Judgement, Series, WeeklyData
from harness.report.weekly.error_data import KIND_NAMES, Cluster, Example
from harness.report.weekly.sentences import topic_counts, topic_name

MAX_CHARTS = 30
_ICONS = {"good": "✓", "bad": "✗", "open": "!", "neutral": "·"}
_VERDICTS = {"met": "✓ met", "missed": "✗ missed", "open": "? cannot tell yet"}


@cache
def _asset(name: str) -> str:
    return (resources.files("harness") / "report" / "templates" / name).read_text(encoding="utf-8")


def _sha256(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def write_html(data: WeeklyData, path: Path, text_mode: TextMode) -> Path:
    """Write the page."""
    path.write_text(render_page(data, text_mode), encoding="utf-8")
    return path


def render_page(data: WeeklyData, text_mode: TextMode) -> str:
    """The page as text."""
    return environment().get_template("weekly.html.jinja").render(page=WeeklyPage(data, text_mode))


class WeeklyPage:
    """What the template reads."""

    def __init__(self, data: WeeklyData, text_mode: TextMode) -> None:
        self.data = data
        self.text_mode = text_mode
        self.css = Markup(_asset("report.css") + _asset("weekly.css"))
        self.script = Markup(script("weekly"))
        self.policy = (
            f"default-src 'none'; script-src {_sha256(self.script)}; style-src {_sha256(self.css)}; img-src data:; "
            "base-uri 'none'; form-action 'none'"
        )
        self.icon = _ICONS[data.tone]
        self.metrics = list(METRIC_NAMES.items())
        self.meanings = METRIC_MEANINGS
        self.kinds = KIND_NAMES
        self.verdicts = _VERDICTS
        self._target = {(row.id, name): one.target for row in data.rows for name, one in row.judgements.items()}

    @property
    def sections(self) -> list[tuple[str, str]]:
        """Links at the top: the sections that are there."""
        data = self.data
        possible: list[tuple[str, str, object]] = [
            ("targets", "Targets", data.rows),
            ("trend", "Trend", self.has_trend),
            ("moved", "What moved", data.movements or data.causes or data.earlier),
            ("ledger", "Ledger", data.ledger),
            ("errors", "New errors", data.errors and data.errors.clusters),
            ("asks", "Asks", data.asks),
            ("golden", "Golden set", True),
            ("candidates", "Candidates", data.candidates),
            ("about", "About", True),
        ]
        return [(name, text) for name, text, has_data in possible if has_data]

    def name_of(self, category: str) -> str:
        """A category as readers know it."""
        return next((row.name for row in self.data.rows if row.id == category), category)

    def owner_of(self, one: Entry) -> str | None:
        """Who answers: whoever acknowledged it, else the category's owner."""
        if one.acknowledged is not None:
            return one.acknowledged.owner or one.acknowledged.by
        return next((row.owner for row in self.data.rows if row.id == one.category), None)

    @staticmethod
    def metric_words(metric: str) -> str:
        """A metric at the beginning of a cell."""
        return METRIC_NAMES.get(metric, metric)

    @staticmethod
    def ledger_state(one: Entry) -> str:
        """Open, acknowledged with its reason, or closed by recovery."""
        return ledger_state(one)

    @property
    def tiles(self) -> list[tuple[str, str, str]]:
        """A few facts: name, value, remark."""
        data = self.data
        judged = [one.verdict for row in data.rows for one in row.judgements.values()]
        tiles = []
        if judged:
            counted = {verdict: judged.count(verdict) for verdict in ("met", "missed", "open")}
            tiles.append(("Targets met", f"{counted['met']} of {len(judged)}", f"{counted['missed']} missed"))
            tiles.append(("Cannot tell yet", str(counted["open"]), "the interval holds the target"))
        if data.previous_week is not None and data.is_comparable:
            flags = sum(one.source == "chart" for one in data.movements)
            tiles.append(("Figures that moved", str(len(data.movements)), f"{flags} flagged on the charts"))
        n_open = sum(one.is_open for one in data.ledger)
        if n_open:
            tiles.append(("Unrepaired falls", str(n_open), "see the ledger"))
        shown = data.errors
        if shown is not None and shown.is_new:
            tiles.append(("New errors", numbers.count(shown.n_new), f"{numbers.count(shown.n_gone)} gone"))
        health = data.health
        size = "" if health.n_items == health.n_in_set else f" of {numbers.count(health.n_in_set)}"
        tiles.append(("Items", f"{numbers.count(health.n_items)}{size}", data.golden))
        tiles.append(("Asks", str(len(data.asks)), plural(len({one.owner for one in data.asks}), "owner")))
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
        if point is None or math.isnan(point.before) or not point.result.is_defined:
            return None
        difference = point.result.value - point.before
        if not point.is_flagged:
            return numbers.points(difference), "c-same", "within chance"
        return (
            (numbers.points(difference), "c-better", "▲ moved")
            if difference > 0
            else (numbers.points(difference), "c-worse", "▼ moved")
        )

    # ---------------------------------------------------------------------------------------------------- trend

    @property
    def has_trend(self) -> bool:
        """Whether there are two weeks to draw."""
        return len(self.data.weeks) > 1

    def trends(self, metric: str) -> list[tuple[str, bool, Markup]]:
        """Name, whether it moved this week, and chart, per category; what moved comes first."""
        data = self.data
        names = {row.id: row.name for row in data.rows}
        found = []
        chosen = [one for one in data.series if one.metric == metric and one.category in names]
        targets = [(one, self._target.get((one.category, metric))) for one in chosen]
        scale = drawings.trend_scale(targets, data.weeks)
        for one in chosen:
            moved = bool(one.points) and one.points[-1].week == data.week and one.points[-1].is_flagged
            label = drawings.trend_label(names[one.category], METRIC_NAMES[metric], one)
            chart = drawings.trend(one, data.weeks, self._target.get((one.category, metric)), scale, label)
            found.append((names[one.category], moved, chart))
        return sorted(found, key=lambda one: not one[1])[:MAX_CHARTS]

    def n_more_charts(self, metric: str) -> int:
        """Categories whose chart is left out: their figures are in the table below the charts."""
        return max(0, len(self.table_points(metric)) - MAX_CHARTS)

    def table_points(self, metric: str) -> list[tuple[str, Series]]:
        """The figures behind the charts."""
        names = {row.id: row.name for row in self.data.rows}
        return [
            (names[one.category], one) for one in self.data.series if one.metric == metric and one.category in names
        ]

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
    def asks_by_owner(self) -> list[tuple[str, list[Ask]]]:
        """Owners in the order of their most urgent ask."""
        found: dict[str, list[Ask]] = {}
        for one in self.data.asks:
            found.setdefault(one.owner, []).append(one)
        return list(found.items())

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
