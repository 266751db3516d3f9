"""What ``harness prompts ablate`` and ``stability`` share: the run of variants, said as ordinary runs are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from harness.cli.options import interruptible, note
from harness.cli.voice import progress_stream

if TYPE_CHECKING:
    from harness.files.evals import LoadedEval
    from harness.jobs.prompt_variants import Variant
    from harness.jobs.run import RunOptions
    from harness.runs import Run

MOST = 60
"""Variants of one run; each is a candidate, and an eval holds so many comfortably."""


def run_trial(
    loaded: LoadedEval, name: str, variants: Sequence[Variant], options: RunOptions, *, suffix: str, is_dry_run: bool
) -> Run | None:
    """Run the variants; None after a dry run."""
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
    if summary.status != "complete":
        note(f"Warning: the run is {summary.status}, and says nothing yet; the same command goes on where it stopped.")
        raise SystemExit(5)
    return run
