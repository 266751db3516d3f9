"""Runs, shards and pools on an object store: a local server that speaks S3, through the commands that people type.

Skipped where moto or s3fs is not installed: one is a dependency of the tests, the other the extra ``s3``.
"""

import json

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.goldens.pool import open_pool
from tests.faults.server import FaultServer
from tests.runner.test_million_shards import MODELS, write_project

server_of_tests = pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[server]'")
pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'moderation-harness[s3]'")

RUNS = "s3://team/runs"
ANSWERS = "s3://team/answers/asked"
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of botocore and moto
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sessions that s3fs leaves to the end of the process
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def server():
    one = server_of_tests.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    one.start()
    yield "http://{}:{}".format(*one.get_host_and_port())
    one.stop()


@pytest.fixture
def store(server, tmp_path, monkeypatch):
    """An empty bucket, and a project in the working folder."""
    import s3fs

    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id-of-the-tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key-of-the-tests")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    s3fs.S3FileSystem.clear_instance_cache()
    found = s3fs.S3FileSystem()
    found.mkdir("team")
    write_project(tmp_path, 60)
    monkeypatch.chdir(tmp_path)
    yield found
    found.invalidate_cache()
    found.rm("team", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


def harness(*arguments, code=0):
    done = CliRunner().invoke(main, [str(one) for one in arguments])
    assert done.exit_code == code, done.output
    return done


def test_a_run_is_made_listed_scored_and_shown_there(store, tmp_path):
    run = json.loads(harness("run", "big.yaml", "--runs-dir", RUNS, "--cache", "j.sqlite", "--json").stdout)
    assert run["path"] == f"{RUNS}/{run['run_id']}"
    assert store.exists(f"team/runs/{run['run_id']}/run.json")
    assert not (tmp_path / "s3:").exists()
    (listed,) = json.loads(harness("runs", "list", "--runs-dir", RUNS, "--json").stdout)
    assert listed["run_id"] == run["run_id"]
    scored = json.loads(harness("score", "latest", "--runs-dir", RUNS, "--json").stdout)
    assert scored["candidates"]["rules"]["categories"]["spam"]["recall"]["value"] == 1.0
    assert run["run_id"] in harness("runs", "show", run["run_id"][:8], "--runs-dir", RUNS).stdout
    again = json.loads(harness("run", "big.yaml", "--runs-dir", RUNS, "--cache", "j.sqlite", "--json").stdout)
    assert again["run_id"] == run["run_id"]


def test_shards_are_put_together_there_as_on_a_disk(store, tmp_path):
    alone = json.loads(harness("run", "big.yaml", "--runs-dir", "here", "--cache", "j.sqlite", "--json").stdout)
    for part in (1, 2):
        harness("run", "big.yaml", "--runs-dir", RUNS, "--cache", f"{part}.sqlite", "--shard", f"{part}/2")
    harness("runs", "merge", alone["run_id"], "--runs-dir", RUNS)
    for name in ("items.parquet", "predictions.parquet"):
        here = (tmp_path / "here" / alone["run_id"] / name).read_bytes()
        assert store.cat_file(f"team/runs/{alone['run_id']}/{name}") == here


def test_an_answer_is_paid_for_once_by_machines_that_share_a_journal(store, tmp_path, monkeypatch):
    """Machines are cache folders here: a copy of the journal lies in each."""
    monkeypatch.setenv("KEY_OF_THE_TESTS", "sk-key-of-the-tests")
    with FaultServer() as server:
        (tmp_path / "models.yaml").write_text(MODELS.replace("URL", server.url))
        command = ("run", "asked.yaml", "--cache", ANSWERS, "--json")
        told = []
        for machine in ("one", "two", "one"):
            monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / machine))
            told.append(json.loads(harness(*command, "--runs-dir", f"runs-{len(told)}").stdout))
        n_texts = server.served
        assert [one["calls"] for one in told] == [n_texts, 0, 0]
        assert harness("score", "latest", "--runs-dir", "runs-1").exit_code == 0
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "three"))
        item = json.loads((tmp_path / "items.jsonl").read_bytes().splitlines()[0])["id"]
        shown = harness("show", "latest", item, "--runs-dir", "runs-1", "--cache", ANSWERS, "--json")
        assert '"raw"' in shown.stdout
        assert server.served == n_texts
    assert not (tmp_path / "s3:").exists()


def test_a_pool_is_read_from_there(store, tmp_path):
    rows = [json.loads(line) for line in (tmp_path / "items.jsonl").read_bytes().splitlines()]
    pool = "".join(json.dumps({"id": one["id"], "text": one["text"], "hate": 0, "spam": 0}) + "\n" for one in rows)
    store.pipe_file("team/pools/day.jsonl", pool.encode())
    store.pipe_file("team/pools/read me.md", b"no table")
    (tmp_path / "day.jsonl").write_text(pool)
    command = ("backtest", "big.yaml", "--candidate", "rules", "--recorded", "hate=hate", "--recorded", "spam=spam")
    options = ("--precision", "5", "--cache", "j.sqlite", "--json")
    there = json.loads(harness(*command, "s3://team/pools/day.jsonl", *options, "--runs-dir", "a").stdout)
    here = json.loads(harness(*command, "day.jsonl", *options, "--runs-dir", "b").stdout)
    assert there["pool"] == here["pool"]
    assert there["candidates"] == here["candidates"]
    for named in ("s3://team/pools", "s3://team/pools/*.jsonl"):
        assert [path.name for path in open_pool([named]).files] == ["day.jsonl"]


def test_nothing_there_and_a_store_that_is_shut_are_one_message(store, monkeypatch):
    done = harness("backtest", "big.yaml", "s3://team/pools/none.jsonl", "--cache", "j.sqlite", code=1)
    assert "no file of a pool is there" in done.output
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    type(store).clear_instance_cache()
    done = harness("runs", "list", "--runs-dir", RUNS, code=1)
    assert f"{RUNS}: cannot be reached" in done.output
    assert "Traceback" not in done.output


def test_no_bucket_is_made_by_a_typo(store):
    """A run made the bucket, and a list of its runs was empty."""
    for command in (("run", "big.yaml", "--limit", "5", "--cache", "j.sqlite"), ("runs", "list")):
        done = harness(*command, "--runs-dir", "s3://taem/runs", code=1)
        assert "s3://taem/runs" in done.output
        assert "does not exist" in done.output
    assert not store.exists("taem")


def test_a_path_of_this_machine_is_no_address(store, tmp_path):
    """``--cache s3://...`` made a folder "s3:" in the working folder, in silence; a journal may lie there by now."""
    done = harness("run", "big.yaml", "--gguf", "s3://team/weights.gguf", code=2)
    assert "takes a path of this machine" in done.output
    assert not (tmp_path / "s3:").exists()
