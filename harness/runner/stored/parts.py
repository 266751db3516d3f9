"""One object of a journal on a store: answers and accounts that one machine has put there, never changed again.

Decides the form, Parquet that DuckDB and pandas read too, and what is no part: pages and accounts have checksums, since
one wrong bit made another answer of one. An account is what a run had spent between two parts; it has the name of the
part it was first put in, so that whoever reads it twice counts it once.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from harness.runner.claims import Spent

Answer = tuple[bytes, int, bytes, float, str, str, int]
Accounts = Mapping[str, Mapping[str, Spent]]
"""First part -> run -> spent."""
COLUMNS = ("key", "status", "body", "latency_ms", "created", "model", "is_batch")
SCHEMA = pa.schema(
    [
        pa.field("key", pa.binary(32), nullable=False),
        pa.field("status", pa.int32(), nullable=False),
        pa.field("body", pa.binary(), nullable=False),
        pa.field("latency_ms", pa.float64(), nullable=False),
        pa.field("created", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("is_batch", pa.int8(), nullable=False),
    ]
)
BATCH = 4_096
_ABOUT, _SUM = b"moderation-harness journal 1", b"moderation-harness journal 1 checksum"


def write_part(path: Path, answers: Iterable[Sequence[Answer]], accounts: Accounts) -> None:
    """Write a part; answers come in batches, and no answer comes twice from here."""
    plain = {origin: {run: list(spent) for run, spent in runs.items()} for origin, runs in accounts.items()}
    said = orjson.dumps(plain)
    schema = SCHEMA.with_metadata({_ABOUT: said, _SUM: str(zlib.crc32(said))})
    seen: set[bytes] = set()
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
        for rows in answers:
            new = {row[0]: row for row in rows if row[0] not in seen}
            seen.update(new)
            columns = list(zip(*new.values(), strict=True)) or [()] * len(COLUMNS)
            arrays = [pa.array(column, one.type) for column, one in zip(columns, SCHEMA, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=SCHEMA))


def read_part(source: Any) -> tuple[Iterator[list[Answer]], Accounts]:
    """The answers of a part, in batches, and its accounts.

    Raises:
        ValueError: It is none, or is damaged.
    """
    try:
        file = pq.ParquetFile(source, page_checksum_verification=True)
        stored = file.schema_arrow.metadata or {}
        about = stored.get(_ABOUT)
        if about is None or not file.schema_arrow.equals(SCHEMA, check_metadata=False):
            raise ValueError("it has other columns than a part of a journal")
        if stored.get(_SUM) != str(zlib.crc32(about)).encode():
            raise ValueError("what it says of money is damaged")
        said = orjson.loads(about)
        accounts = {
            origin: {run: Spent(*map(_number, spent)) for run, spent in runs.items()} for origin, runs in said.items()
        }
    except (pa.ArrowException, OSError, orjson.JSONDecodeError, AttributeError, TypeError) as error:
        raise ValueError(" ".join(str(error).split())[:200]) from None
    return _batches(file), accounts


def _batches(file: pq.ParquetFile) -> Iterator[list[Answer]]:
    n_left = file.metadata.num_rows
    try:
        for batch in file.iter_batches(BATCH):
            n_left -= len(batch)
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    except (pa.ArrowException, OSError) as error:
        raise ValueError(" ".join(str(error).split())[:200]) from None
    if n_left:
        raise ValueError("it holds fewer answers than it says")


def _number(value: Any) -> Any:
    if isinstance(value, int | float):
        return value
    raise TypeError("an account holds something that is no number")
