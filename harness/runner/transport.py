"""Transport: one HTTP call, to its end or to a named failure.

Decides what a complete answer is: all bytes of the body, and JSON when the status is 2xx; ``bodies`` says how much is
read and what is JSON. Whether a failure is tried again is decided by ``retry``. aiohttp is imported only when the first
call is made.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, Protocol

from msgspec import Struct

from harness.candidates.meanings import Meaning
from harness.candidates.outcomes import effective_status, meaning_of
from harness.records.answers import CHAT_ROUTE
from harness.runner.bodies import ENCODINGS, MOST_BYTES, TooLarge, Unpacker, read_json
from harness.runner.endpoint import Endpoint

FailureKind = Literal["timeout", "refused", "unreachable", "certificate", "network", "body", "unreadable", "too_large"]
"""``body``: the answer broke off. ``unreadable``: all of it came, was perhaps paid for, and it is no JSON document."""


class RawResponse(Struct, frozen=True):
    """A complete HTTP answer.

    Attributes:
        document: The parsed body of a 2xx answer.
        meaning: What it means, where that was read already.
        latency_s: What the call itself took; None for what the caller measures.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    document: Any = None
    latency_s: float | None = None
    meaning: Meaning | None = None


class TransportError(Exception):
    """A call without a complete answer."""

    def __init__(self, kind: FailureKind, detail: str) -> None:
        self.kind: FailureKind = kind
        self.detail = detail
        super().__init__(f"{kind}: {detail}")


class Transport(Protocol):
    """Whatever makes calls."""

    async def post(self, endpoint: Endpoint, route: str, body: bytes, timeout_s: float) -> RawResponse:
        """Make one call; TransportError when no complete answer came back in time."""

    async def close(self) -> None:
        """Close connections."""


class AiohttpTransport:
    """HTTP over one aiohttp session: no redirects, no cookies, no proxies but the endpoint's own."""

    def __init__(self, concurrency: int, clock: Callable[[], float]) -> None:
        self._concurrency = concurrency
        self._clock = clock
        self._session: Any = None
        self._targets: dict[tuple[str, str], tuple[Any, Any]] = {}

    async def post(self, endpoint: Endpoint, route: str, body: bytes, timeout_s: float) -> RawResponse:
        """Make one call; TransportError when no complete answer came back in time."""
        import aiohttp
        from aiohttp.http_exceptions import HttpProcessingError

        session = self._session or self._open()
        began = self._clock()
        try:
            url, headers, body = self._message(endpoint, route, body)
            async with session.post(
                url, data=body, headers=headers, timeout=_total(timeout_s), allow_redirects=False, proxy=endpoint.proxy
            ) as answer:
                status, answer_headers = answer.status, answer.headers
                content = await _content(answer)
        except (OSError, aiohttp.ClientError, aiohttp.EofStream, HttpProcessingError) as error:
            raise _failure(error, endpoint) from None
        except (ValueError, EOFError, zlib.error, TooLarge) as error:  # of a wrong address; of a body
            raise _failure(error, endpoint) from None
        latency_s = self._clock() - began
        if not 200 <= status < 300:
            return RawResponse(status, answer_headers, content, latency_s=latency_s)
        try:
            document, content = read_json(content)
        except ValueError:
            raise TransportError("unreadable", f"status {status} with {_looks_like(content)}") from None
        meaning = meaning_of(status, document)
        return RawResponse(
            effective_status(status, document, meaning), answer_headers, content, document, latency_s, meaning
        )

    async def close(self) -> None:
        """Close all connections and wait until they are."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    def _message(self, endpoint: Endpoint, route: str, body: bytes) -> tuple[Any, Any, bytes]:
        """Address, headers and body as the endpoint's provider takes them."""
        sent = None if endpoint.wire is None or route != CHAT_ROUTE else endpoint.wire.sent(endpoint.url_base, body)
        route = route if sent is None else sent.route
        url, headers = self._targets.get((endpoint.model_id, route)) or self._target(endpoint, route)
        return (url, headers, body) if sent is None else (url, {**headers, **sent.headers}, sent.body)

    def _open(self) -> Any:
        import aiohttp

        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._concurrency, ttl_dns_cache=300),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )
        return self._session

    def _target(self, endpoint: Endpoint, route: str) -> tuple[Any, Any]:
        """Parse address and headers once per endpoint and route instead of once per call."""
        from multidict import CIMultiDict
        from yarl import URL

        own = {"content-type": "application/json", "accept": "application/json", "accept-encoding": ENCODINGS}
        headers = CIMultiDict({**own, **endpoint.headers})
        headers.setdefault("user-agent", "moderation-harness")
        target = (URL(endpoint.url(route), encoded=True), headers)
        self._targets[(endpoint.model_id, route)] = target
        return target


def _failure(error: Exception, endpoint: Endpoint) -> TransportError:
    """What a call came to that broke off."""
    import aiohttp

    said = endpoint.redact(str(error) or type(error).__name__)
    if isinstance(error, TimeoutError):
        return TransportError("timeout", "no complete answer in time")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return TransportError("certificate", said)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return TransportError("unreachable", said)
    if isinstance(error, aiohttp.ClientConnectorError):
        return TransportError("refused" if isinstance(error.os_error, ConnectionRefusedError) else "network", said)
    if isinstance(error, aiohttp.ClientPayloadError | EOFError):
        return TransportError("body", "the answer ended before its last byte")
    if isinstance(error, TooLarge):
        return TransportError("too_large", f"the answer is longer than {MOST_BYTES // 1024**2} MB")
    if isinstance(error, zlib.error):
        return TransportError("body", "the answer cannot be unpacked")
    if isinstance(error, ValueError):
        return TransportError("unreachable", endpoint.redact(f"{error} (base_url)"))
    return TransportError("network", said)


@lru_cache(maxsize=64)
def _total(timeout_s: float) -> Any:
    """The time that a call may take, as aiohttp wants it; most calls of a run have the same."""
    import aiohttp

    return aiohttp.ClientTimeout(total=timeout_s)


async def _content(answer: Any) -> bytes:
    """The unpacked body, read in pieces unless its length is known to be small."""
    encoding = answer.headers.get("content-encoding", "")
    length = answer.content_length
    if not encoding and length is not None and length <= MOST_BYTES:
        whole: bytes = await answer.read()
        return whole
    try:
        unpacker = Unpacker(encoding)
    except ValueError as error:
        raise TransportError("unreadable", str(error)) from None
    while piece := await answer.content.readany():
        unpacker.add(piece)
    return unpacker.whole()


def _looks_like(content: bytes) -> str:
    if not content.strip():
        return "an empty body"
    if content.lstrip()[:1] == b"<":
        return "a web page instead of a JSON document"
    return "a body that is no JSON document"
