"""How an item that is a variant of another names its source, in its id.

Decides that form alone; which variants there are is decided where they are written (``goldens.perturb``).
"""

from __future__ import annotations

MARK = "~"
"""Stands between the id of a source and the name of a variant."""
ORIGINAL = "original"


def source_of(item_id: str) -> tuple[str, str]:
    """The source of an item of such a set, and its variant.

    >>> source_of("c-1~typos"), source_of("c-1")
    (('c-1', 'typos'), ('c-1', 'original'))
    """
    source, mark, variant = item_id.rpartition(MARK)
    return (source, variant) if mark else (item_id, ORIGINAL)
