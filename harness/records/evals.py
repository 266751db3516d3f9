"""The eval: candidates, baseline, split and gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Struct, field, to_builtins

from harness.records.base import (
    Bounds,
    FailOn,
    FromFile,
    NonEmpty,
    OnFailure,
    OpenProportion,
    Positive,
    PositiveInt,
    Proportion,
    Severity,
    Tier,
)


class CascadeStage(FromFile, frozen=True):
    """One stage of a cascade: a candidate, the categories it settles, and from which scores it does.

    A band is one number, or one for each category. With ``stop_when_flagged`` a flag ends the cascade for the item.
    """

    use: NonEmpty
    decide: tuple[str, ...] | None = None
    decide_above: Proportion | Mapping[str, Proportion] | None = None
    decide_below: Proportion | Mapping[str, Proportion] | None = None
    stop_when_flagged: bool = False


NEVER: Literal["never"] = "never"
"""A threshold that no score reaches: the category is never flagged."""
Threshold = float | Literal["never"]


SHARED_FIELDS = ("model", "options", "crosswalk", "thresholds", "without", "on_failure", "description")
"""Fields that an eval may give beside a candidate's kind."""


class CandidateSpec(FromFile, frozen=True):
    """What an eval says about one candidate.

    ``kind`` is the name of the field that says what decides (``rules``, ``prompt``, ...), ``value`` what stands there.
    """

    kind: str
    value: Any
    model: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    crosswalk: str | None = None
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    on_failure: OnFailure | None = None
    description: str = ""

    def of(self, kind: str) -> Any:
        """The value when it is of this kind, else None."""
        return self.value if self.kind == kind else None

    @property
    def stages(self) -> tuple[CascadeStage, ...]:
        """The stages of a cascade; none for any other kind."""
        return tuple(self.value) if self.kind == "cascade" else ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data as an eval writes it, with the defaults written out."""
        shared = {name: getattr(self, name) for name in SHARED_FIELDS}
        own = {self.kind: _plain(self.value)} if self.kind else {}
        return {**own, **{name: _plain(value) for name, value in shared.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return to_builtins(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return dict(value) if isinstance(value, Mapping) else value


class Split(FromFile, frozen=True):
    """Deterministic dev / gate split: thresholds are chosen on dev, everything is reported on gate."""

    dev: OpenProportion
    by: Literal["item", "group"] = "group"
    seed: int = 0


class Check(FromFile, frozen=True):
    """One line of a gate: category x metric with a margin or a floor, and a tier."""

    category: NonEmpty
    metric: NonEmpty
    tier: Tier = "guarded"
    margin: OpenProportion | None = None
    floor: OpenProportion | None = None


ALPHA = 0.05
"""Level of a gate that names none."""


class Gate(FromFile, frozen=True):
    """The checks a candidate must pass before rollout.

    Attributes:
        fail_on: ``inconclusive``: only a PASS is green. ``regression``: what nobody can tell warns and is green.
    """

    checks: Annotated[tuple[Check, ...], Bounds(min_length=1)]
    alpha: OpenProportion = ALPHA
    fail_on: FailOn = "inconclusive"


class Cost(FromFile, frozen=True):
    """What one miss and one false alarm cost, in any one unit, for categories of a severity."""

    miss: Positive
    false_alarm: Positive = 1.0


class Eval(FromFile, frozen=True):
    """Golden set, candidates, baseline and gate of one evaluation."""

    eval: NonEmpty
    policy: NonEmpty
    golden_set: NonEmpty
    candidates: Annotated[Mapping[str, CandidateSpec], Bounds(min_length=1)]
    baseline: str | None = None
    models: str = "models.yaml"
    on_failure: OnFailure = "no_flag"
    repeats: PositiveInt = 1
    slices: tuple[str, ...] | None = None
    split: Split | None = None
    max_error_rate: Proportion = 0.005
    must_catch: str | None = None
    gate: Gate | None = None
    costs: Mapping[Severity, Cost] = field(default_factory=dict)
    seed: int = 0
    description: str = ""

    @property
    def alpha(self) -> float:
        """The level at which its gate judges, or would."""
        return ALPHA if self.gate is None else self.gate.alpha
