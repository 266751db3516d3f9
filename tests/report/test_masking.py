import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.parts.masking import mask, printable, shorten, visible_text


def test_mask_keeps_the_first_letter_of_each_word():
    assert mask("you idiot, 42!") == "y•• i••••, 4•!"


def test_mask_hides_marks_with_the_letters_they_belong_to():
    assert mask("ओटीपी किसी") == "ओ•• क•"


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        (None, "full", "(withheld)"),
        ("secret", "none", "(not shown)"),
        ("two words", "masked", "t•• w••••"),
        ("two words", "full", "two words"),
    ],
)
def test_shown_follows_the_text_mode(text, mode, expected):
    assert visible_text(text, mode) == expected


@given(st.text())
def test_printable_leaves_no_acting_character(text):
    assert not {unicodedata.category(one) for one in printable(text)} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "a\u202eb", "a\u200bb", "a\x00b", "line\u2028break", "a\x9bb"])
def test_printable_makes_acting_characters_visible(hostile):
    assert "\\u" in printable(hostile)


def test_a_very_long_text_is_cut_before_it_is_worked_on():
    assert visible_text("a" * 10_000_000, "full", 20) == "a" * 19 + "…"


def test_shorten_counts_the_ellipsis():
    assert len(shorten("abcdef", 4)) == 4
