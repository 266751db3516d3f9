"""Findings in words: plain ones first, the statistics in brackets behind them.

Decides wording only; what is a finding, and of which kind, is decided in ``gating.findings``. A sentence is made from
its finding, and nobody edits it afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.core.metric_table import LOWER_IS_BETTER, METRIC_TABLE, table_metric
from harness.core.production_table import PRODUCTION_FIGURES
from harness.core.results import MetricResult
from harness.gating.findings import Finding
from harness.measure.slices import SMALL_CELL
from harness.report.parts import numbers
from harness.report.parts.words import capital, enumerated, outcome_words, plural

_OTHER_WORDS = {name: facts.words for name, facts in PRODUCTION_FIGURES.items()} | {
    "lost_category": "share of decided items"
}
NEWLY_WORDS = {
    "caught": "newly caught",
    "missed": "newly missed",
    "wrongly_flagged": "newly wrongly flagged",
    "cleared": "no longer wrongly flagged",
}
GOLD_WORDS = {
    "caught": "gold: violates",
    "missed": "gold: violates",
    "wrongly_flagged": "gold: does not violate",
    "cleared": "gold: does not violate",
}
"""What the label of items says whose decision changed so."""
NO_OWNER = "no owner named in the policy"
EVERYWHERE = "all categories together"
_OF = {
    "recall": ("violating items", "it catches {} instead of {}"),
    "precision": ("items it flags", "{} are right instead of {}"),
    "fpr": ("harmless items", "it flags {} instead of {}"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A finding in words: what a reader needs, and the statistics that a page shows smaller."""

    plain: str
    statistics: str = ""

    @property
    def text(self) -> str:
        """Both in one sentence."""
        return f"{self.plain} ({self.statistics})." if self.statistics else self.plain


def finding_told(one: Finding) -> Told:
    """The finding in words, in two parts."""
    if one.fact == "moved" and one.kind != "open":
        return _moved(one)
    return Told(capital(_FACTS[one.fact](one)))


def finding_sentence(one: Finding) -> str:
    """The finding as one sentence."""
    return finding_told(one).text


def place(one: Finding) -> str:
    """Category and slice: ``Self-harm (critical) in language ar``."""
    name = one.name or "violations, all categories together,"
    if one.severity == "critical":
        name += " (critical)"
    return name if one.slice is None else f"{name} in {slice_words(one.slice)}"


def slice_words(one: tuple[str, str]) -> str:
    """``language ar``."""
    return f"{one[0].replace('_', ' ')} {one[1]}"


def figure(one: Finding) -> str:
    """What the finding is about: ``recall of Hate in language ar``."""
    where = one.name or ("all answers" if one.metric == "failure_rate" else EVERYWHERE)
    where = where if one.slice is None else f"{where} in {slice_words(one.slice)}"
    return f"{metric_words(one.metric)} of {where}" if one.metric else where


def in_plain(metric: str, before: MetricResult, after: MetricResult) -> str:
    """``of 100 violating items it catches 85 instead of 78``; of 1,000 where these are alike, or falsely 0 or 100."""
    noun, words = _OF.get(table_metric(metric) if "@" in metric else metric, ("", ""))
    for of in (100, 1_000):
        was, now = (round(of * one.value) for one in (before, after))
        is_true = all(0 < n < of or n == of * one.value for n, one in ((was, before), (now, after)))
        if words and was != now and is_true:
            return f"of {of:,} {noun} {words.format(f'{now:,}', f'{was:,}')}"
    return f"{metric_words(metric)} is {numbers.share(after.value, 2)} instead of {numbers.share(before.value, 2)}"


