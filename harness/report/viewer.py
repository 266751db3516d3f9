"""Answers the requests of ``harness view``: lists runs, makes the report of any two candidates, shows saved reports.

Pure of sockets: a request line and headers in, a response out. Decides which requests are honoured: reading only, and
only for this machine's own names in the Host header, so that no other page can read reports through a renamed host.
"""

from __future__ import annotations

import hashlib
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from harness.errors import HarnessError
from harness.goldens.local_pages import PAGE_HEADERS
from harness.report.parts.assets import SCRIPTS, asset, script, sha256_source
from harness.report.parts.isolation import isolated
from harness.report.parts.masking import TextMode
from harness.report.parts.templates import environment

if TYPE_CHECKING:
    from harness.report.comparison.source import ReportSource
    from harness.report.item.data import ItemSheet
    from harness.runs import Run, RunMeta

_FORMS = "form-action 'self'; base-uri 'none'"
_DATA = re.compile(rb'harnessBlock\("[\w-]+","[A-Za-z0-9+/=]*"\);\n')
"""What stands in the data files beside a report; another script in their place is not served."""
_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8"}

LoadSource = Callable[["Run", str | None, tuple[str, ...], "Run", TextMode | None], tuple["ReportSource", TextMode]]
"""Run, baseline, candidates, the baseline's run, ``--text`` -> source and how text is shown."""
LoadItem = Callable[["Run", str, TextMode], "ItemSheet"]
"""Run, item, how text is shown -> everything that is known of the item."""


@cache
def page_policy() -> str:
    """What any page may do here, whoever wrote it: run the scripts of this version's own pages, and nothing else.

    A report that somebody planted, or edited, is shown without its scripts; so is one of another version.
    """
    scripts = " ".join(sha256_source(script(kind)) for kind in SCRIPTS)
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'unsafe-inline'; img-src data:; "
        f"frame-ancestors 'none'; {_FORMS}"
    )


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back to the browser."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    location: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Every header but the length."""
        headers = {**PAGE_HEADERS, "Content-Type": self.content_type, "Content-Security-Policy": page_policy()}
        return headers if self.location is None else {**headers, "Location": self.location}


