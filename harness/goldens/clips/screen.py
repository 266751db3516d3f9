"""What stands on the screen, by RapidOCR on the key frames.

Decides how sure a reading must be, and that a caption which stays on the screen is written down once, with the second
at which it was first seen.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from harness.goldens.clips import library
from harness.goldens.clips.frames import Frame

LEAST_SURE = 0.5


class Screen:
    """Reads texts on frames; its models come inside the wheel."""

    def __init__(self) -> None:
        rapidocr = library("rapidocr")
        logging.getLogger("RapidOCR").setLevel(logging.WARNING)
        self._read = rapidocr.RapidOCR(params={"Global.log_level": "warning"})

    def seen(self, frames: Iterable[Frame]) -> list[dict[str, Any]]:
        """Texts ``{time, text}`` in the order of the frames."""
        import numpy as np

        found: list[dict[str, Any]] = []
        before = ""
        for frame in frames:
            read = self._read(np.asarray(frame.image.convert("RGB"))[:, :, ::-1])
            pairs = zip(read.txts or (), read.scores or (), strict=False)
            text = " ".join(said.strip() for said, sure in pairs if sure >= LEAST_SURE and said.strip())
            if text and text != before:
                found.append({"time": frame.time, "text": text})
            before = text
        return found
