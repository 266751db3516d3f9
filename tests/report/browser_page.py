"""What the tests of the comparison page in a real browser share: the page under watch, and how to read it."""

from __future__ import annotations

import re

import pytest

from harness.report.comparison.build import build_report
from harness.report.comparison.page import write_html

expect = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright").expect

WHEN = "2026-11-23 09:30 UTC"


def written(source, folder, text_mode="masked"):
    data = build_report(source, generated_at=WHEN, version="0.1.0")
    return write_html(source, data, folder / "report.html", text_mode)[0]


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


def total(page):
    return int(re.match(r"([\d,]+) of|No item", page.inner_text("#count"))[1].replace(",", ""))


def unfold(page, section):
    """Open a folded section as a keyboard does."""
    page.locator(f"#{section} > details.fold > summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"#{section} > details.fold")).to_have_attribute("open", "")


def settled(page, action):
    before = page.get_attribute("#items", "data-ready")
    action()
    expect(page.locator("#items")).not_to_have_attribute("data-ready", before, timeout=90_000)


def changed_ids(source, pair, name, column=None):
    compared = source.comparisons[pair].categories
    wanted = source.categories if column is None else source.categories[column : column + 1]
    return {one for category in wanted for one in getattr(compared[category], name)}
