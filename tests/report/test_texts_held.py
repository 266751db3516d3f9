"""What of texts a written page holds, and that who writes it is told."""

from __future__ import annotations

import base64
import dataclasses
import re
import zlib
from pathlib import Path

import pytest
from click.testing import CliRunner
from stories import Story, half
from synthetic import synthetic_source

from harness.cli.report import command as report_command
from harness.cli.weekly import command as weekly_command
from harness.report.comparison.items import item_blocks
from harness.report.comparison.source import OUTCOME_NAMES


def unpacked(block):
    content = base64.b64decode(block[1:])
    return content if block[0] == "p" else zlib.decompress(content, -zlib.MAX_WBITS)


def test_only_a_whole_page_packs_what_an_error_quotes():
    """What an unreadable answer said stood in the page under ``--text none``, where a parser quoted it."""
    source = synthetic_source(120, 2, 2)
    said = ["no label in 'zounds, you zany'", "found \"it's zonked, cut zoff", "no answer"] * 40
    arms = [dataclasses.replace(arm, reasons=said) for arm in source.arms]
    for arm in arms:
        arm.outcomes[:] = OUTCOME_NAMES.index("unparsed")
    quoting = dataclasses.replace(source, arms=tuple(arms))
    packed = {
        mode: b"".join(unpacked(content) for _, content in item_blocks(quoting, mode)).decode("utf-8", "replace")
        for mode in ("none", "masked", "full")
    }
    assert "zany" in packed["full"]
    assert "no label in (not shown)" in packed["none"]
    assert "no label in 'z•••••, y•• z•••'" in packed["masked"]
    for mode in ("none", "masked"):
        assert "no answer" in packed[mode]
        assert not any(word in packed[mode] for word in ("zany", "zonked", "zoff"))


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    gold = half(30, 30)
    one = Story(tmp_path_factory.mktemp("texts"), {"hate": gold})
    one.run({"v1": {"hate": gold}, "v2": {"hate": gold}}, week="2026-W47")
    return one


def held(path: Path) -> bytes:
    """All blocks of a page, unpacked."""
    page = path.read_text(encoding="utf-8")
    return b"\n".join(unpacked(block) for block in re.findall(r'data-block="[^"]+">([^<]+)<', page))


@pytest.mark.parametrize("mode", ["masked", "none", "full"])
def test_who_writes_a_page_with_masks_is_told_that_the_texts_are_under_them(story, tmp_path, monkeypatch, mode):
    monkeypatch.chdir(story.folder)
    for command, name, arguments in (
        (report_command, "report.html", ("latest",)),
        (weekly_command, "weekly.html", ("--eval", "story")),
    ):
        given = [*arguments, "--text", mode, "--runs-dir", str(story.runs), "--out", str(tmp_path)]
        done = CliRunner().invoke(command, given, env={"CI": ""})
        assert done.exit_code == 0, done.output
        told = f"{name} holds the texts in full under its masks"
        assert (told in done.stderr) is (mode == "masked"), name
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ("this file holds them in full" in page) is (mode == "masked")
    assert (b"item number 7" in held(tmp_path / "report.html")) is (mode != "none")
    assert "item number 7" not in page
