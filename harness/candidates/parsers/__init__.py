"""Parsers of answers, by the name a prompt gives under ``answer``.

The built-in ones are entry points of the group ``harness.parsers`` like any other.
"""

from __future__ import annotations

from harness.candidates.parsers.base import ParseContext, Parsed, Parser, Token
from harness.candidates.parsers.guards import GPT_OSS_SAFEGUARD, LLAMA_GUARD, WILDGUARD
from harness.candidates.parsers.json_answer import JSON
from harness.candidates.parsers.label import LABEL
from harness.candidates.parsers.yes_no import SHIELDGEMMA, YES_NO
from harness.candidates.plugins import find_plugin, source_hash
from harness.errors import HarnessError

GROUP = "harness.parsers"

PARSERS: dict[str, Parser] = {
    "json": JSON,
    "yes_no": YES_NO,
    "label": LABEL,
    "llama_guard": LLAMA_GUARD,
    "shieldgemma": SHIELDGEMMA,
    "wildguard": WILDGUARD,
    "gpt_oss_safeguard": GPT_OSS_SAFEGUARD,
}

__all__ = ["GROUP", "PARSERS", "ParseContext", "Parsed", "Parser", "Token", "load_parser"]


def load_parser(name: str) -> Parser:
    """The parser a prompt names: built in, installed, or ``package.module:callable``."""
    found, version = find_plugin(GROUP, name, PARSERS, what="parser")
    if isinstance(found, Parser):
        return found
    if not callable(found):
        raise HarnessError(
            f"parser '{name}' is a {type(found).__name__}",
            allowed="a Parser, or a callable of (text, context) that returns Parsed",
            next_step="name such an object",
        )
    return Parser(found, version=version or f"{getattr(found, 'version', 1)}-{source_hash(name, found)}")
