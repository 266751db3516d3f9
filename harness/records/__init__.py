"""The nouns of the project as frozen records.

Decides names, types and value ranges, nothing else. They are ``msgspec.Struct``: made in C, where every method of a
dataclass is compiled by each process that imports it, and read from files and run.json with their types checked.
``answers`` holds what passes between a candidate and whoever runs it.
"""

from harness.records.base import (
    MISSING,
    Bounds,
    CategoryKind,
    FromFile,
    Label,
    Loaded,
    NonEmpty,
    NonNegative,
    OnFailure,
    OpenProportion,
    PositiveInt,
    Proportion,
    RunStatus,
    Severity,
    Tier,
)
from harness.records.candidates import (
    Clause,
    Limits,
    Match,
    Message,
    Model,
    NormalisationStep,
    Price,
    Prompt,
    PromptHeader,
    Rule,
    RuleSet,
)
from harness.records.evals import SHARED_FIELDS, CandidateSpec, CascadeStage, Check, Eval, Gate, Split
from harness.records.golden import FieldPaths, GoldenCard, Item, PolicyRef
from harness.records.policy import Category, Policy, Prevalence, Target
from harness.records.runs import CategoryFacts, EarlyStop, GoldenFacts, PolicyFacts, RunInput, RunMeta

__all__ = [
    "MISSING",
    "SHARED_FIELDS",
    "Bounds",
    "CandidateSpec",
    "CascadeStage",
    "Category",
    "CategoryFacts",
    "CategoryKind",
    "Check",
    "Clause",
    "EarlyStop",
    "Eval",
    "FieldPaths",
    "FromFile",
    "Gate",
    "GoldenCard",
    "GoldenFacts",
    "Item",
    "Label",
    "Limits",
    "Loaded",
    "Match",
    "Message",
    "Model",
    "NonEmpty",
    "NonNegative",
    "NormalisationStep",
    "OnFailure",
    "OpenProportion",
    "Policy",
    "PolicyFacts",
    "PolicyRef",
    "PositiveInt",
    "Prevalence",
    "Price",
    "Prompt",
    "PromptHeader",
    "Proportion",
    "Rule",
    "RuleSet",
    "RunInput",
    "RunMeta",
    "RunStatus",
    "Severity",
    "Split",
    "Target",
    "Tier",
]
