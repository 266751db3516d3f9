"""A rule set as a candidate: deterministic, local, the same on every machine.

Decides how matches become decisions. Per category the first rule in the order of the file that matches decides:
``flag`` 1, ``allow`` 0; when none matches the decision is 0. ``unless`` phrases anywhere in the text cancel a rule.
``when`` restricts a rule to items that have one of the named values in each named slice. Categories that no rule names
are not decided. Patterns see the text as it is written and in its normalised forms; words and phrases see the
normalised forms. The rationale names the rules that decided and never quotes the item.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.candidates.matcher import PatternSet, PhraseTree
from harness.candidates.normalise import forms, tokens
from harness.errors import HarnessError
from harness.files.kinds import Kind, NamedFile
from harness.files.rules import rules_policy_faults
from harness.records import CandidateSpec, Item, Rule, RuleSet
from harness.records.answers import Answer, Decide

if TYPE_CHECKING:
    from harness.candidates.build import Builder

VERSION = 1
"""Goes up when the same rule set may decide differently."""


class RuleHit(NamedTuple):
    """A rule that applies to an item, and what it says about its category."""

    rule: str
    category: str
    decision: int


class RuleSetCandidate:
    """Decides by rules alone.

    Args:
        candidate_id: Name in the eval file.
        rules: The rule set.
        category_order: Categories of the policy, for the order of the output; the order of the rules when None.
        inputs: Name, version and hash of the file, for the fingerprint.
    """

    needs_text = True
    models_used: tuple[str, ...] = ()

    def __init__(
        self,
        candidate_id: str,
        rules: RuleSet,
        *,
        category_order: Sequence[str] | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        self.id = candidate_id
        self._arguments = (rules, category_order, inputs)
        self._rules = rules.rules
        self._steps = rules.normalise
        named = tuple(dict.fromkeys(rule.category for rule in rules.rules))
        self.categories = named if category_order is None else tuple(name for name in category_order if name in named)
        self.fingerprint: Mapping[str, Any] = {
            "kind": "rules",
            "categories": list(self.categories),
            "engine": VERSION,
            **(inputs or {}),
        }
        self._phrases = PhraseTree(self._entries())
        self._patterns = PatternSet(
            (pattern, index) for index, rule in enumerate(self._rules) for pattern in rule.patterns
        )
        self._has_patterns = any(rule.patterns for rule in self._rules)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.id, *self._arguments)

    def _entries(self) -> Iterator[tuple[list[str], int]]:
        """Tokens of every word and phrase; ``unless`` phrases of rule n have the key -1 - n."""
        for index, rule in enumerate(self._rules):
            for text in (*rule.words, *rule.phrases):
                yield self._tokens_of(rule, text), index
            for text in rule.unless:
                yield self._tokens_of(rule, text), -1 - index

    def _tokens_of(self, rule: Rule, text: str) -> list[str]:
        found = tokens(forms(text, self._steps)[0])
        if not found:
            raise HarnessError(
                f"rule '{rule.id}' has a word or phrase without a letter, digit, emoji or currency sign",
                allowed="words; marks and punctuation only in patterns",
                next_step="write it under 'patterns'",
            )
        return found

    def prepare(self, items: Sequence[Item]) -> None:
        """Nothing to prepare."""

    def decide(self, item: Item) -> Decide:
        """Decide without any call; an item without text is an abstention."""
        return self._answer(item)
        yield []  # makes this a generator; never reached

    def explain(self, item: Item) -> list[RuleHit]:
        """Every rule that applies to an item, in the order of the file; the first per category decides."""
        return [
            RuleHit(rule.id, rule.category, int(rule.decision == "flag"))
            for rule in (self._rules[index] for index in self._matches(item))
        ]

    def _answer(self, item: Item) -> Answer:
        if item.text is None:
            return Answer("abstained", dict.fromkeys(self.categories), error="the item has no text")
        decisions: dict[str, int | None] = dict.fromkeys(self.categories, 0)
        deciding: dict[str, str] = {}
        for index in self._matches(item):
            rule = self._rules[index]
            if rule.category not in deciding and rule.category in decisions:
                decisions[rule.category] = int(rule.decision == "flag")
                deciding[rule.category] = f"rule {rule.id}"
        return Answer("ok", decisions, rationale="; ".join(deciding.values()) or None)

    def _matches(self, item: Item) -> list[int]:
        """Positions of the rules that apply."""
        if item.text is None:
            return []
        found: set[int] = set()
        texts = forms(item.text, self._steps)
        for text in texts:
            found |= self._phrases.find(tokens(text))
        if self._has_patterns:
            for text in {item.text, *texts}:
                found |= self._patterns.find(text)
        return [
            index
            for index in sorted(found)
            if index >= 0 and -1 - index not in found and _is_within(self._rules[index].when, item)
        ]


def _is_within(when: Mapping[str, Sequence[str]], item: Item) -> bool:
    return all(not set(values).isdisjoint(item.slices.get(name, ())) for name, values in when.items())


def _rebuilt(
    candidate_id: str, rules: RuleSet, order: Sequence[str] | None, inputs: Mapping[str, Any] | None
) -> RuleSetCandidate:
    return RuleSetCandidate(candidate_id, rules, category_order=order, inputs=inputs)


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
)
