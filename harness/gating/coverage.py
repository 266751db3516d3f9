"""What a gate cannot ask of two systems.

Decides which checks are left out of the gate and which of the rest could not be evaluated. A check that
``*`` put on a category which the baseline does not decide is left out: there is nothing to compare with. A check whose
category a line names stays, and the core settles what that means. The default failure rate is not asked of a candidate
that makes no calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from harness.core.checks import CheckSpec, Verdict
from harness.core.gate import GateResult
from harness.core.statements import Statement
from harness.gating.checks import check_key, is_implied, is_named
from harness.records import Check

CALL_FREE_KINDS = frozenset(["rules", "recorded", "classifier", "human"])
Because = Literal["makes_no_calls", "neither_decides", "not_decided", "candidate_alone"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A check that is not part of the gate, and why.

    Attributes:
        is_gap: Whether the gate file asked for something that was not judged.
    """

    spec: CheckSpec
    because: Because
    names: tuple[str, str]
    is_gap: bool = True

    @property
    def key(self) -> str:
        """Category, metric and kind, as one phrase by the category's id."""
        return check_key(self.spec)


def is_call_free(fingerprint: Mapping[str, Any]) -> bool:
    """Whether a candidate makes no calls, so that no answer of it can fail."""
    if fingerprint.get("kind") == "cascade":
        stages = fingerprint.get("stages") or ()
        return bool(stages) and all(is_call_free(stage.get("candidate") or {}) for stage in stages)
    return fingerprint.get("kind") in CALL_FREE_KINDS


def split_checks(
    specs: Sequence[CheckSpec],
    lines: Sequence[Check],
    decides: Mapping[str, tuple[bool, bool]],
    *,
    names: tuple[str, str],
    can_fail: bool,
) -> tuple[tuple[CheckSpec, ...], tuple[LeftOut, ...]]:
    """The checks of the gate, and those left out of it.

    ``decides`` says per category whether baseline and candidate decide on it, ``can_fail`` whether an answer of the
    candidate can fail at all.
    """
    baseline, candidate = names

    def why_left_out(spec: CheckSpec) -> Because | None:
        if is_implied(spec, lines):
            return None if can_fail else "makes_no_calls"
        if spec.metric == "failure_rate" or is_named(spec, lines) or decides[spec.category][0]:
            return None
        if not decides[spec.category][1]:
            return "neither_decides" if baseline != candidate else "not_decided"
        return "candidate_alone" if spec.kind == "margin" else None

    because = [(spec, why_left_out(spec)) for spec in specs]
    left_out = (LeftOut(spec, why, names, is_gap=why != "makes_no_calls") for spec, why in because if why is not None)
    return tuple(spec for spec, why in because if why is None), tuple(left_out)


def with_coverage(result: GateResult, left_out: Sequence[LeftOut], lines: Sequence[Check]) -> GateResult:
    """The same gate with what could not be evaluated among its reasons; without any proof at all it is no PASS."""
    gaps = [one.spec for one in left_out if one.is_gap and one.spec.tier != "watch"]
    gated = [check for check in result.checks if check.spec.tier != "watch"]
    missing = [*(check.spec for check in gated if check.verdict == "NOT_EVALUABLE"), *gaps]
    if not missing:
        return result
    evaluated = {check.spec.category for check in gated if check.verdict != "NOT_EVALUABLE"}
    whole = [spec.category for spec in missing if spec.category not in evaluated]
    counted = {"n": len(gated) + len(gaps), "whole_categories": list(dict.fromkeys(whole))}
    reasons = result.reasons
    if gaps:
        reasons = tuple(
            replace(one, kind="every_evaluated_check_passes") if one.kind == "every_check_passes" else one
            for one in reasons
        )
    asked = [check for check in gated if not is_implied(check.spec, lines)]
    if gaps and not asked:
        reasons = (Statement("nothing_evaluated"),) if result.verdict == "PASS" else reasons
        sensitivity = {name: _unproven(one) for name, one in result.sensitivity.items()}
        result = replace(result, verdict=_unproven(result.verdict), sensitivity=sensitivity)
    return replace(result, reasons=(*reasons, Statement("not_evaluated", tuple(missing), counted)))


def _unproven(verdict: Verdict) -> Verdict:
    return "INCONCLUSIVE" if verdict == "PASS" else verdict


def coverage_notes(left_out: Sequence[LeftOut]) -> list[Statement]:
    """One note per cause, with everything that was left out for it."""
    notes = []
    for because, names in dict.fromkeys((one.because, one.names) for one in left_out):
        specs = tuple(one.spec for one in left_out if (one.because, one.names) == (because, names))
        facts = {"because": because, "baseline": names[0], "candidate": names[1]}
        notes.append(Statement("left_out", specs, facts))
    return notes
