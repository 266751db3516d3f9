"""Ten weeks of real runs: the regression must be pointed out, the weeks of noise must not. And 5,000 stored runs."""

import dataclasses
import json
import os
import shutil
import time

import pytest
from weekly_cases import EVAL as SMALL
from weekly_cases import MODEL, History, apart

from harness.report.weekly.build import build_weekly
from harness.report.weekly.collect import collect
from harness.report.weekly.digest import LIMIT, digest
from harness.report.weekly.renderers import RENDERERS
from tests.weekly_story import EVAL, EVENTS, write_weeks

NOISE = ("2026-W42", "2026-W45")
UNCHANGED = ("2026-W41", "2026-W44", "2026-W47")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    pytest.importorskip("profanity_check", reason="needs the extra 'baseline'")
    return apart(lambda: write_weeks(tmp_path_factory.mktemp("story")))


def report(runs, week):
    return build_weekly(collect(runs, EVAL, week=week), generated_at="now", version="0.1.0", text_mode="none")


@pytest.mark.slow
def test_the_real_regression_is_pointed_out_with_its_cause(runs):
    data = report(runs, "2026-W46")
    assert (data.word, data.tone) == ("MORE HARM MISSED", "bad")
    worst = data.movements[0]
    assert (worst.category, worst.metric, worst.is_better) == ("sexual", "recall", False)
    assert worst.difference < -0.3
    assert data.headline[0].startswith(
        "Recall of Sexual content fell by 37.3 points, from 87.8% over the 3 weeks before"
    )
    (cause,) = data.causes
    assert "rule set platform v2 became v3 (1 line added, 13 removed)" in cause
    assert cause.endswith("No vendor's model takes part, so the change is ours.")
    assert "control" not in cause  # a control that calls no model says nothing about a rule set
    assert data.asks[0].owner == "policy-adult"
    assert data.asks[0].text.startswith("Recall of Sexual content fell by 37.3 points: decide whether to roll back.")
    first = data.errors.clusters[0]
    assert (first.category, first.kind, first.stands_out) == ("sexual", "fn", True)


@pytest.mark.slow
@pytest.mark.parametrize("week", [*NOISE, *UNCHANGED])
def test_weeks_without_change_raise_no_alarm(runs, week):
    data = report(runs, week)
    assert data.movements == ()
    is_open = [one for one in data.findings if one.kind == "open"]
    assert ("Nothing else" if is_open else "Nothing") + " moved by more than chance explains." in data.headline
    assert data.word.startswith("NOT REPAIRED" if is_open else "STEADY")
    assert not [one for one in data.findings if one.kind == "harm" and one.fact == "moved"]
    assert not [one for one in data.asks if one.rank < 10 and "has not recovered" not in one.text]
    if week in UNCHANGED:
        assert data.errors.clusters == ()
        assert (data.errors.n_new, data.errors.n_gone) == (0, 0)


@pytest.mark.slow
def test_a_fall_that_nobody_repaired_is_never_forgotten(runs):
    """A fall of 37 points in W46 was followed by a green STEADY in W47 and W48."""
    for week in ("2026-W47", "2026-W48"):
        data = report(runs, week)
        fall = next(one for one in data.findings if one.kind == "open" and one.key == "sexual.recall")
        assert fall.since == "2026-W46"
        assert (data.tone, data.word) == ("bad", "NOT REPAIRED")
        told = "Recall of Sexual content fell in 2026-W46, from 87.8% to 50.5%, and is not repaired"
        assert any(line.startswith(told) for line in data.headline)
        assert told in digest(data)
    repaired = report(runs, "2026-W49")
    assert [(one.key, one.closed) for one in repaired.ledger if one.key == "sexual.recall"] == [
        ("sexual.recall", "2026-W49")
    ]


@pytest.mark.slow
def test_an_improvement_with_a_price_is_told_as_both(runs):
    data = report(runs, "2026-W43")
    assert data.word == "MORE CAUGHT, LESS PRECISE"
    moved = {(one.category, one.metric): one.is_better for one in data.movements}
    assert moved[("sexual", "recall")] is True
    assert moved[("sexual", "precision")] is False


@pytest.mark.slow
def test_new_labels_are_set_apart_from_the_candidate(runs):
    data = report(runs, "2026-W48")
    assert data.word == "NOT REPAIRED"  # new labels do not repair the fall of two weeks before
    assert any("this week's figures are not comparable" in line for line in data.headline)
    assert data.movements == ()
    assert data.n_split_items == 1_200
    assert all(one.by_candidate == 0 for one in data.splits)
    precision = next(one for one in data.splits if (one.category, one.metric) == ("sexual", "precision"))
    assert precision.by_labels < -0.1


@pytest.mark.slow
def test_the_way_back_is_told(runs):
    data = report(runs, "2026-W49")
    assert ("sexual", "recall") in {(one.category, one.metric) for one in data.movements if one.is_better}
    assert "rule set platform v3 became v4" in data.causes[0]
    assert "No vendor's model takes part, so the change is ours." in data.causes[0]
    assert [one.week for one in data.earlier if one.category == "sexual" and one.metric == "recall"] == [
        "2026-W46",
        "2026-W43",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.week)
def test_every_week_fits_its_formats(runs, tmp_path, event):
    data = report(runs, event.week)
    assert len(digest(data)) < LIMIT
    for render in RENDERERS.values():
        for path in render(data, tmp_path, "none"):
            assert 0 < path.stat().st_size < 1_000_000


@pytest.mark.slow
def test_five_thousand_stored_runs(tmp_path):
    """Reading 5,000 records and scoring only what is shown takes seconds, and less the second time."""
    history = History(tmp_path)
    template = history.week("2026-W10", {"main": 90, "control": 80}, fingerprints={"main": MODEL})
    meta = json.loads((template / "run.json").read_text(encoding="utf-8"))
    for number in range(5_000):
        run_id = f"small-{number:012x}"
        week = 1 + number // 100
        folder = history.runs / run_id
        shutil.copytree(template, folder, copy_function=os.link)
        (folder / "run.json").unlink()
        changed = {**meta, "run_id": run_id, "wave": f"2026-W{week:02d}", "wall_s": number}
        (folder / "run.json").write_text(json.dumps(changed), encoding="utf-8")
    shutil.rmtree(template)
    began = time.perf_counter()
    source = collect(history.runs, SMALL, n_weeks=52)
    first_s = time.perf_counter() - began
    assert len(source.by_week) == 50
    assert len(source.summaries) == 50  # one run a week is scored, not 5,000
    began = time.perf_counter()
    again = collect(history.runs, SMALL, n_weeks=52)
    second_s = time.perf_counter() - began
    assert repr(again.summaries) == repr(source.summaries)
    data = build_weekly(dataclasses.replace(again, texts={}), generated_at="now", version="0.1.0", text_mode="none")
    (page,) = RENDERERS["html"](data, tmp_path, "none")
    print(
        f"5,000 runs: {first_s:.1f} s the first time, {second_s:.1f} s the second; page {page.stat().st_size:,} bytes"
    )
    assert first_s < 60
    assert second_s < 30
