"""``--only``: a part of the items, chosen by what they are or by how an earlier run decided them.

Decides what each form of a choice means. Several forms in one choice, with commas, add up; several choices cut each
other down. Items chosen by their labels or by a run's mistakes are no sample of anything, which ``warning`` says.

* ``hate`` or ``category=hate``: items that violate the category; its name in the policy does as well.
* ``language=ar``: items with this value of the slice.
* ``split=dev`` or ``split=gate``: a part of the split that the eval declares.
* ``c-0001``, ``id=c-0001`` or ``@ids.txt``: items by id; the file has one on a line.
* ``failed:RUN``: what a candidate of the run decided unlike the gold, or gave no usable answer to; ``failed:RUN:v2``
  for one candidate. ``errors:RUN``: only the latter.
* ``disagree:RUN``: what two candidates of the run decided differently; ``disagree:RUN:v1:v2`` for these two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.files.golden.sets import GoldenSet
from harness.files.text import joined, nearest, read_text, shortened
from harness.gating.choose import known_candidate
from harness.measure.decisions import decisions, outcome_code
from harness.records import MISSING
from harness.records.answers import HUMAN, UNASKED
from harness.records.evals import Split
from harness.records.policy import Policy, told_apart
from harness.runs import Run
from harness.runs.find import find_run
from harness.runs.split import is_dev

FORMS = "a category, SLICE=VALUE, an id, @FILE, failed:RUN, errors:RUN, disagree:RUN"
USABLE = ("ok", "abstained", HUMAN, *UNASKED)
WARNING = "Only {n:,} of {of:,} items, chosen by {words}: the numbers speak of these items, not of the golden set."


@dataclass(frozen=True, slots=True)
class Pool:
    """Items to choose from.

    Attributes:
        labels: Gold, int8 (n_items, n_categories): 1, 0, or -1 missing.
        slices: Slice -> value -> positions of its items; made when it is first asked for.
    """

    ids: Sequence[str]
    categories: Sequence[str]
    labels: NDArray[np.int8]
    slices: Callable[[], Mapping[str, Mapping[str, Iterable[int]]]]
    slice_names: Sequence[str]
    where: str
    parts: Callable[[], Mapping[str, Iterable[int]]] | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def called(self, text: str) -> list[str]:
        """Categories that a text names: by id, else by the policy's name, in whatever case."""
        if text in self.categories:
            return [text]
        spelled = (self.names, told_apart(self.names))  # as the policy has it, and as tables show it
        wanted = text.casefold()
        return [one for one in self.names if any(each[one].casefold() == wanted for each in spelled)]


def pool_of_golden(golden: GoldenSet, split: Split | None = None, policy: Policy | None = None) -> Pool:
    """The items of a golden set, and the parts of an eval's split."""

    def slices() -> dict[str, dict[str, list[int]]]:
        found: dict[str, dict[str, list[int]]] = {}
        for at, item in enumerate(golden.items()):
            for name, values in item.slices.items():
                for value in values:
                    found.setdefault(name, {}).setdefault(value, []).append(at)
        return found

    ids = list(golden.ids())
    return Pool(
        ids,
        golden.categories,
        golden.labels(),
        slices,
        list(golden.card.slices),
        f"golden set {golden.name}",
        None if split is None else lambda: _parts(ids, [item.group for item in golden.items()], split),
        {} if policy is None else {one.id: one.name for one in policy.categories if one.id in golden.categories},
    )


def pool_of_run(run: Run) -> Pool:
    """The items of a stored run, of all its parts."""
    whole = run.of_part("all")
    where = f"run {run.meta.run_id}"
    split = run.meta.eval.split
    parts = None if split is None else lambda: _parts(whole.item_ids, whole.groups, split)
    names = {one: run.meta.policy.category_name(one) for one in whole.categories}
    return Pool(
        whole.item_ids, whole.categories, whole.y_true, lambda: whole.slices, list(whole.slices), where, parts, names
    )


def _parts(ids: Sequence[str], groups: Sequence[str | None], split: Split) -> dict[str, list[int]]:
    in_dev = is_dev(ids, groups, split)
    return {"dev": np.flatnonzero(in_dev).tolist(), "gate": np.flatnonzero(~in_dev).tolist()}


