"""100,000 items, 20 categories, 4 candidates: time and memory to build, first content, a table that stays quick."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright").expect
pytestmark = pytest.mark.slow

BUILD = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from synthetic import synthetic_source
from tests.peak import peak_megabytes
from harness.report.comparison.build import build_report
from harness.report.comparison.page import write_html

source = synthetic_source(*map(int, sys.argv[3:6]))
started = time.perf_counter()
data = build_report(source, generated_at="now", version="0.1.0")
files = write_html(source, data, Path(sys.argv[2]) / "report.html")
print(json.dumps({
    "seconds": time.perf_counter() - started,
    "megabytes": peak_megabytes(),
    "files": len(files),
    "page_bytes": files[0].stat().st_size,
}))
"""


def build(folder, n_items, n_categories=20, n_candidates=4):
    sizes = [str(n) for n in (n_items, n_categories, n_candidates)]
    command = [sys.executable, "-c", BUILD, str(Path(__file__).parent), str(folder), *sizes]
    return json.loads(
        subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]).stdout
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    return folder, build(folder, 100_000)


def test_large_report_is_built_within_a_minute_and_1500_megabytes(large):
    _, measured = large
    assert measured["seconds"] < 60
    assert measured["megabytes"] < 1_500
    assert measured["files"] > 100


def test_five_thousand_items_travel_as_one_attachment(tmp_path):
    measured = build(tmp_path, 5_000)
    assert measured["files"] == 1
    assert measured["page_bytes"] < 3_000_000


def test_twenty_candidates_make_a_page_of_less_than_two_megabytes(tmp_path):
    """Every slice of every candidate stood on the page: 4.2 MB, which no mail takes and few browsers like."""
    measured = build(tmp_path, 300, 10, 20)
    assert measured["files"] == 1
    assert measured["page_bytes"] < 2_000_000


def test_sixty_categories_of_five_candidates_travel_as_one_attachment(tmp_path):
    """They made a page of 5.5 MB, most of it tables of candidates that are not in view."""
    measured = build(tmp_path, 2_000, 60, 5)
    assert measured["files"] == 1
    assert measured["page_bytes"] < 3_000_000


@pytest.mark.browser
def test_large_report_shows_content_at_once_and_filters_quickly(large, browser):
    folder, _ = large
    page = browser.new_page()
    page.goto((folder / "report.html").as_uri(), wait_until="commit")
    page.wait_for_selector("#items[data-ready]", timeout=30_000)
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert paint < 2_000
    for name, value in (("change", "all"), ("kind", "ws"), ("kind", ""), ("sort", "errors")):
        before, started = page.get_attribute("#items", "data-ready"), time.perf_counter()
        page.select_option(f"#f-{name}", value)
        expect(page.locator("#items")).not_to_have_attribute("data-ready", before, timeout=30_000)
        assert time.perf_counter() - started < 3
    assert page.locator("#item-rows tr").count() == 25
    page.close()
