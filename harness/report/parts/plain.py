"""Results as plain data for JSON: undefined numbers become None, records mappings."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import Struct, structs

from harness.core.results import MetricResult
from harness.gating.findings import Decision, Finding
from harness.records import GoldenFacts


def plain(value: Any) -> Any:
    """The value as JSON has it; a record with ``as_plain`` says itself what of it travels."""
    if isinstance(value, MetricResult | Finding | Decision | GoldenFacts):
        return value.as_dict()
    if hasattr(value, "as_plain"):
        return plain(value.as_plain())
    if isinstance(value, Struct):
        return {name: plain(one) for name, one in structs.asdict(value).items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return value
