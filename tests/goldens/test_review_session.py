"""What a reviewer sees and may do, and which requests the server honours."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient, TestServer

from harness.errors import HarnessError
from harness.goldens.decisions import DecisionLog, log_path, settle
from harness.goldens.queues import QueueRow, read_queue, write_queue
from harness.goldens.review.queue import Choice, make_queue
from harness.goldens.review.server import ReviewServer
from harness.goldens.review.session import ConflictError, RefusedError, Session, Settings, adjudication
from tests.goldens.small_set import load, rows, write_set


def _session(tmp_path, reviewers=1, **settings):
    card = write_set(tmp_path)
    golden, policy = load(card)
    entries = make_queue(golden, golden.categories, Choice(categories=("hate",)))
    return Session(golden, policy, entries, DecisionLog(log_path(card)), Settings(reviewers, **settings))


def test_a_press_is_kept_and_the_next_item_follows(tmp_path):
    session = _session(tmp_path)
    said = session.decide("ana", 0, "hate", "label", 1, seen=None, reason="a slur", seconds=4.25)
    assert (said["next"], said["progress"]["done"], said["progress"]["of"]) == (1, 1, 12)
    kept = session.log.read()[0]
    assert (kept.author, kept.label, kept.before, kept.policy, kept.reason, kept.seconds) == (
        "ana", 1, 0, "demo v1", "a slur", 4.2)  # fmt: skip


def test_a_second_window_cannot_overwrite(tmp_path):
    session = _session(tmp_path)
    first = session.decide("ana", 0, "hate", "label", 1, seen=None)["decided"]
    with pytest.raises(ConflictError):
        session.decide("ana", 0, "hate", "label", 0, seen=None)
    assert [one.label for one in session.log.read()] == [1]
    session.decide("ana", 0, "hate", "label", 0, seen=first["id"])
    with pytest.raises(ConflictError):
        session.undo("ana", first["id"])
    other = Session(session.golden, session.policy, session.entries, DecisionLog(session.log.path), session.settings)
    with pytest.raises(ConflictError):
        other.decide("ana", 0, "hate", "label", 1, seen=first["id"])


def test_reviewers_are_blind_to_each_other_and_to_the_label(tmp_path):
    session = _session(tmp_path, 2)
    session.decide("ana", 0, "hate", "label", 1, seen=None, reason="secret reason")
    seen = session.item("ben", 0)
    assert seen["decided"] == {}
    assert "labels" not in seen
    assert "secret" not in str(seen)
    assert session.state("ben")["progress"]["done"] == 0
    assert "text" not in seen


def test_an_adjudicator_sees_both_without_names_and_settles(tmp_path):
    session = _session(tmp_path, 2)
    for name, label in (("ana", 1), ("ben", 0)):
        session.decide(name, 0, "hate", "label", label, seen=None, reason=f"{label} it is")
        session.decide(name, 1, "hate", "label", 1, seen=None)
    session.decide("ana", 2, "hate", "escalate", None, seen=None)
    settings = Settings(is_adjudication=True)
    entries = adjudication(session.golden, session.policy, session.log, settings)
    assert [(one.item, one.why) for one in entries] == [("i0", "reviewers disagree"), ("i2", "escalated")]
    lead = Session(session.golden, session.policy, entries, session.log, settings)
    shown = lead.item("lead", 0)
    assert [one["who"] for one in shown["said"]["hate"]] == ["Reviewer 1", "Reviewer 2"]
    assert "ana" not in str(shown)
    assert shown["labels"] == {"hate": 0}
    with pytest.raises(RefusedError):
        lead.decide("lead", 0, "hate", "skip", None, seen=None)
    lead.decide("lead", 0, "hate", "label", 0, seen=None)
    lead.decide("lead", 1, "hate", "label", 1, seen=None)
    settled, still_open = settle(session.log.read())
    assert ({one.item: one.label for one in settled}, still_open) == ({"i0": 0, "i1": 1, "i2": 1}, [])


def test_undo_goes_back_one_press_at_a_time(tmp_path):
    session = _session(tmp_path)
    for at in range(3):
        session.decide("ana", at, "hate", "label", 1, seen=None)
    assert session.undo("ana", None)["at"] == 2
    assert session.undo("ana", None)["at"] == 1
    assert session.state("ana")["progress"]["done"] == 1
    assert len(session.log.read()) == 5
    session.undo("ana", None)
    with pytest.raises(RefusedError):
        session.undo("ana", None)


@pytest.mark.parametrize(
    ("at", "category", "action", "label"),
    [(99, "hate", "label", 1), (-1, "hate", "label", 1), (0, "spam", "label", 1), (0, "hate", "burn", 1),
     (0, "hate", "label", 2), (0, "hate", "adjudicate", 1), (0, "hate", "undo", None)],
)  # fmt: skip
def test_what_no_page_sends_is_refused(tmp_path, at, category, action, label):
    session = _session(tmp_path)
    with pytest.raises(RefusedError):
        session.decide("ana", at, category, action, label, seen=None)
    assert session.log.read() == []


def test_a_queue_is_filtered_sampled_and_read_back(tmp_path):
    golden, _ = load(write_set(tmp_path))
    choice = Choice(categories=("hate",), where=(("language", "en"),), label=1)
    assert [one.item for one in make_queue(golden, golden.categories, choice)] == ["i3", "i9"]
    sampled = make_queue(golden, golden.categories, Choice(sample=4, seed=3))
    assert sampled == make_queue(golden, golden.categories, Choice(sample=4, seed=3))
    assert len(sampled) == 4
    path = tmp_path / "queue.csv"
    write_queue(
        path, [QueueRow("i4", "spam", "=cmd()", 0.9), QueueRow("i1", None), QueueRow("i4", "hate", "duplicate")]
    )
    assert "'=cmd()" in path.read_text()
    entries = make_queue(golden, golden.categories, Choice(path))
    assert [(one.item, one.categories) for one in entries] == [
        ("i4", ("hate", "spam")), ("i1", ("hate", "threat", "spam"))]  # fmt: skip
    path.write_text("i2\ni7\n")
    assert [one.item for one in read_queue(path, golden)] == ["i2", "i7"]
    path.write_text("item,category\nnope,hate\n")
    with pytest.raises(HarnessError, match=r"queue.csv:2: names the item 'nope'"):
        read_queue(path, golden)


# ------------------------------------------------------------------------------------------------------- server


async def _client(tmp_path, **settings):
    session = _session(tmp_path, **settings)
    server = ReviewServer(session, ("ana", "ben"))
    client = TestClient(TestServer(server.app()))
    await client.start_server()
    server.port = client.port
    return session, server, client, server.links["ana"].removeprefix(f"http://127.0.0.1:{client.port}")


GOOD = {"at": 0, "category": "hate", "action": "label", "label": 1, "seen": None}


async def _posted(client, path, body=None, **headers):
    own = {"Origin": f"http://127.0.0.1:{client.port}", "X-Review": "1", **headers}
    return await client.post(path, json=GOOD if body is None else body,
                             headers={name: value for name, value in own.items() if value is not None})  # fmt: skip


async def test_the_page_decides(tmp_path):
    session, _, client, link = await _client(tmp_path)
    page = await client.get(link)
    assert page.status == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    answer = await _posted(client, link + "decide")
    assert (answer.status, (await answer.json())["progress"]["done"]) == (200, 1)
    again = await _posted(client, link + "decide")
    assert again.status == 409
    assert [one.author for one in session.log.read()] == ["ana"]
    await client.close()


async def test_a_time_that_is_no_number_does_not_reach_the_log(tmp_path):
    session, _, client, link = await _client(tmp_path)
    answer = await _posted(client, link + "decide", {**GOOD, "seconds": float("nan")})
    assert answer.status == 200
    assert "NaN" not in await answer.text()
    assert [one.seconds for one in session.log.read()] == [None]
    await client.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": None},
        {"X-Review": None},
        {"Host": "evil.example"},
        {"Host": "rebound.example:80"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain"},
    ],
)
async def test_another_origin_or_a_rebound_name_cannot_post(tmp_path, headers):
    session, _, client, link = await _client(tmp_path)
    answer = await _posted(client, link + "decide", **headers)
    assert answer.status == 403
    assert session.log.read() == []
    await client.close()


async def test_without_the_secret_nothing_is_read(tmp_path):
    _, _, client, link = await _client(tmp_path)
    for path in ("/", "/x/", "/x/state", f"/{'a' * 32}/content/0"):
        assert (await client.get(path)).status in (403, 404)
    rebound = await client.get(link + "content/0", headers={"Host": "rebound.example"})
    assert rebound.status == 403
    assert rows()[0]["text"] not in await rebound.text()
    assert (await client.get(link + "content/0")).status == 200
    await client.close()


@pytest.mark.parametrize("body", [[], "x", {}, {**GOOD, "at": "0"}, {**GOOD, "label": True}, {**GOOD, "seen": 3},
                                  {**GOOD, "at": 10**12}])  # fmt: skip
async def test_a_malformed_decision_is_refused(tmp_path, body):
    session, _, client, link = await _client(tmp_path)
    assert (await _posted(client, link + "decide", body)).status == 400
    assert session.log.read() == []
    await client.close()
