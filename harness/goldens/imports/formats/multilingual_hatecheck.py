"""Multilingual HateCheck (Röttger et al. 2022): functional tests in ten languages, one file a language.

Format: github.com/rewire-online/multilingual-hatecheck; licence: CC-BY-4.0. The majority of its three annotators stands
beside the gold label and is kept under ``meta``.
"""

from __future__ import annotations

from harness.goldens.imports.formats.hatecheck import suite_plan
from harness.goldens.imports.importers import Importer, has_columns

importer = Importer(
    title="Multilingual HateCheck",
    source="https://github.com/rewire-online/multilingual-hatecheck",
    licence="CC-BY-4.0",
    recognises=has_columns("mhc_case_id", "functionality", "test_case", "label_gold"),
    plan=suite_plan(
        "mhc_case_id", {"functionality": "functionality", "target": "target_ident", "language": "language"}
    ),
)
