"""Rule set file -> ``RuleSet``.

Decides which rule sets are well formed; matching them is left to the candidates, what a pattern may say to
``patterns``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.errors import FileError, raise_all
from harness.files.decode import require_name, require_names, to_record
from harness.files.patterns import pattern_fault
from harness.files.schema import Loc
from harness.files.text import shortened
from harness.files.yaml import Document, Fault, read_yaml
from harness.records import Clause, GoldenCard, Loaded, Policy, Rule, RuleSet
from harness.records.candidates import CONTEXT, MODALITIES

MATCHERS = ("words", "phrases", "patterns", "domains")
_PLACE = re.compile(rf"(?:{re.escape(CONTEXT)}[^.]*[^.\s][^.]*(?:\.[^.]*[^.\s][^.]*)*|{re.escape(MODALITIES)}.*\S.*)")
_DOMAIN = re.compile(r"\.?([^\W_]([\w-]{0,62}[^\W_])?\.)*[^\W\d_]{2,24}")


def load_rules(path: str | Path) -> Loaded[RuleSet]:
    """Read and check a rule set file."""
    document = read_yaml(Path(path), what="rule set", kind="rule_set")
    rules = to_record(document, RuleSet, what="rule set")
    raise_all(document.errors(_faults(document, rules)))
    return Loaded(rules, document.path, document.sha256)


def _faults(document: Document, rules: RuleSet) -> Iterator[Fault]:
    yield from require_name(("rule_set",), rules.rule_set)
    first: dict[str, int] = {}
    for at, rule in enumerate(rules.rules):
        if rule.id in first:
            found = f"is '{shortened(rule.id)}', which the rule on line {first[rule.id]} has already"
            yield ("rules", at, "id"), found, "each id once", "rename one of the two rules"
        first.setdefault(rule.id, document.line(("rules", at)))
        yield from _rule_faults(("rules", at), rule)


def rules_policy_faults(rules: Loaded[RuleSet], policy: Policy, card: GoldenCard | None = None) -> Sequence[FileError]:
    """What does not fit between a rule set and a policy (and the card of a golden set: its slices, its modalities)."""
    faults = list(_policy_faults(rules.value, policy, card))
    return read_yaml(rules.path, what="rule set").errors(faults) if faults else []


def _policy_faults(rules: RuleSet, policy: Policy, card: GoldenCard | None) -> Iterator[Fault]:
    where, of_card = f"policy '{policy.policy}'", "the golden set's card"
    for at, rule in enumerate(rules.rules):
        place = ("rules", at)
        here = (*place, "category")
        yield from require_names(here, [rule.category], policy.category_ids, noun="category", where=where)
        if card is not None:
            here = (*place, "when")
            yield from require_names(here, rule.when, list(card.slices), noun="slice", where=of_card)
            known = list(card.modalities)
            for there, clause in _clauses(place, rule):
                heard = [name.removeprefix(MODALITIES) for name in clause.places if name.startswith(MODALITIES)]
                yield from require_names((*there, "where"), heard, known, noun="modality", where=of_card)


def _clauses(place: Loc, rule: Rule) -> list[tuple[Loc, Clause]]:
    """The clauses of a rule, its own first, each with its place in the file."""
    clauses = [(place, rule.own)]
    for name in ("any", "all", "none"):
        clauses += [((*place, name, at), clause) for at, clause in enumerate(getattr(rule, name))]
    return clauses


def _rule_faults(place: Loc, rule: Rule) -> Iterator[Fault]:
    clauses = _clauses(place, rule)
    if not any(_looks_for_something(clause) for clause in (rule.own, *rule.any, *rule.all)):
        allowed = f"at least one of {', '.join(MATCHERS)}, or of any and all with them"
        yield place, f"(rule '{shortened(rule.id)}') matches nothing", allowed, "say what the rule looks for"
    for here, clause in clauses:
        if here != place and not _looks_for_something(clause):
            yield here, "looks for nothing", f"at least one of {', '.join(MATCHERS)}", "fill it in"
        yield from _clause_faults(here, clause)
    yield from _blank_faults((*place, "unless"), rule.unless)
    for name, values in rule.when.items():
        if not values:
            yield (*place, "when", name), "is an empty list", "at least one value", "list the values"


def _looks_for_something(clause: Clause) -> bool:
    return any(getattr(clause, name) for name in MATCHERS)


def _clause_faults(place: Loc, clause: Clause) -> Iterator[Fault]:
    wrong = [one for one in clause.places if one != "text" and not _PLACE.fullmatch(one)]
    if wrong or not clause.places:
        yield (
            (*place, "where"),
            f"is '{shortened(wrong[0])}'" if wrong else "is an empty list",
            "text; context. and the path of a field, such as context.bio; or modalities. and a name of the "
            "golden set's card, such as modalities.transcript; or a list of these",
            "correct the place",
        )
    for name in MATCHERS:
        here = (*place, name)
        texts = getattr(clause, name)
        yield from _blank_faults(here, texts)
        for at, text in enumerate(texts):
            if name == "patterns" and text.strip() and (fault := pattern_fault(text)):
                allowed = "RE2 syntax (no look-around, no back-references)"
                yield (*here, at), f"is not a pattern: {_printable(fault)}", allowed, "correct the pattern"
            elif name == "domains" and text.strip() and not _DOMAIN.fullmatch(text.strip()):
                allowed = "a domain such as bit.ly, or an ending such as .ru; no scheme, no path"
                yield (*here, at), f"is '{shortened(text)}'", allowed, "leave the domain alone, or use a pattern"


def _printable(fault: str) -> str:
    """What is wrong with a pattern, which may quote it."""
    return "".join(one if one.isprintable() else "?" for one in fault[:300])


def _blank_faults(place: Loc, texts: Sequence[str]) -> Iterator[Fault]:
    for at, text in enumerate(texts):
        if not text.strip():
            yield (*place, at), "is an empty string", "text that is not blank", "remove the entry"
