"""A gate as plain data: the shape of ``harness gate --json``.

Decides its keys. Every reason and remark stands there twice: as the record that it is, and in words.
"""

from __future__ import annotations

from typing import Any

from harness.gating.coverage import LeftOut
from harness.gating.gate_report import CheckReport, GateReport
from harness.report.gate.statement_words import left_out_reason, notes_of, reason_of, statements_text


def gate_document(report: GateReport) -> dict[str, Any]:
    """The report as plain data, undefined numbers as None."""
    return {
        "verdict": report.verdict,
        "reason": reason_of(report),
        "checks": [_check(check) for check in report.checks],
        "reasons": [one.as_dict() for one in report.reasons],
        "left_out": [_left_out(one) for one in report.left_out],
        "pooled": [_check(check) for check in report.pooled],
        "fail_on": report.fail_on,
        "exit_code": report.exit_code,
        "eval": report.eval_name,
        "alpha": report.alpha,
        "seed": report.seed,
        "golden_set": report.golden_set.as_dict(),
        "items": {"n": report.n_items, "missing_pairs": report.n_missing, "withheld": report.n_withheld},
        "baseline": report.baseline.as_dict(),
        "candidate": report.candidate.as_dict(),
        "fallback": report.fallback.as_dict(report.verdict),
        "flips": {
            name: {
                "fixed": list(one.fixed),
                "broken": list(one.broken),
                "newly": {what: list(ids) for what, ids in one.newly.items()},
            }
            for name, one in report.flips.items()
        },
        "flip_rates": {
            name: {side: rate.as_dict() for side, rate in sides.items()} for name, sides in report.flip_rates.items()
        },
        "noise_floor": {
            name: {metric: one.as_dict() for metric, one in metrics.items()}
            for name, metrics in report.noise_floor.items()
        },
        "across_versions": None if report.across is None else report.across.as_dict(),
        "reuse": None if report.reuse is None else report.reuse.as_dict(),
        "must_catch": None if report.must_catch is None else report.must_catch.as_dict(),
        "notes": list(notes_of(report)),
        "findings": [one.as_dict() for one in report.findings],
    }


def _check(check: CheckReport) -> dict[str, Any]:
    return {
        **check.result.as_dict(),
        "remark": statements_text(check.result.remarks) or None,
        "baseline": check.baseline.as_dict(),
        "candidate": check.candidate.as_dict(),
        "implied": check.is_implied,
        "missing_pairs": check.n_missing,
    }


def _left_out(one: LeftOut) -> dict[str, Any]:
    spec = one.spec
    asked = {"category": spec.category, "metric": spec.metric, "tier": spec.tier, spec.kind: spec.limit}
    return {**asked, "reason": left_out_reason(one), "because": one.because}
