"""Every file of a team's folder, and every reference between them, checked without calling anything.

Decides which file is what (by its top-level key, or by front matter) and in which order they are read. What is an error
is decided by the readers, what deserves a warning although it is allowed by ``goldens.check`` and ``candidates.check``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import FileError, GroupedError, HarnessError
from harness.files.evals import LoadedEval, Shelf, load_eval
from harness.files.golden.sets import GoldenSet
from harness.files.kinds import Doubt
from harness.files.text import joined, nearest, read_text, shortened
from harness.files.yaml import KINDS, kind_of, read_yaml
from harness.goldens.check import Remark, check_items
from harness.records import Loaded, Model, Policy, Prompt, RuleSet

T = TypeVar("T")

DEFAULT_FOLDERS = ("evals", "golden_sets")


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was checked and what was found. ``skipped`` files are none of ours."""

    files: Mapping[str, int]
    n_items: int
    errors: tuple[HarnessError, ...]
    warnings: tuple[Remark, ...]
    skipped: tuple[Path, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness check --json``."""
        errors, warnings = list(map(str, self.errors)), list(map(str, self.warnings))
        return {"files": dict(self.files), "items": self.n_items, "errors": errors, "warnings": warnings}


def check_paths(
    paths: Sequence[str | Path] = (), *, root: Path | None = None, runs_dir: str | Path | None = None
) -> CheckReport:
    """Check files and folders; with no paths, ``evals/`` and ``golden_sets/`` under ``root``.

    Prompts and rule sets are compared with the stored runs of ``runs_dir``; with none for None.
    """
    base = root or Path()
    given = [Path(path) for path in paths] or [base / name for name in DEFAULT_FOLDERS if (base / name).is_dir()]
    checker = _Checker(runs_dir)
    if not given:
        checker.errors.append(_no_project(base))
    for path in given:
        if path.name in DEFAULT_FOLDERS and not os.path.exists(path):
            checker.errors.append(_no_project(path.parent, path.name))
        else:
            checker.collect(path)
    return checker.report()


def _no_project(folder: Path, *names: str) -> FileError:
    where = "this folder" if folder == Path() else str(folder)
    return FileError(
        where,
        f"has no {' or '.join(f'{name}/' for name in names or DEFAULT_FOLDERS)}",
        allowed="the folder of a project, or files and folders to check",
        next_step="go to the project's folder, name a path, or begin a project with 'harness init DIR'",
    )


class _Checker:
    """Sorts files by kind, then reads them in the order of their references."""

    def __init__(self, runs_dir: str | Path | None = None) -> None:
        self._runs_dir = runs_dir
        self.errors: list[HarnessError] = []
        self.warnings: list[Remark] = []
        self.skipped: list[Path] = []
        self.found: dict[str, list[Path]] = {kind: [] for kind in (*KINDS, "prompt")}
        self.shelf = Shelf()
        self._policies: dict[tuple[str, int], Loaded[Policy]] = {}
        self._broken_policies: set[str | None] = set()  # names; None for a file that does not say
        self._golden: dict[Path, GoldenSet] = {}
        self._pairs: dict[tuple[Path, Path], tuple[GoldenSet, Loaded[Prompt]]] = {}
        self._prompts: dict[Path, Loaded[Prompt]] = {}
        self._rules: dict[Path, Loaded[RuleSet]] = {}
        self._judged: dict[Path, dict[Path, Loaded[RuleSet]]] = {}  # golden set -> the rule sets put to it

    def collect(self, path: Path) -> None:
        if os.path.isdir(path):  # never raises, whatever was typed
            for file in _files_under(path):
                self._sort(file, is_named=False)
        else:
            self._sort(path, is_named=True)

    def report(self) -> CheckReport:
        readers = {
            "policy": self._read_policy,
            "prompt": self._read_prompt,
            "rule_set": self._read_rules,
            "models": self._read_models,
            "eval": self._read_eval,
            "golden_set": self._read_golden,
        }
        for kind, read in readers.items():
            for path in self.found[kind]:
                read(path)
        for golden in self._golden.values():
            self._check_items(golden)
        self._doubt_versions()
        return CheckReport(
            files={kind: len(paths) for kind, paths in self.found.items() if paths},
            n_items=sum(map(len, self._golden.values())),
            errors=tuple({str(error): error for error in self.errors}.values()),
            warnings=tuple(dict.fromkeys(self.warnings)),
            skipped=tuple(self.skipped),
        )

    def _check_items(self, golden: GoldenSet) -> None:
        policy = self._policies.get((golden.card.policy.name, golden.card.policy.version))
        prompts = [prompt for other, prompt in self._pairs.values() if other.path == golden.path]
        rule_sets = list(self._judged.get(golden.path, {}).values())
        errors, remarks = check_items(golden, None if policy is None else policy.value, prompts, rule_sets)
        self.errors += errors
        self.warnings += remarks

    def _doubt_versions(self) -> None:
        """Texts that differ under one version: here, and since a stored run."""
        if len(self._prompts) > 1:
            from harness.candidates.prompt_doubts import same_version_doubts

            self._doubt(same_version_doubts(self._prompts.values()))
        if self._runs_dir is not None:
            from harness.jobs.check_stored import changed_since_run  # runs load pyarrow

            prompts, rules, policies = self._prompts.values(), self._rules.values(), self._policies.values()
            self._doubt(changed_since_run(prompts, rules, policies, self._golden.values(), self._runs_dir))

    def _sort(self, path: Path, *, is_named: bool) -> None:
        path = Path(os.path.normpath(path))
        if any(path in paths for paths in self.found.values()):
            return
        try:
            kind = _kind_of(path, is_named=is_named)
        except HarnessError as error:
            self._add(error)
            return
        if kind is None:
            self.skipped.append(path)
        else:
            self.found[kind].append(path)

    def _read_golden(self, path: Path) -> None:
        if path in self._golden:
            return
        document = self._read(path, partial(read_yaml, what="golden set card"))
        if document is None:
            return
        named = document.data.get("policy")
        wanted = (named.get("name"), named.get("version")) if isinstance(named, dict) else None
        policy = next((one for known, one in self._policies.items() if known == wanted), None)  # it may hold any value
        golden = self._read(path, lambda path: self.shelf.golden(path, policy))
        if golden is None:
            return
        self._golden[path] = golden
        is_broken = bool(self._broken_policies & {None, golden.card.policy.name})
        if policy is None and not is_broken:
            self.warnings.append(
                Remark(
                    str(path),
                    None,
                    f"is labelled under policy '{golden.card.policy.name}' version {golden.card.policy.version}, "
                    "which was not found, so its categories were not checked",
                    "check it together with the policy's folder",
                )
            )

    def _read_policy(self, path: Path) -> None:
        policy = self._read(path, self.shelf.policy)
        if policy is not None:
            self._policies[(policy.value.policy, policy.value.version)] = policy
            return
        try:
            name = read_yaml(path, what="policy").data.get("policy")
        except HarnessError:
            name = None
        self._broken_policies.add(name if isinstance(name, str) else None)

    def _note_policy_of(self, path: Path) -> None:
        """The policy of an eval with an error: its golden set is checked against it all the same."""
        try:
            name = read_yaml(path, what="eval").data.get("policy")
        except HarnessError:
            return
        if isinstance(name, str) and name:
            policy = Path(os.path.normpath(path.parent / name))
            if policy.is_file():
                self._read_policy(policy)
            else:
                self._broken_policies.add(None)

    def _read_prompt(self, path: Path) -> None:
        from harness.candidates.check import check_parser  # candidates import what is slow to load

        if (prompt := self._read(path, self.shelf.prompt)) is not None:
            self._prompts[path] = prompt
            self.errors += check_parser(prompt)

    def _read_rules(self, path: Path) -> None:
        if (rules := self._read(path, self.shelf.rules)) is not None:
            self._rules[path] = rules

    def _read_models(self, path: Path) -> None:
        self._note_models(self._read(path, self.shelf.models))

    def _read_eval(self, path: Path) -> None:
        if (loaded := self._read(path, partial(load_eval, shelf=self.shelf))) is not None:
            self._note_eval(loaded)
        else:
            self._note_policy_of(path)

    def _note_eval(self, loaded: LoadedEval) -> None:
        from harness.candidates.check import check_candidates

        golden = loaded.golden
        self._golden.setdefault(golden.path, golden)
        policy = loaded.policy.value
        self._policies.setdefault((policy.policy, policy.version), loaded.policy)
        for prompt in loaded.prompts.values():
            self._pairs[(golden.path, prompt.path)] = (golden, prompt)
            self._prompts.setdefault(prompt.path, prompt)
        for rules in loaded.rules.values():
            self._judged.setdefault(golden.path, {})[rules.path] = rules
            self._rules.setdefault(rules.path, rules)
        errors, doubts = check_candidates(loaded)
        self.errors += errors
        self._doubt(doubts)
        self._note_models(loaded.models)

    def _note_models(self, models: Loaded[Mapping[str, Model]] | None) -> None:
        from harness.candidates.params import param_doubts

        if models is not None:
            self._doubt(param_doubts(models))

    def _doubt(self, doubts: Iterable[Doubt]) -> None:
        self.warnings += [Remark(str(doubt.path), doubt.line, doubt.found, doubt.next_step) for doubt in doubts]

    def _read(self, path: Path, read: Callable[[Path], T]) -> T | None:
        try:
            return read(path)
        except HarnessError as error:
            self._add(error)
            return None

    def _add(self, error: HarnessError) -> None:
        self.errors += error.errors if isinstance(error, GroupedError) else (error,)


def _kind_of(path: Path, *, is_named: bool) -> str | None:
    """Kind of a file; None for a file that is none of ours and was not named."""
    if path.suffix == ".md":
        text = read_text(path, what="prompt") if is_named or path.stat().st_size else None
        if is_named or (text is not None and _has_prompt_header(text.text)):
            return "prompt"
        return None
    if path.suffix not in (".yaml", ".yml"):
        if os.path.exists(path) and not is_named:
            return None
        read_text(path, what="file to check", limit=2**63)
        raise FileError(
            str(path),
            f"ends in '{shortened(path.suffix)}'",
            allowed=".yaml, .yml or .md (items are checked through their card)",
            next_step="name the card, the eval, or a folder",
        )
    keys = read_yaml(path, what="file of this project").data
    kind = kind_of(keys)
    if kind is not None:
        return kind
    near = next((key for key in keys if nearest(key, KINDS)), None)
    if near is None and not is_named:
        return None
    raise FileError(
        str(path),
        f"has the top-level fields {joined(keys)}",
        allowed=f"one of {', '.join(KINDS)} among them, which says what the file is",
        next_step="add the field" if near is None else f"did you mean '{nearest(near, KINDS)}' for '{near}'?",
    )


def _has_prompt_header(text: str) -> bool:
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return False
    end = next((at for at, line in enumerate(lines[1:], start=1) if line.rstrip() == "---"), len(lines))
    return any(line.startswith("prompt:") for line in lines[1:end])


def _files_under(folder: Path) -> Iterable[Path]:
    """YAML and Markdown files, in a fixed order; hidden folders and links to folders are left out."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix in (".yaml", ".yml", ".md") and not name.startswith("."):
                yield Path(parent) / name
