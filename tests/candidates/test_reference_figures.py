"""alt-profanity-check 1.9.1 through the whole harness, against figures worked out apart from it with scikit-learn."""

from __future__ import annotations

import orjson
import pytest
from click.testing import CliRunner
from public_sets import write_dataset

from harness.cli import main
from harness.core.operating_points import Goal, operating_point
from harness.measure.decisions import decisions
from harness.runs import open_run

FIGURES = {  # precision, recall, F1, AUROC, average precision at the threshold 0.5
    "surge_toxicity": ("toxic", (0.9305, 0.4810, 0.6342, 0.8430, 0.8559)),
    "hatecheck": ("hateful", (0.6478, 0.3866, None, 0.4728, 0.6551)),
    "germeval2018": ("offense", (0.4031, 0.1353, None, 0.5273, 0.3746)),
}
METRICS = ("precision", "recall", "f1", "auroc", "average_precision")


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_figures_of_a_known_classifier(name, tmp_path):
    pytest.importorskip("profanity_check", reason="the extra baseline is not installed")
    category, wanted = FIGURES[name]
    card = write_dataset(name, tmp_path)
    classifier = f'classifier: "harness.candidates.adapters:alt_profanity_check", thresholds: {{{category}: 0.5}}'
    (tmp_path / "eval.yaml").write_text(
        f"eval: e\npolicy: policies/{name}.yaml\ngolden_set: {card.name}\ncandidates:\n  apc: {{{classifier}}}\n"
    )
    stored = ["--runs-dir", str(tmp_path / "runs"), "--json"]
    arguments = ["run", str(tmp_path / "eval.yaml"), *stored, "--cache", str(tmp_path / "c.sqlite")]
    summary = orjson.loads(CliRunner().invoke(main, arguments, catch_exceptions=False).stdout)
    scored = orjson.loads(CliRunner().invoke(main, ["score", summary["run_id"], *stored]).stdout)
    found = scored["candidates"]["apc"]["categories"][category]
    for metric, value in zip(METRICS, wanted, strict=True):
        if value is not None:
            assert found[metric]["value"] == pytest.approx(value, abs=5e-5), metric
    if name != "surge_toxicity":
        return
    run = open_run(summary["path"])
    read, column = decisions(run, "apc"), run.categories.index(category)
    y_true, y_score = read.y_true[:, column], read.item_scores(column)
    found = operating_point(y_true, y_score, Goal("recall", 0.9))
    assert found.tp / (found.tp + found.fp) == pytest.approx(0.6462, abs=5e-5)
    found = operating_point(y_true, y_score, Goal("fpr", 0.01))
    assert found.tp / (found.tp + found.fn) == pytest.approx(0.2295, abs=5e-5)
