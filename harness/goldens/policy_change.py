"""Two versions of a policy: what changed for labels, and which labels may be stale because of it.

Decides what touches a label: the definition, what is allowed, the parent, and kind, levels and cut of a category.
Names, owners, severities, targets, prevalence, crosswalks and comments touch none. A label is stale when its category
was touched; a category that is new has no labels at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from harness.files.golden.sets import GoldenSet
from harness.records import Category, Policy

TOUCHING = ("definition", "allowed", "parent", "kind", "levels", "cut")


@dataclass(frozen=True, slots=True)
class CategoryChange:
    """What a new policy version does to the labels of one category."""

    category: str
    kind: Literal["added", "removed", "touched"]
    fields: tuple[str, ...] = ()
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None

    def told(self, names: Mapping[str, str]) -> str:
        """The change in a line, the category by its name."""
        name = names.get(self.category, self.category)
        return f"{name}: {', '.join(self.fields)} changed" if self.fields else f"{name}: {self.kind}"

    def as_dict(self) -> dict[str, Any]:
        """Plain data of ``harness golden stale --json``."""
        return {"category": self.category, "kind": self.kind, "fields": list(self.fields),
                "before": None if self.before is None else dict(self.before),
                "after": None if self.after is None else dict(self.after)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stale:
    """One label that the new version of the policy may judge otherwise; ``label`` is what it was."""

    item: str
    category: str
    label: int | None


def category_changes(old: Policy, new: Policy) -> list[CategoryChange]:
    """What changed for labels, in the order of the new policy; what was removed comes last."""
    before = {one.id: one for one in old.categories}
    found = []
    for category in new.categories:
        known = before.pop(category.id, None)
        if known is None:
            found.append(CategoryChange(category.id, "added", after=_shown(category, TOUCHING)))
            continue
        fields = tuple(name for name in TOUCHING if _plain(getattr(known, name)) != _plain(getattr(category, name)))
        if fields:
            found.append(
                CategoryChange(category.id, "touched", fields, _shown(known, fields), _shown(category, fields))
            )
    return [*found, *(CategoryChange(name, "removed", before=_shown(one, TOUCHING)) for name, one in before.items())]


def stale_labels(golden: GoldenSet, changes: Iterable[CategoryChange]) -> list[Stale]:
    """Labels to review: violating ones first, then the rest; for a new category every item, in the order of the set."""
    labels, ids = golden.labels(), golden.ids()
    found: list[Stale] = []
    for change in changes:
        if change.kind == "added":
            found += [Stale(item, change.category, None) for item in ids]
        elif change.kind == "touched" and change.category in golden.categories:
            column = labels[:, golden.categories.index(change.category)]
            for code in (1, 0):
                found += [Stale(ids[at], change.category, code) for at in np.flatnonzero(column == code).tolist()]
    return found


def reviewed_since(stale: Iterable[Stale], settled: Iterable[tuple[str, str, str]], policy: str) -> list[Stale]:
    """The stale labels that nobody has settled under the new policy.

    ``settled`` is item, category and policy of each settled decision; ``policy`` is name and version of the new one.
    """
    done = {(item, category) for item, category, under in settled if under == policy}
    return [one for one in stale if (one.item, one.category) not in done]


def policy_name(policy: Policy) -> str:
    """How a decision names the policy it was made under."""
    return f"{policy.policy} v{policy.version}"


def _plain(value: Any) -> Any:
    """Text without its line breaks and indentation: a paragraph that was only wrapped anew says the same."""
    if isinstance(value, str):
        return " ".join(value.split())
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def _shown(category: Category, fields: Iterable[str]) -> dict[str, Any]:
    return {name: _plain(getattr(category, name)) for name in fields}
