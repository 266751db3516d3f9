"""Shards: every item in one of them, and together the run that one machine would have written."""

import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from runner_fakes import PRICE, Asking, FakeGolden, FakeTransport, Local, answer, failure, make_request, run, verdict

from harness.cli import main
from harness.errors import HarnessError
from harness.records import Limits
from harness.runner.merge import find_shards, merge
from harness.runner.shards import Shard, Stretch, read_shard
from harness.runs import list_runs, open_run
from harness.runs.integrity import verify

EXECUTION = {"created_at", "wall_s", "limits", "seal"}
"""What of run.json says how a run was carried out, not what came of it."""


WIDE = Limits(concurrency=256)


def hard(text, attempt):
    """Answers of all kinds: used tokens vary, some texts are refused for good, some answers cannot be read."""
    number = int(text.split()[-1])
    if number % 97 == 5:
        return structs.replace(failure(413, "too long"), latency_s=0.01)
    found = answer("what?" if number % 89 == 7 else verdict(text), prompt_tokens=40 + number, completion_tokens=2)
    return structs.replace(found, latency_s=0.05)


def shards_of(tmp_path, n, golden=None, kind=Shard, **more):
    golden = golden or FakeGolden(2_000, slices=True, withheld={3, 8})
    more = {"candidates": [Asking(), Local()], "price": PRICE, "slice_names": ("language",), "limits": WIDE, **more}
    more.setdefault("runs_dir", tmp_path / "runs")
    found = []
    for part in range(1, n + 1):
        request = make_request(tmp_path / f"node{part}", golden, shard=kind(part, n), **more)
        found.append(run(request, FakeTransport(hard)))
    return found


def alone(tmp_path, golden, **more):
    more = {"candidates": [Asking(), Local()], "price": PRICE, "slice_names": ("language",), "limits": WIDE, **more}
    return run(make_request(tmp_path / "one", golden, **more), FakeTransport(hard))


def content(path):
    names = sorted(one for one in path.rglob("*") if one.is_file() and one.name != "run.json")
    meta = orjson.loads((path / "run.json").read_bytes())
    kept = {name: value for name, value in meta.items() if name not in EXECUTION}
    return {str(one.relative_to(path)): one.read_bytes() for one in names}, kept


def same_but_for_execution(tmp_path, run_id):
    (tables, meta), (expected_tables, expected_meta) = (
        content(tmp_path / folder / run_id) for folder in ("runs", "one/runs")
    )
    assert tables == expected_tables
    assert meta.pop("cost_usd") == pytest.approx(expected_meta.pop("cost_usd"))
    assert meta == expected_meta


@pytest.mark.parametrize(
    ("n", "n_items", "repeats"),
    [(1, 200, 1), (3, 450, 1), pytest.param(3, 4_500, 1, marks=pytest.mark.slow), (2, 100, 3)],
)
def test_merged_shards_are_the_bytes_of_a_run_on_one_machine(tmp_path, n, n_items, repeats):
    golden = FakeGolden(n_items, slices=True, withheld={3, 8})
    shards = shards_of(tmp_path, n, golden, repeats=repeats)
    merged = merge(find_shards([shards[0].whole], tmp_path / "runs"), tmp_path / "runs")
    assert alone(tmp_path, golden, repeats=repeats).run_id == shards[0].whole
    same_but_for_execution(tmp_path, shards[0].whole)
    verify(open_run(merged))


def test_shards_are_no_runs_until_they_are_merged(tmp_path):
    shards = shards_of(tmp_path, 2, FakeGolden(40))
    assert list_runs(tmp_path / "runs") == []
    assert sum(one.items for one in shards) == 40
    merge(find_shards([one.path for one in shards], tmp_path / "runs"), tmp_path / "runs")
    (meta,) = list_runs(tmp_path / "runs")
    assert (meta.run_id, meta.n_items, meta.shard) == (shards[0].whole, 40, None)


