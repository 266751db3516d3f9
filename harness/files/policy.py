"""Policy file -> ``Policy``.

Decides which policies are well formed: ids, parents, ordinal levels, prevalence intervals and crosswalks. Whether a
golden set or a prompt fits the policy is decided where they meet (``golden``, ``evalspec``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import raise_all
from harness.files.decode import require_name, to_record
from harness.files.schema import Loc
from harness.files.text import joined, quoted, shortened, suggestion
from harness.files.yaml import Document, Fault, read_yaml
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
    raise_all(document.errors(_faults(document, policy)))
    return Loaded(policy, document.path, document.sha256)


def implied_parents(policy: Policy) -> Mapping[str, tuple[str, ...]]:
    """Category id -> its ancestors, nearest first. The policy must have passed ``load_policy``."""
    parents = {category.id: category.parent for category in policy.categories}
    ancestors: dict[str, tuple[str, ...]] = {}
    for category_id in parents:
        chain = [category_id]
        while (parent := parents[chain[-1]]) is not None:
            chain.append(parent)
        ancestors[category_id] = tuple(chain[1:])
    return ancestors


def _with_category_list(document: Document) -> tuple[dict[str, Any], list[str]]:
    """The file's mapping of id -> fields as the record's list of categories; its order is the file's."""
    tree = dict(document.data)
    written = tree.get("categories")
    if "categories" not in tree:
        return tree, []
    if not isinstance(written, dict) or not written:
        allowed = "a mapping of category id to its fields (name, definition, ...)"
        hint = "write 'categories:' and below it one 'id:' per category"
        raise document.error(("categories",), f"is {quoted(written)}", allowed=allowed, next_step=hint)
    categories = []
    for category_id, fields in written.items():
        place = ("categories", category_id)
        if not isinstance(fields, dict):
            allowed, hint = "a mapping with the fields of a category", "give it at least a name and a definition"
            raise document.error(place, f"is {quoted(fields)}", allowed=allowed, next_step=hint)
        if "id" in fields:
            allowed, hint = "the id as the key of the category", "remove the field 'id'"
            raise document.error((*place, "id"), "is not a known field", allowed=allowed, next_step=hint)
        text = {name: value.strip() for name, value in fields.items() if isinstance(value, str)}
        categories.append({"id": category_id, **fields, **text})
    tree["categories"] = categories
    return tree, list(written)


def _faults(document: Document, policy: Policy) -> Iterator[Fault]:
    ids = policy.category_ids
    yield from require_name(("policy",), policy.policy)
    folded: dict[str, str] = {}
    for category in policy.categories:
        place: Loc = ("categories", category.id)
        if not CATEGORY_ID.fullmatch(category.id) or len(category.id) > 100:
            plain = _plain_id(category.id)
            named = f"{{{shortened(category.id)}: ID}}"
            hint = (
                f"write '{plain}'"
                if plain
                else f"write an id of these, the word as its name, 'rename: {named}' in cards"
            )
            yield place, f"has the id '{shortened(category.id)}'", CATEGORY_ID_ALLOWED, hint
        if (first := folded.setdefault(category.id.casefold(), category.id)) != category.id:
            yield (
                place,
                f"differs from the category '{shortened(first)}' on line "
                f"{document.line(('categories', first))} only in upper and lower case",
                "ids that differ in more than case: answers and spreadsheets do not keep it",
                "rename one of the two",
            )
        if category.parent is not None and category.parent not in ids:
            found = f"is '{shortened(category.parent)}', which is not a category"
            hint = suggestion(category.parent, ids, "name a category of this policy, or null")
            yield (*place, "parent"), found, joined(ids), hint
        yield from _ordinal_faults(place, category)
        yield from _prevalence_faults(place, category)
    yield from _cycles(policy)
    yield from _crosswalk_faults(policy)


def _crosswalk_faults(policy: Policy) -> Iterator[Fault]:
    ids = policy.category_ids
    for name, crosswalk in policy.crosswalks.items():
        for left, right in crosswalk.items():
            place = ("crosswalks", name, left)
            if left not in ids:
                found = f"begins with '{shortened(left)}', which is not a category"
                allowed = f"category: [names of {shortened(name)}], with a category of {joined(ids)}"
                yield place, found, allowed, suggestion(left, ids, "name a category of this policy on the left")
            if right is not None and (not right or not all(right)):
                found = "maps to an empty name" if right else "maps to no name"
                hint = "name at least one, or write null for 'has no such category'"
                yield place, found, f"a list of names of {shortened(name)}", hint


def _plain_id(written: str) -> str:
    """The nearest id that is allowed; empty where no letter of it is."""
    return re.sub("[^A-Za-z0-9_/.-]+", "_", written).strip("_/.-")[:100]


def _ordinal_faults(place: Loc, category: Category) -> Iterator[Fault]:
    levels, cut = category.levels, category.cut
    if category.kind == "binary":
        if levels or cut is not None:
            here, allowed = (*place, "levels" if levels else "cut"), "levels and cut with 'kind: ordinal'"
            yield here, "is given for a binary category", allowed, "add 'kind: ordinal' or remove it"
    elif len(levels) < 2 or len(set(levels)) < len(levels):
        allowed = "at least two different levels, from least to most severe"
        yield (*place, "levels"), f"is {joined(levels)}", allowed, "list the levels of the ordinal category"
    elif cut not in levels:
        found = "is missing" if cut is None else f"is '{shortened(cut)}'"
        hint = suggestion(cut or "", levels, "name the lowest level that violates")
        yield (*place, "cut"), found, f"the lowest level that violates: one of {joined(levels)}", hint


def _prevalence_faults(place: Loc, category: Category) -> Iterator[Fault]:
    prevalence = category.prevalence
    if prevalence is None:
        return
    low = prevalence.value if prevalence.low is None else prevalence.low
    high = prevalence.value if prevalence.high is None else prevalence.high
    if not low <= prevalence.value <= high:
        found = f"has low {low:g}, value {prevalence.value:g}, high {high:g}"
        yield (*place, "prevalence"), found, "low <= value <= high", "put the three numbers in order"


def _cycles(policy: Policy) -> Iterator[Fault]:
    parents = {category.id: category.parent for category in policy.categories}
    reported: set[str] = set()
    for start in parents:
        chain = [start]
        while (parent := parents.get(chain[-1])) is not None and parent not in chain:
            chain.append(parent)
        if parent == start and not reported & set(chain):
            reported |= set(chain)
            found = f"closes a circle: {' -> '.join(shortened(name) for name in [*chain, start][:10])}"
            hint = "set the parent of one of them to null"
            yield ("categories", start, "parent"), found, "parents without circles", hint
