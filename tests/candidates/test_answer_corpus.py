"""Answers in the shapes of providers and guards: what each means, and that no mutation makes another verdict of it."""

import functools
import re

import orjson
import pytest
from answer_corpus import (
    guard_cases,
    mutations,
    nulled,
    prefixes,
    provider_cases,
    wrapped_errors,
)
from candidate_fakes import answered, drive, item, prompt

from harness.candidates.chat import ChatCandidate
from harness.candidates.names import NameIndex
from harness.candidates.outcomes import effective_status, may_journal, meaning_of
from harness.candidates.parsers import ParseContext, load_parser
from harness.candidates.parsers.base import Token
from harness.candidates.responses import failure_document, read_json
from harness.records import Model, PromptHeader

ROUTE = "/chat/completions"
PROVIDERS = provider_cases()
GUARDS = guard_cases()
SPOKEN = [case for case in PROVIDERS if case.decision != "-" and case.kind in ("answered", "cut_off")]
NO_ANSWERS = ("blocked", "refused", "retry", "quota", "set_up", "daily", "rejected", "too_long", "tool")
UNANSWERED = [case for case in PROVIDERS if case.kind in NO_ANSWERS]
FAILED = [case for case in PROVIDERS if case.status >= 400]


@functools.cache
def candidate(ask):
    header = {"answer": ask} | ({"categories": ("hate",)} if ask == "yes_no" else {})
    return ChatCandidate("v1", prompt(header), "m", Model("openai", model="m"), load_parser(ask))


def read(case, body=None, status=None):
    one = candidate(case.more.get("ask", "json"))
    found = orjson.loads(orjson.dumps(case.body if body is None else body))
    status = case.status if status is None else status
    document = found if status < 300 else failure_document(orjson.dumps(found))
    answer, _ = drive(one, item(), answered(found, effective_status(status, document)))
    return answer


CLOSED = re.compile(r"</think>|\[/THINK\]|<\|end\|>")


def flagged(decisions):
    """``hate+spam``, ``none`` or ``-``."""
    if not decisions or any(decision is None for decision in decisions.values()):
        return "-"
    return "+".join(name for name, decision in decisions.items() if decision) or "none"


def same_or_none(found, wanted):
    return found in (wanted, "-")


# ---------------------------------------------------------------------------------------------------------- meaning


def test_the_corpus_is_large():
    assert len(PROVIDERS) + len(GUARDS) >= 400
    assert len({case.provider for case in PROVIDERS}) >= 20
    assert len({case.guard for case in GUARDS}) >= 15


def in_short(cases):
    """Every third case in the short form, the others in the slow suite."""
    return [
        pytest.param(case, id=case.name, marks=() if at % 3 == 0 else pytest.mark.slow) for at, case in enumerate(cases)
    ]


@pytest.mark.parametrize("case", PROVIDERS, ids=lambda case: case.name)
def test_what_a_provider_answered_means(case):
    meaning = meaning_of(case.status, case.body)
    assert meaning.kind == case.kind, meaning.raw_reason
    is_2xx = 200 <= effective_status(case.status, case.body) < 300
    assert (is_2xx and may_journal(ROUTE, case.body)) == case.is_kept
    answer = read(case)
    assert flagged(answer.decisions) == case.decision, answer
    if case.decision != "-":
        assert answer.outcome == "ok"
    else:
        expected = meaning.outcome
        assert answer.outcome == case.more.get("outcome", "unparsed" if expected == "ok" else expected), answer
        assert answer.error
    if "score" in case.more:
        assert dict(answer.scores) == pytest.approx(case.more["score"], abs=2e-3)


# -------------------------------------------------------------------------------------- mutations of what came back


def said_instead(case, text):
    """The same body with another text in the place of its own."""
    raw = orjson.dumps(case.body)
    found = raw.replace(orjson.dumps(case.text), orjson.dumps(text), 1)
    assert found != raw or text == case.text
    return orjson.loads(found)


@pytest.mark.parametrize("case", in_short(SPOKEN))
def test_no_mutation_of_a_providers_answer_is_another_verdict(case):
    decoy = next(
        one.text for one in SPOKEN if one.decision != case.decision and one.more.get("ask") == case.more.get("ask")
    )
    for name, text in mutations(case.text, decoy):
        found = flagged(read(case, said_instead(case, text.replace("\ud800", ""))).decisions)
        assert same_or_none(found, case.decision), (name, text)
        if name.startswith("unfinished") and not CLOSED.search(text):
            assert found == "-", (name, text)
    for text in prefixes(case.text):
        assert same_or_none(flagged(read(case, said_instead(case, text)).decisions), case.decision), text


