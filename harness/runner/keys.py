"""What identifies an answer in the journal."""

from __future__ import annotations

import hashlib


class Keys:
    """Cache keys of one endpoint and route: sha256 over everything that can change the answer, and nothing else.

    >>> keys = Keys("https://host/v1", "/chat/completions", repeat=0, wave=None)
    >>> keys.of(b"{}") == keys.of(b"{}"), keys.of(b"{}") == keys.of(b"[]")
    (True, False)
    """

    __slots__ = ("_start",)

    def __init__(self, identity: str, route: str, *, repeat: int, wave: str | None) -> None:
        self._start = hashlib.sha256(b"moderation-harness response 1\n")
        for part in (identity, route.lstrip("/"), str(repeat), "" if wave is None else f"wave {wave}"):
            data = part.encode()
            self._start.update(len(data).to_bytes(8, "big") + data)

    def of(self, body: bytes) -> bytes:
        """The key of one request body."""
        digest = self._start.copy()
        digest.update(body)
        return digest.digest()
