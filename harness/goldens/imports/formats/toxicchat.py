"""ToxicChat (Lin et al. 2023): what users asked a chat model, judged toxic and as an attempt to jail-break.

Format: huggingface.co/datasets/lmsys/toxic-chat; licence: CC-BY-NC-4.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.goldens.imports.importers import Importer, has_columns
from harness.goldens.imports.plan import LabelColumn, Plan


def _plan(samples: Mapping[str, Sequence[Any]]) -> Plan:
    return Plan(
        text="user_input",
        id="conv_id",
        labels=(LabelColumn("toxicity", "toxicity"), LabelColumn("jailbreaking", "jailbreaking")),
        slices={"human_annotation": "human_annotation"} if "human_annotation" in samples else {},
    )


importer = Importer(
    title="ToxicChat",
    source="https://huggingface.co/datasets/lmsys/toxic-chat",
    licence="CC-BY-NC-4.0",
    recognises=has_columns("conv_id", "user_input", "toxicity", "jailbreaking"),
    plan=_plan,
)
