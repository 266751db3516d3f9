"""The report's sentences, made from numbers: what a careful analyst would write, and nothing the numbers do not say.

Decides wording only. Every figure is rounded by ``report.numbers``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.core.results import MetricResult
from harness.gating.findings import Cause, Finding
from harness.gating.findings.memory import BETTER_LOWER, Entry, Slide
from harness.gating.findings.stored import NEWLY
from harness.report.parts import numbers
from harness.report.parts.finding_words import NEWLY_WORDS, metric_words, place
from harness.report.parts.masking import shorten
from harness.report.parts.words import capital, enumerated, plural
from harness.report.weekly.chosen import WEEKS_REMEMBERED
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import METRIC_NAMES, CategoryRow, Change, Judgement, LabelSplit, Movement, Point
from harness.report.weekly.error_data import Topic
from harness.report.weekly.ledger import entry_figure, entry_value
from harness.report.weekly.production import Production
from harness.report.weekly.targets import is_below_in_production
from harness.report.weekly.weeks import weeks_between

MOST_REASON = 140
"""Characters of a reason in the headline; the ledger has all of it."""
TOLD = 3
"""Movements and categories named in the headline; the rest is counted."""
MISSED_TOLD = 2
"""Missed targets named in its first sentence."""


def weeks_phrase(weeks: Sequence[str]) -> str:
    """What a value is compared with: the week before, or several weeks together."""
    return f"in {weeks[0]}" if len(weeks) == 1 else f"over the {len(weeks)} weeks before"


def points_text(difference: float) -> str:
    """A size in points without sign: ``12.4 points``."""
    size = numbers.points(abs(difference)).lstrip("+")
    return f"{size} {'point' if size == '1.0' else 'points'}"


def movement_sentence(name: str, metric: str, point: Point) -> str:
    """A chart flag as one sentence."""
    difference = point.result.value - point.before
    verb = "rose" if difference > 0 else "fell"
    return (
        f"{METRIC_NAMES[metric]} of {name} {verb} by {points_text(difference)}, from {numbers.share(point.before)} "
        f"{weeks_phrase(point.weeks_before)} to {numbers.share_with_interval(point.result)} "
        f"(q {_q(point.q_value)}, n {numbers.count(point.result.n)})."
    )


def slide_sentence(name: str, metric: str, slide: Slide, now: MetricResult) -> str:
    """A slide as one sentence: since when, and how much."""
    then = numbers.share(slide.before)
    then += f" in {slide.since}" if len(slide.weeks) == 1 else f" over the {len(slide.weeks)} weeks up to it"
    return (
        f"{METRIC_NAMES[metric]} of {name} has slid by {points_text(now.value - slide.before)} since {slide.since}: "
        f"from {then} to {numbers.share_with_interval(now)} (q "
        f"{_q(slide.q_value)}, n {numbers.count(now.n)}), in moves that no week alone tells from chance."
    )


def slide_cause_sentence(since: str, changed: Mapping[str, str] | None) -> str:
    """What of the candidate and the labels became another version while it slid; None where nobody can say."""
    if changed is None:
        return f"The decisions are recorded: what changed behind them since {since}, the runs cannot say."
    if not changed:
        return f"No version of the candidate's inputs changed since {since}, where the slide begins."
    told = [f"{what} ({week})" for week, what in changed.items()]
    return f"What changed since {since}, where the slide begins: {enumerated(told, 4)}."


def summary_sentence(movements: Sequence[Movement]) -> str:
    """Many movements in one sentence: ``15 figures moved: recall rose in 6 categories; precision rose in 9 ...``."""
    told = []
    for metric in dict.fromkeys(one.metric for one in movements):
        ways = {
            verb: sum(1 for one in movements if one.metric == metric and (one.difference > 0) is is_up)
            for verb, is_up in (("fell", False), ("rose", True))
        }
        counted = [f"{verb} in {plural(n, 'category', 'categories')}" for verb, n in ways.items() if n]
        told.append(f"{METRIC_NAMES[metric].lower()} {' and '.join(counted)}")
    return f"{numbers.count(len(movements))} figures moved: {'; '.join(told)}."


def paired_sentence(
    name: str,
    metric: str,
    difference: MetricResult,
    newly: Mapping[str, int],
    since: str,
    n_shared: int | None,
    *,
    is_charted: bool,
) -> str:
    """A proven paired difference that the chart does not flag: small there, or, too long after, not tested at all.

    ``n_shared`` items are compared where the labels are others.
    """
    verb = "rose" if difference.value > 0 else "fell"
    said = f"{METRIC_NAMES[metric]} of {name} {verb} by {points_text(difference.value)} "
    said += f"[{numbers.points(difference.low)}, {numbers.points(difference.high)}] on "
    told = _behind(metric, difference, newly)
    if n_shared is not None:
        return f"{said}the {plural(n_shared, 'item')} shared with {since}, by the labels of now ({told})."
    small = ": small on the chart, but not chance" if is_charted else ""
    return f"{said}the same items as in {since} ({told}){small}."


def _behind(metric: str, difference: MetricResult, newly: Mapping[str, int]) -> str:
    """The items whose decision changed; those flagged rightly as well, where wrong flags alone do not explain it."""
    told, fewer_wrong = _counted(metric, newly), newly["cleared"] - newly["wrongly_flagged"]
    if metric == "precision" and fewer_wrong * difference.value <= 0:
        told += f"; of what is flagged rightly, {_counted('recall', newly)}"
    return told


def _counted(metric: str, newly: Mapping[str, int]) -> str:
    return ", ".join(f"{numbers.count(newly[one])} {NEWLY_WORDS[one]}" for one in NEWLY[metric])


def _q(value: float) -> str:
    text = numbers.p_value(value)
    return f"under {text[1:]}" if text.startswith("<") else text


def targets_sentence(week: str, candidate: str, rows: Sequence[CategoryRow]) -> str:
    """How the categories stand against their targets."""
    judged = [(row, one) for row in rows for one in row.judgements.values()]
    if not judged:
        return f"The policy states no targets, so the figures of {candidate} in {week} are not judged."
    if len(judged) == 1:
        return _only_target(week, candidate, *judged[0])
    by = {verdict: [pair for pair in judged if pair[1].verdict == verdict] for verdict in ("met", "missed", "open")}
    text = f"In {week} {candidate} met {len(by['met'])} of its {plural(len(judged), 'target')}"
    if by["missed"]:
        text += f" and missed {len(by['missed'])}: {enumerated([_beside_target(*pair) for pair in by['missed']])}"
    elif by["open"]:
        text += " and missed none"
    if by["open"]:
        text += f"; {plural(len(by['open']), 'target')} cannot be told yet"
    return text + "."


def _only_target(week: str, candidate: str, row: CategoryRow, one: Judgement) -> str:
    value = _beside_target(row, one)
    if one.verdict == "open":
        return f"In {week} it cannot be told yet whether {candidate} meets its only target, {value}."
    return f"In {week} {candidate} {one.verdict} its only target, {value}."


def _beside_target(row: CategoryRow, one: Judgement) -> str:
    value = numbers.share(row.results[one.metric].value)
    return f"{METRIC_NAMES[one.metric].lower()} of {row.name} ({value}, target {numbers.share(one.target, 0)})"


def nothing_moved(*, has_other: bool) -> str:
    """The sentence of a quiet week; ``has_other`` where something else is told."""
    return f"Nothing{' else' if has_other else ''} moved by more than chance explains."


def nothing_before(source: WeeklySource) -> str:
    """Why nothing is compared: the last run of the candidate is too long ago, or there is none."""
    if source.last_ever is not None:
        n_weeks = weeks_between(source.last_ever, source.week)
        return (
            f"The last run before this one is of {source.last_ever}, {n_weeks} weeks ago: after more than "
            f"{WEEKS_REMEMBERED} weeks nothing is compared."
        )
    of, own = (f" of {source.candidate}", " of its own") if len(source.by_week) > 1 else ("", "")
    return f"This is the first week with a run{of}, so there is nothing{own} to compare it with."


def changes_sentence(changes: Sequence[Change], since: str) -> str:
    """What changed in the inputs."""
    if not changes:
        return f"No input changed since {since}."
    return f"What changed since {since}: {enumerated([one.phrase for one in changes], 4)}."


_SAID: dict[str, str] = {
    "no_change": "None of its own inputs changed since {since}.",
    "recorded": "These are recorded decisions: what changed since {since} behind them, the runs cannot say.",
    "no_control": "No control on the same model ran in both weeks.",
    "control_calls_none": "The control {0} calls no model, so it says nothing about drift of this one.",
    "control_elsewhere": "The control {0} asks another model or endpoint, so it says nothing about drift of this one.",
    "control_cached": "The answers of the control {0} came from the journal, so they say nothing about drift.",
    "control_same": "The frozen control {0}, on the same model, decided every item as before",
    "control_steady": "The frozen control {0}, on the same model, shows no drift",
}
_CONTROL_TO_ADD = "add an unchanged candidate on the same model as control, asked anew every week"


def cause_sentence(cause: Cause, since: str) -> str:
    """Why it moved, as far as runs can tell."""
    parts = []
    has_changes = any(one.kind == "changes" for one in cause.because)
    for one in cause.because:
        names = one.names
        if one.kind == "changes":
            parts.append(f"Since {since}, {enumerated(names, 4)}.")
        elif one.kind == "sample":
            parts.append(f"The items are {names[0]}.")
        elif one.kind == "no_model":
            parts += ["No vendor's model takes part, so the change is ours."] if has_changes else []
        elif one.kind == "drift_possible":
            what = "It coincides with our change; model drift" if has_changes else "Model drift"
            parts.append(f"{what} is not ruled out: {_CONTROL_TO_ADD}.")
        elif one.kind in ("control_moved", "control_moved_too"):
            ending = (
                "not all of it is our change" if has_changes else "the model behind them or the items changed, not we"
            )
            parts.append(f"The frozen control {names[0]} moved too ({enumerated(names[1:])}): {ending}.")
        elif one.kind in ("control_same", "control_steady"):
            said = _SAID[one.kind].format(*names)
            sure = "the cause is our change" if one.kind == "control_same" else "this points to our change"
            parts.append(f"{said}: {sure if has_changes else 'look for what the runs do not record'}.")
        elif one.kind in _SAID:
            parts.append(_SAID[one.kind].format(*names, since=since))
    return " ".join(parts)


def ledger_sentences(entries: Sequence[Entry], week: str, names: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Falls that somebody answers for, and those that this week repaired; open ones are findings, told elsewhere."""
    acknowledged, repaired = [], []
    for one in entries:
        figure, is_rise = entry_figure(one, names), one.metric in BETTER_LOWER
        if one.closed is None and one.acknowledged is not None:
            how = f"{'rose' if is_rise else 'fell'} in" if one.slid_since is None else f"slid from {one.slid_since} to"
            acknowledged.append(
                f"{figure} {how} {one.since}, from {entry_value(one, one.before)} "
                f"to {entry_value(one, one.then.value)}, and is not repaired ({entry_value(one, one.now.value)} now); "
                f"{one.acknowledged.by} answers for it: {shorten(one.acknowledged.reason, MOST_REASON).rstrip('.')}."
            )
        elif one.closed == week and not one.is_given_up:
            fallen, fall = ("risen", "rise") if is_rise else ("fallen", "fall")
            repaired.append(
                f"{figure}, {fallen} in {one.since}, is repaired: {entry_value(one, one.now.value)} now, "
                f"{entry_value(one, one.before)} before the {fall}."
            )
    return acknowledged, repaired


