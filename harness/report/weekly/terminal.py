"""The weekly report on a terminal: warnings, the verdict, its sentences, and what is asked of whom by when.

Decides how much a terminal shows; the files hold the rest.
"""

from __future__ import annotations

from harness.report.parts.masking import printable
from harness.report.parts.words import plural
from harness.report.weekly.data import WeeklyData

MOST_ASKS = 5


def terminal_lines(data: WeeklyData) -> list[str]:
    """Lines to print, in the order in which readers need them."""
    lines = [f"{one.word}: {one.text}" for one in data.banners]
    lines.append(f"{data.word}. {data.headline[0]}")
    lines += [f"  {sentence}" for sentence in data.headline[1:]]
    lines += [f"  {heading}: {sentence}" for heading, said in data.screen for sentence in said]
    lines += [f"  New errors: {sentence}" for sentence in data.new_errors]
    lines += [f"  {heading}: {sentence}" for heading, sentence in data.in_short]
    if data.asks:
        lines.append("Asks:")
        for one in data.asks[:MOST_ASKS]:
            overdue = " (overdue)" if one.is_overdue else ""
            lines.append(f"  {one.due}{overdue} {one.owner}: {one.text}")
        if len(data.asks) > MOST_ASKS:
            lines.append(f"  and {plural(len(data.asks) - MOST_ASKS, 'more ask')} in the report")
    return [printable(line) for line in lines]
