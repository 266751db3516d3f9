"""Jigsaw's toxic comments of Wikipedia talk pages: six categories, -1 where a comment was not scored.

Format: kaggle.com/c/jigsaw-toxic-comment-classification-challenge; licence: CC0 for labels, CC-BY-SA-3.0 for texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from harness.goldens.imports.importers import Importer, has_columns
from harness.goldens.imports.plan import LabelColumn, Plan

CATEGORIES: Final = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")


def _plan(samples: Mapping[str, Sequence[Any]]) -> Plan:
    return Plan(
        text="comment_text",
        id="id",
        labels=tuple(LabelColumn(name, name) for name in CATEGORIES),
        values={"-1": None},
    )


importer = Importer(
    title="Jigsaw toxic comments",
    source="https://www.kaggle.com/c/jigsaw-toxic-comment-classification-challenge",
    licence="CC0 (labels), CC-BY-SA-3.0 (texts)",
    recognises=has_columns("id", "comment_text", *CATEGORIES),
    plan=_plan,
)
