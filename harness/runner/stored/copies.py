"""The copy of a stored journal on this machine: where it lies, and when it is brought up to date.

Decides that a file is such a copy (a file beside it holds the address), that opening it fetches and closing it puts,
and that a run in between does both once a minute, beside its calls. A store that is shut ends a command before it pays
for anything; one that shuts during a run costs nothing but a warning, since the copy has all answers.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from harness.errors import HarnessError
from harness.runner.journal import open_journal
from harness.runs.folder import is_remote

EVERY_S = 60.0
FOLDER = "journals"


def journal_path(typed: str | Path) -> Path:
    """The file that ``--cache`` means; for an address, the copy on this machine, which is made when missing."""
    text = str(typed)
    if not is_remote(text):
        return Path(typed)
    from harness.runner import default_cache_path
    from harness.runs.folder import open_address

    address = text.rstrip("/")
    open_address(address)  # says what is wrong with it before anything is made
    name = hashlib.sha256(address.encode()).hexdigest()[:24]
    path = default_cache_path().parent / FOLDER / f"{name}.sqlite"
    if not path.exists():
        open_journal(path)[0].close()
    if not _address_file(path).exists():
        _address_file(path).write_text(f"{address}\n", encoding="utf-8")
    return path


def copy_of(path: Path) -> Copy | None:
    """What keeps this file up to date, where it is the copy of a stored journal."""
    try:
        address = _address_file(path).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return Copy(address, path)


class Copy:
    """Brings a copy up to date, one process at a time."""

    def __init__(self, address: str, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.address = address
        self._path = path
        self._clock = clock
        self._at = clock()
        self._thread: threading.Thread | None = None

    def fetch(self) -> None:
        """Take in what others have put there.

        Raises:
            HarnessError: The store cannot be reached, or holds something else.
        """
        from filelock import FileLock

        from harness.runner.stored.store import JournalStore

        with FileLock(self._path.with_suffix(".lock")):
            JournalStore(self.address, self._path).fetch()

    def put(self) -> str | None:
        """Give to others what they lack; what hindered it, in words."""
        from filelock import FileLock

        from harness.runner.stored.store import JournalStore

        self._joined()
        try:
            with FileLock(self._path.with_suffix(".lock")):
                JournalStore(self.address, self._path).put()
        except (HarnessError, OSError) as error:
            why = error.message if isinstance(error, HarnessError) else error
            return (
                f"what was answered could not be put to {self.address} ({why}): it is kept on this machine, "
                "and the next command with this --cache puts it there"
            )
        return None

    def tick(self) -> None:
        """Called now and then while a run asks: once a minute, put and fetch beside it."""
        if self._clock() - self._at < EVERY_S or (self._thread is not None and self._thread.is_alive()):
            return
        self._at = self._clock()
        self._thread = threading.Thread(target=self._both, name="harness-journal", daemon=True)
        self._thread.start()

    def _both(self) -> None:
        """What hinders it is told at the end, if it still does then."""
        from filelock import FileLock

        from harness.runner.stored.store import JournalStore

        try:
            with FileLock(self._path.with_suffix(".lock")):
                store = JournalStore(self.address, self._path)
                store.put()
                store.fetch()
        except (HarnessError, OSError):
            return

    def _joined(self) -> None:
        if self._thread is not None:
            self._thread.join()


def _address_file(path: Path) -> Path:
    return path.with_suffix(".address")
