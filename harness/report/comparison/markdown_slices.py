"""Slices in the comparison report as Markdown: what moved in which, and the lowest recall of each."""

from __future__ import annotations

from harness.report.comparison.data import ReportData
from harness.report.comparison.heatmaps import HeatMaps
from harness.report.parts import numbers
from harness.report.parts.tables import Table, markdown_text, to_markdown
from harness.report.parts.words import plural

MAX_SLICE_ROWS = 15


def slices_markdown(data: ReportData) -> list[str]:
    """Recall and over-blocking of the first candidate by slice, over categories with enough items."""
    candidate = data.pairs[0].candidate
    names = dict(data.categories)
    parts = _slice_changes(data)
    for table in data.slices:
        rows = []
        for row in table.rows:
            recall = row.results.get("recall", {}).get(candidate, {})
            known = [(one.value, category) for category, one in recall.items() if one.n >= 10 and one.is_defined]
            if known:
                _, category = min(known)
                share = f"{numbers.share_with_interval(recall[category])}, n {numbers.count(recall[category].n)}"
                rows.append((row.value, numbers.count(row.n_items), names.get(category, category), share))
        if rows:
            title = f"Lowest recall of {candidate} by {table.name} (exploratory; 10 violating items or more)"
            columns = ("Value", "Items", "Category", "Recall")
            shown = Table(title, columns, tuple(rows[:MAX_SLICE_ROWS]), (), frozenset(("Items", "Recall")))
            parts.append(to_markdown(shown))
    return parts


def _slice_changes(data: ReportData) -> list[str]:
    """What stands out among the paired changes by slice, per candidate."""
    maps = HeatMaps(data)
    parts = []
    for pair in data.pairs if maps.has_changes else ():
        moved, n_more = maps.moved(pair.candidate)
        n_moved = len(moved) + n_more
        lead = f"{plural(n_moved, 'cell')} of slice and category {'stands' if n_moved == 1 else 'stand'} out"
        lead = f"{lead if moved else 'nothing stands out'}. {maps.family(pair.candidate)}."
        head = f"### Change by slice: {markdown_text(pair.candidate)} against {markdown_text(str(pair.baseline))}"
        lines = [f"- {markdown_text(one)}" for one in moved]
        lines += [f"- and {numbers.count(n_more)} more"] if n_more else []
        exploratory = markdown_text(f"Exploratory (Benjamini-Hochberg, one in ten may be chance): {lead}")
        parts.append("\n\n".join(filter(None, (head, exploratory, "\n".join(lines)))))
    return parts
