"""The commands of the main job as a person types them: output, exit code, and nothing on the wrong stream."""

import json
import shutil
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from harness.cli import COMMANDS, main
from harness.errors import HarnessError
from harness.runner.dry_run import CandidateEstimate
from tests.command_reference import ROOT


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    """A team's folder with one run of its rule set and of recorded decisions."""
    folder = tmp_path_factory.mktemp("team") / "evals-of-a-team"
    assert invoke("init", str(folder)).exit_code == 0
    recorded = [
        {"id": f"t-{n:04d}", "decisions": {"harassment": n % 2, "spam": int(n in {2, 6, 10})}} for n in range(1, 13)
    ]
    (folder / "evals" / "recorded.jsonl").write_text("".join(json.dumps(row) + "\n" for row in recorded))
    spec = folder / "evals" / "team.yaml"
    spec.write_text(spec.read_text().replace("baseline: v1", "  human: {recorded: recorded.jsonl}\nbaseline: rules"))
    return folder


@pytest.fixture
def in_team(team, tmp_path, monkeypatch):
    copy = tmp_path / "team"
    shutil.copytree(team, copy)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache.sqlite"))
    return copy


def invoke(*arguments):
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def run_two(*more):
    return invoke("run", "evals/team.yaml", "--candidate", "rules", "--candidate", "human", *more)


def test_check_counts_what_it_read(in_team):
    result = invoke("check")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "OK: 1 eval, 1 golden set, 2 rule sets, 1 policy, 1 models file, 2 prompts; 12 golden items; 0 warnings\n"
    )
    (in_team / "evals" / "recorded.jsonl").write_text('{"id": "t-0001", "decisions": {"spam": 0}}\n')
    assert invoke("check").stdout.endswith("; 1 warning\n")


