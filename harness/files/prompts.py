"""Prompt file -> ``Prompt`` -> messages for one item.

Decides how a prompt file is cut into messages and how they are rendered. Which templates are safe is decided in
``sandbox``; how answers are read is left to the candidates. Item text is data: it is only ever a value of a template,
never a template, and labels, votes and weights cannot be reached.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import FileError, HarnessError, raise_all
from harness.files.decode import require_name, require_names, to_record
from harness.files.sandbox import Template, check_template, compile_template
from harness.files.text import TextFile, listed, read_text, shortened, shown, suggestion
from harness.files.yaml import Document, parse_yaml
from harness.records import Category, Item, Loaded, Message, Policy, Prompt, PromptHeader

BUILT_IN_ANSWERS = (
    "json", "yes_no", "label", "llama_guard", "shieldgemma", "wildguard", "gpt_oss_safeguard", "granite_guardian",
    "nemotron", "qwen3guard", "polyguard", "cope",
)  # fmt: skip
ROLES = ("system", "user", "assistant")
MAX_RENDERED_CHARS = 1_000_000

_HEADING = re.compile(r"# (system|user|assistant)[ \t]*")
_NEAR_HEADING = re.compile(r"#+\s*(system|user|assistant)\s*:?\s*", re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_ENTRY_POINT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_SHOWS_TEXT = re.compile(r"""\bitem\s*(?:\.\s*text\b|\[\s*["']text["'])""")
_REGISTERED = re.compile(r"[a-z][a-z0-9_]*")


def load_prompt(path: str | Path) -> Loaded[Prompt]:
    """Read and check a prompt file."""
    file = read_text(Path(path), what="prompt", limit=1_000_000)
    lines = file.text.replace("\r\n", "\n").split("\n")
    document, body_at = _front_matter(file, lines)
    header = to_record(document, PromptHeader, what="prompt")
    errors: list[HarnessError] = [*_header_faults(document, header)]
    messages, faults = _messages(file.path, lines, body_at)
    errors += faults
    shows_item = False
    for message in messages:
        checked = check_template(
            file.path,
            message.template,
            first_line=message.line,
            has_category=header.per == "category",
            has_examples=bool(header.examples),
        )
        errors += checked.errors
        shows_item = shows_item or checked.shows_item
    if messages and not errors and not shows_item:
        errors.append(
            FileError(
                str(file.path),
                "never shows the item to the model",
                line=messages[0].line,
                allowed="item.text, item.images or item.context in at least one message",
                next_step="write {{ item.text }} where the text to judge belongs",
            )
        )
    raise_all(errors)
    return Loaded(Prompt(header, tuple(messages)), file.path, file.sha256)


def prompt_categories(header: PromptHeader, policy: Policy) -> tuple[str, ...]:
    """The categories a prompt asks about: its own list, else all of the policy."""
    return policy.category_ids if header.categories is None else header.categories


def prompt_policy_faults(prompt: Loaded[Prompt], policy: Policy) -> Sequence[HarnessError]:
    """What does not fit between a prompt and a policy; empty when all fits."""
    header, ids = prompt.value.header, policy.category_ids
    document = header_document(prompt)
    where = f"policy '{policy.policy}'"
    errors: list[HarnessError] = []
    errors += require_names(document, ("categories",), header.categories or (), ids, noun="category", where=where)
    for label, names in (header.labels or {}).items():
        errors += require_names(document, ("labels", label), names, ids, noun="category", where=where)
    for at, example in enumerate(header.examples):
        names = example.get("categories") or ()
        errors += require_names(document, ("examples", at, "categories"), names, ids, noun="category", where=where)
    if header.answer == "yes_no" and header.per == "item" and len(prompt_categories(header, policy)) != 1:
        errors.append(_yes_no_error(document, len(ids)))
    return errors


def compile_prompt(prompt: Loaded[Prompt] | Prompt, policy: Policy) -> CompiledPrompt:
    """Check a prompt against a policy and compile its messages."""
    loaded = prompt if isinstance(prompt, Loaded) else Loaded(prompt, Path(f"{prompt.header.prompt}.md"), "")
    if loaded.sha256:
        raise_all(prompt_policy_faults(loaded, policy))
    return CompiledPrompt(loaded, policy)


class CompiledPrompt:
    """Renders the messages of a prompt; what does not depend on the item is rendered once."""

    def __init__(self, prompt: Loaded[Prompt], policy: Policy) -> None:
        self.header = prompt.value.header
        self.policy = policy
        self.category_ids = prompt_categories(self.header, policy)
        self.categories: tuple[Category, ...] = tuple(policy.category(name) for name in self.category_ids)
        self.shows_text = any(_SHOWS_TEXT.search(message.template) for message in prompt.value.messages)
        self._prompt = prompt
        self._compiled: dict[str | None, list[tuple[str, str | Template]]] = {}
        for category in self.category_ids if self.header.per == "category" else (None,):
            self._messages(category)

    def render(self, item: Item, category: str | Category | None = None) -> list[dict[str, str]]:
        """Messages for one item, as the chat API takes them.

        Args:
            item: The item to judge.
            category: The category asked about; given exactly when the prompt is ``per: category``.
        """
        category_id = category.id if isinstance(category, Category) else category
        messages = self._compiled.get(category_id)
        if messages is None:
            raise ValueError(f"prompt '{self.header.prompt}' asks per {self.header.per}; category is {category_id!r}")
        variables = {"item": ItemView(item)}
        return [
            {"role": role, "content": part if type(part) is str else part.render(variables, item.id)}  # type: ignore[union-attr]
            for role, part in messages
        ]

    def _messages(self, category_id: str | None) -> None:
        known: dict[str, Any] = {
            "policy": self.policy,
            "categories": self.categories,
            "examples": self.header.examples,
        }
        if category_id is not None:
            known["category"] = self.policy.category(category_id)
        compiled: list[tuple[str, str | Template]] = []
        for message in self._prompt.value.messages:
            template = compile_template(
                self._prompt.path, message.template, known, first_line=message.line, limit=MAX_RENDERED_CHARS
            )
            compiled.append((message.role, template))
        self._compiled[category_id] = compiled


class ItemView:
    """What a template may see of an item: everything but the gold."""

    __slots__ = ("context", "group", "id", "images", "meta", "slices", "text")

    def __init__(self, item: Item) -> None:
        self.id = item.id
        self.text = item.text
        self.context = item.context
        self.meta = item.meta
        self.slices = item.slices
        self.group = item.group
        self.images = item.images


# ------------------------------------------------------------------------------------------------------- the file


def _front_matter(file: TextFile, lines: list[str]) -> tuple[Document, int]:
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


def header_document(prompt: Loaded[Prompt]) -> Document:
    """Positions of a prompt's header, read again only when a message needs them."""
    try:
        file = read_text(prompt.path, what="prompt")
        return _front_matter(file, file.text.replace("\r\n", "\n").split("\n"))[0]
    except HarnessError:
        return Document(prompt.path, prompt.sha256, {})


def _messages(path: Path, lines: list[str], start: int) -> tuple[list[Message], list[FileError]]:
    """Cut the body at headings outside fenced code."""
    headings: list[tuple[int, str]] = []
    errors: list[FileError] = []
    fence: tuple[str, int] | None = None
    for at in range(start, len(lines)):
        line = lines[at]
        mark = _FENCE.fullmatch(line)
        if fence is not None:
            if mark and mark[1][0] == fence[0][0] and len(mark[1]) >= len(fence[0]) and not mark[2].strip():
                fence = None
        elif mark and not (mark[1][0] == "`" and "`" in mark[2]):
            fence = (mark[1], at + 1)
        elif heading := _HEADING.fullmatch(line):
            headings.append((at, heading[1]))
        elif _NEAR_HEADING.fullmatch(line):
            errors.append(
                FileError(
                    str(path),
                    f"has the line '{shortened(line)}'",
                    line=at + 1,
                    allowed="headings written exactly '# system', '# user', '# assistant'",
                    next_step="correct the heading, or put the line inside a code fence if it is content",
                )
            )
        elif not headings and line.strip():
            errors.append(_before_heading(path, at + 1, line))
            return [], errors
    if fence is not None:
        errors.append(
            FileError(
                str(path),
                f"has a code fence '{fence[0]}' that is not closed",
                line=fence[1],
                allowed="every fence closed by a line with the same marks",
                next_step=f"add a line '{fence[0]}' where the code ends",
            )
        )
    messages = []
    for (at, role), (end, _) in zip(headings, [*headings[1:], (len(lines), "")], strict=True):
        content = range(at + 1, end)
        kept = [line for line in content if lines[line].strip()]
        if not kept:
            errors.append(
                FileError(
                    str(path),
                    f"has an empty '# {role}' section",
                    line=at + 1,
                    allowed="text below each heading",
                    next_step="write the message or remove the heading",
                )
            )
            continue
        text = "\n".join(lines[kept[0] : kept[-1] + 1]).rstrip()
        messages.append(Message(role=role, template=text, line=kept[0] + 1))  # type: ignore[arg-type]
    if not errors and not any(message.role == "user" for message in messages):
        errors.append(
            FileError(
                str(path),
                "has no '# user' section",
                line=start + 1,
                allowed="sections headed '# system', '# user', '# assistant', with at least one '# user'",
                next_step="add a line '# user' and the message below it",
            )
        )
    return messages, errors


def _before_heading(path: Path, line: int, text: str) -> FileError:
    return FileError(
        str(path),
        f"has text before the first heading: '{shortened(text)}'",
        line=line,
        allowed="sections headed '# system', '# user', '# assistant'",
        next_step="put a heading above the text",
    )


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


def _header_faults(document: Document, header: PromptHeader) -> list[FileError]:
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
                    f"names {listed(doubled)} twice" if doubled else "is an empty list",
                    allowed="each category once",
                    next_step="remove the repetition" if doubled else "remove the field to ask about the whole policy",
                )
            )
        if answer == "yes_no" and header.per == "item" and len(header.categories) > 1:
            errors.append(_yes_no_error(document, len(header.categories)))
    return errors + _example_faults(document, header.examples)


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
                        f"is {shown(example[name])}" if name in example else "is missing",
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
