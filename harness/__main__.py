"""Where ``harness`` begins: ``harness --help`` is read from a file, everything else is left to ``cli``.

Decides when the kept text is what would be printed: it is written out for the usual 80 columns and for wide terminals,
beyond which lines grow no longer. click and the commands are not loaded then, which takes longer than Python's own
start.
"""

from __future__ import annotations

import os
import sys

HELP_COLUMNS = (80, 100)
"""Widths that a text is kept for; the last one serves wider terminals too (``max_content_width``)."""
FALLBACK_COLUMNS = 80
YOUNG_OBJECTS = 200_000
"""So many new objects before Python looks for cycles among them; while a command is loaded nearly all stay. More than a
daily command makes, and a few tens of MB at the most that wait to be freed; the runner sets its own."""


def main() -> None:
    """Run the command line."""
    hold_streams()
    text = _kept_help()
    if text is not None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError:  # the command line has the words for it
            pass
        else:
            return
    for_one_task()
    from harness.cli import main as run

    run()


def hold_streams() -> None:
    """Keep the places of streams that came closed: no file may take them, and what is printed is not lost in silence.

    Nothing can be written to what holds them, so that a command with something to print ends as on a full disk.
    """
    for place in range(3):
        try:
            os.fstat(place)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # takes the lowest that is free: this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def for_one_task() -> None:
    """Set the process up for one task.

    Cycles are looked for as rarely as that allows, and not at all among what goes when it ends; the threads of numpy's
    linear algebra go to sleep at once where they have nothing to do, instead of spinning on every core for a while.
    """
    import atexit
    import gc

    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    gc.set_threshold(YOUNG_OBJECTS)
    atexit.register(gc.freeze)


def help_file(columns: int) -> str:
    """The file that holds the help for a terminal of so many columns."""
    return os.path.join(os.path.dirname(__file__), "cli", f"help_{columns}.txt")


def _kept_help() -> str | None:
    """What ``harness --help`` prints here; None where something else was typed, or at another width."""
    if sys.argv[1:] not in (["--help"], ["-h"]) or os.path.basename(sys.argv[0]) != "harness":
        return None
    columns = min(_columns(), HELP_COLUMNS[-1])
    if columns not in HELP_COLUMNS or "_HARNESS_COMPLETE" in os.environ:
        return None
    try:
        with open(help_file(columns), encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def _columns() -> int:
    """The width of the terminal, as ``shutil.get_terminal_size`` tells it."""
    said = os.environ.get("COLUMNS", "")
    columns = int(said) if said.isdecimal() else 0
    if columns <= 0:
        try:
            columns = os.get_terminal_size(sys.__stdout__.fileno()).columns if sys.__stdout__ else 0
        except (AttributeError, ValueError, OSError):
            columns = 0
    return columns or FALLBACK_COLUMNS


if __name__ == "__main__":
    main()
