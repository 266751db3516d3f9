"""Fakes for the runner's tests: time that does not pass, a scripted transport, small candidates and a golden set."""

from __future__ import annotations

import asyncio
import hashlib
import random
import selectors
from datetime import UTC, datetime

import numpy as np
import orjson

from harness.records import Eval, Item, Limits, Price
from harness.records.answers import Answer, Request
from harness.runner.endpoint import ready_endpoint
from harness.runner.local import run_local
from harness.runner.run_request import RunRequest
from harness.runner.surroundings import Surroundings
from harness.runner.transport import RawResponse
from harness.runs import InputFile

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class _Selector(selectors.DefaultSelector):
    """Never waits: when nothing is ready, the time of its loop moves on instead."""

    def __init__(self):
        super().__init__()
        self.time = 1000.0

    def select(self, timeout=None):
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None:
            raise RuntimeError("nothing is left to wait for")
        self.time += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose sleeps take no time."""

    def __init__(self):
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self):
        return self._virtual.time


def run_virtual(main):
    """Run a coroutine function of (loop) to its end without waiting."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main(loop))
    finally:
        if left := asyncio.all_tasks(loop):  # as ``asyncio.run`` does: at a desk calls may still be waiting
            for one in left:
                one.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def completion(content, *, prompt_tokens=40, completion_tokens=2, cached_tokens=0, total_tokens=None):
    return orjson.dumps(
        {
            "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "prompt_tokens_details": {"cached_tokens": cached_tokens},
                **({} if total_tokens is None else {"total_tokens": total_tokens}),
            },
        }
    )


def answer(content="safe", status=200, headers=None, **usage):
    body = completion(content, **usage)
    return RawResponse(status, headers or {}, body, orjson.loads(body))


def failure(status, message="no", code=None, headers=None):
    body = orjson.dumps({"error": {"message": message, "code": code, "type": code}})
    return RawResponse(status, headers or {}, body)


def verdict(text):
    return "unsafe" if hashlib.sha256(text.encode()).digest()[0] < 80 else "safe"


def text_of(body):
    return orjson.loads(body)["messages"][-1]["content"]


class FakeTransport:
    """Answers every text with its verdict after ``latency_s``; ``script(text, attempt)`` may say otherwise."""

    def __init__(self, script=None, latency_s=0.05):
        self.script = script
        self.latency_s = latency_s
        self.calls = []
        self.started_at = []
        self.in_flight = self.most_in_flight = 0
        self.is_closed = False
        self._attempts = {}

    async def post(self, endpoint, route, body, timeout_s):
        text = text_of(body)
        attempt = self._attempts[text] = self._attempts.get(text, 0) + 1
        self.calls.append(text)
        self.started_at.append(asyncio.get_running_loop().time())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            latency_s = self.latency_s(text) if callable(self.latency_s) else self.latency_s
            result = self.script(text, attempt) if self.script else None
            if isinstance(result, RawResponse) and result.status == 429:
                latency_s = 0.001
            if latency_s > timeout_s:
                await asyncio.sleep(timeout_s)
                from harness.runner.transport import TransportError

                raise TransportError("timeout", "no complete answer in time")
            await asyncio.sleep(latency_s)
            if isinstance(result, BaseException):
                raise result
            return result if result is not None else answer(verdict(text))
        finally:
            self.in_flight -= 1

    async def close(self):
        self.is_closed = True


class FakeGolden:
    """Items c-0000, c-0001, ...; every fifth violates."""

    name, version, categories = "fake", 1, ("hate", "spam")

    def __init__(self, n, *, withheld=(), slices=None):
        self._items = [
            Item(
                f"c-{index:04d}",
                None if index in withheld else f"text number {index}",
                {"hate": int(index % 5 == 0), "spam": None},
                slices={"language": ("en",) if index % 2 else ("de", "at")} if slices else {},
                group=f"g{index // 3}" if slices else None,
            )
            for index in range(n)
        ]
        self.sha256 = hashlib.sha256(str(n).encode()).hexdigest()

    def __len__(self):
        return len(self._items)

    def ids(self):
        return [item.id for item in self._items]

    def items(self, indices=None):
        for index in range(len(self._items)) if indices is None else indices:
            yield self._items[index]

    def labels(self):
        return np.array([[item.labels["hate"], -1] for item in self._items], dtype=np.int8).reshape(-1, 2)


class Asking:
    """One question for each item, one word as the answer."""

    needs_text = True

    def __init__(self, candidate_id="v1", model_id="m", prompt="Is this safe?"):
        self.id = candidate_id
        self.model_id = model_id
        self.models_used = (model_id,)
        self.prompt = prompt
        self.fingerprint = {"prompt": prompt, "model": model_id, "thresholds": {}}
        self.prepared = []

    def prepare(self, items):
        self.prepared.append([item.id for item in items])

    def request(self, text):
        messages = [{"role": "system", "content": self.prompt}, {"role": "user", "content": text}]
        return Request(self.model_id, "/chat/completions", orjson.dumps({"messages": messages, "max_tokens": 8}))

    def decide(self, item):
        (response,) = yield [self.request(item.text)]
        return self.read(response)

    def read(self, response):
        if response.error is not None:
            return Answer("error", error=response.error)
        if response.status >= 400:
            return Answer("blocked", error=f"status {response.status}")
        content = orjson.loads(response.body)["choices"][0]["message"]["content"]
        if content not in {"safe", "unsafe"}:
            return Answer("unparsed", rationale=content)
        is_hate = content == "unsafe"
        return Answer("ok", {"hate": int(is_hate)}, {"hate": 0.75 if is_hate else 0.25}, rationale=f"it is {content}")


class Local:
    """Decides by itself."""

    needs_text = False
    models_used = ()
    fingerprint = {"rules": "r1@0000"}  # noqa: RUF012

    def __init__(self, candidate_id="rules"):
        self.id = candidate_id

    def prepare(self, items):
        pass

    def decide(self, item):
        return Answer("ok", {"hate": int(item.id.endswith("5"))})
        yield


def keep(cache, entries):
    """Keep answers in a journal without an event loop."""
    cache.transact(lambda database: cache.insert(database, entries))


def make_request(tmp_path, golden=None, candidates=None, *, limits=None, price=None, endpoints=None, **more):
    limits = limits or Limits(concurrency=8)
    return RunRequest(
        **{
            "eval_name": "demo",
            "eval": Eval("demo", "", "", {}),
            "candidates": candidates or [Asking()],
            "golden": FakeGolden(20) if golden is None else golden,
            "endpoints": endpoints
            or {"m": ready_endpoint("m", "http://host/v1", "sk-secret-key", limits=limits, price=price)},
            "inputs": {
                "policy": InputFile("community", 3, "ab" * 32, "policies/community.yaml", b"policy: community\n")
            },
            "runs_dir": tmp_path / "runs",
            "cache_path": tmp_path / "cache.sqlite",
            "slice_names": (),
            **more,
        }
    )


def run(request, transport=None, **more):
    """Carry out a request in virtual time."""

    async def main(loop):
        around = Surroundings(
            **{
                "clock": loop.time,
                "now": lambda: NOW,
                "sleep": asyncio.sleep,
                "rng": random.Random(0),
                "transport": transport or FakeTransport(),
                "takes_signals": False,
                **more,
            }
        )
        return await run_local(request, around)

    return run_virtual(main)


PRICE = Price(input_per_mtok=1.0, output_per_mtok=10.0, cached_input_per_mtok=0.1)
