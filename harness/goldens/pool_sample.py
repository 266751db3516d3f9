"""A pool -> which of its items to label next, each with the probability with which it was drawn.

Decides what the population is (rows with a text that are in no golden set named), that a draw depends on seed and pool
alone, and how views enter: an item's chance follows a mixture of one part for all items alike and one by views, so that
no item seen in the pool has a chance of 0 and weights stay bounded. Two passes: the first keeps a few bytes a row, the
second fetches what was drawn.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.designs import LEAST_PER_STRATUM, Allocation, allocate, draw
from harness.errors import HarnessError
from harness.files.golden.sets import GoldenSet
from harness.files.text import counted, joined, quoted, shortened
from harness.goldens.embeddings import Embedder
from harness.goldens.imports.account import NoItems
from harness.goldens.imports.flat import Row
from harness.goldens.pool import InSets, Pool, PoolRow, require_columns, require_own_ids
from harness.goldens.pool_coverage import (
    BATCH,
    LEVEL_NAMES,
    Closeness,
    Meanings,
    Profile,
    Sequences,
    Space,
    closeness,
    levels_of,
    profile_of,
)
from harness.goldens.pool_strata import Design, row_views, strata_of

IN_SET = "in a golden set already"
REFERENCE = 5_000
"""Texts of the simple random sample that coverage is compared with, at most."""
_LEFT_OUT = -1
_NO_VALUE = "none"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user asks of a sample.

    Attributes:
        allocation: How the sample is shared out over the strata.
        views: Column that says how often an item was seen; None draws within strata with equal probability.
        views_part: Part of the chance that follows views, in (0, 1); the rest is alike for all items.
        missing_views: What a row without views counts as; None refuses it.
        by_coverage: Whether strata are parted by how new the text is to the golden sets.
        embedder: Sentence model that says how new a text is; None compares character sequences.
        counts: Items to draw of each stratum, by its name, in place of size and allocation.
    """

    size: int
    design: Design = field(default_factory=Design)
    allocation: Allocation = "equal"
    views: str | None = None
    views_part: float = 0.5
    missing_views: float | None = None
    by_coverage: bool = False
    seed: int = 0
    embedder: Embedder | None = None
    counts: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class StratumFacts:
    """One stratum: how many items it has, their views, and how many were drawn."""

    name: str
    population: int
    views: float | None
    drawn: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data of the card."""
        return {"stratum": self.name, "population": self.population, "views": self.views, "drawn": self.drawn}


@dataclass(frozen=True, slots=True)
class Drawn:
    """One item of the sample, and the exact probability with which it was drawn."""

    id: str
    row: Row
    stratum: str
    probability: float
    views: float | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How close to the pool the golden sets are, a simple random sample as large, and the sets with what was drawn."""

    before: Closeness
    reference: Closeness
    after: Closeness
    farthest: tuple[tuple[str, float, int], ...]
    """Strata by how new their texts are to the sets, on average."""
    space: Space

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        strata = [{"stratum": name, "new": share, "items": n} for name, share, n in self.farthest]
        return {
            "by": self.space.name,
            "golden_sets": self.before.as_dict(),
            "simple_random_sample": self.reference.as_dict(),
            "with_sample": self.after.as_dict(),
            "strata": strata,
        }


@dataclass(frozen=True, slots=True)
class Sample:
    """What was drawn, in the order in which it is to be labelled."""

    items: tuple[Drawn, ...]
    strata: tuple[StratumFacts, ...]
    names: tuple[str, ...]
    n_rows: int
    population: int
    views: float | None
    n_without_views: int
    left_out: NoItems[str]
    coverage: Coverage | None


@dataclass(slots=True)
class _Scan:
    """What the first pass keeps: a code, and where asked for views and newness, of every row."""

    codes: array[int] = field(default_factory=lambda: array("i"))
    views: array[float] = field(default_factory=lambda: array("d"))
    novelty: list[NDArray[np.float32]] = field(default_factory=list)
    keys: list[tuple[str, ...]] = field(default_factory=list)
    left_out: NoItems[str] = field(default_factory=NoItems)
    no_views: NoItems[str] = field(default_factory=NoItems)
    pool: Profile | None = None


