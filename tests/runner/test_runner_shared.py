"""Shards that share limits and bounds through one desk, in one process and in virtual time: Ray carries words alone."""

import asyncio
import random
from contextlib import closing
from types import SimpleNamespace

import pytest
from msgspec import structs
from runner_fakes import (
    NOW,
    PRICE,
    Asking,
    FakeGolden,
    FakeTransport,
    answer,
    failure,
    make_request,
    run_virtual,
    verdict,
)  # fmt: skip

from harness.errors import HarnessError
from harness.records import Limits
from harness.runner import journal, journals
from harness.runner.budget import NOTHING, Amount, BudgetReached
from harness.runner.claims import NOTHING_SPENT, Spent
from harness.runner.journals import copy_answers, gather, spent_in
from harness.runner.local import run_local
from harness.runner.shards import Shard
from harness.runner.shared import Desk, Line, Sharing, line
from harness.runner.surroundings import Surroundings

LIMITS = Limits(concurrency=6)


class Gone(Exception):  # noqa: N818
    pass


def together(
    tmp_path,
    n_shards,
    transport,
    *,
    n_items=60,
    max_tokens=None,
    max_cost_usd=None,
    limits=LIMITS,
    cut=None,
    parcels=None,
):
    """All shards at the same time; ``cut`` is a number of events after which the desk is gone."""

    async def main(loop):
        desk = Desk(max_cost_usd, max_tokens, {}, clock=loop.time)
        n_told = 0

        async def part(number):
            async def tell(events):
                nonlocal n_told
                n_told += len(events)
                if parcels is not None:
                    parcels.append([name for name, *_ in events])
                if cut is not None and n_told > cut:
                    raise Gone
                await desk.tell(number, 1, events)

            async def hear():
                if cut is not None and n_told > cut:
                    raise Gone
                return await desk.hear(number, 1)

            sharing = Sharing(Line(tell, hear, (Gone,)), lambda models: desk.begin(number, 1, models, NOTHING_SPENT))
            request = make_request(
                tmp_path / f"part{number}", FakeGolden(n_items), [Asking()], limits=limits,
                shard=Shard(number, n_shards),
                price=PRICE, runs_dir=tmp_path / "runs", max_tokens=max_tokens, max_cost_usd=max_cost_usd,
            )  # fmt: skip
            around = Surroundings(
                loop.time, lambda: NOW, asyncio.sleep, random.Random(0), transport=transport, takes_signals=False,
                on_stoppable=sharing.on_stoppable, sharing=sharing,
            )  # fmt: skip
            return await run_local(request, around)

        parts = [part(number) for number in range(1, n_shards + 1)]
        found = await asyncio.gather(*parts, return_exceptions=True)
        for number in range(1, n_shards + 1):
            await desk.end(number)
        return found, await desk.state(), await desk.history()

    return run_virtual(main)


def test_the_concurrency_of_a_model_is_that_of_all_shards_together(tmp_path):
    transport = FakeTransport(latency_s=0.05)
    found, state, history = together(tmp_path, 3, transport)
    assert [one.status for one in found] == ["complete"] * 3
    assert (len(transport.calls), transport.most_in_flight) == (60, 6)
    assert sum(state["rows"].values()) == 60
    assert history["m"]["rate_limited"] == 0


def test_a_place_that_is_lent_goes_from_call_to_call_without_a_word(tmp_path, monkeypatch):
    """Parcels cost more than calls: they are sent twice a second, and not with each call that ends."""
    n_parcels, n_events, n_asked = [], [], []
    for name, lent_for_s in (("each", 0.0), ("lent", line.LENT_FOR_S)):
        monkeypatch.setattr(line, "LENT_FOR_S", lent_for_s)
        transport, parcels = FakeTransport(latency_s=0.01), []
        found, *_ = together(tmp_path / name, 3, transport, n_items=900, parcels=parcels)
        assert [one.status for one in found] == ["complete"] * 3
        assert (len(transport.calls), transport.most_in_flight) == (900, 6)
        n_parcels.append(len(parcels))
        n_asked.append(sum(parcel.count("acquire") for parcel in parcels))
        n_events.append(sum(map(len, parcels)))
    assert n_parcels[1] < 0.015 * n_parcels[0]
    assert n_events[1] < 0.1 * 900  # the cluster unpacks each event by itself, which takes longer than to count a call
    assert n_asked[1] < 30  # spare calls that a call here lets go first ask nobody


