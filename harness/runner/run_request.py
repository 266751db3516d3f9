"""What a run is asked for, and what it gives back.

Decides which items and bounds a run has. Its id is decided by ``run_id``; how it is carried out is left to ``engine``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from msgspec import Struct, field, structs
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.records import EarlyStop, Eval, Item, PolicyFacts, RunStatus
from harness.records.answers import Candidate
from harness.runner.endpoint import Endpoint
from harness.runner.sample import balanced_indices, sample_indices
from harness.runner.shards import Shard, Stretch
from harness.runs.layout import InputFile


class Golden(Protocol):
    """What the runner needs of a golden set."""

    def __len__(self) -> int:
        """Number of items."""

    @property
    def name(self) -> str:
        """Name on the card."""

    @property
    def version(self) -> int:
        """Version on the card."""

    @property
    def sha256(self) -> str:
        """Hash of card and items."""

    @property
    def categories(self) -> Sequence[str]:
        """Categories annotated here."""

    def ids(self) -> Iterable[str]:
        """Item ids in golden order."""

    def items(self, indices: Sequence[int] | None = None) -> Iterator[Item]:
        """The items at these indices, in this order, read lazily; all of them for None."""

    def labels(self) -> NDArray[np.int8]:
        """Gold, int8 (n_items, n_categories): 1, 0, or -1 missing."""


class Bounds(NamedTuple):
    """Most money and tokens of a run; None for no bound."""

    usd: float | None
    tokens: int | None


class Part(NamedTuple):
    """Which items are asked, in golden order; where they stand among those of the whole run; how many it has."""

    indices: Sequence[int]
    positions: Sequence[int]
    n_of_whole: int

    @classmethod
    def stretch(cls, selected: Sequence[int], shard: Stretch) -> Part:
        """Those of the whole run's items that a stretch of it holds."""
        among = shard.among(len(selected))
        return cls(selected[among.start : among.stop], among, len(selected))


class RunRequest(Struct, frozen=True):
    """Everything a run needs.

    Attributes:
        eval: The resolved eval, of the chosen candidates; it becomes part of the run's id and of run.json.
        endpoints: Endpoint of every model that a candidate may ask.
        inputs: Input files by kind: ``policy``, ``golden_set``, ``prompt:v1``, ``rules:r1``, ...
        repeats: How often every item is put to every candidate.
        limit: Size of the fixed sample; None for all items.
        chosen: Positions of the only items to ask, in golden order; all for None. A sample is drawn among them.
        is_batch: Whether models are asked in batches; no part of the id, since the records are the same.
        shard: The part of these items that this run asks; all for None.
        known_part: What ``part`` gives, where somebody knows the items of the whole run already.
        is_balanced: Whether the sample is shared between the categories instead of drawn at random.
        wave: Label that asks the models again; part of the id and of the cache key.
        max_error_rate: Share of error rows above which a candidate's rows are no basis for a verdict.
        max_cost_usd: Most the calls of the run may cost, in all its executions.
        max_tokens: Most tokens the calls of the run may use, input and output together.
        ledger: Under whose name the journal books what calls cost, where several runs share one bound; the run's own id
            when empty.
        behind: A journal whose answers count too and which is never written; none for None.
        check_unchanged: Called when all rows are there; raises HarnessError when a file that went in has changed.
        policy: Name and version of the policy, and per category what reports need (prevalence, severity).
        stop_alone: Candidates whose unusable first answers end them alone, and not the run.
        early_stop: Which look of how many this is, where the run is made in looks; part of the id and of run.json.
        slice_names: Slices of the items; looked up in the golden set, or among its items, when None.
    """

    eval_name: str
    eval: Eval
    candidates: Sequence[Candidate]
    golden: Golden
    endpoints: Mapping[str, Endpoint]
    inputs: Mapping[str, InputFile]
    runs_dir: str | Path
    cache_path: Path
    repeats: int = 1
    limit: int | None = None
    is_balanced: bool = False
    wave: str | None = None
    seed: int = 0
    max_error_rate: float = 0.005
    max_cost_usd: float | None = None
    max_tokens: int | None = None
    ledger: str = ""
    behind: Path | None = None
    check_unchanged: Callable[[], None] = lambda: None
    policy: PolicyFacts = field(default_factory=PolicyFacts)
    early_stop: EarlyStop | None = None
    slice_names: Sequence[str] | None = None
    chosen: Sequence[int] | None = None
    only: Sequence[str] = ()
    shard: Shard | None = None
    known_part: Part | None = None
    is_batch: bool = False
    stop_alone: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.candidates:
            raise HarnessError("the run has no candidates", next_step="choose at least one candidate of the eval")
        for name, value in (("repeats", self.repeats), ("limit", self.limit)):
            if value is not None and value < 1:
                raise HarnessError(f"{name} is {value}", allowed="1 or more")
        if len(self.golden) == 0:
            raise HarnessError(f"golden set {self.golden.name} v{self.golden.version} has no items")
        ids = [candidate.id for candidate in self.candidates]
        if len(set(ids)) != len(ids):
            raise HarnessError(f"two candidates have the same name: {', '.join(ids)}", allowed="each name once")

    def part(self) -> Part:
        """What of the run is asked here."""
        if self.known_part is not None:
            return self.known_part
        selected = self.selected()
        if self.shard is None:
            return Part(selected, range(len(selected)), len(selected))
        if isinstance(self.shard, Stretch):
            return Part.stretch(selected, self.shard)
        positions = self.shard.holds(self._ids_of(selected))
        return Part([selected[at] for at in positions], positions, len(selected))

    def _ids_of(self, selected: Sequence[int]) -> Iterable[str]:
        ids: Iterable[str] = self.golden.ids()
        if len(selected) == len(self.golden):
            return ids
        every = list(ids)
        return (every[at] for at in selected)

    def indices(self) -> Sequence[int]:
        """Which items are asked, in golden order."""
        return self.part()[0]

    def selected(self) -> Sequence[int]:
        """The items of the whole run, in golden order."""
        pool: Sequence[int] = range(len(self.golden)) if self.chosen is None else self.chosen
        if self.limit is None or self.limit >= len(pool):
            return pool
        ids: Iterable[str] = self.golden.ids()
        labels = self.golden.labels() if self.is_balanced else None
        if self.chosen is not None:
            every = list(ids)
            ids = [every[at] for at in pool]
            labels = None if labels is None else labels[list(pool)]
        if labels is not None:
            found = balanced_indices(ids, labels, self.limit, self.seed)
        else:
            found = sample_indices(ids, self.limit, self.seed)
        return [pool[at] for at in found]

    def bounds(self, n_items: int, n_of_whole: int) -> Bounds:
        """Most that this run may take; a shard may take its share of what the whole run may."""
        share = n_items / n_of_whole if self.shard is not None and n_of_whole else 1.0
        usd, tokens = self.max_cost_usd, self.max_tokens
        if share == 1.0 or not n_items:
            return Bounds(usd, tokens)
        return Bounds(None if usd is None else usd * share, None if tokens is None else max(1, int(tokens * share)))


