"""XSTest (Röttger et al. 2024): safe prompts that look unsafe, and unsafe contrasts.

Format: github.com/paul-rottger/xstest; licence: CC-BY-4.0. Files without ``label`` say it in the type: contrasts are
unsafe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.goldens.imports.importers import Importer, has_columns
from harness.goldens.imports.plan import LabelColumn, Plan


def _plan(samples: Mapping[str, Sequence[Any]]) -> Plan:
    if "label" in samples:
        return Plan(
            text="prompt",
            id="id",
            labels=(LabelColumn("label", "unsafe"),),
            values={"unsafe": 1, "safe": 0},
            slices={"type": "type"},
        )
    kinds = dict.fromkeys(str(value) for value in samples["type"] if value)
    return Plan(
        text="prompt",
        id="id",
        labels=(LabelColumn("type", "unsafe"),),
        values={kind: int(kind.startswith("contrast")) for kind in kinds},
        slices={"type": "type"},
    )


importer = Importer(
    title="XSTest",
    source="https://github.com/paul-rottger/xstest",
    licence="CC-BY-4.0",
    recognises=has_columns("prompt", "type", "focus", "note"),
    plan=_plan,
)
