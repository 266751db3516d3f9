"""A gate's report as JSON and back, for another process of the same session.

Decides how it travels: as plain data that is checked against the records on arrival, so that reading it runs nothing.
Python's own JSON keeps what others refuse: NaN, which undefined numbers are inside, and lone surrogates in ids.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np

from harness.gating.gate_report import GateReport


def packed(found: GateReport | str) -> str:
    """A report, or why there is none, as ASCII."""
    return json.dumps(msgspec.to_builtins(found, enc_hook=_plain))


def unpacked(content: str) -> GateReport | str:
    """What was packed.

    Raises:
        ValueError: It is no report.
    """
    return msgspec.convert(json.loads(content), GateReport | str)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"a gate's report holds {type(value).__name__}")
