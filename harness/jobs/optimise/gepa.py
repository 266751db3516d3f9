"""GEPA (the package ``gepa``) on an objective: its adapter, and one call that runs it.

Decides what GEPA's reflection is told: item, answer and feedback of dev items, and what must stay true of a prompt that
``harness`` reads the answers of. How GEPA searches is its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.jobs.optimise.objective import Judged, Objective
from harness.jobs.optimise.proposals import Reflect, Writer
from harness.records import Item

if TYPE_CHECKING:
    from gepa import EvaluationBatch

MINIBATCH = 4
"""Items that one proposal is made from, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an optimiser found.

    Attributes:
        before: Worth of the prompt as it was, on the half of the dev part that proposals are chosen by.
        after: Worth of the best proposal, on the same items.
        n_proposals: Proposals that were worth a look at that half, the prompt as it was included.
        stopped: Why the search ended early; empty where it did not.
        n_unusable: Answers of whoever writes proposals that held none.
    """

    texts: Mapping[str, str]
    before: float
    after: float
    n_val: int
    n_proposals: int
    n_asked: int
    stopped: str = ""
    n_unusable: int = 0

    @property
    def is_better(self) -> bool:
        """Whether something better than the prompt as it was came up."""
        return self.after > self.before


class Adapter:
    """``GEPAAdapter`` over an objective: data are ids of dev items, a candidate is the prompt's texts by name.

    Args:
        max_answers: Most answers to look at, those that are known included; None for no bound.

    Attributes:
        failed: Why answers could not be had; None while they can.
        is_over: Whether the next look would have broken the bound.
    """

    propose_new_texts = None

    def __init__(self, objective: Objective, max_answers: int | None = None) -> None:
        self.objective = objective
        self.failed: HarnessError | None = None
        self.is_over = False
        self._left = max_answers

    def evaluate(
        self, batch: Sequence[str], candidate: Mapping[str, str], capture_traces: bool = False
    ) -> EvaluationBatch[Judged, Judged]:
        """Judge a proposal on some items."""
        from gepa import EvaluationBatch

        if self._left is not None:
            self.is_over = self.is_over or len(batch) > self._left
            if self.is_over:
                raise HarnessError("the answers that may be judged are used up")
            self._left -= len(batch)
        try:
            judged = self.objective.evaluate(candidate, batch)
        except HarnessError as error:
            self.failed = error
            raise
        return EvaluationBatch(judged, [one.score for one in judged], judged if capture_traces else None)

    def make_reflective_dataset(
        self,
        candidate: Mapping[str, str],
        eval_batch: EvaluationBatch[Judged, Judged],
        components_to_update: Sequence[str],
    ) -> dict[str, list[dict[str, str]]]:
        """What reflection is told of each item, alike for every text."""
        told = [
            {
                "Inputs": shown(self.objective.item(one.item_id)),
                "Generated Outputs": said(one),
                "Feedback": one.feedback,
            }
            for one in eval_batch.trajectories or ()
        ]
        return dict.fromkeys(components_to_update, told)


def shown(item: Item) -> str:
    """A dev item as its text and whatever else a prompt may show of it; pictures by their number."""
    more = {"context": item.context, **{name: part for name, part in item.modalities.items() if part}}
    lines = [item.text or "(no text)"]
    lines += [f"{name}: {json.dumps(part, ensure_ascii=False, default=str)}" for name, part in more.items() if part]
    return "\n".join([*lines, *([f"({len(item.images)} pictures)"] if item.images else [])])


def said(judged: Judged) -> str:
    """What was answered, in words."""
    if judged.outcome != "ok":
        return f"({judged.outcome})"
    return ", ".join(judged.decided) or "violates nothing"


def reflection_prompt(objective: Objective) -> str:
    """The instructions of GEPA's reflection: what its own say, and what a prompt here must keep."""
    header = objective.prompt.header
    answers = f"one of the words {', '.join(header.labels)}" if header.labels else f"read as '{header.answer}'"
    policy = "\n".join(f"- {one.id}: {' '.join(one.definition.split())}" for one in objective.policy.categories)
    return f"""\
A content moderator model works with these instructions:
```
<curr_param>
```

Posts it was given, what it answered, and feedback that tells the right answer and the policy:

<side_info>

The policy's categories:
{policy}

Write better instructions for it. They must hold for posts that are not shown here: say general rules, and do not quote
these posts. The answer stays as it is, since a program reads it: {answers}.
Keep what stands in {{{{ }}}} and {{% %}}, or leave it out whole; write no braces of your own, and no line that is only
'# system', '# user' or '# assistant'. The post itself is shown to the model after the instructions.

Give the new instructions within ``` blocks."""


