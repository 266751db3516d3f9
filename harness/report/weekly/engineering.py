"""What engineering need of a week: cost, time and failures over the weeks, versions of everything, the commands.

Decides which facts of a run are told as versions, and which of them changed since the run before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.report.weekly.collect import WeeklySource
from harness.report.weekly.commands import to_run
from harness.report.weekly.data import Engineering, Version, WeekCosts
from harness.runs import RunMeta

PACKAGE = "package "
_NAMES = {
    "model": "model",
    "provider": "provider",
    "parser": "parser",
    "reader": "reader of answers",
    "engine": "rules engine",
}
"""Field of a candidate's fingerprint -> what it is called."""


def engineering_of(source: WeeklySource) -> Engineering:
    """Costs, versions and commands of the reported candidate."""
    meta = source.run.meta
    before = None if source.previous is None else source.previous[1].meta
    return Engineering(
        costs=tuple(_costs(source, source.candidate)),
        versions=tuple(_versions(meta, before, source.candidate)),
        reasons=dict(meta.error_reasons.get(source.candidate, {})),
        calls=meta.calls,
        cached=meta.cached,
        retries=meta.retries,
        commands=to_run(source),
    )


def _costs(source: WeeklySource, candidate: str) -> Iterator[WeekCosts]:
    for week, runs in source.by_week.items():
        meta = runs.of.get(candidate)
        if meta is None:
            continue
        scored = source.summaries[meta.run_id].candidates[candidate]
        yield WeekCosts(
            week,
            candidate,
            meta.n_items,
            scored.cost_usd,
            scored.money.per_1000_usd,
            scored.money.per_caught_usd,
            scored.money.n_unknown,
            scored.latency_ms.get("p50"),
            scored.latency_ms.get("p95"),
            scored.failure_rate,
            meta.run_id,
        )


def _versions(meta: RunMeta, before: RunMeta | None, candidate: str) -> Iterator[Version]:
    now, then = _made_of(meta, candidate), {} if before is None else _made_of(before, candidate)
    for name, value in now.items():
        old = then.get(name) or (value if name.startswith(PACKAGE) else "none")  # a package comes with what is asked
        yield Version(name, value, old if before is not None and old != value else None)


def _made_of(meta: RunMeta, candidate: str) -> dict[str, str]:
    """Name -> version, in the order in which it is told."""
    found: dict[str, str] = {}
    for kind, noun in (("prompt", "prompt"), ("rules", "rule set")):
        file = meta.input_of(kind, candidate)
        if file is not None:
            found[noun] = f"{file.title} @{file.sha256[:8]}"
    fingerprint: Mapping[str, Any] = meta.fingerprint(candidate)
    found |= {words: str(fingerprint[key]) for key, words in _NAMES.items() if fingerprint.get(key) is not None}
    found["policy"] = f"{meta.policy.name} v{meta.policy.version}"
    found["golden set"] = f"{meta.golden_set.title} @{meta.golden_set.hash[:8]}"
    if meta.harness_version:
        found["harness"] = meta.harness_version
    if python := meta.platform.get("python"):
        found["python"] = python
    return found | {f"{PACKAGE}{name}": version for name, version in sorted(meta.packages.items())}
