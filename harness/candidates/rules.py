"""The kind of rule sets: how one is built, and which of its rules do nothing.

Each rule is tried on its own words. Decides what deserves a warning: a rule that its own words do not reach, one whose
every word is decided by a rule before it, one whose conditions rule each other out, a word whose dash is not looked
for, and a pattern that matches nothing at all and so every text. What else it finds cannot be told from a pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from harness.candidates.matcher import captured
from harness.candidates.rule_set import RuleSetCandidate
from harness.files.kinds import Doubt, Kind, NamedFile
from harness.files.rules import rules_policy_faults
from harness.files.text import joined, shortened
from harness.files.yaml import read_yaml
from harness.records import CandidateSpec, Clause, Item, Rule

if TYPE_CHECKING:
    from harness.candidates.build import Builder
    from harness.files.evals import LoadedEval

_DASH_AT_AN_EDGE = re.compile("^[\u2010-\u2015-]+\\w|\\w[\u2010-\u2015-]+$")
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
    for pattern in (one for clause in (rule.own, *rule.any, *rule.all) for one in clause.patterns):
        if captured(pattern, "") is not None:
            yield (
                f"has the pattern '{shortened(pattern)}', which is found in every text, an empty one too",
                "ask for at least one character (+ for *), or leave out what may be missing",
            )
    for clause in (rule.own, *rule.all):
        if _is_ruled_out(clause, rule, candidate):
            yield (
                f"can never apply: its 'none' or 'unless' finds {joined(_words(clause), most=3)}, which it needs",
                "remove the word from one of the two",
            )
            return
    texts = (*rule.words, *rule.phrases)
    if dashed := [one for one in texts if _DASH_AT_AN_EDGE.search(one.strip())]:
        words = joined([f"'{shortened(one)}'" for one in dashed], most=5)
        yield (
            f"has {words}: a dash parts words and is not looked for, so that it is found without its dash too",
            "write it under 'patterns' where the dash matters, or without the dash",
        )
    if not texts or rule.own.places != ("text",) or rule.any or rule.all or rule.none:
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


def _words(clause: Clause) -> list[str]:
    return [f"'{shortened(one)}'" for one in (*clause.words, *clause.phrases)]


def _is_ruled_out(clause: Clause, rule: Rule, candidate: RuleSetCandidate) -> bool:
    """Whether each word that a rule needs is itself found by one of its ``none``, wherever it stands in a text."""
    texts = (*clause.words, *clause.phrases)
    if not texts or clause.patterns or clause.domains or not (rule.any or rule.all or rule.none):
        return False  # a rule of words alone is tried as it is
    against = [
        Clause(words=one.words, phrases=one.phrases, match=one.match)  # a pattern may want to be alone
        for one in (*rule.none, Clause(phrases=rule.unless))
        if set(one.places) >= set(clause.places)
        and one.match in ("includes-word", "includes")
        and (one.words or one.phrases)
    ]
    return all(candidate.finds(against, text.strip().strip("*")) for text in texts)


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
