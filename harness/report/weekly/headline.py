"""The headline: the week in a few sentences, the first of which stands in bold.

Decides their order: silence, harm, what somebody answers for, gains, why, what stayed, and how the targets stand. No
gain and no quiet week is told in bold while a target is missed or anything fell: the first sentence names it. The
wording is in ``sentences``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.gating.findings import Finding
from harness.report.parts.finding_words import finding_sentence
from harness.report.parts.words import capital
from harness.report.weekly import sentences
from harness.report.weekly.arrivals import new_category_sentences, removed_category_sentences, replaced_sentences
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.data import Movement
from harness.report.weekly.findings import MOST_OPEN, production_told
from harness.report.weekly.judged import Judged
from harness.report.weekly.operating import operating_sentences
from harness.report.weekly.silence import is_silence, lost_sentences, missing_runs
from harness.report.weekly.swapped import is_swap


def headline_of(source: WeeklySource, judged: Judged, causes: tuple[str, ...]) -> tuple[str, ...]:
    """The report in a few sentences."""
    names, rows, movements, findings = judged.names, judged.rows, judged.movements, judged.findings
    previous_week, is_comparable = judged.before.week, judged.before.is_comparable
    told = [
        one for one in findings if one.kind in ("invalid", "open") or (one.kind == "harm" and _is_apart(one, movements))
    ]
    there = production_told(findings)
    n_worse_there = sum(one.kind == "harm" for one in there)
    acknowledged, repaired = sentences.ledger_sentences(judged.told, source.week, names)
    rises = [one for one in movements if one.is_better]
    falls = [one.sentence for one in movements if not one.is_better]
    summary = [sentences.summary_sentence(movements)] if len(movements) > sentences.TOLD else []

    silent = _told(one for one in told if one.kind == "invalid") + lost_sentences(told)
    silent += _told([one for one in told if one.kind == "open" and is_silence(one)][:MOST_OPEN])
    has_moved = bool(movements) or any(one.kind == "harm" for one in told)
    absent = missing_runs(source, previous_week, has_moved=has_moved)
    harm = [*summary, *falls[: sentences.TOLD]] if falls else []
    harm += _told([one for one in told if one.kind == "open" and not is_silence(one)][:MOST_OPEN])
    harm += _told([one for one in told if _is_here(one)][:MOST_OPEN]) + _told(there[: min(n_worse_there, MOST_OPEN)])
    good = (
        removed_category_sentences(source, names, judged.told)
        + repaired[:MOST_OPEN]
        + _told(there[n_worse_there:MOST_OPEN])
    )
    good += [] if falls else summary
    good += [one.sentence for one in rises[: max(1, sentences.TOLD - len(falls))]]

    quiet, has_other = "", bool(told or acknowledged or repaired or there)
    if previous_week is None and not movements:
        quiet = sentences.nothing_before(source)
    elif is_comparable and not movements:
        quiet = sentences.nothing_moved(has_other=has_other)
    missed = "" if silent or harm else sentences.missed_clause(findings)
    lead = []
    if missed and absent:
        absent[0] = f"{absent[0].removesuffix('.')}; {missed}."
    elif missed and rises:
        lead = [f"{sentences.rose_clause(rises)}, yet {missed}."]
    elif missed and quiet and not has_other:
        lead = [f"{quiet.removesuffix('.')}{'; ' if previous_week is None else ', yet '}{missed}."]
        quiet = ""
    elif missed:
        lead = [f"{capital(missed)}."]

    found = [*lead, *silent, *absent, *harm, *acknowledged[:MOST_OPEN], sentences.production_sentence(rows), *good]
    found += [
        *sentences.other_baseline(source),
        *_told(_swapped_gains(findings)),
        *sentences.production_gap(judged.production),
        quiet,
    ]
    found += new_category_sentences(source, rows, judged.told) + replaced_sentences(source)
    found += causes[:3] if not is_comparable else causes[:1]
    if movements and is_comparable:
        n_quiet = len({(row.id, name) for row in rows for name in row.points}) - len(movements)
        if n_quiet > 0:
            others = "figure" if n_quiet == 1 else f"{n_quiet} figures"
            found.append(f"The other {others} stayed within what chance explains.")
    found += operating_sentences(judged.operating)
    found.append(sentences.targets_sentence(source.week, source.candidate, rows))
    return tuple(one for one in found if one)


def _swapped_gains(findings: Sequence[Finding]) -> list[Finding]:
    """What another baseline does better than the one before."""
    return [one for one in findings if one.kind == "gain" and one.slice is None and is_swap(one)][:MOST_OPEN]


def _told(findings: Iterable[Finding]) -> list[str]:
    return [finding_sentence(one) for one in findings]


def _is_here(one: Finding) -> bool:
    """Whether it is harm of the candidate, and not of production."""
    return one.kind == "harm" and one.fact != "production" and not is_silence(one)


def _is_apart(one: Finding, movements: Sequence[Movement]) -> bool:
    """Whether no movement or target sentence says it already; a slice of what falls as a whole is told below."""
    if one.fact == "target_missed":
        return False
    moved = {(m.category, m.metric) for m in movements if not m.is_better}
    if one.slice is not None and one.category is None:
        return {"fpr": "precision"}.get(str(one.metric), one.metric) not in {metric for _, metric in moved}
    return (one.category, {"fpr": "precision"}.get(str(one.metric), one.metric)) not in moved
