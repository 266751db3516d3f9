"""The head of the categories, the threshold explorer and the folded slices in a real browser, by keyboard."""

from __future__ import annotations

import re

import pytest
from browser_page import unfold
from synthetic import synthetic_source

from harness.report.comparison.build import build_report
from harness.report.comparison.dumbbell import dumbbells
from harness.report.comparison.page import write_html
from harness.report.parts import numbers

pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
pytestmark = pytest.mark.browser


def test_a_moved_threshold_reads_the_same_figures_as_the_table_and_axe_finds_nothing(browser, axe, tmp_path):
    source = synthetic_source(1_500, 4, 3)
    data = build_report(source, generated_at="now", version="0.1.0")
    path = write_html(source, data, tmp_path / "report.html", "masked")[0]
    page = browser.new_page(viewport={"width": 390, "height": 800})
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector("#items[data-ready]")
    slider = page.locator("#x-threshold")
    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert page.locator("#x-value").inner_text() == "0.70"
    candidate = page.locator("#x-candidate").input_value()
    assert candidate == data.pairs[0].candidate
    one = data.scored[0]
    (row,) = [row for row in one.thresholds[candidate] if abs(row.threshold - 0.7) < 1e-9]
    shown = {name: page.locator(f"#x-{name}").inner_text() for name in ("recall", "precision", "fpr", "flagged")}
    assert shown == {
        "recall": numbers.share_with_interval(row.recall),
        "precision": numbers.share_with_interval(row.precision),
        "fpr": numbers.share_with_interval(row.fpr),
        "flagged": numbers.count(row.n_flagged),
    }
    heard = slider.get_attribute("aria-valuetext")  # it said "flag from 0.70 on", and the figures without their names
    production, flags = (page.locator(f"#x-{name}").inner_text() for name in ("production", "flags"))
    assert heard == (
        f"flag from 0.70 on: recall {shown['recall']}, precision {shown['precision']}, "
        f"precision in production {production}, flags a day {flags}"
    )
    now = next(curve for curve in one.curves if curve.candidate == candidate)
    assert page.locator("#x-now-recall").inner_text() == numbers.share_with_interval(now.recall)
    # the false positive rate and the flags were dashes, which the moved threshold beside them has
    assert page.locator("#x-now-fpr").inner_text() == numbers.share_with_interval(now.fpr)
    arm = next(arm for arm in source.arms if arm.id == candidate)
    n_flagged = int((arm.decisions[source.y_true[:, 0] >= 0, 0] == 1).sum())
    assert page.locator("#x-now-flagged").inner_text() == numbers.count(n_flagged) != "0"
    counts = one.counts[candidate]
    assert (
        f"On the {numbers.count(counts.n_scored)} of {numbers.count(counts.n_labelled)}"
        in page.locator("#x-items").inner_text()
    )
    unfold(page, "production")
    page.locator("#traffic").fill("0")
    assert page.locator("#x-flags").inner_text() == "0"
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    unfold(page, "slices")
    assert page.locator("#slices details details[open]:visible").count() == 1
    page.locator("#f-category").select_option("1")
    page.wait_for_function("location.hash.includes('category=1')")
    shown_now = page.locator("#count").inner_text()
    page.reload()
    page.wait_for_function("(said) => document.getElementById('count').textContent === said", arg=shown_now)
    assert page.locator("#f-category").input_value() == "1"  # the address passed on shows the same items
    page.emulate_media(media="print")
    printed = " ".join(page.locator("table.printed").inner_text().split())
    assert not page.locator("#items").is_visible()
    for pair in data.pairs:
        for row in pair.rows:
            for metric in ("recall", "precision"):
                assert numbers.share_with_interval(row.measures[metric].candidate) in printed
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for section, is_open in (("gold", True), ("production", True), ("calibration", False), ("confusion", False)):
        assert page.locator(f"#{section} > details.fold").evaluate("(one) => one.open") == is_open
    assert not page.locator("#calibration .charts").is_visible()
    assert not page.locator("#curves details.long table").first.is_visible()  # threshold tables filled twelve sheets
    assert page.locator("table.matrix th, table.cards th").first.is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    page.evaluate(axe)
    found = page.evaluate("async () => (await axe.run()).violations.map((one) => `${one.id}: ${one.nodes[0].html}`)")
    assert found == []
    assert faults == []
    page.close()


def test_the_charts_are_titled_with_what_the_table_says_worst_first():
    data = build_report(synthetic_source(300, 8, 2), generated_at="now", version="0.1.0")
    (pair,) = data.pairs
    for one, metric in zip(dumbbells(pair), ("recall", "precision"), strict=True):
        changes = [row.measures[metric].change for row in pair.rows]
        for word in ("worse", "better"):
            n = changes.count(word) + changes.count(f"leans_{word}")
            assert (f"{n} {word} ({changes.count(word)} proven)" in one.title) == bool(n)
        drawings = one.drawing.split("<svg")[1:]
        assert len(drawings) == 2  # for a wide page and for a phone
        for drawing in drawings:
            told = [float(text) for text in re.findall(r"[▲▼△▽] ([+-]?[\d.]+)</text>", drawing)]
            assert told
            assert told == sorted(told)
        still = [
            row.name
            for row in pair.rows
            if row.measures[metric].change not in ("worse", "better", "leans_worse", "leans_better")
        ]
        assert all(name in one.left_out for name in still)
