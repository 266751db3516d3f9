"""The lines of a batch's files.

Decides how a request becomes a line, and what the lines of output and error file say, whatever their order: one answer
for a request (the first where there are two, and an answer before an error), or why there is none. Lines that answer
nothing of this batch, or cannot be read, are counted and change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from harness.candidates.outcomes import effective_status, may_journal, meaning_of
from harness.candidates.said import one_line, redacted
from harness.records.answers import Request
from harness.runner.answers import Stored
from harness.runner.bodies import read_json
from harness.runner.budget import Amount, list_price
from harness.runner.claims import NOTHING_SPENT, Spent
from harness.runner.endpoint import Endpoint
from harness.runner.transport import RawResponse, TransportError
from harness.runner.usage import usage_of

EXPIRED = frozenset({"batch_expired"})


def line_of(key: bytes, request: Request) -> bytes:
    r"""One request of an input file; its id is the journal's key.

    >>> line_of(b"k", Request("m", "/chat/completions", b'{"a":1}'))
    b'{"custom_id":"6b","method":"POST","url":"/v1/chat/completions","body":{"a":1}}\n'
    """
    head = f'{{"custom_id":"{key.hex()}","method":"POST","url":"{url_of(request.route)}","body":'
    return head.encode() + request.body + b"}\n"


def url_of(route: str) -> str:
    """How batches name a route."""
    return f"/v1/{route.lstrip('/')}"


@dataclass(slots=True)
class Brought:
    """What a batch has brought.

    Attributes:
        given: For the run at hand only: refusals of single requests, blocks, and reasons why there is no answer.
        expired: Requests that nobody began in time, that stand in no file, or that met a passing trouble (429, 5xx):
            they may be asked once more.
        spent: Money of all of it.
        n_unpriced: Answers whose model has no price.
        n_odd: Lines that were doubled, of another batch, or could not be read.
    """

    answers: dict[bytes, Stored] = field(default_factory=dict)
    given: dict[bytes, RawResponse | TransportError] = field(default_factory=dict)
    expired: set[bytes] = field(default_factory=set)
    spent: Spent = NOTHING_SPENT
    n_unpriced: int = 0
    n_odd: int = 0


class LineReader:
    """Reads the files of one batch.

    Args:
        most: What each request may cost at most, by key.
    """

    def __init__(self, endpoint: Endpoint, route: str, most: Mapping[bytes, Amount]) -> None:
        self._endpoint = endpoint
        self._route = route
        self._most = most
        self._is_answered: set[bytes] = set()
        self.brought = Brought()

    def read(self, lines: Iterable[bytes]) -> None:
        """Read the lines of one file."""
        for line in lines:
            if line.strip() and not self._read_line(line):
                self.brought.n_odd += 1

    def end(self, why: str, *, is_billed: bool) -> Brought:
        """After all files: requests of which nothing is said, which may have cost something where work was done."""
        for key in self._most.keys() - self._is_answered - self.brought.given.keys():
            self.brought.expired.add(key)
            self.brought.given[key] = TransportError("network", why)
            if is_billed:
                self._unknown(key)
        return self.brought

    def _read_line(self, line: bytes) -> bool:
        try:
            document, _ = read_json(line)
            key = bytes.fromhex(document["custom_id"])
        except (ValueError, KeyError, TypeError):
            return False
        if key not in self._most or key in self._is_answered:
            return False
        response = document.get("response")
        if type(response) is dict and type(response.get("status_code")) is int:
            return self._answered(key, response["status_code"], response.get("body"))
        error = document.get("error")
        said = error if type(error) is dict else {}
        code, message = str(said.get("code") or ""), str(said.get("message") or "no answer, and no reason")
        self.brought.given.setdefault(
            key, TransportError("network", redacted(one_line(f"{code}: {message}".strip(": "))))
        )
        if code in EXPIRED:
            self.brought.expired.add(key)
        return True

    def _answered(self, key: bytes, status: int, body: Any) -> bool:
        content = self._endpoint.redact_bytes(orjson.dumps(body))
        meaning = meaning_of(status, body)
        status = effective_status(status, body, meaning)
        usage = usage_of(body)
        if not 200 <= status < 300:
            if key in self.brought.given:
                return False
            self.brought.given[key] = RawResponse(status, {}, content, body)
            if meaning.is_retryable:
                self.brought.expired.add(key)
            if usage is not None:
                self._count(usage)
            return True
        self._is_answered.add(key)
        self.brought.given.pop(key, None)
        self.brought.expired.discard(key)
        if usage is None:
            self._unknown(key)
        else:
            self._count(usage)
        if may_journal(self._route, body, meaning):
            self.brought.answers[key] = Stored(status, content, 0.0, is_batch=True)
        else:
            self.brought.given[key] = RawResponse(status, {}, content, body, latency_s=0.0)
        return True

    def _count(self, usage: Any) -> None:
        self.brought.n_unpriced += self._endpoint.price is None
        usd = list_price(usage, self._endpoint.price, is_batch=True) or 0.0
        tokens = usage.input_tokens + usage.output_tokens
        self.brought.spent = self.brought.spent.plus(Spent(usd=usd, tokens=tokens))

    def _unknown(self, key: bytes) -> None:
        most = self._most[key]
        one = Spent(unknown_usd=most.usd, unknown_tokens=most.tokens, unknown_calls=1)
        self.brought.spent = self.brought.spent.plus(one)
