"""A loopback server with the files and batches of OpenAI's Batch API.

Shapes as the package ``openai`` types them (openai.types.Batch, FileObject, BatchError); lines of output and error file
as the provider's guide shows them: ``custom_id``, ``response`` with ``status_code`` and ``body``, ``error``.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter

import orjson
from aiohttp import web

from tests.runner.runner_fakes import completion, verdict


class BatchServer(threading.Thread):
    """``script(text)`` gives (status, body), a code of the error file, None for no line at all, or "" for an answer."""

    def __init__(self, script=lambda text: "", *, ends=(), held=False, delay_s=0.0):
        super().__init__(daemon=True)
        self.delay_s = delay_s
        self.refuses = []
        self.n_requests = 0
        self.script, self.ends, self.is_held = script, list(ends), held
        self.files, self.batches, self.looks = {}, {}, Counter()
        self.billed, self.sizes, self.n_lists = Counter(), [], 0
        self.loses_answers = 0
        self.odd_lines = []
        self.errors = []
        self.ready = threading.Event()

    def run(self):
        asyncio.run(self.main())

    async def main(self):
        self.loop, self.stopping = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=1 << 30, middlewares=[self.slowly])
        app.router.add_post("/v1/files", self.upload)
        app.router.add_get("/v1/files/{id}/content", self.content)
        app.router.add_post("/v1/batches", self.make)
        app.router.add_get("/v1/batches", self.list)
        app.router.add_get("/v1/batches/{id}", self.look)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        self.ready.set()
        await self.stopping.wait()
        await runner.cleanup()

    def __enter__(self):
        self.start()
        assert self.ready.wait(30)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.join(30)

    @web.middleware
    async def slowly(self, request, handler):
        self.n_requests += 1
        if self.refuses:
            status, message = self.refuses.pop(0)
            return web.json_response({"error": {"message": message}}, status=status)
        await asyncio.sleep(self.delay_s)
        answer = await handler(request)
        await asyncio.sleep(self.delay_s)
        return answer

    async def upload(self, request):
        form = await request.post()
        assert form["purpose"] == "batch"
        file_id = f"file-{len(self.files) + 1}"
        self.files[file_id] = form["file"].file.read()
        return web.json_response(
            {"id": file_id, "object": "file", "bytes": len(self.files[file_id]), "purpose": "batch", "created_at": 1}
        )

    async def make(self, request):
        asked = await request.json()
        assert asked["completion_window"] == "24h"
        lines = [orjson.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        assert len({one["custom_id"] for one in lines}) == len(lines)
        assert {(one["method"], one["url"]) for one in lines} == {("POST", asked["endpoint"])}
        batch_id = f"batch_{len(self.batches) + 1}"
        self.batches[batch_id] = {
            "id": batch_id, "object": "batch", "endpoint": asked["endpoint"], "status": "validating", "errors": None,
            "input_file_id": asked["input_file_id"], "completion_window": "24h", "created_at": int(time.time()),
            "output_file_id": None, "error_file_id": None,
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }  # fmt: skip
        self.sizes.append(len(lines))
        if self.loses_answers:
            self.loses_answers -= 1
            request.transport.close()
        return web.json_response(self.batches[batch_id])

    async def list(self, request):
        self.n_lists += 1
        newest = list(self.batches.values())[::-1]
        after = request.query.get("after")
        start = 1 + [one["id"] for one in newest].index(after) if after else 0
        page = newest[start : start + 2]  # pages of two, whatever is asked: there is always another
        return web.json_response({"object": "list", "data": page, "has_more": start + 2 < len(newest)})

    async def look(self, request):
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return web.json_response({"error": {"message": "No batch found"}}, status=404)
        if batch["status"] in ("validating", "in_progress"):
            self.looks[batch["id"]] += 1
            if self.looks[batch["id"]] == 1 or self.is_held:
                batch["status"] = "in_progress"
            else:
                self.end(batch)
        return web.json_response(batch)

    async def content(self, request):
        return web.Response(body=self.files[request.match_info["id"]])

    def end(self, batch):
        batch["status"] = end = self.ends.pop(0) if self.ends else "completed"
        if end == "failed":
            batch["errors"] = {"object": "list", "data": self.errors}
            return
        output, errors = [], []
        for line in map(orjson.loads, self.files[batch["input_file_id"]].splitlines()):
            text = line["body"]["messages"][-1]["content"]
            said = self.script(text)
            name = {"custom_id": line["custom_id"], "id": f"batch_req_{len(output)}"}
            if said is None:
                continue
            if isinstance(said, str) and said:
                errors.append({**name, "response": None, "error": {"code": said, "message": "it was not done"}})
                continue
            status, body = said or (200, orjson.loads(completion(verdict(text))))
            if status == 200:
                self.billed[text] += 1
            response = {"status_code": status, "request_id": "r", "body": body}
            (output if status == 200 else errors).append({**name, "response": response, "error": None})
        lines = [orjson.dumps(one) for one in output[::-1]]  # in an order of its own
        lines += self.odd_lines
        self.file(batch, "output_file_id", lines)
        self.file(batch, "error_file_id", [orjson.dumps(one) for one in errors])

    def file(self, batch, name, lines):
        if lines:
            batch[name] = f"file-{len(self.files) + 1}"
            self.files[batch[name]] = b"\n".join(lines) + b"\n"
