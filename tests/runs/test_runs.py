"""Stored runs: what a run folder holds and how it is read back."""

import shutil
import sys
from datetime import date

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
from msgspec import structs

sys.path.insert(0, str(__import__("pathlib").Path(__file__).parents[1] / "runner"))
from runner_fakes import Asking, FakeGolden, FakeTransport, Local, failure, make_request, run, verdict

from harness.errors import HarnessError
from harness.records import (
    CandidateSpec,
    CascadeStage,
    CategoryFacts,
    EarlyStop,
    Eval,
    GoldenFacts,
    Limits,
    PolicyFacts,
    Prevalence,
    RunInput,
    Split,
)
from harness.runs import ALL_OUTCOMES, RunFolder, latest_run, list_runs, open_run, read_meta
from harness.runs.columns import BATCH_ROWS
from harness.runs.tables import GROUP_BATCHES

PREVALENCE = Prevalence(0.004, "impressions", date(2026, 10, 1), 0.003)


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("stored")
    golden = FakeGolden(30, withheld={7}, slices=True)
    request = make_request(
        tmp_path,
        golden,
        [Asking(), Local()],
        repeats=2,
        slice_names=("language",),
        policy=PolicyFacts("community", 3, {"hate": CategoryFacts("Hate", prevalence=PREVALENCE)}),
        limits=Limits(max_retries=0),
    )

    def script(text, attempt):
        return {"3": failure(500), "4": failure(400, code="content_filter")}.get(text[-1])

    run(request, FakeTransport(script))
    return tmp_path / "runs"


@pytest.fixture
def stored(made_once, tmp_path):
    """A copy of its own, which a test may damage."""
    shutil.copytree(made_once, tmp_path / "runs")
    return open_run(tmp_path / "runs" / list_runs(made_once)[-1].run_id)


def test_columns_are_those_of_the_format(stored):
    expected = (
        "candidate item_id repeat outcome decision.hate decision.spam score.hate score.spam rationale latency_ms "
        "input_tokens cached_tokens output_tokens cost_usd cached response_key error rejected to_person stages"
    )
    file = pq.ParquetFile(f"{stored.path}/predictions.parquet")
    assert " ".join(file.schema_arrow.names) == expected
    assert str(file.schema_arrow.field("decision.hate").type) == "int8"
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    items = pq.read_schema(f"{stored.path}/items.parquet")
    assert items.names == [
        "item_id",
        "label.hate",
        "label.spam",
        "group",
        "weight",
        "slice.language",
        "withheld",
        "text_sha256",
        "must_catch",
    ]


