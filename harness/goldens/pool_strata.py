"""A row of a pool -> its stratum, by scores, columns, and what several systems decided about it.

Decides how a value becomes part of a stratum: scores fall into bins, lists are taken whole, a missing value is a
stratum of its own. Every row is in exactly one stratum.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from harness.errors import HarnessError
from harness.files.golden.values import folded
from harness.files.text import quoted, shortened
from harness.goldens.imports.flat import Row
from harness.goldens.pool import Pool, PoolRow, require_columns
from harness.measure.decisions import decisions
from harness.runs import Run

DEFAULT_EDGES = (0.05, 0.2, 0.5, 0.8, 0.95)
MOST_STRATA = 5_000
MISSING_VALUE = "(none)"
AGREED_FLAG, AGREED_PASS, DISAGREED, UNDECIDED = "all flag", "none flags", "disagree", "not decided by two"
_NO = frozenset(("", "0", "0.0", "false", "no", "n", "none", "null", "nan", "allow", "allowed", "keep", "kept", "safe",
                 "pass", "approve", "approved", "ok", "[]"))  # fmt: skip
_UNKNOWN = frozenset(("", "null", "nan", "n/a", "na"))


@dataclass(frozen=True, slots=True)
class NamedPart:
    """A part of strata that is told from outside: its name, and what it says of a row."""

    name: str
    of: Callable[[PoolRow], str]


@dataclass(frozen=True, slots=True)
class Design:
    """What a pool is stratified by.

    Attributes:
        scores: Columns of numbers, in bins.
        edges: Where bins begin, rising.
        by: Columns whose values part the pool.
        systems: Columns of decisions, one for each system; two or more are compared.
        run: A stored run whose candidates are compared, by item id.
    """

    scores: tuple[str, ...] = ()
    edges: tuple[float, ...] = DEFAULT_EDGES
    by: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    run: Run | None = None
    more: tuple[NamedPart, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parts of a stratum, in their order."""
        compared = ("systems",) if self.systems or self.run is not None else ()
        return (*self.scores, *self.by, *compared, *(one.name for one in self.more))


@dataclass(slots=True)
class Strata:
    """Codes of the strata met so far; a code is the position in ``keys``."""

    parts: tuple[Callable[[PoolRow], str], ...]
    names: tuple[str, ...]
    keys: dict[tuple[str, ...], int] = field(default_factory=dict)

    def code(self, row: PoolRow) -> int:
        """The stratum of a row."""
        key = tuple([part(row) for part in self.parts])
        found = self.keys.get(key)
        if found is None:
            if len(self.keys) >= MOST_STRATA:
                raise HarnessError(
                    f"{row.where}: more than {MOST_STRATA:,} strata by {', '.join(self.names)}",
                    allowed="columns with few values, such as language or the flagged category",
                    next_step="leave out the column that is an id, a date or a text",
                )
            found = self.keys[key] = len(self.keys)
        return found


def strata_of(design: Design, pool: Pool) -> Strata:
    """The rule that gives each row of a pool its stratum."""
    if len(design.systems) == 1 and design.run is None:
        raise HarnessError("one system cannot disagree", allowed="two or more columns of decisions",
                           next_step="name another: --disagreement COLUMN")  # fmt: skip
    if not all(a < b for a, b in pairwise(design.edges)):
        raise HarnessError("the bins' edges do not rise", allowed="rising numbers, such as 0.1,0.5,0.9",
                           next_step="correct --bins")  # fmt: skip
    for option, names in (("--score", design.scores), ("--by", design.by), ("--disagreement", design.systems)):
        for name in names:
            require_columns(pool, {option: name})
    parts = [_score_part(name, design.edges) for name in design.scores]
    parts += [_value_part(name) for name in design.by]
    if design.run is not None:
        parts.append(_run_part(design.run, pool))
    elif design.systems:
        parts.append(_systems_part(design.systems))
    parts += [one.of for one in design.more]
    return Strata(tuple(parts), design.names)


