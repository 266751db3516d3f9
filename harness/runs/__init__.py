"""Stored runs: what a run folder holds, how it is written, and how it is read back.

Decides what others see of it; ``layout`` names fields and columns, ``writer`` makes run folders from ``tables`` and
``columns``, ``reader`` opens them, ``folder`` finds bytes, ``arrow`` moves columns between lists, Arrow and numpy,
``split`` tells dev items from gate items.
"""

import harness.runs.memory  # noqa: F401

# isort: split
from harness.records.runs import FORMAT, RunMeta
from harness.runs.canonical import canonical_json
from harness.runs.folder import RunFolder, is_remote
from harness.runs.layout import (
    ALL_OUTCOMES,
    INPUTS_FOLDER,
    ITEMS_FILE,
    META_FILE,
    OLD_PREFIX,
    PREDICTIONS_FILE,
    CandidateRows,
    InputFile,
    TextColumn,
    item_schema,
    prediction_schema,
)
from harness.runs.listing import latest_run, list_runs
from harness.runs.meta import meta_document, read_meta
from harness.runs.reader import Run, cluster_codes, open_run
from harness.runs.split import Part

__all__ = [
    "ALL_OUTCOMES",
    "FORMAT",
    "INPUTS_FOLDER",
    "ITEMS_FILE",
    "META_FILE",
    "OLD_PREFIX",
    "PREDICTIONS_FILE",
    "CandidateRows",
    "InputFile",
    "Part",
    "Run",
    "RunFolder",
    "RunMeta",
    "TextColumn",
    "canonical_json",
    "cluster_codes",
    "is_remote",
    "item_schema",
    "latest_run",
    "list_runs",
    "meta_document",
    "open_run",
    "prediction_schema",
    "read_meta",
]
