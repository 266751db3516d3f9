"""Refusals as servers write them, each with an id, a time or a text of its own: what is refused for all ends a run."""

from __future__ import annotations

import base64
import random
import uuid
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from refusal_bodies import BODIES
from runner_fakes import FakeGolden, FakeTransport, failure, make_request, run

from harness.errors import HarnessError
from harness.records import Limits
from harness.records.answers import Request
from harness.runner.first_calls import FirstCalls, is_alike
from harness.runner.harmless import HARMLESS, harmless
from harness.runner.targets import failure_reason
from harness.runner.transport import RawResponse
from tests.faults.doing import Reading

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghijkmnpqrstvwxyz"
TEXTS = (
    "you're all \"scum\", it's what you are", "Go home <b>now</b> & don't come back!", "ok", "kill 'em {all}",
    "Ihr Zählerstand wurde noch nicht übermittelt, bitte reichen Sie ihn bis Freitag nach.", "кто-нибудь знает?",
    "buy cheap watches at https://watches.example/deal?id=7 today", "\n\n  spaced   out\ttext \n", "我讨厌你们所有人",
    "a long one: " + " ".join(f"word{number} follows" for number in range(60)),
)  # fmt: skip


def parts(draw, text):
    """What varies from one refusal to the next."""
    at = datetime(2026, 11, 23, 12, 0, tzinfo=UTC) + timedelta(seconds=draw.random() * 5e6)
    word = lambda n: "".join(draw.choices(LETTERS, k=n))  # noqa: E731
    return {
        "uuid": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        "hex": f"{draw.getrandbits(64):016x}",
        "word": word(24),
        "short": word(8),
        "ulid": "01" + word(24).upper(),
        "b64": base64.b64encode(draw.randbytes(39)).decode(),
        "digits": str(draw.getrandbits(63)),
        "ms": str(draw.randint(1, 900)),
        "tokens": str(draw.randint(9000, 99999)),
        "iso": at.isoformat(timespec="milliseconds"),
        "day": f"{at:%Y-%m-%d %H:%M:%S}",
        "http": f"{at:%a, %d %b %Y %H:%M:%S} GMT",
        "stamp": f"{at:%Y%m%d%H%M%S}{draw.getrandbits(40)}",
        "epoch": f"{at.timestamp():.3f}",
        "text": text,
        "words": text[: draw.randint(5, 40)],
    }


NAMES = [one[0] for one in BODIES]


def filled(value, fields):
    if isinstance(value, dict):
        return {name: filled(inner, fields) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, fields) for inner in value]
    return value.format(**fields) if isinstance(value, str) else value


def refusal(number, draw, text):
    """One body as it comes for this text."""
    _, status, body = BODIES[number]
    said = filled(body, parts(draw, text))
    return RawResponse(status, {}, said.encode() if isinstance(said, str) else orjson.dumps(said))


class Golden(FakeGolden):
    """Items whose texts have quotes, markup, other scripts and any length; a number keeps them apart."""

    def __init__(self, n):
        super().__init__(n)
        draw = random.Random(5)
        self._items = [
            type(one)(one.id, f"{draw.choice(TEXTS)} {index}", one.labels) for index, one in enumerate(self._items)
        ]


class Refusing:
    """From call ``n`` on everything is refused, each time with one of these bodies."""

    def __init__(self, n, *numbers):
        self.n, self.numbers, self.draw, self.n_calls = n, numbers, random.Random(1), 0

    def __call__(self, text, attempt):
        self.n_calls += 1
        if self.n_calls <= self.n:
            return None
        return refusal(self.draw.choice(self.numbers), self.draw, text)


@pytest.mark.parametrize("number", range(len(BODIES)), ids=NAMES)
def test_what_varies_from_one_refusal_to_the_next_is_no_other_reason(number):
    draw = random.Random(number)
    body = lambda text: orjson.dumps({"messages": [{"role": "user", "content": text}]})  # noqa: E731
    said = [failure_reason(refusal(number, draw, text), None, body(text)) for text in TEXTS]
    assert "" not in said
    first = FirstCalls(len(TEXTS))
    ended = [first.failed(first.begin(), reason) for reason in said]
    assert ended == [False] * (len(TEXTS) - 1) + [True], said


@pytest.mark.parametrize("number", range(len(BODIES)), ids=NAMES)
def test_a_run_whose_every_item_is_refused_ends_within_ten_items(tmp_path, number):
    concurrency = 64 if number % 4 else 1
    transport = FakeTransport(Refusing(0, number))
    request = make_request(tmp_path, Golden(400), limits=Limits(concurrency=concurrency))
    with pytest.raises(HarnessError, match=f"status {BODIES[number][1]}"):
        run(request, transport)
    assert len(transport.calls) <= 10 + min(concurrency, 10)


