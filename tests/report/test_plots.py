"""Plots: candidates that can be told apart, a title that says what is seen, one scale for panels that are compared."""

import dataclasses
import re
from types import SimpleNamespace

import pytest
from synthetic import synthetic_source

from harness.core.results import MetricResult
from harness.report.comparison import plots
from harness.report.comparison.build import build_report
from harness.report.comparison.frontier import FrontierPoint
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
    _, title = drawn(one, kind)
    assert title.startswith("Recall: ")
    _, title = drawn(data, kind)
    assert title.startswith("Recall of 2 candidates: ")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("curves", r"Precision against recall: lowest average precision of v\d in .+ \(0\.\d{3}\); dots"),
        ("reliability", r"Calibration: largest Brier score of v\d in .+ \(0\.\d{3}\); 95%"),
        ("slices", r"Recall by slice: lowest in .+ \(\d+%\); 95% intervals, grey: fewer than 20 items"),
    ],
)
def test_curves_calibration_and_slices_are_titled_with_what_is_worst(data, kind, said):
    """They were titled with what they draw."""
    _, title = drawn(data, kind)
    assert re.match(said, title.replace("\n", " "))


@pytest.mark.parametrize("kind", ["categories", "differences"])
def test_of_many_candidates_and_categories_a_picture_holds_what_it_can_tell_apart(kind):
    """Twenty candidates of sixty categories were a picture of 36,000 pixels, in seven colours."""
    data = build_report(synthetic_source(60, 30, 12), generated_at="now", version="0.1.0")
    with style() as pyplot:
        figure = plots.PLOTS[kind](pyplot, data, "recall")
        height, title = figure.get_figheight(), figure.get_suptitle().replace("\n", " ")
        marks = [text.get_text() for text in figure.legends[0].get_texts()]
        pyplot.close(figure)
    assert height < 40
    assert title.endswith("; 20 of 30 categories; 4 more candidates in the report")
    assert len(set(marks)) == len(marks) == 7 + (kind == "categories")


@pytest.mark.parametrize("kind", ["categories", "differences"])
def test_dots_of_one_category_stay_in_its_row(kind):
    """Those of eight candidates reached into the next row, and were read as of another category."""
    data = build_report(synthetic_source(60, 3, 9), generated_at="now", version="0.1.0")
    with style() as pyplot:
        axes = plots.PLOTS[kind](pyplot, data, "recall").axes[0]
        rows = [line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1]
        pyplot.close(axes.figure)
    assert len(rows) > 3 * 7
    assert max(abs(y - round(y)) for y in rows) < 0.45


@pytest.mark.parametrize(("kind", "said"), [("curves", "lowest average"), ("reliability", "largest Brier")])
def test_of_many_categories_curves_and_calibration_show_the_worst(kind, said, monkeypatch):
    """Sixty were sixty panels, a picture of 6,200 pixels."""
    data = build_report(synthetic_source(200, 4, 2), generated_at="now", version="0.1.0")
    every, _ = drawn(data, kind)
    monkeypatch.setattr(plots, "MOST_PANELS", 3)
    titles, title = drawn(data, kind)
    assert len(titles) == 3 < len(every)
    worst = re.search(rf"{said} .+? in (.+?) \(", title.replace("\n", " "))[1]
    assert worst in [" ".join(one.split()) for one in titles]
    assert "; the 3 worst of 4 categories" in title.replace("\n", " ")


def test_of_many_categories_slices_show_the_worst(data, monkeypatch):
    """Sixty were a picture of 8,900 pixels."""
    monkeypatch.setattr(plots, "MOST_PANELS", 2)
    with style() as pyplot:
        figure = plots.PLOTS["slices"](pyplot, data, "recall")
        heads = [one.get_text().replace("\n", " ") for one in figure.axes[0].get_xticklabels()]
        title = figure.get_suptitle().replace("\n", " ")
        pyplot.close(figure)
    assert len(heads) == 2
    assert re.search(r"lowest in (.+?), \w+: ", title)[1] in heads
    assert "; the 2 worst of 3 categories" in title


def test_the_figure_behind_a_name_from_right_to_left_stays_behind_it(data):
    """It was drawn before the name: "95 ;(0.076) ... % intervals"."""
    name = "\u0627\u0644\u0646\u0635\u0628 02"
    scored = [dataclasses.replace(one, name=name) for one in data.scored[:1]]
    named = dataclasses.replace(data, scored=tuple(scored), categories=(("c", name),))
    _, title = drawn(named, "reliability")
    assert f"\u2068{name}\u2069 (0." in title


def test_panels_of_one_metric_share_a_scale_that_holds_values_and_targets():
    """Every panel had its own, so that a fall of a point looked like one of twenty."""

    def series(category, *values):
        points = [SimpleNamespace(result=MetricResult(x, x - 0.05, x + 0.05, 9), low=0.5, high=0.9) for x in values]
        return SimpleNamespace(category=category, points=points)

    low, high = _shared_scale([series("hate", 0.6, 0.7), series("spam", 0.9)], {"hate": 0.98})
    assert low < 0.5
    assert 0.98 < high <= 1.02


def test_of_many_candidates_the_picture_of_costs_names_those_that_nobody_beats(data):
    """The names of twenty lay on one another."""
    result = MetricResult(0.8, 0.7, 0.9, 100)
    points = [
        FrontierPoint(f"v{at}", 0.1 + at, "", {"f1": result}, {"f1": None if at == 0 else "v0"}) for at in range(20)
    ]
    names = tuple(one.candidate for one in points)
    many = dataclasses.replace(data, frontier=tuple(points), candidates=names, baseline="v7")
    with style() as pyplot:
        axes = plots.PLOTS["frontier"](pyplot, many, "f1").axes[0]
        said, title = [one.get_text() for one in axes.texts], axes.get_title(loc="left")
        pyplot.close(axes.figure)
    assert said == ["v0", "v7"]
    assert title.endswith("; grey: 18 that are beaten")
