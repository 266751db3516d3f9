"""Which labels are suspicious: "is the model wrong, or the label?", as one ranked queue.

Decides the evidence and how it adds up. Each model (a candidate of a stored run, the two text models, the annotators'
votes) gives a label the probability it has for it; the mean is the label's quality, and the queue begins with the
lowest. A copy of the text with another label, and a mark of a reader, bring a label to the front. A failed answer is
no evidence. Nothing is changed: the queue goes to reviewers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.label_quality import ensemble_quality, label_quality
from harness.files.golden.sets import GoldenSet
from harness.goldens.contents import Contents
from harness.goldens.queues import QueueRow
from harness.goldens.text_models import MODELS, text_probabilities
from harness.measure.decisions import decisions
from harness.records import MISSING
from harness.runs import Run

HARD = 0.9
"""Probability that a bare decision stands for: it says nothing of how sure it was."""
CONFLICT = 0.25
SUSPICIOUS = 0.5
VOTES = "votes"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One label and how far it can be trusted; ``models`` holds each model's probability of the given label."""

    item: str
    category: str
    label: int
    quality: float
    models: Mapping[str, float]
    conflicts: tuple[str, ...] = ()
    is_marked: bool = False

    @property
    def why(self) -> str:
        """The evidence in words."""
        parts = ["marked by a reader"] if self.is_marked else []
        if self.conflicts:
            parts.append(f"the same text has another label in {', '.join(self.conflicts[:3])}")
        against = [name for name, one in self.models.items() if one < SUSPICIOUS]
        if against:
            parts.append(f"{len(against)} of {len(self.models)} against label {self.label}: {', '.join(against)}")
        return "; ".join(parts) or f"agrees with label {self.label}"

    @property
    def is_suspicious(self) -> bool:
        """Whether a person should look at it."""
        return self.is_marked or bool(self.conflicts) or self.quality < SUSPICIOUS

    def as_dict(self) -> dict[str, Any]:
        """Plain data of ``harness golden audit --json``."""
        return {"item": self.item, "category": self.category, "label": self.label,
                "quality": None if np.isnan(self.quality) else round(self.quality, 6),
                "models": {name: round(one, 6) for name, one in self.models.items()},
                "conflicts": list(self.conflicts), "marked": self.is_marked, "why": self.why}  # fmt: skip

    def as_row(self) -> QueueRow:
        """The row of a queue."""
        return QueueRow(self.item, self.category, self.why, None if np.isnan(self.quality) else 1 - self.quality)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is to judge labels by, per model: probability of 1, shape (n_items, n_categories)."""

    names: tuple[str, ...]
    probability: NDArray[np.float64]


def gather(golden: GoldenSet, runs: Sequence[Run], *, uses_text: bool, seed: int) -> Evidence:
    """Every model's opinion on every label of the set."""
    names: list[str] = []
    found: list[NDArray[np.float64]] = []
    for run in runs:
        for candidate in run.candidates:
            opinion = _opinion(golden, run, candidate)
            if not np.isnan(opinion).all():
                names.append(candidate if len(runs) == 1 else f"{candidate} ({run.meta.run_id[:20]})")
                found.append(opinion)
    votes = _votes(golden)
    if votes is not None:
        names.append(VOTES)
        found.append(votes)
    if uses_text:
        items = [(item.text, item.group) for item in golden.items()]
        texts, groups = [text for text, _ in items], [group for _, group in items]
        for name, one in zip(MODELS, text_probabilities(texts, golden.labels(), groups, seed=seed), strict=True):
            if not np.isnan(one).all():
                names.append(name)
                found.append(one)
    shape = (0, *golden.labels().shape)
    return Evidence(tuple(names), np.stack(found) if found else np.empty(shape))


def audit(golden: GoldenSet, evidence: Evidence, marks: Sequence[QueueRow] = ()) -> list[Suspicion]:
    """Every label of the set, the most suspicious first."""
    labels, ids = golden.labels(), golden.ids()
    quality = qualities(labels, evidence)
    conflicts = _conflicts(golden)
    marked = {(row.item, row.category) for row in marks} | {(row.item, None) for row in marks if row.category is None}
    found = []
    for at, column in np.argwhere(labels >= 0).tolist():
        category, label = golden.categories[column], int(labels[at, column])
        given = evidence.probability[:, at, column]
        models = {
            name: float(one if label else 1 - one)
            for name, one in zip(evidence.names, given.tolist(), strict=True)
            if not np.isnan(one)
        }
        found.append(
            Suspicion(
                ids[at],
                category,
                label,
                float(quality[at, column]),
                models,
                conflicts.get((at, column), ()),
                (ids[at], category) in marked or (ids[at], None) in marked,
            )
        )
    found.sort(key=_rank)
    return found


def qualities(labels: NDArray[np.int8], evidence: Evidence) -> NDArray[np.float64]:
    """Mean quality of each label over the models; NaN where none has an opinion."""
    quality = np.full(labels.shape, np.nan)
    for column in range(labels.shape[1]):
        each = [label_quality(labels[:, column], model[:, column]) for model in evidence.probability]
        if each:
            quality[:, column] = ensemble_quality(np.stack(each))
    return quality


