"""What is asked of whom: each figure once, the most urgent function first, with commands that run."""

import shlex

import pytest
from click.testing import CliRunner
from stories import Story, caught, everywhere, half, nowhere, tell_week

from harness.cli import main
from harness.cli.weekly import command as weekly_command
from harness.report.weekly.page import WeeklyPage
from harness.report.weekly.terminal import terminal_lines

GOLD = half(200, 200)
TARGET = {"hate": {"owner": "policy-hate", "target": {"recall": 0.8, "precision": 0.7}}}


def fallen_again(tmp_path):
    """Recall falls in W44 and W45; in W45 answers fail as well."""
    story = Story(tmp_path, {"hate": GOLD}, policy=TARGET)
    for week, n, n_failed in ((42, 190, 0), (43, 190, 0), (44, 130, 0), (45, 70, 40)):
        outcomes = {"main": ["ok"] * (400 - n_failed) + ["unparsed"] * n_failed}
        story.run({"main": {"hate": caught(GOLD, n)}}, week=f"2026-W{week}", outcomes=outcomes)
    return story


def test_a_figure_that_fell_again_and_is_below_its_target_is_asked_about_once(tmp_path):
    """Three asks of one owner about one figure: it fell, it has not recovered, it is below its target."""
    data = fallen_again(tmp_path).weekly()
    (one,) = [ask for ask in data.asks if ask.category == "hate"]
    assert one.text.startswith("Recall of Hate fell by ")
    assert "It fell in 2026-W44 already and has not recovered" in one.text
    assert one.text.endswith("below its target of 80%.")
    assert one.items[:60] == tuple(f"i{index:04d}" for index in range(70, 130))  # those newly missed come first
    assert len(one.items) == 130
    assert one.since == "2026-W44"


def test_a_fall_that_has_not_recovered_says_that_it_is_below_its_target(tmp_path):
    story = Story(tmp_path, {"hate": GOLD}, policy=TARGET)
    for week, n in ((42, 190), (43, 190), (44, 130), (45, 130)):
        story.run({"main": {"hate": caught(GOLD, n)}}, week=f"2026-W{week}")
    (one,) = story.weekly().asks
    assert one.text.startswith("Recall of Hate has not recovered since 2026-W44: repair it, or answer for it.")
    assert one.text.endswith("Recall is 65.0% now, with 95% confidence at most 70.6%: below its target of 80%.")


def test_what_answers_for_a_fall_is_a_command_that_runs(tmp_path):
    """The command named neither eval nor reason, and "KEY or KEY" where there were two."""
    story = Story(tmp_path, {"hate": GOLD})
    for week, n, n_wrong in ((43, 190, 4), (44, 190, 4), (45, 100, 80), (46, 100, 80)):
        story.run({"main": {"hate": caught(GOLD, n, n_wrong)}}, week=f"2026-W{week}")
    (one,) = [ask for ask in story.weekly().asks if "have not recovered" in ask.text]
    options = [*shlex.split(one.answer.replace('"..."', "'until the new prompt'"))[2:], "--by", "ana"]
    options += ["--runs-dir", str(story.runs)]
    assert options.count("--finding") == 2
    done = CliRunner().invoke(weekly_command, options)
    assert done.exit_code == 0, done.output
    assert not [ask for ask in story.weekly().asks if "not recovered" in ask.text]


def test_a_fall_of_this_week_names_the_command_that_answers_for_it(tmp_path):
    """Only falls of the weeks before did; the key of others had to be looked up in the JSON."""
    story = Story(tmp_path, {"hate": GOLD})
    for week, n in ((43, 190), (44, 190), (45, 100)):
        story.run({"main": {"hate": caught(GOLD, n)}}, week=f"2026-W{week}")
    found = tell_week(story, "2026-W45", "ecall of Hate fell")
    told = {name: said for name, said in found.items() if name in ("html", "terminal", "xlsx", "md")}
    everywhere(told, "harness weekly ack --eval story", "--finding hate.recall --reason")


def test_what_no_ask_of_the_terminal_answers_for_stands_below_the_asks(tmp_path):
    gold = dict.fromkeys([f"c{index}" for index in range(8)], GOLD)
    story = Story(tmp_path, gold)
    for week, n in ((43, 190), (44, 190), (45, 100)):
        story.run({"main": {name: caught(GOLD, n) for name in gold}}, week=f"2026-W{week}")
    said = "\n".join(terminal_lines(story.weekly()))
    for name in gold:
        assert said.count(f"--finding {name}.recall ") == 1


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ([], "names none of the findings of main in 2026-W45"),
        (["--finding", "hate.recal"], "did you mean 'hate.recall'?"),
        (["--finding", "hate.recall", "--reason", "..."], "found '...'"),
    ],
)
def test_an_answer_without_a_key_that_is_open_names_those_that_are(tmp_path, more, found):
    story = Story(tmp_path, {"hate": GOLD})
    for week, n in ((43, 190), (44, 190), (45, 100)):
        story.run({"main": {"hate": caught(GOLD, n)}}, week=f"2026-W{week}")
    done = CliRunner().invoke(main, ["weekly", "ack", "--eval", "story", "--runs-dir", str(story.runs), *more])
    assert done.exit_code != 0
    assert found in done.output
    assert "hate.recall" in done.output or "..." in more


