"""A comparison as tables and sentences: who is better where, and which items changed."""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.metric_table import METRIC_TITLES
from harness.measure.compare import Comparison
from harness.report.parts import numbers
from harness.report.parts.masking import TextMode, shown
from harness.report.parts.tables import Table

TEXT_WIDTH = 70


def verdict_sentence(comparison: Comparison) -> str:
    """Which categories got better or worse on recall and precision, in one sentence."""
    parts = []
    for metric in ("recall", "precision"):
        better, worse = comparison.changed(metric)
        n_open = len(comparison.categories) - len(better) - len(worse)
        said = []
        if better:
            said.append(f"better in {', '.join(better)}")
        if worse:
            said.append(f"worse in {', '.join(worse)}")
        said.append(f"no proven difference in {n_open} of {len(comparison.categories)} categories")
        parts.append(f"{METRIC_TITLES[metric]}: {'; '.join(said)}")
    pair = f"{comparison.candidate.candidate} against {comparison.baseline.candidate}"
    who = f"{pair} on {numbers.count(comparison.n_items)} items"
    return f"{who}.{_pooled_sentence(comparison)} By category: {'. '.join(parts)}."


def _pooled_sentence(comparison: Comparison) -> str:
    """Recall and precision over all categories together."""
    if comparison.pooled is None:
        return ""
    said = []
    for metric in ("recall", "precision"):
        result = comparison.pooled.metrics[metric]
        values = f"{numbers.share(result.baseline.value)} to {numbers.share(result.candidate.value)}"
        difference = f"{numbers.points_with_interval(result.difference)} points, p {_equals(result.p_value)}"
        said.append(f"{metric} {values} ({difference})" if result.difference.is_defined else f"{metric} {values}")
    return f" Over all categories together: {', '.join(said)}."


def _equals(p_value: float) -> str:
    text = numbers.p_value(p_value)
    return text if text.startswith("<") else f"= {text}"


def comparison_tables(
    comparison: Comparison,
    texts: Mapping[str, str | None] | None = None,
    *,
    metrics: tuple[str, ...] = ("recall", "precision"),
    text_mode: TextMode = "masked",
    n_items: int = 5,
) -> list[Table]:
    """One table per metric, one of cost and latency, and the items that changed."""
    tables = [_metric_table(comparison, metric) for metric in metrics]
    tables.append(_operations_table(comparison))
    if n_items:
        tables.extend(flip_tables(comparison, texts or {}, text_mode, n_items))
    return tables


def _metric_table(comparison: Comparison, metric: str) -> Table:
    base, cand = comparison.baseline.candidate, comparison.candidate.candidate
    columns = ("Category", "n", base, cand, "Difference in points", "p", "p (Holm)", "Fixed", "Broken")
    rows = []
    pooled = {} if comparison.pooled is None else {"all together": comparison.pooled}
    for name, category in {**comparison.categories, **pooled}.items():
        result = category.metrics[metric]
        rows.append(
            (
                name,
                numbers.count(result.difference.n),
                numbers.share_with_interval(result.baseline),
                numbers.share_with_interval(result.candidate),
                numbers.points_with_interval(result.difference) if result.difference.is_defined else "n/a",
                numbers.p_value(result.p_value),
                numbers.p_value(category.p_holm.get(metric)) if category.p_holm else "",
                "" if category is comparison.pooled else numbers.count(len(category.fixed)),
                "" if category is comparison.pooled else numbers.count(len(category.broken)),
            )
        )
    note = "95% intervals; fixed and broken count items whose decision became right or wrong, violating or not."
    return Table(METRIC_TITLES[metric], columns, tuple(rows), (note,), frozenset(columns[1:]))


def _operations_table(comparison: Comparison) -> Table:
    columns = ("Candidate", "Outcomes", "Cost", "Latency p50", "p95", "p99")
    rows = []
    for side in (comparison.baseline, comparison.candidate):
        outcomes = ", ".join(f"{numbers.count(n)} {outcome}" for outcome, n in side.outcomes.items() if n)
        latency = (numbers.milliseconds(side.latency_ms[q]) for q in ("p50", "p95", "p99"))
        rows.append((side.candidate, outcomes, numbers.usd(side.cost_usd), *latency))
    return Table("Outcomes, cost and latency", columns, tuple(rows), (), frozenset(columns[2:]))


def flip_tables(
    comparison: Comparison, texts: Mapping[str, str | None], text_mode: TextMode, n_items: int
) -> list[Table]:
    """The first ``n_items`` fixed and broken items of every category."""
    tables = []
    for title, field in (("Fixed", "fixed"), ("Broken", "broken")):
        rows: list[tuple[str, ...]] = []
        total = 0
        for name, category in comparison.categories.items():
            ids: tuple[str, ...] = getattr(category, field)
            total += len(ids)
            rows.extend((name, item_id, _text(texts, item_id, text_mode)) for item_id in ids[:n_items])
        if rows:
            note = f"{numbers.count(len(rows))} of {numbers.count(total)} shown"
            who = comparison.candidate.candidate
            tables.append(Table(f"{title} by {who}", ("Category", "Item", "Text"), tuple(rows), (note,)))
    return tables


def _text(texts: Mapping[str, str | None], item_id: str, mode: TextMode) -> str:
    if item_id not in texts:
        return "(golden set not at hand)"
    return shown(texts[item_id], mode, TEXT_WIDTH)
