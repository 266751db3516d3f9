import gc
import hashlib
import json
import pickle
import subprocess
import sys
import time
import types

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import CARD, ITEMS, write_project
from public_sets import PUBLIC_SETS, ROOT, dataset_stats, write_dataset

from harness.errors import FileError, HarnessError
from harness.files.golden.sets import load_golden
from harness.files.policy import load_policy


def loaded(folder, *, with_policy=False):
    return load_golden(folder / "card.yaml", load_policy(folder / "policy.yaml").value if with_policy else None)


def rows(*labels):
    return "".join(json.dumps({"id": str(at), "text": "t", "labels": value}) + "\n" for at, value in enumerate(labels))


def test_set_holds_labels_and_streams_items(tmp_path):
    golden = loaded(write_project(tmp_path))
    assert (golden.name, golden.version, len(golden)) == ("community", 1, 3)
    assert golden.categories == ("hate", "hate/threatening", "spam")
    assert golden.ids() == ("c-1", "c-2", "c-3")
    assert golden.labels().dtype == np.int8
    assert golden.labels().tolist() == [[1, -1, -1], [-1, 1, 0], [0, 0, -1]]
    first, second, third = golden.items()
    assert first.labels == {"hate": 1, "hate/threatening": None, "spam": None}
    assert first.slices == {"language": ("en",)}
    assert (second.text, second.group, second.weight, second.is_withheld) == (None, "12", 2.5, True)
    assert third.slices == {"language": ("de", "en")}
    assert golden.item(2) == golden.item(-1) == third
    assert golden.index_of("c-2") == 1
    assert list(golden.items([2, 0, 2])) == [third, first, third]
    assert list(golden.items()) == [first, second, third]


IDENTITY = hashlib.sha256(
    b'{"golden_set": "community", "labels": ["hate", "hate/threatening", "spam"], '
    b'"policy": {"name": "community", "version": 3}, "slices": {"language": "meta.lang"}, "version": 1}'
    + ITEMS.encode()
).hexdigest()


def test_hash_is_over_items_and_what_the_card_declares_of_them(tmp_path):
    """Once a comment in the card broke a promoted baseline."""
    assert loaded(write_project(tmp_path)).sha256 == IDENTITY
    card = "# reviewed\n" + CARD + "source: us\nlicence: MIT\ndescription: a few rows\nignore: [note]\n"
    assert loaded(write_project(tmp_path, card=card)).sha256 == IDENTITY


@pytest.mark.parametrize(
    "more",
    [
        "absent_labels: negative",
        "rename: {spam: hate}",
        "label_values: {-1: null}",
        "cut: 0.5",
        "id: row\nignore: [id]",
    ],
)
def test_what_can_change_a_label_changes_the_hash(tmp_path, more):
    assert loaded(write_project(tmp_path, card=CARD + more + "\n")).sha256 != IDENTITY


def test_true_and_false_are_codes_of_label_values(tmp_path):
    card = CARD + "label_values: {bad: true, good: false, asked: null}\n"
    assert loaded(write_project(tmp_path, card=card)).card.label_values == {"bad": 1, "good": 0, "asked": None}


def test_labels_cannot_be_changed(tmp_path):
    with pytest.raises(ValueError, match="read-only"):
        loaded(write_project(tmp_path)).labels()[0, 0] = 0


def test_set_travels_to_other_processes(tmp_path):
    golden = loaded(write_project(tmp_path))
    assert list(pickle.loads(pickle.dumps(golden)).items()) == list(golden.items())


def test_child_implies_a_parent_nobody_labelled(tmp_path):
    golden = loaded(write_project(tmp_path), with_policy=True)
    assert golden.labels().tolist() == [[1, -1, -1], [1, 1, 0], [0, 0, -1]]
    assert golden.item(1).labels["hate"] == 1
    assert golden.n_implied == {"hate": 1}


