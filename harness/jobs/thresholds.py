"""Chosen thresholds or bands -> a further candidate of the eval.

Decides where the candidate is written (at the end of the eval's candidates, everything else as it was, comments too),
what errors cost where a threshold is chosen by it, and when its scores can no longer be trusted to be those the
thresholds were chosen on.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from harness.candidates.build import build_candidates
from harness.candidates.cascade import HUMAN
from harness.errors import FileError, GroupedError, HarnessError, writing
from harness.files.decode import NAME, NAME_ALLOWED, to_record
from harness.files.evals import load_eval
from harness.files.text import joined, shortened
from harness.files.yaml import read_yaml
from harness.measure.bands import ChosenBands
from harness.records import MISSING, FromFile, Severity
from harness.records.evals import NEVER, Cost, Threshold
from harness.runs import Run
from harness.runs.meta import changed_parts


def write_candidate(
    run: Run, candidate: str, new_name: str, thresholds: Mapping[str, float], eval_path: Path | None = None
) -> tuple[Path, list[str]]:
    """Add a candidate with the thresholds to the eval; returns its path and what should be known.

    An infinite threshold flags nothing and is written so; NaN is none, and leaves the category as it was.

    Raises:
        HarnessError: The eval cannot be found, has no such candidate, has the new one already, or could not be run with
            it; nothing is written.
    """
    path, data = _eval_of(run, candidate, new_name, eval_path)
    candidates = data["candidates"]
    kept: dict[str, Threshold] = {
        name: NEVER if value == math.inf else value for name, value in thresholds.items() if not math.isnan(value)
    }
    if not kept:
        raise HarnessError(
            f"{path}: no threshold was found to write", allowed="at least one", next_step="choose another goal"
        )
    spec = {**candidates[candidate], "thresholds": {**candidates[candidate].get("thresholds", {}), **kept}}
    warnings = _moved(run, candidate, path)
    left = [name for name in thresholds if name not in kept]
    if left:
        warnings.append(f"no threshold for {joined(left)}: there the candidate decides as before")
    warnings += _unscored(run, candidate, kept)
    _require_runnable(path, data, new_name, spec, candidate)
    add_candidate(path, data, new_name, spec)
    return path, warnings


class _CostTable(FromFile, frozen=True):
    """The part of an eval that says what errors cost."""

    costs: Mapping[Severity, Cost]


def costs_of(run: Run, eval_path: Path | None = None) -> tuple[Mapping[Severity, Cost], str]:
    """Severity -> what errors cost there, and where it is said: the eval as it stands now, else as it was run, and why.

    Raises:
        HarnessError: The eval that is named cannot be read, or its costs are none.
    """
    path = eval_path
    if path is None:
        try:
            path = _path_of(run)
        except HarnessError as error:  # no such file here, or several, or it cannot be read
            why = error.message.removeprefix(f"run {run.meta.run_id}: ")
            return run.meta.eval.costs, f"the eval as run {run.meta.run_id} keeps it, since {why}"
    document = read_yaml(path, what="eval", kind="eval")
    tree = {"costs": document.data.get("costs") or {}} if isinstance(document.data, dict) else {"costs": {}}
    return to_record(document, _CostTable, tree, what="eval").costs, str(path)


def write_bands(
    run: Run, candidate: str, new_name: str, bands: Sequence[ChosenBands], eval_path: Path | None = None
) -> tuple[Path, list[str]]:
    """Add a cascade of the candidate and a person, with these bands; returns its path and what should be known.

    In a category without bands the candidate decides alone. One whose bands are both empty is a person's altogether.

    Raises:
        HarnessError: As for ``write_candidate``; or a score lies outside 0 to 1, or a candidate is called "human".
    """
    path, data = _eval_of(run, candidate, new_name, eval_path)
    if HUMAN in (*data["candidates"], new_name):
        raise HarnessError(
            f"{path}: a candidate is called '{HUMAN}', which in a cascade means a person",
            allowed="another name for it",
            next_step="rename it, or choose another id",
        )
    outside = next((one for one in bands if not _is_band(one.below, one.above)), None)
    if outside is not None:
        raise HarnessError(
            f"candidate '{candidate}' has scores outside 0 to 1 in '{outside.category}'",
            allowed="scores from 0 to 1",
            next_step="map them to 0..1 where they are made",
        )
    stage: dict[str, Any] = {"use": candidate}
    above = {one.category: one.above for one in bands if one.above < math.inf}
    # nothing passes below 0, which says "a person sees all of it" where a band is empty
    below = {one.category: min(max(one.below, 0.0), 1.0) for one in bands}
    stage |= {"decide_above": above} if above else {}
    stage["decide_below"] = below
    person: dict[str, Any] = {"use": HUMAN}
    if set(below) != set(run.categories):
        person["decide"] = list(below)
    warnings = _moved(run, candidate, path)
    add_candidate(path, data, new_name, {"cascade": [stage, person]})
    return path, warnings


def _require_runnable(path: Path, data: Mapping[str, Any], name: str, spec: Mapping[str, Any], candidate: str) -> None:
    """Refuse a further candidate that a run would refuse, where the one it comes from can be run."""
    text = with_candidate(path, data, name, spec)
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", dir=path.parent, suffix=".yaml") as made:
            made.write(text)
            made.flush()
            fault = _fault_of(Path(made.name), name)
    except OSError:  # said by the writing itself
        return
    if fault is None or _fault_of(path, candidate) is not None:
        return
    every = fault.errors if isinstance(fault, GroupedError) else (fault,)
    more = f"\n... and {len(every) - 1:,} more" if len(every) > 1 else ""
    raise HarnessError(
        f"{path}: a run would refuse '{name}', so it is not added\n{every[0]}{more}".replace(made.name, str(path))
    )


def _fault_of(path: Path, candidate: str) -> HarnessError | None:
    """Why a candidate of an eval cannot be built; None for one that can."""
    try:
        build_candidates(load_eval(path), [candidate])
    except HarnessError as error:
        return error
    return None


def _unscored(run: Run, candidate: str, thresholds: Iterable[str]) -> list[str]:
    """Categories in which answers have a decision and no score: a threshold takes that decision away."""
    whole = run.of_part("all")
    rows = whole.candidate(candidate)
    lost = (rows.y_pred != MISSING) & np.isnan(rows.y_score)
    counts = {name: int(lost[:, :, whole.categories.index(name)].any(axis=1).sum()) for name in thresholds}
    return [
        f"{n:,} of {len(whole.item_ids):,} items have a decision and no score in {name}: with a threshold they have no "
        "decision there, and count as the eval's on_failure says"
        for name, n in counts.items()
        if n
    ]


def _is_band(below: float, above: float) -> bool:
    """Whether both ends lie where a score may: from 0 to 1, or beyond every score for a band that is empty or all."""
    return all(not math.isfinite(one) or 0 <= one <= 1 for one in (below, above))


def _eval_of(run: Run, candidate: str, new_name: str, eval_path: Path | None) -> tuple[Path, Mapping[str, Any]]:
    """The eval that gets the new candidate: its path and content."""
    is_plain = NAME.fullmatch(new_name) and len(new_name) <= 100
    if not is_plain or new_name == HUMAN:
        why = (
            "is no name of a candidate"
            if not is_plain
            else "means a person in a cascade, and is no name of a candidate"
        )
        raise HarnessError(
            f"'{shortened(new_name)}' {why}", allowed=NAME_ALLOWED, next_step="choose another id: --write ID"
        )
    path = eval_path or _path_of(run)
    document = read_yaml(path, what="eval", kind="eval")
    candidates = document.data.get("candidates")
    if not isinstance(candidates, dict) or candidate not in candidates:
        raise HarnessError(
            f"{path}: has no candidate '{candidate}'",
            allowed=joined(candidates or ()),
            next_step="name the eval that was run: --eval PATH",
        )
    if new_name in candidates:
        raise HarnessError(f"{path}: has a candidate '{new_name}'", allowed="a new id", next_step="choose another id")
    return path, document.data


def _path_of(run: Run) -> Path:
    """The eval of the project that has the run's name."""
    found: list[Path] = []
    unread: list[str] = []
    for path in (path for end in ("*.yaml", "*.yml") for path in sorted(Path("evals").glob(end))):
        try:
            if read_yaml(path, what="eval").data.get("eval") == run.meta.eval_name:
                found.append(path)
        except HarnessError as error:
            unread.append(str(error).partition("\n")[0])
    if len(found) == 1:
        return found[0]
    several, none = f"{joined(map(str, found))} each are", "no file in evals/ is"
    lost = f"; it may be one that cannot be read ({unread[0]})" if unread and not found else ""
    raise HarnessError(
        f"run {run.meta.run_id}: {several if found else none} the eval '{run.meta.eval_name}'{lost}",
        allowed="the eval that was run",
        next_step="correct the file that cannot be read, or name the eval: --eval PATH"
        if lost
        else "name it: --eval PATH",
    )


