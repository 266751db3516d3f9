"""Several candidates asked together, and what most of them say.

Decides, per category and among the voters that cover it:

* ``any``: 1 when one says 1. ``all``: 1 when each says 1. ``majority``: 1 when more than half say 1, so an even split
  is no flag. ``weighted``: 1 when more than half of the weight says 1; a voter without a weight has 1.
* A voter that gave no decision is neither: the vote is decided when its voice could not change it, and else the
  category is not decided, with the worst outcome among those voters. Where all of those leave it to a person, so does
  the vote.

Its score is the share of the weight that says 1, where every voter spoke. All voters are asked at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from harness.candidates.bases import Joint
from harness.candidates.responses import worst
from harness.files.kinds import Kind, SpecCheck
from harness.files.text import shortened
from harness.records import Bounds, CandidateSpec, Item
from harness.records.answers import HUMAN, Answer, Candidate, Decide, Outcome, Request, Response

if TYPE_CHECKING:
    from harness.candidates.build import Builder

VERSION = 2
VoteRule = Literal["majority", "any", "all", "weighted"]
Weight = Annotated[float, Bounds(gt=0)]


class VoteCandidate(Joint):
    """Asks all voters and counts.

    Args:
        weights: Weight of voters by name, for ``weighted``.
    """

    def __init__(
        self,
        candidate_id: str,
        voters: Sequence[Candidate],
        *,
        rule: VoteRule,
        weights: Mapping[str, float],
        category_order: Sequence[str],
    ) -> None:
        super().__init__(candidate_id, voters, (name for one in voters for name in one.categories), category_order)
        self._rule = rule
        self._weights = {one.id: float(weights.get(one.id, 1.0)) for one in voters}
        self.fingerprint: Mapping[str, Any] = {
            "kind": "vote",
            "categories": list(self.categories),
            "reader": VERSION,
            "rule": rule,
            "vote": ", ".join(one.id for one in voters),
            **({"weights": self._weights} if rule == "weighted" else {}),
            "voters": [{"use": one.id, "candidate": one.fingerprint} for one in voters],
        }

    def decide(self, item: Item) -> Decide:
        """Ask all voters side by side, and count what they say."""
        answers = yield from _together([one.decide(item) for one in self._others])
        spoken = list(zip(self._others, answers, strict=True))
        decisions: dict[str, int | None] = {}
        scores: dict[str, float] = {}
        outcomes: list[Outcome] = []
        to_person: list[str] = []
        for category in self.categories:
            votes = [
                (self._weights[one.id], answer.decisions.get(category), answer)
                for one, answer in spoken
                if category in one.categories
            ]
            decisions[category] = counted_votes(self._rule, [(weight, vote) for weight, vote, _ in votes])
            if all(vote is not None for _, vote, _ in votes):
                scores[category] = sum(weight for weight, vote, _ in votes if vote) / sum(one[0] for one in votes)
            if decisions[category] is None:
                silent = [answer for _, vote, answer in votes if vote is None]
                if all(category in answer.to_person for answer in silent):
                    to_person.append(category)
                    outcomes.append(HUMAN)
                    continue
                outcomes += [answer.outcome for answer in silent if answer.outcome not in ("ok", HUMAN)]
        said = [f"{one.id}: {answer.rationale or answer.outcome}" for one, answer in spoken]
        reasons = [f"{one.id}: {answer.error}" for one, answer in spoken if answer.error]
        is_open = None in decisions.values()
        return Answer(
            outcome=(worst(outcomes) if outcomes else "unparsed") if is_open else "ok",
            decisions=decisions,
            scores=scores,
            rationale="; ".join(said) or None,
            error="; ".join(reasons) or "the vote is open" if is_open else None,
            to_person=tuple(to_person),
        )


def counted_votes(rule: VoteRule, votes: Sequence[tuple[float, int | None]]) -> int | None:
    """The decision of weighted votes; None when the missing ones could turn it.

    >>> counted_votes("majority", [(1, 1), (1, 1), (1, None)]), counted_votes("majority", [(1, 1), (1, 0)])
    (1, 0)
    >>> counted_votes("any", [(1, 0), (1, None)]) is None, counted_votes("all", [(1, 0), (1, None)])
    (True, 0)
    """
    weights = [weight if rule == "weighted" else 1.0 for weight, _ in votes]
    total = sum(weights)
    needed = {"any": min(weights) / 2, "all": total - min(weights) / 2}.get(rule, total / 2)
    yes = sum(weight for weight, (_, vote) in zip(weights, votes, strict=True) if vote == 1)
    unknown = sum(weight for weight, (_, vote) in zip(weights, votes, strict=True) if vote is None)
    if yes > needed:
        return 1
    return 0 if yes + unknown <= needed else None


def _together(decisions: Sequence[Decide]) -> Any:
    """Advance several decisions side by side: their requests go out in one batch."""
    answers: dict[int, Answer] = {}
    waiting: dict[int, Sequence[Request]] = {}

    def step(at: int, responses: Sequence[Response] | None) -> None:
        try:
            waiting[at] = next(decisions[at]) if responses is None else decisions[at].send(responses)
        except StopIteration as done:
            waiting.pop(at, None)
            answers[at] = done.value

    for at in range(len(decisions)):
        step(at, None)
    while waiting:
        asked = dict(waiting)
        responses = yield [request for requests in asked.values() for request in requests]
        start = 0
        for at, requests in asked.items():
            step(at, responses[start : start + len(requests)])
            start += len(requests)
    return [answers[at] for at in range(len(decisions))]


def build_vote(builder: Builder, candidate_id: str, spec: CandidateSpec) -> VoteCandidate:
    """Other candidates of the eval as voters."""
    return VoteCandidate(
        candidate_id,
        [builder.candidate(name) for name in spec.value],
        rule=spec.options.get("rule", "majority"),
        weights=spec.options.get("weights", {}),
        category_order=builder.category_ids,
    )


def _check(check: SpecCheck) -> None:
    others = [name for name in check.candidates if name != check.name]
    for at, name in enumerate(check.spec.value):
        check.require(("vote", at), [name], others, noun="candidate", where="this eval (beside itself)")
        if name in check.spec.value[:at]:
            check.add(("vote", at), f"is '{shortened(name)}' a second time", "each candidate once", "give it a weight")
    weights = check.spec.options.get("weights") or {}
    check.require(("weights",), list(weights), list(check.spec.value), noun="voter", where="this vote")
    if weights and check.spec.options.get("rule") != "weighted":
        check.add(("weights",), "is given without rule: weighted", "weights with rule: weighted", "add the rule")


VOTE = Kind(
    build_vote,
    value=tuple[str, ...],
    fields={"rule": VoteRule, "weights": Mapping[str, Weight]},
    check=_check,
    uses=lambda spec: list(spec.value),
)
