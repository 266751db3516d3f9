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
* The stage ``human``, where no candidate has that name, is the third decision: a person looks. Whatever is still open
  there is not decided (outcome ``abstained``), and counts as the eval's ``on_failure`` says.
* The cascade stops as soon as no later stage speaks about a category that is not settled.

The item's outcome is the worst among the stages that had the last word on a category without deciding it; a failure
that a later stage made good does not count. Scores are not passed on: those of different stages are on different
scales. The rationale names every stage taken. A withheld item is asked only when no stage needs its text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.candidates.responses import worst
from harness.candidates.worker import stop_candidate
from harness.errors import HarnessError
from harness.files.kinds import Kind, SpecCheck
from harness.files.text import joined, shortened
from harness.records import CandidateSpec, CascadeStage, Item, Policy
from harness.records.answers import MISSING_OUTCOMES, Answer, Candidate, Decide, Outcome

if TYPE_CHECKING:
    from harness.candidates.build import Builder

VERSION = 3
"""Goes up when the same answers of the stages may be joined differently."""


HUMAN = "human"
SENT = "sent to a person"


class HumanStage:
    """The third decision: a person looks, and nobody knows yet what they will say."""

    id = HUMAN
    needs_text = False
    models_used: tuple[str, ...] = ()

    def __init__(self, categories: Sequence[str]) -> None:
        self.categories = tuple(categories)
        self.fingerprint: Mapping[str, Any] = {"kind": HUMAN}

    def prepare(self, items: Sequence[Item]) -> None:
        """Nothing to prepare."""

    def decide(self, item: Item) -> Decide:
        """Decide nothing."""
        return Answer("abstained", dict.fromkeys(self.categories), error=SENT)
        yield []  # makes this a generator; never reached


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
    def categories(self) -> tuple[str, ...]:
        """Categories this stage speaks about."""
        own = self.candidate.categories
        return own if self.decide is None else tuple(name for name in own if name in self.decide)


class CascadeCandidate:
    """Stages in order."""

    has_follow_ups = True

    def __init__(self, candidate_id: str, stages: Sequence[Stage], *, category_order: Sequence[str]) -> None:
        self.id = candidate_id
        self._stages = tuple(stages)
        covered = {name for stage in stages for name in stage.categories}
        self.categories = tuple(name for name in category_order if name in covered)
        self.needs_text = any(stage.candidate.needs_text for stage in stages)
        self.prepares_aside = any(getattr(stage.candidate, "prepares_aside", False) for stage in stages)
        self.models_used = tuple(dict.fromkeys(name for stage in stages for name in stage.candidate.models_used))
        self.fingerprint: Mapping[str, Any] = {
            "kind": "cascade",
            "categories": list(self.categories),
            "reader": VERSION,
            "cascade": " > ".join(stage.candidate.id for stage in stages),
            "stages": [
                {
                    "use": stage.candidate.id,
                    "decide": None if stage.decide is None else list(stage.decide),
                    **({"above": dict(stage.above)} if stage.above else {}),
                    **({"below": dict(stage.below)} if stage.below else {}),
                    **({"stop_when_flagged": True} if stage.stop_when_flagged else {}),
                    "candidate": stage.candidate.fingerprint,
                }
                for stage in stages
            ],
        }

    def prepare(self, items: Sequence[Item]) -> None:
        """Every stage prepares the items it may be asked about."""
        for stage in self._stages:
            stage.candidate.prepare(items)

    def stop_computing(self) -> None:
        """Every stage ends what it computes."""
        for stage in self._stages:
            stop_candidate(stage.candidate)

    def decide(self, item: Item) -> Decide:
        """Ask stage after stage until nothing is open."""
        open_categories = set(self.categories)
        decisions: dict[str, int | None] = dict.fromkeys(self.categories)
        failures: dict[str, tuple[Outcome, str | None]] = {}
        taken: list[tuple[Stage, Answer]] = []
        stopped_by: Stage | None = None
        for stage in self._stages:
            asked = [name for name in stage.categories if name in open_categories]
            if not asked:
                continue
            answer = yield from stage.candidate.decide(item)
            taken.append((stage, answer))
            is_flagged = False
            for name in asked:
                settled = stage.settles(name, answer)
                decision = answer.decisions.get(name) if settled is None else settled
                if decision != 1 and name in failures and failures[name][0] in MISSING_OUTCOMES:
                    continue
                decisions[name] = decision
                failures.pop(name, None)
                is_flagged = is_flagged or settled == 1
                if settled is not None:
                    open_categories.discard(name)
                elif decision is None and answer.outcome != "ok":
                    failures[name] = (answer.outcome, f"stage {stage.candidate.id}: {answer.error or answer.outcome}")
            if stage.stop_when_flagged and is_flagged:
                stopped_by = stage
                break
        if stopped_by is not None:
            for name in self.categories:
                if decisions[name] is None and name not in failures:
                    reason = f"not asked about {name}: stage {stopped_by.candidate.id} had flagged the item"
                    failures[name] = ("abstained", reason)
        outcomes = [outcome for outcome, _ in failures.values()]
        reasons = dict.fromkeys(reason for _, reason in failures.values() if reason)
        return Answer(
            outcome=worst(outcomes),
            decisions=decisions,
            rationale="; ".join(_said(stage, answer) for stage, answer in taken) or None,
            error="; ".join(reasons) or None,
            latency_ms=self._total([(stage, answer.latency_ms) for stage, answer in taken]),
            cost_usd=self._total([(stage, answer.cost_usd) for stage, answer in taken]),
        )

    @staticmethod
    def _total(parts: Sequence[tuple[Stage, float | None]]) -> float | None:
        """Sum over the stages taken; None, so that the runner's own measure counts, when one of them made calls."""
        if any(stage.candidate.models_used for stage, _ in parts):
            return None
        known = [value for _, value in parts if value is not None]
        return sum(known) if known else None


