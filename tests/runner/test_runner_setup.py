"""What is taken for a wrong set-up, what for an item's own refusal, and what ends a run early."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from runner_fakes import Asking, FakeGolden, FakeTransport, answer, failure, make_request, run

from harness.candidates.responses import read_document
from harness.errors import HarnessError
from harness.gating.decide import gate_runs
from harness.measure.decisions import decisions
from harness.records import Limits
from harness.records.answers import Answer
from harness.runner.first_calls import FirstCalls
from harness.runner.transport import TransportError
from harness.runs import open_run
from harness.runs.find import unfinished
from harness.runs.integrity import verify
from tests.gating.stored import store_run


def number_of(text):
    return int(text.split()[-1])


def test_the_first_ten_begun_decide_and_not_the_first_ten_ended():
    first = FirstCalls(3)
    numbers = [first.begin() for _ in range(8)]
    assert not any(first.failed(number, "no") for number in numbers[1:])  # the first one is still under way
    assert first.failed(numbers[0], "no")
    assert first.same_reason() == "no"


def test_different_reasons_or_one_answer_decide_nothing():
    first = FirstCalls(2)
    one, two = first.begin(), first.begin()
    assert not first.failed(one, "model is overloaded")
    assert not first.failed(two, "bad word")
    other = FirstCalls(1)
    number = other.begin()
    other.succeeded()
    assert not other.failed(number, "no")


def test_one_quick_refusal_in_four_does_not_end_a_run(tmp_path):
    """Ten refusals came back before the first slow answer, and ended the run nine times of nine."""

    def latency(text):
        return 0.01 if number_of(text) % 4 == 0 else 3.0

    def script(text, attempt):
        return failure(400, "this text is not allowed here") if number_of(text) % 4 == 0 else None

    request = make_request(tmp_path, FakeGolden(200), limits=Limits(concurrency=64))
    summary = run(request, FakeTransport(script, latency))
    assert summary.counts == {"v1": {"blocked": 50, "ok": 150}}


def test_a_rerun_that_asks_only_what_failed_does_not_call_the_set_up_wrong(tmp_path):
    """It asked the failing items alone, and said that nothing was ever answered."""
    request = make_request(tmp_path, FakeGolden(60), limits=Limits(concurrency=8, max_retries=0), max_error_rate=0.9)

    def script(status):
        return lambda text, attempt: failure(status, "cannot do this one") if number_of(text) < 12 else None

    first = run(request, FakeTransport(script(429)))
    again = run(request, FakeTransport(script(500)))
    assert first.counts == again.counts == {"v1": {"error": 12, "ok": 48}}


@pytest.mark.parametrize(
    ("status", "told"), [(404, "no such address or model"), (413, "status 413: too long"), (422, "")]
)
def test_a_refusal_of_every_first_item_stops_within_ten_with_the_servers_words(tmp_path, status, told):
    transport = FakeTransport(lambda text, attempt: failure(status, "too long"))
    request = make_request(tmp_path, FakeGolden(500), limits=Limits(concurrency=64))
    with pytest.raises(HarnessError, match="first 10 items all failed") as caught:
        run(request, transport)
    assert told in str(caught.value)
    assert "too long" in str(caught.value)
    assert len(transport.calls) <= 20


@pytest.mark.parametrize("status", [403, 413, 422])
def test_a_refusal_of_one_item_stops_nothing(tmp_path, status):
    transport = FakeTransport(lambda text, attempt: failure(status, "not this one") if text.endswith(" 0") else None)
    summary = run(make_request(tmp_path, FakeGolden(40)), transport)
    assert (summary.status, summary.counts) == ("complete", {"v1": {"blocked": 1, "ok": 39}})


def test_a_run_of_few_items_with_a_wrong_address_says_so(tmp_path):
    with pytest.raises(HarnessError, match="no such address or model"):
        run(make_request(tmp_path, FakeGolden(3)), FakeTransport(lambda text, attempt: failure(404, "no such model")))


def test_one_401_of_a_gateway_is_asked_again(tmp_path):
    script = lambda text, attempt: failure(401, "later") if text.endswith(" 9") and attempt == 1 else None  # noqa: E731
    assert run(make_request(tmp_path, FakeGolden(40)), FakeTransport(script)).counts == {"v1": {"ok": 40}}


def test_a_key_that_is_withdrawn_on_the_way_ends_the_run(tmp_path):
    transport = FakeTransport(lambda text, attempt: failure(401, "revoked") if number_of(text) >= 60 else None)
    with pytest.raises(HarnessError, match="revoked"):
        run(make_request(tmp_path, FakeGolden(400)), transport)
    assert len(transport.calls) < 100


@pytest.mark.parametrize("content", ["I think so, perhaps.", ""])
def test_first_answers_that_cannot_be_read_end_the_run(tmp_path, content):
    transport = FakeTransport(lambda text, attempt: answer(content))
    summary = run(make_request(tmp_path, FakeGolden(500), limits=Limits(concurrency=64)), transport)
    assert summary.status == "incomplete"
    assert "the first 10 answers to candidate 'v1' were all unparsed" in summary.reason
    assert len(transport.calls) < 150
    assert sum(summary.counts["v1"].values()) == 500
    assert summary.failures["v1"] == {"unparsed": summary.counts["v1"]["unparsed"]}


def test_a_small_run_without_one_usable_answer_is_no_basis_for_a_verdict(tmp_path):
    summary = run(make_request(tmp_path, FakeGolden(12)), FakeTransport(lambda text, attempt: answer("perhaps\x1b[2J")))
    assert (summary.status, summary.counts) == ("invalid", {"v1": {"unparsed": 12}})
    assert summary.examples == {"v1": "perhaps?[2J"}
    assert open_run(summary.path).meta.status == "invalid"


def test_an_items_own_fault_is_its_own_outcome(tmp_path):
    """One item without a field that the prompt names ended a run that check had passed."""

    class Needy(Asking):
        def decide(self, item):
            if item.id == "c-0007":
                raise HarnessError("the item has no meta.country", next_step="add it")
            return super().decide(item)

    class Late(Needy):
        def decide(self, item):
            yield from super().decide(item)
            return Answer("ok", {"hate": 0})

    for candidate in (Needy(), Late("late", prompt="?")):
        summary = run(make_request(tmp_path, FakeGolden(30), [candidate], max_error_rate=0.1))
        assert summary.counts == {candidate.id: {"error": 1, "ok": 29}}
        assert summary.error_reasons[candidate.id] == {"the item has no meta.country add it": 1}


def test_a_fault_of_every_item_is_said_once(tmp_path):
    class Broken(Asking):
        def decide(self, item):
            raise HarnessError("the classifier needs a package that is not installed")

    with pytest.raises(HarnessError, match="candidate 'v1': the classifier needs a package"):
        run(make_request(tmp_path, FakeGolden(500), [Broken()]))


def test_a_limit_of_the_day_ends_the_run_with_the_time_to_come_back(tmp_path):
    def script(text, attempt):
        return failure(429, "daily limit", headers={"retry-after": "7200"}) if number_of(text) >= 30 else None

    transport = FakeTransport(script)
    summary = run(make_request(tmp_path, FakeGolden(500)), transport)
    assert summary.status == "incomplete"
    assert "come back in 2 h 0 min, at 2026-11-23 14:00 UTC" in summary.reason
    assert summary.wall_s < 30
    assert summary.counts["v1"].keys() <= {"ok", "not_asked"}
    assert len(transport.calls) < 80


def test_a_short_wait_beyond_what_is_left_of_late_items_ends_no_run(tmp_path):
    """Items that are near their deadline were taken for a limit of the day: 40 s of 60, and then 30 more."""

    def script(text, attempt):
        if number_of(text) >= 30 and number_of(text) % 2:
            return failure(429, "slow down", headers={"retry-after": "40"})
        return None

    limits = Limits(concurrency=8, item_timeout_s=60, max_retries=3)
    summary = run(make_request(tmp_path, FakeGolden(36), limits=limits, max_error_rate=1.0), FakeTransport(script))
    assert summary.status == "complete"
    assert summary.counts == {"v1": {"ok": 33, "error": 3}}


@pytest.mark.parametrize("asked", ["86399", "0", "-1", "Mon, 01 Jan 9999999999999999999 00:00:00 GMT"])
def test_an_absurd_wait_now_and_then_costs_no_item(tmp_path, asked):
    def script(text, attempt):
        return failure(429, headers={"retry-after": asked}) if number_of(text) % 7 == 3 and attempt == 1 else None

    summary = run(make_request(tmp_path, FakeGolden(100), limits=Limits(concurrency=16)), FakeTransport(script))
    assert summary.counts == {"v1": {"ok": 100}}
    assert summary.wall_s < 60


def test_an_unreadable_answer_is_paid_for_twice_at_most(tmp_path):
    fault = TransportError("unreadable", "status 200 with a body that is no JSON document")
    transport = FakeTransport(lambda text, attempt: fault if text.endswith(" 3") else None)
    summary = run(make_request(tmp_path), transport)
    assert transport.calls.count("text number 3") == 2
    assert summary.counts == {"v1": {"error": 1, "ok": 19}}


def test_an_endless_answer_is_asked_for_once(tmp_path):
    fault = TransportError("too_large", "the answer is longer than 4 MB")
    transport = FakeTransport(lambda text, attempt: fault if text.endswith(" 3") else None)
    summary = run(make_request(tmp_path), transport)
    assert transport.calls.count("text number 3") == 1
    assert summary.error_reasons == {"v1": {"too_large: the answer is longer than 4 MB, after 1 attempt": 1}}


def test_a_model_that_refuses_everything_is_a_fact_not_a_broken_run():
    from harness.runner.record import status_of

    assert status_of({"v1": {"refused": 12}}, 0.005, None) == "complete"
    assert status_of({"v1": {"refused": 11, "unparsed": 1}}, 0.005, None) == "invalid"
    assert status_of({"v1": {"blocked": 12}}, 0.005, None) == "invalid"


class Reading(Asking):
    """Reads failures as the shipped candidates do."""

    def read(self, response):
        document = read_document(response)
        return document if isinstance(document, Answer) else super().read(response)


@pytest.mark.parametrize(
    ("status", "message"),
    [(400, "cannot do this one"), (400, "maximum context length is 8192 tokens"), (403, "no"), (413, ""), (422, "bad")],
)
def test_an_item_the_endpoint_refuses_counts_as_the_fallback_and_leaves_a_small_run_valid(tmp_path, status, message):
    """One refused text in ten left the run INVALID, and every rerun too."""
    transport = FakeTransport(lambda text, attempt: failure(status, message) if text.endswith(" 5") else None)
    summary = run(make_request(tmp_path, FakeGolden(10), [Reading("v1"), Reading("v2", prompt="?")]), transport)
    assert (summary.status, summary.errors) == ("complete", 0)
    assert summary.counts == {name: {"ok": 9, "rejected": 1} for name in ("v1", "v2")}
    assert transport.calls.count("text number 5") == 2  # once a candidate: it is a lasting fact
    assert run(make_request(tmp_path, FakeGolden(10), [Reading("v1"), Reading("v2", prompt="?")]), transport).is_reused
    stored = open_run(summary.path)
    verify(stored)
    read = decisions(stored, "v1")
    assert (read.has_failed[:, 0, 0] == [index == 5 for index in range(10)]).all()
    assert read.y_pred[5, 0, 0] == 0  # on_failure: no_flag
    rows = stored.rows("v1", ["outcome", "rejected", "error"]).to_pylist()
    assert (rows[5]["outcome"], rows[5]["rejected"]) == ("rejected", True)
    written = pq.read_table(f"{summary.path}/predictions.parquet", columns=["outcome"])["outcome"].to_pylist()
    assert written[5] == "error"  # one of the six words of the format
    assert str(status) in rows[5]["error"]
    assert sum(row["rejected"] for row in rows) == 1


def test_a_run_whose_every_item_is_refused_is_no_basis_for_a_verdict(tmp_path):
    summary = run(
        make_request(tmp_path, FakeGolden(6), [Reading()]),
        FakeTransport(lambda text, attempt: failure(422, "bad field")),
    )
    assert (summary.status, summary.counts) == ("invalid", {"v1": {"rejected": 6}})
    assert summary.failures == {"v1": {"rejected: HTTP 422: bad field": 6}}
    (said,) = unfinished(open_run(summary.path))
    assert "no answer of a candidate could be used" in said
    assert "asks again" not in said


def test_refused_items_decide_no_gate_by_being_missing(tmp_path):
    """Both sides refuse the same text: production would treat it alike, and so does the gate."""
    gold = [1, 0] * 150
    outcomes = np.array(["rejected"] * 3 + ["ok"] * 297)
    run = store_run(tmp_path, gold, {"v1": gold, "v2": gold}, outcomes={"v1": outcomes, "v2": outcomes})
    report = gate_runs(run["v2"], run["v1"])
    assert report.verdict == "PASS"
    assert report.n_missing == 0
    assert report.fallback.n_rows == {"baseline": 3, "candidate": 3}
    one_sided = store_run(
        tmp_path / "b", gold, {"v1": gold, "v2": gold}, outcomes={"v2": np.repeat(["rejected", "ok"], 150)}
    )
    assert gate_runs(one_sided["v2"], one_sided["v1"]).verdict == "REGRESSION"
