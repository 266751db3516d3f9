"""``harness golden sample``: what of an unlabelled pool to label next, with known inclusion probabilities."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import PATH, json_option, note, print_json, runs_dir_option
from harness.cli.pool_options import NEEDS, pool_argument, pool_of, pool_options, sample_options, told
from harness.cli.together import refuse_alone, refuse_clashes

if TYPE_CHECKING:
    from harness.files.golden.sets import GoldenSet
    from harness.goldens.pool_coverage import Closeness
    from harness.goldens.pool_sample import Asked, Sample
    from harness.records import Policy
    from harness.report.parts.tables import Table

_SHOWN = 30


@click.command("sample")
@pool_argument
@click.option("--size", type=click.IntRange(min=1), required=True, metavar="N", help="Items to draw.")
@click.option("--disagreement", "systems", multiple=True, metavar="COLUMN",
              help="A column of one system's decisions; two or more: stratify by whether they disagree.")  # fmt: skip
@click.option("--run", "run_name", metavar="RUN",
              help="Stratify by whether candidates of a stored run disagree about the item of that id.")  # fmt: skip
@click.option("--coverage", is_flag=True, help="Stratify by how new the text is to the sets of --card.")
@click.option("--embeddings", metavar="minilm|FOLDER",
              help="With --coverage: by meaning, with MiniLM (extra 'embeddings') or a folder's sentence model; "
                   "default: by character sequences.")  # fmt: skip
@sample_options("equal")
@click.option("--card", "cards", multiple=True, metavar="CARD", type=PATH,
              help="A golden set whose items (by id or text) are not drawn; repeatable.")  # fmt: skip
@click.option("--policy", "policy_path", metavar="PATH", type=PATH,
              help="Policy to label under; default: that of the first --card.")  # fmt: skip
@pool_options
@click.option("--name", metavar="NAME", help="Name of the new set; default: that of the first file and '_sample'.")
@click.option("--to", "folder", metavar="FOLDER", type=PATH, default=Path("golden_sets"),
              show_default=True, help="Folder of the new set.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Show strata and coverage, and write nothing.")
@runs_dir_option
@json_option
def command(files: tuple[str, ...], folder: Path, dry_run: bool, as_json: bool, **said: Any) -> None:
    """Choose what of an unlabelled pool to label next.

    POOL is Parquet, CSV, TSV, JSONL, JSON or xlsx, also under .gz: files, folders or patterns of millions of rows. Each
    item is drawn with a known probability, and one over it is its 'weight' in the new set: 'score', 'compare', 'gate'
    and 'golden prevalence' then speak of the pool, and not of what was oversampled. Items of --card are never drawn.
    The same pool, options and seed draw the same items.

    Strata are every combination of --score, --by, --disagreement (or --run) and --coverage. --views draws within them
    by a mixture: one part alike for all, one by views. The set is written unlabelled, in random order, so that any
    first part of it is a sample too. --coverage goes by character sequences, in minutes for a million rows; with
    --embeddings by meaning, some 20 texts a second and core pair: for pools of thousands.

    \b
    Examples:
      harness golden sample week48.parquet --size 500 --score hate_score --by language --policy evals/policies/p.yaml
      harness golden sample 'pool/*.jsonl.gz' --size 300 --views views --card golden_sets/community_v1.yaml
      harness golden sample pool.csv --size 200 --disagreement old_model --disagreement new_model --dry-run
    """
    from harness.files.policy import load_policy
    from harness.goldens.pool_sample import sample_pool

    golden_sets, policy = _sets(said["cards"])
    policy = load_policy(said["policy_path"]).value if said["policy_path"] is not None else policy
    if policy is None and not dry_run:
        raise click.UsageError("what to label is not known: name the policy with --policy, or a set with --card.")
    asked = _asked(said)
    pool = pool_of(files, said)
    if asked.embedder is not None:
        note(f"{asked.embedder.name} reads every text of the pool: some 20 a second on two cores")
    sample = sample_pool(pool, asked, golden_sets, on_rows=told)
    if sys.stderr.isatty():
        click.echo(err=True)
    card = None if dry_run or policy is None else _write(pool, sample, asked, policy, said["name"], folder, golden_sets)
    if as_json:
        print_json(_as_json(sample, asked, card))
        return
    _show(sample, asked, card)


def _sets(cards: tuple[Path, ...]) -> tuple[list[GoldenSet], Policy | None]:
    from harness.cli.golden.options import load_with_policy

    loaded = [load_with_policy(path, None) for path in cards]
    policy = loaded[0][1] if loaded else None
    return [golden for golden, _ in loaded], None if policy is None else policy.value


def _asked(said: dict[str, Any]) -> Asked:
    from harness.cli.options import find_run
    from harness.goldens.embeddings import open_embedder
    from harness.goldens.pool_sample import Asked
    from harness.goldens.pool_strata import Design

    both = "--run and --disagreement both say who disagrees: use one of them."
    refuse_clashes(("--run", ("--disagreement",), both))
    refuse_alone(*NEEDS, ("--embeddings", "--coverage"))
    run = find_run(said["runs_dir"], said["run_name"]) if said["run_name"] else None
    design = Design(said["scores"], said["edges"], said["by"], said["systems"], run)
    return Asked(
        said["size"],
        design,
        said["allocation"],
        said["views"],
        said["views_part"],
        said["missing_views"],
        said["coverage"],
        said["seed"],
        open_embedder(said["embeddings"]) if said["embeddings"] else None,
    )


def _write(
    pool: Any,
    sample: Sample,
    asked: Asked,
    policy: Policy,
    name: str | None,
    folder: Path,
    golden_sets: list[GoldenSet],
) -> Path:
    from harness.files.permissions import no_more_readable_than
    from harness.goldens.imports.account import Account
    from harness.goldens.imports.convert import meta_name
    from harness.goldens.imports.importers import file_stem
    from harness.goldens.imports.write import CardFacts, Places, card_text, default_paths, publish
    from harness.goldens.pool_items import item_rows, provenance

    called = name or f"{file_stem(pool.files[0])}_sample"
    card, items = default_paths(folder, called, 1)
    facts = CardFacts(
        called,
        1,
        policy.policy,
        policy.version,
        policy.category_ids,
        {meta_name(column): f"meta.{meta_name(column)}" for column in asked.design.by},
        f"sample of {pool.files[0].name}" + (f" and {len(pool.files) - 1} more" if len(pool.files) > 1 else ""),
        golden_sets[0].card.licence or "" if golden_sets else "",
        provenance(pool, sample, asked),
    )
    rows = item_rows(pool, sample, policy.category_ids)
    account = Account(n_rows=len(rows))
    for row in rows:
        account.count(row["labels"])
    with no_more_readable_than(*pool.files):
        publish(Places(card, items), rows, {}, lambda _: card_text(facts, items.name), None, account)
    return card


def _as_json(sample: Sample, asked: Asked, card: Path | None) -> dict[str, Any]:
    return {
        "card": None if card is None else str(card),
        "asked": asked.size,
        "items": len(sample.items),
        "rows": sample.n_rows,
        "population": sample.population,
        "population_views": sample.views,
        "rows_without_views": sample.n_without_views,
        "left_out": dict(sample.left_out.counts),
        "strata": [one.as_dict() for one in sample.strata],
        "coverage": None if sample.coverage is None else sample.coverage.as_dict(),
        "ids": [one.id for one in sample.items],
    }


def _show(sample: Sample, asked: Asked, card: Path | None) -> None:
    from harness.report.parts.tables import to_terminal

    click.echo(f"{sample.n_rows:,} rows, {sample.population:,} items to draw from, {len(sample.items):,} drawn")
    for reason, n in sample.left_out.counts.items():
        click.echo(f"    left out, {reason}: {n:,} (first: {', '.join(sample.left_out.places[reason][:3])})")
    if sample.n_without_views:
        click.echo(f"    {sample.n_without_views:,} rows without views count as {asked.missing_views:g}")
    if len(sample.items) < asked.size:
        click.echo(f"    fewer than {asked.size:,}: the whole population is drawn")
    click.echo("\n" + to_terminal(_strata_table(sample)))
    if sample.coverage is not None:
        click.echo("\n" + to_terminal(_coverage_table(sample)))
    if card is None:
        click.echo("\nNothing was written (--dry-run).")
        return
    typed = shlex.quote(str(card))
    click.echo(f"\nWrote {card}\n\nNext: harness review {typed}\nthen: harness golden release {typed}")


def _strata_table(sample: Sample) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    weights: dict[str, list[float]] = {}
    for item in sample.items:
        weights.setdefault(item.stratum, []).append(1 / item.probability)
    shown = sample.strata[:_SHOWN]
    rows = []
    for one in shown:
        least, most = min(weights[one.name]), max(weights[one.name])
        weight = f"{least:,.1f}" if most - least < 0.05 else f"{least:,.1f} to {most:,.1f}"
        views = () if one.views is None else (numbers.count(round(one.views)),)
        rows.append((one.name, numbers.count(one.population), *views, numbers.count(one.drawn), weight))
    has_views = sample.views is not None
    columns = ("Stratum", "Items", *(("Views",) if has_views else ()), "Drawn", "Weight")
    left = len(sample.strata) - len(shown)
    notes = ("Weight: how many items of the pool one drawn item stands for, 1/inclusion probability.",)
    more = (f"{left:,} more strata: --json lists them",) if left else ()
    return Table("Strata", columns, tuple(rows), (*notes, *more), frozenset(columns[1:]))


def _coverage_table(sample: Sample) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    assert sample.coverage is not None
    found = sample.coverage

    def row(name: str, one: Closeness) -> tuple[str, ...]:
        return (name, numbers.count(one.n_texts), numbers.share(one.coverage), numbers.score(one.divergence))

    rows = (
        row("The golden sets", found.before),
        row("A simple random sample of the pool", found.reference),
        row("The golden sets and this sample", found.after),
    )
    columns = ("Texts", "Number", "Coverage", "Divergence")
    farthest = "; ".join(f"{name} ({numbers.share(share)} new)" for name, share, _ in found.farthest[:5])
    notes = (
        f"Coverage: share of the pool's {found.space.words} that the texts hold ({found.space.name}). Divergence: "
        "Jensen-Shannon, in bits: 0 alike, 1 nothing in common. Both depend on the number of texts: read them beside "
        "the random sample.",
        f"Farthest from the golden sets: {farthest}",
    )
    return Table("How close to the pool", columns, rows, notes, frozenset(columns[1:]))
