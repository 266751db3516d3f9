"""Check looks at what files do, not only at their form: each case passed it, or was refused without the way out."""

import re
import subprocess
import sys

import pytest
from projects import CARD, EVAL, ITEMS, MODELS, POLICY, PROMPT, RULES, write_project

from harness.candidates.params import DOCUMENTED, USUAL, openai_params, param_doubts
from harness.files.models import load_models
from harness.jobs.check import check_paths
from harness.jobs.run import RunOptions, execute, prepare_run

LABEL = PROMPT.replace("answer: json", "answer: label\nlabels: {unsafe: [hate, hate/threatening, spam], safe: []}")
NO_IDS = PROMPT.replace("{{ category.id }}: ", "")
HOSTED = EVAL.replace("model: embedded", "model: mini")

WARNED = [
    ({"models": MODELS.replace("seed", "sed")}, "models.yaml:8: model 'mini' has the parameter 'sed'"),
    ({"models": MODELS.replace("temperature", "temprature")}, "did you mean 'temperature'? If not: remove it"),
    ({"models": MODELS.replace("temperature", "frobnicate")}, "parameter 'frobnicate', which neither OpenAI nor vLLM"),
    ({"prompt": LABEL}, "prompt.md:4: never names its labels (unsafe, safe) to the model"),
    ({"prompt": LABEL + "Answer unsafe or not.\n"}, "prompt.md:4: never names the label safe to the model"),
    ({"prompt": LABEL + "UNSAFE is all I want.\n"}, "never names the label safe to the model"),
    ({"prompt": PROMPT, "eval": HOSTED}, "never names the field that is read: 'categories' or 'violates'"),
    ({"prompt": NO_IDS + "JSON, categories.\n", "eval": HOSTED}, "never names hate/threatening, spam to the model"),
    (
        {"prompt": PROMPT.replace("answer: json", "answer: json\nexamples: [{text: A  b}, {text: a B}]")},
        "prompt.md:4: has the same text in its examples 1 and 2",
    ),
    (
        {"prompt": PROMPT.replace("json", "json\nexamples: [{text: a, categories: [hate]}, {text: a}]", 1)},
        "has the same text with different categories in its examples 1 and 2",
    ),
    (
        {"prompt": PROMPT.replace("answer: json", "answer: json\nexamples: [{text: 'First  TEXT'}]")},
        "shows the model 1 text of golden set 'community' (c-1)",
    ),
    (
        {"rules": RULES.replace("version: 1", "version: 1\nallow: [casino]")},
        "rule 'r1' does not match its own 'casino'",
    ),
    (
        {"rules": RULES.replace("words: [casino]", "words: [casino], unless: [casino]")},
        "does not match its own 'casino'",
    ),
    (
        {"rules": RULES + "  - {id: r3, category: spam, words: [casino]}\n"},
        "rules.yaml:6: rule 'r3' is shadowed: r1 decides every text it could match first",
    ),
    (
        {"rules": RULES.replace("language: [en]", "language: [En]")},
        "rules.yaml:5: rule 'r2' never applies to golden set 'community': no item has the language En\n"
        "  the items have de, en; did you mean 'en'?",
    ),
    (
        {"prompt": LABEL + "Answer unsafe or safe: {{ item.text }}.\n" + 200 * "A rule. "},
        "no provider can take them from its prompt",
    ),
    ({"card": CARD + "cut: 50\n"}, "no label reaches the card's cut of 50: write a cut that lies within"),
    ({"card": CARD.replace("meta.lang", "meta.lnag")}, "declares the slice 'language', but no item has meta.lnag"),
    ({}, "card.yaml: has no violating item for spam"),
    (
        {
            "card": CARD.replace(", spam]", "]"),
            "items": ITEMS.replace(', "spam": null', "").replace(', "spam": 0', ""),
            "eval": EVAL.replace("slices", "on_failure: flag\nslices"),
        },
        "does not label spam of policy 'community'",
    ),
    (
        {"policy": POLICY.replace("[S10]", "[hate, hate/threatning]")},
        "policy.yaml:13: crosswalk 'llama_guard_3' has the target 'hate/threatning', which OpenAI's endpoint never "
        "gives\n  did you mean 'hate/threatening'?",
    ),
]

