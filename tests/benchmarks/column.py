"""One run over the benchmark's rows, as a process of its own: what ``bench.py`` and the tests of this folder time.

Reads BENCH_BASE_URL, BENCH_DATA, BENCH_N, BENCH_C and BENCH_OUT; prints one JSON line.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from harness.records import Eval, Item, Limits
from harness.records.answers import Answer, Decide, Request
from harness.runner import RunRequest, RunSummary, ready_endpoint, run_eval
from tests.peak import peak_megabytes

SYSTEM = (
    "You are a content moderation classifier. Decide whether the user's text violates the policy: hate, "
    "harassment, self harm, sexual content, sexual content about minors, violence, weapons, drugs, fraud, spam. "
    "Answer with one word: safe or unsafe."
)


class LabelCandidate:
    """Asks for one word, as the floors do."""

    id = "label"
    fingerprint = {"prompt": "one word", "model": "stub-label"}  # noqa: RUF012
    models_used = ("stub",)

    def prepare(self, items: Sequence[Item]) -> None:
        """Nothing to prepare."""

    def decide(self, item: Item) -> Decide:
        """One request, one word."""
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": item.text}]
        body = orjson.dumps({"model": "stub-label", "temperature": 0, "max_tokens": 8, "messages": messages})
        (response,) = yield [Request("stub", "/chat/completions", body)]
        if response.error is not None:
            return Answer("error", error=response.error)
        document = orjson.loads(response.body) if response.document is None else response.document
        content = document["choices"][0]["message"]["content"]
        if content not in {"safe", "unsafe"}:
            return Answer("unparsed")
        return Answer("ok", {"unsafe": int(content == "unsafe")})


class Rows:
    """The benchmark's rows as a golden set."""

    name, version, sha256, categories = "bench", 1, "0" * 64, ("unsafe",)

    def __init__(self, path: Path, n: int) -> None:
        with path.open("rb") as file:
            self._rows = [orjson.loads(line) for _, line in zip(range(n), file, strict=False)]

    def __len__(self) -> int:
        return len(self._rows)

    def ids(self) -> list[str]:
        """Item ids."""
        return [row["id"] for row in self._rows]

    def items(self, indices: Sequence[int] | None = None) -> Iterator[Item]:
        """Items, one at a time."""
        for index in range(len(self._rows)) if indices is None else indices:
            row = self._rows[index]
            yield Item(row["id"], row["text"], {"unsafe": int(row["violates"])})

    def labels(self) -> Any:
        """Gold."""
        return np.asarray([[row["violates"]] for row in self._rows], dtype=np.int8)


def run(base_url: str, data: Path, n: int, c: int, out: Path, cache: Path) -> RunSummary:
    """Run once."""
    limits = Limits(concurrency=c)
    request = RunRequest(
        eval_name="bench",
        eval=Eval("bench", "", "", {}, description=f"{n} items"),
        candidates=[LabelCandidate()],
        golden=Rows(data, n),
        endpoints={"stub": ready_endpoint("stub", base_url, "x", limits=limits, identity="stub")},
        inputs={},
        slice_names=(),
        runs_dir=out / "runs",
        cache_path=cache,
    )
    return run_eval(request)


def main() -> None:
    """Run, and say how it went."""
    n, c = int(os.environ["BENCH_N"]), int(os.environ["BENCH_C"])
    out = Path(os.environ["BENCH_OUT"])
    if "BENCH_DELETE_RUNS" in os.environ:
        shutil.rmtree(out / "runs", ignore_errors=True)
    summary = run(os.environ["BENCH_BASE_URL"], Path(os.environ["BENCH_DATA"]), n, c, out, out / "cache.sqlite")
    sys.stdout.write(json.dumps(summary.as_dict() | {"peak_mb": peak_megabytes()}) + "\n")
    sys.exit(0 if summary.status == "complete" and summary.errors == 0 else 5)


if __name__ == "__main__":
    main()
