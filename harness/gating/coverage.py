"""What a gate cannot ask of two systems, and how it says so.

Decides which checks are left out of the gate and how the headline counts what could not be evaluated. A check that
``*`` put on a category which the baseline does not decide is left out: there is nothing to compare with. A check whose
category a line names stays, and the core settles what that means. The default failure rate is not asked of a candidate
that makes no calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.core.checks import CheckResult, CheckSpec, Verdict
from harness.core.gate import EVERY_PASS, GateResult
from harness.gating.checks import ALL_ITEMS, check_name, is_implied, is_named

CALL_FREE_KINDS = frozenset(["rules", "recorded", "classifier"])
MOST_NAMES = 8


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A check that is not part of the gate, and why.

    Attributes:
        spec: The check.
        reason: Why, to be read after "left out of the gate".
        is_gap: Whether the gate file asked for something that was not judged.
    """

    spec: CheckSpec
    reason: str
    is_gap: bool = True

    @property
    def name(self) -> str:
        """Category, metric and kind, as one phrase."""
        return check_name(self.spec)

    @property
    def message(self) -> str:
        """Why, as a sentence of its own."""
        return f"left out of the gate: {self.reason}"

    def as_dict(self) -> dict[str, Any]:
        """Plain data in the shape of ``harness gate --json``."""
        spec = self.spec
        return {
            "category": spec.category,
            "metric": spec.metric,
            "tier": spec.tier,
            spec.kind: spec.limit,
            "reason": self.reason,
        }


def is_call_free(fingerprint: Mapping[str, Any]) -> bool:
    """Whether a candidate makes no calls, so that no answer of it can fail."""
    if fingerprint.get("kind") == "cascade":
        stages = fingerprint.get("stages") or ()
        return bool(stages) and all(is_call_free(stage.get("candidate") or {}) for stage in stages)
    return fingerprint.get("kind") in CALL_FREE_KINDS


def split_checks(
    specs: Sequence[CheckSpec],
    lines: Sequence[Mapping[str, Any]],
    decides: Mapping[str, tuple[bool, bool]],
    *,
    names: tuple[str, str],
    can_fail: bool,
) -> tuple[tuple[CheckSpec, ...], tuple[LeftOut, ...]]:
    """The checks of the gate, and those left out of it.

    Args:
        specs: Every check of the gate file.
        lines: Its lines.
        decides: Per category, whether baseline and candidate decide on it.
        names: Baseline and candidate.
        can_fail: Whether an answer of the candidate can fail at all.
    """
    baseline, candidate = names
    kept, left_out = [], []
    for spec in specs:
        reason = None
        if is_implied(spec, lines):
            if not can_fail:
                left_out.append(LeftOut(spec, f"{candidate} makes no calls", is_gap=False))
                continue
        elif spec.metric != "failure_rate" and not is_named(spec, lines) and not decides[spec.category][0]:
            if not decides[spec.category][1]:
                both = f"decided by neither {baseline} nor {candidate}"
                reason = both if baseline != candidate else f"not decided by {candidate}"
            elif spec.kind == "margin":
                reason = f"decided by {candidate} alone, so there is nothing to compare with"
        if reason is None:
            kept.append(spec)
        else:
            left_out.append(LeftOut(spec, reason))
    return tuple(kept), tuple(left_out)


def with_coverage(result: GateResult, left_out: Sequence[LeftOut], lines: Sequence[Mapping[str, Any]]) -> GateResult:
    """The same gate whose reason says what could not be evaluated; without any proof at all it is no PASS."""
    gaps = [one.spec for one in left_out if one.is_gap and one.spec.tier != "watch"]
    gated = [check for check in result.checks if check.spec.tier != "watch"]
    said = _unevaluated(gated, gaps)
    if said is None:
        return result
    reason = result.reason
    if gaps:
        reason = reason.replace(EVERY_PASS, "every check that could be evaluated passes", 1)
    asked = [check for check in gated if not is_implied(check.spec, lines)]
    if gaps and not asked:
        verdict: Verdict = "INCONCLUSIVE" if result.verdict == "PASS" else result.verdict
        sensitivity: dict[str, Verdict] = {
            name: "INCONCLUSIVE" if one == "PASS" else one for name, one in result.sensitivity.items()
        }
        reason = "no check of the gate file could be evaluated" if result.verdict == "PASS" else reason
        result = replace(result, verdict=verdict, sensitivity=sensitivity)
    return replace(result, reason=f"{reason}; {said}")


def coverage_notes(left_out: Sequence[LeftOut]) -> list[str]:
    """One note per reason, with everything that was left out for it."""
    notes = []
    for reason in dict.fromkeys(one.reason for one in left_out):
        names = dict.fromkeys(_subject(one.spec) for one in left_out if one.reason == reason)
        notes.append(f"left out of the gate: {', '.join(names)} ({reason})")
    return notes


def _unevaluated(gated: Sequence[CheckResult], gaps: Sequence[CheckSpec]) -> str | None:
    """``6 of 7 gated checks could not be evaluated: ...``; a category by its name when that holds for all of it."""
    missing = [check.spec for check in gated if check.verdict == "NOT_EVALUABLE"]
    missing += gaps
    if not missing:
        return None
    evaluated = {check.spec.category for check in gated if check.verdict != "NOT_EVALUABLE"}
    names = list(dict.fromkeys(check_name(spec) if spec.category in evaluated else _subject(spec) for spec in missing))
    shown = names[:MOST_NAMES] + ([f"and {len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else [])
    total = len(gated) + len(gaps)
    checks = "gated check" if total == 1 else "gated checks"
    return f"{len(missing)} of {total} {checks} could not be evaluated: {', '.join(shown)}"


def _subject(spec: CheckSpec) -> str:
    return check_name(spec) if spec.category == ALL_ITEMS else spec.category
