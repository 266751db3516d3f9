"""Filters, switches and numbers of the page in the browser."""

from __future__ import annotations

import re

import pytest
from browser_page import expect, settled, total, unfold

from harness.core.results import MetricResult
from harness.report.parts import numbers

pytestmark = pytest.mark.browser


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


def test_metric_switch_shows_one_table(watched, report):
    page = watched.open(report)
    for metric in ("Precision", "Over-blocking (FPR)", "F1", "Recall"):
        page.locator("#categories label", has_text=metric).click()
        assert page.locator("#categories table:visible").count() == 1
        assert metric in page.locator("#categories table:visible thead").inner_text()


def test_production_follows_the_stated_traffic(watched, report):
    page = watched.open(report)
    unfold(page, "production")
    cell = page.locator("#production [data-share]:visible").first
    at_a_million = float(cell.locator("b").inner_text().replace(",", ""))
    page.fill("#traffic", "2000000")
    assert float(cell.locator("b").inner_text().replace(",", "")) == pytest.approx(2 * at_a_million, abs=2)


AMOUNTS = """nodes => nodes.map((one) => [one.dataset.share, one.dataset.unit, one.textContent])"""


@pytest.mark.parametrize("traffic", ["1000000", "2500", "37"])
def test_numbers_of_the_page_are_those_of_the_script(watched, report, traffic):
    """The file's own text and the script's must round alike, or numbers jump when the page opens."""
    page = watched.open(report)
    before = re.findall(r'data-unit="\w+"><b>([^<]*)</b>([^<]*)<', report.read_text(encoding="utf-8"))
    shown = page.locator("[data-share]")
    assert [text for *_, text in shown.evaluate_all(AMOUNTS)] == ["".join(one) for one in before]
    unfold(page, "production")
    page.fill("#traffic", traffic)
    seconds = float(page.input_value("#seconds"))
    for share, unit, text in shown.evaluate_all(AMOUNTS):
        value, low, high = map(float, share.split())
        factor = float(traffic) * (seconds / 3600 if unit == "hours" else 1)
        assert text == numbers.amount_with_interval(MetricResult(value, low, high, 0), factor)


def test_slices_show_the_change_first_and_values_on_request(watched, report):
    page = watched.open(report)
    unfold(page, "slices")
    change, value = (page.locator(f'[data-when="slice_view={view}"]') for view in ("change", "value"))
    expect(change).to_be_visible()
    expect(value).to_be_hidden()
    expect(change.locator("summary:visible", has_text="Change of recall by language").first).to_be_visible()
    page.locator('[name="slice_metric"][value="fpr"]').check(force=True)
    expect(
        change.locator("summary:visible", has_text="Change of false positive rate by language").first
    ).to_be_visible()
    page.locator('[name="slice_view"][value="value"]').check(force=True)
    expect(change).to_be_hidden()
    expect(value).to_be_visible()
