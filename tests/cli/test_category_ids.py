"""Ids of public taxonomies (dots, capitals, slashes) through every command that prints, stores or reads them."""

import csv
import io
import json
import zipfile
from xml.etree import ElementTree

import openpyxl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from harness.candidates.names import NameIndex
from harness.candidates.parsers import load_parser
from harness.candidates.parsers.base import ParseContext
from harness.cli import main
from harness.records.candidates import PromptHeader

IDS = ("TVEC", "TVEC.01", "S1", "sexist/threats/1.1")
POLICY = """\
policy: p
version: 1
categories:
  TVEC: {name: Terrorism, definition: D., target: {recall: 0.9}}
  TVEC.01: {name: Glorification, definition: D., parent: TVEC}
  S1: {name: Violent crimes, definition: D., severity: critical}
  sexist/threats/1.1: {name: Threats of harm, definition: D.}
crosswalks:
  other: {TVEC.01: [violence/graphic], S1: [S1], sexist/threats/1.1: [S2]}
"""
CARD = """\
golden_set: g
version: 1
policy: {name: p, version: 1}
items: items.csv
labels: [TVEC, TVEC.01, S1, sexist/threats/1.1]
slices: {language: meta.lang}
"""
RULES = """\
rule_set: r
version: 1
rules:
  - {id: one, category: TVEC.01, words: [word1]}
  - {id: two, category: sexist/threats/1.1, words: [word3]}
"""
EVAL = """\
eval: e
policy: policy.yaml
golden_set: card.yaml
candidates:
  a: {recorded: a.jsonl}
  b: {recorded: b.jsonl, thresholds: {TVEC.01: 0.5}}
  r: {rules: rules.yaml}
baseline: a
on_failure: no_flag
slices: [language]
gate:
  checks:
    - {category: "*", metric: recall, margin: 0.2, tier: guarded}
    - {category: TVEC.01, metric: recall, margin: 0.2, tier: critical}
    - {category: sexist/threats/1.1, metric: precision, margin: 0.2, tier: watch}
"""
N = 160


