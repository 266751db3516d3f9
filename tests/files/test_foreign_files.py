"""Files as people have them: what `check` says of each, and that the lines it proposes read the file.

Each case is a file of items and a card that knows only the labels. The lines that the message proposes are written into
the card, as a person would, until the set loads; then the labels must be right.
"""

from __future__ import annotations

import re

import pytest
import yaml

from harness.errors import HarnessError
from harness.files.golden.sets import load_golden

HATE, BOTH = ("hate",), ("hate", "spam")
_ = None


def card_of(items, labels, more=()):
    return {
        "golden_set": "g",
        "version": 1,
        "policy": {"name": "p", "version": 1},
        "items": items,
        "labels": list(labels),
        **dict(more),
    }


def write_card(folder, card):
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump(card, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def proposed(message):
    """The lines a message proposes, as a person copies them."""
    lines = re.findall(r"^    ((?:\w+): .*)$", message, re.MULTILINE)
    return {key: value for line in lines for key, value in yaml.safe_load(line).items()}


def message_of(card):
    try:
        load_golden(card, None)
    except HarnessError as error:
        return str(error)
    return None


def follow(folder, card, *, most=4):
    """Load the set, writing into the card what each message proposes."""
    for _step in range(most):
        message = message_of(write_card(folder, card))
        if message is None:
            return load_golden(folder / "card.yaml", None)
        lines = proposed(message)
        assert lines, message
        assert "?" not in str(lines), message
        if "label_values" in lines:
            values = {**card.get("label_values", {}), **lines["label_values"]}
            lines["label_values"] = {str(key): value for key, value in values.items()}
        card = {**card, **lines}
    raise AssertionError(f"not read after {most} proposals: {card}")


FOREIGN = {
    "plain columns": ("x.csv", "id,text,hate,spam,lang\na,alpha,1,0,en\nb,bravo,0,,de\n", BOTH, [[1, 0], [0, -1]]),
    "own names": (
        "x.csv",
        "comment_id,comment_text,hate,spam\n1,alpha text,1,0\n2,bravo text,0,1\n",
        BOTH,
        [[1, 0], [0, 1]],
    ),
    "semicolons": ("x.csv", "id;text;labels.hate\na;alpha, b;1\nb;bravo;0\n", HATE, [[1], [0]]),
    "tabs in a csv": ("x.csv", "id\ttext\thate\na\talpha\t1\nb\tbravo\t0\n", HATE, [[1], [0]]),
    "sep line": ("x.csv", "sep=;\r\nid;text;labels.hate\r\na;alpha;1\r\nb;bravo;0\r\n", HATE, [[1], [0]]),
    "tsv": ("x.tsv", "id\ttext\tlabels.hate\na\talpha, beta\t1\n", HATE, [[1]]),
    "cp1252": ("x.csv", "id,text,labels.hate\na,café “quoted”,1\n".encode("cp1252"), HATE, [[1]]),
    "no id": ("x.csv", "text,hate\nalpha bravo charlie delta,1\nb,0\n", HATE, [[1], [0]]),
    "index column": ("x.csv", ",id,text,labels.hate\n0,a,alpha,1\n5,b,bravo,0\n", HATE, [[1], [0]]),
    "named index column": ("x.csv", "Unnamed: 0,id,text,labels.hate\n0,a,alpha,1\n1,b,bravo,0\n", HATE, [[1], [0]]),
    "yes and no": ("x.csv", "id,text,hate\na,alpha,yes\nb,bravo,No\nc,charlie,\n", HATE, [[1], [0], [-1]]),
    "words": ("x.csv", "id,text,harm\na,alpha,harmful\nb,bravo,unharmful\nc,charlie,\n", HATE, [[1], [0], [-1]]),
    "minus one": ("x.csv", "id,text,hate,spam\na,alpha,1,0\nb,bravo,-1,-1\n", BOTH, [[1, 0], [-1, -1]]),
    "minus one as decimals": (
        "x.csv",
        "id,text,hate\na,alpha,1.0\nb,bravo,-1.0\nc,charlie,0.0\n",
        HATE,
        [[1], [-1], [0]],
    ),
    "shares": ("x.csv", "id,text,hate,spam\na,alpha,0.83,0\nb,bravo,0.166,0.5\n", BOTH, [[1, 0], [0, 1]]),
    "shares and minus one": ("x.csv", "id,text,hate\na,alpha,0.83\nb,bravo,-1\n", HATE, [[1], [-1]]),
    "counts": ("x.csv", "id,text,hate\na,alpha,3\nb,bravo,0\nc,charlie,1\n", HATE, [[1], [0], [1]]),
    "commas in a cell": (
        "x.csv",
        'id,text,violated\na,alpha,"hate, spam"\nb,bravo,\nc,charlie,spam\n',
        BOTH,
        [[1, 1], [0, 0], [0, 1]],
    ),
    "semicolons in a cell": ("x.csv", "id,text,violated\na,alpha,hate;spam\nb,bravo,none\n", BOTH, [[1, 1], [0, 0]]),
    "word per row": (
        "x.csv",
        "id,text,category\na,alpha,hate\nb,bravo,none\nc,charlie,spam\n",
        BOTH,
        [[1, 0], [0, 0], [0, 1]],
    ),
    "choices": (
        "x.csv",
        'id,text,sentiment\n1,alpha,"{""choices"":[""hate"",""spam""]}"\n2,bravo,hate\n3,charlie,\n',
        BOTH,
        [[1, 1], [1, 0], [0, 0]],
    ),
    "python lists": ("x.csv", "id,text,tags\n1,alpha,\"['hate', 'spam']\"\n2,bravo,[]\n", BOTH, [[1, 1], [0, 0]]),
    "booleans": (
        "x.jsonl",
        '{"id":"a","text":"t","labels":{"hate":true}}\n{"id":"b","text":"t","labels":{"hate":false}}\n',
        HATE,
        [[1], [0]],
    ),
    "numbers as ids": ("x.jsonl", '{"id":59848,"text":"t","labels":{"hate":1}}\n', HATE, [[1]]),
    "array": (
        "x.json",
        '[{"id":"a","text":"t","labels":{"hate":1}},\n {"id":"b","text":"[x],{","labels":{"hate":0}}]\n',
        HATE,
        [[1], [0]],
    ),
    "array as jsonl": ("x.jsonl", '[\n {"id":"a","text":"t","labels":{"hate":1}}\n]\n', HATE, [[1]]),
    "foreign rows": (
        "x.jsonl",
        '{"conv_id":"k1","user_input":"alpha text","toxicity":1,"lang":"en"}\n'
        '{"conv_id":"k2","user_input":"bravo text","toxicity":0,"lang":"de"}\n',
        HATE,
        [[1], [0]],
    ),
    "choices in rows": (
        "x.jsonl",
        '{"id":1,"text":"alpha","sentiment":{"choices":["hate","spam"]}}\n{"id":2,"text":"bravo","sentiment":"hate"}\n',
        BOTH,
        [[1, 1], [1, 0]],
    ),
    "names as numpy prints them": (
        "x.csv",
        "id,text,tags\n1,alpha,\"['hate' 'spam']\"\n2,bravo,['hate']\n3,charlie,[]\n",
        BOTH,
        [[1, 1], [1, 0], [0, 0]],
    ),
    "two index columns": (
        "x.tsv",
        "Unnamed: 0.1\tUnnamed: 0\tid\ttext\tlabels.hate\n0\t3\ta\talpha\t1\n1\t7\tb\tbravo\t0\n",
        HATE,
        [[1], [0]],
    ),
    "blanks in the header": ("x.csv", "id, text, hate, spam\na, alpha, 1, 0\nb, bravo, 0, 1\n", BOTH, [[1, 0], [0, 1]]),
    "capitals in the header": ("x.CSV", "ID,Text,Hate,SPAM\na,alpha,1,0\nb,bravo,0,1\n", BOTH, [[1, 0], [0, 1]]),
    "other accents": ("x.csv", "id,text,he\u0301\na,alpha,1\n", ("h\u00e9",), [[1]]),
    "lines in a cell": ("x.csv", 'id,text,tags\na,alpha,"hate\r\nspam"\nb,bravo,\n', BOTH, [[1, 1], [0, 0]]),
    "words between names": ("x.csv", "id,text,tags\na,alpha,hate and spam\nb,bravo,spam\n", BOTH, [[1, 1], [0, 1]]),
    "commas of other scripts": ("x.csv", "id,text,tags\na,alpha,hate\u3001spam\nb,bravo,\n", BOTH, [[1, 1], [0, 0]]),
    "one number per row": (
        "x.jsonl",
        '{"id":"a","text":"alpha text here","label":1}\n{"id":"b","text":"bravo text here","label":0}\n',
        HATE,
        [[1], [0]],
    ),
    "decimal commas": (
        "x.csv",
        "id;text;hate;spam\na;alpha, x;0,8;1,0\nb;bravo;0,125;0,00\n",
        BOTH,
        [[1, 1], [0, 0]],
    ),
    "truth with decimal commas": ("x.csv", "id;text;hate\na;alpha;1,0\nb;bravo;0,0\n", HATE, [[1], [0]]),
    "codes of nobody": ("x.csv", "id,text,hate\na,alpha,2\nb,bravo,0\nc,charlie,99\n", HATE, [[1], [0], [-1]]),
    "words in rows": (
        "x.jsonl",
        '{"id":"a","text":"t","labels":{"hate":"toxic"}}\n{"id":"b","text":"t","labels":{"hate":"non-toxic"}}\n',
        HATE,
        [[1], [0]],
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_the_proposed_lines_read_the_file(tmp_path, name):
    file, content, labels, expected = FOREIGN[name]
    (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    golden = follow(tmp_path, card_of(file, labels))
    assert golden.labels().tolist() == expected
    assert all(item.text for item in golden.items())


DECLARED = {
    "inverted": ({"label_values": {"true": 0, "false": 1}}, '{"id":"a","text":"t","labels":{"hate":true}}', [[0]]),
    "null of a word in a list": (
        {"fields": {"labels": "tag"}, "absent_labels": "negative", "label_values": {"skipped": None, "none": 0}},
        '{"id":"a","text":"t","tag":"skipped"}\n{"id":"b","text":"t","tag":"none"}\n{"id":"c","text":"t","tag":"hate"}',
        [[-1], [0], [1]],
    ),
    "declared null survives absent_labels": (
        {"absent_labels": "negative", "label_values": {"-1": None}},
        '{"id":"a","text":"t","labels":{"hate":-1}}\n{"id":"b","text":"t","labels":{"hate":null}}',
        [[-1], [0]],
    ),
    "cut at the value itself": ({"cut": 0.5}, '{"id":"a","text":"t","labels":{"hate":0.5}}', [[1]]),
    "cut of one label": ({"cut": {"hate": 2}}, '{"id":"a","text":"t","labels":{"hate":1}}', [[0]]),
    "values in votes": (
        {"label_values": {"bad": 1}},
        '{"id":"a","text":"t","labels":{"hate":"bad"},"votes":[{"annotator":"x","labels":{"hate":"bad"}}]}',
        [[1]],
    ),
    "classes by number": (
        {"fields": {"labels": "class"}, "absent_labels": "negative", "rename": {"0": "hate"}, "label_values": {"2": 0}},
        '{"id":"a","text":"t","class":0}\n{"id":"b","text":"t","class":2}\n{"id":"c","text":"t","class":[0,2]}',
        [[1], [0], [1]],
    ),
    "id by row": ({"id": "row"}, '{"text":"t","labels":{"hate":1}}', [[1]]),
}


@pytest.mark.parametrize("name", DECLARED)
def test_declared_values(tmp_path, name):
    more, content, expected = DECLARED[name]
    (tmp_path / "x.jsonl").write_text(content + "\n")
    golden = load_golden(write_card(tmp_path, card_of("x.jsonl", HATE, more.items())), None)
    assert golden.labels().tolist() == expected
    items = list(golden.items())
    if name == "values in votes":
        assert items[0].votes[0]["labels"] == {"hate": 1}
    if name == "id by row":
        assert (items[0].id, golden.ids()) == ("1", ("1",))


def test_must_catch_and_modalities_are_read(tmp_path):
    (tmp_path / "x.jsonl").write_text(
        '{"id":"a","frames":["1.png"],"speech":"words","labels":{"hate":1},"meta":{"must":true}}\n'
        '{"id":"b","text":"t","labels":{"hate":1}}\n'
    )
    more = {"modalities": {"frames": "frames", "transcript": "speech"}, "must_catch": "meta.must"}
    first, second = load_golden(write_card(tmp_path, card_of("x.jsonl", HATE, more.items())), None).items()
    assert first.modalities == {"frames": ["1.png"], "transcript": "words"}
    assert not first.is_withheld
    assert (first.must_catch, second.must_catch) == (True, False)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"label_values": {"Yes": 1, "yes": 0}}, r"field 'label_values.yes' is declared twice"),
        ({"cut": {"hte": 1}}, r"field 'cut.hte' names the label 'hte'.*\n.*\n  did you mean 'hate'"),
        ({"id": "row", "fields": {"id": "x"}}, r"field 'id' is 'row', and 'fields' says"),
        ({"delimiter": ";"}, r"field 'delimiter' is given for 'x.jsonl'"),
        ({"id": "line"}, r"field 'id' is 'line'\n  allowed: row"),
    ],
)
def test_contradicting_declarations(tmp_path, more, message):
    (tmp_path / "x.jsonl").write_text('{"id":"a","text":"t","labels":{"hate":1}}\n')
    with pytest.raises(HarnessError, match=message):
        load_golden(write_card(tmp_path, card_of("x.jsonl", HATE, more.items())), None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"id":"a","text":"t","labels":{"hate":1}}', r"x.json:1: is a JSON array that does not end"),
        ('[{"id":"a","text":"t","labels":{"hate":1}},]', None),
        ('[{"id":"a",,}]', r"x.json:1: has an entry that is not JSON"),
        ('[{"id":"a"}] {"id":"b"}', r"has more after the array"),
        ('{"data": []}', r"x.json:1: is no JSON array\n.*\n.*one row an item"),
        ('{"data": [{"id":"a"}], "n": 1}', r"x.json:1: is an object, and its rows stand under 'data'\n.*\n.*jq"),
        ('{"id": {"0": "a"}, "text": {"0": "t"}}', r"x.json:1: is an object of columns"),
        ("[1]", r"x.json:1: is 1"),
        ("[]", r"has no items"),
        ('[{"id":"a","text":"t","labels":{"hate":NaN}}]', r"write null where there is no value"),
    ],
)
def test_damaged_arrays(tmp_path, content, message):
    (tmp_path / "x.json").write_text(content)
    card = write_card(tmp_path, card_of("x.json", HATE))
    if message is None:
        assert len(load_golden(card, None)) == 1
    else:
        with pytest.raises(HarnessError, match=message):
            load_golden(card, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{\n "id": "a",\n "text": "t"\n}\n{\n "id": "b"\n}\n', "begins an object that does not end on its line"),
        ('{"id":"a"}\r{"id":"b"}\r', "ends its lines with CR alone"),
        ('{"id":"a"}{"id":"b"}\n', "goes on after its object, with '{'"),
        ('{"id":"a"},\n{"id":"b"},\n', r"goes on after its object, with ',' \(in 2 rows"),
    ],
)
def test_other_lines_than_json_lines_are_one_fault(tmp_path, content, message):
    """Objects over several lines were as many faults as they have lines, and none said what is wrong."""
    (tmp_path / "x.jsonl").write_bytes(content.encode())
    with pytest.raises(HarnessError, match=message) as caught:
        load_golden(write_card(tmp_path, card_of("x.jsonl", HATE)), None)
    assert str(caught.value).count("x.jsonl:") == 1


