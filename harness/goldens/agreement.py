"""How far the annotators of a golden set agree, with each other, with their majority and with the gold.

Decides which votes count: a category that a vote leaves out is a 0, null is no vote, and a category that no vote of the
set names was not asked. Coefficients and intervals are ``core``'s. Annotators are numbered by their number of votes and
named only on request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha
from harness.core.annotators import dawid_skene, gold_against_majority, human_ceiling, majority_labels
from harness.core.clusters import clustered_metric
from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.files.golden.items import NOT_NAMED
from harness.files.golden.sets import GoldenSet
from harness.files.text import joined, suggestion
from harness.measure.decisions import generator
from harness.records import MISSING

CEILING_METRICS = ("recall", "precision", "f1")
MIN_ITEMS = 20
MOST_CELLS = 100_000_000


@dataclass(frozen=True, slots=True)
class Votes:
    """Every vote of a set: one row per vote of an item; ``codes`` has a column per category, -1 where not asked."""

    categories: tuple[str, ...]
    item: NDArray[np.int64]
    annotator: NDArray[np.int64]
    codes: NDArray[np.int8]
    annotators: tuple[str, ...]
    team: Mapping[str, str]
    slices: Mapping[str, Sequence[tuple[str, ...]]]
    ids: tuple[str, ...]
    gold: NDArray[np.int8]
    grades: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    def table(self, category: int, kept: NDArray[np.bool_] | None = None) -> NDArray[np.int8]:
        """Votes of one category by item, in the slots of the item's votes; -1 for none. Items without votes stay."""
        return _slots(self.item, self.codes[:, category], len(self.ids), kept)

    def by_annotator(self, category: int) -> NDArray[np.int8]:
        """Votes of one category by item and annotator; -1 for none."""
        table = np.full((len(self.ids), len(self.annotators)), MISSING, dtype=np.int8)
        table[self.item, self.annotator] = self.codes[:, category]
        return table

    @property
    def are_named(self) -> bool:
        """Whether it is known who voted."""
        return not any(name.startswith(NOT_NAMED) for name in self.annotators)


def read_votes(golden: GoldenSet) -> Votes:
    """The votes of a set's items.

    Raises:
        HarnessError: The items have no votes.
    """
    column = {name: at for at, name in enumerate(golden.categories)}
    index: dict[str, int] = {}
    items: list[int] = []
    who: list[int] = []
    rows = bytearray()
    named: set[str] = set()
    team: dict[str, str] = {}
    slices: dict[str, list[tuple[str, ...]]] = {name: [] for name in golden.card.slices}
    grades: list[Mapping[str, Any]] = []
    for at, item in enumerate(golden.items()):
        for name, values in item.slices.items():
            slices[name].append(values)
        for vote in item.votes:
            annotator = vote["annotator"]
            items.append(at)
            who.append(index.setdefault(annotator, len(index)))
            labels = vote["labels"]
            named |= labels.keys()
            rows += bytes(_code(labels, name) for name in golden.categories)
            grades.append(vote.get("grades") or {})
            if vote.get("team") is not None:
                team.setdefault(annotator, str(vote["team"]))
    if not items:
        raise HarnessError(
            f"{golden.path}: no item has votes",
            allowed='votes of each item: [{"annotator": NAME, "labels": {LABEL: 1|0|null}}], or {LABEL: [for, cast]}',
            next_step="say in the card where they are: 'fields: {votes: NAME}'",
        )
    codes = np.frombuffer(bytes(rows), dtype=np.int8).reshape(len(items), len(column)).copy()
    for name, at in column.items():
        if name not in named:
            codes[:, at] = MISSING
    return Votes(
        golden.categories,
        np.asarray(items),
        np.asarray(who),
        codes,
        tuple(index),
        team,
        slices,
        tuple(golden.ids()),
        golden.labels(),
        _grades(golden, grades),
    )


@dataclass(frozen=True, slots=True)
class CategoryAgreement:
    """What the votes of one category say.

    Attributes:
        alpha: Krippendorff's alpha.
        fleiss: Fleiss' kappa.
        cohen: Cohen's kappa of the two annotators that were asked for; None when none were.
        ordinal_alpha: Krippendorff's alpha of the grades at the ordinal level; None without grades.
        gold_majority: Share of items whose gold is the majority.
        ceiling: Metric -> how well one annotator finds the majority of the others.
    """

    alpha: MetricResult
    fleiss: MetricResult
    cohen: MetricResult | None
    ordinal_alpha: MetricResult | None
    n_items: int
    n_votes: int
    gold_majority: MetricResult
    against_gold: tuple[str, ...]
    disputed: tuple[str, ...]
    ceiling: Mapping[str, MetricResult]

    def as_dict(self, *, with_ids: bool = True) -> dict[str, Any]:
        """Plain data in the shape of ``harness golden agreement --json``."""
        found: dict[str, Any] = {
            "krippendorff_alpha": self.alpha.as_dict(),
            "fleiss_kappa": self.fleiss.as_dict(),
            "cohen_kappa": None if self.cohen is None else self.cohen.as_dict(),
            "n_items": self.n_items,
            "n_votes": self.n_votes,
            "gold_against_majority": self.gold_majority.as_dict(),
            "n_gold_against_majority": len(self.against_gold),
            "n_disputed": len(self.disputed),
        }
        if self.ordinal_alpha is not None:
            found["krippendorff_alpha_ordinal"] = self.ordinal_alpha.as_dict()
        if self.ceiling:
            found["human_ceiling"] = {name: result.as_dict() for name, result in self.ceiling.items()}
        if with_ids:
            found["gold_against_majority_ids"] = list(self.against_gold)
            found["disputed_ids"] = list(self.disputed)
        return found


