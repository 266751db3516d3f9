"""What each rule of a set does on labelled items: what it hits, alone and with others, and what a new version changes.

Decides how a decision is credited: a rule *decides* an item where it is the first that applies to its category, and it
catches an item *alone* where no other flagging rule of the category applies. A rule that applies and never decides is
shadowed, one that applies to nothing is dead. What a normalisation step adds is the difference to the same rules
without it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from harness.candidates.rule_set import RuleHit, RuleSetCandidate
from harness.core.metrics import precision, recall
from harness.core.results import MetricResult
from harness.records import Item, RuleSet

MOST_PAIRS = 10


@dataclass(slots=True)
class RuleStats:
    """One rule on the labelled items of its category.

    Attributes:
        n_hits: Items it applies to, labelled or not.
        n_right: Hits whose label is what the rule says (flag: violating, allow: not violating).
        n_wrong: Hits with the other label.
        n_alone: Violating items that only this rule catches.
    """

    rule: str
    category: str
    is_flag: bool
    n_hits: int = 0
    n_decides: int = 0
    n_right: int = 0
    n_wrong: int = 0
    n_alone: int = 0

    @property
    def precision(self) -> MetricResult:
        """Share of its labelled hits that are right."""
        return precision(self.n_right, self.n_wrong, 0, 0)

    @property
    def state(self) -> str:
        """``dead``, ``shadowed`` or nothing."""
        return "dead" if not self.n_hits else "shadowed" if not self.n_decides else ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "category": self.category, "decision": "flag" if self.is_flag else "allow", "hits": self.n_hits,
            "decides": self.n_decides, "right": self.n_right, "wrong": self.n_wrong, "alone": self.n_alone,
            "precision": self.precision.as_dict(), "state": self.state or None,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class StepEffect:
    """What one normalisation step adds: items flagged only because of it."""

    step: str
    n_caught: int
    n_false: int


@dataclass(frozen=True, slots=True)
class RuleReport:
    """A rule set on a golden set; ``overlaps`` are pairs of rules of one category with the items both apply to."""

    n_items: int
    rules: tuple[RuleStats, ...]
    categories: Mapping[str, tuple[MetricResult, MetricResult]]
    overlaps: tuple[tuple[str, str, int], ...]
    steps: tuple[StepEffect, ...]
    us_per_item: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "items": self.n_items,
            "rules": {one.rule: one.as_dict() for one in self.rules},
            "categories": {name: {"precision": p.as_dict(), "recall": r.as_dict()}
                           for name, (p, r) in self.categories.items()},
            "overlaps": [{"rules": [one, other], "items": n} for one, other, n in self.overlaps],
            "steps": {one.step: {"caught": one.n_caught, "false": one.n_false} for one in self.steps},
            "us_per_item": self.us_per_item,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moved:
    """An item that the new version decides otherwise, and the rules that decided before and now."""

    item: str
    before: str | None
    after: str | None


@dataclass(slots=True)
class RuleDiff:
    """Category -> what a new version of the rules changes, by what it does to the labelled items."""

    caught: dict[str, list[Moved]] = field(default_factory=dict)
    missed: dict[str, list[Moved]] = field(default_factory=dict)
    over_blocked: dict[str, list[Moved]] = field(default_factory=dict)
    released: dict[str, list[Moved]] = field(default_factory=dict)
    unlabelled: dict[str, list[Moved]] = field(default_factory=dict)

    def kinds(self) -> Mapping[str, Mapping[str, list[Moved]]]:
        """What moved, in the order people ask for it."""
        return {
            "newly caught": self.caught,
            "newly missed": self.missed,
            "newly over-blocked": self.over_blocked,
            "no longer over-blocked": self.released,
            "moved without a label": self.unlabelled,
        }


def rule_report(
    rules: RuleSet, items: Sequence[Item], y_true: NDArray[np.int8], categories: Sequence[str]
) -> RuleReport:
    """Every rule on labelled items.

    Args:
        rules: The rule set.
        items: Items with texts that rules look at; those without are left out.
        y_true: Labels, int8 (n_items, n_categories): 1, 0, or -1 for null.
        categories: Categories of the columns.
    """
    candidate = RuleSetCandidate("rules", rules)
    column = {name: at for at, name in enumerate(categories)}
    stats = {rule.id: RuleStats(rule.id, rule.category, rule.decision == "flag") for rule in rules.rules}
    pairs: Counter[tuple[str, str]] = Counter()
    shown = [(at, item) for at, item in enumerate(items) if candidate.sees(item)]
    start = time.process_time()
    hits_of = [candidate.explain(item) for _, item in shown]
    spent = time.process_time() - start
    decided = np.zeros((len(shown), len(categories)), dtype=np.int8)
    for row, ((at, _), hits) in enumerate(zip(shown, hits_of, strict=True)):
        _count(hits, stats, pairs, {name: int(y_true[at, place]) for name, place in column.items()})
        for name, hit in _deciding(hits).items():
            if name in column:
                decided[row, column[name]] = hit.decision
    gold = y_true[[at for at, _ in shown]]
    steps = _step_effects(rules, [item for _, item in shown], gold, decided, column) if shown else ()
    named = [name for name in candidate.categories if name in column]
    return RuleReport(
        len(shown),
        tuple(stats.values()),
        {name: _scores(gold[:, column[name]], decided[:, column[name]]) for name in named},
        tuple((one, other, n) for (one, other), n in pairs.most_common(MOST_PAIRS)),
        steps,
        1e6 * spent / len(shown) if shown else 0.0,
    )


def rule_diff(
    old: RuleSet, new: RuleSet, items: Iterable[Item], y_true: NDArray[np.int8], categories: Sequence[str]
) -> RuleDiff:
    """What a new version decides otherwise, item by item, with the rules that decide."""
    before, after = RuleSetCandidate("old", old), RuleSetCandidate("new", new)
    found = RuleDiff()
    for at, item in enumerate(items):
        if not (before.sees(item) or after.sees(item)):
            continue
        was, now = _deciding(before.explain(item)), _deciding(after.explain(item))
        for place, category in enumerate(categories):
            one, other = was.get(category), now.get(category)
            old_flag, new_flag = one is not None and one.decision == 1, other is not None and other.decision == 1
            if old_flag == new_flag:
                continue
            label = int(y_true[at, place])
            if label < 0:
                kind = found.unlabelled
            elif new_flag:
                kind = found.caught if label else found.over_blocked
            else:
                kind = found.missed if label else found.released
            kind.setdefault(category, []).append(
                Moved(item.id, None if one is None else one.rule, None if other is None else other.rule)
            )
    return found


def _deciding(hits: Sequence[RuleHit]) -> dict[str, RuleHit]:
    found: dict[str, RuleHit] = {}
    for hit in hits:
        found.setdefault(hit.category, hit)
    return found


def _count(
    hits: Sequence[RuleHit], stats: Mapping[str, RuleStats], pairs: Counter[tuple[str, str]], gold: Mapping[str, int]
) -> None:
    deciding = {hit.rule for hit in _deciding(hits).values()}
    for hit in hits:
        one, label = stats[hit.rule], gold.get(hit.category, -1)
        one.n_hits += 1
        one.n_decides += hit.rule in deciding
        if label >= 0:
            one.n_right += label == hit.decision
            one.n_wrong += label != hit.decision
        others = [other for other in hits if other.category == hit.category and other.rule != hit.rule]
        is_alone = hit.rule in deciding and not any(other.decision == 1 for other in others)
        if hit.decision == 1 and label == 1 and is_alone:
            one.n_alone += 1
        for other in others:
            if hit.rule < other.rule:
                pairs[hit.rule, other.rule] += 1


def _scores(gold: NDArray[np.int8], decided: NDArray[np.int8]) -> tuple[MetricResult, MetricResult]:
    counts = [int(((gold == label) & (decided == said)).sum()) for label, said in ((1, 1), (0, 1), (1, 0), (0, 0))]
    return precision(*counts), recall(*counts)


def _step_effects(
    rules: RuleSet,
    items: Sequence[Item],
    gold: NDArray[np.int8],
    decided: NDArray[np.int8],
    column: Mapping[str, int],
) -> tuple[StepEffect, ...]:
    effects = []
    for step in rules.normalise:
        without = structs.replace(rules, normalise=tuple(one for one in rules.normalise if one != step))
        candidate = RuleSetCandidate("without", without)
        other = np.zeros_like(decided)
        for row, item in enumerate(items):
            for name, hit in _deciding(candidate.explain(item)).items():
                if name in column:
                    other[row, column[name]] = hit.decision
        only = (decided == 1) & (other == 0)
        effects.append(StepEffect(step, int((only & (gold == 1)).sum()), int((only & (gold == 0)).sum())))
    return tuple(effects)
