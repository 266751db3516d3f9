"""The gate's whole output, word for word; rewritten with --update-golden alone."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from harness.cli import main
from tests.gating.stored import decided, store_run

HERE = Path(__file__).parent.parent / "golden" / "gate"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("gate"))
        patch.setattr("harness.measure.run_facts.__version__", "0.0.0")
        return written()


def written():
    """A candidate that loses hate, holds spam, over-blocks a little, and refuses twice."""
    gold = np.stack([np.arange(700) < 300, (np.arange(700) >= 300) & (np.arange(700) < 360)], axis=1).astype(np.int8)
    after = np.stack([decided(gold[:, 0], missed=45, blocked=3), decided(gold[:, 1], missed=1)], axis=1)
    before = np.stack([decided(gold[:, 0], missed=5, start=60), decided(gold[:, 1])], axis=1)
    checks = [
        {"category": "*", "metric": "recall", "margin": 0.05, "floor": None, "tier": "guarded"},
        {"category": "hate", "metric": "recall", "margin": 0.03, "floor": None, "tier": "critical"},
        {"category": "*", "metric": "precision", "margin": 0.05, "floor": None, "tier": "watch"},
        {"category": "hate", "metric": "recall", "margin": None, "floor": 0.8, "tier": "watch"},
    ]
    outcomes = {"v2": np.array(["ok"] * 698 + ["refused"] * 2)}
    store_run(
        Path("runs"), gold, {"v1": before, "v2": after}, categories=("hate", "spam"), checks=checks, outcomes=outcomes
    )
    files = ["--junit", "junit.xml", "--summary", "summary.md", "--comment", "comment.md"]
    result = CliRunner().invoke(main, ["gate", "demo", "--runs-dir", "runs", *files], catch_exceptions=False)
    assert result.exit_code == 3
    found = {name: Path(name).read_text(encoding="utf-8") for name in files[1::2]}
    return {"terminal.txt": result.stdout, **found}


@pytest.mark.parametrize("name", ["terminal.txt", "junit.xml", "summary.md", "comment.md"])
def test_output_is_word_for_word_the_expected_one(outputs, name, assert_expected):
    assert_expected(outputs[name], HERE / name)
