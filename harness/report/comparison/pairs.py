"""Turns one comparison into rows, changes and a sentence.

Decides how a paired difference is named; the tests behind the names come with the comparison.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.core.metric_table import LOWER_IS_BETTER
from harness.core.results import result_from
from harness.core.targets import judge_target
from harness.report.comparison.data import (
    METRIC_NAMES,
    CategoryRow,
    Change,
    CheckRow,
    Measure,
    Pair,
    TargetRow,
    Verdict,
    VerdictLine,
)
from harness.report.comparison.input_changes import input_changes
from harness.report.comparison.source import OUTCOME_NAMES, ReportSource
from harness.report.parts import numbers
from harness.report.parts.words import NOT_ASKED, plural, sentence

ALPHA = 0.05
_NAME = "\0"
SAME_WITHIN = 0.02
"""A difference whose whole interval lies within this distance of 0 is called "about the same"."""

CHANGES: tuple[Change, ...] = ("better", "worse", "leans_better", "leans_worse", "same", "unclear", "undefined")
_PLAIN_VERDICTS = {
    "PASS": ("good", "{candidate} may replace {baseline}"),
    "REGRESSION": ("bad", "{candidate} should not replace {baseline}"),
    "INCONCLUSIVE": ("open", "This golden set cannot yet tell whether {candidate} may replace {baseline}"),
    "NOT_EVALUABLE": ("open", "Nothing here can be judged"),
    "INVALID": ("bad", "The run is broken, so there is no verdict"),
}


def change_of(difference: Any, p_holm: float | None, metric: str) -> Change:
    """Name a paired difference (candidate minus baseline)."""
    if math.isnan(difference.value):
        return "undefined"
    is_better = (difference.value > 0) != (metric in LOWER_IS_BETTER)
    if p_holm is not None and p_holm <= ALPHA and difference.value != 0:
        return "better" if is_better else "worse"
    if math.isnan(difference.low) or math.isnan(difference.high):
        return "unclear"
    if difference.low > 0 or difference.high < 0:
        return "leans_better" if is_better else "leans_worse"
    if max(-difference.low, difference.high) <= SAME_WITHIN:
        return "same"
    return "unclear"


def check_rows(gate: Mapping[str, Any] | None) -> tuple[CheckRow, ...]:
    """The checks of a gate result in its ``--json`` form."""
    if gate is None:
        return ()
    rows = []
    for check in (*gate.get("checks", ()), *gate.get("pooled", ())):
        margin, floor = check.get("margin"), check.get("floor")
        limit = numbers.limit("margin", margin) if margin is not None else numbers.limit("floor", float(floor))
        rows.append(
            CheckRow(
                category=str(check["category"]),
                metric=str(check["metric"]),
                tier=str(check["tier"]),
                limit=limit,
                n=check.get("n"),
                verdict=str(check["verdict"]),
                difference=result_from(check.get("difference")),
                items_needed=check.get("items_needed"),
                remark=str(check.get("remark") or ""),
            )
        )
    return tuple(rows)


def build_pair(source: ReportSource, comparison: Mapping[str, Any]) -> Pair:
    """One baseline and one candidate."""
    baseline, candidate = str(comparison["baseline"]), str(comparison["candidate"])
    gate = source.gates.get(candidate)
    checks = check_rows(gate)
    rows = []
    for category, compared in comparison["categories"].items():
        measures = {}
        for metric in METRIC_NAMES:
            if metric not in compared:
                continue
            paired = compared[metric]
            difference = result_from(paired["difference"])
            measured = result_from(paired["candidate"])
            assert difference is not None
            assert measured is not None
            measures[metric] = Measure(
                metric=metric,
                baseline=result_from(paired["baseline"]),
                candidate=measured,
                difference=difference,
                p_value=paired.get("p_value"),
                p_holm=paired.get("p_holm"),
                change=change_of(difference, paired.get("p_holm"), metric),
            )
        fixed, broken = tuple(map(str, compared["fixed"])), tuple(map(str, compared["broken"]))
        rows.append(_row(source, category, measures, fixed, broken, checks))
    changes: dict[str, dict[str, tuple[str, ...]]] = {
        metric: {
            str(change): tuple(
                row.id for row in rows if metric in row.measures and row.measures[metric].change == change
            )
            for change in CHANGES
        }
        for metric in METRIC_NAMES
    }
    return Pair(
        baseline=baseline,
        candidate=candidate,
        headline=headline(source, baseline, candidate, changes, len(rows)),
        family=str(comparison.get("family") or ""),
        rows=tuple(rows),
        changes=changes,
        inputs=input_changes(source.inputs.get(baseline, ()), source.inputs.get(candidate, ())),
        verdict=None if gate is None else str(gate["verdict"]).replace("_", " "),
        checks=checks,
        n_fixed=len({one for row in rows for one in row.fixed}),
        n_broken=len({one for row in rows for one in row.broken}),
    )


def build_single(source: ReportSource, candidate: str) -> Pair:
    """One candidate alone."""
    rows = []
    for category, scored in source.scores["candidates"][candidate]["categories"].items():
        measures = {}
        for metric in METRIC_NAMES:
            result = result_from(scored.get(metric))
            if result is not None:
                measures[metric] = Measure(metric, None, result, None, None, None, "undefined")
        rows.append(_row(source, category, measures, (), (), ()))
    items = plural(len(source.item_ids), "item")
    text = f"{candidate} on {items}: no baseline was given, so nothing is compared."
    return Pair(None, candidate, text, "", tuple(rows), {}, (), None, (), 0, 0)


def _row(
    source: ReportSource,
    category: str,
    measures: Mapping[str, Measure],
    fixed: tuple[str, ...],
    broken: tuple[str, ...],
    checks: Sequence[CheckRow],
) -> CategoryRow:
    gold = source.y_true[:, source.categories.index(category)]
    n_violating, n_not = int((gold == 1).sum()), int((gold == 0).sum())
    return CategoryRow(
        id=category,
        name=category_name(source, category),
        severity=severity(source, category),
        n_violating=n_violating,
        n_not_violating=n_not,
        n_unlabelled=len(gold) - n_violating - n_not,
        targets=_targets(source, category, measures),
        measures=measures,
        fixed=fixed,
        broken=broken,
        checks=tuple(check for check in checks if check.category == category),
    )


def _targets(source: ReportSource, category: str, measures: Mapping[str, Measure]) -> dict[str, TargetRow]:
    """What the policy asks of the category, judged as gates and the weekly report judge it."""
    try:
        asked = source.policy.category(category).target
    except KeyError:
        asked = None
    found = {}
    for metric, target in (("recall", asked.recall), ("precision", asked.precision)) if asked else ():
        if target is None or metric not in measures:
            continue
        result = measures[metric].candidate
        found[metric] = TargetRow(target, judge_target(metric, result, target).state)
    return found


def category_name(source: ReportSource, category: str) -> str:
    """Name for readers; the id when the policy does not know it."""
    try:
        return source.policy.category(category).name
    except KeyError:
        return category


def severity(source: ReportSource, category: str) -> str:
    """Severity the policy gives the category; empty when the policy does not know it."""
    try:
        return source.policy.category(category).severity
    except KeyError:
        return ""


def headline(
    source: ReportSource,
    baseline: str,
    candidate: str,
    changes: Mapping[str, Mapping[str, tuple[str, ...]]],
    n_categories: int,
) -> str:
    """What changed, in words a policy manager uses; only Holm-corrected differences are stated as facts."""

    def names(metric: str, change: str) -> str:
        return _listed([category_name(source, one) for one in changes[metric][change]])

    gains = []
    losses = []
    if changes["recall"]["better"]:
        gains.append(f"catches more {names('recall', 'better')}")
    if changes["precision"]["better"]:
        gains.append(f"is right more often when it flags {names('precision', 'better')}")
    if changes["recall"]["worse"]:
        losses.append(f"misses more {names('recall', 'worse')}")
    if changes["precision"]["worse"]:
        losses.append(f"is wrong more often when it flags {names('precision', 'worse')}")
    if gains and losses:
        first = f"{candidate} {', and '.join(gains)}, but {', and '.join(losses)}."
    elif gains or losses:
        first = f"{candidate} {', and '.join(gains or losses)} than {baseline}."
    else:
        first = f"No category shows a proven change from {baseline} to {candidate}."
    n_open = len(set(changes["recall"]["unclear"]) | set(changes["recall"]["undefined"]))
    n_same = len(changes["recall"]["same"])
    rest = []
    if n_same:
        rest.append(f"recall is about the same in {n_same} of {n_categories} categories")
    if n_open:
        rest.append(f"in {n_open} of {n_categories} the golden set is too small to tell whether recall moved")
    if not rest:
        return first
    tail = "; ".join(rest)
    return f"{first} {tail[0].upper()}{tail[1:]}."


def _listed(words: Sequence[str], shown: int = 4) -> str:
    words = list(words)
    if len(words) > shown:
        words = [*words[: shown - 1], f"{len(words) - shown + 1} more"]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _target_note(pair: Pair) -> str:
    """How the candidate stands against the policy's targets, which a comparison with the baseline does not say."""
    found = []
    for metric in ("recall", "precision"):
        states = [row.targets[metric].state for row in pair.rows if metric in row.targets]
        counted = {
            "met": states.count("met"),
            "missed": states.count("missed"),
            "not proven either way": states.count("open"),
        }
        parts = [f"{word} in {n}" for word, n in counted.items() if n]
        if parts:
            found.append(f"{metric} {', '.join(parts)} of {plural(len(states), 'category', 'categories')}")
    return f"The policy’s targets: {'; '.join(found)}." if found else ""


