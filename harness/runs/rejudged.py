"""A run's answers to items of another run, under that run's labels, slices and policy.

Decides nothing about which items two runs share; it only lets what reads one run read the answers of an older one as if
they had been given over the newer golden set. Scores at thresholds of a dev part are left to the runs themselves.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pyarrow as pa
from msgspec import structs
from numpy.typing import NDArray

from harness.runs.reader import Run


def rejudged(
    old: Run, new: Run, at_old: NDArray[np.int64], at_new: NDArray[np.int64], categories: tuple[str, ...]
) -> tuple[Run, Run]:
    """Both runs over the items that they share, by the labels of the newer; of the categories that both know.

    Args:
        old: The run whose answers are judged anew.
        new: The run that holds labels, slices and policy.
        at_old: Positions of the shared items in it.
        at_new: The same in the newer one.
        categories: Categories of both.
    """
    part = _Part(new, at_new, categories)
    return _Older(old, part, at_old), part


class _Part(Run):
    """Some items and categories of a run."""

    def __init__(self, run: Run, at: NDArray[np.int64], categories: tuple[str, ...]) -> None:
        super().__init__(run._folder, structs.replace(run.meta, categories=categories), run.part)
        self._at = at if run._kept is None else run._kept[at]

    @cached_property
    def _kept(self) -> NDArray[np.int64]:
        return self._at


class _Older(_Part):
    """The answers of a run to the items of a newer one."""

    def __init__(self, run: Run, newer: _Part, at: NDArray[np.int64]) -> None:
        super().__init__(run, at, newer.categories)
        inputs = {kind: one for kind, one in run.meta.inputs.items() if kind != "policy"}
        if "policy" in newer.meta.inputs:
            inputs["policy"] = newer.meta.inputs["policy"]
        golden_set = structs.replace(newer.meta.golden_set, n_items=run.meta.n_items)  # as many as its own files hold
        self.meta = structs.replace(self.meta, golden_set=golden_set, policy=newer.meta.policy, inputs=inputs)
        self._newer = newer

    @cached_property
    def _items(self) -> pa.Table:
        return self._newer._items