def _score_part(name: str, edges: Sequence[float]) -> Callable[[PoolRow], str]:
    bounds = [f"{edge:g}" for edge in edges]
    labels = [f"< {bounds[0]}", *(f"{a} to {b}" for a, b in pairwise(bounds)), f">= {bounds[-1]}"]
    is_default = tuple(edges) == DEFAULT_EDGES

    def part(row: PoolRow) -> str:
        value = number_of((row.values or {}).get(name))
        if value is None:
            raw = (row.values or {}).get(name)
            if raw is not None and str(raw).strip().casefold() not in _UNKNOWN:
                raise _no_number(row, name, raw, "a number, or an empty cell (a stratum of its own)")
            return MISSING_VALUE
        if is_default and not 0 <= value <= 1:
            raise _no_number(row, name, value, "0 to 1 with the default bins", "say where bins begin: --bins 10,50,90")
        return labels[bisect_right(edges, value)]

    return part


def _no_number(row: PoolRow, name: str, value: object, allowed: str, next_step: str = "correct the row") -> Exception:
    return HarnessError(f"{row.where}: '{shortened(name)}' is {quoted(value)}", allowed=allowed, next_step=next_step)


def number_of(value: object) -> float | None:
    """A finite number, also written as text; None for everything else."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _value_part(name: str) -> Callable[[PoolRow], str]:
    def part(row: PoolRow) -> str:
        return value_text((row.values or {}).get(name))

    return part


def value_text(value: object) -> str:
    """A value as the name of a stratum: trimmed, a list in order of its names, a missing one named so."""
    if isinstance(value, list | tuple):
        return ", ".join(sorted(str(one).strip() for one in value)) or MISSING_VALUE
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if value is None else " ".join(str(value).split())
    return shortened(text) if text else MISSING_VALUE


def is_flag(value: object) -> bool | None:
    """Whether a decision of a column flags the item: any word that does not say no; None where it is missing."""
    if value is None or (isinstance(value, str) and value.strip().casefold() in _UNKNOWN):
        return None
    if isinstance(value, list | tuple):
        return bool(value)
    return folded(value) not in _NO


def _systems_part(columns: Sequence[str]) -> Callable[[PoolRow], str]:
    def part(row: PoolRow) -> str:
        values: Mapping[str, Any] = row.values or {}
        said = []
        for name in columns:
            number = number_of(values.get(name))
            if number is not None and number not in (0, 1):
                raise _no_number(row, name, values.get(name), "a decision: 1, 0 or a word", "stratify by it: --score")
            said.append(is_flag(values.get(name)))
        return _compared(said)

    return part


def _compared(said: Sequence[bool | None]) -> str:
    known = [one for one in said if one is not None]
    if len(known) < 2:
        return UNDECIDED
    return DISAGREED if len(set(known)) > 1 else AGREED_FLAG if known[0] else AGREED_PASS


def _run_part(run: Run, pool: Pool) -> Callable[[PoolRow], str]:
    """Candidates disagree about an item when they do in one category, in the first repeat."""
    names = tuple(run.candidates)
    if len(names) < 2:
        raise HarnessError(f"run {run.meta.run_id} has one candidate, which cannot disagree",
                           allowed="a run of two or more", next_step="name another run")  # fmt: skip
    cube = np.stack([decisions(run, name).y_pred[:, 0, :] for name in names])
    known = (cube >= 0).sum(axis=0) >= 2
    differs = ((cube == 1).any(axis=0) & (cube == 0).any(axis=0)).any(axis=1)
    flagged = ((cube == 1).any(axis=0) & known).any(axis=1)
    words = np.where(differs, DISAGREED, np.where(flagged, AGREED_FLAG, AGREED_PASS))
    words = np.where(known.any(axis=1), words, UNDECIDED)
    by_id = dict(zip(run.item_ids, words.tolist(), strict=True))

    def part(row: PoolRow) -> str:
        return str(by_id.get(pool.id_of(row), UNDECIDED))

    return part


def row_views(row: Row, column: str) -> float | None:
    """How often an item was seen; None where the row does not say so."""
    value = number_of(row.get(column))
    return None if value is None or value < 0 else value
