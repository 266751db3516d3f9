"""The nouns of the project as frozen dataclasses.

Decides names, types and value ranges, nothing else. Records of files carry ``__pydantic_config__`` for their readers.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from annotated_types import Ge, Gt, Le, Lt, MinLen

T = TypeVar("T")

Severity = Literal["low", "medium", "high", "critical"]
CategoryKind = Literal["binary", "ordinal"]
OnFailure = Literal["no_flag", "flag", "review"]
Tier = Literal["critical", "guarded", "watch"]
RunStatus = Literal["complete", "incomplete", "invalid"]
Label = Literal[0, 1] | None

Proportion = Annotated[float, Ge(0.0), Le(1.0)]
OpenProportion = Annotated[float, Gt(0.0), Lt(1.0)]
PositiveInt = Annotated[int, Ge(1)]
NonNegative = Annotated[float, Ge(0.0)]
NonEmpty = Annotated[str, MinLen(1)]

_FROM_FILE: Any = {"extra": "forbid", "strict": True, "allow_inf_nan": False}


# --------------------------------------------------------------------------------------------------------- policy


@dataclass(frozen=True, slots=True)
class Prevalence:
    """Share of production items that violate a category, and where the figure comes from."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    value: OpenProportion
    source: NonEmpty
    date: datetime.date
    low: OpenProportion | None = None
    high: OpenProportion | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Quality the policy asks for, judged on the interval's bound."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    recall: Proportion | None = None
    precision: Proportion | None = None


@dataclass(frozen=True, slots=True)
class Category:
    """One policy category; the positive class is *violating*."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    id: NonEmpty
    name: NonEmpty
    definition: NonEmpty
    allowed: tuple[str, ...] = ()
    severity: Severity = "medium"
    parent: str | None = None
    kind: CategoryKind = "binary"
    levels: tuple[str, ...] = ()
    cut: str | None = None
    owner: str | None = None
    prevalence: Prevalence | None = None
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A versioned set of categories with crosswalks from other taxonomies."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    policy: NonEmpty
    version: PositiveInt
    categories: Annotated[tuple[Category, ...], MinLen(1)]
    description: str = ""
    crosswalks: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def category_ids(self) -> tuple[str, ...]:
        """Ids in the order of the file."""
        return tuple(category.id for category in self.categories)

    def category(self, category_id: str) -> Category:
        """The category with this id; KeyError when there is none."""
        for category in self.categories:
            if category.id == category_id:
                return category
        raise KeyError(category_id)


# ----------------------------------------------------------------------------------------------------- golden set


@dataclass(frozen=True, slots=True)
class PolicyRef:
    """The policy version a golden set was labelled under."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    name: NonEmpty
    version: PositiveInt


@dataclass(frozen=True, slots=True)
class FieldPaths:
    """Dotted paths of an item's parts inside a row."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    id: str = "id"
    text: str = "text"
    labels: str = "labels"
    images: str = "images"
    context: str = "context"
    votes: str = "votes"
    weight: str = "weight"
    group: str = "group"


@dataclass(frozen=True, slots=True)
class GoldenCard:
    """What a golden set declares about itself."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    golden_set: NonEmpty
    version: PositiveInt
    policy: PolicyRef
    items: NonEmpty
    labels: Annotated[tuple[str, ...], MinLen(1)]
    absent_labels: Literal["unknown", "negative"] = "unknown"
    fields: FieldPaths = field(default_factory=FieldPaths)
    slices: Mapping[str, str] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    revision: str | None = None
    split: str | None = None
    source: str | None = None
    licence: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One labelled item. ``labels`` holds 1, 0 or None (nobody labelled it) for each category of the golden set."""

    id: str
    text: str | None
    labels: Mapping[str, int | None]
    slices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group: str | None = None
    weight: float = 1.0
    images: tuple[str, ...] = ()
    context: Any = None
    votes: tuple[Mapping[str, Any], ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_withheld(self) -> bool:
        """True when there is nothing a candidate could be shown."""
        return self.text is None and not self.images


# --------------------------------------------------------------------------------------------- prompt, rules, model


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt: role and Jinja source."""

    role: Literal["system", "user", "assistant"]
    template: str
    line: int = 1


