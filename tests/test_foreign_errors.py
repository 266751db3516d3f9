"""Every exception of the packages at the edges becomes one message or one outcome: none escapes as a traceback.

The classes are found by walking the packages, so that a new version's new exception is met here first.
"""

import asyncio
import contextlib
import functools
import importlib
import inspect
import pkgutil
import re
import shutil
import sqlite3
from datetime import UTC, datetime
from types import SimpleNamespace

import aiohttp
import openai
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import HarnessError
from harness.records import Model
from harness.runner.answers import Stored
from harness.runner.cache import ResponseCache
from harness.runner.endpoint import Endpoint, endpoint_from_model
from harness.runner.journal import open_journal
from harness.runner.transport import AiohttpTransport, TransportError

LEFT_OUT = re.compile(
    r"aiohttp\.(web|test_utils|pytest_plugin|worker|_websocket|multipart|payload)|openai\.(types|resources|cli)\b|.*\.(tests|conftest)\b"
)
"""Parts that answer calls, speak web sockets or write forms, that hold shapes alone, or test the package itself."""


def modules_of(package):
    """A package with all its modules; parts whose dependencies are not installed are left out."""
    yield package
    for found in pkgutil.iter_modules(getattr(package, "__path__", []), f"{package.__name__}."):
        if not LEFT_OUT.match(found.name):
            with contextlib.suppress(Exception):
                yield from modules_of(importlib.import_module(found.name))


@functools.cache
def exceptions_of(package):
    """Every exception class that a package defines, wherever in it."""
    root = package.__name__
    classes = {
        one
        for module in modules_of(package)
        for one in list(vars(module).values())
        if inspect.isclass(one) and issubclass(one, Exception) and one.__module__.split(".")[0] == root
    }
    found = [one for one in classes if not LEFT_OUT.match(one.__module__) and not one.__name__.startswith("WS")]
    return sorted(found, key=lambda one: f"{one.__module__}.{one.__qualname__}")


def raised(kind):
    """An instance, whatever its constructor wants; its text must not depend on that."""

    class Raised(kind):
        __module__ = kind.__module__

        def __init__(self):
            Exception.__init__(self, "as it was raised")
            self.__dict__ |= {"os_error": OSError(5, "low"), "_os_error": OSError(5, "low")}

        def __str__(self):
            return "as it was raised"

    return Raised()


def failing(kind):
    def fail(*_args, **_kwargs):
        raise raised(kind)

    return fail


@contextlib.contextmanager
def becomes(escaped, kind, expected, words):
    """What a seam makes of an exception; whatever else comes out is kept by the class that went in."""
    try:
        yield
    except expected as error:
        if not re.search(words, str(error)):
            escaped[kind.__qualname__] = error
    except Exception as error:
        escaped[kind.__qualname__] = error
    else:
        escaped[kind.__qualname__] = "was swallowed"


def arrow():
    """ArrowCancelled is Ctrl-C inside pyarrow, which comes out as KeyboardInterrupt."""
    return [one for one in exceptions_of(pa) if issubclass(one, pa.ArrowException) and one is not pa.lib.ArrowCancelled]


def of_openai():
    """What has another parent belongs to web hooks, streams and logins in a browser, which are not used."""
    return [one for one in exceptions_of(openai) if issubclass(one, openai.OpenAIError)]


def of_sqlite():
    """Warning is raised by nothing in the versions of Python that are supported."""
    return [one for one in exceptions_of(sqlite3) if one is not sqlite3.Warning]


@pytest.mark.parametrize(
    ("found", "known"),
    [
        (lambda: exceptions_of(aiohttp), {"ClientError", "ServerDisconnectedError", "ClientPayloadError"}),
        (of_openai, {"OpenAIError", "APIConnectionError", "RateLimitError"}),
        (arrow, {"ArrowInvalid", "ArrowNotImplementedError", "ArrowMemoryError"}),
        (of_sqlite, {"Error", "DatabaseError", "OperationalError", "NotSupportedError"}),
    ],
)
def test_the_walks_find_what_is_known(found, known):
    assert known <= {one.__qualname__ for one in found()}


async def test_aiohttp_becomes_a_failed_attempt():
    escaped = {}
    for kind in exceptions_of(aiohttp):
        transport = AiohttpTransport(1, lambda: 0.0)
        transport._session = SimpleNamespace(post=failing(kind))
        with becomes(escaped, kind, TransportError, "as it was raised|timeout|body|too_large"):
            await transport.post(Endpoint("m", "http://127.0.0.1:9/v1"), "/chat/completions", b"{}", 1.0)
    assert not escaped


def test_sqlite3_becomes_one_message_when_the_journal_is_opened(tmp_path, monkeypatch):
    escaped = {}
    for kind in of_sqlite():
        monkeypatch.setattr(sqlite3, "connect", failing(kind))
        with becomes(escaped, kind, HarnessError, r"journal\.sqlite(.|\n)*as it was raised"):
            open_journal(tmp_path / "journal.sqlite")
    assert not escaped


