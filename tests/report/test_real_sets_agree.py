"""Every number that surfaces share is one number, over three real sets; skipped where the sets are not at hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from shared_numbers import (
    ALL,
    from_comment,
    from_json,
    from_markdown,
    from_page,
    from_plot,
    from_xlsx,
)
from shared_points import points_of_json, points_of_markdown, points_of_page, points_of_xlsx

from harness.files.golden.sets import load_golden
from harness.gating import gate_runs
from harness.gating.findings.stored import NEWLY
from harness.jobs.compare import compare_candidates
from harness.jobs.report import load_source
from harness.jobs.run import RunOptions, prepare_run
from harness.measure.compare import compare
from harness.measure.score import score_candidate
from harness.report.comparison.build import build_report
from harness.report.comparison.renderers import RENDERERS
from harness.report.comparison.terminal import comparison_tables, point_tables
from harness.report.gate.comment import comment_markdown, summary_markdown
from harness.report.gate.document import gate_document
from harness.report.parts import numbers
from harness.report.parts.tables import render
from harness.runner import run_eval
from harness.runs import open_run
from tests.public_sets import write_dataset

N_ITEMS = 600
POINTS = ("recall@precision=0.3", "recall@fpr=0.1", "precision@recall=0.5")
SETS = ("toldbr", "mhc_a", "openai_moderation")


def run_over(name, folder):
    """Two candidates with made-up decisions on a sample of a real set; every third category has no prevalence."""
    golden = load_golden(write_dataset(name, folder), None)
    policy = yaml.safe_load((folder / f"policies/{name}.yaml").read_text(encoding="utf-8"))
    for position, category in enumerate(policy["categories"].values()):
        if position % 3 != 2:
            category["prevalence"] = {"value": 0.004, "low": 0.003, "high": 0.006, "source": "s", "date": "2026-10-01"}
    (folder / f"policies/{name}.yaml").write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")
    gold, rng = golden.labels(), np.random.default_rng(3)
    for candidate, wrong in (("v1", 0.2), ("v2", 0.15)):
        said = np.where(rng.random(gold.shape) < wrong, 1 - gold, gold)
        rows = []
        for at, one in enumerate(golden.ids()):
            decided = {key: int(said[at, column] == 1) for column, key in enumerate(golden.categories)}
            scores = {key: round(0.9 * flag + 0.1 * rng.random(), 3) for key, flag in decided.items()}
            row = {"id": one, "decisions": decided, "scores": scores, "latency_ms": 50 + at % 90, "cost_usd": 0.0003}
            if rng.random() < 0.02:
                row |= {"outcome": "unparsed", "decisions": dict.fromkeys(golden.categories)}
            rows.append(json.dumps(row))
        (folder / f"{candidate}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    spec = {
        "eval": name,
        "policy": f"policies/{name}.yaml",
        "golden_set": f"{name}.yaml",
        "candidates": {one: {"recorded": f"{one}.jsonl"} for one in ("v1", "v2")},
        "slices": ["language"],
        "gate": {
            "checks": [
                {"category": "*", "metric": "recall", "margin": 0.05, "tier": "guarded"},
                {"category": "*", "metric": "precision", "margin": 0.05, "tier": "watch"},
            ]
        },
    }
    (folder / "eval.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    options = RunOptions(folder / "runs", folder / "journal.sqlite", limit=N_ITEMS)
    return open_run(run_eval(prepare_run(folder / "eval.yaml", options, {}).request).path)


@pytest.fixture(scope="module", params=SETS)
def told(request, tmp_path_factory):
    """What each surface says, quantity by quantity; what the JSON says is what the others are held to."""
    run = run_over(request.param, tmp_path_factory.mktemp(request.param.replace("_", "-")))
    folder = Path(run.path)
    source, mode = load_source(run, "v1", ("v2",), run, "none", points=POINTS)
    data = build_report(source, generated_at="now", version="0.1.0")
    files = {name: RENDERERS[name](source, data, folder, mode)[0] for name in ("html", "md", "xlsx", "json")}
    ids = {name: one for one, name in data.categories}
    sides = (ids, "v1", "v2")
    comparison, gate = compare(run["v1"], run["v2"]), gate_runs(run["v2"], run["v1"])
    decided = compare_candidates(run["v1"], run["v2"], points=POINTS)
    tables = [
        *comparison_tables(comparison, metrics=("recall", "precision", "fpr", "f1"), text_mode="none"),
        *point_tables(decided.points, comparison),
    ]
    page, markdown, written = (files[name].read_text(encoding="utf-8") for name in ("html", "md", "json"))
    screen = render(tables, "md")
    return {
        "json": from_json(json.loads(written)) | points_of_json(json.loads(written)),
        "page": from_page(page, *sides) | points_of_page(page),
        "md": from_markdown(markdown, *sides) | points_of_markdown(markdown),
        "xlsx": from_xlsx(files["xlsx"], *sides) | points_of_xlsx(files["xlsx"]),
        "terminal": from_markdown(screen, *sides) | points_of_markdown(screen),
        "comment": from_comment(comment_markdown(gate), *sides),
        "summary": from_comment(summary_markdown(gate), *sides),
    }, (run, data, comparison, gate)


def _known(text):
    """Where a number is not defined, a surface may leave out why."""
    return "n/a" if text is None or text.startswith("n/a") else text


FILES = {"value", "difference", "n", "newly", "a day", "verdict", "gate difference", "cost", "point"}
OF_THE_GATE = {"value", "n", "newly", "verdict", "gate difference", "latency"}
MUST_SHOW = {
    "page": FILES | {"gold", "latency"},
    "md": FILES | {"gold", "failed", "outcome"},
    "xlsx": FILES | {"p", "failed", "slice"},
    "terminal": {"value", "difference", "n", "p", "newly", "cost", "latency", "point"},
    "comment": OF_THE_GATE,
    "summary": OF_THE_GATE,
}


@pytest.mark.parametrize("surface", MUST_SHOW)
def test_no_two_surfaces_say_different_numbers(told, surface):
    found, expected = told[0][surface], told[0]["json"]
    assert {one[0] for one in found} >= MUST_SHOW[surface]
    unknown = {one: text for one, text in found.items() if one not in expected and not text.startswith("n/a")}
    assert unknown == {}
    other = {one: (text, expected[one]) for one, text in found.items() if _known(text) != _known(expected.get(one))}
    assert other == {}


@pytest.mark.parametrize("surface", ["page", "md", "xlsx", "terminal"])
def test_no_category_is_missing_from_a_surface(told, surface):
    found, expected = told[0][surface], told[0]["json"]
    for one, text in expected.items():
        if one[0] in ("value", "difference") and one[1] in NEWLY and not text.startswith("n/a"):
            assert one in found, f"{surface} lacks {one}"


def test_plots_draw_the_numbers_of_the_json(told):
    """Dots and their intervals, read from the picture itself."""
    (found, (_, data, *_)) = told
    expected = found["json"]
    for metric in ("recall", "precision", "fpr", "f1"):
        rows = [row.id for row in data.pairs[0].rows if metric in row.measures]
        values = [expected["value", metric, row, who] for who in ("v1", "v2") for row in rows]
        assert from_plot(data, "categories", metric) == [one for one in values if not one.startswith("n/a")]
        differences = [expected["difference", metric, row] for row in rows]
        assert from_plot(data, "differences", metric) == [one for one in differences if not one.startswith("n/a")]


def test_json_of_compare_score_and_gate_are_those_of_the_report(told):
    (found, (run, data, comparison, gate)) = told
    document = gate_document(gate)
    by_id = {row.id: row for row in data.pairs[0].rows}
    for category, one in comparison.categories.items():
        for metric in ("recall", "precision", "fpr"):
            measured = one.metrics[metric]
            for side, who in (("baseline", "v1"), ("candidate", "v2")):
                scored = score_candidate(run, who).categories[category].metrics[metric]
                assert scored.value == pytest.approx(getattr(measured, side).value, nan_ok=True)
            assert by_id[category].measures[metric].difference == measured.difference
        assert {name: getattr(by_id[category].newly, name) for name in one.newly} == {
            name: tuple(ids) for name, ids in one.newly.items()
        }
    checks = {(one["metric"], one["category"]): one for one in document["checks"]}
    for (_, metric, category), text in ((key, text) for key, text in found["json"].items() if key[0] == "verdict"):
        if (metric, category) in checks:
            assert checks[metric, category]["verdict"].replace("_", " ") == text


def test_the_totals_of_a_day_are_those_of_its_categories(told):
    (found, (_, data, *_)) = told
    production = data.production
    for total in production.totals:
        rows = [row for row in production.rows if row.candidate == total.candidate]
        assert total.flagged.value == pytest.approx(sum(row.flagged.value for row in rows))
        assert (
            numbers.count(round(total.flagged.value * production.items_per_day))
            in found["json"]["a day", "flagged", ALL, total.candidate]
        )
