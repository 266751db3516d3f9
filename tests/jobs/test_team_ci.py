"""The workflow that ``harness init`` writes, tried by executing its steps in their order on a project it wrote."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from harness.cli.init import write_team_folder

CONTEXTS = {
    "github.event_name == 'workflow_dispatch' && 'inconclusive' || 'regression'": lambda event: (
        "inconclusive" if event == "workflow_dispatch" else "regression"
    ),
    "github.event.pull_request.head.repo.fork || false": lambda event: str(event == "fork").lower(),
    "github.run_id": lambda event: "1",
    "github.run_attempt": lambda event: "1",
    "github.token": lambda event: "a-token",
    "github.repository": lambda event: "team/evals",
    "github.event.pull_request.number": lambda event: "5",
    "secrets.OPENAI_API_KEY": lambda event: "" if event == "fork" else "a-key",
}
CONDITIONS = {
    None: lambda event, is_red: not is_red,
    "always()": lambda event, is_red: True,
    "always() && env.IS_FORK != 'true'": lambda event, is_red: event != "fork",
    "always() && github.event_name == 'pull_request' && !github.event.pull_request.head.repo.fork": (
        lambda event, is_red: event == "pull_request"
    ),
}
GH = """\
#!{python}
import json, pathlib, shutil, sys
home = pathlib.Path({home!r})
with open(home / "gh.jsonl", "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
path = next((one for one in sys.argv[2:] if one.startswith("repos/")), "")
kept = home / "artifacts" / "moderation-gate-log.zip"
if "actions/artifacts?" in path and kept.is_file():
    print(7)
elif path.endswith("/zip"):
    sys.stdout.buffer.write(kept.read_bytes())
"""


class Hub:
    """What stays between jobs: caches, artifacts, and the calls of ``gh``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.bin = home / "bin"
        self.bin.mkdir(parents=True)
        (home / "artifacts").mkdir()
        gh = self.bin / "gh"
        gh.write_text(GH.format(python=sys.executable, home=str(home)))
        gh.chmod(0o755)
        python = self.bin / "python"
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)

    def run(self, event: str, checkout: Path) -> dict[str, int]:
        """Execute both jobs of the workflow; the exit code of each step that ran."""
        workflow = yaml.safe_load((checkout / ".github/workflows/moderation.yml").read_text())
        codes: dict[str, int] = {}
        for name, job in workflow["jobs"].items():
            if not CONDITIONS[job.get("if")](event, False):
                continue
            folder = checkout if name == "gate" else self.home / "other-machine"
            folder.mkdir(exist_ok=True)
            variables = {**workflow["env"], **job.get("env", {})}
            is_red = False
            for step in job["steps"]:
                if not CONDITIONS[step.get("if")](event, is_red):
                    continue
                title = step.get("name") or step["uses"]
                codes[title] = self._step(step, event, variables, folder)
                is_red |= codes[title] != 0 and not step.get("continue-on-error", False)
        return codes

    def _step(self, step: dict, event: str, variables: dict, folder: Path) -> int:
        if "uses" in step:
            return self._use(
                step["uses"], {key: filled(value, event) for key, value in step.get("with", {}).items()}, folder
            )
        installed = self.home / "installed"
        environment = {
            "PATH": f"{installed / 'bin'}:{self.bin}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(self.home / "summary.md"),
            "PYTHONPATH": str(installed),
            "PIP_TARGET": str(installed),  # what the file names, and nothing from a network
            "PIP_NO_DEPS": "1",
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_UPGRADE": "1",
        }
        environment |= {key: filled(value, event) for key, value in {**variables, **step.get("env", {})}.items()}
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", filled(step["run"], event)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        (self.home / f"{step['name']}.log").write_text(done.stdout + done.stderr)
        return done.returncode

    def _use(self, action: str, given: dict, folder: Path) -> int:
        name = action.split("@")[0]
        if name == "actions/cache/restore" and (self.home / "cache").is_dir():
            shutil.copytree(self.home / "cache", folder / given["path"])
        elif name == "actions/cache/save":
            assert (folder / given["path"] / "responses.sqlite").is_file() or not list(folder.glob(".harness/*"))
            if (folder / given["path"]).is_dir():
                shutil.copytree(folder / given["path"], self.home / "cache", dirs_exist_ok=True)
        elif name == "actions/upload-artifact":
            files = [one for one in sorted(folder.glob(given["path"].rstrip("/"))) if one.is_file()]
            files += sorted((folder / given["path"]).glob("*")) if (folder / given["path"]).is_dir() else []
            assert files or given.get("if-no-files-found") == "ignore", given
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w") as archive:
                for one in files:
                    archive.write(one, one.name)
            (self.home / "artifacts" / f"{given['name']}.zip").write_bytes(packed.getvalue())
        elif name == "actions/download-artifact":
            with zipfile.ZipFile(self.home / "artifacts" / f"{given['name']}.zip") as archive:
                archive.extractall(folder / given["path"])
        return 0

    def calls(self) -> list[list[str]]:
        path = self.home / "gh.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def filled(value: object, event: str) -> str:
    """A value with its expressions; one that this test does not know fails it."""
    return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: CONTEXTS[found[1]](event), str(value))


