"""Ship or not, and what comes next: the decision that the findings about one candidate add up to.

Decides from the gate's verdict and the findings together: a gate that passes while something is likely worse asks for
a look, never for a rollout. The gate's own verdict and exit code are not touched.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.gating.findings.records import Answer, Decision, Finding, NextStep


def decide(candidate: str, baseline: str | None, findings: Sequence[Finding], verdict: str | None = None) -> Decision:
    """The decision about one candidate.

    ``baseline`` is what it would replace; None for one candidate alone. The worst finding comes first.
    """
    answer = _answer(baseline, findings, verdict)
    return Decision(candidate, baseline, answer, verdict, tuple(findings), _step(answer, findings))


def _answer(baseline: str | None, findings: Sequence[Finding], verdict: str | None) -> Answer:
    kinds = {one.kind for one in findings}
    if "invalid" in kinds or verdict == "INVALID":
        return "invalid"
    has_harm = bool(kinds & {"harm", "open"})
    if verdict is not None:
        return {"PASS": "look" if has_harm else "ship", "REGRESSION": "no"}.get(verdict, "wait")
    if baseline is None:
        return "scores"
    if has_harm:
        return "mixed" if "gain" in kinds else "worse"
    return "better" if "gain" in kinds else "same"


def _step(answer: Answer, findings: Sequence[Finding]) -> NextStep:
    def first(*kinds: str) -> Finding | None:
        return next((one for one in findings if one.kind in kinds), None)

    if answer == "invalid":
        return NextStep("repeat", first("invalid"), None)
    harm = first("harm", "open")
    if harm is not None:
        return NextStep("read" if harm.fact in ("moved", "must_catch") else "decide", harm, harm.owner)
    if answer in ("wait", "same", "scores") and (untold := first("unknown")) is not None:
        wanted = [one for one in findings if one.kind == "unknown" and one.evidence.more]
        return NextStep("label", wanted[0] if wanted else untold, (wanted[0] if wanted else untold).owner)
    uncounted = next((one for one in findings if one.fact == "untold" and one.metric == "fpr"), None)
    if answer == "better" and uncounted is not None:
        return NextStep("label", uncounted, uncounted.owner)
    if answer in ("ship", "better"):
        return NextStep("promote", None, None)
    return NextStep("none", None, None)
