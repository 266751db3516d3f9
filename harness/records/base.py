"""Value types of the records: ranges, closed lists of words, and a record with the file it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

from msgspec import Struct

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


class Bounds(Struct, frozen=True):
    """What a value may be beyond its type: held against what people write, not against what a run has stored."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    min_length: int | None = None


Proportion = Annotated[float, Bounds(ge=0.0, le=1.0)]
OpenProportion = Annotated[float, Bounds(gt=0.0, lt=1.0)]
PositiveInt = Annotated[int, Bounds(ge=1)]
Positive = Annotated[float, Bounds(gt=0.0)]
NonNegative = Annotated[float, Bounds(ge=0.0)]
NonEmpty = Annotated[str, Bounds(min_length=1)]


class FromFile(Struct, frozen=True):
    """A record that a file is read into; a field that it does not have is a fault of the file."""


class Loaded(Struct, Generic[T], frozen=True):
    """A record with the file it came from and the SHA-256 of its bytes."""

    value: T
    path: Path
    sha256: str
