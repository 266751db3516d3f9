"""What differs between two runs, and whether they may be compared.

Decides it for comparisons, slices, gates and early stopping alike: the same golden set, policy and items in both, or a
refusal that names what differs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.runs import Run


def differences(old: Run, new: Run) -> tuple[str, ...]:
    """What keeps two runs from being compared, each in one phrase; empty when nothing does."""
    if old is new:
        return ()
    found = list(version_differences(old, new))
    if tuple(old.categories) != tuple(new.categories):
        found.append(f"categories: {', '.join(old.categories)} became {', '.join(new.categories)}")
    found += _item_differences(old, new)
    return tuple(found)


def version_differences(old: Run, new: Run) -> tuple[str, ...]:
    """How golden set and policy differ, whichever of their items were asked."""
    return (*_card_differences(old, new), *_policy_differences(old, new))


def require_same(
    old: Run,
    new: Run,
    *,
    next_step: str = "run both over the same golden set, policy and items: the same --limit (or none), the same split",
) -> None:
    """Refuse two runs over different golden sets, policies or items, naming the difference."""
    found = differences(old, new)
    if found:
        raise HarnessError(
            f"runs {old.meta.run_id} and {new.meta.run_id} are not comparable: {'; '.join(found)}",
            allowed="the same golden set, policy and items in both",
            next_step=next_step,
        )


def shared_positions(old: Run, new: Run) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions, in both runs, of the items that both asked with the same text; in the order of the new run."""
    place = {item_id: index for index, item_id in enumerate(old.item_ids)}
    old_hashes, new_hashes = old.text_hashes, new.text_hashes
    pairs = [
        (place[item_id], index)
        for index, item_id in enumerate(new.item_ids)
        if item_id in place and old_hashes[place[item_id]] == new_hashes[index]
    ]
    if not pairs:
        raise HarnessError(
            f"runs {old.meta.run_id} and {new.meta.run_id} share no item with the same text",
            allowed="two versions of one golden set",
            next_step="run the baseline again on this golden set and promote it",
        )
    found = np.asarray(pairs, dtype=np.int64)
    return found[:, 0], found[:, 1]


def _card_differences(old: Run, new: Run) -> list[str]:
    before, after = old.meta.golden_set, new.meta.golden_set
    if (before.name, before.version) != (after.name, after.version):
        return [f"golden set {before.title} became {after.title}"]
    if before.hash != after.hash:
        edited = f"{before.hash[:8]} became {after.hash[:8]}"
        return [f"golden set {before.title} was edited without a new version ({edited})"]
    return []


def _policy_differences(old: Run, new: Run) -> list[str]:
    before, after = (run.meta.inputs.get("policy") for run in (old, new))
    if before is None or after is None:
        return []
    title = f"policy {before.name} v{before.version}"
    if (before.name, before.version) != (after.name, after.version):
        return [f"{title} became {after.name} v{after.version}"]
    is_old = before.identity is None or after.identity is None  # older runs kept the hash of every byte alone
    was, now = (one.sha256 if is_old else one.identity or "" for one in (before, after))
    return [] if was == now else [f"{title} was edited without a new version ({was[:8]} became {now[:8]})"]


def _item_differences(old: Run, new: Run) -> list[str]:
    found = []
    ids_before, ids_after = old.item_ids, new.item_ids
    if ids_before != ids_after:
        removed, added = set(ids_before) - set(ids_after), set(ids_after) - set(ids_before)
        if removed or added:
            found.append(f"items: {len(removed)} removed{_some(removed)}, {len(added)} added{_some(added)}")
        else:
            found.append("items: in another order")
    place = {item_id: index for index, item_id in enumerate(ids_before)}
    shared = [(place[item_id], index) for index, item_id in enumerate(ids_after) if item_id in place]
    if not shared:
        return found
    at_old, at_new = (np.asarray(part, dtype=np.int64) for part in zip(*shared, strict=True))
    hashes_before, hashes_after = old.text_hashes, new.text_hashes
    n_texts = sum(hashes_before[i] != hashes_after[j] for i, j in shared)
    if n_texts:
        found.append(f"texts: {n_texts} changed")
    for column, category in enumerate(new.categories):
        if category in old.categories:
            before = old.y_true[at_old, list(old.categories).index(category)]
            n_labels = int(np.count_nonzero(before != new.y_true[at_new, column]))
            if n_labels:
                found.append(f"labels of {category}: {n_labels} changed")
    return found


def _some(ids: Sequence[str] | set[str], shown: int = 3) -> str:
    if not ids:
        return ""
    names = sorted(ids)
    return f" ({', '.join(repr(name) for name in names[:shown])}{', ...' if len(names) > shown else ''})"
