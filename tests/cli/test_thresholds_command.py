"""``harness thresholds``: chosen on dev, read on gate, written as a candidate that then decides so."""

import json

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from harness.cli import main


def harness(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    (tmp_path / "evals").mkdir()
    (tmp_path / "golden_sets").mkdir()
    gold = rng.integers(0, 2, 400)
    scores = np.clip(np.round(0.35 + 0.3 * gold + rng.normal(0, 0.18, 400), 3), 0, 1)
    (tmp_path / "evals/p.yaml").write_text(
        "policy: p\nversion: 1\ncategories:\n  hate: {name: H, definition: D., "
        "prevalence: {value: 0.01, low: 0.005, high: 0.02, source: s, date: 2026-01-01}}\n"
    )
    (tmp_path / "golden_sets/s.yaml").write_text(
        "golden_set: s\nversion: 1\npolicy: {name: p, version: 1}\nitems: s.jsonl\nlabels: [hate]\n"
    )
    (tmp_path / "golden_sets/s.jsonl").write_text("".join(
        json.dumps({"id": f"i{at}", "text": f"text {at}", "labels": {"hate": int(one)}}) + "\n"
        for at, one in enumerate(gold)
    ))  # fmt: skip
    (tmp_path / "evals/new.jsonl").write_text("".join(
        json.dumps({"id": f"i{at}", "decisions": {"hate": int(s >= 0.9)}, "scores": {"hate": float(s)}}) + "\n"
        for at, s in enumerate(scores)
    ))  # fmt: skip
    (tmp_path / "evals/old.jsonl").write_text("".join(
        json.dumps({"id": f"i{at}", "decisions": {"hate": int(at % 10 < 3)}}) + "\n" for at in range(400)
    ))  # fmt: skip
    (tmp_path / "evals/e.yaml").write_text(
        "# ours\neval: e\npolicy: p.yaml\ngolden_set: ../golden_sets/s.yaml\ncandidates:\n"
        "  old: {recorded: old.jsonl}  # the vendor\n  new: {recorded: new.jsonl}\n\nbaseline: old\n"
        "split: {dev: 0.5, by: group, seed: 7}\n"
    )
    result = harness("run", "evals/e.yaml")
    assert result.exit_code == 0, result.output
    return tmp_path


def chosen(*options):
    result = harness("thresholds", "latest", "--candidate", "new", "--json", *options)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["thresholds"][0]


def test_what_is_chosen_on_dev_is_read_on_gate(project):
    one = chosen("--goal", "recall>=0.9")
    dev, gate = one["dev"], one["gate"]
    assert dev["recall"]["value"] >= 0.9
    assert dev["tp"] + dev["fn"] + gate["tp"] + gate["fn"] == sum(
        json.loads(line)["labels"]["hate"] for line in (project / "golden_sets/s.jsonl").read_text().splitlines()
    )
    assert gate["recall"]["value"] == pytest.approx(gate["tp"] / (gate["tp"] + gate["fn"]))


def test_a_promise_is_stricter_than_the_best_point(project):
    best, promised = chosen("--goal", "recall>=0.8"), chosen("--goal", "recall>=0.8", "--promise", "0.05")
    assert promised["threshold"] < best["threshold"]
    none = chosen("--goal", "recall>=0.999", "--promise", "0.01")
    assert none["threshold"] is None
    assert "are needed" in none["reason"]


def test_the_flag_volume_of_the_old_system_is_kept(project):
    one = chosen("--goal", "volume=old")
    n = sum(one["dev"][name] for name in ("tp", "fp", "fn", "tn"))
    assert (one["dev"]["tp"] + one["dev"]["fp"]) / n == pytest.approx(one["goal"]["value"], abs=0.01)


def test_the_table_says_what_it_was_read_on(project):
    result = harness("thresholds", "latest", "--goal", "precision>=0.8")
    assert result.exit_code == 0, result.output
    assert "Chosen on the dev part, read on the gate part." in result.output


def test_a_cost_stands_under_the_policy_s_prevalence(project):
    result = harness("thresholds", "latest", "--goal", "cost=20:1")
    assert "cost 20:1 at 1%" in result.output


def test_costs_by_severity_are_those_of_the_policy(project):
    policy = project / "evals/p.yaml"
    policy.write_text(policy.read_text().replace("definition: D.,", "definition: D., severity: critical,"))
    assert harness("run", "evals/e.yaml").exit_code == 0
    by_severity = chosen("--goal", "cost", "--cost", "critical=30:1")
    assert by_severity["goal"] == {"kind": "cost", "value": 30.0, "false_alarm": 1.0, "prevalence": 0.01}
    assert by_severity["threshold"] == chosen("--goal", "cost=30:1")["threshold"]


def test_costs_of_the_eval_count_as_it_stands_now_and_the_option_before_them(project):
    path = project / "evals/e.yaml"
    path.write_text(path.read_text() + "costs: {medium: {miss: 20}, low: {miss: 2, false_alarm: 3}}\n")
    told = json.loads(harness("thresholds", "latest", "--candidate", "new", "--goal", "cost", "--json").stdout)
    assert told["thresholds"][0]["goal"] == {"kind": "cost", "value": 20.0, "false_alarm": 1.0, "prevalence": 0.01}
    assert told["notes"][-1] == f"costs of medium: {path.relative_to(project)}"
    assert chosen("--goal", "cost", "--cost", "medium=30:1")["goal"]["value"] == 30.0
    run = harness("run", "evals/e.yaml")
    assert run.exit_code == 0, run.output
    path.rename(project / "elsewhere.yaml")
    assert chosen("--goal", "cost")["goal"]["value"] == 20.0  # as the eval was run
    for wrong, message in (("{hgih: {miss: 2}}", "did you mean 'high'"), ("{high: {miss: 0}}", "above 0")):
        path.write_text(f"eval: e\ncosts: {wrong}\n")
        refused = harness("thresholds", "latest", "--candidate", "new", "--goal", "cost")
        assert refused.exit_code == 1
        assert message in refused.output


def test_an_eval_that_cannot_be_read_is_said_to_be_so(project):
    """Its costs were taken from the run in silence, and --write said that no file was the eval."""
    path = project / "evals/e.yaml"
    path.write_text(path.read_text() + "costs: {medium: {miss: 20}}\n")
    assert harness("run", "evals/e.yaml").exit_code == 0
    path.write_text(path.read_text() + "note: [unclosed\n")
    told = json.loads(harness("thresholds", "latest", "--candidate", "new", "--goal", "cost", "--json").stdout)
    assert told["thresholds"][0]["goal"]["value"] == 20.0
    assert "costs of medium: the eval as run" in told["notes"][-1]
    assert "no file in evals/ is the eval 'e'; it may be one that cannot be read (evals/e.yaml:" in told["notes"][-1]
    refused = harness("thresholds", "latest", "--candidate", "new", "--goal", "recall>=0.9", "--write", "tuned")
    assert refused.exit_code == 1
    assert "cannot be read (evals/e.yaml:" in refused.output
    assert "correct the file that cannot be read, or name the eval: --eval PATH" in refused.output


def test_what_flags_nothing_is_written_so(project):
    """The candidate that was written decided as before, against the table."""
    gold = [json.loads(line)["labels"]["hate"] for line in (project / "golden_sets/s.jsonl").read_text().splitlines()]
    (project / "evals/new.jsonl").write_text("".join(
        json.dumps({"id": f"i{at}", "decisions": {"hate": 1}, "scores": {"hate": 0.9 if one else 1}}) + "\n"
        for at, one in enumerate(gold)
    ))  # fmt: skip
    assert harness("run", "evals/e.yaml").exit_code == 0
    written = harness("thresholds", "latest", "--candidate", "new", "--goal", "cost=0.0001:1", "--write", "tuned")
    assert written.exit_code == 0, written.output
    assert "flags nothing" in written.stdout
    assert "as before" not in written.output
    assert "tuned: {recorded: new.jsonl, thresholds: {hate: never}}" in (project / "evals/e.yaml").read_text()
    assert harness("run", "evals/e.yaml", "--candidate", "tuned").exit_code == 0
    score = json.loads(harness("score", "latest", "--json").stdout)["candidates"]["tuned"]
    assert (score["categories"]["hate"]["tp"], score["categories"]["hate"]["fp"]) == (0, 0)
    assert "threshold:hate=never" in score["signature"]
    path = project / "evals/e.yaml"
    path.write_text(path.read_text().replace("never", "nevr"))
    assert "a number or never" in harness("check", "evals/e.yaml").output


def test_a_candidate_that_a_run_would_refuse_is_not_written(project):
    path, before = project / "evals/new.jsonl", (project / "evals/e.yaml").read_text()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows[300:]:
        del row["scores"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert harness("run", "evals/e.yaml").exit_code == 0
    refused = harness("thresholds", "latest", "--candidate", "new", "--goal", "recall>=0.9", "--write", "tuned")
    assert refused.exit_code == 1
    assert "a run would refuse 'tuned', so it is not added" in refused.output
    assert "new.jsonl:301: field 'scores' has no score for 'hate'" in refused.output
    assert (project / "evals/e.yaml").read_text() == before
    assert not list((project / "evals").glob("tmp*"))


def test_a_promise_counts_a_group_once(project):
    single = chosen("--goal", "recall>=0.8", "--promise", "0.05")
    items = project / "golden_sets/s.jsonl"
    rows = [json.loads(line) for line in items.read_text().splitlines()]
    items.write_text("".join(json.dumps({**row, "group": f"g{at // 8}"}) + "\n" for at, row in enumerate(rows)))
    assert harness("run", "evals/e.yaml").exit_code == 0
    result = harness(
        "thresholds", "latest", "--candidate", "new", "--goal", "recall>=0.8", "--promise", "0.05", "--json"
    )
    told = json.loads(result.stdout)
    assert any("items of one group hang together" in one for one in told["notes"])
    grouped = told["thresholds"][0]
    assert grouped["threshold"] is None or grouped["threshold"] < single["threshold"]
    none = chosen("--goal", "recall>=0.99", "--promise", "0.05")
    assert "groups with a violating item" in none["reason"]


def test_a_written_candidate_decides_by_the_threshold_and_leaves_the_file_as_it_was(project):
    before = (project / "evals/e.yaml").read_text()
    told = chosen("--goal", "recall>=0.9")
    first = json.loads(harness("thresholds", "latest", "--candidate", "new", "--goal", "recall>=0.9", "--json").stdout)[
        "run_id"
    ]
    result = harness("thresholds", "latest", "--candidate", "new", "--goal", "recall>=0.9", "--write", "tuned")
    assert result.exit_code == 0, result.output
    text = (project / "evals/e.yaml").read_text()
    assert [line for line in text.splitlines() if "tuned" not in line] == before.splitlines()
    spec = yaml.safe_load(text)["candidates"]["tuned"]
    assert harness("run", "evals/e.yaml", "--candidate", "tuned").exit_code == 0
    score = json.loads(harness("score", "latest", "--json").stdout)["candidates"]["tuned"]["categories"]["hate"]
    assert spec["thresholds"] == {"hate": told["threshold"]}
    assert (score["tp"], score["fp"]) == (told["gate"]["tp"], told["gate"]["fp"])
    again = harness("thresholds", first, "--candidate", "new", "--goal", "recall>=0.9", "--write", "tuned")
    assert again.exit_code == 1
    assert "has a candidate 'tuned'" in again.output


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--candidate", "old", "--goal", "recall>=0.9"], 1, "has no scores"),
        (["--candidate", "nwe", "--goal", "recall>=0.9"], 1, "did you mean 'new'"),
        (["--goal", "recall>=90"], 2, "90% is 0.9"),
        (["--goal", "recal>=0.9"], 2, "is no goal"),
        (["--goal", "recall>=0.9.1"], 2, "cannot be read"),
        (["--goal", "hat:recall>=0.9"], 1, "did you mean 'hate'"),
        (["--goal", "volume=nobody"], 1, "has no candidate 'nobody'"),
        (["--goal", "cost=0:1"], 2, "must be numbers above 0"),
        (["--goal", "cost"], 1, "no cost is given for hate, whose severity is medium"),
        (["--goal", "cost", "--cost", "high"], 2, "is no cost"),
        (["--goal", "cost", "--cost", "high=0:1"], 2, "is no cost"),
        (["--goal", "cost", "--cost", "high=1.1.1:1"], 2, "is no cost"),
        (["--goal", "cost", "--cost", "high=20:1"], 2, "no category has the severity 'high'"),
        (["--goal", "recall>=0.9", "--write", "old"], 1, "has a candidate 'old'"),
        (["--goal", "recall>=0.9", "--write", ""], 1, "'' is no name of a candidate"),
        (["--goal", "recall>=0.9", "--write", "x: {}"], 1, "'x: {}' is no name of a candidate"),
        (["--goal", "recall>=0.9", "--write", "human"], 1, "'human' means a person in a cascade"),
        (["--goal", "recall>=1", "--promise", "0.05"], 2, "a recall of 100% cannot be promised"),
        (["--goal", "recall>=0", "--promise", "0.05"], 2, "a recall of 0% cannot be promised"),
        (["--goal", "cost=nan:1"], 2, "both costs must be numbers above 0"),
        (["--goal", "hate:cost=1:inf"], 2, "both costs must be numbers above 0"),
        (["--goal", "recall>=nan"], 2, "not between 0 and 1"),
        (["--goal", "recall=0.9"], 2, "is no goal"),
        (["--goal", "recall>=0.9", "--cost", "medium=20:1"], 2, "no goal asks for it"),
        (["--goal", "cost", "--cost", "medium=20:1", "--cost", "medium=30:1"], 2, "is given twice"),
        (["--goal", "cost", "--cost", "medium=nan:1"], 2, "is no cost"),
        (["--goal", "recall>=0.9", "--goal", "recall>=0.8"], 2, "are both for all categories"),
        (["--goal", "hate:recall>=0.9", "--goal", "hate:fpr<=0.1"], 2, "are both for hate"),
    ],
)
def test_mistakes_are_said(project, options, code, message):
    result = harness("thresholds", "latest", *options)
    assert result.exit_code == code, result.output
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_changed_file_of_scores_is_named_and_line_ends_stay(project):
    path = project / "evals/e.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    with (project / "evals/new.jsonl").open("a") as file:
        file.write("\n")
    result = harness("thresholds", "latest", "--candidate", "new", "--goal", "recall>=0.9", "--write", "tuned")
    assert result.exit_code == 0, result.output
    assert "of 'new' changed since run" in result.output
    text = path.read_bytes()
    assert text.count(b"\n") == text.count(b"\r\n")
    assert b"tuned: {" in text


