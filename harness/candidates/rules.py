"""The kind of rule sets: how one is built, and which of its rules do nothing.

Each rule is tried on its own words. Decides what deserves a warning: a rule that its own words do not reach, and one
whose every word is decided by a rule before it. Only words and phrases are tried; what a
pattern finds cannot be told from the pattern.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from harness.candidates.rule_set import RuleSetCandidate
from harness.files.kinds import Doubt, Kind, NamedFile
from harness.files.rules import rules_policy_faults
from harness.files.text import joined, shortened
from harness.files.yaml import read_yaml
from harness.records import CandidateSpec, Item, Rule

if TYPE_CHECKING:
    from harness.candidates.build import Builder
    from harness.files.evals import LoadedEval

MOST = 20
"""So many warnings about one rule set; more say how many there are."""


def rule_doubts(loaded: LoadedEval, candidate: RuleSetCandidate) -> list[Doubt]:
    """Warnings about the rules of a candidate, at their lines."""
    rules = loaded.rules[loaded.eval.value.candidates[candidate.id].value]
    document = read_yaml(rules.path, what="rule set")
    found = []
    for at, rule in enumerate(rules.value.rules):
        for said, hint in _doubts_of(rule, candidate):
            found.append(Doubt(rules.path, document.line(("rules", at)), f"rule '{shortened(rule.id)}' {said}", hint))
    if len(found) > MOST:
        left = len(found) - MOST
        return [*found[:MOST], Doubt(rules.path, None, f"has {left:,} more such rules", "mend these first")]
    return found


def _doubts_of(rule: Rule, candidate: RuleSetCandidate) -> Iterator[tuple[str, str]]:
    texts = (*rule.words, *rule.phrases)
    if not texts or rule.where != "text" or rule.any or rule.all or rule.none:
        return
    unreached, decided_by = [], []
    for text in texts:
        hits = candidate.explain(_item(text.strip().strip("*"), rule))
        if rule.id not in (hit.rule for hit in hits):
            unreached.append(text)
        else:
            first = next(hit for hit in hits if hit.category == rule.category)
            decided_by.append(first.rule)
    if unreached:
        words = joined([f"'{shortened(one)}'" for one in unreached], most=5)
        yield f"does not match its own {words}", "an allow-list, an unless or a normalisation step takes it away"
    if decided_by and not rule.patterns and not rule.domains and rule.id not in decided_by:
        others = joined(dict.fromkeys(decided_by), most=3)
        yield f"is shadowed: {others} decides every text it could match first", "remove it, or move it up"


def _item(text: str, rule: Rule) -> Item:
    facts: Any = {name: tuple(values) for name, values in rule.when.items()}
    return Item(id="own", text=text, labels={}, slices=facts)


def build_rules(builder: Builder, candidate_id: str, spec: CandidateSpec) -> RuleSetCandidate:
    """A rule set over the categories of the policy."""
    rules = builder.loaded.rules[spec.value]
    name = f"{rules.value.rule_set}_v{rules.value.version}"
    return RuleSetCandidate(
        candidate_id,
        rules.value,
        category_order=builder.category_ids,
        inputs={"rules": f"{name}@{rules.sha256[:8]}", "sha256": rules.sha256},
    )


RULES = Kind(
    build_rules,
    file=NamedFile(
        "rule set",
        lambda shelf, path: shelf.rules(path),
        rules_policy_faults,
        lambda rules: (rules.value.rule_set, rules.value.version),
    ),
    doubts=rule_doubts,
)
