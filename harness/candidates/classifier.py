"""A classifier as a candidate: ``package.module:callable``, a model file, or a ``transformers`` pipeline.

It returns one score per text (a list of floats, for one category) or one mapping of name -> score per text. Decides how
scores become decisions: ``score >= threshold``, with 0.5 where the eval declares none; all thresholds are part of the
fingerprint. A text on which the callable fails, or computes beyond ``timeout_s``, is an ``error`` row; a result of the
wrong shape is the user's to mend (``results``). It runs in a process of its own (``worker``), a chunk of items at a
time; what model files hold is ``estimators``'.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from harness.candidates.bases import Local
from harness.candidates.estimators import PICKLES, SKOPS, TRANSFORMERS, is_file
from harness.candidates.names import NameIndex, apply_thresholds, loose, map_scores
from harness.candidates.results import listed, require_shape, score_of
from harness.candidates.worker import NoResultError, StoppedError, Worker, WorkerError
from harness.errors import HarnessError
from harness.files.doors import import_object, source_hash
from harness.files.kinds import Kind, SpecCheck
from harness.files.text import joined, quoted, shortened
from harness.records import Bounds, CandidateSpec, Item
from harness.records.answers import NOT_ASKED, Answer
from harness.records.evals import Threshold

if TYPE_CHECKING:
    from harness.candidates.build import Builder

DEFAULT_THRESHOLD = 0.5
ONE_SCORE = "score"
"""Name under which a crosswalk maps the one score of a callable that returns floats."""
MAX_SAID = 300
"""Characters kept of what an exception says."""
SHORTEST_HIDDEN = 3
"""Shorter texts of items cannot be told from words of the message."""
MAX_KEPT = 65_536
"""Scores of that many items are kept between ``prepare`` and ``decide``."""
DEFAULT_TIMEOUT_S = 300.0
"""One call of the callable, which may load a model: as long as an item may take at an endpoint."""
MOST_LATE = 3
"""Calls that gave no result in their time, before any that did: then it is not the texts."""
FEWER = 4
"""After a call that took too long the next ones hold a fourth of its texts: the callable may only be slow."""

Classify = Callable[[list[str]], Any]


class ClassifierCandidate(Local):
    """Scores texts in batches.

    Args:
        path: ``package.module:callable``, for messages and the fingerprint.
        names: Names of its scores -> categories.
    """

    needs_text = True
    prepares_aside = True
    """The runner lets it prepare beside its loop: it waits for another process."""

    def __init__(
        self,
        candidate_id: str,
        path: str,
        classify: Classify,
        names: NameIndex,
        *,
        thresholds: Mapping[str, Threshold] | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        self.id = candidate_id
        self.categories = names.categories
        self._path = path
        self._classify = classify
        self._names = names
        self._thresholds: dict[str, Threshold] = dict.fromkeys(self.categories, DEFAULT_THRESHOLD)
        self._thresholds |= thresholds or {}
        self._kept: dict[str, Mapping[str, float] | str] = {}
        self._most_texts = MAX_KEPT
        self._late: dict[str, str] = {}
        self._has_answered = False
        self.fingerprint: Mapping[str, Any] = {
            "kind": "classifier",
            "categories": list(self.categories),
            "classifier": path,
            "thresholds": self._thresholds,
            **(inputs or {}),
        }

    def prepare(self, items: Sequence[Item]) -> None:
        """Score a chunk in one call; when that fails, each item is tried alone. After ``stop_computing``, nothing."""
        batch = [item for item in items if item.text is not None]
        while self._kept and len(self._kept) + len(batch) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        with suppress(StoppedError):
            while batch:
                part, batch = batch[: self._most_texts], batch[self._most_texts :]
                self._score(part)

    def _score(self, part: Sequence[Item]) -> None:
        found = self._scores([item.text or "" for item in part])
        if not isinstance(found, str):
            self._kept.update(zip((item.id for item in part), found, strict=True))
            return
        for item in part:  # a stop keeps those before
            self._kept[item.id] = self._alone(item)

    def stop_computing(self) -> None:
        """End a call that is under way, and make no other."""
        stop = getattr(self._classify, "stop", None)
        if stop is not None:
            stop()

    def _answer(self, item: Item) -> Answer:
        if item.text is None:
            return Answer("abstained", dict.fromkeys(self.categories), error="the item has no text")
        if item.id not in self._kept:
            self.prepare([item])
        found = self._kept.get(item.id)
        if found is None:
            return Answer(NOT_ASKED, error="the run was stopped")
        if isinstance(found, str):
            return Answer("error", error=found)
        decisions = apply_thresholds(dict.fromkeys(self._thresholds), found, self._thresholds)
        if None in decisions.values():
            return Answer("unparsed", decisions, found, error="the classifier gave no score for a category")
        return Answer("ok", decisions, found)

    def _alone(self, item: Item) -> Mapping[str, float] | str:
        text = item.text or ""
        found = self._late.get(text) or self._scores([text])
        return found if isinstance(found, str) else found[0]

    def _scores(self, texts: list[str]) -> list[Mapping[str, float] | str] | str:
        """Scores by category for each text, or why there are none."""
        try:
            returned = listed(self._path, self._classify(texts), len(texts))
        except (HarnessError, StoppedError):
            raise
        except NoResultError as error:
            return self._too_late(texts, f"classifier '{self._path}' {error}")
        except Exception as error:  # whatever the callable raises is about these texts, and data
            return f"the classifier raised {said(error, texts)}"
        self._has_answered = True
        require_shape(self._path, returned)
        return [self._mapped(one) for one in returned]

    def _too_late(self, texts: list[str], reason: str) -> str:
        """Ask for fewer texts at a time, and not again for one that took too long alone."""
        if len(texts) > 1:
            self._most_texts = max(1, len(texts) // FEWER)
            return reason
        self._late[texts[0]] = reason
        if not self._has_answered and len(self._late) >= MOST_LATE:
            raise HarnessError(
                f"{reason}, for {MOST_LATE} texts one after the other",
                allowed="a callable that returns; timeout_s says how long one call may take",
                next_step="call it on one text by hand, or give the candidate a longer timeout_s",
            )
        return reason

    def _mapped(self, returned: Any) -> Mapping[str, float] | str:
        """Scores by category, or which of them is none."""
        named = self._known(returned) if isinstance(returned, Mapping) else {self._one_name(): returned}
        scores: dict[str, float] = {}
        for name, value in named.items():
            score = score_of(value)
            if isinstance(score, str):
                return f"the score {score} is not a number from 0 to 1"
            scores[name] = score
        return map_scores(self._names, scores)

    def _one_name(self) -> str:
        """The name of the one score of a text."""
        if not self._names.has_crosswalk and len(self.categories) == 1:
            return self.categories[0]
        if not self._names.has_crosswalk or self._names.resolve(ONE_SCORE) is None:
            raise HarnessError(
                f"classifier '{self._path}' returned one score per text, and nothing says for which category",
                allowed=f"a threshold for exactly one category, or a crosswalk from '{ONE_SCORE}'",
                next_step="add thresholds: {CATEGORY: 0.5} to the candidate",
            )
        return ONE_SCORE

    def _known(self, returned: Mapping[str, Any]) -> Mapping[str, Any]:
        """Scores of known names: where each name of a crosswalk has one, other classes of a model mean no category."""
        unknown = [name for name in returned if not isinstance(name, str) or self._names.resolve(name) is None]
        if not unknown:
            return returned
        given = {loose(str(name)) for name in returned}
        lacking = next((name for name in self._names.names if loose(name) not in given), None)
        if lacking is not None or not self._names.has_crosswalk:
            beside = f"; the crosswalk's '{shortened(lacking or '')}' has none" if self._names.has_crosswalk else ""
            raise HarnessError(
                f"classifier '{self._path}' gave a score for '{shortened(unknown[0])}', which is not known{beside}",
                allowed=joined(self._names.names),
                next_step="name a crosswalk that maps it, or correct the callable",
            )
        return {name: score for name, score in returned.items() if name not in unknown}


def said(error: Exception, texts: Sequence[str]) -> str:
    """An exception as one line: its type, and what it says without the items' texts."""
    text = str(error)
    for one in sorted(set(texts), key=len, reverse=True):
        if len(one) >= SHORTEST_HIDDEN:
            text = text.replace(one, "[text]").replace(repr(one)[1:-1], "[text]")
    text = " ".join(text.split())
    text = "".join(one if one.isprintable() else "?" for one in text[:MAX_SAID])
    kind = error.kind if isinstance(error, WorkerError) else type(error).__name__
    return f"{kind}: {text}" if text else kind