def test_only_a_recall_is_promised(project):
    """Every goal was told to be promised, those without a recall too."""
    for goal in ("cost=1:1", "precision>=0.5", "fpr<=0.2", "volume=old"):
        refused = harness("thresholds", "latest", "--candidate", "new", "--goal", goal, "--promise", 0.05)
        assert refused.exit_code == 2, goal
        assert "only a recall can be promised" in refused.output
    kept = harness("thresholds", "latest", "--candidate", "new", "--goal", "recall>=0.5", "--promise", 0.05)
    assert "Each recall that a goal asks for is promised" in kept.stdout


def test_items_without_a_score_are_counted(project):
    """Recall 100% of the ten scored items stood beside figures of all items, and nothing said so."""
    path = project / "evals/new.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows[100:]:
        del row["scores"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert harness("run", "evals/e.yaml").exit_code == 0
    told = harness("thresholds", "latest", "--candidate", "new", "--goal", "recall>=0.9").stdout
    assert "156 of 210 decided items of hate with a label have no score" in " ".join(told.split())  # of the gate part


def test_every_surface_says_first_that_one_side_gives_no_scores(project):
    """Categories that one side gives no scores on were left out of operating points in silence."""
    point = ("--at", "recall@precision=0.9")
    done = harness("compare", "latest", "--baseline", "old", "--candidate", "new", *point)
    assert done.stdout.startswith("At an operating point nothing is compared in H: old gives no scores here.\n")
    assert "n/a (gives no scores" in done.stdout
    plain = json.loads(harness("compare", "latest", "--baseline", "old", "--candidate", "new", *point, "--json").stdout)
    one = plain["points"]["hate"]["recall@precision=0.9"]
    assert one["reason"] == one["baseline"]["reason"] == "gives no scores here"
    assert one["candidate"]["value"] > 0
    assert harness("score", "latest", *point).stdout.startswith("No operating point in H: old gives no scores here.")
    done = harness("report", "latest", "--baseline", "old", *point, "--format", "md,json,html", "--out", "out")
    assert done.exit_code == 0, done.output
    said = "At an operating point nothing is compared in H: old gives no scores here."
    assert json.loads((project / "out/report.json").read_text())["verdict"]["notes"][0] == said
    assert (project / "out/report.md").read_text().index(said) < (project / "out/report.md").read_text().index("\n## ")
    assert said in (project / "out/report.html").read_text()
