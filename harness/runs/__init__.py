"""Stored runs: what a run folder holds, how it is written, and how it is read back.

Decides what others see of it; ``layout`` names fields and columns, ``writer`` makes run folders from ``tables`` and
``columns``, ``reader`` opens them, ``folder`` finds bytes, ``arrow`` moves columns between lists, Arrow and numpy,
``split`` tells dev items from gate items.
"""

from typing import TYPE_CHECKING, Any

import harness.runs.memory  # noqa: F401

if TYPE_CHECKING:
    from harness.runs.public import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    import importlib

    found = globals()[name] = getattr(importlib.import_module("harness.runs.public"), name)
    return found
