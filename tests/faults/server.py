"""A loopback server that answers chat requests, and does to chosen ones whatever a script says."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import threading
import zlib

import orjson

from tests.runner.runner_fakes import completion, verdict


def reply(status=200, body=b"", headers=""):
    """The bytes of a whole answer."""
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


def failure(status, message="no", headers=""):
    return reply(status, orjson.dumps({"error": {"message": message}}), headers)


def gigabyte_zip():
    """A gzip file that unfolds to a gigabyte of zeros; its end, which nobody should reach, is left out."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    sixteen = packer.compress(bytes(16 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + sixteen * 64


ENDLESS_ZIP = gzip.compress(bytes(64 * 1024 * 1024))
HANG, DRIP, RESET, CLOSE = "hang", "drip", "reset", "close"


class FaultServer(threading.Thread):
    """``script(text, attempt)`` gives the bytes to send, one of HANG, DRIP, RESET and CLOSE, or None for an answer."""

    def __init__(self, script=lambda text, attempt: None, latency_s=0.0):
        super().__init__(daemon=True)
        self.script, self.latency_s = script, latency_s
        self.served, self.answered, self.attempts = 0, {}, {}
        self.ready = threading.Event()

    def run(self):
        asyncio.run(self.main())

    async def main(self):
        self.loop, self.ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self.ready.set()
        await self.ended.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def serve(self, reader, writer):
        try:
            while await self.one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass
        finally:
            writer.close()

    async def one(self, reader, writer):
        first = await reader.readexactly(1)
        if first == b"\x16":  # somebody speaks TLS
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return False
        head = (first + await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        text = orjson.loads(await reader.readexactly(length))["messages"][-1]["content"]
        self.served += 1
        attempt = self.attempts[text] = self.attempts.get(text, 0) + 1
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        said = self.script(text, attempt)
        if said is None:
            self.answered[text] = self.answered.get(text, 0) + 1
            writer.write(reply(200, completion(verdict(text))))
            return True
        if isinstance(said, bytes):
            writer.write(said)
            await writer.drain()
            # an answer that promises more than it holds ends here
            promised = int(said.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            return len(said.split(b"\r\n\r\n", 1)[1]) >= promised
        if said == HANG:
            await asyncio.sleep(3600)
        if said == DRIP:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
            for _ in range(100_000):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        if said == RESET:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def __enter__(self):
        self.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *exc):
        self.loop.call_soon_threadsafe(self.ended.set)
        self.join(10)
