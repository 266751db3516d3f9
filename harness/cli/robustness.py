"""``harness robustness``: what rewriting items costs each candidate, and gaps between identities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.cli.options import find_run, json_option, print_json, run_argument, runs_dir_option, warn_if_unfinished

if TYPE_CHECKING:
    from harness.measure.robustness import IdentityGap, VariantEffect
    from harness.report.parts.tables import Table

_SHOWN = 4


@click.command("robustness")
@run_argument
@click.option("--candidate", metavar="ID", help="Only this candidate.")
@click.option("--identity", "slice_name", metavar="SLICE",
              help="Gaps between the values of this slice instead of variants.")  # fmt: skip
@runs_dir_option
@json_option
def command(run_name: str, candidate: str | None, slice_name: str | None, runs_dir: str, as_json: bool) -> None:
    """Show what rewriting items costs each candidate.

    On a run over a set of variants ('harness golden perturb'): recall lost and false flags gained by each variant
    against its source, pair by pair, with intervals and a test that counts all variants. With --identity:
    false-positive rates by identity and the AUROC within and across identities (subgroup, BPSN, BNSP).

    \b
    Examples:
      harness robustness latest
      harness robustness latest --candidate v2 --identity identity
    """
    from harness.gating.choose import known_candidate
    from harness.measure.robustness import identity_gaps, variant_effects
    from harness.measure.weighted import unweighted_notes
    from harness.report.parts.tables import render, with_names

    run = find_run(runs_dir, run_name)
    warn_if_unfinished(run)
    if candidate is not None:
        known_candidate(candidate, run.candidates, f"run {run.meta.run_id}")
    names = [candidate] if candidate is not None else list(run.candidates)
    said, called = unweighted_notes(run), run.meta.policy.names_of(run.categories)
    if slice_name is not None:
        gaps = {name: identity_gaps(run, name, slice_name) for name in names}
        if as_json:
            plain = {name: [one.as_dict() for one in rows] for name, rows in gaps.items()}
            print_json({"run_id": run.meta.run_id, "slice": slice_name, "notes": list(said), "candidates": plain})
            return
        tables = [_gap_table(name, rows, slice_name, said) for name, rows in gaps.items()]
        click.echo(render([with_names(one, called) for one in tables], "terminal"))
        return
    effects = {name: variant_effects(run, name) for name in names}
    if as_json:
        plain = {name: [one.as_dict() for one in rows] for name, rows in effects.items()}
        print_json({"run_id": run.meta.run_id, "notes": list(said), "candidates": plain})
        return
    tables = [_effect_table(name, rows, said) for name, rows in effects.items()]
    click.echo(render([with_names(one, called) for one in tables], "terminal"))
    for name, rows in effects.items():
        for one in sorted(rows, key=lambda one: -len(one.evaded))[:_SHOWN]:
            if one.evaded:
                more = ", ..." if len(one.evaded) > _SHOWN else ""
                where = f"{name}, {called.get(one.category, one.category)}, {one.variant}"
                click.echo(f"{where}: {len(one.evaded):,} evaded ({', '.join(one.evaded[:_SHOWN])}{more})")


def _effect_table(name: str, rows: list[VariantEffect], said: tuple[str, ...]) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    changes = ("Recall, change", "Evaded", "False flags, change", "Over-blocked")
    columns = ("Variant", "Category", "Pairs", *changes, "p (all)")
    ordered = sorted(
        rows, key=lambda one: (one.recall.value if one.recall.value == one.recall.value else 1, one.variant)
    )
    cells = tuple(
        (
            one.variant,
            one.category,
            numbers.count(one.n_pairs),
            numbers.points_with_interval(one.recall),
            numbers.count(len(one.evaded)),
            numbers.points_with_interval(one.fpr),
            numbers.count(len(one.over_blocked)),
            numbers.p_value(one.p_holm),
        )
        for one in ordered
    )
    notes = ("Points, variant minus source. p: McNemar's mid-p of the recall, Holm over all rows.", *said)
    return Table(f"Robustness of {name}", columns, cells, notes, frozenset(columns[2:]))


def _gap_table(name: str, rows: list[IdentityGap], slice_name: str, said: tuple[str, ...]) -> Table:
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    columns = (slice_name, "Category", "Items", "FPR", "Against others", "Subgroup AUROC", "BPSN", "BNSP")
    cells = tuple(
        (
            one.value,
            one.category,
            numbers.count(one.n),
            numbers.share_with_interval(one.fpr),
            numbers.points_with_interval(one.fpr_gap),
            *(numbers.score(result.value) for result in (one.subgroup, one.bpsn, one.bnsp)),
        )
        for one in sorted(rows, key=lambda one: -one.fpr_gap.value)
    )
    borkan = "BPSN is low where the identity alone raises scores, BNSP where it lowers them (Borkan et al. 2019)."
    notes = (borkan, *said)
    return Table(f"Identity gaps of {name}", columns, cells, notes, frozenset(columns[2:]))
