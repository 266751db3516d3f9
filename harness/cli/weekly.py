"""``harness weekly``: how quality moved over the weeks, as files that people open."""

from __future__ import annotations

import dataclasses
import datetime
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from harness.cli.options import (
    FOLDER,
    PATH,
    formats_option,
    golden_option,
    note,
    points_option,
    print_json,
    production_options,
    runs_dir_option,
    text_option,
)
from harness.environment import RUNS_DIR

if TYPE_CHECKING:
    from harness.errors import HarnessError
    from harness.gating.findings.memory import Entry
    from harness.report.parts.masking import TextMode
    from harness.report.weekly.collect import WeeklySource
    from harness.report.weekly.commands import Asked
    from harness.report.weekly.data import WeeklyData

FORMATS = ("html", "md", "xlsx", "json", "png", "svg")


@click.group("weekly", invoke_without_command=True)
@click.option("--eval", "eval_name", metavar="EVAL", help="Name of the eval, or its file; must be given.")
@click.option("--week", metavar="WEEK", help="ISO week such as 2026-W47; default: the last one with a complete run.")
@click.option("--candidate", metavar="ID", help="Whose quality is reported; default: the eval's baseline.")
@click.option("--control", metavar="ID", help="Frozen control; default: a candidate that stayed unchanged.")
@click.option(
    "--weeks", "n_weeks", type=click.IntRange(min=1, max=520), default=12, show_default=True, help="Weeks to show."
)
@formats_option(lambda: FORMATS, "html,md,xlsx", help=f"Formats, with commas: {','.join(FORMATS)}.")
@click.option("--out", type=FOLDER, help="Folder; default: reports/weekly/EVAL/WEEK.")
@points_option
@text_option
@production_options
@golden_option
@click.option("--production", "production_path", type=PATH,
              help="Series of production figures, as golden prevalence --series writes it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON; write files only with --out.")
@runs_dir_option
@click.pass_context
def command(
    context: click.Context,
    /,
    eval_name: str | None,
    week: str | None,
    candidate: str | None,
    formats: tuple[str, ...],
    out: Path | None,
    text_mode: TextMode,
    items_per_day: float,
    review_seconds: float,
    golden_card: Path | None,
    production_path: Path | None,
    as_json: bool,
    runs_dir: str,
    **chosen: Any,
) -> None:
    """Write the weekly quality report of an eval from its stored runs.

    For policy: asks with due dates and items, targets, trend, what moved and why, open falls, new errors.
    For operations: workload before and after, languages, disputed labels, overturned appeals (slice 'appeal', value
    'overturned'). For engineering: cost, time, failures, versions, commands.

    With --production (or 'production' in harness.toml) the report shows by week what labelled samples of production
    say: share of items and views that violate, violation leakage, overkill. A week without a sample is a gap.

    Any past week can be made again with --week, as of that week: nothing newer is read. A run of a week that has not
    begun is told and left out until then, unless --week names it.

    A page with masked texts holds the texts of its examples in full, for readers who may show them; --text none leaves
    them out.

    \b
    Examples:
      harness weekly --eval community
      harness weekly --eval community --week 2026-W47 --control rules_v1 --format html,md,xlsx,png
      harness weekly --eval community --text none --out reports/monday --traffic 250000
      harness weekly --eval community --production production.csv
      harness weekly --eval community --at recall@precision=0.9
      harness weekly ack --eval community --finding hate.recall --reason "policy change, agreed 12 Nov"
    """
    if context.invoked_subcommand is not None:
        _hand_down(context, context.invoked_subcommand)
        return
    if eval_name is None:
        raise click.UsageError("Missing option '--eval'.")
    from harness import __version__
    from harness.jobs.report import now_text
    from harness.report.weekly.build import build_weekly
    from harness.report.weekly.collect import with_slices
    from harness.report.weekly.operations import Traffic

    name = eval_name_of(eval_name)
    source = _collected(context, runs_dir, name, production_path, week=week, candidate=candidate, **chosen)
    for damage in source.damaged:
        note(f"Left out, damaged: {damage}")
    source, mode = _with_golden(source, runs_dir, text_mode, golden_card)
    if "xlsx" in formats and not (as_json and out is None):
        source = with_slices(source, runs_dir)
    source = dataclasses.replace(source, traffic=Traffic(items_per_day, review_seconds))
    if week is None:
        source = dataclasses.replace(source, this_week=_weeks_now()[0])
    data = build_weekly(source, generated_at=now_text(), version=__version__, text_mode=mode)
    for one in data.banners if as_json else ():
        note(f"{one.word}: {one.text}")
    if not candidate and data.candidate_note.startswith("The eval names no"):
        note(f"Reported is {data.candidate}. {data.candidate_note}")
    if as_json:
        print_json(data.as_dict())
    if out is not None or not as_json:
        _write(data, formats, out, mode, as_json=as_json)


