"""Pictures in the rows of a comparison: masked like text, never more than a thumbnail, and said where unreadable."""

from __future__ import annotations

import base64
import dataclasses
import io

import pytest
from PIL import Image
from synthetic import synthetic_source

from harness.files.pictures import Named, PictureFolder
from harness.report.comparison.build import build_report
from harness.report.comparison.items import item_blocks
from harness.report.comparison.page import write_html
from harness.report.item import media
from harness.report.item.media import MASKED_SIDE, ROW_SIDE, RowPictures


@pytest.fixture
def pictures(tmp_path):
    """Item 0 has a picture, item 1 five frames, item 2 a file that is none, item 3 a name that is not there."""
    Image.effect_noise((640, 320), 90).convert("RGB").save(tmp_path / "cover.png")
    (tmp_path / "broken.png").write_text("no picture", encoding="utf-8")
    ids = synthetic_source(60, 3, 3).item_ids
    named = {
        ids[0]: (Named("images", "cover.png"),),
        ids[1]: tuple(Named("frames", "cover.png", float(second)) for second in range(5)),
        ids[2]: (Named("images", "broken.png"),),
        ids[3]: (Named("images", "gone.png"),),
    }
    return RowPictures(named, PictureFolder(tmp_path))


def opened(url):
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_what_is_seen_follows_how_texts_are_shown(pictures):
    first = next(iter(pictures.named))
    ((masked, _),) = pictures.of(first, "masked")
    ((full, words),) = pictures.of(first, "full")
    assert (max(opened(masked).size), opened(masked).mode) == (MASKED_SIDE, "L")
    assert max(opened(full).size) == ROW_SIDE
    assert words.startswith("images: cover.png (image/png, ")
    assert pictures.of(first, "none")[0][0] is None


def test_many_frames_are_counted_and_what_cannot_be_read_is_said(pictures):
    _, frames, broken, gone = pictures.named
    assert [words.partition(" (")[0] for _, words in pictures.of(frames, "masked")] == [
        "frames: cover.png at 0 s", "frames: cover.png at 1 s", "frames: cover.png at 2 s", "and 2 more",
    ]  # fmt: skip
    for item in (broken, gone):
        ((url, words),) = pictures.of(item, "full")
        assert url is None
        assert "(" in words
    assert pictures.of("another item", "full") == []


def test_no_picture_travels_where_no_text_does(pictures):
    source = dataclasses.replace(synthetic_source(60, 3, 3), pictures=pictures)
    assert "data:image" in read(source, "masked")
    assert "data:image" not in read(source, "none")
    assert "cover.png" not in read(source, "none")
    withheld = dataclasses.replace(source, texts=[None] * 60)
    assert "data:image" not in read(withheld, "full")


def read(source, mode):
    blocks = dict(item_blocks(source, mode))
    content = blocks["items-0"]
    packed = base64.b64decode(content[1:])
    if content[0] == "z":
        import zlib

        packed = zlib.decompress(packed, -zlib.MAX_WBITS)
    return packed.decode()


@pytest.mark.browser
def test_a_row_shows_its_pictures(browser, tmp_path, pictures):
    pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
    source = dataclasses.replace(synthetic_source(60, 3, 3), pictures=pictures)
    first, frames, broken, _ = pictures.named
    for mode, shown in (("masked", "masked"), ("full", "")):
        path = write_html(
            source, build_report(source, generated_at="now", version="1"), tmp_path / f"{mode}.html", mode
        )[0]
        page = browser.new_page()
        page.goto(path.as_uri())
        page.select_option("#f-change", "all")
        page.select_option("#f-sort", "file")
        page.wait_for_selector("tr[data-index='0'] .thumbs img")
        image = page.locator("tr[data-index='0'] .thumbs img")
        assert image.get_attribute("class") == shown
        assert image.get_attribute("alt").startswith("images: cover.png")
        assert image.evaluate("(node) => node.naturalWidth") == (MASKED_SIDE if shown else ROW_SIDE)
        assert page.locator("tr[data-index='1'] .thumbs span").last.inner_text() == "and 2 more"
        assert "broken.png" in page.locator("tr[data-index='2'] .thumbs").inner_text()
        page.close()
    assert first != frames != broken


@pytest.mark.parametrize(
    ("name", "mode"), [("wide.jpg", "RGB"), ("wide.png", "RGBA"), ("wide.gif", "P"), ("deep.png", "I;16")]
)
def test_a_large_picture_is_made_small_before_its_colours_are_changed(tmp_path, name, mode):
    """A picture of 81 million pixels took 764 MB."""
    Image.new(mode, (1500, 1000)).save(tmp_path / name)
    rows = RowPictures({"i": (Named("images", name),)}, PictureFolder(tmp_path))
    for text, side in (("full", ROW_SIDE), ("masked", MASKED_SIDE)):
        ((url, _),) = rows.of("i", text)
        assert max(opened(url).size) == side


def test_a_picture_of_too_many_pixels_is_said_and_a_jpeg_of_them_is_made_small_as_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(media, "MOST_PIXELS", 1_000_000)
    picture = Image.new("RGB", (1500, 1000))
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "a.jpg")
    picture.save(tmp_path / "slow.jpg", progressive=True)
    names = ("a.png", "slow.jpg", "a.jpg")
    rows = RowPictures({"i": tuple(Named("images", name) for name in names)}, PictureFolder(tmp_path))
    (first, said), (slow, _), (jpeg, _) = rows.of("i", "full")
    assert (first, slow) == (None, None)
    assert said.endswith("bytes, too many pixels for a thumbnail)")
    assert max(opened(jpeg).size) == ROW_SIDE
    assert rows.of("i", "none")[0][1].endswith(" bytes)")
