"""Pictures through a whole run: generated pictures of known colour, and a stub that looks at what arrives.

Red pictures violate, and so does the word "scam"; the stub sees only what a request carries, so that every flag shows
which part of the item reached it.
"""

import base64
import io
import re
from contextlib import contextmanager

import orjson
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from harness.cli import main
from harness.jobs.show import Sources, show_item
from harness.report.item.page import item_page
from harness.runner.wires.anthropic import ANTHROPIC
from harness.runner.wires.base import Image as SentImage
from harness.runner.wires.base import asked_in
from harness.runner.wires.bedrock import BedrockWire
from harness.runner.wires.gemini import GEMINI
from harness.runs import open_run
from tests.stub_server import StubServer, completion

RED, BLUE = (220, 10, 10), (10, 10, 220)
POLICY = """policy: clips
version: 1
categories:
  gore: {name: Gore, definition: Blood., severity: high}
"""
CARD = """golden_set: clips
version: 1
policy: {name: clips, version: 1}
items: items.jsonl
labels: [gore]
modalities: {frames: frames, transcript: transcript}
"""
PROMPT = """---
prompt: see
version: 1
answer: json
media: [images, frames]
---
# system
Judge.
# user
Caption: {{ item.text }}
{% for part in item.modalities.transcript %}Said at {{ part.start }} s: {{ part.text }}
{% endfor %}
"""
EVAL = """eval: clips
policy: policy.yaml
golden_set: card.yaml
models: models.yaml
on_failure: no_flag
candidates:
  whole: {prompt: see.md, model: acme}
  no_frames: {prompt: see.md, model: acme, without: [frames]}
  no_text: {prompt: see.md, model: acme, without: [text, transcript]}
baseline: whole
"""
ITEMS = [
    {"id": "frame", "text": "a caption", "labels": {"gore": 1},
     "frames": [{"file": "blue.png", "time": 0}, {"file": "red.png", "time": 2.5}]},
    {"id": "cover", "text": None, "labels": {"gore": 1}, "images": ["red.jpg"]},
    {"id": "words", "text": "a caption", "labels": {"gore": 1}, "images": ["blue.png"],
     "transcript": [{"start": 3, "text": "this is a scam"}]},
    {"id": "clean", "text": "a caption", "labels": {"gore": 0}, "images": ["blue.png"]},
]  # fmt: skip


