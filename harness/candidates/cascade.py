"""Several candidates in turn, as production systems do: cheap ones first.

What a stage settles, exactly:

* A stage speaks about the categories it decides, or those of them listed under ``decide``.
* A category that it flags is settled: 1, and no later stage changes it.
* Everything else goes on to the next stage. A later stage that speaks about a category replaces what an earlier one
  said of it, failures included: what counts is the flag that settled it, or else the last stage that was asked.
* Except an ``error`` or ``not_asked``: a stage without an answer might have flagged, so the category stays open unless
  a later stage flags it. Otherwise a later stage's 0 would turn a missing answer into a "no".
* With ``decide_above`` and ``decide_below`` a stage settles by its score alone: 1 from the upper band on, 0 below the
  lower one. Between them, and without a score, what it said is provisional and the category goes on.
* With ``stop_when_flagged`` a stage that settles any category as 1 ends the cascade for the item, as where one
  violation removes it: what was said of the others stands, and one that nobody spoke about stays undecided.
* The stage ``human``, where no candidate has that name, is the third decision: a person looks. It comes last. What is
  still open there is not decided and has not failed: the outcome is ``human``, and ``to_person`` names the categories.
* The cascade stops as soon as no later stage speaks about a category that is not settled.

The item's outcome is the worst among the stages that had the last word on a category without deciding it; a failure
that a later stage made good does not count. Scores are not passed on: those of different stages are on different
scales. The rationale names every stage taken. A withheld item is asked only when no stage needs its text.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from harness.candidates.bases import Joint, Local
from harness.candidates.responses import worst
from harness.errors import HarnessError
from harness.files.kinds import Kind, SpecCheck, kinds, takers
from harness.files.text import joined, shortened
from harness.records import CandidateSpec, CascadeStage, Item, Policy
from harness.records.answers import HUMAN as TO_HUMAN
from harness.records.answers import MISSING_OUTCOMES, Answer, Candidate, Decide, Outcome, Request, Response, StageTaken

if TYPE_CHECKING:
    from harness.candidates.build import Builder

VERSION = 4
"""Goes up when the same answers of the stages may be joined differently."""


HUMAN = "human"
SENT = "sent to a person"


class HumanStage(Local):
    """The third decision: a person looks, and nobody knows yet what they will say."""

    id = HUMAN
    needs_text = False

    def __init__(self, categories: Sequence[str]) -> None:
        self.categories = tuple(categories)
        self.fingerprint: Mapping[str, Any] = {"kind": HUMAN}

    def _answer(self, item: Item) -> Answer:
        return Answer(TO_HUMAN, dict.fromkeys(self.categories), error=SENT, to_person=self.categories)


@dataclass(frozen=True, slots=True)
class Stage:
    """A candidate and the categories it may settle; all of its own for None."""

    candidate: Candidate
    decide: tuple[str, ...] | None = None
    above: Mapping[str, float] = field(default_factory=dict)
    below: Mapping[str, float] = field(default_factory=dict)
    stop_when_flagged: bool = False

    def settles(self, category: str, answer: Answer) -> int | None:
        """The decision with which this answer settles a category; None when it goes on."""
        if category not in self.above and category not in self.below:
            return 1 if answer.decisions.get(category) == 1 else None
        score = answer.scores.get(category)
        if score is None or answer.outcome != "ok":
            return None
        if score >= self.above.get(category, float("inf")):
            return 1
        return 0 if score < self.below.get(category, float("-inf")) else None

    @property
    def bands(self) -> str:
        """Its bands in a signature: ``[hate<0.05,hate>=0.9]``; empty without any."""
        parts = [f"{name}<{limit:g}" for name, limit in sorted(self.below.items())]
        parts += [f"{name}>={limit:g}" for name, limit in sorted(self.above.items())]
        return f"[{','.join(parts)}]" if parts else ""

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What of it can change a decision."""
        options = {"above": self.above, "below": self.below, "stop_when_flagged": self.stop_when_flagged}
        return {
            "use": self.candidate.id,
            "decide": None if self.decide is None else list(self.decide),
            **{name: value for name, value in options.items() if value},
            "candidate": self.candidate.fingerprint,
        }

    @property
    def categories(self) -> tuple[str, ...]:
        """Categories this stage speaks about."""
        own = self.candidate.categories
        return own if self.decide is None else tuple(name for name in own if name in self.decide)


