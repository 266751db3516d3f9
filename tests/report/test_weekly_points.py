"""Operating points in the weekly report: their values on every surface, and a fall there that nothing else shows."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from openpyxl import load_workbook
from stories import Story, everywhere, half, nowhere, tell_week

from harness.cli.weekly import command as weekly_command
from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.measure.points import PointChoice, PointScore, point_metrics, point_scores
from harness.report.weekly.operating import operating_sentences
from harness.report.weekly.operating_data import OperatingRow, OperatingWeek
from harness.report.weekly.operating_view import operating_change, operating_notes, operating_title
from harness.report.weekly.summaries import slices_of
from harness.runs import open_run

POINT = "recall@precision=0.9"
GOLD = half(300, 300)
GOOD = np.r_[np.linspace(0.95, 0.40, 300), np.linspace(0.55, 0.05, 300)]
DECIDED = (GOOD >= 0.5).astype(int)
GATE = [{"category": "*", "metric": "recall", "margin": 0.05}, {"category": "*", "metric": POINT, "margin": 0.05}]
SPLIT = {"dev": 0.5, "by": "item", "seed": 3}


def weeks(tmp_path, *scores, split=SPLIT, checks=GATE, first=42, decided=DECIDED):
    story = Story(tmp_path, {"hate": GOLD}, policy={"hate": {"owner": "policy-hate"}}, checks=checks, split=split)
    for number, score in enumerate(scores):
        story.run({"main": {"hate": decided}}, week=f"2026-W{first + number}", scores={"main": {"hate": score}})
    return story


def harmless_high():
    """A third of the harmless items score above every violating one."""
    return np.where((GOLD == 0) & (np.arange(600) % 3 == 0), 0.99, GOOD)


def test_every_surface_says_what_stands_at_an_operating_point(tmp_path):
    story = weeks(tmp_path, GOOD, GOOD)
    found = tell_week(story, None, "Recall at precision 90%: Hate ", "points since 2026-W42, within chance", "STEADY")
    run = story.weekly_source().run
    (score,) = point_scores(run, "main", point_metrics(run))["hate"]
    shown = f"{100 * score.value.value:.1f}%"
    everywhere(found, f"Hate {shown}")
    everywhere({"html": found["html"]}, "At the same operating point", "Thresholds are chosen on the dev part")
    document = json.loads((story.folder / "weekly.json").read_text(encoding="utf-8"))
    (row,) = document["operating"]
    assert [one["week"] for one in row["weeks"]] == ["2026-W42", "2026-W43"]
    assert row["weeks"][-1]["value"] == pytest.approx(score.value.value)
    assert row["weeks"][-1]["thresholds"] == [pytest.approx(score.choice.thresholds[0])]
    assert row["is_moved"] is False
    book = load_workbook(story.folder / "weekly.xlsx")
    head, *rows = book["Operating points"].iter_rows(values_only=True)
    values = [row[head.index("Value")] for row in rows]
    assert values == [pytest.approx(score.value.value)] * 2
    head, *rows = book["Data"].iter_rows(values_only=True)
    tidy = [row for row in rows if row[head.index("Metric")] == POINT]
    assert [row[head.index("Value")] for row in tidy] == values


@pytest.mark.slow
def test_a_fall_at_an_operating_point_alone_is_no_steady_week_and_is_remembered(tmp_path):
    """Decisions stay as they are, so that recall and precision do: what the threshold could reach is lost."""
    story = weeks(tmp_path, GOOD, GOOD, harmless_high(), harmless_high(), GOOD)
    fell = ("WORSE IN PLACES", "as lower recall at precision 90% on Hate: of 100 violating items it catches")
    found = tell_week(story, "2026-W44", *fell, never=("STEADY", "Nothing moved by"))
    everywhere({"html": found["html"]}, "Fell: recall at precision 90% of Hate.")
    asked = story.weekly("2026-W44").asks[0]
    assert (asked.owner, asked.category) == ("policy-hate", "hate")
    assert "harness thresholds" in asked.text
    still = "ecall at precision 90% of Hate fell in 2026-W44"
    tell_week(story, "2026-W45", still, "NOT REPAIRED", "has not recovered since 2026-W44", never=("STEADY",))
    options = ["ack", "--eval", "story", "--finding", f"hate.{POINT}", "--runs-dir", str(story.runs), "--by", "ana"]
    done = CliRunner().invoke(weekly_command, [*options, "--week", "2026-W45", "--reason", "the threshold is ours"])
    assert done.exit_code == 0, done.output
    answered = tell_week(story, "2026-W45", "NOT REPAIRED, ACKNOWLEDGED", "ana answers for it: the threshold is ours.")
    nowhere(answered, "has not recovered since")
    tell_week(story, "2026-W46", "Recall at precision 90% of Hate, fallen in 2026-W44, is repaired")


def test_without_a_split_a_difference_is_for_reading(tmp_path):
    data = weeks(tmp_path, GOOD, harmless_high(), split=None, checks=None).weekly(points=(POINT,))
    assert data.word == "STEADY"
    assert any("points since 2026-W42, not tested" in one for one in data.headline)
    first, second = operating_notes(data.operating)
    assert first.startswith("Without a split, each fifth of the items")
    assert second.startswith("Differences without a test are for reading")


def test_a_point_that_is_asked_for_is_shown_in_every_week_and_not_tested(tmp_path):
    story = weeks(tmp_path, GOOD, GOOD, checks=None)
    assert story.weekly().operating == ()
    data = story.weekly(points=("recall@fpr=0.05",))
    (row,) = data.operating
    assert [one.week for one in row.weeks] == ["2026-W42", "2026-W43"]
    assert row.now.value.is_defined
    assert row.p_holm != row.p_holm  # the gate does not ask for it
    out = ["--eval", "story", "--runs-dir", str(story.runs), "--out", str(tmp_path / "out"), "--at", "recall@fpr=0.05"]
    done = CliRunner().invoke(weekly_command, [*out, "--text", "none"])
    assert done.exit_code == 0, done.output
    assert "Recall at FPR 5%: Hate" in done.output
    assert "--at recall@fpr=0.05" in (tmp_path / "out" / "weekly.html").read_text(encoding="utf-8")
    with pytest.raises(HarnessError, match="is no metric at an operating point"):
        story.weekly(points=("f1@recall=0.8",))


def test_a_week_whose_gate_did_not_ask_holds_the_figure_as_well(tmp_path):
    story = weeks(tmp_path, GOOD, checks=None)
    story.checks = GATE
    story.run({"main": {"hate": DECIDED}}, week="2026-W43", scores={"main": {"hate": GOOD}})
    (row,) = story.weekly().operating
    assert [one.score.value.value for one in row.weeks] == [row.now.value.value] * 2


@pytest.mark.slow
def test_scores_that_are_gone_and_thresholds_that_reach_nothing_are_said(tmp_path):
    story = weeks(tmp_path, GOOD)
    story.run({"main": {"hate": DECIDED}}, week="2026-W43")
    tell_week(story, None, "Recall at precision 90%: Hate n/a (gives no scores here)", never=("0.0%)",))
    none = weeks(tmp_path / "none", 1 - GOOD, 1 - GOOD)
    found = tell_week(
        none, None, "Recall at precision 90%: Hate 0.0% (0.0 points", "within chance), as no threshold reaches it"
    )
    assert operating_title(none.weekly().operating).startswith("No threshold reaches recall at precision 90% in Hate.")
    assert "no threshold that flags anything keeps precision of at least 90%" in found["html"]


def test_no_scores_no_section(tmp_path):
    story = Story(tmp_path, {"hate": GOLD}, checks=GATE, split=SPLIT)
    run = story.run({"main": {"hate": DECIDED}}, week="2026-W42")
    assert open_run(run.path).candidates == ("main",)
    found = story.weekly_surfaces()
    assert story.weekly().operating == ()
    nowhere(found, "operating point", "Operating points")


def row(now, before, *, difference=-0.845, name="Hate"):
    weeks = tuple(
        OperatingWeek(
            week, week, "g v1", PointScore(POINT, MetricResult(value, 0, 1, 148), MetricResult(1, 0, 1, 9), one)
        )
        for week, value, one in (("2026-W42", 0.845, before), ("2026-W43", 0.845 + difference, now))
    )
    change = MetricResult(difference, -0.977, 0.0, 148)
    return OperatingRow(
        "hate", name, "critical", None, POINT, "Recall at precision 90%", weeks, "2026-W42", None, change, 0.06, 0.06
    )


FIRM = PointChoice("dev", (0.51,), 152, 1, 129, 0.0)
FEW = PointChoice("dev", (0.98,), 152, 1, 3, 0.34)
NONE = PointChoice("dev", (np.inf,), 152, 0, 0, 0.57, "no threshold that flags anything keeps it")


def test_a_wide_difference_within_chance_says_why():
    few = "only 3 dev items score that high, in 34.0% of redraws of the dev items no threshold reaches it"
    none = "whether one reaches it hangs on few dev items, as in 43.0% of their redraws one does"
    for one, why in ((row(FEW, FIRM), few), (row(NONE, FIRM), none), (row(FIRM, FEW), f"in 2026-W42 {few}")):
        assert operating_change(one)[2] == f"since 2026-W42, within chance: {why}"
        assert f"within chance: {why}" in operating_sentences([one])[0]
    for one in (row(FIRM, FIRM), row(FEW, FIRM, difference=-0.02)):
        assert operating_change(one)[2] == "since 2026-W42, within chance"


def test_categories_that_no_threshold_reaches_are_told_once():
    rows = [row(NONE, NONE, difference=0.0, name=name) for name in ("Hate", "Spam")]
    assert operating_sentences(rows) == ["Recall at precision 90%: no threshold reaches it in Hate and Spam."]


def test_figures_by_slice_choose_no_threshold(tmp_path, monkeypatch):
    """The data sheet scored every run a second time, with all draws of its thresholds."""
    weeks(tmp_path, GOOD)
    (run,) = (open_run(path) for path in (tmp_path / "runs").iterdir() if (path / "run.json").is_file())
    monkeypatch.setattr("harness.measure.points.read_points", lambda *_: pytest.fail("thresholds were chosen"))
    assert list(slices_of(run)) == ["main"]
