"""Ends what a candidate computes beside the runner's loop; kinds that wrap others pass it on."""

from __future__ import annotations

from typing import Any


def stop_candidate(candidate: Any) -> None:
    """Call a candidate's ``stop_computing``, which not every kind has."""
    stop = getattr(candidate, "stop_computing", None)
    if callable(stop):
        stop()