def test_tables_are_quick_to_read_in_a_shard_and_small_in_the_run(tmp_path):
    (shard,) = shards_of(tmp_path, 1, FakeGolden(4))
    merged = merge(find_shards([shard.path], tmp_path / "runs"), tmp_path / "runs")
    for table in ("items.parquet", "predictions.parquet"):
        first = [pq.read_metadata(f"{run}/{table}").row_group(0).column(0) for run in (shard.path, merged)]
        assert [column.compression for column in first] == ["LZ4", "ZSTD"]


def test_more_shards_than_items_leave_some_empty(tmp_path):
    shards = shards_of(tmp_path, 9, FakeGolden(4))
    assert 0 in [one.items for one in shards]
    assert {one.status for one in shards} == {"complete"}
    path = merge(find_shards([shards[0].whole], tmp_path / "runs"), tmp_path / "runs")
    assert open_run(path).meta.n_items == 4


@pytest.mark.parametrize(
    "more",
    [
        {"limit": 50},
        {"chosen": list(range(0, 200, 3)), "only": ("hate",)},
        {"limit": 20, "chosen": list(range(99)), "only": ("language=de",)},
    ],
)
def test_a_limit_and_chosen_items_are_shared_out(tmp_path, more):
    golden = FakeGolden(200)
    shards = shards_of(tmp_path, 3, golden, **more)
    merge(find_shards([shards[0].whole], tmp_path / "runs"), tmp_path / "runs")
    alone(tmp_path, golden, **more)
    same_but_for_execution(tmp_path, shards[0].whole)


def refused(tmp_path, names):
    with pytest.raises(HarnessError) as caught:
        merge(find_shards(names, tmp_path / "runs"), tmp_path / "runs")
    assert list_runs(tmp_path / "runs") == []
    return str(caught.value)


@pytest.mark.parametrize(
    "more", [{}, {"limit": 70}, {"chosen": list(range(5, 300, 2))}, {"limit": 30, "chosen": [9, 4, 70, 71]}]
)
def test_stretches_hold_every_item_once_in_order(tmp_path, more):
    request = make_request(tmp_path, FakeGolden(300), **more)
    parts = [structs.replace(request, shard=Stretch(number, 7)).part() for number in range(1, 8)]
    selected = request.selected()
    assert [at for part in parts for at in part.indices] == list(selected)
    assert [at for part in parts for at in part.positions] == list(range(len(selected)))
    assert {part.n_of_whole for part in parts} == {len(selected)}


def test_stretches_make_the_run_of_one_machine_and_load_no_pandas(tmp_path):
    golden = FakeGolden(450, slices=True, withheld={3, 8})
    shards = shards_of(tmp_path, 3, golden, kind=Stretch)
    assert [one.run_id.rpartition(".")[2] for one in shards] == ["1-in-3", "2-in-3", "3-in-3"]
    alone(tmp_path, golden)
    code = (
        "import sys; from harness.runner.merge import find_shards, merge\n"
        "merge(find_shards([sys.argv[1]], 'runs'), 'runs'); print('pandas' in sys.modules)"
    )
    command = [sys.executable, "-c", code, shards[0].whole]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout == "False\n"
    same_but_for_execution(tmp_path, shards[0].whole)


def test_missing_doubled_and_foreign_shards_are_refused(tmp_path):
    golden = FakeGolden(60)
    one, two, three = (summary.path for summary in shards_of(tmp_path, 3, golden))
    assert "of its 3 shards 2 are missing: 2, 3" in refused(tmp_path, [one])
    copied = tmp_path / "copy"
    shutil.copytree(two, copied)
    assert "shard 2 of 3 is given twice" in refused(tmp_path, [one, two, three, str(copied)])
    other = shards_of(tmp_path / "other", 3, FakeGolden(61))[1].path
    message = refused(tmp_path, [one, other, three])
    assert "foreign" in message
    assert "golden set" in message
    halves = shards_of(tmp_path / "halves", 2, golden)[1].path
    assert "number of shards 2 instead of 3" in refused(tmp_path, [one, halves, three])
    home = tmp_path / "runs" / "shards"
    shutil.copytree(halves, home / Path(halves).name)  # begun with another number
    whole = Path(one).name.rpartition(".")[0]
    assert f"harness runs merge {whole}.1-of-3 {whole}.2-of-3 {whole}.3-of-3" in refused(tmp_path, [whole])
    shutil.rmtree(home / Path(halves).name)
    shutil.move(two, tmp_path / "two")
    shutil.copytree(other, home / Path(other).name)  # a file was changed between two shards
    assert f"missing: 2 (such are there of {Path(other).name.rpartition('.')[0]}, made from" in refused(
        tmp_path, [whole]
    )
    waved = shards_of(tmp_path / "waved", 3, golden, wave="w2")[1].path
    assert "label (--wave) w2 instead of None" in refused(tmp_path, [one, waved, three])


