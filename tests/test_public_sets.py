"""Every public data set, by a card alone: run, score, and agree with scikit-learn on the file's own rows."""

import hashlib
import json
import os

import numpy as np
import pytest
import yaml
from sklearn import metrics as sk

from harness.jobs.run import RunOptions, execute, prepare_run
from harness.measure.score import score_run
from harness.runs import open_run
from tests.public_sets import PUBLIC_SETS, datasets_folder, write_dataset

THRESHOLD = 0.5


def fake_score(item_id, category, label):
    """A score that ranks somewhat better than chance, with ties, from nothing but names."""
    digest = hashlib.sha256(f"{item_id}|{category}".encode()).digest()
    return min(1.0, (digest[0] % 80) / 100 + (0.2 if label == 1 else 0.0))


def raw_rows(name):
    with (datasets_folder() / name / "data.jsonl").open("rb") as file:
        return [json.loads(line) for line in file]


def write_eval(name, folder, rows):
    card = write_dataset(name, folder)
    categories = PUBLIC_SETS[name].labels
    with (folder / "recorded.jsonl").open("w", encoding="utf-8") as file:
        for row in rows:
            scores = {one: fake_score(row["id"], one, row["labels"].get(one)) for one in categories}
            decided = {one: int(score >= THRESHOLD) for one, score in scores.items()}
            file.write(json.dumps({"id": row["id"], "decisions": decided, "scores": scores}) + "\n")
    rules = {
        "rule_set": "probe",
        "version": 1,
        "rules": [
            {"id": f"r{n}", "category": one, "words": ["hate", "kill", "stupid"]} for n, one in enumerate(categories)
        ],
    }
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    spec = {
        "eval": name.replace("_", "-"),
        "policy": f"policies/{name}.yaml",
        "golden_set": card.name,
        "candidates": {"recorded": {"recorded": "recorded.jsonl"}, "rules": {"rules": "rules.yaml"}},
        "slices": [],
    }
    path = folder / "eval.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=[pytest.mark.slow] if one == "toldbr" else []) for one in sorted(PUBLIC_SETS)]
)
def test_scores_on_a_public_set_equal_scikit_learn(name, tmp_path):
    rows = raw_rows(name)
    options = RunOptions(runs_dir=tmp_path / "runs", cache_path=tmp_path / "cache.sqlite")
    summary = execute(prepare_run(write_eval(name, tmp_path, rows), options, os.environ))
    assert summary.status == "complete"
    assert summary.items == len(rows)
    run = open_run(summary.run_id, tmp_path / "runs")
    scores = score_run(run, with_slices=False).candidates
    n_withheld = sum(row["text"] is None for row in rows)
    assert scores["rules"].outcomes.get("withheld", 0) == n_withheld
    assert sum(scores["rules"].outcomes.values()) == len(rows)
    implied = implied_labels(name, rows)
    for category, score in scores["recorded"].categories.items():
        gold = np.array([implied[row["id"]].get(category, -1) for row in rows])
        values = np.array([fake_score(row["id"], category, row["labels"].get(category)) for row in rows])
        known = gold >= 0
        y, s, p = gold[known], values[known], (values[known] >= THRESHOLD).astype(int)
        expected = {
            "precision": sk.precision_score(y, p),
            "recall": sk.recall_score(y, p),
            "f1": sk.f1_score(y, p),
            "average_precision": sk.average_precision_score(y, s),
            "auroc": sk.roc_auc_score(y, s),
        }
        for metric, value in expected.items():
            assert score.metrics[metric].value == pytest.approx(value, abs=1e-12), (category, metric)


def test_withheld_items_leave_a_text_candidate_s_counts_and_are_never_misses(tmp_path):
    name = "openai_moderation"
    rows = raw_rows(name)
    options = RunOptions(runs_dir=tmp_path / "runs", cache_path=tmp_path / "cache.sqlite")
    summary = execute(prepare_run(write_eval(name, tmp_path, rows), options, os.environ))
    scores = score_run(open_run(summary.run_id, tmp_path / "runs"), with_slices=False).candidates["rules"]
    category = scores.categories["sexual/minors"]
    shown = [row for row in rows if row["text"] is not None]
    assert category.tp + category.fn == sum(row["labels"].get("sexual/minors") == 1 for row in shown) == 0
    assert category.metrics["recall"].reason == "no violating items"


def implied_labels(name, rows):
    """Known labels per item, a child's 1 implying its parent's."""
    parents = PUBLIC_SETS[name].parents
    found = {}
    for row in rows:
        labels = {category: label for category, label in row["labels"].items() if label is not None}
        for child, parent in parents.items():
            if labels.get(child) == 1:
                labels[parent] = 1
        found[row["id"]] = labels
    return found


def test_recorded_answers_of_the_spam_policy_give_the_figures_that_follow_from_its_rows(tmp_path):
    rows = raw_rows("spam_policy")
    path = write_eval("spam_policy", tmp_path, rows)
    with (tmp_path / "recorded.jsonl").open("w", encoding="utf-8") as file:
        for row in rows:
            level = row["meta"]["published_prediction"]
            decided = {"spam": int(level in {"SP2", "SP3", "SP4"}), "spam/escalate": int(level == "SP4")}
            file.write(json.dumps({"id": row["id"], "decisions": decided}) + "\n")
    options = RunOptions(tmp_path / "runs", tmp_path / "cache.sqlite", candidates=("recorded",))
    summary = execute(prepare_run(path, options, os.environ))
    spam = score_run(open_run(summary.run_id, tmp_path / "runs")).candidates["recorded"].categories["spam"]
    assert (spam.tp, spam.fp, spam.fn) == (19, 0, 3)
    assert round(spam.metrics["recall"].value, 3) == 0.864
    assert round(spam.metrics["f1"].value, 3) == 0.927
