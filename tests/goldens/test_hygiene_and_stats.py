"""Damage of characters, and what a set holds and can prove."""

import json

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.core.planning import smallest_provable_margin
from harness.files.golden.sets import load_golden
from harness.goldens.hygiene import Hygiene, damage
from harness.goldens.stats import set_stats
from tests.goldens.small_set import one_category as small


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("plain words", []),
        ("na\u00efve caf\u00e9 \u2013 fine", []),
        ("caf\u00c3\u00a9", ["mojibake"]),
        ("it\u00e2\u20ac\u2122s", ["mojibake"]),
        ("lost \ufffd letter", ["lost"]),
        ("hi\u200bdden", ["invisible"]),
        ("soft\u00adhyphen", ["invisible"]),
        ("turned \u202etxet", ["invisible"]),
        ("family \U0001f468\u200d\U0001f469\u200d\U0001f467", []),
        ("flag \U0001f3f4\u200d\u2620\ufe0f", []),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", []),
        ("\u0915\u094d\u200d\u0937", []),
        ("j\u200dustjoined", ["invisible"]),
        ("a\x07bell", ["control"]),
        ("tab\tand\nline", []),
        ("fish &amp; chips", ["entities"]),
        ("a & b &c; d", []),
        ("&#128512; smile", ["entities"]),
        ("\u1784\u17d2\u1784", []),
        ("\ufeffstart", ["invisible"]),
        ("a blank letter \u3164 of Hangul", ["invisible"]),
        ("half a \uffa0 one", ["invisible"]),
        ("tags\U000e0068\U000e0069 that are read", ["invisible"]),
        ("\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f of England", []),
        ("\U0001f3f4\U000e0067\U000e0062 without an end", ["invisible"]),
        ("kil\ufe0fl", ["invisible"]),
        ("\ufe0f first", ["invisible"]),
        ("1\ufe0f\u20e3 \u2139\ufe0f \u00a9\ufe0f \u203c\ufe0f", []),
        ("\u845b\U000e0100 is an ideograph", []),
        ("\u05e9\u05dc\u05d5\u05dd\u200f!", []),
        ("right to left\u200f", ["invisible"]),
        ("\u1820\u180b", []),
        ("two\u2028lines", ["invisible"]),
        ("caf&eacute; &copy; &notaname;", ["entities"]),
        ("R&D; &notaname;", []),
    ],
)
def test_the_kinds_of_damage(text, kinds):
    assert list(damage(text)) == kinds


def test_texts_cut_at_one_length_are_seen_and_texts_of_every_length_are_not():
    cut, whole = Hygiene(), Hygiene()
    for at in range(200):
        cut.look(f"i{at}", "x" * min(60 + at, 140))
        whole.look(f"i{at}", "x" * (60 + at))
    cut.finish()
    whole.finish()
    assert cut.cut_length == 140
    assert len(cut.found["cut"]) == 120
    assert "cut" not in whole.found


def test_stats_count_and_tell_what_can_be_proved(tmp_path):
    rows = [
        {"id": f"i{at}", "text": f"text number {at}", "labels": {"hate": int(at < 40)}, "meta": {"lang": "de"}}
        for at in range(100)
    ]
    rows.append({"id": "null", "text": "nobody knows this one", "labels": {"hate": None}})
    card = small(tmp_path, rows)
    card.write_text(card.read_text() + "slices: {language: meta.lang}\n")
    found = set_stats(load_golden(card, None))
    (hate,) = found.categories
    assert (hate.n_positive, hate.n_negative, hate.n_unlabelled) == (40, 60, 1)
    assert hate.provable_margin == pytest.approx(smallest_provable_margin(40, 0.05))
    assert hate.needed == 161 - 40
    assert found.n_without_labels == 1
    assert found.slices["language"]["de"] == (100, {"hate": 40})


def test_items_of_one_group_count_as_one_in_what_can_be_proved(tmp_path):
    rows = [{"id": f"i{at}", "text": f"text {at}", "labels": {"hate": 1}, "group": f"g{at // 4}"} for at in range(80)]
    (hate,) = set_stats(load_golden(small(tmp_path, rows), None)).categories
    assert hate.provable_margin == pytest.approx(smallest_provable_margin(20, 0.05))
    assert hate.needed == 4 * (161 - 20)


def test_the_command_prints_and_fails_where_a_margin_cannot_be_proved(tmp_path):
    rows = [{"id": f"i{at}", "text": f"text number {at}", "labels": {"hate": at % 2}} for at in range(60)]
    card = str(small(tmp_path, rows))
    plain = CliRunner().invoke(main, ["golden", "stats", card])
    assert plain.exit_code == 0, plain.output
    assert "Provable margin" in plain.output
    strict = CliRunner().invoke(main, ["golden", "stats", card, "--margin", "0.05", "--json"])
    assert strict.exit_code == 1
    told = json.loads(strict.output)
    assert told["cannot_prove"] == ["hate"]
    assert told["categories"]["hate"]["n_positive"] == 30