def test_who_answered_for_a_fall_has_not_answered_for_a_further_one(tmp_path):
    """-20 points were agreed to; -30 more, and a week later nobody was asked: "ana answers for it: agreed"."""
    story = Story(tmp_path, {"hate": GOLD})
    story.run({"main": {"hate": caught(GOLD, 190)}}, week="2026-W43")
    options = ["--runs-dir", str(story.runs)]  # before the name of the command: the default folder was read
    options += ["ack", "--eval", "story", "--finding", "hate.recall", "--reason", "agreed", "--by", "ana"]
    for week, n, is_asked in ((44, 150, True), (45, 150, False), (46, 90, True), (47, 90, True)):
        story.run({"main": {"hate": caught(GOLD, n)}}, week=f"2026-W{week}")
        if week == 44:
            assert CliRunner().invoke(weekly_command, options).exit_code == 0
        said = story.weekly()
        assert any("fell by" in one.text or "not recovered" in one.text for one in said.asks) is is_asked, week
    assert said.word == "NOT REPAIRED"
    assert "ana answers" not in " ".join(said.headline)
    assert CliRunner().invoke(weekly_command, options).exit_code == 0
    assert story.weekly().word == "NOT REPAIRED, ACKNOWLEDGED"
    assert story.weekly("2026-W45").word == "NOT REPAIRED, ACKNOWLEDGED"


def test_engineering_is_asked_first_where_its_ask_is_the_most_urgent(tmp_path):
    """All of policy's asks stood before engineering's, also where nothing could be read any more."""
    story = Story(tmp_path, {"hate": GOLD}, policy=TARGET)
    for week, n_failed in ((44, 0), (45, 300)):
        outcomes = {"main": ["ok"] * (400 - n_failed) + ["unparsed"] * n_failed}
        story.run({"main": {"hate": caught(GOLD, 190)}}, week=f"2026-W{week}", outcomes=outcomes)
    page = WeeklyPage(story.weekly(), "none")
    assert page.asks_by_function[0][0] == "engineering"


def test_a_rise_of_failures_is_asked_about_at_once(tmp_path):
    found = fallen_again(tmp_path).weekly().asks
    assert "engineering" in [one.function for one in found][:2]
    assert sum(one.function == "engineering" for one in found) == 1


@pytest.mark.parametrize(("before", "now", "is_asked"), [(300.0, 900.0, True), (300.0, 310.0, False)])
def test_latency_that_grew_by_half_is_asked_about(tmp_path, before, now, is_asked):
    story = Story(tmp_path, {"hate": GOLD})
    for week, latency in ((44, before), (45, now)):
        story.run({"main": {"hate": caught(GOLD, 190)}}, week=f"2026-W{week}", latency=latency)
    said = [one.text for one in story.weekly().asks if one.function == "engineering"]
    assert said == (["Latency (95th percentile) of main rose from 300 ms to 900 ms: find out why."] if is_asked else [])


def test_open_falls_are_counted_once_on_the_first_screen(tmp_path):
    """ "1 more fall is still open in the ledger" stood above "Also still open", which told it."""
    gold = dict.fromkeys(("hate", "spam", "scam"), GOLD)
    story = Story(tmp_path, gold)
    for week, n in ((43, 190), (44, 190), (45, 100), (46, 100)):
        story.run({"main": {name: caught(GOLD, n) for name in gold}}, week=f"2026-W{week}")
    found = tell_week(story, "2026-W46", "ecall of Hate fell in 2026-W45")
    told = {name: said for name, said in found.items() if name in ("html", "terminal", "xlsx")}
    everywhere(told, "Also still open")
    nowhere(told, "more fall is still open")
    everywhere({"md": found["md"]}, "1 more fall is still open.")  # the message has no room to tell it


def test_precision_that_fell_since_less_is_caught_says_so(tmp_path):
    """ "Start with the 4 newly wrongly flagged items", where fewer flags were wrong than before."""
    story = Story(tmp_path, {"hate": GOLD})
    for week, n, n_wrong in ((44, 190, 60), (45, 90, 58)):
        story.run({"main": {"hate": caught(GOLD, n, n_wrong)}}, week=f"2026-W{week}")
    (one,) = [ask for ask in story.weekly().asks if ask.text.startswith("Precision of Hate fell")]
    assert "Not more flags are wrong, but fewer are right. Start with the 100 newly missed items." in one.text
    assert len(one.items) == 100
