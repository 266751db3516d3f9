"""Screens: what the commands print on a terminal of any width, and what they never leave out or cut."""

import re

import numpy as np
import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from stories import Story, caught, half

from harness.cli import main
from harness.gating import gate_runs
from harness.report.explain import pages
from harness.report.gate.annotations import annotation_lines
from harness.report.parts import screen as parts_screen

WIDTHS = (60, 80, 100, 140)
NAMES = {
    "hate": "خطاب الكراهية والتحريض",
    "self_harm": "आत्म-हानि और आत्महत्या",
    "scams": "사기 및 피싱 시도 신고 대상",
    "weapons": "🔫 Weapons & 爆発物",
    "private": "Private information of other persons",
}
SIGNATURE = re.compile(r"set:\S+")


def screen(monkeypatch, width, *words):
    """What a command prints on a screen that wide; None: into a pipe."""
    terminal = {"COLUMNS": str(width), "NO_COLOR": "1"} if width is not None else {}
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: width is not None, raising=False)
    done = CliRunner().invoke(main, list(map(str, words)), env=terminal)
    assert done.exit_code in (0, 3, 4), done.output
    if width is not None:
        wide = [line for line in done.stdout.splitlines() if cell_len(line) > width and not SIGNATURE.search(line)]
        assert not [line for line in wide if not line.startswith("    harness ")]  # a command is copied whole
    return done.stdout


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """Two candidates, five categories with names in five scripts; v2 misses more of a critical one."""
    gold = {one: np.roll(half(80, 120), 10 * at) for at, one in enumerate(NAMES)}
    policy = {one: {"name": name} for one, name in NAMES.items()}
    policy["self_harm"]["severity"] = "critical"
    story = Story(tmp_path_factory.mktemp("named"), gold, policy=policy)
    worse = gold | {"self_harm": caught(gold["self_harm"], 40)}
    scores = {one: {c: np.clip(d[c] * 0.6 + 0.2, 0, 1) for c in gold} for one, d in (("v1", gold), ("v2", worse))}
    return story, story.run({"v1": gold, "v2": worse}, scores=scores)


COMMANDS = (
    ("score", "--slices"),
    ("compare", "--baseline", "v1", "--candidate", "v2", "--at", "recall@precision=0.9"),
    ("gate", "--candidate", "v2"),
    ("history",),
)


@pytest.mark.parametrize("width", [*WIDTHS, None])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one[0])
def test_tables_call_categories_by_their_names_at_every_width(monkeypatch, named, command, width):
    """Tables named ids under heads of names, and lines of Korean were wider than the screen."""
    story, run = named
    what = "story" if command[0] == "history" else run.meta.run_id
    said = screen(monkeypatch, width, command[0], what, "--runs-dir", story.runs, *command[1:])
    drawn = SIGNATURE.sub("", said)
    for category, name in NAMES.items():
        assert not re.search(rf"(?<![\w/]){category}(?!\w)", drawn), (category, drawn)
        assert all(word in drawn for word in name.split())
    assert "50.0%" in said  # what is caught of the critical category


def test_annotations_count_all_harm_and_name_every_critical_category(tmp_path):
    """Three findings of harm were annotated, and of ten others nothing was said, critical ones included."""
    gold = {f"c{at:02d}": np.roll(half(100, 100), 7 * at) for at in range(14)}
    critical = ["c02", "c05", "c08", "c11", "c13"]
    language = ["ar" if at % 4 == 0 else "en" for at in range(200)]
    policy = {one: {"severity": "critical"} for one in critical}
    story = Story(tmp_path, gold, {"language": language}, policy=policy)
    run = story.run({"v1": gold, "v2": {one: caught(labels, 30) for one, labels in gold.items()}})
    report = gate_runs(run["v2"], run["v1"])
    lines = annotation_lines(report)
    assert len(lines) == 10
    harms = [one for one in report.findings if one.kind == "harm" and not one.evidence.restates]
    more = next(line for line in lines if line.startswith("::warning title=Harm%3A") and "more::" in line)
    assert f"Harm%3A {len(harms) - 3} more::" in more
    told = "\n".join(lines[1:5])
    for one in critical:
        assert one.capitalize() in told
    assert "In critical categories too: " in more
    assert "In language ar too: " in more or "language ar" in more
    assert not more.endswith("…")


@pytest.mark.parametrize("width", [60, 100, None])
@pytest.mark.parametrize("command", COMMANDS[:2] + COMMANDS[3:], ids=lambda one: one[0])
def test_figures_of_a_few_items_say_so(monkeypatch, tmp_path, command, width):
    """66.7% of three items stood in a row with figures of hundreds, and nothing said that it means little."""
    gold = {"common": half(80, 120), "rare": half(3, 197)}
    run = Story(tmp_path, gold).run({"v1": gold, "v2": gold | {"rare": caught(gold["rare"], 2)}})
    what = "story" if command[0] == "history" else run.meta.run_id
    said = screen(monkeypatch, width, command[0], what, "--runs-dir", tmp_path / "runs", *command[1:])
    words = " ".join(said.split())
    assert "Fewer than 20 violating items stand behind recall of Rare (n 3): read the interval, not the value." in words
    assert "recall of Common (n" not in words


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("one", pages(), ids=lambda one: one.topic)
def test_prose_is_folded_anew_and_code_stays_as_it_was(monkeypatch, one, width):
    """Pages are written for 120 columns: on a screen of 80 every second line held a few words."""
    monkeypatch.setattr(parts_screen, "screen_width", lambda *_: width)
    said = parts_screen.to_prose(one.body)
    assert said.split() == one.body.split()
    code = [line for line in one.body.split("\n") if line.startswith(("    ", "|"))]
    assert [line for line in said.split("\n") if line.startswith(("    ", "|")) and line in code] == code
    loose = [line for line in said.split("\n") if not line.startswith(("    ", "|")) and len(line) > width]
    assert all(" " not in line.strip() for line in loose)
    monkeypatch.setattr(parts_screen, "screen_width", lambda *_: None)
    assert parts_screen.to_prose(one.body) == one.body


@pytest.mark.parametrize("width", [60, 80])
def test_the_week_s_sentences_end_between_words(monkeypatch, tmp_path, width):
    """They were broken anywhere: "vio" at the end of one line, "lating items" on the next."""
    gold = {"scams": half(80, 120)}
    story = Story(tmp_path, gold, policy={"scams": {"name": NAMES["scams"], "target": {"recall": 0.9}}})
    story.run({"v1": gold}, week="2026-W46")
    story.run({"v1": {"scams": caught(gold["scams"], 40)}}, week="2026-W47")
    words = ("weekly", "--eval", "story", "--runs-dir", story.runs, "--out", "out", "--format", "md")
    monkeypatch.chdir(tmp_path)
    whole, said = (screen(monkeypatch, one, *words) for one in (None, width))
    assert said.split() == whole.split()
    assert "50.0%" in said


def test_a_picture_says_which_names_it_cannot_draw(monkeypatch, named, tmp_path):
    """Forty lines of the drawing library's warnings stood there instead."""
    story, run = named
    words = ("plot", run.meta.run_id, "--runs-dir", str(story.runs), "--out", str(tmp_path / "p.png"))
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert done.stderr == (
        "Pictures have no letters for the script of some names and show boxes for them: the page shows them.\n"
    )
