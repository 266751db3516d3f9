"""Key frames of a clip.

Decides which moments stand for a clip: the middle of every scene (PySceneDetect's adaptive detector), and in a scene
longer than ``every`` seconds one for each such stretch, since a cut is not the only thing that changes. Where these are
more than wanted, they are thinned out evenly and the first and the last stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import FileError
from harness.files.text import shortened
from harness.goldens.clips import library

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST_SIDE = 1024
"""Pixels; chat models scale larger pictures down themselves, and bill for them first."""
QUALITY = 85


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture, and the second it stands for."""

    time: float
    image: Image


@dataclass(frozen=True, slots=True)
class Clip:
    """What a clip's container says: seconds, and whether anything can be heard."""

    path: Path
    seconds: float
    has_sound: bool


def open_clip(path: Path) -> Clip:
    """Look at a clip without decoding it.

    Raises:
        FileError: It cannot be read as a video.
    """
    av = library("av")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise FileError(str(path), "has no picture", allowed="a video", next_step="leave it out")
            stream = container.streams.video[0]
            of_stream = float(stream.duration * stream.time_base) if stream.duration else 0.0
            seconds = of_stream or float(container.duration or 0) / av.time_base
            return Clip(path, seconds, bool(container.streams.audio))
    except (OSError, ValueError) as error:  # av's errors are both
        raise FileError(
            str(path), f"cannot be read as a video: {shortened(str(error))}", next_step="convert it, or leave it out"
        ) from error


def key_times(clip: Clip, *, most: int, every: float) -> list[float]:
    """The seconds of a clip's key frames, rising, at least one and at most ``most``."""
    scenes = _scenes(clip) or [(0.0, clip.seconds)]
    moments: list[float] = []
    for start, end in scenes:
        n = max(1, round((end - start) / every))
        moments += [start + (end - start) * (at + 0.5) / n for at in range(n)]
    return thinned(moments, most)


def thinned(moments: Sequence[float], most: int) -> list[float]:
    """At most so many, evenly, the first and the last among them; the one in the middle where one is wanted.

    >>> thinned([1, 2, 3, 4, 5, 6, 7], 3), thinned([1, 2], 3), thinned([1, 2, 3], 1)
    ([1, 4, 7], [1, 2], [2])
    """
    n = len(moments)
    if n <= most:
        return list(moments)
    if most == 1:
        return [moments[n // 2]]
    return [moments[round(at * (n - 1) / (most - 1))] for at in range(most)]


def _scenes(clip: Clip) -> list[tuple[float, float]]:
    detection = library("scenedetect")
    try:
        video = detection.open_video(str(clip.path), backend="pyav")
        manager = detection.SceneManager()
        manager.add_detector(detection.AdaptiveDetector())
        manager.detect_scenes(video)
        return [(_seconds(start), _seconds(end)) for start, end in manager.get_scene_list()]
    except (OSError, ValueError, detection.VideoOpenFailure) as error:
        raise FileError(
            str(clip.path), f"cannot be decoded: {shortened(str(error))}", next_step="convert it, or leave it out"
        ) from error


def _seconds(timecode: Any) -> float:
    return float(timecode.seconds if hasattr(timecode, "seconds") else timecode.get_seconds())


def frames_at(clip: Clip, times: Sequence[float]) -> Iterator[Frame]:
    """The frame shown at each of the seconds, scaled down; the last one where a clip ends earlier than it says."""
    av = library("av")
    try:
        with av.open(str(clip.path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            start = float((stream.start_time or 0) * stream.time_base)
            waiting = list(times)
            last: Any = None
            for frame in container.decode(stream):
                if last is not None and frame.time is not None:
                    while waiting and frame.time - start > waiting[0]:
                        yield Frame(round(waiting.pop(0), 2), _scaled(last))
                if not waiting:
                    return
                last = frame
            if last is not None:
                for time in waiting:
                    yield Frame(round(time, 2), _scaled(last))
    except (OSError, ValueError) as error:
        raise FileError(
            str(clip.path), f"cannot be decoded: {shortened(str(error))}", next_step="convert it, or leave it out"
        ) from error


def _scaled(frame: Any) -> Image:
    image: Image = frame.to_image()
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return image
