"""Files of a pool behind an address (s3://, gs://, ...): fetched once into a folder that goes with this process.

Decides which files an address, a folder or a pattern there means. A pool is read more than once (columns, sample, full
pass), so it is fetched and not streamed; its names stay, so that results say the same as of local files.
"""

from __future__ import annotations

import atexit
import glob
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.errors import HarnessError
from harness.runs.folder import open_address, reached


def fetched(address: str, is_table: Callable[[Path], bool]) -> list[Path]:
    """Local copies of the files that an address means, by name; none where nothing is there.

    Raises:
        HarnessError: The store cannot be reached, a package is missing, or there is no room.
    """
    filesystem, root = open_address(address)
    with reached(address):
        if glob.has_magic(root):
            names = [name for name in filesystem.glob(root) if filesystem.isfile(name)]
        elif filesystem.isfile(root):
            names = [root]
        else:
            depth = root.rstrip("/").count("/") + 1
            inside = filesystem.find(root) if filesystem.exists(root) else []
            names = [name for name in inside if name.count("/") == depth and is_table(Path(name))]
    return [_fetch(filesystem, name, address) for name in sorted(names)]


def _fetch(filesystem: object, name: str, address: str) -> Path:
    folder = tempfile.mkdtemp(prefix="harness-pool-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = Path(folder) / name.rsplit("/", 1)[-1]
    try:
        with reached(address):
            filesystem.get_file(name, str(target))  # type: ignore[attr-defined]
    except FileNotFoundError:
        raise HarnessError(f"{address}: {name} went away while it was fetched", next_step="try again") from None
    return target
