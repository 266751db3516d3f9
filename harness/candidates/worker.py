"""A classifier in a process of its own: code of the user's that computes never holds up the calls of other candidates.

Decides how texts go out and results come back: one line of JSON each, over pipes, so that nothing is unpickled. What
the callable prints goes to stderr. A process that ends (a crash of native code, ``os._exit``) or gives no result in its
time is an exception about the texts it had, and is started again; one that keeps ending is the user's to mend. It is
ended, with whatever it started, by ``stop`` and when its parent is gone, however long the callable would compute.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from harness.errors import HarnessError

MOST_STARTS = 20
"""Of one process in one run: then the callable is broken, and not the texts."""
DEFAULT_TIMEOUT_S = 300.0
"""Of one call, which may load a model: as long as an item may take at an endpoint."""
LOAD_S = 900.0
"""Until a process has loaded its callable: large weights on a slow disk take minutes."""


class WorkerError(Exception):
    """What the callable raised, in the words of its own type."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        super().__init__(text)


class NoResultError(WorkerError):
    """The callable gave no result in its time."""


class StoppedError(Exception):
    """The run is over: the callable is not asked any more."""


class Worker:
    """A callable of another process; started by the first call.

    Args:
        spec: What the process loads: see ``harness.candidates.estimators.load``.
        timeout_s: How long one call may take.
    """

    def __init__(self, spec: Mapping[str, Any], *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self._spec = dict(spec)
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._n_starts = 0
        self._lock = threading.Lock()
        self._is_stopped = False

    def __call__(self, texts: list[str]) -> Any:
        """Results for the texts, in order, or whatever else the callable returned.

        Raises:
            WorkerError: The callable raised, gave no result in its time, or its process ended.
            HarnessError: It cannot be loaded, or its process ended again and again.
            StoppedError: ``stop`` was called, now or before.
        """
        with self._lock:
            process = self._process or self._start()
            message = {"texts": [text.encode("utf-8", "replace").decode() for text in texts]}
            answer, is_late = _exchange(process, message, self._timeout_s)
            if answer is None:
                self._process = None
                code = process.wait()
                if self._is_stopped:
                    raise StoppedError
                if is_late:
                    raise NoResultError("NoResult", f"gave no result within {self._timeout_s:g} s")
                raise WorkerError("ProcessEnded", f"its process ended with code {code}")
        if "error" in answer:
            raise WorkerError(answer["error"]["kind"], answer["error"]["text"])
        return answer["results"]

    def stop(self) -> None:
        """End the process for good, from whichever thread: a call that is under way raises ``StoppedError``."""
        self._is_stopped = True
        process = self._process
        if process is not None:
            _kill(process)

    def _start(self) -> subprocess.Popen[bytes]:
        if self._is_stopped:
            raise StoppedError
        self._n_starts += 1
        if self._n_starts > MOST_STARTS:
            raise HarnessError(
                f"the process of classifier '{self._spec['path']}' ended {MOST_STARTS} times",
                allowed="a callable that returns or raises",
                next_step="call it on a few texts by hand; native code may need another version or more memory",
            )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}
        process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the run, which ends it; and it ends with what it started itself
        )
        weakref.finalize(self, _end, process)
        self._process = process
        if self._is_stopped:  # between the two lines above, and so too early to be killed by it
            _kill(process)
        hello, is_late = _exchange(process, self._spec, LOAD_S)
        if hello is None or "fault" in hello:
            self._process = None
            _end(process)
            if self._is_stopped:
                raise StoppedError
            late = f"it was not loaded within {LOAD_S:g} s" if is_late else "its process ended while it was loaded"
            fault = (hello or {}).get("fault") or {"message": late}
            raise HarnessError(
                f"classifier '{self._spec['path']}': {fault['message']}",
                allowed=fault.get("allowed"),
                next_step=fault.get("next_step") or "load it by hand to see why",
            )
        return process


def _exchange(
    process: subprocess.Popen[bytes], message: Mapping[str, Any], timeout_s: float
) -> tuple[dict[str, Any] | None, bool]:
    """Send one line and read one; None when the process ended, and whether that is since it took too long."""
    assert process.stdin is not None
    assert process.stdout is not None
    late = threading.Event()

    def give_up() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(timeout_s, give_up)
    timer.daemon = True
    timer.start()
    try:
        process.stdin.write(orjson.dumps(message) + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
        found: dict[str, Any] = json.loads(line)
    except (OSError, ValueError):
        return None, late.is_set()
    finally:
        timer.cancel()
    return found, False


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it has started: a child that holds its pipes would keep the reader waiting."""
    with suppress(OSError):
        if process.returncode is not None:
            return
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _end(process: subprocess.Popen[bytes]) -> None:
    _kill(process)
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):
            if pipe is not None:
                pipe.close()
    process.wait()


# ------------------------------------------------------------------------------------------------- in the process


def plain(result: Any) -> Any:
    """A result as JSON: numbers, words and truth values stay what they are; what has no such form says its type.

    >>> plain({"hate": 0.5, "spam": None}), plain("high"), plain(True), plain([0.1, 0.9])
    ({'hate': 0.5, 'spam': None}, 'high', True, [0.1, 0.9])
    """
    if result is None or isinstance(result, bool | str):
        return result
    if isinstance(result, Mapping):
        return {str(name): plain(value) for name, value in result.items()}
    if type(result).__name__ in ("bool", "bool_"):  # NumPy's
        return bool(result)
    try:
        return float(result)
    except (TypeError, ValueError, RuntimeError):  # torch's tensors raise the last
        if isinstance(result, Iterable) and not isinstance(result, bytes):
            return [plain(one) for one in result]
        return repr(type(result))


def _all_plain(results: Any) -> Any:
    """The results of a call: a list, or whatever else the callable returned."""
    if isinstance(results, str | bytes | Mapping) or not isinstance(results, Iterable):
        return plain(results)
    return [plain(one) for one in results]


def serve() -> None:
    """Read a spec and then texts from what was stdin; answer on what was stdout. The callable has neither of them."""
    from harness.candidates.estimators import load

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    texts = os.fdopen(os.dup(0), "rb")
    threading.Thread(target=_receive, args=(texts, lines), daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # code that asks the user something would wait for the next texts

    def say(message: Mapping[str, Any]) -> None:
        answers.write(json.dumps(message).encode() + b"\n")  # not orjson: it writes nan as null, and no lone surrogates
        answers.flush()

    call: Any = None
    while True:
        message = orjson.loads(lines.get())
        if call is None:
            try:
                call = load(message, Path(message["folder"]) if message.get("folder") else None)
            except HarnessError as error:
                fault = {"message": error.message, "allowed": error.allowed, "next_step": error.next_step}
                say({"fault": fault})
                return
            say({"ready": True})
            continue
        try:
            say({"results": _all_plain(call(message["texts"]))})
        except HarnessError as error:
            said = f"{error.message}; {error.next_step}" if error.next_step else error.message
            say({"error": {"kind": "Error", "text": said}})
        except (Exception, SystemExit) as error:  # whatever the callable raises is about these texts
            say({"error": {"kind": type(error).__name__, "text": str(error)[:10_000]}})


def _receive(source: BinaryIO, lines: queue.SimpleQueue[bytes]) -> None:
    """Hand lines on; when there are no more, the parent is gone, and the process and all it started end at once."""
    for line in iter(source.readline, b""):
        lines.put(line)
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, BrokenPipeError):
        serve()
