"""Trained models as callables of texts: scikit-learn through skops, ONNX, ``transformers`` pipelines; any callable.

Decides which files are read and how, and what their outputs are called. A skops file is read with the types that the
eval lists under ``trusted``, and none beside; pickles (``.pkl``, ``.joblib``) run whatever they say and are not read at
all. The libraries are extras, imported when a model is loaded.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.files.doors import import_object
from harness.files.text import joined

SKOPS, ONNX = ".skops", ".onnx"
PICKLES = (".pkl", ".pickle", ".joblib", ".dill")
TRANSFORMERS = "transformers:"

BATCH_TEXTS = 32
"""Texts that a pipeline computes together, padded to one length; a tokenizer without padding takes them one by one."""
DIGITS = 6
"""Kept of its scores: what stands beside a text in its batch moves the seventh."""

Call = Callable[[list[str]], Sequence[Any]]


def is_file(path: str) -> bool:
    """Whether a classifier's value names a model file rather than a callable."""
    return path.endswith((SKOPS, ONNX, *PICKLES))


def load(spec: Mapping[str, Any], folder: Path | None) -> Call:
    """The callable of a spec: its ``path``, and ``trusted`` types for skops.

    Raises:
        HarnessError: A library is missing, the file cannot be read, or holds types that are not trusted.
    """
    path = str(spec["path"])
    if path.startswith(TRANSFORMERS):
        return _pipeline(path.removeprefix(TRANSFORMERS), folder)
    if path.endswith(SKOPS):
        return _skops(_existing(path, folder), list(spec.get("trusted") or ()))
    if path.endswith(ONNX):
        return _onnx(_existing(path, folder))
    found: Call = import_object(path, what="classifier", folder=folder)
    return found


def _existing(path: str, folder: Path | None) -> Path:
    found = (folder or Path()) / path
    if not found.is_file():
        raise HarnessError(
            f"there is no file {path}", allowed="a path relative to the eval", next_step="correct the path"
        )
    return found


def _library(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise HarnessError(
            f"the library {name} is not installed",
            allowed=f"the extra '{extra}'",
            next_step=f"pip install 'moderation-harness[{extra}]'",
        ) from None


def _skops(path: Path, trusted: list[str]) -> Call:
    io = _library("skops.io", "sklearn")
    try:
        unknown = [name for name in io.get_untrusted_types(file=path) if name not in trusted]
    except Exception as error:  # of a damaged archive: zipfile's, json's, skops' own
        raise _unreadable(path, error) from None
    if unknown:
        raise HarnessError(
            f"{path.name} holds types that are not trusted: {joined(unknown)}",
            allowed="scikit-learn's own types, and those listed under 'trusted'",
            next_step=f"if you know where the file is from: trusted: [{', '.join(unknown)}]",
        )
    try:
        model = io.load(path, trusted=trusted)
    except Exception as error:  # and those of every type that is rebuilt
        raise _unreadable(path, error) from None
    if not hasattr(model, "predict_proba"):
        raise HarnessError(
            f"{path.name} holds a {type(model).__name__}, which has no predict_proba",
            allowed="a classifier with probabilities over texts (a pipeline that begins with a vectoriser)",
            next_step="wrap it in CalibratedClassifierCV, or write a callable",
        )
    classes = [str(one) for one in model.classes_]
    return lambda texts: _named(model.predict_proba(texts), classes)


def _onnx(path: Path) -> Call:
    runtime = _library("onnxruntime", "onnx")
    try:
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's classes have no base of their own
        raise _without_locale(path, error) or _unreadable(path, error) from None
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(string)":
        shown = ", ".join(f"{one.name} {one.type}" for one in inputs)
        raise HarnessError(
            f"{path.name} takes {shown}",
            allowed="one input of texts, tensor(string)",
            next_step="convert it with its vectoriser, or write a callable that tokenises the texts",
        )
    import numpy as np

    name, width = inputs[0].name, len(inputs[0].shape or (None,))

    def call(texts: list[str]) -> Sequence[Any]:
        given = np.array(texts, dtype=object).reshape((-1, 1) if width == 2 else (-1,))
        found = session.run([one.name for one in outputs], {name: given})
        scores = found[-1]
        if isinstance(scores, list):  # zipmap: one mapping of class -> probability a text
            classes = list(scores[0]) if scores else []
            return _named([[one[key] for key in classes] for one in scores], [str(key) for key in classes])
        columns = scores.reshape(len(texts), -1)
        return _named(columns, [str(at) for at in range(columns.shape[1])])

    return call


def _pipeline(name: str, folder: Path | None) -> Call:
    transformers = _library("transformers", "transformers")
    local = (folder or Path()) / name
    model, _, revision = (str(local), "", "") if local.is_dir() else name.partition("@")
    try:
        pipe = transformers.pipeline(
            "text-classification",
            model=model,
            top_k=None,
            truncation=True,
            **({"revision": revision} if revision else {}),
        )
    except Exception as error:  # of torch, of the hub's client, of whatever the model's own files import
        raise HarnessError(
            f"the pipeline {name} cannot be loaded: {type(error).__name__}: {str(error)[:200]}",
            allowed="a folder beside the eval, or a name of the hub with its revision: NAME@REVISION",
            next_step="load it by hand: transformers.pipeline('text-classification', ...)",
        ) from None
    n_together = BATCH_TEXTS if getattr(pipe.tokenizer, "pad_token_id", None) is not None else 1
    return lambda texts: [
        {one["label"]: round(one["score"], DIGITS) for one in found}
        for found in pipe(list(texts), batch_size=n_together)
    ]


def _named(rows: Any, classes: Sequence[str]) -> list[Any]:
    """Two classes give the second one's probability as one score; more give a score for each."""
    if len(classes) == 1:
        return [float(row[0]) for row in rows]
    if len(classes) == 2:
        return [float(row[1]) for row in rows]
    return [dict(zip(classes, (float(value) for value in row), strict=True)) for row in rows]


def _without_locale(path: Path, error: Exception) -> HarnessError | None:
    """The file is whole, and the machine lacks what its text step wants, as slim images do."""
    found = re.search(r"locale with name:([\w.@-]+?)(?=:|$)", str(error))
    if found is None:
        return None
    return HarnessError(
        f"{path.name} lowers or filters texts in the locale {found[1]}, which this machine does not have",
        allowed="a machine with that locale, or a model that takes texts as they are",
        next_step=f"install it (Debian: apt-get install locales, then localedef -i {found[1].partition('.')[0]}"
        f" -f UTF-8 {found[1]}), or convert the model from a vectoriser with lowercase=False",
    )


def _unreadable(path: Path, error: Exception) -> HarnessError:
    return HarnessError(
        f"{path.name} cannot be read: {type(error).__name__}: {str(error)[:200]}",
        allowed="a file that this version of its library can read",
        next_step="write it again with the installed version",
    )
