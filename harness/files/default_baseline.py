"""The baseline where nobody names one.

Decides it for files, comparisons and the weekly report alike; who is judged against it is ``gating.choose``'s.
"""

from collections.abc import Sequence


def default_baseline(declared: str | None, names: Sequence[str]) -> str:
    """Against whom candidates stand side by side: the declared one where it is there, else the first.

    >>> default_baseline("v1", ["v0", "v1"]), default_baseline("v1", ["v2", "v3"]), default_baseline(None, ["v2"])
    ('v1', 'v2', 'v2')
    """
    return declared if declared is not None and declared in names else str(names[0])
