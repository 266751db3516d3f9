"""The page for every reader: keyboard, themes, widths, accessibility."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from browser_page import Watched, settled, unfold, written
from stories import Story, caught, half
from synthetic import synthetic_source

from harness.jobs.report import load_source

pytestmark = pytest.mark.browser


def test_keyboard_opens_an_item_and_keeps_the_place(watched, report):
    page = watched.open(report)
    page.locator("#item-rows .id").first.focus()
    settled(page, lambda: page.keyboard.press("Enter"))
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    settled(page, lambda: page.keyboard.press("Enter"))
    assert page.locator("tr.detail").count() == 0


def test_theme_button_switches(watched, report):
    page = watched.open(report)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


@pytest.mark.parametrize("width", [1440, 768, 390])
def test_body_never_scrolls_sideways(browser, report, width):
    one = Watched(browser, viewport={"width": width, "height": 900})
    page = one.open(report)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_no_serious_issue(browser, axe, report, scheme):
    one = Watched(browser, color_scheme=scheme, bypass_csp=True)
    page = one.open(report)
    settled(page, page.locator("#item-rows .id").first.click)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.add_script_tag(content=axe)
    found = page.evaluate("axe.run().then((done) => done.violations.map((v) => [v.impact, v.id, v.nodes[0].html]))")
    assert [one for one in found if one[0] in ("serious", "critical")] == []
    page.close()


def test_a_decision_of_more_than_a_sheet_begins_on_the_first(browser, report):
    """Its grid did not break: the first sheet ended below the verdict, and the harm began on the second."""
    page = browser.new_page(viewport={"width": 700, "height": 900})
    page.goto(report.as_uri())
    page.emulate_media(media="print")
    grids = page.locator(".verdict dl.screen, .verdict dl.screen > div").evaluate_all(
        "(all) => all.map((one) => getComputedStyle(one).display)"
    )
    assert set(grids) == {"block"}
    page.close()


def test_a_phone_shows_figures_beside_long_names_whole(browser, report):
    """The interval of a candidate with a name of thirty characters was cut at the edge."""
    one = Watched(browser, viewport={"width": 390, "height": 900})
    page = one.open(report)
    page.evaluate(
        "document.querySelectorAll('.who').forEach((one) => { one.textContent = 'prompt_with_examples_and_policy'; })"
    )
    cut = page.evaluate(
        "[...document.querySelectorAll('#categories td .value > *')].filter((one) => one.offsetParent"
        " && one.getBoundingClientRect().right > one.closest('td').getBoundingClientRect().right + 1).length"
    )
    assert page.locator("#categories td .value:visible").count()
    assert cut == 0
    page.close()


def test_a_table_sorts_by_its_values_whatever_figures_names_have(browser, report):
    """Values were sorted by the 1 of ``baseline_v1``, drawings had a button that did nothing."""
    page = browser.new_page()
    page.goto(report.as_uri())
    page.evaluate("document.querySelectorAll('.who').forEach((one) => { one.textContent = 'v1'; })")
    heads = page.locator("#categories table.cards:visible th button.sort")
    assert not any("to 100%" in text for text in heads.all_inner_texts())
    heads.filter(has_text="Values").click()
    cells = page.locator("#categories table.cards:visible tbody td[data-label=Values] b").all_inner_texts()
    figures = [float(text.rstrip("%")) for text in cells]
    assert len(set(figures)) > 1
    assert figures == sorted(figures, reverse=True)
    page.close()


def test_a_table_sorts_by_keyboard(browser, report):
    """No table sorted."""
    page = browser.new_page()
    page.goto(report.as_uri())
    button = page.locator("#categories table.cards:visible th button.sort").nth(1)
    button.focus()
    page.keyboard.press("Enter")
    head = button.locator("xpath=..")
    assert head.get_attribute("aria-sort") == "descending"
    cells = page.locator("#categories table.cards:visible tbody tr td:nth-child(2)").all_inner_texts()
    figures = [int(text.split()[0].replace(",", "")) for text in cells]
    assert figures == sorted(figures, reverse=True)
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    page.close()


def test_a_link_to_a_folded_section_opens_it(watched, report):
    page = watched.open(report)
    folded = page.locator("#confusion > details.fold")
    assert folded.get_attribute("open") is None
    page.locator('nav a[href="#confusion"]').focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#confusion > details.fold[open] table.heat:visible", timeout=90_000)


def test_every_control_in_view_is_reached_by_the_tab_key(watched, report):
    """A control that only a mouse reaches is not there for everybody."""
    page = watched.open(report)
    wanted = page.evaluate("""() => {
      const seen = (one) => one.checkVisibility() && !one.disabled && !(one.type === "radio" && !one.checked);
      const all = [...document.querySelectorAll("button, select, input, summary, a[href]")].filter(seen);
      all.forEach((one, at) => { one.dataset.at = at; });
      return all.length;
    }""")
    reached = set()
    for _ in range(wanted + 120):  # scrolled regions take a stop of their own
        page.keyboard.press("Tab")
        at = page.evaluate("document.activeElement.dataset.at ?? ''")
        reached.add(at)
        if at == str(wanted - 1):
            break
    assert {str(at) for at in range(wanted)} - reached == set()


def test_parts_that_travel_packed_are_put_in_their_places(watched, tmp_path):
    """Switches, sorting and the sums of production reach what was unpacked."""
    page = watched.open(written(synthetic_source(60, 3, 9), tmp_path))
    assert page.locator("script[data-packed]").count() == 0
    unfold(page, "production")
    page.fill("#traffic", "1000")
    tables = page.locator("#production table:visible")
    assert tables.count() == 1
    assert tables.locator("button.sort").count() > 3
    assert not page.locator("#production td:visible", has_text=",000").count()
    unfold(page, "confusion")
    assert page.locator("#confusion table:visible").count() == 1


LABELS = """() => {
  const pen = document.createElement("canvas").getContext("2d"), found = {};
  for (const cell of document.querySelectorAll("main .cards td[data-label]")) {
    const label = getComputedStyle(cell, "::before");
    if (!cell.getBoundingClientRect().width || label.content === "none") continue;
    pen.font = `${label.fontWeight} ${label.fontSize} ${label.fontFamily}`;
    const parts = label.whiteSpace === "nowrap" ? [cell.dataset.label] : cell.dataset.label.split(" ");
    const widest = Math.max(...parts.map((one) => pen.measureText(one).width));
    found[cell.dataset.label] = widest <= parseFloat(label.width) + 1;
  }
  return found;
}"""


@pytest.mark.parametrize("width", [768, 390])
def test_no_label_of_a_card_runs_into_its_figure(browser, source, tmp_path, width):
    """ "Cost per 1,000 itemsunknown: no price": a number's cell does not wrap, and neither did the label before it."""
    one = Watched(browser, viewport={"width": width, "height": 900})
    page = one.open(written(source, tmp_path))
    page.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
    fits = page.evaluate(LABELS)
    assert "Cost per 1,000 items" in fits
    assert [name for name, does in fits.items() if not does] == []
    page.close()


def test_on_paper_a_candidate_alone_has_recall_and_precision_and_no_texts(browser, tmp_path):
    """Of sixty categories it said that no category shows a change, though nothing is compared."""
    gold = {f"c{number:02d}": half(30, 30) for number in range(14)}
    answers = {name: caught(labels, 27) for name, labels in gold.items()}
    run = Story(tmp_path, gold, checks=None).run({"v1": answers})
    source, _ = load_source(run, None, ("v1",), run, "masked")
    one = Watched(browser)
    page = one.open(written(source, tmp_path))
    assert "change that can be told" not in page.inner_text("#categories")
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    page.close()
    if shutil.which("pdftotext"):
        told = subprocess.run(["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, check=True)
        words = told.stdout.decode()
        assert "Recall and precision of every candidate" in words
        assert words.count("90.0%") >= 14
        assert words.count("100.0%") >= 14
        assert not [text for text in (*source.texts, *source.item_ids) if text and text in words]