def test_a_place_that_no_call_has_is_kept_a_moment_and_then_given_back():
    """A server that answers at once leaves no call waiting: the next one still needs no word of the desk."""

    async def main(loop):
        desk, parcels = Desk(None, None, {}, clock=loop.time), []

        async def tell(events):
            parcels.append([name for name, *_ in events])
            await desk.tell(1, 1, events)

        limits = Limits(concurrency=1)
        for part in (1, 2):
            await desk.begin(part, 1, {"m": limits}, NOTHING_SPENT)
        own = Line(tell, lambda: desk.hear(1, 1))
        limiter = line.SharedLimiter(SimpleNamespace(limits=limits, model_id="m"), loop.time, own)
        async with own.open(lambda: None, lambda: 0):
            for _ in range(20):
                await limiter.acquire(5.0)
                await asyncio.sleep(0.001)
                limiter.release(5.0)
            assert len(parcels) <= 2
            assert await granted(desk, 2, 1, "acquire", 1, "m", 0.0, False) == [("lent", 1)]
            await desk.tell(2, 1, [("release", "m", 0.0)])
            await limiter.acquire(5.0)
            limiter.release(5.0)
        assert await granted(desk, 2, 1, "acquire", 2, "m", 0.0, False) == [("lent", 2)]

    run_virtual(main)


def test_whoever_goes_on_alone_soon_has_all_places(tmp_path):
    """Calls of a shard that held one place were served by it before they asked for more; loans end after five seconds.

    It went on with one place of six for as long as it took: 36 s instead of 15.
    """
    transport = FakeTransport(latency_s=0.01)
    together(tmp_path, 3, transport, n_items=9000)
    assert transport.started_at[-1] - transport.started_at[0] < 1.25 * 9000 * 0.01 / 6


def test_a_rate_is_that_of_all_shards_together(tmp_path):
    transport = FakeTransport(latency_s=0.01)
    together(tmp_path, 3, transport, limits=Limits(concurrency=6, rpm=600), n_items=200)
    spread = transport.started_at[-1] - transport.started_at[0]
    assert spread == pytest.approx(19, abs=1.5)  # a bucket of ten, then ten a second


def test_a_429_slows_every_shard(tmp_path):
    def script(text, attempt):
        return failure(429) if attempt == 1 and int(text.split()[-1]) < 40 else None

    transport = FakeTransport(script, latency_s=0.05)
    found, _, history = together(tmp_path, 2, transport, limits=Limits(concurrency=8))
    assert [one.counts["v1"] for one in found] == [{"ok": one.items} for one in found]
    assert history["m"]["rate_limited"] >= 3
    assert "429" in {one["reason"] for one in history["m"]["history"]}


@pytest.mark.parametrize("n_shards", [1, 3])
def test_a_bound_is_that_of_the_whole_run(tmp_path, n_shards):
    """Shards spend what they need: none is held to a share of its own."""
    transport = FakeTransport(lambda text, attempt: answer(verdict(text), prompt_tokens=100, completion_tokens=10))
    found, state, _ = together(tmp_path, n_shards, transport, max_cost_usd=0.006)
    assert {one.reason for one in found} == {"budget"}
    assert sum(one.cost_usd for one in found) == pytest.approx(state["usd"])
    assert 0.003 < state["usd"] <= 0.006


def test_without_the_desk_nothing_new_is_asked(tmp_path):
    transport = FakeTransport(latency_s=0.05)
    found, *_ = together(tmp_path, 2, transport, cut=10)
    assert all(isinstance(one, HarnessError) for one in found)
    assert "type the same command again" in str(found[0])
    assert len(transport.calls) < 60


