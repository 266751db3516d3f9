"""What a wire is, and what all wires do alike to messages and parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import orjson
from msgspec import Struct, field

LEFT_OUT = frozenset({"model", "messages", "stream", "n"})
_DATA_URL = re.compile(r"data:(image/[a-z]+);base64,(.*)", re.DOTALL)


class Sent(Struct, frozen=True, gc=False):
    """What goes out.

    Attributes:
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


class Image(NamedTuple):
    """A picture in a message: its type, and its bytes as base64."""

    media_type: str
    data: str


Part = str | Image


class Asked(Struct, frozen=True, gc=False):
    """A chat request taken apart.

    Attributes:
        system: The system messages, joined; empty for none.
        turns: Roles ``user`` and ``assistant`` in turn, each with its texts and images in order: neighbours of one role
            are one turn, and neighbouring texts one text.
    """

    model: str
    system: str
    turns: tuple[tuple[str, tuple[Part, ...]], ...]
    params: dict[str, Any]


def asked_in(body: bytes) -> Asked:
    """Take a chat completions body apart."""
    fields = orjson.loads(body)
    system: list[str] = []
    turns: list[tuple[str, list[Part]]] = []
    for message in fields["messages"]:
        role, parts = message["role"], _parts(message["content"])
        if role == "system":
            system += [part for part in parts if isinstance(part, str)]
            continue
        if not turns or turns[-1][0] != role:
            turns.append((role, []))
        for part in parts:
            before = turns[-1][1]
            if isinstance(part, str) and before and isinstance(before[-1], str):
                before[-1] = f"{before[-1]}\n\n{part}"
            else:
                before.append(part)
    params = {name: value for name, value in fields.items() if name not in LEFT_OUT}
    return Asked(fields["model"], "\n\n".join(system), tuple((role, tuple(parts)) for role, parts in turns), params)


def _parts(content: Any) -> list[Part]:
    """The content of a message: a text, or content parts, whose pictures carry their bytes."""
    if isinstance(content, str):
        return [content]
    found: list[Part] = []
    for part in content:
        url = _DATA_URL.fullmatch(part["image_url"]["url"]) if part["type"] == "image_url" else None
        found.append(part["text"] if url is None else Image(url[1], url[2]))
    return found


def stops(value: Any) -> list[str]:
    """``stop`` is one string or several; everybody else wants a list."""
    return [value] if isinstance(value, str) else list(value or ())
