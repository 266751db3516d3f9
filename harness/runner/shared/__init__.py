"""Limits and bounds that processes of one run share: ``desk`` grants, ``line`` asks.

Decides nothing about when a call may start: the desk holds the very limiters and the budget of a run on one machine.
What carries words between a process and the desk is the engine's business.
"""

from __future__ import annotations

from harness.runner.shared.desk import Desk
from harness.runner.shared.line import Line
from harness.runner.shared.sharing import Sharing

__all__ = ["Desk", "Line", "Sharing"]