@pytest.mark.parametrize("encoding", ["cp1251", "cp932", "gb18030", "euc-kr", "cp1253"])
def test_nobody_is_told_a_western_encoding_of_other_letters(tmp_path, encoding):
    """cp1252 was proposed for every file, and reads each as other letters in silence."""
    text = {"cp1251": "привет", "cp1253": "κακός", "euc-kr": "안녕하세요"}.get(encoding, "日本語文字")
    (tmp_path / "x.csv").write_bytes(f"id,text,labels.hate\na,{text},1\n".encode(encoding))
    message = message_of(write_card(tmp_path, card_of("x.csv", HATE)))
    assert "encoding: ?" in message
    assert "gb18030 or big5 (Chinese)" in message


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "(?s)is a pointer of Git LFS.*git lfs pull"),
        (b"<!DOCTYPE html>\n<html>", "(?s)is a web page.*fetch the file itself"),
        (b"\n <HTML><body>", "is a web page"),
    ],
)
@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.parquet", "x.json"])
def test_what_stands_in_place_of_a_file_is_named(tmp_path, name, start, message):
    """A pointer was three lines that are not JSON, a page a column to be used as the text."""
    (tmp_path / name).write_bytes(start)
    with pytest.raises(HarnessError, match=message) as caught:
        load_golden(write_card(tmp_path, card_of(name, HATE)), None)
    assert str(caught.value).count("allowed:") == 1


