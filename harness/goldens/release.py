"""A golden set and its log of decisions -> the next version, with changelog and provenance.

Decides which decisions are applied (those that are settled), what stops a release (open decisions, a changed published
version, a parent that contradicts its child), and what is written: items, card, ``.release.json`` and
``.changelog.md``. Nothing that exists is overwritten. What was written is loaded again and must hold exactly the labels
that the decisions lead to, or nothing is published. How a row is rewritten is left to ``rewrite``.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from harness import __version__
from harness.errors import FileError, HarnessError
from harness.files.golden.sets import GoldenSet, load_golden
from harness.files.golden.values import written
from harness.files.policy import implied_parents
from harness.files.text import counted, joined, shortened
from harness.goldens.decisions import DecisionLog, Open, Settled, log_path, settle
from harness.goldens.policy_change import Stale, category_changes, policy_name, reviewed_since, stale_labels
from harness.goldens.published import SUFFIX, changed_since_published, content_hash
from harness.goldens.rewrite import write_version
from harness.records import Policy, PolicyRef

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Change:
    """One label that the next version has otherwise."""

    item: str
    category: str
    before: int | None
    after: int | None
    by: tuple[str, ...]
    time: str
    reason: str
    policy: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data of the release's record."""
        fields = ("item", "category", "before", "after", "by", "time", "reason", "policy")
        return {name: list(value) if isinstance(value := getattr(self, name), tuple) else value for name in fields}


