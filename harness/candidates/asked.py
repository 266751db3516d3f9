"""The kinds that ask an endpoint: a prompt put to a model, and a moderation endpoint.

Decides what an eval must say about them and what they are built from; what is asked and how answers are read is decided
by ``chat`` and ``moderation``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.candidates.chat import ChatCandidate
from harness.candidates.moderation import ModerationCandidate, moderation_doubts
from harness.candidates.moderation_shapes import FOUR, HIGHEST, SHAPES, takes_pictures
from harness.candidates.names import crosswalk_of
from harness.candidates.parsers import Parser, load_parser
from harness.candidates.prompt_doubts import prompt_doubts
from harness.errors import HarnessError
from harness.files.kinds import Kind, NamedFile, SpecCheck
from harness.files.pictures import IMAGES
from harness.files.prompt_header import header_document, prompt_policy_faults
from harness.files.prompt_messages import compile_prompt
from harness.files.schema import Loc
from harness.files.text import shortened
from harness.files.yaml import read_yaml
from harness.records import CandidateSpec, GoldenCard, Loaded, Model, Policy, Prompt

if TYPE_CHECKING:
    from harness.candidates.build import Builder
    from harness.files.evals import LoadedEval


def parser_of(prompt: Loaded[Prompt], folder: Path | None = None) -> Parser:
    """How the answers to a prompt are read; that there is no such parser is a fault of the prompt's ``answer``."""
    answer = prompt.value.header.answer
    try:
        return load_parser(answer, folder=folder)
    except HarnessError as error:
        raise header_document(prompt).error(
            ("answer",),
            f"is '{shortened(answer)}': {error.message}",
            allowed=error.allowed,
            next_step=error.next_step,
        ) from error


def build_chat(builder: Builder, candidate_id: str, spec: CandidateSpec) -> ChatCandidate:
    """Prompt x model."""
    prompt = builder.loaded.prompts[spec.value]
    policy = builder.loaded.policy
    header = prompt.value.header
    pictures = builder.pictures(header.media, header_document(prompt).error, header.detail) if header.media else None
    name = header.prompt if header.version is None else f"{header.prompt}_v{header.version}"
    return ChatCandidate(
        candidate_id,
        compile_prompt(prompt, policy.value),
        spec.model or "",
        builder.model(spec.model or ""),
        parser_of(prompt, builder.loaded.folder),
        crosswalk=crosswalk_of(policy.value, spec.crosswalk),
        thresholds=spec.thresholds,
        pictures=pictures,
        inputs={
            "prompt": f"{name}@{prompt.sha256[:8]}",
            "prompt_sha256": prompt.sha256,
            "policy_sha256": policy.sha256,
            **builder.mapping(spec),
        },
    )


def build_moderation(builder: Builder, candidate_id: str, spec: CandidateSpec) -> ModerationCandidate:
    """A /moderations endpoint."""
    names = builder.names(spec)
    builder.require_decided(candidate_id, spec, names)
    model, media = builder.model(spec.value), spec.options.get("media")
    if media is None:
        media = [IMAGES] if takes_pictures(model.provider, model.model or spec.value) else []
    return ModerationCandidate(
        candidate_id,
        spec.value,
        model,
        names,
        thresholds=spec.thresholds,
        cuts=spec.options.get("cuts"),
        pictures=builder.pictures(media, partial(_fault_in, builder.loaded.eval.path, candidate_id)) if media else None,
        inputs=builder.mapping(spec),
    )


def _fault_in(path: Path, candidate_id: str, place: Loc, found: str, *, allowed: str, next_step: str) -> HarnessError:
    """A fault of a candidate in the eval, with its line."""
    document = read_yaml(path, what="eval")
    return document.error(("candidates", candidate_id, *place), found, allowed=allowed, next_step=next_step)


def _needs_model(check: SpecCheck) -> None:
    if not check.spec.model:
        check.add(("model",), "is missing", "a name of the models file", "say which model answers the prompt")


def _prompt_fits(prompt: Loaded[Prompt], policy: Policy, card: GoldenCard | None) -> Sequence[HarnessError]:
    return prompt_policy_faults(prompt, policy)


def _has_route(check: SpecCheck, models: Mapping[str, Model]) -> None:
    name = check.spec.value
    if name not in models:
        return
    provider = models[name].provider
    if provider not in SHAPES:
        check.add(
            ("moderation",),
            f"is '{shortened(name)}', {'an embedded model' if provider == 'embedded' else f'of provider {provider}'}",
            "an endpoint with a /v1/moderations route, or azure_content_safety",
            "use the embedded model with a prompt" if provider == "embedded" else "ask this model by a prompt",
        )
        return
    cuts, most = check.spec.options.get("cuts") or {}, HIGHEST.get(models[name].params.get("outputType", FOUR), 6)
    if cuts and provider != "azure_content_safety":
        check.add(("cuts",), f"is given for provider {provider}", "cuts with azure_content_safety", "use thresholds")
    for category, cut in cuts.items():
        if not 1 <= cut <= most:
            hint = "0 would flag everything" if cut == 0 else "correct the cut"
            check.add(("cuts", category), f"is {cut}", f"a severity from 1 to {most}", hint)
        if category in check.spec.thresholds:
            check.add(("cuts", category), "has a threshold too", "a cut or a threshold", "remove one of the two")


def _cuts_fit(check: SpecCheck, policy: Policy) -> None:
    for category in check.spec.options.get("cuts") or {}:
        where = f"policy '{policy.policy}'"
        check.require(("cuts", category), [category], policy.category_ids, noun="category", where=where)


def _can_chat(check: SpecCheck, models: Mapping[str, Model]) -> None:
    name = check.spec.model or ""
    if name in models and models[name].provider == "azure_content_safety":
        check.add(
            ("model",),
            f"is '{shortened(name)}', of provider azure_content_safety, which answers no prompts",
            "a chat model",
            f"write 'moderation: {shortened(name)}' as a candidate of its own",
        )


def _own_parser(loaded: LoadedEval, spec: CandidateSpec) -> list[tuple[str, str]]:
    answer = loaded.prompts[spec.value].value.header.answer
    return [("parser", answer)] if ":" in answer else []


PROMPT = Kind(
    build_chat,
    takes=frozenset(("model", "crosswalk", "thresholds")),
    file=NamedFile(
        "prompt",
        lambda shelf, path: shelf.prompt(path),
        _prompt_fits,
        lambda prompt: (prompt.value.header.prompt, prompt.value.header.version),
    ),
    check=_needs_model,
    models=lambda spec: [("model", spec.model)] if spec.model else [],
    check_models=_can_chat,
    doubts=prompt_doubts,
    imports=_own_parser,
)

MODERATION = Kind(
    build_moderation,
    takes=frozenset(("crosswalk", "thresholds")),
    fields={"cuts": dict[str, int], "media": list[str]},
    models=lambda spec: [("moderation", spec.value)] if spec.value else [],
    check_policy=_cuts_fit,
    check_models=_has_route,
    doubts=moderation_doubts,
)
