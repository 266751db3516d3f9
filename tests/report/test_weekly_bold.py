"""The bold sentence under each verdict: neither gain nor quiet week is told there alone while a target is missed."""

import numpy as np
import pytest
from stories import Story, caught, half, tell_week

GOLD = half(200, 200)
NAMES = ("hate", "spam", "self_harm", "fraud", "csam")
POLICY = {
    "self_harm": {"severity": "critical", "target": {"recall": 0.9}},
    "hate": {"severity": "low", "target": {"recall": 0.9}},
    "spam": {"severity": "high", "target": {"recall": 0.9}},
}
MISSED = (
    "3 targets are missed: recall of Self_harm (critical) (70.0%, target 90%), recall of Spam (60.0%, target 90%) "
    "and 1 more."
)


def weeks(story, *recalls, first=43):
    """A week a dictionary of items caught, of those 200 that violate each category."""
    for number, by_category in enumerate(recalls):
        story.run({"main": {name: caught(GOLD, n) for name, n in by_category.items()}}, week=f"2026-W{first + number}")


def story_of(tmp_path, policy=POLICY, names=("hate", "self_harm", "spam"), **kwargs):
    return Story(tmp_path, dict.fromkeys(names, GOLD), policy=policy, **kwargs)


FIRST = "This is the first week with a run, so there is nothing to compare it with"
LOW = {"hate": 100, "self_harm": 140, "spam": 120}


def test_a_gain_is_told_with_the_missed_targets_the_most_severe_first(tmp_path):
    """The gain stood alone in bold while recall of a critical category missed its target."""
    story = story_of(tmp_path)
    weeks(story, LOW, LOW | {"hate": 130})
    bold = f"Recall of Hate rose, yet {MISSED}"
    tell_week(story, None, bold, "BETTER, BELOW TARGET", "Recall of Hate rose by 15.0 points", first=bold)
    assert story.weekly().headline[0] == bold


def test_many_gains_are_counted_before_the_missed_targets(tmp_path):
    story = story_of(tmp_path, names=NAMES)
    weeks(story, {**LOW, "fraud": 80, "csam": 80}, {**LOW, "hate": 130, "spam": 150, "fraud": 120, "csam": 120})
    bold = "4 figures rose, yet 3 targets are missed: recall of Self_harm (critical) (70.0%, target 90%), "
    tell_week(story, None, bold, "4 figures moved: recall rose in 4 categories.", first=bold)


@pytest.mark.parametrize(
    ("n_weeks", "word", "bold"),
    [
        (1, "FIRST WEEK, BELOW TARGET", f"{FIRST}; {MISSED}"),
        (2, "STEADY, BELOW TARGET", f"Nothing moved by more than chance explains, yet {MISSED}"),
    ],
)
def test_a_quiet_week_names_the_missed_targets_in_bold(tmp_path, n_weeks, word, bold):
    story = story_of(tmp_path)
    weeks(story, *[LOW] * n_weeks)
    tell_week(story, None, word, first=bold)
    assert [one for one in story.weekly().headline if one.startswith(bold[:30])] == [bold]  # and says so once


def test_a_week_of_new_labels_says_that_it_is_below_target(tmp_path):
    """NEW LABELS, and its bold sentence told of versions alone."""
    story = story_of(tmp_path)
    weeks(story, LOW)
    story.golden_version = 2
    story.gold = {name: np.r_[GOLD[:198], [0, 0], GOLD[200:]] for name in story.gold}
    weeks(story, LOW, first=44)
    bold = "3 targets are missed: recall of Self_harm (critical) (70.7%, target 90%), "
    tell_week(story, None, "NEW LABELS, BELOW TARGET", "not comparable with those of 2026-W43", first=bold)


def test_a_missed_week_and_missed_targets_share_the_bold_sentence(tmp_path):
    story = story_of(tmp_path)
    weeks(story, LOW)
    weeks(story, LOW | {"hate": 130}, first=45)
    bold = f"No complete run of main in 2026-W44: what moved may have moved then; {MISSED}"
    tell_week(story, None, "BETTER, BELOW TARGET", first=bold)


