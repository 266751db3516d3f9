"""A Python callable as a candidate: ``package.module:callable``, called with a list of texts.

It returns one score per text (a list of floats, for one category) or one mapping of name -> score per text. Decides how
scores become decisions: ``score >= threshold``, with 0.5 where the eval declares none; all thresholds are part of the
fingerprint. A text on which the callable fails is an ``error`` row; a result of the wrong shape is the user's to mend.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import TYPE_CHECKING, Any

from harness.candidates.names import NameIndex, map_scores
from harness.errors import HarnessError
from harness.files.doors import import_object, source_hash
from harness.files.kinds import Kind, SpecCheck
from harness.files.text import joined, quoted, shortened
from harness.records import CandidateSpec, Item
from harness.records.answers import Answer, Decide

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

Classify = Callable[[list[str]], Iterable[Any]]


class ClassifierCandidate:
    """Scores texts in batches.

    Args:
        candidate_id: Name in the eval file.
        path: ``package.module:callable``, for messages and the fingerprint.
        classify: The callable.
        names: Names of its scores -> categories.
        single: The category of a callable that returns floats; None when it maps through a crosswalk or cannot.
        thresholds: Declared thresholds.
        inputs: Version of the package, for the fingerprint.
    """

    needs_text = True
    models_used: tuple[str, ...] = ()

    def __init__(
        self,
        candidate_id: str,
        path: str,
        classify: Classify,
        names: NameIndex,
        *,
        single: str | None = None,
        thresholds: Mapping[str, float] | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        self.id = candidate_id
        self.categories = names.categories
        self._path = path
        self._classify = classify
        self._names = names
        self._single = single
        self._thresholds = dict.fromkeys(self.categories, DEFAULT_THRESHOLD) | dict(thresholds or {})
        self._kept: dict[str, Mapping[str, float] | str] = {}
        self.fingerprint: Mapping[str, Any] = {
            "kind": "classifier",
            "categories": list(self.categories),
            "classifier": path,
            "thresholds": self._thresholds,
            **(inputs or {}),
        }

    def prepare(self, items: Sequence[Item]) -> None:
        """Score a chunk in one call; when that fails, each item is tried alone."""
        batch = [item for item in items if item.text is not None]
        if not batch:
            return
        while self._kept and len(self._kept) + len(batch) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        found = self._scores([item.text or "" for item in batch])
        if isinstance(found, str):
            for item in batch:
                self._kept[item.id] = self._alone(item)
            return
        self._kept.update(zip((item.id for item in batch), found, strict=True))

    def decide(self, item: Item) -> Decide:
        """Decide by the scores; an item without text is an abstention."""
        return self._answer(item)
        yield []  # makes this a generator; never reached

    def _answer(self, item: Item) -> Answer:
        if item.text is None:
            return Answer("abstained", dict.fromkeys(self.categories), error="the item has no text")
        if item.id not in self._kept:
            self.prepare([item])
        found = self._kept[item.id]
        if isinstance(found, str):
            return Answer("error", error=found)
        decisions = {
            name: int(found[name] >= threshold) if name in found else None
            for name, threshold in self._thresholds.items()
        }
        if None in decisions.values():
            return Answer("unparsed", decisions, found, error="the classifier gave no score for a category")
        return Answer("ok", decisions, found)

    def _alone(self, item: Item) -> Mapping[str, float] | str:
        found = self._scores([item.text or ""])
        return found if isinstance(found, str) else found[0]

    def _scores(self, texts: list[str]) -> list[Mapping[str, float] | str] | str:
        """Scores by category for each text, or why there are none."""
        try:
            returned = list(self._classify(texts))
        except HarnessError:
            raise
        except Exception as error:  # whatever the callable raises is about these texts, and data
            return f"the classifier raised {said(error, texts)}"
        if len(returned) != len(texts):
            raise HarnessError(
                f"classifier '{self._path}' returned {len(returned)} results for {len(texts)} texts",
                allowed="one result per text, in order",
                next_step="correct the callable",
            )
        return [self._mapped(one) for one in returned]

    def _mapped(self, returned: Any) -> Mapping[str, float] | str:
        if isinstance(returned, Mapping):
            unknown = [name for name in returned if not isinstance(name, str) or self._names.resolve(name) is None]
            if unknown:
                raise HarnessError(
                    f"classifier '{self._path}' gave a score for '{shortened(unknown[0])}', which is not known",
                    allowed=joined(self._names.names),
                    next_step="name a crosswalk that maps it, or correct the callable",
                )
            named = {name: _score(score) for name, score in returned.items()}
        elif self._single is not None:
            named = {self._single: _score(returned)}
        elif self._names.has_crosswalk and self._names.resolve(ONE_SCORE) is not None:
            named = {ONE_SCORE: _score(returned)}
        else:
            raise HarnessError(
                f"classifier '{self._path}' returned one score per text, and nothing says for which category",
                allowed=f"a threshold for exactly one category, or a crosswalk from '{ONE_SCORE}'",
                next_step="add thresholds: {CATEGORY: 0.5} to the candidate",
            )
        scores = {name: score for name, score in named.items() if score is not None}
        if len(scores) < len(named):
            return "a score is not a number from 0 to 1"
        return map_scores(self._names, scores)


def said(error: Exception, texts: Sequence[str]) -> str:
    """An exception as one line: its type, and what it says without the items' texts."""
    text = str(error)
    for one in sorted(set(texts), key=len, reverse=True):
        if len(one) >= SHORTEST_HIDDEN:
            text = text.replace(one, "[text]").replace(repr(one)[1:-1], "[text]")
    text = " ".join(text.split())
    text = "".join(one if one.isprintable() else "?" for one in text[:MAX_SAID])
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _score(value: Any) -> float | None:
    """A finite number in [0, 1], else None; NumPy's numbers are numbers."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and 0 <= number <= 1 else None


def build_classifier(builder: Builder, candidate_id: str, spec: CandidateSpec) -> ClassifierCandidate:
    """A Python callable. Without a crosswalk, thresholds name the categories it decides; all of the policy if none."""
    path = spec.value
    classify = import_object(path, what="classifier", folder=builder.loaded.folder)
    if not callable(classify):
        raise HarnessError(
            f"classifier '{path}' is a {type(classify).__name__}",
            allowed="a callable of a list of texts",
            next_step="name a function",
        )
    names = builder.names(spec)
    builder.require_decided(candidate_id, spec, names)
    single = None
    if spec.crosswalk is None:
        categories = [name for name in names.categories if not spec.thresholds or name in spec.thresholds]
        names = NameIndex(categories)
        single = categories[0] if len(categories) == 1 else None
    return ClassifierCandidate(
        candidate_id,
        path,
        classify,
        names,
        single=single,
        thresholds=spec.thresholds,
        inputs={**_package(path), "source": source_hash(path, classify), **builder.mapping(spec)},
    )


def _package(path: str) -> Mapping[str, str]:
    """Name and version of the installed package behind a callable, where there is one."""
    top = path.partition(":")[0].partition(".")[0]
    names = sorted(packages_distributions().get(top, ()))
    try:
        return {"package": f"{names[0]}=={version(names[0])}"} if names else {}
    except PackageNotFoundError:
        return {}


_CALLABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def _check(check: SpecCheck) -> None:
    value = check.spec.value
    if not _CALLABLE.fullmatch(value):
        check.add(("classifier",), f"is {quoted(value)}", "package.module:callable", "name the callable to import")


CLASSIFIER = Kind(
    build_classifier,
    takes=frozenset(("crosswalk", "thresholds")),
    check=_check,
    imports=lambda loaded, spec: [("classifier", spec.value)],
)
