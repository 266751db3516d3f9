"""The questions of ``harness golden import`` on a terminal: each with its guess, so that Enter accepts it.

Decides the order: what the file is, the text, the ids, the labels and what their values mean, votes, slices. Nothing
that was said by an option is asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from harness.cli.golden.import_view import show_columns, show_proposal
from harness.files.golden.values import folded, meaning
from harness.files.text import nearest
from harness.goldens.imports.guess_plan import category_id
from harness.goldens.imports.plan import LabelColumn, Plan, parted
from harness.jobs.golden_import import Proposal, propose

_CODES = {"1": 1, "0": 0, "null": None}
_MOST_ASKED = 30


def ask(proposal: Proposal, *, show_text: bool) -> Proposal:
    """The proposal after every question; shown whole at the end."""
    click.echo(f"{proposal.foreign.path}: {', '.join(proposal.foreign.facts)}\n")
    if proposal.samples:
        show_columns(proposal, show_text=show_text)
        click.echo()
    if proposal.importer is not None:
        if click.confirm(f"This looks like {proposal.importer.title}. Read it as that?", default=True):
            return _settled(proposal, show_text=show_text)
        proposal = _again(replace(proposal, importer=None, format=None), Plan())
    said, columns = proposal.request.plan, [name for name in proposal.foreign.columns if name]
    plan = proposal.plan
    if said.text is None:
        plan = replace(plan, text=_column("Which column is the text?", columns, plan.text))
    if said.id is None and not proposal.request.row_ids:
        answer = _column("Which column is the id ('row' numbers the rows)?", [*columns, "row"], plan.id or "row")
        plan = replace(plan, id=None if answer == "row" else answer)
    if not said.labels and said.listed is None and not said.votes:
        plan = _labels(plan, columns)
    plan = _values(plan, proposal)
    if not said.slices:
        answer = click.prompt(
            "Slices of the reports (columns, comma separated; '-' for none)", default=", ".join(plan.slices) or "-"
        )
        names = [] if answer.strip() == "-" else [_known(name.strip(), columns) for name in answer.split(",")]
        plan = replace(plan, slices={name: name for name in names if name})
    if plan.unescape and proposal.request.unescape is None:
        plan = replace(plan, unescape=click.confirm("Texts hold HTML entities (&amp;). Turn them back?", default=True))
    if plan.repair and proposal.request.repair is None:
        plan = replace(plan, repair=click.confirm("Some texts were decoded wrongly (Ã©). Repair them?", default=True))
    return _settled(_again(proposal, plan), show_text=show_text)


def _settled(proposal: Proposal, *, show_text: bool) -> Proposal:
    click.echo()
    show_proposal(proposal, show_text=show_text)
    return proposal


def _again(proposal: Proposal, plan: Plan) -> Proposal:
    request = replace(
        proposal.request,
        plan=plan,
        row_ids=plan.id is None and plan != Plan(),
        unescape=plan.unescape if plan != Plan() else proposal.request.unescape,
        repair=plan.repair if plan != Plan() else proposal.request.repair,
    )
    return propose(request, proposal.foreign, proposal.samples, is_known_format=False)


def _column(question: str, columns: Sequence[str], guess: str | None) -> str:
    while True:
        answer = click.prompt(question, default=guess) if guess else click.prompt(question)
        found = _known(str(answer).strip(), columns)
        if found:
            return found


def _known(name: str, columns: Sequence[str]) -> str | None:
    if name in columns:
        return name
    near = nearest(name, columns)
    click.echo(f"  there is no column '{name}'" + (f": did you mean '{near}'?" if near else ""))
    return None


def _labels(plan: Plan, columns: Sequence[str]) -> Plan:
    guess = plan.listed or ", ".join(f"{label.column}={label.category}" for label in plan.labels)
    while True:
        answer = click.prompt(
            "Which columns hold labels (COLUMN=CATEGORY, ...), or which one names what is violated (COLUMN)?",
            default=guess or None,
        )
        parts = [part.strip() for part in str(answer).split(",") if part.strip()]
        if len(parts) == 1 and "=" not in parts[0]:
            name = _known(parts[0], columns)
            if name is None:
                continue
            mark = click.prompt("What joins several names in it ('-' for nothing)", default=plan.separator or "-")
            return replace(plan, labels=(), listed=name, separator=None if mark == "-" else mark)
        pairs = [part.rpartition("=") for part in parts]
        found = [(_known(column or category, columns), category) for column, _, category in pairs]
        if all(column for column, _ in found):
            labels = tuple(
                LabelColumn(column, category_id(category) if category == column else category)
                for column, category in found
                if column is not None
            )
            return replace(plan, labels=labels, listed=None)


def _values(plan: Plan, proposal: Proposal) -> Plan:
    """Ask what words mean that stand in the columns of labels; what is plain is offered as the answer."""
    values, names = dict(plan.values), dict(plan.names)
    samples = proposal.samples
    known = {folded(value) for value in proposal.request.plan.values} | {"", "0", "1", "true", "false"}
    single = [label.column for label in plan.labels if label.column not in plan.cuts]
    asked = 0
    for column in single:
        for value in dict.fromkeys(map(str, filter(lambda one: one is not None, samples.get(column, ())))):
            if folded(value) in known or asked >= _MOST_ASKED:
                continue
            known.add(folded(value))
            asked += 1
            guess = meaning(value)
            answer = click.prompt(
                f"What does '{value[:40]}' in '{column}' mean: 1 violates, 0 does not, null nobody knows",
                default="null" if guess is None else str(guess) if guess != "?" else None,
                type=click.Choice(list(_CODES)),
            )
            values[value] = _CODES[answer]
    if plan.listed is not None:
        words = dict.fromkeys(w for value in samples.get(plan.listed, ()) for w in parted(value, plan.separator))
        for word in list(words)[:_MOST_ASKED]:
            if word in proposal.request.plan.names or folded(word) in known:
                continue
            guess_word = names.get(word, category_id(word))
            if word in values and values[word] != 1:
                guess_word = "null" if values[word] is None else "none"
            answer = click.prompt(
                f"Category of '{word[:40]}' ('none': nothing is violated, 'null': not labelled)", default=guess_word
            )
            values.pop(word, None)
            names.pop(word, None)
            if answer in ("none", "null"):
                values[word] = 0 if answer == "none" else None
            else:
                names[word] = str(answer)
        absent: Any = click.prompt(
            "What a cell does not name is", type=click.Choice(["negative", "unknown"]), default=plan.absent
        )
        plan = replace(plan, absent=absent)
    zero = [
        column
        for column in [*(label.column for label in plan.labels), *([plan.listed] if plan.listed else [])]
        if any(value in (None, "") for value in samples.get(column, ()))
        and click.confirm(
            f"'{column}' has empty cells. Do they say that it is not violated (no: nobody labelled it)?",
            default=column in plan.blank_is_zero,
        )
    ]
    plan = replace(plan, blank_is_zero=tuple(zero))
    return replace(plan, values=values, names=names)
