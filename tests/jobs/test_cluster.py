"""Runs on a Ray cluster of several processes on this machine: the bytes of a local run, and nothing lost when parts of
it are. Skipped where Ray is not installed (the extra ``ray``): it is in no lock file.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.jobs.cluster import connection, execute_on_ray
from harness.jobs.cluster.task import Order, plan, token_name
from harness.jobs.run import RunOptions
from harness.runs import open_run
from tests.faults.server import FaultServer, failure
from tests.faults.table import RAY_FAULTS

ROOT = Path(__file__).parents[2]
POLICY = "policy: p\nversion: 1\ncategories:\n  hate: {name: Hate, definition: d}\n"
PROMPT = "---\nprompt: p\nversion: 1\nanswer: label\nlabels: {safe: [], unsafe: [hate]}\n---\n# user\n{{ item.text }}\n"
CARD = "golden_set: g\nversion: 1\npolicy: {name: p, version: 1}\nitems: items.jsonl\nlabels: [hate]\n"
EVAL = """\
eval: e
policy: policy.yaml
golden_set: card.yaml
models: models.yaml
candidates:
  v1: {prompt: p.md, model: m}
"""
MODELS = """\
models:
  m:
    provider: openai
    api_key_env: KEY_OF_THE_TESTS
    model: m
    base_url: URL
    price: {input_per_mtok: 1, output_per_mtok: 1}
    limits: {concurrency: CONCURRENCY, max_retries: 1}
"""
PROVEN = set()
NO_RAY = "Ray is not installed: pip install 'moderation-harness[ray]'"


def proves(name):
    PROVEN.add(name)
    return lambda test: test


def project(folder, url, n=120, concurrency=8):
    models = MODELS.replace("URL", url).replace("CONCURRENCY", str(concurrency))
    files = {"policy.yaml": POLICY, "p.md": PROMPT, "card.yaml": CARD, "e.yaml": EVAL, "models.yaml": models}
    for name, content in files.items():
        (folder / name).write_text(content)
    rows = ({"id": f"c-{at}", "text": f"text number {at}", "labels": {"hate": at % 2}} for at in range(n))
    (folder / "items.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


def harness(*arguments, code=0):
    done = CliRunner().invoke(main, ["run", "e.yaml", "--json", *map(str, arguments)])
    assert done.exit_code == code, done.output
    assert code or done.stdout.startswith("{"), done.stdout
    return orjson.loads(done.stdout) if done.stdout.startswith("{") else done.output


def same_bytes(one, other):
    for name in ("items.parquet", "predictions.parquet"):
        assert (Path(one) / name).read_bytes() == (Path(other) / name).read_bytes()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KEY_OF_THE_TESTS", "sk-key-of-the-tests")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@proves("ray: no cluster at the address")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--engine", "ray", "--ray-address", "nonsense"], "--ray-address is 'nonsense'"),
        (["--engine", "ray", "--ray-address", "ray://head:10001"], "type the command on a machine of the cluster"),
        (["--engine", "ray", "--ray-address", "127.0.0.1:1"], "no Ray cluster answers at '127.0.0.1:1'"),
        (["--engine", "ray", "--shards", "0"], "--shards is 0"),
    ],
)
def test_a_wrong_cluster_is_one_message(home, arguments, words):
    pytest.importorskip("ray", reason=NO_RAY)
    project(home, "http://127.0.0.1:1/v1")
    done = CliRunner().invoke(main, ["run", "e.yaml", *arguments])
    assert (done.exit_code, words in done.output) == (1, True), done.output


@proves("ray: the package is missing")
def test_without_the_package_the_extra_is_named(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    project(home, "http://127.0.0.1:1/v1")
    done = CliRunner().invoke(main, ["run", "e.yaml", "--engine", "ray"])
    assert done.exit_code == 1
    assert "pip install 'moderation-harness[ray]'" in done.output


@pytest.mark.parametrize("is_connected", [True, False])
def test_what_ray_prints_of_its_workers_is_no_output_of_the_command(capsys, is_connected):
    """ "(raylet) A worker died" stood before the JSON of a run that a killed driver had begun."""
    ray = SimpleNamespace(
        is_initialized=lambda: is_connected,
        init=lambda **settings: print("(raylet) started"),
        shutdown=lambda: print("(raylet) gone"),
    )
    with connection.cluster(ray, None):
        print("(raylet) A worker died")
    print("{}")
    said = capsys.readouterr()
    assert said.out == "{}\n"
    assert "(raylet) A worker died" in said.err


@proves("ray: a machine without the shared disk")
def test_a_machine_without_the_shared_disk_says_which_folder(home):
    project(home, "http://127.0.0.1:1/v1")
    order = Order("token", Path("e.yaml"), home, RunOptions("runs", home / "j.sqlite"), home / "j.parts")
    told, goldens = plan(order)
    assert goldens == {}
    assert f"{home / 'j.parts'} is not the folder of that name on the machine that began the run" in told.message
    assert "name one with --cache" in str(told.error())
    (home / "j.parts").mkdir()
    (home / "j.parts" / token_name("token")).touch()
    assert "name one with --runs-dir" in str(plan(order)[0].error())


@pytest.mark.parametrize("more", [["--shard", "1/2"], ["--batch"], ["--watch"], ["--early-stop"]])
def test_what_does_not_go_with_a_cluster_is_refused(home, more):
    done = CliRunner().invoke(main, ["run", "e.yaml", "--engine", "ray", *more])
    assert (done.exit_code, f"leave {more[0]} out" in done.output) == (2, True), done.output
    done = CliRunner().invoke(main, ["run", "e.yaml", "--shards", "4"])
    assert (done.exit_code, "--shards goes with --engine ray" in done.output) == (2, True), done.output


@pytest.fixture(scope="module")
def cluster():
    """A head without processors and two machines of two: separate raylets, as on a real cluster."""
    ray = pytest.importorskip("ray", reason=NO_RAY)
    from ray._private import services
    from ray.cluster_utils import Cluster

    get_node = services.get_node

    def patient(*arguments):
        """Ray gives its processes half a minute to start, which a busy computer exceeds."""
        give_up_at = time.monotonic() + 240
        while True:
            try:
                return get_node(*arguments)
            except RuntimeError:
                if time.monotonic() > give_up_at:
                    raise

    services.get_node = patient
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "KEY_OF_THE_TESTS": "sk-key-of-the-tests"}  # of every machine
    path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    found.nodes = [found.add_node(num_cpus=2) for _ in range(2)]
    ray.init(address=found.address, log_to_driver=False, logging_level="ERROR")
    yield found
    services.get_node = get_node
    ray.shutdown()
    found.shutdown()
    os.environ.pop("PYTHONPATH") if path is None else os.environ.update(PYTHONPATH=path)


def workers_of(home):
    """Process ids of workers that carry a shard of this project out now."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                name, place = (folder / "cmdline").read_bytes(), (folder / "cwd").resolve()
            except OSError:
                continue
            if name.startswith(b"ray::run_shard") and place == home.resolve():
                found.append(int(folder.name))
    return found


