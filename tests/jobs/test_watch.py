"""Save a file, see what moved: turns of a watch, by hand and as the command."""

import json
import os
import signal
import subprocess
import sys
import threading
from queue import Empty, Queue

import pytest
from click.testing import CliRunner
from projects import EVAL, RULES, write_project

from harness.cli import main
from harness.errors import HarnessError
from harness.jobs.run import RunOptions
from harness.jobs.watch import Watch

ITEMS = "".join(
    json.dumps({"id": f"i{n}", "text": f"{word} {n}", "labels": {"hate": 0, "hate/threatening": 0, "spam": label}})
    + "\n"
    for n, (word, label) in enumerate([("casino", 1), ("lottery", 1), ("hello", 0), ("casino news", 0)] * 5)
)


def touch(path, text):
    """Write a file so that its time or size surely differs."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    if path.stat().st_mtime_ns == before:
        os.utime(path, ns=(before + 1_000, before + 1_000))


@pytest.fixture
def watch(tmp_path):
    folder = write_project(tmp_path / "p", items=ITEMS)
    options = RunOptions(tmp_path / "runs", tmp_path / "cache.sqlite", ("rules",))
    return folder, Watch(folder / "eval.yaml", options, {}, tmp_path / "turns")


def test_the_first_turn_shows_where_a_candidate_stands(watch):
    _, one = watch
    turn = one.turn()
    (moved,) = turn.moved
    assert (moved.candidate, moved.before, list(turn.saved)) == ("rules", {}, [])
    assert moved.values[("spam", "recall")].value == 0.5
    assert moved.outcomes == {"ok": 20}
    assert one.saved() == []


def test_a_saved_rule_shows_what_moved_item_by_item(watch):
    folder, one = watch
    one.turn()
    touch(folder / "rules.yaml", RULES.replace("[casino]", "[casino, lottery, hello]"))
    assert [path.name for path in one.saved()] == ["rules.yaml"]
    turn = one.turn()
    (moved,) = turn.moved
    assert [path.name for path in turn.saved] == ["rules.yaml"]
    assert moved.before[("spam", "recall")].value == 0.5
    assert moved.values[("spam", "recall")].value == 1.0
    assert moved.newly_right["spam"] == [f"i{n}" for n in range(1, 20, 4)]
    assert moved.newly_wrong["spam"] == [f"i{n}" for n in range(2, 20, 4)]


def test_a_save_that_changes_no_candidate_moves_nothing(watch):
    folder, one = watch
    one.turn()
    touch(folder / "eval.yaml", EVAL + "description: now with words\n")
    turn = one.turn()
    assert (list(turn.moved), list(turn.unchanged)) == ([], ["rules"])


@pytest.mark.parametrize("text", ["rules: [", "", "\x00", "rule_set: community\nversion: 1\nrules: []\n"])
def test_a_file_at_fault_is_one_message_and_the_next_save_mends_it(watch, text):
    folder, one = watch
    one.turn()
    touch(folder / "rules.yaml", text)
    with pytest.raises(HarnessError):
        one.turn()
    assert one.saved() == []  # nothing happens until somebody saves again
    touch(folder / "rules.yaml", RULES.replace("[casino]", "[lottery]"))
    assert [path.name for path in one.saved()] == ["rules.yaml"]
    (moved,) = one.turn().moved
    assert moved.before[("spam", "recall")].value == 0.5  # against the last turn that ended


def test_a_file_that_was_missing_is_noticed_when_it_appears(watch):
    folder, one = watch
    touch(folder / "eval.yaml", EVAL.replace("rules.yaml", "other.yaml"))
    with pytest.raises(HarnessError, match="which is not there"):
        one.turn()
    touch(folder / "other.yaml", RULES)
    assert one.saved() != []
    assert one.turn().moved


def test_an_eval_that_vanishes_is_one_message(watch):
    folder, one = watch
    one.turn()
    (folder / "eval.yaml").unlink()
    assert one.saved() != []
    with pytest.raises(HarnessError, match="is not there"):
        one.turn()


def test_other_labels_are_no_movement_of_the_candidate(watch):
    folder, one = watch
    one.turn()
    touch(folder / "items.jsonl", ITEMS.replace('"spam": 0', '"spam": 1', 1))
    (moved,) = one.turn().moved
    assert moved.before == {}


def test_only_the_dev_items_of_a_split_are_asked(tmp_path):
    folder = write_project(tmp_path / "p", items=ITEMS, eval=EVAL + "split: {dev: 0.4, seed: 3}\n")
    options = RunOptions(tmp_path / "runs", tmp_path / "cache.sqlite", ("rules",))
    turn = Watch(folder / "eval.yaml", options, {}, tmp_path / "turns").turn()
    assert turn.is_dev
    assert 0 < turn.summary.items < 20
    assert not (tmp_path / "runs").exists()  # runs of a watch are no runs of the project


@pytest.mark.parametrize("flag", ["--dry-run", "--early-stop", "--json"])
def test_what_does_not_go_with_a_watch_is_refused(flag):
    result = CliRunner().invoke(main, ["run", "x.yaml", "--watch", flag])
    assert result.exit_code == 2
    assert f"leave {flag} out" in result.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals as they are on a terminal")
def test_the_command_goes_on_over_a_broken_save_and_ends_with_ctrl_c(tmp_path):
    folder = write_project(tmp_path / "p", items=ITEMS)
    command = [
        sys.executable,
        "-c",
        "from harness.cli import main; main()",
        "run",
        str(folder / "eval.yaml"),
        "--watch",
    ]
    command += ["--candidate", "rules", "--cache", str(tmp_path / "cache.sqlite")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path)
    lines: Queue[str] = Queue()
    reader = threading.Thread(target=lambda: [lines.put(line) for line in process.stdout], daemon=True)
    reader.start()

    def until(words):
        seen = []
        while True:
            try:
                seen.append(lines.get(timeout=60))
            except Empty:
                pytest.fail(f"no '{words}' in: {''.join(seen)}")
            if words in seen[-1]:
                return "".join(seen)

    try:
        assert "50.0%" in until("Ctrl-C ends")
        touch(folder / "rules.yaml", "rules: [")
        assert until("Waiting for the next save").count("Error:") == 1
        touch(folder / "rules.yaml", RULES.replace("[casino]", "[casino, lottery]"))
        said = until("Newly right:")
        assert "rules.yaml saved: 20 items" in said
        assert "100.0% (+50.0)" in said
        assert "i1, i5, i9, i13, i17" in said
        process.send_signal(signal.SIGINT)
        assert "Stopped watching" in until("Stopped watching")
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()
        reader.join(timeout=10)
        process.stdout.close()
    assert not (tmp_path / "reports").exists()
