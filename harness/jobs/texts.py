"""Item texts for a report, taken from the golden set where it is at hand and is the one that was run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.runs import Run


def texts_of(
    run: Run, text_mode: str, item_ids: Iterable[str] | None = None, golden_card: Path | None = None
) -> dict[str, str | None]:
    """Text per item id; empty when texts are not wanted, or the golden set is elsewhere or another one.

    Raises:
        HarnessError: ``golden_card`` was named, and is not the golden set of the run.
    """
    if text_mode == "none":
        return {}
    from harness.files.golden.sets import load_golden

    for card in [golden_card] if golden_card else likely_cards(run):
        try:
            golden = load_golden(card, None)
        except HarnessError:
            if golden_card:
                raise
            continue
        if golden.sha256 == run.meta.golden_set["hash"]:
            wanted = set(run.item_ids if item_ids is None else item_ids)
            return {item.id: item.text for item in golden.items() if item.id in wanted}
        if golden_card:
            raise HarnessError(
                f"{golden_card}: another golden set than the one that was run",
                allowed=f"{run.meta.golden_set['name']} v{run.meta.golden_set['version']} as it was when it was run",
                next_step="name the card of that version",
            )
    return {}


def likely_cards(run: Run) -> list[Path]:
    """Where the run says its golden set was, and where the shipped sets are."""
    from harness.files.shipped import shipped_root

    path = run.meta.inputs.get("golden_set", {}).get("path")
    cards = [Path(path), shipped_root() / "golden_sets" / Path(path).name] if path else []
    return [card for card in cards if card.is_file()]
