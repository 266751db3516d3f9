"""Variants of a prompt: with one part left out, or worded otherwise in a way that means the same.

Decides what a part is: an example of the front matter, a pair of example turns, a line of a list that names a category
or a label, a paragraph, and a category's definition where the template prints it. A variant that is no valid prompt any
more (a paragraph that opens a loop, the item itself) is not made. What variants do is found by running them.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from msgspec import structs

from harness.candidates.prompt_doubts import names as is_named
from harness.candidates.prompt_parts import example_turns
from harness.errors import HarnessError
from harness.files.prompt_messages import compile_prompt
from harness.files.prompts import load_prompt
from harness.records import Loaded, Message, Policy, Prompt

Part = Literal["example", "policy", "paragraph", "wording", "order"]
PLEASE = "Please follow these instructions carefully."
_DEFINITION = re.compile(r"\bcategory\.definition\b")
_LIST_MARK = re.compile(r"^(\s*)- ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Variant:
    """A prompt that differs in one thing.

    Attributes:
        what: The thing in words, with the line it stands in; never its text.
        categories: Categories that the thing speaks of, where that can be told.
    """

    name: str
    part: Part
    what: str
    categories: tuple[str, ...]
    prompt: Prompt


def ablations(prompt: Prompt, policy: Policy) -> list[Variant]:
    """The prompt without each of its parts, one at a time."""
    made = [*_without_header_examples(prompt), *_without_turns(prompt), *_without_units(prompt, policy)]
    made += _without_definitions(prompt, policy)
    return [one for one in made if _is_valid(one.prompt, policy)]


def rewordings(prompt: Prompt, policy: Policy) -> list[Variant]:
    """The prompt in other forms that mean the same: order of categories and examples, list marks, spacing, a please."""
    made = [
        _variant(prompt, "please", "wording", "a polite first sentence", lambda m: _first(m, f"{PLEASE}\n\n")),
        _variant(prompt, "marks", "wording", "'*' for '-' before list entries", _marks),
        _variant(prompt, "spacing", "wording", "two blank lines for one", _spacing),
        _reversed_lists(prompt, policy),
        _reversed_categories(prompt, policy),
        _reversed_examples(prompt),
    ]
    return [one for one in made if one is not None and _is_other(one.prompt, prompt) and _is_valid(one.prompt, policy)]


def given(paths: Sequence[Path]) -> list[Variant]:
    """Rewordings that a person wrote, as prompt files."""
    return [
        Variant(f"given-{number}", "wording", path.name, (), load_prompt(path).value)
        for number, path in enumerate(paths, 1)
    ]


def write_prompt(prompt: Prompt, path: Path) -> Loaded[Prompt]:
    """Write a prompt file and read it back."""
    header = {
        name: value for name, value in structs.asdict(prompt.header).items() if value not in (None, (), "", False)
    }
    plain = json.loads(json.dumps(header, default=dict, ensure_ascii=False))
    text = f"---\n{yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)}---\n"
    text += "\n".join(f"# {message.role}\n{message.template}\n" for message in prompt.messages)
    path.write_text(text, "utf-8")
    return load_prompt(path)


# ------------------------------------------------------------------------------------------------------ left out


def _without_header_examples(prompt: Prompt) -> Iterator[Variant]:
    examples = prompt.header.examples
    for at, example in enumerate(examples):
        header = structs.replace(prompt.header, examples=(*examples[:at], *examples[at + 1 :]))
        listed = example.get("categories") or ()
        categories = tuple(str(one) for one in listed) if isinstance(listed, list | tuple) else ()
        without = structs.replace(prompt, header=header)
        yield Variant(f"no-example-{at + 1}", "example", f"example {at + 1}", categories, without)


def _without_turns(prompt: Prompt) -> Iterator[Variant]:
    labels = prompt.header.labels or {}
    for number, pair in enumerate(example_turns(prompt), 1):
        answer = pair[1].template.strip()
        categories = tuple(labels.get(answer, ()))
        if not labels:
            categories = tuple(one for one in prompt.header.categories or () if is_named(answer, one))
        kept = tuple(message for message in prompt.messages if all(message is not one for one in pair))
        what = f"example turn {number} (line {pair[0].line})"
        yield Variant(f"no-turn-{number}", "example", what, categories, structs.replace(prompt, messages=kept))


def _without_units(prompt: Prompt, policy: Policy) -> Iterator[Variant]:
    """Without each paragraph, or each line of a paragraph that lists categories or labels."""
    turns = [message for pair in example_turns(prompt) for message in pair]
    for at, message in enumerate(prompt.messages):
        if any(message is one for one in turns):
            continue
        lines = message.template.split("\n")
        for first, end in _paragraphs(lines):
            named = [_named(line, prompt, policy) for line in lines[first:end]]
            listed = [number for number, one in enumerate(named) if one]
            is_list = len(listed) >= 2
            units = [(first + number, first + number + 1) for number in listed] if is_list else [(first, end)]
            for begin, stop in units:
                rest = "\n".join([*lines[:begin], *lines[stop:]]).strip("\n")
                if not rest.strip():
                    continue
                line, without = message.line + begin, _with(prompt, at, rest)
                if is_list:
                    categories = _named(lines[begin], prompt, policy)
                    yield Variant(f"no-line-{line}", "policy", f"line {line}", categories, without)
                else:
                    yield Variant(f"no-line-{line}", "paragraph", f"paragraph at line {line}", (), without)


def _without_definitions(prompt: Prompt, policy: Policy) -> Iterator[Variant]:
    """Without one category's definition, where the template prints them all in a loop."""
    if prompt.header.per == "category" or not any(_DEFINITION.search(one.template) for one in prompt.messages):
        return
    for category in prompt.header.categories or policy.category_ids:
        other = f"(category.definition if category.id != {json.dumps(category)} else '')"
        messages = tuple(
            structs.replace(one, template=_DEFINITION.sub(lambda _, said=other: said, one.template))  # type: ignore[misc]
            for one in prompt.messages
        )
        name = f"no-definition-{re.sub(r'[^A-Za-z0-9_.-]', '-', category)}"
        without = structs.replace(prompt, messages=messages)
        yield Variant(name, "policy", f"the definition of {category}", (category,), without)


