"""Stories of what no two places of one comparison may say differently."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from stories import Story, caught, everywhere, half, nowhere, tell

from harness.files.golden.sets import load_golden
from harness.jobs.report import load_source
from harness.measure.score import score_run
from harness.report.comparison import plots
from harness.report.comparison.build import build_report
from harness.report.parts import numbers
from harness.report.parts.disputes import votes_of
from harness.report.parts.plots import percent_axis, style
from harness.report.parts.tables import render
from harness.report.scores import score_tables

BRIEF = ("annotations",)


def v1_v2(one, other):
    return {"v1": one, "v2": other}


@pytest.mark.parametrize(("n_new", "n_gone"), [(12, 4), (13, 5)], ids=["its interval ends at zero", "it holds zero"])
def test_what_the_headline_calls_worse_is_not_within_chance_in_the_table(tmp_path, n_new, n_gone):
    """ "Precision of Homophobia fell, not chance" stood over a table with -3.9 "within chance"."""
    gold = half(300, 300)
    before, after = caught(gold, 300, 40), caught(gold, 300, 40)
    after[300 : 300 + n_gone], after[400 : 400 + n_new] = 0, 1
    run = Story(tmp_path, {"hate": gold}).run(v1_v2({"hate": before}, {"hate": after}))
    found = tell(
        run, "precision of Hate is likely worse", never=("not chance", "within chance"), but=("terminal", *BRIEF)
    )
    everywhere(found, f"{n_new} newly wrongly flagged, {n_gone} no longer wrongly flagged", "likely, exploratory")
    (row,) = json.loads(found["json"])["pairs"][0]["rows"]
    assert row["measures"]["precision"]["change"] == "leans_worse"
    everywhere({name: found[name] for name in ("html", "md", "xlsx")}, "maybe worse")
    nowhere(found, "Whether precision moved in 1 category (Hate)")


def test_the_threshold_in_use_reads_the_figures_of_the_category(tmp_path):
    """A threshold table said 83.7% where the categories said 80.4%, both "on these same items"."""
    gold = half(300, 300)
    score = np.r_[np.linspace(0.95, 0.40, 300), np.linspace(0.55, 0.05, 300)]
    decided = (score >= 0.5).astype(int)
    score[::6], decided[::6] = np.nan, 0  # no score and no flag: thresholds are about other items, and say so
    story = Story(tmp_path, {"hate": gold})
    run = story.run(v1_v2({"hate": decided}, {"hate": caught(gold, 240)}), scores={"v1": {"hate": score}})
    found = tell(run, never=("these same items",))
    source, _ = load_source(run, "v1", ("v2",), run, "none")
    (one,) = build_report(source, generated_at="now", version="0").scored
    now = next(curve for curve in one.curves if curve.candidate == "v1")
    recall = json.loads(found["json"])["pairs"][0]["rows"][0]["measures"]["recall"]["baseline"]
    assert now.recall.value == pytest.approx(recall["value"])
    everywhere(found, numbers.share(now.recall.value)[:-1], but=("xlsx", "json", *BRIEF))
    everywhere({"xlsx": found["xlsx"], "json": found["json"]}, f"{now.recall.value:.2f}")
    scored = next(row for row in one.thresholds["v1"] if row.threshold == 0.5)
    assert (scored.recall.n, now.recall.n) == (250, 300)
    others = numbers.share_with_interval(scored.recall)
    nowhere(
        {name: said for name, said in found.items() if name != "html"}, others
    )  # of scored items, where that is said
    everywhere({"html": found["html"]}, others, "500 of 600 labelled items have a score", "on every labelled item")
    assert json.loads(found["json"])["scored"][0]["counts"]["v1"] == {"n_scored": 500, "n_labelled": 600}
    ranks = "ranked are the 500 of 600 labelled items that have a score; precision and recall above count all of them"
    assert ranks in render(score_tables(score_run(run, with_slices=False)), "md")


def test_failed_answers_are_one_count_over_one_whole(tmp_path):
    """ "17 failed calls" stood beside a share of 0.8% that was of something else."""
    gold = np.tile([1, 0], 400)
    outcomes = ["refused" if index >= 783 else "ok" for index in range(800)]
    run = Story(tmp_path, {"hate": gold}).run(v1_v2({"hate": gold}, {"hate": gold}), outcomes={"v2": outcomes})
    found = tell(run, "2.12% instead of 0.00% (17 answers of 800 newly fail", never=("0.8%", "17 failed calls"))
    everywhere({"md": found["md"]}, "| v2 | 783 | 17 | 2.12% [1.33, 3.38] |")


def test_an_item_of_two_categories_is_counted_once_where_items_are_counted(tmp_path):
    """ "81 in all" stood beside 82: one item had changed in two categories."""
    gold = {"hate": half(100, 100), "spam": half(100, 100)}
    after = {"hate": gold["hate"].copy(), "spam": gold["spam"].copy()}
    after["hate"][:30], after["spam"][29:50] = 0, 0  # item 29 in both
    run = Story(tmp_path, gold).run(v1_v2(gold, after))
    found = tell(run, "30 newly missed", "21 newly missed", never=("51 items",))
    (pair,) = json.loads(found["json"])["pairs"]
    assert pair["n_broken"] == 50
    assert [len(row["newly"]["missed"]) for row in pair["rows"]] == [30, 21]


@pytest.mark.parametrize("n_voters", [0, 1, 3])
def test_votes_that_nobody_gave_are_never_called_the_same(tmp_path, n_voters):
    """ "Every vote is the same" was said of a category on which nobody had voted."""
    gold = {"hate": half(60, 60), "spam": np.roll(half(60, 60), 30)}
    votes = [
        [{"annotator": f"a{voter}", "labels": {"hate": int(label)}} for voter in range(n_voters)]
        for label in gold["hate"]
    ]
    run = Story(tmp_path, gold, votes=votes).run(v1_v2(gold, {**gold, "spam": caught(gold["spam"], 40)}))
    tell(run, never=("every vote is the same", "Every vote is the same"))
    said = votes_of(load_golden(tmp_path / "g1.yaml", None))
    assert said.of("spam") is None
    hate = said.of("hate")
    assert (hate is not None) == (n_voters > 0)
    if n_voters == 1:
        assert hate.alpha.reason == "no item has two votes"


def test_a_category_that_only_a_later_candidate_decides_is_drawn(tmp_path):
    """The plot of differences took its rows from the first candidate."""
    gold = {"hate": half(60, 60), "spam": np.roll(half(60, 60), 30)}
    run = Story(tmp_path, gold).run({"v1": gold, "v2": {"hate": gold["hate"]}, "v3": gold})
    source, _ = load_source(run, "v1", (), run, "none")
    data = build_report(source, generated_at="now", version="0")
    with style() as pyplot:
        (axes,) = plots.PLOTS["differences"](pyplot, data, "recall").axes
        labels = [one.get_text() for one in axes.get_yticklabels()]
        dots = axes.get_legend_handles_labels()[1]
        pyplot.close("all")
    assert [one.split("  (")[0] for one in labels] == ["Hate", "Spam"]
    assert {*dots} >= {"v2", "v3"} or len(data.pairs) == 2


@pytest.mark.parametrize(("value", "shown"), [(0.725, "72.5%"), (0.75, "75%"), (0.1, "10%"), (0.7, "70%")])
def test_a_tick_is_not_rounded(value, shown):
    """Ticks at 72.5, 75 and 77.5% read 73, 75, 78%."""
    found = []
    percent_axis(SimpleNamespace(set_major_formatter=found.append))
    assert found[0](value, 0) == shown
