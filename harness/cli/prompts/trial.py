"""What ``harness prompts ablate`` and ``stability`` share: the run of variants, said as ordinary runs are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import click

from harness.cli.options import going_on, interruptible, note
from harness.cli.voice import progress_stream
from harness.errors import Exit

if TYPE_CHECKING:
    from harness.files.evals import LoadedEval
    from harness.jobs.prompt_variants import Variant
    from harness.jobs.run import RunOptions
    from harness.runner import RunSummary
    from harness.runs import Run

MOST = 60
"""Variants of one run; each is a candidate, and an eval holds so many comfortably."""


class Trial(NamedTuple):
    """A run of variants, and which of them it tells anything about."""

    run: Run
    variants: list[Variant]
    lost: list[tuple[Variant, Mapping[str, int]]]
    """Variants most of whose answers cannot be used, with the outcomes."""

    @property
    def notes(self) -> list[str]:
        """What a table has to say of what it leaves out."""
        return [f"Not compared, since most answers cannot be used: {one.what} ({_counted(n)})." for one, n in self.lost]

    def as_dicts(self) -> list[dict[str, object]]:
        """What JSON has to say of it."""
        return [{"name": one.name, "what": one.what, "outcomes": dict(counts)} for one, counts in self.lost]


def run_trial(
    loaded: LoadedEval, name: str, variants: Sequence[Variant], options: RunOptions, *, suffix: str, is_dry_run: bool
) -> Trial | None:
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
    lost = _lost(summary, loaded.eval.value.max_error_rate, name)
    told = [one for one in variants if one.name not in lost]
    if not told:
        _end("most answers of every variant cannot be used, so nothing is compared.")
    return Trial(run, told, [(one, lost[one.name]) for one in variants if one.name in lost])


def _lost(summary: RunSummary, max_error_rate: float, name: str) -> dict[str, Mapping[str, int]]:
    """Candidates that cannot be compared, by the rule of every comparison; ends the command where nothing can be."""
    from harness.errors import printable
    from harness.gating.findings.pair import is_mostly_unusable
    from harness.runs.layout import status_of_counts

    if summary.status == "incomplete" and not summary.stopped:
        _end(f"nothing is compared yet. {printable(going_on(summary.reason))}")
    if status_of_counts(summary.counts, max_error_rate) == "invalid":
        _end("too many calls failed for a comparison; the same command asks only for those.")
    lost = {
        one: counts for one, counts in summary.counts.items() if one in summary.stopped or is_mostly_unusable(counts)
    }
    if name in lost:
        _end(f"most answers of '{name}' itself cannot be used ({_counted(lost[name])}): mend the prompt or the model.")
    return lost


def _counted(outcomes: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {outcome.replace('_', ' ')}" for outcome, n in outcomes.items() if n)


def _end(why: str) -> NoReturn:
    click.echo(f"Warning: {why}", err=True)
    raise SystemExit(Exit.INCOMPLETE)
