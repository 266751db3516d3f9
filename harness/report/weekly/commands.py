"""Commands that the report prints: as they stand they run where the report was asked for.

Decides which options a command needs beside its own: where the runs lie, and whatever changes what the report says.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import without_password
from harness.measure.points import point_metrics

if TYPE_CHECKING:
    from harness.gating.findings.memory import Entry
    from harness.report.weekly.collect import WeeklySource

ITEM = "ITEM"
"""Stands for the item in a command that shows one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How the report was asked for, beyond what commands do anyway.

    Attributes:
        runs_dir: Where the runs lie; None where commands look for them anyway.
        production: The series of production figures; empty where the project declares it.
        options: Further options of the report, each a flag and its value.
    """

    runs_dir: str | None = None
    week: str | None = None
    golden: str | None = None
    production: str = "FILE"
    options: tuple[tuple[str, str], ...] = ()

    def command(self, *words: str, more: Sequence[tuple[str, str]] = ()) -> str:
        """A command over the runs of the report.

        >>> Asked("my runs").command("runs", "show", "r-1")
        "harness runs show r-1 --runs-dir 'my runs'"
        """
        there = [] if self.runs_dir is None else [("--runs-dir", without_password(self.runs_dir))]
        return shlex.join(["harness", *words, *(word for pair in (*more, *there) for word in pair)])

    @property
    def ack_production(self) -> str:
        """What names the series of production figures to ``weekly ack``."""
        return f" --production {shlex.quote(self.production)}" if self.production else ""


def again(source: WeeklySource) -> str:
    """Writes the report again."""
    options = [*_of(source), ("--week", source.week)]
    if source.control:
        options.append(("--control", source.control))
    gate = point_metrics(source.run)
    options += [("--at", one.name) for one in source.point_metrics if one not in gate]
    return source.asked.command("weekly", more=[*options, *source.asked.options])


def ack(source: WeeklySource) -> str:
    """Answers for findings, up to their keys; the candidate where it is not the baseline."""
    options = _of(source)
    if source.asked.week is not None:
        options.append(("--week", source.asked.week))
    return source.asked.command("weekly", "ack", more=options)


def answer(source: WeeklySource, entries: Sequence[Entry]) -> str:
    """Answers for these findings: every key is named, and nothing is left to be filled in but the reason."""
    keys = "".join(f" --finding {shlex.quote(one.key)}" for one in entries)
    production = source.asked.ack_production if any(one.is_of_production for one in entries) else ""
    return f'{ack(source)}{keys}{production} --reason "..."'


def _of(source: WeeklySource) -> list[tuple[str, str]]:
    return [("--eval", source.eval_name), *([] if source.is_baseline else [("--candidate", source.candidate)])]


def show_item(source: WeeklySource) -> str:
    """Shows one item whole, up to its id."""
    golden = source.asked.golden
    return source.asked.command("show", source.run.meta.run_id, more=[] if golden is None else [("--golden", golden)])


def to_run(source: WeeklySource) -> Mapping[str, str]:
    """What a command does -> the command."""
    run_id, asked = source.run.meta.run_id, source.asked
    earlier = next((week for week in reversed(list(source.by_week)) if week < source.week), None)
    found = {"This report again, as of this week": again(source)}
    if earlier is not None:
        options = [*_of(source), ("--week", earlier), *asked.options]
        found["An earlier week"] = asked.command("weekly", more=options)
    return found | {
        "The run behind it": asked.command("runs", "show", run_id),
        "Its figures": asked.command("score", run_id, "--slices"),
        "One item whole": f"{show_item(source)} {ITEM}",
    }
