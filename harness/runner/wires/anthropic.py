"""Anthropic messages.

Decides how a chat request becomes ``POST /v1/messages``: system messages stand apart, ``max_tokens`` must be there,
``stop`` is ``stop_sequences``. All other parameters go as they are written, so that ``thinking`` or ``top_k`` need no
word here; one that the endpoint does not know comes back as its own message.

Source: docs.anthropic.com/en/api/messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from harness.runner.wires.base import Image, Part, Sent, asked_in, stops

VERSION_HEADER = "2023-06-01"
MOST_TOKENS = 1024
"""Sent where models.yaml says no ``max_tokens``, which the endpoint requires."""


class AnthropicWire:
    """Messages of Anthropic."""

    name = "anthropic-1"

    def sent(self, url_base: str, body: bytes) -> Sent:
        """What goes out for a chat completions body."""
        asked = asked_in(body)
        params = asked.params
        fields: dict[str, Any] = {
            "model": asked.model,
            "max_tokens": params.pop("max_completion_tokens", None) or params.pop("max_tokens", None) or MOST_TOKENS,
            "messages": [{"role": role, "content": _content(parts)} for role, parts in asked.turns],
        }
        if asked.system:
            fields["system"] = asked.system
        if "stop" in params:
            fields["stop_sequences"] = stops(params.pop("stop"))
        params.pop("max_tokens", None)
        return Sent("messages", orjson.dumps({**fields, **params}))


def _content(parts: Sequence[Part]) -> Any:
    """A text alone as it stands; else blocks."""
    if len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    return [{"type": "text", "text": part} if isinstance(part, str) else _image(part) for part in parts]


def _image(image: Image) -> dict[str, Any]:
    source = {"type": "base64", "media_type": image.media_type, "data": image.data}
    return {"type": "image", "source": source}


ANTHROPIC = AnthropicWire()
