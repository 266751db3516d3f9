"""Rule set file -> ``RuleSet``.

Decides which rule sets are well formed; matching them is left to the candidates, what a pattern may say to
``patterns``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from harness.errors import FileError, raise_all
from harness.files.decode import require_name, require_names, to_record
from harness.files.patterns import pattern_fault
from harness.files.schema import Loc
from harness.files.text import shortened
from harness.files.yaml import Document, read_yaml
from harness.records import Clause, GoldenCard, Loaded, Policy, Rule, RuleSet
from harness.records.candidates import CONTEXT, MODALITIES

MATCHERS = ("words", "phrases", "patterns", "domains")
_PLACE = re.compile(rf"(?:{re.escape(CONTEXT)}[^.]*[^.\s][^.]*(?:\.[^.]*[^.\s][^.]*)*|{re.escape(MODALITIES)}.*\S.*)")
_DOMAIN = re.compile(r"\.?([^\W_]([\w-]{0,62}[^\W_])?\.)*[^\W\d_]{2,24}")


def load_rules(path: str | Path) -> Loaded[RuleSet]:
    """Read and check a rule set file."""
    document = read_yaml(Path(path), what="rule set", kind="rule_set")
    rules = to_record(document, RuleSet, what="rule set")
    errors = require_name(document, ("rule_set",), rules.rule_set)
    first: dict[str, int] = {}
    for at, rule in enumerate(rules.rules):
        line = document.line(("rules", at))
        if rule.id in first:
            errors.append(
                document.error(
                    ("rules", at, "id"),
                    f"is '{shortened(rule.id)}', which the rule on line {first[rule.id]} has already",
                    allowed="each id once",
                    next_step="rename one of the two rules",
                )
            )
        first.setdefault(rule.id, line)
        errors += _rule_faults(document, ("rules", at), rule)
    raise_all(errors)
    return Loaded(rules, document.path, document.sha256)


def rules_policy_faults(rules: Loaded[RuleSet], policy: Policy, card: GoldenCard | None = None) -> Sequence[FileError]:
    """What does not fit between a rule set and a policy (and the card of a golden set: its slices, its modalities)."""
    categories = policy.category_ids
    if all(rule.category in categories and (card is None or _fits_card(rule, card)) for rule in rules.value.rules):
        return []
    document = read_yaml(rules.path, what="rule set")
    errors: list[FileError] = []
    for at, rule in enumerate(rules.value.rules):
        errors += require_names(
            document,
            ("rules", at, "category"),
            [rule.category],
            categories,
            noun="category",
            where=f"policy '{policy.policy}'",
        )
        if card is not None:
            names = list(rule.when)
            place, where = ("rules", at, "when"), "the golden set's card"
            errors += require_names(document, place, names, list(card.slices), noun="slice", where=where)
            for here, clause in _clauses(("rules", at), rule):
                heard = [place.removeprefix(MODALITIES) for place in clause.places if place.startswith(MODALITIES)]
                known = list(card.modalities)
                errors += require_names(document, (*here, "where"), heard, known, noun="modality", where=where)
    return errors


def _fits_card(rule: Rule, card: GoldenCard) -> bool:
    places = {place for _, clause in _clauses((), rule) for place in clause.places}
    heard = {place.removeprefix(MODALITIES) for place in places if place.startswith(MODALITIES)}
    return set(rule.when) <= set(card.slices) and heard <= set(card.modalities)


def _clauses(place: Loc, rule: Rule) -> list[tuple[Loc, Clause]]:
    """The clauses of a rule, its own first, each with its place in the file."""
    clauses = [(place, rule.own)]
    for name in ("any", "all", "none"):
        clauses += [((*place, name, at), clause) for at, clause in enumerate(getattr(rule, name))]
    return clauses


def _rule_faults(document: Document, place: Loc, rule: Rule) -> list[FileError]:
    errors = []
    clauses = _clauses(place, rule)
    if not any(_looks_for_something(clause) for clause in (rule.own, *rule.any, *rule.all)):
        errors.append(
            document.error(
                place,
                f"(rule '{shortened(rule.id)}') matches nothing",
                allowed=f"at least one of {', '.join(MATCHERS)}, or of any and all with them",
                next_step="say what the rule looks for",
            )
        )
    for here, clause in clauses:
        if here != place and not _looks_for_something(clause):
            errors.append(
                document.error(
                    here, "looks for nothing", allowed=f"at least one of {', '.join(MATCHERS)}", next_step="fill it in"
                )
            )
        errors += _clause_faults(document, here, clause)
    errors += _blank_faults(document, (*place, "unless"), rule.unless)
    for name, values in rule.when.items():
        if not values:
            errors.append(
                document.error(
                    (*place, "when", name),
                    "is an empty list",
                    allowed="at least one value",
                    next_step="list the values",
                )
            )
    return errors


def _looks_for_something(clause: Clause) -> bool:
    return any(getattr(clause, name) for name in MATCHERS)


def _clause_faults(document: Document, place: Loc, clause: Clause) -> list[FileError]:
    errors = []
    wrong = [one for one in clause.places if one != "text" and not _PLACE.fullmatch(one)]
    if wrong or not clause.places:
        errors.append(
            document.error(
                (*place, "where"),
                f"is '{shortened(wrong[0])}'" if wrong else "is an empty list",
                allowed="text; context. and the path of a field, such as context.bio; or modalities. and a name of the "
                "golden set's card, such as modalities.transcript; or a list of these",
                next_step="correct the place",
            )
        )
    for name in MATCHERS:
        here = (*place, name)
        texts = getattr(clause, name)
        errors += _blank_faults(document, here, texts)
        for at, text in enumerate(texts):
            if name == "patterns" and text.strip() and (fault := pattern_fault(text)):
                errors.append(
                    document.error(
                        (*here, at),
                        f"is not a pattern: {_printable(fault)}",
                        allowed="RE2 syntax (no look-around, no back-references)",
                        next_step="correct the pattern",
                    )
                )
            elif name == "domains" and text.strip() and not _DOMAIN.fullmatch(text.strip()):
                errors.append(
                    document.error(
                        (*here, at),
                        f"is '{shortened(text)}'",
                        allowed="a domain such as bit.ly, or an ending such as .ru; no scheme, no path",
                        next_step="leave the domain alone, or use a pattern",
                    )
                )
    return errors


def _printable(fault: str) -> str:
    """What is wrong with a pattern, which may quote it."""
    return "".join(one if one.isprintable() else "?" for one in fault[:300])


def _blank_faults(document: Document, place: Loc, texts: Sequence[str]) -> list[FileError]:
    return [
        document.error(
            (*place, at), "is an empty string", allowed="text that is not blank", next_step="remove the entry"
        )
        for at, text in enumerate(texts)
        if not text.strip()
    ]
