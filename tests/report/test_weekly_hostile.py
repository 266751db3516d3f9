"""Attack strings in every text of the weekly report: nothing acts in the page, the digest or the spreadsheet."""

import base64
import dataclasses
import re
import zipfile
from collections.abc import Mapping
from html.parser import HTMLParser

import openpyxl
import pytest
from hostile import ATTACKS
from msgspec import Struct, structs
from weekly_cases import EVAL, MODEL, History

from harness.core.results import MetricResult
from harness.report.comparison.renderers import RENDERERS as COMPARISON_RENDERERS
from harness.report.weekly.build import build_weekly
from harness.report.weekly.collect import collect
from harness.report.weekly.digest import LIMIT, digest
from harness.report.weekly.page import render_page
from harness.report.weekly.renderers import RENDERERS

KEPT = {
    "metric",
    "verdict",
    "tone",
    "kind",
    "week",
    "since",
    "fact",
    "proof",
    "claim",
    "closed",
    "source",
    "first_week",
    "golden",
    "previous_week",
}
"""Fields whose values are the harness's own words, or a week."""
ACTING = re.compile("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\u200b-\u200f\u2028\u2029\ufeff\ud800-\udfff]")
DANGEROUS = tuple("=+-@\t\r\n|%")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    history = History(tmp_path_factory.mktemp("hostile"))
    for week, caught in (("2026-W41", 90), ("2026-W42", 91)):
        history.week(week, {"main": caught, "control": 80}, fingerprints={"main": MODEL})
    fingerprints = {"main": {**MODEL, "model": ATTACKS[0]}}
    history.week("2026-W43", {"main": 60, "control": 80}, fingerprints=fingerprints)
    texts = {f"i{index:03d}": ATTACKS[index % len(ATTACKS)] for index in range(200)}
    source = dataclasses.replace(collect(history.runs, EVAL), texts=texts)
    return poisoned(build_weekly(source, generated_at="now", version="0.1.0", text_mode="masked"), iter_attacks())


def iter_attacks():
    while True:
        yield from ATTACKS


def poisoned(value, attacks, name=""):
    """The tree with every text of the user's replaced by the next attack string."""
    if isinstance(value, MetricResult):
        return value
    if isinstance(value, str):
        return value if name in KEPT else next(attacks)
    if isinstance(value, Struct):
        return structs.replace(
            value, **{name: poisoned(one, attacks, name) for name, one in structs.asdict(value).items()}
        )
    if dataclasses.is_dataclass(value):
        return dataclasses.replace(
            value,
            **{
                one.name: poisoned(getattr(value, one.name), attacks, one.name)
                for one in dataclasses.fields(value)
                if one.name not in ("series", "weeks", "rows", "runs")
            }
            | (
                {"rows": tuple(hostile_row(one, attacks) for one in value.rows)}
                if hasattr(value, "rows") and hasattr(value, "headline")
                else {}
            ),
        )
    if isinstance(value, tuple):
        return tuple(poisoned(one, attacks, name) for one in value)
    if isinstance(value, Mapping):
        return {next(attacks) if name == "slices" else key: poisoned(one, attacks) for key, one in value.items()}
    return value


def hostile_row(row, attacks):
    """Ids tie a row to its series; names, severities and owners are free."""
    return dataclasses.replace(row, name=next(attacks), severity=next(attacks), owner=next(attacks))


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


@pytest.mark.parametrize("mode", ["masked", "full", "none"])
def test_page_holds_no_element_of_a_users_text(data, mode):
    page = render_page(data, mode)
    parser = Elements()
    parser.feed(page)
    tags = [tag for tag, _ in parser.found]
    assert tags.count("script") == 1
    assert tags.count("style") == 1
    assert not {"img", "iframe", "object", "embed", "base", "form", "math", "video"} & set(tags)
    for tag, attributes in parser.found:
        assert not [name for name in attributes if name.startswith("on")]
        assert tag not in ("a", "link") or attributes["href"].startswith(("#", "data:,"))
        assert "src" not in attributes
    assert not ACTING.search(page)


