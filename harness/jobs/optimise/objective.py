"""A prompt's worth on the dev part of an eval, item by item: what optimisers of prompts climb.

Decides which items an optimiser may see (those of the dev part; the cut is made here, once, and an item of the gate
part is refused), how many go into each half of it, and what an answer is worth. Everything is asked and read as
``harness run`` does it, and answers are kept in the same journal. A failed answer is worth nothing, whatever the eval's
``on_failure``: else a prompt would climb by breaking its answers on harmless items. A call that never came back is no
answer, and ends the evaluation.
"""

from __future__ import annotations

import secrets
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from harness.errors import HarnessError, IncompleteRunError
from harness.files.evals import LoadedEval
from harness.files.text import joined, shortened
from harness.jobs.optimise.feedback import feedback, invalid
from harness.jobs.optimise.purse import Purse
from harness.jobs.optimise.texts import changeable, fault, with_texts
from harness.jobs.prompt_trials import prompt_of, with_prompts
from harness.jobs.prompt_variants import write_prompt
from harness.jobs.run import PreparedRun, RunOptions, execute, prepare_run
from harness.measure.decisions import decisions
from harness.records import MISSING, Item
from harness.records.answers import FALLBACK_OUTCOMES, UNASKED
from harness.records.evals import Split
from harness.runner import RunSummary
from harness.runner.sample import balanced_indices, sample_indices
from harness.runs import ALL_OUTCOMES, Run, open_run
from harness.runs.split import is_dev

if TYPE_CHECKING:
    from harness.embedded.server import EmbeddedServer

Metric = Literal["overlap", "exact", "agreement"]
Texts = Mapping[str, str]
BUDGET = "budget"
"""Reason of a run that stopped because its money or tokens were spent."""


def _overlap(gold: NDArray[np.bool_], decided: NDArray[np.bool_]) -> float:
    """Categories in both / categories in either; 1 where both are empty (Jaccard, averaged over items)."""
    either = int((gold | decided).sum())
    return 1.0 if either == 0 else int((gold & decided).sum()) / either


METRICS: Mapping[Metric, Callable[[NDArray[np.bool_], NDArray[np.bool_]], float]] = {
    "overlap": _overlap,
    "exact": lambda gold, decided: float((gold == decided).all()),
    "agreement": lambda gold, decided: float((gold == decided).mean()),
}
"""What one answer is worth, from 0 to 1: gold and decision over the categories that are labelled and asked about."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What one answer was worth.

    Attributes:
        score: From 0 to 1, higher is better.
        outcome: Outcome of the answer; ``invalid`` where the proposal is no prompt.
        feedback: Words for whoever writes the next proposal.
    """

    item_id: str
    score: float
    gold: tuple[str, ...]
    decided: tuple[str, ...]
    outcome: str
    feedback: str


