"""A rule set as a candidate: deterministic, local, the same on every machine.

Decides how matches become decisions. Per category the first rule that applies decides, those of higher priority first
and then in the order of the file: ``flag`` 1, ``allow`` 0; when none applies the decision is 0. A rule applies when
what it looks for is found, one of its ``any`` clauses, each of ``all`` and none of ``none``; ``unless`` phrases
anywhere in the text, or where the rule looks, cancel it, and ``when`` restricts it to items that have one of the named
values in each named slice. An item that has nothing where any rule looks is an abstention. Words and phrases of the
set's ``allow`` list are taken out of the text before any word is looked up. Categories that no rule names are not
decided.

Patterns see the text as it is written and in its normalised forms, domains as a browser reads an address; words and
phrases see the normalised forms. The rationale names the rules that decided; it quotes the item only where a rule's
``reason`` asks for ``{match}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import re2

from harness.candidates.bases import Local
from harness.candidates.matcher import Domains, Keywords, PatternSet, captured
from harness.candidates.normalise import Forms
from harness.candidates.places import TEXT, texts_at
from harness.candidates.words import Sought, literal_form, plain_form, sought
from harness.errors import HarnessError
from harness.records import Clause, Item, Match, Rule, RuleSet
from harness.records.answers import Answer
from harness.records.candidates import CONTEXT

VERSION = 3
"""Goes up when the same rule set may decide differently."""
ELSEWHERE_VERSION = 4
"""The same of rule sets that look at more than the text, or at something else."""


class RuleHit(NamedTuple):
    """A rule that applies to an item, and what it says about its category."""

    rule: str
    category: str
    decision: int


class _Test(NamedTuple):
    """One clause of a rule: it holds when its key was found."""

    key: int
    clause: Clause
    rule: str


class _Compiled(NamedTuple):
    """A rule with its clauses as keys: of the found ones, which make it apply."""

    rule: Rule
    needed: tuple[int, ...]
    any: tuple[int, ...]
    none: tuple[int, ...]
    found_by: tuple[int, ...]
    """Those that may make it apply, in the order in which they are quoted."""
    places: tuple[str, ...]
    """Where it looks for them."""
    is_plain: bool
    """Whether finding its own words is all it takes."""
    said: str
    """How it is named, with its reason where that quotes nothing."""


class RuleSetCandidate(Local):
    """Decides by rules alone.

    Args:
        category_order: Categories of the policy, for the order of the output; the order of the rules when None.
        inputs: Name, version and hash of the file, for the fingerprint.
    """

    needs_text = True

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
        named = dict.fromkeys(rule.category for rule in rules.rules)
        self.categories = tuple(named if category_order is None else (name for name in category_order if name in named))
        self._nothing = Answer("ok", dict.fromkeys(self.categories, 0))
        tests: list[_Test] = []
        compiled = [_compiled(rule, tests) for rule in sorted(rules.rules, key=lambda rule: -rule.priority)]
        self._order = _Order(compiled)
        self._forms = Forms(rules.normalise, _words_of(rules))
        self._allowed = _Allowed(rules.allow, self._forms) if rules.allow else None
        self._places = _Places(compiled, tests, self._forms, self._allowed)
        self.fingerprint: Mapping[str, Any] = {
            "kind": "rules",
            "categories": list(self.categories),
            "engine": VERSION if self._places.is_text_alone else ELSEWHERE_VERSION,
            **(inputs or {}),
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.id, *self._arguments)

    def explain(self, item: Item) -> list[RuleHit]:
        """Every rule that applies to an item, in the order of precedence; the first per category decides."""
        return [
            RuleHit(one.rule.id, one.rule.category, int(one.rule.decision == "flag"))
            for one in self._order.applying(item, self._places.found(item))
        ]

    def sees(self, item: Item) -> bool:
        """Whether an item has something where rules look."""
        return self._places.sees(item)

    def finds(self, clauses: Sequence[Clause], text: str) -> bool:
        """Whether one of these clauses of a rule is found in a text."""
        tests = [_Test(at, clause, "") for at, clause in enumerate(clauses)]
        return bool(tests and _Finder(tests, self._forms, self._allowed).find(text))

    def _answer(self, item: Item) -> Answer:
        if not self._places.sees(item):
            return Answer("abstained", dict.fromkeys(self.categories), error=f"the item has no {self._places.missing}")
        found = self._places.found(item)
        if not found:
            return self._nothing
        decisions: dict[str, int | None] = dict.fromkeys(self.categories, 0)
        deciding: dict[str, str] = {}
        for one in self._order.applying(item, found):
            rule = one.rule
            if rule.category not in deciding and rule.category in decisions:
                decisions[rule.category] = int(rule.decision == "flag")
                deciding[rule.category] = _said(one, item, found)
        return Answer("ok", decisions, rationale="; ".join(deciding.values()) or None)


def _said(one: _Compiled, item: Item, found: Mapping[int, str]) -> str:
    rule = one.rule
    if "{match}" not in rule.reason:
        return one.said
    matched = next((found[key] for key in one.found_by if key in found), "") or _pattern_match(rule, item)
    return one.said.removesuffix(rule.reason) + rule.reason.replace("{match}", matched)


def _compiled(rule: Rule, tests: list[_Test]) -> _Compiled:
    def add(clauses: Iterable[Clause]) -> tuple[int, ...]:
        first = len(tests)
        tests.extend(_Test(key, clause, rule.id) for key, clause in enumerate(clauses, start=first))
        return tuple(range(first, len(tests)))

    sought_in = [one for one in (rule.own, *rule.any, *rule.all) if has_tests(one)]
    places = tuple(dict.fromkeys(place for one in sought_in for place in one.places))
    unless = [Clause(phrases=rule.unless, where=(TEXT, *places))] if rule.unless else []
    own = add([rule.own] if has_tests(rule.own) else [])
    others, every, none = add(rule.any), add(rule.all), add([*rule.none, *unless])
    is_plain = bool(own) and not (others or every or none or rule.when)
    named = f"rule {rule.id} ({rule.action})" if rule.action else f"rule {rule.id}"
    said = f"{named}: {rule.reason}" if rule.reason else named
    return _Compiled(rule, own + every, others, none, own + others + every, places, is_plain, said)


class _Order:
    """Rules in the order in which they decide, and which of them apply."""

    def __init__(self, rules: Sequence[_Compiled]) -> None:
        self._rules = rules
        self._by_test: dict[int, list[int]] = {}
        for at, one in enumerate(rules):
            for key in one.found_by:
                self._by_test.setdefault(key, []).append(at)
        self._alone = {
            key: (rules[at],) for key, (at, *more) in self._by_test.items() if not more and rules[at].is_plain
        }

    def applying(self, item: Item, found: Mapping[int, str]) -> Sequence[_Compiled]:
        """Rules that apply to an item in which these clauses hold."""
        if len(found) == 1 and (alone := self._alone.get(next(iter(found)))) is not None:
            return alone
        positions = {at for key in found for at in self._by_test.get(key, ())}
        ordered = [self._rules[at] for at in sorted(positions)]
        return [one for one in ordered if one.is_plain or _applies(one, item, found)]


def has_tests(clause: Clause) -> bool:
    """Whether a clause looks for anything."""
    return bool(clause.words or clause.phrases or clause.patterns or clause.domains)


def _applies(one: _Compiled, item: Item, found: Mapping[int, str]) -> bool:
    return (
        all(key in found for key in one.needed)
        and (not one.any or any(key in found for key in one.any))
        and not any(key in found for key in one.none)
        and all(not set(values).isdisjoint(item.slices.get(name, ())) for name, values in one.rule.when.items())
    )


class _Places:
    """Where in an item rules look, and what they look for there."""

    def __init__(
        self, rules: Iterable[_Compiled], tests: Sequence[_Test], forms: Forms, allowed: _Allowed | None
    ) -> None:
        places = dict.fromkeys(place for test in tests for place in test.clause.places)
        self._finders = [
            (place, _Finder([test for test in tests if place in test.clause.places], forms, allowed))
            for place in places
        ]
        self.is_text_alone = list(places) == [TEXT]
        looked = dict.fromkeys(place for one in rules for place in one.places)
        self.missing = " and no ".join(looked)
        self._seen = tuple(place for place in looked if TEXT not in looked or not place.startswith(CONTEXT))

    def sees(self, item: Item) -> bool:
        """Whether an item has something in one of them; the context of a text that is not there is nothing."""
        if self._seen == (TEXT,):
            return item.text is not None
        return any(texts_at(item, place) for place in self._seen)

    def found(self, item: Item) -> Mapping[int, str]:
        """Keys of the clauses that hold, each with what was matched."""
        if self.is_text_alone:
            return {} if item.text is None else self._finders[0][1].find(item.text)
        if not self.sees(item):
            return {}
        found: dict[int, str] = {}
        for place, finder in self._finders:
            for text in texts_at(item, place):
                for key, matched in finder.find(text).items():
                    found.setdefault(key, matched)
        return found


class _Finder:
    """All that is looked for in one place of an item."""

    def __init__(self, tests: Sequence[_Test], forms: Forms, allowed: _Allowed | None) -> None:
        plain: list[tuple[Sought, int]] = []
        literal: list[tuple[Sought, int]] = []
        for key, clause, rule in tests:
            for written in (*clause.words, *clause.phrases):
                for form in forms.word(written):
                    one = sought_word(form, written, clause.match, rule)
                    (literal if one.is_literal else plain).append((one, key))
        self._plain = Keywords(plain) if plain else None
        self._literal = Keywords(literal) if literal else None
        patterns = [(pattern, key) for key, clause, _ in tests for pattern in clause.patterns]
        self._patterns = PatternSet(patterns) if patterns else None
        self._domains = Domains((domain, key) for key, clause, _ in tests for domain in clause.domains)
        self._forms = forms
        self._allowed = allowed

    def find(self, text: str) -> Mapping[int, str]:
        """Keys of what is found, each with the word or domain; patterns say nothing here."""
        found: list[Mapping[int, str]] = []
        forms, allowed = self._forms.of(text), self._allowed
        if self._patterns is not None:
            written = forms if forms[0] == text else dict.fromkeys((text, *forms))
            found += [dict.fromkeys(keys, "") for one in written if (keys := self._patterns.find(one))]
        for one in forms:
            if self._plain is not None:
                form = plain_form(one)
                if words := self._plain.find(form if allowed is None else allowed.taken_out(form)):
                    found.append(words)
            if self._literal is not None:
                form = literal_form(one)
                if words := self._literal.find(form if allowed is None else allowed.taken_out(form)):
                    found.append(words)
        if domains := self._domains.find(text):
            found.append(domains)
        if len(found) == 1:
            return found[0]
        return {key: word for one in found for key, word in one.items()}


class _Allowed:
    """Words that no rule may look at."""

    def __init__(self, words: Sequence[str], forms: Forms) -> None:
        texts = [
            one.text
            for word in words
            for form in forms.word(word)
            if (one := sought(form, "includes-word")) is not None
        ]
        alternatives = "|".join(re2.escape(text) for text in sorted(texts, key=len, reverse=True))
        self._pattern = re2.compile(f"(?:{alternatives})") if texts else None

    def taken_out(self, form: str) -> str:
        """The form without them; twice, since two that stand side by side share the space between them."""
        if self._pattern is None:
            return form
        found: str = self._pattern.sub(" \x1f ", self._pattern.sub(" \x1f ", form))
        return found


def sought_word(form: str, written: str, match: Match, rule: str) -> Sought:
    """How a rule's word is looked up.

    Raises:
        HarnessError: It is made of marks alone.
    """
    found = sought(form, match)
    if found is None:
        raise HarnessError(
            f"rule '{rule}': the word or phrase '{written}' has no letter, digit, emoji or currency sign",
            allowed="words; marks and punctuation alone only in patterns",
            next_step="write it under 'patterns'",
        )
    return found


def _words_of(rules: RuleSet) -> Iterable[str]:
    for rule in rules.rules:
        for clause in (rule.own, *rule.any, *rule.all, *rule.none):
            yield from clause.words
            yield from clause.phrases
        yield from rule.unless


def _pattern_match(rule: Rule, item: Item) -> str:
    for clause in (rule.own, *rule.any, *rule.all):
        for text in (text for place in clause.places for text in texts_at(item, place)):
            for pattern in clause.patterns:
                if matched := captured(pattern, text):
                    return matched
    return ""


def _rebuilt(
    candidate_id: str, rules: RuleSet, order: Sequence[str] | None, inputs: Mapping[str, Any] | None
) -> RuleSetCandidate:
    return RuleSetCandidate(candidate_id, rules, category_order=order, inputs=inputs)
