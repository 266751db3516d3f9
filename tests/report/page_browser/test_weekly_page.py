"""The weekly page in a real browser: widths, axe, and every chart by keyboard."""

import shutil
import subprocess

import numpy as np
import pytest
from stories import Story, caught, half

from harness.report.weekly.renderers import RENDERERS

pytestmark = pytest.mark.browser

GOLD = half(120, 120)


@pytest.fixture(scope="module")
def weekly(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weekly")
    prevalence = {"value": 0.01, "low": 0.008, "high": 0.012, "source": "sample", "date": "2026-10-01"}
    policy = {"hate": {"target": {"recall": 0.8, "precision": 0.7}, "owner": "policy-hate", "prevalence": prevalence}}
    language = ["ar" if index % 3 == 0 else "en" for index in range(240)]
    story = Story(folder, {"hate": GOLD, "spam": np.roll(GOLD, 60)}, {"language": language}, policy=policy)
    for week, n in (("2026-W42", 110), ("2026-W43", 108), ("2026-W44", 60)):
        decided = {"hate": caught(GOLD, n, 4), "spam": caught(np.roll(GOLD, 60), 100)}
        story.run({"main": decided}, week=week)
    return RENDERERS["html"](story.weekly(), folder, "none")[0]


@pytest.mark.parametrize("width", [1440, 768, 390])
def test_the_weekly_body_never_scrolls_sideways(browser, weekly, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(weekly.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_issue_in_the_weekly_page(browser, axe, weekly, scheme):
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(weekly.as_uri())
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.add_script_tag(content=axe)
    found = page.evaluate("axe.run().then((done) => done.violations.map((v) => [v.impact, v.id, v.nodes[0].html]))")
    assert [one for one in found if one[0] in ("serious", "critical")] == []
    context.close()


def test_no_two_landmarks_have_one_name(browser, axe, weekly):
    """The ledger and the languages stood in a section and a region of the same name."""
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(weekly.as_uri())
    page.add_script_tag(content=axe)
    found = page.evaluate("axe.run({runOnly: ['landmark-unique']}).then((done) => done.violations.map((v) => v.id))")
    assert found == []
    context.close()


def test_on_paper_the_head_of_a_table_stands_on_every_page_of_it(browser, weekly, tmp_path):
    """A button in a head keeps the browser from repeating it: from the second page on nobody knew the columns."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(weekly.as_uri())
    page.evaluate("""() => {
        const table = document.querySelector("#targets table"), body = table.tBodies[0];
        for (let n = 0; n < 60; n++) body.append(body.rows[0].cloneNode(true));
        for (const head of table.tHead.rows[0].cells) {  // as in a table that is long enough to be sorted
            const button = document.createElement("button");
            button.className = "sort";
            button.textContent = head.textContent;
            head.replaceChildren(button);
        }
        document.body.replaceChildren(table);
    }""")
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    page.close()
    if shutil.which("pdftotext"):
        said = subprocess.run(
            ["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, text=True, check=True
        )
        pages = [one for one in said.stdout.split("\f") if "Hate" in one]
        assert len(pages) > 2
        assert all("Owner" in one for one in pages)


def test_arrow_keys_read_the_weeks_of_a_chart(browser, weekly):
    page = browser.new_page()
    page.goto(weekly.as_uri())
    chart = page.locator("#trend figure.chart:visible").first
    assert chart.locator("figcaption").inner_text().startswith("Hate: fell to 50.0% in W44, below target")
    chart.focus()
    page.keyboard.press("End")
    assert chart.locator("output").inner_text().startswith("2026-W44: 50.0% [")
    assert "moved" in chart.locator("output").inner_text()
    page.keyboard.press("ArrowLeft")
    assert chart.locator("output").inner_text().startswith("2026-W43: 90.0% [")
    page.keyboard.press("Escape")
    assert chart.locator("output").inner_text() == ""
    assert chart.locator("g.pt title").first.text_content().startswith("2026-W42")
    page.close()


def test_on_paper_the_headline_begins_on_the_first_page_and_no_column_is_a_strip(browser, weekly):
    """A long headline left the first page empty, and targets of precision stood in a column of six letters."""
    page = browser.new_page(viewport={"width": 700, "height": 1000})
    page.goto(weekly.as_uri())
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.querySelector('.verdict')).breakInside") == "auto"
    cells = "#targets td[data-label=Target], #targets td[data-label=Items]"
    widths = page.evaluate(f"[...document.querySelectorAll('{cells}')].map((one) => one.clientWidth)")
    assert len(widths) == 8
    assert min(widths) >= 85
    page.close()


def test_the_pointer_reads_of_a_chart_what_the_arrow_keys_read(browser, weekly):
    """Every mark of every trend: the same words by mouse and by keyboard, and a pointer that leaves takes them away."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(weekly.as_uri())
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    charts = [one for one in page.locator("figure.chart").all() if one.is_visible()]
    assert charts
    for chart in charts:
        marks, out = chart.locator("[data-say]"), chart.locator("output")
        said = []
        chart.focus()
        for _ in range(marks.count()):
            page.keyboard.press("ArrowRight")
            said.append(out.inner_text())
        page.evaluate("document.activeElement.blur()")
        chart.scroll_into_view_if_needed()
        hovered = []
        for mark in marks.all():
            box = mark.bounding_box()
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            hovered.append(out.inner_text())
        assert hovered == said
        assert all(said)
        page.mouse.move(0, 0)
        assert out.inner_text() == ""
    page.close()
