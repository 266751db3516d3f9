"""Item texts for a report, taken from the golden set where it is at hand and is the one that was run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.runs import Run


def texts_of(run: Run, text_mode: str, item_ids: Iterable[str] | None = None) -> dict[str, str | None]:
    """Text per item id; empty when texts are not wanted, or the golden set is elsewhere or another one."""
    path = run.meta.inputs.get("golden_set", {}).get("path")
    if text_mode == "none" or not path or not Path(path).is_file():
        return {}
    from harness.golden import load_golden

    try:
        golden = load_golden(Path(path), None)
    except HarnessError:
        return {}
    if golden.sha256 != run.meta.golden_set["hash"]:
        return {}
    wanted = set(item_ids) if item_ids is not None else set(run.item_ids)
    return {item.id: item.text for item in golden.items() if item.id in wanted}