class CascadeCandidate(Joint):
    """Stages in order."""

    def __init__(self, candidate_id: str, stages: Sequence[Stage], *, category_order: Sequence[str]) -> None:
        covered = (name for stage in stages for name in stage.categories)
        super().__init__(candidate_id, (stage.candidate for stage in stages), covered, category_order)
        self._stages = tuple(stages)
        self.fingerprint: Mapping[str, Any] = {
            "kind": "cascade",
            "categories": list(self.categories),
            "reader": VERSION,
            "cascade": " > ".join(stage.candidate.id + stage.bands for stage in stages),
            "stages": [stage.fingerprint for stage in stages],
        }

    def decide(self, item: Item) -> Decide:
        """Ask stage after stage until nothing is open."""
        course = _Course(self.categories)
        for stage in self._stages:
            if asked := [name for name in stage.categories if name in course.open]:
                this = _Taken(stage)
                yield from this.ask(item)
                course.hear(this, asked)
                if stage.stop_when_flagged and any(course.decisions[name] == 1 for name in this.settled):
                    course.stop_at(stage)
                    break
        return course.answer()


@dataclass(slots=True)
class _Taken:
    """One stage on one item: what it said, what it settled, and what asking it took."""

    stage: Stage
    answer: Answer = field(default_factory=lambda: Answer("ok"))
    settled: list[str] = field(default_factory=list)
    calls: int = 0
    latency_ms: float | None = None
    cost_usd: float | None = None

    def ask(self, item: Item) -> Generator[Sequence[Request], Sequence[Response], None]:
        """Ask the stage, with its calls counted and its time and price summed on the way."""
        decision = self.stage.candidate.decide(item)
        try:
            requests = next(decision)
            while True:
                responses = yield requests
                self._add(responses)
                requests = decision.send(responses)
        except StopIteration as done:
            self.answer = done.value
        if not self.calls or self.answer.latency_ms is not None:
            self.latency_ms = self.answer.latency_ms
        if not self.calls or self.answer.cost_usd is not None:
            self.cost_usd = self.answer.cost_usd

    def _add(self, responses: Sequence[Response]) -> None:
        """Requests of one batch are under way together; one of them without a price leaves the sum unknown."""
        if not responses:
            return
        slowest = max(one.latency_ms for one in responses)
        costs = [one.cost_usd for one in responses if one.cost_usd is not None]
        is_first = self.calls == 0
        is_priced = len(costs) == len(responses) and (is_first or self.cost_usd is not None)
        self.cost_usd = (self.cost_usd or 0.0) + sum(costs) if is_priced else None
        is_timed = not math.isnan(slowest) and (is_first or self.latency_ms is not None)
        self.latency_ms = (self.latency_ms or 0.0) + slowest if is_timed else None
        self.calls += len(responses)

    @property
    def said(self) -> str:
        """Name and rationale."""
        name = f"stage {self.stage.candidate.id}"
        return f"{name}: {self.answer.rationale}" if self.answer.rationale else name

    def as_record(self, last_word_on: Sequence[str]) -> StageTaken:
        """What a run keeps of it."""
        provisional = tuple(name for name in last_word_on if name not in self.settled)
        name = self.stage.candidate.id
        return StageTaken(name, tuple(self.settled), provisional, self.calls, self.latency_ms, self.cost_usd)


class _Course:
    """One item's way through the stages: what is open, what is decided, and by whom."""

    def __init__(self, categories: Sequence[str]) -> None:
        self.open = set(categories)
        self.decisions: dict[str, int | None] = dict.fromkeys(categories)
        self._taken: list[_Taken] = []
        self._last_word: dict[str, _Taken] = {}
        self._failures: dict[str, tuple[Outcome, str]] = {}

    def hear(self, this: _Taken, asked: Sequence[str]) -> None:
        """Take in what a stage said of the categories that were open."""
        stage, answer = this.stage, this.answer
        self._taken.append(this)
        for name in asked:
            settled = stage.settles(name, answer)
            decision = answer.decisions.get(name) if settled is None else settled
            if decision != 1 and name in self._failures and self._failures[name][0] in MISSING_OUTCOMES:
                continue
            self.decisions[name], self._last_word[name] = decision, this
            self._failures.pop(name, None)
            if settled is not None:
                self.open.discard(name)
                this.settled.append(name)
            elif decision is None and answer.outcome != "ok":
                reason = f"stage {stage.candidate.id}: {answer.error or answer.outcome}"
                self._failures[name] = (answer.outcome, reason)

    def stop_at(self, stage: Stage) -> None:
        """End here: what nobody spoke about stays undecided."""
        for name, decision in self.decisions.items():
            if decision is None and name not in self._failures:
                reason = f"not asked about {name}: stage {stage.candidate.id} had flagged the item"
                self._failures[name] = ("abstained", reason)

    def answer(self) -> Answer:
        """All that was said, as one answer."""
        last = self._last_word
        return Answer(
            outcome=worst([outcome for outcome, _ in self._failures.values()]),
            decisions=self.decisions,
            rationale="; ".join(one.said for one in self._taken) or None,
            error="; ".join(dict.fromkeys(reason for _, reason in self._failures.values())) or None,
            latency_ms=self._total("latency_ms"),
            cost_usd=self._total("cost_usd"),
            to_person=tuple(name for name in self.decisions if name in last and name in last[name].answer.to_person),
            stages=tuple(
                one.as_record([name for name in self.decisions if last.get(name) is one]) for one in self._taken
            ),
        )

    def _total(self, part: Literal["latency_ms", "cost_usd"]) -> float | None:
        """Sum over the stages taken; None, so that the runner's own measure counts, when one of them made calls."""
        if any(one.stage.candidate.models_used for one in self._taken):
            return None
        known = [value for one in self._taken if (value := getattr(one.answer, part)) is not None]
        return sum(known) if known else None


