"""What a gate says, in words: one sentence per kind of statement.

Decides every wording of a gate's reasons, remarks and notes; what is said, and when, is decided where the statements
are made. Terminal, JSON, JUnit, annotations, comment and report take their words from here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.core.checks import CheckSpec
from harness.core.gate import POOLED
from harness.core.operating_metrics import exact_percent
from harness.core.statements import Statement, StatementKind
from harness.gating.checks import ALL_ITEMS, TOGETHER, check_name
from harness.gating.choose import pair_names
from harness.gating.coverage import LeftOut
from harness.gating.gate_report import CheckReport, GateReport
from harness.gating.must_catch import MustCatch
from harness.measure.must_catch import MustCatchItem
from harness.report.parts import numbers
from harness.report.parts.words import HELD_WORDS

MOST_NAMES = 8
"""Checks that could not be evaluated, by name; the rest is counted."""
MOST_NAMED = 5
"""Must-catch items by name, likewise."""
_BECAUSE = {
    "makes_no_calls": "{candidate} makes no calls",
    "neither_decides": "decided by neither {baseline} nor {candidate}",
    "not_decided": "not decided by {candidate}",
    "candidate_alone": "decided by {candidate} alone, so there is nothing to compare with",
}


def said(statement: Statement) -> str:
    """One statement as a phrase, without a full stop."""
    words = _WORDS[statement.kind]
    return words.format(**statement.facts) if isinstance(words, str) else words(statement)


def statements_text(statements: Sequence[Statement]) -> str:
    """Several statements as one sentence."""
    return "; ".join(said(one) for one in statements)


def reason_of(report: GateReport) -> str:
    """Why the verdict, in one sentence that names the checks behind it."""
    return statements_text(report.reasons)


def notes_of(report: GateReport) -> tuple[str, ...]:
    """What else to know of the gate, a phrase each."""
    return tuple(said(note) for note in report.notes)


def opponents(report: GateReport) -> str:
    """Who against whom; a candidate against itself is said to be that."""
    if report.is_aa:
        one, other = report.candidate.name, report.baseline.name
        return f"A/A check, {one} against {'itself' if one == other else f'{other}, the same system'}"
    baseline, candidate = pair_names(report.baseline, report.candidate)
    return f"{candidate} against {baseline}"


def headline_of(report: GateReport, word: str | None = None) -> str:
    """The verdict line: verdict (or ``word`` in its place), who against whom, why."""
    return f"{word or report.verdict}: {opponents(report)}: {reason_of(report)}"


def check_message(check: CheckReport) -> str:
    """What a reader must know beside a check's verdict: what is missing, and what would settle it."""
    result = check.result
    parts = ["gated in every eval"] if check.is_implied and result.verdict != "PASS" else []
    parts += [said(one) for one in result.remarks]
    if check.n_missing:
        items = "1 item is" if check.n_missing == 1 else f"{check.n_missing:,} items are"
        parts.append(f"{items} left out of both sides, since a system gave no answer")
    return "; ".join([*parts, *_outlook(check)])


def left_out_message(one: LeftOut) -> str:
    """Why a check is no part of the gate, as a phrase of its own."""
    return f"left out of the gate: {left_out_reason(one)}"


def left_out_reason(one: LeftOut) -> str:
    """Why a check is no part of the gate, to be read after "left out of the gate"."""
    return _BECAUSE[one.because].format(baseline=one.names[0], candidate=one.names[1])


def must_catch_message(must_catch: MustCatch) -> str:
    """One phrase: how many must-catch items there are, and which were missed or not answered."""
    return said(must_catch.statement("must_catch"))


def must_catch_item(must_catch: MustCatch, one: MustCatchItem) -> str:
    """One missed or unanswered item in words: what it violates, in how many repeats it was caught."""
    words = [", ".join(one.names)]
    if one.result == "unknown":
        words.append("no answer")
    elif one.n_repeats > 1:
        words.append(f"caught in {one.n_caught} of {one.n_answered} answers")
    if set(one.outcomes) - {"ok"}:
        words.append(f"outcome {', '.join(one.outcomes)}")
    if one.item_id in must_catch.missed_before:
        words.append("the baseline misses it too")
    return "; ".join(words)


def _outlook(check: CheckReport) -> list[str]:
    """What this set can prove and what it lacks, with the assumption that the figures rest on."""
    result = check.result
    parts = []
    if result.items_needed:
        parts.append(f"about {result.items_needed:,} more {result.items_unit} would settle it")
    if result.verdict == "INCONCLUSIVE" and not math.isnan(result.smallest_margin):
        points = 100 * result.smallest_margin
        parts.append(f"smallest provable margin {'above 50' if points > 50 else f'{points:.1f}'} points")
    if not parts:
        return []
    if math.isnan(result.discordance):
        return [f"{', '.join(parts)} (at the value seen here)"]
    share = 100 * result.discordance
    return [f"{', '.join(parts)} (at the discordance seen here, {share:.{0 if share >= 10 else 1}f}%)"]


