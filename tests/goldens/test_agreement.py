"""Agreement: published figures on public sets, hand arithmetic, and what the command shows."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from public_sets import write_dataset

from harness.cli import main
from harness.core.agreement import krippendorff_alpha
from harness.files.golden.sets import load_golden
from harness.goldens.agreement import (
    annotator_rows,
    category_agreement,
    read_votes,
    shown_names,
    slice_agreement,
    voted,
)

CARD = """\
golden_set: g
version: 1
policy: {name: p, version: 1}
items: g.jsonl
labels: [hate, spam]
slices: {language: meta.lang, votes: votes}
"""
ROWS = [
    ("a", {"hate": 1, "spam": 0}, [("ann", {"hate": 1}), ("bob", {"hate": 1}), ("cid", {"hate": 1})]),
    ("b", {"hate": 0, "spam": 0}, [("ann", {"hate": 1}), ("bob", {"hate": 1}), ("cid", {})]),
    ("c", {"hate": 0, "spam": 0}, [("ann", {}), ("bob", {"hate": None}), ("cid", {})]),
    ("d", {"hate": 0, "spam": 0}, []),
]


def small_set(folder, rows=ROWS, card=CARD):
    lines = [
        json.dumps(
            {
                "id": name,
                "text": name,
                "labels": labels,
                "votes": [{"annotator": who, "labels": given, "team": "north"} for who, given in votes],
                "meta": {"lang": "en"},
            }
        )
        for name, labels, votes in rows
    ]
    (folder / "g.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "g.yaml").write_text(card)
    return folder / "g.yaml"


def test_what_counts_as_a_vote(tmp_path):
    votes = read_votes(load_golden(small_set(tmp_path), None))
    assert voted(votes) == ("hate",)  # nobody was asked about spam
    assert votes.table(0).tolist() == [[1, 1, 1], [1, 1, 0], [0, -1, 0], [-1, -1, -1]]
    found = category_agreement(votes, "hate", pair=("ann", "bob"))
    assert (found.n_items, found.n_votes) == (3, 8)
    assert found.against_gold == ("b",)  # two of three say 1, the gold says 0
    assert found.disputed == ("b",)
    assert found.cohen is not None
    assert found.cohen.n == 2  # bob's null is no vote
    assert shown_names(votes, with_names=False)["ann"] == "annotator 1"


def test_items_say_whether_their_votes_are_split(tmp_path):
    items = list(load_golden(small_set(tmp_path), None).items())
    assert [item.slices["votes"] for item in items] == [("unanimous",), ("split",), ("unanimous",), ()]


def test_an_annotator_is_judged_by_the_others(tmp_path):
    rows = {row.who: row for row in annotator_rows(read_votes(load_golden(small_set(tmp_path), None)))}
    assert (rows["cid"].recall.value, rows["cid"].recall.n) == (0.5, 2)  # of a and b, cid finds a
    assert rows["ann"].n_votes == 3


def test_counts_of_votes_are_votes_of_nobody_in_particular(tmp_path):
    (tmp_path / "g.jsonl").write_text('{"id":"a","text":"t","labels":{"hate":1},"votes":{"hate":[2,3]}}\n')
    (tmp_path / "g.yaml").write_text(CARD)
    votes = read_votes(load_golden(tmp_path / "g.yaml", None))
    assert votes.table(0).tolist() == [[1, 1, 0]]
    assert not votes.are_named
    result = CliRunner().invoke(main, ["golden", "agreement", str(tmp_path / "g.yaml"), "--annotators"])
    assert result.exit_code == 1
    assert "do not say who voted" in result.output


def test_grades_before_the_cut_have_an_ordinal_alpha(tmp_path):
    rows = [
        (str(at), {"hate": grade}, [("x", {"hate": grade}), ("y", {"hate": other})])
        for at, (grade, other) in enumerate([(0, 0), (1, 2), (4, 3), (4, 4), (0, 1)])
    ]
    votes = read_votes(load_golden(small_set(tmp_path, rows, CARD + "cut: 2\n"), None))
    found = category_agreement(votes, "hate")
    assert found.ordinal_alpha is not None
    assert found.ordinal_alpha.value > found.alpha.value > 0


def test_ordinal_alpha_equals_the_library_s():
    import krippendorff

    rng = np.random.default_rng(4)
    for _ in range(20):
        votes = rng.integers(-1, 5, (30, 4))
        wanted = krippendorff.alpha(np.where(votes < 0, np.nan, votes).T, level_of_measurement="ordinal")
        mine = krippendorff_alpha(votes, rng=rng, level="ordinal", n_resamples=10)
        assert mine.value == pytest.approx(wanted, abs=1e-12)


def test_the_command_shows_names_only_on_request(tmp_path):
    card = str(small_set(tmp_path))
    shown = CliRunner().invoke(main, ["golden", "agreement", card, "--annotators", "--teams", "--dawid-skene"])
    assert shown.exit_code == 0, shown.output
    assert "annotator 1" in shown.output
    assert "ann " not in shown.output.replace("annotator", "")
    named = CliRunner().invoke(main, ["golden", "agreement", card, "--annotators", "--names", "--json"])
    assert {row["who"] for row in json.loads(named.stdout)["annotators"]} == {"ann", "bob", "cid"}


def test_reviewers_become_recorded_decisions(tmp_path):
    card = small_set(tmp_path)
    result = CliRunner().invoke(main, ["golden", "agreement", str(card), "--reviewers", str(tmp_path / "r"), "--json"])
    files = {name: one["n_items"] for name, one in json.loads(result.stdout)["reviewers"].items()}
    assert files == {"annotator 1": 3, "annotator 2": 2, "annotator 3": 3}  # bob's null is no vote on c
    first = (tmp_path / "r" / "annotator_1.jsonl").read_text().splitlines()
    assert json.loads(first[0]) == {"id": "a", "decisions": {"hate": 1, "spam": None}}
    again = CliRunner().invoke(main, ["golden", "agreement", str(card), "--reviewers", str(tmp_path / "r")])
    assert again.exit_code == 1


def test_a_set_without_votes_says_so(tmp_path):
    card = small_set(tmp_path, [("a", {"hate": 1}, [])])
    result = CliRunner().invoke(main, ["golden", "agreement", str(card)])
    assert result.exit_code == 1
    assert "no item has votes" in result.output


def public_votes(name, folder, path):
    card = write_dataset(name, folder)
    declared = {**yaml.safe_load(card.read_text()), "fields": {"votes": path}}
    card.write_text(yaml.safe_dump(declared))
    return read_votes(load_golden(card, None))


def test_hatecheck_equals_the_published_fleiss_kappa(tmp_path):
    found = category_agreement(public_votes("hatecheck", tmp_path, "meta.votes"), "hateful", n_resamples=50)
    assert round(found.fleiss.value, 4) == 0.9285
    assert found.n_items == 3_901
    assert len(found.against_gold) == 5


def test_toldbr_equals_its_alphas(tmp_path):
    votes = public_votes("toldbr", tmp_path, "meta.votes")
    wanted = {
        "homophobia": 0.541,
        "insult": 0.360,
        "xenophobia": 0.344,
        "misogyny": 0.299,
        "obscene": 0.262,
        "racism": 0.252,
    }
    assert set(voted(votes)) == set(wanted)
    for name, alpha in wanted.items():
        found = category_agreement(votes, name, with_ceiling=False, n_resamples=10)
        assert round(found.alpha.value, 3) == alpha


def test_mhc_counts_by_language(tmp_path):
    votes = public_votes("mhc_a", tmp_path, "meta.vote_counts")
    votes.slices["language"] = [
        (json.loads(line)["meta"]["lang"],)
        for line in load_golden(tmp_path / "mhc_a.yaml", None).items_path.read_text().splitlines()
    ]
    found = slice_agreement(votes, n_resamples=10)["language"]
    wanted = {"ar": (0.573, 245), "de": (0.598, 153), "es": (0.750, 90), "fr": (0.328, 789), "hi": (0.722, 174)}
    for language, (kappa, n_against) in wanted.items():
        one = found[language]["hateful"]
        assert one.fleiss.value == pytest.approx(kappa, abs=0.0006)
        assert len(one.against_gold) == n_against