def statistics(one: Finding) -> str:
    """Values, difference with its interval, support, and how sure: the text in brackets."""
    parts = []
    if one.before is not None and one.after is not None and one.after.is_defined and one.before.is_defined:
        parts.append(f"{numbers.share(one.before.value)} to {numbers.share(one.after.value)}")
    if one.difference is not None and one.difference.is_defined:
        parts.append(f"{numbers.points_with_interval(one.difference)} points")
        parts.append(f"n {numbers.count(one.difference.n)}")
    if one.evidence.adjusted is not None:
        sure = {"proven": "proven", "likely": "likely, exploratory"}.get(one.evidence.proof, "")
        parts.append(f"{sure}, {'p' if one.evidence.proof == 'proven' else 'q'} {equals(one.evidence.adjusted)}")
    return ", ".join(parts)


def newly_text(one: Finding) -> str:
    """``33 newly missed, 12 newly caught``; empty without counts."""
    return ", ".join(f"{numbers.count(n)} {NEWLY_WORDS[name]}" for name, n in one.evidence.newly.items())


def equals(value: float) -> str:
    """``= 0.012``, or ``< 0.001``."""
    text = numbers.p_value(value)
    return text if text.startswith("<") else f"= {text}"


def _slid(one: Finding) -> Told:
    """A fall over weeks, none of which shows it."""
    assert one.metric is not None
    assert one.before is not None
    assert one.after is not None
    size = numbers.points(abs(one.after.value - one.before.value)).lstrip("+")
    verb = "crept up" if one.metric in LOWER_IS_BETTER else "slid"
    text = (
        f"{figure(one)} has {verb} by {size} points since {one.evidence.slid_since}, in moves that no week alone tells "
    )
    text += f"from chance: {in_plain(one.metric, one.before, one.after)}"
    sure = (
        f"{numbers.share(one.before.value)} to {numbers.share_with_interval(one.after)}, n {numbers.count(one.after.n)}"
    )
    return Told(capital(text), f"{sure}, likely, exploratory, q {equals(one.evidence.adjusted or 0.0)}")


def _moved(one: Finding) -> Told:
    assert one.metric is not None
    assert one.difference is not None
    if one.evidence.slid_since is not None:
        return _slid(one)
    better = one.kind == "gain"
    verbs = METRIC_TABLE[one.metric].verbs
    is_rise = better != (one.metric in LOWER_IS_BETTER)
    text = (
        verbs[not better].format(place(one))
        if all(verbs)
        else f"has {'higher' if is_rise else 'lower'} {metric_words(one.metric)} on {place(one)}"
    )
    if one.evidence.names[:1] == ("instead_of",):
        text += f" than {one.evidence.names[1]} in {one.since}"
    if one.before is not None and one.after is not None:
        text += f": {in_plain(one.metric, one.before, one.after)}"
    told = "; ".join(part for part in (statistics(one), newly_text(one)) if part)
    return Told(capital(text), told)


def _still_open(one: Finding) -> str:
    """A fall of an earlier week that nobody repaired or answered for."""
    if one.metric == "lost_category" and one.after is not None and not one.after.n:
        return (
            f"the golden set holds no violating item of {one.name} since {one.since}: whether it is caught, nobody can "
            "say."
        )
    before, then = one.before, one.evidence.then
    is_of_production = one.fact == "production"
    share: Callable[[float | None], str] = numbers.rate if is_of_production else numbers.share
    whole = numbers.rate_with_interval if is_of_production else numbers.share_with_interval
    now = "n/a" if one.after is None else whole(one.after)
    verb = "rose" if is_of_production or one.metric in LOWER_IS_BETTER else "fell"
    what = f"in production the {figure(one)}" if is_of_production else figure(one)
    slid = one.evidence.slid_since
    how = f"{verb} in {one.since}" if slid is None else f"slid from {slid} to {one.since}"
    text = f"{what} {how}, from {share(None if before is None else before.value)} to "
    text += f"{share(then)}, and is not repaired: it is {now} now"
    return f"{text}, on other labels." if "other_labels" in one.evidence.names else f"{text}."


