"""Eval file -> ``LoadedEval``: the eval with everything it names, loaded and checked against each other.

Decides which references between files hold. What each file may say is decided by its own reader; building candidates
and running them is left to ``candidates`` and the runner.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from msgspec import structs

from harness.core.metric_table import gate_metric, gate_metrics_words, metrics_on
from harness.core.operating_metrics import operating_metric
from harness.errors import FileError, GroupedError, HarnessError, raise_all
from harness.files.candidate_specs import check_against_policy, check_models, check_spec, check_uses, spec_trees, typed
from harness.files.decode import require_name, require_names, to_record
from harness.files.default_baseline import default_baseline
from harness.files.golden.checked import CheckedSet
from harness.files.golden.sets import GoldenSet, load_golden
from harness.files.kinds import SpecCheck, kind_named
from harness.files.models import load_models
from harness.files.must_catch import WHAT, load_must_catch
from harness.files.policy import load_policy
from harness.files.prompts import load_prompt
from harness.files.rules import load_rules
from harness.files.schema import Loc
from harness.files.text import joined, missing_hint, require_file, shortened, suggestion, with_article
from harness.files.yaml import Document, read_yaml
from harness.records import Eval, Loaded, Model, Policy, Prompt, RuleSet

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoadedEval:
    """An eval and all it names; ``named`` holds what candidates of each kind name, by the path as written."""

    eval: Loaded[Eval]
    policy: Loaded[Policy]
    golden: GoldenSet
    models: Loaded[Mapping[str, Model]] | None
    must_catch: Loaded[tuple[str, ...]] | None = None
    named: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def prompts(self) -> Mapping[str, Loaded[Prompt]]:
        """Prompts by path."""
        return self.named.get("prompt", {})

    @property
    def rules(self) -> Mapping[str, Loaded[RuleSet]]:
        """Rule sets by path."""
        return self.named.get("rules", {})

    @property
    def recorded(self) -> Mapping[str, Path]:
        """Files of recorded decisions by path."""
        return self.named.get("recorded", {})

    @property
    def folder(self) -> Path:
        """The folder that the eval's paths start from."""
        return self.eval.path.parent


class Shelf:
    """Files already read, so that one file named by many others is read once.

    Args:
        cache_dir: ``load_golden``'s.
        goldens: What ``goldens`` gave in another process.
    """

    def __init__(
        self,
        cache_dir: Path | None = None,
        goldens: Mapping[tuple[Any, ...], CheckedSet] | None = None,
    ) -> None:
        self._cache_dir = cache_dir
        here = {key: one.here() for key, one in (goldens or {}).items()}
        self._read: dict[tuple[Any, ...], Any] = {key: one for key, one in here.items() if one is not None}

    def goldens(self) -> dict[tuple[Any, ...], CheckedSet]:
        """The golden sets that were read, for other processes."""
        read = {key: CheckedSet.of(one) for key, one in self._read.items() if isinstance(one, GoldenSet)}
        return {key: one for key, one in read.items() if one is not None}

    def policy(self, path: Path) -> Loaded[Policy]:
        """A policy by path."""
        return self._once(("policy", path), lambda: load_policy(path))

    def prompt(self, path: Path) -> Loaded[Prompt]:
        """A prompt by path."""
        return self._once(("prompt", path), lambda: load_prompt(path))

    def rules(self, path: Path) -> Loaded[RuleSet]:
        """A rule set by path."""
        return self._once(("rules", path), lambda: load_rules(path))

    def models(self, path: Path) -> Loaded[Mapping[str, Model]]:
        """A models file by path."""
        return self._once(("models", path), lambda: load_models(path))

    def golden(self, path: Path, policy: Loaded[Policy] | None) -> GoldenSet:
        """A golden set by card and policy."""
        key = ("golden", path, None if policy is None else policy.sha256)
        value = None if policy is None else policy.value
        return self._once(key, lambda: load_golden(path, value, cache_dir=self._cache_dir))

    def _once(self, key: tuple[Any, ...], read: Callable[[], T]) -> T:
        if key not in self._read:
            try:
                self._read[key] = read()
            except HarnessError as error:
                self._read[key] = error
        found = self._read[key]
        if isinstance(found, HarnessError):
            raise found
        return cast("T", found)


