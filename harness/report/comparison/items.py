"""Packs the item table for the browser: codes in two bits, texts in compressed pieces that load when they are needed.

Decides the layout of the blocks and what of a text may travel under ``--text``; the page decides what is on screen.
Every block is base64, so no text stands in a file in clear, and nothing in a block can end a script element.

Layout (the reader is ``report/templates/items.js``): block ``index`` is JSON; block ``codes`` holds columns of two-bit
codes, four items a byte, lowest bits first: gold per category, then decisions per candidate and category, then changes
per pair and category (0 none, 1 fixed, 2 broken), then one byte per item and candidate for the outcome. Blocks
``items-K`` are JSON for ``CHUNK`` items each. A block is plain or deflated, as its first letter says.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from markupsafe import Markup
from numpy.typing import NDArray

from harness.report.comparison.opened import opened_rows
from harness.report.comparison.sections import all_disagree
from harness.report.comparison.source import ReportSource
from harness.report.parts.masking import TextMode, printable

CHUNK = 1_000
TEXT_WIDTHS = (4_000, 600, 200)
"""Characters of a text that travel; the smaller widths keep a report of a few thousand long items in one file."""
RATIONALE_SHARE = 4
COMPRESS_FROM = 20_000
"""Bytes from which a block is deflated; small reports stay independent of the compressor's version."""

Block = tuple[str, str]


def item_blocks(source: ReportSource, text_mode: TextMode, width: int = TEXT_WIDTHS[0]) -> Iterator[Block]:
    """Name and content of every block, one at a time; texts are cut at ``width``, rationales at a quarter of it."""
    yield "index", packed(orjson.dumps(_index(source, text_mode)))
    yield "codes", packed(_codes(source))
    for number, start in enumerate(range(0, len(source.item_ids), CHUNK)):
        yield f"items-{number}", packed(orjson.dumps(_chunk(source, start, text_mode, width)))


def packed(content: bytes, compress_from: int = COMPRESS_FROM) -> str:
    """Bytes as a block of the page: deflated where that is worth it, in base 64."""
    if len(content) < compress_from:
        return "p" + base64.b64encode(content).decode("ascii")
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return "z" + base64.b64encode(packer.compress(content) + packer.flush()).decode("ascii")


def packed_part(content: str) -> Markup:
    """A part of the page that its script puts in place; those without scripts are told that it is missing."""
    note = '<noscript><p class="muted">This part needs JavaScript.</p></noscript>'
    block = packed(content.encode("utf-8", "backslashreplace"), compress_from=0)
    return Markup(f'{note}<script type="text/plain" data-packed="1">{block}</script>')


def _index(source: ReportSource, text_mode: TextMode) -> dict[str, Any]:
    n_items = len(source.item_ids)
    return {
        "ids": [printable(one) for one in source.item_ids],
        "mode": text_mode,
        "slices": [_slice(name, values, n_items) for name, values in source.slices.items()],
        "withheld": [index for index, text in enumerate(source.texts) if text is None],
        "suspect": np.flatnonzero(all_disagree(source).any(axis=1)).tolist(),
    }


def _slice(name: str, values: Mapping[str, NDArray[np.int64]], n_items: int) -> dict[str, Any]:
    """The values of a slice, the sets of them that items have, and which set each item has."""
    shown = sorted(values)
    members: list[list[int]] = [[] for _ in range(n_items)]
    for number, value in enumerate(shown):
        for index in values[value].tolist():
            members[index].append(number)
    sets: dict[tuple[int, ...], int] = {}
    of = [sets.setdefault(tuple(one), len(sets)) for one in members]
    return {"name": printable(name), "values": list(map(printable, shown)), "sets": list(sets), "of": of}


def _codes(source: ReportSource) -> bytes:
    columns = [*source.y_true.T, *(column for arm in source.arms for column in arm.decisions.T)]
    position = {one: index for index, one in enumerate(source.item_ids)}
    for comparison in source.comparisons:
        for category in source.categories:
            change = np.zeros(len(source.item_ids), dtype=np.int8)
            compared = comparison.categories.get(category)
            for code, moved in ((1, compared.fixed), (2, compared.broken)) if compared is not None else ():
                change[[position[one] for one in moved]] = code
            columns.append(change)
    packed = [_two_bits(column) for column in columns]
    return b"".join([*packed, *(arm.outcomes.astype(np.uint8).tobytes() for arm in source.arms)])


def _two_bits(column: NDArray[np.int8]) -> bytes:
    """Four items a byte; missing (-1) is stored as 3."""
    padded = np.zeros(-(-column.size // 4) * 4, dtype=np.uint8)
    padded[: column.size] = column.astype(np.int16) & 3
    parts = padded.reshape(-1, 4)
    return np.asarray(parts[:, 0] | parts[:, 1] << 2 | parts[:, 2] << 4 | parts[:, 3] << 6, dtype=np.uint8).tobytes()


def _chunk(source: ReportSource, start: int, text_mode: TextMode, width: int) -> dict[str, Any]:
    end = min(start + CHUNK, len(source.item_ids))
    content: dict[str, Any] = {}
    if text_mode != "none":
        content["t"] = [_cut(text, width) for text in source.texts[start:end]]
        pictures = _pictures(source, start, end, text_mode)
        content |= {"pic": pictures} if pictures else {}
        content["r"] = [
            _rationales(arm.rationales, start, end, max(width // RATIONALE_SHARE, 100)) for arm in source.arms
        ]
    content["s"] = [_scores(arm.scores, start, end) for arm in source.arms]
    return content | opened_rows(source, start, end, text_mode)


def _pictures(source: ReportSource, start: int, end: int, text_mode: TextMode) -> dict[str, list[list[str | None]]]:
    """Thumbnail and words of the pictures of each item that has any and was not withheld."""
    if source.pictures is None:
        return {}
    shown = {
        str(at): source.pictures.of(source.item_ids[start + at], text_mode)
        for at in range(end - start)
        if source.texts[start + at] is not None
    }
    return {at: [[url, printable(words)] for url, words in one] for at, one in shown.items() if one}


def _rationales(rationales: Sequence[str | None] | None, start: int, end: int, width: int) -> list[str | None] | None:
    if rationales is None:
        return None
    return [_cut(text, width) for text in rationales[start:end]]


def _cut(text: str | None, width: int) -> str | None:
    if text is None:
        return None
    if len(text) <= width:
        return printable(text)
    return f"{printable(text[:width])}… (cut: {len(text):,} characters)"


def _scores(scores: NDArray[Any] | None, start: int, end: int) -> list[list[int | None]] | None:
    """Scores in thousandths, which is what a reader sees here and elsewhere; None where there is none."""
    if scores is None:
        return None
    part = np.asarray(scores[start:end], dtype=np.float64)
    known = ~np.isnan(part)
    thousandths = np.round(1000 * np.where(known, part, 0)).astype(np.int64)
    return [
        [value if is_known else None for value, is_known in zip(row, mask, strict=True)]
        for row, mask in zip(thousandths.tolist(), known.tolist(), strict=True)
    ]