RAY = ("--engine", "ray", "--shards", 4, "--cache", "ray.sqlite", "--runs-dir", "ray")
LOCAL = ("--cache", "local.sqlite", "--runs-dir", "local")
slow = pytest.mark.slow


@slow
@pytest.mark.filterwarnings("ignore")
def test_the_run_is_the_run_of_one_machine_and_its_answers_are_at_hand(home, cluster):
    with FaultServer(lambda text, attempt: failure(413) if text.endswith(" 13") else None) as server:
        project(home, server.url)
        found = harness(*RAY)
        assert (found["status"], found["items"], found["calls"], server.served) == ("complete", 120, 120, 120)
        local = harness(*LOCAL)
        assert local["run_id"] == found["run_id"]
        assert open_run(found["path"]).meta.counts == open_run(local["path"]).meta.counts
        assert harness(*RAY)["is_reused"]
        before = server.served
        again = harness(*RAY[:-1], "other")  # the journal has every answer, for a cluster as for this machine
        assert again["calls"] == server.served - before == 1  # the refusal is no answer
        assert [one for one in (home / "ray.parts").iterdir() if not one.name.startswith(".")] == []


def rules_alone(folder, n):
    project(folder, "http://127.0.0.1:1/v1", n)
    rules = "rule_set: r\nversion: 1\nrules:\n  - {id: r1, category: hate, words: ['7']}\n"
    (folder / "rules.yaml").write_text(rules)
    (folder / "e.yaml").write_text(EVAL.replace("v1: {prompt: p.md, model: m}", "r: {rules: rules.yaml}"))


@slow
@pytest.mark.filterwarnings("ignore")
def test_a_run_that_asks_nobody_is_the_run_of_one_machine(home, cluster):
    rules_alone(home, 5_000)
    found, local = harness(*RAY), harness(*LOCAL)
    assert (found["status"], found["items"], found["run_id"]) == ("complete", 5_000, local["run_id"])
    same_bytes(found["path"], local["path"])


