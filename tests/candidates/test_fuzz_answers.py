"""Any string, any document, any bytes: a verdict or a named outcome, never an exception."""

import time

import orjson
import pytest
from candidate_fakes import answered, completion, drive, item, prompt
from hypothesis import given
from hypothesis import strategies as st

from harness.candidates.chat import ChatCandidate
from harness.candidates.names import NameIndex
from harness.candidates.outcomes import effective_status, may_journal, meaning_of
from harness.candidates.parsers import PARSERS, ParseContext, load_parser
from harness.candidates.parsers.base import Token
from harness.candidates.responses import failure_document, read_json
from harness.candidates.said import redacted, without
from harness.files.prompt_header import BUILT_IN_ANSWERS
from harness.records import Model, PromptHeader

PIECES = st.sampled_from(
    ["yes", "no", "Yes.", "safe", "unsafe", "S10", "\n", ": ", ", ", "**", "</s>", "<think>", "</think>",
     "Safety:",
     "1", "0", "{", "}", '"', "categories", "[", "]", "Harmful request: yes", "<score>", "</score>",
     "\ud800", "\x00", "İ",
     "ß", "hate", "final", "answer is", "if", "ﬁ", "<|channel|>", "```",
     "\\boxed{", "User Safety", "\u202e", "null", "NaN"]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=14).map("".join), st.lists(PIECES).map(" ".join))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "finish_reason", "error", "code", "logprobs", "token", "top_logprobs",
                 "results", "output", "candidates", "promptFeedback", "stop_reason", "stopReason", "usage", "metadata",
                 "detail", "base_resp", "status_code", "thinking", "blockReason", "quotaId", "violations",
                 "tool_calls", "parts", "refusal", "type", "text", "status"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=14,
)  # fmt: skip
LABELS = {"hate": ("hate",), "hate - severe": ("hate", "spam"), "none": ()}


def context(answer, text, is_cut_off):
    header = PromptHeader("p", answer, labels=LABELS if answer == "label" else None)
    tokens = [Token(char, ((char, -0.1), ("no", -2.0))) for char in text[:20]]
    return ParseContext(header, NameIndex(("hate",)), "hate", tokens, is_cut_off)


@pytest.mark.parametrize("answer", BUILT_IN_ANSWERS)
@given(text=TEXTS, is_cut_off=st.booleans())
def test_any_text_gives_a_verdict_or_unparsed(answer, text, is_cut_off):
    parsed = load_parser(answer).parse(text, context(answer, text, is_cut_off))
    assert parsed.outcome in ("ok", "unparsed", "abstained")
    assert set(parsed.decisions.values()) <= {0, 1, None}
    assert all(0 <= score <= 1 for score in parsed.scores.values())
    assert parsed.outcome == "ok" or parsed.reason


@pytest.mark.parametrize("answer", BUILT_IN_ANSWERS)
@pytest.mark.parametrize("text", ["{}", '{{"categories": ["hate"], "rationale": "{}"}}'])
def test_endless_line_breaks_do_not_stall_a_parser(answer, text):
    """Models in JSON mode send them to the token limit; 40,000 took half a minute."""
    began = time.process_time()
    load_parser(answer).parse(text.format("\n" * 40_000), context(answer, "", True))
    assert time.process_time() - began < 5


def test_every_built_in_answer_has_its_parser():
    assert set(BUILT_IN_ANSWERS) <= set(PARSERS)


@given(status=st.sampled_from([200, 201, 302, 400, 401, 403, 404, 413, 422, 429, 446, 500, 503, 529]), document=JSON)
def test_any_document_has_a_meaning(status, document):
    meaning = meaning_of(status, document)
    assert meaning.outcome in ("ok", "unparsed", "refused", "blocked", "rejected", "error")
    assert meaning.reason("some text").isprintable()
    assert not (meaning.is_retryable and meaning.may_journal)
    assert 200 <= effective_status(status, document) < 600
    assert isinstance(may_journal("/chat/completions", document), bool)


CHAT = ChatCandidate("v1", prompt({}), "m", Model("openai", model="m"), PARSERS["json"])


@given(document=JSON, status=st.sampled_from([200, 400, 500]))
def test_any_document_is_read_as_a_row(document, status):
    answer, _ = drive(CHAT, item(), answered(document, status))
    assert answer.outcome in ("ok", "unparsed", "refused", "blocked", "rejected", "error")
    assert answer.outcome == "ok" or answer.error


@given(body=st.binary(max_size=60))
def test_any_bytes_are_read(body):
    read_json(body)
    assert meaning_of(500, failure_document(body)).kind


@given(choice=JSON, finish=st.text(max_size=12))
def test_any_choice_is_read(choice, finish):
    answer, _ = drive(CHAT, item(), answered({"choices": [choice]}))
    assert answer.outcome
    answer, _ = drive(CHAT, item(), completion('{"categories": []}', finish=finish))
    assert answer.outcome in ("ok", "unparsed", "refused", "blocked", "rejected", "error")


@given(line=st.text(max_size=60), secret=st.text(min_size=12, max_size=40))
def test_no_run_of_an_items_text_is_left_in_a_message(line, secret):
    secret = " ".join(secret.split())
    said = without(f"refused: {secret} {line}", secret)
    assert len(secret) < 12 or secret.casefold() not in said.casefold() or "[item text]" in secret


@pytest.mark.parametrize(
    "text",
    ["logprobs is not supported", "maximum context length is 8,192 tokens", "use max_completion_tokens instead",
     "model meta-llama/Llama-3.3-70B-Instruct-Turbo-Free is busy", "max_completion_tokens_details"],
)  # fmt: skip
def test_the_meaning_of_a_message_stays(text):
    assert redacted(text) == text


@pytest.mark.parametrize(
    "key",
    ["sk-proj-abc123def456", "Bearer abc.def.ghi", "AIzaSyA1234567890abcdefg", "AKIAIOSFODNN7EXAMPLE",
     "xai-0123456789abcdef", "0123456789abcdef0123456789abcdef"],
)  # fmt: skip
def test_keys_do_not_stay(key):
    assert key not in redacted(f"the key {key} was refused")
    assert orjson.dumps(redacted(key))
