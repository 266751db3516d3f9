"""Golden sets from files: the card (``sets``), rows (``rows``) of JSONL (``jsonl``) or tables, and their ``faults``."""
