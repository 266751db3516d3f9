"""Where the shipped evals and golden sets are: beside the package in a clone, inside it when installed as a wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def shipped_root() -> Path:
    """The folder that holds the shipped ``evals/`` and ``golden_sets/``."""
    inside = PACKAGE / "shipped"
    return inside if inside.is_dir() else PACKAGE.parent
