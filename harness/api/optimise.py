"""The objective for scripts and notebooks: ``mh.objective(...)``, for GEPA, DSPy or a search of one's own.

Decides how a script's arguments become those of the job; what may be seen and what it is worth is decided there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.functions import in_a_notebook_too
from harness.api.place import place
from harness.files.evals import load_eval
from harness.jobs.optimise import dspy as dspy_door
from harness.jobs.optimise import gepa as gepa_door
from harness.jobs.optimise.objective import Metric
from harness.jobs.optimise.objective import Objective as _Objective
from harness.jobs.optimise.teacher import teacher
from harness.jobs.optimise.written import add_version, check_destination, write_version
from harness.jobs.run import PreparedRun, RunOptions, execute

if TYPE_CHECKING:
    from harness.runner import RunSummary


class Objective(_Objective):
    """A prompt's worth on the dev part of an eval. Call it with texts for their mean worth, 0 to 1.

    ``seed`` holds the texts that may change; ``train`` and ``val`` are ids of the two halves of the dev part.
    """

    def _execute(self, prepared: PreparedRun) -> RunSummary:
        return in_a_notebook_too(lambda on_stoppable: execute(prepared, on_stoppable=on_stoppable))

    def teacher(self, model_id: str) -> Callable[[Any], str]:
        """A model of models.yaml as a function from a prompt to its words."""
        return teacher(self, model_id, os.environ)

    def optimise(
        self,
        reflect: str | Callable[[Any], str],
        *,
        max_answers: int = 400,
        minibatch: int = gepa_door.MINIBATCH,
        seed: int = 0,
    ) -> gepa_door.Found:
        """Search with GEPA; ``reflect`` is a model of models.yaml, or any function from a prompt to words."""
        asks = self.teacher(reflect) if isinstance(reflect, str) else reflect
        return gepa_door.optimise(self, asks, max_answers=max_answers, minibatch=minibatch, seed=seed)

    def gepa_adapter(self) -> gepa_door.Adapter:
        """For ``gepa.optimize(adapter=...)``, with ``seed``, ``train`` and ``val`` as they are."""
        return gepa_door.Adapter(self)

    def dspy_program(self) -> Any:
        """The prompt as a ``dspy.Module``."""
        return dspy_door.program(self)

    def dspy_teacher(self, model_id: str) -> Any:
        """A model of models.yaml as DSPy's language model, for ``reflection_lm``."""
        return dspy_door.language_model(self.teacher(model_id))

    def dspy_examples(self, ids: Sequence[str]) -> list[Any]:
        """Dev items as ``dspy.Example``."""
        return dspy_door.examples(self, ids)

    dspy_metric = staticmethod(dspy_door.metric)

    def write(self, texts: Mapping[str, str] | Any, path: str | Path | None = None, *, add: str | None = None) -> Path:
        """Write texts, or an optimised DSPy program, as the prompt's next version.

        Args:
            texts: What was found.
            path: A new file; beside the prompt for None.
            add: Add it to the eval as a candidate of this name.
        """
        check_destination(self, Path(path) if path is not None else None, add)
        found = texts if isinstance(texts, Mapping) else dspy_door.texts_of(texts)
        made = write_version(self, found, path)
        for one in add_version(self, made, add) if add else ():
            print(f"Warning: {one}", file=sys.stderr)
        return made.path


def objective(
    eval: str | Path,  # noqa: A002 - the noun of the files
    *,
    candidate: str | None = None,
    metric: Metric = "overlap",
    limit: int | None = None,
    balanced: bool = False,
    max_cost_usd: float | None = None,
    max_tokens: int | None = None,
    gguf: str | Path | None = None,
    cache: str | Path | None = None,
) -> Objective:
    """The dev part of an eval as an objective for optimisers of prompts; an item of the gate part is refused.

    Args:
        eval: The eval's file; it declares a split.
        candidate: Whose prompt is optimised; the only one with a prompt for None.
        metric: What one answer is worth: ``overlap``, ``exact`` or ``agreement``.
        limit: Use this many items of the dev part.
        balanced: Share them out between the categories.
        max_cost_usd: Stop before answers and proposals of a model of models.yaml cost more US dollars.
        max_tokens: Stop before they use more tokens.
        gguf: Any GGUF file as the embedded model.
        cache: Journal of answers; as for ``run``.

    Raises:
        HarnessError: A file is at fault, the eval has no split, or the prompt has nothing to change.
    """
    with place() as here:
        journal = here.journal(cache)
        options = RunOptions(
            cache_path=None if journal is None else journal.absolute(),
            limit=limit,
            is_balanced=balanced,
            max_cost_usd=max_cost_usd,
            max_tokens=max_tokens,
            gguf=Path(here.path(gguf)).absolute() if gguf is not None else None,
        )
        loaded = load_eval(Path(here.path(eval)).absolute())
        return Objective(loaded, candidate, metric=metric, options=options, environment=os.environ)