def build_cascade(builder: Builder, candidate_id: str, spec: CandidateSpec) -> CascadeCandidate:
    """Other candidates of the eval in turn."""
    stages = [_stage(builder, candidate_id, written) for written in spec.value]
    return CascadeCandidate(candidate_id, stages, category_order=builder.category_ids)


def _stage(builder: Builder, candidate_id: str, written: CascadeStage) -> Stage:
    is_person = written.use == HUMAN and HUMAN not in builder.loaded.eval.value.candidates
    candidate = HumanStage(builder.category_ids) if is_person else builder.candidate(written.use)
    unknown = [name for name in written.decide or () if name not in candidate.categories]
    if unknown:
        raise HarnessError(
            f"candidate '{candidate_id}': stage '{written.use}' is to decide '{unknown[0]}', which it does not cover",
            allowed=joined(candidate.categories),
            next_step="correct 'decide', or leave it out",
        )
    stage = Stage(candidate, written.decide, stop_when_flagged=written.stop_when_flagged)
    above, below = _band(written.decide_above, stage.categories), _band(written.decide_below, stage.categories)
    return replace(stage, above=above, below=below)


def _band(written: float | Mapping[str, float] | None, categories: Sequence[str]) -> dict[str, float]:
    """The limit of each category that has one."""
    if written is None:
        return {}
    return dict(written) if isinstance(written, Mapping) else dict.fromkeys(categories, written)


def _check(check: SpecCheck) -> None:
    others = list(dict.fromkeys([*(name for name in check.candidates if name != check.name), HUMAN]))
    for at, stage in enumerate(check.spec.value):
        place = ("cascade", at, "use")
        check.require(place, [stage.use], others, noun="candidate", where="this eval (beside itself)")
        if stage.use == HUMAN and HUMAN not in check.candidates and at != len(check.spec.value) - 1:
            check.add(place, "is followed by another stage", "the last stage: nobody is asked after the person",
                      "move it to the end")  # fmt: skip
        bands = [one for one in ("decide_above", "decide_below") if getattr(stage, one) is not None]
        if bands and (gives := _gives_no_scores(check, stage.use)):
            found = f"is given for the stage '{shortened(stage.use)}', {gives}"
            check.add(("cascade", at, bands[0]), found, "bands on a stage with scores", "remove it")
        if stage.use in [earlier.use for earlier in check.spec.value[:at]]:
            check.add(place, f"is '{shortened(stage.use)}' a second time", "each candidate once", "remove the stage")
        if stage.decide is not None and not stage.decide:
            here = ("cascade", at, "decide")
            check.add(here, "is an empty list", "categories of the policy", "remove it to settle all")


def _gives_no_scores(check: SpecCheck, name: str) -> str:
    """Why a band on this stage could never settle anything; empty when it could."""
    spec = check.candidates.get(name)
    if spec is None:
        return "and a person gives no scores" if name == HUMAN else ""
    has_scores = spec.kind == "vote" or spec.kind not in kinds() or spec.kind in takers("thresholds")
    return "" if has_scores else f"and a {spec.kind} candidate gives no scores"


def _check_policy(check: SpecCheck, policy: Policy) -> None:
    where = f"policy '{policy.policy}'"
    for at, stage in enumerate(check.spec.value):
        for name in ("decide", "decide_above", "decide_below"):
            written = getattr(stage, name)
            named = () if written is None or isinstance(written, float | int) else tuple(written)
            check.require(("cascade", at, name), named, policy.category_ids, noun="category", where=where)
        above, below = (_band(one, policy.category_ids) for one in (stage.decide_above, stage.decide_below))
        for category in policy.category_ids:
            if below.get(category, 0.0) > above.get(category, 1.0):
                check.add(
                    ("cascade", at, "decide_below"),
                    f"is {below[category]:g} for '{category}', above decide_above",
                    f"at most {above.get(category, 1.0):g}",
                    "swap the two, or correct one",
                )
                break


CASCADE = Kind(
    build_cascade,
    value=tuple[CascadeStage, ...],
    check=_check,
    check_policy=_check_policy,
    uses=lambda spec: [stage.use for stage in spec.value if stage.use != HUMAN],
)
