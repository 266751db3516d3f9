"""Markdown that fits where it is shown: head and foot stay whole, what stands between gives way row by row.

Decides what is left out when a comment or a job summary would be refused for its length: rows at the end of the longest
blocks, each with a line that counts them, so that every table and every ``<details>`` closes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.report.parts.tables import Table, markdown_text, to_markdown

JOINT = "\n\n"


@dataclass(frozen=True, slots=True)
class Block:
    """Rows between an opening and a closing that always stand together; ``rest`` says where the rows left out are."""

    opening: str
    rows: tuple[str, ...] = ()
    closing: str = ""
    rest: str = "in the job's JSON"

    def text(self, n_rows: int) -> str:
        """The block with its first rows; what is missing is counted."""
        missing = len(self.rows) - n_rows
        lines = [self.opening, *self.rows[:n_rows], self.closing]
        if missing:
            lines.append(f"\n({missing:,} more {'row' if missing == 1 else 'rows'} {self.rest})")
        return "\n".join(line for line in lines if line)


def table_block(table: Table) -> Block:
    """A table that can be cut: title and header stay, and so do the notes."""
    opening = to_markdown(dataclasses.replace(table, rows=(), notes=()))
    rows = to_markdown(dataclasses.replace(table, title="", notes=())).split("\n")[2:]
    return Block(opening, tuple(rows), "\n".join(f"\n{markdown_text(note)}" for note in table.notes))


def fitted(
    head: Sequence[str], blocks: Sequence[Block], foot: Sequence[str], *, limit: int, size: Callable[[str], int]
) -> str:
    """Head, blocks and foot as one text of at most ``limit``; where even head and foot are too long, the head alone.

    Rows of ``blocks`` may be cut; head and foot always stand. ``size`` counts as the place does where it is shown.
    """
    head, foot = [part for part in head if part], [part for part in foot if part]
    joint = size(JOINT)
    left = limit - sum(size(part) + joint for part in (*head, *foot))
    if left < 0:
        text = JOINT.join(head) + "\n"
        return text if size(text) <= limit else ""
    body = [part for part in _shared(blocks, left, joint, size) if part]
    return JOINT.join([*head, *body, *foot]) + "\n"


def _shared(blocks: Sequence[Block], left: int, joint: int, size: Callable[[str], int]) -> list[str]:
    """Short blocks whole; the long ones share what remains evenly."""
    sizes = [size(block.text(len(block.rows))) + joint for block in blocks]
    shown = [""] * len(blocks)
    order = sorted(range(len(blocks)), key=lambda at: sizes[at])
    for n_done, at in enumerate(order):
        share = left // (len(blocks) - n_done)
        text = _cut(blocks[at], share - joint, size)
        shown[at] = text
        left -= size(text) + joint if text else 0
    return shown


def _cut(block: Block, share: int, size: Callable[[str], int]) -> str:
    """The block with as many rows as its share holds; nothing where not even its opening fits."""
    least, most = 0, len(block.rows)
    if size(block.text(most)) <= share:
        return block.text(most)
    while least < most:
        middle = (least + most + 1) // 2
        if size(block.text(middle)) <= share:
            least = middle
        else:
            most = middle - 1
    text = block.text(least)
    return text if size(text) <= share else ""
