import math

import orjson
import pytest
from candidate_fakes import answered, completion, drive, item, policy, prompt

from harness.candidates.chat import ChatCandidate, encode_body
from harness.candidates.parsers import PARSERS
from harness.errors import HarnessError
from harness.records import Model
from harness.records.answers import Response

OPENAI = Model("openai", model="acme-mod-1", api_key_env="ACME_KEY", params={"temperature": 0, "max_tokens": 50})
ELSEWHERE = Model("openai", base_url="https://llm.example.com/v1", model="acme-mod-1")


def chat(header=None, model=OPENAI, of=None, **options):
    compiled = prompt(header or {}, of)
    return ChatCandidate("v1", compiled, "acme", model, PARSERS[compiled.header.answer], **options)


def body_of(candidate, one=None):
    return orjson.loads(next(candidate.decide(one or item()))[0].body)


# -------------------------------------------------------------------------------------------------------- requests


def test_chat_request_is_the_prompt_with_the_models_parameters():
    (request,) = next(chat().decide(item("hello")))
    assert (request.model_id, request.route) == ("acme", "/chat/completions")
    body = orjson.loads(request.body)
    assert list(body) == ["model", "messages", "max_tokens", "temperature", "response_format"]
    assert body["model"] == "acme-mod-1"
    assert body["messages"] == [{"role": "system", "content": "Judge."}, {"role": "user", "content": "Judge: hello"}]


def test_chat_body_does_not_depend_on_the_order_of_parameters():
    reordered = Model("openai", model="acme-mod-1", params={"max_tokens": 50, "temperature": 0})
    assert next(chat(model=reordered).decide(item()))[0].body == next(chat().decide(item()))[0].body


def test_chat_body_survives_half_a_surrogate_pair():
    assert encode_body({"messages": [{"content": "a\ud800b"}]}) == '{"messages":[{"content":"a�b"}]}'.encode()


def test_chat_schema_lists_the_policys_categories():
    schema = body_of(chat())["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["properties"]["categories"]["items"]["enum"] == ["hate", "spam"]
    assert schema["schema"]["required"] == ["categories", "rationale"]
    assert schema["schema"]["additionalProperties"] is False


def test_chat_schema_per_category_lists_that_category():
    requests = next(chat({"per": "category"}).decide(item()))
    enums = [
        orjson.loads(one.body)["response_format"]["json_schema"]["schema"]["properties"]["categories"]["items"]["enum"]
        for one in requests
    ]
    assert enums == [["hate"], ["spam"]]


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        (Model("openai", model="m"), "json_schema"),
        (Model("openai", model="m", base_url="https://api.openai.com/v1"), "json_schema"),
        (Model("azure", model="m", base_url="https://x.openai.azure.com", api_version="1"), "json_schema"),
        (Model("embedded"), "json_schema"),
        (ELSEWHERE, None),
        (Model("openai", model="m", base_url="https://x.org/v1", structured_output="json_schema"), "json_schema"),
        (Model("openai", model="m", base_url="https://x.org/v1", structured_output="json_object"), "json_object"),
        (Model("openai", model="m", structured_output="none"), None),
        (Model("openai", model="m", params={"response_format": {"type": "text"}}), "text"),
    ],
)
def test_chat_structured_output_follows_the_model(model, sent):
    assert (body_of(chat(model=model)).get("response_format") or {}).get("type") == sent


def test_chat_other_answers_send_no_schema():
    assert "response_format" not in body_of(chat({"answer": "label", "labels": {"unsafe": ("hate",), "safe": ()}}))


@pytest.mark.parametrize(
    ("params", "logprobs", "top"),
    [
        ({}, True, 20),
        ({"top_logprobs": 5}, True, 5),
        ({"logprobs": False}, False, None),
        ({"logprobs": True}, True, 20),
    ],
)
def test_chat_yes_no_asks_for_logprobs_unless_told_not_to(params, logprobs, top):
    model = Model("openai", model="m", params=params)
    body = body_of(chat({"answer": "yes_no", "per": "category"}, model))
    assert (body["logprobs"], body.get("top_logprobs")) == (logprobs, top)


def test_chat_model_without_a_name_is_called_by_its_id():
    assert body_of(chat(model=Model("embedded")))["model"] == "acme"


# --------------------------------------------------------------------------------------------------------- answers


def test_chat_reads_an_answer():
    answer, _ = drive(chat(), item(), completion('{"categories": ["hate"], "rationale": "attack"}'))
    assert (answer.outcome, answer.decisions, answer.rationale) == ("ok", {"hate": 1, "spam": 0}, "attack")


UNDECIDED = {"hate": None, "spam": None}

