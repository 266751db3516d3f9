"""A journal on an object store (``--cache s3://...``): a copy on this machine, and what makes it everybody's.

``copies`` says where the copy lies and when it is brought up to date, ``store`` what is fetched and put, ``parts`` what
one object holds. How answers and claims are kept in the copy is decided by ``runner.cache``, as for any journal.
"""

from __future__ import annotations

from harness.runner.stored.copies import Copy, copy_of, journal_path

__all__ = ["Copy", "copy_of", "journal_path"]
