"""The protocol: files are uploaded, batches made, looked up and found again, and their files read.

Decides what is tried again: everything but the making of a batch, which is looked for among the server's batches before
it is made once more, since an answer that was lost says nothing of whether the batch exists.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from harness.candidates.failure_words import SET_UP_STATUSES
from harness.errors import HarnessError
from harness.runner.batch.lines import url_of
from harness.runner.endpoint import Endpoint
from harness.runner.retry import describe
from harness.runner.transport import RawResponse
from harness.runner.waits import backoff_s, retry_after_s

ATTEMPTS = 6
SHORT_S, LONG_S = 60.0, 1800.0
PAGES = 50
WINDOW = "24h"


class NotMade(Exception):  # noqa: N818
    """Whether the server made a batch is not known."""


class BatchClient:
    """Speaks with one endpoint; a context manager."""

    def __init__(self, endpoint: Endpoint, sleep: Callable[[float], Awaitable[Any]], rng: random.Random) -> None:
        self._endpoint = endpoint
        self._sleep = sleep
        self._rng = rng
        self._session: Any = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def upload(self, path: Path) -> str:
        """Send a file of requests; its id. A file that is sent twice costs nothing."""
        import aiohttp

        def form() -> Any:
            data = aiohttp.FormData()
            data.add_field("purpose", "batch")
            data.add_field("file", path.open("rb"), filename="requests.jsonl", content_type="application/jsonl")
            return data

        return str(self._of(await self._call("POST", "files", make=form, timeout_s=LONG_S), "id", "files"))

    async def make(self, file_id: str, route: str) -> dict[str, Any]:
        """Make the batch of a file, unless it is there."""
        body = orjson.dumps({"input_file_id": file_id, "endpoint": url_of(route), "completion_window": WINDOW})
        for attempt in range(1, ATTEMPTS + 1):
            try:
                made: dict[str, Any] = await self._call("POST", "batches", make=lambda: body, is_repeatable=False)
                return made
            except NotMade:
                await self._sleep(backoff_s(attempt, self._rng))
                if (found := await self.find(file_id)) is not None:
                    return found
        raise self._fault("batches", f"no batch could be made in {ATTEMPTS} attempts")

    async def find(self, file_id: str) -> dict[str, Any] | None:
        """The server's batch of a file, looked for from the newest on; None where there is none."""
        after = ""
        for _ in range(PAGES):
            page = await self._call("GET", f"batches?limit=100{after}")
            batches = [one for one in page.get("data") or [] if isinstance(one, dict)]
            for one in batches:
                if one.get("input_file_id") == file_id:
                    return one
            if not batches or not page.get("has_more"):
                return None
            after = f"&after={batches[-1].get('id')}"
        return None

    async def look(self, batch_id: str) -> dict[str, Any] | None:
        """How a batch stands; None where the server does not know it any more."""
        found: dict[str, Any] | None = await self._call("GET", f"batches/{batch_id}", may_lack=True)
        return found

    async def content(self, file_id: str, to: Path) -> None:
        """Write the content of a file."""
        await self._call("GET", f"files/{file_id}/content", timeout_s=LONG_S, to=to)

    async def _call(
        self,
        method: str,
        route: str,
        *,
        make: Callable[[], Any] = lambda: None,
        timeout_s: float = SHORT_S,
        is_repeatable: bool = True,
        may_lack: bool = False,
        to: Path | None = None,
    ) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            why, asked_s = "", None
            try:
                status, headers, content = await self._once(method, route, make(), timeout_s, to)
            except _network_errors() as error:
                why = self._endpoint.redact(str(error) or type(error).__name__)
            else:
                if 200 <= status < 300:
                    if to is not None:
                        return None
                    return self._document(content, route)
                if status == 404 and may_lack:
                    return None
                failed = RawResponse(status, headers, content)
                said = SET_UP_STATUSES.get(status, "")
                why = f"status {status}{f' ({said})' if said else ''}: {describe(failed)}"
                if status < 500 and status not in (408, 409, 425, 429):
                    raise self._fault(route, why)
                asked_s = retry_after_s(headers, datetime.now(UTC), content)
            if not is_repeatable and not why.startswith("status 429"):
                raise NotMade(why)
            if attempt < ATTEMPTS:
                await self._sleep(max(backoff_s(attempt, self._rng), asked_s or 0.0))
        raise self._fault(route, f"{why}, after {ATTEMPTS} attempts")

    async def _once(
        self, method: str, route: str, data: Any, timeout_s: float, to: Path | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        headers = {"accept": "application/json", "user-agent": "moderation-harness", **self._endpoint.headers}
        if isinstance(data, bytes):
            headers["content-type"] = "application/json"
        path, _, query = route.partition("?")
        url = self._endpoint.url(path)
        if query:
            url += ("&" if "?" in url else "?") + query
        async with self._session.request(
            method,
            url,
            data=data,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            allow_redirects=False,
            proxy=self._endpoint.proxy,
        ) as answer:
            if to is None or not 200 <= answer.status < 300:
                return answer.status, answer.headers, await answer.read()
            with to.open("wb") as file:
                async for piece in answer.content.iter_chunked(1 << 20):
                    file.write(piece)
            return answer.status, answer.headers, b""

    def _document(self, content: bytes, route: str) -> dict[str, Any]:
        try:
            document = orjson.loads(content)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            raise self._fault(route, "the answer is no JSON object")
        return document

    def _of(self, document: Mapping[str, Any], name: str, route: str) -> Any:
        if not document.get(name):
            raise self._fault(route, f"the answer has no {name}")
        return document[name]

    def _fault(self, route: str, found: str) -> HarnessError:
        return HarnessError(
            self._endpoint.redact(f"model '{self._endpoint.model_id}' at {self._endpoint.url_base}/{route}: {found}"),
            allowed="an endpoint with the files and batches of OpenAI's Batch API",
            next_step="correct models.yaml, or leave --batch out; then type the same command again: batches that were "
            "made are found again",
        )


def _network_errors() -> tuple[type[BaseException], ...]:
    import aiohttp

    return (aiohttp.ClientError, OSError)
