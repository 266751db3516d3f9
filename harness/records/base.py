"""Value types of the records: ranges, closed lists of words, and a record with the file it came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

from annotated_types import Ge, Gt, Le, Lt, MinLen

T = TypeVar("T")

Severity = Literal["low", "medium", "high", "critical"]
CategoryKind = Literal["binary", "ordinal"]
OnFailure = Literal["no_flag", "flag", "review"]
FailOn = Literal["inconclusive", "regression"]
Tier = Literal["critical", "guarded", "watch"]
RunStatus = Literal["complete", "incomplete", "invalid"]
Label = Literal[0, 1] | None
MISSING = -1
"""Code of a label or decision that is not there, wherever labels and decisions are arrays."""

Proportion = Annotated[float, Ge(0.0), Le(1.0)]
OpenProportion = Annotated[float, Gt(0.0), Lt(1.0)]
PositiveInt = Annotated[int, Ge(1)]
Positive = Annotated[float, Gt(0.0)]
NonNegative = Annotated[float, Ge(0.0)]
NonEmpty = Annotated[str, MinLen(1)]

FROM_FILE: Any = {"extra": "forbid", "strict": True, "allow_inf_nan": False}


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """A record with the file it came from and the SHA-256 of its bytes."""

    value: T
    path: Path
    sha256: str
