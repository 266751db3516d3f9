"""Progress of a run on stderr.

Decides when and how: nothing for two seconds, then a bar on a terminal, or one plain line at intervals elsewhere. It
only reads counters; nothing it does can move a result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TextIO

QUIET_S = 2.0
LINE_EVERY_S = 15.0
TICK_S = 0.2


class Progress:
    """Counts rows and shows them.

    Args:
        cost: Gives the cost so far in US dollars.
        n_asking: Rows to come of candidates that ask a model; all of them for None. Rate and time left are of rows that
            take calls: rules and the journal answer thousands in no time.
        is_terminal: Whether ``stream`` can show a bar.
    """

    def __init__(
        self,
        total: int,
        stream: TextIO | None,
        clock: Callable[[], float],
        cost: Callable[[], float],
        *,
        n_asking: int | None = None,
        slowed: Callable[[], str | None] = lambda: None,
        is_terminal: bool | None = None,
    ) -> None:
        self.total = total
        self.done = 0
        self.called = 0
        self._asking_left = total if n_asking is None else n_asking
        self._slowed = slowed
        self.errors = 0
        self._stream = stream
        self._clock = clock
        self._cost = cost
        self._began = clock()
        self._is_terminal = bool(stream is not None and stream.isatty()) if is_terminal is None else is_terminal
        self._next_line_s = QUIET_S
        self._bar: Any = None
        self._task: Any = None

    def add(self, outcome: str, *, is_asking: bool = True, is_called: bool = True) -> None:
        """Count one row: whether its candidate asks a model, and whether this row took a call."""
        self.done += 1
        self._asking_left -= is_asking
        self.called += is_called
        if outcome == "error":
            self.errors += 1

    def tick(self) -> None:
        """Show where things stand, if it is time to."""
        elapsed_s = self._clock() - self._began
        if self._stream is None or elapsed_s < QUIET_S:
            return
        if self._is_terminal:
            self._show_bar(elapsed_s)
        elif elapsed_s >= self._next_line_s:
            self._next_line_s = elapsed_s + LINE_EVERY_S
            self._stream.write(self.line(elapsed_s) + "\n")
            self._stream.flush()

    def say(self, text: str) -> None:
        """Write one line at once, above the bar where there is one."""
        if self._stream is None:
            return
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            self._stream.write(text + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Show the last state and leave the terminal alone."""
        if self._bar is not None:
            self._show_bar(self._clock() - self._began)
            self._bar.stop()
            self._bar = None

    def line(self, elapsed_s: float) -> str:
        """One line: done of total, rate, cost, errors, time left, and what slows it."""
        done, left = (self.called, self._asking_left) if self._asking_left else (self.done, self.total - self.done)
        rate = done / elapsed_s if elapsed_s > 0 else 0.0
        parts = [f"{self.done:,} of {self.total:,}"]
        if rate > 0:
            parts.append(f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.1f} a second")
        if cost := self._cost():
            parts.append(f"${cost:,.2f}")
        if self.errors:
            parts.append(f"{self.errors:,} errors")
        if rate > 0 and left > 0:
            parts.append(f"{time_text(left / rate)} left")
        if slowed := self._slowed():
            parts.append(slowed)
        return ", ".join(parts)

    def _show_bar(self, elapsed_s: float) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as RichProgress

            columns = (BarColumn(), TextColumn("{task.description}"))
            console = Console(file=self._stream, force_terminal=True)
            if console.is_dumb_terminal:  # TERM=dumb, of editors and CI: nothing can be drawn over
                self._is_terminal = False
                self.tick()
                return
            self._bar = RichProgress(*columns, console=console, auto_refresh=False, transient=True)
            self._task = self._bar.add_task("", total=self.total)
            self._bar.start()
        self._bar.update(self._task, completed=self.done, description=self.line(elapsed_s))
        self._bar.refresh()


def time_text(seconds: float) -> str:
    """A duration in the two units that matter.

    >>> time_text(42.4), time_text(190), time_text(7380)
    ('42 s', '3 min 10 s', '2 h 3 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
