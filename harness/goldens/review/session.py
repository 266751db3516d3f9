"""One review: what a reviewer sees, and what becomes of what they press.

Decides who sees whose decisions. A reviewer sees the item, the policy and their own decisions; never the other
reviewers', the model's, or (unless asked for) the label the set has. An adjudicator sees the decisions in question,
without names. Every press is one line of the log, on the disk before the browser hears of it. A window that does not
know this reviewer's last word on an item may not add another: it is told to look again.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.files.golden.sets import GoldenSet
from harness.goldens.decisions import Action, Decision, DecisionLog, by_author, new_decision, standing
from harness.goldens.policy_change import policy_name
from harness.goldens.review.queue import Entry, open_entries
from harness.records import Policy

MAX_SECONDS = 3600.0
MAX_REASON = 2000
REVIEWER_ACTIONS: tuple[Action, ...] = ("label", "skip", "escalate")


class ConflictError(Exception):
    """Another window of the same reviewer decided meanwhile."""


class RefusedError(Exception):
    """A request that no page of this review sends."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a review is held.

    Attributes:
        reviewers: Reviewers that each label needs.
        is_adjudication: Whether open decisions are settled instead of labels collected.
        shows_labels: Whether the set's own label is shown; never in a blind review.
        break_after_s: Time of work after which the page proposes a break.
    """

    reviewers: int = 1
    is_adjudication: bool = False
    shows_labels: bool = False
    break_after_s: float = 1800.0


@dataclass(slots=True)
class Session:
    """The state of a review: its queue and the log; everything else is read from the log."""

    golden: GoldenSet
    policy: Policy
    entries: Sequence[Entry]
    log: DecisionLog
    settings: Settings
    image_root: Path | None = None
    _images: dict[int, tuple[str, ...]] = field(default_factory=dict)

    # ---------------------------------------------------------------------------------------------------- reading

    def state(self, author: str) -> dict[str, Any]:
        """What the page needs once: policy, mode, progress, where to go on."""
        own = self._own(author)
        return {
            "reviewer": author,
            "golden_set": f"{self.golden.name} version {self.golden.version}",
            "policy": policy_name(self.policy),
            "mode": "adjudicate" if self.settings.is_adjudication else "review",
            "reviewers": self.settings.reviewers,
            "break_after_s": self.settings.break_after_s,
            "categories": [
                {"id": one.id, "name": one.name, "definition": one.definition, "allowed": list(one.allowed),
                 "severity": one.severity, "parent": one.parent}
                for one in self.policy.categories
            ],
            "progress": self._progress(own),
            "at": self._next(own, 0),
        }  # fmt: skip

    def item(self, author: str, at: int) -> dict[str, Any]:
        """One entry as this reviewer may see it; its text comes only when it is asked for."""
        entry = self._entry(at)
        item = self.golden.item(self.golden.index_of(entry.item))
        own = self._own(author)
        shown: dict[str, Any] = {
            "at": at,
            "item": entry.item,
            "categories": list(entry.categories),
            "why": "" if self.settings.reviewers > 1 and not self.settings.is_adjudication else entry.why,
            "slices": {name: list(values) for name, values in item.slices.items() if values},
            "n_images": len(item.images),
            "is_withheld": item.is_withheld,
            "has_text": item.text is not None,
            "decided": {
                category: _shown(own[entry.item, category])
                for category in entry.categories
                if (entry.item, category) in own
            },
        }
        if self.settings.shows_labels or self.settings.is_adjudication:
            shown["labels"] = {name: item.labels.get(name) for name in entry.categories}
        if self.settings.is_adjudication:
            shown["said"] = self._said(entry)
        return shown

    def content(self, at: int) -> dict[str, Any]:
        """Text and context of one entry, for the moment in which the reviewer reveals it."""
        item = self.golden.item(self.golden.index_of(self._entry(at).item))
        return {"text": item.text, "context": item.context}

    def image(self, at: int, number: int) -> Path:
        """One image of an entry, inside the folder of the set."""
        item = self.golden.item(self.golden.index_of(self._entry(at).item))
        if self.image_root is None or not 0 <= number < len(item.images):
            raise RefusedError("no such image")
        path = (self.image_root / item.images[number]).resolve()
        if not path.is_relative_to(self.image_root.resolve()) or not path.is_file():
            raise RefusedError("no such image")
        return path

    # ---------------------------------------------------------------------------------------------------- writing

    def decide(self, author: str, at: int, category: str, action: str, label: int | None, *, seen: str | None,
               reason: str = "", seconds: float | None = None) -> dict[str, Any]:  # fmt: skip
        """Add one decision, when ``seen`` is the last one that this reviewer has made here.

        Raises:
            ConflictError: Another window of this reviewer has decided since.
            RefusedError: The decision does not fit the entry.
        """
        entry = self._entry(at)
        chosen = self._action(entry, category, action, label)

        def make(decisions: list[Decision]) -> list[Decision]:
            own = self._own(author, decisions)
            last = own.get((entry.item, category))
            if (None if last is None else last.id) != seen:
                raise ConflictError
            return [
                new_decision(
                    chosen, author, entry.item, category, label if chosen in ("label", "adjudicate") else None,
                    policy=policy_name(self.policy), reason=reason[:MAX_REASON], reviewers=self.settings.reviewers,
                    before=self._before(entry.item, category),
                    seconds=None if seconds is None else round(min(max(seconds, 0.0), MAX_SECONDS), 1),
                )
            ]  # fmt: skip

        made = self.log.decide(make)[0]
        own = self._own(author)
        return {"decided": _shown(made), "progress": self._progress(own), "next": self._next(own, at)}

    def undo(self, author: str, seen: str | None) -> dict[str, Any]:
        """Take back this reviewer's last decision in this queue; ``seen`` is the id the window believes it is."""
        places = {entry.item: at for at, entry in enumerate(self.entries)}
        found: list[Decision] = []

        def make(decisions: list[Decision]) -> list[Decision]:
            mine = [one for one in self._standing(author, decisions) if one.item in places]
            if not mine:
                raise RefusedError("nothing to undo")
            if seen is not None and mine[-1].id != seen:
                raise ConflictError
            found.append(mine[-1])
            last = mine[-1]
            return [
                new_decision("undo", author, last.item, last.category, None, policy=last.policy, takes_back=last.id)
            ]

        self.log.decide(make)
        own = self._own(author)
        return {"at": places[found[0].item], "category": found[0].category, "progress": self._progress(own)}

    # ----------------------------------------------------------------------------------------------------- private

    def _entry(self, at: int) -> Entry:
        if not 0 <= at < len(self.entries):
            raise RefusedError("no such item")
        return self.entries[at]

    def _action(self, entry: Entry, category: str, action: str, label: int | None) -> Action:
        if category not in entry.categories or label not in (0, 1, None):
            raise RefusedError("no such category or label")
        if self.settings.is_adjudication:
            if action not in ("label", "adjudicate"):
                raise RefusedError("an adjudicator decides")
            return "adjudicate"
        for known in REVIEWER_ACTIONS:
            if action == known:
                return known
        raise RefusedError("no such action")

    def _standing(self, author: str, decisions: Sequence[Decision]) -> list[Decision]:
        """This person's decisions in the role they have here, made under the policy in use."""
        name = policy_name(self.policy)
        if self.settings.is_adjudication:
            return [one for one in standing(decisions) if one.action == "adjudicate" and one.policy == name]
        return [one for one in by_author(decisions, author) if one.policy == name]

    def _own(self, author: str, decisions: Sequence[Decision] | None = None) -> dict[tuple[str, str], Decision]:
        """Last standing decision per item and category, the one that was made last at the end."""
        found: dict[tuple[str, str], Decision] = {}
        for one in self._standing(author, self.log.read() if decisions is None else decisions):
            found.pop(one.key, None)
            found[one.key] = one
        return found

    def _progress(self, own: Mapping[tuple[str, str], Decision]) -> dict[str, Any]:
        done = [one for one in self.entries if all((one.item, name) in own for name in one.categories)]
        ids = {entry.item for entry in self.entries}
        mine = [one for one in own.values() if one.item in ids]
        times: dict[str, float] = {}
        for decision in mine:
            if decision.seconds is not None:
                times[decision.item] = times.get(decision.item, 0.0) + decision.seconds
        return {
            "done": len(done),
            "of": len(self.entries),
            "seconds_per_item": round(sum(times.values()) / len(times), 1) if times else None,
            "last": mine[-1].id if mine else None,
        }

    def _next(self, own: Mapping[tuple[str, str], Decision], after: int) -> int | None:
        """The next entry with something to decide, beginning at ``after`` and around; None when all is done."""
        n = len(self.entries)
        for step in range(n):
            at = (after + step) % n
            if any((self.entries[at].item, name) not in own for name in self.entries[at].categories):
                return at
        return None

    def _before(self, item: str, category: str) -> int | None:
        if category not in self.golden.categories:
            return None
        code = int(self.golden.labels()[self.golden.index_of(item), self.golden.categories.index(category)])
        return None if code < 0 else code

    def _said(self, entry: Entry) -> dict[str, list[dict[str, Any]]]:
        """What reviewers said, without their names; the same person has the same number on the whole item."""
        every = [one for one in standing(self.log.read()) if one.item == entry.item and one.action != "adjudicate"]
        numbers = {name: at for at, name in enumerate(sorted({one.author for one in every}), start=1)}
        last = {(one.author, one.category): one for one in every}
        return {
            category: [
                {
                    "who": f"Reviewer {numbers[one.author]}",
                    "action": one.action,
                    "label": one.label,
                    "reason": one.reason,
                }
                for one in last.values()
                if one.category == category
            ]
            for category in entry.categories
        }


def adjudication(golden: GoldenSet, policy: Policy, log: DecisionLog, settings: Settings) -> list[Entry]:
    """The entries of an adjudication; an error when nothing waits for one."""
    entries, _ = open_entries(log.read())
    if not entries:
        raise HarnessError(
            f"{log.path}: nothing waits for an adjudicator",
            allowed="decisions that reviewers disagree on or have escalated",
            next_step=f"publish what was decided: harness golden release {shlex.quote(str(golden.path))}",
        )
    return entries


def _shown(decision: Decision) -> dict[str, Any]:
    return {"id": decision.id, "action": decision.action, "label": decision.label, "reason": decision.reason}
