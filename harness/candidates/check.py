"""What a run would refuse about the candidates of an eval, found without a call and without importing a user's code.

Candidates are built as a run builds them, so that both refuse the same things. Left out is what only an import can
tell: whether ``package.module:callable`` is there and fits. A missing package is a remark, not a fault, since files may
be checked where it is not installed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.candidates.build import GROUP, Builder, parser_of
from harness.candidates.plugins import is_installed
from harness.errors import FileError, GroupedError, HarnessError
from harness.files.evals import LoadedEval
from harness.files.text import counted, shortened
from harness.files.yaml import Document, read_yaml
from harness.records import CandidateSpec, Loaded, Prompt


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something a run accepts, or that cannot be told here."""

    path: Path
    line: int | None
    found: str
    next_step: str


def check_parser(prompt: Loaded[Prompt]) -> list[HarnessError]:
    """The fault of a prompt whose ``answer`` names no parser."""
    if ":" in prompt.value.header.answer:
        return []
    try:
        parser_of(prompt)
    except HarnessError as error:
        return [error]
    return []


def check_candidates(loaded: LoadedEval) -> tuple[list[HarnessError], list[Doubt]]:
    """Faults and doubts of every candidate of an eval, in the order of the file."""
    document = read_yaml(loaded.eval.path, what="eval")
    builder = Builder(loaded)
    errors: list[HarnessError] = []
    doubts: list[Doubt] = []
    for name, spec in loaded.eval.value.candidates.items():
        for what, imported in _imports(loaded, spec):
            if not _is_installed(imported):
                doubts.append(_not_installed(document, name, what, imported))
        if spec.plugin is not None and ":" not in spec.plugin and not is_installed(GROUP, spec.plugin):
            found = f"candidate '{shortened(name)}' needs the plugin '{shortened(spec.plugin)}', which is not installed"
            hint = f"install the package that provides it under the entry point {GROUP}, or correct the name"
            doubts.append(Doubt(document.path, document.line(("candidates", name)), f"{found} here", hint))
        if _needs_import(loaded, spec):
            continue
        try:
            builder.candidate(name)
        except GroupedError as error:
            errors += error.errors
        except FileError as error:
            errors.append(error)
        except HarnessError as error:
            errors.append(
                document.error(
                    ("candidates", name), f"cannot be built: {error.message}", allowed=error.allowed,
                    next_step=error.next_step,
                )
            )  # fmt: skip
        else:
            doubts += _missing_decisions(builder, name)
    return errors, doubts


def _imports(loaded: LoadedEval, spec: CandidateSpec) -> list[tuple[str, str]]:
    """What and where from a candidate imports itself."""
    found = [] if spec.classifier is None else [("classifier", spec.classifier)]
    found += [] if spec.plugin is None or ":" not in spec.plugin else [("plugin", spec.plugin)]
    if spec.prompt is not None and ":" in (answer := loaded.prompts[spec.prompt].value.header.answer):
        found.append(("parser", answer))
    return found


def _needs_import(loaded: LoadedEval, spec: CandidateSpec) -> bool:
    others = [loaded.eval.value.candidates[stage.use] for stage in spec.cascade or ()]
    return (
        bool(_imports(loaded, spec)) or spec.plugin is not None or any(_needs_import(loaded, other) for other in others)
    )


def _is_installed(path: str) -> bool:
    """Whether the top-level package can be found; finding it runs none of its code."""
    try:
        return importlib.util.find_spec(path.partition(":")[0].partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def _not_installed(document: Document, name: str, what: str, path: str) -> Doubt:
    package = path.partition(":")[0].partition(".")[0]
    return Doubt(
        document.path,
        document.line(("candidates", name)),
        f"candidate '{shortened(name)}' needs the {what} {shortened(path)}, but there is no package '{package}' here",
        "install the package before a run, or correct the path",
    )


def _missing_decisions(builder: Builder, name: str) -> Sequence[Doubt]:
    """A remark when recorded decisions cover only a part of the items that can be decided."""
    rows = builder.recorded_rows.get(name)
    if rows is None:
        return ()
    golden = builder.loaded.golden
    missing = [index for index, item_id in enumerate(golden.ids()) if item_id not in rows.lines]
    n_missing = sum(1 for item in golden.items(missing) if not item.is_withheld)
    if not n_missing:
        return ()
    return (
        Doubt(
            rows.path,
            None,
            f"decides {len(golden) - len(missing):,} of {counted(len(golden), 'item')} of golden set '{golden.name}'",
            f"add the decisions for the other {n_missing:,}: a run has no decision of '{shortened(name)}' for them",
        ),
    )
