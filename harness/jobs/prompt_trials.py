"""Variants of a prompt tried against it: one ordinary run, read pair by pair.

Decides how variants become candidates of an eval of their own (named EVAL-ablate or EVAL-stability, so that no history
or weekly report takes them for versions), and what is read of the run: what each part carries, or how often each
wording flips a decision beside how often the same prompt does when it is asked twice.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from msgspec import structs

from harness.core.mcnemar import mcnemar_midp
from harness.core.metrics import proportion
from harness.core.multiplicity import holm
from harness.core.paired import PairedResult
from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.files.evals import LoadedEval
from harness.files.text import joined
from harness.jobs.prompt_variants import Variant, write_prompt
from harness.jobs.run import PreparedRun, RunOptions, execute, prepare_run
from harness.measure.compare import compare
from harness.measure.decisions import decisions
from harness.records import MISSING, CandidateSpec, Loaded, Prompt
from harness.runner import RunSummary
from harness.runs import Run, open_run

METRICS = ("recall", "fpr")


@dataclass(frozen=True, slots=True)
class Moved:
    """What leaving a part out did to one category: variant minus prompt; recall that is lost is what it carried."""

    variant: Variant
    category: str
    metrics: Mapping[str, PairedResult]
    p_holm: Mapping[str, float]
    newly: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Flips:
    """How often a wording decides otherwise than the prompt does.

    Attributes:
        rate: Share of items with another decision, in any category.
        floor: The same for the prompt asked a second time, on the same items.
        p_value: Of "no more than the floor", one-sided, Holm over the wordings.
    """

    variant: Variant
    rate: MetricResult
    floor: MetricResult
    p_value: float
    by_category: Mapping[str, MetricResult]


def prompt_of(loaded: LoadedEval, chosen: Sequence[str]) -> tuple[str, Prompt]:
    """The candidate whose prompt is varied: the one named, or the only one with a prompt."""
    with_prompt = [name for name, spec in loaded.eval.value.candidates.items() if spec.kind == "prompt"]
    named = list(chosen) or with_prompt
    if len(named) != 1 or named[0] not in with_prompt:
        said = (
            f"'{joined(chosen)}' is no one candidate with a prompt" if chosen else f"it has {len(with_prompt)} prompts"
        )
        raise HarnessError(
            f"{loaded.eval.path.name}: {said}",
            allowed=f"--candidate with one of {joined(with_prompt)}" if with_prompt else "an eval with a prompt",
            next_step="name the candidate whose prompt is varied",
        )
    return named[0], loaded.prompts[loaded.eval.value.candidates[named[0]].value].value


@contextmanager
def prepare_variants(
    loaded: LoadedEval,
    name: str,
    variants: Sequence[Variant],
    options: RunOptions,
    environment: Mapping[str, str],
    *,
    suffix: str,
) -> Iterator[PreparedRun]:
    """A candidate and the variants of its prompt as one eval, ready to run while the files of the variants are there.

    Raises:
        HarnessError: There is no variant, or the run cannot be made.
    """
    spec = loaded.eval.value
    taken = [one.name for one in variants if one.name == name]
    if not variants or taken:
        raise HarnessError(
            f"the candidate is called '{name}', as one of the variants is"
            if taken
            else f"the prompt of '{name}' has no part that can be varied as asked",
            allowed="a prompt with examples, paragraphs or a list of categories",
            next_step="rename the candidate" if taken else "look at the prompt: harness prompts show EVAL ITEM",
        )
    own = spec.candidates[name]
    candidates = {name: own, **{one.name: structs.replace(own, value=one.name) for one in variants}}
    with tempfile.TemporaryDirectory() as folder:
        files = {one.name: write_prompt(one.prompt, Path(folder) / f"{one.name}.md") for one in variants}
        varied = with_prompts(loaded, name, candidates, files, suffix=suffix)
        prepared = prepare_run(varied, structs.replace(options, candidates=()), environment)
        request = structs.replace(prepared.request, stop_alone=frozenset(files))
        yield structs.replace(prepared, request=request)


def with_prompts(
    loaded: LoadedEval,
    baseline: str,
    candidates: Mapping[str, CandidateSpec],
    files: Mapping[str, Loaded[Prompt]],
    *,
    suffix: str,
) -> LoadedEval:
    """The eval with other candidates and further prompts, under a name of its own and without a gate."""
    spec = loaded.eval.value
    varied = structs.replace(
        spec, eval=f"{spec.eval}-{suffix}", candidates=candidates, baseline=baseline, gate=None, must_catch=None
    )
    return dataclasses.replace(
        loaded,
        eval=structs.replace(loaded.eval, value=varied),
        must_catch=None,
        named={**loaded.named, "prompt": {**loaded.prompts, **files}},
    )


def ran(
    prepared: PreparedRun, *, stream: TextIO | None = None, on_start: Callable[[], None] | None = None
) -> tuple[RunSummary, Run]:
    """Carry a run of variants out and open it."""
    summary = execute(prepared, stream=stream, on_start=on_start)
    return summary, open_run(summary.path)


def what_moved(run: Run, name: str, variants: Sequence[Variant]) -> list[Moved]:
    """Every category in which leaving a part out changed a decision, with Holm over all that was tried."""
    found: list[tuple[Variant, str, Any]] = []
    p_values: list[float] = []
    for one in variants:
        for category, compared in compare(run[name], run[one.name]).categories.items():
            found.append((one, category, compared))
            p_values += [compared.metrics[metric].p_value for metric in METRICS]
    adjusted = iter(holm(np.asarray(p_values, dtype=float)).tolist())
    moved = []
    for variant, category, compared in found:
        p_holm = {metric: next(adjusted) for metric in METRICS}
        newly = {kind: len(ids) for kind, ids in compared.newly.items()}
        if any(newly.values()):
            metrics = {metric: compared.metrics[metric] for metric in METRICS}
            moved.append(Moved(variant, category, metrics, p_holm, newly))
    return sorted(moved, key=lambda one: (min(one.metrics[m].p_value for m in METRICS), -sum(one.newly.values())))


def flips(run: Run, name: str, variants: Sequence[Variant]) -> list[Flips]:
    """Flip rates of wordings against the prompt asked twice; the run has at least two repeats."""
    base = decisions(run, name).y_pred
    again = _flipped(base[:, 0], base[:, 1])
    found = []
    for one in variants:
        other = _flipped(base[:, 0], decisions(run, one.name).y_pred[:, 0])
        is_known = (again >= 0).any(axis=1) & (other >= 0).any(axis=1)
        here, floor = (other[is_known] == 1).any(axis=1), (again[is_known] == 1).any(axis=1)
        p_value = mcnemar_midp(int((floor & ~here).sum()), int((here & ~floor).sum()), alternative="worse")
        by_category = {
            category: _share(int((column == 1).sum()), int((column >= 0).sum()))
            for category, column in zip(run.categories, other.T, strict=True)
            if (column >= 0).any()
        }
        n = int(is_known.sum())
        found.append(Flips(one, _share(int(here.sum()), n), _share(int(floor.sum()), n), p_value, by_category))
    adjusted = holm(np.asarray([one.p_value for one in found], dtype=float)).tolist()
    return [dataclasses.replace(one, p_value=p) for one, p in zip(found, adjusted, strict=True)]


def _flipped(one: Any, other: Any) -> Any:
    """1 where two decisions differ, 0 where they agree, -1 where one is missing."""
    return np.where((one == MISSING) | (other == MISSING), MISSING, (one != other).astype(np.int8))


def _share(n_with: int, n: int) -> MetricResult:
    return proportion(n_with, n, "no item was decided by both")
