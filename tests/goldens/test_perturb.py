"""Variants keep what is read and are linked to their source; what they cost is compared pair by pair."""

import json
import random

import pytest
from click.testing import CliRunner

from harness.candidates.normalise import normalise
from harness.cli import main
from harness.files.golden.sets import load_golden
from harness.goldens.perturb import VARIANTS, swapped
from tests.goldens.small_set import one_category, write_set

TEXT = "Those people should never be allowed to vote here, honestly"


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_changes_the_text_alike_every_time(name):
    once, again = (VARIANTS[name](TEXT, random.Random("7")) for _ in range(2))
    assert once == again != TEXT


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("homoglyphs", ["nfkc", "casefold", "confusables"]),
        ("zero_width", ["casefold", "strip_zero_width"]),
        ("case", ["casefold"]),
        ("leetspeak", ["casefold", "leetspeak"]),
    ],
)
def test_what_a_normalisation_undoes_is_the_same_text(name, steps):
    changed = VARIANTS[name](TEXT, random.Random("7"))
    assert normalise(changed, steps) == normalise(TEXT, ["casefold"])


@pytest.mark.parametrize("text", ["", "ok", "한국어 문장입니다", "1234 !!", "a b c", "نص عربي طويل"])
@pytest.mark.parametrize("name", VARIANTS)
def test_odd_texts_never_break_a_variant(name, text):
    assert isinstance(VARIANTS[name](text, random.Random(1)), str)


def test_swapped_words_keep_their_case_and_their_borders():
    pairs = [("women", "men"), ("Muslims", "Christians")]
    assert swapped("Women, womenfolk and MUSLIMS; men", pairs) == "Men, womenfolk and CHRISTIANS; women"
    assert swapped("nobody here", pairs) == "nobody here"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"v{at}", "text": f"number {at}: women are casino people", "labels": {"hate": 1},
             "meta": {"who": "women"}} for at in range(12)]  # fmt: skip
    rows += [{"id": f"h{at}", "text": f"number {at}: women enjoy gardening", "labels": {"hate": 0},
              "meta": {"who": "women" if at % 2 else "men"}} for at in range(12)]  # fmt: skip
    card = one_category(tmp_path, rows)
    card.write_text(card.read_text() + "slices: {who: meta.who}\n")
    result = CliRunner().invoke(main, ["golden", "perturb", str(card), "--swap", "women=men"])
    assert result.exit_code == 0, result.output
    (tmp_path / "evals/r.yaml").write_text(
        "rule_set: r\nversion: 1\nnormalise: [casefold]\nrules:\n  - {id: a, category: hate, words: [casino]}\n"
        "  - {id: b, category: hate, phrases: [men enjoy]}\n"
    )
    (tmp_path / "evals/e.yaml").write_text(
        "eval: e\npolicy: policies/p.yaml\ngolden_set: ../golden_sets/s_variants_v1.yaml\n"
        "candidates: {rules: {rules: r.yaml}}\nbaseline: rules\n"
    )
    result = CliRunner().invoke(main, ["run", "evals/e.yaml"])
    assert result.exit_code == 0, result.output
    return tmp_path


def test_the_set_links_variants_to_sources_and_keeps_labels(project):
    golden = load_golden(project / "golden_sets/s_variants_v1.yaml", None)
    by_id = {item.id: item for item in golden.items()}
    variant = by_id["v3~zero_width"]
    assert variant.group == by_id["v3"].group == "v3"
    assert variant.labels == by_id["v3"].labels
    assert variant.slices["variant"] == ("zero_width",)
    assert by_id["v3~swap"].text == "number 3: men are casino people"


def test_evasions_and_false_flags_are_counted_pair_by_pair(project):
    result = CliRunner().invoke(main, ["robustness", "latest", "--json"])
    assert result.exit_code == 0, result.output
    found = {one["variant"]: one for one in json.loads(result.output)["candidates"]["rules"]}
    assert found["case"]["evaded"] == []
    assert found["case"]["recall_difference"]["value"] == 0
    assert 0 < len(found["zero_width"]["evaded"]) == -round(12 * found["zero_width"]["recall_difference"]["value"])
    assert found["swap"]["over_blocked"] == [f"h{at}~swap" for at in range(12)]
    assert found["swap"]["fpr_difference"]["value"] == 1
    assert found["zero_width"]["p_holm"] >= found["zero_width"]["p_value"]


def test_the_tables_and_the_gaps_are_shown(project):
    shown = CliRunner().invoke(main, ["robustness", "latest"])
    assert shown.exit_code == 0, shown.output
    assert "Robustness of rules" in shown.output
    gaps = CliRunner().invoke(main, ["robustness", "latest", "--identity", "who"])
    assert gaps.exit_code == 0, gaps.output
    assert "BPSN" in gaps.output


def test_a_run_without_variants_and_an_unknown_variant_are_said(project):
    (project / "evals/f.yaml").write_text(
        (project / "evals/e.yaml").read_text().replace("eval: e", "eval: f").replace("s_variants_v1", "s_v1")
    )
    assert CliRunner().invoke(main, ["run", "evals/f.yaml"]).exit_code == 0
    result = CliRunner().invoke(main, ["robustness", "latest"])
    assert result.exit_code == 1
    assert "holds no variants" in result.output
    wrong = CliRunner().invoke(main, ["golden", "perturb", "golden_sets/s_v1.yaml", "--variant", "leetspek"])
    assert "did you mean 'leetspeak'" in wrong.output


def test_what_has_no_text_or_no_variant_is_told(tmp_path):
    card = write_set(
        tmp_path,
        [
            {"id": "a", "text": "你好", "labels": {"hate": 1, "threat": 0, "spam": 0}},
            {"id": "b", "text": None, "labels": {"hate": 0, "threat": 0, "spam": 0}},
        ],
    )
    told = CliRunner().invoke(main, ["golden", "perturb", str(card), "--variant", "case", "--variant", "prefix"])
    assert told.exit_code == 0, told.output
    said = " ".join(told.output.split())
    assert "1 item with variants: 2 in all Left out, no text: 1 item case 0 prefix 1" in said


def test_a_word_with_two_others_is_refused(tmp_path):
    words = ["golden", "perturb", str(write_set(tmp_path)), "--swap", "women=men", "--swap", "Men=boys"]
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 2
    assert "'men' stands 2 times" in told.output
