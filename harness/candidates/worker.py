"""A classifier in a process of its own: code of the user's that computes never holds up the calls of other candidates.

Decides how texts go out and results come back: one line of JSON each, over pipes, so that nothing is unpickled. What
the callable prints goes to stderr. A process that ends (a crash of native code, ``os._exit``) is an exception about the
texts it had, and is started again; one that keeps ending is the user's to mend.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from harness.errors import HarnessError

MOST_STARTS = 20
"""Of one process in one run: then the callable is broken, and not the texts."""


class WorkerError(Exception):
    """What the callable raised, in the words of its own type."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        super().__init__(text)


class Worker:
    """A callable of another process; started by the first call.

    Args:
        spec: What the process loads: see ``harness.candidates.estimators.load``.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._spec = dict(spec)
        self._process: subprocess.Popen[bytes] | None = None
        self._n_starts = 0
        self._lock = threading.Lock()

    def __call__(self, texts: list[str]) -> list[Any]:
        """Results for the texts, in order.

        Raises:
            WorkerError: The callable raised, or its process ended.
            HarnessError: It cannot be loaded, or its process ended again and again.
        """
        with self._lock:
            process = self._process or self._start()
            answer = _exchange(process, {"texts": [text.encode("utf-8", "replace").decode() for text in texts]})
            if answer is None:
                self._process = None
                code = process.wait()
                raise WorkerError("ProcessEnded", f"its process ended with code {code}")
        if "error" in answer:
            raise WorkerError(answer["error"]["kind"], answer["error"]["text"])
        results: list[Any] = answer["results"]
        return results

    def _start(self) -> subprocess.Popen[bytes]:
        self._n_starts += 1
        if self._n_starts > MOST_STARTS:
            raise HarnessError(
                f"the process of classifier '{self._spec['path']}' ended {MOST_STARTS} times",
                allowed="a callable that returns or raises",
                next_step="call it on a few texts by hand; native code may need another version or more memory",
            )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}
        process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        weakref.finalize(self, _end, process)
        hello = _exchange(process, self._spec)
        if hello is None or "fault" in hello:
            _end(process)
            fault = (hello or {}).get("fault") or {"message": "its process ended while it was loaded"}
            raise HarnessError(
                f"classifier '{self._spec['path']}': {fault['message']}",
                allowed=fault.get("allowed"),
                next_step=fault.get("next_step") or "load it by hand to see why",
            )
        self._process = process
        return process


def _exchange(process: subprocess.Popen[bytes], message: Mapping[str, Any]) -> dict[str, Any] | None:
    """Send one line and read one; None when the process ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(orjson.dumps(message) + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
        found: dict[str, Any] = orjson.loads(line)
    except (OSError, ValueError):
        return None
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):
            if pipe is not None:
                pipe.close()
    process.kill()
    process.wait()


# ------------------------------------------------------------------------------------------------- in the process


def plain(result: Any) -> Any:
    """A result as JSON: a number, or a mapping of name -> number; anything else becomes what is no score.

    >>> plain({"hate": 0.5, "spam": None}), plain("high"), plain(float("nan"))
    ({'hate': 0.5, 'spam': None}, 'high', 'nan')
    """
    if isinstance(result, Mapping):
        return {str(name): plain(value) for name, value in result.items()}
    try:
        number = float(result)
    except (TypeError, ValueError):
        return result if isinstance(result, str) or result is None else repr(type(result))
    return number if math.isfinite(number) else str(number)


def serve() -> None:
    """Read a spec and then texts from what was stdin; answer on what was stdout. The callable has neither of them."""
    from harness.candidates.estimators import load

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    lines: Iterable[bytes] = iter(os.fdopen(os.dup(0), "rb").readline, b"")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # code that asks the user something would wait for the next texts

    def say(message: Mapping[str, Any]) -> None:
        answers.write(orjson.dumps(message) + b"\n")
        answers.flush()

    call: Any = None
    for line in lines:
        message = orjson.loads(line)
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
            say({"results": [plain(one) for one in call(message["texts"])]})
        except HarnessError as error:
            said = f"{error.message}; {error.next_step}" if error.next_step else error.message
            say({"error": {"kind": "Error", "text": said}})
        except Exception as error:  # whatever the callable raises is about these texts
            say({"error": {"kind": type(error).__name__, "text": str(error)[:10_000]}})


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, BrokenPipeError):
        serve()
