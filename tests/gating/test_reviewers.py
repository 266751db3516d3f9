"""A model against reviewers: the size and the power of the gate, and the way through the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from harness.cli import main
from harness.core.checks import CheckSpec
from harness.core.gate_arrays import GateArrays, gate_arrays

MARGIN = 0.05
REVIEWER = {"recall": 0.85, "fpr": 0.10}
SPECS = [CheckSpec("hate", metric, "critical", margin=MARGIN) for metric in ("recall", "fpr")]


def decided(rng, gold, hard, recall, fpr):
    """Decisions with exactly these rates in expectation, more errors on hard items: both sides err there together."""
    chance = np.where(gold == 1, 1 - recall, fpr) * np.where(hard, 1.6, 0.4)
    return np.where(rng.random(gold.size) < chance, 1 - gold, gold).astype(np.int8)


def pass_rates(n_runs, n_items, worse):
    """Share of PASS of each check alone, and of the gate, where the model is worse than the reviewers by ``worse``."""
    rng = np.random.default_rng(7)
    gold = (np.arange(n_items) < 0.4 * n_items).astype(np.int8)
    passes = dict.fromkeys(("recall", "fpr", "gate"), 0)
    for _ in range(n_runs):
        hard = rng.random(n_items) < 0.5
        reviewer = decided(rng, gold, hard, **REVIEWER)
        model = decided(rng, gold, hard, REVIEWER["recall"] - worse["recall"], REVIEWER["fpr"] + worse["fpr"])
        columns = (one[:, None] for one in (gold, reviewer, model))
        result = gate_arrays(GateArrays(*columns), categories=["hate"], checks=SPECS, seed=0)
        passes["gate"] += result.verdict == "PASS"
        for check in result.checks:
            passes[check.spec.metric] += check.verdict == "PASS"
    return {name: count / n_runs for name, count in passes.items()}


def most(n_runs):
    """Alpha and three standard errors of the simulation."""
    return 0.05 + 3 * np.sqrt(0.05 * 0.95 / n_runs)


@pytest.mark.parametrize("n_runs", [60, pytest.param(1_000, marks=pytest.mark.slow)])
def test_a_model_worse_by_the_margin_passes_at_most_at_alpha(n_runs):
    for metric in ("recall", "fpr"):
        worse = {"recall": 0.0, "fpr": 0.0, metric: MARGIN}
        found = pass_rates(n_runs, 800, worse)
        assert found[metric] <= most(n_runs), found
        assert found["gate"] <= most(n_runs), found


@pytest.mark.parametrize("n_runs", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_a_model_as_good_as_the_reviewers_passes_where_items_are_enough(n_runs):
    equal = {"recall": 0.0, "fpr": 0.0}
    found = pass_rates(n_runs, 3_000, equal)
    assert found["gate"] >= 0.85, found


def test_a_model_as_good_on_few_items_is_left_open():
    found = pass_rates(20, 60, {"recall": 0.0, "fpr": 0.0})
    assert found["gate"] <= 0.2, found


NAMES = ("ana", "ben", "zoe")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A thousand items; each of three reviewers saw two of three, errs in a tenth and leaves some labels open."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(2)
    gold = rng.random((1_000, 2)) < 0.5
    rows, model = [], []
    for at, labels in enumerate(gold):
        votes = []
        for number, name in enumerate(NAMES):
            if at % 3 != number:
                said = dict(zip(("hate", "spam"), (labels ^ (rng.random(2) < 0.1)).astype(int).tolist(), strict=True))
                votes.append({"annotator": name, "labels": said | ({"spam": None} if at % 10 == 0 else {})})
        name = f"i{at}"
        truth = dict(zip(("hate", "spam"), labels.astype(int).tolist(), strict=True))
        rows.append({"id": name, "text": f"text {at}", "labels": truth, "votes": votes})
        model.append({"id": name, "decisions": {c: int(v ^ (rng.random() < 0.03)) for c, v in truth.items()}})
    for path, lines in (("g.jsonl", rows), ("model.jsonl", model)):
        (tmp_path / path).write_text("".join(json.dumps(one) + "\n" for one in lines))
    (tmp_path / "p.yaml").write_text(
        "policy: p\nversion: 1\ncategories:\n  hate: {name: H, definition: D.}\n  spam: {name: S, definition: D.}\n"
    )
    (tmp_path / "g.yaml").write_text(
        "golden_set: g\nversion: 1\npolicy: {name: p, version: 1}\nitems: g.jsonl\nlabels: [hate, spam]\n"
    )
    return tmp_path


def harness(*arguments, code=0):
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, result.output
    return result


def gated(declared, code, *options):
    candidates = {
        "reviewer": {"recorded": "decisions/annotator_1.jsonl", **declared},
        "model": {"recorded": "model.jsonl"},
    }
    with open("e.yaml", "w", encoding="utf-8") as file:
        checks = [{"category": "*", "metric": "recall", "margin": 0.05, "tier": "critical"}]
        yaml.safe_dump(
            {"eval": "e", "policy": "p.yaml", "golden_set": "g.yaml", "candidates": candidates,
             "baseline": "reviewer", "gate": {"checks": checks}}, file, sort_keys=False,
        )  # fmt: skip
    harness("run", "e.yaml", *options)
    return json.loads(harness("gate", "latest", "--candidate", "model", "--json", code=code).stdout)


def test_reviewers_are_gated_against_on_the_items_they_saw(project):
    shown = harness("golden", "agreement", "g.yaml", "--reviewers", "decisions", "--annotators").output
    assert "sample: true" in shown
    assert not any(name in shown for name in NAMES)
    files = sorted((project / "decisions").iterdir())
    assert [one.name for one in files] == [f"annotator_{number}.jsonl" for number in (1, 2, 3)]
    assert not any(name in one.read_text() for one in files for name in NAMES)

    found = gated({"sample": True}, 0)
    assert found["verdict"] == "PASS"
    seen = [json.loads(line) for line in files[0].read_text().splitlines()]
    gold = {one["id"]: one["labels"] for one in map(json.loads, (project / "g.jsonl").read_text().splitlines())}
    for check in found["checks"]:
        name = check["category"]
        voted = [one for one in seen if one["decisions"][name] is not None and gold[one["id"]][name] == 1]
        assert check["n"] == len(voted)  # a label that the reviewer left open is no miss of theirs
        assert check["baseline"]["value"] == pytest.approx(np.mean([one["decisions"][name] for one in voted]))
    assert any(f"{len(seen)} of 1,000 items" in note for note in found["notes"]), found["notes"]
    for page in (harness("gate", "latest", "--candidate", "model").output, harness("compare", "latest").output):
        assert not any(name in page for name in NAMES)


def test_a_part_that_is_not_declared_stays_invalid_and_says_how_to(project):
    harness("golden", "agreement", "g.yaml", "--reviewers", "decisions")
    assert gated({}, 5)["verdict"] == "INVALID"
    assert "sample: true" in " ".join(harness("check", "e.yaml").output.split())


def test_few_items_of_a_reviewer_prove_nothing(project):
    harness("golden", "agreement", "g.yaml", "--reviewers", "decisions")
    path = project / "decisions" / "annotator_1.jsonl"
    path.write_text("".join(f"{line}\n" for line in path.read_text().splitlines()[:40]))
    assert gated({"sample": True}, 4)["verdict"] == "INCONCLUSIVE"


def test_a_candidate_that_fails_is_not_excused_by_a_declared_sample(project):
    """Only what nobody asked is left out: refusals of a declared sample are answers."""
    harness("golden", "agreement", "g.yaml", "--reviewers", "decisions")
    path = project / "decisions" / "annotator_1.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows = [{"id": one["id"], "outcome": "refused"} if at < 100 else one for at, one in enumerate(rows)]
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    found = gated({"sample": True}, 0)
    assert found["baseline"]["outcomes"]["refused"] == 100
    hate = next(one for one in found["checks"] if one["category"] == "hate")
    assert hate["baseline"]["value"] < 0.85