def chosen_positions(choices: Sequence[str], pool: Pool, runs_dir: str | Path) -> list[int]:
    """Positions of the items that every choice names, in the order of the pool.

    Raises:
        HarnessError: A form means nothing here, or no item is left.
    """
    kept = set(range(len(pool.ids)))
    place = {item_id: at for at, item_id in enumerate(pool.ids)}
    for choice in choices:
        found: set[int] = set()
        for form in _forms(choice, pool, place):
            found |= set(_positions(form, pool, place, runs_dir))
        kept &= found
    if not kept:
        raise HarnessError(
            f"--only {', '.join(map(shortened, choices))} leaves no item of {pool.where}",
            allowed="a choice that some item meets",
            next_step="choose less narrowly: several --only cut each other down, commas within one add up",
        )
    return sorted(kept)


def narrowed(run: Run, choices: Sequence[str], runs_dir: str | Path) -> Run:
    """The run with the chosen items only; itself where nothing is chosen."""
    if not choices:
        return run
    return run.with_items(chosen_positions(choices, pool_of_run(run), runs_dir), choices)


def warning(choices: Sequence[str], n: int, of: int) -> str:
    """What to say of numbers that rest on chosen items."""
    return WARNING.format(n=n, of=of, words=", ".join(f"--only {shortened(one)}" for one in choices))


def _forms(choice: str, pool: Pool, place: Mapping[str, int]) -> list[str]:
    """The forms of one choice; values after ``name=`` share the name (``language=ar,hi``)."""
    if choice in place or choice.startswith("@") or pool.called(choice):
        return [choice]
    forms: list[str] = []
    for part in (one.strip() for one in choice.split(",")):
        name = forms[-1].partition("=")[0] if forms and "=" in forms[-1] else ""
        is_plain = not any(mark in part for mark in ("=", ":", "@")) and part not in place
        if part:
            forms.append(f"{name}={part}" if name and is_plain else part)
    if not forms:
        raise HarnessError("--only is empty", allowed=FORMS)
    return forms


def _positions(form: str, pool: Pool, place: Mapping[str, int], runs_dir: str | Path) -> Iterable[int]:
    if form in place:
        return (place[form],)
    if form.startswith("@"):
        return _from_file(Path(form[1:]), place, pool.where)
    if pool.called(form):
        return _violating(form, pool)
    head, sep, rest = form.partition(":")
    if sep and head in _OF_RUNS and not rest:
        raise HarnessError(f"--only {head}: names no run", allowed=f"{head}:latest, {head}:RUN or {head}:RUN:candidate")
    if sep and head in _OF_RUNS:
        return [place[item_id] for item_id in _ids_of_run(head, rest, runs_dir) if item_id in place]
    name, sep, value = form.partition("=")
    if sep and name in ("id", "category"):
        known: Sequence[str] = pool.ids if name == "id" else _categories(pool)
        if value not in known and not (name == "category" and pool.called(value)):
            raise _unknown(f"the {name} '{shortened(value)}'", value, known, pool)
        return (place[value],) if name == "id" else _violating(value, pool)
    if name == "split" and sep and pool.parts is not None and name not in pool.slice_names:
        parts = pool.parts()
        if value not in parts:
            raise _unknown(f"the split '{shortened(value)}'", value, list(parts), pool)
        return parts[value]
    if sep:
        if name not in pool.slice_names:
            raise _unknown(f"the slice '{shortened(name)}'", name, pool.slice_names, pool)
        values = pool.slices().get(name, {})
        if value not in values:
            raise _unknown(f"the {name} '{shortened(value)}'", value, list(values), pool)
        return values[value]
    raise _unknown(f"no category and no item '{shortened(form)}'", form, [*_categories(pool), *pool.ids[:5000]], pool)


def _unknown(found: str, name: str, known: Sequence[str], pool: Pool) -> HarnessError:
    near = nearest(name, known)
    lacks = f"{pool.where} has {found}" if found.startswith("no ") else f"{pool.where} does not have {found}"
    return HarnessError(
        f"--only: {lacks}",
        allowed=f"{FORMS}; here, {joined(known, most=8)}",
        next_step=None if near is None else f"did you mean '{near}'?",
    )


