"""Pictures that items name: found in every part, read by content, and never from outside the set's folder."""

import base64
import io

import pytest
from PIL import Image

from harness.errors import FileError
from harness.files import pictures
from harness.files.golden.sets import load_golden
from harness.files.pictures import MOST_BYTES, PictureFolder, named_in, pictures_of
from harness.records import Item


def picture(kind="PNG", color=(200, 0, 0), size=(4, 4)):
    made = io.BytesIO()
    Image.new("RGB", size, color).save(made, kind)
    return made.getvalue()


def test_pictures_of_every_part():
    item = Item(
        "c1",
        "a caption",
        {},
        images=("cover.png",),
        modalities={
            "frames": ["1.jpg", {"file": "2.jpg", "time": 2.5}, {"file": "3.jpg", "time": True}],
            "transcript": [{"start": 0.0, "text": "hello.png"}, "said aloud"],
            "ocr": "SALE",
        },
    )
    found = [(one.part, one.name, one.time) for one in pictures_of(item)]
    assert found == [
        ("images", "cover.png", None),
        ("frames", "1.jpg", None),
        ("frames", "2.jpg", 2.5),
        ("frames", "3.jpg", None),
    ]
    assert [one.name for one in pictures_of(item, ["frames"])] == ["1.jpg", "2.jpg", "3.jpg"]
    assert list(pictures_of(item, ["sound"])) == []
    assert [one.name for one in named_in("frames", "one.WEBP")] == ["one.WEBP"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_type_is_told_by_content_not_by_name(tmp_path, kind):
    (tmp_path / "image.bin").write_bytes(picture(kind))
    found = PictureFolder(tmp_path).read("image.bin")
    assert found.media_type == f"image/{kind.lower()}"
    assert found.data_url == f"data:{found.media_type};base64,{base64.b64encode(picture(kind)).decode()}"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("https://example.com/a.png", "is an address"),
        ("data:image/png,abc", "is not in base64"),
        ("data:image/png;base64,@@", "broken base64"),
        ("text.png", "is no image"),
        ("page.svg", "is no image"),
        ("empty.png", "is empty"),
        ("folder.png", "cannot be found"),
        ("large.png", "has 21 MB"),
        ("cut.png", "is a damaged image"),
        ("a\0b.png", "is no file name"),
        ("x" * 5000 + ".png", "is no file name"),
        ("../outside.png", "leaves the folder"),
        ("link.png", "leaves the folder"),
        ("bitmap.bmp", "is no image that models take"),
    ],
)
def test_a_picture_that_cannot_be_sent_says_why(tmp_path, name, said):
    folder = tmp_path / "set"
    (folder / "folder.png").mkdir(parents=True)
    (tmp_path / "outside.png").write_bytes(picture())
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "text.png").write_text("no picture")
    (folder / "page.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "empty.png").write_bytes(b"")
    (folder / "bitmap.bmp").write_bytes(picture("BMP"))
    (folder / "cut.png").write_bytes(picture(size=(64, 64))[:60])
    with (folder / "large.png").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(FileError, match=said) as error:
        PictureFolder(folder).read(name)
    assert len(str(error.value)) < 400


def test_too_many_pixels_are_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    (tmp_path / "bomb.png").write_bytes(picture(size=(50, 50)))
    with pytest.raises(FileError, match="too many pixels"):
        PictureFolder(tmp_path).read("bomb.png")


def test_a_picture_in_the_row_itself(tmp_path):
    url = "data:image/png;base64," + base64.b64encode(picture()).decode()
    assert PictureFolder(None).read(url).data == picture()


CARD = """golden_set: clips
version: 1
policy: {name: p, version: 1}
items: items.jsonl
labels: [hate]
modalities: {frames: frames}
"""
ROW = '{"id": "a", "text": "x", "labels": {"hate": 1}, "frames": [{"file": "1.png", "time": 0}]}\n'


def test_a_changed_picture_changes_the_hash_of_the_set(tmp_path):
    (tmp_path / "card.yaml").write_text(CARD)
    (tmp_path / "items.jsonl").write_text(ROW)
    (tmp_path / "1.png").write_bytes(picture())
    first = load_golden(tmp_path / "card.yaml", None).sha256
    assert load_golden(tmp_path / "card.yaml", None).sha256 == first
    (tmp_path / "1.png").write_bytes(picture(color=(0, 0, 200)))
    second = load_golden(tmp_path / "card.yaml", None).sha256
    (tmp_path / "1.png").unlink()
    assert len({first, second, load_golden(tmp_path / "card.yaml", None).sha256}) == 3


def test_a_frame_outside_the_folder_is_refused(tmp_path):
    (tmp_path / "card.yaml").write_text(CARD)
    (tmp_path / "items.jsonl").write_text(ROW.replace("1.png", "../1.png"))
    with pytest.raises(FileError, match=r"field 'frames' has '../1.png', which leaves the folder of the set"):
        load_golden(tmp_path / "card.yaml", None)


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ('[{"file": "1.png", "time": "two"}]', r"field 'frames.0.time' is 'two'\n  allowed: seconds, 0 or more"),
        ('[{"file": "1.png", "time": -1}]', "field 'frames.0.time' is -1"),
        ('[{"file": "1.png", "time": true}]', "field 'frames.0.time' is true"),
        ('["1.png", {"file": 3}]', "field 'frames.1.file' is 3"),
        ("[[1]]", "field 'frames' is "),
    ],
)
def test_a_frame_that_nobody_can_read_is_refused(tmp_path, frames, said):
    """A time that was no number passed the check."""
    (tmp_path / "card.yaml").write_text(CARD)
    (tmp_path / "items.jsonl").write_text(ROW.replace('[{"file": "1.png", "time": 0}]', frames))
    with pytest.raises(FileError, match=said):
        load_golden(tmp_path / "card.yaml", None)


def test_a_modality_that_the_card_does_not_declare_is_refused(tmp_path):
    """What stood beside declared modalities was read by nobody, in silence."""
    (tmp_path / "card.yaml").write_text(CARD.replace("frames: frames", "frames: parts.frames"))
    row = ROW.replace('"frames": [{"file": "1.png", "time": 0}]', '"parts": {"frames": ["1.png"], "sound": "hum"}')
    (tmp_path / "items.jsonl").write_text(row)
    with pytest.raises(FileError, match=r"'parts.sound' is declared nowhere in the card\n  allowed: frames"):
        load_golden(tmp_path / "card.yaml", None)
    (tmp_path / "card.yaml").write_text(CARD.replace("frames: frames", "frames: parts.frames, sound: parts.sound"))
    assert next(load_golden(tmp_path / "card.yaml", None).items()).modalities["sound"] == "hum"


def test_repeats_of_an_item_read_its_picture_once(tmp_path, monkeypatch):
    """Each repeat read, checked and held the file anew, between the calls of all others."""
    path = tmp_path / "a.png"
    path.write_bytes(picture())
    folder = PictureFolder(tmp_path)
    first = folder.read("a.png")
    with monkeypatch.context() as patch:
        patch.setattr(Image, "open", None)
        assert folder.read("a.png") is first
    path.write_bytes(picture(color=(0, 200, 0)))
    assert folder.read("a.png").data == path.read_bytes()


def test_pictures_at_hand_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "RECENT_BYTES", 3 * len(picture()))
    folder = PictureFolder(tmp_path)
    for number in range(9):
        (tmp_path / f"{number}.png").write_bytes(picture())
        folder.read(f"{number}.png")
    assert list(folder._recent) == ["6.png", "7.png", "8.png"]
    assert folder._n_recent == 3 * len(picture())
