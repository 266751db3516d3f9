"""The candidates of an eval file: which kind each is, and whether what stands beside it fits that kind.

Decides nothing about a kind itself: the table of kinds says what each takes and checks. What its files hold is left to
their readers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from harness.errors import FileError
from harness.files.decode import to_record
from harness.files.kinds import SpecCheck, Takes, kind_named, kind_of, kinds, takers
from harness.files.schema import Loc
from harness.files.text import joined, nearest, quoted, suggestion
from harness.files.yaml import Document
from harness.records import SHARED_FIELDS, CandidateSpec, Model, Policy
from harness.records.evals import NEVER

_REFUSED: Mapping[Takes, tuple[str, str]] = {
    "crosswalk": ("crosswalk with", "remove it: its categories are the policy's already"),
    "thresholds": ("thresholds with", "remove it, or set thresholds on the candidates it uses"),
    "options": ("options only beside", "remove it"),
    "model": ("model only beside", "remove it"),
}
_NO_SCORES = ", which has no scores of its own"


def spec_trees(document: Document) -> tuple[Any, list[FileError]]:
    """The eval's tree with every candidate as kind and value, and the faults of those that have no one kind."""
    candidates = document.data.get("candidates")
    if not isinstance(candidates, dict):
        return document.data, []
    errors: list[FileError] = []
    trees = {name: _tree(document, ("candidates", name), one, errors) for name, one in candidates.items()}
    return {**document.data, "candidates": trees}, errors


def _tree(document: Document, place: Loc, written: Any, errors: list[FileError]) -> Any:
    nothing = {"kind": "", "value": None}
    if not isinstance(written, dict):
        allowed = f"a mapping with one of {joined(kinds())}"
        errors += document.errors([(place, f"is {quoted(written)}", allowed, "say what decides")])
        return nothing
    shared = {key: value for key, value in written.items() if key in SHARED_FIELDS}
    named = [key for key in written if key not in SHARED_FIELDS]
    known = [*kinds()]
    its_own = _own_fields([key for key in named if key in known])
    if any(key not in known and key not in its_own for key in named):  # only then is what is installed worth a look
        known += [*kinds().installed()]
        its_own = _own_fields([key for key in named if key in known])
    own = {key: written[key] for key in named if key in its_own}
    named = [key for key in named if key not in own]
    for key in named:
        if key not in known:
            fields = [*known, *SHARED_FIELDS, *its_own]
            hint = suggestion(str(key), fields, "remove it, or move it to the part it belongs to")
            errors += document.errors([((*place, key), "is not a known field", joined(fields, most=40), hint)])
    found = [key for key in named if key in known and written[key] is not None]
    if len(found) == 1:
        own |= shared.pop("options", None) or {} if own else {}
        return {"kind": found[0], "value": written[found[0]], **shared, **({"options": own} if own else {})}
    if len(found) > 1 or all(key in known for key in named):
        said = f"has {len(found)} kinds: {', '.join(found)}" if found else "has no kind"
        hint = "make one candidate of each" if found else "say what decides"
        errors += document.errors([(place, said, f"exactly one of {', '.join(known)}", hint)])
    return nothing | shared


def _own_fields(named: list[str]) -> Mapping[str, Any]:
    """Fields that only the one kind among these has beside its value."""
    return kind_named(named[0]).fields if len(named) == 1 else {}


def typed(document: Document, name: str, spec: CandidateSpec) -> Any:
    """The value of a candidate as its kind's type says."""
    loc: Loc = ("candidates", name, spec.kind)
    kind = kind_of(spec)
    for field_name, value in spec.options.items():
        if field_name not in kind.fields:
            continue  # of an installed kind, or refused by the check
        place: Loc = ("candidates", name, field_name)
        to_record(document, kind.fields[field_name], value, what="eval", translate=partial(_below, place))
    return to_record(document, kind.value, spec.value, what="eval", translate=partial(_below, loc))


def _below(place: Loc, tail: Loc) -> Loc:
    return (*place, *tail)


