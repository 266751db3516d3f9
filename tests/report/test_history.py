"""The history of an eval: rows, differences, and texts that changed under an unchanged version."""

import json

from click.testing import CliRunner
from stories import Story, caught, half

from harness.cli.history import command
from harness.report.history import history

GOLD = half(100, 100)


def two_runs(tmp_path):
    story = Story(tmp_path, {"hate": GOLD})
    for week, n, sha in (("2026-W42", 80, "a" * 64), ("2026-W43", 90, "b" * 64)):
        described = {"name": "community", "version": 2, "sha256": sha, "path": "prompts/community_v2.md"}
        run = story.run({"v1": {"hate": caught(GOLD, n)}}, week=week)
        path = run.path + "/run.json"
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        content["inputs"]["prompt:v1"] = described
        with open(path, "w", encoding="utf-8") as file:
            json.dump(content, file)
    return story


def test_a_row_a_run_with_the_difference_and_the_silent_change(tmp_path):
    story = two_runs(tmp_path)
    first, second = history(story.runs, "story")
    assert (first.silent, second.silent) == ((), ("prompt",))
    done = CliRunner().invoke(command, ["story", "--runs-dir", str(story.runs), "--metric", "recall"])
    assert done.exit_code == 0, done.output
    assert "90.0% (+10.0)" in done.output
    assert "community v2@bbbbbbbb (! prompt edited without a new version)" in " ".join(done.output.split())


def test_history_as_json_has_the_documented_shape(tmp_path):
    story = two_runs(tmp_path)
    done = CliRunner().invoke(command, ["story", "--runs-dir", str(story.runs), "--json"])
    first, second = json.loads(done.output)["runs"]
    assert first["label"] == "2026-W42"
    assert second["candidates"]["v1"]["inputs"] == {"prompt": "community v2@bbbbbbbb"}
    assert second["candidates"]["v1"]["categories"]["hate"]["recall"]["value"] == 0.9


def test_an_eval_without_runs_is_told(tmp_path):
    done = CliRunner().invoke(command, ["nothing", "--runs-dir", str(tmp_path)])
    assert done.exit_code == 1
    assert "no complete run of eval 'nothing'" in str(done.exception)