def _production(one: Finding) -> str:
    """A figure of production's labelled samples that moved, or rose before and has not come down."""
    if one.kind == "open":
        return _still_open(one)
    assert one.before is not None
    assert one.after is not None
    assert one.metric is not None
    facts = PRODUCTION_FIGURES[one.metric]
    where = place(one) if one.category else "all categories together"
    verb = "rose" if one.after.value > one.before.value else "fell"
    return (
        f"in production the {facts.words} of {where} {verb} from {numbers.rate_with_interval(one.before)} in "
        f"{one.since} to {numbers.rate_with_interval(one.after)} (likely, exploratory, q "
        f"{equals(one.evidence.adjusted or 0.0)}, {plural(one.after.n, 'labelled item')})."
    )


def _target(one: Finding) -> str:
    assert one.after is not None
    told, metric = one.evidence, metric_words(str(one.metric))
    asked = numbers.share(told.target, 0)
    value = numbers.share(one.after.value)
    if one.fact == "target_missed":
        bound = f", with 95% confidence at most {numbers.share(told.bound)}"
        return f"{metric} of {place(one)} misses the policy’s target of {asked}: it is {value}{bound} (n {told.n:,})."
    more = f"; about {further_items(one)} would settle it" if told.more else ""
    return f"whether {metric} of {place(one)} meets its target of {asked} cannot be told ({value}, n {told.n:,}){more}."


def metric_words(metric: str) -> str:
    """A metric within a sentence; the name itself where nothing is known of it."""
    if metric in _OTHER_WORDS:
        return _OTHER_WORDS[metric]
    try:
        return METRIC_TABLE[metric].words
    except KeyError:
        return metric


_UNITS = {"recall": "violating item", "precision": "flagged item", "fpr": "harmless item", "failure_rate": "item"}


def few_behind(metric: str, n_of: Mapping[str, int]) -> tuple[str, ...]:
    """A note that names the figures of a table that rest on few items; none where each rests on enough.

    >>> few_behind("recall", {"Hate": 3, "Spam": 60})
    ('Fewer than 20 violating items stand behind recall of Hate (n 3): read the interval, not the value.',)
    """
    few = [f"{name} (n {numbers.count(n)})" for name, n in n_of.items() if 0 < n < SMALL_CELL]
    if not few or metric not in _UNITS:
        return ()
    behind = f"Fewer than {SMALL_CELL} {_UNITS[metric]}s stand behind {metric_words(metric)}"
    return (f"{behind} of {enumerated(few, 8)}: read the interval, not the value.",)


def further_items(one: Finding) -> str:
    """``157 more violating items``."""
    unit = _UNITS.get(table_metric(str(one.metric)) if one.metric != "failure_rate" else one.metric, "item")
    return plural(one.evidence.more or 0, f"more {unit}")


def _must_catch(one: Finding) -> str:
    items = plural(one.evidence.n or 0, "item")
    ids = enumerated(one.evidence.names, 5)
    return f"misses {items} that must be caught, whatever the statistics say: {ids}."


def _failures(one: Finding) -> str:
    assert one.before is not None
    assert one.after is not None
    more = f"{plural(one.evidence.n or 0, 'answer')} of {numbers.count(one.evidence.n_of or 0)} newly fail"
    return (
        f"more answers cannot be used: {numbers.share(one.after.value, 2)} instead of "
        f"{numbers.share(one.before.value, 2)} ({more}, p {equals(one.evidence.p_value or 1.0)})."
    )


def _unusable(one: Finding) -> str:
    told = one.evidence
    share = numbers.share((told.n or 0) / (told.n_of or 1), 0)
    names = [outcome_words(name) for name in told.names]
    what = f"{'most' if told.more else 'all'} of them {names[0]}" if len(names) == 1 else enumerated(names, len(names))
    counted = f"{numbers.count(told.n or 0)} of {numbers.count(told.n_of or 0)} answers ({share}) failed, {what}"
    if told.n == told.n_of:
        is_error = told.names == ("error",) and not told.more
        whose = "It has no figures." if is_error else "Every figure of it is the fallback’s, not its own."
        return f"nothing usable came from {one.candidate}: {counted}. {whose}"
    whose = "What it decided on those is the fallback’s, not its own, and its figures are no basis for a decision."
    return f"most answers of {one.candidate} cannot be used: {counted}. {whose}"