def _categories(pool: Pool) -> list[str]:
    """Their ids, then the names that are more than an id in capitals."""
    ids = {one.casefold() for one in pool.categories}
    return [*pool.categories, *(one for one in pool.names.values() if one.casefold() not in ids)]


def _violating(category: str, pool: Pool) -> list[int]:
    found = pool.called(category)
    if len(found) > 1:
        raise HarnessError(
            f"--only: {len(found)} categories are called '{shortened(category)}'",
            allowed=joined(found),
            next_step="give the id of the one that is meant",
        )
    category = found[0]
    positions: list[int] = np.flatnonzero(pool.labels[:, list(pool.categories).index(category)] == 1).tolist()
    return positions


def _from_file(path: Path, place: Mapping[str, int], where: str) -> list[int]:
    ids = [line.strip() for line in read_text(path, what="list of ids").text.splitlines()]
    wanted = [one for one in ids if one and not one.startswith("#")]
    unknown = [one for one in wanted if one not in place]
    if unknown or not wanted:
        raise HarnessError(
            f"{path}: {f'{len(unknown):,} of {len(wanted):,} ids are not in {where}' if unknown else 'has no id'}"
            + (f": {joined(unknown, most=3)}" if unknown else ""),
            allowed="one id on a line",
            next_step="correct the ids" if unknown else "write the ids",
        )
    return [place[one] for one in wanted]


# ------------------------------------------------------------------------------------------- by how a run decided them


def _run_and_names(text: str, runs_dir: str | Path) -> tuple[Run, list[str]]:
    """``RUN[:candidate...]``: candidates are taken from the end, since an address has colons of its own."""
    head, names = text, list[str]()
    while True:
        try:
            run = find_run(runs_dir, head).of_part("all")
        except HarnessError:
            rest, sep, last = head.rpartition(":")
            if not sep or not rest:
                raise
            head, names = rest, [last, *names]
            continue
        for name in names:
            known_candidate(name, run.candidates, f"--only: run {run.meta.run_id}")
        return run, names or list(run.candidates)


def _ids_of_run(form: str, text: str, runs_dir: str | Path) -> list[str]:
    """Ids of the items that one of the candidates decided so."""
    run, names = _run_and_names(text, runs_dir)
    flags = np.any(_OF_RUNS[form](run, names), axis=0)
    return [run.item_ids[at] for at in np.flatnonzero(flags).tolist()]


def _unusable(run: Run, name: str) -> NDArray[np.bool_]:
    usable = [outcome_code(one) for one in USABLE]
    return np.asarray((~np.isin(run.candidate(name).outcomes, usable)).any(axis=1))


def _errors(run: Run, names: Sequence[str]) -> list[NDArray[np.bool_]]:
    return [_unusable(run, name) for name in names]


def _failed(run: Run, names: Sequence[str]) -> list[NDArray[np.bool_]]:
    found = []
    for name in names:
        decided = decisions(run, name)
        gold = decided.y_true[:, None, :]
        is_wrong = (decided.y_pred != gold) & (decided.y_pred != MISSING) & (gold != MISSING)
        found.append(is_wrong.any(axis=(1, 2)) | _unusable(run, name))
    return found


def _disagreeing(run: Run, names: Sequence[str]) -> list[NDArray[np.bool_]]:
    if len(names) < 2:
        raise HarnessError(
            f"--only: run {run.meta.run_id} has one candidate there, and one agrees with itself",
            allowed="disagree:RUN of a run with two candidates, or disagree:RUN:A:B",
            next_step=f"candidates: {', '.join(run.candidates)}",
        )
    first = decisions(run, names[0]).y_pred
    others = (decisions(run, name).y_pred for name in names[1:])
    return [((first != one) & (first != MISSING) & (one != MISSING)).any(axis=(1, 2)) for one in others]


_OF_RUNS: Mapping[str, Callable[[Run, Sequence[str]], list[NDArray[np.bool_]]]] = {
    "failed": _failed,
    "errors": _errors,
    "disagree": _disagreeing,
}
"""Form -> an array for each candidate, or each but the first: which items it is about."""
