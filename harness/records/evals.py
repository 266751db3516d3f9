"""The eval: candidates, baseline, split and gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import MinLen

from harness.records.base import (
    FROM_FILE,
    FailOn,
    NonEmpty,
    OnFailure,
    OpenProportion,
    Positive,
    PositiveInt,
    Proportion,
    Severity,
    Tier,
)


@dataclass(frozen=True, slots=True)
class CascadeStage:
    """One stage of a cascade: a candidate, the categories it settles, and from which scores it does.

    A band is one number, or one for each category. With ``stop_when_flagged`` a flag ends the cascade for the item.
    """

    __pydantic_config__: ClassVar[Any] = FROM_FILE
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


@dataclass(frozen=True, slots=True)
class CandidateSpec:
    """What an eval says about one candidate.

    ``kind`` is the name of the field that says what decides (``rules``, ``prompt``, ...), ``value`` what stands there.
    """

    __pydantic_config__: ClassVar[Any] = FROM_FILE
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
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return dict(value) if isinstance(value, Mapping) else value


@dataclass(frozen=True, slots=True)
class Split:
    """Deterministic dev / gate split: thresholds are chosen on dev, everything is reported on gate."""

    __pydantic_config__: ClassVar[Any] = FROM_FILE
    dev: OpenProportion
    by: Literal["item", "group"] = "group"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a gate: category x metric with a margin or a floor, and a tier."""

    __pydantic_config__: ClassVar[Any] = FROM_FILE
    category: NonEmpty
    metric: NonEmpty
    tier: Tier = "guarded"
    margin: OpenProportion | None = None
    floor: OpenProportion | None = None


ALPHA = 0.05
"""Level of a gate that names none."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The checks a candidate must pass before rollout.

    Attributes:
        fail_on: ``inconclusive``: only a PASS is green. ``regression``: what nobody can tell warns and is green.
    """

    __pydantic_config__: ClassVar[Any] = FROM_FILE
    checks: Annotated[tuple[Check, ...], MinLen(1)]
    alpha: OpenProportion = ALPHA
    fail_on: FailOn = "inconclusive"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one miss and one false alarm cost, in any one unit, for categories of a severity."""

    __pydantic_config__: ClassVar[Any] = FROM_FILE
    miss: Positive
    false_alarm: Positive = 1.0


@dataclass(frozen=True, slots=True)
class Eval:
    """Golden set, candidates, baseline and gate of one evaluation."""

    __pydantic_config__: ClassVar[Any] = FROM_FILE
    eval: NonEmpty
    policy: NonEmpty
    golden_set: NonEmpty
    candidates: Annotated[Mapping[str, CandidateSpec], MinLen(1)]
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