@slow
@pytest.mark.filterwarnings("ignore")
def test_ctrl_c_ends_a_run_that_asks_nobody_and_the_same_command_goes_on(home):
    rules_alone(home, 60_000)
    command = ["run", "e.yaml", "--engine", "ray", "--shards", "200", "--cache", "ray.sqlite", "--runs-dir", "ray"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from harness.cli import main; main()", *command],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while not list((home / "ray" / "shards").glob("e-*")):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert (process.returncode, "Traceback" in told) == (5, False), told
    kept = {one.name for one in (home / "ray" / "shards").glob("e-*")}
    assert 0 < len(kept) < 200
    found = harness(*command[2:])
    assert (found["status"], found["items"]) == ("complete", 60_000)
    same_bytes(found["path"], harness(*LOCAL)["path"])


@proves("ray: a bound is reached")
@slow
@pytest.mark.filterwarnings("ignore")
def test_a_bound_ends_the_run_and_more_goes_on(home, cluster):
    with FaultServer() as server:
        project(home, server.url)
        found = harness(*RAY, "--max-tokens", 4_000, code=5)
        assert (found["status"], found["reason"]) == ("incomplete", "budget")
        assert 0 < server.served < 120
        assert harness(*RAY, "--max-tokens", 1_000_000)["status"] == "complete"
        assert server.served == 120


@proves("ray: a refusal of every item")
@slow
@pytest.mark.filterwarnings("ignore")
def test_a_refusal_of_every_item_ends_the_run_with_the_servers_words(home, cluster):
    with FaultServer(lambda text, attempt: failure(404, "no such model")) as server:
        project(home, server.url, n=400)
        assert "no such model" in harness(*RAY, code=1)
        assert server.served <= 4 * 20


def in_background(work):
    from threading import Thread

    found = []
    thread = Thread(target=lambda: found.append(work()))
    thread.start()
    return thread, found


@proves("ray: a worker is killed")
@proves("ray: a machine is lost")
@slow
@pytest.mark.filterwarnings("ignore")
def test_a_killed_worker_and_a_lost_machine_cost_what_was_in_flight(home, cluster):
    with FaultServer(latency_s=0.05) as server:
        project(home, server.url, n=1_200)
        options = RunOptions("ray", home / "ray.sqlite")
        thread, found = in_background(lambda: execute_on_ray(Path("e.yaml"), options, n_shards=4))
        for until in (200, 400):
            while server.served < until:
                assert thread.is_alive()
                time.sleep(0.01)
            os.kill(workers_of(home)[0], signal.SIGKILL)
        while server.served < 600:
            assert thread.is_alive()
            time.sleep(0.01)
        cluster.remove_node(cluster.nodes.pop(), allow_graceful=False)
        cluster.nodes.append(cluster.add_node(num_cpus=2))
        thread.join(300)
        (summary,) = found
        assert (summary.status, summary.counts) == ("complete", {"v1": {"ok": 1_200}})
        assert server.served <= 1_200 + 3 * 8


@proves("ray: the driver is killed")
@slow
@pytest.mark.filterwarnings("ignore")
def test_a_killed_driver_goes_on_with_the_same_command(home, cluster):
    with FaultServer(latency_s=0.05) as server:
        project(home, server.url, n=800)
        command = [sys.executable, "-c", "from harness.cli import main; main()", "run", "e.yaml", *map(str, RAY)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [*command, "--ray-address", cluster.address], env=environment, stderr=subprocess.DEVNULL
        )
        while server.served < 200:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
        process.wait()
        assert harness(*RAY)["status"] == "complete"
        assert server.served <= 800 + 8
        cached = [
            harness(*RAY[:-1], "again"),
            harness(*LOCAL[2:], "--cache", "ray.sqlite"),
        ]  # each answer from the journal
        assert server.served <= 800 + 8
        same_bytes(*(one["path"] for one in cached))


@proves("ray: Ctrl-C")
@slow
@pytest.mark.filterwarnings("ignore")
def test_ctrl_c_waits_for_what_is_under_way_and_the_same_command_goes_on(home):
    """As a terminal does it: the signal reaches the driver, Ray's processes and the workers alike."""
    with FaultServer(latency_s=0.2) as server:
        project(home, server.url, n=300)
        command = [sys.executable, "-c", "from harness.cli import main; main()", "run", "e.yaml", *map(str, RAY)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        while server.served < 40:
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        said, told = process.communicate(timeout=120)
        assert process.returncode == 5, told
        assert "calls under way are waited for (they are paid for); once more ends them at once" in told
        assert "The run is incomplete (interrupted): the same command goes on where it stopped." in told
        assert "Traceback" not in told
        assert "not asked yet" in said
        assert server.served < 300
        assert harness(*RAY)["status"] == "complete"
        assert server.served == 300


@slow
@pytest.mark.filterwarnings("ignore")
def test_workers_killed_at_random_lose_nothing_and_pay_nothing_twice(home, cluster):
    n_kills, concurrency, n = int(os.environ.get("HARNESS_TEST_KILLS", "20")), 8, 2_400
    rng = random.Random(n_kills)
    with FaultServer(latency_s=0.05) as server:
        project(home, server.url, n, concurrency)
        options = RunOptions("ray", home / "ray.sqlite")
        thread, found = in_background(lambda: execute_on_ray(Path("e.yaml"), options, n_shards=8))
        done = 0
        while done < n_kills and thread.is_alive():
            until = server.served + rng.randrange(1, n // n_kills)
            while server.served < until and thread.is_alive():
                time.sleep(0.005)
            if workers := workers_of(home):
                os.kill(rng.choice(workers), signal.SIGKILL)
                done += 1
        thread.join(600)
        (summary,) = found
        print(f"{done} kills: {server.served:,} calls for {n:,} items, {server.served - n} again")
        assert done == n_kills
        assert (summary.status, summary.counts) == ("complete", {"v1": {"ok": n}})
        assert server.served - n <= n_kills * concurrency


def test_every_row_is_proven():
    assert {one.name for one in RAY_FAULTS} == PROVEN