def load_eval(path: str | Path, *, shelf: Shelf | None = None) -> LoadedEval:
    """Read an eval and everything it names.

    ``shelf`` holds files already read, when several evals are checked together.
    """
    document = read_yaml(Path(path), what="eval", kind="eval")
    tree, faults = spec_trees(document)
    spec = to_record(document, Eval, tree, what="eval")
    values = {name: typed(document, name, one) for name, one in spec.candidates.items() if one.kind}
    candidates = {
        name: structs.replace(one, value=values[name]) if one.kind else one for name, one in spec.candidates.items()
    }
    spec = structs.replace(spec, candidates=candidates)
    return _Resolver(document, spec, shelf or Shelf(), faults).resolve()


class _Resolver:
    """Follows the references of one eval and collects every fault before raising."""

    def __init__(self, document: Document, spec: Eval, shelf: Shelf, faults: Sequence[HarnessError]) -> None:
        self.document = document
        self.spec = spec
        self.shelf = shelf
        self.errors: list[HarnessError] = list(faults)
        self.checks = {
            name: SpecCheck(document, name, one, spec.candidates, self.errors)
            for name, one in spec.candidates.items()
            if one.kind
        }

    def resolve(self) -> LoadedEval:
        spec, document = self.spec, self.document
        self.errors += document.errors(require_name(("eval",), spec.eval))
        for name in spec.candidates:
            self.errors += document.errors(require_name(("candidates", name), name))
            if name in self.checks:
                check_spec(self.checks[name])
        check_uses(self.checks, spec.candidates)
        self._check_baseline()
        self._check_gate_shape()
        policy = self._load(("policy",), spec.policy, "policy", self.shelf.policy)
        golden = None
        if policy is not None:
            golden = self._load(
                ("golden_set",),
                spec.golden_set,
                "golden set card",
                lambda path: self.shelf.golden(path, policy),
            )
        must_catch = None
        if golden is not None:
            must_catch = self._load_must_catch(golden)
            golden = golden if must_catch is None else golden.with_must_catch(must_catch.value)
        named = self._load_named()
        models = self._load_models()
        for check in self.checks.values() if models is not None else ():
            check_models(check, models.value if models is not None else {}, spec.models)
        if policy is not None:
            for check in self.checks.values():
                check_against_policy(check, policy.value)
            self._check_gate_categories(policy.value)
            card = None if golden is None else golden.card
            for name, files in named.items():
                about = kind_named(name).file
                for one in files.values():
                    self.errors += () if about is None else about.fits(one, policy.value, card)
        if golden is not None and spec.slices is not None:
            for at, name in enumerate(spec.slices):
                known, where = list(golden.card.slices), "the golden set's card"
                faults = require_names(("slices", at), [name], known, noun="slice", where=where)
                self.errors += document.errors(faults)
        self.errors.sort(key=self._place)
        raise_all(_once_each(self.errors))
        assert policy is not None
        assert golden is not None
        resolved = structs.replace(spec, baseline=default_baseline(spec.baseline, list(spec.candidates)))
        return LoadedEval(
            eval=Loaded(resolved, document.path, document.sha256),
            policy=policy,
            golden=golden,
            models=models,
            must_catch=must_catch,
            named=named,
        )

    def _place(self, error: HarnessError) -> tuple[bool, int]:
        """The eval's own faults first, by line; then those of the files it names, as they came."""
        is_own = isinstance(error, FileError) and error.path == str(self.document.path)
        return not is_own, (error.line or 0) if is_own and isinstance(error, FileError) else 0

    # --------------------------------------------------------------------------------------------- files it names

    def _load(self, loc: Loc, written: str, what: str, load: Callable[[Path], T]) -> T | None:
        """Load a file the eval names; that it cannot be opened is a fault of the line that names it."""
        path = Path(os.path.normpath(self.document.path.parent / written))
        try:
            require_file(path, what=what)
        except FileError as error:
            self.errors.append(
                self.document.error(
                    loc,
                    f"names {shortened(path)}, which {error.found}",
                    allowed=f"the path of {with_article(what)}, relative to this file",
                    next_step=missing_hint(path) or "check the path",
                )
            )
            return None
        try:
            return load(path)
        except GroupedError as error:
            self.errors += error.errors
        except HarnessError as error:
            self.errors.append(error)
        return None

    def _load_named(self) -> dict[str, dict[str, Any]]:
        """What the candidates name, by kind and path: each path is read once."""
        found: dict[str, dict[str, Any]] = {}
        tried: set[tuple[str, str]] = set()
        for name, check in self.checks.items():
            kind, written = check.spec.kind, check.spec.value
            about = kind_named(kind).file
            if about is None or (kind, written) in tried:
                continue
            tried.add((kind, written))
            files = found.setdefault(kind, {})
            value = self._load(
                ("candidates", name, kind), written, about.what, functools.partial(about.read, self.shelf)
            )
            if value is not None:
                files[written] = value
        return found

    def _load_must_catch(self, golden: GoldenSet) -> Loaded[tuple[str, ...]] | None:
        """The eval's own list of ids."""
        if self.spec.must_catch is None:
            return None
        return self._load(("must_catch",), self.spec.must_catch, WHAT, lambda path: load_must_catch(path, golden))

    def _load_models(self) -> Loaded[Mapping[str, Model]] | None:
        users = [name for name, check in self.checks.items() if kind_named(check.spec.kind).models(check.spec)]
        if not users:
            return None
        loc: Loc = ("models",) if "models" in self.document.data else ("candidates", users[0])
        return self._load(loc, self.spec.models, "models file", self.shelf.models)

    # ----------------------------------------------------------------------------------------------- the eval itself

    def _check_baseline(self) -> None:
        names = list(self.spec.candidates)
        baseline = self.spec.baseline
        if baseline is not None:
            faults = require_names(("baseline",), [baseline], names, noun="candidate", where="this eval")
            self.errors += self.document.errors(faults)

    def _check_gate_shape(self) -> None:
        for at, check in enumerate(self.spec.gate.checks if self.spec.gate else ()):
            if gate_metric(check.metric) is None:
                self._add(
                    ("gate", "checks", at, "metric"),
                    f"is '{shortened(check.metric)}'",
                    gate_metrics_words(),
                    suggestion(check.metric, metrics_on("gate"), "use one of these"),
                )
            elif operating_metric(check.metric) is not None and self.spec.split is None:
                self._add(
                    ("gate", "checks", at, "metric"),
                    f"is '{shortened(check.metric)}', and the eval declares no split: its threshold would be chosen on "
                    "the items it is judged by",
                    "a split, whose dev part chooses and whose gate part judges",
                    "add for example: split: {dev: 0.4, by: group, seed: 7}",
                )
            if (check.margin is None) == (check.floor is None):
                self._add(
                    ("gate", "checks", at),
                    "has neither margin nor floor" if check.margin is None else "has both margin and floor",
                    "margin (against the baseline) or floor (on its own), one of the two",
                    "add one" if check.margin is None else "make two checks of it",
                )

    def _check_gate_categories(self, policy: Policy) -> None:
        ids, where = policy.category_ids, f"policy '{policy.policy}'"
        for at, check in enumerate(self.spec.gate.checks if self.spec.gate else ()):
            if check.category != "*" and check.category not in ids:
                self._add(
                    ("gate", "checks", at, "category"),
                    f"names the category '{shortened(check.category)}', which {where} does not have",
                    f"* or {joined(ids)}",
                    suggestion(check.category, ids, "correct the name"),
                )

    def _add(self, loc: Loc, found: str, allowed: str, next_step: str) -> None:
        self.errors.append(self.document.error(loc, found, allowed=allowed, next_step=next_step))


def _once_each(errors: Sequence[HarnessError]) -> list[HarnessError]:
    """Errors without repetitions: two candidates may share a broken file."""
    return list({str(error): error for error in errors}.values())
