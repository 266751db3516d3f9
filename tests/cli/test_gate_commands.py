"""gate, baseline, ci and explain as a person or a CI job types them: output, exit code, files."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from click.testing import CliRunner

from harness.cli import main
from harness.cli.init import write_team_folder
from harness.runs import open_run
from tests.gating.small_eval import SECRET, write_eval
from tests.gating.stored import GOLD, decided, store_case, store_run

CASES = ["PASS", "REGRESSION", "INCONCLUSIVE", "NOT_EVALUABLE", "INVALID"]
CODES = {"PASS": 0, "REGRESSION": 3, "INCONCLUSIVE": 4, "NOT_EVALUABLE": 4, "INVALID": 5}


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "journal.sqlite"))
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "HARNESS_RUNS_DIR"):
        monkeypatch.delenv(name, raising=False)


def invoke(*arguments):
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


def stored(case):
    return store_case(Path("reports/runs"), case)


@pytest.mark.parametrize("case", CASES)
def test_gate_exits_with_the_verdict_and_writes_every_file(case):
    run = stored(case)
    files = ["--junit", "out/j.xml", "--summary", "out/s.md", "--comment", "out/c.md"]
    result = invoke("gate", run.meta.run_id, *files, "--annotations", "github")
    assert result.exit_code == CODES[case]
    verdict = "INCONCLUSIVE" if case == "NOT_EVALUABLE" else case
    assert result.stdout.startswith(f"{verdict}: v2 against v1: ")
    assert f"Moderation gate%3A {verdict}" in result.stdout
    assert ElementTree.parse("out/j.xml").getroot().find(".//property[@name='verdict']").get("value") == verdict
    assert Path("out/c.md").read_text().startswith("<!-- moderation-harness:demo -->\n")
    assert f"**{verdict}**" in Path("out/s.md").read_text()


@pytest.mark.parametrize("case", CASES)
def test_gate_json_is_json_whatever_else_is_asked(case):
    run = stored(case)
    result = invoke("gate", run.meta.run_id, "--json", "--annotations", "github")
    data = json.loads(result.stdout)
    assert data["verdict"] == ("INCONCLUSIVE" if case == "NOT_EVALUABLE" else case)
    assert "::" in result.stderr


def test_gate_takes_a_run_or_a_plan_not_both():
    assert invoke("gate").exit_code == 2
    assert invoke("gate", "x", "--plan", "evals/x.yaml").exit_code == 2


def test_gate_without_a_choice_names_the_candidates():
    run = store_run(Path("reports/runs"), GOLD, {name: decided(GOLD) for name in ("v1", "v2", "v3")})
    result = invoke("gate", run.meta.run_id)
    assert result.exit_code == 1
    assert "2 candidates beside the baseline\n  allowed: v2, v3" in result.stderr


def test_gate_against_another_golden_set_is_refused_until_asked_for():
    stored("PASS")
    new = store_run(
        Path("reports/runs"),
        GOLD,
        {"v2": decided(GOLD)},
        run_id="new-000000000000",
        golden={"version": 2},
        baseline=None,
    )
    refused = invoke("gate", new.meta.run_id, "--baseline", "demo-0123456789ab:v1")
    assert refused.exit_code == 1
    assert "golden set demo v1 became demo v2" in refused.stderr
    allowed = invoke("gate", new.meta.run_id, "--baseline", "demo-0123456789ab:v1", "--across-versions")
    assert allowed.exit_code == 0
    assert "change split into labels and candidate" in allowed.stdout


def test_plan_says_what_the_set_can_prove(tmp_path):
    path = write_eval(tmp_path, n_positives=161)
    result = invoke("gate", "--plan", path, "--json")
    assert result.exit_code == 0
    (recall, failure) = json.loads(result.stdout)["checks"]
    # STATISTICS section 6: margin .05 and discordance .05 take 161 positives for 80% power
    assert (recall["n"], recall["needed"], recall["enough"]) == (161, 161, True)
    assert 0.80 <= recall["power"] < 0.85
    assert failure["n"] == 261
    table = invoke("gate", "--plan", path, "--discordance", "0.1").stdout
    assert "differ on 10.0% of the items" in table
    assert "264" in table  # the same table, discordance .10


def test_plan_counts_the_gate_part_of_a_split_alone(tmp_path):
    """Power was that of the whole set, and the gate then had little more than half of it."""
    path = write_eval(tmp_path)
    whole = json.loads(invoke("gate", "--plan", path, "--json").stdout)["checks"][0]["n"]
    path.write_text(path.read_text() + "split: {dev: 0.4, by: item, seed: 7}\n")
    plan = json.loads(invoke("gate", "--plan", path, "--json").stdout)
    run = open_run(json.loads(invoke("run", path, "--json", "--runs-dir", tmp_path / "runs").stdout)["path"])
    assert plan["checks"][0]["n"] == int((run.y_true == 1).sum()) < whole
    assert plan["golden_set"]["n_items"] == len(run.item_ids)
    assert any("only the gate part of the split counts" in one for one in plan["assumptions"])


@pytest.mark.parametrize(("n", "margin"), [(30, 0.14), (60, 0.09), (100, 0.065), (200, 0.045), (400, 0.030)])
def test_plan_reproduces_the_smallest_provable_margins(tmp_path, n, margin):
    result = invoke("gate", "--plan", write_eval(tmp_path, n_positives=n), "--json")
    assert json.loads(result.stdout)["checks"][0]["smallest_margin"] == pytest.approx(margin, abs=0.006)


def test_baseline_set_and_show():
    run = stored("PASS")
    done = invoke("baseline", "set", run.meta.run_id, "--candidate", "v1", "--reason", "shipped", "--by", "Ada")
    assert done.exit_code == 0
    assert done.stdout.startswith("Promoted v1 of run demo-0123456789ab: evals/baselines/demo (")
    shown = json.loads(invoke("baseline", "show", "--json").stdout)
    assert (shown["demo"]["who"], shown["demo"]["why"], shown["demo"]["candidate"]) == ("Ada", "shipped", "v1")
    assert "shipped" in invoke("baseline", "show", "demo").stdout
    gated = invoke("gate", run.meta.run_id, "--candidate", "v2", "--baseline", "promoted")
    assert gated.exit_code == 0
    assert "by Ada: shipped" in gated.stdout


def test_baseline_show_without_any_says_how():
    assert "harness baseline set RUN" in invoke("baseline", "show").stdout
    assert invoke("baseline", "show", "nothing").exit_code == 1


def test_baseline_set_needs_a_reason_and_a_candidate():
    run = stored("PASS")
    assert invoke("baseline", "set", run.meta.run_id).exit_code == 2
    result = invoke("baseline", "set", run.meta.run_id, "--reason", "x")
    assert result.exit_code == 1
    assert "allowed: v1, v2" in result.stderr


@pytest.mark.parametrize(("missed", "code"), [(0, 0), (60, 3)])
def test_ci_runs_gates_and_writes(tmp_path, monkeypatch, missed, code):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    Path("step.md").write_text("before\n")
    path = write_eval(tmp_path, missed=missed)
    result = invoke("ci", path)
    assert result.exit_code == code
    assert sorted(one.name for one in Path("reports/ci").iterdir()) == [
        "demo.comment.md", "demo.gate.json", "demo.junit.xml", "demo.summary.md",
    ]  # fmt: skip
    assert Path("step.md").read_text().startswith("before\n## Moderation gate: ")
    assert "::notice title=" in result.stdout if code == 0 else "::error title=" in result.stdout
    verdict = json.loads(Path("reports/ci/demo.gate.json").read_text())["verdict"]
    assert verdict == {0: "PASS", 3: "REGRESSION"}[code]
    written = [one.read_text() for one in Path("reports/ci").iterdir()]
    assert not any(SECRET in text for text in [*written, result.output])


def test_ci_counts_the_candidate_beside_the_card(tmp_path):
    path = write_eval(tmp_path)
    assert invoke("ci", path).exit_code == 0
    assert invoke("ci", path).exit_code == 0
    assert len((tmp_path / "golden_sets" / "demo_v1.gates.jsonl").read_text().splitlines()) == 1


def test_ci_against_the_promoted_baseline_beside_the_eval(tmp_path):
    path = write_eval(tmp_path)
    invoke("run", path, "--candidate", "v1")
    assert invoke("baseline", "set", "latest", "--reason", "shipped").exit_code == 0
    result = invoke("ci", path, "--candidate", "v2", "--baseline", "promoted", "--json")
    assert result.exit_code == 0
    data = json.loads(result.stdout)
    assert data["baseline"]["source"].endswith("shipped")
    assert data["candidate"]["run_id"] != data["baseline"]["run_id"]


def test_replay_needs_no_key_and_fails_clearly_when_an_answer_is_missing(tmp_path, monkeypatch):
    monkeypatch.delenv("DEMO_KEY", raising=False)
    path = write_eval(tmp_path, with_prompt=True)
    result = invoke("ci", path, "--candidate", "v3", "--cached-only", "--annotations", "github")
    assert result.exit_code == 5
    assert "v3 lacks 400 of 400" in result.stderr
    assert "::error title=Moderation gate%3A INVALID" in result.stdout
    error = ElementTree.parse("reports/ci/demo.junit.xml").getroot().find(".//error")
    assert error.get("type") == "INVALID"
    assert "answers are missing" in Path("reports/ci/demo.comment.md").read_text()


def test_replay_of_candidates_that_ask_nobody_passes(tmp_path):
    result = invoke("ci", write_eval(tmp_path, with_prompt=True), "--candidate", "v2", "--cached-only")
    assert result.exit_code == 0


def test_a_read_only_set_does_not_stop_the_gate(tmp_path, monkeypatch):
    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("harness.gating.log._append", refuse)
    result = invoke("ci", write_eval(tmp_path))
    assert result.exit_code == 0
    assert "Warning: demo_v1.gates.jsonl cannot be written" in result.stderr


def test_init_brings_a_workflow_and_a_gitlab_snippet(tmp_path):
    write_team_folder(tmp_path / "team")
    workflow = yaml.safe_load((tmp_path / "team" / ".github" / "workflows" / "moderation.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    commands = "\n".join(step.get("run", "") for step in steps)
    assert "harness ci" in commands
    assert "marker" in commands
    assert "${{" not in commands  # what a pull request controls reaches the shell through the environment only
    assert workflow["permissions"] == {}  # each job takes what it needs, and only the comment's job may write
    assert workflow["jobs"]["gate"]["permissions"] == {"contents": "read", "actions": "read"}
    snippet = yaml.safe_load((tmp_path / "team" / ".gitlab-ci.yml").read_text())
    assert snippet["moderation"]["artifacts"]["reports"]["junit"] == "reports/ci/*.junit.xml"
    assert snippet["moderation"]["variables"]["EVAL"] == "team"
    assert (tmp_path / "team" / "evals" / "team.yaml").is_file()


def test_the_workflows_own_command_line_works(tmp_path, monkeypatch):
    """Every option the shipped workflow passes exists."""
    team = tmp_path / "team"
    write_team_folder(team)
    spec = team / "evals" / "team.yaml"
    rules = team / "evals" / "rules"
    (rules / "team_v2.yaml").write_text((rules / "team_v1.yaml").read_text().replace("version: 1", "version: 2"))
    data = yaml.safe_load(spec.read_text())
    data["candidates"] = {"v1": {"rules": "rules/team_v1.yaml"}, "v2": {"rules": "rules/team_v2.yaml"}}
    spec.write_text(yaml.safe_dump(data))
    monkeypatch.chdir(team)
    result = invoke(
        "ci", "evals/team.yaml", "--candidate", "v2", "--baseline", "v1", "--max-cost", "10", "--cached-only"
    )
    assert result.exit_code == 4  # a dozen example items prove nothing
    assert Path("reports/ci/team.comment.md").is_file()


def test_files_are_named_after_the_eval_file_whatever_the_eval_is_called(tmp_path):
    path = write_eval(tmp_path)
    renamed = path.with_name("other.yaml")
    path.rename(renamed)
    assert invoke("ci", renamed).exit_code == 0
    assert Path("reports/ci/other.comment.md").is_file()


def test_ci_reports_a_broken_eval_too(tmp_path):
    path = write_eval(tmp_path)
    path.write_text(path.read_text().replace("policy.yaml", "gone.yaml"))
    result = invoke("ci", path)
    assert result.exit_code == 1
    assert "demo.yaml:2: field 'policy' names" in result.stderr
    assert ElementTree.parse("reports/ci/demo.junit.xml").getroot().get("errors") == "1"
    assert "which is not there" in Path("reports/ci/demo.comment.md").read_text()
