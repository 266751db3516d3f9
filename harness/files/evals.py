"""Eval file -> ``LoadedEval``: the eval with everything it names, loaded and checked against each other.

Decides which references between files hold. What each file may say is decided by its own reader; building candidates
and running them is left to ``candidates`` and the runner.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from harness.errors import FileError, GroupedError, HarnessError, raise_all
from harness.files.decode import require_name, require_names, to_record
from harness.files.golden.sets import GoldenSet, load_golden
from harness.files.models import load_models
from harness.files.must_catch import WHAT, load_must_catch
from harness.files.policy import load_policy
from harness.files.prompts import load_prompt, prompt_policy_faults
from harness.files.rules import load_rules, rules_policy_faults
from harness.files.schema import Loc
from harness.files.text import a, listed, missing_hint, require_file, shortened, shown, suggestion
from harness.files.yaml import Document, read_yaml
from harness.records import CandidateSpec, Eval, Loaded, Model, Policy, Prompt, RuleSet

T = TypeVar("T")

KINDS = ("prompt", "moderation", "rules", "classifier", "cascade", "recorded", "plugin")
_TAKES_CROSSWALK = ("prompt", "moderation", "classifier", "recorded", "plugin")
_TAKES_THRESHOLDS = ("prompt", "moderation", "classifier", "recorded", "plugin")
_TAKES_MODEL = ("prompt", "plugin")
_NEEDS_MODELS = ("prompt", "moderation", "model")
_ENTRY_POINT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@dataclass(frozen=True, slots=True)
class LoadedEval:
    """An eval and all it names; prompts, rules and recorded decisions are keyed by the path as written."""

    eval: Loaded[Eval]
    policy: Loaded[Policy]
    golden: GoldenSet
    prompts: Mapping[str, Loaded[Prompt]]
    rules: Mapping[str, Loaded[RuleSet]]
    models: Loaded[Mapping[str, Model]] | None
    recorded: Mapping[str, Path] = field(default_factory=dict)
    must_catch: Loaded[tuple[str, ...]] | None = None


class Shelf:
    """Files already read, so that one file named by many others is read once."""

    def __init__(self, cache_dir: Path | None = None) -> None:
        self._cache_dir = cache_dir
        self._read: dict[tuple[Any, ...], Any] = {}

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

    Args:
        path: The eval file; paths inside it are relative to it.
        shelf: Files already read, when several evals are checked together.
    """
    document = read_yaml(Path(path), what="eval", kind="eval")
    spec = to_record(document, Eval, what="eval")
    return _Resolver(document, spec, shelf or Shelf()).resolve()


