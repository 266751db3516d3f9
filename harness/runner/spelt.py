"""How a secret may be spelt in what comes back: as it is, and as JSON and addresses write it.

Decides which spellings are the same secret. Where secrets are looked for is decided by ``endpoint``.
"""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=64)
def spelt(secret: str) -> re.Pattern[str]:
    r"""A secret as it is, and as JSON and addresses may write it: ``\/``, ``\u002f``, ``%2F``.

    >>> spelt("ab/c+").sub("[key]", r'"ab\/c+", "ab\u002Fc%2b"')
    '"[key]", "[key]"'
    """
    return re.compile("".join(_ways(character) for character in secret))


@lru_cache(maxsize=64)
def spelt_in_bytes(secret: str) -> re.Pattern[bytes]:
    """The same for bytes."""
    return re.compile(spelt(secret).pattern.encode())


@lru_cache(maxsize=64)
def longest_word(secret: str) -> bytes:
    """The longest part that stays as it is however the secret is written: where it is missing, nothing is searched."""
    words: list[str] = re.findall(r"[A-Za-z0-9]*", secret)
    return max(words, key=len).encode()


def _ways(character: str) -> str:
    code, literal = ord(character), re.escape(character)
    if character.isalnum() or character in "-_.~":
        return f"(?:{literal}|\\\\u(?i:{code:04x}))"
    return f"(?:\\\\?{literal}|\\\\u(?i:{code:04x})|%(?i:{code:02x}))"
