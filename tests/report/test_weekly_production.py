"""Production's samples in the weekly report: what moved, what is missing, and what may not be said."""

import csv
import datetime
import json

import numpy as np
import pytest
from click.testing import CliRunner
from stories import Story, caught, everywhere, half, nowhere, tell_week

from harness.cli.weekly import command as weekly_command
from harness.core.intervals import wilson_interval
from harness.errors import HarnessError
from harness.goldens.production_series import COLUMNS, read_series
from harness.report.weekly.production import production_of

GOLD = half(100, 100)
WHOLE = "n production the violation leakage by views of all categories together"
POLICY = {
    "hate": {
        "owner": "policy-hate",
        "prevalence": {"value": 0.004, "low": 0.003, "high": 0.006, "source": "sample", "date": "2026-10-01"},
        "target": {"precision": 0.8},
    }
}


def sample(week, leaked, *, violating=40, n=600, removed_wrongly=10, golden=None, day=3):
    """The lines of one week's sample: so many of 120 violating items were left up."""
    date = datetime.date.fromisocalendar(2026, int(week[-2:]), day).isoformat()
    found = []
    for category in ("hate", "any category"):
        for figure, k, of in (
            ("violating_items", violating, n),
            ("leakage_items", leaked, 120),
            ("leakage_views", leaked, 120),
            ("wrong_removals", removed_wrongly, 110),
        ):
            low, high = wilson_interval(k, of)
            found.append(
                dict(zip(COLUMNS, (date, golden or f"s{week}", 1, category, figure, k / of, low, high, of, k,
                                   "design weights", ""), strict=True))
            )  # fmt: skip
    return found


def written(folder, *rows):
    path = folder / "production.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for one in rows for row in one)
    return path


def told(tmp_path, *rows, weeks=(44, 45, 46, 47), week=None):
    story = Story(tmp_path, {"hate": GOLD}, policy=POLICY)
    for number in weeks:
        story.run({"main": {"hate": caught(GOLD, 90, 4)}}, week=f"2026-W{number}")
    story.production = read_series(written(tmp_path, *rows))
    return story, story.weekly(week), story.weekly_surfaces(week)


def test_what_rose_in_production_is_on_every_surface_and_no_week_with_it_is_steady(tmp_path):
    rows = [sample("W44", 14), sample("W45", 15), sample("W47", 41)]
    story, data, found = told(tmp_path, *rows)
    assert (data.word, data.tone) == ("WORSE IN PRODUCTION", "open")
    said = "n production the violation leakage by views of all categories together rose from "
    everywhere(found, said + "12.5% [7.7, 19.6] in 2026-W45 to 34.2%", but=("json",))
    nowhere(found, "STEADY", "BETTER")
    (asked,) = [one for one in data.asks if one.text.startswith("In production")]
    assert asked.text.startswith("In production the violation leakage by views of any category rose: read what was")
    document = json.loads(found["json"])
    there = [one for one in document["findings"] if one["fact"] == "production"]
    (harm,) = [one for one in there if not one["evidence"].get("restates")]
    assert (harm["metric"], harm["since"]) == ("leakage_views", "2026-W45")
    assert document["production"]["missing"] == ["2026-W46"]
    everywhere({"html": found["html"], "xlsx": found["xlsx"]}, "2026-W46", "no sample")
    page = (story.folder / "weekly.html").read_text(encoding="utf-8")
    (chart,) = [drawn for drawn in page.split("<figure") if "leakage by views: rose" in drawn]
    assert 'class="curve' in chart
    assert chart.count("<polyline") == 1  # W44 to W45; nothing through W46


def test_the_data_sheet_holds_every_figure_of_production_once(tmp_path):
    _, data, found = told(tmp_path, sample("W46", 14), sample("W47", 15))
    rows = [line for line in found["xlsx"].splitlines() if " | measured | " in line and "2026-W47 | production" in line]
    assert len(rows) == len(set(rows)) == 8
    assert data.word == "STEADY, BELOW TARGET IN PRODUCTION"  # 14 and 15 of 120 are chance
    nowhere(found, "WORSE")


def test_a_week_without_a_sample_says_so_and_claims_nothing(tmp_path):
    _, data, found = told(tmp_path, sample("W44", 14), sample("W45", 41))
    everywhere(found, "No labelled sample of production in 2026-W47: the newest is of 2026-W45")
    assert {one.kind for one in data.findings if one.fact == "production"} == {"open"}  # what rose in W45
    assert data.production.missing == ("2026-W46", "2026-W47")


def test_a_past_week_reads_no_newer_sample(tmp_path):
    rows = [sample("W44", 14), sample("W45", 15), sample("W47", 41)]
    _, data, found = told(tmp_path, *rows, week="2026-W45")
    assert data.production.newest == "2026-W45"
    nowhere(found, "34.2%")


def test_what_fell_is_told_and_is_no_harm(tmp_path):
    _, data, found = told(tmp_path, sample("W46", 41), sample("W47", 12))
    assert data.word == "STEADY, BELOW TARGET IN PRODUCTION"
    everywhere(found, "the violation leakage by views of all categories together fell from 34.2%", but=("json",))


def test_targets_and_production_stand_side_by_side(tmp_path):
    """ "✓ met" stood beside a precision of 20% in production, nine sections down."""
    _, _, found = told(tmp_path, sample("W47", 14))
    said = "In production, at the policy's prevalence, precision stays below its target: Hate"
    everywhere(found, said, "met on this set")
    assert "precision stays below target in Hate" in found["html"]


