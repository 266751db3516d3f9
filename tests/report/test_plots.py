"""Plots: every candidate drawn, a title that says what is seen, one scale for panels that are compared."""

import dataclasses
from types import SimpleNamespace

import pytest
from synthetic import synthetic_source

from harness.core.results import MetricResult
from harness.report.comparison import plots
from harness.report.comparison.build import build_report
from harness.report.parts.plots import style
from harness.report.weekly.plots import _shared_scale


@pytest.fixture(scope="module")
def data():
    return build_report(synthetic_source(200, 3, 3), generated_at="now", version="0.1.0")


def drawn(data, kind, metric="recall"):
    with style() as pyplot:
        figure = plots.PLOTS[kind](pyplot, data, metric)
        found = [panel.get_title(loc="left") for panel in figure.axes], figure.get_suptitle()
        pyplot.close(figure)
    return found


def test_slices_of_every_candidate_are_drawn(data):
    """Only those of the first compared candidate were."""
    titles, _ = drawn(data, "slices")
    assert [one for one in titles if one.startswith("language")] == [f"language: {name}" for name in ("v1", "v2", "v3")]


def test_candidates_that_do_not_fit_a_picture_of_slices_are_counted(data, monkeypatch):
    monkeypatch.setattr(plots, "MOST_SLICE_ROWS", 1)
    titles, title = drawn(data, "slices")
    assert not any("v3" in one for one in titles)
    assert "1 more candidate in the report" in title


@pytest.mark.parametrize("kind", ["categories", "differences"])
def test_a_title_says_what_the_picture_shows(data, kind):
    """It said "Recall with 95% intervals", whatever was seen."""
    one = dataclasses.replace(data, pairs=data.pairs[:1], candidates=data.candidates[:2])
    (title,), _ = drawn(one, kind)
    assert title.startswith("Recall: ")
    (title,), _ = drawn(data, kind)
    assert title.startswith("Recall of 2 candidates: ")


def test_panels_of_one_metric_share_a_scale_that_holds_values_and_targets():
    """Every panel had its own, so that a fall of a point looked like one of twenty."""

    def series(category, *values):
        points = [SimpleNamespace(result=MetricResult(x, x - 0.05, x + 0.05, 9), low=0.5, high=0.9) for x in values]
        return SimpleNamespace(category=category, points=points)

    low, high = _shared_scale([series("hate", 0.6, 0.7), series("spam", 0.9)], {"hate": 0.98})
    assert low < 0.5
    assert 0.98 < high <= 1.02
