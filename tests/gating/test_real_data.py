"""The whole decision on public data: a small classifier at two thresholds, and two versions of a rule set.

Run with ``-m slow``; the classifier needs the extra ``baseline``. Recall and discordant pairs are counted here again,
without the harness, so that the verdict rests on something checked.
"""

import json

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from harness.cli import main
from tests.public_sets import write_dataset

pytestmark = pytest.mark.slow

PLAIN = ["hate", "stupid", "disgusting", "scum", "vermin"]
WIDER = [*PLAIN, "trash", "filth", "inferior", "subhuman", "parasites", "kill", "idiots", "freaks", "savages"]
SETS = {"openai_moderation": ["hate", "harassment"], "hatecheck": ["hateful"]}

BACK = {"openai_moderation": ("REGRESSION", 3), "hatecheck": ("PASS", 0)}
"""What going back to fewer words comes to."""


def write_eval(folder, name, candidates, margin):
    card = write_dataset(name, folder / "sets")
    policy = folder / "sets" / "policies" / f"{name}.yaml"
    data = yaml.safe_load(policy.read_text())
    data["crosswalks"] = {"profanity": {one: ["score"] for one in SETS[name]}}
    policy.write_text(yaml.safe_dump(data, sort_keys=False))
    checks = [{"category": one, "metric": "recall", "margin": margin, "tier": "critical"} for one in SETS[name]]
    checks += [{"category": one, "metric": "precision", "margin": margin, "tier": "watch"} for one in SETS[name]]
    spec = {
        "eval": name,
        "policy": f"sets/policies/{name}.yaml",
        "golden_set": f"sets/{card.name}",
        "candidates": candidates,
        "gate": {"checks": checks},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return path


def rules(folder, name, version, words):
    rule_set = {
        "rule_set": "words",
        "version": version,
        "rules": [{"id": f"words-{one}", "category": one, "words": list(words)} for one in SETS[name]],
    }
    path = folder / f"rules_v{version}.yaml"
    path.write_text(yaml.safe_dump(rule_set))
    return {"rules": path.name}


def gate(path, candidate, baseline, tmp_path):
    result = CliRunner().invoke(
        main,
        ["ci", str(path), "--candidate", candidate, "--baseline", baseline, "--json", "--out", str(tmp_path / "ci"),
         "--runs-dir", str(tmp_path / "runs"), "--cache", str(tmp_path / "journal.sqlite")],
        catch_exceptions=False,
    )  # fmt: skip
    assert result.stdout, result.stderr
    return json.loads(result.stdout), result.exit_code


def check_of(data, category, metric="recall"):
    return next(one for one in data["checks"] if (one["category"], one["metric"]) == (category, metric))


def labelled(path, category):
    """Texts and gold of one category, read from the data itself."""
    card = yaml.safe_load((path.parent / yaml.safe_load(path.read_text())["golden_set"]).read_text())
    source = (path.parent / "sets" / card["items"]).resolve()
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").split("\n") if line.strip()]
    parents = {"hate": "hate/threatening"}
    kept = []
    for row in rows:
        label = row["labels"].get(category)
        if row["labels"].get(parents.get(category, "")) == 1:
            label = 1
        if label is not None and row["text"] is not None:
            kept.append((row["text"], label))
    return [text for text, _ in kept], np.array([label for _, label in kept])


@pytest.mark.parametrize("name", SETS)
def test_a_higher_threshold_loses_recall_and_is_stopped(name, tmp_path):
    predict_prob = pytest.importorskip("profanity_check").predict_prob
    classifier = {"classifier": "harness.candidates.adapters:alt_profanity_check", "crosswalk": "profanity"}
    candidates = {
        "at_50": {**classifier, "thresholds": dict.fromkeys(SETS[name], 0.5)},
        "at_80": {**classifier, "thresholds": dict.fromkeys(SETS[name], 0.8)},
    }
    path = write_eval(tmp_path, name, candidates, 0.03)
    stricter, code = gate(path, "at_80", "at_50", tmp_path)
    assert (stricter["verdict"], code) == ("REGRESSION", 3)
    looser, code = gate(path, "at_50", "at_80", tmp_path)
    assert (looser["verdict"], code) == ("PASS", 0)
    for category in SETS[name]:
        texts, gold = labelled(path, category)
        scores = np.asarray(predict_prob(texts))
        positive = gold == 1
        found = check_of(stricter, category)
        assert found["n"] == positive.sum()
        assert found["baseline"]["value"] == pytest.approx((scores[positive] >= 0.5).mean())
        assert found["candidate"]["value"] == pytest.approx((scores[positive] >= 0.8).mean())
        assert check_of(looser, category)["remark"] == "improved"


@pytest.mark.parametrize("name", SETS)
def test_more_words_catch_more_and_cost_precision(name, tmp_path):
    candidates = {"v1": rules(tmp_path, name, 1, PLAIN), "v2": rules(tmp_path, name, 2, WIDER)}
    path = write_eval(tmp_path, name, candidates, 0.05)
    wider, code = gate(path, "v2", "v1", tmp_path)
    assert (wider["verdict"], code) == ("PASS", 0)
    for category in SETS[name]:
        recall = check_of(wider, category)
        assert recall["difference"]["value"] > 0
        assert recall["verdict"] == "PASS"
    back, code = gate(path, "v1", "v2", tmp_path)
    assert (back["verdict"], code) == BACK[name]
    lost = check_of(back, SETS[name][0])
    if name == "hatecheck":  # 2.9 points are lost beyond doubt, and shown to stay inside the margin of 5
        assert lost["remark"] == "worse, within the margin"
        assert -0.05 < lost["difference"]["low"] < lost["difference"]["high"] < 0
    else:  # 11.8 points of hate are lost, and 80 further positives would not make them less
        assert lost["verdict"] == "REGRESSION"
        assert lost["difference"]["high"] < -0.05
