"""The header of a prompt file: what its fields may say, alone and against a policy.

Decides which headers are right. How the body is cut into messages is decided in ``prompts``, how answers are read by
the candidates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.errors import FileError, HarnessError
from harness.files.decode import require_name, require_names
from harness.files.text import TextFile, joined, quoted, read_text, shortened, suggestion
from harness.files.yaml import Document, parse_yaml
from harness.records import Loaded, Policy, Prompt, PromptHeader

BUILT_IN_ANSWERS = (
    "json", "yes_no", "label", "llama_guard", "shieldgemma", "wildguard", "gpt_oss_safeguard", "granite_guardian",
    "nemotron", "qwen3guard", "polyguard", "cope",
)  # fmt: skip
_ENTRY_POINT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_REGISTERED = re.compile(r"[a-z][a-z0-9_]*")


def front_matter(file: TextFile, lines: list[str]) -> tuple[Document, int]:
    """The header between '---' lines, and the index of the first line after it."""
    fence = "---"
    if lines[0].rstrip() != fence:
        raise FileError(
            str(file.path),
            f"begins with '{shortened(lines[0])}'",
            line=1,
            allowed="front matter: a line '---', the fields (prompt, answer, ...), a line '---'",
            next_step="add the front matter at the top of the file",
        )
    end = next((at for at, line in enumerate(lines[1:], start=1) if line.rstrip() == fence), None)
    if end is None:
        raise FileError(
            str(file.path),
            "has front matter that is not closed",
            line=1,
            allowed="a second line '---' after the fields",
            next_step="add a line '---' before the first heading",
        )
    header = TextFile(file.path, "\n".join(lines[1:end]) + "\n", file.sha256)
    return parse_yaml(header, what="prompt", first_line=2), end + 1


def header_faults(document: Document, header: PromptHeader) -> list[FileError]:
    """What is wrong with a header on its own."""
    errors = require_name(document, ("prompt",), header.prompt)
    answer = header.answer
    if not (answer in BUILT_IN_ANSWERS or _ENTRY_POINT.fullmatch(answer) or _REGISTERED.fullmatch(answer)):
        errors.append(
            document.error(
                ("answer",),
                f"is '{shortened(answer)}'",
                allowed=f"{', '.join(BUILT_IN_ANSWERS)}, a registered parser's name, or package.module:callable",
                next_step=suggestion(answer, BUILT_IN_ANSWERS, "name a way to read the answer"),
            )
        )
    if answer == "label" and not header.labels:
        errors.append(
            document.error(
                ("labels",),
                "is missing",
                allowed="with 'answer: label', a mapping of each word to categories: {unsafe: [hate], safe: []}",
                next_step="say what each word the model may answer means",
            )
        )
    if answer in BUILT_IN_ANSWERS and answer != "label" and header.labels is not None:
        errors.append(
            document.error(
                ("labels",),
                f"is given with 'answer: {answer}'",
                allowed="labels only with 'answer: label' or a parser of your own",
                next_step="remove it, or write 'answer: label'",
            )
        )
    errors += _word_faults(document, header)
    if header.labels:
        folded: dict[str, str] = {}
        for word in header.labels:
            same = folded.setdefault(" ".join(word.split()).casefold(), word)
            if not word.strip() or same != word:
                errors.append(
                    document.error(
                        ("labels", word),
                        "is an empty word" if not word.strip() else f"differs from '{shortened(same)}' only in case",
                        allowed="different words",
                        next_step="keep one of them",
                    )
                )
    if header.categories is not None:
        doubled = sorted({name for name in header.categories if header.categories.count(name) > 1})
        if doubled or not header.categories:
            errors.append(
                document.error(
                    ("categories",),
                    f"names {joined(doubled)} twice" if doubled else "is an empty list",
                    allowed="each category once",
                    next_step="remove the repetition" if doubled else "remove the field to ask about the whole policy",
                )
            )
        if answer == "yes_no" and header.per == "item" and len(header.categories) > 1:
            errors.append(_yes_no_error(document, len(header.categories)))
    return errors + _example_faults(document, header.examples)


def prompt_categories(header: PromptHeader, policy: Policy) -> tuple[str, ...]:
    """The categories a prompt asks about: its own list, else all of the policy."""
    return policy.category_ids if header.categories is None else header.categories


def prompt_policy_faults(prompt: Loaded[Prompt], policy: Policy) -> Sequence[HarnessError]:
    """What does not fit between a prompt and a policy; empty when all fits."""
    header, ids = prompt.value.header, policy.category_ids
    named = [*(header.categories or ())]
    named += [name for names in (header.labels or {}).values() for name in names]
    named += [name for example in header.examples for name in example.get("categories") or ()]
    is_one_question = header.answer == "yes_no" and header.per == "item"
    asks_too_much = is_one_question and len(prompt_categories(header, policy)) != 1
    if set(named) <= set(ids) and not asks_too_much:
        return ()
    document = header_document(prompt)
    where = f"policy '{policy.policy}'"
    errors: list[HarnessError] = []
    errors += require_names(document, ("categories",), header.categories or (), ids, noun="category", where=where)
    for label, names in (header.labels or {}).items():
        errors += require_names(document, ("labels", label), names, ids, noun="category", where=where)
    for at, example in enumerate(header.examples):
        names = example.get("categories") or ()
        errors += require_names(document, ("examples", at, "categories"), names, ids, noun="category", where=where)
    if asks_too_much:
        errors.append(_yes_no_error(document, len(ids)))
    return errors


def header_document(prompt: Loaded[Prompt]) -> Document:
    """Positions in a prompt's header: read again only where something does not fit."""
    try:
        file = read_text(prompt.path, what="prompt")
        return front_matter(file, file.text.replace("\r\n", "\n").split("\n"))[0]
    except HarnessError:
        return Document(prompt.path, prompt.sha256, {})


