"""What candidates are made of: prompts, rule sets and models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Struct, field

from harness.records.base import Bounds, FromFile, NonEmpty, PositiveInt, Proportion

FROM_ENVIRONMENT = "env:"
"""Before the name of the variable that holds the value of a model's header."""


class Message(Struct, frozen=True):
    """One message of a prompt: role and Jinja source."""

    role: Literal["system", "user", "assistant"]
    template: str
    line: int = 1


class PromptHeader(FromFile, frozen=True):
    """Front matter of a prompt file."""

    prompt: NonEmpty
    answer: NonEmpty
    version: PositiveInt | None = None
    per: Literal["item", "category"] = "item"
    categories: tuple[str, ...] | None = None
    labels: Mapping[str, tuple[str, ...]] | None = None
    words: Mapping[Literal["yes", "no"], tuple[str, ...]] | None = None
    strict: bool = False
    examples: tuple[Mapping[str, Any], ...] = ()
    media: tuple[str, ...] = ()
    detail: Literal["auto", "low", "high"] | None = None
    description: str = ""


class Prompt(Struct, frozen=True):
    """A prompt file: how to ask, and how to read the answer."""

    header: PromptHeader
    messages: tuple[Message, ...]


Match = Literal["includes-word", "includes", "starts-with", "ends-with", "full-text"]


CONTEXT = "context."
MODALITIES = "modalities."
"""What a clause's ``where`` begins with when it names a modality of the golden set's card."""


class Clause(FromFile, frozen=True):
    """What may be looked for: any one of these, in the item's text, a part of its context or a modality."""

    words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    match: Match = "includes-word"
    where: str | tuple[str, ...] = "text"

    @property
    def places(self) -> tuple[str, ...]:
        """Where it looks: it is found where one of these holds what it looks for."""
        return (self.where,) if isinstance(self.where, str) else self.where


class Rule(FromFile, frozen=True):
    """One deterministic rule; per category the first rule that applies decides, those of higher priority first.

    It applies when its own words, phrases, patterns or domains are found (where it has any), one of ``any``, each of
    ``all`` and none of ``none`` is, no ``unless`` phrase stands in the text or where the rule looks, and the item is
    one that ``when`` names.
    """

    id: NonEmpty
    category: NonEmpty
    decision: Literal["flag", "allow"] = "flag"
    action: str = ""
    priority: int = 0
    words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    match: Match = "includes-word"
    where: str | tuple[str, ...] = "text"
    any: tuple[Clause, ...] = ()
    all: tuple[Clause, ...] = ()
    none: tuple[Clause, ...] = ()
    unless: tuple[str, ...] = ()
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reason: str = ""
    note: str = ""

    @property
    def own(self) -> Clause:
        """What the rule itself looks for."""
        return Clause(self.words, self.phrases, self.patterns, self.domains, self.match, self.where)


NormalisationStep = Literal[
    "nfkc",
    "casefold",
    "strip_zero_width",
    "confusables",
    "arabic_marks",
    "strip_diacritics",
    "join_spaced_letters",
    "leetspeak",
    "masked_letters",
    "collapse_repeats",
]


class RuleSet(FromFile, frozen=True):
    """Ordered rules, the normalisation that precedes them, and what no rule may look at."""

    rule_set: NonEmpty
    version: PositiveInt
    rules: Annotated[tuple[Rule, ...], Bounds(min_length=1)]
    normalise: tuple[NormalisationStep, ...] = ("nfkc", "casefold", "strip_zero_width")
    allow: tuple[str, ...] = ()
    description: str = ""


Rate = Annotated[float, Bounds(ge=0.0, le=1e6)]


class Price(FromFile, frozen=True):
    """US dollars per million tokens."""

    input_per_mtok: Rate
    output_per_mtok: Rate
    cached_input_per_mtok: Rate | None = None
    reasoning_per_mtok: Rate | None = None
    batch_discount: Proportion = 0.5


class Limits(FromFile, frozen=True):
    """What an endpoint may be asked, and how patiently."""

    concurrency: PositiveInt = 16
    rpm: PositiveInt | None = None
    tpm: PositiveInt | None = None
    timeout_s: Annotated[float, Bounds(gt=0)] = 60.0
    item_timeout_s: Annotated[float, Bounds(gt=0)] = 300.0
    max_retries: Annotated[int, Bounds(ge=0)] = 6


class Reasoning(FromFile, frozen=True):
    """What encloses a model's reasoning in its answers, where the known delimiters are not its own."""

    open: NonEmpty
    close: NonEmpty


class Model(FromFile, frozen=True):
    """An endpoint and how to ask it. Keys are only ever the *name* of an environment variable."""

    provider: Literal["openai", "azure", "embedded", "anthropic", "gemini", "bedrock", "azure_content_safety"]
    base_url: str | None = None
    api_key_env: str | None = None
    api_version: str | None = None
    region: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    gguf: str | None = None
    tokenizer: str | None = None
    reasoning: Reasoning | None = None
    structured_output: Literal["auto", "json_schema", "json_object", "none"] = "auto"
    params: Mapping[str, Any] = field(default_factory=dict)
    price: Price | None = None
    limits: Limits = field(default_factory=Limits)