async def test_sqlite3_becomes_one_message_while_answers_are_read_and_written(tmp_path):
    reading, writing = {}, {}
    with ResponseCache(tmp_path / "journal.sqlite", lambda: datetime.now(UTC), "run") as cache:
        inner = cache._database
        for kind in of_sqlite():
            cache._database = SimpleNamespace(execute=failing(kind), executemany=failing(kind))
            with becomes(reading, kind, HarnessError, r"journal\.sqlite"):
                cache.get_many([b"k" * 32])
            with becomes(writing, kind, HarnessError, r"journal\.sqlite"):
                await asyncio.wait_for(cache.put(b"k" * 32, Stored(200, b"{}", 1.0), "m"), 5)
        cache._database = inner
    assert (reading, writing) == ({}, {})


@pytest.mark.parametrize("where", ["open", "rows", "items"])
def test_pyarrow_becomes_one_message_about_the_run(where, stored_run, monkeypatch):
    from harness.runs import open_run, reader

    escaped, file = {}, reader.pq.ParquetFile
    for kind in arrow():

        class File:
            def __init__(self, source, kind=kind, **options):
                self.inner, self.kind = file(source, **options), kind
                if where == "open":
                    raise raised(kind)

            def __getattr__(self, name):
                if name in {"read", "read_row_groups"}:
                    raise raised(self.kind)
                return getattr(self.inner, name)

        monkeypatch.setattr(reader.pq, "ParquetFile", File)
        run = open_run(stored_run)
        with becomes(escaped, kind, HarnessError, "as it was raised(.|\n)*run it again"):
            run.all_items if where == "items" else run.candidate("v1")
    assert not escaped


def test_a_run_whose_file_is_damaged_in_its_middle_or_lacks_a_column_says_so(stored_run, tmp_path):
    """Only a damaged end was noticed; a damaged page came out as a traceback, and so did a missing column."""
    from harness.runs import open_run

    shutil.copytree(stored_run, tmp_path / "run")
    path = tmp_path / "run" / "predictions.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * 600 + whole[604:])
    with pytest.raises(HarnessError, match=r"predictions\.parquet"):
        open_run(tmp_path / "run").candidate("v1")
    path.write_bytes(whole)
    pq.write_table(pq.read_table(path).drop_columns(["decision.hate"]), path)
    with pytest.raises(HarnessError, match=r"has no column decision\.hate"):
        open_run(tmp_path / "run").candidate("v1")


def test_pyarrow_becomes_one_message_about_the_golden_set(tmp_path, monkeypatch):
    from harness.files.golden.sets import load_golden

    pq.write_table(pa.table({"id": ["a"], "text": ["b"], "labels": [{"hate": 1}]}), tmp_path / "items.parquet")
    card = tmp_path / "card.yaml"
    card.write_text(
        "golden_set: demo\nversion: 1\npolicy: {name: demo, version: 1}\nitems: items.parquet\nlabels: [hate]\n"
    )
    escaped = {}
    for kind in arrow():
        monkeypatch.setattr(pq, "ParquetFile", failing(kind))
        with becomes(escaped, kind, HarnessError, r"items\.parquet"):
            list(load_golden(card, None).items())
    assert not escaped


@pytest.mark.parametrize("provider", ["openai", "azure"])
def test_openai_becomes_one_message_about_the_model(provider, monkeypatch):
    address = "https://example.invalid" if provider == "azure" else None
    model = Model(provider=provider, model="m", base_url=address, api_version="2024-10-21")
    escaped = {}
    for kind in of_openai():
        monkeypatch.setattr(openai, "OpenAI", failing(kind))
        monkeypatch.setattr(openai, "AzureOpenAI", failing(kind))
        with becomes(escaped, kind, HarnessError, "model 'mini'"):
            endpoint_from_model("mini", model, {"OPENAI_API_KEY": "k", "AZURE_OPENAI_API_KEY": "k"})
    assert not escaped


@pytest.mark.parametrize(
    "address", ["http://[bad", "http://a b", "ftp://x", "http://x:99999/", "\x00", "http://u:p@h/"]
)
@pytest.mark.parametrize("provider", ["openai", "azure"])
def test_an_odd_address_becomes_one_message_about_the_model(provider, address):
    variable = {"openai": "OPENAI_BASE_URL", "azure": "AZURE_OPENAI_ENDPOINT"}[provider]
    environment = {"OPENAI_API_KEY": "k", "AZURE_OPENAI_API_KEY": "k", variable: address}
    with pytest.raises(HarnessError, match="model 'mini'"):
        endpoint_from_model("mini", Model(provider=provider, model="m", api_version="2024-10-21"), environment)


@pytest.fixture(scope="module")
def stored_run(tmp_path_factory):
    import harness
    from tests.gating.small_eval import write_eval

    folder = tmp_path_factory.mktemp("stored")
    path = write_eval(folder, n_positives=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run = harness.run(path, cache=folder / "journal.sqlite", runs_dir=folder / "runs", progress=False)
    return run.path
