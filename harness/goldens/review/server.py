"""Answers the requests of ``harness review`` on 127.0.0.1.

Decides which requests are honoured. The Host header must be this server's own address, so that a name that was rebound
to it reads nothing; every page and call needs the reviewer's secret from the link that the terminal prints; a decision
must come from this very page: own Origin, JSON, and a header that another origin cannot send without being refused
before. What a request may say is decided by the session.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from aiohttp import web

from harness.errors import HarnessError
from harness.goldens.local_pages import PAGE_HEADERS
from harness.goldens.review.session import ConflictError, RefusedError, Session

ADDRESS = "127.0.0.1"
HEADER = "X-Review"
MAX_BODY = 20_000
IMAGE_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
               ".webp": "image/webp"}  # fmt: skip
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ReviewServer:
    """One process, one review, one secret link for each reviewer."""

    def __init__(self, session: Session, reviewers: tuple[str, ...]) -> None:
        self._session = session
        self._names = {secrets.token_urlsafe(24): name for name in reviewers}
        self.port = 0

    @property
    def links(self) -> dict[str, str]:
        """Reviewer -> address of their page."""
        return {name: f"http://{ADDRESS}:{self.port}/{secret}/" for secret, name in self._names.items()}

    def app(self) -> web.Application:
        """The application; it listens nowhere by itself."""
        app = web.Application(middlewares=[self._guard], client_max_size=MAX_BODY)
        base = "/{secret}"
        app.add_routes(
            [
                web.get(f"{base}/", self._page),
                web.get(f"{base}/state", self._state),
                web.get(f"{base}/item/{{at:\\d+}}", self._item),
                web.get(f"{base}/content/{{at:\\d+}}", self._content),
                web.get(f"{base}/image/{{at:\\d+}}/{{number:\\d+}}", self._image),
                web.post(f"{base}/decide", self._decide),
                web.post(f"{base}/undo", self._undo),
            ]
        )
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await self._guarded(request, handler)
        response.headers.update(PAGE_HEADERS)
        return response

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        origins = {f"http://{host}:{self.port}" for host in (ADDRESS, "localhost")}
        if f"http://{request.host}" not in origins:
            return _refusal(403, "This review answers only to 127.0.0.1 and localhost.")
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return _refusal(403, "This review answers only to its own page.")
        if request.method not in ("GET", "POST"):
            return _refusal(405, "This review knows GET and POST.")
        name = self._name(request.path.split("/")[1])
        if name is None:
            return _refusal(403, "Open the link that the terminal printed.")
        if request.method == "POST":
            is_own = request.headers.get("Origin") == f"http://{request.host}"
            if not is_own or request.headers.get(HEADER) != "1" or request.content_type != "application/json":
                return _refusal(403, "A decision comes from the page of this review, and from nowhere else.")
        try:
            return await handler(request)
        except ConflictError:
            return _json(409, {"conflict": True})
        except RefusedError as error:
            return _refusal(400, str(error))
        except HarnessError as error:
            return _refusal(500, str(error))

    def _reviewer(self, request: web.Request) -> str:
        name = self._name(request.path.split("/")[1])
        if name is None:
            raise RefusedError("open the link that the terminal printed")
        return name

    def _name(self, given: str) -> str | None:
        found = None
        for secret, name in self._names.items():  # every one is compared, in the same time
            if secrets.compare_digest(secret.encode(), given.encode("utf-8", "replace")):
                found = name
        return found

    # ---------------------------------------------------------------------------------------------------- requests

    async def _page(self, request: web.Request) -> web.Response:
        style, script = _asset("review.css"), _asset("review.js")
        page = _asset("page.html").replace("/*style*/", style).replace("/*script*/", script)
        policy = (
            f"default-src 'none'; script-src {_hashed(script)}; style-src {_hashed(style)}; img-src 'self' data:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def _state(self, request: web.Request) -> web.Response:
        return _json(200, self._session.state(self._reviewer(request)))

    async def _item(self, request: web.Request) -> web.Response:
        return _json(200, self._session.item(self._reviewer(request), _number(request, "at")))

    async def _content(self, request: web.Request) -> web.Response:
        return _json(200, self._session.content(_number(request, "at")))

    async def _image(self, request: web.Request) -> web.StreamResponse:
        path = self._session.image(_number(request, "at"), _number(request, "number"))
        kind = IMAGE_TYPES.get(path.suffix.lower())
        if kind is None:
            raise RefusedError("no such image")
        return web.Response(body=path.read_bytes(), content_type=kind)

    async def _decide(self, request: web.Request) -> web.Response:
        said = await _body(request)
        at, category, action, label = said.get("at"), said.get("category"), said.get("action"), said.get("label")
        seen, reason, seconds = said.get("seen"), said.get("reason", ""), said.get("seconds")
        if type(at) is not int or not isinstance(category, str) or not isinstance(action, str):
            raise RefusedError("at, category and action are needed")
        if not isinstance(reason, str) or type(label) not in (int, type(None)) or type(seen) not in (str, type(None)):
            raise RefusedError("label is 1, 0 or null")
        is_time = isinstance(seconds, int | float) and math.isfinite(seconds)  # NaN is no JSON
        return _json(
            200,
            self._session.decide(
                self._reviewer(request), at, category, action, label, seen=seen, reason=reason,
                seconds=float(seconds) if is_time else None,  # type: ignore[arg-type]
            ),
        )  # fmt: skip

    async def _undo(self, request: web.Request) -> web.Response:
        seen = (await _body(request)).get("seen")
        if type(seen) not in (str, type(None)):
            raise RefusedError("seen is an id")
        return _json(200, self._session.undo(self._reviewer(request), seen))


async def serve(server: ReviewServer, port: int, on_ready: Callable[[Mapping[str, str]], None]) -> None:
    """Listen on 127.0.0.1 until cancelled."""
    import asyncio

    runner = web.AppRunner(server.app(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, ADDRESS, port)
        await site.start()
        server.port = int(runner.addresses[0][1])
        on_ready(server.links)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        said = await request.json()
    except (ValueError, UnicodeDecodeError):
        raise RefusedError("one JSON object is needed") from None
    if not isinstance(said, dict):
        raise RefusedError("one JSON object is needed")
    return said


def _number(request: web.Request, name: str) -> int:
    written = request.match_info[name]
    return int(written) if len(written) < 10 else -1


def _json(status: int, data: Any) -> web.Response:
    text = json.dumps(data, ensure_ascii=True, default=str)
    return web.Response(status=status, text=text, content_type="application/json")


def _refusal(status: int, message: str) -> web.Response:
    return web.Response(status=status, text=message + "\n", content_type="text/plain")


@cache
def _asset(name: str) -> str:
    return (resources.files("harness") / "goldens" / "review" / "page" / name).read_text(encoding="utf-8")


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def image_root(items_path: Path | None) -> Path | None:
    """Where the images of a set lie: beside its items."""
    return None if items_path is None else items_path.parent
