"""Sheets for those who act: asks with their items, a day's workload, languages, disputed labels, teams, costs."""

from __future__ import annotations

import shlex
from typing import NamedTuple

from harness.report.comparison.workload import ProductionRow, ProductionTotal
from harness.report.parts.disputes import Dispute, TeamVotes
from harness.report.parts.fields import ENDS, Field, ends, field, fields, table
from harness.report.parts.xlsx import Chart, Column, Link, Sheet, Value, number, proportion
from harness.report.weekly import titles
from harness.report.weekly.data import Ask, Version, WeekCosts, WeeklyData
from harness.report.weekly.operations import METRICS, LanguageRow

ASK_ITEMS = "Ask items"


def function_sheets(data: WeeklyData) -> list[Sheet]:
    """Policy, operations, engineering; a sheet without rows is left out."""
    found = [_asks(data), _ask_items(data), _workload(data), _languages(data), _disputes(data), _disputed(data)]
    found += [_teams(data), _costs(data), _versions(data)]
    return [sheet for sheet in found if list(sheet.rows)]


def _asks(data: WeeklyData) -> Sheet:
    rows_of = {place: row for row, (_, places) in reversed([*enumerate(_behind(data).items(), 2)]) for place in places}
    columns: tuple[Field[tuple[int, Ask]], ...] = (
        field("Ask", lambda one: one[0], "count", 6),
        field("Function", lambda one: one[1].function, width=13),
        field("Owner", lambda one: one[1].owner, width=26),
        field("Due", lambda one: one[1].due, width=12),
        field("Overdue", lambda one: "overdue" if one[1].is_overdue else "", width=10),
        field("What to do", lambda one: one[1].text, "long", 100),
        field("Category", lambda one: one[1].category or "", width=22),
        field("Since", lambda one: one[1].since or data.week, width=10),
        field(
            "Items",
            lambda one: Link(len(one[1].items), ASK_ITEMS, rows_of[one[0]]) if one[1].items else None,
            "count",
            8,
        ),
        field("Answer for it instead with", lambda one: one[1].answer, width=60),
    )
    return table("Asks", enumerate(data.asks, 1), columns, marks=(("overdue", "bad"),))


def _behind(data: WeeklyData) -> dict[tuple[str, str], list[int]]:
    """Item and category -> the asks that it stands behind, in the order of the asks: each once."""
    found: dict[tuple[str, str], list[int]] = {}
    for place, one in enumerate(data.asks, 1):
        for item in one.items:
            found.setdefault((item, one.category or ""), []).append(place)
    return found


def _ask_items(data: WeeklyData) -> Sheet:
    """One row an item and category, however many asks it stands behind."""
    behind = [
        (item, category, [data.asks[place - 1] for place in places], places)
        for (item, category), places in _behind(data).items()
    ]
    columns: tuple[Field[tuple[str, str, list[Ask], list[int]]], ...] = (
        field("Item", lambda one: one[0], width=24),
        field("Category", lambda one: one[1], width=22),
        field("Asks", lambda one: ", ".join(map(str, one[3])), width=12),
        field("First due", lambda one: one[2][0].due, width=12),
        field("Owner", lambda one: ", ".join(dict.fromkeys(ask.owner for ask in one[2])), width=26),
        field("Read it whole with", lambda one: f"{data.show} {shlex.quote(one[0])}", width=60),
    )
    return table(ASK_ITEMS, behind, columns)


class _Day(NamedTuple):
    """A category's day, or all of them together; None where that cannot be told."""

    name: str
    before: ProductionRow | ProductionTotal | None
    now: ProductionRow | ProductionTotal | None
    prevalence: str


def _workload(data: WeeklyData) -> Sheet:
    work = data.operations.workload
    if work is None:
        return Sheet("Workload", (), ())
    traffic, hours = work.traffic.items_per_day, work.traffic.hours
    kinds = (
        ("Flags", "flagged", traffic),
        ("Wrong flags", "wrongly_flagged", traffic),
        ("Missed", "missed", traffic),
        ("Reviewer hours", "flagged", hours),
    )
    days = [_Day(one.name, one.before, one.now, f"{one.now.prevalence:.4g} ({one.now.source})") for one in work.rows]
    days.append(_Day("All together", work.before, work.now, ""))
    days += [_Day(name, None, None, "no prevalence stated in the policy") for name in work.unknown]

    def amounts(one: _Day) -> list[Value]:
        return [_amount(side, what, "value", by) for _, what, by in kinds for side in (one.before, one.now)]

    def ranges(one: _Day) -> list[Value]:
        return [_amount(one.now, what, end, by) for _, what, by in kinds for end in ("low", "high")]

    columns: tuple[Field[_Day], ...] = (
        field("Category", lambda one: one.name, width=26),
        fields([f"{head} {when}" for head, *_ in kinds for when in ("before", "now")], amounts, "count", 11),
        fields([f"{head} now, {end}" for head, *_ in kinds for end in ("low", "high")], ranges, "count", 11),
        ends(("Precision in production", "low", "high"), lambda one: None if one.now is None else one.now.precision),
        field("Prevalence", lambda one: one.prevalence, width=30),
    )
    said = titles.workload_title(data.operations, data.week)
    flags = Chart(said, "bar", (1, 2), "#,##0", rows=len(work.rows))
    return table("Workload", days, columns, title=f"{said} At {traffic:,.0f} items a day.", charts=(flags,))