def on_desk(work, **bounds):
    async def main(loop):
        desk = Desk(bounds.get("usd"), bounds.get("tokens"), bounds.get("spent", {}), clock=loop.time)
        return await work(desk)

    return run_virtual(main)


async def granted(desk, part, number, *event):
    await desk.tell(part, number, [event])
    found = []
    for _ in range(3):
        found += await desk.hear(part, number)
        if found:
            break
    return found


def test_a_429_calls_lent_places_back_from_every_process():
    async def work(desk):
        for part in (1, 2):
            await desk.begin(part, 1, {"m": Limits(concurrency=2)}, NOTHING_SPENT)
            assert await granted(desk, part, 1, "acquire", 1, "m", 0.0, False) == [(("granted", "lent")[part - 1], 1)]
        await desk.tell(1, 1, [("429", "m", {"x-ratelimit-remaining-requests": "0"}, None)])
        assert [await desk.hear(part, 1) for part in (1, 2)] == [[("hold", "m")]] * 2
        for part in (1, 2):
            await desk.tell(part, 1, [("release", "m", 0.0)])
        await asyncio.sleep(5)
        assert await granted(desk, 1, 1, "acquire", 2, "m", 0.0, False) == [("granted", 2)]

    on_desk(work)


@pytest.mark.parametrize("is_granted", [True, False])
def test_a_place_that_was_passed_on_is_held_once(is_granted):
    """The desk may have granted the waiting call a place of its own, which comes back."""

    async def work(desk):
        for part in (1, 2):
            await desk.begin(part, 1, {"m": Limits(concurrency=1 + is_granted)}, NOTHING_SPENT)
        assert await granted(desk, 1, 1, "acquire", 1, "m", 0.0, False)
        await desk.tell(1, 1, [("acquire", 2, "m", 0.0, False)])
        await asyncio.sleep(1)
        await desk.tell(1, 1, [("calls", "m", 1, 1, 0.0), ("forget", 2)])
        assert await granted(desk, 2, 1, "acquire", 3, "m", 0.0, False) == []
        assert [name for name, _ in await desk.hear(1, 1)] == (["lent"] if is_granted else ["forgotten"])
        await desk.tell(1, 1, [("release", "m", 0.0)])
        assert [number for _, number in await desk.hear(2, 1)] == [3]

    on_desk(work)


def test_what_a_dead_process_held_is_free_again():
    async def work(desk):
        models = {"m": Limits(concurrency=1)}
        await desk.begin(1, 1, models, NOTHING_SPENT)
        await desk.begin(2, 1, models, NOTHING_SPENT)
        assert await granted(desk, 1, 1, "acquire", 7, "m", 0.0, False) == [("lent", 7)]
        await desk.tell(1, 1, [("calls", "m", 20, 20, 7.0)])
        assert await granted(desk, 2, 1, "acquire", 8, "m", 0.0, False) == []
        await desk.end(1)
        assert await desk.hear(2, 1) == [("lent", 8)]
        # words of a process that was given up are not counted
        await desk.tell(1, 1, [("calls", "m", 1, 1, 7.0), ("release", "m", 0.0)])
        await desk.begin(1, 2, models, NOTHING_SPENT)
        await desk.tell(1, 1, [("release", "m", 0.0)])
        assert await desk.hear(1, 1) == [("stop",), ("stop",)]
        assert await granted(desk, 1, 2, "acquire", 1, "m", 0.0, False) == []

    on_desk(work)


def test_money_goes_by_the_journal_of_a_shard_that_begins_again():
    async def work(desk):
        await desk.begin(1, 1, {}, Spent(tokens=100))
        assert await granted(desk, 1, 1, "reserve", 1, 0.0, 500) == [("granted", 1)]
        assert await granted(desk, 1, 1, "reserve", 2, 0.0, 500) == []  # 600 of 1,000 are gone or held
        await desk.end(1)
        await desk.begin(1, 2, {}, Spent(tokens=100, unknown_tokens=500))
        assert await granted(desk, 1, 2, "reserve", 1, 0.0, 500) == [("budget", 1)]
        assert await granted(desk, 1, 2, "reserve", 2, 0.0, 400) == [("granted", 2)]

    on_desk(work, tokens=1000, spent={1: Spent(tokens=100)})


