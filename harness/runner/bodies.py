"""Bodies of answers: how much of one is read, and the JSON document in it.

Decides the most a body may hold once unpacked, and what still counts as readable JSON: half surrogate pairs become
U+FFFD, NaN and infinities become null, so that an answer that was paid for is kept in a form every reader can read.
"""

from __future__ import annotations

import zlib
from typing import Any

import orjson

from harness.candidates.responses import lenient_json

MOST_BYTES = 4 * 1024 * 1024
"""Most of one answer that is read, unpacked; no answer of a moderation model comes near it."""
ENCODINGS = "gzip, deflate"


class TooLarge(Exception):  # noqa: N818
    """The body is longer than ``MOST_BYTES``."""


class Unpacker:
    """Unpacks a body piece by piece and never past the cap, so that a small bomb stays small.

    Args:
        encoding: The content-encoding header; empty for none.

    Raises:
        ValueError: The encoding is none of ``ENCODINGS``.
    """

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise ValueError(f"content-encoding '{name[:40]}' was not asked for")
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_deflate = name == "deflate"
        self._packed: Any = None
        if name in {"gzip", "x-gzip"}:
            self._packed = zlib.decompressobj(16 + zlib.MAX_WBITS)

    def add(self, piece: bytes) -> None:
        """Take one piece as it came over the wire.

        Raises:
            TooLarge: More than the cap has come.
            zlib.error: The piece cannot be unpacked.
        """
        if self._is_deflate and self._packed is None and piece:
            self._packed = zlib.decompressobj(zlib.MAX_WBITS if piece[0] & 0x0F == 8 else -zlib.MAX_WBITS)
        if self._packed is not None:
            piece = self._packed.decompress(piece, MOST_BYTES + 1 - self._size)
        self._size += len(piece)
        if self._size > MOST_BYTES:
            raise TooLarge
        self._pieces.append(piece)

    def whole(self) -> bytes:
        """The body.

        Raises:
            EOFError: A packed body ended before its last byte.
        """
        if self._packed is not None and self._size and not self._packed.eof:
            raise EOFError
        return b"".join(self._pieces)


def read_json(body: bytes) -> tuple[Any, bytes]:
    r"""The document of a body and the bytes to keep of it: the body itself wherever the strict reader takes it.

    >>> read_json(b'{"a": NaN}'), read_json(b'"\\ud83d half"')[0] == chr(0xFFFD) + " half"
    (({'a': None}, b'{"a":null}'), True)

    Raises:
        ValueError: It is no JSON by either reader.
    """
    try:
        return orjson.loads(body), body
    except orjson.JSONDecodeError:
        pass
    try:
        document = lenient_json(body)
        return document, orjson.dumps(document)
    except orjson.JSONEncodeError as error:
        raise ValueError("nested too deeply") from error