def _word_faults(document: Document, header: PromptHeader) -> list[FileError]:
    """What is wrong with the words of a yes or no, and with ``strict``."""
    errors = []
    if header.words is not None and header.answer not in ("yes_no", "shieldgemma"):
        errors.append(
            document.error(
                ("words",),
                f"is given with 'answer: {header.answer}'",
                allowed="words only with 'answer: yes_no' or 'answer: shieldgemma'",
                next_step="remove it",
            )
        )
    folded = {choice: {word.casefold().strip() for word in spelled} for choice, spelled in (header.words or {}).items()}
    both = folded.get("yes", set()) & folded.get("no", set())
    if both or any("" in spelled for spelled in folded.values()):
        errors.append(
            document.error(
                ("words",),
                f"has '{shortened(min(both))}' as yes and as no" if both else "has an empty word",
                allowed="words: {yes: [sí], no: [no]}, each word once",
                next_step="correct the words",
            )
        )
    if header.strict and header.answer != "qwen3guard":
        errors.append(
            document.error(
                ("strict",),
                f"is given with 'answer: {header.answer}'",
                allowed="strict only with 'answer: qwen3guard': Controversial then counts as unsafe",
                next_step="remove it",
            )
        )
    return errors


def _example_faults(document: Document, examples: Sequence[Mapping[str, Any]]) -> list[FileError]:
    errors = []
    checks: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
        ("text", lambda value: isinstance(value, str), "a string (required)"),
        (
            "categories",
            lambda value: (
                value is None or (isinstance(value, list | tuple) and all(isinstance(name, str) for name in value))
            ),
            "a list of category ids",
        ),
    )
    for at, example in enumerate(examples):
        for name, is_right, allowed in checks:
            if not is_right(example.get(name)):
                errors.append(
                    document.error(
                        ("examples", at, name),
                        f"is {quoted(example[name])}" if name in example else "is missing",
                        allowed=allowed,
                        next_step="write examples as {text: ..., categories: [...]}",
                    )
                )
    return errors


def _yes_no_error(document: Document, n_categories: int) -> FileError:
    return document.error(
        ("answer",),
        f"is 'yes_no' for {n_categories} categories in one question",
        allowed="yes_no with 'per: category', or with exactly one category",
        next_step="add 'per: category', or 'categories: [ID]'",
    )
