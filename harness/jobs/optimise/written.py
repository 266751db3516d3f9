"""What an optimiser found -> the next version of the prompt, and a candidate of the eval that uses it.

Decides the version (the one after all of the prompt's name in its folder), where it lies, and what of the candidate it
comes from is kept: thresholds were chosen on the scores of another prompt, and are left out.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import structs

from harness.errors import HarnessError
from harness.files.prompts import load_prompt
from harness.files.yaml import read_yaml
from harness.jobs.optimise.objective import Objective
from harness.jobs.optimise.texts import fault, with_texts
from harness.jobs.prompt_variants import write_prompt
from harness.jobs.thresholds import add_candidate, with_candidate
from harness.records import Loaded, Prompt


def check_destination(objective: Objective, path: Path | None, new_name: str | None) -> None:
    """Find out whether a result could be written, before it is searched for and paid for; nothing is written.

    Raises:
        HarnessError: A file is there already or could not be written, or the eval would not take the candidate.
    """
    target = _target(objective, path)
    if not os.access(target.parent, os.W_OK):
        raise HarnessError(
            f"{target}: cannot be written: {'no permission' if target.parent.is_dir() else 'there is no such folder'}",
            next_step="name another place",
        )
    if new_name is not None:
        spec, _ = _further(objective, target, new_name)
        with_candidate(objective.loaded.eval.path, _eval_data(objective), new_name, spec)


def write_version(objective: Objective, texts: Mapping[str, str], path: str | Path | None = None) -> Loaded[Prompt]:
    """Write the prompt with these texts as its next version.

    ``path`` is a file that is not there yet; for None it lies beside the prompt, named after its version.

    Raises:
        HarnessError: They are the prompt's own, are no prompt, or the file is there.
    """
    source = _source(objective)
    full = {**objective.seed, **texts}
    if all(full[name].strip() == own.strip() for name, own in objective.seed.items()):
        raise HarnessError(
            f"the texts are those of {source.path.name}: nothing better was found{_why_ended(objective)}",
            allowed="other texts than the prompt has",
            next_step="let the search run on (more answers), with another teacher or more items in the dev part",
        )
    prompt = with_texts(objective.prompt, full)
    if why := fault(prompt, objective.policy):
        raise HarnessError(f"the texts are no prompt: {why}")
    version = _next_version(source)
    target = _target(objective, path)
    spec = objective.loaded.eval.value
    header = structs.replace(
        prompt.header,
        version=version,
        description=f"Found by an optimiser from {source.path.name}, on the dev part of {spec.eval} "
        f"({len(objective.train)} + {len(objective.val)} items).",
    )
    try:
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            made = write_prompt(structs.replace(prompt, header=header), Path(folder) / target.name)
            os.link(made.path, target)  # whole, and never over a file that came meanwhile
    except OSError as error:
        raise HarnessError(f"{target}: cannot be written: {error.strerror}", next_step="name another place") from None
    return load_prompt(target)


def add_version(objective: Objective, prompt: Loaded[Prompt], new_name: str) -> list[str]:
    """Add a candidate with the new prompt to the eval's file; returns what should be known.

    Raises:
        HarnessError: The eval has a candidate of that name, or is written in a form that is not edited here.
    """
    spec, notes = _further(objective, prompt.path, new_name)
    add_candidate(objective.loaded.eval.path, _eval_data(objective), new_name, spec)
    return notes


def _further(objective: Objective, prompt: Path, new_name: str) -> tuple[dict[str, Any], list[str]]:
    """What the new candidate is in the eval's file, and what should be known of it."""
    path, data = objective.loaded.eval.path, _eval_data(objective)
    if new_name in data["candidates"]:
        raise HarnessError(f"{path}: has a candidate '{new_name}'", allowed="a new id", next_step="choose another id")
    spec = dict(data["candidates"][objective.name])
    spec["prompt"] = Path(os.path.relpath(prompt, path.parent)).as_posix()
    if not spec.pop("thresholds", None):
        return spec, []
    return spec, [
        f"the thresholds of '{objective.name}' are left out: they hold for its own prompt. Choose new ones with "
        "harness thresholds"
    ]


def _eval_data(objective: Objective) -> Any:
    return read_yaml(objective.loaded.eval.path, what="eval", kind="eval").data


def _target(objective: Objective, path: str | Path | None) -> Path:
    """Where the new version goes: a file that is not there yet."""
    source = _source(objective)
    own = source.path.with_name(f"{_stem(source)}_v{_next_version(source)}.md")
    target = own if path is None else Path(path)
    if target.exists():
        raise HarnessError(f"{target}: is there already", allowed="a new file", next_step="name another file")
    return target


def _why_ended(objective: Objective) -> str:
    """Optimisers swallow what fails in them, and give back what they began with."""
    return f", since something failed: {objective.failure.message}" if objective.failure is not None else ""


def _source(objective: Objective) -> Loaded[Prompt]:
    return objective.loaded.prompts[objective.loaded.eval.value.candidates[objective.name].value]


def _stem(source: Loaded[Prompt]) -> str:
    own = f"_v{source.value.header.version}"
    return source.path.stem.removesuffix(own)


def _next_version(source: Loaded[Prompt]) -> int:
    versions = [source.value.header.version or 1]
    for path in source.path.parent.glob("*.md"):
        try:
            header = load_prompt(path).value.header
        except HarnessError:
            continue
        if header.prompt == source.value.header.prompt and header.version is not None:
            versions.append(header.version)
    return max(versions) + 1
