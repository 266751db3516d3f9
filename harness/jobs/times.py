"""When an item was written, by a path into its row: seconds for whole cases.

Decides what a time may be: a number of seconds, or a date and time as ISO 8601 writes it.
"""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.files.golden.fields import MISSING, getter
from harness.files.text import quoted
from harness.jobs.texts import golden_of
from harness.runs import Run

PARTS = ("meta", "context")


def times_of(run: Run, path: str, golden_card: Path | None = None) -> dict[str, float]:
    """Item id -> seconds.

    ``path`` is dotted, below ``meta`` or ``context``; ``golden_card`` is for a run that does not know its set.

    Raises:
        HarnessError: The set is not at hand, or an item has no such time.
    """
    part, _, below = path.partition(".")
    if part not in PARTS or not below:
        raise HarnessError(
            f"--time is '{path}'", allowed="a path below meta or context, say meta.seconds", next_step="correct it"
        )
    golden = golden_of(run, golden_card)
    if golden is None:
        raise HarnessError(
            f"the golden set of run {run.meta.run_id} is not at hand",
            allowed=f"{run.meta.golden_set.title} as it was when it was run",
            next_step="name its card: --golden PATH",
        )
    wanted, value_of = set(run.item_ids), getter(path)
    return {
        item.id: _seconds(value_of({"meta": item.meta, "context": item.context}), path, item.id)
        for item in golden.items()
        if item.id in wanted
    }


def _seconds(value: Any, path: str, item_id: str) -> float:
    """A time as seconds.

    >>> _seconds("2026-01-01T00:01:00Z", "meta.at", "a") - _seconds("2026-01-01T00:00:00+00:00", "meta.at", "a")
    60.0
    """
    found = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = float(value)
    elif isinstance(value, str):
        with suppress(ValueError):
            moment = datetime.fromisoformat(value)
            found = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(found):
        raise HarnessError(
            f"item '{item_id}' has {path} {quoted(None if value is MISSING else value)}",
            allowed="a number of seconds, or a date and time such as 2026-01-31T12:00:00Z",
            next_step="correct the item, or count messages: leave --time out",
        )
    return found
