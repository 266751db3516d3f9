"""Rows of golden sets: reading them (``jsonl``), checking them (``reader``) and reporting their faults (``faults``)."""

from harness.rows.faults import Faults
from harness.rows.jsonl import read_jsonl
from harness.rows.reader import ABSENT, Row, RowReader, label_names

__all__ = ["ABSENT", "Faults", "Row", "RowReader", "label_names", "read_jsonl"]