def test_absent_labels_can_be_negative_after_parents_are_implied(tmp_path):
    golden = loaded(write_project(tmp_path, card=CARD + "absent_labels: negative\n"), with_policy=True)
    assert golden.labels().tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]


def test_renamed_labels(tmp_path):
    card = CARD.replace("[hate, hate/threatening, spam]", "[hateful, junk]") + "rename: {hateful: hate, junk: spam}\n"
    folder = write_project(tmp_path, card=card, items=rows({"hateful": 1, "junk": 0}, {"junk": 1}))
    golden = loaded(folder, with_policy=True)
    assert golden.categories == ("hate", "spam")
    assert golden.labels().tolist() == [[1, 0], [-1, 1]]


def test_rename_may_be_declared_from_the_policys_side(tmp_path):
    card = CARD.replace("[hate, hate/threatening, spam]", "[hate, spam]") + "rename: {hateful: hate}\n"
    folder = write_project(
        tmp_path, card=card, items=rows({"hateful": 1}, {"hate": 0}, {"hateful": 0, "hate": 1}, {"spam": 1})
    )
    assert loaded(folder, with_policy=True).labels()[:, 0].tolist() == [1, 0, 1, -1]


def test_several_labels_renamed_to_one_are_joined(tmp_path):
    card = CARD.replace("[hate, hate/threatening, spam]", "[racism, sexism]") + "rename: {racism: hate, sexism: hate}\n"
    items = rows({"racism": 1}, {"racism": 0, "sexism": 0}, {"racism": 0, "sexism": None}, {"sexism": 0}, {})
    assert loaded(write_project(tmp_path, card=card, items=items)).labels()[:, 0].tolist() == [1, 0, -1, -1, -1]


def test_votes_are_read_where_the_card_says_and_leave_meta(tmp_path):
    card = CARD + "fields: {votes: meta.votes, text: body, labels: meta.gold}\nrename: {hateful: hate}\n"
    row = {
        "id": "a",
        "body": "t",
        "meta": {"lang": "en", "gold": {"hate": 1}, "votes": [{"annotator": 7, "labels": {"hateful": 1}}]},
    }
    item = loaded(write_project(tmp_path, card=card, items=json.dumps(row))).item(0)
    assert item.votes == ({"annotator": "7", "labels": {"hate": 1}},)
    assert item.meta == {"lang": "en"}
    assert item.text == "t"


def test_labels_may_lie_in_the_row_itself(tmp_path):
    card = CARD.replace("[hate, hate/threatening, spam]", "[hate, spam]") + "fields: {labels: .}\n"
    golden = loaded(write_project(tmp_path, card=card, items='{"id": "a", "text": "t", "hate": 1, "spam": null}\n'))
    assert golden.labels().tolist() == [[1, -1]]
    with pytest.raises(FileError, match=r"items\.jsonl:1: field 'hate' is 2"):
        loaded(write_project(tmp_path, card=card, items='{"id": "a", "text": "t", "hate": 2, "spam": null}\n'))


LIST_CARD = CARD + "fields: {labels: categories}\nabsent_labels: negative\n"
LISTS = '{"id": "a", "text": "t", "categories": ["hate/threatening"]}\n{"id": "b", "text": "t", "categories": []}\n'


def test_labels_may_be_the_list_of_what_is_violated(tmp_path):
    golden = loaded(write_project(tmp_path, card=LIST_CARD, items=LISTS), with_policy=True)
    assert golden.labels().tolist() == [[1, 1, 0], [0, 0, 0]]
    assert golden.n_implied == {"hate": 1}


def test_list_of_labels_names_declared_ones(tmp_path):
    folder = write_project(tmp_path, card=LIST_CARD, items=LISTS.replace("[]", '["hte"]'))
    with pytest.raises(FileError, match=r"items.jsonl:2: field 'categories.hte' is not a declared label\n.*\n.*'hate'"):
        loaded(folder)


