"""Whole runs against moderation endpoints in the shapes of their references."""

from __future__ import annotations

import base64
import json
import struct
import zlib

import orjson
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from moderation_stub import FLAGGED, moderation_stub, score_of
from public_sets import PUBLIC_SETS, datasets_folder

from harness.candidates.moderation import ModerationCandidate
from harness.candidates.moderation_shapes import MISTRAL_NAMES, OPENAI_NAMES
from harness.candidates.names import NameIndex
from harness.candidates.pictures import PictureParts
from harness.cli import main
from harness.files.pictures import PictureFolder
from harness.records import Item, Model

POLICY = """\
policy: p
version: 1
categories:
  hate: {name: Hate, definition: Attacks people.}
  violence: {name: Violence, definition: Glorifies violence.}
  spam: {name: Spam, definition: Unwanted bulk.}
crosswalks:
  openai: {hate: [hate, hate/threatening], violence: [violence, violence/graphic], spam: null}
  mistral: {hate: [hate_and_discrimination], violence: [violence_and_threats], spam: null}
  azure: {hate: [Hate], violence: [Violence], spam: [blocklist/casinos]}
"""
MODELS = """\
models:
  omni: {provider: openai, base_url: URL/v1, api_key_env: STUB_KEY, model: omni-moderation-2024-09-26}
  old: {provider: openai, base_url: URL/v1, api_key_env: STUB_KEY, model: text-moderation-007}
  mistral: {provider: openai, base_url: URL/v1, api_key_env: STUB_KEY, model: mistral-moderation-2603}
  azure:
    provider: azure_content_safety
    base_url: URL
    api_key_env: STUB_KEY
    params: {outputType: FourSeverityLevels, blocklistNames: [casinos]}
"""
CARD = "golden_set: g\nversion: 1\npolicy: {name: p, version: 1}\nitems: items.jsonl\nlabels: [hate, violence, spam]\n"
EVAL = """\
eval: e
policy: policy.yaml
golden_set: card.yaml
models: models.yaml
candidates:
  omni: {moderation: omni, crosswalk: openai}
  mistral: {moderation: mistral, crosswalk: mistral}
  azure: {moderation: azure, crosswalk: azure, cuts: {hate: 2, violence: 6}}
baseline: omni
"""
TEXTS = {f"t{number}": f"text number {number}" for number in range(12)} | {"bet": "come to the casino"}


