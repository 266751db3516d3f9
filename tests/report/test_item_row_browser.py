"""The opened row in a real browser: all that is known of an item, and marks on labels that a review can read."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from urllib.parse import quote

import numpy as np
import pytest
from synthetic import synthetic_source

from harness.goldens.queues import read_queue
from harness.report.comparison.build import build_report
from harness.report.comparison.page import write_html
from harness.report.comparison.sections import all_disagree
from harness.report.comparison.source import VoteCounts

pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
pytestmark = pytest.mark.browser

STRANGE = '=cmd|"x",y'


def told_source():
    """Three repeats, votes, prices, reasons and a policy's words; one id that a spreadsheet would run."""
    source = synthetic_source(60, 3, 3)
    shape = source.y_true.shape
    first, *others = source.arms
    moved = {one for pair in source.comparisons for category in pair.categories.values()
             for one in (*category.fixed, *category.broken)}  # fmt: skip
    at = next(at for at, one in enumerate(source.item_ids) if one not in moved)
    outcomes = first.outcomes.copy()
    outcomes[at] = 1
    arms = (
        dataclasses.replace(
            first,
            outcomes=outcomes,
            reasons=["no label in 'some words of the text'" if one == at else None for one in range(60)],
            cost_usd=np.full(60, 0.000125),
            n_flagged=np.full(shape, 2),
            n_repeats=3,
            run_id="run-1",
        ),
        *others,
    )
    votes = VoteCounts(np.full(shape, 2), np.full(shape, 3))
    ids = [STRANGE if index == at else one for index, one in enumerate(source.item_ids)]
    return dataclasses.replace(
        source,
        arms=arms,
        votes=votes,
        item_ids=ids,
        definitions={source.categories[0]: "What this policy means."},
    )


def test_an_opened_row_tells_all_and_its_labels_can_be_marked_for_a_review(browser, tmp_path):
    source = told_source()
    data = dataclasses.replace(build_report(source, generated_at="now", version="0.1.0"), n_repeats=3)
    path = write_html(source, data, tmp_path / "report.html", "masked")[0]
    page = browser.new_page(accept_downloads=True)
    page.goto(f"{path.as_uri()}#item={quote(STRANGE)}")
    page.wait_for_selector("tr.detail")
    assert page.locator("#marks").is_hidden()
    detail = page.locator("tr.detail")
    text = detail.inner_text()
    name = dict(data.categories)[source.categories[0]]
    assert "unparsed: no label in 's••• w•••• o• t•• t•••'" in text  # a quotation is masked like the text it may be of
    assert "some words" not in text
    assert "$0.000125" in text
    assert f"{name} flagged in 2 of 3 repeats" in text
    assert "2 of 3 yes" in text
    at = source.item_ids.index(STRANGE)
    assert f"({source.arms[1].scores[at, 0]:.3f})" in text  # as harness show has it; it had two digits
    assert f"harness show run-1 '{STRANGE}'" in text
    detail.locator("summary").first.click()
    assert "What this policy means." in detail.inner_text()
    mark = detail.locator(".mark").first
    mark.focus()
    page.keyboard.press("Enter")
    assert mark.get_attribute("aria-pressed") == "true"
    assert page.locator("#marks-count").inner_text() == "1 label marked as looking wrong"
    with page.expect_download() as told:
        page.locator("#marks-save").click()
    told.value.save_as(tmp_path / "marks.csv")
    golden = SimpleNamespace(name="g", ids=lambda: source.item_ids)
    (row,) = read_queue(tmp_path / "marks.csv", golden)
    assert (row.item, row.category) == (STRANGE, source.categories[0])
    assert row.why.startswith("looks wrong to a reader of a report; gold ")
    mark.click()
    assert page.locator("#marks").is_hidden()
    page.close()


def test_a_failed_answer_is_told_as_its_fallback_and_contradicts_no_label(browser, tmp_path):
    """The mark of a label said that a candidate contradicts it whose answer could not be read."""
    source = synthetic_source(60, 3, 2)
    source.y_true[0, 0] = 1
    failed, answered = source.arms
    outcomes, decisions = failed.outcomes.copy(), failed.decisions.copy()
    outcomes[0], decisions[0, 0] = 1, 0
    said = answered.decisions.copy()
    said[0, :2] = 0
    source.y_true[0, 1] = 1
    is_open = np.zeros(said.shape, dtype=bool)
    is_open[0, 1] = True
    arms = (
        dataclasses.replace(failed, outcomes=outcomes, decisions=decisions),
        dataclasses.replace(
            answered, decisions=said, outcomes=np.zeros_like(outcomes), is_fallback=is_open, scores=None
        ),
    )
    source = dataclasses.replace(source, arms=arms)
    data = build_report(source, generated_at="now", version="0.1.0")
    path = write_html(source, data, tmp_path / "report.html", "masked")[0]
    page = browser.new_page(accept_downloads=True)
    page.goto(f"{path.as_uri()}#item={quote(source.item_ids[0])}")
    page.wait_for_selector("tr.detail")
    cells = page.locator("tr.detail tbody tr").first.locator("td").all_inner_texts()
    assert cells[1].startswith("no (fallback)")
    assert cells[2].startswith("no")
    assert "fallback" not in cells[2]
    others = page.locator("tr.detail tbody tr").nth(1).locator("td").all_inner_texts()
    assert others[2] == "no (fallback)"  # an answer that leaves this category open
    page.locator("tr.detail .mark").first.click()
    with page.expect_download() as told:
        page.locator("#marks-save").click()
    told.value.save_as(tmp_path / "marks.csv")
    assert "gold yes, contradicted by v2" in (tmp_path / "marks.csv").read_text()
    assert not all_disagree(source)[0, 0]  # one of two has decided
    page.close()


@pytest.mark.parametrize("width", [390, 768])
def test_an_opened_row_fits_a_narrow_screen_with_the_heads_of_its_table(browser, tmp_path, width):
    """Its words were cut at the right edge, names of categories had one letter a line, and candidates no head."""
    source = told_source()
    long = dataclasses.replace(source.arms[0], rationales=["A reason of several words. " * 20] * 60)
    source = dataclasses.replace(source, arms=(long, *source.arms[1:]))
    data = build_report(source, generated_at="now", version="0.1.0")
    path = write_html(source, data, tmp_path / "report.html", "masked")[0]
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(f"{path.as_uri()}#item={quote(STRANGE)}")
    page.wait_for_selector("tr.detail")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    card = page.locator("tr.detail").bounding_box()
    told = [one.bounding_box() for one in page.locator("tr.detail dd").all()]
    assert max(box["x"] + box["width"] for box in told) <= card["x"] + card["width"]
    assert min(one.bounding_box()["width"] for one in page.locator("tr.detail tbody th").all()) > 60
    heads = page.locator("tr.detail thead th")
    assert heads.all_inner_texts() == ["Category", "Gold", "Votes", "v1", "v2", "v3", "This label"]
    assert all(one.bounding_box()["width"] > 10 for one in heads.all())
    page.close()
