"""What may be named as the cause of a movement: evidence only, never a guess.

Decides which facts count. Our own change is the cause where no vendor's model takes part, or where a control that asks
the same model at the same endpoint was asked again and stayed as it was. A control that calls no model, another model,
or only the journal says nothing about drift: then a change merely coincides, and drift is not ruled out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.gating.findings.records import Cause, Reason
from harness.records import CandidateSpec

Behind = Literal["model", "recorded", "own"]
_MODEL_KINDS = frozenset({"prompt", "moderation"})
Model = tuple[str, str, str]
"""Entry of the models file, provider, name."""


@dataclass(frozen=True, slots=True)
class ControlEvidence:
    """What a frozen control shows between two runs.

    Attributes:
        asks_same_model: Whether it asks every model that the candidate asks, at the same endpoint.
        n_asked_again: Its rows of this week that were asked anew, not read from the journal.
        identical: Whether it decided every item as before; None where the items differ.
    """

    name: str
    asks_same_model: bool
    calls_model: bool
    n_asked_again: int
    moved: tuple[str, ...] = ()
    identical: bool | None = None


@dataclass(frozen=True, slots=True)
class CauseEvidence:
    """Everything that may explain a movement.

    Attributes:
        behind: What stands behind the decisions: a model, a system that was recorded, or only what is ours.
        ours: Our own changes since the run before, as phrases.
        control: The control; None when there is none in both weeks.
    """

    behind: Behind
    ours: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    control: ControlEvidence | None = None


def cause_of(one: CauseEvidence) -> Cause:
    """What may be blamed, with the evidence in the order in which it is told."""
    because = [Reason("changes", one.ours) if one.ours else Reason("no_change")]
    if one.behind == "recorded":
        because = [Reason("recorded")]
    if one.samples:
        because.append(Reason("sample", one.samples))
    if one.labels:
        because.append(Reason("labels", one.labels))
        return Cause("none" if one.ours or one.behind == "recorded" else "labels", tuple(because))
    if one.behind == "recorded":
        return Cause("none", tuple(because))
    if one.behind == "own":
        return Cause("our change" if one.ours else "none", (*because, Reason("no_model")))
    control = one.control
    if control is None:
        return Cause("none", (*because, Reason("no_control"), Reason("drift_possible")))
    if not control.calls_model:
        return Cause("none", (*because, Reason("control_calls_none", (control.name,)), Reason("drift_possible")))
    if not control.asks_same_model:
        return Cause("none", (*because, Reason("control_elsewhere", (control.name,)), Reason("drift_possible")))
    if not control.n_asked_again:
        return Cause("none", (*because, Reason("control_cached", (control.name,)), Reason("drift_possible")))
    if control.moved:
        found = Reason("control_moved_too" if one.ours else "control_moved", (control.name, *control.moved))
        return Cause("model", (*because, found))
    same = "control_same" if control.identical else "control_steady"
    if one.ours:
        return Cause("our change", (*because, Reason(same, (control.name,))))
    return Cause("none", (*because, Reason(same, (control.name,)), Reason("unexplained")))


def behind(fingerprint: Mapping[str, Any]) -> Behind:
    """What stands behind a candidate's decisions."""
    if asks_model(fingerprint):
        return "model"
    return "recorded" if fingerprint.get("kind") == "recorded" else "own"


def asks_model(fingerprint: Mapping[str, Any]) -> bool:
    """Whether a vendor's model takes part in the decisions."""
    return fingerprint.get("kind") in _MODEL_KINDS or any(asks_model(one) for one in _parts(fingerprint))


def models_of(fingerprint: Mapping[str, Any], spec: CandidateSpec | None = None) -> frozenset[Model]:
    """The models that a candidate asks, with what tells their endpoints apart.

    ``spec`` names the entry of the models file.
    """
    found = frozenset[Model]()
    if fingerprint.get("kind") in _MODEL_KINDS:
        entry = str((spec.model or spec.of("moderation") or "") if spec is not None else "")
        name = str(fingerprint.get("model") or fingerprint.get("moderation") or "")
        found = frozenset({(entry, str(fingerprint.get("provider") or ""), name)})
    for part in _parts(fingerprint):
        found |= models_of(part)
    return found


def same_models(candidate: frozenset[Model], control: frozenset[Model]) -> bool:
    """Whether the control asks every model the candidate asks; an entry that is not known on one side matches any."""
    return bool(candidate) and all(any(_alike(one, other) for other in control) for one in candidate)


def _alike(one: Model, other: Model) -> bool:
    return one[2] == other[2] and all(not a or not b or a == b for a, b in zip(one[:2], other[:2], strict=True))


def _parts(fingerprint: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    stages = fingerprint.get("stages") or ()
    parts = [stage.get("candidate") or {} for stage in stages if isinstance(stage, Mapping)]
    voters = fingerprint.get("voters") or fingerprint.get("members") or ()
    return [*parts, *(one for one in voters if isinstance(one, Mapping))]