@dataclass(slots=True)
class Viewer:
    """One viewer over a folder of runs and a folder of saved reports.

    Attributes:
        reports_dir: Folder whose ``report.html`` and weekly pages are shown.
        work: A folder of the viewer's own, for the pages it makes.
        text_mode: ``--text``; None for the default.
        load_item: How one item of a run is gathered; None shows no items.
    """

    runs_dir: str
    reports_dir: Path
    work: Path
    port: int
    load_source: LoadSource
    now_text: Callable[[], str]
    version: str
    text_mode: TextMode | None = None
    load_item: LoadItem | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def respond(self, method: str, target: str, headers: Mapping[str, str]) -> Response:
        """Answer one request."""
        host = {name.lower(): value for name, value in headers.items()}.get("host", "")
        if host not in (f"127.0.0.1:{self.port}", f"localhost:{self.port}"):
            return _text(403, "This viewer answers only to 127.0.0.1 and localhost.")
        if method not in ("GET", "HEAD"):
            return _text(405, "This viewer only reads.")
        parts = urllib.parse.urlsplit(target)
        path = urllib.parse.unquote(parts.path)
        try:
            return self._route(path, urllib.parse.parse_qs(parts.query))
        except HarnessError as error:
            try:
                return self._listing(400, str(error).splitlines())
            except HarnessError:  # the folder of runs itself cannot be read
                return _text(400, str(error))

    def _route(self, path: str, query: Mapping[str, list[str]]) -> Response:
        if path == "/":
            return self._listing()
        if path == "/compare":
            return self._compare(query)
        kind, _, rest = path.lstrip("/").partition("/")
        key, _, name = rest.partition("/")
        if kind == "run" and self._has_run(key):
            return _file(self.work, f"{self._made((key, None), (key, None))}/{name or 'report.html'}")
        if kind == "item" and self._has_run(key):
            return self._item(key, name, query)
        if kind == "pair" and key.isalnum():
            return _file(self.work, f"{key}/{name or 'report.html'}")
        if kind == "saved" and rest in self._saved_files():
            return _file(self.reports_dir, rest)
        return _missing()

    # ---------------------------------------------------------------------------------------------------- pages

    def _runs(self) -> list[RunMeta]:
        from harness.runs import list_runs

        return list(reversed(list_runs(self.runs_dir)))

    def _has_run(self, run_id: str) -> bool:
        return any(run.run_id == run_id for run in self._runs())

    def _listing(self, status: int = 200, message: list[str] | None = None) -> Response:
        runs = self._runs()
        css = asset("report.css")
        template = environment().get_template("runs.html.jinja")
        page = template.render(
            title="Runs and reports",
            home=self.runs_dir,
            css=Markup(css),
            policy=f"default-src 'none'; style-src {sha256_source(css)}; img-src data:; {_FORMS}",
            message=message or [],
            runs=runs,
            saved=[name for name in self._saved_files() if name.endswith(".html")],
            choices=[
                (key, f"{name} · {run.eval_name} · {run.created_at[:10]} · {run.run_id}")
                for key, (run, name) in _sides(runs).items()
            ],
            version=self.version,
        )
        return Response(status, isolated(page).encode("utf-8"), _TYPES[".html"])

    def _item(self, run_id: str, item_id: str, query: Mapping[str, list[str]]) -> Response:
        """One item whole; its texts are shown when that is asked for, and never where the viewer shows none."""
        from harness.report.item.page import item_page
        from harness.runs import open_run

        if self.load_item is None:
            return _missing()
        mode = self.text_mode or "masked"
        if mode == "masked" and query.get("text") == ["full"]:
            mode = "full"
        with self._lock:
            sheet = self.load_item(open_run(run_id, self.runs_dir), item_id, mode)
        page = item_page(sheet, self.version, may_reveal=self.text_mode != "none")
        return Response(200, page.encode("utf-8"), _TYPES[".html"])

    def _compare(self, query: Mapping[str, list[str]]) -> Response:
        known = _sides(self._runs())
        sides = []
        for side in ("baseline", "candidate"):
            key = query.get(side, [""])[0]
            if key not in known:
                raise HarnessError(f"there is no such {side}", next_step="choose one from the list")
            run, name = known[key]
            sides.append((run.run_id, name))
        if sides[0] == sides[1]:
            raise HarnessError("baseline and candidate are the same", next_step="choose two different ones")
        return Response(303, location=f"/pair/{self._made(*sides)}/")

    def _made(self, before: tuple[str, str | None], after: tuple[str, str | None]) -> str:
        """Folder of the report on these two, made when it is first asked for."""
        from harness.report.comparison.build import build_report
        from harness.report.comparison.page import write_html
        from harness.runs import open_run

        key = hashlib.sha256(ascii((before, after)).encode()).hexdigest()[:24]
        folder = self.work / key
        with self._lock:
            if not (folder / "report.html").is_file():
                run = open_run(after[0], self.runs_dir)
                baseline_run = run if before[0] == after[0] else open_run(before[0], self.runs_dir)
                chosen = () if after[1] is None else (after[1],)
                source, mode = self.load_source(run, before[1], chosen, baseline_run, self.text_mode)
                data = build_report(source, generated_at=self.now_text(), version=self.version)
                folder.mkdir(parents=True, exist_ok=True)
                write_html(source, data, folder / "report.html", mode)
        return key

    def _saved_files(self) -> list[str]:
        """Reports in the reports folder and the data beside them, by their path below it."""
        found = []
        for page in sorted(self.reports_dir.glob("**/*.html")) if self.reports_dir.is_dir() else ():
            if page.name != "report.html" and not page.name.startswith("weekly"):
                continue
            data = sorted(page.with_name(f"{page.stem}_data").glob("*.js"))
            found += [one.relative_to(self.reports_dir).as_posix() for one in (page, *data)]
        return found


def _sides(runs: Iterable[RunMeta]) -> dict[str, tuple[RunMeta, str]]:
    """Every candidate of every run, by its name in a form."""
    return {_side_key(run.run_id, name): (run, name) for run in runs for name in run.candidates}


def _side_key(run_id: str, candidate: str) -> str:
    """Names a candidate of a run in a form, whatever characters its name holds."""
    return hashlib.sha256(f"{run_id}\0{candidate}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _file(root: Path, name: str) -> Response:
    if "\0" in name:
        return _missing()
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()) or path.suffix not in _TYPES or not path.is_file():
        return _missing()
    content = path.read_bytes()
    if path.suffix == ".js" and not _DATA.fullmatch(content):
        return _missing()
    return Response(200, content, _TYPES[path.suffix])


def _text(status: int, message: str) -> Response:
    return Response(status, message.encode("utf-8"))


def _missing() -> Response:
    return _text(404, "There is no such page.")
