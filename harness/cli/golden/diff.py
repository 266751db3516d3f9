"""``harness golden diff``: two versions of a golden set, and what their labels do to stored runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import PATH, find_run, json_option, note, print_json, runs_dir_option

if TYPE_CHECKING:
    from harness.goldens.diff import SetDiff
    from harness.report.parts.tables import Table

MOST_ROWS = 40


@click.command("diff")
@click.argument("old_path", metavar="OLD", type=PATH)
@click.argument("new_path", metavar="NEW", type=PATH)
@click.option(
    "--run", "run_names", multiple=True, metavar="RUN", help="Score this run on both; default: all over either."
)
@click.option("--all", "shows_all", is_flag=True, help="List every relabelled item.")
@runs_dir_option
@json_option
def command(
    old_path: Path, new_path: Path, run_names: tuple[str, ...], shows_all: bool, runs_dir: str, as_json: bool
) -> None:
    """Show what changed between two versions of a golden set, and what it does to stored runs.

    Items added, removed, edited and relabelled (by whom and why, where a release says so), what the policy changed, and
    how each candidate's scores move because of the labels alone: its decisions stay as they were.

    \b
    Example:
      harness golden diff golden_sets/community_v1.yaml golden_sets/community_v2.yaml
    """
    from harness.cli.golden.options import load_with_policy, names_in
    from harness.goldens.diff import diff_sets, score_moves
    from harness.goldens.published import changed_since_published

    (old, old_policy), (new, new_policy) = load_with_policy(old_path, None), load_with_policy(new_path, None)
    pair = (None if old_policy is None else old_policy.value, None if new_policy is None else new_policy.value)
    for fault in filter(None, map(changed_since_published, (old, new))):
        note(f"Warning: {fault.path} {fault.found}")
    runs = [find_run(runs_dir, name) for name in run_names]
    moved, left_out = score_moves(old, new, runs_dir, runs)
    found = replace(diff_sets(old, new, pair), moved=moved, runs_left_out=left_out)
    if as_json:
        print_json(found.as_dict())
        return
    _show(found, None if shows_all else MOST_ROWS, {**names_in(old_policy), **names_in(new_policy)})


def _show(found: SetDiff, most: int | None, called: Mapping[str, str]) -> None:
    from harness.files.text import counted, joined
    from harness.report.parts.tables import render, with_names

    (old_name, old_version), (new_name, new_version) = found.old, found.new
    click.echo(
        f"{old_name} version {old_version} to {new_name} version {new_version}: "
        f"{counted(len(found.added), 'item')} added, {len(found.removed):,} removed, {len(found.edited):,} edited, "
        f"{counted(len(found.relabelled), 'label')} changed."
    )
    for what, names in (("Added", found.added), ("Removed", found.removed), ("Edited", tuple(found.edited))):
        if names:
            click.echo(f"{what}: {joined(names)}")
    for what, names in (("added", found.categories_added), ("removed", found.categories_removed)):
        if names:
            click.echo(f"Categories {what}: {joined([called.get(name, name) for name in names])}")
    for change in found.policy:
        click.echo(f"Policy: {change.told(called)}")
    tables = [table for table in (_label_table(found, most), _score_table(found)) if table is not None]
    if tables:
        click.echo("\n" + render([with_names(one, called) for one in tables], "terminal"))
    for run_id, why in found.runs_left_out.items():
        click.echo(f"Run {run_id} is left out: {why}")


def _label_table(found: SetDiff, most: int | None) -> Table | None:
    from harness.files.golden.values import written
    from harness.report.parts.tables import Table

    if not found.relabelled:
        return None
    rows = tuple(
        (one.item, one.category, f"{written(one.before)} to {written(one.after)}",
         ", ".join(one.by) or "unknown", one.reason)
        for one in found.relabelled[:most]
    )  # fmt: skip
    more = len(found.relabelled) - len(rows)
    notes = (f"{more:,} more: --all or --json",) if more else ()
    return Table("Labels that changed", ("Item", "Category", "Label", "By", "Why"), rows, notes)


def _score_table(found: SetDiff) -> Table | None:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    rows = tuple(
        (one.run_id, one.candidate, one.category, one.metric, numbers.share_with_interval(one.before),
         numbers.share_with_interval(one.after), numbers.points(one.change))
        for one in found.moved
    )  # fmt: skip
    if not rows:
        return None
    columns = ("Run", "Candidate", "Category", "Metric", "Old labels", "New labels", "Change")
    note = (
        "The same decisions on old and new labels, over the items both versions have: no change here is a candidate's."
    )
    title = "What the labels alone do to stored runs, in points"
    return Table(title, columns, rows, (note, *found.notes), frozenset(columns[4:]))