def test_list_of_labels_needs_a_card_that_says_what_it_leaves_out(tmp_path):
    folder = write_project(tmp_path, card=LIST_CARD.replace("negative", "unknown"), items=LISTS)
    with pytest.raises(
        HarnessError, match=r"items.jsonl:1: .*\n.*\n  if .* write 'absent_labels: negative' in the card"
    ):
        loaded(folder)


def test_fields_the_card_ignores_are_not_read(tmp_path):
    items = '{"id": "a", "text": "t", "labels": {"hate": 1}, "note": {"x": 1}, "weight": "heavy", "group": []}\n'
    golden = loaded(write_project(tmp_path, card=CARD + "ignore: [note, weight, group]\n", items=items))
    assert (golden.item(0).weight, golden.item(0).group, golden.item(0).meta) == (1.0, None, {})


@pytest.mark.parametrize(
    "items",
    [
        b"\xef\xbb\xbf" + ITEMS.encode(),
        ITEMS.replace("\n", "\r\n").encode(),
        ITEMS.rstrip("\n").encode(),
        ITEMS.encode() + b"\n\n  \n",
        ITEMS.replace("first text", "first\u2028\u0085 text").encode(),
    ],
    ids=["byte order mark", "CRLF", "no last line break", "blank lines at the end", "other line separators"],
)
def test_only_line_feeds_split_rows(tmp_path, items):
    golden = loaded(write_project(tmp_path, items=items))
    assert [item.id for item in golden.items()] == ["c-1", "c-2", "c-3"]
    assert [golden.item(at).id for at in range(3)] == ["c-1", "c-2", "c-3"]


def test_escaped_quotes_are_not_taken_for_keys(tmp_path):
    row = {"id": "a", "text": 'he said "x": "x": {"id": 1}', "labels": {"hate": 1}}
    assert loaded(write_project(tmp_path, items=json.dumps(row, separators=(" , ", " : ")))).item(0).text == row["text"]


def test_changed_file_is_noticed(tmp_path):
    golden = loaded(write_project(tmp_path))
    (tmp_path / "items.jsonl").write_text(ITEMS + ITEMS.replace("c-", "d-"))
    with pytest.raises(FileError, match="changed while it was in use"):
        list(golden.items())


def test_jsonl_needs_no_table_library(tmp_path):
    card = write_project(tmp_path) / "card.yaml"
    load = f"from harness.files.golden.sets import load_golden\nload_golden({str(card)!r}, None)"
    code = f"import sys\n{load}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"datasets", "pyarrow", "pandas"} & set(done.stdout.split())


@pytest.mark.parametrize("depth", [300, 990, 5_000])
def test_deep_rows_are_read_or_refused(tmp_path, depth):
    row = '{"id": "a", "text": "t", "labels": {}, "meta": {"x": ' + "[" * depth + "]" * depth + "}}"
    try:
        golden = loaded(write_project(tmp_path, items=row))
    except HarnessError:
        assert depth > 300
    else:
        assert golden.item(0).id == "a"


def test_long_numbers_are_read(tmp_path):
    row = '{"id" : "a", "text": "t", "labels": {"hate": 1}, "meta": {"n": 0.' + "9" * 5_000 + "}}"
    assert loaded(write_project(tmp_path, items=row)).item(0).meta == {"n": 1.0}


@given(st.lists(st.tuples(st.integers(0, len(ITEMS) - 1), st.binary(max_size=3)), min_size=1, max_size=4))
def test_any_damage_to_rows_is_read_or_refused(tmp_path_factory, damage):
    data = ITEMS.encode()
    for at, other in damage:
        data = data[:at] + other + data[at + 1 :]
    folder = write_project(tmp_path_factory.getbasetemp() / "damage", items=data)
    try:
        golden = loaded(folder, with_policy=True)
    except HarnessError as error:
        message = str(error)
    else:
        message = f"allowed: {sum(1 for _ in golden.items()) == len(golden)}"
    assert "allowed: " in message
    assert "allowed: False" not in message


# -------------------------------------------------------------------------------------------------------- tables

