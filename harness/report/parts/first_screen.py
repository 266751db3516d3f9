"""What a first screen tells of findings: the first few whole, then what the rest is about.

Decides what is told and what is only counted. Harm to a declared slice, languages first, and in critical categories is
named however much stands before it; a line for each language keeps the screen short. Sentences of single findings are
``finding_words``'s, their order is decided in ``gating.findings``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.core.metric_table import TESTED_METRICS
from harness.gating.findings import Finding
from harness.gating.findings.restated import LANGUAGE_SLICES
from harness.measure.slices import SMALL_CELL
from harness.report.parts import numbers
from harness.report.parts.finding_words import (
    EVERYWHERE,
    Told,
    distinct,
    figure,
    finding_told,
    metric_words,
    short_name,
    slice_words,
)
from harness.report.parts.words import enumerated, plural

TOLD = 5
"""Findings of a kind that a first screen tells; the rest is named or counted."""

LANGUAGES = 5
"""Languages that have a line of their own; further ones share one with the other slices."""


def told(findings: Sequence[Finding], shown: int = TOLD) -> list[str]:
    """The first findings as sentences, then what the others are about and how many there are."""
    return [one.text for one in told_parts(findings, shown)]


def told_parts(findings: Sequence[Finding], shown: int = TOLD) -> list[Told]:
    """The same, each in two parts; then the slices that say nothing more and have no sentence of their own."""
    own = [one for one in findings if not one.evidence.restates]
    said = [finding_told(one) for one in own[:shown]]
    rest = own[shown:]
    said += [Told(one) for one in _named(filter(is_always_named, rest))]
    counted = [one for one in rest if not is_always_named(one)]
    if counted:
        names = enumerated(distinct(map(short_name, counted)), 4)
        said.append(Told(f"And {numbers.count(len(counted))} more: {names}."))
    told_of = {one.slice for one in own}
    again = [one.slice for one in findings if one.evidence.restates and one.slice and one.slice not in told_of]
    if again:
        said.append(Told(f"Movement the same way is seen within {_places(again)} alone (exploratory)."))
    return said


def is_always_named(one: Finding) -> bool:
    """Whether a first screen names it, whatever stands before it: harm to a slice, or in a critical category."""
    return one.kind in ("harm", "open") and (one.slice is not None or one.severity == "critical")


def of_language(one: Finding) -> str | None:
    """The language that a finding is about; None where it is about no single one."""
    return slice_words(one.slice) if one.slice is not None and _is_language(one.slice[0]) else None


def _is_language(name: str) -> bool:
    return name.lower() in LANGUAGE_SLICES


def _named(findings: Iterable[Finding]) -> list[str]:
    """``In language ar too: recall of Hate, Spam and 4 more.``; slices other than languages share a line."""
    places: dict[tuple[str, str] | None, list[Finding]] = {}
    for one in findings:
        places.setdefault(one.slice, []).append(one)
    critical = places.pop(None, [])
    said = [f"In critical categories too: {_figures(critical)}."] if critical else []
    alone = [one for one, own in places.items() if of_language(own[0])][:LANGUAGES]
    said += [f"In {slice_words(one)} too: {_figures(places[one])}." for one in alone if one]
    others = [f"{slice_words(one)} ({_figures(own, 1)})" for one, own in places.items() if one and one not in alone]
    return [*said, *([f"In other slices too: {', '.join(others)}."] if others else [])]


def _figures(findings: Sequence[Finding], shown: int = 3) -> str:
    """``recall of Hate, Spam and 4 more; precision of Hate``; critical categories are all named."""
    groups: dict[str, list[Finding]] = {}
    for one in findings:
        what = short_name(replace(one, name="", slice=None, severity="")).removesuffix(EVERYWHERE)
        groups.setdefault(what, []).append(one)
    said = []
    for what, own in groups.items():
        names = distinct(one.name or EVERYWHERE for one in sorted(own, key=lambda one: one.severity != "critical"))
        n_critical = len({one.name for one in own if one.severity == "critical"})
        said.append(f"{what}{enumerated(names, max(shown, n_critical))}")
    return "; ".join(said)


def _places(slices: Sequence[tuple[str, str]]) -> str:
    """``language ar, hi and ko, and surface caption``: languages first and all of them."""
    values: dict[str, list[str]] = {}
    for name, value in sorted(dict.fromkeys(slices), key=lambda one: not _is_language(one[0])):
        values.setdefault(name, []).append(value)
    return ", and ".join(
        slice_words((name, enumerated(own, len(own) if _is_language(name) else 3))) for name, own in values.items()
    )


def _checked(checks: Sequence[Finding]) -> list[str]:
    """What checks are about, each figure once: ``recall of Hate (margin and floor)`` where several ask about it."""
    kinds: dict[str, list[str]] = {}
    for one in checks:
        kinds.setdefault(figure(one), []).append(one.evidence.names[0])
    return [f"{name} ({enumerated(distinct(asked))})" if len(asked) > 1 else name for name, asked in kinds.items()]


def _why_untold(one: Finding) -> str:
    if one.difference is None or one.difference.is_defined:
        return "the intervals hold losses and gains of more than 2 points"
    reasons = [result.reason for result in (one.before, one.after, one.difference) if result is not None]
    return f"it is not defined there ({next(filter(None, reasons), 'nothing to count')})"


def untold_sentences(findings: Sequence[Finding]) -> list[str]:
    """What cannot be told, one sentence for each kind of it."""
    said = []
    for metric in TESTED_METRICS:
        whys: dict[str, list[str]] = {}
        for one in findings:
            if one.fact == "untold" and one.slice is None and one.metric == metric:
                whys.setdefault(_why_untold(one), []).append(one.name)
        for why, names in whys.items():
            categories = plural(len(names), "category", "categories")
            said.append(f"Whether {metric_words(metric)} moved in {categories} ({enumerated(names, 3)}): {why}.")
    unjudged = [one for one in findings if one.fact == "check" and one.evidence.names[-1:] == ("NOT_EVALUABLE",)]
    if unjudged:
        checks = plural(len(unjudged), "check")
        said.append(f"{checks} of the gate could not be evaluated: {enumerated(_checked(unjudged), 3)}.")
    others = [one for one in findings if one.fact in ("target_open", "check") and one not in unjudged]
    said += told(others, 2)
    slices: dict[str, list[str]] = {}
    for one in findings:
        if one.fact == "untold" and one.slice is not None:
            slices.setdefault(one.slice[0], []).append(one.slice[1])
    for name, values in slices.items():
        said.append(
            f"Recall in {name.replace('_', ' ')} {enumerated(values, 3)}: fewer than {SMALL_CELL} violating items "
            "stand behind each figure."
        )
    return said
