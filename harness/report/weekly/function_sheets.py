"""Sheets for those who act: asks with their items, a day's workload, languages, disputed labels, teams, costs."""

from __future__ import annotations

from collections.abc import Iterator

from harness.core.results import MetricResult
from harness.report.comparison.workload import ProductionRow, ProductionTotal
from harness.report.parts.xlsx import Chart, Column, Link, Sheet, Value, number, proportion
from harness.report.weekly import titles
from harness.report.weekly.data import WeeklyData
from harness.report.weekly.operations import METRICS, Workload

ASK_ITEMS = "Ask items"


def function_sheets(data: WeeklyData) -> list[Sheet]:
    """Policy, operations, engineering; a sheet without rows is left out."""
    found = [_asks(data), _ask_items(data), _workload(data), _languages(data), _disputes(data), _disputed(data)]
    found += [_teams(data), _costs(data), _versions(data)]
    return [sheet for sheet in found if list(sheet.rows)]


def _asks(data: WeeklyData) -> Sheet:
    columns = (
        Column("Ask", "count", 6),
        Column("Function", width=13),
        Column("Owner", width=26),
        Column("Due", width=12),
        Column("Overdue", width=10),
        Column("What to do", "long", 100),
        Column("Category", width=22),
        Column("Since", width=10),
        Column("Items", "count", 8),
    )
    rows_of = {place: row for row, (_, places) in reversed([*enumerate(_behind(data).items(), 2)]) for place in places}
    rows = [
        (
            place,
            one.function,
            one.owner,
            one.due,
            "overdue" if one.is_overdue else "",
            one.text,
            one.category or "",
            one.since or data.week,
            Link(len(one.items), ASK_ITEMS, rows_of[place]) if one.items else None,
        )
        for place, one in enumerate(data.asks, 1)
    ]
    return Sheet("Asks", columns, rows, marks=(("overdue", "bad"),))


def _behind(data: WeeklyData) -> dict[tuple[str, str], list[int]]:
    """Item and category -> the asks that it stands behind, in the order of the asks: each once."""
    found: dict[tuple[str, str], list[int]] = {}
    for place, one in enumerate(data.asks, 1):
        for item in one.items:
            found.setdefault((item, one.category or ""), []).append(place)
    return found


def _ask_items(data: WeeklyData) -> Sheet:
    """One row an item and category, however many asks it stands behind."""
    columns = (
        Column("Item", width=24),
        Column("Category", width=22),
        Column("Asks", width=12),
        Column("First due", width=12),
        Column("Owner", width=26),
        Column("Read it whole with", width=60),
    )
    rows = [
        (
            item,
            category,
            ", ".join(map(str, places)),
            data.asks[places[0] - 1].due,
            ", ".join(dict.fromkeys(data.asks[place - 1].owner for place in places)),
            f"harness show {data.run_id} {item}",
        )
        for (item, category), places in _behind(data).items()
    ]
    return Sheet(ASK_ITEMS, columns, rows)


def _workload(data: WeeklyData) -> Sheet:
    work = data.operations.workload
    heads = ("Flags", "Wrong flags", "Missed", "Reviewer hours")
    columns = (
        Column("Category", width=26),
        *(Column(f"{head} {when}", "count", 11) for head in heads for when in ("before", "now")),
        *(Column(f"{head} now, {end}", "count", 11) for head in heads for end in ("low", "high")),
        Column("Precision in production", "share", 9),
        Column("low", "share", 9),
        Column("high", "share", 9),
        Column("Prevalence", width=30),
    )
    if work is None:
        return Sheet("Workload", columns, [])
    title = f"{titles.workload_title(data.operations, data.week)} At {work.traffic.items_per_day:,.0f} items a day."
    flags = Chart(titles.workload_title(data.operations, data.week), "bar", (1, 2), "#,##0", rows=len(work.rows))
    return Sheet("Workload", columns, list(_work_rows(work)), title=title, charts=(flags,))


_Day = ProductionRow | ProductionTotal


def _work_rows(work: Workload) -> Iterator[tuple[Value, ...]]:
    sides: list[tuple[str, _Day | None, _Day, str]] = [
        *((row.name, row.before, row.now, f"{row.now.prevalence:.4g} ({row.now.source})") for row in work.rows),
        ("All together", work.before, work.now, ""),
    ]
    traffic, hours = work.traffic.items_per_day, work.traffic.hours
    for name, before, now, prevalence in sides:
        kinds = [(one, traffic) for one in ("flagged", "wrongly_flagged", "missed")] + [("flagged", hours)]
        pairs = [(None if before is None else getattr(before, one), getattr(now, one), by) for one, by in kinds]
        yield (
            name,
            *(cell for old, new, by in pairs for cell in (_day(old, by), _day(new, by))),
            *(cell for _, new, by in pairs for cell in (_amount(new.low, by), _amount(new.high, by))),
            *proportion(now.precision)[:3],
            prevalence,
        )
    for name in work.unknown:
        yield (name, *[None] * 19, "no prevalence stated in the policy")


