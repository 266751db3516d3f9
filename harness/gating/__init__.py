"""The rollout gate on stored runs: from two candidates' rows to a verdict per check and overall.

``checks`` resolves what the eval asks, ``pairs`` builds the evidence, ``decide`` asks the core, ``across`` splits a
change of the golden set from a change of the candidate, ``plan`` says what a golden set can prove before any call. The
tests and the meaning of a verdict are in ``core``; where a baseline is kept is decided in ``baselines``. What gates is
loaded when it is used: comparisons take from here who is compared, and no verdict.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.gating.decide import gate_runs
    from harness.gating.gate_report import GateReport

__all__ = ["GateReport", "gate_runs"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    import importlib

    module = importlib.import_module(f"harness.gating.{'decide' if name == 'gate_runs' else 'gate_report'}")
    found = globals()[name] = getattr(module, name)
    return found
