"""Python lists to Arrow arrays and Arrow columns to numpy, through buffers.

Decides how columns are built and read without ``pyarrow.array``, ``to_numpy`` and ``fill_null``: these import pandas
wherever it is installed, one second of processor time and 60 MB of memory that a run and a score have no use for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def string_array(values: Sequence[str | None]) -> pa.Array:
    """Strings with nulls; characters that UTF-8 cannot hold become question marks.

    >>> string_array(["a", None, "ä"]).to_pylist()
    ['a', None, 'ä']
    """
    validity, n_null = _presence(values)
    texts = [value or "" for value in values]
    together = "".join(texts)
    if together.isascii():  # a character is a byte
        offsets, content = _offsets(texts), together.encode()
    else:
        encoded = [text.encode("utf-8", "replace") for text in texts]
        offsets, content = _offsets(encoded), b"".join(encoded)
    return pa.Array.from_buffers(pa.string(), len(values), [validity, offsets, pa.py_buffer(content)], n_null)


def number_array(values: Sequence[float | None], kind: pa.DataType) -> pa.Array:
    """Numbers with nulls.

    >>> number_array([1, None, 0], pa.int8()).to_pylist()
    [1, None, 0]
    """
    validity, n_null = _presence(values)
    known = [0 if value is None else value for value in values] if n_null else values
    filled: NDArray[Any] = np.array(known, dtype=_NUMBERS[kind])
    return pa.Array.from_buffers(kind, len(values), [validity, pa.py_buffer(filled.tobytes())], n_null)


def bool_array(values: Sequence[bool]) -> pa.Array:
    """Booleans.

    >>> bool_array([True, False, True]).to_pylist()
    [True, False, True]
    """
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits(values)], 0)


def label_array(codes: NDArray[np.int8]) -> pa.Array:
    """Labels where -1 is null.

    >>> label_array(np.array([1, -1, 0], dtype=np.int8)).to_pylist()
    [1, None, 0]
    """
    validity, n_null = _validity(codes >= 0)
    return pa.Array.from_buffers(pa.int8(), codes.size, [validity, pa.py_buffer(codes.tobytes())], n_null)


def string_list_array(values: Sequence[Sequence[str]]) -> pa.Array:
    """Lists of strings.

    >>> string_list_array([["a", "b"], []]).to_pylist()
    [['a', 'b'], []]
    """
    inner = string_array(list(chain.from_iterable(values)))
    offsets = _offsets(values)
    return pa.Array.from_buffers(pa.list_(pa.string()), len(values), [None, offsets], 0, children=[inner])


def numpy_of(column: pa.ChunkedArray, *, null: float = 0) -> NDArray[Any]:
    """The values of a column of numbers or booleans, with ``null`` in place of nulls.

    >>> numpy_of(pa.chunked_array([number_array([1, None, 0], pa.int8())]), null=-1).tolist()
    [1, -1, 0]
    """
    kind = np.bool_ if column.type == pa.bool_() else _NUMBERS[column.type]
    parts = [_chunk(chunk, kind, null) for chunk in column.chunks if len(chunk)]
    return np.concatenate(parts) if parts else np.empty(0, dtype=kind)


def matrix_of(table: pa.Table, prefix: str, names: Sequence[str], null: float, kind: type) -> NDArray[Any]:
    """Columns ``prefix.name`` of a table, one column of the result for each name."""
    matrix = np.empty((table.num_rows, len(names)), dtype=kind)
    for column, name in enumerate(names):
        matrix[:, column] = numpy_of(table[f"{prefix}.{name}"], null=null)
    return matrix


def places_of(column: pa.ChunkedArray, values: Sequence[str]) -> NDArray[np.int64]:
    """The place of each text of a dictionary-encoded column among some values; -1 for null and for any other text."""
    place = {value: at for at, value in enumerate(values)}
    parts = [np.empty(0, dtype=np.int64)]
    for chunk in column.chunks:
        known = chunk.dictionary.to_pylist()
        places = np.array([*(place.get(value, -1) for value in known), -1], dtype=np.int64)
        parts.append(places[_chunk(chunk.indices, np.int32, len(known))])
    return np.concatenate(parts)


def members_of(table: pa.Table, column: str, names: Sequence[str]) -> NDArray[np.bool_] | None:
    """Which names each list of a column holds, (n_rows, n_names); None without the column, or where none does."""
    if column not in table.column_names:
        return None
    place = {name: at for at, name in enumerate(names)}
    found = np.zeros((table.num_rows, len(names)), dtype=np.bool_)
    for row, members in enumerate(table[column].to_pylist()):
        for name in members or ():
            if name in place:
                found[row, place[name]] = True
    return found if found.any() else None


def array_of(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """An array of one of the types that run folders use."""
    if values and values[0] is None and values.count(None) == len(values):
        return pa.nulls(len(values), kind)
    return number_array(values, kind) if kind in _NUMBERS else _BUILDERS[kind](values)


_NUMBERS: dict[pa.DataType, type] = {
    pa.int8(): np.int8,
    pa.int32(): np.int32,
    pa.int64(): np.int64,
    pa.float64(): np.float64,
}
_BUILDERS: dict[pa.DataType, Callable[[Sequence[Any]], pa.Array]] = {
    pa.string(): string_array,
    pa.bool_(): bool_array,
    pa.list_(pa.string()): string_list_array,
}


def _chunk(chunk: pa.Array, kind: type, null: float) -> NDArray[Any]:
    n, offset = len(chunk), chunk.offset
    validity, data = chunk.buffers()
    if kind is np.bool_:
        values: NDArray[Any] = _flags(data, offset, n)
    else:
        values = np.frombuffer(data, dtype=kind, count=offset + n)[offset:]
    if validity is None or not chunk.null_count:
        return values
    return np.where(_flags(validity, offset, n), values, np.asarray(null, dtype=kind))


def _flags(bits: pa.Buffer, offset: int, n: int) -> NDArray[np.bool_]:
    unpacked = np.unpackbits(np.frombuffer(bits, dtype=np.uint8), bitorder="little", count=offset + n)
    return unpacked[offset:].astype(np.bool_)


def _presence(values: Sequence[Any]) -> tuple[pa.Buffer | None, int]:
    is_valid = [value is not None for value in values]
    return (None, 0) if all(is_valid) else _validity(is_valid)


def _validity(is_valid: Sequence[bool] | NDArray[np.bool_]) -> tuple[pa.Buffer | None, int]:
    flags = np.asarray(is_valid, dtype=np.bool_)
    n_null = flags.size - int(np.count_nonzero(flags))
    return (_bits(flags) if n_null else None), n_null


def _bits(flags: Sequence[bool] | NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(np.asarray(flags, dtype=np.bool_), bitorder="little").tobytes())


def _offsets(parts: Sequence[Sized]) -> pa.Buffer:
    offsets = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, parts), dtype=np.int64, count=len(parts)), out=offsets[1:])
    if offsets[-1] > np.iinfo(np.int32).max:
        raise ValueError("a batch of rows holds more than 2 GiB of text")
    return pa.py_buffer(offsets.astype(np.int32).tobytes())
