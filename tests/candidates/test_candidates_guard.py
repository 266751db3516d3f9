"""Guards by name: the form each publisher prints, the parser of its answers, and crosswalks that fit its version."""

import random

import orjson
import pytest
from candidate_fakes import completion, drive, item
from hypothesis import given
from hypothesis import strategies as st

from harness.candidates.build import build_candidates
from harness.candidates.check import check_candidates
from harness.candidates.guard import form_of
from harness.candidates.guard_table import GUARDS
from harness.candidates.names import NameIndex
from harness.candidates.parsers import ParseContext, load_parser
from harness.errors import HarnessError
from harness.files.evals import load_eval

POLICY = """\
policy: p
version: 1
categories:
  hate: {name: Hate, definition: Attacks people for what they are.}
  spam: {name: Spam, definition: Unwanted bulk.}
crosswalks:
  llama_guard_2: {hate: [S9], spam: null}
  llama_guard_3: {hate: [S10], spam: null}
  llama_guard_14: {hate: [S14]}
  llama_guard_1: {hate: [O1], spam: null}
  qwen: {hate: [Unethical Acts], spam: null}
  nemotron: {hate: [Hate/Identity Hate], spam: [Fraud/Deception]}
  harmful: {hate: [harmful], spam: null}
  two: {hate: [harmful], spam: [harmful]}
"""
CROSSWALKS = {"llama-guard-1": "llama_guard_1", "llama-guard-2": "llama_guard_2", "qwen3guard": "qwen",
              "nemotron": "nemotron", "wildguard": "harmful", "nemotron-reasoning": "harmful",
              "nemotron-reasoning-think": "harmful"}  # fmt: skip
FLAGGED = {
    "llama_guard": "unsafe\n{hate}", "shieldgemma": "Yes", "cope": "1", "granite_guardian": "<score> yes </score>",
    "wildguard": "Harmful request: yes\nResponse refusal: n/a\nHarmful response: n/a",
    "qwen3guard": "Safety: Unsafe\nCategories: {hate}",
    "polyguard": "Harmful request: yes\nResponse refusal: no\nRequest safety violations: {hate}\nHarmful response: no",
    "nemotron": '{{"User Safety": "unsafe", "Safety Categories": "{hate}"}}',
    "gpt_oss_safeguard": '{{"violation": 1, "rule_ids": ["hate"]}}',
}  # fmt: skip
HATE = {"llama_guard_1": "O1", "llama_guard_2": "S9", "llama_guard_3": "S10", "qwen": "Unethical Acts",
        "nemotron": "Hate/Identity Hate", "harmful": "harmful"}  # fmt: skip


def project(folder, line):
    (folder / "policy.yaml").write_text(POLICY, "utf-8")
    (folder / "card.yaml").write_text(
        "golden_set: g\nversion: 1\npolicy: {name: p, version: 1}\nitems: i.jsonl\nlabels: [hate, spam]\n", "utf-8"
    )
    (folder / "i.jsonl").write_text('{"id": "a", "text": "x", "labels": {"hate": 1, "spam": 0}}\n', "utf-8")
    (folder / "models.yaml").write_text(
        "models:\n  m: {provider: openai, base_url: 'http://127.0.0.1:9/v1', model: m}\n", "utf-8"
    )
    path = folder / "eval.yaml"
    path.write_text(
        f"eval: e\npolicy: policy.yaml\ngolden_set: card.yaml\nmodels: models.yaml\ncandidates:\n  g: {{{line}}}\n",
        "utf-8",
    )
    return path


def line_of(name, crosswalk=None):
    if not GUARDS[name].taxonomy:
        return f"guard: {name}, model: m"
    return f"guard: {name}, model: m, crosswalk: {crosswalk or CROSSWALKS.get(name, 'llama_guard_3')}"


@pytest.mark.parametrize("name", sorted(GUARDS))
def test_a_guard_is_asked_in_its_form_and_read_by_its_parser(tmp_path, name):
    (guard,) = build_candidates(load_eval(project(tmp_path, line_of(name))))
    answer = form_of(name).value.header.answer
    text = "a {{ text }} of the item"
    crosswalk = CROSSWALKS.get(name, "llama_guard_3")
    said = "Prompt harm: harmful" if name.startswith("nemotron-r") else FLAGGED[answer].format(hate=HATE[crosswalk])
    n_calls = len(guard.categories) if form_of(name).value.header.per == "category" else 1
    found, made = drive(guard, item(text), *[completion(said)] * n_calls)
    assert found.outcome == "ok", found
    assert found.decisions["hate"] == 1
    body = orjson.loads(made[0].body)
    assert sum(message["content"].count(text) for message in body["messages"]) == 1
    if GUARDS[name].form in ("llama_guard", "qwen3guard", "nemotron", "granite_guardian"):
        assert [message["content"] for message in body["messages"]] == [text]  # the server's template says the rest
    if GUARDS[name].fields is not None:
        assert "Attacks people" in orjson.dumps(body["chat_template_kwargs"]).decode()


