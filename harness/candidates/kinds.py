"""The table of candidate kinds: the name of the field that says it in an eval -> where the kind is made.

A new kind is one file with a ``Kind`` and one line here. Another package lists the same under the entry point group
``harness.candidates``; both come in by the same door, and only the kinds that an eval uses are imported.
"""

from __future__ import annotations

from harness.files.doors import Door
from harness.files.kinds import GROUP

KINDS = Door(
    GROUP,
    "kind of candidate",
    {
        "prompt": "harness.candidates.asked:PROMPT",
        "guard": "harness.candidates.guard:GUARD",
        "moderation": "harness.candidates.moderation:MODERATION",
        "rules": "harness.candidates.rules:RULES",
        "classifier": "harness.candidates.classifier:CLASSIFIER",
        "cascade": "harness.candidates.cascade:CASCADE",
        "vote": "harness.candidates.votes:VOTE",
        "recorded": "harness.candidates.recorded:RECORDED",
        "plugin": "harness.candidates.installed:PLUGIN",
    },
)
