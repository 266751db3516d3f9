"""Plain lines are read many at once, and a set is the same as if each had been read alone."""

import json
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import CARD, write_project

from harness.errors import HarnessError
from harness.files.golden import jsonl
from harness.files.golden.plain import PlainRows
from harness.files.golden.sets import load_golden

ROWS = [
    {"id": f"c-{at}", "text": f"text {at}", "labels": {"hate": at % 2, "spam": None}, "meta": {"lang": "en"}}
    for at in range(300)
]
BLOCK = 1_000
VALUES = [
    *(
        0,
        1,
        2,
        -1,
        0.0,
        1.0,
        2.5,
        True,
        False,
        None,
        "",
        "0",
        "x",
        "ü",
        "a\0b",
        "\u200b",
        "\ud800",
        2**63,
        2**64,
        -(2**70),
    ),
    *([], ["hate"], ["hate", None], [[1]], [{"a": 1}], {}, {"a": 1}, {"hate": 1}, {"hate": 2}, {"choices": ["hate"]}),
    *({"lang": "en"}, {"lang": ["de", 1, None]}, {"lang": {"a": 1}}, {"note": {"deep": {"er": 1}}}, {"lang": 1e300}),
]
NAMES = ["id", "text", "labels", "images", "votes", "context", "weight", "group", "must_catch", "meta", "extra", "lang"]
CARDS = {
    "as it is": CARD,
    "numbered": CARD + "id: row\n",
    "names": CARD + "fields: {text: context, context: lang, group: extra}\n",
    "inside": CARD + "fields: {text: meta.note}\n",
    "two in one": CARD + "fields: {text: id}\n",
    "ignoring": CARD + "ignore: [extra, votes]\n",
    "sliced": CARD.replace("meta.lang", "lang") + "ignore: [lang]\n",
    "sliced by a part": CARD.replace("meta.lang", "context") + "must_catch: extra\n",
    "sliced by all": CARD.replace("meta.lang", "meta"),
    "lists": CARD + "absent_labels: negative\n",
    "words": CARD + "label_values: {x: 1, '': null}\n",
    "renamed": CARD.replace("spam]", "spam, rude]") + "rename: {rude: hate, choices: spam}\n",
    "modalities": CARD + "modalities: {transcript: extra}\n",
}


def written(folder, lines, card=CARD):
    folder = write_project(folder, card=card)
    (folder / "items.jsonl").write_bytes(b"".join(lines))
    return folder / "card.yaml"


def as_line(row):
    return json.dumps(row).encode() + b"\n"


def as_read(card):
    """All that a set holds, or what is said of it."""
    try:
        golden = load_golden(card, None)
    except HarnessError as error:
        return str(error)
    held = golden.sha256, golden.ids(), golden.labels().tolist(), golden.must_catch, golden.pictures, golden.source
    return *held, list(golden.items())


def line_by_line(card):
    with patch.object(PlainRows, "of", return_value=None):
        return as_read(card)


@pytest.fixture
def n_alone(monkeypatch):
    """Counts rows that were read alone."""
    counted = []
    add = jsonl.RowReader.add
    monkeypatch.setattr(jsonl.RowReader, "add", lambda self, row, index: counted.append(index) or add(self, row, index))
    monkeypatch.setattr(jsonl, "_BLOCK_BYTES", BLOCK)
    return counted


def as_dense(row):
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


@pytest.mark.parametrize("dump", [as_line, as_dense])
@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
def test_plain_lines_are_read_together(tmp_path, n_alone, dump, end):
    card = written(tmp_path, [*map(dump, ROWS), dump({**ROWS[0], "id": "last"}).rstrip(b"\n"), end])
    found = as_read(card)
    assert len(n_alone) == (0 if end == b"\n" else len(n_alone))
    assert len(n_alone) < 20
    assert found == line_by_line(card)
    assert len(found[1]) == 301


@pytest.mark.parametrize(
    "row",
    [
        {"id": 7, "text": "a number as id", "labels": {}},
        {"labels": {}, "text": None, "id": "zwölf"},
        {"id": "w", "text": "t", "labels": {"hate": 1}, "weight": 2, "group": 4, "meta": None, "must_catch": False},
        {"id": "s", "text": "t", "labels": {}, "meta": {"lang": ["de", 1, True], "note": None}},
        {"id": "c", "text": "t", "labels": {}, "context": [{"before": {"text": "x"}}], "images": None, "votes": None},
    ],
)
def test_what_a_plain_row_may_hold(tmp_path, n_alone, row):
    card = written(tmp_path, [*map(as_line, ROWS), as_line(row)])
    found = as_read(card)
    assert n_alone == []
    assert found == line_by_line(card)


@pytest.mark.parametrize(
    "line",
    [
        b'{"id": "p", "text": "a mark", "labels": {"hate": 1}, "must_catch": true}',
        b'{"id": "v", "text": "t", "labels": {}, "votes": [{"annotator": "a", "labels": {"hate": 1}}]}',
        b'{"id": "e", "text": "t", "labels": {"hate": 1}, "must\\u005fcatch": true}',
        b'{"id": "k", "text": "says \\": twice", "labels": {}}',
        b'{"id" : "w", "text": "wide", "labels": {}}',
        b'{"id": "r", "text": "t", "labels": {}}\r',
        b'\t{"id": "b", "text": "t", "labels": {}} ',
    ],
)
def test_any_other_row_is_read_alone_with_its_block(tmp_path, n_alone, line):
    card = written(
        tmp_path, [*map(as_line, ROWS), line + b"\n", *(as_line({**row, "id": row["id"] + "+"}) for row in ROWS)]
    )
    found = as_read(card)
    assert 1 <= len(n_alone) < 20
    assert found == line_by_line(card)
    assert len(found[1]) == 601