def test_check_outside_a_project_says_so(tmp_path, monkeypatch):
    """It guessed at names of other folders."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    for arguments in ((), ("evals", "golden_sets")):
        result = invoke("check", *arguments)
        assert result.exit_code == 1
        assert "this folder: has no evals/" in result.stderr
        assert "harness init DIR" in result.stderr
        assert "did you mean" not in result.stderr


def test_check_names_file_line_and_next_step_and_exits_1(in_team):
    path = in_team / "evals" / "team.yaml"
    path.write_text(path.read_text().replace("team_v1.md", "team_v9.md"))
    result = invoke("check")
    assert result.exit_code == 1
    assert "evals/team.yaml:7" in result.stderr
    assert "Traceback" not in result.output


def test_run_stores_and_a_second_run_does_nothing(in_team):
    first, second = run_two(), run_two()
    assert first.exit_code == second.exit_code == 0
    assert "complete; 12 items, 0 calls" in first.stdout
    assert "complete already, nothing to do" in second.stdout


def test_run_json_has_the_contract_s_keys(in_team):
    data = json.loads(run_two("--json").stdout)
    assert {"run_id", "path", "status", "items", "calls", "cached", "cost_usd", "wall_s"} <= set(data)


def test_dry_run_says_how_many_first_answers_tell_a_cost_that_is_not_known_well(in_team, monkeypatch):
    found = {
        "rules": CandidateEstimate(1000, 960, 40, cost_usd=10.0, margin_usd=3.0, basis="candidate", n_measured=40),
        "rules_v2": CandidateEstimate(1000, 960, 40, cost_usd=10.0, margin_usd=1.0, basis="candidate", n_measured=40),
    }
    monkeypatch.setattr("harness.runner.dry_run.dry_run", lambda request, counts: found)
    told = " ".join(run_two("--dry-run").stdout.split())
    silent = {"rules": CandidateEstimate(1000, 960, 40, cost_usd=1.0, margin_usd=None, basis="rule")}
    monkeypatch.setattr("harness.runner.dry_run.dry_run", lambda request, counts: silent)
    assert "at hand of rules do not say what they used" in " ".join(run_two("--dry-run").stdout.split())
    assert "$10.00 ±30%" in told
    assert "$10.00 ±10%" in told
    assert told.count("answers differ so much") == 1
    assert "rules: its answers differ so much that 40 tell its cost to within ±30%; --limit 160 first tells it" in told


def test_dry_run_writes_nothing(in_team):
    result = run_two("--dry-run")
    assert result.exit_code == 0
    assert "Nothing was called." in result.stdout
    assert not (in_team / "reports" / "runs").exists()


def test_limit_runs_a_fixed_sample(in_team):
    assert json.loads(run_two("--limit", "5", "--json").stdout)["items"] == 5


def test_an_unknown_candidate_names_those_there_are(in_team):
    result = invoke("run", "evals/team.yaml", "--candidate", "ruels")
    assert result.exit_code == 1
    assert "rules" in result.stderr


def test_score_prints_a_table_and_json(in_team):
    run_two()
    table, data = invoke("score", "latest"), invoke("score", "latest", "--json")
    assert "Over-blocking (FPR)" in table.stdout
    assert set(json.loads(data.stdout)["candidates"]) == {"rules", "human"}


def test_numbers_of_an_invalid_run_come_with_a_warning(in_team):
    """They came without a word, though no verdict can rest on them."""
    path = in_team / "evals" / "recorded.jsonl"
    failed = [json.dumps({"id": f"t-{n:04d}", "outcome": "error"}) + "\n" for n in (10, 11, 12)]
    path.write_text("".join([*path.read_text().splitlines(keepends=True)[:9], *failed]))
    first = run_two()
    assert first.exit_code == 5
    assert "3 x error: no reason given" in first.stdout
    assert "no reason given" in invoke("runs", "show", "latest").stdout
    for command in (("score", "latest"), ("compare", "latest", "--candidate", "human")):
        result = invoke(*command, "--json")
        assert result.exit_code == 0
        assert "is invalid: 3 of 24 rows have no answer" in result.stderr
        json.loads(result.stdout)


def test_reviewers_who_label_a_sample_make_no_run_invalid(in_team):
    """Items without a recorded decision were errors: invalid, with the advice to run again."""
    path = in_team / "evals" / "recorded.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:9]))
    result = run_two()
    assert result.exit_code == 0
    assert "human: 3 not asked, 9 ok" in result.stdout
    assert "not asked" in invoke("runs", "show", "latest").stdout
    told = json.loads(invoke("score", "latest", "--json").stdout)["candidates"]["human"]
    assert (told["outcomes"]["not_asked"], told["outcomes"]["error"]) == (3, 0)
    assert told["failure_rate"]["n_excluded"] == 3
    assert "nothing to do" in run_two().stdout


@pytest.mark.parametrize("wave", ["", "a b", "../x", "x" * 41, "2026-W54", "2025-W53", "2026-W00"])
def test_a_wave_is_a_label_or_a_week_that_there_is(in_team, wave):
    result = run_two("--wave", wave)
    assert result.exit_code == 2
    assert "is no" in result.stderr


@pytest.mark.parametrize("wave", ["2026-W53", "2026-W1", "before.v2_b"])
def test_a_wave_may_be_any_label(in_team, wave):
    assert run_two("--wave", wave).exit_code == 0


def test_a_candidate_against_itself_is_said_to_be_one(in_team):
    run_two()
    result = invoke("compare", "latest", "--baseline", "rules", "--candidate", "rules")
    assert result.exit_code == 0
    assert "this is an A/A comparison: 'rules' with its own rows" in result.stderr


@pytest.mark.parametrize("command", [("run", "evals/team.yaml", "--candidate", "rules"), ("ci", "evals/team.yaml")])
def test_ctrl_c_before_the_first_call_is_an_incomplete_run(in_team, monkeypatch, command):
    """It ended with "Aborted!" and exit code 1."""
    import harness.jobs.run

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(harness.jobs.run, "prepare_run", interrupted)
    result = invoke(*command)
    assert result.exit_code == 5
    assert "The run is incomplete (interrupted): the same command goes on where it stopped." in result.stderr


def test_what_was_spent_is_told_from_the_list_price(in_team):
    run_two()
    assert "Spent" in invoke("runs", "list").stdout
    shown = invoke("runs", "show", "latest").stdout
    assert "list price" in shown
    assert "spent" in shown


def test_a_split_is_reported_on_its_gate_part(in_team):
    spec = in_team / "evals" / "team.yaml"
    spec.write_text(spec.read_text().replace("baseline: rules", "split: {dev: 0.5, seed: 3}\nbaseline: rules"))
    assert "12 items" in run_two().stdout
    told = json.loads(invoke("score", "latest", "--json").stdout)["golden_set"]
    assert (told["part"], told["n_items_in_run"]) == ("gate", 12)
    assert 0 < told["n_items"] < 12
    table = invoke("score", "latest").stdout
    assert f"{told['n_items']} items of part 'gate' (of 12 that were run)" in table
    assert "|split:gate,dev:0.5,by:group,seed:3|" in table.replace("\n", "")


def test_weights_that_differ_are_used_and_named(in_team):
    items = next((in_team / "golden_sets").glob("*.jsonl"))
    rows = [json.loads(line) | {"weight": 1.0 + n} for n, line in enumerate(items.read_text().splitlines())]
    items.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_two()
    for command in ("score", "compare"):
        assert "items count by their weights" in " ".join(invoke(command, "latest").stdout.split())


def test_score_as_markdown(in_team):
    run_two()
    assert invoke("score", "latest", "--format", "md").stdout.count("| Harassment |") == 2


def test_compare_masks_texts_by_default_and_reveals_them_on_purpose(in_team, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    run_two()
    arguments = ("compare", "latest", "--baseline", "rules", "--candidate", "human")
    masked, full, hidden = (
        invoke(*arguments),
        invoke(*arguments, "--text", "full"),
        invoke(*arguments, "--text", "none"),
    )
    assert "Nobody" not in masked.stdout
    assert "N••••• l•••• y••" in masked.stdout
    assert "Nobody likes you" in full.stdout
    assert "N•••••" not in hidden.stdout


def test_compare_shows_no_text_where_ci_is_set(in_team, monkeypatch):
    """The log of a build held masked texts, with their first letters, while every report left them out."""
    monkeypatch.setenv("CI", "true")
    run_two()
    arguments = ("compare", "latest", "--baseline", "rules", "--candidate", "human")
    assert "N•••••" not in invoke(*arguments).stdout
    assert "N•••••" in invoke(*arguments, "--text", "masked").stdout


def test_compare_json_has_the_contract_s_keys(in_team):
    run_two()
    data = json.loads(invoke("compare", "latest", "--candidate", "human", "--json").stdout)
    assert (data["baseline"], data["candidate"]) == ("rules", "human")
    category = data["categories"]["spam"]
    assert list(category["cells"]) == [f"{cell:03b}" for cell in range(8)]
    assert {"baseline", "candidate", "difference", "p_value"} <= set(category["recall"])
    assert {"recall", "precision", "fpr", "f1", "fixed", "broken"} <= set(category)
    assert sum(category["cells"].values()) == 12


def test_compare_across_runs(in_team):
    first = json.loads(invoke("run", "evals/team.yaml", "--candidate", "rules", "--json").stdout)["run_id"]
    second = json.loads(invoke("run", "evals/team.yaml", "--candidate", "human", "--json").stdout)["run_id"]
    result = invoke("compare", second, "--baseline-run", first, "--candidate", "human", "--baseline", "rules")
    assert result.exit_code == 0
    assert result.stdout.startswith("NO PROVEN CHANGE: human against rules on 12 items.\n")


def test_runs_list_and_show(in_team):
    run_id = json.loads(run_two("--json").stdout)["run_id"]
    assert run_id in invoke("runs", "list").stdout
    assert "rules:rules" in invoke("runs", "show", run_id).stdout


@pytest.mark.parametrize("command", [("score", "latest"), ("compare", "latest"), ("runs", "show", "nothing")])
def test_a_missing_run_is_one_message_and_exit_code_1(in_team, command):
    result = invoke(*command)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stdout == ""


def test_init_refuses_to_overwrite(in_team):
    result = invoke("init", str(in_team))
    assert result.exit_code == 1
    assert "already holds" in result.stderr


def test_a_mistyped_command_names_the_nearest():
    result = invoke("scor")
    assert result.exit_code == 2
    assert "Did you mean 'score'?" in result.stderr


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_table_of_commands_repeats_each_command_s_own_help(name):
    command = main.get_command(None, name)
    assert command.name == name
    assert (command.help or "").strip().splitlines()[0] == COMMANDS[name][1]


def test_the_command_reference_is_up_to_date():
    """It once failed after a test that called a command without its group: click had kept a help option without -h."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.command_reference", "--check"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", list(COMMANDS))
