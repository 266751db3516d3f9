"""How a change is named and marked in every format: proven ones filled, maybe ones hollow."""

from __future__ import annotations

SIGNS = {"better": "▲", "worse": "▼", "leans_better": "△", "leans_worse": "▽"}
"""The changes that moved, and their signs."""
TONES = {"better": "good", "leans_better": "good", "worse": "bad", "leans_worse": "bad"}
CHANGE_WORDS = {
    "better": "▲ better, proven",
    "worse": "▼ worse, proven",
    "leans_better": "△ maybe better",
    "leans_worse": "▽ maybe worse",
    "same": "about the same",
    "unclear": "cannot tell",
    "undefined": "not defined",
}
