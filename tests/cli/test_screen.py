"""What any command prints on a terminal: lines end between words, words from right to left stay apart."""

import io
import json
import sys

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from harness.cli import main
from harness.cli.screen import Fitting, as_written, fitting
from harness.report.parts.isolation import BEGIN, END
from harness.report.parts.screen import fitted
from harness.report.parts.tables import Table, to_terminal

ARABIC = "خطاب الكراهية 02"
LONG = "golden_sets/community_v1.jsonl:12: item 'c-0012' has label 'maybe', which nobody has declared"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def on_terminal(monkeypatch, width, *words):
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    return CliRunner().invoke(main, list(map(str, words)), env={"COLUMNS": str(width), "NO_COLOR": "1"})


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("begun", ["Error: ", "Warning: ", "  allowed: ", "  - ", ""])
def test_lines_of_both_streams_end_between_words(monkeypatch, width, begun):
    """Errors, warnings and the lines of check and run were broken within words, where the screen ended."""
    monkeypatch.setenv("COLUMNS", str(width))
    for name in ("stdout", "stderr"):
        shown = Terminal()
        monkeypatch.setattr(sys, name, shown)
        with fitting():
            print(begun + LONG, file=getattr(sys, name))
        lines = shown.getvalue().splitlines()
        assert max(map(cell_len, lines)) <= width
        assert " ".join(" ".join(lines).split()) == (begun + LONG).strip()
        stands_in = len(begun) - len(begun.lstrip()) + (2 if begun.strip() else 0)
        assert all(line.startswith(" " * stands_in + line.strip()[0]) for line in lines[1:])


def test_wide_letters_count_twice_and_korean_breaks_between_words():
    text = "Warning: " + "사기 및 피싱 시도 신고 대상 " * 6 + "爆発物" * 20
    lines = fitted(text, 60).split("\n")
    assert max(map(cell_len, lines)) <= 60
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert set(" ".join(lines).split()) >= {"사기", "및", "피싱", "시도", "신고", "대상"}


def test_a_pipe_and_a_file_get_the_text_as_it_is(monkeypatch):
    plain = io.StringIO()
    monkeypatch.setattr(sys, "stderr", plain)
    with fitting():
        print(f"Error: {ARABIC} {LONG}", file=sys.stderr)
    assert plain.getvalue() == f"Error: {ARABIC} {LONG}\n"
    assert BEGIN not in to_terminal(Table("", ("Category", "n"), ((ARABIC, "12"),)))


@pytest.mark.parametrize("command", [
    "harness score community-3f9a1c2e0b7d --runs-dir '/data/of the team/moderation/runs' --slice language",
    ".venv/bin/harness golden release golden_sets/community_v1.yaml --new-policy evals/policies/community_v2.yaml",
])  # fmt: skip
@pytest.mark.parametrize("line", ["Next: {}", "  {}", "check files with '{}' first, and then run the eval again here"])
def test_a_command_stays_on_one_line(line, command):
    """A command that a screen ends within is pasted as two."""
    if "'" in command and "'{}" in line:
        pytest.skip("quoted twice")
    assert command in fitted(line.format(command), 60)


def test_what_is_written_for_machines_is_not_folded(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    shown = Terminal()
    with as_written():
        Fitting(shown).write(f"{LONG} {ARABIC}\n")
    assert shown.getvalue() == f"{LONG} {ARABIC}\n"
    done = on_terminal(monkeypatch, 60, "explain", "gate", "--json")
    assert json.loads(done.stdout)["topic"] == "gate"


def test_markdown_rows_drawings_and_begun_lines_stand():
    row = "| " + " | ".join(["cell"] * 20) + " |"
    drawn = "\x1b[2K" + "━" * 90 + " 12 of 90"
    assert fitted(f"{row}\n{drawn}", 60) == f"{row}\n{drawn}"
    shown = Terminal()
    stream = Fitting(shown)
    stream.write("\r1,000 rows")
    stream.write(LONG)
    assert shown.getvalue() == "\r1,000 rows" + LONG


def test_arabic_is_kept_apart_on_a_terminal_alone():
    """A terminal that turns such words drew the figures behind a name before it."""
    said = fitted(f"Misses more {ARABIC}: 97.1% to 83.8%", 80)
    assert said.startswith(f"Misses more {BEGIN}خطاب الكراهية{END} 02: 97.1%")
    assert fitted("  هذا نص, word هنا.", 80) == f"  {BEGIN}هذا نص, word هنا.{END}"
    path = "reports/تقارير/report.html"
    assert fitted(f"Wrote {path}", 80) == f"Wrote {path}"
    assert fitted("Next: harness show latest 'عام'", 80) == "Next: harness show latest 'عام'"


@pytest.mark.parametrize("width", [60, 80, 140])
def test_each_cell_of_a_table_is_isolated_whole(monkeypatch, width):
    names = (ARABIC, "التحرش والتهديدات المتكررة على الإنترنت 04", "사기 및 피싱", "Hate")
    rows = tuple((name, ARABIC, f"{at},000", "97.3% [86.2, 99.5]") for at, name in enumerate(names))
    table = Table("Recall", ("Category", "Parent", "n", "Recall"), rows, (), frozenset(("n", "Recall")))
    plain = to_terminal(table, width)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    shown = to_terminal(table)
    assert shown.replace(BEGIN, "").replace(END, "") == plain
    for line in shown.split("\n"):
        for piece in line.split(BEGIN)[1:]:
            cell, _, rest = piece.partition(END)
            assert "%" not in cell
            assert "  " not in cell
            assert END not in rest
    assert f"{BEGIN}{ARABIC}{END}" in shown


@pytest.mark.parametrize("width", range(60, 80))
def test_a_figure_is_not_parted_from_its_interval_nor_a_p_from_its_value(width):
    text = "Catches more Hate: +53.3 [+23.7, +72.9] points, n 33, likely, exploratory, q = 0.047; p <0.001, n 7 " * 3
    said = fitted(text, width).split("\n")
    assert max(map(cell_len, said)) <= width
    for line in said:
        assert not line.rstrip().endswith((" n", " q", " =", " p", "+53.3"))
