"""``harness thresholds``: the score from which on each category is flagged, chosen for a goal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import (
    cache_option,
    find_run,
    json_option,
    note,
    print_json,
    run_argument,
    runs_dir_option,
    warn_if_unfinished,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.core.operating_points import Goal, GoalKind
    from harness.measure.operating_points import ChosenThreshold
    from harness.report.parts.tables import Table
    from harness.runs import Run

_GOAL = re.compile(r"(recall|precision)>=([0-9.]+)|(fpr)<=([0-9.]+)|(volume)=(.+)|(cost)=([0-9.]+):([0-9.]+)|(cost)")
_PROPORTIONS: dict[str, GoalKind] = {"recall": "recall", "precision": "precision", "fpr": "fpr"}
_ALLOWED = "recall>=0.9, precision>=0.8, fpr<=0.01, volume=CANDIDATE, cost=MISS:FALSE_ALARM, cost (with --cost)"
_COST = re.compile(r"(?P<severity>\w+)=(?P<miss>[0-9.]+):(?P<false_alarm>[0-9.]+)")


scored_option = click.option("--candidate", metavar="ID", help="The candidate; default: the only one with scores.")
eval_option = click.option(
    "--eval", "eval_path", metavar="EVAL", type=click.Path(path_type=Path),
    help="The eval that --write adds to; default: the one that was run.",
)  # fmt: skip


def note_added(name: str, path: Path, warnings: Sequence[str]) -> None:
    """Say what was added to an eval, and what to do next."""
    for warning in warnings:
        note(f"Warning: {warning}")
    note(f"Added candidate '{name}' to {path}. Next: harness run {path} --candidate {name}")


@click.command("thresholds")
@run_argument
@scored_option
@click.option("--goal", "goals", metavar="[CATEGORY:]GOAL", multiple=True, required=True,
              help=f"What the thresholds are for: {_ALLOWED}.")  # fmt: skip
@click.option("--cost", "costs", metavar="SEVERITY=MISS:FALSE_ALARM", multiple=True,
              help="For the goal cost: what a miss and a false alarm cost at this severity of the policy.")  # fmt: skip
@click.option("--promise", "delta", type=click.FloatRange(0, 0.5, min_open=True), metavar="CHANCE",
              help="Promise each recall on new data, wrong with at most this chance, such as 0.05.")  # fmt: skip
@click.option("--write", "new_name", metavar="ID", help="Add a candidate with these thresholds to the eval.")
@eval_option
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
    at the policy's prevalence; --cost gives both by the severity of the category. Items of one score are flagged
    together.

    \b
    Examples:
      harness thresholds latest --candidate omni --goal "recall>=0.9"
      harness thresholds latest --candidate v2 --goal "recall>=0.9" --goal "spam:precision>=0.8" --write v2_tuned
      harness thresholds latest --candidate new --goal volume=old --json
      harness thresholds latest --goal cost --cost critical=200:1 --cost high=50:1 --cost low=2:1
    """
    from harness.jobs.served import snapshot_warnings
    from harness.measure.operating_points import choose_thresholds, threshold_notes
    from harness.report.parts.tables import render
    from harness.runner import default_cache_path

    run = find_run(runs_dir, run_name)
    warn_if_unfinished(run)
    name = scored_candidate(run, candidate)
    for warning in snapshot_warnings(run, name, runs_dir, cache_path or default_cache_path()):
        note(f"Warning: {warning}")
    wanted = _goals(run, goals, _costs(run, costs))
    if delta is not None and not any(goal.kind == "recall" for goal in wanted.values()):
        raise click.BadParameter(
            "only a recall can be promised, and no goal asks for one. Allowed: a goal such as recall>=0.9.",
            param_hint="--promise",
        )
    found = choose_thresholds(run, name, wanted, delta=delta)
    notes = threshold_notes(run, name, wanted, delta)
    if as_json:
        print_json({"run_id": run.meta.run_id, "candidate": name, "chosen_on": "dev" if run.part != "all" else "all",
                    "promise": delta, "notes": list(notes),
                    "thresholds": [one.as_dict() for one in found]})  # fmt: skip
    else:
        click.echo(render([_table(run, name, found, delta, notes)], "terminal"))
    if new_name is None:
        return
    from harness.jobs.thresholds import write_candidate

    path, warnings = write_candidate(run, name, new_name, {one.category: one.threshold for one in found}, eval_path)
    note_added(new_name, path, warnings)


def scored_candidate(run: Run, name: str | None) -> str:
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


def known_category(run: Run, category: str) -> str:
    """The category itself; refused where the run has none of this name."""
    from harness.errors import HarnessError
    from harness.files.text import joined, suggestion

    if category not in run.categories:
        raise HarnessError(f"run {run.meta.run_id} has no category '{category}'", allowed=joined(run.categories),
                           next_step=suggestion(category, run.categories, "name one of these"))  # fmt: skip
    return category


