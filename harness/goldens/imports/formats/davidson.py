"""Davidson et al. (2017): tweets as hate speech, offensive language or neither, by the majority of its annotators.

Format: github.com/t-davidson/hate-speech-and-offensive-language; licence: MIT. How many annotators chose what is kept
under ``meta``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.goldens.imports.importers import Importer, has_columns
from harness.goldens.imports.plan import Plan


def _plan(samples: Mapping[str, Sequence[Any]]) -> Plan:
    return Plan(
        text="tweet",
        listed="class",
        names={"0": "hate_speech", "1": "offensive_language"},
        values={"2": 0},
        unescape=True,
    )


importer = Importer(
    title="Hate speech and offensive language (Davidson et al.)",
    source="https://github.com/t-davidson/hate-speech-and-offensive-language",
    licence="MIT",
    recognises=has_columns("hate_speech", "offensive_language", "neither", "class", "tweet"),
    plan=_plan,
)
