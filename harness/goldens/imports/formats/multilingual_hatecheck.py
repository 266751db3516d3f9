"""Multilingual HateCheck (Röttger et al. 2022): functional tests in ten languages, one file a language.

Format: github.com/rewire-online/multilingual-hatecheck; licence: CC-BY-4.0. The majority of its three annotators stands
beside the gold label and is kept under ``meta``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.goldens.imports.importers import Importer, has_columns
from harness.goldens.imports.plan import LabelColumn, Plan


def _plan(samples: Mapping[str, Sequence[Any]]) -> Plan:
    slices = {"functionality": "functionality", "target": "target_ident", "language": "language"}
    return Plan(
        text="test_case",
        id="mhc_case_id",
        labels=(LabelColumn("label_gold", "hate"),),
        values={"hateful": 1, "non-hateful": 0},
        group="templ_id" if "templ_id" in samples else None,
        slices={name: column for name, column in slices.items() if column in samples},
    )


importer = Importer(
    title="Multilingual HateCheck",
    source="https://github.com/rewire-online/multilingual-hatecheck",
    licence="CC-BY-4.0",
    recognises=has_columns("mhc_case_id", "functionality", "test_case", "label_gold"),
    plan=_plan,
)
