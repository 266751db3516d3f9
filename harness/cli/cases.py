"""``harness cases``: conversations, threads and accounts as units."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.finite import FiniteRange
from harness.cli.options import (
    find_run,
    golden_option,
    json_option,
    print_json,
    run_argument,
    runs_dir_option,
    warn_if_unfinished,
)
from harness.errors import HarnessError
from harness.files.text import counted

if TYPE_CHECKING:
    from harness.measure.cases import CaseDifference, CaseScore
    from harness.report.parts.tables import Table

_SHOWN = 5


@click.command("cases")
@run_argument
@click.option("--candidate", metavar="ID", help="Only this candidate.")
@click.option("--baseline", metavar="ID", help="Also compare the others with this candidate, case by case.")
@click.option("--within", "within", metavar="N", type=FiniteRange(min=0), multiple=True,
              help="Share caught within N messages (seconds with --time); repeatable. Default: 1, 3, 5.")  # fmt: skip
@click.option("--time", "time_path", metavar="PATH", help="Where an item's seconds are, say meta.seconds.")
@golden_option
@runs_dir_option
@json_option
def command(
    run_name: str,
    candidate: str | None,
    baseline: str | None,
    within: tuple[float, ...],
    time_path: str | None,
    golden_card: Path | None,
    runs_dir: str,
    as_json: bool,
) -> None:
    """Show whether conversations, threads and accounts are caught, and how late.

    A case is the items of one group (conversation, thread, account), in the order of the set. It violates from its
    first violating item on and is caught by a flag on that item or a later one; a flag before it is early. Intervals
    and tests count cases, not items.

    \b
    Examples:
      harness cases latest
      harness cases latest --candidate v2 --baseline v1
      harness cases latest --time meta.seconds --within 10 --within 60
    """
    from harness.gating.choose import known_candidate
    from harness.jobs.times import times_of
    from harness.measure.cases import WITHIN, cases_of, compare_cases, score_cases
    from harness.measure.weighted import UNWEIGHTED_CASES, weights_of

    run = find_run(runs_dir, run_name)
    warn_if_unfinished(run)
    for name in (candidate, baseline):
        if name is not None:
            known_candidate(name, run.candidates, f"run {run.meta.run_id}")
    if candidate is not None and candidate == baseline:
        raise HarnessError(f"candidate and baseline are both '{candidate}'", next_step="name two")
    run = run.of_part("all")
    cases = cases_of(run, None if time_path is None else times_of(run, time_path, golden_card))
    names = [name for name in run.candidates if candidate in (None, name) and name != baseline]
    scores = {
        name: score_cases(run, name, cases, within or WITHIN) for name in ([baseline] if baseline else []) + names
    }
    said = (UNWEIGHTED_CASES,) if weights_of(run) is not None else ()
    against = {name: compare_cases(run, baseline, name, cases) for name in names} if baseline else {}
    if as_json:
        print_json({
            "run_id": run.meta.run_id,
            "unit": "group",
            "time": "messages" if time_path is None else "seconds",
            "n_cases": len(cases.names),
            "candidates": {name: {id_: one.as_dict() for id_, one in rows.items()} for name, rows in scores.items()},
            "baseline": baseline,
            "differences": {name: {id_: one.as_dict() for id_, one in rows.items()} for name, rows in against.items()},
            "notes": list(said),
        })  # fmt: skip
        return
    from harness.report.parts.tables import render

    unit = "messages" if time_path is None else "s"
    called = run.meta.policy.names_of(run.categories)
    tables = [
        _score_table(name, {called.get(one, one): row for one, row in rows.items()}, unit)
        for name, rows in scores.items()
    ]
    for name, differences in against.items():
        named = {called.get(one, one): row for one, row in differences.items()}
        tables.append(_difference_table(name, str(baseline), named))
    click.echo(f"{run.meta.run_id}: {counted(len(cases.names), 'case')} of {counted(len(run.item_ids), 'item')}\n")
    click.echo(render(tables, "terminal"))
    click.echo("\nA case violates from its first violating item on; a flag before that is early and catches nothing.")
    for line in said:
        click.echo(f"Note: {line}.")


def _score_table(name: str, rows: dict[str, CaseScore], unit: str) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    def time(amount: float) -> str:
        return f"{amount:g} {'message' if unit == 'messages' and amount == 1 else unit}"

    ks = list(next(iter(rows.values())).within) if rows else []
    columns = ("Category", "Cases", "Recall of cases", *(f"Within {time(k)}" for k in ks), "Delay median",
               "Early", "Harmless cases", "False alarms")  # fmt: skip
    cells = tuple(
        (
            category,
            numbers.count(one.recall.n),
            numbers.share_with_interval(one.recall),
            *(numbers.share_with_interval(one.within[k]) for k in ks),
            "n/a" if one.delay_median is None else time(one.delay_median),
            numbers.count(one.n_early),
            numbers.count(one.fpr.n),
            numbers.share_with_interval(one.fpr),
        )
        for category, one in rows.items()
    )
    missed = [
        f"Missed, {category}: {', '.join(one.missed[:_SHOWN])}{', ...' if len(one.missed) > _SHOWN else '.'}"
        for category, one in rows.items()
        if one.missed
    ]
    open_cases = sum(one.recall.n_excluded + one.fpr.n_excluded for one in rows.values())
    if open_cases:
        left = counted(open_cases, "case is", "cases are")
        missed.append(f"{left} left out: a decision is missing and none flags them.")
    return Table(f"Cases of {name}", columns, cells, tuple(missed), frozenset(columns[1:]))


def _difference_table(name: str, baseline: str, rows: dict[str, CaseDifference]) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    columns = ("Category", "Recall of cases", "Newly caught", "Newly missed", "p", "p (all)")
    cells = tuple(
        (
            category,
            numbers.points_with_interval(one.recall),
            numbers.count(len(one.newly_caught)),
            numbers.count(len(one.newly_missed)),
            numbers.p_value(one.p_value),
            numbers.p_value(one.p_holm),
        )
        for category, one in rows.items()
    )
    missed = [
        f"Newly missed, {category}: {', '.join(one.newly_missed[:_SHOWN])}."
        for category, one in rows.items()
        if one.newly_missed
    ]
    return Table(f"Cases: {name} against {baseline}", columns, cells, tuple(missed), frozenset(columns[1:]))
