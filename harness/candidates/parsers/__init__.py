"""Parsers of answers, by the name a prompt gives under ``answer``.

A new parser is one file and one line in the table; another package lists its own under the entry point group
``harness.parsers``, and both come in by the same door.
"""

from __future__ import annotations

from pathlib import Path

from harness.candidates.parsers.base import ParseContext, Parsed, Parser, Token
from harness.errors import HarnessError
from harness.files.doors import Door, source_hash

GROUP = "harness.parsers"

PARSERS = Door(
    GROUP,
    "parser",
    {
        "json": "harness.candidates.parsers.json_answer:JSON",
        "yes_no": "harness.candidates.parsers.yes_no:YES_NO",
        "label": "harness.candidates.parsers.label:LABEL",
        "llama_guard": "harness.candidates.parsers.guards:LLAMA_GUARD",
        "shieldgemma": "harness.candidates.parsers.yes_no:SHIELDGEMMA",
        "wildguard": "harness.candidates.parsers.guards:WILDGUARD",
        "gpt_oss_safeguard": "harness.candidates.parsers.guards:GPT_OSS_SAFEGUARD",
        "granite_guardian": "harness.candidates.parsers.guard_lines:GRANITE_GUARDIAN",
        "nemotron": "harness.candidates.parsers.guard_lines:NEMOTRON",
        "qwen3guard": "harness.candidates.parsers.guard_lines:QWEN3GUARD",
        "polyguard": "harness.candidates.parsers.guard_lines:POLYGUARD",
        "cope": "harness.candidates.parsers.guard_lines:COPE",
    },
)

__all__ = ["GROUP", "PARSERS", "ParseContext", "Parsed", "Parser", "Token", "load_parser"]


def load_parser(name: str, *, folder: Path | None = None) -> Parser:
    """The parser a prompt names: built in, installed, or ``package.module:callable``."""
    found, version = PARSERS.load(name, folder=folder)
    if isinstance(found, Parser):
        return found
    if not callable(found):
        raise HarnessError(
            f"parser '{name}' is a {type(found).__name__}",
            allowed="a Parser, or a callable of (text, context) that returns Parsed",
            next_step="name such an object",
        )
    return Parser(found, version=version or f"{getattr(found, 'version', 1)}-{source_hash(name, found)}")
