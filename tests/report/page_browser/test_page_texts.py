"""What the browser shows of texts, and that nothing hostile runs."""

from __future__ import annotations

import dataclasses

import pytest
from browser_page import settled, total, written
from hostile import ATTACKS, hostile_source

from harness.report.parts.masking import mask

pytestmark = pytest.mark.browser

FOREIGN = (
    "iframe",
    "object",
    "embed",
    "img",
    "base",
    "script",
    "form",
    "link",
    "meta",
    "style",
    "video",
    "math",
    "body",
)
"""Elements that the attacks would make and the page never draws."""
RUNNABLE = """[...document.querySelectorAll("*")].flatMap((node) => [...node.attributes]
    .filter((one) => one.name.startsWith("on")
        || (/^(href|src|action|formaction|xlink:href|data|srcdoc)$/.test(one.name) && !/^(#|data:,$)/.test(one.value)))
    .map((one) => `${node.tagName} ${one.name}=${one.value}`))"""
"""Attributes that run something or lead out of the page."""


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


@pytest.mark.parametrize(
    ("text_mode", "every"),
    [("full", 6), *(pytest.param(mode, 1, marks=pytest.mark.slow) for mode in ("full", "masked", "none"))],
)
def test_nothing_hostile_runs(watched, tmp_path, text_mode, every):
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
    for number in range(0, page.locator("#item-rows .id").count(), every):
        settled(page, page.locator("#item-rows .id").nth(number).click)
    for node in page.locator("#categories label").all():
        node.click()
    page.wait_for_timeout(200)
    assert page.evaluate("window.fired") == []
    assert watched.requests == [path.as_uri()]
    assert page.url.startswith("file:")
    assert set(page.evaluate("Object.keys(window)")) - globals_before <= {"harnessBlock"}
    made = {name: page.locator(f"main {name}").count() for name in FOREIGN}
    assert not any(made.values()), made
    assert page.evaluate(RUNNABLE) == []
    assert len(ATTACKS) >= 40
    if text_mode != "none":
        assert "<script>alert(1)</script>" in page.inner_text("#item-rows")