def build_classifier(builder: Builder, candidate_id: str, spec: CandidateSpec) -> ClassifierCandidate:
    """A Python callable. Without a crosswalk, thresholds name the categories it decides; all of the policy if none."""
    path, folder = spec.value, builder.loaded.folder
    trusted = list(spec.options.get("trusted") or ())
    inputs = _file_facts(path, folder) if is_file(path) or path.startswith(TRANSFORMERS) else _code_facts(path, folder)
    timeout_s = float(spec.options.get("timeout_s") or DEFAULT_TIMEOUT_S)
    classify = Worker({"path": path, "folder": str(folder), "trusted": trusted}, timeout_s=timeout_s)
    names = builder.names(spec)
    builder.require_decided(candidate_id, spec, names)
    if spec.crosswalk is None:
        names = NameIndex(name for name in names.categories if not spec.thresholds or name in spec.thresholds)
    inputs |= {**({"trusted": trusted} if trusted else {}), **builder.mapping(spec)}
    return ClassifierCandidate(candidate_id, path, classify, names, thresholds=spec.thresholds, inputs=inputs)


def _code_facts(path: str, folder: Path) -> dict[str, Any]:
    """Hash of a callable's source, and name and version of the installed package behind it, where there is one."""
    found = import_object(path, what="classifier", folder=folder)
    if not callable(found):
        raise HarnessError(
            f"classifier '{path}' is a {type(found).__name__}",
            allowed="a callable of a list of texts",
            next_step="name a function",
        )
    facts = {}
    if names := sorted(packages_distributions().get(path.partition(":")[0].partition(".")[0], ())):
        with suppress(PackageNotFoundError):
            facts["package"] = f"{names[0]}=={version(names[0])}"
    return {**facts, "source": source_hash(path, found)}