def sample_pool(
    pool: Pool,
    asked: Asked,
    golden_sets: Sequence[GoldenSet] = (),
    *,
    on_rows: Callable[[int], None] | None = None,
    on_item: Callable[[PoolRow], None] | None = None,
) -> Sample:
    """Draw what to label next.

    Items of ``golden_sets`` are not drawn, by id or text; ``on_item`` is given every row of the population once.

    Raises:
        HarnessError: A column is missing or unreadable, the sample is too small for its strata, or nothing is left.
    """
    if asked.views is not None:
        require_columns(pool, {"--views": asked.views})
    if asked.by_coverage and not golden_sets:
        raise HarnessError("coverage is measured against a golden set", allowed="one or more sets",
                           next_step="name it: --card CARD")  # fmt: skip
    profile = None
    if asked.by_coverage:
        profile = profile_of(
            Sequences() if asked.embedder is None else Meanings(asked.embedder),
            (item.text for golden in golden_sets for item in golden.items() if item.text is not None),
            keeps_vectors=True,
        )
    scan = _scan(pool, asked, InSets(golden_sets), profile, on_rows, on_item)
    codes = np.frombuffer(scan.codes, dtype=np.int32) if scan.codes else np.zeros(0, dtype=np.int32)
    in_population = np.flatnonzero(codes != _LEFT_OUT)
    if not in_population.size:
        left = "; ".join(f"{n:,} rows: {why}" for why, n in scan.left_out.counts.items())
        raise HarnessError(f"{joined(map(str, pool.files), most=3)}: no item is left to draw ({left or 'no rows'})",
                           allowed="a pool with new texts", next_step="check --text, --card and the files")  # fmt: skip
    views = None if asked.views is None else np.frombuffer(scan.views, dtype=np.float64)
    strata, names = _named_strata(codes, in_population, scan, asked)
    positions, probabilities, facts = _drawn(strata, in_population, views, names, asked)
    n_reference = min(len(in_population), REFERENCE, sum(map(len, golden_sets))) if profile is not None else 0
    rng = np.random.default_rng([asked.seed, 1])
    reference = rng.choice(in_population, n_reference, replace=False) if n_reference else np.zeros(0, dtype=np.int64)
    rows = _fetched(pool, {*positions.tolist(), *reference.tolist()})
    items = [
        Drawn(
            pool.id_of(rows[at]),
            rows[at].values or {},
            names[strata[at]],
            float(probability),
            None if views is None else float(views[at]),
        )
        for at, probability in zip(positions.tolist(), probabilities.tolist(), strict=True)
    ]
    require_own_ids(one.id for one in items)
    order = np.random.default_rng([asked.seed, 2]).permutation(len(items)).tolist()
    coverage = None
    if profile is not None:
        others = profile_of(profile.space, (str((rows[at].values or {})[pool.text]) for at in reference.tolist()))
        coverage = _coverage(profile, others, scan, [str(one.row[pool.text]) for one in items], strata, names)
    return Sample(
        tuple(items[at] for at in order),
        facts,
        (*asked.design.names, *(("coverage",) if asked.by_coverage else ())),
        len(codes),
        len(in_population),
        None if views is None else float(views[in_population].sum()),
        sum(scan.no_views.counts.values()),
        scan.left_out,
        coverage,
    )


def _scan(
    pool: Pool,
    asked: Asked,
    in_sets: InSets,
    profile: Profile | None,
    on_rows: Callable[[int], None] | None,
    on_item: Callable[[PoolRow], None] | None = None,
) -> _Scan:
    scan, strata = _Scan(), strata_of(asked.design, pool)
    scan.pool = None if profile is None else Profile(profile.space)
    waiting: list[str] = []

    def flush() -> None:
        assert scan.pool is not None
        scan.novelty.append(scan.pool.add(waiting, profile))
        waiting.clear()

    for n, row in enumerate(pool.rows(), start=1):
        if on_rows is not None and n % 10_000 == 0:
            on_rows(n)
        values, reason = row.values, row.reason
        if in_sets.holds(pool, row):
            reason = IN_SET
        if reason:
            scan.left_out.add(reason, row.where)
            scan.codes.append(_LEFT_OUT)
            if asked.views is not None:
                scan.views.append(0.0)
            continue
        scan.codes.append(strata.code(row))
        if on_item is not None:
            on_item(row)
        if asked.views is not None:
            scan.views.append(_views(row, asked, scan.no_views))
        if profile is not None:
            waiting.append(str((values or {})[pool.text]))
            if len(waiting) == BATCH:
                flush()
    if waiting:
        flush()
    if scan.no_views.counts and asked.missing_views is None:
        n_missing = sum(scan.no_views.counts.values())
        written = [found for found in scan.no_views.counts if found != _NO_VALUE]
        places = [place for some in scan.no_views.places.values() for place in some]
        where = ", ".join(map(shortened, places[:3])) + (", ..." if n_missing > 3 else "")
        raise HarnessError(
            f"{counted(n_missing, 'row')} without a number of views in '{shortened(asked.views)}': {where}"
            + (f" ({joined(written, most=3)})" if written else ""),
            allowed="a number of 0 or more in each row",
            next_step="say what they count as: --missing-views 0 (kept, as items that nobody saw)"
            if not written
            else "write them as plain numbers, or say what all of them count as: --missing-views N",
        )
    scan.keys = list(strata.keys)
    return scan


def _views(row: PoolRow, asked: Asked, missing: NoItems[str]) -> float:
    assert asked.views is not None
    views = row_views(row.values or {}, asked.views)
    if views is not None:
        return views
    value = (row.values or {}).get(asked.views)
    missing.add(_NO_VALUE if value in (None, "") else quoted(value), row.where)
    return 0.0 if asked.missing_views is None else asked.missing_views