def _costs(run: Run, texts: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Severity -> cost of a miss and of a false alarm."""
    from harness.files.text import joined, suggestion

    known = sorted({run.meta.policy.category(name).severity or "" for name in run.categories} - {""})
    found = {}
    for text in texts:
        matched = _COST.fullmatch(text.replace(" ", ""))
        try:
            costs = None if matched is None else (float(matched["miss"]), float(matched["false_alarm"]))
        except ValueError:
            costs = None
        if matched is None or costs is None or min(costs) <= 0:
            raise click.BadParameter(
                f"'{text}' is no cost. Allowed: SEVERITY=MISS:FALSE_ALARM, both above 0, such as critical=200:1.",
                param_hint="--cost",
            )
        severity = matched["severity"]
        if severity not in known:
            raise click.BadParameter(
                f"no category has the severity '{severity}'; {suggestion(severity, known, 'name another')} "
                f"Allowed: {joined(known) or 'none, the policy states no severity'}.",
                param_hint="--cost",
            )
        found[severity] = costs
    return found


def _goals(run: Run, texts: tuple[str, ...], costs: Mapping[str, tuple[float, float]]) -> dict[str, Goal]:
    """Category -> goal; a goal without a category holds for all that have none of their own."""
    from harness.measure.operating_points import with_prevalence

    general: str | None = None
    own: dict[str, str] = {}
    for text in texts:
        category, mark, rest = text.partition(":")
        if not mark or _GOAL.fullmatch(text.replace(" ", "")):
            general = text
            continue
        own[known_category(run, category)] = rest
    wanted = {name: own.get(name, general) for name in run.categories}
    return {
        name: with_prevalence(_goal(run, name, text, costs), run, name)
        for name, text in wanted.items()
        if text is not None
    }


def _goal(run: Run, category: str, text: str, by_severity: Mapping[str, tuple[float, float]]) -> Goal:
    from harness.core.operating_points import Goal
    from harness.errors import HarnessError
    from harness.gating.choose import known_candidate
    from harness.measure.operating_points import flag_share

    found = _GOAL.fullmatch(text.replace(" ", ""))
    if found is None:
        raise click.BadParameter(f"'{text}' is no goal. Allowed: {_ALLOWED}.", param_hint="--goal")
    if found[10]:
        severity = run.meta.policy.category(category).severity or ""
        if severity not in by_severity:
            raise HarnessError(
                f"no cost is given for {category}, whose severity is {severity or 'not stated in the policy'}",
                allowed="a cost for each severity, or a goal of its own",
                next_step=f"add --cost {severity or 'high'}=20:1, or --goal '{category}:cost=20:1'",
            )
        return Goal("cost", *by_severity[severity])
    try:
        if found[1]:
            return _proportion(found[1], found[2], text)
        if found[3]:
            return _proportion(found[3], found[4], text)
        if found[7]:
            costs = float(found[8]), float(found[9])
            if min(costs) <= 0:
                raise click.BadParameter(f"'{text}': costs must be above 0.", param_hint="--goal")
            return Goal("cost", *costs)
    except ValueError:
        raise click.BadParameter(f"'{text}' has a number that cannot be read.", param_hint="--goal") from None
    other = found[6]
    known_candidate(other, run.candidates, f"run {run.meta.run_id}")
    share = flag_share(run, other, category)
    if share != share:
        raise HarnessError(f"candidate '{other}' decides nothing on {category}", allowed="a candidate with decisions",
                           next_step=f"give {category} a goal of its own: --goal '{category}:recall>=0.9'")  # fmt: skip
    return Goal("volume", share)


def _proportion(kind: str, number: str, text: str) -> Goal:
    from harness.core.operating_points import Goal

    value = float(number)
    if not 0 <= value <= 1:
        raise click.BadParameter(f"'{text}' is not between 0 and 1 (90% is 0.9).", param_hint="--goal")
    return Goal(_PROPORTIONS[kind], value)


def _table(run: Run, candidate: str, found: list[ChosenThreshold], delta: float | None, more: tuple[str, ...]) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    has_split = run.part != "all"
    columns = ("Category", "Goal", "Threshold", "Recall", "Precision", "Was: recall", "Was: precision", "Note")
    rows = []
    for one in found:
        judged = one.read_on if has_split else one.chosen_on
        rows.append(
            (
                one.category,
                _goal_words(one.goal),
                "none"
                if judged is None
                else "flags nothing"
                if one.threshold == float("inf")
                else f"{one.threshold:.4g}",
                "" if judged is None else numbers.share_with_interval(judged.recall),
                "" if judged is None else numbers.share_with_interval(judged.precision),
                *_was(one.before),
                one.reason or (f"{one.n_tied} items tie here" if one.n_tied > 5 else ""),
            )
        )
    where = (
        "Chosen on the dev part, read on the gate part."
        if has_split
        else "Chosen and read on the same items, so it flatters: give the eval a split, such as "
        "split: {dev: 0.4, by: group, seed: 7}."
    )
    promise = (
        " Each recall that a goal asks for is promised on new data; all promises together are wrong with a chance of "
        f"at most {delta:g}."
        if delta is not None
        else ""
    )
    notes = (where + promise, *more)
    return Table(f"Thresholds of {candidate}", columns, tuple(rows), notes, frozenset(columns[2:7]))


def _was(before: Mapping[str, object]) -> tuple[str, str]:
    from harness.core.results import MetricResult
    from harness.report.parts import numbers

    recall, precision = before.get("recall"), before.get("precision")
    return (
        numbers.share(recall.value) if isinstance(recall, MetricResult) else "",
        numbers.share(precision.value) if isinstance(precision, MetricResult) else "",
    )


def _goal_words(goal: Goal) -> str:
    if goal.kind == "cost":
        at = "" if goal.prevalence is None else f" at {100 * goal.prevalence:g}%"
        return f"cost {goal.value:g}:{goal.false_alarm:g}{at}"
    sign = {"recall": "≥", "precision": "≥", "fpr": "≤", "volume": "="}[goal.kind]
    return f"{goal.kind} {sign} {100 * goal.value:.3g}%"
