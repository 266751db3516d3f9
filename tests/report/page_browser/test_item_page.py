"""The page of one item in a real browser: axe, and a phone."""

from __future__ import annotations

import pytest

from harness.report.item.data import Call, CandidateSheet, ItemSheet, Reading
from harness.report.item.page import item_page

pytestmark = pytest.mark.browser


def test_axe_finds_nothing_and_a_phone_shows_whole_words_and_the_marks(browser, axe):
    """Headings jumped from the second to the fourth rank; a phone had "protect ed groups" and cut the marks off."""
    names = {"hate": "Hate towards protected groups", "scams": "Scams and deceptive offers"}
    call = Call("k", "m", "/chat/completions", (("system", "You moderate."), ("user", "a text")), None, {}, "same")
    told, tokens = dict.fromkeys(names, 1), {"input_tokens": 9, "output_tokens": 1}
    reading = Reading(
        0, "ok", told, {"hate": 0.641, "scams": 0.7}, None, "why", 9.0, 0.000004, tokens, False, calls=(call,)
    )
    sheet = ItemSheet(
        "run-1", "e", "g v1", "p v1", "i-1", "a text", "full", told, (), {}, None, 1.0, False,
        {name: (said, "What it means.") for name, said in names.items()},
        tuple(CandidateSheet(name, "", "json", (reading,)) for name in ("v1", "v2")),
    )  # fmt: skip
    page = browser.new_page(viewport={"width": 390, "height": 800}, bypass_csp=True)
    page.set_content(item_page(sheet, "1", may_reveal=False))
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    box = page.locator(".labels").bounding_box()
    around = page.locator(".scroll").bounding_box()
    assert box["x"] + box["width"] <= around["x"] + around["width"] + 1
    lines = page.locator(".labels tbody th").first.evaluate("(th) => th.getClientRects()[0].height / 24")
    assert lines < 6  # one line a word; a word that is broken takes two
    page.add_script_tag(content=axe)
    found = page.evaluate("axe.run().then((done) => done.violations.map((v) => [v.id, v.nodes[0].html]))")
    assert found == []
    page.close()
