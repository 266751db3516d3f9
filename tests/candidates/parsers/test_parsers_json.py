"""Answers as models really write them; every hazard is an example."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.candidates.names import NameIndex
from harness.candidates.parsers import PARSERS, ParseContext
from harness.candidates.parsers.refusals import declines
from harness.candidates.parsers.words import says
from harness.records import PromptHeader

CATEGORIES = ("hate", "spam", "self_harm")


def asked(categories=CATEGORIES, crosswalk=None, **header):
    return ParseContext(PromptHeader("p", "json", **header), NameIndex(categories, crosswalk))


def parse(text, context=None):
    return PARSERS["json"].parse(text, context or asked())


def flagged(parsed):
    assert parsed.outcome == "ok", parsed.reason
    assert set(parsed.decisions) == set(CATEGORIES)
    return {name for name, decision in parsed.decisions.items() if decision}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"categories": []}', set()),
        ('{"categories": ["hate"]}', {"hate"}),
        ('{"categories": ["hate", "spam"], "rationale": "both"}', {"hate", "spam"}),
        ('```json\n{"categories": ["hate"]}\n```', {"hate"}),
        ('```\n{"categories": ["hate"]}```', {"hate"}),
        ('Here is my decision:\n\n{"categories": ["spam"]}\n\nLet me know if you need more.', {"spam"}),
        ('The policy says {category} applies, so {"categories": ["spam"]}', {"spam"}),
        ('{{"categories": ["hate"]}}', {"hate"}),
        ('{"result": {"verdict": {"categories": ["hate"]}}, "model": {"name": "x"}}', {"hate"}),
        ('[{"categories": ["spam"]}]', {"spam"}),
        ('{"categories": ["Self-Harm"]}', {"self_harm"}),
        ('{"categories": ["SELF HARM"]}', {"self_harm"}),
        ('{"violates": true, "categories": ["hate"]}', {"hate"}),
        ('{"violates": false, "categories": []}', set()),
        ('{"violates": false}', set()),
        ('{"violates": 0, "categories": []}', set()),
        ('{"Categories": ["hate"]}', {"hate"}),
        ('{"categories": {"hate": true, "spam": false, "self_harm": 0}}', {"hate"}),
        ('{"categories": {"hate": 1, "spam": 0, "self_harm": 0}}', {"hate"}),
        ('{"categories": {"hate": 0.9, "spam": 0.5, "self_harm": 0.49}}', {"hate", "spam"}),
        ('{"rationale": "quotes \\"{}\\" and } braces {", "categories": ["hate"]}', {"hate"}),
        ('{"categories": ["hate"]} {"categories": ["hate"]}', {"hate"}),
        ('<think>Is it {"categories": []}? No, it is hate.</think>\n{"categories": ["hate"]}', {"hate"}),
        ('it may be {"categories": []} hm</think>{"categories": ["hate"]}', {"hate"}),
        ('<|channel|>analysis<|message|>{"categories": []}<|end|><|start|>assistant<|channel|>final<|message|>'
         '{"categories": ["hate"]}<|return|>', {"hate"}),
        ('analysisThe text attacks a group.assistantfinal{"categories": ["hate"]}', {"hate"}),
        ('<|channel|>final <|constrain|>JSON<|message|>{"categories": ["hate"]}', {"hate"}),
        ("{'categories': ['hate'], 'rationale': 'a \"slur\"'}", {"hate"}),
        ("{'categories': [], 'violates': False, 'confidence': None}", set()),
        ('{"categories": ["hate",], "rationale": "a slur, really",}', {"hate"}),
        ('{"categories": ["hate"] // names a group\n}', {"hate"}),
        ('{\n# none\n"categories": [] /* nothing */}', set()),
        ("{“categories”: [“hate”]}", {"hate"}),
        ('"{\\"categories\\": [\\"hate\\"]}"', {"hate"}),
        ('{"categories": "hate"}', {"hate"}),
        ('{"categories": "hate, spam"}', {"hate", "spam"}),
        ('{"categories": "none"}', set()),
        ('{"categories": ["None"]}', set()),
        ('{"categories": {"hate": "yes", "spam": "no", "self_harm": "No"}}', {"hate"}),
    ],
)  # fmt: skip
def test_json_reads_the_verdict(text, expected):
    assert flagged(parse(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hate",
        "no violation",
        "null",
        "[]",
        "{}",
        '["hate"]',
        '{"category": "hate"}',
        '{"hate": true}',
        '{"categories": null}',
        '{"categories": [null]}',
        '{"categories": [["hate"]]}',
        '{"categories": ["hate", "none"]}',
        '{"categories": "hate, violence"}',
        '{"categories": "hateful"}',
        '{"categories": ""}',
        '{"categories": ["hate", "D-S2"]}',
        '{"categories": ["hateful"]}',
        '{"categories": {"hate": 1, "spam": 0, "self_harm": 0, "violence": 0}}',
        '{"categories": {"hate": 2, "spam": 0, "self_harm": 0}}',
        '{"categories": {"hate": -0.1, "spam": 0, "self_harm": 0}}',
        '{"categories": {"hate": NaN, "spam": 0, "self_harm": 0}}',
        '{"categories": {"hate": 1e999, "spam": 0, "self_harm": 0}}',
        '{"categories": {"hate": "maybe", "spam": "no", "self_harm": "no"}}',
        '{"violates": true}',
        '{"violates": true, "categories": []}',
        '{"violates": false, "categories": ["hate"]}',
        '{"violates": "yes", "categories": ["hate"]}',
        '{"violates": null, "categories": ["hate"]}',
        '{"violates": true, "categories": {"hate": 0, "spam": 0, "self_harm": 0}}',
        '{"violates": false, "categories": {"hate": 1, "spam": 0, "self_harm": 0}}',
        '{"categories": ["hate"]}\n{"categories": []}',
        '{"categories": ["hate"], "categories": []}',
        '{"categories": ["hate"], "Categories": []}',
        '{"categories": ["hate"], "scores": {"violence": 0.9}}',
        '{"categories": ["hate"], "scores": {"hate": 1.2}}',
        '{"categories": ["hate"], "scores": {"hate": true}}',
        '{"categories": ["hate"], "scores": [0.9]}',
        '{"categories": ["hate"',
        '{"categories": ["hate"], "examples": [{"categories": []}], "rationale": "cut o',
        '{"note": {"categories": []}, "categories": ["hate", ',
        "{'categories': ['hate'], 'rationale': 'it's a slur'}",
        '{"categories": ["hate"],,}',
        '{"categories": ["hate" "spam"]}',
        '{"categories": ["hate"], "categories": [],}',
        "{'categories': ['hate'], 'rationale': 'cut o",
        "{'draft': {\"categories\": [\"hate\"]}, 'final': 'it's none'}",
        '"{\\"categories\\": [\\"hate\\"]}',
        '<think>{"categories": []}',
        '<think>It is hate. {"categories": ["hate"]}</think>',
        '<|channel|>analysis<|message|>{"categories": []}',
        '{"a":' * 5_000,
        "{" * 5_000,
        '{"categories":' + "[" * 100_000,
        '{"categories": {"hate": 1' + "0" * 5_000 + "}}",
    ],
)
def test_json_does_not_guess(text):
    """Neither safe nor unsafe: an answer that is not a verdict is counted as unparsed."""
    parsed = parse(text)
    assert parsed.outcome == "unparsed"
    assert parsed.reason
    assert 1 not in parsed.decisions.values()


def test_json_true_with_an_empty_list_is_the_only_category_asked():
    parsed = parse('{"violates": true, "categories": []}', asked(("hate",)))
    assert parsed.decisions == {"hate": 1}


def test_json_mapping_that_leaves_a_category_out_is_partial():
    parsed = parse('{"categories": {"hate": 1, "spam": 0}}')
    assert parsed.outcome == "unparsed"
    assert parsed.decisions == {"hate": 1, "spam": 0, "self_harm": None}


def test_json_null_for_a_category_is_an_abstention():
    parsed = parse('{"categories": {"hate": 1, "spam": 0, "self_harm": null}}')
    assert parsed.outcome == "abstained"
    assert parsed.decisions == {"hate": 1, "spam": 0, "self_harm": None}


def test_json_keeps_scores_and_rationale():
    parsed = parse('{"categories": ["hate"], "scores": {"hate": 0.9, "spam": 0}, "rationale": "attack"}')
    assert parsed.scores == {"hate": 0.9, "spam": 0.0}
    assert parsed.rationale == "attack"
    assert parse('{"categories": {"hate": 0.9, "spam": 0.0, "self_harm": 1}}').scores == {"hate": 0.9, "spam": 0.0}


def test_json_crosswalk_maps_many_to_many_and_hides_the_policy_names():
    crosswalk = {"hate": ["hate", "hate/threatening"], "self_harm": ["hate/threatening", "self-harm/intent"]}
    context = asked(crosswalk=crosswalk)
    assert context.categories == ("hate", "self_harm")
    assert parse('{"categories": ["hate/threatening"]}', context).decisions == {"hate": 1, "self_harm": 1}
    assert parse('{"categories": ["spam"]}', context).outcome == "unparsed"


def test_json_name_that_two_categories_share_once_folded_is_unknown():
    context = asked(("self_harm", "selfharm"))
    assert parse('{"categories": ["self-harm"]}', context).outcome == "unparsed"
    assert parse('{"categories": ["selfharm"]}', context).decisions == {"self_harm": 0, "selfharm": 1}


names = st.sampled_from(CATEGORIES)
rationales = st.text().filter(lambda said: says(said, asked()) is not True and not declines(said))
verdicts = st.one_of(
    st.fixed_dictionaries({"categories": st.lists(names, unique=True)}, optional={"rationale": rationales}),
    st.fixed_dictionaries({"categories": st.fixed_dictionaries(dict.fromkeys(CATEGORIES, st.floats(0, 1)))}),
)
blanks = st.text(alphabet=" \t\r\n", max_size=5)


@given(
    verdicts, blanks, blanks, st.sampled_from(["{}", "```json\n{}\n```", "```\n{}\n```", "Decision: {}", "{} Done."])
)
def test_json_reads_the_same_in_any_wrapping(verdict, before, after, wrapping):
    text = json.dumps(verdict)
    bare = parse(text)
    assert bare.outcome == "ok"
    assert parse(before + wrapping.replace("{}", text) + after) == bare


pieces = st.sampled_from(
    ['{"categories"', ": [", '"hate"', "]", "}", "{", '"violates"', ": true", ": false", ",", "yes", "no", "unsafe",
     "safe", "\n", "S10", "S99", "```", "<think>", "</think>", '"policy_category"', '"violation": 1', "INVALID", " "]
)  # fmt: skip
answers = st.one_of(st.text(), st.lists(pieces).map("".join))


@pytest.mark.parametrize("name", PARSERS)
@given(text=answers)
def test_parsers_never_raise_and_never_invent_a_category(name, text):
    context = ParseContext(
        PromptHeader("p", name, labels={"INVALID": ("hate",), "VALID": ()}),
        NameIndex(CATEGORIES, {"hate": ["S10"], "spam": ["S2"]} if name == "llama_guard" else None),
    )
    parsed = PARSERS[name].parse(text, context)
    assert set(parsed.decisions) <= set(context.categories)
    assert set(parsed.scores) <= set(context.categories)
    if parsed.outcome == "ok":
        assert set(parsed.decisions) == set(context.categories)
        assert set(parsed.decisions.values()) <= {0, 1}
    else:
        assert parsed.reason
        assert len(text) < 60 or text not in parsed.reason  # a short text may be one of our own reasons by chance


@pytest.mark.parametrize("name", PARSERS)
@given(text=answers)
def test_parsers_never_invent_for_one_category(name, text):
    context = ParseContext(PromptHeader("p", name, labels={"1": ("hate",), "0": ()}), NameIndex(("hate",)), "hate")
    parsed = PARSERS[name].parse(text, context)
    assert set(parsed.decisions) <= {"hate"}
    assert parsed.outcome != "ok" or parsed.decisions["hate"] in (0, 1)


@pytest.mark.parametrize(
    "text",
    [
        '{"flagged": true, "categories": []}',
        '{"is_violation": true, "categories": []}',
        '{"violation": "yes", "categories": []}',
        '{"Safe": false, "categories": []}',
        '{"flagged": false, "categories": {"hate": true, "spam": false, "self_harm": false}}',
        '{"violates": false, "unsafe": true, "categories": []}',
        '{"is_safe": true, "categories": ["hate"]}',
        '{"categories": [], "error": "content filtered"}',
        '{"categories": [], "refusal": "I cannot look at this"}',
        "{\"categories\": []}\n\nI'm sorry, but I can't help with that.",
        '```json\n{"categories": []}\n```\nLo siento, no puedo ayudar.',
    ],
)
def test_what_speaks_against_an_empty_list_makes_it_no_verdict(text):
    """Each of these was a quiet "not violating", or a flag that the answer itself denies."""
    assert parse(text).outcome == "unparsed"


@pytest.mark.parametrize(
    "text",
    [
        '{"flagged": false, "categories": []}',
        '{"safe": "yes", "categories": []}',
        '{"categories": [], "error": null}',
        '{"categories": [], "error": ""}',
        '{"categories": [], "harmful": 0.3}',
        '{"categories": []}\nNothing here attacks anybody.',
    ],
)
def test_what_agrees_with_an_empty_list_leaves_it_one(text):
    parsed = parse(text)
    assert (parsed.outcome, set(parsed.decisions.values())) == ("ok", {0})


@pytest.mark.parametrize(
    "fields",
    [
        '"verdict": "violating"', '"Verdict": "Violates policy: hate"', '"decision": "block"', '"action": "remove"',
        '"recommended_action": "Take down"', '"actions": ["warn user"]', '"label": "hate"', '"labels": ["hate"]',
        '"classification": "UNSAFE"', '"result": "fail"', '"status": "flagged"', '"violations": ["hate"]',
        '"violations": 2', '"violations": {"hate": true, "spam": false}', '"policy_violation": true',
        '"isViolation": "true"', '"violatesPolicy": "yes"', '"harmful": 0.93', '"allowed": false', '"approved": "no"',
        '"is_compliant": "false"', '"severity": "High"', '"severity_level": "critical"', '"hate": true', '"spam": 0.9',
        '"violated_policies": ["Section 4"]', '"violation_type": "personal attack"', '"decision": "not safe"',
        '"decision": "needs human review"', '"details": {"hate": {"violates": true}, "spam": {"violates": false}}',
        '"per_category": [{"name": "hate", "violates": true}, {"name": "spam", "violates": false}]',
        '"analysis": {"categories": ["hate"]}', '"scores": {"hate": 0.97}', '"should_block": true', '"error": true',
        '"rationale": "I cannot assess this."', '"reason": "I\'m sorry, but I can\u2019t help with that."',
        '"explanation": "As an AI, I am unable to evaluate this content."', '"reasoning": "Unable to judge."',
        '"rationale": "This content cannot be evaluated."', '"rationale": "Lo siento, no puedo evaluar esto."',
        '"rationale": "抱歉，我无法评估。"',
    ],
)  # fmt: skip
def test_a_field_that_speaks_against_an_empty_list_makes_it_no_verdict(fields):
    """Each of these was read as "not violating" in silence, inside the verdict and around it."""
    parsed = parse(f'{{{fields}, "categories": []}}')
    assert parsed.outcome == "unparsed"
    assert parsed.reason
    around = parse(f'{{"result": {{"categories": []}}, {fields}}}')
    assert around.outcome == "unparsed" or "scores" in fields


@pytest.mark.parametrize(
    "fields",
    [
        '"verdict": "safe"', '"verdict": "not violating"', '"verdict": "No violation"', '"decision": "allow"',
        '"decision": "ALLOWED"', '"action": "none"', '"action": "no_action"', '"action": "keep"', '"label": "none"',
        '"labels": []', '"result": "ok"', '"status": "success"', '"status": 200', '"violations": []',
        '"violations": 0', '"violations": "none"', '"violations": {"hate": false}', '"violations": null',
        '"flags": []', '"verdict": "non-violating"', '"verdict": "does not violate the policy"', '"severity": "low"',
        '"severity": "none"', '"severity": 0', '"hate": false', '"hate": 0.2', '"confidence": "high"',
        '"confidence": 0.97', '"allowed": true', '"error": "none"', '"refusal": false', '"text": "block this"',
        '"evidence": "I cannot help you"', '"verdict": "counter speech"', '"scores": {"hate": 0.31}',
        '"rationale": "I cannot find any violation of the policy."', '"rationale": "I can\'t label this as hate."',
        '"rationale": "I can\'t help but laugh; it is a joke."', '"rationale": "Violating nothing, it is a quote."',
        '"rationale": "Sorry is said by the author."', '"details": [{"name": "hate", "violates": false}]',
        '"violation_type": "n/a"', '"violated_policies": [""]', '"category": null', '"requires_action": false',
    ],
)  # fmt: skip
def test_a_field_that_agrees_with_an_empty_list_or_says_nothing_leaves_it_one(fields):
    parsed = parse(f'{{{fields}, "categories": []}}')
    assert (parsed.outcome, set(parsed.decisions.values())) == ("ok", {0}), (fields, parsed.reason)


@pytest.mark.parametrize("verdict", ["safe", "not violating", "no violation", "allow", "none"])
def test_a_verdict_that_denies_what_is_listed_makes_it_none(verdict):
    assert parse(json.dumps({"verdict": verdict, "categories": ["hate"]})).outcome == "unparsed"


@pytest.mark.parametrize(
    "fields",
    ['"verdict": "violating"', '"action": "none"', '"status": "ok"', '"severity": "low"', '"decision": "block"'],
)
def test_a_listed_category_stays_listed_beside_other_fields(fields):
    assert flagged(parse(f'{{{fields}, "categories": ["hate"]}}')) == {"hate"}


def test_a_score_against_the_list_is_no_verdict_unless_a_threshold_decides():
    text = '{"categories": ["spam"], "scores": {"hate": 0.8, "spam": 0.9}}'
    assert parse(text).outcome == "unparsed"
    context = ParseContext(PromptHeader("p", "json"), NameIndex(CATEGORIES), decided_by_score=frozenset(("hate",)))
    assert flagged(parse(text, context)) == {"spam"}


def test_the_only_category_repeated_beside_its_answer_is_no_flag():
    context = ParseContext(PromptHeader("p", "json"), NameIndex(("hate",)), "hate")
    assert parse('{"category": "hate", "violates": false}', context).decisions == {"hate": 0}
    assert parse('{"category": "hate", "violates": false}').outcome == "unparsed"


def test_prose_before_an_empty_list_that_refuses_makes_it_no_verdict():
    assert parse('I\'m sorry, I cannot assess this.\n{"categories": []}').outcome == "unparsed"
    assert parse('I cannot see any violation: {"categories": []}').outcome == "ok"


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ('"verdict": "violating"', "unparsed"),
        ('"rationale": "I cannot assess this."', "unparsed"),
        ('"action": "allow"', "ok"),
    ],
)
def test_gpt_oss_safeguard_reads_what_speaks_against_no_violation(fields, outcome):
    context = ParseContext(PromptHeader("p", "gpt_oss_safeguard"), NameIndex(("hate",)), "hate")
    parsed = PARSERS["gpt_oss_safeguard"].parse(f'{{"violation": 0, "policy_category": null, {fields}}}', context)
    assert parsed.outcome == outcome
