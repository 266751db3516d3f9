"""What others take from this folder by its own name; loaded when the first of it is used."""

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
from harness.runs.stored_candidate import StoredCandidate

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
    "StoredCandidate",
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
