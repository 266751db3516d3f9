"""Rule set file -> ``RuleSet``.

Decides which rule sets are well formed; matching them is left to the candidates. Patterns are compiled here once to
prove that they compile: RE2 runs in linear time, so no text can stall a rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.errors import FileError, raise_all
from harness.files.decode import require_name, require_names, to_record
from harness.files.schema import Loc
from harness.files.text import shortened
from harness.files.yaml import Document, read_yaml
from harness.records import Loaded, Policy, Rule, RuleSet

MATCHERS = ("words", "phrases", "patterns")
MAX_PATTERN_CHARS = 10_000


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


def rules_policy_faults(
    rules: Loaded[RuleSet], policy: Policy, slices: Sequence[str] | None = None
) -> Sequence[FileError]:
    """What does not fit between a rule set and a policy (and the slices of a golden set)."""
    document = Document(rules.path, rules.sha256, {})
    categories = policy.category_ids
    if all(
        rule.category in categories and (slices is None or set(rule.when) <= set(slices)) for rule in rules.value.rules
    ):
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
        if slices is not None:
            errors += require_names(
                document, ("rules", at, "when"), list(rule.when), slices, noun="slice", where="the golden set's card"
            )
    return errors


def _rule_faults(document: Document, place: Loc, rule: Rule) -> list[FileError]:
    errors = []
    if not (rule.words or rule.phrases or rule.patterns):
        errors.append(
            document.error(
                place,
                f"(rule '{shortened(rule.id)}') matches nothing",
                allowed=f"at least one of {', '.join(MATCHERS)}",
                next_step="say what the rule looks for",
            )
        )
    for name in (*MATCHERS, "unless"):
        for at, text in enumerate(getattr(rule, name)):
            if not text.strip():
                errors.append(
                    document.error(
                        (*place, name, at),
                        "is an empty string",
                        allowed="text that is not blank",
                        next_step="remove the entry",
                    )
                )
            elif name == "patterns" and (fault := pattern_fault(text)):
                errors.append(
                    document.error(
                        (*place, name, at),
                        f"is not a pattern: {shortened(fault)}",
                        allowed="RE2 syntax (no look-around, no back-references)",
                        next_step="correct the pattern",
                    )
                )
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


def pattern_fault(pattern: str) -> str | None:
    """RE2's message when a pattern does not compile, else None."""
    import re2

    if len(pattern) > MAX_PATTERN_CHARS:
        return f"it has {len(pattern):,} characters; at most {MAX_PATTERN_CHARS:,} are allowed"
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        message = error.args[0] if error.args else "it does not compile"
        return message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
    return None