def test_who_waits_no_longer_holds_nothing():
    async def work(desk):
        models = {"m": Limits(concurrency=1)}
        await desk.begin(1, 1, models, NOTHING_SPENT)
        line = Line(lambda events: desk.tell(1, 1, events), lambda: desk.hear(1, 1))
        async with line.open(lambda: None, lambda: 0):
            await line.ask("acquire", "m", 0.0, False, undo=("release", "m", 0.0))
            for _ in range(3):
                waiting = asyncio.ensure_future(line.ask("acquire", "m", 0.0, False, undo=("release", "m", 0.0)))
                await asyncio.sleep(0.1)
                waiting.cancel()
                line.say("release", "m", 0.0)
                await asyncio.sleep(2.5)
                await line.ask("acquire", "m", 0.0, False, undo=("release", "m", 0.0))
            with pytest.raises(BudgetReached):
                await line.ask("reserve", 0.0, 2_000, undo=("settle", Amount(0.0, 2_000), NOTHING))

    on_desk(work, tokens=1000)


def test_many_journals_are_put_together_in_few_transactions(tmp_path, monkeypatch):
    """Keys are all over the index, so that each transaction writes most of it."""
    parts = [tmp_path / f"{number}.sqlite" for number in range(20)]
    for number, part in enumerate(parts):
        database, _ = journal.open_journal(part)
        with closing(database):
            database.execute("INSERT INTO responses VALUES (?, 200, ?, 1.0, '', 'm', 0)", (bytes([number]), b"{}"))
            database.execute("INSERT INTO ledger VALUES (?, 1.0, 0.0, 0, 0, 0)", (f"run.{number}",))
    statements = []

    def traced(path):
        database, was_there = journal.open_journal(path)
        database.set_trace_callback(statements.append)
        return database, was_there

    monkeypatch.setattr(journals, "open_journal", traced)
    assert gather(parts, tmp_path / "whole.sqlite")
    assert statements.count("COMMIT") == 3
    database, _ = journal.open_journal(tmp_path / "whole.sqlite")
    with closing(database):
        assert database.execute("SELECT count(*) FROM responses").fetchone() == (20,)
        assert database.execute("SELECT sum(usd) FROM ledger").fetchone() == (20.0,)


def test_journals_are_put_together_and_stand_behind_one_another(tmp_path):
    golden, transport = FakeGolden(40), FakeTransport()
    found, *_ = together(tmp_path, 2, transport, n_items=40)
    parts = [tmp_path / f"part{number}" / "cache.sqlite" for number in (1, 2)]
    whole = tmp_path / "whole.sqlite"
    for _ in range(2):  # it may be done again
        assert gather(parts, whole)
    total = sum(one.cost_usd for one in found)
    assert sum(spent_in(whole, one.run_id).usd for one in found) == pytest.approx(total)
    assert not gather(parts, tmp_path / "other.sqlite", most=39)
    assert copy_answers(whole, tmp_path / "copy.sqlite", ["m"])
    assert not copy_answers(whole, tmp_path / "none.sqlite", ["another"])
    request = make_request(tmp_path / "new", golden, [Asking()], limits=LIMITS, price=PRICE)
    request = structs.replace(request, behind=tmp_path / "copy.sqlite")
    again = FakeTransport()

    async def main(loop):
        around = Surroundings(
            loop.time, lambda: NOW, asyncio.sleep, random.Random(0), transport=again, takes_signals=False
        )
        return await run_local(request, around)

    summary = run_virtual(main)
    assert (summary.status, summary.calls, summary.cached, again.calls) == ("complete", 0, 40, [])
