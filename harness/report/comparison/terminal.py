"""A comparison as tables and sentences: who is better where, and which items changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.core.metric_table import LOWER_IS_BETTER, METRIC_TITLES
from harness.core.paired import PairedResult
from harness.core.results import MetricResult
from harness.gating.findings import Decision
from harness.gating.findings.stored import NEWLY
from harness.measure.compare import CategoryComparison, Comparison, Side
from harness.measure.point_pairs import PointPair
from harness.report.cascades import people_table
from harness.report.parts import numbers
from harness.report.parts.decision_words import decision_sentence, decision_word, screen_lines
from harness.report.parts.finding_words import GOLD_WORDS, NEWLY_WORDS, equals, few_behind
from harness.report.parts.masking import TextMode, visible_text
from harness.report.parts.tables import Table, with_names
from harness.report.parts.words import NOT_ASKED, capital, never_asked, plural, told_apart
from harness.report.points import absent_lines, pair_table, paired_cells

TEXT_WIDTH = 70
MOST_CATEGORIES = 20
MOST_ITEMS = 20
"""Changed items of a table up to which none is left out unasked."""
ITEMS_EACH = 5
_CHANGES = ("missed", "wrongly_flagged", "caught", "cleared")


def decision_lines(decision: Decision, comparison: Comparison) -> list[str]:
    """The first screen: ship or not and why, harm, gains, what cannot be told, next step; then all together."""
    word, _ = decision_word(decision)
    pair = f"{decision.candidate} against {decision.baseline} on {plural(comparison.n_items, 'item')}"
    sides = {one.candidate: one.outcomes.get(NOT_ASKED, 0) for one in (comparison.baseline, comparison.candidate)}
    unasked = [never_asked(name, n, comparison.n_items) for name, n in sides.items() if n]
    lines = [f"{word}: {pair}.", *unasked, decision_sentence(decision), *screen_lines(decision)]
    pooled = _pooled_sentence(comparison)
    return [*lines, pooled.strip()] if pooled else lines


def foot_lines(comparison: Comparison) -> list[str]:
    """Notes, what was corrected for, and the signature."""
    notes = [line for one in comparison.notes for line in (f"Note: {one}.", "")]
    corrected = [f"p (Holm): {comparison.family}."] if comparison.categories else []
    return [*notes, *corrected, f"signature: {comparison.candidate.signature}"]


def _pooled_sentence(comparison: Comparison) -> str:
    """Recall and precision over all categories together."""
    if comparison.pooled is None:
        return ""
    said = []
    for metric in ("recall", "precision"):
        result = comparison.pooled.metrics[metric]
        values = f"{numbers.share(result.baseline.value)} to {numbers.share(result.candidate.value)}"
        difference = f"{numbers.points_with_interval(result.difference)} points, p {equals(result.p_value)}"
        said.append(f"{metric} {values} ({difference})" if result.difference.is_defined else f"{metric} {values}")
    return f" Over all categories together: {', '.join(said)}."


def comparison_tables(
    comparison: Comparison,
    texts: Mapping[str, str | None] | None = None,
    *,
    metrics: tuple[str, ...] = ("recall", "precision"),
    text_mode: TextMode = "masked",
    n_items: int | None = None,
    shows_all: bool = False,
) -> list[Table]:
    """One table per metric, one of cost and latency, and the items that changed (``n_items`` a category).

    Of more than ``MOST_CATEGORIES`` those are shown whose difference is told apart from none, the worst first, and the
    items of those with the most changes, unless ``shows_all``.
    """
    is_long = len(comparison.categories) > MOST_CATEGORIES and not shows_all
    tables = [_metric_table(comparison, metric, is_long=is_long) for metric in metrics]
    averages = _averages_table(comparison, is_long=is_long)
    tables += [averages] if averages.rows else []
    tables.append(_operations_table(comparison))
    tables += [people_table(name, side.people) for name, side in _sides(comparison) if side.people is not None]
    if n_items != 0:
        tables += flip_tables(comparison, texts or {}, text_mode, n_items, shows_all=shows_all)
    return [with_names(one, comparison.names) for one in tables]


def _heads(comparison: Comparison) -> tuple[str, str]:
    """Names of both sides; two rows of one candidate are told apart by their runs."""
    sides = (comparison.baseline, comparison.candidate)
    if sides[0].candidate != sides[1].candidate:
        return sides[0].candidate, sides[1].candidate
    first, second = (told_apart(one.candidate, one.run_id) for one in sides)
    return (first, second) if first != second else (f"{first}, before", f"{second}, after")


def _sides(comparison: Comparison) -> list[tuple[str, Side]]:
    """Both with their names."""
    return list(zip(_heads(comparison), (comparison.baseline, comparison.candidate), strict=True))


def _metric_table(comparison: Comparison, metric: str, *, is_long: bool = False) -> Table:
    newly = NEWLY.get(metric, ())
    heads = tuple(capital(NEWLY_WORDS[name]) for name in newly)
    columns = ("Category", "n", *_heads(comparison), "Difference in points", "p", "p (Holm)", *heads)
    chosen = _apart_from_none(comparison, metric) if is_long else list(comparison.categories)
    shown = {one: comparison.categories[one] for one in chosen}
    rows = [
        (name, *_metric_cells(one, metric), *(numbers.count(len(one.newly.get(which, ()))) for which in newly))
        for name, one in shown.items()
    ]
    if comparison.pooled is not None:
        shown["all together"] = comparison.pooled
        rows.append(("all together", *_metric_cells(comparison.pooled, metric), *("" for _ in newly)))
    note = "95% intervals; the last columns count the items that this metric counts and whose decision changed."
    left = len(comparison.categories) - len(chosen)
    left_out = (f"{left} of {len(comparison.categories)} categories are not shown, as no difference is told apart from "
                "0 there: --all shows them.",) if left else ()  # fmt: skip
    n_of = {comparison.names.get(one, one): each.metrics[metric].difference.n for one, each in shown.items()}
    notes = (note, *left_out, *few_behind(metric, n_of))
    return Table(METRIC_TITLES[metric], columns, tuple(rows), notes, frozenset(columns[1:]))


def _metric_cells(one: CategoryComparison, metric: str) -> tuple[str, ...]:
    corrected = numbers.p_value(one.p_holm.get(metric)) if one.p_holm else ""
    return (*paired_cells(one.metrics[metric]), corrected)


def _apart_from_none(comparison: Comparison, metric: str) -> list[str]:
    """Categories whose interval holds no 0, what the candidate does worse first."""
    found = {name: one.metrics[metric].difference for name, one in comparison.categories.items()}
    apart = [name for name, one in found.items() if one.is_defined and (one.low > 0 or one.high < 0)]
    return sorted(apart, key=lambda name: found[name].value, reverse=metric in LOWER_IS_BETTER)


def point_tables(points: Mapping[str, Sequence[PointPair]], comparison: Comparison) -> list[Table]:
    """Both candidates at each operating point; none without any."""
    if not points:
        return []
    return [with_names(pair_table(points, _heads(comparison), "At the same operating point"), comparison.names)]


def without_points(points: Mapping[str, Sequence[PointPair]], comparison: Comparison) -> list[str]:
    """Which of the two has no operating point in which categories, and why."""
    named = {comparison.names.get(one, one): both for one, both in points.items()}
    return absent_lines(named, _heads(comparison))


def _averages_table(comparison: Comparison, *, is_long: bool = False) -> Table:
    """Means over the categories, and average precision where both have scores.

    Of many categories (``is_long``) the means alone.
    """
    names = comparison.names
    ranked = {category: one.ranking for category, one in comparison.categories.items() if one.ranking}
    rows = [
        _average_row(f"macro {'F1' if metric == 'f1' else METRIC_TITLES[metric].lower()}", one, *_SHARES)
        for metric, one in comparison.macro.items()
    ]
    if not is_long:
        rows += [_average_row(f"average precision, {names.get(of, of)}", one, *_SCORES) for of, one in ranked.items()]
    columns = ("Average", "n", *_heads(comparison), "Difference", "p")
    note = "95% intervals; p by paired permutation. For reading: an average hides the category that lost."
    if is_long and ranked:
        note += " --all shows average precision by category."
    return Table("Averages", columns, tuple(filter(None, rows)), (note,), frozenset(columns[1:]))


def _average_row(
    name: str, one: PairedResult, value: Callable[[MetricResult], str], difference: Callable[[MetricResult], str]
) -> tuple[str, ...]:
    """One average; empty where its difference is not defined."""
    if not one.difference.is_defined:
        return ()
    n, p_value = numbers.count(one.difference.n), numbers.p_value(one.p_value)
    return (name, n, value(one.baseline), value(one.candidate), difference(one.difference), p_value)


def _points_words(result: MetricResult) -> str:
    return f"{numbers.points_with_interval(result)} points"


_SHARES = (numbers.share_with_interval, _points_words)
_SCORES = (numbers.score_with_interval, numbers.score_difference)
"""How values and their difference are written."""
PER_1000, PER_CAUGHT = "Per 1,000 answered items", "Per caught violation"


def _operations_table(comparison: Comparison) -> Table:
    columns = ("Candidate", "Outcomes", "Cost", PER_1000, PER_CAUGHT, "Latency p50", "p95", "p99")
    rows = []
    for name, side in _sides(comparison):
        outcomes = ", ".join(f"{numbers.count(n)} {outcome}" for outcome, n in side.outcomes.items() if n)
        latency = (numbers.milliseconds(side.latency_ms[q]) for q in ("p50", "p95", "p99"))
        cost = numbers.usd_known(side.cost_usd, side.money.n_unknown)
        per = (numbers.usd(one, side.money.n_unknown) for one in (side.money.per_1000_usd, side.money.per_caught_usd))
        rows.append((name, outcomes, cost, *per, *latency))
    return Table("Outcomes, cost and latency", columns, tuple(rows), (), frozenset(columns[2:]))


def flip_tables(
    comparison: Comparison,
    texts: Mapping[str, str | None],
    text_mode: TextMode,
    n_items: int | None,
    *,
    shows_all: bool = False,
) -> list[Table]:
    """The first ``n_items`` items of every category whose decision changed, by gold label and direction.

    None: the first ``ITEMS_EACH``, and no more than ``MOST_ITEMS`` of the categories in which most changed.
    """
    tables = [_flip_table(comparison, one, texts, text_mode, n_items, shows_all=shows_all) for one in _CHANGES]
    return [with_names(one, comparison.names) for one in tables if one.rows]


def _flip_table(
    comparison: Comparison,
    name: str,
    texts: Mapping[str, str | None],
    text_mode: TextMode,
    n_items: int | None,
    *,
    shows_all: bool,
) -> Table:
    """The items that are now missed, say: the first of each category."""
    each = ITEMS_EACH if n_items is None else n_items
    changed = {category: compared.newly.get(name, ()) for category, compared in comparison.categories.items()}
    is_cut = n_items is None and not shows_all and sum(min(each, len(ids)) for ids in changed.values()) > MOST_ITEMS
    if is_cut:
        changed = dict(sorted(changed.items(), key=lambda entry: -len(entry[1])))
    shown = [
        (category, item, _text(texts, item, text_mode)) for category, ids in changed.items() for item in ids[:each]
    ]
    rows = tuple(shown[:MOST_ITEMS] if is_cut else shown)
    note = f"{numbers.count(len(rows))} of {numbers.count(sum(map(len, changed.values())))} shown"
    note += f", of the categories with the most; --items {ITEMS_EACH} shows as many of each" if is_cut else ""
    title = f"{capital(NEWLY_WORDS[name])} by {comparison.candidate.candidate} ({GOLD_WORDS[name]})"
    return Table(title, ("Category", "Item", "Text"), rows, (note,))


def shown_items(comparison: Comparison, n_items: int | None) -> set[str]:
    """Ids of the items that ``flip_tables`` may show."""
    each = ITEMS_EACH if n_items is None else n_items
    lists = (one.newly.get(name, ())[:each] for one in comparison.categories.values() for name in _CHANGES)
    return {item_id for ids in lists for item_id in ids}


def _text(texts: Mapping[str, str | None], item_id: str, mode: TextMode) -> str:
    if item_id not in texts:
        return "(golden set not at hand)"
    return visible_text(texts[item_id], mode, TEXT_WIDTH)
