"""``harness ci``: run, gate, and write what continuous integration shows."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.gate import gate_options, show_report, write_text
from harness.cli.options import (
    FOLDER,
    cache_option,
    eval_argument,
    gathered,
    interruptible,
    json_option,
    max_cost_option,
    note,
    note_same_candidate,
    runs_dir_option,
    wave_option,
)
from harness.cli.streams import as_commands
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.gating import GateReport
    from harness.jobs.run_options import GateOptions, RunOptions

OUT = Path("reports/ci")


@click.command("ci")
@eval_argument
@gate_options
@click.option(
    "--cached-only", "is_cached_only", is_flag=True, help="Replay: call nothing, fail if an answer is missing."
)
@wave_option("Ask the models again under this label.")
@max_cost_option("Stop before spending more US dollars.")
@cache_option
@click.option(
    "--out", "out_dir", type=FOLDER, default=OUT, show_default=True, help="Folder for JUnit, comment, summary and JSON."
)
@click.option(
    "--annotations", type=click.Choice(["auto", "github", "none"]), default="auto", help="Annotations; auto on GitHub."
)
@runs_dir_option
@json_option
@gathered("run_options", "RunOptions")
def command(
    eval_path: Path, options: GateOptions, run_options: RunOptions, out_dir: Path, annotations: str, as_json: bool
) -> None:
    """Run an eval, gate it, and write JUnit, annotations, job summary and comment.

    Exits with the verdict: 0 PASS, 3 REGRESSION, 4 INCONCLUSIVE, 5 INVALID or incomplete; with --fail-on regression
    INCONCLUSIVE warns and exits with 0.

    \b
    Examples:
      harness ci evals/community.yaml --candidate v2 --baseline promoted
      harness ci evals/community.yaml --candidate v2 --fail-on regression
      harness ci evals/community.yaml --cached-only --cache responses.sqlite
    """
    from harness.jobs.gate import gate_eval

    is_on_github = os.environ.get("GITHUB_ACTIONS") == "true"
    kind = "github" if annotations == "github" or (annotations == "auto" and is_on_github) else None
    stream = None if as_json else sys.stderr
    try:
        with interruptible():
            report = gate_eval(eval_path, options, run_options, os.environ, now=datetime.now(UTC), stream=stream)
    except HarnessError as error:
        _write_failure(error, eval_path, out_dir, kind, as_json=as_json)
        raise
    note_same_candidate(report.baseline, report.candidate)
    _write_all(report, eval_path.stem, out_dir)
    written = f"{out_dir.as_posix()}/{eval_path.stem}"
    show_report(report, as_json=as_json, annotations=kind, every=f"{written}.gate.json")
    note(f"Written: {written}.{{junit.xml,comment.md,summary.md,gate.json}}")
    raise SystemExit(report.exit_code)


def _write_all(report: GateReport, name: str, out_dir: Path) -> None:
    import json

    from harness.report.gate.comment import comment_markdown, summary_markdown
    from harness.report.gate.document import gate_document
    from harness.report.gate.junit import junit_xml

    write_text(out_dir / f"{name}.junit.xml", junit_xml(report))
    write_text(out_dir / f"{name}.comment.md", comment_markdown(report))
    write_text(out_dir / f"{name}.summary.md", summary_markdown(report))
    content = json.dumps(gate_document(report), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(out_dir / f"{name}.gate.json", content + "\n")
    _append_job_summary(lambda limit: summary_markdown(report, limit=limit))


def _write_failure(
    error: HarnessError, eval_path: Path, out_dir: Path, annotations: str | None, *, as_json: bool
) -> None:
    """A run that came to nothing must not look like a job without results."""
    from harness.report.gate.annotations import failure_annotation
    from harness.report.gate.comment import failure_markdown
    from harness.report.gate.junit import failure_junit

    name, text = eval_path.stem, str(error)
    write_text(out_dir / f"{name}.junit.xml", failure_junit(name, text))
    write_text(out_dir / f"{name}.comment.md", failure_markdown(name, text))
    _append_job_summary(lambda limit: failure_markdown(name, text)[:limit])
    if annotations == "github":
        with as_commands():
            click.echo(failure_annotation(name, text), err=as_json)


def _append_job_summary(text: Callable[[int], str]) -> None:
    """Add to the summary of this step what is left of its room: a summary that is too long is not shown at all."""
    from harness.report.gate.comment import SUMMARY_BYTES

    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with open(path, "a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text(max(0, SUMMARY_BYTES - file.tell())))
    except OSError as error:
        note(f"Warning: the job summary cannot be written: {error.strerror or error}")
