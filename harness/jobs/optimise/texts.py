"""What of a prompt an optimiser may change: the words before the item, message by message.

Decides which texts these are and whether a proposal is a prompt at all. The rest of each message (the item, what stands
after it), examples written as turns and the front matter stay as they are.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import structs

from harness.candidates.prompt_parts import example_turns
from harness.errors import HarnessError
from harness.files.prompt_messages import compile_prompt, shows_item
from harness.files.text import joined
from harness.jobs.prompt_variants import write_prompt
from harness.records import Message, Policy, Prompt

_HEADING = re.compile(r"^# (system|user|assistant)[ \t]*$", re.MULTILINE)
_FILE = re.compile(r"\S*proposal\.md(:\d+)?:\s*")


def changeable(prompt: Prompt) -> dict[str, str]:
    """The texts by name: the message's role, with its number where several have the role.

    Raises:
        HarnessError: There is none.
    """
    found = {name: _cut(message)[0] for name, message in _named(prompt).items()}
    found = {name: text for name, text in found.items() if text}
    if not found:
        raise HarnessError(
            f"prompt '{prompt.header.prompt}' has no words before the item, so there is nothing to optimise",
            allowed="instructions in '# system', or in '# user' before {{ item.text }}",
            next_step="write the instructions above the item",
        )
    return found


def with_texts(prompt: Prompt, texts: Mapping[str, str]) -> Prompt:
    """The prompt with other words in these places.

    Raises:
        HarnessError: A name is none of ``changeable``'s.
    """
    known = changeable(prompt)
    unknown = [name for name in texts if name not in known]
    if unknown:
        raise HarnessError(f"the prompt has no text '{unknown[0]}'", allowed=joined(known))
    places = {id(message): name for name, message in _named(prompt).items()}
    messages = []
    for message in prompt.messages:
        name = places.get(id(message), "")
        if name in texts:
            _, gap, rest = _cut(message)
            message = structs.replace(message, template=(texts[name].strip() + gap + rest).rstrip())
        messages.append(message)
    return structs.replace(prompt, messages=tuple(messages))


def fault(prompt: Prompt, policy: Policy) -> str | None:
    """Why a proposal is no prompt, in words for whoever proposed it; None where it is one."""
    if any(_HEADING.search(message.template) for message in prompt.messages):
        return "a line '# system', '# user' or '# assistant' would begin another message"
    with tempfile.TemporaryDirectory() as folder:
        try:
            read = write_prompt(prompt, Path(folder) / "proposal.md")
            compile_prompt(read, policy)
        except HarnessError as error:
            return _FILE.sub("the prompt ", str(error)).strip()
    if [one.role for one in read.value.messages] != [one.role for one in prompt.messages]:
        return "it is read as other messages than it was written as"
    return None


def _named(prompt: Prompt) -> dict[str, Message]:
    turns = [message for pair in example_turns(prompt) for message in pair]
    kept = [one for one in prompt.messages if one.role != "assistant" and all(one is not turn for turn in turns)]
    roles = [one.role for one in kept]
    return {
        one.role if roles.count(one.role) == 1 else f"{one.role}-{roles[:at].count(one.role) + 1}": one
        for at, one in enumerate(kept)
    }


def _cut(message: Message) -> tuple[str, str, str]:
    """The words before the first line that shows the item, the gap behind them, and the rest."""
    lines = message.template.split("\n")
    first = next((at for at, line in enumerate(lines) if shows_item(line)), len(lines))
    head, rest = "\n".join(lines[:first]), "\n".join(lines[first:])
    text = head.rstrip()
    return text.lstrip(), head[len(text) :] + ("\n" if rest and head else ""), rest