def build_verdict(source: ReportSource, pairs: Sequence[Pair]) -> Verdict:
    """Per candidate the gate's verdict in plain words, or what the comparison shows; then notes."""
    lines = tuple(_with_details(_line(source, pair), pair) for pair in pairs)
    notes: list[str] = []
    if not source.banners:
        for arm in source.arms:
            n_not_asked = int((arm.outcomes == OUTCOME_NAMES.index(NOT_ASKED)).sum())
            if n_not_asked:
                items = plural(len(arm.outcomes), "item")
                notes.append(
                    f"{arm.id} was never asked about {numbers.count(n_not_asked)} of {items}: these are left out."
                )
    notes += _gate_notes(source)
    first = lines[0]
    return Verdict(first.word, first.tone, first.sentence, lines, tuple(dict.fromkeys(notes)))


def _with_details(line: VerdictLine, pair: Pair) -> VerdictLine:
    """The comparison in words where the gate's verdict does not say it, and the policy's targets."""
    details = [pair.headline] if pair.headline not in line.sentence else []
    if pair.baseline and (note := _target_note(pair)):
        details.append(note)
    return dataclasses.replace(line, details=tuple(details))


def _gate_notes(source: ReportSource) -> list[str]:
    """The gates' notes; those that differ only in the candidate's name are said once, for the candidates they name."""
    alike: dict[str, list[str]] = {}
    for candidate, gate in source.gates.items():
        for note in gate.get("notes") or ():
            alike.setdefault(re.sub(rf"(?<!\w){re.escape(candidate)}(?!\w)", _NAME, str(note)), []).append(candidate)
    return [sentence(note.replace(_NAME, " / ".join(names))) for note, names in alike.items()]


