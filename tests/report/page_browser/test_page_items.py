"""The list of items in the browser: what it shows first, sorting, paging, links, large reports."""

from __future__ import annotations

import pytest
from browser_page import changed_ids, expect, settled, total, written

from harness.report.comparison import page as page_module

pytestmark = pytest.mark.browser


def test_page_loads_nothing_but_itself(watched, report):
    watched.open(report)
    assert watched.requests == [report.as_uri()]


def test_first_table_shows_fixed_and_broken_items(watched, report, source):
    page = watched.open(report)
    assert total(page) == len(changed_ids(source, 0, "fixed") | changed_ids(source, 0, "broken"))


def test_sort_paging_and_page_size(watched, report):
    page = watched.open(report)
    settled(page, lambda: page.select_option("#f-change", "all"))
    settled(page, lambda: page.select_option("#f-sort", "file"))
    assert page.locator("#item-rows .id").first.inner_text() == "c-000001"
    settled(page, lambda: page.click("#next"))
    assert page.locator("#item-rows .id").first.inner_text() == "c-000011"
    settled(page, lambda: page.click("#last"))
    assert page.is_disabled("#next")
    settled(page, lambda: page.click("#first"))
    settled(page, lambda: page.select_option("#f-size", "100"))
    assert page.locator("#item-rows tr").count() == 100
    settled(page, lambda: page.click("#reset"))
    assert page.input_value("#f-change") == "changed"


def test_candidate_switch_changes_tables_and_items(watched, report, source):
    page = watched.open(report)
    settled(page, lambda: page.locator("label", has_text="v3").first.click())
    assert page.locator("#item-head th").all_inner_texts()[4] == "v3"
    assert total(page) == len(changed_ids(source, 1, "fixed") | changed_ids(source, 1, "broken"))
    shown = page.locator("#categories table:visible")
    assert shown.count() == 1
    assert "v3" in shown.inner_text()


def test_deep_link_opens_an_item_beyond_the_filter(watched, report, source):
    page = watched.open(report, "#item=c-000123")
    page.wait_for_selector("tr.detail")
    button = page.locator(".id[aria-expanded=true]")
    assert button.inner_text() == "c-000123"
    assert button.evaluate("node => node === document.activeElement")
    assert "Why (v1)" in page.inner_text("tr.detail")


def test_deep_link_to_no_item_says_so(watched, report):
    page = watched.open(report, "#item=nobody")
    expect(page.locator("#count")).to_contain_text("no item nobody", timeout=90_000)


def test_data_folder_serves_a_large_report(watched, tmp_path, monkeypatch, source):
    monkeypatch.setattr(page_module, "FILE_LIMIT", 1_000)
    path = written(source, tmp_path)
    page = watched.open(path)
    assert len(list((tmp_path / "report_data").glob("*.js"))) == 3
    assert total(page) == len(changed_ids(source, 0, "fixed") | changed_ids(source, 0, "broken"))
    assert {url.rsplit("/", 1)[1] for url in watched.requests} == {"report.html", "index.js", "codes.js", "items-0.js"}


def test_missing_data_folder_is_said(browser, tmp_path, monkeypatch, source):
    monkeypatch.setattr(page_module, "FILE_LIMIT", 1_000)
    path = written(source, tmp_path)
    (tmp_path / "report_data" / "codes.js").unlink()
    page = browser.new_page()
    page.goto(path.as_uri())
    expect(page.locator("#count")).to_contain_text("keep the folder beside this page", timeout=90_000)
    page.close()


def seen(page):
    """What the reader has chosen and sees: filters, page and rows."""
    chosen = [page.input_value(f"#f-{name}") for name in ("change", "sort", "category")]
    return [*chosen, page.inner_text("#page-of"), *page.locator("#item-rows .id").all_inner_texts()]


def again(page, action, expected):
    """Take a step of the history, and wait until the page shows this."""
    action()
    page.wait_for_function("(text) => document.getElementById('page-of').textContent === text", arg=expected[3])
    assert seen(page) == expected


def test_addresses_and_the_history_lead_back_to_what_was_seen(watched, browser, report, source):
    """The way back kept the filters of now, or forgot the page; a link to an item forgot the candidate."""
    page = watched.open(report)
    first = seen(page)
    page.evaluate("location.hash = '#cost'")  # a step of the history
    page.go_back()
    settled(page, lambda: page.evaluate("location.hash = '#items&change=all&sort=file&size=25&pair=1'"))
    settled(page, lambda: page.click("#next"))
    second = seen(page)
    assert second[3].startswith("Page 2")
    page.locator("#item-rows .id").nth(3).click()
    link = page.locator("tr.detail a").first.get_attribute("href")
    assert link == f"#item={source.item_ids[28]}" + ("" if page.evaluate("H.START.pair") == 1 else "&pair=1")
    settled(page, lambda: page.click(f'a[href="{link}"]'))
    again(page, page.go_back, second)
    again(page, page.go_back, first)
    again(page, page.go_forward, second)
    copied = page.url
    for address in (copied, f"{report.as_uri()}{link}"):
        fresh = browser.new_page()
        fresh.goto(address)
        fresh.wait_for_selector(f"tr[data-index='28']{'.open' if address != copied else ''}")
        assert source.arms[2].id in fresh.inner_text("#item-head")
        if address == copied:
            assert seen(fresh) == second
        fresh.close()


@pytest.mark.parametrize("fragment", ["#items&sort=nothing&pair=9&page=-3", "#items&category=99&page=x&size=7"])
def test_an_address_that_names_no_choice_shows_the_list(watched, report, fragment):
    page = watched.open(report, fragment)
    expect(page.locator("#item-rows .id")).to_have_count(10)
