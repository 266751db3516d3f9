"""What a wire is, and what all wires do alike to messages and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

LEFT_OUT = frozenset({"model", "messages", "stream", "n"})


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes out.

    Attributes:
        route: Path behind the endpoint's address.
        body: The body.
        headers: Headers of this one call, beside the endpoint's own: a signature.
    """

    route: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Wire(Protocol):
    """Says a chat request in a provider's own language."""

    @property
    def name(self) -> str:
        """Name and version; part of what the journal knows the endpoint by."""

    def sent(self, url_base: str, body: bytes) -> Sent:
        """What goes out for a chat completions body."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat request taken apart.

    Attributes:
        model: Name of the model.
        system: The system messages, joined; empty for none.
        turns: Roles ``user`` and ``assistant`` in turn, with their texts: neighbours of one role are one turn.
        params: All other fields by name.
    """

    model: str
    system: str
    turns: tuple[tuple[str, str], ...]
    params: dict[str, Any]


def asked_in(body: bytes) -> Asked:
    """Take a chat completions body apart."""
    fields = orjson.loads(body)
    system: list[str] = []
    turns: list[tuple[str, str]] = []
    for message in fields["messages"]:
        role, text = message["role"], message["content"]
        if role == "system":
            system.append(text)
        elif turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]}\n\n{text}")
        else:
            turns.append((role, text))
    params = {name: value for name, value in fields.items() if name not in LEFT_OUT}
    return Asked(fields["model"], "\n\n".join(system), tuple(turns), params)


def stops(value: Any) -> list[str]:
    """``stop`` is one string or several; everybody else wants a list."""
    return [value] if isinstance(value, str) else list(value or ())