def _moved(run: Run, candidate: str, path: Path) -> list[str]:
    """What differs now from what gave the scores: thresholds hold for one model, prompt and parser only."""
    try:
        (now,) = build_candidates(load_eval(path), [candidate])
    except HarnessError as error:
        return [f"candidate '{candidate}' cannot be built now: {error.message}"]
    changed = [name for name in changed_parts(run.meta, now) if name != "thresholds"]
    if not changed:
        return []
    return [
        f"{', '.join(changed)} of '{candidate}' changed since run {run.meta.run_id}: scores of another snapshot may "
        "lie elsewhere. Run it again and choose again"
    ]


def add_candidate(path: Path, data: Mapping[str, Any], name: str, spec: Mapping[str, Any]) -> None:
    """Write one more candidate at the end of an eval's candidates; ``data`` is the file as it was read."""
    edited = with_candidate(path, data, name, spec)
    step = f"add this line to its candidates: {name}: {_flow(spec)}"
    with writing(f"{path}:", allowed="a file that may be written", next_step=step):
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", dir=path.parent, delete=False) as made:
            made.write(edited)
        os.chmod(made.name, path.stat().st_mode & 0o777)
        os.replace(made.name, path)


def with_candidate(path: Path, data: Mapping[str, Any], name: str, spec: Mapping[str, Any]) -> str:
    """The text of an eval's file with one more candidate; nothing is written.

    Raises:
        FileError: It is written in a form that is not edited here.
    """
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    wanted = {**data, "candidates": {**data["candidates"], name: spec}}
    edited = _inserted(text, name, spec)
    try:
        is_right = edited is not None and yaml.safe_load(edited) == yaml.safe_load(yaml.safe_dump(wanted))
    except yaml.YAMLError:
        is_right = False
    if not is_right or edited is None:
        line = f"{name}: {_flow(spec)}"
        raise FileError(
            str(path),
            "is written in a form that is not edited here",
            allowed="candidates as an indented list of names",
            next_step=f"add this line to its candidates:\n    {line}",
        )
    return edited


def _inserted(text: str, name: str, spec: Mapping[str, Any]) -> str | None:
    """The text with one more line at the end of its block of candidates; None when there is no such block."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(end)
    start = next((at for at, line in enumerate(lines) if line.split("#")[0].rstrip() == "candidates:"), None)
    if start is None:
        return None
    last, indent = None, ""
    for at in range(start + 1, len(lines)):
        line = lines[at]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line[0].isspace():
            break
        indent = indent or line[: len(line) - len(line.lstrip())]
        last = at
    if last is None:
        return None
    return end.join([*lines[: last + 1], f"{indent}{name}: {_flow(spec)}", *lines[last + 1 :]])


def _flow(spec: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(spec), default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6).strip()
