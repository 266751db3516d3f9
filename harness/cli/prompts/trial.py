"""What ``harness prompts ablate`` and ``stability`` share: the run of variants, said as ordinary runs are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

import click

from harness.cli.options import going_on, interruptible, note
from harness.cli.voice import progress_stream

if TYPE_CHECKING:
    from harness.files.evals import LoadedEval
    from harness.jobs.prompt_variants import Variant
    from harness.jobs.run import RunOptions
    from harness.runner import RunSummary
    from harness.runs import Run

MOST = 60
"""Variants of one run; each is a candidate, and an eval holds so many comfortably."""


def run_trial(
    loaded: LoadedEval, name: str, variants: Sequence[Variant], options: RunOptions, *, suffix: str, is_dry_run: bool
) -> tuple[Run, list[Variant]] | None:
    """Run the variants: the run, and those with an answer that can be used; None after a dry run."""
    from harness.cli.run import show_dry_run
    from harness.cli.summary import announce_model
    from harness.jobs.prompt_trials import prepare_variants, ran

    if len(variants) > MOST:
        raise click.UsageError(
            f"The prompt has {len(variants)} parts, and one run takes at most {MOST}: choose with --part or --about."
        )
    with interruptible(), prepare_variants(loaded, name, variants, options, os.environ, suffix=suffix) as prepared:
        if is_dry_run:
            show_dry_run(prepared, as_json=False)
            for one in variants:
                about = f", about {', '.join(one.categories)}" if one.categories else ""
                click.echo(f"{one.name}: {one.what}{about}")
            return None
        note(f"{len(variants)} variants of '{name}' and itself, over the eval's items.")
        summary, run = ran(prepared, stream=progress_stream(), on_start=announce_model)
    note(f"Stored as run {summary.run_id} of eval '{loaded.eval.value.eval}-{suffix}'.")
    return run, _with_answers(summary, loaded.eval.value.max_error_rate, name, variants)


def _with_answers(summary: RunSummary, max_error_rate: float, name: str, variants: Sequence[Variant]) -> list[Variant]:
    """Variants that can be compared; ends the command where nothing can be."""
    from harness.errors import printable
    from harness.jobs.prompt_trials import without_answers
    from harness.runs.layout import status_of_counts

    if summary.status == "incomplete":
        _end(f"nothing is compared yet. {printable(going_on(summary.reason))}")
    if status_of_counts(summary.counts, max_error_rate) == "invalid":
        _end("too many calls failed for a comparison; the same command asks only for those.")
    lost = without_answers(summary)
    if name in lost:
        _end(f"not one answer of '{name}' itself can be used ({_outcomes(lost[name])}): mend the prompt or the model.")
    for one in variants:
        if one.name in lost:
            note(f"Not compared: {one.what} ({one.name}): not one answer can be used ({_outcomes(lost[one.name])}).")
    kept = [one for one in variants if one.name not in lost]
    if not kept:
        _end("not one answer of any variant can be used, so nothing is compared.")
    return kept


def _outcomes(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {outcome}" for outcome, n in counts.items() if n)


def _end(why: str) -> NoReturn:
    note(f"Warning: {why}")
    raise SystemExit(5)