def _day(result: MetricResult | None, factor: float) -> Value:
    return None if result is None else _amount(result.value, factor)


def _amount(share: float, factor: float) -> Value:
    return number(round(factor * share, 1))


def _languages(data: WeeklyData) -> Sheet:
    columns = (
        Column("Language", width=18),
        Column("Items", "count", 9),
        *(
            Column(f"{metric.capitalize()} {when}{end}", "share", 9)
            for metric in METRICS
            for when in ("before", "now")
            for end in ("", ", low", ", high")
        ),
    )
    rows = [
        (
            row.value,
            row.n_items,
            *(
                cell
                for metric in METRICS
                for side in (row.before, row.now)
                for cell in proportion(side.get(metric))[:3]
            ),
        )
        for row in data.operations.languages
    ]
    chart = Chart(titles.languages_title(data.operations), "bar", (2, 5), "0%", low=0.0, high=1.0)
    return Sheet("Languages", columns, rows, charts=(chart,))


def _disputes(data: WeeklyData) -> Sheet:
    columns = (
        Column("Category", width=26),
        Column("Agreement, alpha", "number", 11),
        Column("low", "number", 8),
        Column("high", "number", 8),
        Column("Items voted on", "count", 10),
        Column("Votes differ", "count", 10),
        Column("Gold is not the majority", "count", 12),
        Column("Errors", "count", 9),
        Column("Errors on disputed items", "count", 12),
    )
    rows = [
        (
            one.name,
            *proportion(one.votes.alpha)[:3],
            one.votes.n_items,
            one.votes.n_disputed,
            one.votes.n_against_gold,
            one.n_errors,
            one.n_disputed_errors,
        )
        for one in data.disputes
    ]
    return Sheet("Disputes", columns, rows)


def _disputed(data: WeeklyData) -> Sheet:
    columns = (Column("Category", width=26), Column("Item", width=24), Column("What", width=46))
    what = "annotators disagree and the decision is against the gold"
    return Sheet("Disputed items", columns, [(one.name, item, what) for one in data.disputes for item in one.items])


def _teams(data: WeeklyData) -> Sheet:
    names = titles.names_of(data)
    columns = (
        Column("Team", width=22),
        Column("Category", width=26),
        Column("Votes", "count", 9),
        *(
            Column(f"{head}{end}", "share", 9)
            for head in ("Agreement", "Recall", "Precision")
            for end in ("", ", low", ", high")
        ),
    )
    rows = [
        (
            one.team,
            names.get(one.category, one.category),
            one.n_votes,
            *(cell for result in (one.agreement, one.recall, one.precision) for cell in proportion(result)[:3]),
        )
        for one in data.teams
    ]
    return Sheet("Teams", columns, rows)


def _costs(data: WeeklyData) -> Sheet:
    columns = (
        Column("Week", width=10),
        Column("Items", "count", 9),
        Column("Cost", "money", 11),
        Column("Cost per 1,000 answered items", "money", 12),
        Column("Cost per caught violation", "money", 12),
        Column("Latency median, ms", "milliseconds", 11),
        Column("Latency p95, ms", "milliseconds", 11),
        Column("Failure rate", "share", 9),
        Column("low", "share", 9),
        Column("high", "share", 9),
        Column("Run", width=26),
    )
    rows = [
        (
            one.week,
            one.n_items,
            one.cost_usd,
            one.cost_per_1000_usd,
            one.cost_per_caught_usd,
            one.latency_p50,
            one.latency_p95,
            *proportion(one.failure_rate)[:3],
            one.run_id,
        )
        for one in data.engineering.costs
    ]
    drawn = {"cost_per_1000_usd": (3, "$0.00##"), "latency_p95": (6, "#,##0"), "failure_rate": (7, "0.0%")}
    charts = tuple(
        Chart(title, "line", (drawn[field][0],), drawn[field][1], low=0.0)
        for field, title in titles.cost_titles(data.engineering)
    )
    return Sheet("Cost and time", columns, rows, charts=charts if len(rows) > 1 else ())


def _versions(data: WeeklyData) -> Sheet:
    columns = (Column("What", width=24), Column("Version", width=46), Column("In the run before", width=46))
    return Sheet(
        "Versions", columns, [(one.name, one.value, one.before or "the same") for one in data.engineering.versions]
    )
