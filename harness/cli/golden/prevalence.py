"""``harness golden prevalence``: what share of a pool violates, and what was done about it, from a labelled sample."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.finite import FiniteRange
from harness.cli.golden.options import card_argument, load_with_policy, names_in, policy_option
from harness.cli.options import FILE, PATH, json_option, print_json, require_known
from harness.cli.pool_options import told
from harness.cli.screen import as_written

if TYPE_CHECKING:
    from harness.files.golden.sets import GoldenSet
    from harness.goldens.prevalence import Figure, Labelled, Predictions


@click.command("prevalence")
@card_argument
@policy_option
@click.option("--category", "categories", multiple=True, metavar="ID", help="Only this category; repeatable.")
@click.option("--views", metavar="COLUMN", help="Column of views; default: the one the sample was drawn by.")
@click.option("--missing-views", type=FiniteRange(min=0), metavar="N", help="What items without views count as.")
@click.option("--removed", metavar="COLUMN",
              help="Column that says whether production took the item down: adds leakage and overkill.")  # fmt: skip
@click.option("--pool", "pool_files", multiple=True, metavar="FILE",
              help="The pool with a model's labels of every row; repeatable.")  # fmt: skip
@click.option("--predicted", multiple=True, metavar="ID=COLUMN",
              help="A category and the pool's column of the model's label or score; repeatable.")  # fmt: skip
@click.option("--exclude", multiple=True, metavar="CARD", type=PATH,
              help="A set that was left out of the sample (its --card); repeatable.")  # fmt: skip
@click.option("--text", "text_column", metavar="COLUMN", help="The pool's column of texts.")
@click.option("--id", "id_column", metavar="COLUMN", help="The pool's column of ids.")
@click.option("--series", "series_path", metavar="FILE", type=FILE,
              help="Add the figures to this .csv or .jsonl, one line each.")  # fmt: skip
@click.option("--date", metavar="YYYY-MM-DD", help="Date of the figures; default: today (UTC).")
@json_option
def command(card_path: Path, policy_path: Path | None, as_json: bool, **said: Any) -> None:
    """Estimate what share of a pool violates, from a labelled sample of it.

    The set comes from 'harness golden sample', reviewed and released. Taken down counts for every
    category, whatever the reason was. Items count by their weights, strata and
    inclusion probabilities; intervals are 95% and honest for rare harm: no violating item found is an upper bound, not
    a zero. Unlabelled items are stood for by the labelled ones of their stratum.

    With --pool and --predicted a model's labels of the whole pool make intervals narrower. The human labels correct
    them (prediction-powered inference): a biased model moves no estimate, it only helps less.

    \b
    Examples:
      harness golden prevalence golden_sets/week48_sample_v2.yaml --removed action --series production.csv
      harness golden prevalence golden_sets/week48_sample_v2.yaml --pool week48.parquet --predicted hate=llm_hate
    """
    from harness.errors import HarnessError
    from harness.goldens.prevalence import estimate, read_sample, unlabelled_notes
    from harness.goldens.production_series import append

    date = _date(said["date"])
    if bool(said["pool_files"]) != bool(said["predicted"]):
        raise click.UsageError("--pool and --predicted belong together: a pool, and its columns of a model's labels.")
    if said["series_path"] is not None and said["series_path"].suffix not in (".csv", ".jsonl"):
        raise click.BadParameter(f"'{said['series_path']}' ends in neither .csv nor .jsonl.", param_hint="--series")
    golden, policy = load_with_policy(card_path, policy_path)
    pairs = dict(_pair(one) for one in said["predicted"])
    for name in (*said["categories"], *pairs):
        require_known(f"{card_path} has no category", name, golden.categories)
    sample = read_sample(golden, views=said["views"], missing_views=said["missing_views"], removed=said["removed"])
    predictions = _predictions(golden, sample, pairs, said) if pairs else None
    figures = estimate(sample, predictions)
    if said["categories"]:
        figures = [one for one in figures if one.category in said["categories"]]
    if not any(one.n_labelled for one in figures):
        raise HarnessError(
            f"{card_path}: nobody has labelled an item yet",
            allowed="labels of the sample",
            next_step="harness review {0}, then harness golden release {0}".format(shlex.quote(str(card_path))),
        )
    if said["series_path"] is not None:
        append(said["series_path"], figures, date=date, golden_set=golden.name, version=golden.version)
    if as_json:
        print_json({
            "golden_set": golden.name,
            "version": golden.version,
            "date": date,
            "population": _population(golden),
            "notes": [*sample.notes, *unlabelled_notes(sample)],
            "figures": [one.as_dict() for one in figures],
        })  # fmt: skip
        return
    _show(golden, sample, figures, date, names_in(policy))
    if said["series_path"] is not None:
        click.echo(f"\nAdded {len(figures)} lines to {said['series_path']}")


def _date(text: str | None) -> str:
    if text is None:
        return datetime.now(UTC).date().isoformat()
    try:
        return datetime.strptime(text, "%Y-%m-%d").date().isoformat()
    except ValueError:
        raise click.BadParameter(f"'{text}' is no date such as 2026-11-27.", param_hint="--date") from None


def _pair(text: str) -> tuple[str, str]:
    category, sign, column = text.partition("=")
    if not sign or not category or not column:
        raise click.BadParameter(f"'{text}' is not ID=COLUMN.", param_hint="--predicted")
    return category, column


def _predictions(golden: GoldenSet, sample: Labelled, pairs: dict[str, str], said: dict[str, Any]) -> Predictions:
    from harness.goldens.pool import open_pool
    from harness.goldens.prevalence_pool import read_predictions

    pool = open_pool(said["pool_files"], text=said["text_column"], id_column=said["id_column"])
    excluded = [load_with_policy(path, None)[0] for path in said["exclude"]]
    return read_predictions(
        pool, golden, sample, pairs,
        excluded=excluded, views=said["views"], missing_views=said["missing_views"], on_rows=told,
    )  # fmt: skip


def _population(golden: GoldenSet) -> int | None:
    sampling = golden.card.provenance.get("sampling")
    population = sampling.get("population") if isinstance(sampling, dict) else None
    return population if isinstance(population, int) else None


def _show(golden: GoldenSet, sample: Labelled, figures: list[Figure], date: str, called: dict[str, str]) -> None:
    from harness.goldens.prevalence import FIGURES, policy_line, unlabelled_notes
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table, to_terminal, with_names

    population = _population(golden)
    of = "" if population is None else f", drawn from {population:,}"
    click.echo(f"{golden.name} version {golden.version}: {len(sample.ids):,} items{of}\n")
    for note in (*sample.notes, *unlabelled_notes(sample)):
        click.echo(f"Note: {note}")
    columns = ("Category", "Share, 95% interval", "Labelled", "Violating", "Model")
    for name, meaning in FIGURES.items():
        chosen = [one for one in figures if one.name == name]
        if not chosen:
            continue
        rows = tuple(
            (
                one.category,
                numbers.share_with_interval(one.result, 3),
                numbers.count(one.n_labelled),
                numbers.count(one.n_violating),
                "no" if one.power is None else f"{one.power:.2f}",
            )
            for one in chosen
        )
        table = Table(f"{name}: {meaning}", columns, rows, (), frozenset(columns[1:4]))
        click.echo(to_terminal(with_names(table, called)) + "\n")
    if any(one.power is not None for one in figures):
        click.echo("Model: how far the model's labels of the pool are used, 0 (not at all) to 1.")
    if any(one.name == "violating_items" and one.n_violating == 0 and one.result.is_defined for one in figures):
        click.echo("No violating item found: the upper end says how common it may still be.")
    stated = [one for one in figures if one.name == "violating_items" and one.category in golden.categories
              and one.result.is_defined and one.result.value > 0]  # fmt: skip
    if stated:
        click.echo("For the policy, so that reports give precision in production:")
        with as_written():  # as a policy file takes them
            for one in stated:
                line = policy_line(one, f"{golden.name} version {golden.version}", date)
                click.echo(f"  {one.category}:\n    {line}")
