"""The table of guards: name -> how it is asked, and which of the taxonomies (``guard_names``) it answers in.

Decides which prompt form belongs to which guard. A form is a prompt file of ``guard_forms/``, with the text that the
guard's publisher prints. Most guards bring their instructions in their own chat template, which the server applies:
then the form is the item's text alone, and a prompt that repeats the instructions makes the guard judge these.

A guard with a taxonomy answers in its own categories, which a crosswalk of the policy maps; one without judges the
policy's own definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.candidates.guard_names import HARMFUL, LLAMA_GUARD_1, LLAMA_GUARD_2, LLAMA_GUARD_3, NEMOTRON, QWEN, named
from harness.records import Category

CARD = "huggingface.co/"


@dataclass(frozen=True, slots=True)
class Guard:
    """How a guard is asked.

    Attributes:
        form: Prompt file below ``guard_forms``, without its suffix.
        taxonomy: Names its answers use, with their meanings; empty where it judges the policy's own categories.
        fields: Further fields of the request for a category: what its chat template is told.
    """

    form: str
    source: str
    taxonomy: Mapping[str, str] = field(default_factory=dict)
    fields: Callable[[Category], Mapping[str, Any]] | None = None


def _risk(category: Category) -> Mapping[str, Any]:
    config = {"risk_name": category.id, "risk_definition": category.definition}
    return {"chat_template_kwargs": {"guardian_config": config}}


def _criteria(category: Category) -> Mapping[str, Any]:
    config = {"custom_criteria": category.definition}
    return {"chat_template_kwargs": {"guardian_config": config, "think": False}}


def _criteria_think(category: Category) -> Mapping[str, Any]:
    config = {"custom_criteria": category.definition}
    return {"chat_template_kwargs": {"guardian_config": config, "think": True}}


GUARDS: Mapping[str, Guard] = {
    "llama-guard-1": Guard("llama_guard", f"{CARD}meta-llama/LlamaGuard-7b", LLAMA_GUARD_1),
    "llama-guard-2": Guard("llama_guard", f"{CARD}meta-llama/Meta-Llama-Guard-2-8B", LLAMA_GUARD_2),
    "llama-guard-3": Guard("llama_guard", f"{CARD}meta-llama/Llama-Guard-3-8B", LLAMA_GUARD_3),
    "llama-guard-4": Guard("llama_guard", f"{CARD}meta-llama/Llama-Guard-4-12B", LLAMA_GUARD_3),
    "llama-guard-3-text": Guard("llama_guard_text", f"{CARD}meta-llama/Llama-Guard-3-8B", LLAMA_GUARD_3),
    "shieldgemma": Guard("shieldgemma", f"{CARD}google/shieldgemma-2b"),
    "wildguard": Guard("wildguard", f"{CARD}allenai/wildguard", HARMFUL),
    "granite-guardian-3": Guard("granite_guardian", f"{CARD}ibm-granite/granite-guardian-3.2-5b", fields=_risk),
    "granite-guardian-3.3": Guard("granite_guardian", f"{CARD}ibm-granite/granite-guardian-3.3-8b", fields=_criteria),
    "granite-guardian-3.3-think": Guard(
        "granite_guardian", f"{CARD}ibm-granite/granite-guardian-3.3-8b", fields=_criteria_think
    ),
    "granite-guardian-4": Guard("granite_guardian_4", f"{CARD}ibm-granite/granite-guardian-4.1-8b"),
    "granite-guardian-4-think": Guard("granite_guardian_4_think", f"{CARD}ibm-granite/granite-guardian-4.1-8b"),
    "nemotron": Guard("nemotron", f"{CARD}nvidia/Llama-3.1-Nemotron-Safety-Guard-8B-v3", named(NEMOTRON)),
    "nemotron-reasoning": Guard("nemotron_reasoning", f"{CARD}nvidia/Nemotron-Content-Safety-Reasoning-4B", HARMFUL),
    "nemotron-reasoning-think": Guard(
        "nemotron_reasoning_think", f"{CARD}nvidia/Nemotron-Content-Safety-Reasoning-4B", HARMFUL
    ),
    "qwen3guard": Guard("qwen3guard", f"{CARD}Qwen/Qwen3Guard-Gen-8B", named(QWEN)),
    "polyguard": Guard("polyguard", f"{CARD}ToxicityPrompts/PolyGuard-Qwen", LLAMA_GUARD_3),
    "gpt-oss-safeguard": Guard("gpt_oss_safeguard", "cookbook.openai.com/articles/gpt-oss-safeguard-guide"),
    "cope": Guard("cope", f"{CARD}zentropi-ai/cope-a-9b"),
}
