"""The spreadsheet writer: strings stay strings, numbers stay numbers, and the bytes stay the same."""

import io
import math
import time
import zipfile

import openpyxl
import pytest
from hostile import ATTACKS
from hypothesis import given
from hypothesis import strategies as st

from harness.core.results import MetricResult
from harness.report.parts.xlsx import (
    FORMATS,
    WIDEST_TEXT,
    Chart,
    Column,
    Sheet,
    number,
    proportion,
    safe_text,
    workbook_bytes,
    write_workbook,
)

COLUMNS = (Column("Text", width=20), Column("Share", "share"), Column("Count", "count"), Column("Long", "long", 30))


def sheet(rows, **more):
    return Sheet("Data", COLUMNS, rows, **more)


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", " =1", "＝1", "|cmd", "%0A=1", "'=1", "\r=1", "+1 [2, 3]+cmd"]
)
def test_safe_text_disarms_what_a_spreadsheet_would_run(text):
    assert safe_text(text).startswith("'")


@pytest.mark.parametrize("text", ["plain", "a=b", "x-1", "5 apples", "(=1)", "é", "", "+9.2 [-2.3, +21.9]"])
def test_safe_text_leaves_the_rest_alone(text):
    assert safe_text(text) == text


@given(st.text(max_size=40))
def test_safe_text_never_begins_with_a_trigger(text):
    assert not safe_text(text).lstrip(" \u00a0").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_texts_are_strings_whatever_they_hold(tmp_path):
    rows = [(text, 0.5, 1, text) for text in [*ATTACKS, "1", "2026-11-23", "TRUE", "#REF!", "x" * 40_000]]
    path = write_workbook([sheet(rows)], tmp_path / "a.xlsx", title=ATTACKS[0])
    found = openpyxl.load_workbook(path)["Data"]
    for row in found.iter_rows(min_row=2):
        assert [cell.data_type for cell in row] == ["s", "n", "n", "s"]
        assert len(row[0].value) <= 32_767


def test_undefined_numbers_are_empty_cells(tmp_path):
    assert number(math.nan) is None
    assert proportion(MetricResult.undefined("no violating items")) == (None, None, None, 0)
    path = write_workbook([sheet([("a", None, None, "")])], tmp_path / "a.xlsx", title="t")
    assert [cell.value for cell in openpyxl.load_workbook(path)["Data"][2]] == ["a", None, None, None]


def test_head_is_frozen_and_filtered_and_numbers_have_formats(tmp_path):
    path = write_workbook([sheet([("a", 0.25, 1200, "b")], title="Title")], tmp_path / "a.xlsx", title="t")
    found = openpyxl.load_workbook(path)["Data"]
    assert (found.freeze_panes, found.auto_filter.ref) == ("B4", "A3:D4")
    assert [cell.number_format for cell in found[4]] == ["@", "0.0%", "#,##0", "@"]
    assert found.column_dimensions["A"].width == 20


@pytest.mark.parametrize(("n_columns", "place", "n_pages"), [(5, (6, 0), 1), (60, (1, 4), 3)])
def test_a_chart_stands_beside_a_table_and_under_a_wide_one(tmp_path, n_columns, place, n_pages):
    """With sixty categories it stood behind the last, and all of them on one printed page, too small to read."""
    columns = (Column("Week", width=14), *(Column(f"c{at}", "share", 20) for at in range(n_columns - 1)))
    rows = [("2026-W42", *[0.5] * (n_columns - 1)), ("2026-W43", *[0.6] * (n_columns - 1))]
    wide = Sheet("Data", columns, rows, charts=(Chart("Title", "line", (1, 2), "0%"),))
    found = openpyxl.load_workbook(write_workbook([wide], tmp_path / "a.xlsx", title="t"))["Data"]
    (chart,) = found._charts
    assert (chart.anchor._from.col, chart.anchor._from.row) == place
    assert (found.page_setup.fitToWidth, found.print_title_cols) == (n_pages, "$A:$A")
    assert found.oddHeader.left.text == "&A"


def test_same_tables_same_bytes(monkeypatch):
    first = workbook_bytes([sheet([("a", 0.25, 1, "b")])], title="t")
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(2_000_000_000))
    assert workbook_bytes([sheet([("a", 0.25, 1, "b")])], title="t") == first


def test_archive_holds_no_clock(tmp_path):
    path = write_workbook([sheet([("a", 0.25, 1, "b")])], tmp_path / "a.xlsx", title="t")
    with zipfile.ZipFile(path) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read("docProps/core.xml").count(b"2000-01-01T00:00:00Z") == 2


def test_sheet_names_are_made_legal_and_different(tmp_path):
    sheets = [Sheet(name, COLUMNS, []) for name in ("a/b:c*?[d]", "a b c   d", "x" * 40, "x" * 40, "")]
    path = write_workbook(sheets, tmp_path / "a.xlsx", title="t")
    names = openpyxl.load_workbook(path).sheetnames
    assert len(names) == len({name.lower() for name in names}) == 5
    assert all(len(name) <= 31 for name in names)


def test_a_row_of_the_wrong_width_is_a_fault():
    with pytest.raises(ValueError, match="a row of 1 cells in a sheet of 4 columns"):
        workbook_bytes([sheet([("a",)])], title="t")


def test_columns_are_as_wide_as_their_texts_and_the_words_of_their_heads():
    """Names of 35 characters were cut at the next cell, and heads broke within a word."""
    columns = (Column("Category", width=10), Column("Outcome, translated_first_then_v4", "count", 10))
    name = "Private information towards children"
    made = workbook_bytes([Sheet("Data", columns, [(name, 1), ("x" * 300, 2)])], title="t")
    widths = openpyxl.load_workbook(io.BytesIO(made))["Data"].column_dimensions
    assert widths["A"].width == WIDEST_TEXT > len(name)
    assert widths["B"].width == len("translated_first_then_v4") + 3


def test_points_that_round_to_nothing_have_no_sign_and_amounts_are_read_as_on_the_page():
    assert FORMATS["points"] == '[>=0.05]+0.0;[<=-0.05]-0.0;"0.0"'
    assert FORMATS["amount"] == "[>=100]#,##0;[>=10]0.0;0.00"
