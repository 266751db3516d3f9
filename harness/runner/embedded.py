"""Calls to the embedded model: its server is started by the first call that reaches it, and by no other.

A run answered wholly from the journal therefore never loads the weights.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from harness.embedded.server import EmbeddedServer
from harness.embedded.weights import QWEN_CODER, Progress, find_weights
from harness.records import Model
from harness.runner.endpoint import FREE, Endpoint
from harness.runner.transport import RawResponse, Transport


def embedded_endpoint(
    model_id: str, model: Model, on_progress: Progress | None = None
) -> tuple[Endpoint, EmbeddedServer]:
    """The endpoint of an embedded model, known by its weights, and the server that will answer it.

    The pinned model's weights are looked for, joined or downloaded when the server starts, not here.
    """
    named = find_weights(model.gguf, on_progress=on_progress) if model.gguf else None
    endpoint = Endpoint(
        model_id,
        "embedded:",
        limits=model.limits,
        price=model.price or FREE,
        identity=f"embedded:sha256:{named.sha256 if named else QWEN_CODER.sha256}",
    )
    return endpoint, EmbeddedServer(named, on_progress=on_progress)


class EmbeddedTransport:
    """Sends calls for embedded models to their own servers, all others onward.

    Args:
        on_start: Called before a model is looked for and loaded.
        is_kept: Whether servers run on after the end: whoever makes many runs stops them.
    """

    def __init__(
        self,
        inner: Transport,
        servers: Mapping[str, EmbeddedServer],
        on_start: Callable[[], None] | None = None,
        *,
        is_kept: bool = False,
    ) -> None:
        self._inner = inner
        self._is_kept = is_kept
        self._servers = servers
        self._on_start = on_start
        self._started: dict[str, Endpoint] = {}
        self._lock = asyncio.Lock()

    async def post(self, endpoint: Endpoint, route: str, body: bytes, timeout_s: float) -> RawResponse:
        """Make one call, after starting the server it needs."""
        server = self._servers.get(endpoint.model_id)
        if server is not None:
            endpoint = self._started.get(endpoint.model_id) or await self._start(endpoint, server)
        return await self._inner.post(endpoint, route, body, timeout_s)

    async def close(self) -> None:
        """Close connections, then stop the servers that are not to be kept."""
        await self._inner.close()
        for server in () if self._is_kept else self._servers.values():
            await asyncio.to_thread(server.stop)

    async def _start(self, endpoint: Endpoint, server: EmbeddedServer) -> Endpoint:
        async with self._lock:
            if endpoint.model_id not in self._started:
                if self._on_start is not None and not server.is_running:
                    self._on_start()
                await asyncio.to_thread(server.start)
                self._started[endpoint.model_id] = replace(
                    endpoint,
                    url_base=server.base_url,
                    headers={"authorization": f"Bearer {server.api_key}"},
                    secrets=(server.api_key,),
                )
            return self._started[endpoint.model_id]
