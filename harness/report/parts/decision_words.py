"""Decisions in words: ship or not and why, then harm, gains, what cannot be told, and the next step.

Decides wording only, and that an invalid result has no gains; the decision is made in ``gating.findings``, the
sentences of findings in ``finding_words``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.gating.findings import Decision, Finding
from harness.report.parts import numbers
from harness.report.parts.finding_words import (
    EVERYWHERE,
    NO_OWNER,
    Told,
    distinct,
    figure,
    further_items,
    metric_words,
    place,
    short_name,
    slice_words,
)
from harness.report.parts.first_screen import TOLD, of_language, told_parts, untold_sentences
from harness.report.parts.words import capital, enumerated, plural

_ANSWERS = {
    "ship": ("PASS", "good", "{candidate} may replace {baseline}: the gate passes, and nothing is likely worse."),
    "look": (
        "PASS, BUT WORSE SOMEWHERE",
        "open",
        "Do not ship {candidate} before somebody has looked: the gate passes it, yet {harms}.",
    ),
    "no": ("REGRESSION", "bad", "Do not ship {candidate} in place of {baseline}: {harms}."),
    "wait": ("INCONCLUSIVE", "open", "Do not ship {candidate} yet: these items cannot show that it is no worse."),
    "invalid": ("INVALID", "bad", "Nothing may be concluded about {candidate}."),
    "better": ("BETTER", "good", "{candidate} is better than {baseline}, and nothing is likely worse."),
    "worse": ("WORSE", "bad", "{candidate} is worse than {baseline}: {harms}."),
    "mixed": ("MIXED", "open", "{candidate} is better than {baseline} in places, yet {harms}."),
    "same": ("NO PROVEN CHANGE", "neutral", "Nothing shows that {candidate} differs from {baseline}."),
    "scores": ("SCORES", "neutral", "{candidate} alone: no baseline was given, so nothing is compared."),
}
_OWN = {
    "ship": "{candidate} passes its gate, set beside its own answers: only floors and targets are judged.",
    "no": "Do not ship {candidate}: {harms}.",
    "wait": "Do not ship {candidate} yet: these items cannot show that it reaches what is asked.",
}
"""One candidate beside its own answers."""
_BELOW = {
    "look": ("PASS, BELOW TARGET", "open"),
    "worse": ("BELOW TARGET", "open"),
    "mixed": ("BETTER, BELOW TARGET", "open"),
}
_NO_VERDICT = ("NO VERDICT", "bad")
_IN_PART = ("PASS, IN PART", "open")
TONES: dict[str, str] = {
    "NOT EVALUABLE": "open",
    "NOT_EVALUABLE": "open",
    "INCOMPLETE": "bad",
    **{word: tone for word, tone, _ in _ANSWERS.values()},
    **dict((*_BELOW.values(), _NO_VERDICT, _IN_PART)),
}
"""The words of decisions, checks and runs -> good, open, bad or neutral."""


def decision_word(decision: Decision) -> tuple[str, str]:
    """The first words and their tone; good only where nothing is likely worse."""
    if decision.answer == "invalid" and decision.verdict != "INVALID":
        is_broken_run = all(one.fact == "run" for one in decision.of("invalid"))
        return _NO_VERDICT if is_broken_run else ("INVALID", "bad")
    if decision.answer == "ship" and _unjudged(decision):
        return _IN_PART
    if decision.answer == "wait" and decision.verdict:
        return decision.verdict.replace("_", " "), "open"
    if decision.answer == "scores" and any(one.kind == "harm" for one in decision.findings):
        return "BELOW TARGET", "open"
    only_targets = all(one.fact == "target_missed" for one in decision.harms)
    if only_targets and decision.answer in _BELOW:
        return _BELOW[decision.answer]
    word, tone, _ = _ANSWERS[decision.answer]
    return word, tone


def decision_sentence(decision: Decision) -> str:
    """Ship or not, in one sentence."""
    *_, text = _ANSWERS[decision.answer]
    baseline = decision.baseline or "the baseline"
    only_targets = bool(decision.harms) and all(one.fact == "target_missed" for one in decision.harms)
    if decision.answer == "ship" and (n := _unjudged(decision)):
        checks = f"{plural(n, 'check')} could not be evaluated"
        text = f"{{candidate}} may replace {{baseline}} as far as could be judged: {checks}; the others pass."
    elif decision.answer == "worse" and only_targets:
        text = "No proven change from {baseline}, yet {harms}."
    elif decision.answer == "wait" and decision.harms:
        text = "Do not ship {candidate} yet: these items cannot show that it is no worse, and {harms}."
    elif decision.answer == "scores" and decision.harms:
        text = "{candidate} alone, with nothing to compare it with: {harms}."
    elif decision.candidate == decision.baseline:  # one candidate against its own answers: only floors can be judged
        text = _OWN.get(decision.answer, text)
    return text.format(candidate=decision.candidate, baseline=baseline, harms=_harms(decision))


def _unjudged(decision: Decision) -> int:
    """Gated checks that say nothing."""
    return sum(one.fact == "check" and one.evidence.names[-1:] == ("NOT_EVALUABLE",) for one in decision.of("unknown"))


def _harms(decision: Decision) -> str:
    """What speaks against it, by name: ``recall of Self-harm is worse``."""
    harms = decision.of("harm", "open")
    apart = ("target_missed", "must_catch", "failures")
    floors = [one for one in harms if one.fact == "check" and one.evidence.names[:1] == ("floor",)]
    worse = [one for one in harms if one.fact not in apart and one not in floors and not one.evidence.restates]
    parts = []
    if any(one.fact == "must_catch" for one in harms):
        parts.append("items that must be caught are missed")
    if worse:
        names = distinct(short_name(one) for one in worse)
        likely = "likely " if all(one.evidence.proof == "likely" for one in worse) else ""
        said = _in_one_slice(worse) if len(names) > 1 else ""
        parts.append(f"{said or _worse(worse, names)} {'is' if said or len(names) == 1 else 'are'} {likely}worse")
    if names := [one for one in distinct(map(short_name, floors)) if one not in map(short_name, worse)]:
        parts.append(f"{enumerated(names, 3)} {'fails its floor' if len(names) == 1 else 'fail their floors'}")
    if any(one.fact == "failures" for one in harms):
        parts.append("more answers fail")
    missed = [one for one in harms if one.fact == "target_missed"]
    if missed:
        parts.append(f"{plural(len(missed), 'target')} of the policy {'is' if len(missed) == 1 else 'are'} missed")
    return enumerated(parts, 4) or "the gate fails it"


def _in_one_slice(worse: Sequence[Finding]) -> str:
    """``recall in language ar (Threats, Hate and 2 more)``; empty where they are of several metrics or places."""
    metrics, slices = {one.metric for one in worse}, {one.slice for one in worse}
    found = next(iter(slices))
    if found is None or len(slices) > 1 or len(metrics) > 1 or not worse[0].metric:
        return ""
    names = distinct(one.name or EVERYWHERE for one in worse)
    return f"{metric_words(worse[0].metric)} in {slice_words(found)} ({enumerated(names, 3)})"


def _worse(worse: Sequence[Finding], names: Sequence[str]) -> str:
    """The first three by name; of the others how many, and what may not be overlooked among them."""
    rest = {name: one for one in worse if (name := short_name(one)) in names[3:]}
    languages = [words for one in rest.values() if (words := of_language(one)) is not None]
    n_critical = sum(one.severity == "critical" for one in rest.values())
    among = [f"{numbers.count(n_critical)} of them critical"] if n_critical else []
    among += [f"{numbers.count(n)} in {language}" for language, n in Counter(languages).items()]
    return enumerated(names, 3) + (f", {enumerated(among, len(among))}," if among else "")


def step_sentence(decision: Decision) -> str:
    """The next step and who takes it."""
    step = decision.step
    owner = step.owner or NO_OWNER
    one = step.finding
    if step.kind == "repeat" and one is not None and one.fact == "missing_pairs":
        return "Engineering looks at why answers are missing, and completes them."
    if step.kind == "repeat":
        return "Engineering looks at the raw answers and repeats the run."
    if step.kind == "read" and one is not None and one.fact == "must_catch":
        return f"Read {plural(one.evidence.n or 0, 'missed must-catch item')}, and decide ({owner})."
    if step.kind == "read" and one is not None:
        against = next((n for name, n in one.evidence.newly.items() if name in ("missed", "wrongly_flagged")), 0)
        word = {"recall": "newly missed", "precision": "newly wrongly flagged", "fpr": "newly wrongly flagged"}
        what = plural(against, f"{word[str(one.metric)]} item") if against else "items"
        return f"Read the {what} of {place(one)}, and decide ({owner})."
    if step.kind == "decide" and one is not None:
        what = f"the {short_name(one)}" if one.fact == "target_missed" else short_name(one)
        return f"Decide about {what} ({owner})."
    if step.kind == "label" and one is not None:
        if one.evidence.more:
            return f"Label about {further_items(one)} for {figure(one)} ({owner})."
        seen = ": if the loss seen is real, they will prove it" if _is_beyond(one) else ""
        return f"Label more items for {figure(one) if one.metric else place(one)} ({owner}){seen}."
    if step.kind == "promote":
        return "Roll it out, and promote it with harness baseline set."
    return ""


def _is_beyond(one: Finding) -> bool:
    """Whether what a margin's check saw is worse than the margin, so that no number of items would let it pass."""
    told = one.evidence
    is_margin = one.fact == "check" and told.names[:1] == ("margin",)
    return is_margin and one.difference is not None and abs(one.difference.value) >= (told.target or 0)


def screen_lines(decision: Decision) -> list[str]:
    """The first screen as lines of a terminal."""
    return [line for name, said in screen(decision) for line in (f"{name}:", *(f"  - {one}" for one in said))]


def screen(decision: Decision, shown: int = TOLD) -> list[tuple[str, list[str]]]:
    """The first screen of every surface: heading and sentences of each part that has any."""
    return [(name, [one.text for one in said]) for name, said in screen_told(decision, shown)]


def screen_told(decision: Decision, shown: int = TOLD) -> list[tuple[str, list[Told]]]:
    """The same in two parts each, for a page that shows the statistics smaller."""
    step = step_sentence(decision)
    parts = [
        ("Invalid", told_parts(decision.of("invalid"), shown)),
        ("Harm", told_parts(decision.of("harm", "open"), shown)),
        ("Gains", told_parts(decision.of("gain"), shown) if decision.answer != "invalid" else []),
        ("Cannot be told", [Told(capital(one)) for one in untold_sentences(decision.of("unknown"))]),
        ("Next step", [Told(step)] if step else []),
    ]
    return [(name, said) for name, said in parts if said]
