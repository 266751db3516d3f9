"""What ``harness thresholds`` is asked for: goals and costs as they are written on the command line.

Decides which goal holds for which category, and which costs: those of ``--cost`` before those of the eval. Nothing that
is written is left out in silence: a second goal for the same categories, a second cost of one severity and a cost that
no goal asks for are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import require_known

if TYPE_CHECKING:
    from harness.core.operating_points import Goal, GoalKind
    from harness.runs import Run

ALLOWED = (
    "recall>=0.9, precision>=0.8, fpr<=0.01, volume=CANDIDATE, cost=MISS:FALSE_ALARM, cost (with --cost, or costs "
    "in the eval)"
)
_GOAL = re.compile(r"(recall|precision)>=(.+)|(fpr)<=(.+)|(volume)=(.+)|(cost)=([^:]+):([^:]+)|(cost)")
_KIND = re.compile(r"(recall|precision|fpr|volume|cost)([<>=]|$)")
"""How a goal for all categories begins, be it right or wrong; ``hate:recall>=0.9`` begins otherwise."""
_COST = re.compile(r"(?P<severity>\w+)=(?P<miss>[^:]+):(?P<false_alarm>[^:]+)")
_PROPORTIONS: dict[str, GoalKind] = {"recall": "recall", "precision": "precision", "fpr": "fpr"}
Costs = Mapping[str, tuple[float, float]]


def goals_of(
    run: Run, texts: Sequence[str], costs: Sequence[str], eval_path: Path | None
) -> tuple[dict[str, Goal], list[str]]:
    """Category -> goal, and what to say of the costs; a goal without a category holds for all without one of their own.

    Raises:
        click.BadParameter: A goal or a cost is written wrong, twice, or for nothing.
        HarnessError: A category, a candidate or a cost is not known.
    """
    from harness.measure.operating_points import with_prevalence

    general, own = _by_category(run, texts)
    wanted = {name: own.get(name, general) for name in run.categories}
    asked = {name: text for name, text in wanted.items() if text is not None}
    by_severity = {name: severity_of(run, name) for name, text in asked.items() if _spaceless(text) == "cost"}
    given = _given_costs(run, costs, set(by_severity.values()))
    said: list[str] = []
    known: dict[str, tuple[float, float]] = dict(given)
    if by_severity:
        from harness.jobs.thresholds import costs_of

        declared, where = costs_of(run, eval_path)
        known = {name: (one.miss, one.false_alarm) for name, one in declared.items()} | known
        used = [name for name in known if name in by_severity.values() and name not in given]
        if used:
            said.append(f"costs of {', '.join(used)}: {where}")
    goals = {name: with_prevalence(_goal(run, name, text, known), run, name) for name, text in asked.items()}
    return goals, said


def known_category(run: Run, category: str) -> str:
    """The category itself; refused where the run has none of this name."""
    require_known(f"run {run.meta.run_id} has no category", category, run.categories)
    return category


def severity_of(run: Run, category: str) -> str:
    """The severity that the policy gives a category."""
    return run.meta.policy.category(category).severity or ""


def _by_category(run: Run, texts: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """The goal of all categories, and those of single ones."""
    general: str | None = None
    own: dict[str, str] = {}
    for text in texts:
        category, mark, rest = text.partition(":")
        if not mark or _KIND.match(_spaceless(text)):
            if general is not None:
                raise _wrong_goal(f"'{general}' and '{text}' are both for all categories. Write CATEGORY:GOAL.")
            general = text
            continue
        name = known_category(run, category.strip())
        if name in own:
            raise _wrong_goal(f"'{own[name]}' and '{rest}' are both for {name}. One threshold has one goal.")
        own[name] = rest
    return general, own


def _spaceless(text: str) -> str:
    return text.replace(" ", "")


def _wrong_goal(message: str) -> click.BadParameter:
    return click.BadParameter(message, param_hint="--goal")


def _wrong_cost(message: str) -> click.BadParameter:
    return click.BadParameter(message, param_hint="--cost")


def _given_costs(run: Run, texts: Sequence[str], asked: set[str]) -> dict[str, tuple[float, float]]:
    """Severity -> cost of a miss and of a false alarm, of those that a goal asks for."""
    from harness.files.text import joined, suggestion

    known = sorted({severity_of(run, name) for name in run.categories} - {""})
    found: dict[str, tuple[float, float]] = {}
    for text in texts:
        matched = _COST.fullmatch(_spaceless(text))
        costs = None if matched is None else _two_costs(matched["miss"], matched["false_alarm"])
        if matched is None or costs is None:
            raise _wrong_cost(
                f"'{text}' is no cost. Allowed: SEVERITY=MISS:FALSE_ALARM, both above 0, such as critical=200:1."
            )
        severity = matched["severity"]
        if severity not in known:
            raise _wrong_cost(
                f"no category has the severity '{severity}'; {suggestion(severity, known, 'name another')} "
                f"Allowed: {joined(known) or 'none, the policy states no severity'}."
            )
        if severity in found:
            raise _wrong_cost(f"the severity '{severity}' is given twice. Keep one.")
        if severity not in asked:
            raise _wrong_cost(
                f"'{text}': no goal asks for it. Write --goal cost, or --goal CATEGORY:cost for one of this severity."
            )
        found[severity] = costs
    return found


def _two_costs(miss: str, false_alarm: str) -> tuple[float, float] | None:
    """Both as numbers; None where one is no finite number above 0."""
    try:
        costs = float(miss), float(false_alarm)
    except ValueError:
        return None
    return costs if all(math.isfinite(one) and one > 0 for one in costs) else None


def _goal(run: Run, category: str, text: str, by_severity: Costs) -> Goal:
    from harness.core.operating_points import Goal
    from harness.errors import HarnessError
    from harness.gating.choose import known_candidate
    from harness.measure.operating_points import flag_share

    found = _GOAL.fullmatch(_spaceless(text))
    if found is None:
        raise _wrong_goal(f"'{text}' is no goal. Allowed: {ALLOWED}.")
    if found[10]:
        severity = severity_of(run, category)
        if severity not in by_severity:
            raise HarnessError(
                f"no cost is given for {category}, whose severity is {severity or 'not stated in the policy'}",
                allowed="a cost for each severity, or a goal of its own",
                next_step=f"add --cost {severity or 'high'}=20:1, or --goal '{category}:cost=20:1', or to the eval "
                f"costs: {{{severity or 'high'}: {{miss: 20, false_alarm: 1}}}}",
            )
        return Goal("cost", *by_severity[severity])
    if found[1] or found[3]:
        return _proportion(found[1] or found[3], found[2] or found[4], text)
    if found[7]:
        costs = _two_costs(found[8], found[9])
        if costs is None:
            raise _wrong_goal(f"'{text}': both costs must be numbers above 0, such as cost=20:1.")
        return Goal("cost", *costs)
    other = found[6]
    known_candidate(other, run.candidates, f"run {run.meta.run_id}")
    share = flag_share(run, other, category)
    if share != share:
        raise HarnessError(f"candidate '{other}' decides nothing on {category}", allowed="a candidate with decisions",
                           next_step=f"give {category} a goal of its own: --goal '{category}:recall>=0.9'")  # fmt: skip
    return Goal("volume", share)


def _proportion(kind: str, number: str, text: str) -> Goal:
    from harness.core.operating_points import Goal

    try:
        value = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        raise _wrong_goal(f"'{text}' has a number that cannot be read. Allowed: 0.9 or 90%.") from None
    if not 0 <= value <= 1:
        raise _wrong_goal(f"'{text}' is not between 0 and 1 (90% is 0.9).")
    return Goal(_PROPORTIONS[kind], value)
