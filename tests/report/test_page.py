"""The comparison report without a browser: data, sentences, packing, files, commands."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hostile import ATTACKS, hostile_source
from markupsafe import Markup
from msgspec import structs
from stored import store_run
from synthetic import left_out_note, rescored, synthetic_source, with_notes

from harness.cli.plot import KINDS
from harness.cli.plot import command as plot_command
from harness.cli.report import command as report_command
from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.measure.slices import SMALL_CELL
from harness.report.comparison import cells, items
from harness.report.comparison import page as page_module
from harness.report.comparison.build import build_report
from harness.report.comparison.input_changes import diff_lines
from harness.report.comparison.items import item_blocks
from harness.report.comparison.page import write_html
from harness.report.comparison.pairs import change_of
from harness.report.comparison.plots import PLOTS, plot
from harness.report.comparison.renderers import RENDERERS

GOLDEN = Path(__file__).parents[1] / "golden" / "comparison"
WHEN = "2026-11-23 09:30 UTC"


def built(source):
    return build_report(source, generated_at=WHEN, version="0.1.0")


def unpacked(block):
    content = base64.b64decode(block[1:])
    return content if block[0] == "p" else zlib.decompress(content, -zlib.MAX_WBITS)


@pytest.fixture(scope="module")
def source():
    return synthetic_source(120, 4, 3)


@pytest.fixture(scope="module")
def data(source):
    return built(source)


def result(value, low, high):
    return MetricResult(value, low, high, 100)


@pytest.mark.parametrize(
    ("difference", "p_holm", "metric", "change"),
    [
        (result(0.1, 0.05, 0.15), 0.01, "recall", "better"),
        (result(-0.1, -0.15, -0.05), 0.01, "recall", "worse"),
        (result(-0.1, -0.15, -0.05), 0.01, "fpr", "better"),
        (result(0.1, 0.05, 0.15), 0.2, "recall", "leans_better"),
        (result(0.1, 0.05, 0.15), 0.2, "fpr", "leans_worse"),
        (result(0.001, -0.015, 0.016), 0.9, "recall", "same"),
        (result(0.01, -0.10, 0.12), 0.9, "recall", "unclear"),
        (result(math.nan, math.nan, math.nan), None, "recall", "undefined"),
        (result(0.0, 0.0, 0.0), 1.0, "recall", "same"),
    ],
)
def test_change_is_named_by_test_interval_and_margin(difference, p_holm, metric, change):
    assert change_of(difference, p_holm, metric) == change


def test_same_source_gives_the_same_bytes(source, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_html(source, built(synthetic_source(120, 4, 3)), tmp_path / name / "report.html")
    assert (tmp_path / "one/report.html").read_bytes() == (tmp_path / "two/report.html").read_bytes()


@pytest.mark.parametrize("name", ["html", "json"])
def test_report_is_the_expected_file(name, tmp_path, assert_expected):
    small = synthetic_source(30, 3, 2)
    written = RENDERERS[name](small, built(small), tmp_path, "masked")[0]
    text = written.read_text(encoding="utf-8")
    if name == "html":  # the style sheet and the scripts have tests of their own
        text = re.sub(r"<style>.*?</style>", "<style></style>", text, flags=re.DOTALL)
        text = re.sub(r"<script>.*?</script>", "<script></script>", text, flags=re.DOTALL)
        text = re.sub(r"sha256-[\w+/]{43}=", "sha256-", text)
    else:  # the last digits of a float may differ from machine to machine
        rounded = json.loads(text, parse_float=lambda text: float(f"{float(text):.9g}"))
        text = json.dumps(rounded, indent=1, ensure_ascii=False)
    assert_expected(text, GOLDEN / written.name)


def test_data_is_plain_and_without_nan(data):
    json.dumps(data.as_dict(), allow_nan=False)


def test_without_a_gate_the_sentence_names_only_proven_changes():
    data = built(synthetic_source(2_000, 6, 2, gate=False))
    first = data.pairs[0]
    assert data.verdict.word in ("BETTER", "WORSE", "MIXED")
    for metric in ("recall", "precision"):
        for row in first.rows:
            is_named = row.name in data.verdict.sentence
            if row.measures[metric].change in ("better", "worse"):
                assert is_named or "more" in data.verdict.sentence
    named = {row.name for row in first.rows if row.name in data.verdict.sentence}
    proven = {row.name for row in first.rows for one in row.measures.values() if one.change in ("better", "worse")}
    assert named <= proven


def test_sections_without_data_are_absent(tmp_path):
    source = synthetic_source(60, 1, 1, with_scores=False, gate=False)
    bare = dataclasses.replace(source, slices={}, inputs={}, policy=_without_prevalence(source.policy))
    bare = rescored(bare, "v1", latency_ms={}, tokens={}, cost_usd=None, slices={})
    path = write_html(bare, built(bare), tmp_path / "report.html")[0]
    sections = re.findall(r'<section id="(\w+)"', path.read_text(encoding="utf-8"))
    assert sections == ["categories", "items", "outcomes", "gold", "reproduce"]
    assert "Fixed and broken" not in path.read_text(encoding="utf-8")


def _without_prevalence(policy):
    categories = {name: structs.replace(one, prevalence=None) for name, one in policy.categories.items()}
    return structs.replace(policy, categories=categories)


def test_outcomes_that_do_not_add_up_are_refused(source):
    outcomes = source.scored("v1").outcomes
    with pytest.raises(AssertionError, match="add up"):
        built(rescored(source, "v1", outcomes={**outcomes, "ok": outcomes["ok"] + 1}))


def test_wrong_selection_and_confusion_by_hand():
    source = synthetic_source(5, 2, 2, gate=False)
    y_true = np.array([[1, 0], [1, 0], [1, 1], [0, 0], [-1, 1]], dtype=np.int8)
    decided = np.array([[0, 1], [1, 1], [0, 1], [0, 1], [0, 0]], dtype=np.int8)
    arm = dataclasses.replace(source.arms[0], decisions=decided, outcomes=np.zeros(5, dtype=np.uint8))
    from harness.report.comparison.sections import confusions

    matrix = confusions(dataclasses.replace(source, y_true=y_true, arms=(arm,)))[0]
    assert matrix.cells == ((1, 1), (0, 1))  # item 0 is missed for one and flagged as the other; item 2 is caught as 1
    assert matrix.missed == (0, 1)
    assert matrix.support == (3, 2)
    assert (matrix.clean, matrix.n_clean) == ((0, 1), 1)
    assert matrix.n_wrong_selection == 1


def test_codes_read_back_as_the_arrays(source):
    blocks = dict(item_blocks(source, "masked"))
    codes = np.frombuffer(unpacked(blocks["codes"]), dtype=np.uint8)
    n, k, stride = len(source.item_ids), len(source.categories), -(-len(source.item_ids) // 4)

    def column(number):
        packed = codes[number * stride : (number + 1) * stride]
        values = np.stack([(packed >> shift) & 3 for shift in (0, 2, 4, 6)], axis=1).reshape(-1)[:n].astype(int)
        return np.where(values == 3, -1, values)

    for c in range(k):
        assert (column(c) == source.y_true[:, c]).all()
        for arm, one in enumerate(source.arms):
            assert (column(k * (1 + arm) + c) == one.decisions[:, c]).all()
    changes = column(k * (1 + len(source.arms)))
    fixed = source.comparisons[0].categories[source.categories[0]].fixed
    assert [source.item_ids[index] for index in np.flatnonzero(changes == 1)] == list(fixed)
    outcomes = codes[k * (1 + len(source.arms) + len(source.comparisons)) * stride :]
    assert (outcomes[:n] == source.arms[0].outcomes).all()


@pytest.mark.parametrize("text_mode", ["masked", "none"])
def test_texts_never_stand_in_the_file_in_clear(source, tmp_path, text_mode):
    whole = write_html(source, built(source), tmp_path / "report.html", text_mode)[0].read_text(encoding="utf-8")
    assert not any(text and text in whole for text in source.texts)
    assert not any(text and text in whole for arm in source.arms for text in arm.rationales)


def test_text_none_packs_no_text(source):
    packed = b"".join(unpacked(content) for _, content in item_blocks(source, "none"))
    assert not any(text and text.encode() in packed for text in source.texts)


def test_hostile_texts_leave_no_element_behind(tmp_path):
    source = hostile_source()
    whole = write_html(source, built(source), tmp_path / "report.html", "full")[0].read_text(encoding="utf-8")
    assert len(ATTACKS) >= 40
    assert re.findall(r"<(?:iframe|img|object|embed|base|form|video|math|body on)", whole) == []
    assert len(re.findall(r"<script", whole)) == len(
        re.findall(r'<script(?: type="[\w/]+"(?: [\w-]+="[\w-]+")?)?>', whole)
    )
    outside = re.sub(r"<(script|style).*?</\1>", "", whole, flags=re.DOTALL)
    assert "\u202e" not in outside
    assert "\u200b" not in outside
    assert "\x1b" not in whole


def test_policy_of_the_page_allows_only_its_own_scripts(data, source, tmp_path):
    whole = write_html(source, data, tmp_path / "report.html")[0].read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', whole)[1]
    assert policy.startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert "unsafe" not in policy
    assert " style=" not in whole
    assert not re.search(r'(?:src|href)="(?!#|data:,)', whole)


def test_long_texts_are_cut_so_that_few_items_stay_in_one_file(monkeypatch, tmp_path):
    source = synthetic_source(200, 2, 2)
    rng = np.random.default_rng(1)
    texts = ["".join(chr(97 + c) for c in rng.integers(0, 26, 3_000)) for _ in range(200)]
    long = dataclasses.replace(source, texts=texts)
    monkeypatch.setattr(page_module, "FILE_LIMIT", 600_000)
    files = write_html(long, built(long), tmp_path / "report.html")
    assert len(files) == 1
    assert files[0].stat().st_size <= 600_000


def test_diff_marks_words_and_keeps_context():
    lines = list(diff_lines(["a", "b", "c", "name one thing", "z"], ["a", "b", "c", "name two thing", "z"]))
    assert [line.kind for line in lines] == ["same", "same", "same", "removed", "added", "same"]
    assert lines[3].parts == ((False, "name "), (True, "one"), (False, " thing"))


def measured(data):
    """The data, with a quality for every candidate of its frontier: made-up sources have none of all categories."""
    quality = {"f1": MetricResult(0.8, 0.7, 0.9, 90), "recall": MetricResult(0.8, 0.7, 0.9, 90)}
    points = [dataclasses.replace(one, quality=one.quality | quality) for one in data.frontier]
    return dataclasses.replace(data, frontier=tuple(points))


SLOWLY_DRAWN = {"slices"}
"""One panel for each value of each slice: drawn hostile in each run, and twice in the long suite."""


@pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=[pytest.mark.slow] * (one in SLOWLY_DRAWN)) for one in sorted(PLOTS)]
)
@pytest.mark.parametrize("plot_format", [pytest.param("png", marks=pytest.mark.slow), "svg"])
def test_plots_are_the_same_bytes_twice(data, kind, plot_format):
    data = measured(data)
    first = plot(data, kind, plot_format)
    assert first == plot(data, kind, plot_format)
    assert first.startswith(b"\x89PNG" if plot_format == "png" else b"<?xml")


@pytest.mark.parametrize("kind", sorted(PLOTS))
def test_plots_survive_hostile_names(kind):
    assert plot(measured(built(hostile_source())), kind)


def test_a_frontier_without_quality_or_cost_says_which(data):
    with pytest.raises(HarnessError, match="defined for no candidate of known cost"):
        plot(data, "frontier")
    unknown = tuple(dataclasses.replace(one, cost_per_1000_usd=None) for one in data.frontier)
    with pytest.raises(HarnessError, match="no candidate of this run has a known cost"):
        plot(dataclasses.replace(measured(data), frontier=unknown), "frontier")


def test_plot_kinds_of_the_command_are_those_of_the_module():
    assert tuple(PLOTS) == KINDS


def test_plot_without_scores_says_so():
    data = built(synthetic_source(40, 2, 2, with_scores=False))
    with pytest.raises(HarnessError, match="no candidate of this run gives scores"):
        plot(data, "curves")


# ------------------------------------------------------------------------------------------------------ commands


@pytest.fixture(scope="module")
def runs(source, tmp_path_factory):
    home = tmp_path_factory.mktemp("runs")
    store_run(source, home)
    return home


def invoke(command, *arguments, **options):
    done = CliRunner().invoke(command, [str(one) for one in arguments], **options)
    assert done.exit_code == 0, done.output + str(done.exception)
    return done


def test_report_command_writes_what_it_names(runs, tmp_path):
    done = invoke(
        report_command, "latest", "--runs-dir", runs, "--format", "html,json", "--out", tmp_path, env={"CI": ""}
    )
    assert done.stdout.splitlines() == [str(tmp_path / "report.html"), str(tmp_path / "report.json")]
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert document["candidates"] == ["v1", "v2", "v3"]
    assert document["baseline"] == "v1"
    assert {one["kind"] for one in document["pairs"][0]["inputs"]} == {"prompt"}
    assert document["verdict"]["word"] in ("PASS", "REGRESSION", "INCONCLUSIVE", "INVALID")


def test_a_moved_threshold_is_among_the_changed_inputs(source, tmp_path):
    """A classifier has no prompt and no rules: the report said that nothing but the numbers had changed."""
    path = store_run(source, tmp_path) / "run.json"
    meta = json.loads(path.read_text(encoding="utf-8"))
    meta["fingerprints"] = {
        name: {"kind": "classifier", "classifier": "team:score", "thresholds": {"hate": threshold}}
        for name, threshold in (("v1", 0.5), ("v2", 0.8))
    }
    path.write_text(json.dumps(meta), encoding="utf-8")
    invoke(report_command, "latest", "--runs-dir", tmp_path, "--format", "json", "--candidate", "v2", "--out", tmp_path)
    pair = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["pairs"][0]
    change = next(one for one in pair["inputs"] if one["kind"] == "settings")
    assert (change["new_name"], change["n_added"], change["n_removed"]) == ("team:score", 1, 1)


def test_report_command_compares_slices_with_the_baseline(runs, source, tmp_path):
    invoke(report_command, "latest", "--runs-dir", runs, "--candidate", "v2", "--format", "json", "--out", tmp_path)
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    shown = {
        (table["name"], row["value"], category, metric): cell
        for table in document["slices"]
        for row in table["rows"]
        for metric, candidates in row["changes"].items()
        for category, cell in candidates["v2"].items()
    }
    expected = source.slice_changes["v2"]
    assert len(shown) == len(expected) > 0
    for one in expected:
        cell = shown[one.slice_name, one.value, one.category, one.metric]
        assert cell["difference"]["value"] == pytest.approx(one.difference.value)
        assert cell["is_tested"] == (one.difference.n >= SMALL_CELL)


def test_gate_notes_that_differ_in_the_name_alone_are_said_once(source):
    notes = built(with_notes(source, lambda name: left_out_note("spam", name))).verdict.notes
    assert [note for note in notes if "spam" in note] == [
        "Left out of the gate: spam (each of v2 and v3 makes no calls)."
    ]


def test_report_command_agrees_with_compare(runs, source, tmp_path):
    invoke(report_command, "latest", "--runs-dir", runs, "--candidate", "v2", "--format", "json", "--out", tmp_path)
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    for row in document["pairs"][0]["rows"]:
        compared = source.comparisons[0].categories[row["id"]]
        assert tuple(row["fixed"]) == compared.fixed
        low = compared.metrics["recall"].difference.low
        assert row["measures"]["recall"]["difference"]["low"] == pytest.approx(low)


def test_report_is_rebuilt_byte_by_byte_under_a_fixed_clock(runs, tmp_path):
    for name in ("one", "two"):
        out = tmp_path / name
        invoke(report_command, "latest", "--runs-dir", runs, "--out", out, env={"SOURCE_DATE_EPOCH": "1795000000"})
    assert (tmp_path / "one/report.html").read_bytes() == (tmp_path / "two/report.html").read_bytes()


def test_texts_are_left_out_in_ci(runs, source, tmp_path):
    invoke(report_command, "latest", "--runs-dir", runs, "--out", tmp_path, env={"CI": "true"})
    whole = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Texts were left out of this report" in whole


def test_unknown_candidate_and_format_are_said(runs):
    wrong = CliRunner().invoke(report_command, ["latest", "--runs-dir", str(runs), "--candidate", "v9"])
    assert isinstance(wrong.exception, HarnessError)
    assert "allowed: v1, v2, v3" in str(wrong.exception)
    wrong = CliRunner().invoke(report_command, ["latest", "--runs-dir", str(runs), "--format", "docx"])
    assert wrong.exit_code == 2
    assert "allowed: html" in wrong.output


def test_one_candidate_against_another_run(source, tmp_path):
    store_run(source, tmp_path / "a", "community-aaaaaaaaaaaa")
    other = tmp_path / "a" / "community-bbbbbbbbbbbb"
    (tmp_path / "a" / "community-aaaaaaaaaaaa").rename(tmp_path / "a" / "kept")
    (tmp_path / "a" / "golden").rename(tmp_path / "a" / ".golden")
    store_run(source, tmp_path / "a", other.name)
    arguments = [other.name, "--runs-dir", tmp_path / "a", "--baseline-run", tmp_path / "a" / "kept"]
    invoke(report_command, *arguments, "--baseline", "v1", "--candidate", "v1", "--format", "json", "--out", tmp_path)
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert document["candidates"] == ["v1 (community-aaaaaaaaaaaa)", "v1 (community-bbbbbbbbbbbb)"]
    assert document["pairs"][0]["n_fixed"] == document["pairs"][0]["n_broken"] == 0


def test_plot_command_takes_the_format_from_the_name(runs, tmp_path):
    out = tmp_path / "x" / "difference.svg"
    invoke(plot_command, "latest", "--runs-dir", runs, "--kind", "differences", "--out", out)
    assert out.read_bytes().startswith(b"<?xml")


def test_the_verdict_names_categories_as_readers_know_them(source):
    """The sentence for a director said ``self_harm recall``."""
    line = built(source).verdict.lines[0]
    told = " ".join([line.sentence, *(text for _, said in line.details for text in said)])
    names = {one: facts.name for one, facts in source.policy.categories.items()}
    assert any(name in told for name in names.values())
    assert not any(re.search(rf"\b{one} (recall|precision)", told) for one in names)


def test_a_page_of_many_figures_packs_what_is_not_in_view(data, monkeypatch):
    """Sixty categories of five candidates were a page of 5.5 MB; nothing of it may be lost."""
    monkeypatch.setattr(cells, "is_many", lambda _: True)
    page = page_module.render_page(data, "masked", [], None)
    monkeypatch.setattr(items, "packed_part", Markup)
    plain = page_module.render_page(data, "masked", [], None)
    note = '<noscript><p class="muted">This part needs JavaScript.</p></noscript>'
    part_of = re.compile(f'{re.escape(note)}<script type="text/plain" data-packed="1">([^<]+)</script>')
    parts = part_of.findall(page)
    assert len(page) < 0.8 * len(plain)
    assert "Confusion between categories, v2" not in page
    for packed in parts:
        part = unpacked(packed).decode("utf-8")
        assert part in plain
        plain = plain.replace(part, "", 1)
    assert plain == part_of.sub("", page)
