"""The weekly report on a terminal: warnings, the verdict, its sentences, and what is asked of whom by when.

Decides how much a terminal shows; the files hold the rest.
"""

from __future__ import annotations

import shlex

from harness.report.parts.masking import printable
from harness.report.parts.words import plural
from harness.report.weekly.data import WeeklyData

MOST_ASKS = 5
MOST_ANSWERS = 8
"""Open findings that are told by no ask of the terminal, each with the command that answers for it."""


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
            lines += [f"    to answer for it: {one.answer}"] if one.answer else []
        if len(data.asks) > MOST_ASKS:
            lines.append(f"  and {plural(len(data.asks) - MOST_ASKS, 'more ask')} in the report")
    lines += _other_answers(data)
    return [printable(line) for line in lines]


def _other_answers(data: WeeklyData) -> list[str]:
    """The commands that answer for what is open beyond the asks that stand on the terminal."""
    shown = " ".join(one.answer for one in data.asks[:MOST_ASKS]).split(" --")
    rest = [command for key, command in data.answers.items() if f"finding {shlex.quote(key)}" not in shown]
    if not rest:
        return []
    lines = ["To answer for what else is open:", *(f"  {command}" for command in rest[:MOST_ANSWERS])]
    if len(rest) > MOST_ANSWERS:
        lines.append(f"  and {plural(len(rest) - MOST_ANSWERS, 'more')}, which {data.ack} lists")
    return lines
