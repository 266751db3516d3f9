"""What of a policy keeps two runs from being compared: its identity.

Decides which parts of it a label or a decision can depend on.
"""

from __future__ import annotations

import hashlib

from harness.records import Policy
from harness.runs.canonical import canonical_json

IDENTIFYING = ("id", "name", "definition", "allowed", "parent", "kind", "levels", "cut")
"""What of a category can change a label or a decision; owners, targets, severities and prevalences cannot."""


def policy_identity(policy: Policy) -> str:
    """Hash of what a label or a prompt can depend on; comments and crosswalks are not part of it."""
    categories = [{name: getattr(one, name, None) for name in IDENTIFYING} for one in policy.categories]
    content = {"policy": policy.policy, "version": policy.version, "categories": categories}
    return hashlib.sha256(canonical_json(content)).hexdigest()