@pytest.mark.parametrize("case", in_short(SPOKEN))
def test_a_body_that_is_not_whole_is_no_verdict(case):
    raw = case.bytes
    for at in {*range(0, len(raw), 37), len(raw) - 1}:
        document = read_json(raw[:at])
        answer, _ = drive(candidate("json"), item(), answered(raw[:at]))
        assert answer.outcome == "error", (raw[:at], document)
    for again in (orjson.dumps(raw.decode()), b"[" + raw + b"]"):
        answer, _ = drive(candidate("json"), item(), answered(again))
        assert answer.outcome == "error"


@pytest.mark.parametrize("case", in_short(SPOKEN))
def test_an_absent_value_is_never_another_verdict(case):
    for path, body in nulled(case.body):
        assert same_or_none(flagged(read(case, body).decisions), case.decision), path


@pytest.mark.parametrize("case", UNANSWERED, ids=lambda case: case.name)
def test_what_is_no_answer_is_none_with_any_text(case):
    for path, body in nulled(case.body):
        answer = read(case, body)
        assert answer.outcome != "ok" or case.status < 300, path
    if case.status >= 300:
        assert not may_journal(ROUTE, case.body) or effective_status(case.status, case.body) >= 300


@pytest.mark.parametrize("case", FAILED, ids=lambda case: case.name)
def test_a_router_does_not_change_what_an_error_means(case):
    for name, status, body in wrapped_errors(case.body, case.status):
        kind = meaning_of(status, body).kind
        assert kind not in ("answered", "cut_off", "tool", "refused", "unknown_end"), name
        if case.kind == "blocked":
            assert kind == "blocked", (name, body)
        else:
            assert kind != "blocked", (name, body)
        assert not may_journal(ROUTE, body) or effective_status(status, body) >= 300, name


# ----------------------------------------------------------------------------------------------------------- guards


def context(case, is_cut_off=False):
    header = PromptHeader("g", case.answer, strict=case.more.get("strict", False), **labels(case))
    names = NameIndex(case.categories, case.crosswalk)
    tokens = [
        Token(text, tuple({text: logprob, **others}.items())) for text, logprob, others in case.more.get("tokens", [])
    ]
    return ParseContext(header, names, None, tokens, is_cut_off)


def labels(case):
    return {name: {word: tuple(of) for word, of in value.items()} for name, value in case.header.items()}


def verdict(case, text, is_cut_off=False):
    parsed = load_parser(case.answer).parse(text, context(case, is_cut_off))
    if parsed.outcome != "ok":
        return "unparsed" if parsed.outcome == "unparsed" else "abstained"
    return flagged({name: parsed.decisions.get(name) for name in NameIndex(case.categories, case.crosswalk).categories})


@pytest.mark.parametrize("case", GUARDS, ids=lambda case: case.name)
def test_what_a_guard_answered_means(case):
    found = verdict(case, case.text, case.more.get("finish") == "length")
    assert found == case.verdict
    parsed = load_parser(case.answer).parse(case.text, context(case))
    if "score" in case.more:
        assert dict(parsed.scores) == pytest.approx(case.more["score"], abs=2e-3)


ENDED = re.compile(r"<\|(?:eot|eot_id|end_of_text)\|>|</s>")
CODE_AT_END = re.compile(r"[SO]\d+,?\Z")
JUDGED = [case for case in GUARDS if case.verdict not in ("unparsed", "abstained")]


def decoys(case):
    return [
        one
        for one in JUDGED
        if one.guard == case.guard and one.verdict != case.verdict and one.more.get("strict") == case.more.get("strict")
    ]


@pytest.mark.parametrize("case", in_short(JUDGED))
def test_no_mutation_of_a_guards_answer_is_another_verdict(case):
    allowed = (case.verdict, "unparsed", "abstained")
    decoy = next((one.text for one in decoys(case)), "It could be either.")
    for name, text in mutations(case.text, decoy):
        found = verdict(case, text)
        if name.startswith("unfinished") and not CLOSED.search(text):
            assert found == "unparsed", (name, text)
        assert found in allowed, (name, text)


@pytest.mark.parametrize("case", in_short(JUDGED))
def test_a_cut_off_answer_is_no_other_verdict(case):
    for text in prefixes(case.text):
        assert verdict(case, text, is_cut_off=True) in (case.verdict, "unparsed", "abstained"), text
        found = verdict(case, text)  # a server that does not say so
        if not CODE_AT_END.search(text):  # S1 of S10 is a code of its own, and nothing tells them apart
            assert found in ("unparsed", "abstained") or (found == "none") == (case.verdict == "none"), text


@pytest.mark.parametrize("case", JUDGED, ids=lambda case: case.name)
def test_verdicts_that_disagree_are_none(case):
    for other in decoys(case):
        if any(mark in other.text for mark in ("</think>", "<|channel|>")) or ENDED.search(case.text):
            continue  # reasoning behind an answer makes what follows it the answer; so does the end of a turn
        for text in (f"{case.text}\n{other.text}", f"{case.text}\n\n{other.text}"):
            assert verdict(case, text) in ("unparsed", "abstained"), text
