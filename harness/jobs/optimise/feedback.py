"""What is said to an optimiser of one answer: gold, answer, and the policy where the two differ.

Decides the words. They hold what the policy says and what the item was answered, never its text: that stands beside
them, of dev items alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.records import Policy
from harness.records.answers import FALLBACK_OUTCOMES, NOT_ASKED


def feedback(
    policy: Policy, gold: Sequence[str], decided: Sequence[str], outcome: str, *, error: str = "", rationale: str = ""
) -> str:
    """Feedback on one answer."""
    right = f"The right answer: {_said(gold)}."
    if outcome in FALLBACK_OUTCOMES:
        why = f": {error}" if error else ""
        return f"Wrong: no decision could be read from the answer ({outcome}{why}). {right}"
    if outcome == NOT_ASKED:
        return f"Wrong: it was not even asked, since {error}. {right}"
    lines = [f"Right: {_said(gold)}."] if set(gold) == set(decided) else [f"Wrong: the answer says {_said(decided)}."]
    if set(gold) != set(decided):
        lines[0] += f" {right}"
    lines += [f"Missed {_policy(policy, one)}" for one in gold if one not in decided]
    lines += [f"Wrongly flagged {_policy(policy, one)}" for one in decided if one not in gold]
    if rationale:
        lines.append(f"The model's reason: {rationale}")
    return "\n".join(lines)


def invalid(why: str) -> str:
    """Feedback on a proposal that is no prompt."""
    return f"The instructions could not be used: {why}"


def _said(categories: Sequence[str]) -> str:
    return f"violates {', '.join(categories)}" if categories else "violates nothing"


def _policy(policy: Policy, name: str) -> str:
    category = policy.category(name)
    allowed = f" Allowed: {'; '.join(category.allowed)}." if category.allowed else ""
    return f"{name}. The policy says of it: {' '.join(category.definition.split())}{allowed}"