def _named(specs: Sequence[CheckSpec]) -> str:
    return ", ".join(check_name(spec) for spec in specs)


def _subject(spec: CheckSpec) -> str:
    """A check by its category, where nothing else is asked of that."""
    return check_name(spec) if spec.category == ALL_ITEMS else spec.name or spec.category


def _behind(words: str, specs: Sequence[CheckSpec], facts: Mapping[str, Any]) -> str:
    """``worse: hate recall``, and where a sequential run stood."""
    return f"{words}: {_named(specs)}{_look(facts, ' ({})')}"


def _regressed(one: Statement) -> str:
    """Worse than the baseline, or below a floor, which is no comparison."""
    floors = [spec for spec in one.checks if spec.kind == "floor"]
    others = [spec for spec in one.checks if spec.kind != "floor"]
    parts = [(words, found) for words, found in (("worse", others), ("fails", floors)) if found]
    return "; ".join(_behind(words, found, one.facts) for words, found in parts)


def _look(facts: Mapping[str, Any], within: str) -> str:
    return within.format(f"sequential, look {facts['look']} of {facts['looks']}") if "look" in facts else ""


def _passes(words: str) -> Callable[[Statement], str]:
    def worded(one: Statement) -> str:
        n_critical = one.facts.get("n_critical", 0)
        parts = [f"{n_critical} critical"] if n_critical else []
        if any(spec.category == POOLED for spec in one.checks):
            parts.append(f"{TOGETHER}: PASS")
        parts += [f"{check_name(spec)}: PASS" for spec in one.checks if spec.category != POOLED]
        parts += [_look(one.facts, "{}")] if "look" in one.facts else []
        return f"{words} ({', '.join(parts)})"

    return worded


