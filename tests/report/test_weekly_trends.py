"""Trends over weeks: where their lines break, and what is marked on them, in page, spreadsheet and plot."""

import re
import zipfile

import pytest
from stories import Story, caught, half
from weekly_cases import MODEL, History

from harness.report.parts.xlsx import write_workbook
from harness.report.weekly.build import build_weekly
from harness.report.weekly.collect import collect
from harness.report.weekly.data_sheet import trend_sheets
from harness.report.weekly.page import render_page
from harness.report.weekly.plots import trend_plot
from harness.report.weekly.titles import trend_title


def test_trends_break_at_other_labels_and_missed_weeks_and_mark_new_versions(tmp_path):
    """Lines of the spreadsheet ran through another golden set, and nothing showed where the prompt had changed."""
    history = History(tmp_path)
    other = {**MODEL, "temp": 0.7}
    history.week("2026-W40", {"main": 90}, fingerprints={"main": MODEL})
    history.week("2026-W41", {"main": 90}, fingerprints={"main": other})
    history.week("2026-W43", {"main": 90}, fingerprints={"main": other})
    history.week("2026-W44", {"main": 90}, fingerprints={"main": other}, golden=2, relabelled=5)
    source = collect(history.runs, "small")
    data = build_weekly(source, generated_at="now", version="0.1.0", text_mode="none")
    assert data.versions == {
        "2026-W41": "temperature unset became 0.7",
        "2026-W44": "golden set g v1 became g v2",
    }
    (sheet, _) = trend_sheets(data)
    rows = [row[:4] for row in sheet.rows]
    assert [(row[0], row[1], row[3]) for row in rows] == [
        ("2026-W40", "g v1", 0.9),
        ("2026-W41", "g v1", 0.9),
        ("2026-W42", "no run", None),
        ("2026-W43", "g v1", 0.9),
        ("new labels", None, None),
        ("2026-W44", "g v2", pytest.approx(90 / 95)),
    ]
    assert [row[2] for row in rows if row[2]] == list(data.versions.values())
    marks = [row[0] for row in sheet.rows if row[-1] is not None]
    assert marks == list(data.versions)
    write_workbook([sheet], tmp_path / "trend.xlsx", title="trend")
    with zipfile.ZipFile(tmp_path / "trend.xlsx") as archive:
        chart = archive.read("xl/charts/chart1.xml").decode("utf-8")
    assert '<c:dispBlanksAs val="gap"' in chart or '<dispBlanksAs val="gap"' in chart
    assert chart.count("noFill") >= 1  # the marks have no line
    assert 'smooth val="1"' not in chart
    page = render_page(data, "none")
    drawn = page[page.index('class="trends"') :].partition("</svg>")[0]
    assert [one.count(" ") + 1 for one in re.findall(r'points="([^"]*)" class="curve', drawn)] == [2]  # W40 to W41
    assert drawn.count('class="version"') == 2
    assert "New versions: <b>2026-W41</b> temperature unset became 0.7" in page
    assert trend_plot(data, "recall") is not None


def test_the_trend_of_one_category_that_stayed_counts_nothing(tmp_path):
    """It said that none of 1 category moved."""
    story = Story(tmp_path, {"hate": half(100, 100)})
    for week in ("2026-W42", "2026-W43"):
        story.run({"main": {"hate": caught(story.gold["hate"], 90)}}, week=week)
    data = story.weekly()
    assert (
        trend_title("recall", data.series[:1], data.week, dict(data.names)) == "Recall of Hate did not move this week."
    )
