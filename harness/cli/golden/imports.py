"""``harness golden import``: from what people have to a golden set, shown before it is written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import PATH, json_option, print_json
from harness.cli.reading_options import reading_options

if TYPE_CHECKING:
    from harness.jobs.golden_import import Proposal, Request, Result

_MANY: dict[str, Any] = {"multiple": True}


def _pairs(values: tuple[str, ...], option: str, *, needs_value: bool = True) -> dict[str, str]:
    """``NAME=VALUE`` options; the name may hold ``=`` itself, so the last one counts."""
    found = {}
    for text in values:
        name, mark, value = text.rpartition("=")
        if not mark:
            name, value = text, text
        if (not mark and needs_value) or not name or not value:
            raise click.BadParameter(f"'{text}' is not NAME=VALUE.", param_hint=option)
        found[name] = value
    return found


def _codes(values: tuple[str, ...]) -> dict[str, int | None]:
    codes = {"1": 1, "0": 0, "null": None}
    found = {}
    for name, value in _pairs(values, "--value").items():
        if value not in codes:
            raise click.BadParameter(f"'{name}={value}' ends in none of =1, =0, =null.", param_hint="--value")
        found[name] = codes[value]
    return found


def _cuts(values: tuple[str, ...]) -> dict[str, float]:
    found = {}
    for name, value in _pairs(values, "--cut").items():
        try:
            found[name] = float(value)
        except ValueError:
            raise click.BadParameter(f"'{name}={value}' ends in no number.", param_hint="--cut") from None
    return found


@click.command("import")
@click.argument("path", metavar="FILE", type=PATH)
@click.option("--format", "format_name", metavar="NAME", help="A known format (see below); default: recognised.")
@click.option("--name", metavar="NAME", help="Name of the golden set; default: from the file's name.")
@click.option("--version", type=click.IntRange(min=1), default=1, show_default=True, help="Version of the golden set.")
@click.option("--to", "folder", type=PATH, default=Path("golden_sets"), show_default=True,
              metavar="FOLDER", help="Where card and items go.")  # fmt: skip
@click.option("--policy", "policy_path", metavar="PATH", type=PATH,
              help="The policy the labels belong to; default: the project's, where there is one.")  # fmt: skip
@click.option("--new-policy", is_flag=True, help="Begin a policy with the categories of the file.")
@click.option("--text", metavar="COLUMN", help="Column of the texts.")
@click.option("--id", "id_column", metavar="COLUMN", help="Column of the ids, or 'row' to number the rows.")
@click.option("--label", "labels", metavar="COLUMN[=CATEGORY]", help="Column with labels of one category.", **_MANY)
@click.option("--labels", "listed", metavar="COLUMN", help="Column that names what is violated.")
@click.option("--separator", metavar="MARK", help="What joins several names in --labels.")
@click.option("--rename", metavar="NAME=CATEGORY", help="A name in --labels -> its category.", **_MANY)
@click.option("--value", "values", metavar="VALUE=1|0|null", help="What a value of a label means.", **_MANY)
@click.option("--cut", "cuts", metavar="COLUMN=NUMBER", help="A share or count violates from this number on.", **_MANY)
@click.option("--absent", type=click.Choice(["negative", "unknown"]), default="negative", show_default=True,
              help="What --labels does not name: not violated, or not labelled.")  # fmt: skip
@click.option("--blank-is-zero", metavar="COLUMN", help="An empty cell is not violated, instead of not labelled.",
              **_MANY)  # fmt: skip
@click.option("--vote", "votes", metavar="COLUMN=ANNOTATOR[:CATEGORY]", help="Column of one annotator.", **_MANY)
@click.option("--annotator", metavar="COLUMN", help="Column that says who gave the labels of a row.")
@click.option("--vote-rule", type=click.Choice(["majority", "any", "all"]), default="majority", show_default=True,
              help="How votes become a label.")  # fmt: skip
@click.option("--group", metavar="COLUMN", help="Column that says which rows belong together.")
@click.option("--images", metavar="COLUMN", help="Column of image files.")
@click.option("--slice", "slices", metavar="NAME[=COLUMN]", help="A slice of the reports.", **_MANY)
@click.option("--ignore", metavar="COLUMN", help="Leave a column out.", **_MANY)
@click.option("--unescape/--no-unescape", default=None, help="Turn HTML entities into their characters.")
@click.option("--repair/--no-repair", default=None, help="Repair text that was decoded wrongly (ftfy).")
@reading_options
@click.option("--sheet", metavar="NAME", help="Sheet of a workbook.")
@click.option("--records", metavar="NAME", help="List of rows inside a JSON document.")
@click.option("--licence", metavar="TEXT", help="Licence of the items, for the card.")
@click.option("--source", metavar="TEXT", help="Where the items come from, for the card.")
@click.option("--yes", "is_accepted", is_flag=True, help="Write what is proposed without asking.")
@click.option("--dry-run", is_flag=True, help="Show what would be written.")
@click.option("--show-text", is_flag=True, help="Show the texts of the three rows whole, not masked.")
@json_option
def command(path: Path, is_accepted: bool, dry_run: bool, show_text: bool, as_json: bool, **said: Any) -> None:
    """Make a golden set (card and items) of a file from elsewhere.

    CSV, TSV, xlsx, JSON, JSONL and Parquet, also under gzip. What each column is gets guessed, shown with three rows
    and asked; with --yes the guess is taken, and the command that was accepted stands in the card. Every row is
    accounted for. Known formats: harness (what golden export writes), openai-moderation, hatecheck,
    multilingual-hatecheck, xstest, toxicchat, jigsaw, civil-comments, davidson, label-studio, argilla, prodigy,
    doccano; inspect, promptfoo and langfuse also give recorded decisions, so that runs of other harnesses are compared
    here.

    \b
    Examples:
      harness golden import comments.xlsx
      harness golden import tweets.csv --yes --text tweet --label is_hate=hate --value offensive=null
      harness golden import export.json --format label-studio --yes
    """
    from harness.errors import HarnessError
    from harness.jobs.golden_import import opened, perform, propose

    request = _request(path, said)
    asks = not (is_accepted or dry_run or as_json) and is_terminal()
    with opened(request) as (foreign, samples):
        proposal = propose(request, foreign, samples)
        if asks:
            from harness.cli.golden.import_questions import ask

            proposal = ask(proposal, show_text=show_text)
        elif not as_json:
            from harness.cli.golden.import_view import show_proposal

            show_proposal(proposal, show_text=show_text)
        if proposal.missing:
            raise HarnessError("\n".join(proposal.missing))
        if dry_run:
            if as_json:
                print_json(_plan_json(proposal))
            return
        if asks and not click.confirm("Write it?", default=True):
            click.echo("Nothing was written.")
            return
        if not asks and not is_accepted:
            raise click.UsageError(
                "nothing was written: look at the proposal, then add --yes, or correct it with options"
            )
        result = perform(proposal)
    _report(result, as_json=as_json)


def is_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def _request(path: Path, said: dict[str, Any]) -> Request:
    from harness.goldens.imports.foreign import Reading
    from harness.goldens.imports.guess_plan import category_id
    from harness.goldens.imports.plan import LabelColumn, Plan
    from harness.jobs.golden_import import Request

    if said["listed"] and said["labels"]:
        raise click.UsageError(
            "--labels names one column for all categories, --label one for each: give one of the two"
        )
    labels = [
        LabelColumn(column, category_id(column) if category == column else category)
        for column, category in _pairs(said["labels"], "--label", needs_value=False).items()
    ]
    plan = Plan(
        text=said["text"],
        id=None if said["id_column"] == "row" else said["id_column"],
        labels=tuple(labels),
        listed=said["listed"],
        separator=said["separator"] or None,
        names=_pairs(said["rename"], "--rename"),
        values=_codes(said["values"]),
        cuts=_cuts(said["cuts"]),
        absent=said["absent"],
        blank_is_zero=tuple(said["blank_is_zero"]),
        votes=tuple(map(_vote, said["votes"])),
        annotator=said["annotator"],
        vote_rule=said["vote_rule"],
        group=said["group"],
        images=said["images"],
        slices=_pairs(said["slices"], "--slice", needs_value=False),
        ignore=tuple(said["ignore"]),
    )
    return Request(
        path,
        plan,
        Reading(said["delimiter"], said["encoding"], said["sheet"], said["records"]),
        said["format_name"],
        said["name"],
        said["version"],
        said["folder"],
        said["policy_path"],
        said["new_policy"],
        said["id_column"] == "row",
        said["licence"],
        said["source"],
        said["unescape"],
        said["repair"],
    )


def _vote(text: str) -> Any:
    from harness.goldens.imports.plan import VoteColumn

    column, mark, rest = text.rpartition("=")
    who, _, category = rest.partition(":")
    if not mark or not column or not who:
        raise click.BadParameter(f"'{text}' is not COLUMN=ANNOTATOR or COLUMN=ANNOTATOR:CATEGORY.", param_hint="--vote")
    return VoteColumn(column, who, category or None)


def _plan_json(proposal: Proposal) -> dict[str, Any]:
    from dataclasses import asdict

    from harness.jobs.golden_import import command_of

    return {
        "file": str(proposal.request.path),
        "read_as": list(proposal.foreign.facts),
        "format": proposal.format,
        "plan": asdict(proposal.plan),
        "command": command_of(proposal),
    }


def _report(result: Result, *, as_json: bool) -> None:
    from harness.cli.golden.import_view import show_result

    if as_json:
        account = result.account
        print_json({
            "card": str(result.places.card),
            "items_file": str(result.places.items),
            "policy": None if result.places.policy is None else str(result.places.policy),
            "decisions": {name: str(path) for name, path in result.places.decisions.items()},
            **account.as_dict(),
            "votes": account.n_votes,
            "labels": {
                name: {"positive": account.positives.get(name, 0), "negative": account.negatives.get(name, 0)}
                for name in result.categories
            },
        })  # fmt: skip
        return
    show_result(result)
