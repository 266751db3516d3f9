import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.item.masked import AnswerWords
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
    shown = (
        printable(text).replace("\u200c", "").replace("\u200d", "")
    )  # those that a script or an emoji is written with
    assert not {unicodedata.category(one) for one in shown} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "a\u202eb", "a\u200bb", "a\x00b", "line\u2028break", "a\x9bb"])
def test_printable_makes_acting_characters_visible(hostile):
    assert "\\u" in printable(hostile)


def test_a_very_long_text_is_cut_before_it_is_worked_on():
    assert visible_text("a" * 10_000_000, "full", 20) == "a" * 19 + "…"


def test_shorten_counts_the_ellipsis():
    assert len(shorten("abcdef", 4)) == 4


@pytest.mark.parametrize(
    "text",
    [
        "sc\u3164am",
        "sc\u034fam",
        "\uffa0",
        "a\ufe0fb",
        "\u2764\ufe0f\ufe0f",
        "\ufe0f",
        "a\U000e0100\U000e0101",
        "\u0628\u200c\u0628\u115f",
    ],
)
def test_printable_shows_what_nobody_sees(text):
    """Printable by Unicode, and invisible: a text smuggled in selectors stood in a report as nothing."""
    assert "\\u" in printable(text)


@pytest.mark.parametrize(
    "text", ["1\ufe0f\u20e3", "\u2764\ufe0f", "\u24d8\ufe0e", "\u6f22\U000e0100", "\u65e5\ufe00", "\u1820\u180b"]
)
def test_printable_keeps_a_selector_behind_what_has_variants(text):
    assert printable(text) == text


WRITTEN_WITH_JOINERS = [
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian: I want
    "\u06a9\u0627\u0631\u200c\u0647\u0627",  # Persian: works, behind a letter that joins nothing
    "\u0915\u094d\u200d\u0937",  # Hindi: half ka
    "\u0915\u094d\u200c\u0937",  # Hindi: a virama that is seen
    "\u09b0\u200d\u09cd\u09af\u09be\u09ac",  # Bengali: rab, a joiner before the virama
    "\u0d05\u0d35\u0d28\u0d4d\u200d",  # Malayalam: he, the older chillu at the end
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",  # a family
    "\U0001f3f3\ufe0f\u200d\U0001f308",  # a flag with a selector
    "\U0001f44b\U0001f3fd \U0001f468\U0001f3fd\u200d\U0001f4bb",  # a tone of skin
    "\u2764\ufe0f\u200d\U0001f525",  # a heart on fire
]


@pytest.mark.parametrize("text", WRITTEN_WITH_JOINERS)
def test_printable_keeps_joiners_that_belong_to_the_word(text):
    """Each of these was shown with a mark in the middle of the word or the emoji."""
    assert printable(text) == text
    assert "\\u" not in visible_text(f"{text} abc", "masked")


@pytest.mark.parametrize(
    "text",
    [
        "sc\u200cam", "sc\u200dam", "\u200dscam", "scam\u200c", "\u200c", "a\u200d\U0001f467", "\U0001f467\u200da",
        "\u0645\u200cscam", "\u0915\u200d\u0937", "\U0001f467\u200d", "1\u200d2",
        "\uffff\u200c\u0628",
    ],
)  # fmt: skip
def test_printable_shows_joiners_that_hide(text):
    assert "\\u200" in printable(text)


def test_a_masked_word_shows_its_first_letter_alone_where_a_joiner_stands_inside():
    assert mask("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645") == "\u0645••••••"
    assert mask("sc\u200cam") == "s•\u200ca•"


def test_an_answer_repeats_no_word_whose_vowels_are_marks():
    """Words of Hindi fell into single letters at their marks, and a single letter is shown: they could be read."""
    text = "\u092f\u0939 \u092a\u094b\u0938\u094d\u091f \u0939\u092e\u0932\u093e \u0915\u0930\u0924\u0940 \u0939\u0948"
    words = AnswerWords(text, ["hate"])
    shown = words.seen(f'{{"categories": ["hate"], "rationale": "{text}"}}')
    assert shown == f'{{"categories": ["hate"], "rationale": "{mask(text)}"}}'
