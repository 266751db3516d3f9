"""``harness check``: every file and every reference, without calling anything."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import click

from harness.cli.options import FILE, PATH, interruptible, json_option, note, print_json, runs_dir_option
from harness.errors import Exit

_NOUNS = {"policy": ("policy", "policies"), "models": ("models file",)}
"""Kinds of files that are counted in other words than their name."""


@click.command("check")
@click.argument("paths", nargs=-1, type=PATH)
@click.option(
    "--ask", "asked", type=FILE, metavar="EVAL",
    help="Ask every model of this eval about an empty and a harmless text; a flag there is a fault.",
)  # fmt: skip
@runs_dir_option
@json_option
def command(paths: tuple[Path, ...], asked: Path | None, runs_dir: str, as_json: bool) -> None:
    """Validate every file and every reference between them; calls nothing unless asked to.

    Without PATH: evals/ and golden_sets/ below the current folder. Beside the form it looks at the effect: parameters
    nobody documents, prompts that never name what they are read by, rules that cannot match, examples out of the golden
    set, and texts that changed under an unchanged version since a stored run.

    \b
    Examples:
      harness check
      harness check evals/community.yaml golden_sets/community_v1.yaml
      harness check --ask evals/community.yaml
    """
    if asked is not None:
        if paths:
            raise click.UsageError("--ask EVAL stands alone: check files with 'harness check PATH' first.")
        with interruptible():
            _ask(asked, as_json)
        return
    from harness.errors import raise_all
    from harness.files.text import counted
    from harness.jobs.check import check_paths

    report = check_paths(paths, runs_dir=runs_dir)
    if as_json:
        print_json(report.as_dict())
        if report.errors:
            raise SystemExit(Exit.MISTAKE)
        return
    for warning in report.warnings:
        note(f"Warning: {warning}")
    raise_all(report.errors)
    nouns = {kind: _NOUNS.get(kind, (kind.replace("_", " "),)) for kind in report.files}
    files = ", ".join(counted(n, *nouns[kind]) for kind, n in report.files.items()) or "no files of a project"
    click.echo(f"OK: {files}; {counted(report.n_items, 'golden item')}; {counted(len(report.warnings), 'warning')}")


def _ask(eval_path: Path, as_json: bool) -> None:
    """The wrapper test: two texts that nobody would flag."""
    from harness.cli.summary import announce_model, show_weights
    from harness.files.text import counted
    from harness.jobs.ask import PROBES, ask_candidates
    from harness.jobs.run import RunOptions, prepare_run

    prepared = prepare_run(eval_path, RunOptions(), os.environ, on_progress=show_weights)
    probed = ask_candidates(prepared, on_start=announce_model)
    faults = [one.fault for one in probed if one.fault]
    if as_json:
        rows = [{**dataclasses.asdict(one), "flagged": list(one.flagged), "fault": one.fault} for one in probed]
        print_json({"asked": rows, "ok": not faults})
    else:
        for fault in faults:
            note(f"Warning: {fault}")
        if not faults:
            n_candidates = len({one.candidate for one in probed})
            click.echo(f"OK: {counted(n_candidates, 'candidate')} asked about {' and '.join(PROBES)}; none is flagged")
    if faults:
        raise SystemExit(Exit.MISTAKE)
