"""Stories over labels of real sets with made-up decisions, told on every surface; skipped without the sets."""

from __future__ import annotations

import numpy as np
import pytest
from stories import Story, everywhere, tell

from harness.files.golden.sets import load_golden
from tests.public_sets import write_dataset

pytestmark = pytest.mark.slow

CALM = "nothing is likely worse"
BRIEF = ("annotations",)
"""What shows harm and failed checks alone, a line each."""


def labels_of(name, folder, categories, n=1_500):
    """Labels of some categories on a sample of a real set, and the language of each item."""
    golden = load_golden(write_dataset(name, folder), None)
    y_true = golden.labels()
    kept = np.sort(np.random.default_rng(5).permutation(len(y_true))[:n])
    gold = {one: y_true[kept, golden.categories.index(one)].astype(int) for one in categories}
    language = np.array([str(item.slices.get("language", "")) for item in golden.items()], dtype=object)
    return gold, language[kept]


def catching(gold, share, rng):
    """Decisions that catch about this share of the violating items, and flag nothing else."""
    decided = np.zeros_like(gold)
    violating = np.flatnonzero(gold == 1)
    decided[rng.permutation(violating)[: round(share * len(violating))]] = 1
    return decided


def test_a_category_of_toldbr_that_falls_is_told_beside_those_that_rise(tmp_path):
    gold, _ = labels_of("toldbr", tmp_path / "set", ("homophobia", "insult", "obscene"), 3_000)
    rng = np.random.default_rng(1)
    before = {one: catching(values, 0.7, rng) for one, values in gold.items()}
    after = {one: catching(values, 0.35 if one == "homophobia" else 0.85, rng) for one, values in gold.items()}
    story = Story(tmp_path / "story", gold, policy={"homophobia": {"severity": "critical", "owner": "policy-hate"}})
    found = tell(story.run({"v1": before, "v2": after}), "isses more Homophobia (critical)", never=(CALM,))
    everywhere(found, "atches more Insult", "atches more Obscene", "policy-hate", but=BRIEF)


def test_few_items_of_a_critical_category_of_a_moderation_set_are_enough(tmp_path):
    gold, _ = labels_of("openai_moderation", tmp_path / "set", ("self-harm", "sexual"))
    gold = {one.replace("-", "_"): values for one, values in gold.items()}
    rng = np.random.default_rng(2)
    before = {one: catching(values, 0.9, rng) for one, values in gold.items()}
    after = before | {"self_harm": catching(gold["self_harm"], 0.5, rng)}
    story = Story(tmp_path / "story", gold, policy={"self_harm": {"name": "Self-harm", "severity": "critical"}})
    tell(story.run({"v1": before, "v2": after}), "isses more Self-harm (critical)", never=(CALM, "NO PROVEN CHANGE"))


def test_a_language_of_multilingual_hatecheck_that_falls_inside_a_rising_average_is_named(tmp_path):
    gold, language = labels_of("mhc_a", tmp_path / "set", ("hateful",), 3_000)
    names, sizes = np.unique(language.astype(str)[gold["hateful"] == 1], return_counts=True)
    falls = names[np.argmax(sizes)]
    assert len(names) > 1
    rng, is_there = np.random.default_rng(3), language == falls
    before = {"hateful": catching(gold["hateful"], 0.7, rng)}
    better, worse = catching(gold["hateful"], 0.97, rng), catching(gold["hateful"], 0.5, rng)
    after = {"hateful": np.where(is_there, worse, better)}
    story = Story(tmp_path / "story", gold, {"language": [str(one) for one in language]})
    found = tell(story.run({"v1": before, "v2": after}), f"Hateful in language {falls}", never=(CALM, "BETTER."))
    everywhere(found, "atches more Hateful", but=BRIEF)
