"""What the weekly report says about errors: groups of them, what their texts say alike, and examples."""

from __future__ import annotations

from dataclasses import dataclass

KIND_NAMES = {"fn": "missed", "fp": "flagged wrongly", "ws": "flagged as something else", "te": "no usable decision"}


@dataclass(frozen=True, slots=True)
class Example:
    """One item of a cluster; ``text`` is as ``--text`` allows, ``clear`` only travels where it may be revealed."""

    item_id: str
    text: str
    clear: str | None
    rationale: str | None

    def as_plain(self) -> str:
        """The id alone: no text leaves the page."""
        return self.item_id


@dataclass(frozen=True, slots=True)
class Part:
    """Errors of a cluster within one slice value."""

    slice: str
    value: str
    n_new: int
    n_gone: int
    n_items: int
    q_value: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """Errors of one kind in one category, and the parts of the golden set where they gather.

    Attributes:
        kind: A key of ``KIND_NAMES``.
        n_new: Errors that were none before; all errors where nothing can be compared.
        n_items: Items that could show this error.
        q_value: Of the test that more are new than gone; NaN where nothing can be compared.
        stands_out: It, or one of its parts, is more than chance explains.
        parts: Slice values in which they gather, the clearest first.
    """

    category: str
    name: str
    kind: str
    n_new: int
    n_gone: int
    n_errors: int
    n_items: int
    q_value: float
    stands_out: bool
    parts: tuple[Part, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """Errors whose texts are alike; ``words`` are as ``--text`` allows, ``marks`` are slices and rules of most of them.

    An item can be missed in one category and wrongly flagged in another, and then counts in both.
    """

    words: tuple[str, ...]
    marks: tuple[str, ...]
    n: int
    n_missed: int
    n_wrongly_flagged: int
    categories: tuple[tuple[str, int], ...]
    item_ids: tuple[str, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Errors:
    """Clusters of errors; ``is_new`` says whether they are errors that last time were none."""

    is_new: bool
    since: str | None
    n_items_shared: int
    n_new: int
    n_gone: int
    clusters: tuple[Cluster, ...]
    n_left_out: int
    topics: tuple[Topic, ...] = ()
