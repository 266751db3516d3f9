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

_NAMES = {
    "harness.api.functions": ("compare", "gate", "open_run", "plot", "run", "score", "write_report"),
    "harness.api.optimise": ("Objective", "objective"),
    "harness.api.results": ("Comparison", "Gate", "Picture", "Run", "Score"),
    "harness.errors": ("HarnessError",),
}
"""Module -> public names. Types for readers and checkers are in ``__init__.pyi``; a test holds the two equal."""
_HOME = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted([*_HOME, "__version__"])


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'harness' has no attribute '{name}'; it has: {', '.join(__all__)}")
    import importlib

    found = globals()[name] = getattr(importlib.import_module(_HOME[name]), name)
    return found


def __dir__() -> list[str]:
    return list(__all__)
