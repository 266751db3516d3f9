"""The audit: which labels come first, on what evidence, and how many of the flipped ones it finds."""

from __future__ import annotations

import json

import numpy as np
import openpyxl
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.core.label_quality import ensemble_quality, label_quality
from harness.files.golden.sets import load_golden
from harness.goldens.audit import Evidence, audit, gather, trial
from harness.goldens.queues import QueueRow
from harness.goldens.text_models import text_probabilities
from tests.gating.stored import store_run
from tests.goldens.small_set import CARD, load, rows, write_set
from tests.public_sets import write_dataset

ONE = CARD.replace("[hate, threat, spam]", "[hate]")
SPAM = ("buy cheap pills now", "casino bonus win money", "free crypto offer click", "pills casino discount")
FINE = ("the weather is nice today", "my cat sleeps all day", "I read a good book", "we went for a walk")


def _texts(n=120):
    return [
        {
            "id": f"i{at:03}",
            "text": f"{(SPAM if at % 2 else FINE)[at // 2 % 4]} number {at}",
            "labels": {"hate": at % 2},
        }
        for at in range(n)
    ]


def test_self_confidence_equals_cleanlab():
    rank = pytest.importorskip("cleanlab.rank", reason="needs cleanlab")
    rng = np.random.default_rng(0)
    labels, p = rng.integers(0, 2, 200).astype(np.int8), rng.random(200)
    theirs = rank.get_label_quality_scores(labels, np.column_stack([1 - p, p]), method="self_confidence")
    assert label_quality(labels, p) == pytest.approx(theirs)


def test_what_nobody_judges_has_no_quality_and_what_is_no_probability_raises():
    labels = np.array([1, -1, 0], dtype=np.int8)
    quality = label_quality(labels, np.array([0.3, 0.5, np.nan]))
    assert quality[0] == 0.3
    assert np.isnan(quality[1:]).all()
    assert np.isnan(ensemble_quality(np.full((2, 1), np.nan))).all()
    with pytest.raises(ValueError, match="outside"):
        label_quality(labels, np.array([1.2, 0.0, 0.0]))


def test_a_candidate_that_disagrees_brings_a_label_to_the_front(tmp_path):
    golden, _ = load(
        write_set(tmp_path, card=ONE, items=[{**one, "labels": {"hate": one["labels"]["hate"]}} for one in rows()])
    )
    gold = golden.labels()[:, 0].copy()
    decided = gold.copy()
    decided[4] = 1 - decided[4]
    said = np.full(12, "ok", dtype=object)
    said[7] = "refused"
    run = store_run(tmp_path / "runs", gold, {"v1": decided}, ids=list(golden.ids()), outcomes={"v1": said})
    evidence = gather(golden, [run], uses_text=False, seed=0)
    found = audit(golden, evidence)
    assert (found[0].item, found[0].is_suspicious) == ("i4", True)
    assert [one.item for one in found if one.is_suspicious] == ["i4"]
    assert np.isnan(next(one for one in found if one.item == "i7").quality)


def test_votes_copies_and_marks_are_evidence(tmp_path):
    items = [{"id": f"i{at}", "text": f"text {at}", "labels": {"hate": at % 2}} for at in range(6)]
    items[1]["votes"] = [{"annotator": name, "labels": {"hate": 0}} for name in "abc"]
    items[2]["text"] = items[5]["text"] = "the same Text"
    golden, _ = load(write_set(tmp_path, items, ONE))
    found = audit(golden, gather(golden, [], uses_text=False, seed=0), [QueueRow("i4", None)])
    assert [one.item for one in found[:2]] == ["i4", "i1"]
    by_item = {one.item: one for one in found}
    assert by_item["i2"].conflicts == ("i5",)
    assert by_item["i1"].models == {"votes": pytest.approx(1 - 0.125)} or by_item["i1"].quality < 0.2
    assert not by_item["i0"].is_suspicious


def test_text_models_find_flips_and_never_see_a_copy(tmp_path):
    items = _texts()
    for at in (3, 10, 40, 77):
        items[at]["labels"]["hate"] = 1 - items[at]["labels"]["hate"]
    golden, _ = load(write_set(tmp_path, items, ONE))
    found = audit(golden, gather(golden, [], uses_text=True, seed=0))
    assert {one.item for one in found[:4]} == {"i003", "i010", "i040", "i077"}
    copies = [text for text in ("only here alpha", "only there beta") for _ in range(20)]
    labels = np.asarray([[1]] * 20 + [[0]] * 20, dtype=np.int8)
    p = text_probabilities(copies, labels, [None] * 40, seed=0)
    assert np.isnan(p).all()  # two distinct texts: whoever is judged was seen in training, so nobody is


def test_the_command_writes_what_review_and_label_studio_read(tmp_path):
    items = _texts(60)
    items[3]["labels"]["hate"] = 0
    card = write_set(tmp_path, items, ONE)
    for suffix in ("csv", "xlsx", "json"):
        result = CliRunner().invoke(main, ["golden", "audit", str(card), "--out", str(tmp_path / f"audit.{suffix}")])
        assert result.exit_code == 0, result.output
        assert "i003" in result.output
    assert (tmp_path / "audit.csv").read_text().splitlines()[1].startswith("i003,hate,")
    sheet = openpyxl.load_workbook(tmp_path / "audit.xlsx").active
    assert "i003" in [cell.value for row in sheet.iter_rows() for cell in row]
    task = json.loads((tmp_path / "audit.json").read_text())[0]
    assert task["data"]["id"] == "i003"
    assert task["predictions"][0]["result"][0]["value"]["choices"] == ["hate"]


def test_a_trial_says_how_many_flips_are_found(tmp_path):
    golden, _ = load(write_set(tmp_path, _texts(200), ONE))
    nobody = Evidence((), np.empty((0, 200, 1)))
    found = trial(golden, nobody, 0.05, 1)
    assert (found.n_flipped, found.n_labels) == (10, 200)
    assert found.found_in == 1.0
    assert found.precision_at[10] == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["openai_moderation", "surge_toxicity"])
def test_a_tenth_of_the_queue_holds_most_flips_of_real_sets(tmp_path, name):
    golden = load_golden(write_dataset(name, tmp_path), None)
    nobody = Evidence((), np.empty((0, *golden.labels().shape)))
    found = [trial(golden, nobody, 0.05, seed) for seed in range(3)]
    assert min(one.found_in for one in found) >= 0.6, found
