"""Clips -> items: key frames, what is said, what stands on the screen. The libraries are the extra ``video``."""

from __future__ import annotations

import importlib
from types import ModuleType

from harness.errors import HarnessError

INSTALL = "pip install 'moderation-harness[video]'"


def library(name: str) -> ModuleType:
    """A library of the extra ``video``.

    Raises:
        HarnessError: It is not installed, or cannot be loaded on this system.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise HarnessError(
            f"reading clips needs {name}, which cannot be imported: {error}", next_step=f"install it: {INSTALL}"
        ) from None
