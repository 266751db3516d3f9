"""HateCheck (Röttger et al. 2021): functional tests of hate speech detection, one case a row.

Format: github.com/paul-rottger/hatecheck-data; licence: CC-BY-4.0. Cases of one template are one group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.goldens.imports.importers import Importer, has_columns
from harness.goldens.imports.plan import LabelColumn, Plan

Samples = Mapping[str, Sequence[Any]]


def suite_plan(id_column: str, slices: Mapping[str, str]) -> Callable[[Samples], Plan]:
    """The plan of a suite of functional tests; what a file has no column for is left out."""

    def plan(samples: Samples) -> Plan:
        return Plan(
            text="test_case",
            id=id_column,
            labels=(LabelColumn("label_gold", "hate"),),
            values={"hateful": 1, "non-hateful": 0},
            group="templ_id" if "templ_id" in samples else None,
            slices={name: column for name, column in slices.items() if column in samples},
        )

    return plan


importer = Importer(
    title="HateCheck",
    source="https://github.com/paul-rottger/hatecheck-data",
    licence="CC-BY-4.0",
    recognises=has_columns("case_id", "functionality", "test_case", "label_gold"),
    plan=suite_plan("case_id", {"functionality": "functionality", "target": "target_ident", "direction": "direction"}),
)
