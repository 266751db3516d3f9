"""What comes and goes: runs of weeks to come, runs long ago, two runs in a week, new and removed categories."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from stories import Story, caught, half, read, tell_week

from harness.cli.weekly import command as weekly_command
from harness.errors import HarnessError
from harness.report.weekly.collect import collect

GOLD = half(200, 200)


def weeks(story, *labels, n=180):
    return [story.run({"main": {"hate": caught(GOLD, n)}}, week=week) for week in labels]


def as_of(story, begun):
    """The story's newest report, as of a week that has begun."""
    newest = story.weekly_source(begun=begun)
    story.weekly_source = lambda *_, **__: newest
    return story


def test_a_run_of_a_week_to_come_is_told_and_left_out_until_then(tmp_path):
    """A machine with a wrong clock turned every weekly report into one of 2031."""
    story = Story(tmp_path, {"hate": GOLD})
    *_, future = weeks(story, "2026-W42", "2026-W43", "2031-W01", n=180)
    said = f"2031-W01 has not begun: {future.meta.run_id} is left out until then."
    read_now = "harness weekly --eval story --week 2031-W01"
    found = tell_week(as_of(story, "2026-W43"), None, "FROM THE FUTURE", read_now, "STEADY", first=said)
    assert json.loads(found["json"])["week"] == "2026-W43"
    newest = Story(tmp_path, {"hate": GOLD})
    assert newest.weekly("2031-W01").week == "2031-W01"  # it was asked for
    tell_week(as_of(newest, "2031-W01"), never=("has not begun", "left out until then"))


def test_runs_of_weeks_to_come_alone_are_no_report(tmp_path):
    story = Story(tmp_path, {"hate": GOLD})
    weeks(story, "2031-W01")
    with pytest.raises(
        HarnessError, match=r"every complete run of eval 'story' .* is of a week that has not begun"
    ) as raised:
        story.weekly_source(begun="2026-W43")
    assert "harness weekly --eval story --week 2031-W01" in str(raised.value)


