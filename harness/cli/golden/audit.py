"""``harness golden audit``: which labels of a golden set are suspicious."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.finite import FiniteRange
from harness.cli.golden.options import card_argument, policy_option
from harness.cli.options import FILE, PATH, json_option, note, print_json, runs_dir_option

if TYPE_CHECKING:
    from harness.files.golden.sets import GoldenSet
    from harness.goldens.audit import Suspicion, Trial

OUTPUTS = (".csv", ".xlsx", ".json")
SHOWN = 20


@click.command("audit")
@card_argument
@click.option(
    "--run", "run_names", multiple=True, metavar="RUN", help="A stored run whose candidates judge the labels."
)
@click.option("--marks", "marks_path", metavar="FILE", type=PATH,
              help="Items that readers of a report marked (CSV with a column 'item'): they come first.")  # fmt: skip
@click.option("--out", "out_path", metavar="FILE", type=FILE,
              help="Write the queue: .csv for 'harness review --queue', .xlsx, or .json for Label Studio.")  # fmt: skip
@click.option("--all", "takes_all", is_flag=True, help="Write every label in its order, not only the suspicious ones.")
@click.option(
    "--no-text-models", is_flag=True, help="Leave out the two small models that are trained on the set itself."
)
@click.option("--trial", type=FiniteRange(0, 0.5, min_open=True), metavar="SHARE",
              help="Flip this share of the labels at random, and say how many the queue finds.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of folds and flips.")
@policy_option
@runs_dir_option
@json_option
def command(
    card_path: Path,
    run_names: tuple[str, ...],
    marks_path: Path | None,
    out_path: Path | None,
    takes_all: bool,
    no_text_models: bool,
    trial: float | None,
    seed: int,
    policy_path: Path | None,
    runs_dir: str,
    as_json: bool,
) -> None:
    """Rank the labels of a golden set by how suspicious they are.

    The evidence: the candidates of stored runs, two small text models trained on the set itself (each item judged by
    models that never saw it or a copy of it), annotators' votes, copies of a text with another label, and readers'
    marks. Several candidates that disagree with a label, and with one another as little as possible, are the best
    evidence. Nothing is changed: review the queue, then release.

    \b
    Examples:
      harness golden audit golden_sets/community_v1.yaml --run latest --out audit.csv
      harness review golden_sets/community_v1.yaml --queue audit.csv
      harness golden audit golden_sets/community_v1.yaml --trial 0.05
    """
    if out_path is not None and out_path.suffix not in OUTPUTS:
        raise click.BadParameter(f"'{out_path}' ends in none of {', '.join(OUTPUTS)}.", param_hint="--out")
    from harness.cli.golden.options import load_with_policy, names_in
    from harness.cli.options import find_run
    from harness.errors import HarnessError
    from harness.files.permissions import no_more_readable_than
    from harness.goldens import audit as module
    from harness.goldens.queues import read_queue, write_queue

    golden, policy = load_with_policy(card_path, policy_path)
    runs = [find_run(runs_dir, name) for name in run_names]
    if trial is not None:
        others = module.gather(golden, runs, uses_text=False, seed=seed)
        _show_trial([module.trial(golden, others, trial, seed + at) for at in range(3)], as_json=as_json)
        return
    marks = [] if marks_path is None else read_queue(marks_path, golden)
    evidence = module.gather(golden, runs, uses_text=not no_text_models, seed=seed)
    found = module.audit(golden, evidence, marks)
    if not evidence.names and not any(one.is_suspicious for one in found):
        raise HarnessError(
            f"{card_path}: nothing can judge its labels",
            allowed="a run over the set (--run), votes, or enough labelled texts for the text models",
            next_step="run candidates over it first: harness run EVAL",
        )
    chosen = found if takes_all else [one for one in found if one.is_suspicious]
    if out_path is not None:
        with no_more_readable_than(golden.path, golden.items_path):
            if out_path.suffix == ".csv":
                write_queue(out_path, [one.as_row() for one in chosen])
            elif out_path.suffix == ".xlsx":
                _write_xlsx(out_path, golden, chosen)
            else:
                _write_tasks(out_path, golden, chosen)
    if as_json:
        print_json({"golden_set": golden.name, "version": golden.version, "labels": len(found),
                    "models": list(evidence.names), "suspicious": [one.as_dict() for one in chosen]})  # fmt: skip
        return
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table, to_terminal, with_names

    n_suspicious = sum(one.is_suspicious for one in found)
    judges = ", ".join(evidence.names) or "none"
    click.echo(f"{n_suspicious:,} of {len(found):,} labels are suspicious, judged by: {judges}.")
    rows = tuple(
        (one.item, one.category, str(one.label), numbers.score(one.quality, 2), one.why) for one in chosen[:SHOWN]
    )
    if rows:
        title = f"The first {len(rows)}" if len(chosen) > len(rows) else "All of them"
        notes = ("Quality: mean probability that the models give to the label; 1 is no doubt.",)
        table = Table(title, ("Item", "Category", "Label", "Quality", "Why"), rows, notes)
        click.echo(to_terminal(with_names(table, names_in(policy))))
    if out_path is not None:
        click.echo(f"{len(chosen):,} labels: {out_path}")
        if out_path.suffix == ".csv":
            note(f"Review them: harness review {card_path} --queue {out_path}")


def _show_trial(trials: Sequence[Trial], *, as_json: bool) -> None:
    if as_json:
        print_json({"trials": [one.as_dict() for one in trials]})
        return
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table, to_terminal

    ks = sorted({k for one in trials for k in one.precision_at})
    columns = ("Seed", "Flipped", "Found in first 10%", *(f"Precision at {k}" for k in ks))
    rows = tuple(
        (str(one.seed), f"{one.n_flipped:,} of {one.n_labels:,}", numbers.share(one.found_in),
         *(numbers.share(one.precision_at.get(k)) for k in ks))
        for one in trials
    )  # fmt: skip
    notes = ("Labels flipped at random in memory. Labels that were wrong before count against the precision.",)
    click.echo(to_terminal(Table("What the audit finds of labels flipped on purpose", columns, rows, notes)))


def _write_xlsx(path: Path, golden: GoldenSet, found: Sequence[Suspicion]) -> None:
    from harness.report.parts.xlsx import Column, Sheet, write_workbook

    columns = (Column("item", "text", 18), Column("category", "text", 18), Column("label", "count", 8),
               Column("quality", "number", 10), Column("why", "long", 60), Column("text", "clip", 60))  # fmt: skip
    positions = [golden.index_of(one.item) for one in found]
    rows = [
        (one.item, one.category, one.label, one.quality, one.why, item.text or "")
        for one, item in zip(found, golden.items(positions), strict=True)
    ]
    title = f"Suspicious labels of {golden.name} version {golden.version}, the most suspicious first"
    write_workbook([Sheet("Audit", columns, rows, title)], path, title=title)


def _write_tasks(path: Path, golden: GoldenSet, found: Sequence[Suspicion]) -> None:
    """Tasks for Label Studio, one for each item; the prediction is the labels with the suspicious ones turned over."""
    by_item: dict[str, list[Suspicion]] = {}
    for one in found:
        by_item.setdefault(one.item, []).append(one)
    tasks: list[dict[str, Any]] = []
    for item in golden.items([golden.index_of(name) for name in by_item]):
        said = by_item[item.id]
        turned = {one.category for one in said if one.is_suspicious}
        choices = [
            name for name, label in item.labels.items() if (label == 1) != (name in turned and label is not None)
        ]
        tasks.append(
            {
                "data": {"id": item.id, "text": item.text, "labels": dict(item.labels), "group": item.group,
                         "suspicious": [one.category for one in said], "why": "; ".join(one.why for one in said)},
                "predictions": [
                    {"model_version": "harness audit", "score": round(1 - min(one.quality for one in said), 6),
                     "result": [{"from_name": "labels", "to_name": "text", "type": "choices",
                                 "value": {"choices": choices}}]}
                ],
            }
        )  # fmt: skip
    path.write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")
