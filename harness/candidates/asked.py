"""The kind that puts a prompt to a model.

Decides what an eval must say about it and what it is built from; what is asked and how answers are read is decided by
``chat``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.candidates.chat import ChatCandidate
from harness.candidates.names import crosswalk_of
from harness.candidates.parsers import Parser, load_parser
from harness.candidates.prompt_doubts import prompt_doubts
from harness.errors import HarnessError
from harness.files.kinds import Kind, NamedFile, SpecCheck
from harness.files.prompt_header import header_document, prompt_policy_faults
from harness.files.prompt_messages import compile_prompt
from harness.files.text import shortened
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


def _needs_model(check: SpecCheck) -> None:
    if not check.spec.model:
        check.add(("model",), "is missing", "a name of the models file", "say which model answers the prompt")


def _prompt_fits(prompt: Loaded[Prompt], policy: Policy, card: GoldenCard | None) -> Sequence[HarnessError]:
    return prompt_policy_faults(prompt, policy)


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
