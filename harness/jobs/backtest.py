"""What candidates would have done to a pool: a sample of it through the ordinary runner, against what was recorded.

Decides how a wanted precision becomes a sample, and what a reader must know beside the figures. Drawing is
``goldens.pool_sample``'s, asking the runner's, what the answers say of the pool ``measure.backtest``'s. Its runs are
kept apart from those over golden sets, below ``backtests/`` of the runs folder: they hold no labels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TextIO

import numpy as np
from msgspec import structs

from harness.errors import HarnessError
from harness.files.text import counted, joined, shortened
from harness.goldens.pool import Pool, PoolRow
from harness.goldens.pool_golden import PoolItems
from harness.goldens.pool_recorded import Recorded
from harness.goldens.pool_sample import Asked, Sample, sample_pool
from harness.jobs.backtest_ready import Prepared
from harness.jobs.run import execute
from harness.measure.backtest import ANY, CandidateEffect, Drawn, decided_by, effect_of, size_for
from harness.records import MISSING
from harness.report.backtest.data import Backtest
from harness.runner import InputFile, RunRequest, RunSummary
from harness.runs import Run, open_run

BACKTESTS_FOLDER = "backtests"
DEFAULT_HALF_WIDTH = 0.0005
"""Precision whose price is told where none is asked for: a twentieth of a point."""


def draw_sample(
    ready: Prepared, asked: Asked, on_rows: Callable[[int], None] | None = None
) -> tuple[Sample, Recorded | None]:
    """The sample, with strata by what production decided, and the exact tally of that."""
    recorded = ready.recorded
    if recorded is None:
        return sample_pool(ready.pool, asked, on_rows=on_rows), None
    fresh = Recorded(
        ready.pool, recorded.columns, recorded.categories, recorded.names,
        views=asked.views, missing_views=asked.missing_views,
    )  # fmt: skip
    design = dataclasses.replace(asked.design, more=(*asked.design.more, fresh.part()))
    sample = sample_pool(ready.pool, dataclasses.replace(asked, design=design), on_rows=on_rows, on_item=fresh.count)
    if not fresh.tally.known[ANY]:
        raise HarnessError(
            f"{ready.pool.files[0]}: no row has a recorded decision",
            allowed="1 or 0, true or false, or words such as removed and kept",
            next_step="name another column, or leave --recorded out to set candidates against the eval's baseline",
        )
    return sample, fresh


def request_of(ready: Prepared, items: PoolItems, *, unchanged: Callable[[], None], ledger: str = "") -> RunRequest:
    """The run over items of the pool."""
    request, pool = ready.prepared.request, ready.pool
    name = ", ".join(path.name for path in pool.files[:3])
    inputs = {**request.inputs, "golden_set": InputFile(name, None, items.sha256, name)}
    return structs.replace(
        request,
        eval_name=f"{request.eval_name}-backtest",
        golden=items,
        inputs=inputs,
        runs_dir=f"{str(request.runs_dir).rstrip('/')}/{BACKTESTS_FOLDER}",
        check_unchanged=unchanged,
        slice_names=items.slices,
        ledger=ledger,
    )


def pool_state(pool: Pool) -> Callable[[], None]:
    """A check that the pool's files are still what they were."""

    def state() -> list[tuple[int, int]]:
        return [(path.stat().st_mtime_ns, path.stat().st_size) for path in pool.files]

    before = state()

    def check() -> None:
        if state() != before:
            raise HarnessError(
                f"{pool.files[0]}: the pool was changed while the back-test was under way",
                allowed="files that stay as they are",
                next_step="type the same command again",
            )

    return check


def items_of(ready: Prepared, sample: Sample) -> PoolItems:
    """The sample as items of a run."""
    items = [ready.shape.item(one.id, one.row, 1 / one.probability) for one in sample.items]
    return PoolItems(ready.pool.files[0].name, items, ready.shape.categories, tuple(ready.shape.slices))


def backtest(
    ready: Prepared,
    *,
    stream: TextIO | None = None,
    on_start: Callable[[], None] | None = None,
    on_rows: Callable[[int], None] | None = None,
    on_asked: Callable[[RunSummary], None] = lambda _: None,
    note: Callable[[str], None] = lambda _: None,
) -> Backtest:
    """Draw, ask, and estimate; where a precision is wanted, a pilot first says how many items that takes.

    Bounds on money and tokens are of both together: the sample is booked under the pilot's name.
    """
    wanted = ready.wanted
    found = _asked(ready, wanted.sample, None, stream, on_start, on_rows, on_asked)
    if wanted.precision is None or found.status == "incomplete":
        return found
    sizes = [one for one in found.sizes.values() if one is not None]
    if not sizes:
        return found
    most = max(sizes, key=lambda one: one.by_strata)
    n_pilot = len(found.sample.items)
    note(
        f"Pilot of {n_pilot:,} items: the flag rate to plus or minus {100 * most.half_width:g} points takes "
        f"{most.by_strata:,} items by these strata ({most.simple:,} in a simple random sample)"
    )
    if most.by_strata <= n_pilot:
        return found
    counts = {name: max(one.counts[name] for one in sizes) for name in most.counts}
    asked = dataclasses.replace(wanted.sample, size=sum(counts.values()), counts=counts)
    return _asked(ready, asked, n_pilot, stream, on_start, on_rows, on_asked, ledger=found.run_id)


