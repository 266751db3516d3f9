"""Asks about figures: what fell, what has not recovered, what is below its target; each figure is asked about once.

Decides which facts about a figure are one ask (a fall of this week, an older one that is still open, a missed target),
on which items it is to be worked off, and what is to be done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from harness.core.operating_metrics import operating_metric
from harness.core.production_table import PRODUCTION_FIGURES
from harness.gating.findings.memory import Entry
from harness.gating.findings.stored import NEWLY
from harness.report.parts import numbers
from harness.report.parts.finding_words import finding_sentence, metric_words
from harness.report.parts.words import capital, enumerated, plural
from harness.report.weekly.ask_source import BELOW, GOLDEN_OWNER, NO_OWNER, OPEN_SINCE, SILENT, AskSource
from harness.report.weekly.data import METRIC_NAMES, Ask, CategoryRow
from harness.report.weekly.ledger import ENGINEERING, OPERATIONS, entry_figure
from harness.report.weekly.paired import FAILURES, LOST
from harness.report.weekly.sentences import points_text
from harness.report.weekly.swapped import is_swap

_WORSE = {"recall": "newly missed item", "precision": "newly wrongly flagged item"}
_LOOK = {
    "leakage": "read what was left up and find out why",
    "violating_views_left_up": "read what was left up and find out why",
    "overkill": "read what was taken down wrongly",
    "wrong_removals": "read what was taken down wrongly",
    "violating": "more harm arrives: check the policy's prevalence, targets and reviewers",
}
"""First words of a figure of production -> what to do about it."""


def asks_of_figures(source: AskSource) -> Iterator[Ask]:
    """Every ask about a figure."""
    yield from _moved(source)
    yield from _swapped(source)
    yield from _in_slices(source)
    yield from _at_points(source)
    yield from _in_production(source)
    yield from _unrepaired(source)
    yield from _missed(source)


def _fallen(source: AskSource) -> set[tuple[str | None, str | None]]:
    """Category and metric of what fell as a whole this week."""
    return {(one.category, one.metric) for one in source.judged.movements if not one.is_better}


def _still_open(source: AskSource) -> dict[tuple[str | None, str | None], Entry]:
    """The same of what fell before, as a whole, and has not recovered."""
    return {
        (one.category, one.metric): one
        for one in source.still_open
        if one.slice is None and not one.is_of_production and one.metric not in (FAILURES, LOST)
    }


def _moved(source: AskSource) -> Iterable[Ask]:
    before = _still_open(source)
    for one in source.judged.movements:
        if one.is_better:
            continue
        row, earlier = source.by_id.get(one.category), before.get((one.category, one.metric))
        figure, size = f"{METRIC_NAMES[one.metric]} of {one.name}", points_text(one.difference)
        errors = source.items.errors(one.category, one.metric, None)
        if one.source == "slide":
            items = errors
            text = f"{figure} has slid by {size} since {one.since}: find out what changed over these weeks."
        else:
            start, items = _start(source, row, one.category, one.metric)
            text = f"{figure} fell by {size}: {_own_change(source)}.{start}"
        if earlier is not None:
            text += f" It fell in {earlier.since} already and has not recovered: repair it, or answer for it."
        text += _below(row, one.metric)
        if earlier is not None or _is_missed(row, one.metric):
            items = (*items, *errors)
        since = None if earlier is None else earlier.since
        yield source.about_fall((one.category, one.metric, None), text, items, since)


def _own_change(source: AskSource) -> str:
    return "decide whether to roll back" if source.has_own_change else "find the cause with whoever runs it"


def _start(source: AskSource, row: CategoryRow | None, category: str, metric: str) -> tuple[str, tuple[str, ...]]:
    """Where to start, with the items: precision falls also where fewer flags are right, and none more is wrong."""
    newly = {} if row is None else row.newly
    worse, better = NEWLY[metric]
    why = ""
    if metric == "precision" and newly and newly.get(worse, 0) <= newly.get(better, 0) and newly.get("missed"):
        why, metric, worse = " Not more flags are wrong, but fewer are right.", "recall", "missed"
    n_worse = newly.get(worse, 0)
    start = f"{why} Start with the {plural(n_worse, _WORSE[metric])}." if n_worse else ""
    return start, source.items.newly(category, metric, None)


def _swapped(source: AskSource) -> Iterable[Ask]:
    """What another baseline does worse than the one before, in a whole category."""
    for one in source.judged.findings:
        if is_swap(one) and one.kind == "harm" and one.slice is None and one.category is not None:
            metric = str(one.metric)
            text = f"{finding_sentence(one)} Decide whether to go back to {one.evidence.names[1]}."
            text += _below(source.by_id.get(one.category), metric)
            yield source.about_fall((one.category, metric, None), text, source.items.errors(one.category, metric, None))


def _in_slices(source: AskSource) -> Iterable[Ask]:
    """What is worse in a language or another slice while the whole did not fall, or fell by less."""
    whole = _fallen(source)
    for one in source.judged.findings:
        if one.kind != "harm" or one.slice is None or one.category is None or one.metric is None or is_swap(one):
            continue
        metric = {"fpr": "precision"}.get(one.metric, one.metric)
        if one.evidence.restates and (one.category, metric) in whole:
            continue
        if one.evidence.slid_since is not None:
            items, start = (
                source.items.errors(one.category, metric, one.slice),
                "Find out what changed over these weeks.",
            )
        else:
            items, start = source.items.newly(one.category, metric, one.slice), "Find out why there."
            start += f" Start with the {plural(len(items), _WORSE[metric])}." if items and metric in _WORSE else ""
        yield source.about_fall((one.category, one.metric, one.slice), f"{finding_sentence(one)} {start}", items)


def _at_points(source: AskSource) -> Iterable[Ask]:
    """What fell where the threshold keeps what the gate holds, while the figure itself did not fall."""
    whole, what = _fallen(source), capital(_own_change(source))
    for one in source.judged.findings:
        point = operating_metric(one.metric or "")
        if one.kind == "harm" and point is not None and (one.category, point.measured) not in whole:
            text = f"{finding_sentence(one)} {what}, or choose the threshold anew (harness thresholds)."
            yield source.about_fall((one.category, str(one.metric), None), text)


def _in_production(source: AskSource) -> Iterable[Ask]:
    """What rose in production: harm that is there, left up, or taken down wrongly."""
    for one in source.judged.findings:
        if one.fact == "production" and one.kind == "harm" and not one.evidence.restates:
            metric = str(one.metric)
            words, where = PRODUCTION_FIGURES[metric].words, one.name or "all categories"
            text = f"In production the {words} of {where} rose: {_look(metric)}."
            ask = source.about_fall((one.category, metric, None), text)
            yield ask if one.category is not None else replace(ask, owner=OPERATIONS)


def _look(figure: str) -> str:
    """What to do about a figure of production."""
    return _LOOK.get(figure) or next(what for name, what in _LOOK.items() if figure.startswith(name))


def _unrepaired(source: AskSource) -> Iterable[Ask]:
    """Falls still open: one ask for all figures of a category, or of a slice of it, that fell in the same week."""
    again = _fallen(source)
    together: dict[tuple[object, ...], list[Entry]] = {}
    for one in source.still_open:
        if one.slice is None and (one.category, one.metric) in again:
            continue  # it fell further this week: the ask about that says both
        is_alone = one.metric in (FAILURES, LOST) or one.is_of_production
        together.setdefault((one.key if is_alone else one.category, one.slice, one.since), []).append(one)
    for found in together.values():
        yield _not_recovered(source, sorted(found, key=lambda one: one.metric != "recall"))


def _not_recovered(source: AskSource, entries: Sequence[Entry]) -> Ask:
    one, it = entries[0], "it" if len(entries) == 1 else "them"
    todo = f"repair {it}"
    if one.is_of_production:
        todo = _look(one.metric)
    elif one.metric == FAILURES:
        todo = "look at the raw answers"
    others = [f"its {metric_words(other.metric)}" for other in entries[1:]]  # of the place that the first one names
    figures = enumerated([entry_figure(one, source.judged.names), *others], 9)
    have = "has" if len(entries) == 1 else "have"
    text = f"{figures} {have} not recovered since {one.since}: {todo}, or answer for {it}."
    rank, answer = OPEN_SINCE + source.severity(one.category), source.answer(*(one.figure for one in entries))
    ask = Ask(rank, source.owner(one.category), text, one.category, since=one.since, answer=answer)
    if one.metric == LOST and not one.now.n:  # the set dropped it, not the candidate
        name = source.judged.names.get(one.category or "", one.category or "")
        text = f"The golden set holds no violating item of {name} since {one.since}: add items, or answer for it."
        return replace(ask, rank=SILENT, owner=one.answers or GOLDEN_OWNER, text=text)
    if one.metric in (FAILURES, LOST):
        return replace(ask, rank=SILENT if one.metric == LOST else rank, owner=ENGINEERING, function="engineering")
    if one.is_of_production:
        return replace(ask, owner=one.answers or NO_OWNER)
    row = source.by_id.get(one.category or "")
    text += "".join(_below(row, each.metric, METRIC_NAMES.get(each.metric, "")) for each in entries if not each.slice)
    behind = [each for each in entries if operating_metric(each.metric) is None]
    every = [item for each in behind for item in source.items.errors(each.category, each.metric, each.slice)]
    return replace(ask, text=text, items=tuple(dict.fromkeys(every)))


def _missed(source: AskSource) -> Iterable[Ask]:
    """Missed targets of figures that no other ask is about."""
    asked = _fallen(source) | set(_still_open(source))
    asked |= {(one.category, one.metric) for one in source.judged.findings if is_swap(one) and one.kind == "harm"}
    for row in source.judged.rows:
        for one in row.judgements.values():
            if one.verdict != "missed" or (row.id, one.metric) in asked:
                continue
            result = row.results[one.metric]
            text = (
                f"{METRIC_NAMES[one.metric]} of {row.name} is {numbers.share(result.value)}, with 95% confidence at "
                f"most {numbers.share(one.high)}, and so below its target of {numbers.share(one.target, 0)}: "
                f"{_advice(one.metric, row)}"
            )
            items = source.items.errors(row.id, one.metric, None)
            yield Ask(BELOW + source.severity(row.id), source.owner(row.id), text, row.id, items=items)


def _is_missed(row: CategoryRow | None, metric: str) -> bool:
    return row is not None and metric in row.judgements and row.judgements[metric].verdict == "missed"


def _below(row: CategoryRow | None, metric: str, subject: str = "It") -> str:
    """A sentence on a missed target, for an ask about the figure; empty without one."""
    if row is None or not _is_missed(row, metric):
        return ""
    one = row.judgements[metric]
    value = f"{numbers.share(row.results[metric].value)} now, with 95% confidence at most {numbers.share(one.high)}"
    return f" {subject} is {value}: below its target of {numbers.share(one.target, 0)}."


def _advice(metric: str, row: CategoryRow) -> str:
    n_wrong = round(row.results[metric].n * (1 - row.results[metric].value))
    if metric == "recall":
        return f"read the {plural(n_wrong, 'missed item')} and change prompt or rules."
    return f"read the {plural(n_wrong, 'wrongly flagged item')}, or lower the target on purpose."
