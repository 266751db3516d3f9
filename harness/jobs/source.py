"""Where another machine gets this very installation from: a pinned address, or a wheel made of what is installed here.

Decides what ``harness init`` writes into ``harness-requirements.txt``. A name on a package registry is never assumed:
whoever claimed it there would run in the team's CI.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from harness import __version__
from harness.errors import HarnessError
from harness.files.shipped import PACKAGE, shipped_root

NAME = "moderation-harness"
WHEEL = f"moderation_harness-{__version__}-py3-none-any.whl"
WHEELS = "wheels"
_INFO = f"moderation_harness-{__version__}.dist-info"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_COMPILED = ("__pycache__", ".pyc")


@dataclass(frozen=True, slots=True)
class Source:
    """A line for pip, and the wheel it names where there is no address."""

    requirement: str
    wheel: bytes | None = None


def installed_source() -> Source:
    """How to install what runs here: the commit it was installed from, else a wheel of it."""
    installed = _distribution()
    pinned = _pinned(installed)
    return Source(pinned) if pinned else Source(f"./{WHEELS}/{WHEEL}", own_wheel(installed))


def own_wheel(installed: Distribution | None = None) -> bytes:
    """The installed package as a wheel; the same installation gives the same bytes."""
    installed = installed or _distribution()
    content = dict(sorted(_files(installed)))
    record = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in content.items()]
    content[f"{_INFO}/RECORD"] = "\n".join([*record, f"{_INFO}/RECORD,,", ""]).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in content.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            wheel.writestr(entry, data)
    return packed.getvalue()


def _distribution() -> Distribution:
    try:
        return distribution(NAME)
    except PackageNotFoundError:
        raise HarnessError(
            f"{NAME} is not installed, so CI could not be told where to get it",
            allowed="an installation by pip, from a clone, an address or a wheel",
            next_step="install it: pip install .",
        ) from None


def _pinned(installed: Distribution) -> str | None:
    """The address and commit of an installation from version control; the form pip reads is its own."""
    try:
        origin = json.loads(installed.read_text("direct_url.json") or "{}")
    except ValueError:
        return None
    vcs, url = origin.get("vcs_info") or {}, str(origin.get("url") or "")
    commit = vcs.get("commit_id")
    if not commit or not url.startswith(("https://", "ssh://")) or "@" in url.split("://", 1)[1].split("/", 1)[0]:
        return None  # a login in an address is nobody else's
    return f"{NAME} @ {vcs.get('vcs', 'git')}+{url}@{commit}"


def _files(installed: Distribution) -> Iterator[tuple[str, bytes]]:
    for path in PACKAGE.rglob("*"):
        if path.is_file() and not any(part.endswith(_COMPILED) for part in path.parts):
            yield f"harness/{path.relative_to(PACKAGE).as_posix()}", path.read_bytes()
    if shipped_root() != PACKAGE / "shipped":
        for folder in ("evals", "golden_sets"):
            for path in (shipped_root() / folder).rglob("*"):
                if path.is_file() and not path.name.endswith(".gates.jsonl"):
                    yield f"harness/shipped/{path.relative_to(shipped_root()).as_posix()}", path.read_bytes()
    metadata = installed.read_text("METADATA") or ""
    yield f"{_INFO}/METADATA", metadata.encode()
    yield f"{_INFO}/entry_points.txt", (installed.read_text("entry_points.txt") or "").encode()
    yield f"{_INFO}/WHEEL", b"Wheel-Version: 1.0\nGenerator: harness init\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