def _missing_pairs(one: Finding) -> str:
    told = one.evidence
    counted = f"{numbers.count(told.n or 0)} of {numbers.count(told.n_of or 0)}"
    if told.target is not None:
        whose = f"answers of {told.names[0]} are missing" if told.names[0] else "items have no answer of one side"
        return f"{counted} {whose}, more than the {100 * told.target:g}% that the eval allows."
    verdict, becomes = told.names
    return f"{counted} items have no answer of one side: counted against {one.candidate}, {verdict} becomes {becomes}."


def _undecided(one: Finding) -> str:
    return f"nothing was decided by {one.candidate}: it gave no decision in any category, so there is nothing to judge."


def _lost(one: Finding) -> str:
    return lost_sentence([one])


def lost_sentence(lost: Sequence[Finding]) -> str:
    """Categories of which nothing is known any more, all of them dropped by the candidate, or all by the golden set."""
    one = lost[0]
    many = "" if len(lost) == 1 else f"{plural(len(lost), 'category', 'categories')}: "
    where = many + enumerated([place(each) for each in lost], 5)
    if one.since is None:
        return f"decides nothing about {where}, which the baseline decides."
    if "set" in one.evidence.names:
        holds = f"the golden set holds no violating item of {where} any more, as it did in {one.since}"
        return f"{holds}: whether {'it is' if len(lost) == 1 else 'they are'} caught, nobody can say."
    it = "it" if len(lost) == 1 else "them"
    return f"nothing is decided any more about {where}: {one.candidate} decided {it} in {one.since}."


def _run(one: Finding) -> str:
    run_id, status = one.evidence.names
    return f"run {run_id} is {status}: its figures are no basis for a decision."


def _check(one: Finding) -> str:
    told = one.evidence
    kind, verdict = told.names
    asked = (
        f"margin {100 * (told.target or 0):g} points" if kind == "margin" else f"floor {100 * (told.target or 0):g}%"
    )
    everything = "all items" if one.metric == "failure_rate" else "the guarded categories together"
    place_of = place(one) if one.category else everything
    name = f"{metric_words(str(one.metric))} of {place_of}"
    size = f", {numbers.points_with_interval(one.difference)} points" if one.difference is not None else ""
    if one.after is not None:
        size = f", and it is {numbers.share_with_interval(one.after)}"
    size += ", 90% interval" if "[" in size else ""
    if verdict == "REGRESSION":
        return f"{name} fails the gate’s check ({asked}{size})."
    more = f"; about {further_items(one)} would settle it" if told.more else ""
    return f"the gate’s check of {name} cannot be settled ({asked}{size}){more}."


def _untold(one: Finding) -> str:
    if one.slice is not None:
        few = plural(one.evidence.n or 0, "item")
        return f"{slice_words(one.slice)} holds too little to test ({few} behind a figure)."
    if one.difference is None or not one.difference.is_defined:
        why = "" if one.difference is None or not one.difference.reason else f" ({one.difference.reason})"
        return f"{figure(one)} cannot be compared{why}."
    return f"whether {figure(one)} moved cannot be told ({statistics(one)})."


_FACTS: dict[str, Callable[[Finding], str]] = {
    "moved": _still_open,
    "target_missed": _target,
    "target_open": _target,
    "must_catch": _must_catch,
    "failures": _failures,
    "unusable": _unusable,
    "undecided": _undecided,
    "missing_pairs": _missing_pairs,
    "lost_category": _lost,
    "run": _run,
    "check": _check,
    "untold": _untold,
    "production": _production,
}


def distinct(names: Iterable[str]) -> list[str]:
    """Each name once, in order: a figure that moved and also fails its floor has one name."""
    return list(dict.fromkeys(names))


def short_name(one: Finding) -> str:
    """What a finding is about, as part of a list."""
    if one.fact in ("target_missed", "target_open"):
        return f"target of {figure(one)}"
    return figure(one) if one.metric else place(one)
