"""Items with (nearly) the same text -> one group for each lot, so that intervals count copies as the one case they are.

Decides how lots of copies and the groups that items have already are joined: whoever shares either is in one group.
"""

from __future__ import annotations

from harness.files.golden.sets import GoldenSet
from harness.goldens.near_duplicates import near_duplicates_of


def groups_of_copies(golden: GoldenSet) -> dict[int, str]:
    """Position -> new group, of the items whose group changes."""
    own = [item.group for item in golden.items()]
    lots = near_duplicates_of(golden)
    members: dict[str, list[int]] = {}
    for at, group in enumerate(own):
        if group is not None:
            members.setdefault(group, []).append(at)
    parent = list(range(len(own)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for lot in [*lots, *members.values()]:
        for at in lot[1:]:
            one, other = sorted((root(lot[0]), root(at)))
            parent[other] = one
    joined: dict[int, list[int]] = {}
    for lot in lots:
        for at in lot:
            joined.setdefault(root(at), [])
    for at in range(len(own)):
        if root(at) in joined:
            joined[root(at)].append(at)
    ids = golden.ids()
    changed = {}
    for lot in joined.values():
        names = {own[at] for at in lot}
        if len(names) == 1 and None not in names:
            continue
        name = next((own[at] for at in lot if own[at] is not None), None) or f"copies of {ids[lot[0]]}"
        changed.update({at: name for at in lot if own[at] != name})
    return changed