def test_a_category_that_a_guard_does_not_have_is_not_decided(tmp_path):
    loaded = load_eval(project(tmp_path, line_of("llama-guard-3")))
    (guard,) = build_candidates(loaded)
    found, _ = drive(guard, item("x"), completion("safe"))
    assert found.decisions == {"hate": 0}
    _, doubts = check_candidates(loaded)
    assert any("has no such category as spam" in doubt.found for doubt in doubts)


def test_controversial_counts_where_the_eval_is_strict(tmp_path):
    said = completion("Safety: Controversial\nCategories: Unethical Acts")
    for strict, wanted in (("", 0), (", strict: true", 1)):
        (guard,) = build_candidates(load_eval(project(tmp_path, line_of("qwen3guard") + strict)))
        assert drive(guard, item("x"), said)[0].decisions == {"hate": wanted}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("guard: llama-gard-3, model: m, crosswalk: llama_guard_3", "llama-guard-3"),
        ("guard: llama-guard-3, crosswalk: llama_guard_3", "say which model is the guard"),
        ("guard: llama-guard-3, model: m", "answers in its own categories"),
        ("guard: llama-guard-2, model: m, crosswalk: llama_guard_14", "which maps 'S14'"),
        ("guard: shieldgemma, model: m, crosswalk: llama_guard_3", "judges the policy's own categories"),
        ("guard: wildguard, model: m, crosswalk: two", "one verdict for all"),
        ("guard: cope, model: m, strict: true", "strict only with qwen3guard"),
    ],
)
def test_what_does_not_fit_a_guard_is_named(tmp_path, line, said):
    with pytest.raises(HarnessError) as caught:
        load_eval(project(tmp_path, line))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ('{"User Safety": "unsafe", "Safety Categories": "Violence"}', ("ok", {"hate": 1})),
        ('{"user safety": "unsafe", "safety categories": ["Violence", "Threat"]}', ("ok", {"hate": 1})),
        ('{"User Safety": "unsafe", "Safety Categories": "Made Up"}', ("unparsed", {})),
    ],
)
def test_one_word_for_all_is_said_by_any_category_of_an_older_form(said, wanted):
    """An unsafe post passed: its category was none of the crosswalk's, which has the word for all alone."""
    header = form_of("nemotron-reasoning").value.header
    context = ParseContext(header, NameIndex(("hate",), {"hate": ("harmful",)}), "hate", (), False)
    parsed = load_parser(header.answer).parse(said, context)
    assert (parsed.outcome, dict(parsed.decisions)) == wanted


PIECES = st.sampled_from(
    ["safe", "unsafe", "S1", "S10", ",", "\n", "yes", "no", "Harmful request: ", "Response refusal: ", "Safety: ",
     "n/a",
     "Categories: ", "Unsafe", "Safe", "Controversial", "<score>", "</score>", "<think>", "</think>", "{", "}", '"',
     "violation", ": ", "1", "0", "User Safety", "Prompt harm: ", "harmful", "unharmful", " ", "None", "Violent"]
)  # fmt: skip


@pytest.mark.parametrize("name", sorted(GUARDS))
@given(text=st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=12).map("".join)), is_cut_off=st.booleans())
def test_any_answer_of_a_guard_is_a_verdict_or_none(name, text, is_cut_off):
    taxonomy = GUARDS[name].taxonomy
    names = NameIndex(("hate",), {"hate": tuple(taxonomy)[:1]} if taxonomy else None)
    header = form_of(name).value.header
    parsed = load_parser(header.answer).parse(text, ParseContext(header, names, None, (), is_cut_off))
    assert parsed.outcome in ("ok", "unparsed", "abstained")
    assert parsed.outcome == "ok" or parsed.reason


# --------------------------------------------------------------------------------- the oracle: any-guardrail 0.7


