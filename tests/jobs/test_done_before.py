import json
import os

import pytest
from click.testing import CliRunner
from projects import write_project

from harness.cli import main
from harness.jobs import done_before, run


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(done_before, "SETTLED_NS", -(10**15))  # the files were written a moment ago
    write_project(tmp_path / "p")
    assert typed().exit_code == 0
    return tmp_path


def typed(*more):
    return CliRunner().invoke(main, ["run", "p/eval.yaml", "--candidate", "rules", "--runs-dir", "runs", *more])


@pytest.fixture
def reads(monkeypatch):
    """Counts how often an eval is read."""
    counted = []
    prepare = run.prepare_run
    monkeypatch.setattr(run, "prepare_run", lambda *args, **more: counted.append(1) or prepare(*args, **more))
    return counted


def test_the_same_command_again_reads_nothing_and_says_the_same(project, reads):
    first, second = typed(), typed()
    as_json = json.loads(typed("--json").stdout)
    assert reads == []
    assert "complete already, nothing to do" in first.output
    assert first.output == second.output
    assert (as_json["status"], as_json["is_reused"], as_json["calls"]) == ("complete", True, 0)


def test_what_is_said_without_reading_is_what_reading_says(project):
    told = typed()
    for kept in (project / "runs" / done_before.FOLDER).iterdir():
        kept.unlink()
    assert typed().output == told.output


def test_the_run_counts_as_asked_for(project, reads):
    asked = project / "runs" / ".asked.jsonl"
    before = len(asked.read_bytes().splitlines())
    typed()
    assert len(asked.read_bytes().splitlines()) == before + 1
    assert reads == []


@pytest.mark.parametrize("name", ["eval.yaml", "policy.yaml", "card.yaml", "items.jsonl", "rules.yaml"])
def test_an_edited_file_is_read(project, reads, name):
    path = project / "p" / name
    path.write_bytes(path.read_bytes().rstrip(b"\n") + b"\n\n")
    typed()
    assert reads == [1]


def test_an_edit_that_keeps_size_and_time_is_seen(project, reads):
    path = project / "p" / "rules.yaml"
    status = path.stat()
    path.write_text(path.read_text().replace("casino", "cazino"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "already" not in typed().output
    assert reads == [1]


def test_a_run_that_was_touched_or_is_gone_is_looked_at(project, reads):
    (folder,) = (project / "runs").glob("community-*")
    table = folder / "predictions.parquet"
    table.write_bytes(table.read_bytes()[:-1])
    assert "is made again from the journal" in typed().output
    record = folder / "run.json"
    record.unlink()
    assert "already" not in typed().output
    assert reads == [1, 1]


@pytest.mark.parametrize("more", [["--limit", "2"], ["--repeats", "2"], ["--wave", "w2"], ["--candidate", "humans"]])
def test_other_words_are_another_command(project, reads, more):
    typed(*more)
    assert reads == [1]


def test_other_code_of_this_package_is_another_command(project, reads, monkeypatch):
    monkeypatch.setattr(done_before, "_own_code", lambda: "edited")
    typed()
    assert reads == [1]


def test_a_variable_that_was_looked_at_must_be_as_it_was():
    before = {"A_KEY": "sk-1", "OPENAI_BASE_URL": "http://a"}
    kept = {name: done_before._variable(before, name) for name in ("A_KEY", "OPENAI_BASE_URL", "NO")}
    assert kept["A_KEY"] == "set"  # nothing of a key is kept
    assert kept["NO"] is None
    assert done_before._variable({"MY_CRED": "123456"}, "MY_CRED") == "set"  # nor of what a header holds
    assert done_before._variable({"A_KEY": "sk-2"}, "A_KEY") == kept["A_KEY"]
    assert done_before._variable({}, "A_KEY") != kept["A_KEY"]
    assert done_before._variable({"OPENAI_BASE_URL": "http://b"}, "OPENAI_BASE_URL") != kept["OPENAI_BASE_URL"]


def test_a_file_written_a_moment_ago_is_not_trusted(project, reads, monkeypatch):
    monkeypatch.setattr(done_before, "SETTLED_NS", 2_000_000_000)
    (project / "p" / "rules.yaml").write_text((project / "p" / "rules.yaml").read_text() + "\n# note\n")
    typed()
    typed()
    assert reads == [1, 1]


def test_what_was_kept_and_cannot_be_read_is_no_answer(project, reads):
    (kept,) = (project / "runs" / done_before.FOLDER).iterdir()
    for content in (b"", b"[]", b"{}", b'{"files": {"x": 1}}', b'{"files": [], "stamps": {}, "variables": {}}'):
        kept.write_bytes(content)
        assert "complete already" in typed().output
    assert reads == [1] * 5


def test_code_of_a_project_and_recorded_decisions_are_looked_at_each_time(project, reads):
    words = ["run", "p/eval.yaml", "--candidate", "humans", "--runs-dir", "runs"]
    for _ in range(2):
        CliRunner().invoke(main, words)
    assert reads == [1, 1]


def test_a_name_that_is_no_text_is_read_as_ever(project, reads):
    """Names of files are bytes; those that are no UTF-8 cannot stand in JSON."""
    odd = os.fsdecode(b"p\xff")
    (project / "p").rename(odd)
    words = ["run", f"{odd}/eval.yaml", "--candidate", "rules", "--runs-dir", "runs"]
    for _ in range(2):
        assert "complete already" in CliRunner().invoke(main, words).output
    assert reads == [1, 1]


def test_a_path_that_leads_nowhere_has_its_own_message(project):
    (project / "loop.yaml").symlink_to(project / "loop.yaml")
    for path in ("loop.yaml", "x" * 5000, "none.yaml"):
        done = CliRunner().invoke(main, ["run", path, "--runs-dir", "runs"])
        assert done.exit_code == 1
        assert done.output.startswith("Error: ")