@dataclass(frozen=True, slots=True)
class Release:
    """What was published."""

    card: Path
    items: Path
    record: Path
    changelog: Path
    version: int
    n_items: int
    changes: tuple[Change, ...]
    n_confirmed: int
    still_open: tuple[Open, ...]
    unreviewed: tuple[Stale, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseOptions:
    """Who releases, and why. ``policy`` is the version the next set is labelled under; None for the same.

    ``groups`` gives items at some positions another group.
    """

    author: str
    note: str
    time: str
    policy: Policy | None = None
    leaves_open: bool = False
    accepts_stale: bool = False
    groups: Mapping[int, str] = field(default_factory=dict)


def release(golden: GoldenSet, policy: Policy | None, options: ReleaseOptions) -> Release:
    """Publish the next version of a golden set.

    ``golden`` is loaded under its own ``policy``, which is None when it is not known.

    Raises:
        HarnessError: Nothing is settled, decisions are open or do not fit the set, or files are there already.
    """
    fault = changed_since_published(golden)
    if fault is not None:
        raise fault
    log = DecisionLog(log_path(golden.path))
    settled, still_open = settle(log.read())
    known = dict.fromkeys([*golden.categories, *(options.policy.category_ids if options.policy else ())])
    _require_known(golden, list(known), log.path, [*settled, *still_open])
    if still_open and not options.leaves_open:
        raise _open_error(golden, log.path, still_open)
    target = options.policy or policy
    unreviewed = () if options.policy is None else _unreviewed(golden, policy, options.policy, options, settled)
    categories = _categories(golden, options.policy, settled)
    after, changes, n_confirmed = _applied(golden, categories, settled)
    _check_parents(after, categories, golden, target, log.path)
    if not changes and options.policy is None and not options.groups:
        raise HarnessError(
            f"{log.path}: no decision changes a label ({n_confirmed} confirm what version {golden.version} has)",
            allowed="at least one changed label, a later policy (--new-policy), or --group-duplicates",
            next_step=f"review the items first: harness review {_typed(golden)}",
        )
    return _publish(golden, target, options, categories, after, changes, n_confirmed, still_open, log, unreviewed)


def _typed(golden: GoldenSet) -> str:
    return shlex.quote(str(golden.path))


def _categories(golden: GoldenSet, new: Policy | None, settled: Sequence[Settled]) -> tuple[str, ...]:
    """Categories of the next version: those of the set that the policy still has, and new ones that were decided."""
    if new is None:
        return golden.categories
    decided = {one.category for one in settled}
    added = [name for name in new.category_ids if name in decided and name not in golden.categories]
    return (*(name for name in golden.categories if name in new.category_ids), *added)


def _unreviewed(
    golden: GoldenSet, old: Policy | None, new: Policy, options: ReleaseOptions, settled: Sequence[Settled]
) -> tuple[Stale, ...]:
    """Labels that a new policy touches and nobody reviewed under it; a release needs none, or that they are accepted.

    A set may call itself labelled under a new policy when both versions are known and the new one is the later.
    """
    was = golden.card.policy
    if new.policy == was.name and new.version <= was.version:
        raise HarnessError(
            f"{golden.path}: is labelled under version {was.version} of policy '{was.name}', and version "
            f"{new.version} is not later",
            allowed="a later version of the policy",
            next_step="give the changed policy the next 'version', or leave --new-policy out",
        )
    if old is None:
        raise HarnessError(
            f"{golden.path}: the policy it is labelled under ({was.name} version {was.version}) is not in the folders "
            "around it, so nobody can tell which labels the new one touches",
            allowed="both versions of the policy",
            next_step="name the old one with --policy PATH",
        )
    stale = stale_labels(golden, category_changes(old, new))
    done = ((one.item, one.category, one.decisions[-1].policy) for one in settled)
    left = tuple(reviewed_since(stale, done, policy_name(new)))
    if left and not options.accepts_stale:
        named = joined((f"{one.item} ({one.category})" for one in left), most=MOST_NAMED)
        raise HarnessError(
            f"{golden.path}: {len(left):,} of {len(stale):,} labels that policy version {new.version} touches were "
            f"not reviewed under it: {named}",
            allowed="a review of every stale label under the new policy",
            next_step=f"review them (harness review {_typed(golden)} --new-policy FILE), or use --accept-stale",
        )
    return left


def _applied(
    golden: GoldenSet, categories: Sequence[str], settled: Sequence[Settled]
) -> tuple[NDArray[np.int8], tuple[Change, ...], int]:
    """The labels of the next version, what changed, and how many decisions confirm a label."""
    after = np.full((len(golden), len(categories)), -1, dtype=np.int8)
    for at, name in enumerate(categories):
        if name in golden.categories:
            after[:, at] = golden.labels()[:, golden.categories.index(name)]
    changes, n_confirmed = [], 0
    for one in settled:
        if one.category not in categories:
            continue
        row, column = golden.index_of(one.item), categories.index(one.category)
        before = int(after[row, column])
        code = -1 if one.label is None else one.label
        if before == code:
            n_confirmed += 1
            continue
        after[row, column] = code
        last = one.decisions[-1]
        changes.append(
            Change(
                one.item,
                one.category,
                None if before < 0 else before,
                one.label,
                one.authors,
                last.time,
                one.reason,
                last.policy,
            )
        )
    return after, tuple(changes), n_confirmed


def _check_parents(
    after: NDArray[np.int8], categories: Sequence[str], golden: GoldenSet, policy: Policy | None, log: Path
) -> None:
    """A child's 1 implies its parent's 1; a decision may not leave a parent's 0 beside it."""
    if policy is None:
        return
    column = {name: at for at, name in enumerate(categories)}
    for child, parents in implied_parents(policy).items():
        for parent in parents:
            if child not in column or parent not in column:
                continue
            is_child = after[:, column[child]] == 1
            broken = np.flatnonzero(is_child & (after[:, column[parent]] == 0))
            if broken.size:
                ids = joined((golden.ids()[at] for at in broken.tolist()), most=MOST_NAMED)
                raise FileError(
                    str(log),
                    f"leaves '{child}' 1 and its parent '{parent}' 0 for {ids}",
                    allowed="a child's 1 only with the parent's 1",
                    next_step=f"decide '{parent}' or '{child}' for these items again: harness review {_typed(golden)}",
                )
            after[is_child & (after[:, column[parent]] == -1), column[parent]] = 1


def _publish(
    golden: GoldenSet,
    policy: Policy | None,
    options: ReleaseOptions,
    categories: tuple[str, ...],
    after: NDArray[np.int8],
    changes: tuple[Change, ...],
    n_confirmed: int,
    still_open: Sequence[Open],
    log: DecisionLog,
    unreviewed: tuple[Stale, ...],
) -> Release:
    version = golden.version + 1
    stem = f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', golden.name)}_v{version}"
    folder = golden.path.parent
    named = {kind: folder / f"{stem}{end}" for kind, end in
             (("items", ".jsonl"), ("record", SUFFIX), ("changelog", ".changelog.md"), ("card", ".yaml"))}  # fmt: skip
    for path in named.values():
        if path.exists():
            raise FileError(str(path), "is there already", allowed="a version that was not published yet",
                            next_step=f"review and release version {version} instead, or remove its files")  # fmt: skip
    reference = golden.card.policy if policy is None else PolicyRef(policy.policy, policy.version)
    with tempfile.TemporaryDirectory(prefix=".release-", dir=folder) as work:
        made = {kind: Path(work) / path.name for kind, path in named.items()}
        card = structs.replace(golden.card, version=version, items=named["items"].name, policy=reference)
        changed = [(one.item, one.category) for one in changes]
        write_version(golden, card, categories, after, changed, made["card"], made["items"], options.groups)
        written = load_golden(made["card"], policy)
        if list(written.ids()) != list(golden.ids()) or not np.array_equal(written.labels(), after):
            raise AssertionError(f"{stem} does not hold the labels that were decided: a fault of the release")
        record = {
            "golden_set": golden.name,
            "version": version,
            "content": content_hash(written),
            "from": {"version": golden.version, "content": content_hash(golden), "card": golden.path.name},
            "time": options.time,
            "author": options.author,
            "note": options.note,
            "policy": {"name": reference.name, "version": reference.version, "was": golden.card.policy.version},
            "decisions": {"file": log.path.name, "sha256": log.sha256(), "confirmed": n_confirmed},
            "changes": [one.as_dict() for one in changes],
            "grouped": len(options.groups),
            "open": [{"item": one.item, "category": one.category, "why": one.why} for one in still_open],
            "unreviewed": [{"item": one.item, "category": one.category} for one in unreviewed],
            "harness_version": __version__,
        }
        made["record"].write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        made["changelog"].write_text(changelog(golden, record, changes), encoding="utf-8")
        for kind, path in named.items():  # the card comes last: without it the others are no golden set
            try:
                os.link(made[kind], path)
            except OSError as error:
                raise FileError(
                    str(path),
                    f"cannot be written: {error.strerror or error}",
                    next_step="remove what this release began to write, and release again",
                ) from None
    return Release(named["card"], named["items"], named["record"], named["changelog"], version, len(golden), changes,
                   n_confirmed, tuple(still_open), unreviewed)  # fmt: skip


def changelog(golden: GoldenSet, record: dict[str, Any], changes: Sequence[Change]) -> str:
    """The changelog of one version as Markdown: ids and labels, never texts."""
    policy = record["policy"]
    moved = "" if policy["version"] == policy["was"] else f" (was {policy['was']})"
    lines = [
        f"# {golden.name} version {record['version']}",
        "",
        f"Released {record['time']} by {record['author']} from version {golden.version}: "
        f"{record['note'] or 'no note'}.",
        f"Policy {policy['name']} version {policy['version']}{moved}. {len(golden):,} items, "
        f"{counted(len(changes), 'label')} changed, {record['decisions']['confirmed']:,} confirmed, "
        f"{len(record['open']):,} open.",
    ]
    if unreviewed := record["unreviewed"]:
        by_category = Counter(one["category"] for one in unreviewed)
        lines.append(
            f"Kept though not reviewed under the new policy: {counted(len(unreviewed), 'label')} "
            f"({', '.join(f'{_cell(name)} {n:,}' for name, n in by_category.items())})."
        )
    moves = Counter((one.category, f"{written(one.before)} to {written(one.after)}") for one in changes)
    if moves:
        lines += ["", "| category | change | labels |", "| --- | --- | ---: |"]
        lines += [f"| {_cell(category)} | {what} | {n} |" for (category, what), n in sorted(moves.items())]
        lines += [
            "",
            "| item | category | before | after | by | time | why |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        lines += [
            "| " + " | ".join(_cell(cell) for cell in (one.item, one.category, written(one.before), written(one.after),
                              ", ".join(one.by), one.time, one.reason)) + " |" for one in changes
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|@#~$&])", r"\\\1", " ".join(str(text).split()))


def _require_known(golden: GoldenSet, categories: Sequence[str], log: Path, said: Sequence[Settled | Open]) -> None:
    ids = set(golden.ids())
    strange = [f"{one.item} ({one.category})" for one in said if one.item not in ids or one.category not in categories]
    if strange:
        raise FileError(
            str(log),
            f"decides on what version {golden.version} does not have: "
            f"{joined(map(shortened, strange), most=MOST_NAMED)}",
            allowed=f"items of {golden.path.name}, and categories {joined(categories)}",
            next_step="check that the log belongs to this card",
        )


def _open_error(golden: GoldenSet, log: Path, still_open: Sequence[Open]) -> HarnessError:
    whys = ", ".join(f"{n} {why}" for why, n in Counter(one.why for one in still_open).items())
    ids = joined((f"{one.item} ({one.category})" for one in still_open), most=MOST_NAMED)
    return HarnessError(
        f"{log}: {counted(len(still_open), 'decision')} {'is' if len(still_open) == 1 else 'are'} open ({whys}): {ids}",
        allowed="a log in which every decision is settled",
        next_step=f"publish without them (--leave-open), or adjudicate: harness review {_typed(golden)} --adjudicate",
    )
