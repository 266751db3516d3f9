"""Every number that two surfaces share is the same one: page, Markdown, spreadsheet, JSON, terminal, comment."""

import json
import re

import numpy as np
import pytest
from openpyxl import load_workbook
from stories import Story, surfaces

from harness.gating import gate_runs
from harness.gating.findings import evidence_of, pair_findings
from harness.measure.compare import compare
from harness.measure.score import score_candidate
from harness.report.gate.document import gate_document
from harness.report.parts import numbers
from harness.report.parts.finding_words import finding_sentence

GATE = [{"category": "*", "metric": "recall", "margin": 0.05, "tier": "guarded"}]
NAMES = {"hate": "Hate", "spam": "Spam", "threats": "Threats"}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    rng = np.random.default_rng(9)
    n = 900
    gold = {
        name: (rng.random(n) < share).astype(int) for name, share in (("hate", 0.4), ("spam", 0.3), ("threats", 0.05))
    }
    language = [("ar", "en", "ko")[index % 3] for index in range(n)]
    prevalence = {"value": 0.01, "source": "sample", "date": "2026-11-01"}
    policy = {
        "hate": {"target": {"recall": 0.9, "precision": 0.8}, "prevalence": prevalence},
        "threats": {"severity": "critical", "owner": "policy-safety"},
    }
    wrong = {"v1": 0.14, "v2": 0.2}
    decided = {
        who: {name: np.where(rng.random(n) < rate, 1 - values, values) for name, values in gold.items()}
        for who, rate in wrong.items()
    }
    story = Story(tmp_path_factory.mktemp("agree"), gold, {"language": language}, policy=policy, checks=GATE)
    run = story.run(decided)
    return run, surfaces(run), json.loads((story.runs / run.meta.run_id / "report.json").read_text(encoding="utf-8"))


def test_values_and_differences_are_the_same_on_every_surface(told):
    run, found, document = told
    comparison = compare(run["v1"], run["v2"])
    rows = {row["id"]: row for row in document["pairs"][0]["rows"]}
    for category, one in comparison.categories.items():
        for metric in ("recall", "precision", "fpr"):
            measured, stored = one.metrics[metric], rows[category]["measures"][metric]
            for side in ("baseline", "candidate", "difference"):
                assert stored[side] == pytest.approx(getattr(measured, side).as_dict())
            for side, who in (("baseline", "v1"), ("candidate", "v2")):
                scored = score_candidate(run, who).categories[category].metrics[metric]
                assert scored.value == pytest.approx(getattr(measured, side).value)
                text = numbers.share_with_interval(getattr(measured, side))
                assert text in found["md"]
                assert re.sub(r"[\[\]]", "", text) in re.sub(r"[\[\]]", "", found["html"])
            if metric != "fpr":
                assert numbers.points_with_interval(measured.difference) in found["terminal v2"]
            assert numbers.points_with_interval(measured.difference) in found["md"]


def test_changed_items_are_counted_alike(told):
    run, _, document = told
    comparison, gate = compare(run["v1"], run["v2"]), gate_runs(run["v2"], run["v1"])
    for row in document["pairs"][0]["rows"]:
        newly = {name: list(ids) for name, ids in comparison.categories[row["id"]].newly.items()}
        assert {name: list(ids) for name, ids in row["newly"].items()} == newly
        assert {name: list(ids) for name, ids in gate.flips[row["id"]].newly.items()} == newly
        cells = comparison.categories[row["id"]].cells
        assert (len(newly["caught"]), len(newly["missed"])) == (cells["101"], cells["110"])
        assert (len(newly["wrongly_flagged"]), len(newly["cleared"])) == (cells["001"], cells["010"])


def test_findings_are_the_same_list_everywhere(told):
    run, found, document = told
    gate = gate_runs(run["v2"], run["v1"])
    from harness.gating.findings.stored import check_facts

    decided = pair_findings(evidence_of(run["v1"], run["v2"], checks=check_facts(gate.all_checks)))
    plain = json.loads(json.dumps([one.as_dict() for one in decided]))
    assert document["findings"] == plain
    assert json.loads(json.dumps(gate_document(gate)["findings"])) == plain
    book = load_workbook(run.path + "/report.xlsx")
    rows = list(book["Findings"].iter_rows(values_only=True))
    place = next(index for index, row in enumerate(rows) if "Finding" in row)
    said = [row[rows[place].index("Finding")] for row in rows[place + 1 :]]
    assert said == [finding_sentence(one) for one in decided]
    harms = [one for one in decided if one.kind == "harm" and not one.evidence.restates][:5]
    for one in harms:
        for name in ("md", "comment v2", "summary v2"):
            assert finding_sentence(one) in found[name]


def test_spreadsheet_holds_the_numbers_of_the_json(told):
    run, _, document = told
    book = load_workbook(run.path + "/report.xlsx")
    rows = list(book["Categories"].iter_rows(values_only=True))
    place = next(index for index, row in enumerate(rows) if "Category" in row)
    head = rows[place]
    by_id = {row["id"]: row for row in document["pairs"][0]["rows"]}
    n_seen = 0
    for row in rows[place + 1 :]:
        metric = {"Recall": "recall", "Precision": "precision"}.get(row[head.index("Metric")])
        if metric is None:
            continue
        stored = by_id[row[head.index("Category")]]["measures"][metric]
        assert row[head.index("Candidate value")] == pytest.approx(stored["candidate"]["value"])
        assert row[head.index("Difference, points")] == pytest.approx(100 * stored["difference"]["value"])
        n_seen += 1
    assert n_seen == 6


def test_the_day_in_production_adds_up(told):
    _, found, document = told
    production = document["production"]
    assert production["unknown"] == ["Spam", "Threats"]
    for total in production["totals"]:
        rows = [row for row in production["rows"] if row["candidate"] == total["candidate"]]
        assert total["flagged"]["value"] == pytest.approx(sum(row["flagged"]["value"] for row in rows))
        assert total["missed"]["value"] == pytest.approx(sum(row["missed"]["value"] for row in rows))
        assert numbers.count(round(total["flagged"]["value"] * production["items_per_day"])) in found["md"]
    assert "the policy states no prevalence: Spam, Threats" in found["html"]