def _said(stage: Stage, answer: Answer) -> str:
    name = f"stage {stage.candidate.id}"
    return f"{name}: {answer.rationale}" if answer.rationale else name


def build_cascade(builder: Builder, candidate_id: str, spec: CandidateSpec) -> CascadeCandidate:
    """Other candidates of the eval in turn."""
    stages = []
    for stage in spec.value:
        is_person = stage.use == HUMAN and HUMAN not in builder.loaded.eval.value.candidates
        candidate = HumanStage(builder.category_ids) if is_person else builder.candidate(stage.use)
        unknown = [name for name in stage.decide or () if name not in candidate.categories]
        if unknown:
            raise HarnessError(
                f"candidate '{candidate_id}': stage '{stage.use}' is to decide '{unknown[0]}', which it does not cover",
                allowed=joined(candidate.categories),
                next_step="correct 'decide', or leave it out",
            )
        categories = [name for name in candidate.categories if stage.decide is None or name in stage.decide]
        stages.append(
            Stage(
                candidate,
                stage.decide,
                _band(stage.decide_above, categories),
                _band(stage.decide_below, categories),
                stage.stop_when_flagged,
            )
        )
    return CascadeCandidate(candidate_id, stages, category_order=builder.category_ids)


def _band(written: float | Mapping[str, float] | None, categories: Sequence[str]) -> dict[str, float]:
    """The limit of each category that has one."""
    if written is None:
        return {}
    return dict(written) if isinstance(written, Mapping) else dict.fromkeys(categories, written)


def _check(check: SpecCheck) -> None:
    others = list(dict.fromkeys([*(name for name in check.candidates if name != check.name), HUMAN]))
    used: list[str] = []
    for at, stage in enumerate(check.spec.value):
        place = ("cascade", at, "use")
        check.require(place, [stage.use], others, noun="candidate", where="this eval (beside itself)")
        if stage.use in used:
            check.add(place, f"is '{shortened(stage.use)}' a second time", "each candidate once", "remove the stage")
        used.append(stage.use)
        if stage.decide is not None and not stage.decide:
            here = ("cascade", at, "decide")
            check.add(here, "is an empty list", "categories of the policy", "remove it to settle all")


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
