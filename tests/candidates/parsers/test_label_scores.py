"""Scores of one-word answers from the log probabilities of their first token."""

import math

import pytest

from harness.candidates.names import NameIndex
from harness.candidates.parsers.base import ParseContext, Token
from harness.candidates.parsers.label import LABEL
from harness.records import PromptHeader

LABELS = {"ok": (), "insult": ("harassment",), "hate": ("hate",), "harass": ("harassment",)}


def scores(alternatives, answer="insult", before=()):
    token = Token(alternatives[0][0], tuple((text, math.log(share)) for text, share in alternatives))
    header = PromptHeader(prompt="p", answer="label", labels=LABELS)
    rest = Token(answer[len(token.text) :])
    context = ParseContext(header, NameIndex(("harassment", "hate")), tokens=(*before, token, rest))
    return LABEL.parse(answer, context).scores


def test_a_category_scores_the_share_of_all_its_labels():
    # by hand: insult .5 and harass .1 of a known .9 are harassment
    found = scores([("ins", 0.5), (" OK", 0.2), ("hate", 0.1), ("harass", 0.1), ("xyz", 0.1)])
    assert found == pytest.approx({"harassment": 0.6 / 0.9, "hate": 0.1 / 0.9})


def test_a_token_that_begins_two_labels_counts_for_the_one_no_longer_token_begins():
    found = scores([("insult", 0.4), ("ha", 0.3), ("har", 0.2), ("ok", 0.1)])
    assert found["hate"] == pytest.approx(0.3)


def test_a_token_that_could_be_either_label_is_left_out():
    assert scores([("insult", 0.7), ("ha", 0.2), ("ok", 0.1)])["hate"] == 0.0


def test_little_known_probability_gives_no_score():
    assert scores([("insult", 0.4), ("The", 0.6)]) == {}


def test_without_alternatives_there_is_no_score():
    assert scores([("insult", 0.9)]) == {}


def test_leading_space_tokens_are_passed_over():
    assert scores([("insult", 0.9), ("ok", 0.1)], before=(Token("\n", (("\n", -0.1), ("ok", -3.0))),))["hate"] == 0.0
