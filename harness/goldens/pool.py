"""An unlabelled pool: one table or many files of it, read row by row.

Decides which files a pool is, which of its columns is the text and which the id, and what makes a row one that could be
labelled. What kind of file it is, its encoding and separator are decided in ``imports.foreign``. No row is dropped in
silence: whatever cannot be labelled is counted by its reason.
"""

from __future__ import annotations

import glob
import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import FileError, HarnessError
from harness.files.golden.sets import GoldenSet
from harness.files.text import joined, shortened, suggestion
from harness.goldens.imports.flat import NoRow, Row
from harness.goldens.imports.foreign import Reading, open_foreign
from harness.runs.folder import is_remote

TEXT_NAMES = ("text", "content", "comment_text", "comment", "body", "message", "tweet", "post", "caption", "sentence")
ID_NAMES = ("id", "item_id", "content_id", "comment_id", "post_id", "message_id", "uuid")
_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx")
_FOUND_OUT = Reading()


@dataclass(frozen=True, slots=True)
class PoolRow:
    """One row of a pool; ``values`` is None where there is none to label, for the ``reason``."""

    file: str
    number: int
    values: Row | None
    reason: str = ""

    @property
    def where(self) -> str:
        """Where it stands."""
        return f"{self.file} row {self.number}"


@dataclass(frozen=True, slots=True)
class Pool:
    """Files that hold one row an item, in the order in which they are read."""

    files: tuple[Path, ...]
    text: str
    id: str | None
    columns: tuple[str, ...]
    reading: Reading = _FOUND_OUT
    guessed_encoding: str | None = None
    """Of the first file, where nothing names it."""

    def rows(self) -> Iterator[PoolRow]:
        """All rows, one after the other; each time the same."""
        for path in self.files:
            with open_foreign(path, self.reading) as foreign:
                if self.text not in foreign.columns:
                    raise _no_column(path, self.text, foreign.columns, "--text")
                for number, row in foreign.rows():
                    if isinstance(row, NoRow):
                        yield PoolRow(path.name, number, None, row.reason)
                    elif not isinstance(text := row.get(self.text), str) or not text.strip():
                        yield PoolRow(path.name, number, None, "no text")
                    elif "\0" in text:
                        yield PoolRow(path.name, number, None, "a NUL character in the text")
                    else:
                        yield PoolRow(path.name, number, row)

    def id_of(self, row: PoolRow) -> str:
        """The item's id: the column's, else file and row number."""
        assert row.values is not None
        value = None if self.id is None else row.values.get(self.id)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        text = "" if value is None or isinstance(value, bool) else str(value).strip()
        return text if text and text.isprintable() else f"{row.file}:{row.number}"


def open_pool(
    patterns: Sequence[str], *, text: str | None = None, id_column: str | None = None, reading: Reading = _FOUND_OUT
) -> Pool:
    """The pool of files, folders and patterns that a user names.

    Raises:
        HarnessError: Nothing is there, or a column that is needed is in none or cannot be told.
    """
    files = _files(patterns)
    columns: dict[str, None] = {}
    with open_foreign(files[0], reading) as foreign:
        if foreign.kind == "inspect":
            raise FileError(str(files[0]), "is an Inspect log", allowed="tables of items",
                            next_step="import it instead: harness golden import FILE")  # fmt: skip
        columns.update(dict.fromkeys(foreign.columns))
        guessed = foreign.guessed_encoding
    names = tuple(columns)
    by_name = {name.casefold(): name for name in reversed(names)}
    if text is None:
        text = next((by_name[name] for name in TEXT_NAMES if name in by_name), None)
    if text is None:
        raise FileError(str(files[0]), "has no column that is plainly the text", allowed=joined(names),
                        next_step="say which: --text COLUMN")  # fmt: skip
    if id_column is None:
        id_column = next((by_name[name] for name in ID_NAMES if name in by_name), None)
    elif id_column == "row":
        id_column = None
    pool = Pool(files, text, id_column, names, reading, guessed)
    require_columns(pool, {"--text": text, **({} if id_column is None else {"--id": id_column})})
    return pool


def require_columns(pool: Pool, wanted: Mapping[str, str]) -> None:
    """Refuse a column that the first file of the pool does not have."""
    for option, name in wanted.items():
        if name not in pool.columns:
            raise _no_column(pool.files[0], name, pool.columns, option)


def require_own_ids(ids: Iterable[str]) -> None:
    """Refuse ids of which one stands twice."""
    counts = Counter(ids)
    twice = [item_id for item_id, n in counts.items() if n > 1]
    if twice:
        raise HarnessError(
            f"ids stand more than once in the pool: {joined(map(shortened, twice), most=5)}",
            allowed="one row an item",
            next_step="name the column that is an id with --id COLUMN, or number the rows: --id row",
        )


def _no_column(path: Path, name: str, columns: Sequence[str], option: str) -> HarnessError:
    return FileError(str(path), f"has no column '{shortened(name)}' ({option})", allowed=joined(columns),
                     next_step=suggestion(name, columns, "name one of these"))  # fmt: skip


def _files(patterns: Sequence[str]) -> tuple[Path, ...]:
    """Files in the order named; those of a pattern or folder by name, each once."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if is_remote(pattern):
            from harness.goldens.pool_remote import fetched

            inside = fetched(pattern, _is_table)
        elif os.path.isdir(path):  # Path's own raises where a name is too long
            inside = sorted(one for one in path.iterdir() if one.is_file() and _is_table(one))
        elif os.path.exists(path) or not glob.has_magic(pattern):
            inside = [path]
        else:
            inside = [Path(one) for one in sorted(glob.glob(pattern, recursive=True)) if os.path.isfile(one)]
        if not inside:
            raise HarnessError(f"{shortened(pattern)}: no file of a pool is there",
                               allowed=f"files ending in {', '.join(_ENDINGS)}, also under .gz",
                               next_step="check the path or the pattern")  # fmt: skip
        found.update(dict.fromkeys(inside))
    return tuple(found)


def _is_table(path: Path) -> bool:
    name = path.name.removesuffix(".gz")
    return not path.name.startswith(".") and name.endswith(_ENDINGS)


class InSets:
    """Which rows of a pool stand in golden sets already, and so are no part of the population that is drawn from."""

    def __init__(self, golden_sets: Sequence[GoldenSet]) -> None:
        self._ids = {item_id for one in golden_sets for item_id in one.ids()}
        self._texts = {text_key(item.text) for one in golden_sets for item in one.items() if item.text is not None}

    def holds(self, pool: Pool, row: PoolRow) -> bool:
        """Whether a row that has a text is among them, by its id or its text."""
        if row.values is None or not self._ids:
            return False
        return pool.id_of(row) in self._ids or text_key(str(row.values[pool.text])) in self._texts


def text_key(text: str) -> bytes:
    """Eight bytes that are equal for texts that differ only in case, blanks or composed letters."""
    same = " ".join(unicodedata.normalize("NFC", text).casefold().split())
    return hashlib.blake2b(same.encode("utf-8", "surrogatepass"), digest_size=8).digest()
