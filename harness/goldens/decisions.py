"""The log of decisions about labels: append-only, one JSON object a line, beside the card of the golden set.

Decides what a decision is, how it is kept so that ``kill -9`` loses none, and which label follows from the decisions on
one item and category. Nothing here changes a label: a release applies what is settled and writes the next version.

The label that follows: the last adjudication that was not taken back; else what the reviewers say, when as many as the
review asked for have decided, all say the same and nobody escalated. Everything else is open.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from harness.errors import FileError
from harness.files.text import joined, quoted, reason

SUFFIX = ".decisions.jsonl"
Action = Literal["label", "skip", "escalate", "adjudicate", "undo"]
ACTIONS: tuple[Action, ...] = get_args(Action)
Key = tuple[str, str]
"""Item and category."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing a person said about one category of one item.

    Attributes:
        label: 1, 0, or None (nobody can tell) with ``label`` and ``adjudicate``; None otherwise.
        policy: Name and version of the policy text that was beside the item.
        reviewers: Reviewers that the review asks for before a label is settled.
        before: The label as the reviewed version has it, so that the log can be read on its own.
        takes_back: Id of the decision that an ``undo`` takes back.
        seconds: Time on the item, when the review measured it.
    """

    id: str
    time: str
    author: str
    action: Action
    item: str
    category: str
    label: int | None
    policy: str
    reason: str = ""
    reviewers: int = 1
    before: int | None = None
    takes_back: str | None = None
    seconds: float | None = None

    @property
    def key(self) -> Key:
        """Item and category."""
        return self.item, self.category


@dataclass(frozen=True, slots=True)
class Settled:
    """The label that follows for one item and category, and the decisions it follows from."""

    item: str
    category: str
    label: int | None
    decisions: tuple[Decision, ...]

    @property
    def authors(self) -> tuple[str, ...]:
        """Who said so."""
        return tuple(dict.fromkeys(one.author for one in self.decisions))

    @property
    def reason(self) -> str:
        """Why, in their words."""
        return "; ".join(dict.fromkeys(one.reason for one in self.decisions if one.reason))


@dataclass(frozen=True, slots=True)
class Open:
    """An item and category that no label follows for yet."""

    item: str
    category: str
    why: Literal["reviewers disagree", "escalated", "another reviewer is awaited", "skipped"]
    decisions: tuple[Decision, ...]


def log_path(card: Path) -> Path:
    """The log of a golden set: beside its card, under the card's stem."""
    return card.with_name(card.stem + SUFFIX)


