"""Pages that say in plain words what a number or a verdict means.

Decides how a topic is found; the words are the Markdown files of this folder. A page has three header lines (``title``,
``summary``, ``also``: other names it answers to), then plain words first, formula and source underneath.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from harness.errors import HarnessError

HEADER = ("title", "summary", "also")
_NOT_A_LETTER = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Page:
    """One topic."""

    topic: str
    title: str
    summary: str
    also: tuple[str, ...]
    body: str

    def as_dict(self) -> dict[str, object]:
        """Plain data in the shape of ``harness explain --json``."""
        return {
            "topic": self.topic,
            "title": self.title,
            "summary": self.summary,
            "also": list(self.also),
            "text": self.body,
        }


@cache
def pages() -> tuple[Page, ...]:
    """All pages, in the alphabet's order of their topics."""
    folder = resources.files("harness.report.explain")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".md"))
    return tuple(_parse(name.removesuffix(".md"), (folder / name).read_text(encoding="utf-8")) for name in names)


def page(topic: str) -> Page:
    """The page of a topic, by its name or another name of it."""
    known = _names()
    found = known.get(_plain(topic))
    if found is None:
        near = difflib.get_close_matches(_plain(topic), known, n=1)
        hint = f"did you mean '{known[near[0]].topic}'? " if near else ""
        raise HarnessError(
            f"no page about '{topic}'",
            allowed=", ".join(one.topic for one in pages()),
            next_step=f"{hint}list the topics with: harness explain",
        )
    return found


@cache
def _names() -> dict[str, Page]:
    """Every name of every page; a page's own topic wins over another page's ``also``."""
    also = {_plain(name): one for one in pages() for name in one.also}
    return also | {_plain(one.topic): one for one in pages()}


def _plain(name: str) -> str:
    return _NOT_A_LETTER.sub(" ", name.lower()).strip()


def _parse(topic: str, text: str) -> Page:
    head, body = text.split("\n\n", 1)
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    also = tuple(name.strip() for name in fields["also"].split(",") if name.strip())
    return Page(topic, fields["title"], fields["summary"], also, body.strip())
