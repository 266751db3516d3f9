"""A back-test before anything is read or asked: who is tried, what stands for "before", how rows become items.

Decides which candidates can decide items of a pool, and what is refused before the pool is read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from harness.candidates.names import NameIndex, crosswalk_of
from harness.errors import HarnessError
from harness.files.evals import LoadedEval
from harness.files.text import joined, shortened, suggestion
from harness.goldens.pool import Pool
from harness.goldens.pool_golden import RowShape, row_shape
from harness.goldens.pool_recorded import Columns, Recorded
from harness.goldens.pool_sample import Asked
from harness.jobs.run import PreparedRun, RunOptions, prepare_run

RECORDED = "recorded decisions"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks of a back-test.

    Attributes:
        sample: How the sample is drawn; its strata get the recorded decision beside them.
        crosswalk: Taxonomy of the policy that the column of names speaks; None for the policy's own names.
        precision: Half-width of the flag rate, as a share; None takes the sample's size.
        baseline: Candidate that stands for "before" where nothing is recorded; None takes the eval's baseline.
    """

    sample: Asked
    columns: Columns
    crosswalk: str | None = None
    precision: float | None = None
    baseline: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A back-test that is ready to ask: the pool, who decides, and how its rows become items."""

    loaded: LoadedEval
    pool: Pool
    wanted: Wanted
    prepared: PreparedRun
    recorded: Recorded | None
    shape: RowShape
    before: str
    notes: tuple[str, ...]

    @property
    def baseline(self) -> str | None:
        """The candidate that stands for "before"; None where decisions are recorded."""
        return None if self.recorded is not None else self.before

    @property
    def judged(self) -> tuple[str, ...]:
        """Candidates whose effect is asked for."""
        names = (one.id for one in self.prepared.request.candidates)
        return tuple(name for name in names if name != self.baseline)


def prepare_backtest(
    loaded: LoadedEval,
    pool: Pool,
    wanted: Wanted,
    options: RunOptions,
    environment: Mapping[str, str],
    *,
    on_progress: Any = None,
) -> Prepared:
    """Check everything that can be checked before the pool is read.

    Raises:
        HarnessError: A column or candidate is unknown, nothing says what was decided before, or rules rest on a slice
            that the pool does not have.
    """
    policy = loaded.policy.value
    names = None
    if wanted.crosswalk is not None:
        if wanted.crosswalk not in policy.crosswalks:
            raise HarnessError(
                f"--crosswalk {shortened(wanted.crosswalk)}: the policy has no such crosswalk",
                allowed=joined(policy.crosswalks) or "none is declared",
                next_step="declare it under 'crosswalks' of the policy",
            )
        names = NameIndex(policy.category_ids, crosswalk_of(policy, wanted.crosswalk))
    recorded = None
    if wanted.columns:
        asked = wanted.sample
        recorded = Recorded(
            pool, wanted.columns, policy.category_ids, names, views=asked.views, missing_views=asked.missing_views
        )
    chosen, before = _candidates(loaded, options.candidates, recorded is not None, pool, wanted.baseline)
    shape, missing = row_shape(pool, loaded.golden.card, policy.category_ids)
    notes = _slice_notes(loaded, chosen, missing)
    spec = structs.replace(
        loaded.eval.value, split=None, gate=None, must_catch=None, slices=tuple(shape.slices), repeats=1
    )
    stripped = dataclasses.replace(loaded, eval=structs.replace(loaded.eval, value=spec), must_catch=None)
    prepared = prepare_run(
        stripped, structs.replace(options, candidates=chosen, repeats=1), environment, on_progress=on_progress
    )
    return Prepared(loaded, pool, wanted, prepared, recorded, shape, before, notes)


def _candidates(
    loaded: LoadedEval, asked: Sequence[str], has_recorded: bool, pool: Pool, baseline: str | None
) -> tuple[tuple[str, ...], str]:
    spec = loaded.eval.value
    own = [name for name, one in spec.candidates.items() if one.kind != "recorded"]
    for name in (*asked, *([baseline] if baseline is not None else [])):
        if name not in spec.candidates:
            raise HarnessError(
                f"there is no candidate '{shortened(name)}' in {loaded.eval.path}",
                allowed=joined(own),
                next_step=suggestion(name, own, "name one of these"),
            )
        if name not in own:
            raise HarnessError(
                f"candidate '{name}' is a file of recorded decisions, which does not know the items of a pool",
                allowed=joined(own) or "candidates that decide",
                next_step="name the pool's column of decisions: --recorded COLUMN",
            )
    if has_recorded:
        chosen = tuple(asked) or tuple(own)
        if not chosen:
            raise HarnessError(
                f"{loaded.eval.path}: no candidate of it decides items of a pool",
                allowed="prompts, rules, models, classifiers, cascades",
                next_step="add one to the eval",
            )
        return chosen, RECORDED
    baseline = baseline or spec.baseline
    if baseline is None or baseline not in own:
        raise HarnessError(
            f"nothing says what was decided about {pool.files[0]} before",
            allowed=f"a column of decisions ({joined(pool.columns, most=8)}), or an eval with a baseline that decides",
            next_step="name the column: --recorded COLUMN, or --flagged-as COLUMN where it names categories; or "
            "name a candidate: --baseline ID",
        )
    others = tuple(name for name in (asked or own) if name != baseline)
    if not others:
        raise HarnessError(
            f"'{baseline}' is the baseline, and there is nobody to set against it",
            allowed="another candidate, or a pool with recorded decisions",
            next_step="name the column of decisions: --recorded COLUMN",
        )
    return tuple(name for name in spec.candidates if name in {*others, baseline}), baseline


def _slice_notes(loaded: LoadedEval, chosen: Sequence[str], missing: Sequence[str]) -> tuple[str, ...]:
    """Slices that the pool lacks: refused where a rule set rests on one, else said."""
    if not missing:
        return ()
    specs = [loaded.eval.value.candidates[name] for name in chosen]
    is_plain = all(one.kind == "rules" for one in specs)
    own = {one.value for one in specs}
    for path, rules in loaded.rules.items():
        if is_plain and path not in own:
            continue
        needed = sorted({name for rule in rules.value.rules for name in rule.when if name in missing})
        if needed:
            card = loaded.golden.card
            raise HarnessError(
                f"{rules.path}: its rules ask for slice '{needed[0]}', of which the pool has no column",
                allowed=f"a column named {joined([card.slices[needed[0]], needed[0]])}",
                next_step="add the column to the pool: without it these rules would never apply",
            )
    return (f"the pool has no column of the slices {joined(missing)}: a prompt that shows them shows nothing there",)
