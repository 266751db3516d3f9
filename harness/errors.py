"""The error tree: what the user can mend.

Every ``HarnessError`` carries a message of four parts (where, found, allowed, next step). ``cli`` alone turns it into
text and an exit code; any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence


class HarnessError(Exception):
    """A mistake the user can mend; exit code 1 unless a subclass says otherwise."""

    exit_code = 1

    def __init__(self, message: str, *, allowed: str | None = None, next_step: str | None = None) -> None:
        self.message = message
        self.allowed = allowed
        self.next_step = next_step
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [self.message]
        if self.allowed:
            lines.append(f"  allowed: {self.allowed}")
        if self.next_step:
            lines.append(f"  {self.next_step}")
        return "\n".join(lines)


class FileError(HarnessError):
    """One fault in a user's file."""

    def __init__(
        self,
        path: str,
        found: str,
        *,
        line: int | None = None,
        field: str | None = None,
        allowed: str | None = None,
        next_step: str | None = None,
    ) -> None:
        self.path = path
        self.line = line
        self.field = field
        self.found = found
        where = path if line is None else f"{path}:{line}"
        what = found if field is None else f"field '{field}' {found}"
        super().__init__(f"{where}: {what}", allowed=allowed, next_step=next_step)


class GroupedError(HarnessError):
    """Several faults reported together, in the order they were found."""

    def __init__(self, errors: Sequence[HarnessError], *, shown: int = 20) -> None:
        self.errors = tuple(errors)
        parts = [str(error) for error in self.errors[:shown]]
        if len(self.errors) > shown:
            parts.append(f"... and {len(self.errors) - shown} more")
        super().__init__("\n".join(parts))


class IncompleteRunError(HarnessError):
    """The run is invalid or unfinished: too many failed items, the budget, an interrupt."""

    exit_code = 5


def raise_all(errors: Sequence[HarnessError]) -> None:
    """Raise nothing, the one error, or all of them together."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise GroupedError(errors)
