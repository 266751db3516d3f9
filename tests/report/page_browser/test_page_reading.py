"""The page for every reader: keyboard, themes, widths, accessibility."""

from __future__ import annotations

import pytest
from browser_page import Watched, settled

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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_issue(browser, axe, report, scheme):
    one = Watched(browser, color_scheme=scheme, bypass_csp=True)
    page = one.open(report)
    settled(page, page.locator("#item-rows .id").first.click)
    page.add_script_tag(content=axe)
    found = page.evaluate("axe.run().then((done) => done.violations.map((v) => [v.impact, v.id, v.nodes[0].html]))")
    assert [one for one in found if one[0] in ("serious", "critical")] == []
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
