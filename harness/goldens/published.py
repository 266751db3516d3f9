"""Published versions of golden sets: what they were when they were released, and whether they still are.

Decides what counts as a change of a version that others rest on: the bytes of its items, and whatever in its card can
change a label or a decision. A version is published when a release names it, as its own or as the one it came from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import FileError
from harness.files.golden.sets import GoldenSet

SUFFIX = ".release.json"
_FREE_TO_CHANGE = ("source", "licence", "description")


@dataclass(frozen=True, slots=True)
class Published:
    """One published version as a release wrote it down."""

    golden_set: str
    version: int
    content: str
    release: Path


def content_hash(golden: GoldenSet) -> str:
    """What a published version is held to: its items, and its card without what is free to change."""
    from harness.files.yaml import read_yaml

    card = {
        name: value
        for name, value in read_yaml(golden.path, what="golden set card").data.items()
        if name not in _FREE_TO_CHANGE
    }
    digest = hashlib.sha256(json.dumps(card, sort_keys=True, default=str).encode())
    if golden.items_path is not None:
        with open(golden.items_path, "rb") as file:
            for chunk in iter(lambda: file.read(1 << 20), b""):
                digest.update(chunk)
    return digest.hexdigest()


def releases(folder: Path, golden_set: str) -> list[dict[str, Any]]:
    """The releases of a set in a folder, oldest version first; a file that is none is left out."""
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            data = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(data, dict) and data.get("golden_set") == golden_set and isinstance(data.get("version"), int):
            found.append({**data, "_path": path})
    return sorted(found, key=lambda one: int(one["version"]))


def published_as(folder: Path, golden_set: str, version: int) -> Published | None:
    """What a version was when it was published; None when no release names it."""
    for release in releases(folder, golden_set):
        own: Mapping[str, Any] = {"version": release["version"], "content": release.get("content")}
        for side in (own, release.get("from") or {}):
            if side.get("version") == version and isinstance(side.get("content"), str):
                return Published(golden_set, version, str(side["content"]), release["_path"])
    return None


def changed_since_published(golden: GoldenSet) -> FileError | None:
    """The fault of a version that was changed after it was published; None when it was not, or is not published."""
    known = published_as(golden.path.parent, golden.name, golden.version)
    if known is None or known.content == content_hash(golden):
        return None
    return FileError(
        str(golden.items_path or golden.path),
        f"was changed after version {golden.version} of '{golden.name}' was published ({known.release.name})",
        allowed="a published version as it was: runs and baselines rest on it",
        next_step="restore it from version control; change labels with harness review and harness golden release",
    )
