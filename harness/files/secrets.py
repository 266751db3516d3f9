"""What looks like a secret in a file people write: a key in the place of a name, a parameter that would carry one.

Decides from shape and name alone, so that a secret is refused before it is sent, stored or printed. What is taken out
of a server's words is decided in ``candidates.said``; addresses in messages lose their password in ``errors``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ENV_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_KEY_LIKE = re.compile(r"(?i)(sk|pk|rk|key|hf|gsk|xai|ghp|glpat)[-_][A-Za-z0-9_-]{6,}|bearer\s+\S+|AIza[\w-]{10,}")
_IN_CAPITALS = re.compile(r"(?=[A-Z0-9]*\d[A-Z])[A-Z0-9]{16,}|[A-Z0-9]{28,}")
"""A part between underscores that no word is: long, with digits inside."""
_PASSWORD_IN_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/@]*:[^\s@]+@")
_HEADERS = frozenset({"headers", "extra_headers", "default_headers"})
_SECRET_NAME = re.compile(
    r"(?:\w+_)?(?:api|access|auth|session|refresh|secret|private|client|bearer|security|service|bot|id|account|user"
    r"|subscription|personal|csrf|oauth)_?(?:key|token|secret)"
    r"|(?:\w+_)?(?:password|passwd|passphrase|pwd|secret|credentials?|authorization|bearer|apikey|cookies?|jwt)"
    r"|token|auth|key|signature"
)


def looks_like_key(text: str) -> bool:
    """True for text shaped like an API key.

    >>> looks_like_key("sk-abc123def456"), looks_like_key("OPENAI_API_KEY_EU"), looks_like_key("AKIAIOSFODNN7EXAMPLE")
    (True, False, True)
    """
    if ENV_NAME.fullmatch(text):
        return any(_IN_CAPITALS.fullmatch(part) for part in text.split("_"))
    return bool(_KEY_LIKE.match(text)) or (len(text) >= 32 and text.isalnum())


def is_secret(name: str, value: Any) -> bool:
    """Whether a parameter would carry a key, by its name or by what it holds, however deep.

    >>> is_secret("access-token", "abc"), is_secret("max_tokens", 20), is_secret("stop_token", "<eot>")
    (True, False, False)
    """
    folded = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()).strip("_")
    if folded in _HEADERS or (isinstance(value, str) and value and _SECRET_NAME.fullmatch(folded)):
        return True
    return looks_like_key(name) or _holds_key(value)


def _holds_key(value: Any) -> bool:
    if isinstance(value, str):
        return looks_like_key(value) or _PASSWORD_IN_URL.search(value) is not None
    if isinstance(value, Mapping):
        return any(is_secret(str(name), part) for name, part in value.items())
    return isinstance(value, list | tuple) and any(_holds_key(part) for part in value)
