"""``harness thresholds``: the score from which on each category is flagged, chosen for a goal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.finite import FiniteRange
from harness.cli.options import (
    PATH,
    F,
    cache_option,
    find_run,
    json_option,
    note,
    print_json,
    run_argument,
    runs_dir_option,
    warn_if_unfinished,
)
from harness.cli.threshold_goals import ALLOWED, goals_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.core.operating_points import Goal
    from harness.measure.operating_points import ChosenThreshold
    from harness.report.parts.tables import Table
    from harness.runs import Run

scored_option = click.option("--candidate", metavar="ID", help="The candidate; default: the only one with scores.")


def eval_option(what: str = "The eval that --write adds to") -> Callable[[F], F]:
    """``--eval``: another eval than the one that was run."""
    return click.option(
        "--eval", "eval_path", metavar="EVAL", type=PATH,
        help=f"{what}; default: the one that was run.",
    )  # fmt: skip


def note_added(name: str, path: Path, warnings: Sequence[str], runs_dir: str) -> None:
    """Say what was added to an eval, and what to do next."""
    from harness.runs.commands import over_runs

    for warning in warnings:
        note(f"Warning: {warning}")
    next_ = over_runs(runs_dir, "run", str(path), "--candidate", name)
    note(f"Added candidate '{name}' to {path}. Next: {next_}")


@click.command("thresholds")
@run_argument
@scored_option
@click.option("--goal", "goals", metavar="[CATEGORY:]GOAL", multiple=True, required=True,
              help=f"What the thresholds are for: {ALLOWED}.")  # fmt: skip
@click.option("--cost", "costs", metavar="SEVERITY=MISS:FALSE_ALARM", multiple=True,
              help="For the goal cost: what errors cost at this severity; instead of the eval's costs.")  # fmt: skip
@click.option("--promise", "delta", type=FiniteRange(0, 0.5, min_open=True), metavar="CHANCE",
              help="Promise each recall on new data, wrong with at most this chance, such as 0.05.")  # fmt: skip
@click.option("--write", "new_name", metavar="ID", help="Add a candidate with these thresholds to the eval.")
@eval_option("The eval that --write adds to, and whose costs count")
@cache_option
@runs_dir_option
@json_option
def command(
    run_name: str,
    candidate: str | None,
    goals: tuple[str, ...],
    costs: tuple[str, ...],
    delta: float | None,
    new_name: str | None,
    eval_path: Path | None,
    cache_path: Path | None,
    runs_dir: str,
    as_json: bool,
) -> None:
    """Choose the score from which on each category is flagged.

    The thresholds are chosen on the dev part of the eval's split and read on its gate part, so that what is shown holds
    for items that had no say. Goals: a recall at the best precision, a precision at the best recall, a false-positive
    rate, the flag volume of another candidate (a migration), or the least expected cost of a miss against a false alarm
    at the policy's prevalence; the eval's costs or --cost give both by the severity of the category. Items of one score
    are flagged together.

    \b
    Examples:
      harness thresholds latest --candidate omni --goal "recall>=0.9"
      harness thresholds latest --candidate v2 --goal "recall>=0.9" --goal "spam:precision>=0.8" --write v2_tuned
      harness thresholds latest --candidate new --goal volume=old --json
      harness thresholds latest --goal cost --cost critical=200:1 --cost high=50:1 --cost low=2:1
    """
    from harness.measure.operating_points import choose_thresholds, threshold_notes
    from harness.report.parts.tables import to_terminal, with_names

    run, name = scored_run(runs_dir, run_name, candidate, cache_path)
    wanted, said = goals_of(run, goals, costs, eval_path)
    if delta is not None and not any(goal.kind == "recall" for goal in wanted.values()):
        raise click.BadParameter(
            "only a recall can be promised, and no goal asks for one. Allowed: a goal such as recall>=0.9.",
            param_hint="--promise",
        )
    sure = next((goal.value for goal in wanted.values() if goal.kind == "recall" and not 0 < goal.value < 1), None)
    if delta is not None and sure is not None:
        raise click.BadParameter(
            f"a recall of {sure:.0%} cannot be promised on new data. Allowed: a recall between 0 and 100%.",
            param_hint="--promise",
        )
    found = choose_thresholds(run, name, wanted, delta=delta)
    notes = (*threshold_notes(run, name, wanted, delta), *said)
    if as_json:
        print_json({"run_id": run.meta.run_id, "candidate": name, "chosen_on": "dev" if run.part != "all" else "all",
                    "promise": delta, "notes": list(notes),
                    "thresholds": [one.as_dict() for one in found]})  # fmt: skip
    else:
        click.echo(
            to_terminal(with_names(_table(run, name, found, delta, notes), run.meta.policy.names_of(run.categories)))
        )
    if new_name is None:
        return
    from harness.jobs.thresholds import write_candidate

    path, warnings = write_candidate(run, name, new_name, {one.category: one.threshold for one in found}, eval_path)
    note_added(new_name, path, warnings, runs_dir)


def scored_run(runs_dir: str, run_name: str, candidate: str | None, cache_path: Path | None) -> tuple[Run, str]:
    """A stored run and its candidate that has scores; what should be known of them is said on stderr."""
    from harness.jobs.served import snapshot_warnings
    from harness.runner import default_cache_path

    run = find_run(runs_dir, run_name)
    warn_if_unfinished(run)
    name = _scored_candidate(run, candidate)
    for warning in snapshot_warnings(run, name, runs_dir, cache_path or default_cache_path()):
        note(f"Warning: {warning}")
    return run, name


def chosen_on(run: Run) -> str:
    """On which items something was chosen, as a sentence."""
    if run.part != "all":
        return "Chosen on the dev part, read on the gate part."
    return (
        "Chosen and read on the same items, so it flatters: give the eval a split, such as "
        "split: {dev: 0.4, by: group, seed: 7}."
    )


def _scored_candidate(run: Run, name: str | None) -> str:
    """The candidate that is meant: the one that was named, else the only one with scores."""
    import numpy as np

    from harness.errors import HarnessError
    from harness.files.text import joined
    from harness.gating.choose import known_candidate
    from harness.measure.operating_points import scores_of

    if name is not None:
        return known_candidate(name, run.candidates, f"run {run.meta.run_id}")
    scored = [
        one for one in run.candidates if not all(np.isnan(scores).all() for _, scores in scores_of(run, one).values())
    ]
    if len(scored) != 1:
        found = f"{len(scored)} candidates with scores" if scored else "no candidate with scores"
        raise HarnessError(f"run {run.meta.run_id} has {found}", allowed=joined(scored or run.candidates),
                           next_step="name one: --candidate ID")  # fmt: skip
    return scored[0]


def _table(run: Run, candidate: str, found: list[ChosenThreshold], delta: float | None, more: tuple[str, ...]) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table
    from harness.report.parts.words import sentence

    columns = ("Category", "Goal", "Threshold", "Recall", "Precision", "Was: recall", "Was: precision", "Note")
    rows = []
    for one in found:
        judged = one.read_on if run.part != "all" else one.chosen_on
        rows.append(
            (
                one.category,
                _goal_words(one.goal),
                "none"
                if judged is None
                else "flags nothing"
                if one.threshold == float("inf")
                else numbers.threshold(one.threshold),
                "" if judged is None else numbers.share_with_interval(judged.recall),
                "" if judged is None else numbers.share_with_interval(judged.precision),
                *_was(one.before),
                one.reason or (f"{one.n_tied} items tie here" if one.n_tied > 5 else ""),
            )
        )
    promise = (
        " Each recall that a goal asks for is promised on new data; all promises together are wrong with a chance of "
        f"at most {delta:g}."
        if delta is not None
        else ""
    )
    notes = (chosen_on(run) + promise, *map(sentence, more))
    kept = len(columns) if any(row[-1] for row in rows) else len(columns) - 1  # no column of notes that nobody wrote
    shown = tuple(row[:kept] for row in rows)
    return Table(f"Thresholds of {candidate}", columns[:kept], shown, notes, frozenset(columns[2:7]))


def _was(before: Mapping[str, object]) -> tuple[str, str]:
    from harness.core.results import MetricResult
    from harness.report.parts import numbers

    recall, precision = before.get("recall"), before.get("precision")
    return (
        numbers.share(recall.value) if isinstance(recall, MetricResult) else "",
        numbers.share(precision.value) if isinstance(precision, MetricResult) else "",
    )


def _goal_words(goal: Goal) -> str:
    from harness.core.operating_metrics import exact_percent

    if goal.kind == "cost":
        at = "" if goal.prevalence is None else f" at {exact_percent(goal.prevalence)}"
        return f"cost {goal.value:g}:{goal.false_alarm:g}{at}"
    sign = {"recall": "≥", "precision": "≥", "fpr": "≤", "volume": "="}[goal.kind]
    return f"{goal.kind} {sign} {f'{100 * goal.value:.3g}%' if goal.kind == 'volume' else exact_percent(goal.value)}"
