"""Stored runs: what a run folder holds, and how it is read back.

Decides what others see of it; ``layout`` names fields and columns, ``reader`` opens runs, ``folder`` finds bytes,
``arrow`` moves columns between Python lists, Arrow and numpy, ``split`` tells dev items from gate items.
"""

from harness.runs.folder import RunFolder, is_remote
from harness.runs.layout import (
    ALL_OUTCOMES,
    FORMAT,
    INPUTS_FOLDER,
    ITEMS_FILE,
    META_FILE,
    MISSING,
    OLD_PREFIX,
    PREDICTIONS_FILE,
    CandidateRows,
    RunMeta,
    TextColumn,
    item_schema,
    prediction_schema,
    read_meta,
)
from harness.runs.reader import Run, cluster_codes, latest_run, list_runs, open_run
from harness.runs.split import Part

__all__ = [
    "ALL_OUTCOMES",
    "FORMAT",
    "INPUTS_FOLDER",
    "ITEMS_FILE",
    "META_FILE",
    "MISSING",
    "OLD_PREFIX",
    "PREDICTIONS_FILE",
    "CandidateRows",
    "Part",
    "Run",
    "RunFolder",
    "RunMeta",
    "TextColumn",
    "cluster_codes",
    "is_remote",
    "item_schema",
    "latest_run",
    "list_runs",
    "open_run",
    "prediction_schema",
    "read_meta",
]
