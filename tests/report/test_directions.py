"""Names and texts that run from right to left: they never reorder the figures that stand beside them."""

import re
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook
from stories import Story, half

from harness.gating import gate_runs
from harness.jobs.report import load_source
from harness.jobs.show import Sources, show_item
from harness.report.comparison.build import build_report
from harness.report.comparison.renderers import RENDERERS
from harness.report.gate.comment import comment_markdown, summary_markdown
from harness.report.item.page import item_page
from harness.report.parts.isolation import BEGIN, END, isolated, isolated_sentence, isolated_text, names_among
from harness.report.parts.tables import Table, render

ARABIC, HEBREW, MIXED = "خطاب الكراهية 02", "פגיעה עצמית", "Scam نصب 5"
RUN = re.compile("[\u0590-\u08ff]+(?: [\u0590-\u08ff]+)*")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    gold = {"hate": half(60, 90), "harm": np.roll(half(50, 100), 30)}
    policy = {
        "hate": {"name": ARABIC, "severity": "critical", "owner": "فريق 7", "target": {"recall": 0.9}},
        "harm": {"name": HEBREW, "severity": "high"},
    }
    slices = {"language": [["ar", "he", "en"][at % 3] for at in range(150)], "region": ["مصر 1", "ישראל", "US"] * 50}
    story = Story(tmp_path_factory.mktemp("directions"), gold, slices, policy=policy)
    worse = {name: np.where(np.arange(150) % 4 == 0, 0, labels) for name, labels in gold.items()}
    return story.run({"v1": gold, "v2": worse})


@pytest.fixture(scope="module")
def files(run):
    source, mode = load_source(run, "v1", ("v2",), run, "none")
    data = build_report(source, generated_at="now", version="0.1.0")
    return {name: RENDERERS[name](source, data, Path(run.path), mode)[0] for name in ("html", "md", "xlsx", "json")}


def bare(text, begin, end):
    """The text without what is isolated."""
    return re.sub(f"{begin}.*?{end}", "", text, flags=re.DOTALL)


def test_every_such_word_of_the_page_is_isolated(files):
    page = files["html"].read_text(encoding="utf-8")
    shown = re.sub(r"<(script|style|textarea)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert f"<bdi>{ARABIC}</bdi>" in shown
    assert "<bdi>فريق 7</bdi>" in shown  # whoever answers for it
    left = bare(bare(shown, "<bdi>", "</bdi>"), BEGIN, END)
    assert not RUN.search(re.sub(r"<[^>]*>", " ", left))


def test_markdown_comment_and_summary_isolate_them_outside_code(run, files):
    report = gate_runs(run["v2"], run["v1"])
    for text in (files["md"].read_text(encoding="utf-8"), comment_markdown(report), summary_markdown(report)):
        assert f"{BEGIN}{ARABIC}{END}" in text
        assert not RUN.search(re.sub(r"`[^`]*`", "", bare(text, BEGIN, END)))


def test_a_sheet_isolates_them_in_sentences_and_keeps_names_that_one_filters_by(files):
    book = load_workbook(files["xlsx"], read_only=True)
    cells = [str(one) for sheet in book for row in sheet.iter_rows(values_only=True) for one in row if one is not None]
    assert ARABIC in cells
    assert any(f"recall of {BEGIN}{ARABIC}{END}" in one for one in cells)
    assert BEGIN not in files["json"].read_text(encoding="utf-8")


def test_the_page_of_an_item_lets_each_text_run_as_it_begins(run):
    page = item_page(
        show_item(
            run, "i0001", "full", Sources(Path(run.path) / "no.sqlite", {}, Path(run.path).parents[1] / "g1.yaml")
        ),
        "0.1.0",
        may_reveal=True,
    )
    assert f"<bdi>{ARABIC}</bdi>" in page
    assert re.search(r'<p class="[^"]*whole-text" dir="auto">', page)


def test_figures_in_the_browser_stand_behind_the_name_they_follow(browser):
    """ "recall of [Arabic] 75.4% to 60.3%" was drawn with the figures swapped, right to left."""
    page = browser.new_page()
    page.set_content(isolated(f"<p id=one>recall of {ARABIC} <i>75.4%</i> to <b>60.3%</b></p>", [ARABIC]))
    name, before, after = (page.locator(one).bounding_box()["x"] for one in ("bdi", "i", "b"))
    page.close()
    assert name < before < after


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        (f"{MIXED}: 4", [MIXED]),  # a name given is isolated whole
        ("ערך 5, ערך אחר 7", ["ערך", "ערך אחר"]),  # a figure never joins a run
        ("plain 5", []),
        ("`harness show נתיב`", []),  # copied by readers: it stays what it is
        (f"{BEGIN}ערך{END} 3", ["ערך"]),  # once is enough
    ],
)
def test_text_is_isolated_run_by_run(text, apart):
    assert re.findall(f"{BEGIN}(.*?){END}", isolated_text(text, [MIXED, "Hate"])) == apart


def test_a_text_that_begins_from_right_to_left_stays_what_it_is_in_a_cell():
    assert isolated_sentence("ערך 5 (v2)") == "ערך 5 (v2)"
    assert isolated_sentence("Next: ערך 5") == f"Next: {BEGIN}ערך{END} 5"
    assert names_among([ARABIC, MIXED, "Hate", 3, None, "א" * 200]) == {ARABIC}


def test_a_drawing_knows_no_elements_inside_its_text():
    held = f"<svg><title>{HEBREW}: 5</title><text>{HEBREW}</text></svg>"
    assert isolated(held).count(BEGIN) == 2
    assert "bdi" not in isolated(held)


def test_a_table_of_a_command_as_markdown():
    table = Table("T", ("Category", "Recall"), ((ARABIC, "75.4%"),), numeric=frozenset({"Recall"}))
    assert f"| {BEGIN}{ARABIC}{END} | 75.4% |" in render([table], "md")
    assert BEGIN not in render([table], "terminal")


TEXT = "ي• م••• 😂 أ•• 50 ن•••• ok ا••••••، و••••."
"""An item's masked text: one sentence that runs from right to left."""


@pytest.mark.parametrize("whole", ['<p dir="auto">{}</p>', '<span dir="auto" data-text="x">{}</span>', "<bdi>{}</bdi>"])
def test_a_text_with_a_direction_of_its_own_is_left_whole(whole):
    """Parts that are isolated do not count for the direction of what holds them, and stand in its order."""
    assert isolated(f"<td>{whole.format(TEXT)}</td><td>{HEBREW} 7</td>") == (
        f"<td>{whole.format(TEXT)}</td><td><bdi>{HEBREW}</bdi> 7</td>"
    )


def test_a_cell_that_runs_leftwards_is_isolated_whole_in_markdown():
    row = f"| {ARABIC} | c-1 | {TEXT} |\n| {ARABIC}: 75% | `{HEBREW}` | see {HEBREW} 3 |"
    assert isolated_text(row, [ARABIC]) == (
        f"| {BEGIN}{ARABIC}{END} | c-1 | {BEGIN}{TEXT}{END} |\n"
        f"| {BEGIN}{ARABIC}{END}: 75% | `{HEBREW}` | see {BEGIN}{HEBREW}{END} 3 |"
    )
