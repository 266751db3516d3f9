"""Odd weeks of real teams: a new golden set, another policy, weeks left out, clocks that are wrong."""

import numpy as np
import pytest
from stories import Story, caught, half, tell_week

from harness.errors import HarnessError
from harness.measure.comparable import require_same, shared_positions
from harness.runs.rejudged import rejudged

GOLD = half(200, 200)
POLICY = {"hate": {"owner": "policy-hate", "target": {"recall": 0.5}}}


def weeks(story, *counts, first=42, wrong=10):
    """One run a week, each catching so many; None for a week without a run."""
    for number, n in enumerate(counts):
        if n is not None:
            decided = {name: caught(gold, n, wrong) for name, gold in story.gold.items()}
            story.run({"main": decided}, week=f"2026-W{first + number}")


def test_a_fall_in_the_week_of_a_new_golden_set_is_told_and_remembered(tmp_path):
    """NEW LABELS, and nobody was asked: "labels 0.0, candidate -30.0 points" stood in the fourth line, once."""
    story = Story(tmp_path, {"hate": GOLD}, policy=POLICY)
    weeks(story, 190, 190)
    story.gold, story.golden_version = {"hate": half(190, 210)}, 2
    weeks(story, 130, 130, first=44)
    fell = (
        "Recall of Hate fell by 31.6 points [-38.5, -25.4] on the 400 items shared with 2026-W43, by the labels of now"
    )
    tell_week(story, "2026-W44", fell, "MORE HARM MISSED", "Golden set g v1 became g v2", never=("the chart,",))
    asked = story.weekly("2026-W44").asks[0]
    assert (asked.owner, len(asked.items)) == ("policy-hate", 60)
    tell_week(story, "2026-W45", "ecall of Hate fell in 2026-W44, from 100.0% to 68.4%, and is not repaired")


def test_labels_alone_are_no_fall_of_the_candidate(tmp_path):
    story = Story(tmp_path, {"hate": GOLD}, policy=POLICY)
    weeks(story, 150, 150)
    decided = {"main": {"hate": caught(GOLD, 150, 10)}}
    story.gold, story.golden_version = {"hate": half(250, 150)}, 2
    story.run(decided, week="2026-W44")
    tell_week(story, "2026-W44", "NEW LABELS", never=("MORE HARM", "fell by"))
    assert not [one for one in story.weekly("2026-W44").findings if one.fact == "moved"]


@pytest.mark.parametrize(("n", "caught_now"), [(300, 150), (60, 20)])
def test_a_golden_set_of_another_size_is_read_over_what_is_shared(tmp_path, n, caught_now):
    """The older run was said to be damaged ("400 rows instead of 300"), and there was no report at all."""
    story = Story(tmp_path, {"hate": GOLD}, policy=POLICY)
    weeks(story, 190, 190)
    story.gold, story.golden_version = {"hate": GOLD[:n]}, 2
    weeks(story, caught_now, first=44, wrong=0)
    told = f"shared with 2026-W43, by the labels of now ({min(n, 190) - caught_now} newly missed"
    tell_week(story, "2026-W44", "MORE HARM MISSED", told, f"(400 items became {n})")


def test_one_shared_item_is_one_item(tmp_path):
    story = Story(tmp_path, {"hate": GOLD}, policy=POLICY)
    weeks(story, 190, 190)
    story.gold, story.golden_version = {"hate": GOLD[:1]}, 2
    weeks(story, 0, first=44, wrong=0)
    tell_week(story, "2026-W44", "On the 1 item that both hold", never=("the 1 items", "MORE HARM"))


@pytest.mark.parametrize("what", ["policy", "golden set"])
def test_a_new_version_with_the_same_labels_is_none_of_the_labels(tmp_path, what):
    """A policy of which only the number changed made the week NEW LABELS, "not comparable", and the set "edited"."""
    story = Story(tmp_path, {"hate": GOLD}, policy=POLICY)
    weeks(story, 190, 190)
    story.policy_version, story.golden_version = (2, 1) if what == "policy" else (1, 2)
    weeks(story, 190, 130, first=44)
    never = ("NEW LABELS", "not comparable with", "without a new version")
    changed = "card of golden set g v1 was edited" if what == "policy" else "olden set g v1 became g v2"
    tell_week(story, "2026-W44", "STEADY", f"{changed}, with the same texts and labels", never=never)
    tell_week(story, "2026-W45", "MORE HARM MISSED", "Recall of Hate fell by 30.0 points")


def test_categories_that_no_week_shares_are_not_called_unmoved(tmp_path):
    """A category under a new name had fallen by 45 points: "neither labels nor candidate moved a figure"."""
    story = Story(tmp_path, {"hate": GOLD}, policy=POLICY)
    weeks(story, 190, 190)
    story.gold, story.policy, story.policy_version, story.golden_version = {"new": GOLD}, {"new": POLICY["hate"]}, 2, 2
    weeks(story, 100, first=44)
    tell_week(story, "2026-W44", "No category is in both", "Removed: ", "New: ", never=("moved a figure",))


def test_a_fall_under_another_policy_is_told(tmp_path):
    story = Story(tmp_path, {"hate": GOLD}, policy=POLICY)
    weeks(story, 190, 190)
    story.policy, story.policy_version = {"hate": {**POLICY["hate"], "definition": "Other words."}}, 2
    weeks(story, 130, first=44)
    tell_week(story, "2026-W44", "MORE HARM MISSED", "Recall of Hate fell by 30.0 points")


