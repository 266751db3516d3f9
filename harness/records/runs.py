"""What a stored run says of itself: the content of ``run.json`` as frozen records.

Decides names, types and what an absent field means. How the file is read and written is left to ``runs.meta``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field, structs

from harness.records.answers import NOT_ASKED
from harness.records.base import OnFailure, RunStatus, Severity
from harness.records.evals import CandidateSpec, Eval
from harness.records.policy import Prevalence, Target, told_apart

FORMAT = 1


class RunInput(Struct, frozen=True):
    """A file that went into a run.

    Attributes:
        name: Name in the file, or of it.
        version: Version in the file; None for none.
        sha256: Hash of its bytes.
        path: Where it lay, as written from the folder of the run.
        stored: Its copy in the run's folder; None when none was kept.
        identity: Hash of what can change a label or a decision; None: of every byte.
    """

    name: str
    version: int | str | None
    sha256: str
    path: str = ""
    stored: str | None = None
    identity: str | None = None

    @property
    def title(self) -> str:
        """Name, and the version where it has one."""
        return self.name if self.version is None else f"{self.name} v{self.version}"


class GoldenFacts(Struct, frozen=True):
    """The golden set of a run, and how much of it was asked or is shown.

    Attributes:
        name: Name on the card.
        version: Version on the card.
        hash: Hash of card and items.
        n_items: Items that were put to every candidate, or those of the part that is shown.
        n_items_in_set: Items of the whole set; None where it was not written down.
        n_must_catch: Items of the set that no candidate may miss; None where it was not written down.
        part: Part of the run's items that numbers are of; None for all of them.
        n_items_in_run: Items of the whole run, where a part is shown.
    """

    name: str
    version: int
    hash: str
    n_items: int
    n_items_in_set: int | None = None
    n_must_catch: int | None = None
    part: str | None = None
    n_items_in_run: int | None = None

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} v{self.version}"

    def as_dict(self) -> dict[str, Any]:
        """Plain data: what is known."""
        return {name: value for name, value in structs.asdict(self).items() if value is not None}


class CategoryFacts(Struct, frozen=True):
    """What numbers and reports need of a policy's category; definitions stay in the policy's stored copy."""

    name: str = ""
    severity: Severity | None = None
    parent: str | None = None
    owner: str | None = None
    prevalence: Prevalence | None = None
    target: Target | None = None


class PolicyFacts(Struct, frozen=True):
    """What numbers and reports need of the policy."""

    name: str = ""
    version: int | None = None
    categories: Mapping[str, CategoryFacts] = field(default_factory=dict)

    def category(self, category: str) -> CategoryFacts:
        """What is known of a category; nothing when the policy does not know it."""
        return self.categories.get(category) or CategoryFacts()

    def targets(self, category: str) -> dict[str, float]:
        """Metric -> target, for the metrics that have one."""
        asked = self.category(category).target or Target()
        stated = {"recall": asked.recall, "precision": asked.precision}
        return {metric: target for metric, target in stated.items() if target is not None}

    def category_name(self, category: str) -> str:
        """Name for readers; the id when the policy gives none."""
        return self.category(category).name or category

    def names_of(self, categories: Iterable[str]) -> dict[str, str]:
        """Category -> name for readers; two of one name keep their ids beside it."""
        return told_apart({one: self.category_name(one) for one in categories})


class EarlyStop(Struct, frozen=True):
    """That a run was made in sequential looks, and at which it stopped."""

    look: int
    looks: int
    items: int
    items_in_set: int
    seed: int = 0


class ShardFacts(Struct, frozen=True):
    """That a run is one part of another: part ``index`` (from 1) of ``of``, of the run ``run_id`` with ``n_items``."""

    index: int
    of: int
    run_id: str
    n_items: int

    @property
    def title(self) -> str:
        """In words."""
        return f"shard {self.index} of {self.of}"


class RunMeta(Struct, frozen=True):
    """The content of ``run.json``; what candidates are made of stays as each kind wrote it (``fingerprints``)."""

    run_id: str
    status: RunStatus
    eval_name: str
    eval: Eval
    golden_set: GoldenFacts
    categories: tuple[str, ...]
    candidates: tuple[str, ...]
    repeats: int
    counts: Mapping[str, Mapping[str, int]]
    inputs: Mapping[str, RunInput]
    fingerprints: Mapping[str, Mapping[str, Any]]
    signatures: Mapping[str, Mapping[str, Any]]
    calls: int
    cached: int
    cost_usd: float
    created_at: str
    wall_s: float
    format: int = FORMAT
    early_stop: EarlyStop | None = None
    shard: ShardFacts | None = None
    reason: str | None = None
    limit: int | None = None
    only: tuple[str, ...] = ()
    """How its items were chosen by hand; empty: they were not."""
    wave: str | None = None
    seed: int = 0
    max_error_rate: float = 0.0
    answers_cost_usd: float | None = None
    unpriced_answers: int = 0
    """Answers whose price nobody knows: they are no part of ``answers_cost_usd``."""
    retries: int = 0
    unknown_calls: int = 0
    """Calls of the last execution whose cost nobody knows: no price, no word of the tokens, or no answer."""
    earlier_cost_usd: float = 0.0
    """What the executions before the last one are known to have spent, as the journal's ledger has it."""
    earlier_unknown_calls: int = 0
    error_reasons: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    policy: PolicyFacts = field(default_factory=PolicyFacts)
    packages: Mapping[str, str] = field(default_factory=dict)
    platform: Mapping[str, str] = field(default_factory=dict)
    harness_version: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    seal: str = ""

    @property
    def n_items(self) -> int:
        """Items that were put to every candidate."""
        return self.golden_set.n_items

    @property
    def spent_usd(self) -> float:
        """What all executions of the run are known to have spent."""
        return self.cost_usd + self.earlier_cost_usd

    @property
    def n_unknown_calls(self) -> int:
        """Calls of all executions whose cost nobody knows."""
        return self.unknown_calls + self.earlier_unknown_calls

    @property
    def is_sample(self) -> bool:
        """Whether the run asked about a part of its golden set only, by ``--limit``."""
        in_set = self.golden_set.n_items_in_set
        return self.limit is not None and (in_set is None or self.limit < int(in_set))

    @property
    def n_errors(self) -> int:
        """Rows that were asked and got no answer, over all candidates."""
        return sum(counts.get("error", 0) for counts in self.counts.values())

    @property
    def n_not_asked(self) -> int:
        """Rows that nobody was asked for, over all candidates."""
        return sum(counts.get(NOT_ASKED, 0) for counts in self.counts.values())

    def signature_fields(self, candidate: str) -> dict[str, Any]:
        """What can move this candidate's numbers, as far as the run knows."""
        return dict(self.signatures[candidate])

    def fingerprint(self, candidate: str) -> Mapping[str, Any]:
        """Everything that can change the candidate's decisions; empty when the run does not know it."""
        return self.fingerprints.get(candidate) or {}

    def spec(self, candidate: str) -> CandidateSpec:
        """What the eval says about the candidate; an empty one when it says nothing."""
        return self.eval.candidates.get(candidate) or CandidateSpec("", None)

    def on_failure(self, candidate: str) -> OnFailure:
        """The fallback production takes when this candidate gives no usable decision."""
        return self.spec(candidate).on_failure or self.eval.on_failure

    def input_of(self, kind: str, candidate: str) -> RunInput | None:
        """The file of this kind (``prompt``, ``rules``) that the candidate was made of."""
        return self.inputs.get(f"{kind}:{candidate}")
