"""The list of runs of ``harness view`` on a wide screen and on a phone."""

from __future__ import annotations

import pytest
from stored import store_run
from synthetic import synthetic_source

from harness.jobs.report import load_source
from harness.report.viewer import Viewer

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [1440, 390])
def test_the_list_of_runs_fits_and_breaks_no_word(browser, tmp_path, width):
    """On a phone the choice of candidates ran out of the page; on a screen it said "complet e" and "1,50 0"."""
    run_id = f"community_of_a_long_name-{'0123456789ab'}"
    store_run(synthetic_source(60, 3, 6), tmp_path / "runs", run_id)
    viewer = Viewer(
        str(tmp_path / "runs"), tmp_path, tmp_path / "work", 8765, load_source, lambda: "now", "0.1.0", "none"
    )
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_content(viewer.respond("GET", "/", {"Host": "127.0.0.1:8765"}).body.decode())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    heights = page.locator("td[data-label=Status], td[data-label=Cost], td[data-label=Items]").evaluate_all(
        "(all) => all.map((one) => { const range = document.createRange(); range.selectNodeContents(one);"
        " return range.getClientRects().length; })"
    )
    assert heights == [1, 1, 1]
    page.close()
