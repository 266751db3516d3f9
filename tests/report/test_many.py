"""What a page decides where candidates are many."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stories import Story, caught, everywhere, half, read
from synthetic import synthetic_source

from harness.jobs.report import load_source
from harness.report.comparison.build import build_report
from harness.report.comparison.many import (
    BEST_OF_MANY,
    COLOURS,
    colour_numbers,
    decisions,
    drawn_candidates,
    first_pair,
)
from harness.report.comparison.matrix import candidate_matrix, matrix_columns, printed_rows
from harness.report.comparison.renderers import RENDERERS
from harness.report.comparison.sheets import sheets
from harness.report.comparison.strip import strips
from harness.report.comparison.tiles import fold_words


@pytest.mark.parametrize("n_candidates", [2, 8, 9, 20])
def test_no_candidate_has_the_colour_of_the_baseline_and_those_drawn_differ(n_candidates):
    data = build_report(synthetic_source(60, 2, n_candidates), generated_at="now", version="0.1.0")
    numbers = colour_numbers(data)
    assert set(numbers) == {*data.candidates}
    assert [name for name, number in numbers.items() if number == 0] == [data.baseline]
    drawn = [numbers[name] for name in drawn_candidates(data)]
    assert len(set(drawn)) == len(drawn) <= COLOURS


def test_of_many_candidates_the_first_screen_says_how_many_may_ship_and_shows_the_first(tmp_path):
    """The page opened with the second of nineteen, each decision folded, and no recall of the baseline."""
    gold = half(200, 200)
    worse = {f"v{number}": {"hate": caught(gold, 100 + number)} for number in range(2, 8)}
    run = Story(tmp_path, {"hate": gold}).run({"v1": {"hate": caught(gold, 150)}, **worse, "best": {"hate": gold}})
    source, _ = load_source(run, "v1", (), run, "none")
    data = build_report(source, generated_at="now", version="0.1.0")
    order = "The first of them by decision, then by least harm, most gains and F1, is best."
    said = f"Of 7 candidates: 1 PASS and 6 REGRESSION. {order}"
    found = {name: read(RENDERERS[name](source, data, tmp_path, "none")[0]) for name in ("html", "md", "xlsx")}
    everywhere(found, said, BEST_OF_MANY, "v1 (baseline)", but=("xlsx",))
    everywhere({"xlsx": found["xlsx"]}, said, "v1 | (baseline) | 0.75")
    assert found["html"].index(said) < found["html"].index("best: PASS") < found["html"].index("Recall by category")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f'<option value="{len(data.pairs) - 1}" selected>best</option>' in page
    assert [len(names) for names, _ in printed_rows(data)] == [4, 4]


def test_of_three_comparisons_the_best_stands_whole_before_the_matrix_and_the_others_follow_in_its_order(tmp_path):
    """The page opened with the first of the file, and no sentence said that none may be shipped."""
    gold = half(200, 200)
    falls = {"v2": 60, "v3": 80, "v4": 120}
    decided = {name: {"hate": caught(gold, n)} for name, n in falls.items()}
    run = Story(tmp_path, {"hate": gold}).run({"v1": {"hate": caught(gold, 150)}, **decided})
    source, _ = load_source(run, "v1", (), run, "none")
    data = build_report(source, generated_at="now", version="0.1.0")
    found = {name: read(RENDERERS[name](source, data, tmp_path, "none")[0]) for name in ("html", "md", "xlsx")}
    first = data.pairs[first_pair(data)].candidate
    everywhere(found, "None of 3 candidates can be shipped on this evidence: 3 REGRESSION.", f"is {first}.")
    order = [line.candidate for _, line, _ in decisions(data)]
    assert order == [row.candidate for row in candidate_matrix(data)]
    for name in ("html", "md"):
        places = [found[name].index(f"{one}: REGRESSION") for one in order]
        assert places == sorted(places)
        assert places[0] < found[name].index("Recall by category") < places[1]
    places = [found["xlsx"].index(f"Verdict, {one}") for one in order]
    assert places == sorted(places)


def test_of_equal_harms_and_gains_the_better_candidate_comes_first(tmp_path):
    """Of two that pass with a gain each the file's first was called the first, whichever caught more."""
    gold = half(400, 400)
    caughts = {"v1": 240, "v2": 320, "v3": 380, "v4": 330}
    run = Story(tmp_path, {"hate": gold}).run({name: {"hate": caught(gold, n)} for name, n in caughts.items()})
    source, _ = load_source(run, "v1", (), run, "none")
    data = build_report(source, generated_at="now", version="0.1.0")
    rows = candidate_matrix(data)
    assert {(row.word, row.n_harms, row.n_gains) for row in rows} == {("PASS", 0, 1)}
    assert [row.candidate for row in rows] == ["v3", "v4", "v2"]


@pytest.mark.parametrize(("n_candidates", "sizes"), [(2, [2]), (5, [3, 2]), (9, [3, 3, 3]), (20, [4] * 5)])
def test_printed_tables_hold_about_as_many_candidates_each(n_candidates, sizes):
    """The fifth of five stood alone in a table of its own."""
    data = build_report(synthetic_source(60, 2, n_candidates), generated_at="now", version="0.1.0")
    assert [len(names) for names, _ in printed_rows(data)] == sizes