TEXTS = [
    "safe", "\n\nsafe", "unsafe\nS10", "unsafe\nS2,S10",
    "Harmful request: yes\nResponse refusal: n/a\nHarmful response: n/a",
    "Harmful request: no\nResponse refusal: no\nHarmful response: no",
    "Harmful request: yes\nResponse refusal: no\nRequest safety violations: S10\nHarmful response: no",
    "Harmful request: no\nResponse refusal: no\nRequest safety violations: None\nHarmful response: no",
    "Safety: Safe\nCategories: None", "Safety: Unsafe\nCategories: Unethical Acts",
    "<think>\n\n</think>\nSafety: Unsafe\nCategories: Violent",
    "<score> yes </score>", "<think>yes?</think>\n<score> no </score>",
    "Prompt harm: harmful\nResponse harm: unharmful", "<think>harmful</think>\nPrompt harm: unharmful",
]  # fmt: skip
ORACLES = {
    "llama-guard-3": ("llama_guard.llama_guard", "LlamaGuard", {}),
    "wildguard": ("wild_guard.wild_guard", "WildGuard", {}),
    "polyguard": ("poly_guard.poly_guard", "PolyGuard", {}),
    "qwen3guard": ("qwen3_guard.qwen3_guard", "Qwen3Guard", {}),
    "nemotron-reasoning": ("nemotron_content_safety.nemotron_content_safety", "NemotronContentSafety", {}),
    "granite-guardian-3.3": ("granite_guardian.granite_guardian", "GraniteGuardian", {"criteria": "any"}),
    "granite-guardian-4": ("granite_guardian.granite_guardian", "GraniteGuardian", {"criteria": "any"}),
}
"""Not gpt-oss-safeguard: there any word "violation" counts, that of the key in ``{"violation": 0}`` too."""
WORDS_OF = {
    "llama-guard-3": "safe|unsafe|S1|S10|S14|,|\n|unsafe\nS1| ",
    "wildguard": "Harmful request: yes\n|Harmful request: no\n|Response refusal: n/a\n|Response refusal: no\n|"
    "Harmful response: n/a|Harmful response: no|\n",
    "polyguard": "Harmful request: yes\n|Harmful request: no\n|Response refusal: no\n|Harmful response: no\n|"
    "Request safety violations: S10\n|Request safety violations: None\n",
    "qwen3guard": "Safety: Safe\n|Safety: Unsafe\n|Safety: Controversial\n|Categories: None\n|Categories: Violent\n|\n",
    "nemotron-reasoning": "Prompt harm: harmful\n|Prompt harm: unharmful\n|Response harm: unharmful\n|\n",
    "granite-guardian-3.3": "<score> yes </score>|<score> no </score>| yes | no |\n|<confidence> High </confidence>",
    "granite-guardian-4": "<score> yes </score>|<score> no </score>| yes | no |\n",
}
"""What answers are put together from: no reasoning beside a verdict, and no harm of a response that nobody gave."""


def oracle(name, text):
    """Whether any-guardrail finds the text's answer harmless; None where it cannot read it."""
    import importlib

    from any_guardrail.types import GuardrailInferenceOutput

    module, cls, extra = ORACLES[name]
    found = getattr(importlib.import_module(f"any_guardrail.guardrails.{module}"), cls)
    guard = object.__new__(found)
    for attribute, value in {"model_id": found.SUPPORTED_MODELS[0], "strict": False, "think": False, **extra}.items():
        setattr(guard, attribute, value)
    result = guard._post_processing(GuardrailInferenceOutput(data={"generated_text": text, "has_response": False}))
    return None if (result.extra or {}).get("parse_failure") else result.valid


@pytest.mark.parametrize("name", sorted(ORACLES))
def test_verdicts_are_those_of_any_guardrail(name):
    pytest.importorskip("any_guardrail", reason="any-guardrail is a test dependency")
    taxonomy = GUARDS[name].taxonomy
    header = form_of(name).value.header
    names = NameIndex(("any",), {"any": tuple(taxonomy)} if taxonomy else None)
    context = ParseContext(header, names, "any" if header.per == "category" else None)
    rng = random.Random(7)
    parts = WORDS_OF[name].split("|")
    made = ["".join(rng.choice(parts) for _ in range(rng.randint(1, 5))) for _ in range(500)]
    agreed = 0
    for text in (*TEXTS, *made):
        parsed = load_parser(header.answer).parse(text, context)
        theirs = oracle(name, text)
        if parsed.outcome == "ok" and theirs is not None:
            assert parsed.decisions["any"] == int(not theirs), text
            agreed += 1
    assert agreed >= 10