def missed_clause(findings: Sequence[Finding]) -> str:
    """Missed targets as a clause, the most severe first: ``2 targets are missed: recall of ...``; empty without any."""
    missed = [one for one in findings if one.fact == "target_missed"]
    if not missed:
        return ""
    told = []
    for one in missed:
        value = "" if one.after is None else f"{numbers.share(one.after.value)}, "
        told.append(
            f"{metric_words(str(one.metric))} of {place(one)} ({value}target {numbers.share(one.evidence.target, 0)})"
        )
    are = "is" if len(missed) == 1 else "are"
    return f"{plural(len(missed), 'target')} {are} missed: {enumerated(told, MISSED_TOLD)}"


def rose_clause(rises: Sequence[Movement]) -> str:
    """What rose, in a few words: ``Recall of Hate and precision of Spam rose``."""
    if len(rises) > TOLD:
        return f"{numbers.count(len(rises))} figures rose"
    return f"{capital(enumerated([f'{METRIC_NAMES[one.metric].lower()} of {one.name}' for one in rises]))} rose"


def production_sentence(rows: Sequence[CategoryRow]) -> str:
    """Targets of precision that fail by far in production, those first that hold on this set; empty without any."""
    below = []
    order = ("met", "open", "missed")
    found = [row for row in rows if is_below_in_production(row)]
    for row in sorted(found, key=lambda row: order.index(row.judgements["precision"].verdict)):
        judged, there = row.judgements["precision"], row.production_precision
        if there is None:
            continue
        said = ", met on this set" if judged.verdict == "met" else ""
        below.append(f"{row.name} {numbers.share(there.value)} (target {numbers.share(judged.target, 0)}{said})")
    return (
        f"In production, at the policy's prevalence, precision stays below its target: {enumerated(below)}."
        if below
        else ""
    )


