"""Builds give the same bytes twice; an audit that looked nothing up is no good news."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
AUDIT = ROOT / ".ci" / "audit.py"
SAFE = {"name": "numpy", "version": "2.0", "vulns": []}
KNOWN = {"name": "jinja2", "version": "3.0", "vulns": [{"id": "CVE-1", "fix_versions": ["3.1"]}]}
SKIPPED = {"name": "yarl", "skip_reason": "Dependency not found on PyPI and could not be audited: yarl"}


@pytest.fixture
def audit(tmp_path):
    """The audit with a pip-audit that answers as told."""

    def run(stdout, *, stderr="", code=0, locks=1):
        script = tmp_path / "pip-audit"
        script.write_text(
            f"#!{sys.executable}\nimport sys\n"
            f"sys.stdout.write({stdout!r})\nsys.stderr.write({stderr!r})\nsys.exit({code})\n"
        )
        script.chmod(0o755)
        command = [sys.executable, AUDIT, script, *["requirements.lock"] * locks]
        return subprocess.run(command, capture_output=True, text=True)

    return run


def answer(*dependencies):
    return json.dumps({"dependencies": dependencies, "fixes": []})


def test_all_looked_up_and_none_known(audit):
    done = audit(answer(SAFE, SAFE))
    assert (done.returncode, done.stdout) == (0, "requirements.lock: no known vulnerability in 2 packages\n")


def test_a_known_vulnerability_is_named_and_fails(audit):
    done = audit(answer(SAFE, KNOWN, SKIPPED), code=1)
    assert done.returncode == 1
    assert "jinja2 3.0: CVE-1, mended in 3.1" in done.stdout
    assert "1 of 3 packages are unknown to the database (yarl)" in done.stderr


@pytest.mark.parametrize(
    ("stdout", "stderr", "code", "why"),
    [
        (answer(SAFE, SKIPPED), "No known vulnerabilities found", 0, "1 of 2 packages are unknown to the database"),
        (answer(), "", 0, "no package in it"),
        ("", "Traceback\nConnectionError: no route to host\n", 1, "ConnectionError: no route to host"),
        ("<html>", "", 1, "pip-audit ended with 1 and said nothing"),
        ("[]", "", 0, "pip-audit ended with 0"),
    ],
)
def test_what_was_not_looked_up_is_not_safe(audit, stdout, stderr, code, why):
    done = audit(stdout, stderr=stderr, code=code)
    assert done.returncode == 2
    assert f"NOT AUDITED: {why}" in done.stderr
    assert "no known vulnerability" not in done.stdout


@pytest.fixture
def back_end(tmp_path):
    """Python that has the build back end; its own environment where this one has none."""
    if find_spec("hatchling"):
        return sys.executable
    home = tmp_path / "back-end"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    command = [python, "-m", "pip", "install", "-q", "--retries", "0", "--timeout", "20", "hatchling>=1.27"]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("the build back end (hatchling) is not installed and cannot be fetched")
    return python


@pytest.mark.slow
def test_two_builds_give_the_same_bytes(tmp_path, back_end):
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    built = []
    for folder, mask, moment in (("one", 0o022, 1_000_000_000), ("another/place", 0o077, 1_700_000_000)):
        source = tmp_path / folder
        for name in listed.stdout.split("\0"):
            if name and (ROOT / name).is_file():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, source / name)
                (source / name).chmod((0o777 if os.access(ROOT / name, os.X_OK) else 0o666) & ~mask)
                os.utime(source / name, (moment, moment))
        shutil.copyfile(ROOT / ".gitignore", source / ".gitignore")
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "1760000000", "PYTHONHASHSEED": str(len(built))}
        command = [back_end, "-m", "hatchling", "build", "-d", tmp_path / f"dist-{len(built)}"]
        subprocess.run(command, cwd=source, env=environment, check=True, capture_output=True)
        files = sorted((tmp_path / f"dist-{len(built)}").iterdir())
        built.append({one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in files})
    assert built[0] == built[1]
    (wheel,) = (tmp_path / "dist-0").glob("*.whl")
    (sdist,) = (tmp_path / "dist-0").glob("*.tar.gz")
    names = zipfile.ZipFile(wheel).namelist()
    assert "harness/cli/__init__.py" in names
    assert "harness/shipped/evals/community.yaml" in names
    assert not [name for name in names if name.startswith(("tests/", "reports/"))]
    with tarfile.open(sdist) as archive:
        assert any(name.endswith("/pyproject.toml") for name in archive.getnames())
