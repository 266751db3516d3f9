"""``harness view``: browse runs and reports on this machine."""

from __future__ import annotations

import functools
import os
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import FOLDER, cache_option, note, runs_dir_option, text_option

if TYPE_CHECKING:
    from harness.report.parts.masking import TextMode
    from harness.report.viewer import Viewer

ADDRESS = "127.0.0.1"
MOST_CONNECTIONS = 32
READING_S = 10.0
"""How long a request may take to arrive, and an answer to be taken."""


@click.command("view")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port; 0 takes any free one."
)
@click.option(
    "--reports-dir", type=FOLDER, default=Path("reports"), show_default=True, help="Folder with saved reports."
)
@text_option
@cache_option
@runs_dir_option
def command(port: int, reports_dir: Path, cache_path: Path | None, text_mode: TextMode, runs_dir: str) -> None:
    """Browse runs and reports, and compare any two, in a browser on this machine.

    Listens on 127.0.0.1 only and changes nothing. Stop it with Ctrl-C.

    \b
    Example:
      harness view --port 8765
    """
    from harness import __version__
    from harness.errors import HarnessError
    from harness.jobs.report import load_source, now_text
    from harness.jobs.show import Sources, show_item
    from harness.report.viewer import Viewer
    from harness.runner import default_cache_path

    load = functools.partial(load_source, note=note)
    load_item = functools.partial(show_item, sources=Sources(cache_path or default_cache_path(), os.environ))
    with tempfile.TemporaryDirectory(prefix="harness-view-") as work:
        try:
            server = Server((ADDRESS, port), Handler)
        except OSError as error:
            raise HarnessError(f"port {port}: {error.strerror}", next_step="choose another with --port") from None
        bound = int(server.server_address[1])
        server.viewer = Viewer(
            runs_dir, reports_dir, Path(work), bound, load, now_text, __version__, text_mode, load_item
        )
        click.echo(f"http://{ADDRESS}:{bound}/")
        note("Open it in a browser. Stop with Ctrl-C.")
        with server, suppress(KeyboardInterrupt):
            server.serve_forever()
        note("stopped")


class Server(ThreadingHTTPServer):
    """A server that knows its viewer, and holds no more connections than a browser opens."""

    daemon_threads = True
    viewer: Viewer

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own; beyond the limit, not at all."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away is no fault of ours; anything else is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Hands every request to the viewer."""

    server: Server
    server_version = "harness-view"
    sys_version = ""
    timeout = READING_S

    def setup(self) -> None:
        """Give the request its deadline: one that comes byte by byte is cut off too."""
        super().setup()
        self._deadline = threading.Timer(READING_S, self._cut_off)
        self._deadline.daemon = True
        self._deadline.start()

    def finish(self) -> None:
        """Done with this connection."""
        self._deadline.cancel()
        super().finish()

    def _cut_off(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self) -> None:
        self._deadline.cancel()
        answer = self.server.viewer.respond(self.command, self.path, dict(self.headers.items()))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the terminal quiet."""
