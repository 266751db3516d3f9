"""``harness golden``: the care of golden sets. A subcommand is one module of this package and one line of the table."""

from __future__ import annotations

import click

from harness.cli.lazy import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "import": ("imports", "Make a golden set (card and items) of a file from elsewhere."),
    "check": ("check", "Look for what is wrong with the items and labels of a golden set."),
    "stats": ("stats", "Show what a golden set holds and what it can prove."),
    "audit": ("audit", "Rank the labels of a golden set by how suspicious they are."),
    "agreement": ("agreement", "Show how far annotators agree: with each other, with their majority, with the gold."),
    "frames": ("frames", "Make items of clips: key frames, what is said, what stands on the screen."),
    "sample": ("sample", "Choose what of an unlabelled pool to label next."),
    "prevalence": ("prevalence", "Estimate what share of a pool violates, from a labelled sample of it."),
    "release": ("release", "Write the next version of a golden set from the decisions of its reviews."),
    "export": ("export", "Write a golden set as other tools read it: Label Studio, JSONL, CSV, xlsx."),
    "perturb": ("perturb", "Write the items again as people write who mean to get past a filter."),
    "diff": ("diff", "Show what changed between two versions of a golden set, and what it does to stored runs."),
    "stale": ("stale", "List the labels that a new version of the policy may judge otherwise."),
}
"""Subcommand -> module of this package and its one-line help (a test holds it equal to the command's own)."""


@click.group(
    "golden",
    cls=LazyGroup,
    package=__name__,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def command() -> None:
    """Take care of golden sets: import, check, agreement, audit, release."""