def test_gold_is_read_back(stored):
    assert stored.y_true.dtype == np.int8
    assert stored.y_true[:6].tolist() == [[1, -1], [0, -1], [0, -1], [0, -1], [0, -1], [1, -1]]
    assert stored.item_ids[:2] == ["c-0000", "c-0001"]
    assert stored.weights.tolist() == [1.0] * 30
    assert stored.clusters.tolist() == [index // 3 for index in range(30)]
    assert {value: members[:3].tolist() for value, members in stored.slices["language"].items()} == {
        "at": [0, 2, 4],
        "de": [0, 2, 4],
        "en": [1, 3, 5],
    }
    assert stored.prevalence("hate") == PREVALENCE
    assert stored.prevalence("spam") is None
    assert [index for index, flag in enumerate(stored.is_withheld) if flag] == [7]
    assert stored.text_hashes[7] is None
    assert len(stored.text_hashes[0]) == 64


def test_rows_are_read_back_as_arrays(stored):
    rows = stored.candidate("v1")
    assert rows.outcomes.shape == (30, 2)
    assert rows.y_pred.shape == rows.y_score.shape == (30, 2, 2)
    names = [ALL_OUTCOMES[code] for code in rows.outcomes[:9, 1]]
    assert names == ["ok", "ok", "ok", "error", "blocked", "ok", "ok", "withheld", "ok"]
    for index in (0, 1, 2, 5):
        is_hate = int(verdict(f"text number {index}") == "unsafe")
        assert rows.y_pred[index].tolist() == [[is_hate, -1], [is_hate, -1]]
        assert rows.y_score[index, 0, 0] == (0.75 if is_hate else 0.25)
    assert np.isnan(rows.y_score[:, :, 1]).all()
    assert (rows.y_pred[3] == -1).all()
    assert np.isnan(rows.latency_ms[7]).all()
    assert (rows.latency_ms[0] > 0).all()
    assert rows.tokens["input_tokens"][0].tolist() == [40, 40]
    assert rows.total_cost_usd is None


def test_the_second_candidate_has_its_own_rows(stored):
    rows = stored.candidate("rules")
    assert (rows.outcomes == ALL_OUTCOMES.index("ok")).all()  # decides without the text, so nothing is withheld from it
    assert rows.y_pred[:, 0, 0].tolist() == [int(index % 10 == 5) for index in range(30)]


def test_texts_are_read_on_demand(stored):
    assert stored.texts("v1", "rationale")[0] == [f"it is {verdict('text number 0')}"] * 2
    assert stored.texts("v1", "error")[3] == ["status 500 after 1 attempt (the server says: no)"] * 2
    first, second = stored.texts("v1", "response_key")[0]
    assert len(first) == 64
    assert first != second
    assert stored.texts("rules", "response_key")[0] == [None, None]


def test_counts_add_up(stored):
    assert stored.meta.counts == {"v1": {"blocked": 6, "error": 6, "ok": 46, "withheld": 2}, "rules": {"ok": 60}}
    assert stored.meta.n_errors == 6


def test_run_json_says_what_went_in(stored):
    meta = stored.meta
    assert meta.golden_set == GoldenFacts("fake", 1, meta.golden_set.hash, 30, n_items_in_set=30, n_must_catch=0)
    assert meta.inputs["policy"] == RunInput(
        "community", 3, "ab" * 32, "policies/community.yaml", stored="abababab-community.yaml"
    )
    assert meta.signature_fields("v1") == {
        "set": f"fake_v1@{meta.golden_set.hash[:8]}",
        "policy": "community_v3",
        "prompt": "Is this safe?",
        "model": "m",
        "repeats": 2,
    }
    assert stored.input_text("policy") == "policy: community\n"
    assert stored.input_text("prompt:v1") is None
    content = (RunFolder(stored.path).read("run.json") or b"").decode()
    assert list(orjson.loads(content)) == sorted(orjson.loads(content))
    assert "text number" not in content


def test_texts_of_items_are_nowhere_in_a_run(stored):
    for name in ("items.parquet", "predictions.parquet"):
        read = pq.read_table(f"{stored.path}/{name}")
        assert "text number" not in str(read.to_pylist())


def test_reading_a_run_does_not_import_pandas(stored):
    import subprocess

    script = (
        "import sys; from harness.runs import open_run; run = open_run(sys.argv[1])\n"
        "run.candidate('v1'), run.y_true, run.slices, run.clusters, run.weights, run.is_withheld\n"
        "print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, stored.path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_row_groups_never_hold_two_candidates(tmp_path):
    n = BATCH_ROWS * GROUP_BATCHES + 100
    candidates = [Local("a"), Local("b")]
    summary = run(make_request(tmp_path, FakeGolden(n), candidates))
    file = pq.ParquetFile(f"{summary.path}/predictions.parquet")
    sizes = [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]
    assert sizes == [n - 100, 100, n - 100, 100]
    stored = open_run(summary.path)
    expected = [int(item.endswith("5")) for item in stored.item_ids]
    for name in ("a", "b"):
        assert stored.candidate(name).y_pred[:, 0, 0].tolist() == expected


def test_an_unknown_candidate_is_named_with_those_there_are(stored):
    with pytest.raises(HarnessError, match="no candidate 'v9'\n  allowed: v1, rules"):
        stored.candidate("v9")


@pytest.mark.parametrize("name", ["predictions.parquet", "items.parquet"])
@pytest.mark.parametrize("content", [b"", b"PAR1 broken PAR1", None])
def test_a_damaged_file_is_named(stored, name, content):
    from pathlib import Path

    path = Path(stored.path) / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(HarnessError, match=name):
        _ = stored.candidate("v1") if name.startswith("p") else stored.y_true


def test_missing_rows_are_noticed(stored):
    path = f"{stored.path}/predictions.parquet"
    pq.write_table(pq.read_table(path).slice(0, 100), path)
    with pytest.raises(HarnessError, match="100 rows instead of 120"):
        stored.candidate("v1")


def test_runs_are_found_by_id_beginning_and_path(stored, tmp_path):
    runs, run_id = tmp_path / "runs", stored.meta.run_id
    for asked in (run_id, run_id[:9], str(runs / run_id), runs / run_id):
        assert open_run(asked, runs).meta.run_id == run_id


def test_a_run_that_is_not_there_is_answered_with_those_that_are(stored, tmp_path):
    with pytest.raises(HarnessError, match=rf"no run 'other' in .*\n  allowed: {stored.meta.run_id}"):
        open_run("other", tmp_path / "runs")
    with pytest.raises(HarnessError, match="none yet"):
        open_run("other", tmp_path / "nowhere")


def test_a_beginning_that_two_runs_share_is_refused(tmp_path):
    run(make_request(tmp_path))
    run(make_request(tmp_path, wave="w"))
    with pytest.raises(HarnessError, match="2 runs begin with 'demo-'"):
        open_run("demo-", tmp_path / "runs")


def test_a_folder_without_run_json_is_no_run(tmp_path):
    with pytest.raises(HarnessError, match=r"no run\.json there"):
        open_run(tmp_path)


def test_runs_are_listed_oldest_first(tmp_path):
    from datetime import timedelta

    from runner_fakes import NOW

    made = []
    for day, wave in ((2, "b"), (0, "a"), (1, "c")):
        summary = run(make_request(tmp_path, wave=wave), now=lambda day=day: NOW + timedelta(days=day))
        made.append((day, summary.run_id))
    other = run(make_request(tmp_path, eval_name="other"), now=lambda: NOW + timedelta(days=9))
    runs = tmp_path / "runs"
    (runs / ".partial-demo-x").mkdir()
    (runs / "notes").mkdir()
    expected = [run_id for _, run_id in sorted(made)]
    assert [meta.run_id for meta in list_runs(runs, "demo")] == expected
    assert [meta.run_id for meta in list_runs(runs)] == [*expected, other.run_id]
    assert latest_run(runs, "demo").meta.run_id == expected[-1]
    assert latest_run(runs, "unknown") is None
    assert list_runs(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "no record of a run"),
        (b"[]", "no record of a run"),
        (b"{}", "no record of a run"),
        (b'{"format": 99}', "written in format 99 by a newer version"),
        (b'{"run_id": 7}', "no record of a run"),
        (b"\xff\xfe", "no record of a run"),
        (b"[" * 100_000, "no record of a run"),
    ],
)
def test_a_broken_run_json_is_named(content, told):
    with pytest.raises(HarnessError, match=rf"runs/x/run\.json: {told}"):
        read_meta(content, "runs/x/run.json")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"golden_set": {"name": "g", "version": "one", "hash": "0", "n_items": 1}}, r"int.*golden_set\.version"),
        ({"golden_set": {}}, "name"),
        ({"eval": None}, "object"),
        ({"eval": {"eval": "demo", "candidates": {"a": "prompt"}}}, "candidates"),
        ({"eval": {"eval": "demo", "candidates": {"a": {"cascade": 5}}}}, "array"),
        ({"eval": {"eval": "demo", "gate": {"checks": [{"category": "*", "metric": "recal"}]}}}, "recal"),
        ({"policy": {"categories": {"hate": {"prevalence": {"value": "many"}}}}}, "prevalence"),
        ({"inputs": {"policy": ["a", "b"]}}, "inputs"),
        ({"status": "fine"}, "fine"),
        ({"counts": {"v1": {"ok": "all"}}}, "counts"),
        ({"candidates": "v1"}, "candidates"),
        ({"format": "1"}, "format|>"),
    ],
)
def test_a_damaged_field_of_run_json_is_named(stored, change, told):
    """Fields were taken as they came, and broke whoever used them first."""
    content = orjson.loads(RunFolder(stored.path).read("run.json"))
    with pytest.raises(HarnessError, match=rf"run\.json: no record of a run: .*({told})"):
        read_meta(orjson.dumps(content | change), "run.json")


