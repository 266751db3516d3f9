"""What ``harness golden import`` shows: the columns and what becomes of them, the card, and the account of the rows."""

from __future__ import annotations

import shlex
from typing import Any

import click

from harness.files.golden.policies import policy_of_card
from harness.files.text import counted
from harness.goldens.imports.convert import meta_name
from harness.goldens.imports.plan import Plan
from harness.goldens.imports.write import candidate_name
from harness.jobs.golden_import import Proposal, Result, command_of, preview
from harness.report.parts.masking import mask
from harness.report.parts.tables import CATEGORY, Table, to_terminal, with_names

ROWS = 3


def show_proposal(proposal: Proposal, *, show_text: bool) -> None:
    """The file, its columns with three rows, and the card."""
    foreign = proposal.foreign
    click.echo(f"{foreign.path}: {', '.join(foreign.facts)}")
    if proposal.importer is not None:
        click.echo(f"Recognised as {proposal.importer.title} (--format {proposal.format}).")
    click.echo()
    if proposal.samples:
        show_columns(proposal, show_text=show_text)
    for remark in proposal.remarks:
        click.echo(f"Note: {_printable(remark)}")
    if not proposal.missing:
        click.echo("\nThe card:\n")
        click.echo("\n".join(f"    {line}" for line in preview(proposal).splitlines()))
        if proposal.is_new_policy:
            click.echo(f"\nA policy to be written goes to {proposal.policy_path}, with the categories of the file.")
        click.echo(f"\nThe same without questions:\n    {_printable(command_of(proposal))}\n")


def show_columns(proposal: Proposal, *, show_text: bool) -> None:
    """A line for each column: its name, what it becomes, and its values in three rows."""
    roles = {name: role_of(name, proposal) for name in proposal.samples}
    rows = []
    for name, values in list(proposal.samples.items())[:60]:
        is_text = name == proposal.plan.text
        cells = [_cell(value, hide=not show_text and _is_long(value, is_text=is_text)) for value in values[:ROWS]]
        rows.append((name or "(no name)", roles[name], " | ".join(cells)))
    left = len(proposal.samples) - len(rows)
    notes = (f"... and {counted(left, 'more column')}",) if left else ()
    columns = ("Column", "Becomes", "In the first rows")
    click.echo(to_terminal(Table("", columns, tuple(rows), notes, whole=frozenset(columns[:1]))))


def role_of(column: str, proposal: Proposal) -> str:
    """What a column becomes."""
    plan: Plan = proposal.plan
    if proposal.is_read_by_importer:
        return "read"
    roles = []
    if column == plan.text:
        roles.append("text")
    if column == plan.id:
        roles.append("id")
    roles += [f"label: {label.category}" for label in plan.labels if label.column == column]
    if column == plan.listed:
        roles.append("labels" if plan.separator is None else f"labels, parted by {plan.separator!r}")
    roles += [f"vote of {vote.annotator}" for vote in plan.votes if vote.column == column]
    if column == plan.annotator:
        roles.append("annotator")
    if column == plan.group:
        roles.append("group")
    if column == plan.images:
        roles.append("images")
    if column in plan.ignore:
        return "left out"
    roles += [f"slice: {name}" for name, source in plan.slices.items() if source == column]
    return ", ".join(roles) or f"meta.{meta_name(column)}"


def _is_long(value: Any, *, is_text: bool) -> bool:
    return isinstance(value, str) and (is_text or len(value) > 30)


def _cell(value: Any, *, hide: bool) -> str:
    text = "" if value is None else " ".join(str(value).split())
    text = _printable(text)
    text = text if len(text) <= 30 else f"{text[:27]}..."
    return mask(text) if hide else text


def _printable(text: str) -> str:
    """Text that cannot act on a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _label_table(result: Result) -> Table:
    rows = tuple(
        (name, *(f"{counts.get(name, 0):,}" for counts in (result.account.positives, result.account.negatives)))
        for name in result.categories
    )
    columns = (CATEGORY, "Violating", "Not violating")
    return Table("", columns, rows, (), frozenset(columns[1:]))


def show_result(result: Result) -> None:
    """What was written, where every row went, and what to do next."""
    account, places = result.account, result.places
    click.echo(f"{account.n_rows:,} rows: {account.n_items:,} items" + (
        f" with {account.n_votes:,} votes" if account.n_votes else ""))  # fmt: skip
    if account.n_joined:
        click.echo(f"    {account.n_joined:,} rows are further votes or answers of an item")
    for why, n in account.left_out.counts.items():
        rows = account.left_out.places.get(why, [])
        named = (
            f" ({'row' if n == 1 else 'rows'} {', '.join(map(str, rows))}{', ...' if n > len(rows) else ''})"
            if rows
            else ""
        )
        click.echo(f"    {n:,} left out: {why}{named}")
    for why, n in account.notes.items():
        click.echo(f"    {n:,} not counted: {why} (its item stays)")
    if account.n_unescaped:
        click.echo(f"    {account.n_unescaped:,} texts had HTML entities turned into characters")
    if account.n_repaired:
        click.echo(f"    {account.n_repaired:,} texts that were decoded wrongly were repaired")
    if account.n_unlabelled:
        verb = "has" if account.n_unlabelled == 1 else "have"
        click.echo(f"    {counted(account.n_unlabelled, 'item')} {verb} no label at all: kept, and not scored")
    policy = policy_of_card(places.card)
    click.echo("\n" + to_terminal(with_names(_label_table(result), {} if policy is None else policy.value.names)))
    click.echo(f"\nWrote {places.card}\n      {places.items}")
    for path in places.decisions.values():
        click.echo(f"      {path}")
    if places.policy is not None:
        click.echo(f"      {places.policy}  (its definitions are still to be written)")
    if places.decisions:
        click.echo("\nRecorded decisions become candidates of an eval:\n\n    candidates:")
        for name, path in places.decisions.items():
            click.echo(f"      {candidate_name(places.items, path)}: {{recorded: {path}}}  # {name}")
    click.echo(f"\nNext: harness golden check {shlex.quote(str(places.card))}")
