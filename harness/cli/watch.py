"""What ``harness run --watch`` prints: after each save, what was run and what moved."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import note
from harness.cli.summary import announce_model, cost_words, outcome_words, useless_lines
from harness.cli.voice import progress_stream, say_error
from harness.errors import Exit, HarnessError, printable

if TYPE_CHECKING:
    from harness.jobs.run import RunOptions
    from harness.jobs.watch import Moved, Turn, Watch
    from harness.report.parts.tables import Table

SHOWN_IDS = 5


def watch_eval(eval_path: Path, options: RunOptions) -> None:
    """Run, wait for a save, run again, until Ctrl-C; a file at fault is one message, and the next save may mend it."""
    from harness.files.text import require_file
    from harness.jobs.watch import Watch

    require_file(eval_path, what="eval")
    with tempfile.TemporaryDirectory(prefix="harness-watch-") as folder:
        watch = Watch(eval_path, options, os.environ, Path(folder), stream=progress_stream(), on_start=announce_model)
        try:
            _turn(watch)
            note("Watching the files of this eval; save one to run it again. Ctrl-C ends.")
            for _ in watch.wait():
                _turn(watch)
        except KeyboardInterrupt:
            note(
                "\nStopped watching. Answers are in the journal: harness run keeps a run of them and asks nothing anew."
            )


def _turn(watch: Watch) -> None:
    """One turn; a file at fault leaves the watch going."""
    began = time.monotonic()
    try:
        turn = watch.turn()
    except HarnessError as error:
        say_error(error)
        note("Waiting for the next save.")
        return
    show_turn(turn, time.monotonic() - began, datetime.now())
    if turn.summary.reason == "interrupted":
        raise SystemExit(Exit.INCOMPLETE)


def show_turn(turn: Turn, seconds: float, now: datetime) -> None:
    """Print what was saved, what the run came to, and what moved."""
    from harness.report.parts import numbers
    from harness.report.parts.tables import to_terminal, with_names

    summary = turn.summary
    saved = ", ".join(path.name for path in turn.saved[:3]) + (" saved: " if turn.saved else "")
    items = f"{numbers.count(summary.items)} {'dev items' if turn.is_dev else 'items'}"
    calls = f"{numbers.count(summary.calls)} calls, {numbers.count(summary.cached)} answers from the journal"
    head = f"{saved}{items}, {calls}, {cost_words(summary)}, {numbers.duration(seconds)}"
    click.echo(f"\n[{now:%H:%M:%S}] {printable(head)}")
    if summary.status != "complete":
        click.echo(f"The run is {summary.status}{f': {printable(summary.reason)}' if summary.reason else ''}")
    for line in useless_lines(summary):
        click.echo(line)
    for one in turn.moved:
        click.echo(to_terminal(with_names(_table(one, tuple(turn.names)), turn.names)))
        for line in _flips(one):
            click.echo(line)
    if turn.saved and not turn.moved:
        click.echo("No candidate is made of anything else than before.")
    elif turn.unchanged and turn.saved:
        click.echo(f"As before: {', '.join(turn.unchanged)}.")


def _table(one: Moved, categories: Sequence[str]) -> Table:
    """Each category now, with points against the turn before, and how many items went which way."""
    from harness.report.parts import numbers
    from harness.report.parts.tables import Table

    is_first = not one.before
    newly = () if is_first else ("Newly right", "Newly wrong")
    columns = ("Category", "n violating", "Recall", "Precision", *newly)
    rows = []
    for category in categories:
        recall = one.values[(category, "recall")]
        cells = [category, numbers.count(recall.n)]
        cells += [_cell(one, category, metric) for metric in ("recall", "precision")]
        if not is_first:
            cells += [numbers.count(len(found.get(category, ()))) for found in (one.newly_right, one.newly_wrong)]
        rows.append(tuple(cells))
    outcomes = ", ".join(f"{numbers.count(n)} {outcome_words(name)}" for name, n in one.outcomes.items() if n)
    notes = (outcomes,) if is_first else (f"{outcomes}. In brackets: points against the save before.",)
    return Table(one.candidate, columns, tuple(rows), notes, frozenset(columns[1:]))


def _cell(one: Moved, category: str, metric: str) -> str:
    from harness.report.parts import numbers

    now, before = one.values[(category, metric)], one.before.get((category, metric))
    if not now.is_defined:
        return "n/a"
    if before is None or not before.is_defined:
        return numbers.share(now.value)
    return f"{numbers.share(now.value)} ({numbers.points(now.value - before.value)})"


def _flips(one: Moved) -> Iterator[str]:
    """The first items that went each way, by id: harness show opens one."""
    for word, found in (("Newly wrong", one.newly_wrong), ("Newly right", one.newly_right)):
        ids = list(dict.fromkeys(item_id for category in found.values() for item_id in category))
        if ids:
            more = f", ... ({len(ids):,} in all)" if len(ids) > SHOWN_IDS else ""
            yield printable(f"{word}: {', '.join(ids[:SHOWN_IDS])}{more}")
