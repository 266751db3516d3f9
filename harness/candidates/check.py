"""What a run would refuse about the candidates of an eval, found without a call and without importing a user's code.

Candidates are built as a run builds them, so that both refuse the same things. Left out is what only an import can
tell: whether ``package.module:callable`` is there and fits. A missing package is a remark, not a fault, since files may
be checked where it is not installed.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.candidates.asked import parser_of
from harness.candidates.build import Builder
from harness.errors import FileError, GroupedError, HarnessError
from harness.files.doors import ALLOWED_CODE, code_hint, is_importable, refusal_of
from harness.files.evals import LoadedEval
from harness.files.kinds import GROUP, Doubt, kind_of, kinds
from harness.files.text import joined, shortened
from harness.files.yaml import Document, read_yaml
from harness.records import CandidateSpec, Loaded, Prompt
from harness.records.answers import Candidate


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
        faults, remarks = _check_code(loaded, document, name, spec)
        errors += faults
        doubts += remarks
        if _needs_import(loaded, spec):
            continue
        try:
            candidate = builder.candidate(name)
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
            doubts += kind_of(spec).doubts(loaded, candidate)
            doubts += _unlabelled(loaded, document, candidate)
    return errors, doubts


def _check_code(
    loaded: LoadedEval, document: Document, name: str, spec: CandidateSpec
) -> tuple[list[HarnessError], list[Doubt]]:
    """Code that a candidate names: refused where an eval may not name it, remarked where it is not installed."""
    errors: list[HarnessError] = []
    doubts: list[Doubt] = []
    place = ("candidates", name)
    for what, path in kind_of(spec).imports(loaded, spec):
        refusal = refusal_of(path, loaded.folder)
        if refusal is not None:
            errors.append(
                document.error(
                    place,
                    f"names the {what} '{path}', which {refusal}",
                    allowed=ALLOWED_CODE,
                    next_step=code_hint(path, loaded.folder),
                )
            )
        elif not is_importable(path, loaded.folder):
            package = path.partition(":")[0].partition(".")[0]
            needs = f"needs the {what} {shortened(path)}, but there is no package '{package}' here"
            doubts.append(_doubt(document, name, needs, "install the package before a run, or correct the path"))
    plugin = spec.of("plugin")
    if plugin is not None and ":" not in plugin and plugin not in kinds().installed():
        needs = f"needs the plugin '{shortened(plugin)}', which is not installed here"
        hint = f"install the package that provides it under the entry point {GROUP}, or correct the name"
        doubts.append(_doubt(document, name, needs, hint))
    return errors, doubts


def _unlabelled(loaded: LoadedEval, document: Document, candidate: Candidate) -> list[Doubt]:
    """A candidate of which nothing can be scored."""
    decided: Sequence[str] = getattr(candidate, "categories", ())
    if not decided or not set(decided).isdisjoint(loaded.golden.categories):
        return []
    found = f"decides only {joined(decided)}, which golden set '{shortened(loaded.golden.name)}' does not label"
    hint = "nothing of it is stored or scored: label these categories, or name only the others with --candidate"
    return [_doubt(document, candidate.id, found, hint)]


def _doubt(document: Document, name: str, found: str, next_step: str) -> Doubt:
    line = document.line(("candidates", name))
    return Doubt(document.path, line, f"candidate '{shortened(name)}' {found}", next_step)


def _needs_import(loaded: LoadedEval, spec: CandidateSpec) -> bool:
    """Whether building the candidate, or one it uses, runs code that the eval or an installed package brings."""
    kind = kind_of(spec)
    others = [loaded.eval.value.candidates[name] for name in kind.uses(spec)]
    is_foreign = spec.kind == "plugin" or spec.kind not in kinds()
    return bool(kind.imports(loaded, spec)) or is_foreign or any(_needs_import(loaded, other) for other in others)
