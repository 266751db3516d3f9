"""What a chart or table shows, as its title: the finding, not the name of the axis.

Decides which fact of a chart is its finding. Every one is read from the data that the chart is drawn from.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.production_table import PRODUCTION_FIGURES
from harness.core.results import MetricResult
from harness.report.parts import numbers
from harness.report.parts.disputes import Dispute
from harness.report.parts.words import capital, enumerated, plural
from harness.report.weekly.data import METRIC_NAMES, CategoryRow, Engineering, Judgement, Series, WeekCosts, WeeklyData
from harness.report.weekly.error_data import KIND_NAMES, Cluster, Errors
from harness.report.weekly.operations import Operations
from harness.report.weekly.production import Production, newest_findings
from harness.report.weekly.targets import is_below_in_production

_NEWLY = {"te": "without a usable decision"}
_STATES = {"met": "target met", "missed": "below target", "open": "target open"}


def targets_title(rows: Sequence[CategoryRow]) -> str:
    """``Recall: 3 of 8 targets met, 2 missed (Sexual, Hate); ...``, a sentence a metric."""
    said = []
    for metric, title in METRIC_NAMES.items():
        judged = [(row.name, row.judgements[metric].verdict) for row in rows if metric in row.judgements]
        by = {one: [name for name, verdict in judged if verdict == one] for one in ("met", "missed", "open")}
        tail = f", {len(by['missed'])} missed ({enumerated(by['missed'])})" if by["missed"] else ""
        tail += f", {len(by['open'])} cannot be told" if by["open"] else ""
        if judged:
            said.append(f"{title}: {len(by['met'])} of {plural(len(judged), 'target')} met{tail}")
    if not said:
        return "The policy states no targets."
    below = [row.name for row in rows if is_below_in_production(row)]
    there = f" In production, at the policy’s prevalence, precision stays below target in {enumerated(below)}."
    return "; ".join(said) + "." + (there if below else "")


def trend_title(metric: str, shown: Sequence[Series], week: str, names: dict[str, str]) -> str:
    """What moved this week over all panels of a metric."""
    ways: dict[str, list[str]] = {"fell": [], "rose": []}
    slid = []
    for one in shown:
        point = one.points[-1]
        if point.week == week and point.is_flagged:
            ways["rose" if point.result.value > point.before else "fell"].append(names[one.category])
        elif point.week == week and point.slide is not None:
            slid.append(f"{names[one.category]} (since {point.slide.since[5:]})")
    title, when = METRIC_NAMES[metric], " this week" if slid else ""
    told = [f"has slid in {enumerated(slid, 4)}"] if slid else []
    told += [f"{way}{when} in {enumerated(found, 4)}" for way, found in ways.items() if found]
    if told:
        return f"{title} {' and '.join(told)}{'' if slid else ' this week'}."
    if len(shown) == 1:
        return f"{title} of {names[shown[0].category]} did not move this week."
    return f"{title}: none of {len(shown)} categories moved this week."


def trend_finding(name: str, series: Series, judged: Judgement | None, week: str) -> str:
    """``Sexual: fell to 65.8% in W46, 67.1% now, below target``; a figure of an earlier week is never ``now``."""
    known = [one for one in series.points if one.result.is_defined]
    if not known:
        return f"{name}: never measured"
    last = known[-1]
    now = numbers.share(last.result.value)
    if last.week != week:
        return f"{name}: not measured in {week[5:]}, {now} in {last.week[5:]}"
    flagged = [one for one in known if one.has_moved]
    if flagged:
        moved = flagged[-1]
        to = f"to {numbers.share(moved.result.value)}"
        if moved.slide is not None:
            since = f"from {moved.slide.since[5:]} to {moved.week[5:]}"
            said = f"slid from {numbers.share(moved.slide.before)} {to} {since}"
        else:
            said = f"{'rose' if moved.result.value > moved.moved_from else 'fell'} {to} in {moved.week[5:]}"
        said += "" if moved is last else f", {now} now"
    else:
        said = now if len(known) == 1 else f"steady, {now} now"
    return f"{name}: {said}" + (f", {_STATES[judged.verdict]}" if judged is not None else "")


def workload_title(operations: Operations, week: str) -> str:
    """What a day would bring, against the run before."""
    work = operations.workload
    if work is None:
        return ""
    traffic = work.traffic.items_per_day
    said = f"{day(work.now.flagged, traffic)} flags a day, {day(work.now.wrongly_flagged, traffic)} of them wrong"
    said += f": {day(work.now.flagged, work.traffic.hours)} reviewer hours"
    if work.before is None:
        return f"{week}: {said}; nothing comparable before."
    change = work.now.flagged.value - work.before.flagged.value
    way = "more" if change > 0 else "fewer"
    if not round(traffic * change):
        return f"{week}: {said}; as many as in {work.since}."
    size = numbers.count(round(abs(traffic * change)))
    sure = "" if work.change else ", within the ranges of both"
    return f"{week}: {said}; {size} {way} than in {work.since}{sure}."


def day(result: MetricResult, factor: float) -> str:
    """A share of traffic as a number a day."""
    return numbers.count(round(factor * result.value)) if result.is_defined else "n/a"


def production_title(production: Production) -> str:
    """What the newest sample says of all categories together, what moved, and which weeks have none."""
    shown = [(one, point) for one in production.overall if (point := one.at(production.newest)) is not None]
    first = [pair for pair in shown if pair[0].figure in ("violating_views_left_up", "leakage_views")]
    first = first or [pair for pair in shown if pair[0].figure in ("violating_views", "violating_items")][:1]
    told = [
        f"{PRODUCTION_FIGURES[one.figure].words} {numbers.rate_with_interval(point.result)}" for one, point in first
    ]
    said = f"{production.newest}, {production.overall[0].name}: {', '.join(told)}." if told else f"{production.newest}."
    ways: dict[str, list[str]] = {"rose": [], "fell": []}
    for one in newest_findings(production):
        if not one.evidence.restates:
            figure = PRODUCTION_FIGURES[str(one.metric)].words
            ways["rose" if one.kind == "harm" else "fell"].append(f"{figure} of {one.name}")
    moved = "; ".join(f"{way}: {enumerated(found, 4)}" for way, found in ways.items() if found)
    since = any(point.since for _, point in production.now)
    said += f" {capital(moved)}." if moved else " Nothing moved by more than chance explains." if since else ""
    if production.missing:
        said += f" No sample in {enumerated(production.missing, 6)}."
    return said


def languages_title(operations: Operations) -> str:
    """The language in which most harm is missed, with its items."""
    known = [row for row in operations.languages if row.now["recall"].is_defined]
    if not known:
        return "No language holds a violating item."
    low, high = (pick(known, key=lambda row: row.now["recall"].value) for pick in (min, max))
    least, most = (numbers.share_with_interval(one.now["recall"]) for one in (low, high))
    if len(known) == 1:
        return f"Recall in {low.value}: {least}."
    if low is high:  # all alike
        return f"Recall is {numbers.share(low.now['recall'].value)} in each of {len(known)} languages."
    return f"Recall is lowest in {low.value}, {least}, and highest in {high.value}, {most}."


def disputes_title(found: Sequence[Dispute]) -> str:
    """How many errors are on disputed items, and where annotators agree least."""
    if not found:
        return ""
    n_errors, n_disputed = sum(one.n_errors for one in found), sum(one.n_disputed_errors for one in found)
    known = [one for one in found if one.votes.alpha.is_defined]
    least = min(known, key=lambda one: one.votes.alpha.value, default=None)
    said = f"{numbers.count(n_disputed)} of {plural(n_errors, 'error')} are on items that annotators dispute"
    if least is None:
        return f"{said}."
    alpha = f"α {numbers.score(least.votes.alpha.value, 2)}"
    if len(known) == 1:
        return f"{said}; their agreement on {least.name} is {alpha}."
    return f"{said}; they agree least on {least.name} ({alpha})."


def cost_titles(engineering: Engineering) -> list[tuple[str, str]]:
    """Field of ``WeekCosts`` -> title, for what was measured."""
    found = []
    for name, title, words in (
        ("cost_per_1000_usd", "Cost per 1,000 answered items", numbers.usd),
        ("latency_p95", "Latency, 95th percentile", numbers.milliseconds),
    ):
        known = [(one.week, value) for one in engineering.costs if (value := getattr(one, name)) is not None]
        if known:
            before = [value for _, value in known[:-1]]
            tail = "" if not before else f", {words(before[-1])} in {known[-2][0][5:]}"
            found.append((name, f"{title}: {words(known[-1][1])}{tail}"))
    rates = [one for one in engineering.costs if one.failure_rate.is_defined]
    if rates:
        tail = "" if len(rates) < 2 else f", {_rate(rates[-2])} in {rates[-2].week[5:]}"
        found.append(("failure_rate", f"Failed answers: {_rate(rates[-1])}{tail}"))
    return found


def _rate(one: WeekCosts) -> str:
    return numbers.share(one.failure_rate.value, 2)


def names_of(data: WeeklyData) -> dict[str, str]:
    """Category id -> name."""
    return {row.id: row.name for row in data.rows}


def gathered(one: Cluster) -> str:
    """Where the errors of a cluster gather; ``most`` only where it is more than half of them.

    >>> from harness.report.weekly.error_data import Part
    >>> part = Part("language", "de", 52, 0, 90, 0.01)
    >>> gathered(Cluster("hate", "Hate", "fn", 2_242, 0, 2_500, 9_000, 0.01, True, (part,), ()))
    '52 of them in language de, where they are denser than elsewhere'
    """
    part = one.parts[0]
    if 2 * part.n_new > one.n_new:
        return f"most in {part.slice} {part.value} ({numbers.count(part.n_new)} of {numbers.count(one.n_new)})"
    return f"{numbers.count(part.n_new)} of them in {part.slice} {part.value}, where they are denser than elsewhere"


def new_error_sentences(errors: Errors | None) -> tuple[str, ...]:
    """Clusters of new errors that stand out, a sentence each."""
    if errors is None or not errors.is_new or not errors.n_new:
        return ()
    return tuple(
        f"{one.name}: {plural(one.n_new, 'item')} newly {_NEWLY.get(one.kind) or KIND_NAMES[one.kind]}"
        + (f", {gathered(one)}" if one.parts else "")
        for one in errors.clusters
        if one.stands_out
    )


def in_short(
    operations: Operations, disputes: Sequence[Dispute], engineering: Engineering, week: str
) -> tuple[tuple[str, str], ...]:
    """Heading and finding of what operations and engineering read: the same sentences on every surface."""
    costs = "; ".join(title for _, title in cost_titles(engineering)) if engineering.has_costs else ""
    found = (
        ("A day in production", workload_title(operations, week)),
        ("Languages", languages_title(operations) if operations.languages else ""),
        ("Disputes", disputes_title(disputes)),
        ("Cost and time", f"{costs}." if costs else ""),
    )
    return tuple((heading, sentence) for heading, sentence in found if sentence)
