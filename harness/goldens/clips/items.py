"""Clips -> rows of a golden set: one item a clip, its frames as files beside the items.

Decides an item's id (the file's name without its ending), where frames are kept, and that a clip which is in the items
already is not read again, so that a stopped command goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from harness.errors import FileError, HarnessError
from harness.files.text import shortened
from harness.goldens.clips.frames import QUALITY, frames_at, key_times, open_clip
from harness.goldens.clips.screen import Screen
from harness.goldens.clips.speech import Speech

ENDINGS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".3gp", ".flv", ".ts")


@dataclass(slots=True)
class Readers:
    """What is read of a clip.

    Attributes:
        every: Seconds of one scene that one frame may stand for.
        speech: Writes down what is said; None leaves it out.
        screen: Reads what is written; None leaves it out.
    """

    most: int = 8
    every: float = 10.0
    speech: Speech | None = None
    screen: Screen | None = None


@dataclass(slots=True)
class Made:
    """What became of the clips."""

    n_new: int = 0
    n_known: int = 0
    failed: list[FileError] = field(default_factory=list)


def clips_in(paths: Sequence[Path]) -> list[Path]:
    """Clips named, and those in folders, by name.

    Raises:
        HarnessError: Nothing there is a clip, or two clips have one name.
    """
    found = [
        one
        for path in paths
        for one in (sorted(path.iterdir()) if path.is_dir() else [path])
        if not path.is_dir() or one.suffix.lower() in ENDINGS
    ]
    if not found:
        raise HarnessError(
            f"no clip in {', '.join(map(str, paths))}", allowed=f"files ending in {', '.join(ENDINGS)}",
            next_step="name the clips",
        )  # fmt: skip
    names: dict[str, Path] = {}
    for path in found:
        same = names.setdefault(path.stem, path)
        if same != path:
            raise HarnessError(
                f"{same} and {path} would both be item '{path.stem}'", allowed="one clip a name",
                next_step="rename one of them",
            )  # fmt: skip
    return found


def add_clips(
    clips: Sequence[Path], items: Path, readers: Readers, told: Callable[[Path, int], None] = lambda path, left: None
) -> Made:
    """Append an item for each clip that has none; what cannot be read is left out and named.

    Frames go into ``frames/`` beside ``items``, a JSONL file; ``told`` is called before each clip with the number that
    is left.

    Raises:
        HarnessError: The items file holds something else than items.
    """
    known = set(_known(items))
    made = Made()
    items.parent.mkdir(parents=True, exist_ok=True)
    for at, path in enumerate(clips):
        told(path, len(clips) - at)
        if path.stem in known:
            made.n_known += 1
            continue
        try:
            row = _row(path, items.parent, readers)
        except FileError as error:
            made.failed.append(error)
            continue
        with items.open("ab") as out:
            out.write(orjson.dumps(row) + b"\n")
        made.n_new += 1
    return made


def _known(items: Path) -> Iterator[str]:
    if not items.is_file():
        return
    with items.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield str(orjson.loads(line)["id"])
            except (orjson.JSONDecodeError, KeyError, TypeError):
                raise FileError(
                    str(items), "holds no item", line=number, allowed="JSON Lines with an id each",
                    next_step="name another file: --to",
                ) from None  # fmt: skip


def _row(path: Path, home: Path, readers: Readers) -> dict[str, Any]:
    clip = open_clip(path)
    frames = list(frames_at(clip, key_times(clip, most=readers.most, every=readers.every)))
    if not frames:
        raise FileError(str(path), "holds no frame", next_step="leave it out")
    folder = home / "frames" / path.stem
    folder.mkdir(parents=True, exist_ok=True)
    shown = []
    for number, frame in enumerate(frames, start=1):
        file = folder / f"{number:02}.jpg"
        frame.image.convert("RGB").save(file, "JPEG", quality=QUALITY)
        shown.append({"file": file.relative_to(home).as_posix(), "time": frame.time})
    transcript: list[dict[str, Any]] = []
    language = None
    if readers.speech is not None and clip.has_sound:
        transcript, language = readers.speech.heard(path)
    meta: dict[str, Any] = {"clip": shortened(path.name), "seconds": round(clip.seconds, 2)}
    with path.open("rb") as file_:
        meta["sha256"] = hashlib.file_digest(file_, "sha256").hexdigest()
    if language is not None:
        meta["spoken"] = language
    row: dict[str, Any] = {"id": path.stem, "text": None, "labels": {}, "frames": shown, "meta": meta}
    if readers.speech is not None:
        row["transcript"] = transcript
    if readers.screen is not None:
        row["ocr"] = readers.screen.seen(frames)
    return row