def test_help_shows_an_example_on_a_line_of_its_own(name):
    """Once every example block was rewrapped into one paragraph, because the docstrings were raw."""
    command = main.get_command(None, name)
    is_group = isinstance(command, click.Group)
    pages = [(name, one) for one in command.list_commands(click.Context(command))] if is_group else [(name,)]
    for page in pages:
        text = invoke(*page, "--help").stdout
        assert "\\b" not in text
        assert any(line.startswith(f"    harness {name}") for line in text.splitlines()), text


@pytest.mark.parametrize("command", ["score", "gate", "report", "compare"])
def test_an_eval_in_place_of_a_run_is_told_apart(command):
    result = CliRunner().invoke(main, [command, "evals/team.yaml"])
    assert result.exit_code == 1
    assert "'evals/team.yaml' is a file of an eval, and this command takes a run" in result.output
    assert "harness run evals/team.yaml" in result.output


def test_quickstart_asks_the_model_that_is_named(tmp_path, monkeypatch):
    """--gguf was taken, and the fetched model asked all the same."""
    seen = []

    def prepare(eval_file, options, environment, **more):
        seen.append(options)
        raise HarnessError("seen enough")

    monkeypatch.setattr("harness.jobs.run.prepare_run", prepare)
    (tmp_path / "own.gguf").write_bytes(b"GGUF")
    assert invoke("quickstart", "--gguf", str(tmp_path / "own.gguf"), "--limit", "7").exit_code == 1
    (options,) = seen
    assert (options.gguf, options.limit, options.is_balanced) == (tmp_path / "own.gguf", 7, True)
    assert options.candidates == ("v1", "v2", "rules_v2")
