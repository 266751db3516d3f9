"""Brings the answers of a run's models into the journal by batches.

Decides which requests go into a batch, in what sizes, when a batch is looked at, and what is asked once more: what
expired in its day or met a passing trouble, and the questions that follow from answers. Each round asks all that is
missing and waits for it. Money is held back for whole batches before they are made. An interrupt leaves batches at the
server, where the same command finds them.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.candidates.said import one_line, redacted
from harness.errors import HarnessError
from harness.records.answers import Request, Response
from harness.runner.asking import requests_of
from harness.runner.batch.book import Batch, BatchBook
from harness.runner.batch.client import BatchClient
from harness.runner.batch.lines import LineReader
from harness.runner.batch.parts import Part
from harness.runner.budget import Amount, Budget, BudgetReached, batch_price, limits_output, most_of
from harness.runner.cache import ResponseCache
from harness.runner.claims import Spent
from harness.runner.endpoint import Endpoint
from harness.runner.keys import Keys
from harness.runner.replies import Closed, first_of
from harness.runner.run_request import RunRequest
from harness.runner.transport import RawResponse, TransportError

MOST_REQUESTS, MOST_BYTES = 50_000, 100 * 1024 * 1024
"""Of one file; the server's own limits are as many requests and 200 MB."""
ROUNDS = 2
FIRST_LOOK_S, LONGEST_LOOK_S = 5.0, 60.0
ENDED = frozenset({"completed", "expired", "cancelled", "failed"})
TOO_MUCH = "token_limit_exceeded"
ASKED_ELSEWHERE = (
    "another run on this journal is asking for what is missing: type the same command again when it is done"
)
Given = dict[bytes, RawResponse | TransportError]


class BatchAnswers:
    """A transport that hands on what batches have brought beside answers, and calls nobody."""

    def __init__(self, fill: BatchFill, wave: str | None, repeats: int) -> None:
        self._fill = fill
        self._wave = wave
        self._repeats = repeats

    async def post(self, endpoint: Endpoint, route: str, body: bytes, timeout_s: float) -> RawResponse:
        """What became of a request.

        Raises:
            BudgetReached: No batch took it, since the money did not reach.
            Closed: No batch took it, since another run is asking it.
        """
        for repeat in range(self._repeats):
            found = self._fill.given.get(Keys(endpoint.identity, route, repeat=repeat, wave=self._wave).of(body))
            if isinstance(found, TransportError):
                raise found
            if found is not None:
                return found
        if self._fill.is_out_of_money:
            raise BudgetReached
        raise Closed(ASKED_ELSEWHERE)

    async def close(self) -> None:
        """Nothing is open."""


