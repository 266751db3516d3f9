"""Native wires: a chat request as Anthropic, Gemini and Bedrock take it.

Candidates write one kind of request, the chat completions body; it is the journal's key. For a model whose provider
speaks another language, its wire says the same in that language when the call is made. Answers are not translated:
``candidates.shapes`` reads every provider's own, and the journal keeps them as they came.

A new wire is one file and one line in the table of providers (``runner.endpoint.NATIVE``).
"""

from __future__ import annotations

from harness.runner.wires.anthropic import ANTHROPIC
from harness.runner.wires.base import Sent, Wire
from harness.runner.wires.gemini import GEMINI

__all__ = ["ANTHROPIC", "GEMINI", "Sent", "Wire"]
