"""``harness gate``: may this candidate replace the baseline?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from harness.cli.finite import FiniteRange
from harness.cli.options import (
    FILE,
    FOLDER,
    PATH,
    all_of,
    find_run,
    gathered,
    json_option,
    note,
    print_json,
    runs_dir_option,
)
from harness.cli.streams import as_commands
from harness.errors import writing

if TYPE_CHECKING:
    from harness.gating import GateReport
    from harness.jobs.run_options import GateOptions


gate_options = all_of(
    click.option("--candidate", metavar="ID", help="The candidate to judge; default: the only other one."),
    click.option("--baseline", metavar="REF", help="A candidate of the run, RUN[:candidate], or promoted."),
    click.option("--across-versions", is_flag=True, help="Allow another golden-set version; split the change."),
    click.option(
        "--fail-on", type=click.Choice(["inconclusive", "regression"]),
        help="inconclusive: only a PASS exits with 0; regression: what nobody can tell warns and exits with 0. "
        "Default: the eval's.",
    ),
    click.option("--second-look", "is_second_look", is_flag=True,
                 help="Judge at half of alpha, where the log cannot know of the first look."),
    gathered("options", "GateOptions"),
)  # fmt: skip
"""What is gated against what, as ``options: GateOptions``."""
baselines_option = click.option(
    "--baselines", "baselines_dir", type=FOLDER, default=Path("evals/baselines"), show_default=True,
    help="Folder of the promoted baselines.",
)  # fmt: skip


def _file(name: str, text: str) -> Callable[..., Any]:
    return click.option(name, type=FILE, metavar="FILE", help=text)


@click.command("gate")
@click.argument("run_name", metavar="[RUN]", required=False)
@click.option("--plan", "plan_path", type=PATH, metavar="EVAL", help="What EVAL can prove at all.")
@click.option("--discordance", type=FiniteRange(0, 1, min_open=True), default=0.05, show_default=True,
              help="With --plan: share of items on which the two systems are expected to differ.")  # fmt: skip
@gate_options
@baselines_option
@_file("--junit", "Write JUnit XML, a test case per check.")
@click.option("--annotations", type=click.Choice(["github"]), help="Print annotations for this CI.")
@_file("--summary", "Write the job summary, Markdown.")
@_file("--comment", "Write the pull-request comment, Markdown.")
@click.option("--all", "shows_all", is_flag=True, help="Every check with all its figures, however many there are.")
@runs_dir_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    run_name: str | None,
    plan_path: Path | None,
    discordance: float,
    options: GateOptions,
    baselines_dir: Path,
    junit: Path | None,
    annotations: str | None,
    summary: Path | None,
    comment: Path | None,
    shows_all: bool,
    runs_dir: str,
    as_json: bool,
) -> None:
    """Decide whether a candidate may replace the baseline.

    Asks the checks of the run's eval and exits with the verdict: 0 PASS, 3 REGRESSION, 4 INCONCLUSIVE, 5 INVALID.
    Of many checks those that fail or cannot be told are shown, and PASS is counted; --all shows every one.

    \b
    Examples:
      harness gate latest --candidate v2
      harness gate latest --candidate v2 --baseline promoted --junit gate.xml --annotations github
      harness gate --plan evals/community.yaml
    """
    if (run_name is None) == (plan_path is None):
        raise click.UsageError("Name a RUN to gate, or an eval with --plan EVAL; one of the two.")
    if plan_path is not None:
        _show_plan(plan_path, discordance, as_json=as_json, shows_all=shows_all)
        return
    from harness.jobs.gate import card_of, gate_stored

    run = find_run(runs_dir, str(run_name))
    now = datetime.now(UTC)
    report = gate_stored(run, options, runs_dir=runs_dir, root=baselines_dir, card=card_of(run), now=now)
    write_outputs(report, junit=junit, summary=summary, comment=comment)
    every = None if shows_all else _with_all(context, runs_dir, run.meta.run_id)
    show_report(report, as_json=as_json, annotations=annotations, every=every)
    raise SystemExit(report.exit_code)


_JUDGING = ("candidate", "baseline", "across_versions", "is_second_look", "fail_on", "baselines_dir")
"""Parameters that change what a gate says."""


def _with_all(context: click.Context, runs_dir: str, run_id: str) -> str:
    """The same gate with every check."""
    from harness.runs.commands import over_runs

    words: list[str] = []
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if option.name in _JUDGING and given:
            value = context.params[option.name]
            words += [option.opts[0]] if value is True else [option.opts[0], str(value)]
    return over_runs(runs_dir, "gate", run_id, *words, "--all")


def show_report(report: GateReport, *, as_json: bool, annotations: str | None, every: str | None) -> None:
    """Print the verdict and what it rests on; annotations go to stderr where stdout is JSON.

    ``every`` says where every check stands, where those of many are left out; None leaves none out.
    """
    from harness.report.parts.masking import log_safe, without_command

    if as_json:
        from harness.report.gate.document import gate_document

        print_json(gate_document(report))
    else:
        from harness.report.gate.overview import is_long, left_out_lines, overview
        from harness.report.gate.screen import foot_lines, head_lines
        from harness.report.gate.tables import gate_tables
        from harness.report.parts.tables import render

        is_short = every is not None and is_long(report)
        foot = [*(left_out_lines(report, every) if every is not None and is_short else []), *foot_lines(report)]
        above, below = ("\n".join(log_safe(line) for line in lines) for lines in (head_lines(report), foot))
        shown = render(overview(report) if is_short else gate_tables(report), "terminal")
        tables = "\n".join(without_command(line) for line in shown.split("\n"))
        click.echo(f"{above}\n\n{tables}\n\n{below}")
    if report.reuse is not None and report.reuse.warning:
        note(f"Warning: {log_safe(report.reuse.warning)}")
    if annotations == "github":
        from harness.report.gate.annotations import annotation_lines

        with as_commands():
            for line in annotation_lines(report):
                click.echo(line, err=as_json)


def write_outputs(
    report: GateReport, *, junit: Path | None = None, summary: Path | None = None, comment: Path | None = None
) -> None:
    """Write the files that were asked for."""
    if junit is not None:
        from harness.report.gate.junit import junit_xml

        write_text(junit, junit_xml(report))
    if summary is not None or comment is not None:
        from harness.report.gate.comment import comment_markdown, summary_markdown

        for path, text in ((summary, summary_markdown), (comment, comment_markdown)):
            if path is not None:
                write_text(path, text(report))


def write_text(path: Path, text: str) -> None:
    """Write a result file; its folder is made."""
    with writing(f"{path}:", allowed="a file in a folder that can be written to", next_step="name another file"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def _show_plan(eval_path: Path, discordance: float, *, as_json: bool, shows_all: bool) -> None:
    from harness.files.evals import load_eval
    from harness.gating.plan import plan_eval

    plan = plan_eval(load_eval(eval_path), discordance=discordance)
    if as_json:
        print_json(plan.as_dict())
        return
    from harness.report.gate.overview import plan_overview
    from harness.report.gate.tables import plan_table
    from harness.report.parts.tables import to_terminal

    click.echo(to_terminal(plan_table(plan) if shows_all else plan_overview(plan)))
