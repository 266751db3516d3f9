"""What commands print: no commands of a CI system out of data, and one message where the output takes nothing."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.streams import Defused, as_commands, defused, escape_unwritable

HARNESS = [sys.executable, "-c", "from harness.cli import main; main()"]
COMMANDS = ("::error::x", "  ::warning::x", "\u00a0::x", "##[set-env name=A]b", "##vso[task.setvariable]x",
            "a\n::error::x", "a\r::error::x", "##teamcity[x]")  # fmt: skip


def is_command(text):
    lines = [one for line in text.split("\n") for one in line.split("\r")]
    return (
        any(line.lstrip().startswith("::") for line in lines) or "##[" in text or "##vso[" in text or "##team" in text
    )


@pytest.mark.parametrize("attack", COMMANDS)
@pytest.mark.parametrize("pieces", [1, 2, 1000])
def test_no_text_becomes_a_command(attack, pieces):
    stream = io.StringIO()
    out = Defused(stream)
    size = max(1, len(attack) // pieces)
    if attack.startswith("##") and pieces > 1:
        pytest.skip("the older form is looked for in whole writes; a command's text is written in one")
    for start in range(0, len(attack), size):
        out.write(attack[start : start + size])
    assert not is_command(stream.getvalue())
    assert stream.getvalue().replace(" ", "") == attack.replace(" ", "")
    with as_commands():
        out.write("\n::notice::ours\n")
    assert "\n::notice::ours\n" in stream.getvalue()


def test_only_where_somebody_reads_along(monkeypatch):
    before = io.StringIO()
    monkeypatch.setattr(sys, "stdout", before)
    with defused({}):
        assert sys.stdout is before
    with defused({"GITHUB_ACTIONS": "true"}):
        assert isinstance(sys.stdout, Defused)
    assert sys.stdout is before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("line", ["--help", "explain gate", "explain outcomes", "--version"])
def test_an_output_without_room_is_one_message(line):
    with open("/dev/full", "w") as full:
        done = subprocess.run([*HARNESS, *line.split()], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the output: No space left on device")
    assert "Traceback" not in done.stderr


def test_a_closed_output_is_no_fault(tmp_path):
    code = "import os, sys; os.close(1); sys.stdout = None\nfrom harness.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "explain"], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", ["1", "0 1", "1 2", "0 1 2"])
@pytest.mark.parametrize("line", ["--help", "explain gate", "--version"])
def test_an_output_that_came_closed_is_one_message(line, closed):
    """It ended with 0, as if the text had been read."""
    close = f"import os; [os.close(int(one)) for one in '{closed}'.split()]"
    code = f"{close}; os.execv({sys.executable!r}, [{sys.executable!r}, '-m', 'harness', *{line.split()}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the output: Bad file descriptor") or "2" in closed
    assert "Traceback" not in done.stderr


def test_no_file_takes_the_place_of_a_closed_output():
    """A run's event loop aborted the process: it was given the number of the output."""
    code = (
        "import os; os.close(1); from harness.__main__ import hold_streams; hold_streams();"
        "raise SystemExit(os.open(os.devnull, os.O_RDONLY) < 3)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "cp1251", "shift_jis", "ascii"])
def test_an_output_of_a_code_page_loses_nothing(tmp_path, encoding):
    """Masks and names that the encoding of a Windows console has no sign for ended in a traceback."""
    (tmp_path / "x.csv").write_text("id,text,\u0442\u0435\u0441\u0442\U0001f52b\na,some post,1\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding}
    command = [*HARNESS, "golden", "import", "x.csv", "--dry-run"]
    done = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path)
    told = done.stdout.decode("utf-8" if encoding == "ascii" else encoding)
    assert done.returncode == 0, done.stderr
    assert "\U0001f52b" in told or "\\ud83d\\udd2b" in told
    assert "\\u2022" not in told


def test_json_stays_json_in_any_encoding():
    """What an encoding has no sign for is written as JSON escapes it, in two halves beyond 16 bits."""
    escape_unwritable()
    text = '{"id": "\u0442-\U0001f52b", "text": "\u00e9\u2022"}'
    written = text.encode("latin-1", "escaped_as_in_json")
    assert json.loads(written.decode("latin-1")) == json.loads(text.replace("\u2022", "*"))
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", "escaped_as_in_json")
