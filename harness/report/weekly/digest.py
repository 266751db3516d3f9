"""The weekly report as one chat message: under 1,500 characters, most important first, nothing cut in mid-sentence."""

from __future__ import annotations

import re
from pathlib import Path

from harness.report.parts import numbers
from harness.report.parts.masking import printable, shorten
from harness.report.parts.words import plural
from harness.report.weekly.data import WeeklyData
from harness.report.weekly.error_data import KIND_NAMES, Cluster

LIMIT = 1_500
MAX_LINE = 420
MOST_ASKS = 3
"""Asks in the message, so that new errors have room; the report has all."""
_ACTIVE = re.compile(r"([\\`*~]|(?<!\w)_|_(?!\w))")
_MARKS = {"good": "🟢", "bad": "🔴", "open": "🟡", "neutral": "⚪"}


def write_digest(data: WeeklyData, path: Path) -> Path:
    """Write the message."""
    path.write_text(digest(data), encoding="utf-8")
    return path


def digest(data: WeeklyData) -> str:
    """The message; lines that do not fit are counted in the last one."""
    banners = [f"**⚠ {chat_text(one.word)}.** {chat_text(one.text)}" for one in data.banners]
    lines = [
        *([*banners, ""] if banners else []),
        f"**{chat_text(data.eval_name)} · {data.week} · {chat_text(data.candidate)}** {_mark(data)}",
        "",
        *(chat_text(sentence) for sentence in data.headline),
    ]
    optional: list[str] = []
    if data.asks:
        optional += ["", "**Asks**"]
        optional += [f"- {chat_text(one.owner)}: {chat_text(one.text)}" for one in data.asks[:MOST_ASKS]]
        n_more = len(data.asks) - MOST_ASKS
        optional += [f"- {plural(n_more, 'more ask')} in the report"] if n_more > 0 else []
    errors = data.errors
    if errors is not None and errors.is_new and errors.n_new:
        stands = [one for one in errors.clusters if one.stands_out]
        if stands:
            optional += ["", "**New errors**"]
            for one in stands:
                where = f", {gathered(one)}" if one.parts else ""
                kind = KIND_NAMES[one.kind]
                optional.append("- " + chat_text(f"{one.name}: {plural(one.n_new, 'item')} newly {kind}{where}"))
    tail = ["", f"{numbers.count(data.health.n_items)} items of {chat_text(data.golden)}; run {chat_text(data.run_id)}"]
    return _fitted(lines, optional, tail)


def gathered(one: Cluster) -> str:
    """Where the errors of a cluster gather; ``most`` only where it is more than half of them.

    >>> part = Part("language", "de", 52, 0, 90, 0.01)
    >>> gathered(Cluster("hate", "Hate", "fn", 2_242, 0, 2_500, 9_000, 0.01, True, (part,), ()))
    '52 of them in language de, where they are denser than elsewhere'
    """
    part = one.parts[0]
    if 2 * part.n_new > one.n_new:
        return f"most in {part.slice} {part.value} ({numbers.count(part.n_new)} of {numbers.count(one.n_new)})"
    return f"{numbers.count(part.n_new)} of them in {part.slice} {part.value}, where they are denser than elsewhere"


def _mark(data: WeeklyData) -> str:
    return f"{_MARKS[data.tone]} {chat_text(data.word)}"


def chat_text(text: str) -> str:
    """Text that neither chat nor Markdown acts upon: no mark-up, mentions, links or HTML; our own figures stay plain.

    Chats show the backslashes that Markdown drops, so only what could act is escaped.
    """
    clean = printable(shorten(text, MAX_LINE)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    clean = clean.replace("@", "＠").replace("://", ": //").replace("](", "] (")
    return _ACTIVE.sub(r"\\\1", clean)


def _fitted(lines: list[str], optional: list[str], tail: list[str]) -> str:
    """Whole lines up to the limit; room is kept for the tail and a word on what was left out."""
    room = LIMIT - 60 - len("\n".join(tail))
    kept: list[str] = []
    n_left = 0
    size = 0
    for number, line in enumerate([*lines, *optional]):
        size += len(line) + 1
        if size > room and number > 0:
            n_left += bool(line) and not line.startswith("**")
            size = room + 1  # once a line is left out, so are all that follow: the order is the importance
        else:
            kept.append(line[:room])
    while kept and (not kept[-1] or kept[-1] in ("**Asks**", "**New errors**")):
        kept.pop()
    more = [f"… {plural(n_left, 'more line')} in the report."] if n_left else []
    return "\n".join([*kept, *more, *tail]) + "\n"
