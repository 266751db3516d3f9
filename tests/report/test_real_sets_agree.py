"""Every number that surfaces share is one number, over three real sets; skipped where the sets are not at hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from stories import surfaces

from harness.files.golden.sets import load_golden
from harness.jobs.run import RunOptions, prepare_run
from harness.measure.compare import compare
from harness.measure.score import score_candidate
from harness.report.parts import numbers
from harness.runner import run_eval
from harness.runs import open_run
from tests.public_sets import write_dataset

N_ITEMS = 600


def run_over(name, folder):
    """Two candidates with made-up decisions on a sample of a real set."""
    golden = load_golden(write_dataset(name, folder), None)
    gold, rng = golden.labels(), np.random.default_rng(3)
    for candidate, wrong in (("v1", 0.2), ("v2", 0.15)):
        said = np.where(rng.random(gold.shape) < wrong, 1 - gold, gold)
        rows = []
        for at, one in enumerate(golden.ids()):
            decided = {key: int(said[at, column] == 1) for column, key in enumerate(golden.categories)}
            rows.append(json.dumps({"id": one, "decisions": decided}))
        (folder / f"{candidate}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    spec = {
        "eval": name,
        "policy": f"policies/{name}.yaml",
        "golden_set": f"{name}.yaml",
        "candidates": {one: {"recorded": f"{one}.jsonl"} for one in ("v1", "v2")},
    }
    (folder / "eval.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    options = RunOptions(folder / "runs", folder / "journal.sqlite", limit=N_ITEMS)
    return open_run(run_eval(prepare_run(folder / "eval.yaml", options, {}).request).path)


@pytest.mark.parametrize("name", ["toldbr", "mhc_a", "openai_moderation"])
def test_no_two_surfaces_say_different_numbers(name, tmp_path):
    run = run_over(name, tmp_path)
    comparison = compare(run, "v1", run, "v2")
    found = surfaces(run)
    document = json.loads(found["json"])
    rows = {row["id"]: row for row in document["pairs"][0]["rows"]}
    assert set(rows) == set(comparison.categories)
    for category, one in comparison.categories.items():
        for metric in ("recall", "precision", "fpr"):
            measured, stored = one.metrics[metric], rows[category]["measures"][metric]
            for side, who in (("baseline", "v1"), ("candidate", "v2")):
                result = getattr(measured, side)
                assert stored[side] == pytest.approx(result.as_dict(), nan_ok=True)
                scored = score_candidate(run, who).categories[category].metrics[metric]
                assert scored.value == pytest.approx(result.value, nan_ok=True)
                if not result.is_defined:
                    continue
                said = numbers.share_with_interval(result)
                assert said in found["md"]
                assert numbers.share(result.value) in found["html"]
                if metric != "fpr":
                    assert said in found["terminal v2"]
            if measured.difference.is_defined:
                assert numbers.points(measured.difference.value) in found["html"]
        for kind, ids in one.newly.items():
            assert sorted(rows[category]["newly"][kind]) == sorted(ids)