def test_a_list_without_runs_names_the_shards_that_wait(tmp_path):
    (one,) = {summary.whole for summary in shards_of(tmp_path, 2, FakeGolden(20))}
    told = CliRunner().invoke(main, ["runs", "list", "--runs-dir", str(tmp_path / "runs")]).output
    assert f"harness runs merge {one}" in " ".join(told.split())


def test_what_is_no_shard_is_refused(tmp_path):
    whole = run(make_request(tmp_path / "one", FakeGolden(20)))
    assert "is no shard" in refused(tmp_path, [whole.path])
    assert "no shard 'demo-nothing'" in refused(tmp_path, ["demo-nothing"])


def test_a_shard_that_stopped_is_gone_on_with_before_it_is_merged(tmp_path):
    golden = FakeGolden(60)
    limits = Limits(concurrency=1)

    def go(max_cost_usd):
        return shards_of(tmp_path, 2, golden, candidates=[Asking()], limits=limits, max_cost_usd=max_cost_usd)

    first = go(0.004)
    assert {one.reason for one in first} == {"budget"}
    assert 0 < sum(one.cost_usd for one in first) <= 0.004  # the bound is of the run, and every shard has its share
    assert "stopped early: 1 (budget), 2 (budget)" in refused(tmp_path, [first[0].whole])
    second = go(1.0)
    assert {one.status for one in second} == {"complete"}
    assert sum(one.calls for one in (*first, *second)) <= 61  # the refusal of one item is no answer, and asked again
    assert open_run(merge(find_shards([first[0].whole], tmp_path / "runs"), tmp_path / "runs")).meta.n_items == 60


def test_an_edited_shard_is_refused(tmp_path):
    shards = shards_of(tmp_path, 2, FakeGolden(60))
    first, second = (tmp_path / "runs" / "shards" / one.run_id / "predictions.parquet" for one in shards)
    second.write_bytes(first.read_bytes())
    assert "its content is not what the run wrote" in refused(tmp_path, [shards[0].whole])


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4", "1/100000", "", "1/2/3", "1/2x"])
def test_a_shard_is_i_of_n(text):
    with pytest.raises(HarnessError, match="--shard is"):
        read_shard(text)


@given(st.lists(st.text(), unique=True), st.integers(1, 12))
def test_every_item_is_in_one_shard_whatever_stands_beside_it(ids, n):
    parts = [Shard(part, n).holds(ids) for part in range(1, n + 1)]
    assert sorted(position for part in parts for position in part) == list(range(len(ids)))
    for part, positions in enumerate(parts, start=1):
        assert all(Shard(part, n).holds([ids[at]]) == [0] for at in positions)


def test_the_hash_of_an_id_never_changes():
    """Machines with two versions of Python share a run: a checksum, not hash()."""
    assert [Shard(part, 3).holds(["c-1", "c-2", "c-3", "c-4", "c-5"]) for part in (1, 2, 3)] == [[0, 4], [1], [2, 3]]


@pytest.mark.parametrize("n", [2, 3, 8, 64])
def test_ids_that_differ_by_a_number_are_spread_evenly_and_apart_from_it(n):
    """A checksum alone would put all even numbers into one half."""
    for step in (1, 2, 10):
        sizes = [len(Shard(part, n).holds([f"item-{at * step}" for at in range(6_400)])) for part in range(1, n + 1)]
        assert max(abs(size - 6_400 / n) for size in sizes) < 5 * (6_400 / n) ** 0.5