def _with_names(reason: str, source: ReportSource) -> str:
    """A gate's reason in the readers' words: ``recall of Threats`` where it says ``threats recall``."""
    ids = "|".join(re.escape(one) for one in sorted(source.categories, key=len, reverse=True))
    checks = re.compile(rf"(?<![\w-])({ids}) (recall|precision|fpr)( floor)?(?![\w-])")

    def named(found: re.Match[str]) -> str:
        metric = {"fpr": "over-blocking"}.get(found[2], found[2])
        return f"{metric}{found[3] or ''} of {category_name(source, found[1])}"

    return checks.sub(named, reason) if ids else reason


def _line(source: ReportSource, pair: Pair) -> VerdictLine:
    gate = source.gates.get(pair.candidate)
    if gate is not None:
        word = str(gate["verdict"])
        tone, plain = _PLAIN_VERDICTS.get(word, ("neutral", "See the checks below"))
        text = plain.format(candidate=pair.candidate, baseline=pair.baseline or "The baseline")
        reason = _with_names(str(gate.get("reason") or "").strip(), source)
        full = " ".join(part for part in (_ended(f"{text}: {reason}" if reason else text), _open_checks(pair)) if part)
        return VerdictLine(pair.candidate, word.replace("_", " "), tone, full, ())  # type: ignore[arg-type]
    if source.banners:
        return VerdictLine(pair.candidate, "NO VERDICT", "bad", pair.headline, ())
    if pair.baseline is None:
        return VerdictLine(pair.candidate, "SCORES", "neutral", pair.headline, ())
    proven_better = any(pair.changes[metric]["better"] for metric in ("recall", "precision"))
    proven_worse = any(pair.changes[metric]["worse"] for metric in ("recall", "precision"))
    word, tone = {
        (True, False): ("BETTER", "good"),
        (False, True): ("WORSE", "bad"),
        (True, True): ("MIXED", "open"),
        (False, False): ("NO PROVEN CHANGE", "neutral"),
    }[(proven_better, proven_worse)]
    return VerdictLine(pair.candidate, word, tone, pair.headline, ())  # type: ignore[arg-type]


def _ended(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _open_checks(pair: Pair) -> str:
    """Which checks say nothing, where that is most of them: ``6 of 7 checks could not be evaluated.``."""
    verdicts = [check.verdict for check in pair.checks]
    n_not, n_open = verdicts.count("NOT_EVALUABLE"), verdicts.count("INCONCLUSIVE")
    if 2 * (n_not + n_open) <= len(verdicts):
        return ""
    of = f"{numbers.count(len(verdicts))} {'check' if len(verdicts) == 1 else 'checks'}"
    parts = []
    if n_not:
        parts.append(f"{numbers.count(n_not)} of {of} could not be evaluated")
    if n_open:
        parts.append(f"{numbers.count(n_open)} {'' if n_not else f'of {of} '}ended inconclusive".replace("  ", " "))
    return f"{' and '.join(parts)}."