def colour_of(url):
    head, _, body = url.partition(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    return Image.open(io.BytesIO(base64.b64decode(body))).convert("RGB").getpixel((0, 0))


@contextmanager
def endpoint(before=lambda: None):
    bodies = []

    def answer(asked):
        before()
        bodies.append(asked.body)
        content = asked.texts[-1]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        is_flagged = any(colour_of(url)[0] > 128 for url in urls) or "scam" in str(parts[0].get("text"))
        return completion(orjson.dumps({"categories": ["gore"] if is_flagged else [], "rationale": ""}).decode())

    with StubServer(answer) as server:
        yield f"{server.url}/v1", bodies


def write(folder, url, items=ITEMS, **more):
    models = f"models:\n  acme: {{provider: openai, base_url: '{url}', model: acme-vision}}\n"
    files = {
        "policy.yaml": POLICY,
        "card.yaml": CARD,
        "see.md": PROMPT,
        "eval.yaml": EVAL,
        "models.yaml": models,
        **more,
    }
    for name, content in files.items():
        (folder / name).write_text(content)
    (folder / "items.jsonl").write_bytes(b"".join(orjson.dumps(item) + b"\n" for item in items))
    for name, colour in (("red.png", RED), ("blue.png", BLUE), ("red.jpg", RED)):
        Image.new("RGB", (8, 8), colour).save(folder / name)


def harness(folder, *arguments):
    return CliRunner().invoke(main, [*arguments], catch_exceptions=False)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with endpoint() as (url, seen):
        write(tmp_path, url)
        yield tmp_path, seen


def test_each_part_of_an_item_reaches_the_model_and_its_loss_is_told(project):
    folder, seen = project
    checked = harness(folder, "check", ".")
    assert checked.exit_code == 0, checked.output
    done = harness(folder, "run", "eval.yaml", "--cache", "c.sqlite")
    assert done.exit_code == 0, done.output
    (path,) = folder.rglob("predictions.parquet")
    flags = {(row["candidate"], row["item_id"]): row["decision.gore"] for row in pq.read_table(path).to_pylist()}
    expected = {"whole": (1, 1, 1, 0), "no_frames": (0, 1, 1, 0), "no_text": (1, 1, 0, 0)}
    for candidate, decisions in expected.items():
        assert tuple(flags[candidate, name] for name in ("frame", "cover", "words", "clean")) == decisions, candidate
    (frames,) = [
        one["messages"][-1]["content"] for one in seen
        if isinstance(one["messages"][-1]["content"], list) and len(one["messages"][-1]["content"]) == 5
        and "a caption" in one["messages"][-1]["content"][0]["text"]
    ]  # fmt: skip
    assert [part["type"] for part in frames] == ["text", "text", "image_url", "text", "image_url"]
    assert [frames[1]["text"], frames[3]["text"]] == ["[frames at 0 s]", "[frames at 2.5 s]"]
    compared = harness(folder, "compare", "latest", "--candidate", "no_frames", "--baseline", "whole", "--json")
    assert orjson.loads(compared.stdout)["categories"]["gore"]["broken"] == ["frame"]
    signature = orjson.loads(harness(folder, "score", "latest", "--json").stdout)["candidates"]["no_text"]["signature"]
    assert "|without:text,transcript|" in signature
    asked = len(seen)
    again = harness(folder, "run", "eval.yaml", "--cache", "c.sqlite")
    assert (again.exit_code, len(seen)) == (0, asked)


def test_the_same_name_over_another_picture_is_asked_again(project):
    folder, seen = project
    harness(folder, "run", "eval.yaml", "--candidate", "whole", "--cache", "c.sqlite")
    asked = len(seen)
    Image.new("RGB", (8, 8), RED).save(folder / "blue.png")
    done = harness(folder, "run", "eval.yaml", "--candidate", "whole", "--cache", "c.sqlite")
    assert done.exit_code == 0, done.output
    assert len(seen) == asked + 3  # every item that shows it, and no other


def test_a_picture_that_changes_during_a_run_ends_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with endpoint(lambda: Image.new("RGB", (9, 9), RED).save(tmp_path / "blue.png")) as (url, _):
        write(tmp_path, url)
        done = harness(tmp_path, "run", "eval.yaml", "--candidate", "whole", "--cache", "c.sqlite")
    assert done.exit_code == 1
    assert "the golden set was changed while the run was under way" in done.output


def test_an_item_of_which_a_picture_is_gone_is_no_decision(project):
    folder, _ = project
    (folder / "red.jpg").unlink()
    assert "names 1 image that cannot be found: red.jpg (item cover)" in harness(folder, "check", ".").output
    harness(folder, "run", "eval.yaml", "--candidate", "whole", "--cache", "c.sqlite")
    (path,) = folder.rglob("predictions.parquet")
    row = next(one for one in pq.read_table(path).to_pylist() if one["item_id"] == "cover")
    assert (row["outcome"], row["decision.gore"]) == ("error", None)
    assert "image red.jpg cannot be found" in row["error"]


def test_show_names_a_picture_and_never_prints_its_bytes(project):
    folder, _ = project
    harness(folder, "run", "eval.yaml", "--candidate", "whole", "--cache", "c.sqlite")
    for mode in ("masked", "full"):
        shown = harness(folder, "show", "latest", "words", "--text", mode, "--cache", "c.sqlite")
        assert shown.exit_code == 0, shown.output
        n_bytes = f"{(folder / 'blue.png').stat().st_size:,} bytes"
        assert f"[image/png, {n_bytes}]" in shown.output
        assert f"blue.png (image/png, {n_bytes})" in shown.output
        assert "base64" not in shown.output
        assert ("a caption" in shown.output) == (mode == "full")
        assert "images: blue.png (image/png, " in shown.output
        assert "3 s: " in shown.output
        assert ("this is a scam" in shown.output) == (mode == "full")


def test_the_page_shows_a_picture_only_when_asked(project):
    folder, _ = project
    harness(folder, "run", "eval.yaml", "--candidate", "whole", "--cache", "c.sqlite")
    sizes = {}
    for mode in ("none", "masked", "full"):
        sheet = show_item(
            open_run(next((folder / "reports/runs").glob("clips-*"))), "words", mode, Sources(folder / "c.sqlite", {})
        )
        page = item_page(sheet, "1", may_reveal=True)
        urls = re.findall(r'<img src="data:image/[a-z]+;base64,([^"]+)"', page)
        sizes[mode] = [Image.open(io.BytesIO(base64.b64decode(url))).size for url in urls]
        assert ("this is a scam" in page) == (mode == "full")
    assert sizes == {"none": [], "masked": [(8, 8)], "full": [(8, 8)]}
    Image.new("RGB", (800, 400), RED).save(folder / "blue.png")  # another picture: the set is not the one that was run
    sheet = show_item(
        open_run(next((folder / "reports/runs").glob("clips-*"))), "words", "masked", Sources(folder / "c.sqlite", {})
    )
    assert sheet.media.pictures == ()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"see.md": PROMPT.replace("frames]", "farmes]")},
            "is 'farmes', which items of golden set 'clips' do not have",
        ),
        (
            {"eval.yaml": EVAL.replace("[frames]", "[sound]")},
            "names 'sound', which items of this golden set do not have",
        ),
        ({"see.md": PROMPT.replace("media: [images, frames]\n", "")}, "is shown no picture"),
    ],
)
def test_check_names_parts_that_are_not_there(tmp_path, monkeypatch, more, said):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "http://127.0.0.1:9/v1", **more)
    assert said in " ".join(harness(tmp_path, "check", ".").output.split())