def other_baseline(source: WeeklySource) -> list[str]:
    """A baseline that is another one than before may not pass in silence."""
    if source.swapped is None:
        return []
    week, old, _ = source.swapped
    return [
        f"The eval's baseline was {old} in {week} and is {source.candidate} now: the weeks before show "
        f"{source.candidate} where it ran, not what was the baseline then."
    ]


def production_gap(production: Production | None) -> list[str]:
    """That the reported week has no sample of production: figures of an older one are no figures of this week."""
    if production is None or production.newest == production.week:
        return []
    return [
        f"No labelled sample of production in {production.week}: the newest is of {production.newest}, and says "
        "nothing about this week."
    ]


def golden_sentence(changes: Sequence[Change], previous: str, n_shared: int) -> str:
    """Why two weeks over different golden sets or policies are not set side by side."""
    what = capital(enumerated([one.phrase for one in changes], 3))
    shared = (
        f"On the {plural(n_shared, 'item')} that both hold with the same text the change is split below into "
        "labels and candidate."
        if n_shared
        else "They share no item with the same text."
    )
    return f"{what}: this week's figures are not comparable with those of {previous} and before. {shared}"


def split_sentence(one: LabelSplit) -> str:
    """One line of a split that is worth a sentence."""
    sides = f"labels {numbers.points(one.by_labels)}, candidate {numbers.points(one.by_candidate)} points"
    return f"{METRIC_NAMES[one.metric]} of {one.name}: {sides}"


def topic_name(one: Topic) -> str:
    """What a cluster of texts is called: its words, and the slices and rules of most of it."""
    words = ", ".join(f"“{word}”" for word in one.words)
    return "; ".join(part for part in (words, *one.marks) if part) or "alike, with no word of their own"


def topic_counts(one: Topic) -> str:
    """How many, which way, and in which categories."""
    parts = [plural(one.n, "item")]
    parts += [f"{numbers.count(one.n_missed)} missed"] if one.n_missed else []
    parts += [f"{numbers.count(one.n_wrongly_flagged)} wrongly flagged"] if one.n_wrongly_flagged else []
    return f"{', '.join(parts)}; {', '.join(f'{name} {numbers.count(n)}' for name, n in one.categories)}"