@dataclass(frozen=True, slots=True)
class Trial:
    """What the audit finds when some labels are flipped on purpose.

    Attributes:
        found_in: Share of the flips among the first 10% of the queue.
        precision_at: Number of labels looked at -> share of flips among them; labels that were wrong before count
            against it.
    """

    seed: int
    n_flipped: int
    n_labels: int
    found_in: float
    precision_at: Mapping[int, float]

    def as_dict(self) -> dict[str, Any]:
        """Plain data of ``harness golden audit --trial --json``."""
        return {"seed": self.seed, "flipped": self.n_flipped, "labels": self.n_labels,
                "recall_in_first_tenth": self.found_in,
                "precision_at": {str(k): one for k, one in self.precision_at.items()}}  # fmt: skip


def trial(golden: GoldenSet, others: Evidence, share: float, seed: int) -> Trial:
    """Flip a share of the labels at random and see where the audit puts them; the text models learn the flipped."""
    rng = np.random.default_rng(seed)
    labels = golden.labels()
    known = np.argwhere(labels >= 0)
    flipped = known[rng.choice(len(known), max(1, round(share * len(known))), replace=False)]
    changed, is_flipped = labels.copy(), np.zeros(labels.shape, dtype=np.bool_)
    is_flipped[flipped[:, 0], flipped[:, 1]] = True
    changed[is_flipped] = 1 - changed[is_flipped]
    items = [(item.text, item.group) for item in golden.items()]
    own = text_probabilities([text for text, _ in items], changed, [group for _, group in items], seed=seed)
    both = Evidence((*others.names, *MODELS), np.concatenate([others.probability, own]))
    quality = qualities(changed, both)[labels >= 0]
    order = np.argsort(np.where(np.isnan(quality), 2.0, quality), kind="stable")
    hits = is_flipped[labels >= 0][order]
    tenth = max(1, round(len(hits) / 10))
    ks = [k for k in (10, 25, 50, 100, 200, 500, tenth) if k <= len(hits)]
    return Trial(seed, int(hits.sum()), len(hits), float(hits[:tenth].sum() / hits.sum()),
                 {k: float(hits[:k].mean()) for k in sorted(set(ks))})  # fmt: skip


def _rank(one: Suspicion) -> tuple[bool, float, str, str]:
    quality = 1.0 if np.isnan(one.quality) else one.quality
    return not one.is_marked, quality - (CONFLICT if one.conflicts else 0.0), one.item, one.category


def _opinion(golden: GoldenSet, run: Run, candidate: str) -> NDArray[np.float64]:
    """A candidate's probabilities: its scores where they are some, else its decisions; repeats are averaged."""
    read = decisions(run, candidate).under("dropped")
    place = {name: at for at, name in enumerate(golden.ids())}
    rows = [(at, place[name]) for at, name in enumerate(run.item_ids) if name in place]
    found = np.full(golden.labels().shape, np.nan)
    if not rows:
        return found
    of_run, of_set = (np.asarray(part, dtype=np.int64) for part in zip(*rows, strict=True))
    for column, category in enumerate(golden.categories):
        if category not in run.categories:
            continue
        at = list(run.categories).index(category)
        decided, scored = read.y_pred[of_run][:, :, at], read.y_score[of_run][:, :, at]
        hard = np.where(decided == MISSING, np.nan, np.where(decided == 1, HARD, 1 - HARD))
        is_scale = bool(np.nanmin(scored) >= 0 and np.nanmax(scored) <= 1) if not np.isnan(scored).all() else False
        opinion = np.where(np.isnan(scored), hard, scored) if is_scale else hard
        n = (~np.isnan(opinion)).sum(axis=1)
        total = np.where(np.isnan(opinion), 0.0, opinion).sum(axis=1)
        found[of_set, column] = np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0)
    return found


def _votes(golden: GoldenSet) -> NDArray[np.float64] | None:
    """Share of votes for 1, drawn half a vote towards the middle; None when nobody voted."""
    found = np.full(golden.labels().shape, np.nan)
    for at, item in enumerate(golden.items()):
        for column, category in enumerate(golden.categories if item.votes else ()):
            said = [vote["labels"].get(category) for vote in item.votes if vote["labels"].get(category) is not None]
            if said:
                found[at, column] = (sum(map(int, said)) + 0.5) / (len(said) + 1)
    return None if np.isnan(found).all() else found


def _conflicts(golden: GoldenSet) -> dict[tuple[int, int], tuple[str, ...]]:
    """Labels that a copy of the item has otherwise."""
    same: dict[tuple[str, str], list[int]] = {}
    contents = Contents(golden)
    for at, item in enumerate(golden.items()):
        text = " ".join((item.text or "").split()).casefold()
        beside = contents.beside(item)
        if text or beside:
            same.setdefault((text, beside), []).append(at)
    labels, ids = golden.labels(), golden.ids()
    found: dict[tuple[int, int], tuple[str, ...]] = {}
    for members in same.values():
        if len(members) < 2:
            continue
        for column in range(labels.shape[1]):
            codes = labels[members, column]
            if (codes == 1).any() and (codes == 0).any():
                for at in members:
                    others = [ids[one] for one in members if labels[one, column] == 1 - labels[at, column]]
                    if labels[at, column] >= 0:
                        found[at, column] = tuple(others)
    return found