REFUSED = [
    ({"eval": EVAL.replace("margin: 0.05", "margin: 5")}, "checks.0.margin' is 5", "5 points is 0.05: write 0.05"),
    ({"eval": EVAL.replace("margin: 0.05", "margin: 1")}, "checks.0.margin' is 1", "1 point is 0.01: write 0.01"),
    ({"eval": EVAL.replace("floor: 0.85", "floor: 85")}, "checks.1.floor' is 85", "85% is 0.85: write 0.85"),
    ({"eval": EVAL.replace("gate:", "gate:\n  alpha: 5")}, "gate.alpha' is 5", "5% is 0.05: write 0.05"),
    ({"eval": EVAL + "split: {dev: 40}\n"}, "split.dev' is 40", "40% is 0.4: write 0.4"),
    ({"eval": EVAL + "max_error_rate: 2\n"}, "max_error_rate' is 2", "2% is 0.02: write 0.02"),
    ({"eval": EVAL.replace("{hate: 0.4}", "{hate: 40}")}, "thresholds.hate' is 40", "40% is 0.4: write 0.4"),
    (
        {"eval": EVAL.replace("{use: v1}]", "{use: v1, decide_above: 90}, {use: rules}]")},
        "cascade.1.decide_above' is 90\n  allowed: a number, at least 0, at most 1",
        "90% is 0.9: write 0.9",
    ),
    ({"policy": POLICY.replace("recall: 0.9", "recall: 85")}, "target.recall' is 85", "85% is 0.85: write 0.85"),
    ({"policy": POLICY.replace("value: 0.004", "value: 4")}, "prevalence.value' is 4", "4% is 0.04: write 0.04"),
    ({"eval": EVAL.replace("margin: 0.05", "margin: 500")}, "checks.0.margin' is 500", "correct the value"),
    ({"eval": EVAL.replace("margin: 0.05", "margin: -5")}, "checks.0.margin' is -5", "correct the value"),
    (
        {"eval": EVAL.replace("crosswalk: llama_guard_3", "crosswalk: llama_guard")},
        "names the crosswalk",
        "did you mean",
    ),
    (
        {"policy": POLICY.replace("{hate: [S10]", "{hte: [S10]")},
        "'hte', which is not a category",
        "did you mean 'hate'?",
    ),
    ({"eval": EVAL.replace("[language]", "[langage]")}, "names the slice 'langage'", "did you mean 'language'?"),
    ({"rules": RULES.replace("{language:", "{langage:")}, "names the slice 'langage'", "did you mean 'language'?"),
]


def warnings(report):
    return "\n".join(map(str, report.warnings))


@pytest.mark.parametrize(("changed", "sentence"), WARNED, ids=[sentence[-40:] for _, sentence in WARNED])
def test_what_has_no_effect_is_warned_of(tmp_path, changed, sentence):
    report = check_paths([write_project(tmp_path, **changed)])
    assert report.errors == ()
    assert sentence in warnings(report)


@pytest.mark.parametrize(("changed", "found", "hint"), REFUSED, ids=[found[-30:] for _, found, _ in REFUSED])
def test_a_number_out_of_range_is_refused_with_the_one_that_was_meant(tmp_path, changed, found, hint):
    (error,) = check_paths([write_project(tmp_path, **changed)]).errors
    assert found in str(error)
    assert hint in str(error)


@pytest.mark.parametrize(
    "changed",
    [
        {"prompt": LABEL + "Answer with safe or UNSAFE.\n"},
        {"prompt": PROMPT + 'Answer with {"categories": [...]}.\n', "eval": HOSTED},
        {"prompt": PROMPT},  # its model is sent a schema that names everything
        {"prompt": PROMPT.replace("{{ item.text }}", "{{ item.context.bio }}"), "eval": HOSTED},  # needs real items
        {"models": MODELS.replace("seed: 7", "seed: 7, top_k: 5, min_p: 0.1, chat_template_kwargs: {}, think: false")},
        {"rules": RULES.replace("words: [casino]", "words: [casino], unless: [casino royale]")},
        {"rules": RULES.replace("words: [casino]", "words: [casino, 'ca$ino', '*bet']")},
    ],
)
def test_nothing_is_said_of_what_works(tmp_path, changed):
    said = warnings(check_paths([write_project(tmp_path, **changed)]))
    assert not re.search(r"never|parameter|own|shadowed", said), said


def test_parameters_of_every_known_server_are_known(tmp_path):
    names = sorted((USUAL | openai_params()).union(*DOCUMENTED.values()) - {"model", "messages", "n", "stream"})
    params = ", ".join(f"{name}: 1" for name in names)
    path = tmp_path / "models.yaml"
    path.write_text(MODELS.replace("temperature: 0, seed: 7", params))
    assert param_doubts(load_models(path)) == []
    assert {"temperature", "reasoning_effort", "service_tier"} <= openai_params()