class _Resolver:
    """Follows the references of one eval and collects every fault before raising."""

    def __init__(self, document: Document, spec: Eval, shelf: Shelf) -> None:
        self.document = document
        self.spec = spec
        self.shelf = shelf
        self.errors: list[HarnessError] = []

    def resolve(self) -> LoadedEval:
        spec, document = self.spec, self.document
        self.errors += require_name(document, ("eval",), spec.eval)
        for name, candidate in spec.candidates.items():
            self.errors += require_name(document, ("candidates", name), name)
            self._check_kind(name, candidate)
        self._check_cascades()
        self._check_baseline()
        self._check_gate_shape()
        policy = self._load(("policy",), spec.policy, "policy", self.shelf.policy)
        golden = None
        if policy is not None:
            golden = self._load(
                ("golden_set",), spec.golden_set, "golden set card", lambda path: self.shelf.golden(path, policy)
            )
        must_catch = None
        if golden is not None:
            must_catch = self._load_must_catch(golden)
            golden = golden if must_catch is None else golden.with_must_catch(must_catch.value)
        prompts = self._load_each("prompt", "prompt", self.shelf.prompt)
        rules = self._load_each("rules", "rule set", self.shelf.rules)
        recorded = self._load_each("recorded", "file of recorded decisions", _existing)
        models = self._load_models()
        if models is not None:
            self._check_models(models.value)
        if policy is not None:
            self._check_against_policy(policy.value, prompts)
            slices = None if golden is None else list(golden.card.slices)
            for rule_set in rules.values():
                self.errors += rules_policy_faults(rule_set, policy.value, slices)
        if golden is not None and spec.slices is not None:
            for at, name in enumerate(spec.slices):
                self.errors += require_names(
                    document,
                    ("slices", at),
                    [name],
                    list(golden.card.slices),
                    noun="slice",
                    where="the golden set's card",
                )
        self.errors.sort(key=self._place)
        raise_all(_once_each(self.errors))
        assert policy is not None
        assert golden is not None
        resolved = dataclasses.replace(spec, baseline=spec.baseline or next(iter(spec.candidates)))
        return LoadedEval(
            eval=Loaded(resolved, document.path, document.sha256),
            policy=policy,
            golden=golden,
            prompts=prompts,
            rules=rules,
            models=models,
            recorded=recorded,
            must_catch=must_catch,
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
                    allowed=f"the path of {a(what)}, relative to this file",
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

    def _load_each(self, kind: str, what: str, load: Callable[[Path], T]) -> dict[str, T]:
        found: dict[str, T] = {}
        tried: set[str] = set()
        for name, candidate in self.spec.candidates.items():
            written = getattr(candidate, kind)
            if written is None or written in tried:
                continue
            tried.add(written)
            value = self._load(("candidates", name, kind), written, what, load)
            if value is not None:
                found[written] = value
        return found

    def _load_must_catch(self, golden: GoldenSet) -> Loaded[tuple[str, ...]] | None:
        """The eval's own list of ids."""
        if self.spec.must_catch is None:
            return None
        return self._load(("must_catch",), self.spec.must_catch, WHAT, lambda path: load_must_catch(path, golden))

    def _load_models(self) -> Loaded[Mapping[str, Model]] | None:
        users = [
            name
            for name, candidate in self.spec.candidates.items()
            if any(getattr(candidate, kind) is not None for kind in _NEEDS_MODELS)
        ]
        if not users:
            return None
        loc: Loc = ("models",) if "models" in self.document.data else ("candidates", users[0])
        return self._load(loc, self.spec.models, "models file", self.shelf.models)

    # -------------------------------------------------------------------------------------------------- candidates

    def _check_kind(self, name: str, candidate: CandidateSpec) -> None:
        place: Loc = ("candidates", name)
        kinds = [kind for kind in KINDS if getattr(candidate, kind) is not None]
        if len(kinds) != 1:
            self._add(
                place,
                "has no kind" if not kinds else f"has {len(kinds)} kinds: {', '.join(kinds)}",
                f"exactly one of {', '.join(KINDS)}",
                "say what decides" if not kinds else "make one candidate of each",
            )
            return
        kind = kinds[0]
        value = getattr(candidate, kind)
        if value in ("", ()):
            self._add((*place, kind), f"is {shown(value)}", f"what the {kind} is", "fill it in")
        if kind == "prompt" and not candidate.model:
            self._add(
                (*place, "model"), "is missing", "a name of the models file", "say which model answers the prompt"
            )
        if kind not in _TAKES_MODEL and candidate.model is not None:
            hint = "write the model as 'moderation: NAME'" if kind == "moderation" else "remove it"
            allowed = f"model only beside {' or '.join(_TAKES_MODEL)}"
            self._add((*place, "model"), f"is given for a {kind} candidate", allowed, hint)
        if kind not in _TAKES_CROSSWALK and candidate.crosswalk is not None:
            self._add(
                (*place, "crosswalk"),
                f"is given for a {kind} candidate",
                f"crosswalk with {', '.join(_TAKES_CROSSWALK)}",
                "remove it: its categories are the policy's already",
            )
        if kind not in _TAKES_THRESHOLDS and candidate.thresholds:
            self._add(
                (*place, "thresholds"),
                f"is given for a {kind} candidate, which has no scores of its own",
                f"thresholds with {', '.join(_TAKES_THRESHOLDS)}",
                "remove it, or set thresholds on the candidates it uses",
            )
        if kind != "plugin" and candidate.options:
            self._add(
                (*place, "options"), f"is given for a {kind} candidate", "options only beside plugin", "remove it"
            )
        if kind == "plugin" and value in KINDS:
            self._add(
                (*place, kind), f"is {shown(value)}, a kind of its own", "the name of an installed plugin",
                f"write '{value}: ...' in place of 'plugin: {value}'",
            )  # fmt: skip
        if kind == "classifier" and not _ENTRY_POINT.fullmatch(str(value)):
            self._add((*place, kind), f"is {shown(value)}", "package.module:callable", "name the callable to import")

    def _check_cascades(self) -> None:
        candidates = self.spec.candidates
        names = list(candidates)
        uses: dict[str, list[str]] = {}
        for name, candidate in candidates.items():
            stages = candidate.cascade or ()
            uses[name] = [stage.use for stage in stages]
            for at, stage in enumerate(stages):
                place: Loc = ("candidates", name, "cascade", at, "use")
                others = [other for other in names if other != name]
                self.errors += require_names(
                    self.document, place, [stage.use], others, noun="candidate", where="this eval (beside itself)"
                )
                if stage.use in uses[name][:at]:
                    self._add(
                        place, f"is '{shortened(stage.use)}' a second time", "each candidate once", "remove the stage"
                    )
                if stage.decide is not None and not stage.decide:
                    self._add(
                        (*place[:-1], "decide"),
                        "is an empty list",
                        "categories of the policy",
                        "remove it to settle all",
                    )
        reported: set[str] = set()
        for start in names:
            circle = _circle(start, uses)
            if circle and not reported & set(circle):
                reported |= set(circle)
                self._add(
                    ("candidates", start, "cascade"),
                    f"closes a circle: {' -> '.join(map(shortened, circle[:10]))}",
                    "cascades without circles",
                    "remove one of the stages",
                )

    def _check_baseline(self) -> None:
        names = list(self.spec.candidates)
        baseline = self.spec.baseline
        if baseline is not None:
            self.errors += require_names(
                self.document, ("baseline",), [baseline], names, noun="candidate", where="this eval"
            )

    def _check_gate_shape(self) -> None:
        for at, check in enumerate(self.spec.gate.checks if self.spec.gate else ()):
            if (check.margin is None) == (check.floor is None):
                self._add(
                    ("gate", "checks", at),
                    "has neither margin nor floor" if check.margin is None else "has both margin and floor",
                    "margin (against the baseline) or floor (on its own), one of the two",
                    "add one" if check.margin is None else "make two checks of it",
                )

    # ------------------------------------------------------------------------------------------------ cross-checks

    def _check_models(self, models: Mapping[str, Model]) -> None:
        for name, candidate in self.spec.candidates.items():
            for kind in ("model", "moderation"):
                wanted = getattr(candidate, kind)
                if not wanted:
                    continue
                place: Loc = ("candidates", name, kind)
                self.errors += require_names(
                    self.document, place, [wanted], list(models), noun="model", where=self.spec.models
                )
                if kind == "moderation" and wanted in models and models[wanted].provider == "embedded":
                    self._add(
                        place,
                        f"is '{shortened(wanted)}', an embedded model",
                        "an endpoint with a /v1/moderations route",
                        "use the embedded model with a prompt",
                    )

    def _check_against_policy(self, policy: Policy, prompts: Mapping[str, Loaded[Prompt]]) -> None:
        ids, where, document = policy.category_ids, f"policy '{policy.policy}'", self.document
        for name, candidate in self.spec.candidates.items():
            place: Loc = ("candidates", name)
            if candidate.crosswalk is not None:
                self.errors += require_names(
                    document,
                    (*place, "crosswalk"),
                    [candidate.crosswalk],
                    list(policy.crosswalks),
                    noun="crosswalk",
                    where=where,
                )
            for category, threshold in candidate.thresholds.items():
                here = (*place, "thresholds", category)
                self.errors += require_names(document, here, [category], ids, noun="category", where=where)
                if not 0 <= threshold <= 1:
                    self._add(here, f"is {threshold:g}", "a score from 0 to 1", "correct the threshold")
            for at, stage in enumerate(candidate.cascade or ()):
                here = (*place, "cascade", at, "decide")
                self.errors += require_names(document, here, stage.decide or (), ids, noun="category", where=where)
        for prompt in prompts.values():
            self.errors += prompt_policy_faults(prompt, policy)
        for at, check in enumerate(self.spec.gate.checks if self.spec.gate else ()):
            if check.category != "*" and check.category not in ids:
                self._add(
                    ("gate", "checks", at, "category"),
                    f"names the category '{shortened(check.category)}', which {where} does not have",
                    f"* or {listed(ids)}",
                    suggestion(check.category, ids, "correct the name"),
                )

    def _add(self, loc: Loc, found: str, allowed: str, next_step: str) -> None:
        self.errors.append(self.document.error(loc, found, allowed=allowed, next_step=next_step))


def _existing(path: Path) -> Path:
    return path


def _circle(start: str, uses: Mapping[str, Sequence[str]]) -> list[str]:
    """A way from ``start`` back to itself, or nothing."""
    paths = [[start]]
    seen: set[str] = set()
    while paths:
        path = paths.pop()
        for name in uses.get(path[-1], ()):
            if name == start and len(path) > 1:
                return [*path, start]
            if name not in seen:
                seen.add(name)
                paths.append([*path, name])
    return []


def _once_each(errors: Sequence[HarnessError]) -> list[HarnessError]:
    """Errors without repetitions: two candidates may share a broken file."""
    return list({str(error): error for error in errors}.values())