def labels_of(n):
    child = int(n % 3 == 0)
    return dict(zip(IDS, (max(child, int(n % 5 == 0)), child, int(n % 2 == 0), int(n % 4 == 1)), strict=True))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ids")
    for name, text in (("policy", POLICY), ("card", CARD), ("rules", RULES), ("e", EVAL)):
        (folder / f"{name}.yaml").write_text(text)
    with (folder / "items.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "text", *(f"labels.{one}" for one in IDS), "meta.lang"])
        for n in range(N):
            words = " ".join(f"word{at}" for at, one in enumerate(IDS) if labels_of(n)[one])
            rows.writerow([f"i{n}", f"text {n} {words}", *labels_of(n).values(), "en" if n % 2 else "de"])
    for name, wrong in (("a", 10), ("b", 20)):
        lines = []
        for n in range(N):
            decided = {one: 1 - label if n % wrong == 3 else label for one, label in labels_of(n).items()}
            scores = {one: 0.1 + 0.8 * decision for one, decision in decided.items()}
            lines.append(json.dumps({"id": f"i{n}", "decisions": decided, "scores": scores}) + "\n")
        (folder / f"{name}.jsonl").write_text("".join(lines))
    return folder


def invoke(*arguments):
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def test_ids_with_dots_capitals_and_slashes_go_through_every_command(project, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setenv("HARNESS_CACHE", str(project / "cache.sqlite"))
    assert invoke("check", "e.yaml").stdout.startswith("OK: ")
    ran = json.loads(invoke("run", "e.yaml", "--runs-dir", "runs", "--json").stdout)
    stored = project / "runs" / ran["run_id"]
    assert {f"label.{one}" for one in IDS} <= {*pq.read_table(stored / "items.parquet").column_names}
    assert {f"decision.{one}" for one in IDS} <= {*pq.read_table(stored / "predictions.parquet").column_names}
    where = ("latest", "--runs-dir", "runs")

    scored = json.loads(invoke("score", *where, "--slices", "--json").stdout)["candidates"]
    assert tuple(scored["a"]["categories"]) == IDS  # the policy's order
    assert [scored["a"]["categories"][one]["tp"] for one in IDS] == [
        sum(labels_of(n)[one] for n in range(N) if n % 10 != 3) for one in IDS
    ]
    assert scored["r"]["categories"]["TVEC.01"]["recall"]["value"] == 1.0
    compared = json.loads(invoke("compare", *where, "--candidate", "b", "--json").stdout)
    assert tuple(compared["categories"]) == IDS
    gated = invoke("gate", *where, "--candidate", "b", "--json")
    checks = json.loads(gated.stdout)["checks"]
    assert {(one["category"], one["verdict"]) for one in checks if one["metric"] == "recall"} >= {
        (one, "PASS") for one in IDS
    }
    assert "Glorification" in invoke("history", "e.yaml", "--runs-dir", "runs").stdout


def test_ids_with_dots_capitals_and_slashes_go_into_every_report(project, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setenv("HARNESS_CACHE", str(project / "cache.sqlite"))
    assert invoke("run", "e.yaml", "--runs-dir", "runs").exit_code == 0
    where = ("latest", "--runs-dir", "runs")
    assert invoke("report", *where, "--format", "html,md,xlsx,json", "--out", "out").exit_code == 0
    files = {path.suffix: path for path in (project / "out").rglob("*") if path.is_file()}
    assert {*files} == {".html", ".md", ".xlsx", ".json"}
    for suffix in (".html", ".md", ".json"):
        assert "sexist/threats/1.1" in files[suffix].read_text() or "Threats of harm" in files[suffix].read_text()
    content = files[".xlsx"].read_bytes()
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    book = openpyxl.load_workbook(io.BytesIO(content))
    names = [name.casefold() for name in book.sheetnames]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 31
    cells = {str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row}
    assert {*IDS} <= cells
    for kind in ("categories", "differences", "slices", "curves", "reliability"):
        drawn = invoke("plot", *where, "--kind", kind, "--out", f"{kind}.svg", "--candidate", "b")
        assert drawn.exit_code == 0, drawn.output
        ElementTree.parse(f"{kind}.svg")
    assert invoke("weekly", "--eval", "e", "--runs-dir", "runs", "--format", "html,md,xlsx").exit_code == 0


@pytest.mark.parametrize("form", ["fields: {labels: .}", ""])
def test_columns_named_like_the_labels_are_read_or_proposed(project, tmp_path, form):
    """``TVEC`` beside ``TVEC.01`` was taken for one part of an item in two forms."""
    text = (project / "items.csv").read_text().replace("labels.", "", len(IDS))
    (tmp_path / "items.csv").write_text(text)
    (tmp_path / "card.yaml").write_text(f"{CARD}{form}\n")
    result = invoke("golden", "check", str(tmp_path / "card.yaml"))
    if form:
        assert (result.exit_code, result.output) == (0, f"g version 1: {N} items, 0 warnings\n")
    else:
        assert result.exit_code == 1
        assert "fields: {labels: .}" in result.output


def test_a_label_column_that_the_card_does_not_declare_is_named_whole(project, tmp_path):
    (tmp_path / "items.csv").write_text("id,text,labels.TVEC.02\n1,a,1\n")
    (tmp_path / "card.yaml").write_text(CARD)
    result = invoke("golden", "check", str(tmp_path / "card.yaml"))
    assert "'labels.TVEC.02' is not a declared label" in result.output


NAMES = ("S1", "S10", "S1.1", "S1-1", "sexist", "sexist/threats/1.1", "TVEC.01")


@pytest.mark.parametrize(
    ("answer", "category"),
    [
        ("S1", "S1"),
        ("s1", "S1"),
        ("S-1", "S1"),
        ("S10", "S10"),
        ("s1.1", "S1.1"),
        ("S1_1", "S1-1"),
        ("S1 1", "S1-1"),
        ("S11", None),
        ("S1.2", None),
        ("tvec.01", "TVEC.01"),
        ("TVEC.1", None),
        ("TVEC01", None),
        ("Sexist/Threats/1.1", "sexist/threats/1.1"),
        ("sexist/threats", None),
    ],
)
@pytest.mark.parametrize("form", ["json", "label"])
def test_an_answer_names_one_id_or_none(answer, category, form):
    """A dash between digits was disregarded, so that ``S11`` was read as ``S1-1``."""
    labels = {name: (name,) for name in NAMES} if form == "label" else None
    text = json.dumps({"categories": [answer]}) if form == "json" else answer
    parsed = load_parser(form).parse(text, ParseContext(PromptHeader("p", form, labels=labels), NameIndex(NAMES)))
    flagged = [name for name, decision in parsed.decisions.items() if decision]
    if form == "label" and answer in ("S-1", "S1_1", "S1 1"):
        return  # a label is one of the declared words, not nearly one
    assert flagged == ([] if category is None else [category])
    assert parsed.outcome == ("unparsed" if category is None else "ok")


def test_a_name_that_is_right_in_its_own_case_is_that_one_whatever_else_folds_to_it():
    names = NameIndex(("a",), {"a": ["HATE"]})
    both = NameIndex(("a", "b"), {"a": ["HATE"], "b": ["hate"]})
    assert names.resolve("Hate") == ("a",)
    assert (both.resolve("HATE"), both.resolve("hate"), both.resolve("Hate")) == (("a",), ("b",), None)