def _amount(day: ProductionRow | ProductionTotal | None, what: str, end: str, factor: float) -> Value:
    return None if day is None else number(round(factor * getattr(getattr(day, what), end), 1))


def _languages(data: WeeklyData) -> Sheet:
    heads = [f"{metric.capitalize()} {when}{end}" for metric in METRICS for when in ("before", "now") for end in ENDS]

    def cells(row: LanguageRow) -> list[Value]:
        sides = [(side, metric) for metric in METRICS for side in (row.before, row.now)]
        return [cell for side, metric in sides for cell in proportion(side.get(metric))[:3]]

    columns: tuple[Field[LanguageRow], ...] = (
        field("Language", lambda one: one.value, width=18),
        field("Items", lambda one: one.n_items, "count", 9),
        fields(heads, cells, "share", 9),
    )
    chart = Chart(titles.languages_title(data.operations), "bar", (2, 5), "0%", low=0.0, high=1.0)
    return table("Languages", data.operations.languages, columns, charts=(chart,))


def _disputes(data: WeeklyData) -> Sheet:
    columns: tuple[Field[Dispute], ...] = (
        field("Category", lambda one: one.name, width=26),
        ends(("Agreement, alpha", "low", "high"), lambda one: one.votes.alpha, "number", 11),
        field("Items voted on", lambda one: one.votes.n_items, "count", 10),
        field("Votes differ", lambda one: one.votes.n_disputed, "count", 10),
        field("Gold is not the majority", lambda one: one.votes.n_against_gold, "count", 12),
        field("Errors", lambda one: one.n_errors, "count", 9),
        field("Errors on disputed items", lambda one: one.n_disputed_errors, "count", 12),
    )
    return table("Disputes", data.disputes, columns)


def _disputed(data: WeeklyData) -> Sheet:
    columns = (Column("Category", width=26), Column("Item", width=24), Column("What", width=46))
    what = "annotators disagree and the decision is against the gold"
    return Sheet("Disputed items", columns, [(one.name, item, what) for one in data.disputes for item in one.items])


def _teams(data: WeeklyData) -> Sheet:
    names = titles.names_of(data)
    columns: tuple[Field[TeamVotes], ...] = (
        field("Team", lambda one: one.team, width=22),
        field("Category", lambda one: names.get(one.category, one.category), width=26),
        field("Votes", lambda one: one.n_votes, "count", 9),
        ends([f"Agreement{end}" for end in ENDS], lambda one: one.agreement),
        ends([f"Recall{end}" for end in ENDS], lambda one: one.recall),
        ends([f"Precision{end}" for end in ENDS], lambda one: one.precision),
    )
    return table("Teams", data.teams, columns)


def _costs(data: WeeklyData) -> Sheet:
    columns: tuple[Field[WeekCosts], ...] = (
        field("Week", lambda one: one.week, width=10),
        field("Items", lambda one: one.n_items, "count", 9),
        field("Cost", lambda one: one.cost_usd, "money", 11),
        field("Cost per 1,000 answered items", lambda one: one.cost_per_1000_usd, "money", 12),
        field("Cost per caught violation", lambda one: one.cost_per_caught_usd, "money", 12),
        field("Latency median, ms", lambda one: one.latency_p50, "milliseconds", 11),
        field("Latency p95, ms", lambda one: one.latency_p95, "milliseconds", 11),
        ends(("Failure rate", "low", "high"), lambda one: one.failure_rate),
        field("Run", lambda one: one.run_id, width=26),
    )
    drawn = {"cost_per_1000_usd": (3, "$0.00##"), "latency_p95": (6, "#,##0"), "failure_rate": (7, "0.0%")}
    charts = tuple(
        Chart(title, "line", (drawn[at][0],), drawn[at][1], low=0.0)
        for at, title in titles.cost_titles(data.engineering)
    )
    costs = data.engineering.costs
    return table("Cost and time", costs, columns, charts=charts if len(costs) > 1 else ())


def _versions(data: WeeklyData) -> Sheet:
    columns: tuple[Field[Version], ...] = (
        field("What", lambda one: one.name, width=24),
        field("Version", lambda one: one.value, width=46),
        field("In the run before", lambda one: one.before or "the same", width=46),
    )
    return table("Versions", data.engineering.versions, columns)