def _named_strata(
    codes: NDArray[np.int32], in_population: NDArray[np.int64], scan: _Scan, asked: Asked
) -> tuple[NDArray[np.int64], list[str]]:
    """Codes by how strata are called, in order of their names, so that the order of rows in the pool names none."""
    keys, found = scan.keys, codes.astype(np.int64)
    if asked.by_coverage:
        levels = levels_of(np.concatenate(scan.novelty))
        found[in_population] = found[in_population] * len(LEVEL_NAMES) + levels
        keys = [(*key, level) for key in keys for level in LEVEL_NAMES]
    names = [_called(key, asked) for key in keys]
    used = np.unique(found[in_population])
    ordered = sorted(used.tolist(), key=lambda code: names[code])
    place = np.full(len(names), _LEFT_OUT, dtype=np.int64)
    place[ordered] = np.arange(len(ordered))
    found[in_population] = place[found[in_population]]
    return found, [names[code] for code in ordered]


def _called(key: Sequence[str], asked: Asked) -> str:
    parts = (*asked.design.names, *(("coverage",) if asked.by_coverage else ()))
    return " | ".join(f"{name}: {value}" for name, value in zip(parts, key, strict=True)) or "all"


def _drawn(
    codes: NDArray[np.int64],
    in_population: NDArray[np.int64],
    views: NDArray[np.float64] | None,
    names: Sequence[str],
    asked: Asked,
) -> tuple[NDArray[np.int64], NDArray[np.float64], tuple[StratumFacts, ...]]:
    sizes = np.bincount(codes[in_population], minlength=len(names))
    least = int(np.minimum(sizes, LEAST_PER_STRATUM).sum())
    if asked.size < least:
        raise HarnessError(
            f"{asked.size:,} items are too few for {len(names):,} strata: an interval needs "
            f"{LEAST_PER_STRATUM} of each",
            allowed=f"--size {least:,} or more",
            next_step="draw more, or stratify by fewer columns or wider --bins",
        )
    if asked.counts is None:
        counts = allocate(sizes, asked.size, allocation=asked.allocation)
    else:
        counts = np.minimum(sizes, [max(asked.counts.get(name, 0), LEAST_PER_STRATUM) for name in names])
    order = in_population[np.argsort(codes[in_population], kind="stable")]
    measure = None if views is None else _measure(views, in_population, asked.views_part)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    positions, probabilities, facts = [], [], []
    for at, name in enumerate(names):
        members = order[starts[at] : starts[at + 1]]
        n = int(counts[at])
        rng = np.random.default_rng([asked.seed, 0, zlib.crc32(name.encode())])
        own = None if measure is None or n == len(members) else measure[members]
        chosen, pi = draw(n, len(members), rng=rng, measure=own)
        positions.append(members[chosen])
        probabilities.append(pi)
        seen = None if views is None else float(views[members].sum())
        facts.append(StratumFacts(name, len(members), seen, n))
    return np.concatenate(positions), np.concatenate(probabilities), tuple(facts)


def _measure(views: NDArray[np.float64], in_population: NDArray[np.int64], part: float) -> NDArray[np.float64]:
    """Size of each row: (1 - part) for the item, and part for its views in units of their mean."""
    mean = float(views[in_population].mean())
    return (1 - part) + part * (views / mean if mean > 0 else np.ones_like(views))


def _fetched(pool: Pool, wanted: set[int]) -> dict[int, PoolRow]:
    found: dict[int, PoolRow] = {}
    for at, row in enumerate(pool.rows()):
        if at in wanted:
            found[at] = row
            if len(found) == len(wanted):
                break
    if len(found) < len(wanted) or any(row.values is None for row in found.values()):
        raise HarnessError(f"{pool.files[0]}: the pool changed while it was read",
                           allowed="files that stay as they are", next_step="draw again")  # fmt: skip
    return found


def _coverage(
    profile: Profile,
    reference: Profile,
    scan: _Scan,
    texts: Sequence[str],
    codes: NDArray[np.int64],
    names: Sequence[str],
) -> Coverage:
    assert scan.pool is not None
    after = Profile(profile.space, profile.counts.copy(), profile.n_texts)
    for start in range(0, len(texts), BATCH):
        after.add(texts[start : start + BATCH])
    found = codes[codes != _LEFT_OUT]
    sizes = np.bincount(found, minlength=len(names))
    new = np.bincount(found, weights=np.concatenate(scan.novelty), minlength=len(names)) / sizes
    order = np.argsort(-new, kind="stable").tolist()
    return Coverage(
        closeness(profile, scan.pool),
        closeness(reference, scan.pool),
        closeness(after, scan.pool),
        tuple((names[at], float(new[at]), int(sizes[at])) for at in order),
        profile.space,
    )
