"""What an eval's gate asks: lines of the file -> one check per category, metric and kind.

Decides expansion and precedence. ``*`` stands for every category; a later line replaces an earlier one for the same
category, metric and kind, so that a margin and a floor can stand side by side. The failure rate belongs to the whole
answer: its ``*`` is one check over all items, and a gate without one gets the default one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from harness.core.checks import CheckSpec
from harness.core.gate import POOLED
from harness.core.metric_table import gate_metric
from harness.errors import HarnessError
from harness.records import Check, Eval, Gate

ALL_ITEMS = "*"
"""Category of a check that is about the whole answer, such as the failure rate."""
TOGETHER = "guarded categories together"
"""What a reader sees in place of the category of a pooled check."""
_SUBJECTS = {ALL_ITEMS: "all items", POOLED: TOGETHER}
NO_NAMES: Mapping[str, str] = MappingProxyType({})
FAILURE_MARGIN = 0.005
FAILURE_MIN_ITEMS = 598
"""Fewest items on which two systems without a failure pass the default check; below, it is only watched."""


def gate_of(spec: Eval) -> Gate:
    """The ``gate:`` section of an eval.

    Raises:
        HarnessError: It has none.
    """
    if spec.gate is None or not spec.gate.checks:
        raise HarnessError(
            f"eval '{spec.eval}' has no gate",
            allowed="a gate section with at least one check",
            next_step='add for example: gate: {checks: [{category: "*", metric: recall, margin: 0.05, tier: guarded}]}',
        )
    return spec.gate


def resolve_checks(
    lines: Sequence[Check], categories: Sequence[str], n_items: int, names: Mapping[str, str] = NO_NAMES
) -> tuple[CheckSpec, ...]:
    """One check per category, metric and kind, in the order in which each was first named.

    ``categories`` are what ``*`` stands for.
    """
    specs = [spec for line in lines for spec in _expand(line, categories, names)]
    if not any(spec.metric == "failure_rate" for spec in specs):
        specs.append(default_failure_check(n_items))
    return tuple({(spec.category, spec.metric, spec.kind): spec for spec in specs}.values())


def check_name(spec: CheckSpec) -> str:
    """Category, metric and kind as one phrase for readers."""
    return _phrase(spec, check_subject(spec))


def check_key(spec: CheckSpec) -> str:
    """The same phrase by the category's id, for tests and machines: it outlives a new name, and is there once."""
    return _phrase(spec, _SUBJECTS.get(spec.category, spec.category))


def check_subject(spec: CheckSpec) -> str:
    """What a check is about in words: its category, all items, or the guarded categories together."""
    return _SUBJECTS.get(spec.category) or spec.name or spec.category


def default_failure_check(n_items: int) -> CheckSpec:
    """The failure rate is always gated: half a point, as soon as the set is large enough to prove it."""
    tier = "guarded" if n_items >= FAILURE_MIN_ITEMS else "watch"
    return CheckSpec(ALL_ITEMS, "failure_rate", tier, margin=FAILURE_MARGIN)


def is_implied(spec: CheckSpec, lines: Sequence[Check]) -> bool:
    """Whether the check is the default one, written in no line."""
    return spec.metric == "failure_rate" and not any(line.metric == "failure_rate" for line in lines)


def is_named(spec: CheckSpec, lines: Sequence[Check]) -> bool:
    """Whether a line names the check's category, instead of ``*`` standing for it."""
    asked = (spec.category, spec.metric)
    return any(
        (line.category, gate_metric(line.metric)) == asked and getattr(line, spec.kind) is not None for line in lines
    )


def _phrase(spec: CheckSpec, subject: str) -> str:
    comma, floor = "," if spec.category == POOLED else "", " floor" if spec.kind == "floor" else ""
    return f"{subject}{comma} {spec.metric.replace('_', ' ')}{floor}"


def _expand(line: Check, categories: Sequence[str], called: Mapping[str, str]) -> list[CheckSpec]:
    category, metric = line.category, gate_metric(line.metric) or line.metric
    names = categories if category == ALL_ITEMS and metric != "failure_rate" else [category]
    unknown = [name for name in names if name not in categories and name != ALL_ITEMS]
    if unknown:
        raise HarnessError(
            f"the gate names '{unknown[0]}', which the golden set does not label",
            allowed=f"* or {', '.join(categories)}",
            next_step="correct the gate, or label that category",
        )
    return [CheckSpec(name, metric, line.tier, line.margin, line.floor, called.get(name, "")) for name in names]
