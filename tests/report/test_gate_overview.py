"""A gate of many checks: what fails and what cannot be told first, and every check one command away."""

import re
import shlex

import numpy as np
import pytest
from click.testing import CliRunner
from stories import Story, caught, half

from harness.cli import main

CATEGORIES = {f"c{at:02d}": f"Praise or support of group {at:02d}" for at in range(45)}
LOST, OPEN = ("c40", "c41"), tuple(f"c{at:02d}" for at in range(25))


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    gold = {one: np.roll(half(200, 200), at) for at, one in enumerate(CATEGORIES)}
    policy = {one: {"name": name} for one, name in CATEGORIES.items()}
    story = Story(tmp_path_factory.mktemp("many"), gold, policy=policy,
                  checks=[{"category": "*", "metric": "recall", "margin": 0.05}])  # fmt: skip
    worse = gold | {one: caught(gold[one], 100) for one in LOST}
    worse |= {one: caught(gold[one], 193) for one in OPEN}
    return story, story.run({"v1": gold, "v2": worse})


def gate(stored, *words):
    story, run = stored
    line = ["gate", run.meta.run_id, "--candidate", "v2", "--runs-dir", str(story.runs), *words]
    done = CliRunner().invoke(main, line)
    assert done.exit_code == 3, done.output
    return done.stdout


def test_what_fails_comes_first_and_what_passes_is_counted(stored):
    """122 checks were 1,239 lines of a screen, in the order of the policy."""
    said = gate(stored)
    table = said[said.index("Check ") : said.index("Measured: ")]
    verdicts = re.findall(r"REGRESSION|INCONCLUSIVE|PASS", table)
    n_failed = verdicts.count("REGRESSION")
    assert n_failed >= len(LOST)
    assert verdicts == ["REGRESSION"] * n_failed + ["INCONCLUSIVE"] * 20
    assert "Praise or support of group 40 recall" in table
    found = re.search(r"Not shown, of 46 checks: 5 INCONCLUSIVE, (\d+) PASS;", said)
    assert found
    assert int(found[1]) == 46 - 25 - n_failed


def test_the_printed_command_shows_every_check(stored):
    said = gate(stored)
    command = re.search(r"Every check: (harness gate .*--all.*)$", said, re.MULTILINE)[1]
    again = CliRunner().invoke(main, shlex.split(command)[1:]).stdout
    assert len(re.findall(r"\bguarded +200\b", again)) == len(CATEGORIES)
    assert "What to know" in again
    assert again.count(" PASS") > said.count(" PASS")


def test_a_plan_of_many_checks_shows_those_with_the_least_power(stored):
    story, _ = stored
    plan = str(story.folder / "eval.yaml")
    said, every = (CliRunner().invoke(main, ["gate", "--plan", plan, *more]).stdout for more in ([], ["--all"]))
    assert said.count(" no") + said.count(" yes") >= 19
    assert "--all shows every one" in said
    assert every.count("Praise or support") == 45


def test_statistics_of_many_categories_show_those_that_prove_the_least(stored):
    story, _ = stored
    card = str(story.folder / "g1.yaml")
    said, every = (CliRunner().invoke(main, ["golden", "stats", card, *more]).stdout for more in ([], ["--all"]))
    assert "Shown are the 15 of 45 categories" in said
    assert len(said.splitlines()) < len(every.splitlines())
    assert all(one in every for one in CATEGORIES.values())