def _not_evaluated(one: Statement) -> str:
    """``6 of 7 gated checks could not be evaluated: ...``; a category by its name when that holds for all of it."""
    whole, total = one.facts["whole_categories"], one.facts["n"]
    names = list(dict.fromkeys(_subject(spec) if spec.category in whole else check_name(spec) for spec in one.checks))
    named = names[:MOST_NAMES] + ([f"and {len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else [])
    checks = "gated check" if total == 1 else "gated checks"
    return f"{len(one.checks)} of {total} {checks} could not be evaluated: {', '.join(named)}"


def _must_catch(one: Statement) -> str:
    n, missed, unknown = one.facts["n"], one.facts["missed"], one.facts["unknown"]
    parts = []
    if missed:
        named = _cut([f"{item['item']} ({', '.join(item['names'])})" for item in missed])
        parts.append(f"{len(missed)} of {n} must-catch items missed: {named}")
    if unknown:
        parts.append(f"{len(unknown)} of {n} must-catch items without an answer: {_cut(unknown)}")
    if one.facts["not_in_run"]:
        parts.append(f"{one.facts['not_in_run']} of {n} must-catch items are not in this run")
    return "; ".join(parts) or f"all {n} must-catch items caught"


def _cut(names: Sequence[str]) -> str:
    """Names in a row; long lists are cut with a count."""
    first = ", ".join(names[:MOST_NAMED])
    return f"{first}, ... ({len(names)} in all)" if len(names) > MOST_NAMED else first


def _decides_alike(one: Statement) -> str:
    points = 100 * one.facts["excluded_loss"]
    return (
        f"decides every item alike; with {one.facts['n']} {one.facts['unit']} this set can only exclude a loss above "
        f"{points:.{0 if points >= 5 else 1}f} points"
    )


def _left_out(one: Statement) -> str:
    names = dict.fromkeys(_subject(spec) for spec in one.checks)
    return f"left out of the gate: {', '.join(names)} ({_BECAUSE[one.facts['because']].format(**one.facts)})"


def _point_at(one: Statement) -> str:
    facts = one.facts
    sides = ("baseline", "candidate")
    thresholds = [facts["thresholds"][side] for side in sides]
    at = ["none" if one is None else numbers.threshold(one) for one in thresholds]
    kept = [numbers.share(facts["kept"][side]) for side in sides]
    most = "most" if facts["held"] == "fpr" else "least"
    return (
        f"thresholds {at[0]} and {at[1]} (baseline, candidate), chosen on the dev part ({facts['n_positives']:,} "
        f"violating items) for {HELD_WORDS[facts['held']]} of at {most} {exact_percent(facts['wanted'])}: here it is "
        f"{kept[0]} and {kept[1]}"
    )


def _point_missed(one: Statement) -> str:
    facts = one.facts
    most, least = ("least", "most") if facts["held"] == "fpr" else ("most", "least")
    return (
        f"the candidate's threshold gives up what is held: {HELD_WORDS[facts['held']]} is at {most} "
        f"{numbers.share(facts['bound'])} here with 95% confidence, wanted is at {least} "
        f"{exact_percent(facts['wanted'])}; choose it on more dev items"
    )


def _gated_before(one: Statement) -> str:
    facts = one.facts
    kind = "sequential run" if facts["is_sequential"] else "run"
    before = f"{kind} {facts['run_id']}, {facts['n_items']} items, {facts['verdict']}"
    return f"'{facts['candidate']}' was gated before: {before}"


_WORDS: dict[StatementKind, str | Callable[[Statement], str]] = {
    "regressed": _regressed,
    "not_proven": lambda one: _behind("not proven", one.checks, one.facts),
    "nothing_gated": "nothing is gated: no check is critical or guarded",
    "every_check_passes": _passes("every gated check passes"),
    "every_evaluated_check_passes": _passes("every check that could be evaluated passes"),
    "none_regresses": _passes("no gated check regresses"),
    "missing_pairs": "{n_missing:,} of {n_items:,} items have a missing pair, more than the share {most:g} allowed",
    "missing_pairs_decide": "{verdict} becomes {becomes} when the {n_missing:,} items with a missing pair are counted "
    "against the candidate",
    "other_reading": "{verdict} under '{reading}'",
    "nothing_evaluated": "no check of the gate file could be evaluated",
    "not_evaluated": _not_evaluated,
    "run_stopped": "the run stopped before its end: {n_missing} of {n} rows of '{candidate}' of run {run_id} have no "
    "answer",
    "rows_without_answer": "{n_missing} of {n} rows of '{candidate}' of run {run_id} have no answer, more than "
    "max_error_rate {most:g}",
    "lost_coverage": lambda one: (
        f"lost coverage: '{one.facts['candidate']}' never decides on {', '.join(one.facts['names'])}, which the "
        "baseline does"
    ),
    "must_catch": _must_catch,
    "must_catch_not_proven": lambda one: f"not proven: {_must_catch(one)}",
    "sequential_stopped": "the run stopped before its end: {why}",
    "sequential_rows_without_answer": "{share:.1%} of the {side}'s rows have no answer, more than {most:g}",
    "sequential_not_robust": "{verdict} does not stand when missing pairs count against the candidate",
    "not_evaluable": lambda one: (
        f"{_named(one.checks)} could not be evaluated: {one.facts['reason']}" if one.checks else one.facts["reason"]
    ),
    "few_clusters": "fewer than {minimum} clusters",
    "few_items": "fewer than {minimum} {unit}",
    "decides_alike": _decides_alike,
    "same_system": "the same system by fingerprint decides every item alike: nothing to test",
    "out_of_reach": "if the observed value is real, no number of items will give PASS",
    "enough_if_equal": "enough items if the systems are equal",
    "too_many_needed": "more than {more_than:,} more {unit} would be needed: too close to tell on this set",
    "worse_within_margin": "worse, within the margin",
    "improved": "improved",
    "pool_not_proven": "not proven",
    "not_proven_alone": "not proven in this category alone",
    "point_at": _point_at,
    "point_choice": lambda one: (
        f"{numbers.share(one.facts['share'], 0)} of the uncertainty is the choice of thresholds, which more dev items "
        "narrow"
    ),
    "point_missed": _point_missed,
    "left_out": _left_out,
    "floor_left_out": lambda one: f"{_named(one.checks)} is not judged in a sequential run",
    "missing_pairs_harmless": "{n_missing:,} items with a missing pair; the verdict is the same when they count "
    "against the candidate",
    "fallback_decides": "the verdict rests on the declared fallback: with every failed answer wrong it is {all_wrong}",
    "own_answers": "A/A check: one candidate against its own answers, so every difference is zero and nothing new is "
    "judged",
    "asked_twice": "A/A check: one candidate asked twice, so every difference here is noise",
    "weighted": "items count by their weights: shares and differences are those of the population they stand for; "
    "the failure rate and the counts of items take every item once",
    "declared_sample": "{candidate} is a sample by declaration and saw {n:,} of {n_items:,} items: both sides are "
    "judged on these alone, and a sample that left out hard items is flattered",
    "left_to_people": "{candidate} leaves {n:,} of {n_items:,} items to a person in some category: both sides are "
    "judged on the rest, which is likely the easier part",
    "sample": "run {run_id} is a sample of {n_items:,} items",
    "second_look": "second look: judged at alpha {alpha:g}; a third needs a new gate set",
    "further_look": "look {look} at this candidate: judged at alpha {alpha:g}, and even so a lucky PASS is likelier "
    "than stated; more than two looks need a new gate set",
    "gated_before": _gated_before,
    "tolerated": "{verdict} does not fail this gate (fail_on: regression): nothing is proven worse and nothing is "
    "proven safe; before a rollout, gate with --fail-on inconclusive",
}
