"""A server on loopback whose answers are one function of what it is asked; it keeps what that was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass(frozen=True)
class Asked:
    """One request: its path, headers by their small names, and body."""

    path: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return orjson.loads(self.raw)

    @property
    def texts(self) -> list[Any]:
        """What its messages say."""
        return [one["content"] for one in self.body["messages"]]


def completion(text: str, finish: str = "stop", *, n_in: int = 9, n_out: int = 1) -> dict[str, Any]:
    """A chat completion with this text."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": n_in, "completion_tokens": n_out, "total_tokens": n_in + n_out}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StubServer

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, raw)
        with self.server.lock:
            self.server.seen.append(asked)
        told = self.server.answer(asked)
        status, headers, document = told if isinstance(told, tuple) else (200, {}, told)
        data = document if isinstance(document, bytes) else orjson.dumps(document)
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers, "content-length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


class StubServer(ThreadingHTTPServer):
    """Answers each POST by ``answer``: with a document, or with status, headers and document."""

    def __init__(self, answer: Callable[[Asked], Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.lock = answer, threading.Lock()
        self.seen: list[Asked] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def times(self, asked: Asked) -> int:
        """How often the same was asked, this time included."""
        return sum(one.raw == asked.raw for one in self.seen)

    def __enter__(self) -> StubServer:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