def now_text() -> str:
    """Now in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def new_decision(action: Action, author: str, item: str, category: str, label: int | None, **more: Any) -> Decision:
    """A decision of this moment under an id of its own."""
    fields = {"policy": "", "time": now_text(), **more}
    return Decision(id=uuid.uuid4().hex[:16], author=author, action=action, item=item, category=category, label=label,
                    **fields)  # fmt: skip


class DecisionLog:
    """The file of decisions. Appending is one write under a lock, on the disk before it returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[bytes, list[Decision]] = (b"", [])

    def append(self, decisions: Sequence[Decision]) -> None:
        """Write decisions to the end of the log; they are on the disk when this returns."""
        self.decide(lambda _: decisions)

    def decide(self, make: Callable[[list[Decision]], Sequence[Decision]]) -> list[Decision]:
        """Append what ``make`` says to what the log holds; no other process can write in between.

        A last line that an interrupted write left unfinished is ended first, so that it cannot swallow the next. An
        exception of ``make`` leaves the log as it was.

        Returns:
            The decisions that were written; they are on the disk.
        """
        try:
            with open(self.path, "ab+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                made = list(make(self.read()))
                lines = "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in made)
                end = file.seek(0, os.SEEK_END)
                if end:
                    file.seek(end - 1)
                    lines = lines if file.read(1) == b"\n" else "\n" + lines
                file.write(lines.encode("utf-8", "backslashreplace"))
                file.flush()
                os.fsync(file.fileno())
                return made
        except OSError as error:
            raise FileError(
                str(self.path),
                f"cannot be written: {reason(error)}",
                allowed="a folder that can be written to and has room",
                next_step="the decision was not kept: make room or check the permissions, and decide again",
            ) from None

    def read(self) -> list[Decision]:
        """Every decision in order; what an interrupted write left unfinished is no decision.

        Raises:
            FileError: A finished line is no decision: the log was edited or damaged, and nothing may be guessed.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FileError(str(self.path), f"cannot be read: {reason(error)}") from None
        known, decisions = self._known
        if known and content.startswith(known):  # only what was written since is new
            decisions, content = list(decisions), content[len(known) :]
            first = known.count(b"\n") + 1
        else:
            known, decisions, first = b"", [], 1
        decisions += self._parsed(content, first)
        end = content.rfind(b"\n") + 1
        n_whole = len(decisions) if end == len(content) or not content[end:].strip() else None
        if n_whole is not None:
            self._known = known + content[:end], decisions
        return list(decisions)

    def _parsed(self, content: bytes, first: int) -> list[Decision]:
        lines = content.split(b"\n")
        found = []
        for at, line in enumerate(lines):
            number = first + at
            if not line.strip():
                continue
            try:
                found.append(_decision(json.loads(line)))
            except (ValueError, TypeError, KeyError) as error:
                if _was_cut(line, error):
                    continue
                raise FileError(
                    str(self.path),
                    "is no decision",
                    line=number,
                    allowed="the lines as the review wrote them; a decision is taken back with an undo",
                    next_step="restore the file from version control",
                ) from None
        return found

    def sha256(self) -> str | None:
        """Hash of the file; None when there is none."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest() if self.path.is_file() else None


def _was_cut(line: bytes, error: Exception) -> bool:
    """Whether the line is the beginning of one: not JSON, though it starts like a line of the log."""
    said = line.strip()
    return isinstance(error, ValueError) and said.startswith(b"{") and not said.endswith(b"}")


def _decision(data: Any) -> Decision:
    if not isinstance(data, dict):
        raise TypeError(quoted(data))
    fields = {name: data[name] for name in Decision.__dataclass_fields__ if name in data}
    decision = Decision(**fields)
    is_text = all(isinstance(getattr(decision, name), str) for name in ("id", "time", "author", "item", "category"))
    if not is_text or decision.action not in ACTIONS or decision.label not in (0, 1, None):
        raise TypeError(joined(ACTIONS))
    return decision


def standing(decisions: Iterable[Decision]) -> list[Decision]:
    """Decisions that nobody took back, in order; an undo itself is none. An undo may be undone."""
    every = list(decisions)
    gone: set[str] = set()
    for one in reversed(every):
        if one.action == "undo" and one.id not in gone and one.takes_back is not None:
            gone.add(one.takes_back)
    return [one for one in every if one.action != "undo" and one.id not in gone]


def settle(decisions: Iterable[Decision]) -> tuple[list[Settled], list[Open]]:
    """What follows from the decisions, and what stays open; in the order in which the items were first decided."""
    by_key: dict[Key, list[Decision]] = {}
    for one in standing(decisions):
        by_key.setdefault(one.key, []).append(one)
    settled: list[Settled] = []
    still_open: list[Open] = []
    for (item, category), every in by_key.items():
        said = [one for one in every if one.policy == every[-1].policy]  # an older policy asked another question
        found = _follows(said)
        if isinstance(found, str):
            still_open.append(Open(item, category, found, tuple(_latest(said).values())))  # type: ignore[arg-type]
        else:
            settled.append(Settled(item, category, found[0].label, tuple(found)))
    return settled, still_open


def _follows(said: Sequence[Decision]) -> list[Decision] | str:
    """The decisions a label follows from, or why none does."""
    final = [one for one in said if one.action == "adjudicate"]
    if final:
        return [final[-1]]
    latest = _latest(said)
    if any(one.action == "escalate" for one in latest.values()):
        return "escalated"
    labels = [one for one in latest.values() if one.action == "label"]
    if len({one.label for one in labels}) > 1:
        return "reviewers disagree"
    if not labels:
        return "skipped"
    if len(labels) < max(one.reviewers for one in labels):
        return "another reviewer is awaited"
    return labels


def _latest(said: Sequence[Decision]) -> dict[str, Decision]:
    """Each author's last word."""
    return {one.author: one for one in said}


def by_author(decisions: Iterable[Decision], author: str) -> Iterator[Decision]:
    """One reviewer's own standing decisions, adjudications left out: what a blind reviewer may see."""
    return (one for one in standing(decisions) if one.author == author and one.action != "adjudicate")
