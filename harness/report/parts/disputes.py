"""What annotators disagree on: agreement by category and by team, and the items whose labels are disputed.

Decides what of the votes a report shows. Coefficients are ``goldens.agreement``'s; annotators are never named, teams
are. A team is set against the majority of the votes that are not its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.files.golden.sets import GoldenSet
from harness.goldens.agreement import annotator_rows, category_agreement, read_votes, voted
from harness.measure.decisions import decisions
from harness.records import MISSING
from harness.runs import Run


@dataclass(frozen=True, slots=True)
class CategoryVotes:
    """What the votes of one category say.

    Attributes:
        n_against_gold: Items whose gold is not the majority.
        disputed: Ids of disputed items, those whose gold is not the majority first.
    """

    category: str
    alpha: MetricResult
    n_items: int
    n_disputed: int
    n_against_gold: int
    disputed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TeamVotes:
    """One team in one category, against the majority of the others."""

    team: str
    category: str
    n_votes: int
    agreement: MetricResult
    recall: MetricResult
    precision: MetricResult


@dataclass(frozen=True, slots=True)
class Votes:
    """What a golden set's votes say; ``teams`` is empty where the votes name none, or one only."""

    categories: tuple[CategoryVotes, ...]
    teams: tuple[TeamVotes, ...]

    def of(self, category: str) -> CategoryVotes | None:
        """One category; None where nobody voted on it."""
        return next((one for one in self.categories if one.category == category), None)


NO_VOTES = Votes((), ())


@dataclass(frozen=True, slots=True)
class Dispute:
    """One category: how far annotators agree, and how many of a candidate's errors are on items they dispute."""

    category: str
    name: str
    votes: CategoryVotes
    n_errors: int
    n_disputed_errors: int
    items: tuple[str, ...]
    """Disputed items that the candidate decides against the gold: the labels to settle first."""


def votes_of(golden: GoldenSet) -> Votes:
    """Agreement and teams of a golden set; nothing without votes."""
    try:
        votes = read_votes(golden)
    except HarnessError:
        return NO_VOTES
    found = []
    for name in voted(votes):
        one = category_agreement(votes, name, with_ceiling=False)
        against = set(one.against_gold)
        order = sorted(one.disputed, key=lambda item: item not in against)
        found.append(CategoryVotes(name, one.alpha, one.n_items, len(order), len(against), tuple(order)))
    teams: tuple[TeamVotes, ...] = ()
    if len(set(votes.team.values())) > 1:
        teams = tuple(
            TeamVotes(row.who, row.category, row.n_votes, row.agreement, row.recall, row.precision)
            for row in annotator_rows(votes, by_team=True)
        )
    return Votes(tuple(found), teams)


def disputes_of(run: Run, candidate: str, votes: Votes, names: Mapping[str, str]) -> tuple[Dispute, ...]:
    """Each voted category beside the errors of a candidate of a run, the most disputed errors first."""
    read = decisions(run, candidate)
    return disputed_errors(run.categories, run.item_ids, read.y_true, read.y_pred[:, 0, :], votes, names)


def disputed_errors(
    categories: Sequence[str],
    item_ids: Sequence[str],
    y_true: NDArray[np.int8],
    decided: NDArray[np.int8],
    votes: Votes,
    names: Mapping[str, str],
) -> tuple[Dispute, ...]:
    """The same for decisions (n_items, n_categories)."""
    is_wrong = (y_true != MISSING) & (decided != MISSING) & (y_true != decided)
    found = []
    for column, category in enumerate(categories):
        one = votes.of(category)
        if one is not None:
            found.append(_dispute(category, names, one, item_ids, is_wrong[:, column]))
    return tuple(sorted(found, key=lambda one: -one.n_disputed_errors))


def _dispute(
    category: str, names: Mapping[str, str], one: CategoryVotes, ids: Sequence[str], is_wrong: NDArray[np.bool_]
) -> Dispute:
    wrong = {ids[index] for index in np.flatnonzero(is_wrong).tolist()}
    items = tuple(item for item in one.disputed if item in wrong)
    return Dispute(category, names.get(category, category), one, len(wrong), len(items), items)
