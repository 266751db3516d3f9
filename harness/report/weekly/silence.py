"""What a week says nothing about: categories that vanished, candidates without a usable answer, weeks without a run.

Decides what counts as silence and how it is told; every surface puts it before everything else, as no figure below it
would show that it is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.gating.findings import Finding, pair_findings
from harness.gating.findings.pair import PairEvidence
from harness.gating.findings.records import Evidence
from harness.records.runs import CategoryFacts
from harness.report.parts.banner import Banner
from harness.report.parts.finding_words import finding_sentence, lost_sentence
from harness.report.parts.words import capital, enumerated
from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.paired import LOST, lost_between
from harness.report.weekly.summaries import Summary
from harness.report.weekly.weeks import week_of, weeks_between, weeks_until
from harness.runs import Run

_FACTS = ("run", "unusable", "undecided", LOST)
TOLD = 2
"""Categories that are told in a sentence each; more of them share one."""


def is_silence(one: Finding) -> bool:
    """Whether a finding says that nothing can be said, now or still."""
    return one.fact in _FACTS or one.metric == LOST


def lost_findings(before: Run, run: Run, candidate: str, since: str | None, names: Mapping[str, str]) -> list[Finding]:
    """A finding for each category that was lost since the run before; its owner is the last that a policy named."""
    found = []
    for category, by in lost_between(before, run, candidate).items():
        if by == "policy":
            continue
        facts = _facts(category, run, before)
        found.append(
            Finding(
                "harm",
                "lost_category",
                candidate,
                category,
                names.get(category) or facts.name or category,
                severity=facts.severity or "",
                evidence=Evidence(names=(by,)),
                since=since,
                owner=facts.owner,
            )
        )
    return found


def _facts(category: str, run: Run, before: Run) -> CategoryFacts:
    known = run.meta.policy if category in run.meta.policy.categories else before.meta.policy
    return known.category(category)


def lost_sentences(findings: Sequence[Finding]) -> list[str]:
    """Lost categories in words: a sentence each, or one for all where there are many."""
    found = []
    for by in ("candidate", "set"):
        own = [one for one in findings if one.fact == LOST and one.kind == "harm" and by in one.evidence.names]
        found += [capital(lost_sentence(own))] if len(own) > TOLD else [finding_sentence(one) for one in own]
    return found


def missing_runs(source: WeeklySource, previous: str | None, *, has_moved: bool) -> list[str]:
    """Weeks without a run, and candidates of the eval that ran before and not now."""
    found = []
    if previous is not None:
        missed = weeks_until(source.week, weeks_between(previous, source.week) + 1)[1:-1]
        if missed:
            then = ": what moved may have moved then" if has_moved else ""
            found.append(f"No complete run of {source.candidate} in {enumerated(missed)}{then}.")
    this = source.by_week[source.week].of
    earlier = [one for one in source.by_week.values() if one.week < source.week and one.of]
    if earlier:
        wanted = {name for meta in this.values() for name in meta.eval.candidates}
        absent = sorted(name for name in earlier[-1].of if name in wanted and name not in this)
        if absent:
            has = "has" if len(absent) == 1 else "have"
            found.append(
                f"{enumerated(absent)} of the eval {has} no complete run in {source.week}; the last one is of "
                f"{earlier[-1].week}."
            )
    return found


def silent_banners(source: WeeklySource) -> list[Banner]:
    """Weeks up to now without any run, runs of weeks to come, and other candidates from which nothing came."""
    found = []
    if source.this_week is not None and (n_weeks := weeks_between(source.week, source.this_week)) > 1:
        weeks = weeks_until(source.this_week, n_weeks)[:-1]
        found.append(
            Banner(
                "NO RUN",
                f"No complete run of {source.eval_name} in {enumerated(weeks)}: this report is of {source.week}, the "
                "last week with one.",
                f"Run it: {source.asked.command('run', 'EVAL', '--wave', weeks[-1])}",
            )
        )
    if source.future:
        weeks = sorted({week_of(meta) for meta in source.future})
        again = [("--eval", source.eval_name), ("--week", weeks[0])]
        runs = enumerated([meta.run_id for meta in source.future])
        found.append(
            Banner(
                "FROM THE FUTURE",
                f"{enumerated(weeks)} {'has' if len(weeks) == 1 else 'have'} not begun: {runs} "
                f"{'is' if len(source.future) == 1 else 'are'} left out until then. "
                "A clock or a label is wrong, or early.",
                f"Mend the clock or the label and run it again, or read it now: "
                f"{source.asked.command('weekly', more=again)}",
            )
        )
    this, summaries = source.by_week[source.week].of, source.summaries
    for name, meta in this.items():
        if name == source.candidate:
            continue
        decides = _decides(summaries[meta.run_id], name)
        alone = PairEvidence(None, name, {}, outcomes=meta.counts.get(name, {}), decides=decides)
        said = [finding_sentence(one) for one in pair_findings(alone) if one.kind == "invalid"]
        if said:
            found.append(Banner("SILENT", said[0], f"See why: {source.asked.command('runs', 'show', meta.run_id)}"))
    return found


def _decides(summary: Summary, candidate: str) -> bool:
    scored = summary.candidates.get(candidate)
    return scored is None or any(one.tp + one.fp + one.fn + one.tn for one in scored.categories.values())