@pytest.mark.parametrize(
    "lines",
    [
        b'{"id": "a", "text": "t", "labels": {}}{"id": "b", "text": "t", "labels": {}}\n\n',
        b'{"id": "a", "text": "t", "labels":\n{}}{"id": "b", "text": "t", "labels": {}}\n',
        b'{"id": "a", "id": "b", "text": "t", "labels": {}}\n',
        b'{"id": "a", "text": "t", "labels": {"hate": 1, "hate": 0}}\n',
        b'{"id": "a", "text": "t", "labels": {"hate": 1, "hate" : 0}}\n',
        b'{"id": "a", "text": "t", "labels": {"hate": 1, "hate" \t : 0}}\n',
        b'{"id": "a", "text": "t", "labels": {"hate": 1, "hate"\r: 0}}\n',
        b'{"id": "a", "text": "t", "labels": {}, "meta": {"lang": "en", "lang": "de"}}\n',
        b'{"id": "a", "text": "\xff", "labels": {}}\n',
        b'{"id": "a", "text": "t", "labels": {}, "context": "\xff"}\n',
        b'{"id": "a", "text": "\\u0000", "labels": {}}\n',
        b'{"id": "\\u200b", "text": "t", "labels": {}}\n',
        b'{"id": "c-3", "text": "t", "labels": {}}\n',
        b'{"id": "a", "text": "t", "labels": {}, "weight": 1e999}\n',
        b'{"id": "a", "text": "t", "labels": {}, "context": ' + b"[" * 5_000 + b"]" * 5_000 + b"}\n",
        b"\n",
        b"null\n",
        b"[]\n",
    ],
)
def test_a_fault_is_said_as_where_each_line_is_read_alone(tmp_path, lines, monkeypatch):
    monkeypatch.setattr(jsonl, "_BLOCK_BYTES", BLOCK)
    card = written(tmp_path, [*map(as_line, ROWS[:20]), lines, as_line({**ROWS[0], "id": "last"})])
    found = as_read(card)
    assert isinstance(found, str)
    assert found == line_by_line(card)


def test_a_mark_at_the_beginning_and_a_long_line_do_not_matter(tmp_path, n_alone, monkeypatch):
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 5_000)
    long, longer = (as_line({**ROWS[0], "id": f"l{n}", "text": "x" * n}) for n in (4_800, 5_000))
    card = written(tmp_path, [b"\xef\xbb\xbf", *map(as_line, ROWS), long])
    assert as_read(card) == line_by_line(card)
    items = card.parent / "items.jsonl"
    items.write_bytes(items.read_bytes() + longer + as_line({**ROWS[0], "id": "last"}))
    assert as_read(card) == line_by_line(card)
    assert "is longer than 5,000 bytes" in as_read(card)


def test_an_id_that_comes_twice_is_found_across_blocks(tmp_path, n_alone):
    card = written(tmp_path, [*map(as_line, ROWS), as_line(ROWS[3])])
    assert "items.jsonl:301: field 'id' is 'c-3', which line 4 has already" in as_read(card)


@pytest.mark.parametrize("span", [1, 2_000, 1 << 22])
def test_rows_are_read_alike_near_each_other_or_far(tmp_path, monkeypatch, span):
    golden = load_golden(written(tmp_path, [*map(as_line, ROWS), b"\n\n"]), None)
    whole = list(golden.items())
    monkeypatch.setattr(jsonl, "_SPAN_BYTES", span)
    for indices in ([], [0], [299], [5, 6, 7, 200], range(300), [9, 3, 250, 3]):
        assert list(golden.items(indices)) == [whole[at] for at in indices]


def test_an_item_is_the_same_whether_its_row_holds_no_more_than_the_least(tmp_path):
    least = {"id": "c", "text": None, "labels": {"hate": 1}, "meta": {"lang": ["de", 1]}}
    every = {"group": None, "weight": None, "context": None, "images": [], "votes": None}
    one, other = (next(load_golden(written(tmp_path, [as_line(row)]), None).items()) for row in (least, least | every))
    assert one == other
    assert (one.slices, one.weight, one.is_withheld) == ({"language": ("de", "1")}, 1.0, True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


rows = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=6)


@given(st.sampled_from(sorted(CARDS)), st.lists(rows, min_size=1, max_size=4), st.booleans())
def test_any_rows_are_the_same_set_or_the_same_fault(folder, name, rows, is_dense):
    lines = []
    for at, row in enumerate(rows):
        whole = {"id": f"c-{at}", "text": "t", "labels": {"hate": 1}} | row
        lines.append((as_dense if is_dense else as_line)(whole))
    card = written(folder / "p", lines, CARDS[name])
    assert as_read(card) == line_by_line(card)


@given(st.lists(st.sampled_from(NAMES), max_size=3, unique=True), st.data())
def test_what_is_read_together_is_read_alone_too(folder, names, data):
    """Nothing is let through that the line-by-line reader refuses: each odd value under each name, one at a time."""
    row = {"id": "c", "text": "t", "labels": {"hate": 1}} | {name: data.draw(st.sampled_from(VALUES)) for name in names}
    card = written(folder / "q", [as_line(row)])
    assert as_read(card) == line_by_line(card)