def test_a_record_is_written_as_it_was_read(stored):
    from harness.runs import canonical_json, meta_document

    content = RunFolder(stored.path).read("run.json")
    assert canonical_json(meta_document(stored.meta), is_indented=True) == content


def test_what_older_runs_left_out_is_read_as_its_default(stored):
    content = orjson.loads(RunFolder(stored.path).read("run.json"))
    for name in ("policy", "error_reasons", "limits", "tokens", "packages", "platform", "files", "seal", "retries"):
        del content[name]
    content["eval"] = {"eval": "demo", "gate": {"checks": [{"category": "*", "metric": "recall", "margin": 0.05}]}}
    meta = read_meta(orjson.dumps(content), "run.json")
    assert (meta.eval.gate.alpha, meta.eval.gate.fail_on, meta.on_failure("v1")) == (0.05, "inconclusive", "no_flag")
    assert (meta.eval.max_error_rate, meta.spec("v1").kind, meta.policy.category("hate").name) == (0.005, "", "")


def test_kinds_of_candidates_come_back_as_they_were(stored):
    specs = {
        "a": CandidateSpec("prompt", "p.md", model="m", options={"x": [1]}, thresholds={"hate": 0.5}),
        "b": CandidateSpec("cascade", (CascadeStage("a", ("hate",), 0.9), CascadeStage("c"))),
        "c": CandidateSpec("vote", ["a", "b"], options={"rule": "any"}, on_failure="flag", description="d"),
    }
    from harness.runs import meta_document

    meta = structs.replace(
        stored.meta, eval=structs.replace(stored.meta.eval, candidates=specs), early_stop=EarlyStop(1, 5, 10, 20)
    )
    again = read_meta(orjson.dumps(meta_document(meta)), "run.json")
    assert again == meta
    assert [stage.use for stage in again.spec("b").stages] == ["a", "c"]