@pytest.fixture
def hub(tmp_path):
    return Hub(tmp_path / "hub")


@pytest.fixture
def checkout(tmp_path):
    """A fresh checkout of the project that init writes, as often as wanted."""
    numbers = iter(range(100))

    def fresh() -> Path:
        folder = tmp_path / f"checkout-{next(numbers)}"
        write_team_folder(folder)
        return folder

    return fresh


def test_the_project_that_init_writes_passes_its_own_ci(hub, checkout):
    main = checkout()
    assert set(hub.run("push", main).values()) == {0}
    log = main / "golden_sets/team_v1.gates.jsonl"
    assert len(log.read_text().splitlines()) == 1

    request = checkout()
    codes = hub.run("pull_request", request)
    assert codes["Gate"] == codes["Comment on the pull request"] == 0
    assert (request / "golden_sets/team_v1.gates.jsonl").read_text() == log.read_text()
    posted = [call for call in hub.calls() if "POST" in call]
    assert posted == [
        ["api", "--method", "POST", "repos/team/evals/issues/5/comments", "-F", "body=@reports/ci/team.comment.md"]
    ]
    assert "this gate warns and does not fail" in (hub.home / "other-machine/reports/ci/team.comment.md").read_text()
    assert "::warning title=Moderation gate%3A INCONCLUSIVE::" in (hub.home / "Gate.log").read_text()


def test_before_a_rollout_only_a_pass_is_green_and_everything_is_kept(hub, checkout):
    codes = hub.run("workflow_dispatch", checkout())
    assert codes["Gate"] == 4
    assert {"Keep the journal", "Keep the gate log", "Keep results"} <= set(codes)
    assert {one.name for one in (hub.home / "artifacts").iterdir()} == {
        "moderation-gate-log.zip",
        "moderation-gate.zip",
    }


def test_a_fork_is_replayed_and_leaves_nothing_behind(hub, checkout):
    codes = hub.run("fork", checkout())
    assert codes["Gate"] == 0
    assert not {"Keep the journal", "Keep the gate log", "Comment on the pull request"} & set(codes)


def test_no_job_may_do_more_than_it_needs(tmp_path):
    write_team_folder(tmp_path / "team")
    workflow = yaml.safe_load((tmp_path / "team/.github/workflows/moderation.yml").read_text())
    assert workflow["permissions"] == {}
    permissions = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    assert permissions == {"gate": {"contents": "read", "actions": "read"}, "comment": {"pull-requests": "write"}}
    assert "pull_request_target" not in workflow[True]
    checkouts = [
        step for step in workflow["jobs"]["gate"]["steps"] if step.get("uses", "").startswith("actions/checkout")
    ]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False]


def test_ci_names_no_package_of_a_public_index(tmp_path):
    """The workflow once installed a name that nobody had registered, and anybody could have."""
    written = write_team_folder(tmp_path / "team")
    lines = [
        line
        for line in (tmp_path / "team/harness-requirements.txt").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert len(lines) == 1
    assert lines[0].startswith("./wheels/") or re.fullmatch(r"moderation-harness @ git\+\S+@[0-9a-f]{40}", lines[0])
    assert not [path for path in written if b"pip install moderation" in path.read_bytes()]


def test_the_gitlab_job_asks_the_same_commands(tmp_path):
    write_team_folder(tmp_path / "team")
    job = yaml.safe_load((tmp_path / "team/.gitlab-ci.yml").read_text())["moderation"]
    assert [rule["variables"]["FAIL_ON"] for rule in job["rules"]] == ["regression", "regression", "inconclusive"]
    assert job["cache"]["when"] == job["artifacts"]["when"] == "always"
    assert any(line.startswith("harness ci ") and '--fail-on "$FAIL_ON"' in line for line in job["script"])


@pytest.mark.parametrize("name", ["evals", "README.md", "golden_sets/team_v1.jsonl", "wheels"])
def test_init_follows_no_link(tmp_path, name):
    """It once wrote through a dangling link, to wherever that pointed."""
    target, elsewhere = tmp_path / "team", tmp_path / "elsewhere"
    (target / name).parent.mkdir(parents=True)
    (target / name).symlink_to(elsewhere)
    from harness.errors import HarnessError

    with pytest.raises(HarnessError, match="already holds"):
        write_team_folder(target)
    assert not elsewhere.exists()
    assert [one.name for one in target.rglob("*") if not one.is_dir()] == [Path(name).name]
