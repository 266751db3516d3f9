"""The kind of guards: ``guard: llama-guard-3`` with a model and a crosswalk.

Decides what an eval must say about a guard, and builds it as the prompt that its publisher prints with the parser of
its answers. Which guards there are is in ``guard_table``. A category that the crosswalk maps to nothing is one that the
guard does not have: it is not decided, which is neither a flag nor a "no".
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from harness.candidates.chat import ChatCandidate
from harness.candidates.guard_table import GUARDS
from harness.candidates.names import crosswalk_of, loose
from harness.candidates.parsers import load_parser
from harness.files.kinds import Doubt, Kind, SpecCheck, not_decided
from harness.files.prompt_messages import compile_prompt
from harness.files.prompts import load_prompt
from harness.files.text import joined, shortened, suggestion
from harness.records import CandidateSpec, Loaded, Policy, Prompt

if TYPE_CHECKING:
    from harness.candidates.build import Builder
    from harness.files.evals import LoadedEval

FORMS = Path(__file__).parent / "guard_forms"


@functools.cache
def form_of(name: str) -> Loaded[Prompt]:
    """The prompt form of a guard."""
    return load_prompt(FORMS / f"{GUARDS[name].form}.md")


def build_guard(builder: Builder, candidate_id: str, spec: CandidateSpec) -> ChatCandidate:
    """A guard's prompt form on a model."""
    guard, form, policy = GUARDS[spec.value], form_of(spec.value), builder.loaded.policy.value
    header = structs.replace(form.value.header, strict=bool(spec.options.get("strict")))
    prompt = structs.replace(form, value=structs.replace(form.value, header=header))
    fields = guard.fields or (lambda category: {})
    return ChatCandidate(
        candidate_id,
        compile_prompt(prompt, policy),
        spec.model or "",
        builder.model(spec.model or ""),
        load_parser(header.answer),
        crosswalk=crosswalk_of(policy, spec.crosswalk),
        thresholds=spec.thresholds,
        category_fields=lambda category: fields(policy.category(category)),
        inputs={
            "guard": spec.value,
            "form_sha256": form.sha256,
            "policy_sha256": builder.loaded.policy.sha256,
            **({"strict": True} if header.strict else {}),
            **builder.mapping(spec),
        },
    )


def _check(check: SpecCheck) -> None:
    name, spec = check.spec.value, check.spec
    if not spec.model:
        check.add(("model",), "is missing", "a name of the models file", "say which model is the guard")
    if name not in GUARDS:
        hint = suggestion(str(name), GUARDS, "name a guard, or write a prompt with 'answer:' for its format")
        check.add(("guard",), f"is '{shortened(str(name))}'", joined(GUARDS, most=40), hint)
        return
    taxonomy = GUARDS[name].taxonomy
    if taxonomy and spec.crosswalk is None:
        check.add(
            ("crosswalk",),
            f"is missing, and {name} answers in its own categories",
            f"a crosswalk of the policy to {_shown(taxonomy)}",
            "write one in the policy: crosswalks: {NAME: {CATEGORY: [theirs, ...], OTHER: null}}, and name it here",
        )
    if not taxonomy and spec.crosswalk is not None:
        check.add(
            ("crosswalk",),
            f"is given, and {name} judges the policy's own categories",
            "no crosswalk",
            "remove it",
        )
    if spec.options.get("strict") and name != "qwen3guard":
        check.add(("strict",), f"is given for {name}", "strict only with qwen3guard", "remove it")


def _check_policy(check: SpecCheck, policy: Policy) -> None:
    """Every name of the crosswalk must be one the guard has: S11 is self-harm in one version and sex in another."""
    guard = GUARDS.get(check.spec.value)
    crosswalk = policy.crosswalks.get(check.spec.crosswalk or "")
    if guard is None or not guard.taxonomy or crosswalk is None:
        return
    mapped = [category for category, names in crosswalk.items() if names]
    if len(guard.taxonomy) == 1 and len(mapped) > 1:
        check.add(
            ("crosswalk",),
            f"maps {len(mapped)} categories, and {check.spec.value} gives one verdict for all",
            f"one category: {{CATEGORY: [{next(iter(guard.taxonomy))}]}}, null for the others",
            "choose the category it stands for",
        )
    known = {loose(name) for name in guard.taxonomy}
    unknown = [name for names in crosswalk.values() for name in names or () if loose(name) not in known]
    if unknown:
        check.add(
            ("crosswalk",),
            f"is '{shortened(check.spec.crosswalk or '')}', which maps '{shortened(unknown[0])}'",
            f"categories of {check.spec.value}: {_shown(guard.taxonomy)}",
            "correct the crosswalk in the policy, or name the guard's right version",
        )


def _shown(taxonomy: Mapping[str, str]) -> str:
    return ", ".join(name if name == meaning else f"{name} {meaning}" for name, meaning in taxonomy.items())


def _doubts(loaded: LoadedEval, candidate: Any) -> list[Doubt]:
    """Categories that the guard does not have."""
    missing = [name for name in loaded.policy.value.category_ids if name not in candidate.categories]
    guard: str = loaded.eval.value.candidates[candidate.id].value
    found = f"{guard} has no such category as {joined(missing, most=5)}"
    return [not_decided(loaded, candidate.id, found)] if missing else []


GUARD = Kind(
    build_guard,
    takes=frozenset(("model", "crosswalk", "thresholds")),
    fields={"strict": bool},
    check=_check,
    check_policy=_check_policy,
    models=lambda spec: [("model", spec.model)] if spec.model else [],
    doubts=_doubts,
)
