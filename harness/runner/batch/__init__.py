"""Batches: a run whose models are asked by files, within a day and at a discount (the Batch API of OpenAI).

Decides nothing itself. ``book`` journals which batch holds which requests, ``lines`` writes and reads the files,
``client`` speaks the protocol, ``fill`` brings the answers into the journal. From there the local engine makes the
rows, so that records, parsers, cache and resume are those of any other run.
"""

from harness.runner.batch.book import BatchBook
from harness.runner.batch.fill import BatchAnswers, BatchFill
from harness.runner.batch.models import check_batches, without_retries

__all__ = ["BatchAnswers", "BatchBook", "BatchFill", "check_batches", "without_retries"]