def _hand_down(context: click.Context, name: str) -> None:
    """What was said before the name of a subcommand holds for it too."""
    typed = ParameterSource.COMMANDLINE
    said = {one: value for one, value in context.params.items() if context.get_parameter_source(one) is typed}
    known = context.default_map or {}
    context.default_map = {**known, name: {**(known.get(name) or {}), **said}}


def _write(data: WeeklyData, formats: Sequence[str], out: Path | None, mode: TextMode, *, as_json: bool) -> None:
    """Write the files and name them: on stderr where stdout is JSON, else below the report in short."""
    from harness.report.parts.masking import UNDER_THE_MASKS
    from harness.report.weekly.renderers import RENDERERS
    from harness.report.weekly.terminal import terminal_lines

    folder = out or Path("reports") / "weekly" / _file_name(data.eval_name) / data.week
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: RENDERERS[name](data, folder, mode) for name in formats}  # before a word: who reads may stop early
    if not as_json:
        click.echo("\n".join(terminal_lines(data)))
    if mode == "masked" and "html" in formats:
        note(UNDER_THE_MASKS.format(paths["html"][0].name))
    for name, written in paths.items():
        for path in written:
            click.echo(str(path), err=as_json)
        if not written:
            note(f"{name}: no trend was drawn; that takes two weeks with runs, and there is {data.weeks[0]} only.")


@command.command("ack")
@click.option("--eval", "eval_name", required=True, metavar="EVAL", help="Name of the eval, or its file.")
@click.option(
    "--finding", "keys", multiple=True, metavar="KEY",
    help="Key such as hate.recall or hate.recall@language=ar; repeatable. Without one, those open are listed.",
)  # fmt: skip
@click.option("--reason", default="", metavar="TEXT", help="Why it may stay as it is; must be given.")
@click.option("--by", metavar="NAME", help="Who answers for it; default: the user of this machine.")
@click.option("--owner", metavar="NAME", help="Who owns it from now on.")
@click.option("--candidate", metavar="ID", help="Whose finding it is; default: the eval's baseline.")
@click.option("--week", metavar="WEEK", help="Week of the report that shows it; default: the last one.")
@click.option("--production", "production_path", type=PATH,
              help="Series of production figures, for a finding of production such as all.leakage_views.")  # fmt: skip
@runs_dir_option
@click.pass_context
def acknowledge(
    context: click.Context,
    eval_name: str,
    keys: tuple[str, ...],
    reason: str,
    by: str | None,
    owner: str | None,
    candidate: str | None,
    week: str | None,
    production_path: Path | None,
    runs_dir: str,
) -> None:
    """Answer for an open finding, so that the weekly report stops asking.

    It stays in the ledger with its reason until the figure recovers. The weekly report prints this command for each.

    \b
    Examples:
      harness weekly ack --eval community
      harness weekly ack --eval community --finding hate.recall --reason "accepted until the new prompt"
    """
    import getpass

    from harness.gating.findings.memory import Acknowledgement
    from harness.report.weekly.acknowledged import write_acknowledged
    from harness.report.weekly.ledger import ledger_of

    name = eval_name_of(eval_name)
    source = _collected(context, runs_dir, name, production_path, week=week, candidate=candidate)
    entries = {one.key: one for one in ledger_of(source) if one.closed is None}
    wanted = [one.replace("＠", "@") for one in keys]  # as the chat message shows it, where a plain one is a mention
    if not wanted or not entries.keys() >= set(wanted):
        raise _not_open(source, entries, wanted)
    if not any(one.isalnum() for one in reason):
        raise click.BadParameter(f"found '{reason}'; say why it may stay as it is", param_hint="--reason")
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    for key in dict.fromkeys(wanted):
        since = entries[key].answered_since
        done = Acknowledgement(key, since, reason.strip(), by or getpass.getuser(), now, owner)
        path = write_acknowledged(runs_dir, name, source.candidate, done)
        click.echo(f"{key} since {since}: acknowledged by {done.by}. Written to {path}.")


