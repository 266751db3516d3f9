"""The policy: categories, prevalence, targets and crosswalks."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping
from typing import Annotated

from msgspec import field

from harness.records.base import (
    Bounds,
    CategoryKind,
    FromFile,
    NonEmpty,
    OpenProportion,
    PositiveInt,
    Proportion,
    Severity,
)


class Prevalence(FromFile, frozen=True):
    """Share of production items that violate a category, and where the figure comes from."""

    value: OpenProportion
    source: NonEmpty
    date: datetime.date
    low: OpenProportion | None = None
    high: OpenProportion | None = None


class Target(FromFile, frozen=True):
    """Quality the policy asks for, judged on the interval's bound."""

    recall: Proportion | None = None
    precision: Proportion | None = None


class Category(FromFile, frozen=True):
    """One policy category; the positive class is *violating*."""

    id: NonEmpty
    name: NonEmpty
    definition: NonEmpty
    allowed: tuple[str, ...] = ()
    severity: Severity = "medium"
    parent: str | None = None
    kind: CategoryKind = "binary"
    levels: tuple[str, ...] = ()
    cut: str | None = None
    owner: str | None = None
    prevalence: Prevalence | None = None
    target: Target | None = None


def told_apart(names: Mapping[str, str]) -> dict[str, str]:
    """Category -> name for readers; two of one name keep their ids beside it."""
    n_alike = Counter(names.values())
    return {one: name if n_alike[name] == 1 else f"{name} ({one})" for one, name in names.items()}


class Policy(FromFile, frozen=True):
    """A versioned set of categories with crosswalks from other taxonomies."""

    policy: NonEmpty
    version: PositiveInt
    categories: Annotated[tuple[Category, ...], Bounds(min_length=1)]
    description: str = ""
    crosswalks: Mapping[str, Mapping[str, tuple[str, ...] | None]] = field(default_factory=dict)

    @property
    def category_ids(self) -> tuple[str, ...]:
        """Ids in the order of the file."""
        return tuple(category.id for category in self.categories)

    @property
    def names(self) -> dict[str, str]:
        """Category -> its name, for readers."""
        return told_apart({category.id: category.name for category in self.categories})

    def category(self, category_id: str) -> Category:
        """The category with this id; KeyError when there is none."""
        for category in self.categories:
            if category.id == category_id:
                return category
        raise KeyError(category_id)
