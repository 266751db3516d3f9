"""Silence comes before everything: a category lost, an answer never read, a week or a candidate without a run."""

import dataclasses

from stories import Story, caught, half, tell_week

GOLD = half(200, 200)
SIX = tuple(f"c{number}" for number in range(6))


def weeks(story, *counts, first=42):
    """One run a week, each catching so many."""
    for number, n in enumerate(counts):
        story.run({"main": {"hate": caught(GOLD, n)}}, week=f"2026-W{first + number}")


def test_a_week_in_which_nothing_could_be_read_comes_before_everything(tmp_path):
    story = Story(tmp_path, {"hate": GOLD})
    weeks(story, 180)
    story.run(
        {"main": {"hate": caught(GOLD, 180)}}, week="2026-W43", outcomes={"main": ["ok"] * 5 + ["unparsed"] * 395}
    )
    data = story.weekly()
    assert (data.word, data.tone) == ("NOTHING TO JUDGE", "bad")
    assert data.headline[0].startswith("Most answers of main cannot be used: 395 of 400 answers (99%) failed")
    said = "ost answers of main cannot be used: 395 of 400 answers"
    tell_week(story, None, said, never=("STEADY", "BETTER"), first=said)
    assert data.asks[0].text.startswith("main gave no usable decision for 395 rows")


def test_a_missed_week_is_told(tmp_path):
    story = Story(tmp_path, {"hate": GOLD})
    weeks(story, 180, 180)
    weeks(story, 120, first=46)
    missed = "No complete run of main in 2026-W44 and 2026-W45: what moved may have moved then"
    tell_week(story, None, missed, never=("STEADY",), first=missed)


def test_a_lost_category_stays_in_the_ledger_until_it_is_decided_again(tmp_path):
    story = Story(tmp_path, {"hate": GOLD, "spam": GOLD}, policy={"spam": {"owner": "policy-spam"}})
    both = {"hate": caught(GOLD, 180), "spam": caught(GOLD, 170)}
    for week, decided in ((43, both), (44, {"hate": both["hate"]}), (45, {"hate": both["hate"]}), (46, both)):
        story.run({"main": decided}, week=f"2026-W{week}")
    lost = "othing is decided any more about Spam: main decided it in 2026-W43."
    tell_week(story, "2026-W44", "CATEGORY LOST", f"{lost} Find out why", first=lost)
    still = "hare of decided items of Spam fell in 2026-W44, from 100.0% to 0.0%"
    says = ("CATEGORY LOST, NOT REPAIRED", "spam.lost_category")
    tell_week(story, "2026-W45", *says, never=("STEADY", "BETTER"), first=still)
    (row,) = [one for one in story.weekly("2026-W45").rows if one.id == "spam"]
    assert not row.results["recall"].is_defined  # the table names it, without a figure
    assert [(one.key, one.closed) for one in story.weekly("2026-W46").ledger] == [("spam.lost_category", "2026-W46")]


def test_a_category_that_leaves_the_golden_set_comes_before_everything(tmp_path):
    """Nothing of the week showed that it was missing: the other figures were not even comparable."""
    story = Story(tmp_path, {"hate": GOLD, "spam": GOLD}, policy={"spam": {"owner": "policy-spam"}})
    story.run({"main": {"hate": caught(GOLD, 180), "spam": caught(GOLD, 170)}}, week="2026-W43")
    story.gold, story.golden_version = {"hate": GOLD}, 2
    for week in ("2026-W44", "2026-W45"):
        story.run({"main": {"hate": caught(GOLD, 120)}}, week=week)
    lost = "he golden set holds no violating item of Spam any more, as it did in 2026-W43"
    tell_week(story, "2026-W44", "CATEGORY LOST", "Add items, or drop it on purpose.", first=lost)
    assert story.weekly("2026-W44").asks[0].owner == "policy-spam"
    still = "he golden set holds no violating item of Spam since 2026-W44"
    tell_week(story, "2026-W45", "CATEGORY LOST, NOT REPAIRED", "spam.lost_category", first=still)
    asked = story.weekly("2026-W45").asks[0]
    assert (asked.owner, asked.function) == ("policy-spam", "policy")  # not engineering, which did nothing
    assert asked.text.startswith("The golden set holds no violating item of Spam since 2026-W44: add items, or answer")


