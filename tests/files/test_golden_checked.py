"""A set that one process has checked is taken by others as long as its files are those."""

import json
import os
import pickle

import numpy as np
import pytest
from projects import CARD, write_project

from harness.files.evals import Shelf
from harness.files.golden.checked import CheckedSet
from harness.files.golden.ids import Ids
from harness.files.golden.plain import PlainRows
from harness.files.golden.sets import load_golden

ROWS = [{"id": f"ü-{at}", "text": f"text {at}", "labels": {"hate": at % 2, "spam": None}} for at in range(50)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
CSV = "id,text,labels.hate,labels.spam\n" + "".join(f"ü-{at},text {at},{at % 2},0\n" for at in range(50))


def card_of(tmp_path, items="items.jsonl", content=LINES):
    card = write_project(tmp_path / "p", card=CARD.replace("items.jsonl", items)) / "card.yaml"
    (card.parent / items).write_text(content)
    return card


def travelled(golden):
    return pickle.loads(pickle.dumps(CheckedSet.of(golden), protocol=5))


@pytest.mark.parametrize(
    ("items", "content"), [("items.jsonl", LINES), ("items.json", json.dumps(ROWS)), ("items.csv", CSV)]
)
def test_a_set_is_the_same_in_another_process(tmp_path, items, content):
    golden = load_golden(card_of(tmp_path, items, content), None)
    found = travelled(golden).here()
    assert (found.sha256, len(found), found.ids(), found.index_of("ü-7")) == (golden.sha256, 50, golden.ids(), 7)
    assert np.array_equal(found.labels(), golden.labels())
    assert list(found.items()) == list(golden.items())
    assert list(found.items(range(10, 20))) == list(golden.items(range(10, 20)))


def test_ids_are_taken_apart_when_they_are_asked_for():
    ids = pickle.loads(pickle.dumps(Ids(("a", "b c"))))
    assert len(ids) == 2
    assert (ids.names, ids.index) == (("a", "b c"), {"a": 0, "b c": 1})
    assert Ids(()).names == pickle.loads(pickle.dumps(Ids(()))).names == ()


@pytest.mark.parametrize("name", ["card.yaml", "items.jsonl"])
def test_a_file_that_is_another_one_has_the_set_read_again(tmp_path, name, monkeypatch):
    card = card_of(tmp_path)
    shelf = Shelf()
    shelf.golden(card, None)
    goldens = pickle.loads(pickle.dumps(shelf.goldens(), protocol=5))
    read = []
    add = PlainRows.read
    monkeypatch.setattr(PlainRows, "read", lambda self, block, n: read.append(n) or add(self, block, n))
    Shelf(goldens=goldens).golden(card, None)
    assert read == []
    path = card.parent / name
    path.with_name("new").write_bytes(path.read_bytes())
    os.replace(path.with_name("new"), path)
    assert Shelf(goldens=goldens).golden(card, None).sha256 == shelf.golden(card, None).sha256
    assert read == [len(ROWS)]


def test_a_shared_disk_has_another_number_on_another_machine(tmp_path):
    found = travelled(load_golden(card_of(tmp_path), None))
    stamps = found.card._replace(device=1), found.golden.source.stamp._replace(device=1)
    elsewhere = CheckedSet(found.golden, stamps[0])
    object.__setattr__(elsewhere.golden.source, "stamp", stamps[1])
    assert len(list(elsewhere.here().items())) == 50


def test_a_set_with_pictures_is_read_by_everybody(tmp_path):
    card = card_of(tmp_path, content=json.dumps({"id": "p", "text": "t", "images": ["a.png"], "labels": {}}) + "\n")
    (card.parent / "a.png").write_bytes(b"a")
    assert CheckedSet.of(load_golden(card, None)) is None
