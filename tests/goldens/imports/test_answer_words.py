"""How targets and answers of other harnesses are read: what cannot be read is unparsed, never a 0."""

import pytest

from harness.errors import HarnessError
from harness.goldens.imports.answer_words import AnswerWords
from harness.goldens.imports.plan import Plan
from harness.goldens.imports.recorded import spoken

BOTH = ["hate", "violence", "none"]
HATE, VIOLENCE, NEITHER = {"hate": 1, "violence": 0}, {"hate": 0, "violence": 1}, {"hate": 0, "violence": 0}


def read(answer, targets=BOTH, **plan):
    said = AnswerWords(targets, Plan(**plan)).read(answer)
    return dict(said.decisions) if said.outcome == "ok" else said.outcome


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('{"categories": {"hate": 0.9, "violence": 0.1}}', HATE),
        ('{"categories": {"hate": 0.9}}', "unparsed"),
        ('{"violates": true, "categories": []}', "unparsed"),
        ('{"violates": false, "categories": ["hate"]}', "unparsed"),
        ({"violates": False, "categories": []}, NEITHER),
        ("{'violates': True, 'categories': ['hate']}", HATE),
        ('```json\n{"categories": ["violence"]}\n```', VIOLENCE),
        ('<think>perhaps hate</think>{"categories": []}', NEITHER),
        ('{"categories": ["none"]}', NEITHER),
        ('{"categories": ["spam"]}', "unparsed"),
        ('{"categories": ["hate"]} or {"categories": []}', "unparsed"),
        ('{"categories": ["ha', "unparsed"),
        ('{"label": "hate"}', HATE),
        ('Sure: {"label": "hate"}', HATE),
        ({"labels": {"hate": 0.9, "violence": 0.1}}, HATE),
        ({"labels": ["hate"], "flagged": True}, HATE),
        ({"labels": [], "flagged": True}, "unparsed"),
        ({"label": "hate", "flagged": False}, "unparsed"),
        ({"label": "hate", "verdict": "violence"}, "unparsed"),
        ({"label": None, "flagged": False}, NEITHER),
        ({"flagged": True}, "unparsed"),
        ({"flagged": 0.4}, "unparsed"),
        ({"label": ""}, "unparsed"),
        ({"hate": True, "violence": False}, HATE),
        ({"hate": True}, "unparsed"),
        ({"score": 0.9}, "unparsed"),
        ({}, "unparsed"),
        ("hate, violence", {"hate": 1, "violence": 1}),
        ("hate, no", "unparsed"),
        ("none, hate", "unparsed"),
        (["none", "hate"], "unparsed"),
        ({"flagged": False, "risk_score": 0.95}, "unparsed"),
        ({"labels": [], "safety_score": 0.05}, "unparsed"),
        ({"labels": [], "safety_score": 0.95}, NEITHER),
        ({"label": "hate", "explanation": "Not hateful."}, "unparsed"),
        ({"label": "hate", "explanation": "Names a group."}, HATE),
        ({"verdict": "safe", "category": "hate"}, "unparsed"),
        ("**Hate.**", HATE),
        ("Answer: none", NEITHER),
        (["hate"], HATE),
        ([], NEITHER),
        ([""], "unparsed"),
        ("N/A", "abstained"),
        ("I cannot say", "unparsed"),
        ("yes", "unparsed"),
        (False, NEITHER),
        ("", "unparsed"),
        (None, "unparsed"),
    ],
)
def test_an_answer_about_two_categories(answer, expected):
    assert read(answer) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("unsafe", 1), ("Safe.", 0), ('{"violates": true}', 1), ('{"violates": true, "categories": []}', 1),
        ('{"categories": ["unsafe"]}', 1), ('{"flagged": 1}', 1), ({"verdict": "safe", "answer": "no"}, 0),
        ("maybe", None), ('{"violates": "yes"}', None),
    ],
)  # fmt: skip
def test_an_answer_of_yes_or_no(answer, expected):
    found = read(answer, ["unsafe", "safe"])
    assert found == ("unparsed" if expected is None else {"violation": expected})


def test_scores_of_an_answer_are_kept():
    said = AnswerWords(BOTH, Plan()).read('{"categories": {"hate": 0.9, "violence": 0.1}}')
    assert said.scores == {"hate": 0.9, "violence": 0.1}


@pytest.mark.parametrize(
    ("targets", "categories"),
    [
        ([{"categories": ["hate"]}, '{"categories": {"violence": 0.2}}'], ("hate", "violence")),
        ([{"violates": True}, {"violates": False}], ("violation",)),
        ([{"hate": 1, "violence": 0}], ("hate", "violence")),
        ([{"score": 0.9}], ("violation",)),
        ([None, "", {}], ("violation",)),
        (["yes", "no"], ("violation",)),
    ],
)
def test_categories_are_what_targets_name(targets, categories):
    assert AnswerWords(targets, Plan()).categories == categories


def test_a_target_that_says_nothing_is_not_labelled():
    words = AnswerWords(BOTH, Plan())
    assert words.labels("something else") == words.labels(None) == {"hate": None, "violence": None}
    assert words.labels({"categories": ["hate"]}) == HATE


def test_targets_that_are_texts_are_refused():
    with pytest.raises(HarnessError, match="more than 60 different things"):
        AnswerWords([f"an essay number {at}" for at in range(70)], Plan())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["hate", "spam"], '["hate","spam"]'),
        ({"categories": ["hate"], "text": "because"}, '{"categories":["hate"],"text":"because"}'),
        ([{"role": "assistant", "content": "no"}], "no"),
        ({"message": {"content": [{"type": "text", "text": "yes"}]}}, "yes"),
        (None, None),
        (True, "true"),
    ],
)
def test_what_a_harness_stores_as_an_answer(value, text):
    assert spoken(value) == text
