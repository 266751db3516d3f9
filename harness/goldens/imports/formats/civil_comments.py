"""Civil Comments (Borkan et al. 2019): shares of annotators who saw a comment as toxic, insulting and so on.

Format: kaggle.com/c/jigsaw-unintended-bias-in-toxicity-classification, where ``target`` is the toxicity; licence: CC0.
The authors count a share of one half and more as toxic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.importers import Importer
from harness.goldens.imports.plan import LabelColumn, Plan

CATEGORIES: Final = {
    "target": "toxicity",
    "toxicity": "toxicity",
    "severe_toxicity": "severe_toxicity",
    "obscene": "obscene",
    "identity_attack": "identity_attack",
    "insult": "insult",
    "threat": "threat",
    "sexual_explicit": "sexual_explicit",
}
CUT: Final = 0.5
_TEXTS = ("comment_text", "text")


def _recognises(foreign: Foreign, samples: Mapping[str, Sequence[Any]]) -> bool:
    has_text = any(name in samples for name in _TEXTS)
    return has_text and {"severe_toxicity", "identity_attack", "insult", "threat"} <= samples.keys()


def _plan(samples: Mapping[str, Sequence[Any]]) -> Plan:
    columns = [name for name in CATEGORIES if name in samples and not (name == "toxicity" and "target" in samples)]
    return Plan(
        text=next(name for name in _TEXTS if name in samples),
        id="id" if "id" in samples else None,
        labels=tuple(LabelColumn(name, CATEGORIES[name]) for name in columns),
        cuts=dict.fromkeys(columns, CUT),
    )


importer = Importer(
    title="Civil Comments",
    source="https://www.kaggle.com/c/jigsaw-unintended-bias-in-toxicity-classification",
    licence="CC0",
    recognises=_recognises,
    plan=_plan,
)