def _not_open(source: WeeklySource, entries: Mapping[str, Entry], wanted: Sequence[str]) -> HarnessError:
    """What is open, where no key or an unknown one was given; keys stand as a shell takes them, in full."""
    from harness.errors import HarnessError
    from harness.files.text import suggestion
    from harness.gating.findings.memory import not_restated
    from harness.report.weekly import commands

    where = f"of {source.candidate} in {source.week}"
    unknown = next((one for one in wanted if one not in entries), None)
    wide = not_restated(tuple(entries.values()))
    still = sorted((one for one in entries.values() if one.is_open), key=lambda one: one not in wide)
    once = f"answer for one: {commands.answer(source, still[:1])}" if still else "nothing is to be answered for"
    return HarnessError(
        f"--finding names none of the findings {where}" if unknown is None else f"no open finding '{unknown}' {where}",
        allowed=", ".join(shlex.quote(one.key) for one in still or entries.values()) or "none is open",
        next_step=once if unknown is None else suggestion(unknown, entries, once),
    )


def _weeks_now() -> tuple[str, str]:
    """The week of now in UTC, and the newest that has begun anywhere on earth."""
    from harness.jobs.report import now_text
    from harness.report.weekly.weeks import week_of_date

    now = datetime.datetime.strptime(now_text(), "%Y-%m-%d %H:%M UTC")
    return week_of_date(now.date()), week_of_date((now + datetime.timedelta(hours=14)).date())


def eval_name_of(given: str) -> str:
    """The eval's name; from its file where one is named."""
    path = Path(given)
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        return given
    from harness.files.yaml import read_yaml

    return str(read_yaml(path, what="eval").data.get("eval") or given)


_TELLING = ("n_weeks", "text_mode", "items_per_day", "review_seconds", "golden_card", "production_path")
"""Parameters that change what a report says, beside those that every report names itself."""


def _asked(context: click.Context) -> Asked:
    """What was given for this report: commands need no word for what the project declares."""
    from harness.report.weekly.commands import Asked

    given = {
        option.name: f"{value:.12g}" if isinstance(value := one.params[option.name], float) else str(value)
        for one in (context.parent, context)
        if one is not None and one.command in (command, acknowledge)
        for option in one.command.params
        if one.get_parameter_source(option.name or "") in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    }
    if given.get("runs_dir") == RUNS_DIR:
        del given["runs_dir"]
    flags = {option.name: option.opts[0] for option in context.command.params}
    return Asked(
        given.get("runs_dir"),
        given.get("week"),
        given.get("golden_card"),
        given.get("production_path", ""),
        tuple((flags[name], given[name]) for name in _TELLING if name in given and name in flags),
    )


def _collected(
    context: click.Context, runs_dir: str, name: str, production_path: Path | None, **chosen: Any
) -> WeeklySource:
    """What the stored runs of an eval say, as of now, and what was given for its report."""
    from harness.report.weekly.collect import collect

    source = collect(runs_dir, name, begun=_weeks_now()[1], **chosen)
    if production_path is not None:
        from harness.goldens.production_series import read_series

        source = dataclasses.replace(source, production=read_series(production_path))
    return dataclasses.replace(source, asked=_asked(context))


def _file_name(name: str) -> str:
    return "".join(one if one.isalnum() or one in "-_." else "_" for one in name).strip(".") or "eval"


def _with_golden(source: WeeklySource, runs_dir: str, mode: str, golden_card: Path | None) -> tuple[WeeklySource, Any]:
    """Texts, agreement and the gate log, where the golden set is at hand and is the one that was run."""
    from harness.gating.log import candidates_gated
    from harness.jobs.texts import golden_of, shown_text
    from harness.report.parts.disputes import Votes, votes_of
    from harness.report.weekly.kept import SummaryCache

    golden = golden_of(source.run, golden_card)
    if golden is None:
        if mode != "none":
            note("The golden set of this week is not at hand or has changed: the report shows no item texts.")
        return source, "none"
    wanted = set(source.run.item_ids) if mode != "none" else set()
    texts = {item.id: shown_text(item) for item in golden.items() if item.id in wanted} if wanted else {}
    with SummaryCache(runs_dir) as cache:
        votes = cache.get(f"votes|{golden.sha256}", Votes, lambda: votes_of(golden))
    return (dataclasses.replace(source, texts=texts, votes=votes, n_gated=candidates_gated(golden.path)), mode)
