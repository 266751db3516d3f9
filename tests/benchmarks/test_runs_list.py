"""``runs list`` over 5,000 runs: in a folder, and on a local server that speaks S3, before and after it has an index.

Prints seconds of the wall and of the command's own processor time; the server is slow Python beside it.
"""

import json
import os
import subprocess
import sys
import time

import pytest

from tests.runner.runner_fakes import make_request, run

N_RUNS = 5_000
MOST_S = {"in a folder": 2.0, "on S3, from the index": 5.0}

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]


def records(tmp_path):
    """Names and bytes of many records, made of a real one."""
    record = json.loads((tmp_path / "runs" / run(make_request(tmp_path)).run_id / "run.json").read_bytes())
    for number in range(N_RUNS):
        name = f"demo-{number:04d}"
        created = f"2026-11-{1 + number // 1440:02d}T{number // 60 % 24:02d}:{number % 60:02d}:00+00:00"
        yield name, json.dumps({**record, "run_id": name, "created_at": created}).encode()


def listed(runs_dir, environment=None):
    """Seconds of the wall and of the processor that one list takes."""
    command = [sys.executable, "-m", "harness", "runs", "list", "--runs-dir", str(runs_dir)]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return time.monotonic() - began, used.ru_utime + used.ru_stime


def told(name, seconds):
    print(f"| {name} | {seconds[0]:.1f} s | {seconds[1]:.1f} s |")
    assert seconds[1] < MOST_S.get(name, 200)


def test_five_thousand_runs_in_a_folder(tmp_path):
    for name, content in records(tmp_path):
        (tmp_path / "many" / name).mkdir(parents=True)
        (tmp_path / "many" / name / "run.json").write_bytes(content)
    told("in a folder", min(listed(tmp_path / "many") for _ in range(3)))


def test_five_thousand_runs_on_s3(tmp_path):
    server_of_tests = pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[server]'")
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'moderation-harness[s3]'")
    server = server_of_tests.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        names = {
            "AWS_ACCESS_KEY_ID": "id-of-the-tests",
            "AWS_SECRET_ACCESS_KEY": "key-of-the-tests",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()),
        }
        store = s3fs.S3FileSystem(
            key=names["AWS_ACCESS_KEY_ID"],
            secret=names["AWS_SECRET_ACCESS_KEY"],
            endpoint_url=names["AWS_ENDPOINT_URL"],
        )
        store.mkdir("team")
        store.pipe({f"team/runs/{name}/run.json": content for name, content in records(tmp_path)})
        told("on S3, the first time", listed("s3://team/runs", {**os.environ, **names}))
        told("on S3, from the index", min(listed("s3://team/runs", {**os.environ, **names}) for _ in range(3)))
    finally:
        server.stop()
