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
from harness.measure.slices import SMALL_CELL
from harness.report.weekly.data import Point
from harness.report.weekly.slid import Q_SLICES, slides_of
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


def spoken(tmp_path, *by_week, first=30):
    """Weeks of items caught in Arabic and in English, of 100 and 300; none of 400 harmless ones is flagged."""
    gold, languages = half(400, 400), (["ar"] * 100 + ["en"] * 300) + (["ar"] * 100 + ["en"] * 300)
    story = Story(
        tmp_path, {"hate": gold}, slices={"language": languages}, policy={"hate": {"owner": "policy-hate"}}, checks=None
    )
    rng = np.random.default_rng(7)
    for number, (arabic, english) in enumerate(by_week):
        decided = np.zeros(800, int)
        decided[rng.permutation(100)[:arabic]] = 1
        decided[100 + rng.permutation(300)[:english]] = 1
        story.run({"main": {"hate": decided}}, week=f"2026-W{first + number}")
    return story


ARABIC = (92, 91, 92, 92, 89, 86, 83, 80, 77, 74, 71)
ENGLISH = (270, 271, 270, 270, 273, 275, 278, 281, 284, 287, 290)


def test_a_language_that_slides_while_the_whole_stays_is_named_with_since_when_and_how_much(tmp_path):
    """STEADY for months, while Arabic lost three points a week and English gained what it lost."""
    story = spoken(tmp_path, *zip(ARABIC, ENGLISH, strict=True))
    (week,) = (week for week in story.weekly_source().slid)
    named = "Recall of Hate in language ar has slid by "
    since = "points since 2026-W33, in moves that no week alone tells from chance: of 100 violating items it catches "
    cause = "what changed behind them since 2026-W33"
    found = tell_week(
        story, week, named, since, "WORSE IN PLACES", cause, never=("STEADY", "Nothing moved"), first=named
    )
    data = story.weekly(week)
    assert [(one.key, one.since, one.slid_since) for one in data.ledger] == [
        ("hate.recall@language=ar", week, "2026-W33")
    ]
    (ask,) = (one for one in data.asks if "has slid" in one.text)
    assert (ask.owner, len(ask.items) > 15) == ("policy-hate", True)
    slide = next(one for one in json.loads(found["json"])["findings"] if one["evidence"].get("slid_since"))
    assert (slide["slice"], slide["kind"]) == ({"name": "language", "value": "ar"}, "harm")
    still = f"ecall of Hate in language ar slid from 2026-W33 to {week}"
    tell_week(story, None, still, "NOT REPAIRED", never=("STEADY",))


def test_a_language_that_only_shares_the_slide_of_its_category_is_told_by_that(tmp_path):
    story = spoken(tmp_path, *((n, 3 * n) for n in (90, 91, 90, 90, 89, 88, 87, 86, 85, 84)))
    named = "Recall of Hate has slid by"
    (week,) = (one.week for row in story.weekly().series for one in row.points if one.slide is not None)
    tell_week(story, week, named, never=("in language en has slid", "in language ar has slid"))
    assert [one.key for one in story.weekly().ledger if one.is_open] == ["hate.recall"]


RATE = 0.10
"""Of histories of 12 weeks of nothing but noise, in which any of a candidate's figures is called a slide."""


def points(counts, sizes, weeks):
    found = []
    for x, n, week in zip(counts.tolist(), sizes, weeks, strict=True):
        result = MetricResult(x / n, *wilson_interval(int(x), n), n)
        found.append(Point(week, result, float("nan"), (), *[float("nan")] * 4, False, "g", "r"))
    return found


LANGUAGES = 5
"""Slices of each figure, with as many items each."""


def first_named(counts, n, weeks):
    """Number of weeks until any figure of a history is named, or a slice; None for never.

    ``counts`` is (figures, slices, weeks), ``n`` the items of a figure.
    """
    histories = [points(row.sum(axis=0), [n] * len(weeks), weeks) for row in counts]
    n_part = n // counts.shape[1]
    parts = [points(row, [n_part] * len(weeks), weeks) for row in counts.reshape(-1, len(weeks))]
    parts = parts if counts.shape[1] == LANGUAGES and n_part >= SMALL_CELL else []
    for end in range(4, len(weeks) + 1):
        if slides_of({(str(key), "recall"): one[:end] for key, one in enumerate(parts)}, Q_SLICES):
            return end
        if slides_of({(str(key), "recall"): one[:end] for key, one in enumerate(histories)}):
            return end
    return None


def alarms(n_histories, n, share, n_figures, rng, n_weeks=12):
    weeks = weeks_until("2026-W47", n_weeks)
    drawn = rng.binomial(n // LANGUAGES, share, size=(n_histories, n_figures, LANGUAGES, n_weeks))
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
    needed = sorted((first_named(rng.binomial(n, share)[:, None], n, weeks) or 99) - 4 for _ in range(100))
    print(f"n {n}, {100 * a_week:g} points a week: named after {needed[50]} weeks (median), {needed[90]} (9 of 10)")
    assert needed[90] <= most