def test_a_newer_format_is_refused(stored):
    content = orjson.loads(RunFolder(stored.path).read("run.json"))
    with pytest.raises(HarnessError, match="format 2 by a newer version"):
        read_meta(orjson.dumps(content | {"format": 2}), "run.json")


def test_fields_of_later_versions_are_left_out(stored):
    content = orjson.loads(RunFolder(stored.path).read("run.json"))
    assert read_meta(orjson.dumps(content | {"later": 1}), "run.json") == stored.meta
    content["eval"] |= {"later": 1, "policy": "", "repeats": 0}  # bounds are for what people write
    assert read_meta(orjson.dumps(content), "run.json").eval.repeats == 0


def test_a_run_may_lie_behind_an_address(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    home = "memory://runs-of-a-team"
    request = make_request(tmp_path, runs_dir=home)
    summary = run(request)
    try:
        assert summary.path == f"{home}/{summary.run_id}"
        for asked in (open_run(summary.path), open_run(summary.run_id, home), latest_run(home, "demo")):
            assert asked.candidate("v1").outcomes.shape == (20, 1)
            assert asked.input_text("policy") == "policy: community\n"
        assert [meta.run_id for meta in list_runs(home)] == [summary.run_id]
        assert run(request).is_reused
        with pytest.raises(HarnessError, match="no run 'other'"):
            open_run("other", home)
        assert not (tmp_path / "runs").exists()
    finally:
        fsspec.filesystem("memory").rm("/runs-of-a-team", recursive=True)


def test_a_remote_run_is_replaced(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    home = "memory://replaced"
    request = make_request(tmp_path, runs_dir=home, limits=Limits(max_retries=0))
    try:
        assert run(request, FakeTransport(lambda text, attempt: failure(500) if text[-1] == "3" else None)).errors == 2
        assert run(request).errors == 0
        assert open_run(latest_run(home, "demo").path).meta.status == "complete"
    finally:
        fsspec.filesystem("memory").rm("/replaced", recursive=True)


def test_a_file_address_is_a_local_folder(tmp_path):
    summary = run(make_request(tmp_path, runs_dir=f"file://{tmp_path}/elsewhere"))
    assert (tmp_path / "elsewhere" / summary.run_id / "run.json").exists()
    assert open_run(summary.run_id, tmp_path / "elsewhere").meta.run_id == summary.run_id


# ------------------------------------------------------------------------------------------------------ dev and gate

SPLIT = Split(dev=0.4, by="group", seed=7)


def split_run(tmp_path, split=SPLIT, n=300, **more):
    eval_ = Eval("demo", "", "", {}, split=split)
    golden = FakeGolden(n, withheld={7}, slices=True)
    request = make_request(tmp_path, golden, [Asking(), Local()], eval=eval_, slice_names=("language",), **more)
    return open_run(run(request, FakeTransport()).path)


def test_a_run_with_a_split_shows_its_gate_part(tmp_path):
    """The split was declared and ignored: what thresholds were chosen on was reported too."""
    gate = split_run(tmp_path)
    dev, every = gate.of_part("dev"), gate.of_part("all")
    assert (gate.part, dev.part, every.part) == ("gate", "dev", "all")
    assert sorted([*gate.item_ids, *dev.item_ids]) == sorted(every.item_ids)
    assert 0.3 < len(dev.item_ids) / 300 < 0.5
    assert not set(gate.groups) & set(dev.groups)
    positions = [every.item_ids.index(one) for one in gate.item_ids]
    assert positions == sorted(positions)
    whole, part = every.candidate("v1"), gate.candidate("v1")
    for field in ("outcomes", "y_pred", "y_score", "latency_ms", "cost_usd", "is_cached"):
        np.testing.assert_array_equal(getattr(part, field), getattr(whole, field)[positions])
    assert part.tokens["input_tokens"].sum() == whole.tokens["input_tokens"][positions].sum()
    np.testing.assert_array_equal(gate.y_true, every.y_true[positions])
    assert gate.texts("v1", "rationale") == [every.texts("v1", "rationale")[index] for index in positions]
    assert {len(one) for one in (gate.weights, gate.is_withheld, gate.text_hashes, gate.clusters)} == {len(positions)}
    members = gate.slices["language"]["en"]
    assert [gate.item_ids[index] for index in members] == [one for one in gate.item_ids if int(one[2:]) % 2]


def test_the_parts_follow_seed_and_cluster_alone(tmp_path):
    """Another size of the set, and ``--limit``, move no item to the other part; another seed does."""
    whole, sample = split_run(tmp_path / "a"), split_run(tmp_path / "b", limit=100)
    larger = split_run(tmp_path / "c", n=330)
    assert set(sample.item_ids) <= set(whole.item_ids) <= set(larger.item_ids)
    other = split_run(tmp_path / "d", structs.replace(SPLIT, seed=8))
    assert set(other.item_ids) != set(whole.item_ids)
    by_item = split_run(tmp_path / "e", structs.replace(SPLIT, by="item"))
    assert set(by_item.groups) & set(by_item.of_part("dev").groups)


def test_scores_and_comparisons_are_of_the_gate_part_and_say_so(tmp_path):
    from harness.measure.compare import compare
    from harness.measure.score import score_run

    gate = split_run(tmp_path)
    n = len(gate.item_ids)
    scored = score_run(gate).as_dict()
    told = scored["golden_set"]
    assert (told["n_items"], told["part"], told["n_items_in_run"]) == (n, "gate", 300)
    assert sum(scored["candidates"]["v1"]["outcomes"].values()) == n
    assert "|split:gate,dev:0.4,by:group,seed:7|" in scored["candidates"]["v1"]["signature"]
    compared = compare(gate["v1"], gate["rules"], n_resamples=100)
    assert (compared.n_items, compared.golden_set.part) == (n, "gate")
    hate = compared.categories["hate"]
    assert set(hate.fixed) | set(hate.broken) <= set(gate.item_ids)
    with pytest.raises(HarnessError, match=r"(?s)not comparable: items.*same split"):
        compare(gate["v1"], gate.of_part("dev")["v1"])


def test_a_part_without_items_and_a_run_without_a_split_are_refused(tmp_path, stored):
    with pytest.raises(HarnessError, match="leaves no item to the part 'dev'"):
        split_run(tmp_path / "a", structs.replace(SPLIT, dev=0.0001)).of_part("dev").candidate("v1")
    assert stored.part == "all"
    with pytest.raises(HarnessError, match="declares no split"):
        stored.of_part("dev").candidate("v1")


def test_an_address_that_needs_a_package_names_it(monkeypatch):
    """It ended in a traceback of fsspec."""
    import fsspec.core

    def missing(address):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(HarnessError, match="s3:// needs a package that is not installed") as caught:
        RunFolder("s3://bucket/runs")
    assert "pip install s3fs" in str(caught.value)


def test_an_address_of_no_kind_is_refused():
    with pytest.raises(HarnessError, match="no address that files can be kept at"):
        RunFolder("nonsense://bucket/runs")


@pytest.mark.parametrize(
    "address",
    [
        "http://a..b/runs",
        "http://[::1/runs",
        "http://127.0.0.1:9/runs",
        "ftp://127.0.0.1:9/x",
        "simplecache::http://a..b/",
    ],
)
def test_a_store_that_cannot_be_reached_is_one_message(address):
    with pytest.raises(HarnessError, match=r"cannot be reached|no address|package that is not installed"):
        list_runs(address)


@pytest.mark.parametrize("address", ["http://me:hunter2@127.0.0.1:9/runs", "zip://x::ftp://me:hunter2@127.0.0.1/a"])
def test_an_address_with_a_password_is_refused_and_not_repeated(address):
    with pytest.raises(HarnessError, match="holds a user name or password") as caught:
        list_runs(address)
    assert "hunter2" not in str(caught.value)


def test_a_blank_name_of_a_run_is_called_so(tmp_path):
    """A variable of a shell that was not set named the working folder: ": no run.json there"."""
    from harness.runs.find import find_run

    with pytest.raises(HarnessError, match="the name of the run is blank"):
        find_run(tmp_path, "")


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_name_that_is_taken_is_no_folder_for_runs(tmp_path, kind):
    """ "The run cannot be written there: File exists" said neither what is there nor that it is no folder."""
    taken = tmp_path / "runs"
    if kind == "file":
        taken.write_text("")
    else:
        taken.symlink_to("nowhere")
    with pytest.raises(HarnessError, match="there is a file, or a link that leads nowhere, of that name"):
        run(make_request(tmp_path, FakeGolden(3), [Local()]), FakeTransport(lambda text, attempt: None))