def test_items_and_slices_name_categories_and_metrics_in_words(tmp_path):
    """Three sheets said ``hate_towards_protected_gr``, cut, and ``fpr``."""
    source = synthetic_source(60, 3, 3)
    data = build_report(source, generated_at="now", version="0.1.0")
    names = {name for _, name in data.categories}
    found = {one.name: one for one in sheets(source, data, "none")}
    for name in ("Items", "Slices", "Slice changes"):
        at = [column.head for column in found[name].columns].index("Category")
        assert {row[at] for row in found[name].rows} <= {*names, "all categories"}
    at = [column.head for column in found["Slice changes"].columns].index("Metric")
    assert {row[at] for row in found["Slice changes"].rows} == {"Recall", "Over-blocking (FPR)"}


def test_of_many_decisions_the_first_alone_is_whole_in_markdown_and_on_the_summary_sheet(tmp_path):
    """The summary of nineteen candidates had 467 rows, the best of them in the middle."""
    gold = half(200, 200)
    worse = {f"v{number}": {"hate": caught(gold, 70 + number)} for number in range(2, 8)}
    run = Story(tmp_path, {"hate": gold}).run({"v1": {"hate": caught(gold, 150)}, **worse})
    source, _ = load_source(run, "v1", (), run, "none")
    data = build_report(source, generated_at="now", version="0.1.0")
    sheet = next(one for one in sheets(source, data, "none") if one.name == "Summary")
    heads = [str(row[0]) for row in sheet.rows]
    assert heads.count("Next step") == sum(head.startswith("Verdict, ") for head in heads) == 6
    assert "Harm" in heads[: heads.index("Next step")]
    assert "Harm" not in heads[heads.index("Next step") :]
    text = RENDERERS["md"](source, data, tmp_path, "none")[0].read_text(encoding="utf-8")
    assert text.count("**Harm:**") == 1
    assert text.count("**Next step:**") == 6


def test_the_matrix_has_as_many_categories_as_a_screen_holds_beside_its_names():
    """Of twelve columns with long words nine were in view; the last was cut through its figures."""
    source = synthetic_source(60, 14, 9)
    data = build_report(source, generated_at="now", version="0.1.0")
    short, long = (
        replace(data, categories=tuple((one, f"{word} {number}") for number, (one, _) in enumerate(data.categories)))
        for word in ("Area", "Misinformation")
    )
    assert len(matrix_columns(short)) == 12
    assert len(matrix_columns(long)) == 8
    assert {len(row.cells) for row in candidate_matrix(long)} == {8}


def test_what_a_folded_section_leaves_out_of_its_head_is_counted(tmp_path):
    """Of nine candidates the first four stood there as if they were all; 56 categories were a wall of names."""
    source = synthetic_source(200, 12, 9)
    data = build_report(source, generated_at="now", version="0.1.0")
    words = fold_words(data)
    assert words["confusion"].endswith("and 5 more")
    assert words["cost"].endswith("and 5 more per 1,000 answered items")
    page = read(RENDERERS["html"](source, data, tmp_path, "none")[0])
    names = [name for _, name in data.categories[4:]]
    assert f"8 more curves: {', '.join(names[:6])} and 2 more" in page
    markup = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f'data-first="{data.pairs[first_pair(data)].candidate}"' in markup
    assert "<summary>1 more candidate</summary><ul>" in markup


def test_the_strip_of_languages_draws_ten_categories_and_names_the_others():
    """Of ten it drew nine, and said "1 more category"."""
    data = build_report(synthetic_source(2_000, 11, 2), generated_at="now", version="0.1.0")
    one = strips(data, data.pairs[0])[0]
    assert len(one.columns) == 1 + 10
    (left,) = {name for _, name in data.categories} - set(one.columns)
    assert one.left_out.endswith(f"{left}.")


def test_of_many_markdown_holds_what_the_page_has_in_view_and_says_where_the_rest_is(tmp_path):
    """Nineteen candidates and sixty categories came to 1.4 MB, more than code hosts show of a Markdown file."""
    gold = half(200, 200)
    worse = {f"v{number}": {"hate": caught(gold, 70 + number), "spam": gold} for number in range(2, 10)}
    decided = {"v1": {"hate": caught(gold, 150), "spam": gold}, **worse}
    run = Story(tmp_path, {"hate": gold, "spam": gold}).run(decided)
    source, _ = load_source(run, "v1", (), run, "none")
    data = build_report(source, generated_at="now", version="0.1.0")
    text = RENDERERS["md"](source, data, tmp_path, "none")[0].read_text(encoding="utf-8")
    assert text.count("### Recall") == text.count("### Precision") == len(data.pairs) == 8
    assert text.count("| Hate | 200 | 75.0%") == 8
    assert "| Spam | 200 | 100.0%" not in text
    assert (
        text.count("1 category without a change, a missed target or a failed check: in report.xlsx and report.json")
        == 8
    )
    assert text.count("1 check that the verdict does not rest on: in report.xlsx and report.json") == 8
    assert "### Over-blocking" not in text
    assert text.count("Newly missed \\(gold: violates\\)") == 1
    first = data.pairs[first_pair(data)].candidate
    assert text.index(f"## {first} against v1") < text.index("Newly missed \\(gold")