def test_a_repaired_fall_does_not_hide_missed_targets(tmp_path):
    """That recall of Fraud was repaired stood in bold, alone."""
    story = story_of(tmp_path, names=("hate", "self_harm", "spam", "fraud"))
    up, down = {**LOW, "fraud": 180}, {**LOW, "fraud": 100}
    weeks(story, up, down, up)
    bold = f"Recall of Fraud rose, yet {MISSED}"
    tell_week(story, None, "Recall of Fraud, fallen in 2026-W44, is repaired", first=bold)


def test_a_repaired_fall_stands_behind_a_language_that_falls(tmp_path):
    languages = ["ar"] * 40 + ["en"] * 160 + ["ar"] * 40 + ["en"] * 160
    story = Story(tmp_path, {"hate": GOLD, "spam": GOLD}, slices={"language": languages})
    good = caught(GOLD, 190)
    arabic = good.copy()
    arabic[:12] = 0
    english = good.copy()
    english[188:190] = 0
    arabic[190:200] = 1  # Arabic falls, English rises
    story.run({"main": {"hate": good, "spam": caught(GOLD, 180)}}, week="2026-W43")
    story.run({"main": {"hate": good, "spam": caught(GOLD, 100)}}, week="2026-W44")
    story.run({"main": {"hate": arabic, "spam": caught(GOLD, 180)}}, week="2026-W45")
    bold = "language ar: of 100 violating items it catches 70 instead of 100"
    tell_week(story, None, "BETTER, WORSE IN PLACES", "Recall of Spam, fallen in 2026-W44, is repaired", first=bold)


def test_a_fall_that_somebody_answers_for_stands_behind_missed_targets(tmp_path):
    story = story_of(tmp_path, names=("hate", "self_harm", "spam", "fraud"))
    up, down = {**LOW, "fraud": 180}, {**LOW, "fraud": 100}
    weeks(story, up, down, down)
    acknowledge(story, "fraud.recall")
    said = "ana answers for it: known"
    tell_week(story, None, "NOT REPAIRED, ACKNOWLEDGED", said, never=("STEADY",), first=MISSED)


def test_items_that_must_be_caught_are_the_verdict_of_the_week_that_misses_them(tmp_path):
    """WORSE IN PLACES, in the first week of all."""
    story = Story(tmp_path, {"hate": GOLD}, must_catch=(199,))
    weeks(story, {"hate": 150}, {"hate": 190})
    bold = "Misses 1 item that must be caught, whatever the statistics say: i0199."
    tell_week(story, "2026-W43", "MUST-CATCH ITEMS MISSED", never=("WORSE", "BETTER"), first=bold)
    tell_week(story, "2026-W44", "BETTER, MUST-CATCH ITEMS MISSED", never=("WORSE",), first=bold)
    assert [story.weekly(week).tone for week in ("2026-W43", "2026-W44")] == ["bad", "bad"]


def test_more_caught_is_no_verdict_while_a_language_catches_less(tmp_path):
    """MORE CAUGHT, LESS PRECISE, while a language lost a third of its recall in the same week."""
    languages = ["ar"] * 40 + ["en"] * 160 + ["ar"] * 40 + ["en"] * 160
    story = Story(tmp_path, {"hate": GOLD}, slices={"language": languages})
    before, after = caught(GOLD, 120, 5), caught(GOLD, 200, 90)
    after[:13] = 0
    story.run({"main": {"hate": before}}, week="2026-W43")
    story.run({"main": {"hate": after}}, week="2026-W44")
    arabic_falls = "language ar: of 100 violating items it catches 68 instead of 100"
    tell_week(story, None, "LESS PRECISE", arabic_falls, "Recall of Hate rose", never=("MORE CAUGHT",))
    assert story.weekly().tone == "bad"


def acknowledge(story, key):
    from click.testing import CliRunner

    from harness.cli.weekly import command

    where = ("--eval", "story", "--finding", key, "--runs-dir", str(story.runs), "--by", "ana", "--reason", "known")
    done = CliRunner().invoke(command, ["ack", *where])
    assert done.exit_code == 0, done.output
