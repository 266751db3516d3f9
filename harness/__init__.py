"""Evaluation harness for LLM content moderation: prompts, rules and models over golden labelled sets.

The public API for notebooks and scripts, loaded when a name is first used (PEP 562)::

    import harness as mh

    run = mh.run("evals/community.yaml", candidates=["v1", "v2"], limit=100)
    mh.score(run).to_frame()
    mh.compare(run, baseline="v1", candidate="v2")
    mh.gate(run, candidate="v2", log=False).verdict
    mh.plot(run, "differences").save("difference.png")
    mh.write_report(run, formats=["html", "xlsx"])
"""

__version__ = "0.2.0"

_HOME = {
    "Comparison": "harness.api.results",
    "Gate": "harness.api.results",
    "HarnessError": "harness.errors",
    "Objective": "harness.api.optimise",
    "Picture": "harness.api.results",
    "Run": "harness.api.results",
    "Score": "harness.api.results",
    "compare": "harness.api.functions",
    "gate": "harness.api.functions",
    "objective": "harness.api.optimise",
    "open_run": "harness.api.functions",
    "plot": "harness.api.functions",
    "run": "harness.api.functions",
    "score": "harness.api.functions",
    "write_report": "harness.api.functions",
}
"""Public name -> module. Types for readers and checkers are in ``__init__.pyi``; a test holds the two equal."""

__all__ = [
    "Comparison",
    "Gate",
    "HarnessError",
    "Objective",
    "Picture",
    "Run",
    "Score",
    "__version__",
    "compare",
    "gate",
    "objective",
    "open_run",
    "plot",
    "run",
    "score",
    "write_report",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'harness' has no attribute '{name}'; it has: {', '.join(__all__)}")
    import importlib

    found = globals()[name] = getattr(importlib.import_module(_HOME[name]), name)
    return found


def __dir__() -> list[str]:
    return list(__all__)
