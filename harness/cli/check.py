"""``harness check``: every file and every reference, without calling anything."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import json_option, note, print_json, runs_dir_option

_NOUNS = {
    "eval": ("eval",),
    "golden_set": ("golden set",),
    "rule_set": ("rule set",),
    "policy": ("policy", "policies"),
    "models": ("models file",),
    "prompt": ("prompt",),
}


@click.command("check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@runs_dir_option
@json_option
def command(paths: tuple[Path, ...], runs_dir: str, as_json: bool) -> None:
    """Validate every file and every reference between them; calls nothing.

    Without PATH: evals/ and golden_sets/ below the current folder. Beside the form it looks at the effect: parameters
    nobody documents, prompts that never name what they are read by, rules that cannot match, examples out of the golden
    set, and texts that changed under an unchanged version since a stored run.

    \b
    Examples:
      harness check
      harness check evals/community.yaml golden_sets/community_v1.yaml
    """
    from harness.errors import raise_all
    from harness.files.text import counted
    from harness.jobs.check import check_paths

    report = check_paths(paths, runs_dir=runs_dir)
    if as_json:
        print_json(
            {
                "files": dict(report.files),
                "items": report.n_items,
                "errors": [str(error) for error in report.errors],
                "warnings": [str(warning) for warning in report.warnings],
            }
        )
        if report.errors:
            raise SystemExit(1)
        return
    for warning in report.warnings:
        note(f"Warning: {warning}")
    raise_all(report.errors)
    files = ", ".join(counted(n, *_NOUNS[kind]) for kind, n in report.files.items()) or "no files of a project"
    click.echo(f"OK: {files}; {counted(report.n_items, 'golden item')}; {counted(len(report.warnings), 'warning')}")
