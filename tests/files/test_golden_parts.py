"""A shard reads its own lines of a set, and knows the whole set's ids and hash."""

import json

import numpy as np
import pytest
from projects import CARD, write_project

from harness.errors import HarnessError
from harness.files.golden import jsonl
from harness.files.golden.sets import load_golden
from harness.runner.shards import Shard

ROWS = [
    {"id": f"c-{at}", "text": f"text {at}", "labels": {"hate": at % 2, "spam": None}, "meta": {"lang": "en"}}
    for at in range(300)
]
SHARD = Shard(1, 3)


def written(tmp_path, rows, card=CARD, dump=json.dumps):
    folder = write_project(tmp_path / "p", card=card, items="".join(dump(row) + "\n" for row in rows))
    return folder / "card.yaml"


def as_dense(row):
    return json.dumps(row, separators=(",", ":"))


@pytest.fixture
def n_parsed(monkeypatch):
    """Counts rows that were read whole."""
    counted = []
    add = jsonl.RowReader.add
    monkeypatch.setattr(jsonl.RowReader, "add", lambda self, row, index: counted.append(index) or add(self, row, index))
    return counted


def require_same(card, n_parsed=None):
    """The part is the whole as far as its own items go."""
    whole = load_golden(card, None)
    if n_parsed is not None:
        n_parsed.clear()
    part = load_golden(card, None, owns=SHARD.holds)
    own = SHARD.holds(whole.ids())
    assert (part.sha256, part.ids(), part.pictures) == (whole.sha256, whole.ids(), whole.pictures)
    assert part.must_catch == whole.must_catch
    assert np.array_equal(part.labels()[own], whole.labels()[own])
    assert list(part.items(own)) == list(whole.items(own))
    return own


@pytest.mark.parametrize("dump", [json.dumps, as_dense])
def test_only_own_lines_are_read(tmp_path, n_parsed, dump):
    own = require_same(written(tmp_path, ROWS, dump=dump), n_parsed)
    assert n_parsed == own
    assert 0 < len(own) < len(ROWS)


@pytest.mark.parametrize(
    "row",
    [
        {"id": 7, "text": "a number as id", "labels": {}},
        {"text": "the id stands last", "labels": {}, "id": "last"},
        {"id": "zwölf", "text": "letters beyond ASCII", "labels": {}},
        {"id": 'a"quote', "text": "escaped", "labels": {}},
        {"id": "p", "text": "a mark", "labels": {"hate": 1}, "must_catch": True},
    ],
)
def test_a_line_of_another_form_has_its_neighbours_read_whole(tmp_path, n_parsed, row):
    require_same(written(tmp_path, [*ROWS, row]), n_parsed)
    assert len(n_parsed) == len(ROWS) + 1


def test_a_key_spelt_with_escapes_is_read(tmp_path, n_parsed):
    line = '{"id": "e", "text": "t", "labels": {"hate": 1}, "must\\u005fcatch": true}'
    card = written(tmp_path, ROWS)
    with (card.parent / "items.jsonl").open("a") as file:
        file.write(line + "\n")
    require_same(card)
    assert load_golden(card, None, owns=SHARD.holds).must_catch == {len(ROWS)}


@pytest.mark.parametrize("card", [CARD.replace("labels:", "id: row\nlabels:"), CARD + "fields: {id: meta.number}\n"])
def test_ids_that_stand_elsewhere_are_read_from_whole_lines(tmp_path, n_parsed, card):
    rows = [{**row, "meta": {"number": f"n{at}"}} for at, row in enumerate(ROWS)]
    rows = [{name: value for name, value in row.items() if name != "id"} for row in rows]
    require_same(written(tmp_path, rows, card=card), n_parsed)
    assert len(n_parsed) == len(ROWS)


@pytest.mark.parametrize("ending", [b"", b"\n", b"\n\n"])
def test_the_end_and_a_mark_at_the_beginning_do_not_matter(tmp_path, ending):
    card = written(tmp_path, ROWS)
    items = card.parent / "items.jsonl"
    items.write_bytes(b"\xef\xbb\xbf" + items.read_bytes().rstrip(b"\n") + ending)
    require_same(card)


def test_many_chunks_are_one_set(tmp_path, monkeypatch):
    monkeypatch.setattr(jsonl, "_CHUNK_BYTES", 1_000)
    rows = [*ROWS[:150], {"id": 8, "text": "read whole", "labels": {}}, *ROWS[150:]]
    require_same(written(tmp_path, rows))


@pytest.mark.parametrize("chunk", [1_000, 1 << 20])
def test_an_id_that_comes_twice_is_found_by_every_shard(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(jsonl, "_CHUNK_BYTES", chunk)
    card = written(tmp_path, [*ROWS, ROWS[3]])
    for part in (1, 2, 3):
        with pytest.raises(HarnessError, match="'c-3', which line 4 has already"):
            load_golden(card, None, owns=Shard(part, 3).holds)


def test_a_fault_is_found_by_the_shard_whose_line_it_is(tmp_path):
    rows = [{**row, "labels": {"hate": "perhaps"}} if row["id"] == "c-7" else row for row in ROWS]
    card = written(tmp_path, rows)
    refused = []
    for part in (1, 2, 3):
        try:
            load_golden(card, None, owns=Shard(part, 3).holds)
        except HarnessError as error:
            refused.append((part, ":8" in str(error)))
    (owner,) = (part for part in (1, 2, 3) if Shard(part, 3).holds(["c-7"]))
    assert refused == [(owner, True)]


@pytest.mark.parametrize("broken", ["{", '{"id": "x", "text": "cut', "[]", "null", "\n", '{"id": "", "labels": {}}'])
def test_what_is_no_row_is_said_as_ever(tmp_path, broken):
    card = written(tmp_path, ROWS[:3])
    items = card.parent / "items.jsonl"
    items.write_text(items.read_text() + broken + "\n" + json.dumps(ROWS[4]) + "\n")
    with pytest.raises(HarnessError) as by_whole:
        load_golden(card, None)
    said = []
    for part in (1, 2, 3):
        try:
            load_golden(card, None, owns=Shard(part, 3).holds)
        except HarnessError as error:
            said.append(str(error))
    assert set(said) == {str(by_whole.value)}


def test_rows_are_read_alike_by_way_of_a_buffer_or_not(tmp_path, monkeypatch):
    golden = load_golden(written(tmp_path, ROWS), None)
    whole = list(golden.items())
    for dense in (1, 10**9):
        monkeypatch.setattr(jsonl, "_DENSE", dense)
        for indices in ([], [0], [299], [5, 6, 7, 200], range(300), [9, 3, 250]):
            assert list(golden.items(indices)) == [whole[at] for at in indices]