def png(value: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes([0, value]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def write(folder, url, items, **changed):
    files = {"policy.yaml": POLICY, "models.yaml": MODELS.replace("URL", url), "card.yaml": CARD, "eval.yaml": EVAL}
    rows = (json.dumps({"labels": {"hate": 0, "violence": 0, "spam": 0}, **row}) for row in items)
    for name, text in {**files, "items.jsonl": "\n".join(rows) + "\n", **changed}.items():
        (folder / name).write_text(text, "utf-8")


def run(folder, monkeypatch, *more):
    monkeypatch.setenv("STUB_KEY", "stub-secret-000001")
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(
        main,
        ["run", "eval.yaml", "--json", "--runs-dir", "runs", "--cache", "cache.sqlite", *more],
        catch_exceptions=False,
    )
    assert done.exit_code in (0, 5), done.output
    (rows,) = (folder / "runs").rglob("predictions.parquet")
    return orjson.loads(done.stdout), {
        (row["candidate"], row["item_id"]): row for row in pq.read_table(rows).to_pylist()
    }


def test_three_endpoints_in_their_own_shapes(tmp_path, monkeypatch):
    with moderation_stub() as stub:
        write(tmp_path, stub.url, [{"id": name, "text": text} for name, text in TEXTS.items()])
        summary, rows = run(tmp_path, monkeypatch)
    assert summary["status"] == "complete"
    for name, text in TEXTS.items():
        omni, mistral, azure = (rows[candidate, name] for candidate in ("omni", "mistral", "azure"))
        assert {omni["outcome"], mistral["outcome"], azure["outcome"]} == {"ok"}
        worst = max(score_of("hate", text), score_of("hate/threatening", text))
        assert (omni["decision.hate"], omni["score.hate"]) == (int(worst >= FLAGGED), pytest.approx(worst))
        assert mistral["decision.hate"] == int(score_of("hate_and_discrimination", text) >= FLAGGED)
        assert (omni["decision.spam"], mistral["decision.spam"]) == (None, None)  # neither a flag nor a "no"
        for category, theirs, cut in (("hate", "Hate", 2), ("violence", "Violence", 6)):
            level = int(score_of(theirs, text) * 7)
            severity = level - level % 2
            assert azure[f"decision.{category}"] == int(severity >= cut)
            assert azure[f"score.{category}"] == pytest.approx(severity / 6)
        assert azure["decision.spam"] == int(name == "bet")
    paths = {
        (path, headers.get("ocp-apim-subscription-key") or headers.get("authorization"))
        for path, headers in ((one.path, one.headers) for one in stub.seen)
    }
    assert paths == {
        ("/v1/moderations", "Bearer stub-secret-000001"),
        ("/contentsafety/text:analyze?api-version=2024-09-01", "stub-secret-000001"),
    }


def test_pictures_reach_the_endpoint_and_what_was_not_judged_is_no_no(tmp_path, monkeypatch):
    for number in (1, 2):
        (tmp_path / f"{number}.png").write_bytes(png(number))
    items = [
        {"id": "both", "text": "a caption", "images": ["1.png"]},
        {"id": "image", "text": None, "images": ["1.png", "2.png"]},
        {"id": "gone", "text": "a caption", "images": ["3.png"]},
    ]
    with moderation_stub() as stub:
        write(tmp_path, stub.url, items)
        _, rows = run(tmp_path, monkeypatch)
        bodies = [
            one.body for one in stub.seen if one.path == "/v1/moderations" and not isinstance(one.body["input"], str)
        ]
    url = "data:image/png;base64," + base64.b64encode(png(1)).decode()
    assert {"type": "image_url", "image_url": {"url": url}} in [part for body in bodies for part in body["input"]]
    assert len(bodies) == 3  # one picture a call
    both, image, gone = (rows["omni", name] for name in ("both", "image", "gone"))
    assert both["outcome"] == "ok"
    assert both["score.violence"] == pytest.approx(
        max(score_of("violence", "a caption" + url), score_of("violence/graphic", "a caption" + url)))  # fmt: skip
    assert "judged on text: harassment" in both["rationale"]
    assert "judged on text and image: " in both["rationale"]
    assert (image["outcome"], image["decision.hate"]) == ("abstained", None)
    assert image["error"] == "the endpoint does not judge hate on this kind of input"
    assert image["decision.violence"] in (0, 1)
    assert image["score.hate"] is None
    assert (gone["outcome"], gone["error"]) == ("error", "image 3.png cannot be found")
    assert rows["azure", "image"]["decision.hate"] in (0, 1)
    assert (
        rows["mistral", "both"]["outcome"] == "ok"
    )  # its model is not known to judge pictures: the text alone is sent


def test_an_old_version_says_which_category_it_does_not_have(tmp_path, monkeypatch):
    policy = POLICY.replace("spam: null}", "spam: [illicit]}", 1)
    with moderation_stub() as stub:
        write(tmp_path, stub.url, [{"id": "a", "text": "one"}], **{
            "policy.yaml": policy,
            "eval.yaml": EVAL.replace("moderation: omni", "moderation: old"),
        })  # fmt: skip
        _, rows = run(tmp_path, monkeypatch)
    row = rows["omni", "a"]
    assert (row["outcome"], row["error"]) == ("abstained", "this version of the endpoint has no such category as spam")
    assert (row["decision.spam"], row["decision.hate"] in (0, 1)) == (None, True)


def test_the_openai_set_keeps_nulls_null(tmp_path, monkeypatch):
    """The set's own labels through its own endpoint: all eight categories, labels nobody gave, one that it has not."""
    labels = PUBLIC_SETS["openai_moderation"].labels
    rows = [
        orjson.loads(line)
        for line in (datasets_folder() / "openai_moderation" / "data.jsonl").read_bytes().splitlines()
    ][::20]
    policy = "policy: p\nversion: 1\ncategories:\n" + "".join(
        f"  {name}: {{name: {name}, definition: {name}}}\n" for name in (*labels, "spam")
    ) + "crosswalks:\n  openai: {" + ", ".join(f"{name}: [{name}]" for name in labels) + ", spam: null}\n"  # fmt: skip
    card = CARD.replace("[hate, violence, spam]", f"[{', '.join((*labels, 'spam'))}]")
    only = EVAL.split("  mistral:")[0] + "baseline: omni\n"
    with moderation_stub() as stub:
        write(tmp_path, stub.url, [], **{"policy.yaml": policy, "card.yaml": card, "eval.yaml": only})
        (tmp_path / "items.jsonl").write_bytes(
            b"".join(orjson.dumps({**row, "labels": {**row["labels"], "spam": 1}}) + b"\n" for row in rows)
        )
        checked = CliRunner().invoke(main, ["check", str(tmp_path)], catch_exceptions=False)
        summary, given = run(tmp_path, monkeypatch)
        scored = orjson.loads(
            CliRunner().invoke(main, ["score", summary["run_id"], "--runs-dir", "runs", "--json"]).stdout
        )["candidates"]["omni"]
    assert "its endpoint has no such category as spam" in checked.output
    assert summary["status"] == "complete"
    n_withheld = sum(row["text"] is None for row in rows)
    assert scored["outcomes"]["ok"] == len(rows) - n_withheld
    for name in labels:
        labelled = [row for row in rows if row["labels"].get(name) is not None and row["text"] is not None]
        cells = scored["categories"][name]
        assert sum(cells[cell] for cell in ("tp", "fp", "fn", "tn")) == len(labelled), name
        flagged = sum(score_of(name, row["text"]) >= FLAGGED for row in labelled)
        assert cells["tp"] + cells["fp"] == flagged
    assert all(row["decision.spam"] is None for row in given.values())
    assert sum(scored["categories"].get("spam", {}).get(cell, 0) for cell in ("tp", "fp", "fn", "tn")) == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"eval.yaml": EVAL.replace("violence: 6}", "violence: 7}")}, "is 7"),
        ({"eval.yaml": EVAL.replace("hate: 2", "hate: 0")}, "0 would flag everything"),
        (
            {"eval.yaml": EVAL.replace("crosswalk: openai}", "crosswalk: openai, cuts: {hate: 2}}")},
            "is given for provider openai",
        ),
        ({"eval.yaml": EVAL.replace("hate: 2,", "hate: 2, hat: 2,")}, "hate"),
        ({"eval.yaml": EVAL.replace("violence: 6}", "violence: 6}, thresholds: {hate: 0.5}")}, "has a threshold too"),
        ({"policy.yaml": POLICY.replace("[Violence]", "[Violent]")}, "did you mean 'Violence'?"),
        ({"policy.yaml": POLICY.replace("[Hate]", "[Racism]")}, "which Azure Content Safety never gives"),
        ({"models.yaml": MODELS.replace("    base_url: URL\n", "")}, "https://NAME.cognitiveservices.azure.com"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path, monkeypatch, changed, said):
    write(tmp_path, "http://127.0.0.1:9", [{"id": "a", "text": "one"}], **changed)
    monkeypatch.setenv("STUB_KEY", "stub-secret-000001")
    done = CliRunner().invoke(main, ["check", str(tmp_path)], catch_exceptions=False)
    assert said in done.output, done.output


def test_published_names():
    assert (len(OPENAI_NAMES), len(MISTRAL_NAMES)) == (13, 11)


def test_an_address_in_an_item_is_an_error_row_and_no_call():
    pictures = PictureParts(("images",), PictureFolder(None))
    model = Model("openai", model="omni-moderation-latest")
    candidate = ModerationCandidate("m", "m", model, NameIndex(("hate",)), pictures=pictures)
    with pytest.raises(StopIteration) as done:
        next(candidate.decide(Item("a", "text", {}, images=("https://example.com/a.png",))))
    assert (done.value.value.outcome, done.value.value.decisions) == ("error", {"hate": None})