@dataclass(frozen=True, slots=True)
class PromptHeader:
    """Front matter of a prompt file."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    prompt: NonEmpty
    answer: NonEmpty
    version: PositiveInt | None = None
    per: Literal["item", "category"] = "item"
    categories: tuple[str, ...] | None = None
    labels: Mapping[str, tuple[str, ...]] | None = None
    examples: tuple[Mapping[str, Any], ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt file: how to ask, and how to read the answer."""

    header: PromptHeader
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One deterministic rule; per category the first rule that matches decides."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    id: NonEmpty
    category: NonEmpty
    decision: Literal["flag", "allow"] = "flag"
    words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    note: str = ""


NormalisationStep = Literal[
    "nfkc", "casefold", "strip_zero_width", "strip_diacritics", "leetspeak", "collapse_repeats", "join_spaced_letters"
]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Ordered rules and the normalisation that precedes them."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    rule_set: NonEmpty
    version: PositiveInt
    rules: Annotated[tuple[Rule, ...], MinLen(1)]
    normalise: tuple[NormalisationStep, ...] = ("nfkc", "casefold", "strip_zero_width")
    description: str = ""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    input_per_mtok: NonNegative
    output_per_mtok: NonNegative
    cached_input_per_mtok: NonNegative | None = None
    batch_discount: Proportion = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What an endpoint may be asked, and how patiently."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    concurrency: PositiveInt = 16
    rpm: PositiveInt | None = None
    tpm: PositiveInt | None = None
    timeout_s: Annotated[float, Gt(0)] = 60.0
    item_timeout_s: Annotated[float, Gt(0)] = 300.0
    max_retries: Annotated[int, Ge(0)] = 6


@dataclass(frozen=True, slots=True)
class Model:
    """An endpoint and how to ask it. Keys are only ever the *name* of an environment variable."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    provider: Literal["openai", "azure", "embedded"]
    base_url: str | None = None
    api_key_env: str | None = None
    api_version: str | None = None
    model: str | None = None
    gguf: str | None = None
    structured_output: Literal["auto", "json_schema", "json_object", "none"] = "auto"
    params: Mapping[str, Any] = field(default_factory=dict)
    price: Price | None = None
    limits: Limits = field(default_factory=Limits)


# ----------------------------------------------------------------------------------------------------------- eval


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """A record with the file it came from and the SHA-256 of its bytes."""

    value: T
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class CascadeStage:
    """One stage of a cascade: a candidate, and the categories it settles when it flags them."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    use: NonEmpty
    decide: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class CandidateSpec:
    """What an eval says about one candidate: exactly one kind's fields are set."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    prompt: str | None = None
    model: str | None = None
    moderation: str | None = None
    rules: str | None = None
    classifier: str | None = None
    cascade: tuple[CascadeStage, ...] | None = None
    recorded: str | None = None
    plugin: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    crosswalk: str | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    on_failure: OnFailure | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """Deterministic dev / gate split: thresholds are chosen on dev, everything is reported on gate."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    dev: OpenProportion
    by: Literal["item", "group"] = "group"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a gate: category x metric with a margin or a floor, and a tier."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    category: NonEmpty
    metric: Literal["recall", "precision", "fpr", "failure_rate"]
    tier: Tier = "guarded"
    margin: OpenProportion | None = None
    floor: OpenProportion | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """The checks a candidate must pass before rollout."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
    checks: Annotated[tuple[Check, ...], MinLen(1)]
    alpha: OpenProportion = 0.05


@dataclass(frozen=True, slots=True)
class Eval:
    """Golden set, candidates, baseline and gate of one evaluation."""

    __pydantic_config__: ClassVar[Any] = _FROM_FILE
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
    gate: Gate | None = None
    seed: int = 0
    description: str = ""