CSV = (
    "id,text,labels.hate,labels.spam,meta.lang,weight,images\n"
    '001,"two\nlines, ""quoted""",1,,en,2.5,\n002,NA,0,1,,,a.png|b.png\n003,,1,0,de,,\n'
)
TABLE_CARD = CARD.replace("[hate, hate/threatening, spam]", "[hate, spam]")


def csv_set(tmp_path, text, more=""):
    folder = write_project(tmp_path, card=TABLE_CARD.replace("items.jsonl", "items.csv") + more)
    (folder / "items.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_golden(folder / "card.yaml", None, cache_dir=tmp_path / "cache")


@pytest.mark.filterwarnings("default")
def test_csv_by_its_columns(tmp_path):
    golden = csv_set(tmp_path, CSV)
    first, second, third = golden.items()
    assert golden.labels().tolist() == [[1, -1], [0, 1], [1, 0]]
    assert (first.id, first.text, first.weight, first.slices) == (
        "001",
        'two\nlines, "quoted"',
        2.5,
        {"language": ("en",)},
    )
    assert (second.text, second.images, second.slices) == ("NA", ("a.png", "b.png"), {"language": ()})
    assert third.is_withheld
    assert [item.id for item in golden.items([2, 0])] == ["003", "001"]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('id,text,labels.hate\n1,"a\nb",0\n2,x,yes\n', r"items.csv:4: field 'labels.hate' is 'yes'"),
        ('id,text,labels.hate\n1,"a\nb",0\n2,x\n', r"items.csv:4: has 2 cells"),
        ("id,text,labels.hate\n1,x,0\n1,y,0\n", r"items.csv:3: field 'id' is '1', which line 2 has already"),
        ("id,labels.hate\n1,0\n", r"items.csv:2: field 'text' is missing"),
        ("id,text\n1,x\n", r"items.csv:2: field 'labels' is missing"),
        ("id,id\n1,2\n", r"items.csv:1: has the column 'id' twice"),
        (
            "id,txt,labels.hate\n1,x,0\n",
            r"items.csv:1: has a column .* of an item: txt\n.*\n  'txt': did you mean 'text'\?",
        ),
        ('id,text,labels.hate\n1,"x,0\n', r"is not CSV"),
        (b"id,text,labels.hate\n1,\xff,0\n", r"items.csv:2: has a byte that is not UTF-8"),
        ("id,text,labels.hate\n1,x,0,1\n", r"items.csv:2: has 4 cells"),
        ("id,text,labels.hate\n1\n", r"items.csv:2: has 1 cell\n  allowed: 3 cells"),
        (
            "id;text;labels.hate\n1;a, b;0\n",
            r"items.csv:1: .*looks like ';'\n.*\n  write in .*\n    delimiter: \";\"\n",
        ),
        ("id\ttext\tlabels.hate\n1\tx\t0\n", r"items.csv:1: .*the separator looks like a tab"),
        ("id,text,labels.hate\n1,x,0\n".encode("utf-16"), r"items.csv:1: looks like UTF-16\n.*\n  save .* as UTF-8"),
        (
            "id,text,hate,spam,lang\n1,x,0,1,en\n",
            r"items.csv:1: has columns that are no part of an item: hate, spam, lang\n"
            r"  allowed: labels.LABEL, meta.NAME, .*id.*\n"
            r"  write in .*card.yaml:\n"
            r"    fields: {labels: .}\n    slices: {language: meta.lang, lang: lang}\n"
            r"  or rename to meta.hate, meta.spam, meta.lang\n"
            r"  or save .*items.csv as CSV .*",
        ),
        ("id,text,labels,labels.hate\n1,x,,0\n", r"has the column 'labels' and others that begin with 'labels.'"),
        ("id,text,labels.hate,weight\n1,x,0,heavy\n", r"items.csv:2: field 'weight' is 'heavy'"),
    ],
)
def test_broken_csv(tmp_path, text, message):
    with pytest.raises(HarnessError, match=message):
        csv_set(tmp_path, text)
    gc.collect()  # a file left open would warn here, and not in another test