def check_spec(check: SpecCheck) -> None:
    """Faults of one candidate by itself."""
    kind, spec = kind_of(check.spec), check.spec
    if spec.value in ("", ()):
        check.add((spec.kind,), f"is {quoted(spec.value)}", f"what the {spec.kind} is", "fill it in")
    given: Mapping[Takes, Any] = {
        "model": spec.model, "crosswalk": spec.crosswalk, "thresholds": spec.thresholds, "options": spec.options
    }  # fmt: skip
    for field_name, value in given.items():
        if (
            field_name not in kind.takes
            and value not in (None, {})
            and not (field_name == "options" and set(spec.options) <= set(kind.fields))
        ):
            allowed, hint = _REFUSED[field_name]
            if field_name == "model" and kind.models(spec):
                hint = f"write the model as '{spec.kind}: NAME'"
            if field_name == "options":
                hint = _misplaced(spec, [*kind.fields]) or hint
            found = f"is given for a {spec.kind} candidate{_NO_SCORES if field_name == 'thresholds' else ''}"
            joint = ", ".join if field_name in ("crosswalk", "thresholds") else " or ".join
            check.add((field_name,), found, f"{allowed} {joint(takers(field_name))}", hint)
    kind.check(check)


def _misplaced(spec: CandidateSpec, own: Sequence[str]) -> str | None:
    """Which field of the candidate itself somebody may have meant by a name below ``options``."""
    for name in spec.options:
        near = nearest(str(name), [one for one in (*SHARED_FIELDS, *own) if one != "options"])
        shared = next((one for one in _REFUSED if one == near), None)
        if shared is not None and spec.kind not in takers(shared):
            return f"did you mean '{near}'? That is for {joined(takers(shared))}; remove it here"
        if near is not None:
            return f"did you mean '{near}'? It stands beside '{spec.kind}', not below options"
    return None


def check_uses(checks: Mapping[str, SpecCheck], candidates: Mapping[str, CandidateSpec]) -> None:
    """Candidates that use others: those must be there, and nobody may use itself by a detour."""
    uses = {name: list(kind_of(check.spec).uses(check.spec)) for name, check in checks.items()}
    reported: set[str] = set()
    for start, check in checks.items():
        circle = _circle(start, uses)
        if circle and not reported & set(circle):
            reported |= set(circle)
            found = f"closes a circle: {' -> '.join(one[:60] for one in circle[:10])}"
            noun = check.spec.kind
            check.add((noun,), found, f"{noun}s without circles", "remove one of the stages")


def check_against_policy(check: SpecCheck, policy: Policy) -> None:
    """Faults of one candidate against the policy."""
    where, spec = f"policy '{policy.policy}'", check.spec
    if spec.crosswalk is not None:
        check.require(("crosswalk",), [spec.crosswalk], list(policy.crosswalks), noun="crosswalk", where=where)
    for category, threshold in spec.thresholds.items():
        here: Loc = ("thresholds", category)
        check.require(here, [category], policy.category_ids, noun="category", where=where)
        if threshold != NEVER and not 0 <= threshold <= 1:
            percent = f"{threshold:g}% is {threshold / 100:g}: write {threshold / 100:g}"
            hint = percent if 1 < threshold <= 100 else "correct the threshold"
            check.add(here, f"is {threshold:g}", f"a score from 0 to 1, or {NEVER}, which flags nothing", hint)
    kind_of(spec).check_policy(check, policy)


def check_models(check: SpecCheck, models: Mapping[str, Model], where: str) -> None:
    """Faults of one candidate against the models file."""
    kind = kind_of(check.spec)
    for field_name, model in kind.models(check.spec):
        check.require((field_name,), [model], list(models), noun="model", where=where)
    kind.check_models(check, models)


def _circle(start: str, uses: Mapping[str, list[str]]) -> list[str]:
    """A way from ``start`` back to itself, or nothing."""
    paths = [[start]]
    seen: set[str] = set()
    while paths:
        path = paths.pop()
        for name in uses.get(path[-1], ()):
            if name == start and len(path) > 1:
                return [*path, start]
            if name not in seen:
                seen.add(name)
                paths.append([*path, name])
    return []
