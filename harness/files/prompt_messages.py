"""A prompt compiled for a policy: messages for one item.

Decides what a template may see of an item, and that what does not depend on the item is rendered once. Item text is
data: it is only ever a value of a template, never a template, and labels, votes and weights cannot be reached. Which
templates are safe is decided in ``sandbox``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from harness.errors import raise_all
from harness.files.prompt_header import prompt_categories, prompt_policy_faults
from harness.files.sandbox import Template, compile_template
from harness.records import Category, Item, Loaded, Policy, Prompt

MAX_RENDERED_CHARS = 1_000_000
_SHOWS_ITEM = re.compile(
    r"""\bitem\s*(?:\.\s*(?:text|context|modalities)\b|\[\s*["'](?:text|context|modalities)["'])"""
)
_SHOWS_MODALITIES = re.compile(r"""\bitem\s*(?:\.\s*modalities\b|\[\s*["']modalities["'])""")
_SHOWS_TEXT = re.compile(r"""\bitem\s*(?:\.\s*text\b|\[\s*["']text["'])""")


def compile_prompt(prompt: Loaded[Prompt] | Prompt, policy: Policy) -> CompiledPrompt:
    """Check a prompt against a policy and compile its messages."""
    loaded = prompt if isinstance(prompt, Loaded) else Loaded(prompt, Path(f"{prompt.header.prompt}.md"), "")
    if loaded.sha256:
        raise_all(prompt_policy_faults(loaded, policy))
    return CompiledPrompt(loaded, policy)


def shows_item(template: str) -> bool:
    """Whether a template, or a line of one, shows something of the item."""
    return _SHOWS_ITEM.search(template) is not None


class CompiledPrompt:
    """Renders the messages of a prompt; what does not depend on the item is rendered once."""

    def __init__(self, prompt: Loaded[Prompt], policy: Policy) -> None:
        self.header = prompt.value.header
        self.policy = policy
        self.category_ids = prompt_categories(self.header, policy)
        self.categories: tuple[Category, ...] = tuple(policy.category(name) for name in self.category_ids)
        self.shows_text = any(_SHOWS_TEXT.search(message.template) for message in prompt.value.messages)
        self.shows_item = any(shows_item(message.template) for message in prompt.value.messages)
        self.shows_modalities = any(_SHOWS_MODALITIES.search(message.template) for message in prompt.value.messages)
        self._prompt = prompt
        self._compiled: dict[str | None, list[tuple[str, str | Template]]] = {}
        for category in self.category_ids if self.header.per == "category" else (None,):
            self._messages(category)

    def render(self, item: Item, category: str | Category | None = None) -> list[dict[str, str]]:
        """Messages for one item, as the chat API takes them.

        ``category`` is given exactly when the prompt is ``per: category``.
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


class _Nothing(tuple[()]):
    """A modality that an item does not have: nothing to print, and nothing to loop over."""

    __slots__ = ()

    def __str__(self) -> str:
        return ""


_NOTHING = _Nothing()


class ItemView:
    """What a template may see of an item: everything but the gold."""

    __slots__ = ("context", "group", "id", "images", "meta", "modalities", "slices", "text")

    def __init__(self, item: Item) -> None:
        self.id = item.id
        self.text = item.text
        self.context = item.context
        self.meta = item.meta
        self.slices = item.slices
        self.group = item.group
        self.images = item.images
        self.modalities = {name: _NOTHING if part is None else part for name, part in item.modalities.items()}