@pytest.mark.parametrize("concurrency", [1, 64])
@pytest.mark.parametrize("status", [400, 403, 422])
def test_texts_that_a_filter_refuses_in_its_own_words_end_no_run(tmp_path, status, concurrency):
    """Ten of them at the head of a set that is sorted by label did; a harmless text is asked before."""
    texts = [item.text for item in Golden(200)._items]

    def filtered(text, attempt):
        return failure(status, "not with such words") if text in texts[:40] else None

    transport = FakeTransport(filtered)
    request = make_request(tmp_path, Golden(200), [Reading()], limits=Limits(concurrency=concurrency))
    summary = run(request, transport)
    assert summary.counts == {"v1": {"ok": 160, "rejected": 40}}
    (harmless,) = [text for text in transport.calls if text not in texts]
    assert "Hello, how are you?" in harmless
    assert summary.calls == 201


@pytest.mark.parametrize("number", range(0, len(BODIES), 2), ids=NAMES[::2])
def test_access_that_ends_on_the_way_ends_the_run_however_it_is_said(tmp_path, number):
    transport = FakeTransport(Refusing(40, number))
    with pytest.raises(HarnessError, match="in a row were refused, and so is now what was answered before"):
        run(make_request(tmp_path, Golden(400), limits=Limits(concurrency=16)), transport)
    assert len(transport.calls) <= 40 + 20 + 3 * 16


def pairs():
    draw = random.Random(0)
    return [tuple(draw.sample(range(len(BODIES)), 2 + at % 2)) for at in range(8)]


@pytest.mark.parametrize("numbers", pairs(), ids=lambda numbers: " / ".join(NAMES[number] for number in numbers))
@pytest.mark.parametrize("n_answered", [0, 40])
def test_two_or_three_servers_that_refuse_in_words_of_their_own_end_a_run(tmp_path, numbers, n_answered):
    transport = FakeTransport(Refusing(n_answered, *numbers))
    with pytest.raises(HarnessError):
        run(make_request(tmp_path, Golden(400), limits=Limits(concurrency=8)), transport)
    assert len(transport.calls) <= n_answered + 20 + 24


def test_every_reason_is_told_where_there_are_several():
    first = FirstCalls(6)
    for at in range(6):
        first.failed(first.begin(), "status 404: no such model" if at % 3 else "status 403: who are you?")
    assert first.same_reason() == "status 403: who are you?; or: status 404: no such model"


def test_ten_reasons_of_ten_texts_end_no_run(tmp_path):
    """Each text is refused for something of its own, at the beginning of the set."""
    said = (
        "far too long", "bad encoding", "names a person", "holds an address", "no language was found",
        "nothing but a link", "three emoji", "unknown characters", "shouting", "one word is not enough",
    )  # fmt: skip
    refused = {f"text number {n}": failure(422, why) for n, why in enumerate(said)}
    script = lambda text, attempt: refused.get(text)  # noqa: E731
    summary = run(make_request(tmp_path, FakeGolden(60)), FakeTransport(script))
    assert summary.counts == {"v1": {"blocked": 10, "ok": 50}}


@pytest.mark.parametrize("number", range(0, len(BODIES), 5), ids=NAMES[::5])
def test_texts_that_a_firewall_refuses_end_no_run(tmp_path, number):
    """One in three, and then eighty of them one after the other."""
    draw = random.Random(2)
    request = make_request(tmp_path, Golden(200), limits=Limits(concurrency=1), max_error_rate=1.0)

    def script(text, attempt):
        at = int(text.split()[-1])
        return refusal(number, draw, text) if 100 <= at < 180 or (at < 100 and at % 3 == 1) else None

    transport = FakeTransport(script)
    summary = run(request, transport)
    assert (summary.status, summary.counts["v1"]["ok"]) == ("complete", 87)
    assert len(transport.calls) <= 200 + 3  # looked into after 10, 20 and 40 in a row


def test_what_differs_in_its_words_is_another_reason():
    assert is_alike("status 404: no such model (request 7)", "status 404: no such model (request 81f)")
    assert is_alike("status 403: 01HX", "status 403: 01HZ")
    assert not is_alike("model is overloaded", "bad word")
    assert not is_alike("status 422: bad parameter", "status 503: the engine is loading")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I hate women.", "I hate men."),
        ('He says: "I will kill you"', 'She says: "I will kill you"'),
        ("Die\nnow", "Die\nhow"),
        ("Kill them all", "Kill them"),
    ],
)
def test_nothing_of_a_template_of_texts_is_left_beside_the_harmless_one(one, other):
    """The filter was asked "I hate Hello, how are you?", and its block was taken for a set-up that is wrong."""

    def asked(text):
        body = {"messages": [{"role": "user", "content": f"Judge this.\n{text}\nYes or no?"}], "temperature": 0}
        return Request("m", "/chat/completions", orjson.dumps(body))

    body = harmless(asked(one), asked(other)).body
    said = orjson.loads(body)["messages"][0]["content"]
    assert said.removeprefix("Judge this.\n").removesuffix("\nYes or no?").removeprefix("Die\n") == HARMLESS
