"""``harness view``: browse runs and reports on this machine."""

from __future__ import annotations

import functools
import os
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import cache_option, note, runs_dir_option, text_option

if TYPE_CHECKING:
    from harness.report.parts.masking import TextMode
    from harness.report.viewer import Viewer

ADDRESS = "127.0.0.1"


@click.command("view")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port; 0 takes any free one."
)
@click.option(
    "--reports-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Folder with saved reports.",
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
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            note("stopped")
        finally:
            server.server_close()


class Server(ThreadingHTTPServer):
    """A server that knows its viewer."""

    daemon_threads = True
    viewer: Viewer


class Handler(BaseHTTPRequestHandler):
    """Hands every request to the viewer."""

    server: Server
    server_version = "harness-view"
    sys_version = ""

    def _answer(self) -> None:
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
