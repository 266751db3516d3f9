"""The HTTP transport against a server on this machine that misbehaves on request."""

import asyncio
import gzip
import ssl
import zlib

import orjson
import pytest
from aiohttp import web

from harness.candidates.outcomes import effective_status
from harness.runner.bodies import read_json
from harness.runner.endpoint import ready_endpoint
from harness.runner.transport import AiohttpTransport, RawResponse, TransportError

KEY = "sk-very-secret"


class Raw:
    """A server that answers with given bytes and closes, or never answers."""

    def __init__(self, content):
        self.content = content
        self.received = b""
        self.n_cancelled = 0

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *exc):
        self.server.close()
        await self.server.wait_closed()

    async def serve(self, reader, writer):
        self.received += await reader.read(65536)
        if self.content is None:
            self.n_cancelled += (await reader.read(1)) == b""
        else:
            writer.write(self.content)
            await writer.drain()
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def http(body, status="200 OK", extra="", length=None):
    length = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{extra}connection: close\r\n\r\n".encode() + body


async def post(url, *, key=KEY, timeout_s=5.0):
    transport = AiohttpTransport(4, asyncio.get_running_loop().time)
    try:
        return await transport.post(ready_endpoint("m", url, key), "/chat/completions", b'{"a":1}', timeout_s)
    finally:
        await transport.close()


async def test_a_complete_answer_is_parsed():
    async with Raw(http(b'{"ok": true}', extra="x-ratelimit-limit-requests: 7\r\n")) as server:
        result = await post(server.url)
    assert (result.status, result.document, result.headers["X-RateLimit-Limit-Requests"]) == (200, {"ok": True}, "7")
    assert 0.0 <= result.latency_s < 5.0
    head, _, body = server.received.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert b"authorization: Bearer sk-very-secret" in head
    assert b"content-type: application/json" in head.lower()
    assert body == b'{"a":1}'


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (http(b'{"ok": tr', length=12), "body"),  # fewer bytes than promised
        (http(b'{"ok": tr'), "unreadable"),  # all bytes, half a document
        (http(b""), "unreadable"),
        (http(b"<html>busy</html>"), "unreadable"),
        (http(b"{}", extra="content-encoding: br\r\n"), "unreadable"),  # nobody asked for it
        (http(b"{}", extra="content-encoding: gzip\r\n"), "body"),  # it is not packed at all
        (http(gzip.compress(b'{"ok": true}')[:-6], extra="content-encoding: gzip\r\n"), "body"),
        (http(gzip.compress(b" " * 2**26), extra="content-encoding: gzip\r\n"), "too_large"),
        (b"", "network"),  # closed without a word
        (b"HTTP/1.1 200 OK\r\ncontent-le", "network"),
        (b"nonsense\r\n\r\n", "network"),
    ],
)
async def test_an_incomplete_answer_is_a_failure(content, kind):
    async with Raw(content) as server:
        with pytest.raises(TransportError) as caught:
            await post(server.url)
    assert caught.value.kind == kind


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "deflate", "raw deflate", "identity"])
async def test_a_packed_answer_is_unpacked(encoding):
    content = b'{"ok": true}'
    packed = {"deflate": zlib.compress, "raw deflate": lambda data: zlib.compress(data)[2:-4], "identity": bytes}
    body = packed.get(encoding, gzip.compress)(content)
    async with Raw(http(body, extra=f"content-encoding: {encoding.rpartition(' ')[2]}\r\n")) as server:
        result = await post(server.url)
    assert (result.document, result.body) == ({"ok": True}, content)


@pytest.mark.parametrize("status", ["200 OK", "503 Busy"])
async def test_an_endless_answer_is_not_read_to_its_end(status):
    """An endless 200 took 6 GB of memory in 21 seconds."""

    class Endless(Raw):
        sent = 0

        async def serve(self, reader, writer):
            await reader.read(65536)
            writer.write(f"HTTP/1.1 {status}\r\nconnection: close\r\n\r\n".encode())
            try:
                while self.sent < 2**27:
                    writer.write(b" " * 2**16)
                    await writer.drain()
                    self.sent += 2**16
            except ConnectionError:
                pass
            writer.close()

    async with Endless(b"") as server:
        with pytest.raises(TransportError, match="longer than 4 MB") as caught:
            await post(server.url)
    assert caught.value.kind == "too_large"
    assert server.sent < 2**25


