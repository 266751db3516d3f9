"""Why answers could not be used: the commonest reasons of a candidate, and one example of what came back.

Decides what is counted and shown; which outcome an answer has is decided by the candidates. Texts are the server's:
they are printed only through ``errors.printable``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson

from harness.errors import printable
from harness.records.answers import HUMAN, Prediction
from harness.runner.cache import ResponseCache

COUNTED = frozenset({"unparsed", "refused", "blocked", "rejected", "error"})
SHOWN = 3
MOST_REASONS = 1000
EXAMPLE_CHARACTERS = 200


class Failures:
    """Counts the failed rows of every candidate."""

    def __init__(self) -> None:
        self._reasons: dict[str, Counter[str]] = {}
        self._examples: dict[str, tuple[str, str | None]] = {}

    def add(self, row: Prediction) -> None:
        """Count one row."""
        answer = row.answer
        if answer.outcome not in COUNTED:
            return
        counted = self._reasons.setdefault(row.candidate, Counter())
        reason = f"{answer.outcome}: {answer.error}" if answer.error else answer.outcome
        counted[reason if reason in counted or len(counted) < MOST_REASONS else f"{answer.outcome}: other"] += 1
        if row.candidate not in self._examples and row.response_key:
            self._examples[row.candidate] = (row.response_key.split(" ")[0], answer.rationale)

    def reasons(self) -> dict[str, dict[str, int]]:
        """Per candidate, the commonest reasons and their rows, most frequent first."""
        return {
            name: dict(sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:SHOWN])
            for name, counted in self._reasons.items()
        }

    def examples(self, counts: Mapping[str, Mapping[str, int]], cache: ResponseCache) -> dict[str, str]:
        """What came back, of candidates without one usable answer."""
        found: dict[str, str] = {}
        for name, (key, rationale) in self._examples.items():
            if is_all_failed(counts.get(name, {})):
                stored = cache.get_many([bytes.fromhex(key)])
                texts = [said(one.body) for one in stored.values()] or ([rationale] if rationale else [])
                if texts:
                    found[name] = " ".join(printable(texts[0]).split())[:EXAMPLE_CHARACTERS]
        return found


def is_all_failed(outcomes: Mapping[str, int]) -> bool:
    """Whether a candidate was asked, and nothing that came back could be used.

    >>> is_all_failed({"unparsed": 3, "withheld": 1}), is_all_failed({"unparsed": 3, "ok": 1}), is_all_failed({})
    (True, False, False)
    """
    n_failed = sum(outcomes.get(outcome, 0) for outcome in COUNTED)
    return n_failed > 0 and not any(outcomes.get(one, 0) for one in ("ok", "abstained", HUMAN))


def said(body: bytes) -> str:
    """The words of an answer: the message's text where there is one, else the body itself."""
    try:
        document: Any = orjson.loads(body)
        choice = document["choices"][0]
        content = choice["message"]["content"]
        if isinstance(content, str) and content.strip():
            return content
        return f"finish_reason {choice.get('finish_reason')}, message {orjson.dumps(choice['message']).decode()}"
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return body.decode("utf-8", "replace")
