"""What stands beside an empty list in JSON answers: honest fields that leave it one, and contrary ones that do not."""

import json
from typing import Any

import pytest
import yaml

from harness.candidates.names import NameIndex
from harness.candidates.parsers import PARSERS, ParseContext
from harness.candidates.parsers.words import ACTS, AGAINST, FOR, NOT, YES
from harness.records import PromptHeader
from tests.candidates.answer_corpus import CORPUS

BESIDE = yaml.safe_load((CORPUS / "beside_nothing.yaml").read_text(encoding="utf-8"))


def outcome(text: str, *categories: str) -> str:
    names = NameIndex(categories or ("hate", "spam", "self_harm"))
    return str(PARSERS["json"].parse(text, ParseContext(PromptHeader("p", "json"), names)).outcome)


def beside(key: str, value: Any) -> str:
    return json.dumps({key: value, "categories": []}, ensure_ascii=False)


@pytest.mark.parametrize("key", BESIDE["honest"]["fields"])
def test_an_honest_field_leaves_an_empty_list_one(key: str) -> None:
    """Many of these were read by their first word: "Blocked users are discussed", "Flag of Norway"."""
    values = BESIDE["honest"]["fields"][key]
    assert [value for value in values if outcome(beside(key, value)) != "ok"] == []


@pytest.mark.parametrize("key", BESIDE["contrary"]["fields"])
def test_a_contrary_field_makes_an_empty_list_no_verdict(key: str) -> None:
    values = BESIDE["contrary"]["fields"][key]
    assert [value for value in values if outcome(beside(key, value)) != "unparsed"] == []


@pytest.mark.parametrize("text", BESIDE["honest"]["answers"])
def test_an_honest_answer_is_read(text: str) -> None:
    assert outcome(text) == "ok"


@pytest.mark.parametrize("text", BESIDE["contrary"]["answers"])
def test_a_contrary_answer_is_no_verdict(text: str) -> None:
    assert outcome(text) == "unparsed"


@pytest.mark.parametrize("key", ["verdict", "decision", "action", "result", "assessment", "label", "status"])
@pytest.mark.parametrize("sentence", ["{} users are discussed", "{} in Norway", "a story about {}, by a guest"])
def test_a_sentence_that_holds_a_known_word_says_nothing(key: str, sentence: str) -> None:
    words = sorted(AGAINST | FOR | ACTS | NOT | YES)
    assert [word for word in words if outcome(beside(key, sentence.format(word.capitalize()))) != "ok"] == []


@pytest.mark.parametrize("key", ["verdict", "decision", "action", "result"])
def test_a_known_word_says_the_same_in_any_dress(key: str) -> None:
    dresses = ("{}", "{}.", "**{}**", "❌ {}", "`{}`", "[{}]", "It is {}", "{} content")
    dressed = [dress.format(shape) for word in sorted(AGAINST) for shape in (word, word.upper()) for dress in dresses]
    assert [value for value in dressed if outcome(beside(key, value)) != "unparsed"] == []
    assert [word for word in sorted(AGAINST) if outcome(beside(key, f"not {word}")) != "ok"] == []


def test_a_category_is_a_word_whatever_its_name_is_made_of() -> None:
    names = ("hate_speech", "safe_messaging", "illegal_goods", "user_data", "S1.2")
    for value in ("hate speech", "Violates hate speech policy", "safe messaging", "S1.2", "user_data"):
        assert outcome(beside("verdict", value), *names) == "unparsed", value
    for key in ("is_hate_speech", "illegal_goods", "illegal_goods_detected", "user_data"):
        assert outcome(beside(key, True), *names) == "unparsed", key
    assert outcome(beside("verdict", "no hate speech"), *names) == "ok"
    assert outcome('{"verdict": "no hate speech", "categories": ["hate_speech"]}', "hate_speech") == "unparsed"
    assert outcome('{"verdict": "not spam", "categories": ["hate"]}') == "ok"


@pytest.mark.parametrize("depth", [100, 500, 800, 990])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"violations": ', "}")])
def test_a_field_that_is_nested_deeply_is_no_error(depth: int, opened: str, closed: str) -> None:
    """The parser of gpt-oss-safeguard raised a RecursionError."""
    nested = f"{opened * depth}[]{closed * depth}"
    context = ParseContext(PromptHeader("p", "gpt_oss_safeguard"), NameIndex(("hate",)), "hate")
    text = f'{{"violation": 0, "policy_category": null, "violations": {nested}}}'
    assert PARSERS["gpt_oss_safeguard"].parse(text, context).outcome in ("ok", "unparsed")
    assert outcome(f'{{"categories": [], "violations": {nested}}}') in ("ok", "unparsed")


def worded(sentence: str, yes_no: str, label: str) -> list[str]:
    """The outcomes of a yes or a no, and of a label, with a sentence behind them."""
    labels: dict[str, tuple[str, ...]] = {"hateful": ("hate",), "safe": ()}
    of_label = ParseContext(PromptHeader("p", "label", labels=labels), NameIndex(("hate", "spam")))
    of_word = ParseContext(PromptHeader("p", "yes_no"), NameIndex(("hate",)))
    said = PARSERS["yes_no"].parse(f"{yes_no}. {sentence}", of_word)
    return [str(said.outcome), str(PARSERS["label"].parse(f"{label}\n{sentence}", of_label).outcome)]


def readings(sentence: str) -> set[str]:
    """The outcomes of answers that find nothing and have this sentence beside them."""
    of_json = [outcome(beside("rationale", sentence)), outcome(f'{{"categories": []}}\n\n{sentence}')]
    return {*of_json, *worded(sentence, "No", "safe")}


@pytest.mark.parametrize("sentence", BESIDE["stated"])
def test_prose_that_states_a_violation_makes_nothing_no_verdict(sentence: str) -> None:
    assert readings(sentence) == {"unparsed"}


@pytest.mark.parametrize("sentence", BESIDE["unstated"])
def test_prose_that_denies_doubts_or_quotes_states_nothing(sentence: str) -> None:
    assert readings(sentence) == {"ok"}


@pytest.mark.parametrize(
    "text",
    ["Is it safe? No", "Compliant? Yes", "Does it comply with the policy? No.", "1. Yes 2. No", "No: 5%", "Yes: false"],
)
def test_a_yes_or_a_no_to_another_question_is_no_verdict(text: str) -> None:
    context = ParseContext(PromptHeader("p", "yes_no"), NameIndex(("hate",)))
    assert PARSERS["yes_no"].parse(text, context).outcome == "unparsed"


def test_a_ticked_category_is_listed() -> None:
    assert outcome('{"categories": []}\n\n- [x] hate\n- [ ] spam') == "unparsed"
    assert outcome('{"categories": []}\n\n- [ ] hate\n- [ ] spam') == "ok"


@pytest.mark.parametrize(("part", "expected"), [("denies", "unparsed"), ("keeps", "ok")])
def test_a_listed_category_that_is_denied_is_no_verdict(part: str, expected: str) -> None:
    """An answer that listed a category and said that nothing is violated was a flag."""
    for key, values in BESIDE[part]["fields"].items():
        listed = [json.dumps({"categories": ["hate"], key: value}) for value in values]
        assert [text for text in listed if outcome(text) != expected] == []
    for sentence in BESIDE[part]["sentences"]:
        assert outcome(f'{{"categories": ["hate"]}}\n\n{sentence}') == expected, sentence
        assert outcome(f'{sentence}\n\n{{"categories": ["hate"]}}') == expected, sentence
        assert worded(sentence, "Yes", "hateful") == [expected, expected], sentence
