"""The comparison page in a real browser: every control, no console error, nothing hostile runs, axe finds nothing."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hostile import ATTACKS, hostile_source
from synthetic import synthetic_source

from harness.report.comparison import page as page_module
from harness.report.comparison.build import build_report
from harness.report.comparison.page import write_html
from harness.report.parts.masking import mask

expect = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright").expect
pytestmark = pytest.mark.browser

WHEN = "2026-11-23 09:30 UTC"


def written(source, folder, text_mode="masked"):
    data = build_report(source, generated_at=WHEN, version="0.1.0")
    return write_html(source, data, folder / "report.html", text_mode)[0]


@pytest.fixture(scope="module")
def source():
    return synthetic_source(240, 5, 3)


@pytest.fixture(scope="module")
def report(source, tmp_path_factory):
    return written(source, tmp_path_factory.mktemp("report"))


class Watched:
    """A page that notes everything that should not happen."""

    def __init__(self, browser, **options):
        self.page = browser.new_page(**options)
        self.page.set_default_timeout(90_000)  # a loaded machine is slow, not wrong
        self.faults = []
        self.requests = []
        self.page.on("console", lambda message: message.type == "error" and self.faults.append(message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.faults.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def open(self, path, fragment=""):
        self.page.goto(path.as_uri() + fragment)
        self.page.wait_for_selector("#items[data-ready]")
        return self.page


@pytest.fixture
def watched(browser):
    one = Watched(browser)
    yield one
    one.page.close()
    assert one.faults == []


def total(page):
    return int(re.match(r"([\d,]+) of|No item", page.inner_text("#count"))[1].replace(",", ""))


def settled(page, action):
    before = page.get_attribute("#items", "data-ready")
    action()
    expect(page.locator("#items")).not_to_have_attribute("data-ready", before, timeout=90_000)


def changed_ids(source, pair, name, column=None):
    compared = source.comparisons[pair].categories
    wanted = source.categories if column is None else source.categories[column : column + 1]
    return {one for category in wanted for one in getattr(compared[category], name)}


def test_page_loads_nothing_but_itself(watched, report):
    watched.open(report)
    assert watched.requests == [report.as_uri()]


def test_first_table_shows_fixed_and_broken_items(watched, report, source):
    page = watched.open(report)
    assert total(page) == len(changed_ids(source, 0, "fixed") | changed_ids(source, 0, "broken"))


def test_link_of_a_category_filters_the_items(watched, report, source):
    page = watched.open(report)
    link = page.locator("#categories a", has_text="newly caught").first
    expected = int(link.inner_text().split()[0])
    settled(page, link.click)
    caught = [one.newly["caught"] for one in source.comparisons[0].categories.values()]
    assert total(page) == expected == len(next(ids for ids in caught if ids))
    assert page.input_value("#f-change") == "caught"


@pytest.mark.parametrize("kind", ["fp", "fn", "ws", "te"])
def test_filter_by_kind_of_error_agrees_with_the_arrays(watched, report, source, kind):
    page = watched.open(report)
    settled(page, lambda: page.select_option("#f-change", "all"))
    settled(page, lambda: page.select_option("#f-kind", kind))
    gold, arm = source.y_true, source.arms[1]
    hit = ((gold == 1) & (arm.decisions == 1)).any(axis=1)
    wrong = ((gold == 0) & (arm.decisions == 1)).any(axis=1)
    expected = {
        "fp": wrong,
        "fn": ((gold == 1) & (arm.decisions == 0)).any(axis=1),
        "ws": (gold == 1).any(axis=1) & wrong & ~hit,
        "te": arm.outcomes != 0,
    }[kind]
    if expected.sum() == 0:
        assert page.inner_text("#count").startswith("No item")
    else:
        assert total(page) == int(expected.sum())


def test_filter_by_outcome_and_by_slice(watched, report, source):
    page = watched.open(report)
    settled(page, lambda: page.select_option("#f-change", "all"))
    settled(page, lambda: page.select_option("#f-outcome", "withheld"))
    assert total(page) == 1
    assert "(withheld)" in page.inner_text("#item-rows")
    settled(page, lambda: page.select_option("#f-outcome", ""))
    value = page.locator("#f-slice option", has_text="comment")
    settled(page, lambda: page.select_option("#f-slice", value.get_attribute("value")))
    assert total(page) == len(source.slices["surface"]["comment"])


def test_sort_paging_and_page_size(watched, report):
    page = watched.open(report)
    settled(page, lambda: page.select_option("#f-change", "all"))
    settled(page, lambda: page.select_option("#f-sort", "file"))
    assert page.locator("#item-rows .id").first.inner_text() == "c-000001"
    settled(page, lambda: page.click("#next"))
    assert page.locator("#item-rows .id").first.inner_text() == "c-000026"
    settled(page, lambda: page.click("#last"))
    assert page.is_disabled("#next")
    settled(page, lambda: page.click("#first"))
    settled(page, lambda: page.select_option("#f-size", "100"))
    assert page.locator("#item-rows tr").count() == 100
    settled(page, lambda: page.click("#reset"))
    assert page.input_value("#f-change") == "changed"


def test_texts_are_masked_until_they_are_shown(watched, report, source):
    page = watched.open(report)
    settled(page, lambda: page.select_option("#f-change", "all"))
    settled(page, lambda: page.select_option("#f-sort", "file"))
    clear = source.texts[0]
    assert clear not in page.content()
    assert "•" in page.inner_text("#item-rows")
    settled(page, page.locator("#item-rows .reveal").first.click)
    assert page.inner_text("#item-rows tr >> nth=0").count(clear) == 1
    assert source.texts[1] not in page.content()
    settled(page, lambda: page.check("#reveal-all"))
    assert source.texts[1] in page.inner_text("#item-rows")
    settled(page, lambda: page.uncheck("#reveal-all"))
    assert source.texts[1] not in page.content()


def test_page_masks_like_the_other_reports(watched, tmp_path, source):
    texts = [
        "You IDIOT, go away!",
        "e\u0301te\u0301 nai\u0308ve",
        "\u0939\u093f\u0928\u094d\u0926\u0940 \u0936\u092c\u094d\u0926",
        "\uc548\ub155 \uc138\uacc4",
        "\u0645\u0631\u062d\u0628\u0627",
        "a_b c3 4x",
        "\U0001f600 ok \U0001d4d7x",
    ]
    masked = dataclasses.replace(source, texts=[*texts, *source.texts[len(texts) :]])
    page = watched.open(written(masked, tmp_path))
    settled(page, lambda: page.select_option("#f-change", "all"))
    settled(page, lambda: page.select_option("#f-sort", "file"))
    shown = page.locator("#item-rows .masked").all_text_contents()[: len(texts)]
    assert shown == [mask(text) for text in texts]


def test_search_looks_at_texts_only_when_they_are_shown(watched, report, source):
    page = watched.open(report)
    settled(page, lambda: page.select_option("#f-change", "all"))
    settled(page, lambda: page.fill("#f-q", source.texts[3]))
    assert page.inner_text("#count").startswith("No item")
    settled(page, lambda: page.check("#reveal-all"))
    assert total(page) == 1
    settled(page, lambda: page.fill("#f-q", "c-000017"))
    assert total(page) == 1


def test_candidate_switch_changes_tables_and_items(watched, report, source):
    page = watched.open(report)
    settled(page, lambda: page.locator("label", has_text="v3").first.click())
    assert page.locator("#item-head th").all_inner_texts()[4] == "v3"
    assert total(page) == len(changed_ids(source, 1, "fixed") | changed_ids(source, 1, "broken"))
    shown = page.locator("#categories table:visible")
    assert shown.count() == 1
    assert "v3" in shown.inner_text()


def test_metric_switch_shows_one_table(watched, report):
    page = watched.open(report)
    for metric in ("Precision", "Over-blocking (FPR)", "F1", "Recall"):
        page.locator("#categories label", has_text=metric).click()
        assert page.locator("#categories table:visible").count() == 1
        assert metric in page.locator("#categories table:visible thead").inner_text()


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


def test_keyboard_opens_an_item_and_keeps_the_place(watched, report):
    page = watched.open(report)
    page.locator("#item-rows .id").first.focus()
    settled(page, lambda: page.keyboard.press("Enter"))
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    settled(page, lambda: page.keyboard.press("Enter"))
    assert page.locator("tr.detail").count() == 0


def test_production_follows_the_stated_traffic(watched, report):
    page = watched.open(report)
    cell = page.locator("#production [data-share]:visible").first
    at_a_million = float(cell.locator("b").inner_text().replace(",", ""))
    page.fill("#traffic", "2000000")
    assert float(cell.locator("b").inner_text().replace(",", "")) == pytest.approx(2 * at_a_million, abs=2)


def test_numbers_of_the_page_are_those_of_the_script(watched, report):
    """The file's own text and the script's must round alike, or numbers jump when the page opens."""
    page = watched.open(report)
    before = re.findall(r'data-share="[^"]+" data-unit="\w+"><b>([^<]*)</b>', report.read_text(encoding="utf-8"))
    assert page.locator("[data-share] b").evaluate_all("nodes => nodes.map((node) => node.textContent)") == before


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


def test_text_none_keeps_texts_and_rationales_out_of_the_file(watched, source, tmp_path):
    path = written(source, tmp_path, "none")
    page = watched.open(path)
    assert "(not shown)" in page.inner_text("#item-rows")
    everything = page.evaluate(
        "Promise.all([...document.querySelectorAll('script[data-block]')].map(async (node) => {"
        "const text = node.textContent.trim(), bytes = Uint8Array.from(atob(text.slice(1)), (c) => c.charCodeAt(0));"
        "if (text[0] === 'p') return new TextDecoder().decode(bytes);"
        "const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));"
        "return new Response(stream).text(); }))"
    )
    whole = path.read_text(encoding="utf-8") + "".join(everything)
    assert not any(text and text in whole for text in source.texts)
    assert "Reads as" not in whole


@pytest.mark.parametrize("text_mode", ["masked", "full", "none"])
def test_nothing_hostile_runs(watched, tmp_path, text_mode):
    source = hostile_source()
    page = watched.page
    page.add_init_script("window.fired = []; window.alert = (x) => window.fired.push(String(x));")
    empty = tmp_path / "empty.html"
    empty.write_text("<!doctype html><title>empty</title>", encoding="utf-8")
    page.goto(empty.as_uri())
    globals_before = set(page.evaluate("Object.keys(window)"))
    watched.requests.clear()
    path = written(source, tmp_path, text_mode)
    watched.open(path)
    settled(page, lambda: page.select_option("#f-change", "all"))
    settled(page, lambda: page.select_option("#f-size", "200"))
    if text_mode == "masked":
        settled(page, lambda: page.check("#reveal-all"))
    for number in range(page.locator("#item-rows .id").count()):
        settled(page, page.locator("#item-rows .id").nth(number).click)
    for node in page.locator("#categories label").all():
        node.click()
    page.wait_for_timeout(200)
    assert page.evaluate("window.fired") == []
    assert watched.requests == [path.as_uri()]
    assert page.url.startswith("file:")
    assert set(page.evaluate("Object.keys(window)")) - globals_before <= {"harnessBlock"}
    assert (
        page.locator("main iframe, main object, main embed, main img, main base, main script, main form").count() == 0
    )
    assert len(ATTACKS) >= 40
    if text_mode != "none":
        assert "<script>alert(1)</script>" in page.inner_text("#item-rows")


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


def test_slices_show_the_change_first_and_values_on_request(watched, report):
    page = watched.open(report)
    change, value = (page.locator(f'[data-when="slice_view={view}"]') for view in ("change", "value"))
    expect(change).to_be_visible()
    expect(value).to_be_hidden()
    expect(change.get_by_role("heading", name="Change of recall by language")).to_be_visible()
    page.locator('[name="slice_metric"][value="fpr"]').check(force=True)
    expect(change.get_by_role("heading", name="Change of false positive rate by language")).to_be_visible()
    page.locator('[name="slice_view"][value="value"]').check(force=True)
    expect(change).to_be_hidden()
    expect(value).to_be_visible()


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
