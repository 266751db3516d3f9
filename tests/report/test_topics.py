"""Clusters of what errors say: found by scikit-learn, named by words, slices and rules, masked like any text."""

import time

import numpy as np
import pytest

from harness.report.parts.topics import text_clusters
from harness.report.weekly.error_data import Example
from harness.report.weekly.sentences import topic_counts, topic_name
from harness.report.weekly.topics import topics_of
from tests.fakes import FakeRun, rows_of

SCAM = [f"send {n} dollars to this wallet and get bitcoin back" for n in ("ten", "fifty", "some", "all", "your", "few")]
DIET = [f"skip {n} and stay thin, starving works" for n in ("dinner", "lunch", "meals", "sweets", "bread", "sugar")]
OTHER = ["the weather", "lovely photo of a harbour", "who won yesterday", "good night", "my cat", "read it twice"]
TEXTS = [*SCAM, *DIET, *OTHER]


def test_texts_that_are_alike_come_together_and_the_others_stay_outside():
    clusters = text_clusters(TEXTS)
    assert sorted(set(one.members) for one in clusters) == [set(range(6)), set(range(6, 12))]
    scam = next(one for one in clusters if 0 in one.members)
    assert {"wallet", "bitcoin"} & set(scam.words)
    assert text_clusters(TEXTS) == clusters


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["one"],
        SCAM,
        [""] * 30,
        ["same words"] * 40,
        [f"word{n}" for n in range(40)],
        ["!!! 123 🍑"] * 20,
        ["한국어 나쁜 말"] * 12,
    ],
)
def test_odd_texts_give_no_error(texts):
    for one in text_clusters(texts):
        assert one.members
        assert len(set(one.members)) == len(one.members)


def topics(mode):
    n = len(TEXTS)
    y_true = np.ones((n, 1), dtype=np.int8)
    run = FakeRun(y_true, {"v2": rows_of(np.zeros((n, 1)))}, ("scams",))
    run.slices = {"language": {"en": np.arange(n), "es": np.arange(6)}, "surface": {"bio": np.array([0, 7, 13])}}
    texts = dict(zip(run.item_ids, TEXTS, strict=True))
    examples = {one: Example(one, "", None, None) for one in run.item_ids}
    return topics_of(run, "v2", np.ones((n, 1), dtype=bool), texts, {"scams": "Scams"}, examples, mode)


def test_a_cluster_is_named_by_its_words_and_the_slices_that_set_it_apart():
    scam = next(one for one in topics("full") if "i0" in one.item_ids)
    assert scam.marks == ("language: es (6 of 6)",)  # every error is in English: that says nothing of this cluster
    assert "“wallet”" in topic_name(scam) or "“bitcoin”" in topic_name(scam)
    assert topic_counts(scam) == "6 items, 6 missed; Scams 6"
    assert [one.item_id for one in scam.examples] == ["i0", "i1", "i2"]


def test_words_are_masked_like_the_texts_they_are_of_and_absent_where_no_text_is_shown():
    for one in topics("masked"):
        assert all("•" in word for word in one.words)
    assert topics("none") == ()


@pytest.mark.slow
def test_five_thousand_errors_take_less_than_five_seconds_of_work():
    rng = np.random.default_rng(0)
    words = np.array([f"{a}{b}" for a in "bcdfghjklmnprstvwz" for b in ("ado", "eri", "ilo", "onu", "uta")])
    texts = [" ".join(rng.choice(words, 14)) for _ in range(5_000)]
    began = time.process_time()
    text_clusters(texts)
    assert time.process_time() - began < 5
