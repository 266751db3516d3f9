"""A run folder from somebody else, or one that was edited: refused with one message, and nothing outside is touched."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import HarnessError
from harness.gating.baselines import promote
from harness.gating.decide import gate_runs
from harness.runs import RunFolder, list_runs, open_run
from harness.runs.integrity import sealed, table_hashes, verify
from tests.gating.stored import store_run

GOLD = np.array([1] * 200 + [0] * 100)
NOW = datetime(2026, 11, 3, tzinfo=UTC)


def seal(folder: Path, **changes) -> None:
    meta = orjson.loads((folder / "run.json").read_bytes()) | changes
    (folder / "run.json").write_bytes(sealed(meta, table_hashes(RunFolder(folder))))


def edit(folder: Path, **changes) -> None:
    meta = orjson.loads((folder / "run.json").read_bytes()) | changes
    (folder / "run.json").write_bytes(orjson.dumps(meta))


@pytest.fixture
def folder(tmp_path):
    after = GOLD.copy()
    after[:40] = 0
    run = store_run(tmp_path / "runs", GOLD, {"v1": GOLD, "v2": after})
    seal(Path(run.path))
    return Path(run.path)


def refused(folder, match):
    run = open_run(folder)
    with pytest.raises(HarnessError, match=match):
        gate_runs(run["v2"], run["v1"])
    with pytest.raises(HarnessError, match=match):
        promote(run, "v1", who="Ada", why="now", now=NOW, root=folder.parent.parent / "baselines")


def test_a_run_as_it_was_written_passes(folder):
    verify(open_run(folder))


@pytest.mark.parametrize("is_hashed", [True, False])
def test_decisions_edited_in_the_table_are_refused(folder, is_hashed):
    """Edited decisions gave a PASS; where the hash was mended too, run.json's own hash tells."""
    path = folder / "predictions.parquet"
    table = pq.read_table(path)
    at = table.schema.get_field_index("decision.hate")
    pq.write_table(table.set_column(at, "decision.hate", pa.array(np.tile(GOLD, 2), pa.int8())), path)
    if is_hashed:
        edit(folder, files=table_hashes(RunFolder(folder)))
    refused(folder, r"run\.json: it was changed" if is_hashed else r"predictions\.parquet: its content")


@pytest.mark.parametrize("is_sealed", [True, False])
def test_names_swapped_in_run_json_are_refused(folder, is_sealed):
    (edit if not is_sealed else seal)(folder, candidates=["v2", "v1"])
    refused(folder, "rows of 'v2' say 'v1'" if is_sealed else "it was changed after")


def test_a_run_of_a_version_without_hashes_is_held_to_its_rows(folder):
    meta = orjson.loads((folder / "run.json").read_bytes())
    for name in ("seal", "files"):
        del meta[name]
    (folder / "run.json").write_bytes(orjson.dumps(meta))
    verify(open_run(folder))
    (folder / "run.json").write_bytes(orjson.dumps(meta | {"candidates": ["v2", "v1"]}))
    refused(folder, "rows of 'v2' say 'v1'")


def test_an_invalid_run_marked_complete_is_refused(tmp_path):
    outcomes = np.array(["error"] * 30 + ["ok"] * 270)
    decided = np.where(outcomes == "error", -1, GOLD)
    run = store_run(tmp_path, GOLD, {"v1": GOLD, "v2": decided}, outcomes={"v2": outcomes}, max_error_rate=0.005)
    folder = Path(run.path)
    edit(folder, status="complete", max_error_rate=0.005)
    refused(folder, "its rows make it invalid|what it holds makes it invalid")
    edit(folder, counts={"v1": {"ok": 300}, "v2": {"ok": 300}})
    refused(folder, "counts of 'v2'")


@pytest.mark.parametrize("name", ["../../precious", "/etc", "a/b", "..", ".hidden", "", "a\\b", "a\nb", "x" * 300])
@pytest.mark.parametrize("field", ["eval_name", "run_id", "stored"])
def test_names_that_lead_elsewhere_are_refused_at_the_reader(tmp_path, folder, field, name):
    """``eval_name: ../../precious`` made ``baseline set`` delete that folder."""
    precious = tmp_path / "precious"
    precious.mkdir()
    if field == "stored":
        policy = {"name": "p", "version": 1, "sha256": "0", "path": "p", "stored": name}
        edit(folder, inputs={"policy": policy})
    else:
        edit(folder, **{field: name})
    with pytest.raises(HarnessError, match="allowed: a plain name") as error:
        open_run(folder)
    assert len(str(error.value)) < 800
    assert precious.is_dir()
    found = list_runs(folder.parent)
    assert (list(found), len(found.damaged)) == ([], 1)


def test_a_run_id_that_is_an_address_is_never_fetched(folder):
    edit(folder, run_id="http://127.0.0.1:9/x")
    with pytest.raises(HarnessError, match="run_id is 'http://127"):
        open_run(folder)


def test_an_input_that_is_a_link_to_elsewhere_is_not_read(tmp_path, folder):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (folder / "inputs").mkdir()
    (folder / "inputs" / "policy.yaml").symlink_to(secret)
    seal(folder, inputs={"policy": {"name": "p", "version": 1, "sha256": "0", "path": "p", "stored": "policy.yaml"}})
    assert open_run(folder).input_text("policy") is None


def test_damaged_folders_are_named_and_the_rest_goes_on(folder):
    for name, content in (("broken-000000000000", b"{"), ("list-000000000000", b"[]"), ("empty-000000000000", b"")):
        (folder.parent / name).mkdir()
        (folder.parent / name / "run.json").write_bytes(content)
    shutil.copytree(folder, folder.parent / "copy-000000000000")
    found = list_runs(folder.parent)
    assert [meta.run_id for meta in found] == [folder.name]
    assert len(found.damaged) == 4
    assert all(any(name in one for one in found.damaged) for name in ("broken-", "list-", "empty-", "copy-"))


def test_a_baseline_carries_the_hash_of_its_own_rows(tmp_path, folder):
    path = promote(open_run(folder), "v1", who="Ada", why="now", now=NOW, root=tmp_path / "baselines")
    kept = open_run(path)
    verify(kept)
    assert kept.meta.seal
    edit(path, candidates=["v9"])
    with pytest.raises(HarnessError, match="it was changed after"):
        verify(open_run(path))