@pytest.mark.parametrize(
    ("provider", "own"),
    [
        ("gemini", "thinkingConfig safetySettings cachedContent mediaResolution toolConfig labels topK"),
        ("bedrock", "guardrailConfig performanceConfig requestMetadata"),
        ("anthropic", "stop_sequences"),
    ],
)
def test_a_providers_own_spelling_is_known_to_it_alone(tmp_path, provider, own):
    """Every server of the openai kind passes over Gemini's topK, in silence."""
    params = ", ".join(f"{name}: 1" for name in own.split())
    region = ", region: us-east-1" if provider == "bedrock" else ", api_key_env: ACME_KEY"
    path = tmp_path / "models.yaml"
    path.write_text(f"models:\n  m: {{provider: {provider}{region}, model: n, params: {{{params}}}}}\n")
    assert param_doubts(load_models(path)) == []
    path.write_text(f"models:\n  m: {{provider: openai, api_key_env: ACME_KEY, model: n, params: {{{params}}}}}\n")
    assert len(param_doubts(load_models(path))) == len(own.split())


CHECK = """
import sys
from harness.jobs.check import check_paths
said = "\\n".join(map(str, check_paths(sys.argv[1:2], runs_dir=sys.argv[2]).warnings))
assert "policy.yaml: still says version 3" in said and "rules.yaml: still says version 1" in said, said
assert not {"pyarrow", "harness.jobs.run", "platformdirs", "html.entities"} & set(sys.modules), sorted(sys.modules)
"""


def test_a_changed_text_is_compared_without_what_reads_tables_or_makes_runs(ran):
    """Reading one text of a run loaded Arrow: a third of the time and 36 MB, in each check after an edit."""
    folder, runs, _ = ran
    (folder / "policy.yaml").write_text(POLICY.replace("Attacks people because", "Insults people because"))
    (folder / "rules.yaml").write_text(RULES.replace("casino", "kasino"))
    done = subprocess.run([sys.executable, "-c", CHECK, folder, runs], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def ran(tmp_path):
    """A project with one stored run of its rules."""
    folder = write_project(tmp_path / "p", eval=EVAL.replace("  rules:", "  rules:", 1))
    options = RunOptions(tmp_path / "runs", tmp_path / "cache.sqlite", ("rules",))
    return folder, tmp_path / "runs", execute(prepare_run(folder / "eval.yaml", options, {})).run_id


def test_a_text_that_changed_under_an_unchanged_version_is_named_with_the_run(ran):
    folder, runs, run_id = ran
    assert "still says version" not in warnings(check_paths([folder], runs_dir=runs))
    path = folder / "rules.yaml"
    path.write_text("# a comment\n" + RULES.replace("id: r1,", "id: r1, note: why,"))
    assert "still says version" not in warnings(check_paths([folder], runs_dir=runs))
    path.write_text(RULES.replace("casino", "kasino"))
    said = warnings(check_paths([folder], runs_dir=runs))
    assert f"rules.yaml: still says version 1, but run {run_id} (" in said
    assert "write 'version: 2', or bring the old rule set back" in said
    assert "still says version" not in warnings(check_paths([folder]))
    path.write_text(RULES.replace("casino", "kasino").replace("version: 1", "version: 2"))
    assert "still says version" not in warnings(check_paths([folder], runs_dir=runs))


def test_a_policy_and_items_that_changed_under_their_version_are_named_too(ran):
    folder, runs, run_id = ran
    policy, items = folder / "policy.yaml", folder / "items.jsonl"
    policy.write_text("# a comment\n" + POLICY.replace("severity: high", "severity: critical, owner: Policy"))
    assert "still says version" not in warnings(check_paths([folder], runs_dir=runs))
    policy.write_text(POLICY.replace("Attacks people because", "Insults people because"))
    said = warnings(check_paths([folder], runs_dir=runs))
    assert f"policy.yaml: still says version 3, but run {run_id} (" in said
    assert "was made with another meaning of it" in said
    policy.write_text(POLICY)
    items.write_text(ITEMS.replace("third", "3rd"))
    said = warnings(check_paths([folder], runs_dir=runs))
    assert f"card.yaml: still says version 1, but run {run_id} (" in said
    assert "other items, labels or slices of it" in said


@pytest.mark.parametrize("damage", ["{", '{"run_id": 1}', ""])
def test_a_damaged_run_does_not_keep_check_from_its_work(ran, damage):
    folder, runs, run_id = ran
    (runs / run_id / "run.json").write_text(damage)
    assert not check_paths([folder], runs_dir=runs).errors