def optimise(
    objective: Objective,
    reflect: Reflect,
    *,
    max_answers: int,
    minibatch: int = MINIBATCH,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> Found:
    """Search for better texts with GEPA.

    A proposal to which too few of ``max_answers`` are left is not begun; ``minibatch`` items make one.

    Raises:
        HarnessError: ``gepa`` is not installed, ``max_answers`` is too few for one proposal, or nothing better was
            found before an endpoint failed, or whoever writes proposals.
    """
    gepa = need("gepa")
    minibatch = min(minibatch, len(objective.train))
    must_suffice(objective, max_answers, minibatch)
    objective.failure = None
    adapter, writer = Adapter(objective, max_answers), Writer(reflect)
    crashed: list[Exception] = []

    class _Log:
        def log(self, message: str) -> None:
            if not message.lstrip().startswith("Traceback ") and not adapter.is_over:
                say(message)

    class _Watch:
        def on_error(self, event: Mapping[str, Any]) -> None:
            if not isinstance(event["exception"], HarnessError):
                crashed.append(event["exception"])

    def must_end(state: object) -> bool:
        return adapter.failed is not None or writer.failure is not None or adapter.is_over or bool(crashed)

    result = gepa.optimize(
        seed_candidate=dict(objective.seed),
        trainset=list(objective.train),
        valset=list(objective.val),
        adapter=adapter,
        reflection_lm=writer,
        reflection_prompt_template=reflection_prompt(objective),
        reflection_minibatch_size=minibatch,
        max_metric_calls=max_answers,
        stop_callbacks=must_end,
        callbacks=[_Watch()],
        logger=_Log(),
        seed=seed,
        raise_on_exception=False,
    )
    best = result.best_idx
    failure = adapter.failed or writer.failure
    if failure is None and writer.unusable is not None and writer.n_unusable == writer.n_asked:
        failure = writer.unusable
    found = Found(
        dict(result.candidates[best]),
        result.val_aggregate_scores[0],
        result.val_aggregate_scores[best],
        len(objective.val),
        result.num_candidates,
        objective.n_asked,
        "" if failure is None else failure.message,
        writer.n_unusable,
    )
    if crashed and not found.is_better:
        raise crashed[0]
    if failure is not None and not found.is_better and not objective.purse.is_spent:
        raise failure
    return found


def must_suffice(objective: Objective, max_answers: int, minibatch: int = MINIBATCH) -> None:
    """Check that one proposal can be made and looked at whole.

    Raises:
        HarnessError: ``max_answers`` is too few for that.
    """
    least = 2 * len(objective.val) + 2 * min(minibatch, len(objective.train))
    if max_answers < least:
        raise HarnessError(
            f"{max_answers:,} answers are too few to judge one proposal: prompt and proposal are each asked on the "
            f"{len(objective.val):,} items that proposals are chosen by, and on those that it is made from",
            allowed=f"{least:,} or more answers; several times that for a search",
            next_step="raise --max-answers (max_answers), or use fewer items of the dev part (--limit)",
        )


def need(name: str) -> Any:
    """A library of the extra ``optimise``.

    Raises:
        HarnessError: It is not installed.
    """
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise HarnessError(
            f"the package '{name}' is not installed",
            allowed="the extra 'optimise' of this project",
            next_step="install it: pip install 'moderation-harness[optimise]', or '.[optimise]' in a clone",
        ) from None