def category_agreement(
    votes: Votes,
    category: str,
    *,
    kept: NDArray[np.bool_] | None = None,
    pair: tuple[str, str] | None = None,
    with_ceiling: bool = True,
    n_resamples: int = 2_000,
) -> CategoryAgreement:
    """Agreement on one category.

    Args:
        votes: The votes.
        category: One of their categories.
        kept: Items to look at, bool (n_items,); all when None.
        pair: Two annotators for Cohen's kappa.
        with_ceiling: Whether to work out the human ceiling.
        n_resamples: Bootstrap resamples of the intervals.
    """
    at = votes.categories.index(category)
    table = votes.table(at, kept)
    n_votes = (table >= 0).sum(axis=1)
    gold = np.where(np.ones(len(table), dtype=np.bool_) if kept is None else kept, votes.gold[:, at], MISSING)
    majority = majority_labels(table)
    is_against = (gold >= 0) & (majority >= 0) & (gold != majority)
    is_disputed = (table == 1).any(axis=1) & (table == 0).any(axis=1)

    def rng(name: str) -> np.random.Generator:
        return generator(0, f"{category}|{name}")

    cohen = None
    if pair is not None:
        first, second = (_one(votes, name, at, kept) for name in pair)
        cohen = cohen_kappa(first, second, rng=rng("cohen"), n_resamples=n_resamples)
    grades = votes.grades.get(category)
    ordinal = None
    if grades is not None:
        slots = _slots(votes.item, grades, len(votes.ids), kept)
        ordinal = krippendorff_alpha(slots, rng=rng("ordinal"), level="ordinal", n_resamples=n_resamples)
    return CategoryAgreement(
        alpha=krippendorff_alpha(table, rng=rng("alpha"), n_resamples=n_resamples),
        fleiss=fleiss_kappa(table, rng=rng("fleiss"), n_resamples=n_resamples),
        cohen=cohen,
        ordinal_alpha=ordinal,
        n_items=int((n_votes > 0).sum()),
        n_votes=int(n_votes.sum()),
        gold_majority=gold_against_majority(gold, table),
        against_gold=tuple(votes.ids[row] for row in np.flatnonzero(is_against).tolist()),
        disputed=tuple(votes.ids[row] for row in np.flatnonzero(is_disputed).tolist()),
        ceiling={name: human_ceiling(table, name) for name in CEILING_METRICS} if with_ceiling else {},
    )


def slice_agreement(
    votes: Votes, *, n_resamples: int = 500, most_values: int = 40
) -> dict[str, dict[str, dict[str, CategoryAgreement]]]:
    """Agreement in each value of each slice with enough items, by category; slices made of the votes are left out."""
    found: dict[str, dict[str, dict[str, CategoryAgreement]]] = {}
    for name, values in votes.slices.items():
        distinct: dict[str, int] = {}
        for entry in values:
            for value in entry:
                distinct[value] = distinct.get(value, 0) + 1
        large = sorted((value for value, n in distinct.items() if n >= MIN_ITEMS), key=lambda value: -distinct[value])
        for value in large[:most_values]:
            kept = np.fromiter((value in entry for entry in values), dtype=np.bool_, count=len(values))
            found.setdefault(name, {})[value] = {
                category: category_agreement(votes, category, kept=kept, with_ceiling=False, n_resamples=n_resamples)
                for category in voted(votes)
            }
    return found


@dataclass(frozen=True, slots=True)
class AnnotatorRow:
    """One annotator, or one team, against the majority of the others' votes, in one category."""

    who: str
    category: str
    n_votes: int
    recall: MetricResult
    precision: MetricResult
    agreement: MetricResult
    sensitivity: float | None = None
    specificity: float | None = None