def _file_facts(path: str, folder: Path) -> dict[str, Any]:
    """Hash of a model file, and the version of the library that reads it."""
    library = next((name for ending, name in LIBRARIES.items() if path.endswith(ending)), "transformers")
    facts: dict[str, Any] = {}
    with suppress(PackageNotFoundError):  # loading says how to install it
        facts["package"] = f"{library}=={version(library)}"
    file = folder / path
    if is_file(path) and not file.is_file():
        raise HarnessError(
            f"classifier '{path}' is not there", allowed="a path relative to the eval", next_step="correct the path"
        )
    if path.startswith(TRANSFORMERS):
        file = folder / path.removeprefix(TRANSFORMERS)
    if file.exists():
        facts["source"] = _hash_of(
            [file] if file.is_file() else sorted(one for one in file.rglob("*") if one.is_file())
        )
    return facts


def _hash_of(files: Sequence[Path]) -> str:
    """Hash of model files: one trained again in the same place is another model."""
    digest = hashlib.sha256()
    for one in files:
        with one.open("rb") as content:
            digest.update(f"{one.name}\0{hashlib.file_digest(content, 'sha256').hexdigest()}\0".encode())
    return digest.hexdigest()[:12]


LIBRARIES = {".skops": "scikit-learn", ".onnx": "onnxruntime"}
_CALLABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def _check(check: SpecCheck) -> None:
    value, has_trusted = check.spec.value, bool(check.spec.options.get("trusted"))
    if value.endswith(PICKLES):
        found = f"is {quoted(value)}, a pickle, which runs whatever it says when it is read"
        hint = "write it as skops (skops.io.dump), or load it yourself in a callable"
        check.add(("classifier",), found, "a .skops or .onnx file, package.module:callable", hint)
    elif not (is_file(value) or value.startswith(TRANSFORMERS) or _CALLABLE.fullmatch(value)):
        allowed = "package.module:callable, a .skops or .onnx file, or transformers:NAME"
        check.add(("classifier",), f"is {quoted(value)}", allowed, "name the callable to import")
    if has_trusted and not value.endswith(SKOPS):
        check.add(("trusted",), f"is given for {quoted(value)}", "trusted types with a .skops file", "remove it")


CLASSIFIER = Kind(
    build_classifier,
    takes=frozenset(("crosswalk", "thresholds")),
    fields={"trusted": tuple[str, ...], "timeout_s": Annotated[float, Bounds(gt=0)]},
    check=_check,
    imports=lambda loaded, spec: [("classifier", spec.value)] if _CALLABLE.fullmatch(spec.value) else [],
)