@pytest.mark.parametrize(("moment", "week"), [("1793505600", "2026-W44"), ("1793541600", "2026-W45")])
def test_the_command_takes_a_week_that_has_begun_somewhere(tmp_path, monkeypatch, moment, week):
    """Sunday noon in UTC is Monday in the east; Sunday at 2 is not."""
    story = Story(tmp_path, {"hate": GOLD})
    weeks(story, "2026-W44", "2026-W45")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", moment)
    options = ["--eval", "story", "--runs-dir", str(story.runs), "--text", "none", "--format", "json"]
    done = CliRunner().invoke(weekly_command, [*options, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert f'"week": "{week}"' in read(tmp_path / "out" / "weekly.json")
    assert ("FROM THE FUTURE: 2026-W45 has not begun" in done.output) is (week == "2026-W44")


def test_a_run_after_more_than_a_year_says_how_long_ago_the_last_one_was(tmp_path):
    """It was called the first week with a run."""
    story = Story(tmp_path, {"hate": GOLD})
    weeks(story, "2025-W10", "2026-W47")
    said = "The last run before this one is of 2025-W10, 89 weeks ago: after more than 52 weeks nothing is compared."
    tell_week(story, None, "FIRST WEEK SINCE 2025-W10", said, never=("This is the first week", "FIRST WEEK,"))


def test_of_two_runs_in_one_week_the_report_says_which_counts_and_why(tmp_path):
    story = Story(tmp_path, {"hate": GOLD})
    weeks(story, "2026-W46")
    first = story.run({"main": {"hate": caught(GOLD, 100)}}, week="2026-W47")
    story.golden_version = 2
    second = story.run({"main": {"hate": caught(GOLD, 178)}}, week="2026-W47")
    counts, old = second.meta.run_id, first.meta.run_id
    said = f"2 complete runs of main in 2026-W47: {counts} counts, not {old} (over g v1, an older golden set)."
    tell_week(story, None, said)
    tell_week(story, "2026-W46", never=("complete runs of main",))


def test_a_new_category_is_announced(tmp_path):
    story = Story(tmp_path, {"hate": GOLD}, policy={"spam": {}})
    weeks(story, "2026-W46")
    story.gold, story.golden_version = {"hate": GOLD, "spam": GOLD}, 2
    story.run({"main": {"hate": caught(GOLD, 180), "spam": caught(GOLD, 150)}}, week="2026-W47")
    said = "New: Spam (recall 75.0% of 200 violating items); the run of 2026-W46 had no violating item of it."
    tell_week(story, None, said)
    story.run({"main": {"hate": caught(GOLD, 180), "spam": caught(GOLD, 150)}}, week="2026-W48")
    tell_week(story, None, "STEADY", never=("New: ",))


def test_a_category_that_is_decided_for_the_first_time_is_announced(tmp_path):
    story = Story(tmp_path, {"hate": GOLD, "spam": GOLD})
    weeks(story, "2026-W46")
    story.run({"main": {"hate": caught(GOLD, 180), "spam": caught(GOLD, 150)}}, week="2026-W47")
    said = "New: Spam (recall 75.0% of 200 violating items); in 2026-W46 main did not decide on it."
    tell_week(story, None, said)


@pytest.mark.parametrize("limit", [None, 300])
def test_a_category_new_in_the_policy_is_told_as_such_after_a_sample_too(tmp_path, limit):
    """Nothing was said where the run before was a sample, and else that its items held no violation."""
    story = Story(tmp_path, {"hate": GOLD})
    story.run({"main": {"hate": caught(GOLD, 180)}}, week="2026-W46", limit=limit)
    story.gold["spam"], story.policy_version, story.golden_version = GOLD, 2, 2
    story.run({"main": {"hate": caught(GOLD, 180), "spam": caught(GOLD, 150)}}, week="2026-W47")
    said = "New: Spam (recall 75.0% of 200 violating items); the policy of 2026-W46 did not hold it."
    tell_week(story, None, said, never=("had no violating item", "did not decide"))


def test_a_sample_may_miss_a_rare_category_without_making_it_new_or_lost(tmp_path):
    story = Story(tmp_path, {"hate": GOLD, "spam": GOLD})
    both = {"hate": caught(GOLD, 180), "spam": caught(GOLD, 150)}
    story.run({"main": both}, week="2026-W45")
    story.gold["spam"], story.golden_version = np.zeros(400, int), 2
    story.run({"main": both}, week="2026-W46", limit=300)
    story.gold["spam"], story.golden_version = GOLD, 3
    story.run({"main": both}, week="2026-W47")
    for week in ("2026-W46", "2026-W47"):
        tell_week(story, week, never=("New: ", "CATEGORY LOST", "Removed: "))


def test_a_category_that_the_policy_gave_up_is_told_once_and_nobody_is_asked(tmp_path):
    """ "CATEGORY LOST", and the owner of the golden set was asked to add items, or drop it on purpose."""
    story = Story(tmp_path, {"hate": GOLD, "spam": GOLD})
    both = {"hate": caught(GOLD, 180), "spam": caught(GOLD, 150)}
    story.run({"main": both}, week="2026-W45")
    story.run({"main": {**both, "spam": caught(GOLD, 90)}}, week="2026-W46")
    del story.gold["spam"]
    story.golden_version = story.policy_version = 2
    for week in ("2026-W47", "2026-W48"):
        story.run({"main": {"hate": both["hate"]}}, week=week)
    said = (
        "Removed: policy p v2 holds Spam (recall 45.0% in 2026-W46) no more, and nothing is measured of it from now on."
    )
    unrepaired = "Recall of Spam fell in 2026-W46, from 75.0% to 45.0%, and leaves the ledger unrepaired"
    never = ("CATEGORY LOST", "holds no violating item of Spam")
    tell_week(story, "2026-W46", "MORE HARM MISSED")
    found = tell_week(
        story,
        "2026-W47",
        said,
        unrepaired,
        "NEW LABELS",
        never=(*never, "has not recovered", "is not repaired:"),
        first=said,
    )
    assert all("given up with its category in 2026-W47" in found[name] for name in ("html", "xlsx"))
    tell_week(story, "2026-W48", "STEADY", never=(*never, "Removed: "))


def test_what_another_baseline_does_worse_is_the_verdict_of_the_week_of_the_swap(tmp_path):
    """FIRST WEEK, with nothing to compare: a critical category lost 20 points by the swap, and nobody was told."""
    policy = {"hate": {"severity": "critical", "owner": "policy-hate"}}
    story = Story(tmp_path, {"hate": GOLD, "spam": GOLD}, policy=policy)
    for week in ("2026-W44", "2026-W45"):
        story.run({"v1": {"hate": caught(GOLD, 180), "spam": caught(GOLD, 150)}}, week=week)
    for week in ("2026-W46", "2026-W47"):
        story.run({"v2": {"hate": caught(GOLD, 140), "spam": caught(GOLD, 180)}}, week=week)
    bold = "Misses more Hate (critical) than v1 in 2026-W45: of 100 violating items it catches 70 instead of 90"
    said = (
        "WORSE THAN THE BASELINE BEFORE",
        "Catches more Spam than v1 in 2026-W45",
        "Decide whether to go back to v1.",
    )
    tell_week(story, "2026-W46", *said, never=("BETTER", "rose by", "nothing to compare it with"), first=bold)
    assert story.weekly("2026-W46").tone == "bad"
    still = "Recall of Hate fell in 2026-W46, from 90.0% to 70.0%, and is not repaired: it is 70.0%"
    tell_week(story, "2026-W47", "NOT REPAIRED", never=("than v1", "go back", "STEADY"), first=still)
    story.run({"v2": {"hate": caught(GOLD, 181), "spam": caught(GOLD, 180)}}, week="2026-W48")
    tell_week(story, "2026-W48", "Recall of Hate, fallen in 2026-W46, is repaired", never=("and is not repaired",))


def test_an_eval_without_a_complete_run_says_what_became_of_its_runs_and_which_evals_have_one(tmp_path):
    """ "No complete run of eval 'story'", of one whose only run had too many unparsed answers."""
    story = Story(tmp_path, {"hate": GOLD})
    story.run({"main": {"hate": caught(GOLD, 180)}}, week="2026-W46", status="invalid")
    with pytest.raises(HarnessError, match=r"no complete run of eval 'story' in \S+ \(of its runs, 1 invalid\)"):
        story.weekly()
    story.run({"main": {"hate": caught(GOLD, 170)}}, week="2026-W47")
    with pytest.raises(HarnessError, match="an eval with a complete run: story"):
        collect(story.runs, "storey")


def test_an_open_fall_of_a_category_that_is_no_longer_measured_has_no_value_now(tmp_path):
    """ "It is 45.0% now", of the week before."""
    story = Story(tmp_path, {"hate": GOLD, "spam": GOLD}, policy={"spam": {"owner": "policy-spam"}})
    both = {"hate": caught(GOLD, 180), "spam": caught(GOLD, 150)}
    story.run({"main": both}, week="2026-W45")
    story.run({"main": {**both, "spam": caught(GOLD, 90)}}, week="2026-W46")
    del story.gold["spam"]
    story.golden_version = 2
    story.run({"main": {"hate": both["hate"]}}, week="2026-W47")
    said = "ecall of Spam fell in 2026-W46, from 75.0% to 45.0%, and is not repaired: it is n/a"
    tell_week(story, None, "CATEGORY LOST", said, never=("it is 45.0%",))
