"""The tables of a back-test, for terminal, Markdown and page: flags before and after, flips, work, cost, size."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

from harness.core.results import MetricResult
from harness.measure.backtest import ANY, CandidateEffect, Shift
from harness.report.backtest.data import Backtest, Period, full_pass
from harness.report.parts import numbers
from harness.report.parts.tables import Table, with_names

DIGITS = 2
"""Decimals of a flag rate in percent: production flags about one item in a hundred."""


def headline(found: Backtest, one: CandidateEffect, period: Period) -> str:
    """The finding in one sentence."""
    shift = one.items[ANY]
    if not shift.after.is_defined:
        return f"{one.candidate}: nothing can be said ({shift.after.reason})."
    after = numbers.share_with_interval(shift.after, DIGITS)
    if not shift.change.is_defined:
        return f"{one.candidate} would flag {after} of the items."
    n = period.per(found.drawn.n_items)
    change = _amount(shift.change, n, is_signed=True)
    before = numbers.share(shift.before.value, DIGITS)
    told = "" if shift.change.low > 0 or shift.change.high < 0 else " (it may be none)"
    return f"{one.candidate} would flag {after} of the items instead of {before}: {change} flags {period.unit}{told}."


def tables(found: Backtest, period: Period) -> list[Table]:
    """Every table, candidate by candidate."""
    drawn, result = found.drawn, []
    for one in found.effects:
        against = f"{one.candidate} against {found.before}"
        result.append(_shares(f"{against}: share of items", one.items))
        n_items = period.per(drawn.n_items)
        result.append(_amounts(f"{against}: items {period.unit}", one.items, n_items))
        if one.views and drawn.n_views:
            result.append(_amounts(f"{against}: views {period.unit}", one.views, period.per(drawn.n_views)))
        result.append(_work(found, one, period))
    result.append(_precision(found))
    return [with_names(one, found.names) for one in result]


def _shares(title: str, shifts: Mapping[str, Shift]) -> Table:
    def change(one: MetricResult) -> str:
        return numbers.points_with_interval(one, DIGITS) if one.is_defined else "n/a"

    return _shifts(title, shifts, "Change, points", _share, change)


def _shifts(
    title: str,
    shifts: Mapping[str, Shift],
    head: str,
    words: Callable[[MetricResult], str],
    change: Callable[[MetricResult], str],
) -> Table:
    """A row a category: before, after, the change and what it is made of."""
    heads = ("Flagged before", "Flagged after", head, "Newly flagged", "No longer flagged")
    rows = tuple(
        (name, words(one.before), words(one.after), change(one.change), words(one.gained), words(one.lost))
        for name, one in shifts.items()
    )
    return Table(title, ("Category", *heads), rows, (), frozenset(heads))


def _share(one: MetricResult) -> str:
    return numbers.short_share(one, DIGITS) if one.low != one.high else numbers.share(one.value, DIGITS)


def _amounts(title: str, shifts: Mapping[str, Shift], population: float) -> Table:
    words = partial(_amount, population=population)
    return _shifts(title, shifts, "Change", words, partial(words, is_signed=True))


def _amount(one: MetricResult, population: float, *, is_signed: bool = False) -> str:
    return numbers.amount_with_interval(one, population, is_signed=is_signed) if one.is_defined else "n/a"


def _work(found: Backtest, one: CandidateEffect, period: Period) -> Table:
    shift, n, cost = one.items[ANY], found.drawn.n_items, one.cost_usd
    rows = [
        (f"Reviewer hours {period.unit}, before", _amount(period.hours(shift.before, n), 1)),
        (f"Reviewer hours {period.unit}, after", _amount(period.hours(shift.after, n), 1)),
        (f"Reviewer hours {period.unit}, change", _amount(period.hours(shift.change, n), 1, is_signed=True)),
        (f"No usable decision ({one.on_failure.replace('_', ' ')})", numbers.share_with_interval(one.failed, DIGITS)),
        (
            "Answered items of the sample",
            f"{numbers.count(one.n_answered)} of {numbers.count(len(found.sample.items))}",
        ),
    ]
    if not one.asks:
        rows.append(("Cost", "asks no model"))
    else:
        per = None if cost is None else cost.value * 1_000
        rows.append(("Cost of 1,000 items", numbers.usd_known(per, one.n_unpriced if cost is None else 0)))
        rows.append(("Cost of the full pass", _money(full_pass(one, found.sample.population))))
        if one.n_unpriced:
            rows.append(("Answers whose price nobody knows", numbers.count(one.n_unpriced)))
    notes = (f"Hours: every flagged item is reviewed, at {period.review_seconds:g} seconds.",)
    return Table(f"{one.candidate}: work and cost", ("Figure", "Value"), tuple(rows), notes, frozenset({"Value"}))


def _money(whole: dict[str, float] | None) -> str:
    if whole is None:
        return numbers.usd(None)
    if whole["low"] == whole["high"]:
        return numbers.usd(whole["value"])
    return f"{numbers.usd(whole['value'])} [{numbers.usd(whole['low'])}, {numbers.usd(whole['high'])}]"


def _precision(found: Backtest) -> Table:
    columns = (
        "Candidate",
        "Flag rate known to",
        "This sample is worth",
        "To know it to",
        "Items by these strata",
        "Simple random items",
    )
    rows = []
    for one in found.effects:
        flagged, size = one.items[ANY].after, found.sizes.get(one.candidate)
        half = (flagged.high - flagged.low) / 2 if flagged.is_defined else math.nan
        rows.append(
            (
                one.candidate,
                "n/a" if math.isnan(half) else f"±{100 * half:.2g} points",
                "n/a" if one.worth is None else f"{numbers.count(round(one.worth))} simple random items",
                "n/a" if size is None else f"±{100 * size.half_width:g} points",
                "n/a" if size is None else numbers.count(size.by_strata),
                "n/a" if size is None else numbers.count(size.simple),
            )
        )
    note = (
        "Items by these strata: shared out by what this sample measured within each (--precision POINTS says how "
        "closely it is to be known, and draws them). Both counts are for 95% and reckon with the size of the pool."
    )
    return Table(
        f"What a sample of {numbers.count(len(found.sample.items))} items shows",
        columns, tuple(rows), (note,), frozenset(columns[1:]),
    )  # fmt: skip


def lead_lines(found: Backtest) -> list[str]:
    """Where the numbers come from."""
    sample = found.sample
    files = ", ".join(found.files[:3]) + (" ..." if len(found.files) > 3 else "")
    drawn = f"{len(sample.strata):,} strata by {', '.join(sample.names)}" if sample.names else "one stratum"
    lines = [
        f"Pool {files}: {numbers.count(sample.n_rows)} rows, {numbers.count(sample.population)} items, "
        f"{numbers.count(len(sample.items))} drawn ({drawn}, {found.allocation}, seed {found.seed})"
    ]
    for reason, n in sample.left_out.counts.items():
        lines.append(f"left out, {reason}: {n:,} (first: {', '.join(sample.left_out.places[reason][:3])})")
    lines += [f"Note: {one}" for one in found.notes]
    return lines
