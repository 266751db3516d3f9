"""The weekly report as one chat message: under 1,500 characters, asks before details, nothing cut in mid-sentence."""

from __future__ import annotations

import re
from pathlib import Path

from harness.report.parts.masking import printable, shorten
from harness.report.parts.words import plural
from harness.report.weekly.data import Ask, WeeklyData
from harness.report.weekly.findings import n_also_open

LIMIT = 1_500
MAX_LINE = 420
LEAD = 2
"""Sentences of the headline that stand before the asks."""
MORE = 60
"""Room for a word on what was left out."""
MOST_ASKS = 3
"""Asks in the message, so that new errors have room; the report has all."""
_ACTIVE = re.compile(r"([\\`*~]|(?<!\w)_|_(?!\w))")
_MARKS = {"good": "🟢", "bad": "🔴", "open": "🟡", "neutral": "⚪"}


def write_digest(data: WeeklyData, path: Path) -> Path:
    """Write the message."""
    path.write_text(digest(data), encoding="utf-8")
    return path


def digest(data: WeeklyData) -> str:
    """The message: banners, the verdict, what is worst, asks, then details; lines that do not fit are counted.

    Room is kept for the asks before anything else, so that no long headline takes it.
    """
    said = [chat_text(sentence) for sentence in data.headline]
    title = f"**{chat_text(data.eval_name)} · {data.week} · {chat_text(data.candidate)}** "
    title += f"{_MARKS[data.tone]} {chat_text(data.word)}"
    banners = [f"**⚠ {chat_text(one.word)}.** {chat_text(one.text)}" for one in data.banners]
    part = "the gate part of " if data.health.part == "gate" else ""
    counted = f"{plural(data.health.n_items, 'item')} of {part}{chat_text(data.golden)}"
    tail = ["", f"{counted}; run {chat_text(data.run_id)}"]
    room = LIMIT - MORE - _size(tail)
    asks = _asks(data, room - _size([title, ""]) - MAX_LINE)  # one whole sentence, or banner, always fits as well
    room -= _size(asks)
    first = [*([*banners, ""] if banners else []), title, "", *said[:LEAD]]
    kept, n_left = _fitted(first, room)
    if title not in kept:  # the banners took all the room
        kept, n_left = _fitted([title, "", *banners, *said[:LEAD]], room)
    room -= _size(kept)
    n_open = n_also_open(data.findings)
    also = [f"{plural(n_open, 'more fall is', 'more falls are')} still open."] if n_open else []
    rest = [*said[LEAD:], *also]
    details, n_more = _fitted([*(["", *rest] if rest else []), *_in_short(data)], room)
    n_left += n_more
    more = [f"… {plural(n_left, 'more line')} in the report."] if n_left else []
    return "\n".join([*kept, *asks, *details, *more, *tail]) + "\n"


def _asks(data: WeeklyData, room: int) -> list[str]:
    """The most urgent asks that fit, the first in any case, and how many more there are."""
    if not data.asks:
        return []
    lines = [
        f"- {'overdue since' if one.is_overdue else 'by'} {chat_text(one.due)}, {chat_text(one.owner)}: "
        f"{chat_text(one.text)}{_answer(one)}"
        for one in data.asks[:MOST_ASKS]
    ]
    while len(lines) > 1 and _size(lines) + MORE > room:
        lines.pop()
    n_more = len(data.asks) - len(lines)
    return ["", "**Asks**", *lines, *([f"- {plural(n_more, 'more ask')} in the report"] if n_more else [])]


def _answer(one: Ask) -> str:
    """The command that answers for it, whole or not at all."""
    return f" (To answer for it: {chat_text(one.answer)})" if 0 < len(one.answer) <= MAX_LINE else ""


def _in_short(data: WeeklyData) -> list[str]:
    lines = [f"- {chat_text(sentence)}" for sentence in data.new_errors]
    found = ["", "**New errors**", *lines] if lines else []
    short = [chat_text(f"{heading}: {sentence}") for heading, sentence in data.in_short]
    return [*found, *(["", *short] if short else [])]


def _size(lines: list[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def chat_text(text: str) -> str:
    """Text that neither chat nor Markdown acts upon: no mark-up, mentions, links or HTML; our own figures stay plain.

    Chats show the backslashes that Markdown drops, so only what could act is escaped.
    """
    clean = printable(shorten(text, MAX_LINE)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    clean = clean.replace("@", "＠").replace("://", ": //").replace("](", "] (")
    return _ACTIVE.sub(r"\\\1", clean)


def _fitted(lines: list[str], room: int) -> tuple[list[str], int]:
    """Whole lines up to the room, and how many were left out: once one is, so are all that follow."""
    kept: list[str] = []
    n_left = 0
    for line in lines:
        if not n_left and _size([*kept, line]) <= room:
            kept.append(line)
        else:
            n_left += bool(line) and not line.startswith("**New errors")
    while kept and (not kept[-1] or kept[-1] == "**New errors**"):
        kept.pop()
    return kept, n_left
