"""The header of a prompt file: what its fields may say, alone and against a policy.

Decides which headers are right. How the body is cut into messages is decided in ``prompts``, how answers are read by
the candidates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from harness.errors import FileError, HarnessError
from harness.files.decode import require_name, require_names
from harness.files.schema import Loc
from harness.files.text import TextFile, joined, quoted, read_text, shortened, suggestion
from harness.files.yaml import Document, Fault, parse_yaml
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


def header_faults(header: PromptHeader) -> Iterator[Fault]:
    """What is wrong with a header on its own."""
    yield from require_name(("prompt",), header.prompt)
    answer = header.answer
    if not (answer in BUILT_IN_ANSWERS or _ENTRY_POINT.fullmatch(answer) or _REGISTERED.fullmatch(answer)):
        allowed = f"{', '.join(BUILT_IN_ANSWERS)}, a registered parser's name, or package.module:callable"
        hint = suggestion(answer, BUILT_IN_ANSWERS, "name a way to read the answer")
        yield ("answer",), f"is '{shortened(answer)}'", allowed, hint
    if answer == "label" and not header.labels:
        allowed = "with 'answer: label', a mapping of each word to categories: {unsafe: [hate], safe: []}"
        yield ("labels",), "is missing", allowed, "say what each word the model may answer means"
    if answer in BUILT_IN_ANSWERS and answer != "label" and header.labels is not None:
        allowed = "labels only with 'answer: label' or a parser of your own"
        yield ("labels",), f"is given with 'answer: {answer}'", allowed, "remove it, or write 'answer: label'"
    yield from _word_faults(header)
    folded: dict[str, str] = {}
    for word in header.labels or ():
        same = folded.setdefault(" ".join(word.split()).casefold(), word)
        if not word.strip() or same != word:
            found = f"differs from '{shortened(same)}' only in case" if word.strip() else "is an empty word"
            yield ("labels", word), found, "different words", "keep one of them"
    if header.categories is not None:
        doubled = sorted({name for name in header.categories if header.categories.count(name) > 1})
        if doubled or not header.categories:
            found = f"names {joined(doubled)} twice" if doubled else "is an empty list"
            hint = "remove the repetition" if doubled else "remove the field to ask about the whole policy"
            yield ("categories",), found, "each category once", hint
        if answer == "yes_no" and header.per == "item" and len(header.categories) > 1:
            yield _yes_no_fault(len(header.categories))
    yield from _example_faults(header.examples)


def prompt_categories(header: PromptHeader, policy: Policy) -> tuple[str, ...]:
    """The categories a prompt asks about: its own list, else all of the policy."""
    return policy.category_ids if header.categories is None else header.categories


def prompt_policy_faults(prompt: Loaded[Prompt], policy: Policy) -> Sequence[HarnessError]:
    """What does not fit between a prompt and a policy; empty when all fits."""
    faults = list(_policy_faults(prompt.value.header, policy))
    return header_document(prompt).errors(faults) if faults else ()


def _policy_faults(header: PromptHeader, policy: Policy) -> Iterator[Fault]:
    named: list[tuple[Loc, Iterable[str]]] = [(("categories",), header.categories or ())]
    named += [(("labels", label), names) for label, names in (header.labels or {}).items()]
    named += [(("examples", at, "categories"), one.get("categories") or ()) for at, one in enumerate(header.examples)]
    for place, names in named:
        where = f"policy '{policy.policy}'"
        yield from require_names(place, names, policy.category_ids, noun="category", where=where)
    is_one_question = header.answer == "yes_no" and header.per == "item"
    if is_one_question and len(prompt_categories(header, policy)) != 1:
        yield _yes_no_fault(len(policy.category_ids))


def header_document(prompt: Loaded[Prompt]) -> Document:
    """Positions in a prompt's header: read again only where something does not fit."""
    try:
        file = read_text(prompt.path, what="prompt")
        return front_matter(file, file.text.replace("\r\n", "\n").split("\n"))[0]
    except HarnessError:
        return Document(prompt.path, prompt.sha256, {})


def _word_faults(header: PromptHeader) -> Iterator[Fault]:
    """What is wrong with the words of a yes or no, and with ``strict``."""
    given = f"is given with 'answer: {header.answer}'"
    if header.words is not None and header.answer not in ("yes_no", "shieldgemma"):
        yield ("words",), given, "words only with 'answer: yes_no' or 'answer: shieldgemma'", "remove it"
    folded = {choice: {word.casefold().strip() for word in spelled} for choice, spelled in (header.words or {}).items()}
    both = folded.get("yes", set()) & folded.get("no", set())
    if both or any("" in spelled for spelled in folded.values()):
        found = f"has '{shortened(min(both))}' as yes and as no" if both else "has an empty word"
        yield ("words",), found, "words: {yes: [sí], no: [no]}, each word once", "correct the words"
    if header.strict and header.answer != "qwen3guard":
        yield (
            ("strict",),
            given,
            "strict only with 'answer: qwen3guard': Controversial then counts as unsafe",
            "remove it",
        )


def _example_faults(examples: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
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
                found = f"is {quoted(example[name])}" if name in example else "is missing"
                yield ("examples", at, name), found, allowed, "write examples as {text: ..., categories: [...]}"


def _yes_no_fault(n_categories: int) -> Fault:
    allowed = "yes_no with 'per: category', or with exactly one category"
    found = f"is 'yes_no' for {n_categories} categories in one question"
    return ("answer",), found, allowed, "add 'per: category', or 'categories: [ID]'"