class BatchFill:
    """The batches of one run."""

    def __init__(
        self,
        request: RunRequest,
        indices: Sequence[int],
        cache: ResponseCache,
        budget: Budget,
        book: BatchBook,
        *,
        sleep: Callable[[float], Awaitable[Any]],
        rng: random.Random,
        say: Callable[[str], None],
        stopped: asyncio.Event,
    ) -> None:
        self._request = request
        self._indices = indices
        self._cache = cache
        self._budget = budget
        self._book = book
        self._sleep = sleep
        self._say = say
        self._stopped = stopped
        self._clients = {name: BatchClient(one, sleep, rng) for name, one in request.endpoints.items()}
        self._open: list[Batch] = []
        self._tried: Counter[bytes] = Counter()
        self._most_requests = MOST_REQUESTS
        self.given: Given = {}
        self.n_asked = self.n_brought = self.n_unpriced = 0
        self.is_out_of_money = False

    async def fill(self) -> None:
        """Ask in batches until nothing is missing, the money does not reach, or the run is to end.

        Raises:
            HarnessError: An endpoint has no batches, or refuses one.
        """
        try:
            self._take_up()
            while not self._stopped.is_set():
                await self._settle_open()
                if self._stopped.is_set() or not await self._submit_missing():
                    return
        finally:
            for client in self._clients.values():
                await client.close()

    def _take_up(self) -> None:
        """Batches that earlier executions, or other runs on this journal, have made."""
        self._book.strike_unsent()
        for batch in self._book.open_batches():
            if batch.run == self._book.run:
                self._join(batch)
        if self._open:
            n = sum(len(one.most) for one in self._open)
            self._say(f"Going on with {len(self._open):,} batches of {n:,} requests that were made before")

    def _join(self, batch: Batch) -> None:
        """Wait for a batch that is written down already."""
        by_identity = {one.identity: one.model_id for one in self._request.endpoints.values()}
        if batch.file_id is None or batch.identity not in by_identity or batch.id in {one.id for one in self._open}:
            return
        batch.model_id = by_identity[batch.identity]
        if batch.run == self._book.run:
            self._budget.hold(batch.amount)
        self._open.append(batch)

    # ------------------------------------------------------------------------------------------------------- asking

    async def _submit_missing(self) -> bool:
        """Make batches of all that is missing; False where there is nothing, or no money for it."""
        self.is_out_of_money = False
        parts: dict[tuple[str, str], Part] = {}
        n_before = len(self._open)
        with tempfile.TemporaryDirectory(prefix="harness-batch-") as folder:
            for key, one in self._missing():
                endpoint = self._request.endpoints[one.model_id]
                self._check_bound(one)
                most = _most(one.body, endpoint)
                together = Amount(
                    most.usd + sum(part.amount.usd for part in parts.values()),
                    most.tokens + sum(part.amount.tokens for part in parts.values()),
                )
                if not self._budget.has_room(together):
                    self.is_out_of_money = True
                    self._budget.refused = most
                    break
                place = (one.model_id, one.route)
                part = parts.get(place)
                if part is None:
                    part = parts[place] = Part(Path(folder) / f"{len(parts)}.jsonl", one.model_id, one.route)
                part.add(key, one, most)
                if len(part.wanted) >= self._most_requests or part.n_bytes >= MOST_BYTES:
                    await self._submit(parts.pop(place))
                if self._stopped.is_set():
                    break
            for part in parts.values():
                if not self._stopped.is_set():
                    await self._submit(part)
                part.close()
        return len(self._open) > n_before

    def _check_bound(self, one: Request) -> None:
        """Refuse a bound on answers of any length: all of a batch are asked before the first tells what it took."""
        if not self._budget.is_bounded or not one.route.endswith("completions") or limits_output(one.body):
            return
        raise HarnessError(
            f"--batch: no bound on cost or tokens can be kept: model '{one.model_id}' sets no max_tokens",
            allowed="models whose params limit the answer: {max_tokens: ...} or {max_completion_tokens: ...}",
            next_step="add it in models.yaml, or leave out --max-cost and --max-tokens, or --batch",
        )

    async def _submit(self, part: Part) -> None:
        """Write down, send, make: in this order, so that whatever is cut off is found again."""
        part.close()
        endpoint = self._request.endpoints[part.model_id]
        batch = self._book.write_down(endpoint.identity, part.model_id, part.route, part.wanted)
        taken_elsewhere = len(part.wanted) - len(batch.most)
        if taken_elsewhere:
            part.keep_only(batch.most)
            wanted = {one.key for one in part.wanted}
            for other in self._book.open_batches():
                if other.id != batch.id and wanted & other.most.keys():
                    self._join(other)
        if not batch.most:
            self._book.finish(batch, [], Spent())
            return
        self._budget.hold(batch.amount)
        client = self._clients[part.model_id]
        self._book.sent_file(batch, await client.upload(part.path))
        await self._make(batch)
        self._open.append(batch)
        self._tried.update(batch.most.keys())
        self._say(
            f"Batch {batch.batch_id}: {len(batch.most):,} requests to model '{part.model_id}'{_cost(batch)}, answered "
            "within a day; "
            "Ctrl-C leaves it there, and the same command goes on with it"
        )

    async def _make(self, batch: Batch) -> None:
        assert batch.file_id is not None
        made = await self._clients[batch.model_id].make(batch.file_id, batch.route)
        self._book.made(batch, str(made.get("id")))

    async def _find_or_make(self, batch: Batch) -> None:
        """Whether the server took a batch that an earlier execution was about to make stands in its list."""
        found = await self._clients[batch.model_id].find(str(batch.file_id))
        if found is None:
            await self._make(batch)
        else:
            self._book.made(batch, str(found.get("id")))

    def _missing(self) -> Iterator[tuple[bytes, Request]]:
        """Requests without an answer, as far as they are known, each once."""
        held = {key for batch in self._open for key in batch.most}
        seen: set[bytes] = set()
        for candidate in self._request.candidates:
            if not getattr(candidate, "models_used", None):
                continue
            items = self._request.golden.items(self._indices)
            for asked in requests_of(self._request, candidate, items, self._responses):
                for key, one in zip(asked.keys, asked.requests, strict=True):
                    if key not in asked.known and key not in held and key not in seen:
                        seen.add(key)
                        yield key, one

    def _responses(self, keys: Sequence[bytes]) -> dict[bytes, Response]:
        """What is known of requests: answers, and refusals that are not asked again in this execution."""
        stored = self._cache.get_many(keys)
        found = {key: one.response(key) for key, one in stored.items()}
        for key in keys:
            given = self.given.get(key)
            if key in found or given is None:
                continue
            if isinstance(given, RawResponse):
                found[key] = Response(key.hex(), given.status, given.body, 0.0, document=given.document)
            else:
                found[key] = Response(key.hex(), 0, b"", 0.0, error=given.detail)
        return found

    # ------------------------------------------------------------------------------------------------------ waiting

    async def _settle_open(self) -> None:
        """Wait until every batch that is under way has ended, and keep what it brought."""
        wait_s, said = FIRST_LOOK_S, ""
        while self._open and not self._stopped.is_set():
            for batch in list(self._open):
                if batch.batch_id is None:
                    await self._find_or_make(batch)
                state = await self._clients[batch.model_id].look(str(batch.batch_id))
                if state is None or str(state.get("status")).lower() in ENDED:
                    self._open.remove(batch)
                    await self._end(batch, state)
                    wait_s = FIRST_LOOK_S
                elif (words := _progress(batch, state)) != said:
                    said = words
                    self._say(words)
            if self._open:
                await first_of(self._sleep(wait_s), self._stopped.wait())
                wait_s = min(LONGEST_LOOK_S, 1.5 * wait_s)

    async def _end(self, batch: Batch, state: Mapping[str, Any] | None) -> None:
        """Keep what a batch brought."""
        endpoint = self._request.endpoints[batch.model_id]
        status = "gone" if state is None else str(state.get("status")).lower()
        reader = LineReader(endpoint, batch.route, batch.most)
        if state is not None:
            with tempfile.TemporaryDirectory(prefix="harness-batch-") as folder:
                for name in ("output_file_id", "error_file_id"):
                    if file_id := state.get(name):
                        path = Path(folder) / name
                        await self._clients[batch.model_id].content(str(file_id), path)
                        with path.open("rb") as lines:
                            reader.read(lines)
        brought = reader.end(
            f"batch {batch.batch_id} is {status}, and says nothing of this request",
            is_billed=status in ("completed", "gone"),
        )
        answers = [(key, one, batch.model_id) for key, one in brought.answers.items()]
        self.n_unpriced += brought.n_unpriced
        is_mine = self._book.finish(batch, answers, brought.spent)
        if batch.run == self._book.run:
            self._budget.settle_booked(batch.amount, brought.spent if is_mine else Spent())
            if is_mine and (status != "failed" or brought.answers):
                self.n_asked += len(batch.most)
                self.n_brought += len(brought.answers)
        n_lost = len(batch.most) - len(brought.answers)
        odd = f"; {brought.n_odd:,} lines doubled, foreign or unreadable" if brought.n_odd else ""
        self._say(f"Batch {batch.batch_id}: {status}, {len(brought.answers):,} answers, {n_lost:,} without one{odd}")
        if status == "failed" and not brought.answers:
            self._refused(batch, state or {})
            return
        self.given |= brought.given
        if status != "cancelled":
            for key in brought.expired:
                if self._tried[key] < ROUNDS:
                    self.given.pop(key, None)

    def _refused(self, batch: Batch, state: Mapping[str, Any]) -> None:
        """The server took no request of it: too many at one time are asked for in smaller batches."""
        errors = state.get("errors")
        listed = errors.get("data") if isinstance(errors, Mapping) else errors
        found = [one for one in listed or [] if isinstance(one, Mapping)]
        if any(one.get("code") == TOO_MUCH for one in found) and len(batch.most) > 1:
            self._most_requests = max(1, len(batch.most) // 2)
            self._say(f"The server takes fewer requests at one time: on with {self._most_requests:,} in a batch")
            return
        said = "; ".join(f"line {one.get('line')}: {one.get('message')}" for one in found[:3]) or "no reason given"
        raise HarnessError(
            f"model '{batch.model_id}': batch {batch.batch_id} was refused: {redacted(one_line(said))}",
            allowed="requests that the server's Batch API takes, for a model that it offers there",
            next_step="correct model or params in models.yaml, or leave --batch out",
        )


def _most(body: bytes, endpoint: Endpoint) -> Amount:
    return most_of(body, None if endpoint.price is None else batch_price(endpoint.price))


def _cost(batch: Batch) -> str:
    usd = batch.amount.usd
    return f", at most ${usd:,.{2 if usd >= 1 else 4}f}" if usd >= 0.0001 else ""


def _progress(batch: Batch, state: Mapping[str, Any]) -> str:
    counts = state.get("request_counts")
    done = counts.get("completed") if isinstance(counts, Mapping) else None
    how_many = f", {done:,} of {len(batch.most):,} done" if isinstance(done, int) else ""
    return f"Batch {batch.batch_id}: {state.get('status')}{how_many}"
