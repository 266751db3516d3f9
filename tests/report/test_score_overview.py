"""Many candidates or categories on few lines, and every figure one command away."""

import re
import shlex

import numpy as np
import pytest
from click.testing import CliRunner
from stories import Story, caught, half

from harness.cli import main

CATEGORIES = {f"c{at:02d}": f"Praise or support of group {at:02d}" for at in range(40)}
CANDIDATES = ("v1", "a_candidate_of_thirty_letters_", "v3")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    gold = {one: np.roll(half(60, 140), 3 * at) for at, one in enumerate(CATEGORIES)}
    policy = {one: {"name": name, "target": {"recall": 0.8}} for one, name in CATEGORIES.items()}
    story = Story(tmp_path_factory.mktemp("many"), gold, {"language": ["ko"] * 100 + ["en"] * 100}, policy=policy)
    worse = gold | {one: caught(gold[one], 20 + at) for at, one in enumerate(list(CATEGORIES)[:9])}
    worst = gold | {one: caught(gold[one], 6) for one in list(CATEGORIES)[30:]}
    return story, story.run(dict(zip(CANDIDATES, (worse, worst, gold), strict=True)))


def score(stored, *words, width=None):
    story, run = stored
    line = ["score", run.meta.run_id, "--runs-dir", str(story.runs), *words]
    done = CliRunner().invoke(main, line, env={} if width is None else {"COLUMNS": str(width), "NO_COLOR": "1"})
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_three_candidates_of_forty_categories_fit_a_screen_or_two(stored, monkeypatch, width):
    """Twenty candidates of sixty categories were 8,570 lines, and the worst was nowhere in particular."""
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    said = score(stored, width=width)
    assert len(said.splitlines()) < 110
    assert max(map(len, said.splitlines())) <= width or "harness score" in max(said.splitlines(), key=len)
    said = said[said.index("Candidates, ") :]
    assert said.index("v3") < said.index("v1") < said.index("a_candidate")
    for figure in ("0/40", "9/40", "10/40", "10.0%"):  # 6 of 60 caught
        assert figure in said
    assert "Praise or support of group 30" in score(stored)


def test_the_printed_commands_show_every_figure(stored):
    said = score(stored)
    commands = re.findall(r"(?m): (harness score .*)$", said)
    assert len(commands) == 2
    of_one, of_all = (CliRunner().invoke(main, shlex.split(one)[1:]).stdout for one in commands)
    assert of_all.count("60 / 200") == len(CANDIDATES) * len(CATEGORIES)
    assert of_one.count("60 / 200") == len(CATEGORIES)
    assert "\nv1: BELOW TARGET" in of_one
    assert "v3: " not in of_one
    named = score(stored, *(word for one in CANDIDATES for word in ("--candidate", one)))
    assert named == of_all


def test_a_part_of_the_set_is_judged_by_no_target(stored):
    said = score(stored, "--only", "language=ko")
    assert "Targets missed" not in said
    assert "The lowest recall of each candidate" in said
    assert "--only language=ko --all" in said


def test_slices_and_points_that_are_asked_for_are_shown(stored):
    assert "by language" in score(stored, "--slices", "--candidate", "v3")
    assert "Not shown" not in score(stored, "--at", "recall@precision=0.9")


def test_a_candidate_that_is_not_there_is_named_with_those_that_are(stored):
    story, run = stored
    done = CliRunner().invoke(main, ["score", run.meta.run_id, "--runs-dir", str(story.runs), "--candidate", "v4"])
    assert done.exit_code == 1
    assert "has no candidate 'v4'" in done.stderr
    assert "allowed: v1" in done.stderr


def compare(stored, *words):
    story, run = stored
    done = CliRunner().invoke(main, ["compare", run.meta.run_id, "--runs-dir", str(story.runs), "--baseline", "v3",
                                     "--candidate", "v1", *words])  # fmt: skip
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_comparison_of_many_categories_shows_those_that_moved(stored):
    """Two candidates of sixty categories were 2,400 lines, most of them categories in which nothing moved."""
    said, whole = compare(stored), compare(stored, "--all")
    head, recall = said.split("\nRecall\n")
    assert len(recall.split("Precision")[0].split("all together")[0].splitlines()) < 40
    assert "31 of 40 categories are not shown, as no difference is told apart from 0 there: --all shows them." in said
    assert recall.index("-66.7 [") < recall.index("-60.0 [")
    assert "20 of 324 shown, of the categories with the most; --items 5 shows as many of each" in said
    assert "45 of 324 shown\n" in whole
    assert "45 of 324 shown\n" in compare(stored, "--items", "5")
    assert head in whole
    assert "not shown" not in whole
    assert whole.count("support of group") >= 2 * len(CATEGORIES)


def test_a_history_of_many_categories_shows_those_that_fell_most(stored):
    """Sixty categories of twenty rows were a thousand lines at 80 columns."""
    story, _ = stored
    words = ["history", "story", "--runs-dir", str(story.runs), "--metric", "recall"]
    said, whole = (CliRunner().invoke(main, [*words, *more]).stdout for more in ([], ["--all"]))
    assert "Shown are the 10 categories that fell most, or stand lowest" in " ".join(said.split())
    assert "30 others: --all." in " ".join(said.split())
    assert "10.0%" in said
    assert len(whole.splitlines()) > 3 * len(said.splitlines())
    assert "others: --all" not in whole


def test_a_thousand_items_are_written_alike_everywhere(tmp_path):
    """The head of a score said "1000 items" where the run said "1,000 items"."""
    gold = {"hate": half(500, 700)}
    story = Story(tmp_path, gold)
    run = story.run({"v1": gold})
    done = CliRunner().invoke(main, ["score", run.meta.run_id, "--runs-dir", str(story.runs)])
    assert done.stdout.startswith(f"Run {run.meta.run_id} on golden set g v1, 1,200 items\n")
