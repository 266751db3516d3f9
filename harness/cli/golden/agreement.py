"""``harness golden agreement``: annotators with each other, with their majority and with the gold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.golden.options import card_argument, load_with_policy, names_in, policy_option
from harness.cli.options import FOLDER, json_option, print_json

if TYPE_CHECKING:
    from harness.goldens.agreement import AnnotatorRow, CategoryAgreement
    from harness.report.parts.tables import Table

_SHOWN_IDS = 5


@click.command("agreement")
@card_argument
@policy_option
@click.option("--pair", nargs=2, metavar="A B", help="Two annotators, for Cohen's kappa.")
@click.option("--annotators", "with_annotators", is_flag=True, help="Judge each annotator by the others' majority.")
@click.option("--teams", "with_teams", is_flag=True, help="Judge each team (a vote's 'team') by the others' majority.")
@click.option("--dawid-skene", "with_latent", is_flag=True, help="Add a consensus weighted by annotators' error rates.")
@click.option("--names", "with_names", is_flag=True, help="Show annotators by name; default: by number.")
@click.option(
    "--reviewers", "reviewers_dir", metavar="DIR", type=FOLDER,
    help="Write each annotator's votes as recorded decisions, to gate a model against reviewers.",
)  # fmt: skip
@json_option
def command(
    card_path: Path,
    policy_path: Path | None,
    pair: tuple[str, str] | None,
    with_annotators: bool,
    with_teams: bool,
    with_latent: bool,
    with_names: bool,
    reviewers_dir: Path | None,
    as_json: bool,
) -> None:
    """Show how far annotators agree: with each other, with their majority, with the gold.

    Coefficients per category and slice with intervals, items whose gold is not the majority of the votes, disputed
    items, and the human ceiling: how well one annotator finds the majority of the others.

    \b
    Examples:
      harness golden agreement golden_sets/community_v1.yaml --annotators
      harness golden agreement golden_sets/community_v1.yaml --reviewers decisions/
    """
    from harness.errors import HarnessError
    from harness.goldens import agreement
    from harness.goldens.reviewers import write_reviewers

    golden, policy = load_with_policy(card_path, policy_path)
    called = names_in(policy)
    votes = agreement.read_votes(golden)
    if (with_annotators or with_teams or with_latent or reviewers_dir or pair) and not votes.are_named:
        raise HarnessError(
            f"{card_path}: the votes are counts, and do not say who voted",
            allowed='votes with their annotators: [{"annotator": NAME, "labels": {...}}]',
            next_step="leave out --pair, --annotators, --teams, --dawid-skene and --reviewers",
        )
    found = {name: agreement.category_agreement(votes, name, pair=pair or None) for name in agreement.voted(votes)}
    slices = agreement.slice_agreement(votes)
    names = agreement.shown_names(votes, with_names=with_names)
    rows = agreement.annotator_rows(votes, with_latent=with_latent) if with_annotators or with_latent else []
    teams = agreement.annotator_rows(votes, by_team=True) if with_teams else []
    latent = {name: agreement.consensus(votes, name) for name in found} if with_latent else {}
    written = write_reviewers(votes, reviewers_dir, names) if reviewers_dir is not None else {}
    if as_json:
        result: dict[str, Any] = {
            "golden_set": {
                "name": golden.name,
                "version": golden.version,
                "hash": golden.sha256,
                "n_items": len(golden),
            },
            "categories": {name: one.as_dict() for name, one in found.items()},
            "slices": {
                name: {
                    value: {category: one.as_dict(with_ids=False) for category, one in by_category.items()}
                    for value, by_category in values.items()
                }
                for name, values in slices.items()
            },
            "not_voted": [name for name in golden.categories if name not in found],
        }
        if rows:
            result["annotators"] = [_plain(row, names) for row in rows]
        if teams:
            result["teams"] = [_plain(row, {}) for row in teams]
        if latent:
            result["dawid_skene"] = {
                name: {item: float(p) for item, p in zip(votes.ids, values.tolist(), strict=True) if p == p}
                for name, values in latent.items()
            }
        if written:
            result["reviewers"] = {name: {"path": path.as_posix(), "n_items": n} for name, (path, n) in written.items()}
        print_json(result)
        return
    from harness.report.parts import tables as drawn

    tables = [_category_table(found, pair), _ceiling_table(found)]
    tables += [_slice_table(name, values) for name, values in slices.items()]
    if rows:
        tables.append(_annotator_table("Annotators against the majority of the others", rows, names))
    if teams:
        tables.append(_annotator_table("Teams against the majority of the other teams", teams, {}))
    click.echo(drawn.render([drawn.with_names(one, called) for one in tables], "terminal"))
    _say_disputed(found, called)
    left_out = [called.get(name, name) for name in golden.categories if name not in found]
    if left_out:
        click.echo(f"Not voted on: {', '.join(left_out)}")
    if written:
        click.echo(f"\nWrote {len(written)} files of recorded decisions to {reviewers_dir}. In an eval, such as:")
        for name, (path, n_items) in list(written.items())[:2]:
            click.echo(
                f"  {name.replace(' ', '_')}: {{recorded: {path.as_posix()}, sample: true}}   # {n_items:,} items"
            )
        click.echo(
            "A reviewer who voted on an item also made its gold: judge them on items whose gold they did not make."
        )


def _category_table(found: Mapping[str, CategoryAgreement], pair: tuple[str, str] | None) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    columns = ["Category", "Items", "Votes", "Krippendorff alpha", "Fleiss kappa"]
    has_grades = any(one.ordinal_alpha is not None for one in found.values())
    columns += (["Cohen kappa"] if pair else []) + (["Alpha of grades"] if has_grades else [])
    columns += ["Disputed", "Gold is the majority", "Gold against it"]
    rows = []
    for name, one in found.items():
        cells = [name, numbers.count(one.n_items), numbers.count(one.n_votes)]
        cells += [numbers.score_with_interval(one.alpha), numbers.score_with_interval(one.fleiss)]
        if one.cohen is not None:
            cells.append(numbers.score_with_interval(one.cohen))
        if has_grades:
            cells.append("" if one.ordinal_alpha is None else numbers.score_with_interval(one.ordinal_alpha))
        cells += [
            numbers.count(len(one.disputed)),
            numbers.share_with_interval(one.gold_majority),
            numbers.count(len(one.against_gold)),
        ]
        rows.append(tuple(cells))
    notes = ("A category that a vote leaves out is a 0; null is no vote. Intervals: bootstrap over items.",)
    return Table("Agreement of the annotators", tuple(columns), tuple(rows), notes, frozenset(columns[1:]))


def _ceiling_table(found: Mapping[str, CategoryAgreement]) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    columns = ("Category", "Recall", "Precision", "F1")
    rows = tuple(
        (name, *(numbers.share_with_interval(one.ceiling[metric]) for metric in ("recall", "precision", "f1")))
        for name, one in found.items()
    )
    notes = (
        "One annotator against the majority of the item's others: a model above it is at the ceiling, not better.",
    )
    return Table("Human ceiling", columns, rows, notes, frozenset(columns[1:]))


def _slice_table(name: str, values: Mapping[str, Mapping[str, CategoryAgreement]]) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    columns = (name, "Category", "Items", "Krippendorff alpha", "Fleiss kappa", "Disputed", "Gold against majority")
    rows = tuple(
        (
            value,
            category,
            numbers.count(one.n_items),
            numbers.score_with_interval(one.alpha),
            numbers.score_with_interval(one.fleiss),
            numbers.count(len(one.disputed)),
            numbers.count(len(one.against_gold)),
        )
        for value, by_category in values.items()
        for category, one in by_category.items()
    )
    return Table(f"By {name}", columns, rows, (), frozenset(columns[2:]))


def _annotator_table(title: str, rows: Sequence[AnnotatorRow], names: Mapping[str, str]) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    has_latent = any(row.sensitivity is not None for row in rows)
    columns = ["Who", "Category", "Votes", "Recall", "Precision", "Agreement"]
    columns += ["Sensitivity (D-S)", "Specificity (D-S)"] if has_latent else []
    cells = []
    for row in sorted(rows, key=lambda row: (row.category, names.get(row.who, row.who))):
        line = [names.get(row.who, row.who), row.category, numbers.count(row.n_votes)]
        line += [numbers.share_with_interval(one) for one in (row.recall, row.precision, row.agreement)]
        if has_latent:
            line += [numbers.share(row.sensitivity), numbers.share(row.specificity)]
        cells.append(tuple(line))
    return Table(title, tuple(columns), tuple(cells), (), frozenset(columns[2:]))


def _say_disputed(found: Mapping[str, CategoryAgreement], called: Mapping[str, str]) -> None:
    for name, one in found.items():
        for what, ids in (("gold against the majority", one.against_gold), ("disputed", one.disputed)):
            if ids:
                more = ", ..." if len(ids) > _SHOWN_IDS else ""
                click.echo(f"{called.get(name, name)}, {what} ({len(ids):,}): {', '.join(ids[:_SHOWN_IDS])}{more}")


def _plain(row: AnnotatorRow, names: Mapping[str, str]) -> dict[str, Any]:
    plain = {
        "who": names.get(row.who, row.who),
        "category": row.category,
        "n_votes": row.n_votes,
        "recall": row.recall.as_dict(),
        "precision": row.precision.as_dict(),
        "agreement": row.agreement.as_dict(),
    }
    if row.sensitivity is not None:
        plain |= {"sensitivity": row.sensitivity, "specificity": row.specificity}
    return plain
