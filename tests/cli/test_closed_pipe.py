"""Output whose reader stops early, as ``head`` does: no traceback, and the exit code that other tools have."""

import subprocess
import sys

import pytest

from harness.cli import NO_READER

STARTED = [sys.executable, "-c", "from harness.cli import main; main()"]


@pytest.mark.parametrize("arguments", [["--help"], ["explain", "recall"], ["explain", "--json", "recall"]])
def test_a_reader_that_is_gone_ends_a_command_in_silence(arguments):
    """It ended with 1, "something you can mend"."""
    started = subprocess.Popen([*STARTED, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    started.stdout.close()
    _, said = started.communicate(timeout=60)
    assert (started.returncode, said) == (NO_READER, b"")


def test_a_reader_of_errors_that_is_gone_ends_a_command_in_silence(tmp_path):
    started = subprocess.Popen(
        [*STARTED, "score", "nothing", "--runs-dir", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    started.stdout.close()
    assert started.wait(timeout=60) == NO_READER
