"""Colour on a terminal: verdicts, errors and warnings; never in a pipe, nor where it is not wanted."""

import io
import os
import re
import subprocess
import sys

import pytest

from harness.cli.colours import CODES, END, Coloured, coloured
from harness.report.parts.decision_words import TONES

GREEN, YELLOW, RED = CODES["good"], CODES["open"], CODES["bad"]


def shown(text):
    stream = io.StringIO()
    assert Coloured(stream).write(text) == len(text)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PASS: v2 may replace v1", f"{GREEN}PASS{END}: v2 may replace v1"),
        ("PASS, BUT WORSE SOMEWHERE: no", f"{YELLOW}PASS, BUT WORSE SOMEWHERE{END}: no"),
        ("PASS, IN PART", f"{YELLOW}PASS, IN PART{END}"),
        ("recall   REGRESSION  -3.2", f"recall   {RED}REGRESSION{END}  -3.2"),
        ("NOT EVALUABLE", f"{YELLOW}NOT EVALUABLE{END}"),
        ("NO PROVEN CHANGE", "NO PROVEN CHANGE"),
        ("SURPASS, PASSWORD, NON-PASS and pass", "SURPASS, PASSWORD, NON-PASS and pass"),
        ('{"verdict": "PASS"}', '{"verdict": "PASS"}'),
        ('[\n  {"verdict": "PASS"}\n]\n', '[\n  {"verdict": "PASS"}\n]\n'),
        ("Warning: a\nError: b, not Error: c", f"{YELLOW}Warning:{END} a\n{RED}Error:{END} b, not Error: c"),
    ],
)
def test_words_have_the_colour_of_their_tone(text, expected):
    assert shown(text) == expected
    assert re.sub(r"\033\[[\d;]*m", "", shown(text)) == text


@pytest.mark.parametrize("word", TONES)
def test_every_verdict_is_painted_whole_or_not_at_all(word):
    begun = CODES.get(TONES[word])
    assert shown(word) == (f"{begun}{word}{END}" if begun else word)


def test_a_file_has_none(monkeypatch):
    before = io.StringIO()
    monkeypatch.setattr(sys, "stdout", before)
    with coloured({}):
        assert sys.stdout is before


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals on this system")
@pytest.mark.parametrize(
    ("variables", "has_colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_a_terminal_has_it_unless_told_otherwise(variables, has_colour, tmp_path):
    ours, theirs = os.openpty()
    environment = {name: text for name, text in os.environ.items() if name not in ("NO_COLOR", "CI")}
    line = [sys.executable, "-c", "from harness.cli import main; main()", "explain", "nothing-of-this-name"]
    with subprocess.Popen(line, stdout=theirs, stderr=theirs, cwd=tmp_path,
                          env={**environment, "TERM": "xterm", **variables}):  # fmt: skip
        os.close(theirs)
        said = b""
        while piece := _read(ours):
            said += piece
    os.close(ours)
    assert said.startswith(b"\033[1;31mError:\033[0m" if has_colour else b"Error:"), said


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other side was closed
        return b""