def _asked(
    ready: Prepared,
    asked: Asked,
    pilot: int | None,
    stream: TextIO | None,
    on_start: Callable[[], None] | None,
    on_rows: Callable[[int], None] | None,
    on_asked: Callable[[RunSummary], None],
    *,
    ledger: str = "",
) -> Backtest:
    unchanged = pool_state(ready.pool)
    sample, recorded = draw_sample(ready, asked, on_rows)
    request = request_of(ready, items_of(ready, sample), unchanged=unchanged, ledger=ledger)
    summary = execute(structs.replace(ready.prepared, request=request), stream=stream, on_start=on_start)
    on_asked(summary)
    run, said = open_run(summary.run_id, request.runs_dir), summary.as_dict()
    drawn, before = _drawn(ready, sample, recorded)
    asking = {one.id for one in request.candidates if getattr(one, "models_used", None) != ()}
    effects = tuple(effect_of(run, name, drawn, ready.baseline, asks=name in asking) for name in ready.judged)
    half_width = ready.wanted.precision or DEFAULT_HALF_WIDTH
    return Backtest(
        eval_name=ready.loaded.eval.value.eval,
        before=ready.before,
        text=ready.pool.text,
        sample=sample,
        seed=asked.seed,
        allocation="by measured spread" if asked.counts is not None else asked.allocation,
        pilot=pilot,
        run_id=summary.run_id,
        path=summary.path,
        status=summary.status,
        spent={name: said[name] for name in ("cost_usd", "earlier_cost_usd", "unknown_usd", "calls", "cached")},
        drawn=drawn,
        effects=effects,
        sizes={one.candidate: size_for(half_width, one, drawn) for one in effects},
        decided_before=before if ready.baseline is None else _of_baseline(run, ready.baseline),
        files=tuple(path.name for path in ready.pool.files),
        notes=(*ready.notes, *_notes(ready, sample, recorded, effects)),
        names=run.meta.policy.names_of(run.categories),
    )


def _of_baseline(run: Run, baseline: str) -> dict[str, Sequence[int]]:
    return {name: codes.tolist() for name, codes in decided_by(run, baseline)[0].items()}


def _drawn(ready: Prepared, sample: Sample, recorded: Recorded | None) -> tuple[Drawn, dict[str, Sequence[int]]]:
    place = {one.name: at for at, one in enumerate(sample.strata)}
    before: dict[str, list[int]] = {}
    shares: dict[str, float] = {}
    shares_views: dict[str, float] = {}
    n_items, n_views = sample.population, sample.views
    if recorded is not None:
        said = [recorded.read(PoolRow(ready.pool.files[0].name, 0, one.row)) for one in sample.items]
        before = {name: [one.get(name, MISSING) for one in said] for name in recorded.known_columns}
        tally = recorded.tally
        n_items = tally.known[ANY]
        n_views = tally.known_views.get(ANY, 0.0) if sample.views is not None else None
        for name in recorded.known_columns:
            if tally.known[name]:
                shares[name] = tally.flagged[name] / tally.known[name]
            if tally.known_views.get(name):
                shares_views[name] = tally.flagged_views.get(name, 0.0) / tally.known_views[name]
    views = None if sample.views is None else np.array([one.views or 0.0 for one in sample.items])
    drawn = Drawn(
        weight=np.array([1 / one.probability for one in sample.items]),
        probability=np.array([one.probability for one in sample.items]),
        strata=np.array([place[one.stratum] for one in sample.items], dtype=np.int64),
        names=tuple(one.name for one in sample.strata),
        populations=np.array([one.population for one in sample.strata], dtype=np.int64),
        views=views,
        before={name: np.array(codes, dtype=np.int8) for name, codes in before.items()},
        before_share=shares,
        before_share_views=shares_views,
        n_items=n_items,
        n_views=n_views,
    )
    return drawn, {name: list(codes) for name, codes in before.items()}


def _notes(
    ready: Prepared, sample: Sample, recorded: Recorded | None, effects: Sequence[CandidateEffect]
) -> tuple[str, ...]:
    notes = []
    if recorded is not None:
        tally = recorded.tally
        n_blank = sample.population - tally.known[ANY]
        if n_blank:
            notes.append(
                f"{counted(n_blank, 'row')} without a recorded decision ({100 * n_blank / sample.population:.1f}% of "
                "the pool) are no part of before, after and flips"
            )
        for said, words in ((True, "flagged"), (False, "not flagged")):
            found = [f"{word} ({n:,})" for (word, is_said), n in tally.words.most_common() if is_said is said]
            if found:
                notes.append(f"read as {words}: {joined(found, most=8)}")
        if tally.unknown_names:
            found = [f"{shortened(name)} ({n:,})" for name, n in tally.unknown_names.most_common()]
            notes.append(
                f"names that the policy does not have count as a flag of no category of it: {joined(found, most=8)}; a "
                "crosswalk of the policy translates them (--crosswalk)"
            )
        uneven = [name for name in recorded.known_columns if tally.known[name] != tally.known[ANY]]
        if uneven:
            notes.append(
                f"not every row with a decision has one for {joined(uneven, most=4)}: shares are of the rows that do"
            )
    if any(shift.after.value > one.items[ANY].after.value for one in effects for shift in one.items.values()):
        notes.append(
            "'any category' rests on what is recorded of every row, a category without a record on the sample alone: "
            "its share can come out above that of any category, within the interval"
        )
    for one in effects:
        left = [name for name in ready.shape.categories if name not in one.categories]
        if left:
            notes.append(
                f"'{one.candidate}' does not decide on {joined(left, most=6)}: what was flagged for these alone "
                "counts as no longer flagged"
            )
    return tuple(notes)