FILTERED = [
    answered({"error": {"code": "content_filter", "status": 400, "message": "The response was filtered ..."}}, 400),
    answered({"error": {"code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, 400),
    answered({"error": {"type": "image_generation_user_error", "code": "moderation_blocked"}}, 400),
    answered({"error": {"message": "...", "code": "content_policy_violation"}}, 400),
    answered({"error": {"message": "litellm.ContentPolicyViolationError: Azure - filtered", "code": "400"}}, 400),
    answered({"error": {"code": "content_filter"}}, 403),
    answered({"error": {"code": "content_filter"}}, 200),
    completion("", finish="content_filter"),
    completion('{"categories": []}', finish="content_filter"),
    answered({"choices": [], "prompt_filter_results": [{"content_filter_results": {"hate": {"filtered": True}}}]}),
]
REFUSED = [
    completion(None, refusal="I can't help with that."),
    completion("I'm sorry, but I can't help with that."),
    completion("Lo siento, pero no puedo ayudar."),
]
UNPARSED = [
    completion("maybe hate"),
    completion(""),
    completion(None),
    completion(None, tool_calls=[{"id": "1"}]),
    completion('{"categories": ["violence"]}'),
    completion('{"categories": ["hate"', finish="length"),
    completion("<think>hm", finish="length"),
    answered({"error": {"code": "json_validate_failed", "message": "Failed to generate JSON."}}, 400),
]
ERRORS = [
    answered(b"", 0, "connection reset after 6 attempts"),
    answered({"error": {"code": "model_not_found"}}, 404),
    answered(b"<html>", 200),
    answered(b"[]", 200),
    answered({}, 200),
    answered({"choices": []}, 200),
    answered({"choices": [None]}, 200),
]
REJECTED = [
    answered({"error": {"code": "context_length_exceeded"}}, 400),
    answered({"error": "bad"}, 400),
    answered(b"<h1>413 Request Entity Too Large</h1>", 413),
    answered({"detail": "cannot process this text"}, 422),
    answered({"error": {"message": "no"}}, 403),
]


@pytest.mark.parametrize(
    ("outcome", "response"),
    [(name, one) for name, many in
     {"blocked": FILTERED, "refused": REFUSED, "unparsed": UNPARSED, "rejected": REJECTED,
      "error": ERRORS}.items() for one in many],
)  # fmt: skip
def test_chat_failures_are_different_facts(outcome, response):
    """No failure is a decision."""
    answer, _ = drive(chat(), item(), response)
    assert answer.outcome == outcome
    assert answer.decisions == UNDECIDED
    assert answer.error


def test_chat_refusal_is_only_looked_for_without_a_verdict():
    answer, _ = drive(chat(), item(), completion('I\'m sorry to say: {"categories": ["hate"]}'))
    assert (answer.outcome, answer.decisions["hate"]) == ("ok", 1)


def test_chat_error_text_has_no_key_and_no_item_text():
    leak = {"error": {"code": "invalid_api_key", "message": "Incorrect API key sk-abcdef1234567890: secret text"}}
    answer, _ = drive(chat(), item("secret text"), answered(leak, 401))
    assert answer.error == "HTTP 401 (invalid_api_key): Incorrect API key [redacted]: [item text]"
    answer, _ = drive(chat(), item(), Response("k", 0, b"", 1.0, error="401 for Bearer sk-abcdef1234567890abcdef"))
    assert "abcdef" not in answer.error


def test_chat_cut_off_answer_says_what_to_do():
    answer, _ = drive(chat(), item(), completion('{"categories": [', finish="length"))
    assert "max_tokens" in answer.error


@pytest.mark.parametrize(
    ("content", "outcome", "spam"),
    [
        ({"categories": ["spam"]}, "ok", 1),  # JSON mode of Workers AI
        ({"categories": []}, "ok", 0),
        ({"type": "text", "text": '{"categories": ["spam"]}'}, "ok", 1),
        ({"text": "no idea"}, "unparsed", None),
        ({"error": "overloaded"}, "unparsed", None),
        ({}, "unparsed", None),
        (7, "unparsed", None),
    ],
)
def test_chat_content_that_is_an_object_is_read_as_one(content, outcome, spam):
    answer, _ = drive(chat(), item(), completion(content))
    assert (answer.outcome, answer.decisions["spam"]) == (outcome, spam)
    assert outcome == "ok" or answer.error


def test_chat_content_in_parts_is_joined():
    parts = [{"type": "text", "text": '{"categories": '}, {"type": "text", "text": '["spam"]}'}]
    answer, _ = drive(chat(), item(), completion(parts))
    assert answer.decisions == {"hate": 0, "spam": 1}


# ---------------------------------------------------------------------------------------------------- per category


def test_chat_per_category_asks_in_one_batch_and_keeps_what_was_read():
    candidate = chat({"answer": "yes_no", "per": "category"})
    answer, made = drive(candidate, item(), completion("Yes"), completion("perhaps, who knows"))
    assert [orjson.loads(one.body)["messages"][0]["content"] for one in made] == ["Is it hate?", "Is it spam?"]
    assert (answer.outcome, answer.decisions) == ("unparsed", {"hate": 1, "spam": None})
    assert answer.error.startswith("spam: ")


@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        (completion("No"), "ok"),
        (completion("I'm sorry, but I can't."), "refused"),
        (FILTERED[0], "blocked"),
        (ERRORS[0], "error"),
    ],
)
def test_chat_per_category_takes_the_worst_outcome(second, outcome):
    candidate = chat({"answer": "yes_no", "per": "category"}, of=policy("hate", "spam", "scams"))
    answer, _ = drive(candidate, item(), completion("Yes"), second, completion("No"))
    assert answer.outcome == outcome
    assert answer.decisions == {"hate": 1, "spam": 0 if outcome == "ok" else None, "scams": 0}


def logprobs(*pairs):
    top = [{"token": text, "logprob": math.log(p), "bytes": None} for text, p in pairs]
    return {"content": [{**top[0], "top_logprobs": top}]}


def test_chat_yes_no_score_is_the_share_of_yes():
    candidate = chat({"answer": "yes_no", "per": "category"}, of=policy("hate"))
    answer, _ = drive(candidate, item(), completion("No", logprobs=logprobs(("No", 0.6), ("Yes", 0.3), ("yes", 0.1))))
    assert answer.decisions == {"hate": 0}
    assert answer.scores["hate"] == pytest.approx(0.4)


def test_chat_threshold_decides_by_the_score():
    candidate = chat({"answer": "yes_no", "per": "category"}, of=policy("hate"), thresholds={"hate": 0.4})
    answer, _ = drive(candidate, item(), completion("No", logprobs=logprobs(("No", 0.6), ("Yes", 0.41))))
    assert answer.decisions == {"hate": 1}


def test_chat_threshold_without_a_score_is_no_decision():
    candidate = chat({"answer": "yes_no", "per": "category"}, of=policy("hate"), thresholds={"hate": 0.4})
    answer, _ = drive(candidate, item(), completion("No"))
    assert (answer.outcome, answer.decisions) == ("unparsed", {"hate": None})


# ------------------------------------------------------------------------------------------------- what it decides


def test_chat_decides_what_prompt_labels_and_crosswalk_name():
    three = policy("hate", "scams", "spam")
    assert chat({"categories": ("spam",)}, of=three).categories == ("spam",)
    assert chat({"answer": "label", "labels": {"bad": ("hate",), "ok": ()}}, of=three).categories == ("hate",)
    guard = chat({"answer": "llama_guard"}, of=three, crosswalk=three.crosswalks["llama_guard_3"])
    assert guard.categories == ("hate", "scams")
    answer, _ = drive(guard, item(), completion("unsafe\nS10"))
    assert answer.decisions == {"hate": 1, "scams": 0}


@pytest.mark.parametrize(
    ("header", "options", "message"),
    [
        ({"answer": "wildguard"}, {}, "per: category"),
        ({"answer": "llama_guard"}, {}, "crosswalk"),
        ({"answer": "json"}, {"crosswalk": {"threats": ("x",)}}, "decides no category"),
        ({"categories": ("spam",)}, {"thresholds": {"hate": 0.5}}, "threshold for 'hate'"),
    ],
)
def test_chat_settings_that_cannot_work_are_refused(header, options, message):
    with pytest.raises(HarnessError, match=message):
        chat(header, **options)


def test_chat_fingerprint_is_json_without_keys():
    candidate = chat(inputs={"prompt": "p@12345678"})
    written = orjson.dumps(candidate.fingerprint).decode()
    assert '"model":"acme-mod-1"' in written
    assert '"parser":"json-6"' in written
    assert "ACME_KEY" not in written


def test_chat_item_without_text_is_an_abstention_and_never_asked():
    """The model was asked about the text "None", and its "no violation" counted as a decision about the image."""
    answer, made = drive(chat(), item(None, images=("a.png",)))
    assert (answer.outcome, set(answer.decisions.values()), made) == ("abstained", {None}, [])
    described = ChatCandidate("v1", prompt({}, template="Judge: {{ item.context }}"), "acme", OPENAI, PARSERS["json"])
    answer, made = drive(described, item(None, images=("a.png",), context="a cat"), completion('{"categories": []}'))
    assert (answer.outcome, len(made)) == ("ok", 1)