def test_an_item_with_nothing_to_show_is_an_abstention(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prompt = PROMPT.replace("Caption: {{ item.text }}", "").split("{% for")[0] + "Look.\n"
    with endpoint() as (url, seen):
        items = [{"id": "bare", "text": "words alone", "labels": {"gore": 0}}, ITEMS[1]]
        write(tmp_path, url, items, **{"see.md": prompt})
        harness(tmp_path, "run", "eval.yaml", "--candidate", "whole", "--cache", "c.sqlite")
    (path,) = tmp_path.rglob("predictions.parquet")
    rows = {one["item_id"]: one for one in pq.read_table(path).to_pylist()}
    assert (rows["bare"]["outcome"], rows["bare"]["error"]) == ("abstained", "the item has no images and no frames")
    assert (rows["cover"]["outcome"], len(seen)) == ("ok", 1)


def test_a_clip_with_a_transcript_alone_is_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with endpoint() as (url, seen):
        words = {"id": "words", "text": None, "labels": {"gore": 1}, "transcript": [{"start": 1, "text": "a scam"}]}
        write(tmp_path, url, [words, {"id": "bare", "text": None, "labels": {"gore": 0}, "transcript": []}])
        harness(tmp_path, "run", "eval.yaml", "--candidate", "whole", "--cache", "c.sqlite")
    assert [one["messages"][-1]["content"] for one in seen] == ["Caption: \nSaid at 1 s: a scam\n"]


BODY = orjson.dumps({
    "model": "m",
    "messages": [
        {"role": "system", "content": "Judge."},
        {"role": "user", "content": [
            {"type": "text", "text": "Look."},
            {"type": "text", "text": "[frames at 1 s]"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
        ]},
    ],
})  # fmt: skip


def test_pictures_in_the_providers_own_languages():
    asked = asked_in(BODY)
    assert asked.turns == (("user", ("Look.\n\n[frames at 1 s]", SentImage("image/png", "QUJD"))),)
    text = "Look.\n\n[frames at 1 s]"
    source = {"type": "base64", "media_type": "image/png", "data": "QUJD"}
    sent = orjson.loads(ANTHROPIC.sent("", BODY).body)["messages"][0]["content"]
    assert sent == [{"type": "text", "text": text}, {"type": "image", "source": source}]
    sent = orjson.loads(GEMINI.sent("", BODY).body)["contents"][0]["parts"]
    assert sent == [{"text": text}, {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}]
    sent = orjson.loads(BedrockWire("us-east-1").sent("", BODY).body)["messages"][0]["content"]
    assert sent == [{"text": text}, {"image": {"format": "png", "source": {"bytes": "QUJD"}}}]
