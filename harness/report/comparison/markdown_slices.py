"""Slices in the comparison report as Markdown: what moved in which, and the lowest recall of each."""

from __future__ import annotations

import math
from collections.abc import Mapping

from harness.report.comparison.data import ReportData
from harness.report.comparison.heatmaps import HeatMaps
from harness.report.parts import numbers
from harness.report.parts.tables import Table, markdown_text, to_markdown
from harness.report.parts.words import plural

MAX_SLICE_ROWS = 15


def slices_markdown(data: ReportData) -> list[str]:
    """Recall and over-blocking of the first candidate by slice, over categories with enough items."""
    candidate = data.pairs[0].candidate
    names: Mapping[str, str] = dict(data.categories)
    parts = _slice_changes(data)
    for table in data.slices:
        rows = []
        for row in table.rows:
            recall = row.results.get("recall", {}).get(candidate, {})
            worst = min(
                ((one.value, category, one) for category, one in recall.items() if one.n >= 10 and one.is_defined),
                key=lambda one: (one[0], one[1]),
                default=None,
            )
            if worst is not None and not math.isnan(worst[0]):
                share = f"{numbers.share_with_interval(worst[2])}, n {numbers.count(worst[2].n)}"
                rows.append((row.value, numbers.count(row.n_items), names.get(worst[1], worst[1]), share))
        if rows:
            title = f"Lowest recall of {candidate} by {table.name} (exploratory; 10 violating items or more)"
            columns = ("Value", "Items", "Category", "Recall")
            parts.append(
                to_markdown(Table(title, columns, tuple(rows[:MAX_SLICE_ROWS]), (), frozenset(("Items", "Recall"))))
            )
    return parts


def _slice_changes(data: ReportData) -> list[str]:
    """What stands out among the paired changes by slice, per candidate."""
    maps = HeatMaps(data)
    parts = []
    for pair in data.pairs if maps.has_changes else ():
        moved, n_more = maps.moved(pair.candidate)
        n_moved = len(moved) + n_more
        lead = f"{plural(n_moved, 'cell')} of slice and category {'stands' if n_moved == 1 else 'stand'} out"
        lead = lead if moved else "nothing stands out"
        lines = [
            f"### Change by slice: {markdown_text(pair.candidate)} against {markdown_text(str(pair.baseline))}",
            "",
            markdown_text(
                f"Exploratory (Benjamini-Hochberg, one in ten may be chance): {lead}. {maps.family(pair.candidate)}."
            ),
        ]
        if moved:
            lines += ["", *(f"- {markdown_text(one)}" for one in moved)]
        if n_more:
            lines.append(f"- and {numbers.count(n_more)} more")
        parts.append("\n".join(lines))
    return parts