def test_many_lost_categories_are_told_in_one_sentence(tmp_path):
    story = Story(tmp_path, dict.fromkeys(("hate", *SIX), GOLD))
    story.run({"main": dict.fromkeys(("hate", *SIX), caught(GOLD, 180))}, week="2026-W43")
    story.run({"main": {"hate": caught(GOLD, 100)}}, week="2026-W44")
    lost = (
        "othing is decided any more about 6 categories: C0, C1, C2, C3, C4 and 1 more: main decided them in 2026-W43."
    )
    tell_week(story, None, "CATEGORIES LOST", "Recall of Hate fell by 40.0 points", first=lost)
    assert len([one for one in story.weekly().asks if "decided any more" in one.text]) == 1


def test_another_candidate_from_which_nothing_came_and_one_that_did_not_run_are_told_first(tmp_path):
    story = Story(tmp_path, {"hate": GOLD})
    decided = {name: {"hate": caught(GOLD, 180)} for name in ("main", "next", "third")}
    story.run(decided, week="2026-W43", baseline="main")
    silent = {"next": ["ok"] * 5 + ["unparsed"] * 395}
    story.run(decided, week="2026-W44", baseline="main", outcomes=silent)
    source = story.weekly_source()
    this = source.by_week["2026-W44"]  # the same eval, asked of two of its candidates
    kept = dataclasses.replace(this, of={name: meta for name, meta in this.of.items() if name != "third"})
    source = dataclasses.replace(source, by_week={**source.by_week, "2026-W44": kept})
    story.weekly_source = lambda *_, **__: source
    said = "ost answers of next cannot be used: 395 of 400 answers (99%) failed"
    absent = "third of the eval has no complete run in 2026-W44; the last one is of 2026-W43."
    tell_week(story, None, "SILENT", absent, first=said)
    assert story.weekly().headline[0] == absent
    assert story.weekly().asks[0].text.startswith("next gave no usable decision for 395 rows")


def test_a_newest_week_that_is_old_says_that_no_run_was_made_since(tmp_path):
    story = Story(tmp_path, {"hate": GOLD})
    weeks(story, 180, 180)
    source = dataclasses.replace(story.weekly_source(), this_week="2026-W46")
    story.weekly_source = lambda *_, **__: source
    said = "No complete run of story in 2026-W44 and 2026-W45: this report is of 2026-W43, the last week with one."
    tell_week(story, None, "NO RUN", first=said)
    source = dataclasses.replace(source, this_week="2026-W44")  # this week's run may be yet to come
    tell_week(story, never=("NO RUN",))


def test_the_fall_of_a_critical_category_is_told_before_larger_ones(tmp_path):
    """Three larger falls took the room of the first screen."""
    story = Story(tmp_path, dict.fromkeys(SIX, GOLD), policy={"c5": {"severity": "critical"}})
    story.run({"main": dict.fromkeys(SIX, caught(GOLD, 190))}, week="2026-W43")
    fallen = {name: caught(GOLD, 100 if name != "c5" else 150) for name in SIX}
    story.run({"main": fallen}, week="2026-W44")
    told = [one for one in story.weekly().headline if one.startswith("Recall of ")]
    assert told[0].startswith("Recall of C5 fell by 20.0 points")
    tell_week(story, None, "Recall of C5 fell by 20.0 points")


def test_many_open_targets_of_one_owner_are_one_ask(tmp_path):
    """Sixty categories made fifty asks for more items, and buried what had to be done."""
    policy = {name: {"target": {"recall": 0.9}, "owner": "policy"} for name in SIX}
    story = Story(tmp_path, dict.fromkeys(SIX, GOLD), policy=policy)
    story.run({"main": dict.fromkeys(SIX, caught(GOLD, 184))}, week="2026-W43")
    asked = "Whether 6 targets are met cannot be told yet; what would settle them: recall of C0 (about "
    tell_week(story, None, asked)
    assert len([one for one in story.weekly().asks if "cannot be told" in one.text]) == 1