@pytest.mark.filterwarnings("default")
def test_csv_labels_as_spreadsheets_write_them(tmp_path):
    text = "id,text,labels.hate,labels.spam\n1,x,TRUE,1.0\n2,x,False,0.0\n3,x, 1,\n"
    assert csv_set(tmp_path, text).labels().tolist() == [[1, 1], [0, 0], [1, -1]]


@pytest.mark.filterwarnings("default")
def test_csv_with_plain_label_columns_and_ignored_ones(tmp_path):
    text = "id,text,hate,spam,lang,weight\n1,x,1,0,en,heavy\n"
    golden = csv_set(tmp_path, text, "fields: {labels: .}\nignore: [lang, weight]\n")
    assert golden.labels().tolist() == [[1, 0]]
    assert (golden.item(0).weight, golden.item(0).meta) == (1.0, {})


@pytest.mark.filterwarnings("default")
def test_csv_label_lists(tmp_path):
    text = 'id,text,categories\n1,x,hate|spam\n2,x,\n3,x,"[""spam""]"\n'
    golden = csv_set(tmp_path, text, "fields: {labels: categories}\nabsent_labels: negative\n")
    assert golden.labels().tolist() == [[1, 1], [0, 0], [0, 1]]
    with pytest.raises(HarnessError, match="write 'absent_labels: negative' in the card"):
        csv_set(tmp_path / "b", text, "fields: {labels: categories}\n")


