import orjson
import pytest
from candidate_fakes import CROSSWALKS, answered, drive, item, local

from harness.candidates.moderation import ModerationCandidate
from harness.candidates.names import NameIndex
from harness.records import Model

OMNI = Model("openai", model="omni-moderation-2024-09-26", api_key_env="ACME_KEY")
SAFE = {"hate": False, "hate/threatening": False, "illicit": False, "violence": False, "sexual": False}


def moderation(**options):
    names = NameIndex(("hate", "scams", "threats", "spam"), CROSSWALKS["omni"])
    return ModerationCandidate("omni", "omni", OMNI, names, **options)


def result(flags=None, scores=None):
    one = {"flagged": True, "categories": SAFE | (flags or {}), "category_scores": scores or {}}
    return answered({"id": "m", "model": "omni", "results": [one]})


def test_moderation_request_is_model_and_text():
    (request,) = next(moderation().decide(item("hello")))
    assert (request.model_id, request.route) == ("omni", "/moderations")
    assert orjson.loads(request.body) == {"model": "omni-moderation-2024-09-26", "input": "hello"}


def test_moderation_maps_many_to_many_and_leaves_out_what_is_not_covered():
    scores = dict.fromkeys(SAFE, 0.1) | {"hate": 0.3, "hate/threatening": 0.7}
    answer, _ = drive(moderation(), item(), result({"hate/threatening": True}, scores))
    assert answer.outcome == "ok"
    assert answer.decisions == {"hate": 1, "scams": 0, "threats": 1}
    assert answer.scores == {"hate": 0.7, "scams": 0.1, "threats": 0.7}


@pytest.mark.parametrize(
    ("flags", "flagged"),
    [
        ({"hate_threatening": True}, 1),  # by the attributes of OpenAI's client, as gateways pass it on
        ({"hate_threatening": False}, 0),
        ({"hate/threatening": True, "hate_threatening": None}, 1),
        ({"hate_threatening": True, "hate/threatening": False}, 0),
    ],
)
def test_moderation_names_are_read_as_attributes_too(flags, flagged):
    told = {"hate": False, "illicit": False, "violence": False, "sexual": False} | flags
    body = {"results": [{"flagged": True, "categories": told, "category_scores": {}}]}
    answer, _ = drive(moderation(), item(), answered(body))
    assert (answer.outcome, answer.decisions["hate"]) == ("ok", flagged)


@pytest.mark.parametrize(("score", "decision"), [(0.39, 0), (0.4, 1)])
def test_moderation_threshold_replaces_the_endpoints_flag(score, decision):
    answer, _ = drive(moderation(thresholds={"hate": 0.4}), item(), result({"hate": decision == 0}, {"hate": score}))
    assert answer.decisions["hate"] == decision


def test_moderation_threshold_without_a_score_is_no_decision():
    answer, _ = drive(moderation(thresholds={"hate": 0.4}), item(), result({"hate": True}))
    assert (answer.outcome, answer.decisions["hate"]) == ("unparsed", None)


def test_moderation_null_is_a_category_this_version_does_not_have():
    """text-moderation models answer null for illicit."""
    answer, _ = drive(moderation(), item(), result({"illicit": None, "hate": True}))
    assert (answer.outcome, answer.error) == (
        "abstained",
        "this version of the endpoint has no such category as scams",
    )
    assert answer.decisions == {"hate": 1, "scams": None, "threats": 0}


def test_moderation_name_that_is_not_in_the_answer_is_unreadable():
    one = {"flagged": False, "categories": {"hate": False}, "category_scores": {}}
    answer, _ = drive(moderation(), item(), answered({"results": [one]}))
    assert (answer.outcome, answer.error) == (
        "unparsed",
        "nothing in the response maps to scams; nothing in the response maps to threats",
    )


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (answered({"results": []}), "error"),
        (answered({"results": [{"categories": {"hate": "no"}}]}), "unparsed"),
        (answered({"results": [{"categories": SAFE, "category_scores": {"hate": 7}}]}), "unparsed"),
        (answered({"error": {"code": "rate_limit_exceeded"}}, 429), "error"),
        (answered(b"", 0, "timed out"), "error"),
        (answered({"error": {"code": "content_filter"}}, 400), "blocked"),
    ],
)
def test_moderation_failures_are_not_decisions(response, outcome):
    answer, _ = drive(moderation(), item(), response)
    assert answer.outcome == outcome
    assert set(answer.decisions.values()) == {None}


def test_moderation_item_without_text_is_an_abstention():
    assert local(moderation(), item(None, images=("a.png",))).outcome == "abstained"
    assert local(moderation(), item(None)).outcome == "abstained"
