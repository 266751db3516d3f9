"""The golden set of a stored run and its texts, where it is at hand and is the one that was run.

Decides where it is looked for: where the run says it was, and among the shipped sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from harness.candidates.places import texts_at
from harness.errors import HarnessError
from harness.files.golden.sets import GoldenSet, load_golden
from harness.files.pictures import Named, PictureFolder, pictures_of
from harness.files.shipped import shipped_root
from harness.files.text import joined, nearest, shortened
from harness.records.candidates import MODALITIES
from harness.report.comparison.source import VoteCounts
from harness.report.item.media import RowPictures
from harness.report.parts.disputes import NO_VOTES, Votes, votes_of

if TYPE_CHECKING:
    from harness.records import Item
    from harness.runs import Run


def golden_of(run: Run, card: Path | None = None) -> GoldenSet | None:
    """The set; None when none of the likely files is the one that was run.

    Args:
        run: The run.
        card: Where the set is; where it likely is for None.

    Raises:
        HarnessError: ``card`` was named, and is not the golden set of the run.
    """
    for one in [card] if card else likely_cards(run):
        try:
            golden = load_golden(one, None)
        except HarnessError:
            if card:
                raise
            continue
        if golden.sha256 == run.meta.golden_set.hash:
            return golden
        if card:
            raise HarnessError(
                f"{card}: another golden set than the one that was run",
                allowed=f"{run.meta.golden_set.title} as it was when it was run",
                next_step="name the card of that version",
            )
    return None


def likely_cards(run: Run) -> list[Path]:
    """Where the run says its golden set was, and where the shipped sets are."""
    described = run.meta.inputs.get("golden_set")
    path = described.path if described is not None else ""
    cards = [Path(path), shipped_root() / "golden_sets" / Path(path).name] if path else []
    return [card for card in cards if card.is_file()]


def texts_of(
    run: Run, text_mode: str, item_ids: Iterable[str] | None = None, golden_card: Path | None = None
) -> dict[str, str | None]:
    """Text per item id; empty when texts are not wanted, or the golden set is elsewhere or another one.

    Raises:
        HarnessError: ``golden_card`` was named, and is not the golden set of the run.
    """
    if text_mode == "none":
        return {}
    wanted = set(run.item_ids if item_ids is None else item_ids)
    golden = golden_of(run, golden_card)
    if golden is None:
        return {}
    places = [at for at, item_id in enumerate(golden.ids()) if item_id in wanted]
    return {item.id: shown_text(item) for item in golden.items(places)}


def shown_text(item: Item) -> str | None:
    """What lists show of an item: its text, or where it has none what its modalities say, each behind its name.

    >>> from harness.records import Item
    >>> shown_text(Item("c1", None, {}, modalities={"transcript": [{"text": "buy"}, {"text": "now"}], "frames": []}))
    'transcript: buy now'
    """
    if item.text is not None:
        return item.text
    said = {name: texts_at(item, MODALITIES + name) for name in item.modalities}
    return " / ".join(f"{name}: {texts[-1]}" for name, texts in said.items() if texts) or None


class Golden(NamedTuple):
    """What a report takes from the golden set of its run, where that is at hand and texts may be shown."""

    texts: Mapping[str, str | None]
    votes: VoteCounts | None = None
    agreement: Votes = NO_VOTES
    pictures: RowPictures | None = None


def no_item(where: str, item_id: str, ids: Sequence[str]) -> HarnessError:
    """That a run or set has no such item, with the nearest that it has."""
    close = nearest(item_id, ids)
    return HarnessError(
        f"{where} has no item '{shortened(item_id)}'",
        allowed=f"one of its {len(ids):,} items: {joined(ids, most=5)}",
        next_step=f"did you mean '{close}'?" if close else "look the id up in the golden set or a report",
    )


def read_golden(run: Run, text_mode: str) -> Golden:
    """Texts, votes and pictures of the run's items; nothing where no text may be shown."""
    golden = None if text_mode == "none" else golden_of(run)
    if golden is None:
        return Golden({})
    position = {item_id: at for at, item_id in enumerate(run.item_ids)}
    column = {name: at for at, name in enumerate(run.categories)}
    rename = golden.card.rename
    texts: dict[str, str | None] = {}
    named: dict[str, tuple[Named, ...]] = {}
    n_yes = np.zeros((len(position), len(column)), dtype=np.int64)
    n_known = np.zeros_like(n_yes)
    for item in golden.items():
        at = position.get(item.id)
        if at is None:
            continue
        texts[item.id] = item.text
        if item.images or item.modalities:
            named[item.id] = tuple(pictures_of(item))
        for vote in item.votes:
            for name, value in vote["labels"].items():
                category = column.get(rename.get(name, name))
                if category is not None and value in (0, 1):
                    n_known[at, category] += 1
                    n_yes[at, category] += value
    named = {item_id: every for item_id, every in named.items() if every}
    pictures = RowPictures(named, PictureFolder.of(golden.items_path)) if named else None
    if not n_known.any():
        return Golden(texts, pictures=pictures)
    return Golden(texts, VoteCounts(n_yes, n_known), votes_of(golden), pictures)
