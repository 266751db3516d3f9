"""A series of production figures: what people's editors and spreadsheets make of it, and what is read."""

import json
import math

import pytest

from harness.errors import FileError
from harness.goldens.production_series import COLUMNS, read_series

GOOD = {"date": "2026-11-25", "golden_set": "week48", "version": 2, "category": "hate", "figure": "leakage_views",
        "value": 0.3, "low": 0.25, "high": 0.36, "n_labelled": 400, "n_violating": 40, "method": "design weights",
        "reason": ""}  # fmt: skip


HEAD = ",".join(COLUMNS)


def csv_of(*rows, head=HEAD, end="\n", ending="\n"):
    lines = [head, *(",".join(str(row.get(name, "")) for name in COLUMNS) for row in rows)]
    return end.join(lines) + ending


def test_a_line_is_read_whole(tmp_path):
    for name, text in (("s.csv", csv_of(GOOD)), ("s.jsonl", json.dumps(GOOD) + "\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        (one,) = read_series(tmp_path / name)
        assert (one.date, one.golden_set, one.version, one.category) == ("2026-11-25", "week48", "2", "hate")
        assert (one.figure, one.result.value, one.result.low, one.result.high) == ("leakage_views", 0.3, 0.25, 0.36)
        assert (one.result.n, one.n_violating) == (400, 40)


def test_what_editors_do_to_a_file_changes_nothing(tmp_path):
    path = tmp_path / "s.csv"
    for text in ("\ufeff" + csv_of(GOOD), csv_of(GOOD, end="\r\n", ending="\r\n"), csv_of(GOOD, GOOD, ending="\n\n")):
        path.write_text(text, encoding="utf-8", newline="")
        assert read_series(path)[0].result.value == 0.3


def test_an_undefined_figure_keeps_its_reason(tmp_path):
    undefined = GOOD | {"value": "", "low": "", "high": "", "reason": "no violating item found"}
    (tmp_path / "s.csv").write_text(csv_of(undefined))
    (tmp_path / "s.jsonl").write_text(json.dumps(undefined | {"value": None, "low": None, "high": None}) + "\n")
    for name in ("s.csv", "s.jsonl"):
        (one,) = read_series(tmp_path / name)
        assert math.isnan(one.result.value)
        assert one.result.reason == "no violating item found"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("s.csv", csv_of(GOOD | {"date": "25/11/2026"}), "s.csv:2: field 'date' is '25/11/2026'"),
        ("s.csv", csv_of(GOOD | {"value": "30%"}), "s.csv:2: field 'value' is '30%'"),
        ("s.csv", csv_of(GOOD | {"value": "30"}), "a share from 0 to 1"),
        ("s.csv", csv_of(GOOD | {"value": "nan"}), "a share from 0 to 1"),
        ("s.csv", csv_of(GOOD | {"low": ""}), "value, low and high together"),
        ("s.csv", csv_of(GOOD | {"low": 0.31}), "a value between low (0.31) and high (0.36)"),
        ("s.csv", csv_of(GOOD, GOOD | {"figure": "leakage_view"}), "s.csv:3: field 'figure' is 'leakage_view'"),
        ("s.csv", csv_of(GOOD | {"category": " "}), "field 'category'"),
        ("s.csv", csv_of(GOOD | {"n_labelled": "many"}), "field 'n_labelled' is 'many'"),
        ("s.csv", csv_of(GOOD | {"n_violating": -1}), "a whole number"),
        ("s.csv", csv_of(GOOD, ending=""), "its last line does not end"),
        ("s.csv", csv_of(GOOD)[:-40] + "\n", "line 2 has more or fewer cells"),
        ("s.csv", csv_of(GOOD, head=";".join(COLUMNS)), "its columns are others"),
        ("s.csv", "a,b\n1,2\n", "its columns are others"),
        ("s.csv", "", "is empty"),
        ("s.jsonl", "3\n", "a line is no figure"),
        ("s.jsonl", '{"date": "2026-11-25"\n', "is no series of production figures"),
        ("s.jsonl", json.dumps(GOOD | {"value": float("nan")}) + "\n", "a share from 0 to 1"),
        ("s.xlsx", "x", "a file in .csv or .jsonl"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_one_message(tmp_path, name, text, said):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as caught:
        read_series(tmp_path / name)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_one_message(tmp_path):
    with pytest.raises(FileError, match="is not there"):
        read_series(tmp_path / "s.csv")
