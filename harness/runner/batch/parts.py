"""The requests of a batch to be: a file of lines, and what they may cost at most.

Decides how the file is written and thinned out; which requests belong together is decided by ``fill``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from harness.records.answers import Request
from harness.runner.batch.lines import line_of
from harness.runner.budget import Amount
from harness.runner.claims import Wanted


class Part:
    """The requests of a batch to be, in a file."""

    def __init__(self, path: Path, model_id: str, route: str) -> None:
        self.path, self.model_id, self.route = path, model_id, route
        self.wanted: list[Wanted] = []
        self.amount = Amount(0.0, 0)
        self.n_bytes = 0
        self._file: BinaryIO = path.open("wb")

    def add(self, key: bytes, one: Request, most: Amount) -> None:
        """Add one request."""
        self.wanted.append(Wanted(key, *most))
        self.amount = Amount(self.amount.usd + most.usd, self.amount.tokens + most.tokens)
        self.n_bytes += self._file.write(line_of(key, one))

    def keep_only(self, keys: Mapping[bytes, Any]) -> None:
        """Leave out what another batch holds."""
        kept = [line for line in self.path.read_bytes().splitlines(keepends=True) if bytes.fromhex(_id(line)) in keys]
        self.path.write_bytes(b"".join(kept))

    def close(self) -> None:
        """No more requests."""
        self._file.close()


def _id(line: bytes) -> str:
    return line.split(b'"', 4)[3].decode()