def test_page_executes_nothing(data, tmp_path, browser):
    path = tmp_path / "weekly.html"
    path.write_text(render_page(data, "masked"), encoding="utf-8")
    page = browser.new_page()
    faults = []
    page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: faults.append(request.url) if not request.url.startswith("file:") else None)
    page.goto(path.as_uri())
    for reveal in page.locator("button.reveal").all():
        reveal.click()
    shown = page.locator("[data-text]").all_text_contents()
    assert shown
    assert not any("\u2022" in text for text in shown)
    page.locator("#reveal-all").check()
    page.locator("#reveal-all").uncheck()
    page.locator("#theme").click()
    for radio in page.locator("[data-switch]").all():
        radio.check(force=True)
    page.close()
    assert faults == []


def test_revealed_text_is_packed(data):
    packed = re.findall(r'data-text="([^"]*)"', render_page(data, "masked"))
    assert packed
    for one in packed:
        base64.b64decode(one, validate=True)


def test_digest_has_no_links_mentions_or_mark_up_of_a_users_text(data):
    text = digest(data)
    assert len(text) < LIMIT
    assert "<" not in text
    assert "@" not in text
    assert "://" not in text
    assert "](" not in text
    assert not ACTING.search(text)
    for number, line in enumerate(text.split("\n")):
        assert number == 0 or not re.search(r"(?<!\\)`", line)


@pytest.mark.parametrize("mode", ["masked", "full"])
def test_spreadsheet_holds_strings_and_no_formula(data, tmp_path, mode):
    (path,) = RENDERERS["xlsx"](data, tmp_path, mode)
    book = openpyxl.load_workbook(path)
    n_texts = 0
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type in ("s", "n"), cell.value
                if cell.hyperlink is not None:  # from an ask to its items: never out of the file
                    assert cell.hyperlink.target is None
                    assert re.fullmatch(r"'Ask items'!A\d+", cell.hyperlink.location)
                if isinstance(cell.value, str):
                    n_texts += 1
                    assert not cell.value.startswith(DANGEROUS), cell.value
                    assert not ACTING.search(cell.value)
    assert n_texts > 500
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            assert not name.startswith("xl/worksheets/") or b"<f>" not in archive.read(name)  # charts name ranges
            assert "externalLink" not in name


@pytest.mark.parametrize("name", ["png", "svg"])
def test_plots_draw_hostile_names_as_text(data, tmp_path, name):
    for path in RENDERERS[name](data, tmp_path, "none"):
        assert b"<script" not in path.read_bytes()


@pytest.mark.parametrize("name", ["md", "xlsx"])
def test_comparison_formats_survive_attacks(tmp_path, name):
    from hostile import hostile_source

    from harness.report.comparison.build import build_report

    source = hostile_source()
    data = build_report(source, generated_at="now", version="0.1.0")
    (path,) = COMPARISON_RENDERERS[name](source, data, tmp_path, "full")
    if name == "md":
        text = path.read_text(encoding="utf-8")
        outside = re.sub(r"^(`{3,})diff\n.*?\n\1$", "", text, flags=re.DOTALL | re.MULTILINE)
        assert not re.search(r"(?<!\\)<", outside)
        assert not re.search(r"(?<!\\)\]\(", outside)
        assert not ACTING.search(text)
        return
    for sheet in openpyxl.load_workbook(path):
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type in ("s", "n")
                assert not isinstance(cell.value, str) or not cell.value.startswith(DANGEROUS)


@pytest.mark.parametrize("name", ["md", "xlsx"])
def test_comparison_formats_have_the_same_bytes(tmp_path, name):
    from synthetic import synthetic_source

    from harness.report.comparison.build import build_report

    source = synthetic_source(60, 3, 3)
    data = build_report(source, generated_at="now", version="0.1.0")
    contents = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        contents.append(COMPARISON_RENDERERS[name](source, data, tmp_path / folder, "masked")[0].read_bytes())
    assert contents[0] == contents[1]
    assert b"comment lol" not in contents[0]
