"""Policy file -> ``Policy``.

Decides which policies are well formed: ids, parents, ordinal levels, prevalence intervals and crosswalks. Whether a
golden set or a prompt fits the policy is decided where they meet (``golden``, ``evalspec``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import FileError, raise_all
from harness.files.decode import require_name, to_record
from harness.files.schema import Loc
from harness.files.text import joined, quoted, shortened, suggestion
from harness.files.yaml import Document, read_yaml
from harness.records import Category, Loaded, Policy

CATEGORY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_/.-]*")
CATEGORY_ID_ALLOWED = "letters, digits, '_', '-', '/' and '.', beginning with a letter or digit, at most 100 characters"


def load_policy(path: str | Path) -> Loaded[Policy]:
    """Read and check a policy file."""
    document = read_yaml(Path(path), what="policy", kind="policy")
    tree, ids = _with_category_list(document)

    def translate(loc: Loc) -> Loc:
        if len(loc) > 1 and loc[0] == "categories" and isinstance(loc[1], int):
            return ("categories", ids[loc[1]], *loc[2:])
        return loc

    policy = to_record(document, Policy, tree, what="policy", translate=translate)
    raise_all(_faults(document, policy))
    return Loaded(policy, document.path, document.sha256)


def implied_parents(policy: Policy) -> Mapping[str, tuple[str, ...]]:
    """Category id -> its ancestors, nearest first. The policy must have passed ``load_policy``."""
    parents = {category.id: category.parent for category in policy.categories}
    ancestors = {}
    for category_id in parents:
        chain: list[str] = []
        parent = parents[category_id]
        while parent is not None:
            chain.append(parent)
            parent = parents[parent]
        ancestors[category_id] = tuple(chain)
    return ancestors


def _with_category_list(document: Document) -> tuple[dict[str, Any], list[str]]:
    """The file's mapping of id -> fields as the record's list of categories; its order is the file's."""
    tree = dict(document.data)
    written = tree.get("categories")
    if "categories" not in tree:
        return tree, []
    if not isinstance(written, dict) or not written:
        raise document.error(
            ("categories",),
            f"is {quoted(written)}",
            allowed="a mapping of category id to its fields (name, definition, ...)",
            next_step="write 'categories:' and below it one 'id:' per category",
        )
    categories = []
    for category_id, fields in written.items():
        place = ("categories", category_id)
        if not isinstance(fields, dict):
            raise document.error(
                place,
                f"is {quoted(fields)}",
                allowed="a mapping with the fields of a category",
                next_step="give it at least a name and a definition",
            )
        if "id" in fields:
            raise document.error(
                (*place, "id"),
                "is not a known field",
                allowed="the id as the key of the category",
                next_step="remove the field 'id'",
            )
        text = {name: value.strip() for name, value in fields.items() if isinstance(value, str)}
        categories.append({"id": category_id, **fields, **text})
    tree["categories"] = categories
    return tree, list(written)


def _faults(document: Document, policy: Policy) -> Sequence[FileError]:
    ids = policy.category_ids
    errors = require_name(document, ("policy",), policy.policy)
    folded: dict[str, str] = {}
    for category in policy.categories:
        place: Loc = ("categories", category.id)
        if not CATEGORY_ID.fullmatch(category.id) or len(category.id) > 100:
            errors.append(
                document.error(
                    place,
                    f"has the id '{shortened(category.id)}'",
                    allowed=CATEGORY_ID_ALLOWED,
                    next_step=f"write '{_plain_id(category.id)}'",
                )
            )
        if (first := folded.setdefault(category.id.casefold(), category.id)) != category.id:
            errors.append(
                document.error(
                    place,
                    f"differs from the category '{shortened(first)}' on line "
                    f"{document.line(('categories', first))} only in upper and lower case",
                    allowed="ids that differ in more than case: answers and spreadsheets do not keep it",
                    next_step="rename one of the two",
                )
            )
        if category.parent is not None and category.parent not in ids:
            errors.append(
                document.error(
                    (*place, "parent"),
                    f"is '{shortened(category.parent)}', which is not a category",
                    allowed=joined(ids),
                    next_step=suggestion(category.parent, ids, "name a category of this policy, or null"),
                )
            )
        errors += _ordinal_faults(document, place, category)
        errors += _prevalence_faults(document, place, category)
    errors += _cycles(document, policy)
    for name, crosswalk in policy.crosswalks.items():
        for left, right in crosswalk.items():
            place = ("crosswalks", name, left)
            if left not in ids:
                errors.append(
                    document.error(
                        place,
                        f"begins with '{shortened(left)}', which is not a category",
                        allowed=f"category: [names of {shortened(name)}], with a category of {joined(ids)}",
                        next_step=suggestion(left, ids, "name a category of this policy on the left"),
                    )
                )
            if right is not None and (not right or not all(right)):
                errors.append(
                    document.error(
                        place,
                        "maps to no name" if not right else "maps to an empty name",
                        allowed=f"a list of names of {shortened(name)}",
                        next_step="name at least one, or write null for 'has no such category'",
                    )
                )
    return errors


def _plain_id(written: str) -> str:
    """The nearest id that is allowed."""
    return re.sub("[^A-Za-z0-9_/.-]+", "_", written).strip("_/.-")[:100] or "name"


def _ordinal_faults(document: Document, place: Loc, category: Category) -> list[FileError]:
    levels, cut = category.levels, category.cut
    if category.kind == "binary":
        extra = "levels" if levels else "cut" if cut is not None else None
        if extra is None:
            return []
        return [
            document.error(
                (*place, extra),
                "is given for a binary category",
                allowed="levels and cut with 'kind: ordinal'",
                next_step="add 'kind: ordinal' or remove it",
            )
        ]
    if len(levels) < 2 or len(set(levels)) < len(levels):
        return [
            document.error(
                (*place, "levels"),
                f"is {joined(levels)}",
                allowed="at least two different levels, from least to most severe",
                next_step="list the levels of the ordinal category",
            )
        ]
    if cut not in levels:
        return [
            document.error(
                (*place, "cut"),
                "is missing" if cut is None else f"is '{shortened(cut)}'",
                allowed=f"the lowest level that violates: one of {joined(levels)}",
                next_step=suggestion(cut or "", levels, "name the lowest level that violates"),
            )
        ]
    return []


def _prevalence_faults(document: Document, place: Loc, category: Category) -> list[FileError]:
    prevalence = category.prevalence
    if prevalence is None:
        return []
    low = prevalence.value if prevalence.low is None else prevalence.low
    high = prevalence.value if prevalence.high is None else prevalence.high
    if low <= prevalence.value <= high:
        return []
    return [
        document.error(
            (*place, "prevalence"),
            f"has low {low:g}, value {prevalence.value:g}, high {high:g}",
            allowed="low <= value <= high",
            next_step="put the three numbers in order",
        )
    ]


def _cycles(document: Document, policy: Policy) -> list[FileError]:
    parents = {category.id: category.parent for category in policy.categories}
    reported: set[str] = set()
    errors = []
    for start in parents:
        chain = [start]
        while (parent := parents.get(chain[-1])) is not None and parent not in chain:
            chain.append(parent)
        if parent == start and not reported & set(chain):
            reported |= set(chain)
            errors.append(
                document.error(
                    ("categories", start, "parent"),
                    f"closes a circle: {' -> '.join(shortened(name) for name in [*chain, start][:10])}",
                    allowed="parents without circles",
                    next_step="set the parent of one of them to null",
                )
            )
    return errors