@pytest.mark.parametrize(
    ("value", "read"), [('""', ()), ('" "', ()), ("null", ()), ('["en", ""]', ("en",)), ('"en"', ("en",))]
)
def test_a_blank_value_of_a_slice_is_none_in_every_form(tmp_path, value, read):
    """A slice without a name stood in reports ("Recall in lang , en"), where the same set as CSV had none."""
    (tmp_path / "x.jsonl").write_text(f'{{"id":"a","text":"t","labels":{{"hate":1}},"meta":{{"lang":{value}}}}}\n')
    more = {"slices": {"lang": "meta.lang"}}
    (one,) = load_golden(write_card(tmp_path, card_of("x.jsonl", HATE, more.items())), None).items()
    assert one.slices == {"lang": read}


@pytest.mark.parametrize(("named", "mark"), [("semicolon", ";"), ("bar", "|"), ("tab", "\t")])
def test_a_delimiter_may_be_named(tmp_path, named, mark):
    """The documents named the marks, and a card with these names was refused."""
    (tmp_path / "x.csv").write_text(mark.join(("id", "text", "labels.hate")) + "\n" + mark.join("at1") + "\n")
    golden = load_golden(write_card(tmp_path, card_of("x.csv", HATE, {"delimiter": named}.items())), None)
    assert golden.labels().tolist() == [[1]]
    plain = load_golden(write_card(tmp_path, card_of("x.csv", HATE, {"delimiter": mark}.items())), None)
    assert plain.sha256 == golden.sha256


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.csv"])
def test_a_file_edited_in_place_is_noticed_while_items_stream(tmp_path, name):
    """A file edited in the middle of a run, with its time set back, passed under the hash of the old one."""
    import os

    rows = [f'{{"id":"{at}","text":"tttt","labels":{{"hate":1}}}}' for at in range(3_000)]
    if name.endswith("csv"):
        text = "id,text,labels.hate\n" + "".join(f"{at},tttt,1\n" for at in range(3_000))
    else:
        text = "\n".join(rows) if name.endswith("l") else "[" + ",\n".join(rows) + "]"
    path = tmp_path / name
    path.write_text(text)
    golden = load_golden(write_card(tmp_path, card_of(name, HATE)), None)
    items = golden.items()
    next(items)
    before = os.stat(path)
    path.write_text(text.replace("tttt", "uuuu"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    seen = []
    with pytest.raises(HarnessError, match="changed while it was in use"):
        seen.extend(item.text for item in items)
    assert "uuuu" not in seen


@pytest.mark.filterwarnings("default")
def test_a_small_parquet_that_unfolds_to_gigabytes_is_refused(tmp_path):
    """Once 4.5 KB made `check` use 6 GB."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    n = 6_000
    table = {"id": [str(at) for at in range(n)], "text": ["x" * 1_000_000] * n, "labels.hate": [1] * n}
    column = pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int32()), pa.array(["x" * 1_000_000]))
    pq.write_table(pa.table({**table, "text": column}), tmp_path / "x.parquet", compression="zstd")
    assert (tmp_path / "x.parquet").stat().st_size < 100_000
    with pytest.raises(HarnessError, match=r"unfolds from [\d,]+ bytes to [\d,]+ or more"):
        load_golden(write_card(tmp_path, card_of("x.parquet", HATE)), None)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("items.jsonl", '{"data": [{"id": "a", "text": "x"}]}\n', "no part of an item: data"),
        ("items.jsonl", '{"id": "a", "text": "x", "tags": [["hate", {}]]}\n', "no part of an item: tags"),
        ("items.csv", "id,text,labels.hate,\na,x,0,\n", "give the column a name in the first line, or remove it"),
    ],
)
def test_columns_of_odd_values_are_said_to_be_odd(tmp_path, name, content, message):
    """A list of objects ended with a traceback; a comma at the ends of lines was to be renamed to "meta."."""
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(HarnessError, match=message):
        load_golden(write_card(tmp_path, card_of(name, HATE)), None)