def test_a_fall_beside_a_category_that_is_new_is_told(tmp_path):
    story = Story(tmp_path, {"hate": GOLD}, policy=POLICY)
    weeks(story, 190, 190)
    story.gold, story.golden_version = {"spam": half(100, 300), "hate": GOLD}, 2
    weeks(story, 130, first=44)
    tell_week(
        story, "2026-W44", "MORE HARM MISSED", "Recall of Hate fell by 30.0 points", never=("Recall of Spam fell",)
    )


def test_a_fall_that_pairs_proved_is_repaired_where_pairs_prove_the_rise(tmp_path):
    """Precision fell by 2.4 points; on other labels it rose by as much, and was "not repaired" for a year."""
    story = Story(tmp_path, {"hate": GOLD}, policy=POLICY)
    weeks(story, 180, 180, 120)
    story.gold, story.golden_version = {"hate": half(190, 210)}, 2
    weeks(story, 118, 175, first=45)
    assert [one.key for one in story.weekly("2026-W45").ledger if one.is_open] == ["hate.precision", "hate.recall"]
    assert not [one for one in story.weekly("2026-W46").ledger if one.is_open]
    tell_week(story, "2026-W46", "of what is flagged rightly, 0 newly missed, 57 newly caught", never=("NOT REPAIRED",))


def test_two_runs_are_read_over_what_they_share(tmp_path):
    story = Story(tmp_path, {"hate": GOLD}, {"language": ["de", "en"] * 200})
    old = story.run({"main": {"hate": caught(GOLD, 150)}}, week="2026-W42")
    relabelled = np.r_[np.zeros(20, int), GOLD[20:]]
    story.gold, story.golden_version = {"spam": GOLD, "hate": relabelled}, 2
    new = story.run({"main": {"spam": GOLD, "hate": caught(relabelled, 100)}}, week="2026-W43")
    with pytest.raises(HarnessError, match="not comparable"):
        require_same(old, new)
    before, after = rejudged(old, new, *shared_positions(old, new), ("hate",))
    require_same(before, after)
    assert before.y_true.tolist() == after.y_true.tolist() == relabelled[:, None].tolist()
    assert before.candidate("main").y_pred[:, 0, 0].tolist() == caught(GOLD, 150).tolist()
    assert after.candidate("main").y_pred[:, 0, 0].tolist() == caught(relabelled, 100).tolist()
    assert before.slices.keys() == {"language"}


def test_a_category_under_another_id_is_told_from_its_namesake(tmp_path):
    """ "The golden set holds no violating item of Spam", above a table in which Spam had 100."""
    story = Story(tmp_path, {"hate": GOLD, "spam": half(100, 300)})
    weeks(story, 90, 90)
    story.gold, story.golden_version = {"hate": GOLD, "junk": half(100, 300)}, 2
    story.policy["junk"] = {"name": "Spam"}
    weeks(story, 90, first=44)
    says = ("Removed: policy p v1 holds Spam (spam) (recall 90.0% in 2026-W43) no more", "New: Spam (recall 90.0%")
    tell_week(story, "2026-W44", *says, never=("he golden set holds no violating item of Spam",))


def test_a_run_before_the_weeks_that_are_shown_is_compared_with(tmp_path):
    """ "This is the first week with a run", and the ledger held a fall since this very week."""
    story = Story(tmp_path, {"hate": GOLD}, policy=POLICY)
    weeks(story, 180, first=10)
    weeks(story, 120, first=40)
    says = ("MORE HARM MISSED", "Recall of Hate fell by 30.0 points", "No complete run of main in 2026-W11, 2026-W12")
    tell_week(story, None, *says, never=("first week", "FIRST WEEK", "small on the chart"))
    assert story.weekly(n_weeks=1).word == "MORE HARM MISSED"


def test_a_missed_week_blames_nothing_where_nothing_moved(tmp_path):
    """It said that what moved may have moved then, and that nothing moved."""
    story = Story(tmp_path, {"hate": GOLD}, policy=POLICY)
    weeks(story, 180, 180, None, 180)
    tell_week(story, None, "No complete run of main in 2026-W44.", "STEADY", never=("what moved may have moved then",))


def test_a_past_week_says_nothing_of_a_later_run_that_broke(tmp_path):
    story = Story(tmp_path, {"hate": GOLD}, policy=POLICY)
    weeks(story, 180, 180)
    broken = {"main": ["error" if at % 2 else "ok" for at in range(400)]}
    story.run({"main": {"hate": caught(GOLD, 180)}}, week="2026-W44", outcomes=broken)
    tell_week(story, "2026-W43", "STEADY", never=("INVALID", "2026-W44"))
    assert [one.word for one in story.weekly().banners] == ["INVALID"]


@pytest.mark.parametrize(
    ("n", "said"), [(1, "1 run folder cannot be read and is"), (2, "2 run folders cannot be read and are")]
)
def test_folders_that_cannot_be_read_are_asked_about_on_every_surface(tmp_path, n, said):
    """Only the terminal said so; page, message and spreadsheet held "No complete run"."""
    story = Story(tmp_path, {"hate": GOLD}, policy=POLICY)
    weeks(story, 180, 180)
    for at in range(n):
        (story.runs / f"broken-{at}").mkdir()
        (story.runs / f"broken-{at}" / "run.json").write_text("{", encoding="utf-8")
    tell_week(story, None, f"{said} left out of this report")


def test_a_target_that_was_raised_is_named(tmp_path):
    """BELOW TARGET with the same figures as a week ago: only a text difference said why."""
    story = Story(tmp_path, {"hate": GOLD}, policy={"hate": {"target": {"recall": 0.8}}})
    weeks(story, 180)
    story.policy = {"hate": {"target": {"recall": 0.95}}}
    weeks(story, 180, first=43)
    tell_week(story, None, "STEADY, BELOW TARGET", "recall target of Hate 80% became 95%", never=("our change",))