class Objective:
    """The dev part of an eval as an objective; close it, or use it in a ``with``, where its model is the embedded one.

    Args:
        name: The candidate whose prompt is optimised; the only one with a prompt for None.
        metric: What one answer is worth: a name of ``METRICS``.
        options: As for a run; ``limit`` and ``is_balanced`` draw from the dev part, ``max_cost_usd`` and
            ``max_tokens`` bound everything that this objective asks.

    Attributes:
        seed: The texts that may be changed, as they are.
        train: Ids of one half of the dev part: what proposals are made from.
        val: Ids of the other: what they are chosen by.
        n_gate: Items of the gate part, which nobody is shown.
        n_asked: Answers judged so far, those from the journal included.
        purse: What bounds all that this objective asks, and whoever writes proposals.
        failure: What ended the last evaluation or proposal, since optimisers swallow it; None where nothing did.
    """

    def __init__(
        self,
        loaded: LoadedEval,
        name: str | None = None,
        *,
        metric: Metric = "overlap",
        options: RunOptions | None = None,
        environment: Mapping[str, str],
    ) -> None:
        split = loaded.eval.value.split
        if split is None:
            raise HarnessError(
                f"{loaded.eval.path.name}: declares no split, so an optimiser would see what the gate judges by",
                allowed="an eval with a dev and a gate part",
                next_step="add 'split: {dev: 0.4, by: group, seed: 7}' to it",
            )
        if metric not in METRICS:
            raise HarnessError(f"there is no metric '{shortened(metric)}' of one answer", allowed=joined(METRICS))
        self.name, self.prompt = prompt_of(loaded, [name] if name else [])
        self.loaded = loaded
        self.policy = loaded.policy.value
        self.metric: Metric = metric
        self.seed = changeable(self.prompt)
        self.n_asked = 0
        self.failure: HarnessError | None = None
        self._options = options or RunOptions()
        self._environment = environment
        self.purse = Purse(self._options, f"{loaded.eval.value.eval}-optimise-{secrets.token_hex(6)}")
        self._folder = tempfile.TemporaryDirectory()
        self._servers: dict[str, EmbeddedServer] = {}
        self._stop = weakref.finalize(self, _stop_all, self._servers)
        self._known: dict[tuple[Any, str], Judged] = {}
        self._waiting: dict[Any, set[str]] = {}
        self._state, self._running = threading.Lock(), threading.Lock()
        self._cut(split)

    def _cut(self, split: Split) -> None:
        """Keep the dev items and no other."""
        golden = self.loaded.golden
        ids, groups = list(golden.ids()), [item.group for item in golden.items()]
        in_dev = is_dev(ids, groups, split)
        self._place = {ids[at]: at for at in np.flatnonzero(in_dev).tolist()}
        self.n_gate = int((~in_dev).sum())
        self._gate = frozenset(ids[at] for at in np.flatnonzero(~in_dev).tolist())
        labels = golden.labels()
        asked = self.prompt.header.categories or self.policy.category_ids
        columns = [at for at, one in enumerate(golden.categories) if one in asked]
        usable = [at for at in self._place.values() if (labels[at][columns] != MISSING).any()]
        kept = self._sample(ids, labels, usable)
        self._items = {item.id: item for item in golden.items(kept) if not item.is_withheld}
        self._gold = {ids[at]: labels[at] for at in kept if ids[at] in self._items}
        chosen = [at for at in kept if ids[at] in self._items]
        halves = structs.replace(split, dev=0.5, seed=split.seed + 1)
        in_train = is_dev([ids[at] for at in chosen], [groups[at] for at in chosen], halves)
        self.train = tuple(ids[at] for at, is_train in zip(chosen, in_train, strict=True) if is_train)
        self.val = tuple(ids[at] for at, is_train in zip(chosen, in_train, strict=True) if not is_train)
        if not self.train or not self.val:
            raise HarnessError(
                f"{self.loaded.eval.path.name}: the dev part has {len(chosen)} labelled items to optimise on",
                allowed="a dev part with at least one item (or group) in each of its two halves",
                next_step="raise 'dev' of the eval's split, or --limit",
            )

    def _sample(self, ids: Sequence[str], labels: NDArray[np.int8], usable: Sequence[int]) -> list[int]:
        limit, seed = self._options.limit, self.loaded.eval.value.seed
        if limit is None or limit >= len(usable):
            return list(usable)
        own = [ids[at] for at in usable]
        if self._options.is_balanced:
            return [usable[at] for at in balanced_indices(own, labels[list(usable)], limit, seed)]
        return [usable[at] for at in sample_indices(own, limit, seed)]

    # ------------------------------------------------------------------------------------------------ what is seen

    def item(self, item_id: str) -> Item:
        """A dev item.

        Raises:
            HarnessError: It is of the gate part, or of none.
        """
        if item_id in self._gate:
            raise HarnessError(
                f"item '{shortened(item_id)}' is in the gate part of the split, which no optimiser may see",
                allowed="items of the dev part: .train and .val",
                next_step="judge what was found by a run and its gate: harness run EVAL, harness gate",
            )
        if item_id not in self._items:
            raise HarnessError(
                f"item '{shortened(item_id)}' is not among the {len(self._items):,} labelled items of the dev part",
                allowed=joined(list(self._items), most=5),
            )
        return self._items[item_id]

    # ------------------------------------------------------------------------------------------------ what it is worth

    def __call__(self, texts: Texts | str, ids: Sequence[str] | None = None) -> float:
        """Mean worth of a prompt with these texts over dev items; a string stands for the only text."""
        judged = self.evaluate(texts, ids)
        return sum(one.score for one in judged) / len(judged)

    def evaluate(self, texts: Texts | str, ids: Sequence[str] | None = None) -> list[Judged]:
        """What each answer is worth, in the order of ``ids``; all of the dev part for None.

        Raises:
            HarnessError: An item is not of the dev part, a call failed for good, or the budget is spent.
        """
        wanted = [*self.train, *self.val] if ids is None else list(ids)
        for one in wanted:
            self.item(one)
        if not wanted:
            raise HarnessError("there is no item to judge a prompt by", allowed="at least one id")
        full, key = self._full(texts)
        with self._state:
            missing = [one for one in dict.fromkeys(wanted) if (key, one) not in self._known]
            if missing:
                self._waiting.setdefault(key, set()).update(missing)
        if missing:
            try:
                self._judge(full, key, missing)
            except HarnessError as error:
                self.failure = error
                raise
        return [self._known[key, one] for one in wanted]

    def n_new(self, texts: Texts, ids: Sequence[str]) -> int:
        """How many of these items were not judged yet with these texts."""
        _, key = self._full(texts)
        return sum((key, one) not in self._known for one in dict.fromkeys(ids))

    def _full(self, texts: Texts | str) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
        if isinstance(texts, str):
            if len(self.seed) > 1:
                raise HarnessError(
                    f"the prompt has {len(self.seed)} texts", allowed=f"texts by name: {joined(self.seed)}"
                )
            texts = {next(iter(self.seed)): texts}
        full = {**self.seed, **texts}
        return full, tuple(sorted(full.items()))

    def _judge(self, texts: Texts, key: Any, wanted: Sequence[str]) -> None:
        """Judge what is asked of one prompt by all threads that wait, in one run."""
        with self._running:
            with self._state:
                together = self._waiting.pop(key, set()) | set(wanted)
                missing = [one for one in self._items if one in together and (key, one) not in self._known]
            if not missing:
                return
            prompt = with_texts(self.prompt, texts)
            why = fault(prompt, self.policy)
            found = self._unusable(why, missing) if why else self._asked(prompt, missing)
            with self._state:
                self._known.update({(key, one.item_id): one for one in found})
                self.n_asked += len(found)

    def _unusable(self, why: str, ids: Sequence[str]) -> list[Judged]:
        return [Judged(one, 0.0, self._named(self._gold[one] == 1), (), "invalid", invalid(why)) for one in ids]

    def _asked(self, prompt: Any, ids: Sequence[str]) -> list[Judged]:
        own = self.loaded.eval.value.candidates[self.name]
        with tempfile.TemporaryDirectory() as folder:
            files = {own.value: write_prompt(prompt, Path(folder) / "proposal.md")}
            varied = with_prompts(self.loaded, self.name, {self.name: own}, files, suffix="optimise")
            options = structs.replace(
                self._options, candidates=(), limit=None, is_balanced=False, only=(), runs_dir=self._folder.name
            )
            prepared = prepare_run(varied, options, self._environment)
            for model_id, server in prepared.servers.items():
                self.kept_server(model_id, server)
            request = structs.replace(
                prepared.request,
                chosen=sorted(self._place[one] for one in ids),
                only=("split=dev",),
                ledger=self.purse.ledger,
            )
            whole = structs.replace(prepared, request=request, servers=self._servers, keeps_servers=True)
            summary = self._execute(whole)
        if summary.reason == "interrupted":
            raise KeyboardInterrupt
        self.purse.is_spent |= summary.reason == BUDGET
        if summary.errors or (summary.not_asked and not self._breaks_answers(summary)):
            reasons = "; ".join(f"{said} ({n})" for one in summary.error_reasons.values() for said, n in one.items())
            raise IncompleteRunError(
                f"{summary.errors + summary.not_asked} of {len(ids)} answers are missing: {summary.reason or reasons}",
                allowed="an answer to every item: what never came is neither right nor wrong",
                next_step="start again: what was answered is kept",
            )
        return self._read(open_run(summary.path, self._folder.name))

    def _breaks_answers(self, summary: RunSummary) -> bool:
        """Whether the run ended because its first answers were all unusable: a fault of the proposal, worth nothing."""
        outcomes = summary.counts[self.name]
        asked = {one for one, n in outcomes.items() if n and one not in UNASKED}
        return summary.reason != BUDGET and bool(asked) and asked <= set(FALLBACK_OUTCOMES)

    def _execute(self, prepared: PreparedRun) -> RunSummary:
        return execute(prepared)

    def _read(self, run: Run) -> list[Judged]:
        read = decisions(run, self.name).under("all_wrong")
        outcomes = run.candidate(self.name).outcomes
        errors, reasons = (run.texts(self.name, column) for column in ("error", "rationale"))
        found = []
        for at, item_id in enumerate(run.item_ids):
            gold = read.y_true[at]
            worth: list[float] = []
            said: tuple[tuple[str, ...], str, str] = ((), "", "")
            for repeat in range(read.y_pred.shape[1]):
                y_pred = read.y_pred[at, repeat]
                known = (gold != MISSING) & (y_pred != MISSING)
                worth.append(METRICS[self.metric](gold[known] == 1, y_pred[known] == 1) if known.any() else 0.0)
                outcome = ALL_OUTCOMES[outcomes[at, repeat]]
                failed = read.has_failed[at, repeat]
                decided = self._named((y_pred == 1) & known & ~failed)
                words = feedback(
                    self.policy, self._named((gold == 1) & known), decided, outcome,
                    error=errors[at][repeat] or "", rationale=reasons[at][repeat] or "",
                )  # fmt: skip
                if repeat == 0 or worth[-1] < min(worth[:-1]):
                    said = (decided, outcome, words)
            found.append(Judged(item_id, sum(worth) / len(worth), self._named(gold == 1), *said))
        return found

    def _named(self, flags: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(name for name, flag in zip(self.loaded.golden.categories, flags, strict=True) if flag)

    # ------------------------------------------------------------------------------------------------ its life

    def kept_server(self, model_id: str, made: EmbeddedServer) -> EmbeddedServer:
        """The server of an embedded model that stays up as long as this does: the first one that was made for it."""
        return self._servers.setdefault(model_id, made)

    def close(self) -> None:
        """Stop an embedded model, and forget the runs; answers stay in the journal."""
        self._stop()
        self._folder.cleanup()

    def __enter__(self) -> Objective:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __deepcopy__(self, memo: Any) -> Objective:
        """Itself: a program that holds it is copied by optimisers, and asks through the one journal."""
        return self


def _stop_all(servers: Mapping[str, EmbeddedServer]) -> None:
    for server in servers.values():
        server.stop()
