"""What a prompt is made of: how large each part of its request is, and policy text in it that went out of date.

Decides which part of a rendered prompt counts as what. Sizes are bytes or tokens, told apart by rendering the prompt
again with a part left out: what disappears is the part's. Where a template cannot do without it, its text counts as
instructions.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from harness.errors import HarnessError
from harness.files.prompt_messages import CompiledPrompt, compile_prompt
from harness.records import Item, Loaded, Message, Policy, Prompt

PARTS = ("instructions", "policy text", "examples", "item")
NEAR = 0.7
"""Share of words from which a line of a prompt is a copy of a definition that was changed since."""
LEAST_WORDS = 5
_WORD = re.compile(r"\w+")


def n_bytes(text: str) -> int:
    """Bytes of a text."""
    return len(text.encode("utf-8", "replace"))


def part_sizes(
    prompt: Loaded[Prompt],
    policy: Policy,
    item: Item,
    category: str | None = None,
    *,
    measure: Callable[[str], int] = n_bytes,
) -> dict[str, int]:
    """Sizes of a request's messages by part, in the order of ``PARTS``; they add up to the whole."""
    whole = _size(prompt, policy, item, category, measure)
    if whole is None:
        return dict.fromkeys(PARTS, 0)
    bare = structs.replace(item, text="" if item.text is not None else None, context=None)
    without_item = _size(prompt, policy, bare, category, measure)
    value = prompt.value
    lean = structs.replace(value, header=structs.replace(value.header, examples=()))
    without_examples = _size(structs.replace(prompt, value=lean), policy, item, category, measure)
    empty = tuple(structs.replace(one, definition="", allowed=()) for one in policy.categories)
    without_policy = _size(prompt, structs.replace(policy, categories=empty), item, category, measure)
    turns = sum(measure(message.template) for pair in example_turns(prompt.value) for message in pair)
    sizes = {
        "policy text": 0 if without_policy is None else whole - without_policy,
        "examples": turns + (0 if without_examples is None else whole - without_examples),
        "item": 0 if without_item is None else whole - without_item,
    }
    return {name: sizes.get(name, whole - sum(sizes.values())) for name in PARTS}


def example_turns(prompt: Prompt) -> list[tuple[Message, Message]]:
    """Few-shot examples written as turns: a user message that shows no item, and the assistant's answer to it."""
    turns = zip(prompt.messages, prompt.messages[1:], strict=False)
    return [
        (asked, answered)
        for asked, answered in turns
        if (asked.role, answered.role) == ("user", "assistant") and "{{" not in asked.template
    ]


def _size(
    prompt: Loaded[Prompt], policy: Policy, item: Item, category: str | None, measure: Callable[[str], int]
) -> int | None:
    try:
        compiled: CompiledPrompt = compile_prompt(structs.replace(prompt, sha256=""), policy)
        return sum(measure(message["content"]) for message in compiled.render(item, category))
    except HarnessError:
        return None


@dataclass(frozen=True, slots=True)
class StaleText:
    """A line of a prompt that says a category's definition as it once was."""

    line: int
    category: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


def stale_texts(prompt: Prompt, policy: Policy) -> Iterator[StaleText]:
    """Copies of definitions in a prompt that the policy words otherwise now.

    A line that says a definition in its own short words is no copy: most words must be the policy's, and in its order.
    """
    definitions: Mapping[str, list[str]] = {category.id: _words(category.definition) for category in policy.categories}
    for message in prompt.messages:
        for offset, line in enumerate(message.template.split("\n")):
            if "{{" in line or "{%" in line:
                continue
            found = _nearest(_words(line), definitions)
            if found is not None:
                category, added, removed = found
                yield StaleText(message.line + offset, category, added, removed)


def _nearest(
    said: list[str], definitions: Mapping[str, list[str]]
) -> tuple[str, tuple[str, ...], tuple[str, ...]] | None:
    best: tuple[float, str, list[Any]] | None = None
    for category, words in definitions.items():
        if len(words) < LEAST_WORDS or len(said) < LEAST_WORDS:
            continue
        matcher = difflib.SequenceMatcher(None, words, said, autojunk=False)
        if matcher.real_quick_ratio() < NEAR or matcher.quick_ratio() < NEAR:
            continue
        share = sum(block.size for block in matcher.get_matching_blocks()) / len(words)
        if share >= NEAR and matcher.ratio() >= NEAR and (best is None or share > best[0]):
            best = (share, category, matcher.get_opcodes())
    if best is None:
        return None
    _, category, steps = best
    words = definitions[category]
    changed = [step for step in steps if step[0] != "equal"]
    # Words before the first and after the last one in common are the line's own: a name, a list mark, a remark.
    removed = tuple(" ".join(words[a:b]) for _, a, b, _, _ in changed if b > a)
    inner = [step for step in changed if 0 < step[1] < len(words)]
    added = tuple(" ".join(said[c:d]) for _, _, _, c, d in inner if d > c)
    return (category, added, removed) if removed or added else None


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]
