"""``harness bands``: what may pass and what may be removed without a person, and what a person is to look at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from harness.cli.finite import FiniteRange
from harness.cli.options import (
    cache_option,
    json_option,
    print_json,
    run_argument,
    runs_dir_option,
)
from harness.cli.thresholds import chosen_on, eval_option, note_added, scored_option, scored_run

if TYPE_CHECKING:
    from harness.core.bands import BandGoal, BandKind
    from harness.measure.bands import BandChoice, ChosenBands
    from harness.report.parts.tables import Table
    from harness.runs import Run

_GOAL = re.compile(r"(missed|overblocked|error)<=([0-9.eE+-]+%?)")
_ALLOWED = "missed<=0.05, overblocked<=0.02, error<=0.05"
_RATE = FiniteRange(min=0, min_open=True)


@click.command("bands")
@run_argument
@scored_option
@click.option("--goal", "goals", metavar="[CATEGORY:]GOAL", multiple=True, required=True,
              help=f"What is promised of what no person sees: {_ALLOWED}.")  # fmt: skip
@click.option("--promise", "delta", type=FiniteRange(0, 0.5, min_open=True), metavar="CHANCE", default=0.05,
              show_default=True, help="Chance that any of the promises fails on new data.")  # fmt: skip
@click.option("--review-seconds", type=_RATE, metavar="S", help="Time a person spends on one item; default: 30.")
@click.option("--review-usd", "usd_per_hour", type=_RATE, metavar="USD", help="What an hour of a reviewer costs.")
@click.option("--write", "new_name", metavar="ID", help="Add a cascade with these bands to the eval.")
@eval_option()
@cache_option
@runs_dir_option
@json_option
def command(
    run_name: str,
    candidate: str | None,
    goals: tuple[str, ...],
    delta: float,
    review_seconds: float | None,
    usd_per_hour: float | None,
    new_name: str | None,
    eval_path: Path | None,
    cache_path: Path | None,
    runs_dir: str,
    as_json: bool,
) -> None:
    """Choose what passes, what is removed, and what a person looks at.

    Two scores a category: below the lower an item passes, from the upper on it is removed, and a person looks at what
    lies between. Goals: missed (of what violates, the share that passes unseen), overblocked (of what does not violate,
    the share that is removed unseen), error (of what is decided without a person, the share that is wrong, in each
    band).
    Each is promised on new data (Learn then Test): chosen on the dev part of the eval's split, read on its gate part.
    Without a goal for a band, or where none can be promised, that band stays empty and a person sees it all.

    \b
    Examples:
      harness bands latest --candidate omni --goal "missed<=0.05" --goal "overblocked<=0.01"
      harness bands latest --candidate v2 --goal "error<=0.05" --goal "self_harm:missed<=0.01" --write triage
      harness bands latest --candidate v2 --goal "missed<=0.1" --review-seconds 20 --review-usd 25 --json
    """
    from harness.measure.bands import choose_bands
    from harness.measure.weighted import unweighted_notes
    from harness.report.comparison.people import review_load
    from harness.report.parts.tables import to_terminal, with_names

    run, name = scored_run(runs_dir, run_name, candidate, cache_path)
    chosen = choose_bands(run, name, _goals(run, goals), delta=delta)
    load = review_load(chosen.share, review_seconds, usd_per_hour)
    if as_json:
        print_json({"run_id": run.meta.run_id, "candidate": name, "chosen_on": "dev" if run.part != "all" else "all",
                    "promise": delta, "notes": [*chosen.notes, *unweighted_notes(run)], "people": load.as_dict(),
                    "bands": [one.as_dict() for one in chosen.categories]})  # fmt: skip
    else:
        notes = (*chosen.notes, *unweighted_notes(run), load.words("items"))
        click.echo(
            to_terminal(with_names(_table(run, name, chosen, delta, notes), run.meta.policy.names_of(run.categories)))
        )
    if new_name is None:
        return
    from harness.jobs.thresholds import write_bands

    path, warnings = write_bands(run, name, new_name, chosen.categories, eval_path)
    note_added(new_name, path, warnings, runs_dir)


def _goals(run: Run, texts: tuple[str, ...]) -> dict[str, list[BandGoal]]:
    """Category -> goals; one for a category replaces the general one of its kind."""
    from harness.cli.threshold_goals import known_category

    general: dict[str, BandGoal] = {}
    own: dict[str, dict[str, BandGoal]] = {}
    for text in texts:
        category, mark, rest = text.rpartition(":")
        goal = _goal(rest if mark else text, text)
        if mark:
            known_category(run, category)
        into = own.setdefault(category, {}) if mark else general
        if goal.kind in into:
            raise click.BadParameter(f"'{text}' is a second goal of the same kind.", param_hint="--goal")
        into[goal.kind] = goal
    wanted = {name: {**general, **own.get(name, {})} for name in run.categories}
    return {name: list(found.values()) for name, found in wanted.items() if found}


def _goal(text: str, whole: str) -> BandGoal:
    from harness.core.bands import BandGoal

    found = _GOAL.fullmatch(text.replace(" ", ""))
    if found is None:
        raise click.BadParameter(f"'{whole}' is no goal. Allowed: {_ALLOWED}.", param_hint="--goal")
    try:
        value = float(found[2].removesuffix("%"))
    except ValueError:
        raise click.BadParameter(f"'{whole}' has a number that cannot be read.", param_hint="--goal") from None
    if found[2].endswith("%") or not 0 < value < 1:
        hint = f" ({value:g}% is {value / 100:g})" if 0 < value < 100 else ""
        raise click.BadParameter(f"'{whole}' is not between 0 and 1{hint}.", param_hint="--goal")
    return BandGoal(cast("BandKind", found[1]), value)


def _table(run: Run, candidate: str, chosen: BandChoice, delta: float, notes: tuple[str, ...]) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    columns = (
        "Category", "Promised", "Pass below", "Remove from", "To a person", "Missed unseen", "Over-blocked unseen",
        "Wrong without a person",
    )  # fmt: skip
    rows = [
        (
            one.category,
            ", ".join(f"{goal.kind} ≤ {100 * goal.value:.3g}%" for goal in one.goals),
            *_ends(one),
            *(
                numbers.share_with_interval(result)
                for result in (one.judged.share, one.judged.missed, one.judged.overblocked, one.judged.error)
            ),
        )
        for one in chosen.categories
    ]
    promise = f" All promises together are wrong on new data with a chance of at most {delta:g}."
    if any(goal.kind == "error" for one in chosen.categories for goal in one.goals):
        promise += " An error is promised at the share of violations that this set has; missed and overblocked at any."
    called = run.meta.policy.names_of(run.categories)
    short = tuple(_short_words(called[one.category], *short) for one in chosen.categories for short in one.short)
    notes = (chosen_on(run) + promise, *short, *notes)
    return Table(f"Bands of {candidate}", columns, tuple(rows), notes, frozenset(columns[2:]))


def _ends(one: ChosenBands) -> tuple[str, str]:
    from harness.report.parts.numbers import threshold

    infinite = float("inf")
    below = (
        "nothing passes" if one.below == -infinite else "all pass" if one.below == infinite else threshold(one.below)
    )
    return below, "nothing is removed" if one.above == infinite else threshold(one.above)


def _short_words(category: str, kind: str, side: str, n: int, needed: int) -> str:
    """Why a band stays empty."""
    verb = "passes" if side == "passed" else "is removed"
    why = f"{n} items were there, at least {needed} are needed" if n < needed else f"it does not hold on {n} items"
    return f"{category}: nothing {verb} without a person: {kind} cannot be promised ({why})."
