"""The evaluation set of OpenAI's moderation model (Markov et al. 2023): ``prompt`` and one letter code a category.

A code that a row leaves out was not labelled. Format: github.com/openai/moderation-api-release; licence: MIT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.importers import Importer
from harness.goldens.imports.plan import LabelColumn, Plan

CATEGORIES: Final = {
    "S": "sexual",
    "H": "hate",
    "V": "violence",
    "HR": "harassment",
    "SH": "self-harm",
    "S3": "sexual/minors",
    "H2": "hate/threatening",
    "V2": "violence/graphic",
}


def _recognises(foreign: Foreign, samples: Mapping[str, Sequence[Any]]) -> bool:
    return "prompt" in samples and len(CATEGORIES.keys() & samples.keys()) >= 6


def _plan(samples: Mapping[str, Sequence[Any]]) -> Plan:
    columns = tuple(LabelColumn(code, name) for code, name in CATEGORIES.items() if code in samples)
    return Plan(text="prompt", labels=columns)


importer = Importer(
    title="OpenAI moderation evaluation set",
    source="https://github.com/openai/moderation-api-release",
    licence="MIT",
    recognises=_recognises,
    plan=_plan,
)