@pytest.mark.parametrize("url", ["http://a..b/v1", "http://" + "a" * 70 + ".example/v1"])
async def test_an_address_that_is_none_is_named(url):
    with pytest.raises(TransportError) as caught:
        await post(url)
    assert caught.value.kind == "unreachable"


@pytest.mark.parametrize(
    ("body", "document", "kept"),
    [
        (b'{"a": NaN, "b": -Infinity}', {"a": None, "b": None}, b'{"a":null,"b":null}'),
        (b'{"a": "\\ud83d half"}', {"a": "\ufffd half"}, None),
        (b'{"a": "two\nlines"}', {"a": "two\nlines"}, b'{"a":"two\\nlines"}'),
        (b'{"a": "\xff"}', {"a": "\ufffd"}, None),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}, b'{"a":1}'),
        (b'{ "a": 1 }', {"a": 1}, b'{ "a": 1 }'),
    ],
)
def test_what_a_strict_reader_refuses_is_read_and_kept_readable(body, document, kept):
    """Such answers were paid for seven times over and never kept."""
    found, content = read_json(body)
    assert found == orjson.loads(content) == document
    assert kept in (None, content)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": 1', b"[" * 100_000, b"{} {}"])
def test_what_is_no_json_is_refused(body):
    with pytest.raises(ValueError, match=r"."):
        read_json(body)


@pytest.mark.parametrize("status", ["400 Bad Request", "429 Too Many", "500 Oh"])
async def test_an_error_status_is_an_answer_whatever_its_body(status):
    async with Raw(http(b"<html>", status)) as server:
        result = await post(server.url)
    assert (result.status, result.body, result.document) == (int(status[:3]), b"<html>", None)


async def test_a_slow_answer_is_cancelled_for_real():
    async with Raw(None) as server:
        with pytest.raises(TransportError) as caught:
            await post(server.url, timeout_s=0.05)
        await asyncio.sleep(0.02)
        assert server.n_cancelled == 1  # the server saw the connection end
    assert caught.value.kind == "timeout"


async def test_redirects_are_not_followed():
    async with Raw(http(b"", "307 Temporary Redirect", "location: http://127.0.0.1:1/elsewhere\r\n")) as server:
        assert (await post(server.url)).status == 307


async def test_nobody_listening_is_told_from_other_failures():
    async with Raw(b"") as server:
        url = server.url
    with pytest.raises(TransportError) as caught:
        await post(url)
    assert caught.value.kind == "refused"


async def test_the_environments_proxy_is_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with Raw(http(b"{}")) as server:
        assert (await post(server.url)).status == 200


async def test_no_more_connections_than_allowed_and_they_are_reused():
    peers = set()

    async def handle(request):
        peers.add(request.transport.get_extra_info("peername"))
        await asyncio.sleep(0.005)
        return web.json_response({"choices": []})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    transport = AiohttpTransport(3, asyncio.get_running_loop().time)
    endpoint = ready_endpoint("m", url)
    try:
        answers = await asyncio.gather(*(transport.post(endpoint, "chat/completions", b"{}", 5.0) for _ in range(30)))
    finally:
        await transport.close()
        await runner.cleanup()
    assert {answer.status for answer in answers} == {200}
    assert len(peers) == 3


async def test_a_certificate_nobody_vouches_for_is_named(tmp_path):
    import subprocess

    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    try:
        subprocess.run(
            [*made, "-keyout", tmp_path / "k.pem", "-out", tmp_path / "c.pem"], check=True, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("openssl makes the certificate of this test, and it is not installed")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(TransportError) as caught:
        await post(f"https://127.0.0.1:{port}/v1")
    server.close()
    await server.wait_closed()
    assert caught.value.kind == "certificate"
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"error": {"code": 429, "message": "busy"}}, 429),
        ({"error": {"code": "server_error"}}, 503),
        ({"error": "busy"}, 502),
        ({"error": None, "output": []}, 200),
        ({"error": {"code": 500}, "choices": [{}]}, 500),
        ({"error": {"code": 500}, "choices": [{"message": {"content": "ok"}}]}, 200),
        ({"choices": []}, 200),
        ([], 200),
        ("text", 200),
    ],
)
def test_errors_that_come_as_200_are_recognised(document, status):
    assert effective_status(200, document) == status


async def test_an_error_that_comes_as_200_is_no_answer():
    body = orjson.dumps({"error": {"code": 503, "message": "no provider"}})
    async with Raw(http(body)) as server:
        result = await post(server.url)
    assert isinstance(result, RawResponse)
    assert result.status == 503
