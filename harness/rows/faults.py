"""Faults of rows: the first ones are kept, all are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from harness.errors import FileError, GroupedError, HarnessError
from harness.textfile import listed, shortened, suggestion

MAX_FAULTS = 20


class Faults:
    """Collects faults of rows; the first ones are kept, all are counted."""

    def __init__(self, where: Callable[[int], tuple[str, int | None]]) -> None:
        self.where = where
        self._kept: list[tuple[int, FileError]] = []
        self._unknown_labels: dict[str, int] = {}
        self._unknown_counts: Counter[str] = Counter()
        self.n_faults = 0

    def __len__(self) -> int:
        return self.n_faults + len(self._unknown_counts)

    def add(self, index: int, field: str | None, found: str, allowed: str, next_step: str) -> None:
        """Note a fault of the row at ``index``."""
        self.n_faults += 1
        if len(self._kept) < MAX_FAULTS:
            path, line = self.where(index)
            error = FileError(
                path,
                found,
                line=line,
                field=None if field is None else shortened(field),
                allowed=allowed,
                next_step=next_step,
            )
            self._kept.append((index, error))

    def add_unknown_label(self, index: int, name: str) -> None:
        """Note a label name that the card does not declare; one fault per name, with a count."""
        if name in self._unknown_counts or len(self._unknown_counts) < 1_000:
            self._unknown_labels.setdefault(name, index)
            self._unknown_counts[name] += 1

    def raise_all(self, names: Sequence[str], labels_field: str, card: str) -> None:
        """Raise what was collected, in the order of the file; nothing when there is nothing."""
        errors: list[tuple[int, HarnessError]] = list(self._kept)
        for name, index in self._unknown_labels.items():
            path, line = self.where(index)
            count = self._unknown_counts[name]
            often = "in this row" if count == 1 else f"in {count:,} rows, first here"
            errors.append(
                (
                    index,
                    FileError(
                        path,
                        f"is not a declared label ({often})",
                        line=line,
                        field=shortened(f"{labels_field}.{name}"),
                        allowed=listed(names),
                        next_step=suggestion(name, names, f"correct the rows, or declare the label in {card}"),
                    ),
                )
            )
        if not errors:
            return
        errors.sort(key=lambda entry: entry[0])
        total, kept = len(self), [error for _, error in errors[:MAX_FAULTS]]
        if total == 1:
            raise kept[0]
        if total > len(kept):
            kept.append(HarnessError(f"... and {total - len(kept):,} more faults"))
        raise GroupedError(kept, shown=MAX_FAULTS + 1)