@pytest.mark.filterwarnings("default")
def test_parquet_with_nested_columns(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = write_project(tmp_path, card=TABLE_CARD.replace("items.jsonl", "items.parquet"))
    labels = [{"hate": 1.0, "spam": None}, {"hate": 0.0, "spam": 1.0}]
    table = {"id": ["a", "b"], "text": ["x", None], "labels": labels, "meta": [{"lang": ["en", "de"]}, None]}
    pq.write_table(pa.table(table), folder / "items.parquet")
    golden = load_golden(folder / "card.yaml", None, cache_dir=tmp_path / "cache")
    assert golden.labels().tolist() == [[1, -1], [0, 1]]
    assert golden.item(0).slices == {"language": ("en", "de")}
    pq.write_table(pa.table({**table, "id": ["a", "a"]}), folder / "items.parquet")
    with pytest.raises(FileError, match=r"items.parquet row 2: field 'id' is 'a', which .*row 1 has already"):
        load_golden(folder / "card.yaml", None, cache_dir=tmp_path / "cache")
    (folder / "items.parquet").write_bytes(b"no table")
    with pytest.raises(FileError, match="cannot be read as Parquet"):
        load_golden(folder / "card.yaml", None, cache_dir=tmp_path / "cache")


class FakeTable(list):
    column_names = ("id", "text", "hateful", "source")

    def __getitem__(self, indices):
        return {name: [list.__getitem__(self, at)[name] for at in indices] for name in self.column_names}


def hub_set(tmp_path, monkeypatch, load):
    fake = types.SimpleNamespace(
        load_dataset=load,
        disable_progress_bars=lambda: None,
        logging=types.SimpleNamespace(set_verbosity=lambda level: None),
    )
    monkeypatch.setitem(sys.modules, "datasets", fake)
    card = TABLE_CARD.replace("items.jsonl", "hub:org/name").replace("[hate, spam]", "[hateful]")
    card += f"revision: {'a' * 40}\nsplit: test\nfields: {{labels: .}}\nrename: {{hateful: hate}}\n"
    folder = write_project(tmp_path, card=card)
    return load_golden(folder / "card.yaml", load_policy(folder / "policy.yaml").value)


def test_hub_set_is_pinned(tmp_path, monkeypatch):
    asked = {}

    def load(name, **options):
        asked.update(options, name=name)
        return FakeTable([{"id": str(at), "text": "t", "hateful": at % 2, "source": "x"} for at in range(3)])

    golden = hub_set(tmp_path, monkeypatch, load)
    assert (asked["name"], asked["revision"], asked["split"]) == ("org/name", "a" * 40, "test")
    assert golden.labels()[:, 0].tolist() == [0, 1, 0]
    assert golden.item(1).meta == {"source": "x"}
    assert golden.items_path is None


def test_hub_failure_names_the_line(tmp_path, monkeypatch):
    def load(name, **options):
        raise ConnectionError("no route")

    with pytest.raises(FileError, match=r"card.yaml:4: field 'items' cannot be fetched: no route"):
        hub_set(tmp_path, monkeypatch, load)


# --------------------------------------------------------------------------------------------------- public sets


@pytest.mark.parametrize("name", PUBLIC_SETS)
def test_public_set_loads_with_a_card_alone(tmp_path, name):
    card = write_dataset(name, tmp_path)
    stats = dataset_stats(name)
    golden = load_golden(card, None)
    labels = golden.labels()
    assert len(golden) == stats["rows"] == sum(1 for _ in golden.items())
    for at, category in enumerate(golden.categories):
        counted = {key: int((labels[:, at] == code).sum()) for key, code in (("pos", 1), ("neg", 0), ("null", -1))}
        assert counted == stats["categories"][category]
    assert set(golden.categories) == set(stats["categories"])


@pytest.mark.parametrize("name", PUBLIC_SETS)
def test_public_set_fits_its_policy(tmp_path, name):
    card = write_dataset(name, tmp_path)
    policy = load_policy(tmp_path / "policies" / f"{name}.yaml").value
    golden, plain = load_golden(card, policy), load_golden(card, None)
    assert golden.categories == policy.category_ids
    implied = (golden.labels() == 1).sum() - (plain.labels() == 1).sum()
    assert implied == sum(golden.n_implied.values())
    assert ((plain.labels() == golden.labels()) | (plain.labels() == -1)).all()


def test_withheld_texts_and_votes_of_public_sets(tmp_path):
    moderation = load_golden(write_dataset("openai_moderation", tmp_path), None)
    assert sum(item.is_withheld for item in moderation.items()) == 85
    hatecheck = load_golden(write_dataset("hatecheck", tmp_path), None)
    assert {len(item.votes) for item in hatecheck.items()} == {5}
    assert not any("votes" in item.meta for item in hatecheck.items())


def large_set(folder, n_rows):
    line = '{"id": "c-%07d", "text": "%s", "labels": {"hate": %d, "spam": null}, "meta": {"lang": "en"}}\n'
    with (write_project(folder, card=TABLE_CARD) / "items.jsonl").open("w") as file:
        file.writelines(line % (at, "abcdefg " * 25, at % 2) for at in range(n_rows))
    return folder / "card.yaml"


@pytest.mark.slow
@pytest.mark.benchmark
def test_ten_thousand_rows_load_in_a_few_times_their_parsing(tmp_path):
    card = large_set(tmp_path, 10_000)
    ratios = []
    for _ in range(5):
        start = time.process_time()
        for line in (card.parent / "items.jsonl").read_bytes().splitlines():
            orjson.loads(line)
        floor = time.process_time() - start
        start = time.process_time()
        golden = load_golden(card, None)
        ratios.append((time.process_time() - start) / floor)
    assert len(golden) == 10_000
    assert min(ratios) < 8, ratios


@pytest.mark.million
def test_a_million_rows_fit(tmp_path):
    card = large_set(tmp_path, 1_000_000)
    code = (
        "import time\nfrom harness.files.golden.sets import load_golden\nfrom tests.peak import peak_megabytes\n"
        "start = time.process_time()\n"
        f"golden = load_golden({str(card)!r}, None)\nspent = time.process_time() - start\n"
        "n = sum(1 for _ in golden.items())\nprint(n, spent, peak_megabytes())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    n_items, spent, peak = done.stdout.split()
    assert int(n_items) == 1_000_000
    assert float(spent) < 15
    assert float(peak) < 400