def _named(line: str, prompt: Prompt, policy: Policy) -> tuple[str, ...]:
    """Categories that a line of a list begins with: by label, id or name, up to its colon or dash."""
    head = re.match(r"\s*(?:[-*+]\s+|\d+[.)]\s+)?[`*_\"']*([^:\n]{1,60}?)[`*_\"']*\s*(?::|\s[-–—]\s)", line)
    if head is None or "{" in line:
        return ()
    said = head[1].strip()
    labels = prompt.header.labels or {}
    if said in labels:
        return tuple(labels[said]) or (said,)
    return tuple(one.id for one in policy.categories if said.casefold() in (one.id.casefold(), one.name.casefold()))


def _paragraphs(lines: Sequence[str]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    begin: int | None = None
    for at, line in enumerate([*lines, ""]):
        if line.strip() and begin is None:
            begin = at
        elif not line.strip() and begin is not None:
            found.append((begin, at))
            begin = None
    return found


# ------------------------------------------------------------------------------------------------------- reworded


def _variant(
    prompt: Prompt, name: str, part: Part, what: str, change: Callable[[tuple[Message, ...]], tuple[Message, ...]]
) -> Variant:
    return Variant(name, part, what, (), structs.replace(prompt, messages=change(prompt.messages)))


def _first(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    return (structs.replace(messages[0], template=text + messages[0].template), *messages[1:])


def _marks(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(structs.replace(one, template=_LIST_MARK.sub(r"\1* ", one.template)) for one in messages)


def _spacing(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(structs.replace(one, template=re.sub(r"\n[ \t]*\n", "\n\n\n", one.template)) for one in messages)


def _reversed_lists(prompt: Prompt, policy: Policy) -> Variant:
    """Lines that list categories or labels, in the opposite order."""
    messages = list(prompt.messages)
    for at, message in enumerate(messages):
        lines = message.template.split("\n")
        for first, end in _paragraphs(lines):
            places = [number for number in range(first, end) if _named(lines[number], prompt, policy)]
            if len(places) >= 2:
                said = [lines[number] for number in places]
                for number, line in zip(places, reversed(said), strict=True):
                    lines[number] = line
        messages[at] = structs.replace(message, template="\n".join(lines))
    changed = structs.replace(prompt, messages=tuple(messages))
    return Variant("list-reversed", "order", "the list of categories from its end", (), changed)


def _reversed_categories(prompt: Prompt, policy: Policy) -> Variant | None:
    asked = prompt.header.categories or tuple(policy.category_ids)
    if prompt.header.per == "category" or not any("categories" in one.template for one in prompt.messages):
        return None
    header = structs.replace(prompt.header, categories=tuple(reversed(asked)))
    changed = structs.replace(prompt, header=header)
    return Variant("categories-reversed", "order", "the policy's categories from their end", (), changed)


def _reversed_examples(prompt: Prompt) -> Variant:
    header = structs.replace(prompt.header, examples=tuple(reversed(prompt.header.examples)))
    pairs = example_turns(prompt)
    messages = list(prompt.messages)
    places = [next(at for at, one in enumerate(messages) if one is pair[0]) for pair in pairs]
    for at, pair in zip(places, reversed(pairs), strict=True):
        messages[at : at + 2] = pair
    return Variant("examples-reversed", "order", "the examples from their end", (), Prompt(header, tuple(messages)))


# ---------------------------------------------------------------------------------------------------------- both


def _with(prompt: Prompt, at: int, template: str) -> Prompt:
    """The prompt with another text for one of its messages."""
    changed = structs.replace(prompt.messages[at], template=template)
    return structs.replace(prompt, messages=(*prompt.messages[:at], changed, *prompt.messages[at + 1 :]))


def _is_other(one: Prompt, prompt: Prompt) -> bool:
    return one.header != prompt.header or [m.template for m in one.messages] != [m.template for m in prompt.messages]


def _is_valid(prompt: Prompt, policy: Policy) -> bool:
    """Whether it is still a prompt that shows the item and fits the policy."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            compile_prompt(write_prompt(prompt, Path(folder) / "variant.md"), policy)
        except HarnessError:
            return False
    return True
