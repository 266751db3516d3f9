"""Gemini generateContent.

Decides how a chat request becomes ``POST models/NAME:generateContent``: system messages stand apart, the assistant is
``model``, and parameters stand in ``generationConfig`` under Gemini's names. A parameter in Gemini's own spelling goes
as it is written: ``safetySettings``, ``tools``, ``cachedContent`` and ``labels`` beside the contents, every other one
into ``generationConfig`` (``thinkingConfig``, ``mediaResolution``).

Source: ai.google.dev/api/generate-content.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson

from harness.runner.wires.base import Part, Sent, asked_in, stops

NAMES = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "max_completion_tokens": "maxOutputTokens",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
BESIDE = {"safety_settings": "safetySettings", "cached_content": "cachedContent"}
BESIDE_OWN = frozenset({"safetySettings", "tools", "toolConfig", "cachedContent", "labels"})


class GeminiWire:
    """Contents of Gemini."""

    name = "gemini-1"

    def sent(self, url_base: str, body: bytes) -> Sent:
        """What goes out for a chat completions body."""
        asked = asked_in(body)
        fields: dict[str, Any] = {
            "contents": [
                {"role": "model" if role == "assistant" else "user", "parts": [_part(one) for one in parts]}
                for role, parts in asked.turns
            ]
        }
        if asked.system:
            fields["systemInstruction"] = {"parts": [{"text": asked.system}]}
        config: dict[str, Any] = {}
        for name, value in asked.params.items():
            if name == "stop":
                config["stopSequences"] = stops(value)
            elif name == "response_format":
                config |= _json_config(value)
            elif name == "generationConfig" and isinstance(value, dict):
                config |= value
            elif (beside := BESIDE.get(name, name)) in BESIDE_OWN:
                fields[beside] = value
            else:
                config[NAMES.get(name, name)] = value
        if config.get("responseLogprobs") is False:
            config.pop("logprobs", None)
        if config:
            fields["generationConfig"] = config
        return Sent(
            f"models/{quote(asked.model.removeprefix('models/'), safe='')}:generateContent", orjson.dumps(fields)
        )


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"text": part}
    return {"inlineData": {"mimeType": part.media_type, "data": part.data}}


def _json_config(value: Any) -> dict[str, Any]:
    schema = value.get("json_schema", {}).get("schema") if isinstance(value, dict) else None
    return {"responseMimeType": "application/json"} | ({"responseJsonSchema": schema} if schema else {})


GEMINI = GeminiWire()