def test_the_policys_prevalence_is_held_against_the_sample(tmp_path):
    _, _, found = told(tmp_path, sample("W47", 14, violating=40))
    assert "0.40% outside the interval" in found["html"]


def test_two_pools_in_one_series_are_refused(tmp_path):
    story, _, _ = told(tmp_path, sample("W47", 14))
    doubled = read_series(written(tmp_path, sample("W47", 14), sample("W47", 30, golden="other_market")))
    policy = story.weekly_source().run.meta.policy
    with pytest.raises(HarnessError, match="two values of violating_items of hate on 2026-11-18"):
        production_of(doubled, policy, "2026-W47", 12)
    later = read_series(written(tmp_path, sample("W47", 14), sample("W47", 30, day=5)))
    found = production_of(later, policy, "2026-W47", 12)
    assert found is not None
    assert {point.date for _, point in found.now} == {"2026-11-20"}  # the latest of the week speaks
    assert production_of((), policy, "2026-W47", 12) is None
    assert production_of(doubled, policy, "2025-W20", 12) is None


def test_the_command_reads_a_series_and_names_a_wrong_line(tmp_path):
    story, _, _ = told(tmp_path, sample("W46", 14), sample("W47", 41))
    options = ["--eval", "story", "--runs-dir", str(story.runs), "--format", "md", "--out", str(tmp_path / "out")]
    options += ["--week", "2026-W47"]
    done = CliRunner().invoke(weekly_command, [*options, "--production", str(tmp_path / "production.csv")])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("WORSE IN PRODUCTION. In production the violation leakage by views")
    (tmp_path / "production.csv").write_text("date\n1\n")
    wrong = CliRunner().invoke(weekly_command, [*options, "--production", str(tmp_path / "production.csv")])
    assert wrong.exit_code == 1
    assert "is no series of production figures" in str(wrong.exception)


def test_noise_in_samples_moves_nothing_more_than_its_rate(tmp_path):
    """Two hundred weeks of binomial noise around one rate: alarms of at most one week in ten, and two errors."""
    rng = np.random.default_rng(5)
    story, _, _ = told(tmp_path, sample("W47", 14), weeks=(47,))
    policy = story.weekly_source().run.meta.policy
    lines = []
    for number in range(200):
        week = (datetime.date(2022, 1, 3) + datetime.timedelta(weeks=number)).isoformat()
        drawn = sample("W47", int(rng.binomial(120, 0.2)), violating=int(rng.binomial(600, 0.05)),
                       removed_wrongly=int(rng.binomial(110, 0.1)))  # fmt: skip
        lines.append([{**one, "date": week} for one in drawn])
    read = read_series(written(tmp_path, *lines))
    found = production_of(read, policy, "2025-W44", 220)
    assert found is not None
    alarms = {point.week for one in found.series for point in one.points if point.is_moved}
    assert len(alarms) <= 20 + 9


def test_a_rise_in_production_stays_in_the_ledger_until_it_comes_down(tmp_path):
    """WORSE IN PRODUCTION in the week of the sample, and STEADY in the next, with or without a sample."""
    rows = [sample("W43", 14), sample("W44", 41), sample("W46", 40), sample("W47", 15)]
    story, data, _ = told(tmp_path, *rows, week="2026-W45")
    assert (data.word, data.tone) == ("NOT REPAIRED IN PRODUCTION", "open")
    rose = f"{WHOLE} rose in 2026-W44, from 11.7% to 34.2%"
    asked = (
        "has not recovered since 2026-W44: read what was left up and find out why, or answer for it",
        "all.leakage_views",
    )
    never = ("STEADY", "BETTER")
    tell_week(story, "2026-W45", f"{rose}, and is not repaired: it is 34.2% [26.3, 43.0] now", *asked, never=never)
    found = tell_week(story, "2026-W46", f"{rose}, and is not repaired: it is 33.3%", *asked, never=never)
    (line,) = [
        one for one in json.loads(found["json"])["ledger"] if one["category"] is None and "views" in one["metric"]
    ]
    assert (line["since"], line["owner"], line["acknowledged"]) == ("2026-W44", "operations", None)
    assert line["then"]["value"] == 41 / 120
    options = ["ack", "--eval", "story", "--finding", "all.leakage_views", "--runs-dir", str(story.runs), "--by", "ana"]
    options += ["--week", "2026-W46", "--reason", "more reviewers from December"]
    unknown = CliRunner().invoke(weekly_command, options)
    assert unknown.exit_code == 1
    done = CliRunner().invoke(weekly_command, [*options, "--production", str(tmp_path / "production.csv")])
    assert done.exit_code == 0, done.output
    answered = ("NOT REPAIRED, ACKNOWLEDGED", "ana answers for it: more reviewers from December.")
    tell_week(story, "2026-W46", *answered, never=(*never, "has not recovered"))
    repaired = f"{WHOLE}, risen in 2026-W44, is repaired: 12.5%"
    tell_week(story, "2026-W47", repaired, never=("NOT REPAIRED",))
    closed = {one.key: one.closed for one in story.weekly("2026-W47").ledger}
    assert closed["all.leakage_views"] == "2026-W47"


def test_a_rise_by_items_or_in_a_category_is_told_by_the_whole(tmp_path):
    _, data, _ = told(tmp_path, sample("W44", 14), sample("W46", 41), week="2026-W47")
    assert {one.key for one in data.ledger} > {"all.leakage_views", "hate.leakage_items"}
    assert [one.key for one in data.findings if one.kind == "open"] == ["all.leakage_views"]
    assert len([one for one in data.asks if "has not recovered" in one.text]) == 1
