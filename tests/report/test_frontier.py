"""Cost against quality: who is beaten at once in both, and that an unknown cost is said and never 0."""

import json
import math

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.core.frontier import dominators

N = 40
# candidate -> items it gets wrong, and the price of an answer
SYSTEMS = {"cheap": (12, 0.001), "dear": (2, 0.02), "worse": (6, 0.03), "vendor": (0, None)}


def harness(*args):
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("frontier")
    (home / "p.yaml").write_text("policy: p\nversion: 1\ncategories: {hate: {name: H, definition: D.}}\n")
    (home / "s.yaml").write_text(
        "golden_set: s\nversion: 1\npolicy: {name: p, version: 1}\nitems: s.jsonl\nlabels: [hate]\n"
    )
    gold = [at % 2 for at in range(N)]
    (home / "s.jsonl").write_text("".join(
        json.dumps({"id": f"i{at}", "text": f"{'bad' if at % 8 == 1 else 'ok'} {at}", "labels": {"hate": one}}) + "\n"
        for at, one in enumerate(gold)
    ))  # fmt: skip
    (home / "r.yaml").write_text("rule_set: r\nversion: 1\nrules: [{id: a, category: hate, words: [bad]}]\n")
    for name, (n_wrong, price) in SYSTEMS.items():
        rows = [{"id": f"i{at}", "decisions": {"hate": 1 - one if at < n_wrong else one},
                 **({} if price is None else {"cost_usd": price})} for at, one in enumerate(gold)]  # fmt: skip
        (home / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = "".join(f"  {name}: {{recorded: {name}.jsonl}}\n" for name in SYSTEMS)
    (home / "e.yaml").write_text(
        "eval: e\npolicy: p.yaml\ngolden_set: s.yaml\nbaseline: cheap\n"
        f"candidates:\n{lines}  rules: {{rules: r.yaml}}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        harness("run", "e.yaml", "--cache", home / "cache.sqlite")
    return home


def test_dominated_means_beaten_at_once_in_both():
    nan = math.nan
    assert dominators([1, 1, 2, nan, 0], [0.5, 0.5, 0.5, 0.9, nan]) == [None, None, 0, None, None]
    assert dominators([1, 1], [0.5, 0.6]) == [1, None]
    assert dominators([2, 1], [0.5, 0.5]) == [1, None]
    assert dominators([], []) == []
    with pytest.raises(ValueError, match="one length"):
        dominators([1], [])


def test_report_places_who_has_a_price_and_says_who_has_not(folder, monkeypatch, tmp_path):
    """A recorded system without a price is not free: only what asks nobody is."""
    monkeypatch.chdir(folder)
    harness("report", "latest", "--format", "md,json,html,xlsx", "--out", tmp_path)
    points = {one["candidate"]: one for one in json.loads((tmp_path / "report.json").read_text())["frontier"]}
    assert points["dear"]["cost_per_1000_usd"] == pytest.approx(20)
    assert (points["vendor"]["cost_per_1000_usd"], points["rules"]["cost_per_1000_usd"]) == (None, 0)
    beaten = {name: one["beaten_by"]["f1"] for name, one in points.items()}
    assert beaten == {"cheap": None, "dear": None, "worse": "dear", "vendor": None, "rules": None}
    table = (tmp_path / "report.md").read_text().partition("## Cost against quality")[2].partition("All categories")[0]
    rows = {line.split(" | ")[0].strip("| "): line for line in table.splitlines() if line.startswith("| ")}
    assert "unknown: no price" in rows["vendor"]
    assert "not placed" in rows["vendor"]
    assert "no calls" in rows["rules"]
    assert "beaten by dear" in rows["worse"]
    assert "on the frontier" in rows["dear"]
    assert 'id="frontier"' in (tmp_path / "report.html").read_text()


def test_two_candidates_have_no_frontier_table(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(folder)
    harness("report", "latest", "--candidate", "dear", "--format", "md", "--out", tmp_path)
    assert "## Cost against quality" not in (tmp_path / "report.md").read_text()


def test_plot_names_who_is_not_placed(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(folder)
    out = tmp_path / "f.svg"
    harness("plot", "latest", "--kind", "frontier", "--metric", "f1", "--out", out)
    assert out.read_bytes().lstrip().startswith(b"<?xml")
    refused = CliRunner().invoke(main, ["plot", "latest", "--kind", "frontier", "--metric", "fpr", "--out", str(out)])
    assert refused.exit_code == 1
    assert "cost is not set against fpr" in refused.output
    alone = CliRunner().invoke(
        main,
        ["plot", "latest", "--kind", "frontier", "--baseline", "vendor", "--candidate", "vendor", "--out", str(out)],
    )
    assert alone.exit_code == 1
    assert "Traceback" not in alone.output