def annotator_rows(votes: Votes, *, by_team: bool = False, with_latent: bool = False) -> list[AnnotatorRow]:
    """Each annotator (or team) against the majority of the votes that are not theirs.

    Args:
        votes: Votes whose annotators are known.
        by_team: Whether votes of one team are judged together, against those of the others.
        with_latent: Whether to add sensitivity and specificity by Dawid and Skene's model.
    """
    rows = []
    team_of = np.array([votes.team.get(name, "no team") for name in votes.annotators])
    groups = sorted(set(team_of)) if by_team else list(votes.annotators)
    for at, category in enumerate(votes.categories):
        codes = votes.codes[:, at]
        given = codes >= 0
        if not given.any():
            continue
        latent = _latent(votes, at) if with_latent and not by_team else None
        n_items = len(votes.ids)
        ones = np.bincount(votes.item[codes == 1], minlength=n_items)
        zeros = np.bincount(votes.item[codes == 0], minlength=n_items)
        for number, name in enumerate(groups):
            mine = given & (team_of[votes.annotator] == name if by_team else votes.annotator == number)
            if not mine.any():
                continue
            items, said = votes.item[mine], codes[mine]
            own_ones = np.bincount(items[said == 1], minlength=n_items)
            own_zeros = np.bincount(items[said == 0], minlength=n_items)
            left_ones, left_zeros = (ones - own_ones)[items], (zeros - own_zeros)[items]
            others = np.where(left_ones > left_zeros, 1, np.where(left_zeros > left_ones, 0, MISSING)).astype(np.int8)
            found = {
                metric: clustered_metric(metric, others, said, items) for metric in ("recall", "precision", "agreement")
            }
            rates = (None, None) if latent is None else (float(latent[0][number]), float(latent[1][number]))
            rows.append(
                AnnotatorRow(name, category, int(mine.sum()), **found, sensitivity=rates[0], specificity=rates[1])
            )
    return rows


def shown_names(votes: Votes, *, with_names: bool) -> dict[str, str]:
    """Annotator -> the name it is shown by: a number, most votes first, unless names are asked for."""
    counts = np.bincount(votes.annotator, minlength=len(votes.annotators))
    order = sorted(range(len(votes.annotators)), key=lambda at: (-counts[at], at))
    width = len(str(len(order)))
    numbered = {votes.annotators[at]: f"annotator {place:0{width}}" for place, at in enumerate(order, start=1)}
    return {name: name if with_names else numbered[name] for name in votes.annotators}


def consensus(votes: Votes, category: str) -> NDArray[np.float64]:
    """P(violating) per item by Dawid and Skene's model; NaN without votes."""
    at = votes.categories.index(category)
    _require_cells(votes)
    return dawid_skene(votes.by_annotator(at)).probability


def voted(votes: Votes) -> tuple[str, ...]:
    """Categories that any vote was asked about."""
    return tuple(name for at, name in enumerate(votes.categories) if (votes.codes[:, at] >= 0).any())


def _latent(votes: Votes, at: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    _require_cells(votes)
    model = dawid_skene(votes.by_annotator(at))
    return model.sensitivity, model.specificity


def _require_cells(votes: Votes) -> None:
    if len(votes.ids) * len(votes.annotators) > MOST_CELLS:
        raise HarnessError(
            f"{len(votes.ids):,} items by {len(votes.annotators):,} annotators are too many for a Dawid-Skene model",
            allowed=f"at most {MOST_CELLS:,} items x annotators",
            next_step="leave --dawid-skene out",
        )


def _one(votes: Votes, name: str, at: int, kept: NDArray[np.bool_] | None) -> NDArray[np.int8]:
    if name not in votes.annotators:
        raise HarnessError(
            f"no vote is of '{name}'",
            allowed=joined(votes.annotators),
            next_step=suggestion(name, votes.annotators, "name an annotator of the set"),
        )
    found = np.full(len(votes.ids), MISSING, dtype=np.int8)
    mine = votes.annotator == votes.annotators.index(name)
    found[votes.item[mine]] = votes.codes[mine, at]
    return found if kept is None else np.where(kept, found, MISSING).astype(np.int8)


def _slots(item: NDArray[np.int64], codes: NDArray[Any], n_items: int, kept: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Codes of votes by item and the place of the vote in its item; votes lie in the order of their items."""
    starts = np.searchsorted(item, np.arange(n_items))
    place = np.arange(len(item)) - starts[item]
    table = np.full((n_items, int(place.max()) + 1), MISSING, dtype=codes.dtype)
    table[item, place] = codes
    if kept is not None:
        table[~kept] = MISSING
    return table


def _grades(golden: GoldenSet, grades: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[np.int64]]:
    """Grades that votes gave before the card's cut, as ordered codes by category; only where they have three levels."""
    found, card = {}, golden.card
    for category in golden.categories:
        names = [name for name in (*card.labels, *card.rename) if card.rename.get(name, name) == category]
        values = [next((row[name] for name in names if name in row), None) for row in grades]
        numbers = [
            value if isinstance(value, int | float) and not isinstance(value, bool) else None for value in values
        ]
        levels = sorted({number for number in numbers if number is not None})
        if 3 <= len(levels) <= 50:
            code = {level: at for at, level in enumerate(levels)}
            found[category] = np.array([MISSING if number is None else code[number] for number in numbers])
    return found


def _code(labels: Mapping[str, int | None], name: str) -> int:
    value = labels.get(name, 0)
    return 255 if value is None else int(value)