class RunSummary(Struct, frozen=True):
    """What a run came to.

    Attributes:
        calls: Calls made by this execution, repeated attempts included.
        cost_usd: List price of the calls of this execution, as far as it is known.
        unknown_calls: Calls of this execution whose cost nobody told: the answer does not say what it used, or never
            came, or its model has no price.
        unpriced_calls: Those of them whose model has no price.
        earlier_cost_usd: What earlier executions of the run are known to have spent; of a run that was complete
            already, what it has cost.
        next_call_usd: What the call may take at most that a bound refused; ``next_call_tokens`` in tokens.
        spent_before_usd: What earlier executions of the run have spent, with what theirs may have cost at most.
        reason: Why the run is incomplete: ``interrupted``, ``budget``, or a sentence.
        stopped: Candidates that ended alone, where the run is incomplete for nothing else.
        failures: Per candidate with failed answers, the commonest outcomes with their reasons.
        examples: Per candidate without one usable answer, what came back once.
        is_reused: Whether the run was complete already, and nothing was done.
        error_reasons: Per candidate with error rows, the most frequent reasons and how many rows each has.
        answers_cost_usd: List price of all answers of the run, those from the journal included; None without a price.
    """

    run_id: str
    path: str
    status: RunStatus
    items: int
    calls: int
    cached: int
    cost_usd: float
    wall_s: float
    errors: int = 0
    not_asked: int = 0
    reason: str | None = None
    stopped: tuple[str, ...] = ()
    is_reused: bool = False
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    error_reasons: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    answers_cost_usd: float | None = None
    unknown_calls: int = 0
    unpriced_calls: int = 0
    unknown_usd: float = 0.0
    spent_before_usd: float = 0.0
    earlier_cost_usd: float = 0.0
    earlier_unknown_calls: int = 0
    next_call_usd: float = 0.0
    next_call_tokens: int = 0
    failures: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    whole: str | None = None
    warning: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness run --json``."""
        found = structs.asdict(self) | {"stopped": sorted(self.stopped)}
        if not self.cost_usd and self.unknown_calls:
            found["cost_usd"] = None  # unknown is not 0
        return found
