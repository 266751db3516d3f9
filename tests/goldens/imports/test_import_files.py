"""Files as people have them become golden sets: every kind, every oddity, every row accounted for."""

import datetime
import gzip
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from openpyxl import Workbook

from harness.cli import main
from harness.files.golden.sets import load_golden


def run(*args, stdin=None):
    return CliRunner().invoke(main, ["golden", "import", *map(str, args)], input=stdin)


def imported(tmp_path, name, data, *options):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    result = run(path, "--yes", "--json", "--name", "made", "--to", tmp_path / "golden_sets", *options)
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    golden = load_golden(told["card"], None)
    return golden, told


def labels_of(golden):
    return {item.id: dict(item.labels) for item in golden.items()}


SHAPES = {
    "a semicolon": ("a.csv", "id;text;hate\n1;one two;1\n2;three;0\n"),
    "a tab": ("a.tsv", "id\ttext\thate\n1\tone two\t1\n2\tthree\t0\n"),
    "a tab in a file called csv": ("a.csv", "id\ttext\thate\n1\tone two\t1\n2\tthree\t0\n"),
    "a bar": ("a.txt", "id|text|hate\n1|one two|1\n2|three|0\n"),
    "a byte order mark": ("a.csv", b"\xef\xbb\xbfid,text,hate\n1,one two,1\n2,three,0\n"),
    "sep= in the first line": ("a.csv", "sep=;\nid;text;hate\n1;one two;1\n2;three;0\n"),
    "utf-16": ("a.csv", "id,text,hate\n1,one two,1\n2,three,0\n".encode("utf-16")),
    "gzip": ("a.csv.gz", gzip.compress(b"id,text,hate\n1,one two,1\n2,three,0\n")),
    "CRLF": ("a.csv", "id,text,hate\r\n1,one two,1\r\n2,three,0\r\n"),
    "TRUE and FALSE": ("a.csv", "id,text,hate\n1,one two,TRUE\n2,three,FALSE\n"),
    "yes and no": ("a.csv", "id,text,hate\n1,one two,Yes\n2,three,no\n"),
    "1.0 and 0.0": ("a.csv", "id,text,hate\n1,one two,1.0\n2,three,0.0\n"),
    "words": ("a.csv", "id,text,hate\n1,one two,hateful\n2,three,not hateful\n"),
    "JSON array": ("a.json", '[{"id":1,"text":"one two","hate":1},{"id":2,"text":"three","hate":0}]'),
    "JSON lines": ("a.jsonl", '{"id":1,"text":"one two","hate":true}\n{"id":2,"text":"three","hate":false}\n'),
    "a list in a JSON document": ("a.json", '{"n":2,"rows":[{"id":1,"text":"one two","hate":1},'
                                            '{"id":2,"text":"three","hate":0}]}'),
    "an index column": ("a.csv", ",id,text,hate\n0,1,one two,1\n1,2,three,0\n"),
    "headers with blanks": ("a.csv", " id , text , hate \n1,one two,1\n2,three,0\n"),
    "shares of votes": ("a.csv", "id,text,hate\n1,one two,0.67\n2,three,0.2\n"),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_items_come_out_of_every_shape(tmp_path, shape):
    golden, told = imported(tmp_path, *SHAPES[shape], "--label", "hate=hate")
    assert [(item.text, dict(item.labels)) for item in golden.items()] == [
        ("one two", {"hate": 1}),
        ("three", {"hate": 0}),
    ]
    assert [item.id for item in golden.items()] == ["1", "2"]
    assert told["rows"] == told["items"] == 2
    assert told["left_out"] == {}


def test_a_workbook_with_a_title_dates_and_whole_numbers(tmp_path):
    book = Workbook()
    book.active.title = "Notes"
    sheet = book.create_sheet("Items")
    sheet.append(["Export of March"])
    sheet.append(["Case ID", "Comment", "Is hate", "Posted"])
    sheet.append([1001, "one two", "yes", datetime.date(2026, 3, 1)])
    sheet.append([1002, "three four", "no", datetime.datetime(2026, 3, 2, 10, 30)])
    book.save(tmp_path / "a.xlsx")
    golden, _ = imported(tmp_path, "b.xlsx", (tmp_path / "a.xlsx").read_bytes())
    items = list(golden.items())
    assert [item.id for item in items] == ["1001", "1002"]
    assert golden.categories == ("hate",)
    assert items[0].meta["Posted"] == "2026-03-01"
    assert items[1].meta["Posted"] == "2026-03-02 10:30:00"


def test_parquet_with_nested_columns(tmp_path):
    rows = [
        {"id": str(at), "text": f"text number {at}", "labels": {"hate": at % 2}, "meta": {"lang": "de"}}
        for at in range(6)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    golden, _ = imported(tmp_path, "b.parquet", (tmp_path / "a.parquet").read_bytes())
    assert labels_of(golden)["3"] == {"hate": 1}


@pytest.mark.parametrize(
    ("cells", "options", "expected"),
    [
        (["hate;violence", "hate", "", "none"], (), [(1, 1), (1, 0), (None, None), (0, 0)]),
        (["hate, violence", "violence", "hate", "ok"], (), [(1, 1), (0, 1), (1, 0), (0, 0)]),
        (["['hate', 'violence']", "['hate']", "[]", "['violence']"], (), [(1, 1), (1, 0), (0, 0), (0, 1)]),
        (["Hate", "Violence", "N/A", "None"], (), [(1, 0), (0, 1), (None, None), (0, 0)]),
        (["hate|violence", "hate", "", "violence"], ("--absent", "unknown"), [(1, 1), (1, None), (0, 0), (None, 1)]),
    ],
)
def test_labels_in_one_cell(tmp_path, cells, options, expected):
    rows = [{"id": str(at), "text": f"some text {at}", "labels": cell} for at, cell in enumerate(cells * 3)]
    text = "\n".join(json.dumps(row) for row in rows)
    golden, _ = imported(tmp_path, "a.jsonl", text, "--labels", "labels", *options)
    found = [tuple(item.labels[name] for name in ("hate", "violence")) for item in golden.items()][: len(cells)]
    assert found == expected


def test_a_column_of_marks_says_no_where_it_is_empty(tmp_path):
    golden, told = imported(tmp_path, "a.csv", "id,text,hate\n1,one,x\n2,two,\n3,three,X\n", "--label", "hate")
    assert labels_of(golden) == {"1": {"hate": 1}, "2": {"hate": 0}, "3": {"hate": 1}}
    assert "an empty cell of hate: not violated" in Path(told["card"]).read_text()


def test_annotators_in_columns(tmp_path):
    text = "id,text,annotator_1,annotator_2,annotator_3\n1,one,yes,yes,no\n2,two,no,no,\n3,three,yes,no,\n"
    golden, told = imported(tmp_path, "a.csv", text, "--vote", "annotator_1=ann:hate", "--vote", "annotator_2=bo:hate",
                            "--vote", "annotator_3=cy:hate")  # fmt: skip
    assert labels_of(golden) == {"1": {"hate": 1}, "2": {"hate": 0}, "3": {"hate": None}}
    assert [vote["annotator"] for vote in golden.item(0).votes] == ["ann", "bo", "cy"]
    assert len(golden.item(1).votes) == 2
    assert "not labelled at a tie" in Path(told["card"]).read_text()


def test_annotators_in_rows(tmp_path):
    text = "item_id,text,annotator,hate\n1,one,ann,1\n1,one,bo,1\n1,one,cy,0\n2,two,ann,0\n2,two,ann,1\n"
    golden, told = imported(tmp_path, "a.csv", text)
    assert labels_of(golden) == {"1": {"hate": 1}, "2": {"hate": 0}}
    assert told["left_out"] == {"a second vote of one annotator on one item": 1}


def test_what_cannot_be_read_is_named_with_the_option_that_would(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,text,hate\n1,one,yes\n2,two,borderline\n3,three,no\n")
    result = run(path, "--yes", "--to", tmp_path / "golden_sets", "--label", "hate")
    assert result.exit_code == 1
    assert "hate is 'borderline' in 1 row, first in row 3" in result.output
    assert "--value 'borderline=?'" in result.output
    assert not list((tmp_path / "golden_sets").glob("*"))


def test_rows_that_are_no_items_are_counted_with_their_lines(tmp_path):
    text = 'id,text,hate\n1,one,1\n2,,0\n\n3,three\n4,four,0,more\n5,"five",0\n'
    golden, told = imported(tmp_path, "a.csv", text)
    assert sorted(labels_of(golden)) == ["1", "5"]
    assert told["left_out"] == {
        "no text": 1,
        "a blank line": 1,
        "2 cells under 3 columns": 1,
        "4 cells under 3 columns": 1,
    }
    assert told["rows"] == told["items"] + sum(told["left_out"].values())


def test_ids_that_stand_twice_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,text,hate\n7,one,1\n7,two,0\n8,three,0\n")
    result = run(path, "--yes", "--to", tmp_path / "golden_sets", "--id", "id")
    assert result.exit_code == 1
    assert "'7' (rows 2, 3)" in result.output
    assert "--annotator COLUMN" in result.output


def test_ids_that_a_spreadsheet_rounded_are_not_taken(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("tweet_id,text,hate\n1.23E+17,one,1\n1.24E+17,two,0\n")
    result = run(path, "--dry-run", "--to", tmp_path / "golden_sets")
    assert "'tweet_id' lost digits" in result.output
    assert "--id row" in result.output


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-8-sig"])
def test_encodings_of_spreadsheets(tmp_path, encoding):
    words = "Größe über Maßstab – façon naïve" if encoding != "latin-1" else "Größe über Maßstab: façon naïve"
    text = "id,text,hate\n" + "".join(f"{at},{words} {at},{at % 2}\n" for at in range(20))
    golden, _ = imported(tmp_path, "a.csv", text.encode(encoding))
    assert golden.item(0).text == f"{words} 0"


def test_entities_and_wrongly_decoded_text_are_mended_and_counted(tmp_path):
    text = "id,text,hate\n1,fish &amp; chips,0\n2,cafÃ© olÃ©,1\n3,plain & simple,0\n"
    golden, _ = imported(tmp_path, "a.csv", text)
    assert [item.text for item in golden.items()] == ["fish & chips", "café olé", "plain & simple"]
    (tmp_path / "golden_sets" / "made_v1.yaml").unlink()
    (tmp_path / "golden_sets" / "made_v1.jsonl").unlink()
    golden, _ = imported(tmp_path, "a.csv", text, "--no-unescape", "--no-repair", "--policy",
                         tmp_path / "evals" / "policies" / "made.yaml")  # fmt: skip
    assert golden.item(0).text == "fish &amp; chips"


def test_the_command_in_the_card_repeats_the_import(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Export 1.csv").write_text(
        "Nr;Kommentar;Hass?;lang\n1;eins zwei drei;ja;de\n2;vier fünf;nein;de\n3;six;ja;en\n"
    )
    assert run("Export 1.csv", "--yes").exit_code == 0
    card = (tmp_path / "golden_sets" / "export_1_v1.yaml").read_text()
    line = next(line for line in card.splitlines() if line.startswith("  command:"))
    words = shlex.split(json.loads(line.split(":", 1)[1]))[3:]
    first = (tmp_path / "golden_sets" / "export_1_v1.jsonl").read_bytes()
    again = run(*words, "--to", "elsewhere/golden_sets")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "elsewhere" / "golden_sets" / "export_1_v1.jsonl").read_bytes() == first


def test_nothing_is_written_without_consent_and_nothing_is_overwritten(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,text,hate\n1,one,1\n2,two,0\n")
    options = ("--to", tmp_path / "golden_sets")
    refused = run(path, *options)
    assert refused.exit_code == 2
    assert "add --yes" in refused.output
    assert not (tmp_path / "golden_sets").exists()
    assert run(path, *options, "--yes").exit_code == 0
    again = run(path, *options, "--yes")
    assert again.exit_code == 1
    assert "is there already" in again.output


def test_categories_that_the_policy_lacks_are_named(tmp_path):
    policies = tmp_path / "evals" / "policies"
    policies.mkdir(parents=True)
    (policies / "community.yaml").write_text(
        "policy: community\nversion: 2\ncategories:\n  hate: {name: Hate, definition: Attacks people.}\n"
    )
    path = tmp_path / "a.csv"
    path.write_text("id,text,hateful speech\n1,one,1\n2,two,0\n")
    result = run(path, "--yes", "--to", tmp_path / "golden_sets", "--label", "hateful speech=hateful")
    assert result.exit_code == 1
    assert "has no category hateful" in result.output
    assert "did you mean 'hate'" in result.output
    result = run(path, "--yes", "--to", tmp_path / "golden_sets", "--label", "hateful speech=hate")
    assert result.exit_code == 0, result.output
    assert "policy: {name: community, version: 2}" in (tmp_path / "golden_sets" / "a_v1.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "save it as .xlsx"),
        ("a.xlsx", b"PK\x03\x04 broken", "cannot be opened"),
        ("a.csv.gz", b"\x1f\x8b\x08\x00broken", "cannot be unpacked"),
        ("a.json", b'{"a": ', "is no JSON"),
        ("a.parquet", b"PAR1 broken", "cannot be read as Parquet"),
        ("a.csv", b"id,text,hate\n1,\"never ends,1\n2,two,0\n" , "no rows that can be read: row 2 is 2 cells under 3"),
        ("a.json", b'{"a": [{"x": 1}], "b": [{"y": 2}]}', "holds several lists: a, b"),
        ("a.csv", b"only,numbers\n1,2\n3,4\n", "no column was recognised as the text"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_is_said_in_one_message(tmp_path, name, data, message):
    path = tmp_path / name
    path.write_bytes(data)
    result = run(path, "--yes", "--to", tmp_path / "golden_sets")
    assert result.exit_code == 1, result.output
    assert message in result.output
    assert "Traceback" not in result.output


def test_texts_are_masked_until_asked(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,text,hate\n1,abominable words,1\n2,other things,0\n")
    assert "abominable" not in run(path, "--dry-run").output
    assert "abominable" in run(path, "--dry-run", "--show-text").output


def test_gzip_that_unfolds_without_end_is_refused(tmp_path, monkeypatch):
    from harness.goldens.imports import foreign

    monkeypatch.setattr(foreign, "_LEAST_LIMIT", 1_000_000)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a" * 3_000_000))
    result = run(path, "--yes")
    assert result.exit_code == 1
    assert "unfolds to more than" in result.output


def test_a_column_called_id_is_never_a_label_and_repeats_are_said(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,text,hate\nx,aaa bbb,1\nx,ccc ddd,0\ny,eee fff,0\n")
    result = run(path, "--dry-run", "--to", tmp_path / "golden_sets")
    assert "label: id" not in result.output
    assert "the values of column 'id' repeat" in result.output
    assert "--id row" in result.output


@pytest.mark.parametrize("column", ["safe", "is_not_hate", "Not hateful"])
def test_a_column_that_reads_as_the_opposite_is_doubted_until_its_values_are_given(tmp_path, column):
    path = tmp_path / "a.csv"
    path.write_text(f"id,text,{column}\n1,some words,1\n2,other words,0\n")
    assert "reads as the opposite of a violation" in run(path, "--dry-run").output
    turned = run(path, "--dry-run", "--value", "1=0", "--value", "0=1", "--label", f"{column}=hate")
    assert "reads as the opposite" not in turned.output
    golden, _ = imported(
        tmp_path, "b.csv", path.read_text(), "--value", "1=0", "--value", "0=1", "--label", f"{column}=hate"
    )
    assert labels_of(golden) == {"1": {"hate": 0}, "2": {"hate": 1}}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("id;text;toxic\n" + "".join(f"{n};words {n};0,{n}\n" for n in range(9)), "no column was recognised as labels"),
        ("id,text,hate\n" + "".join(f"{n},words {n},{'✅❌'[n % 2]}\n" for n in range(8)), "--value WORD=1"),
        ("id,text,labels\n" + "".join(f"{n},words {n},hate:{n % 3};spam:0\n" for n in range(9)), "no column was recog"),
        ("id,text,hate,none\n1,aa bb,1,0\n2,cc dd,0,1\n", "column 'none' reads as the opposite"),
        ("id,text,is_safe\n1,aa bb,TRUE\n2,cc dd,FALSE\n", "column 'is_safe' reads as the opposite"),
        ("id,text,Hate,hate\n1,aa bb,1,0\n2,cc dd,0,0\n", "columns Hate, hate would all be category 'hate'"),
        ("id,text,n_hate\n1,aa bb,0\n2,cc dd,1\n3,ee ff,3\n", "--cut n_hate=NUMBER"),
    ],
)
def test_labels_that_could_mean_either_are_not_guessed(tmp_path, rows, said):
    """With --yes decimal commas became categories, every mark a violation, and 'none' and 'is_safe' violations."""
    path = tmp_path / "a.csv"
    path.write_text(rows)
    result = run(path, "--yes", "--to", tmp_path / "golden_sets")
    assert result.exit_code == 1
    assert said in " ".join(result.output.split())
    assert list(tmp_path.rglob("*.yaml")) == []


def test_decimal_commas_are_numbers_once_a_cut_is_given(tmp_path):
    text = "id;text;toxic\n" + "".join(f"{n};words {n};0,{n}\n" for n in range(10))
    golden, _ = imported(tmp_path, "a.csv", text, "--label", "toxic=hate", "--cut", "toxic=0.5")
    assert sum(labels["hate"] for labels in labels_of(golden).values()) == 5


def test_a_cell_that_maps_names_to_labels_keeps_what_is_not_violated(tmp_path):
    cells = ['"{""hate"": 1, ""spam"": 0}"', '"{""hate"": 0}"']
    text = "id,text,labels\n" + "".join(f"{n},words {n},{cells[n % 2]}\n" for n in range(6))
    golden, _ = imported(tmp_path, "a.csv", text)
    assert labels_of(golden)["0"] == {"hate": 1, "spam": 0}
    assert labels_of(golden)["1"] == {"hate": 0, "spam": None}


def test_names_with_scores_are_not_read_as_nothing_violated(tmp_path):
    path = tmp_path / "a.jsonl"
    labels = [{"label": "hate", "score": 0.9}]
    path.write_text("".join(json.dumps({"id": n, "text": f"words {n}", "labels": labels}) + "\n" for n in range(4)))
    result = run(path, "--yes", "--to", tmp_path / "golden_sets", "--labels", "labels", "--rename", "hate=hate")
    assert result.exit_code == 1
    assert "values of labels cannot be read" in result.output


def test_a_column_of_marks_beside_other_labels_is_one(tmp_path):
    text = "id,text,hate,spam\n1,aa bb,1,x\n2,cc dd,0,\n3,ee ff,0,x\n"
    golden, _ = imported(tmp_path, "a.csv", text)
    assert [labels["spam"] for labels in labels_of(golden).values()] == [1, 0, 1]


def test_votes_under_merged_cells_are_named_as_such(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,text,annotator,hate\na,aa bb,ana,1\n,,ben,0\nb,cc dd,ana,0\n,,ben,0\n")
    result = run(path, "--yes", "--to", tmp_path / "golden_sets")
    assert "2 left out: a vote without id and text (cells merged with those above?" in result.output


def test_codes_of_a_taxonomy_keep_their_case(tmp_path):
    text = "id,text,violations\n1,one two,TVEC.01;S1\n2,three four,none\n3,five six,TVEC.01\n"
    golden, _ = imported(tmp_path, "a.csv", text, "--labels", "violations")
    assert golden.categories == ("TVEC.01", "S1")


@pytest.mark.parametrize("name", ["../x", "a/b", "", "x" * 101, "a b"])
def test_a_name_that_is_no_name_writes_nothing(tmp_path, name):
    path = tmp_path / "a.csv"
    path.write_text("id,text,hate\n1,one,1\n2,two,0\n")
    result = run(path, "--yes", "--to", tmp_path / "golden_sets", "--name", name)
    assert result.exit_code == 1
    assert "cannot be a golden set's" in result.output
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("text", "options", "code", "message"),
    [
        ("id,text,hate\n1,one,1\n", ["--encoding", "nope"], 2, "is no encoding that is known"),
        ("id,text,hate\n1,one,1\n", ["--sheet", "one"], 1, "--sheet says nothing"),
        ("id,text,hate\n1,one,1\n", ["--records", "one"], 1, "--records says nothing"),
        ("id,text,hate\n", [], 1, "has a header and no rows that can be read"),
        ("id,text,hate\n1,one,1\n", ["--label", "text=hate", "--text", "text"], 1, "as the text and as a label"),
    ],
)
def test_mistakes_that_readers_made_are_said(tmp_path, text, options, code, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    result = run(path, "--yes", "--to", tmp_path / "golden_sets", *options)
    assert result.exit_code == code, result.output
    assert message in result.output


_LARGE = """
import sys
sys.path.insert(0, {tests!r})
from click.testing import CliRunner
from harness.cli import main
from peak import peak_megabytes
path, folder = sys.argv[1:]
done = CliRunner().invoke(main, ["golden", "import", path, "--yes", "--json", "--name", "made", "--to", folder])
assert done.exit_code == 0, done.output
print(peak_megabytes())
"""


@pytest.mark.million
@pytest.mark.slow
def test_a_million_rows_take_little_more_memory_than_a_hundred_thousand(tmp_path):
    code = _LARGE.format(tests=str(Path(__file__).parents[2]))
    peaks = []
    for n in (100_000, 1_000_000):
        path = tmp_path / f"rows_{n}.csv"
        with path.open("w", encoding="utf-8") as file:
            file.write("comment_id;comment;hate;lang\n")
            file.writelines(f"c{at};the comment number {at} of a long file;{at % 2};de\n" for at in range(n))
        command = [sys.executable, "-c", code, str(path), str(tmp_path / f"sets_{n}")]
        peaks.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]))
    print(f"import: {peaks[0]:,.0f} MB for 100,000 rows, {peaks[1]:,.0f} MB for 1,000,000")
    assert peaks[1] - peaks[0] < 100  # of these, the hashes of the ids and their order


def test_an_annotator_s_blank_beside_a_no_is_no_vote(tmp_path):
    text = "id,text,ann1,ann2,ann3\n1,aa,1,0,1\n2,bb,0,0,1\n3,dd,0,1,\n"
    golden, told = imported(tmp_path, "a.csv", text)
    assert told["votes"] == 8
    assert [list(item.labels.values()) for item in golden.items()] == [[1], [0], [None]]


def test_a_zero_beside_other_numbers_is_a_class(tmp_path):
    """Class 0 of [0, 2] was read as "nothing is violated", and its items lost their label."""
    rows = [{"id": "a", "text": "alpha text", "labels": [0, 2]}, {"id": "b", "text": "bravo text", "labels": [1]}]
    golden, _ = imported(tmp_path, "x.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert dict(zip(golden.categories, golden.labels()[0].tolist(), strict=True)) == {"c_0": 1, "c_1": 0, "c_2": 1}


def test_null_beside_empty_lists_is_not_labelled(tmp_path):
    text = '[{"text":"a","labels":["hate"]},{"text":"b","labels":[]},{"text":"c","labels":null}]'
    golden, _ = imported(tmp_path, "a.json", text)
    assert [item.labels.get("hate") for item in golden.items()] == [1, 0, None]


def test_rows_of_annotators_are_recognised_by_a_column_item(tmp_path):
    text = "item,text,annotator,hate\n1,aa,ana,1\n1,aa,ben,0\n1,aa,cy,1\n2,bb,ana,0\n2,bb,ben,0\n"
    golden, _ = imported(tmp_path, "a.csv", text)
    assert labels_of(golden) == {"1": {"hate": 1}, "2": {"hate": 0}}


def test_a_guessed_encoding_is_said_and_stands_in_the_command(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("id,text,hate\n1,não é ação coração você,1\n2,mãe irmã pão,0\n".encode("cp1252"))
    result = run(path, "--dry-run", "--to", tmp_path / "golden_sets")
    assert "names no encoding" in result.output
    assert "--encoding cp125" in result.output.split("The same without questions:")[1]
    told = run(path, "--dry-run", "--to", tmp_path / "golden_sets", "--encoding", "cp1252")
    assert "names no encoding" not in told.output


def test_rows_that_a_quote_swallowed_are_suspected(tmp_path):
    rows = "".join(f"{at},{chr(34) if at in (5, 60) else ''}text number {at},{at % 2}\n" for at in range(1, 101))
    path = tmp_path / "a.csv"
    path.write_text("id,text,label\n" + rows)
    assert "look like rows of their own" in run(path, "--dry-run", "--to", tmp_path / "golden_sets").output
    path.write_text('id,text,label\n1,"one,\ntwo, too,\nthree\n\nfour",1\n2,five,0\n')
    assert "rows of their own" not in run(path, "--dry-run", "--to", tmp_path / "golden_sets").output


def test_a_header_cannot_act_on_the_terminal(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,text,hate\x1b[31m\n1,foo,1\n2,bar,0\n")
    result = CliRunner().invoke(
        main, ["golden", "import", str(path), "--dry-run", "--to", str(tmp_path / "golden_sets")], color=True
    )
    assert "\x1b" not in result.output


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("WAHR", "FALSCH"), ("VRAI", "FAUX"), ("VERDADERO", "FALSO"), ("VERO", "FALSO"), ("WAAR", "ONWAAR"),
        ("PRAWDA", "FAŁSZ"), ("DOĞRU", "YANLIŞ"), ("ИСТИНА", "ЛОЖЬ"), ("TOSI", "EPÄTOSI"), ("tak", "nie"),
        ("예", "아니요"),
    ],
)  # fmt: skip
def test_booleans_of_spreadsheets_in_other_languages(tmp_path, true, false):
    """WAHR and FALSCH became two categories; ИСТИНА and ЛОЖЬ one, of which every item was violating."""
    golden, _ = imported(tmp_path, "a.csv", f"id,text,hate\na,one two,{true}\nb,three,{false}\nc,four,{true}\n")
    assert labels_of(golden) == {"a": {"hate": 1}, "b": {"hate": 0}, "c": {"hate": 1}}


def test_names_in_another_script_stay_apart(tmp_path):
    """Each became 'violation': two categories were one."""
    golden, _ = imported(tmp_path, "a.csv", "id,text,label\na,one two,спам\nb,three,ненависть\nc,four,спам\n")
    labels = labels_of(golden)
    assert len(golden.categories) == 2
    assert labels["a"] == labels["c"] != labels["b"]
    assert all(sorted(one.values()) == [0, 1] for one in labels.values())
