"""Slides: a fall in moves too small for any week is named with since when and how much, and noise is not."""

import json
import os

import numpy as np
import pytest
from click.testing import CliRunner
from stories import Story, caught, half, tell_week

from harness.cli.weekly import command as weekly_command
from harness.core.intervals import wilson_interval
from harness.core.results import MetricResult
from harness.report.weekly.data import Point
from harness.report.weekly.slid import slides_of
from harness.report.weekly.weeks import weeks_until

GOLD = half(200, 200)
LEVEL = (180, 181, 179, 180)
"""Four weeks of the same 90%, then 1.5 points less every week: no chart and no pair flags any of them."""
SLIDE = (*LEVEL, 177, 174, 171, 168, 165)
NAMED = "Recall of Hate has slid by 7.5 points since 2026-W33: from 90.0% over the 4 weeks up to it to 82.5%"


def told(tmp_path, *counts, first=30, **policy):
    story = Story(tmp_path, {"hate": GOLD}, policy={"hate": {"owner": "policy-hate", **policy}})
    rng = np.random.default_rng(7)
    for number, n in enumerate(counts):
        decided = caught(GOLD, 0)
        decided[rng.permutation(200)[:n]] = 1  # other items every week: noise without a pair that could prove it
        story.run({"main": {"hate": decided}}, week=f"2026-W{first + number}")
    return story


def test_a_slide_that_no_week_shows_is_named_with_since_when_and_how_much(tmp_path):
    """1.5 points a week over months were STEADY every week."""
    story = told(tmp_path, *SLIDE)
    words = (
        "MORE HARM MISSED",
        "in moves that no week alone tells from chance",
        "what changed behind them since 2026-W33",
    )
    found = tell_week(story, None, NAMED, *words, never=("STEADY", "Nothing moved"), first=NAMED)
    data = story.weekly()
    assert [(one.key, one.since, one.slid_since, one.is_open) for one in data.ledger] == [
        ("hate.recall", "2026-W38", "2026-W33", True)
    ]
    (ask,) = (one for one in data.asks if "has slid" in one.text)
    assert (ask.owner, ask.due, len(ask.items)) == ("policy-hate", "2026-09-25", 35)
    assert json.loads(found["json"])["findings"][0]["evidence"]["slid_since"] == "2026-W33"
    for week in ("2026-W34", "2026-W35"):
        assert story.weekly(week).word == "STEADY"


def test_a_slide_stays_open_until_the_figure_has_recovered(tmp_path):
    story = told(tmp_path, *SLIDE, 166, 181)
    still = "ecall of Hate slid from 2026-W33 to 2026-W38, from 90.0% to 82.5%, and is not repaired"
    found = tell_week(story, "2026-W39", still, "NOT REPAIRED", never=("STEADY",))
    assert all("slid since 2026-W33; open" in found[name] for name in ("html", "xlsx"))
    repaired = story.weekly("2026-W40")
    assert [(one.key, one.closed) for one in repaired.ledger] == [("hate.recall", "2026-W40")]
    tell_week(story, "2026-W40", "is repaired: 90.5% now, 90.0% before", never=("and is not repaired",))


def test_who_answered_for_a_slide_is_asked_again_when_it_goes_on(tmp_path):
    story = told(tmp_path, *SLIDE, 164)
    where = ("--eval", "story", "--finding", "hate.recall", "--runs-dir", str(story.runs), "--by", "ana")
    done = CliRunner().invoke(weekly_command, ["ack", *where, "--reason", "agreed until the new prompt"])
    assert done.exit_code == 0, done.output
    said = "slid from 2026-W33 to 2026-W38, from 90.0% to 82.5%, and is not repaired (82.0% now); ana answers for it"
    tell_week(story, None, said, "NOT REPAIRED, ACKNOWLEDGED", never=("has not recovered",))
    more = [164 - 4 * week for week in range(1, 6)]
    told(tmp_path, *more, first=40)
    (entry,) = story.weekly().ledger
    assert entry.is_open
    assert entry.fell_again > "2026-W40"


def test_a_fall_in_one_week_is_no_slide(tmp_path):
    story = told(tmp_path, *LEVEL, 180, 140)
    tell_week(story, None, "Recall of Hate fell by 20", never=("has slid", "slid since"))


RATE = 0.10
"""Of histories of 12 weeks of nothing but noise, in which any of a candidate's figures is called a slide."""


def points(counts, sizes, weeks):
    found = []
    for x, n, week in zip(counts.tolist(), sizes, weeks, strict=True):
        result = MetricResult(x / n, *wilson_interval(int(x), n), n)
        found.append(Point(week, result, float("nan"), (), *[float("nan")] * 4, False, "g", "r"))
    return found


def first_named(counts, n, weeks):
    """Number of weeks until any figure of a history is named; None for never. ``counts`` is (figures, weeks)."""
    histories = [points(row, [n] * len(weeks), weeks) for row in counts]
    for end in range(4, len(weeks) + 1):
        if slides_of({key: one[:end] for key, one in enumerate(histories)}):
            return end
    return None


def alarms(n_histories, n, share, n_figures, rng, n_weeks=12):
    weeks = weeks_until("2026-W47", n_weeks)
    drawn = rng.binomial(n, share, size=(n_histories, n_figures, n_weeks))
    return sum(first_named(one, n, weeks) is not None for one in drawn)


def test_twelve_weeks_of_noise_name_a_slide_in_fewer_than_one_history_in_ten():
    n_histories = 100
    found = alarms(n_histories, 200, 0.9, 4, np.random.default_rng(1))
    assert found <= RATE * n_histories


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.6, 0.9, 0.99])
@pytest.mark.parametrize("n", [50, 200, 1_000, 5_000])
def test_the_rate_of_slides_named_in_noise_holds_at_every_size(n, share):
    n_histories = int(os.environ.get("SLIDE_HISTORIES", "400"))
    found = alarms(n_histories, n, share, 10, np.random.default_rng(n))
    print(f"n {n}, share {share}: {found} of {n_histories} histories of 12 weeks of noise name a slide")
    assert found <= RATE * n_histories + 2 * (RATE * (1 - RATE) * n_histories) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "a_week", "most"), [(200, 0.015, 7), (200, 0.005, 16), (1_000, 0.015, 4), (5_000, 0.005, 4)]
)
def test_a_slide_is_named_within_so_many_weeks(n, a_week, most):
    """Nine of ten histories, one of ten figures sliding from 90% after four weeks."""
    rng, weeks = np.random.default_rng(n), weeks_until("2026-W47", 24)
    share = np.full((10, 24), 0.9)
    share[0] -= a_week * np.maximum(0, np.arange(24) - 3)
    needed = sorted((first_named(rng.binomial(n, share), n, weeks) or 99) - 4 for _ in range(100))
    print(f"n {n}, {100 * a_week:g} points a week: named after {needed[50]} weeks (median), {needed[90]} (9 of 10)")
    assert needed[90] <= most
