"""A folder of files, on this machine or behind an fsspec address.

Decides only how bytes are found, read and put; what the files mean is left to ``reader`` and ``writer``. fsspec
is imported where an address has a scheme, and nowhere else.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, without_password
from harness.records import RunMeta
from harness.runs.index import (
    CHANGED_FOLDER,
    FEWEST_RUNS,
    INDEX_FILE,
    index_bytes,
    is_settled,
    is_worth_writing,
    read_index,
)
from harness.runs.layout import INPUTS_FOLDER, META_FILE


class RunFolder:
    """A folder of files, local or behind an fsspec address."""

    def __init__(self, address: str | Path) -> None:
        self.address = str(address)
        self._filesystem: Any = None
        self._root = self.address
        if is_remote(self.address):
            self._filesystem, self._root = open_address(self.address)
        elif self.address.startswith("file://"):
            self._root = self.address.removeprefix("file://")

    @property
    def local(self) -> Path | None:
        """The folder on this machine; None when it is elsewhere."""
        return None if self._filesystem is not None else Path(self._root)

    def child(self, name: str) -> RunFolder:
        """A folder inside this one."""
        return RunFolder(f"{self.address.rstrip('/')}/{name}")

    def read(self, name: str, *, is_inside: bool = False) -> bytes | None:
        """The bytes of a file; None when there is none, or when it had to lie inside and is a link to elsewhere."""
        try:
            if self._filesystem is None:
                path, root = Path(self._root) / name, Path(self._root)
                if is_inside and not path.resolve().is_relative_to(root.resolve()):
                    return None
                return path.read_bytes()
            with reached(self.address):
                content: bytes = self._filesystem.cat_file(f"{self._root}/{name}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        return content

    def source(self, name: str) -> Any:
        """Something pyarrow can read a file from."""
        if self._filesystem is None:
            return str(Path(self._root) / name)
        with reached(self.address):
            return io.BytesIO(self._filesystem.cat_file(f"{self._root}/{name}"))

    def names(self) -> list[str]:
        """Names of the folders in this one, sorted."""
        if self._filesystem is None:
            root = Path(self._root)
            return sorted(entry.name for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []
        try:
            with in_store(self.address, "--runs-dir"):
                self._filesystem.invalidate_cache()  # what other machines have written since must appear
                entries = self._filesystem.ls(self._root, detail=True)
        except FileNotFoundError:
            return []
        return sorted(entry["name"].rstrip("/").rsplit("/", 1)[-1] for entry in entries if entry["type"] == "directory")

    def read_each(self, name: str) -> Iterator[tuple[str, bytes | OSError | HarnessError]]:
        """The file of this name in every folder that has one: folder and bytes, or what hinders reading.

        Behind an address it is one listing and one bulk read, whose calls run side by side where the store can; of many
        folders those that an index beside them may stand for are read from there (see ``index``).
        """
        folders = [one for one in self.names() if not one.startswith(".")]
        if self._filesystem is None:
            for folder in folders:
                try:
                    with open(f"{self._root}/{folder}/{name}", "rb", buffering=0) as file:
                        yield folder, file.readall()
                except (FileNotFoundError, NotADirectoryError):
                    continue
                except OSError as error:
                    yield folder, error
            return
        if not folders:
            return
        is_many = name == META_FILE and len(folders) >= FEWEST_RUNS
        yield from self._by_index(folders) if is_many else self._one_by_one(folders, name)

    def _one_by_one(self, folders: Sequence[str], name: str) -> Iterator[tuple[str, bytes | HarnessError]]:
        paths = [f"{self._root}/{folder}/{name}" for folder in folders]
        with reached(self.address):  # whole ranges: unlike cat, they ask for no file's size first
            found = self._filesystem.cat_ranges(paths, None, None, on_error="return")
        for folder, content in zip(folders, found, strict=True):
            if isinstance(content, bytes):
                yield folder, content
            elif isinstance(content, Exception) and not isinstance(content, FileNotFoundError | NotADirectoryError):
                words = " ".join(str(content).split())[:300] or type(content).__name__
                yield folder, HarnessError(f"{self.address}/{folder}: cannot be read: {words}")

    def _by_index(self, folders: Sequence[str]) -> Iterator[tuple[str, bytes | HarnessError]]:
        """What the index may stand for; the rest is read, and put into the index."""
        changed = self._changed()  # before the index: whoever takes a note away has written the index first
        kept = read_index(self.read(INDEX_FILE))
        known = {one: kept[one] for one in folders if one in kept and one not in changed}
        found: dict[str, bytes | HarnessError] = dict(known)
        n_new = 0
        unknown = [one for one in folders if one not in known]
        for folder, content in self._one_by_one(unknown, META_FILE) if unknown else ():
            found[folder] = content
            if isinstance(content, bytes) and is_settled(content):
                known[folder] = content
                n_new += 1
        if is_worth_writing(n_new, len(folders)):
            with suppress(Exception):  # a reader that may not write, or a store that is shut: it only saves time
                self._filesystem.pipe_file(f"{self._root}/{INDEX_FILE}", index_bytes(known))
                if changed:
                    self._filesystem.rm([f"{self._root}/{CHANGED_FOLDER}/{one}" for one in changed])
        for folder in folders:
            if folder in found:
                yield folder, found[folder]

    def _changed(self) -> set[str]:
        """Folders that were written since the index was."""
        with suppress(FileNotFoundError), reached(self.address):
            entries = self._filesystem.ls(f"{self._root}/{CHANGED_FOLDER}", detail=False)
            return {path.rstrip("/").rsplit("/", 1)[-1] for path in entries}
        return set()

    def require_store(self) -> None:
        """Refuse a bucket that is not there before a run is made for this remote folder.

        Raises:
            HarnessError: It is not there, or cannot be reached.
        """
        home = self._root.rstrip("/").rpartition("/")[0]
        with suppress(FileNotFoundError), in_store(self.address, "--runs-dir"):
            self._filesystem.ls(f"{home}/{CHANGED_FOLDER}", detail=False)

    def note_change(self) -> None:
        """Say that this remote folder is about to be written, so that no index stands for it."""
        home, _, name = self._root.rstrip("/").rpartition("/")
        with reached(self.address):
            self._filesystem.makedirs(f"{home}/{CHANGED_FOLDER}", exist_ok=True)
            self._filesystem.pipe_file(f"{home}/{CHANGED_FOLDER}/{name}", b"")

    def renew_index(self) -> None:
        """Put what was written since into the index beside this remote folder, once that is much."""
        home = RunFolder(self.address.rstrip("/").rpartition("/")[0])
        if len(home._changed()) >= FEWEST_RUNS:
            for _ in home.read_each(META_FILE):
                pass

    def put(self, local: Path, name: str) -> None:
        """Copy a local file to a remote folder."""
        with reached(self.address):
            self._filesystem.makedirs(f"{self._root}/{name}".rsplit("/", 1)[0], exist_ok=True)
            self._filesystem.put_file(str(local), f"{self._root}/{name}")

    def remove(self) -> None:
        """Delete a remote folder."""
        with reached(self.address):
            self._filesystem.invalidate_cache()
            if self._filesystem.exists(self._root):
                self._filesystem.rm(self._root, recursive=True)


def input_text(folder: RunFolder, meta: RunMeta, kind: str) -> str | None:
    """The text of an input of the run in a folder as it was (``prompt:v1``, ``policy``); None when it was not kept."""
    described = meta.inputs.get(kind)
    stored = described.stored if described is not None else None
    content = folder.read(f"{INPUTS_FOLDER}/{stored}", is_inside=True) if stored else None
    return None if content is None else content.decode("utf-8", "replace")


def open_address(address: str) -> tuple[Any, str]:
    """The store behind an address, and the path in it.

    Raises:
        HarnessError: It holds a password, or needs a package that is not there.
    """
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]

    if without_password(address) != address:
        raise HarnessError(
            f"{address}: the address holds a user name or password, which runs and reports would repeat",
            allowed="an address without credentials; fsspec reads them from the environment or its settings",
            next_step="take them out of the address",
        )
    with reached(address):
        try:
            filesystem, root = url_to_fs(address)
        except (ImportError, ValueError) as error:
            raise _unsupported(address, error) from None
    return filesystem, str(root)


@contextmanager
def reached(address: str) -> Iterator[None]:
    """What a store raises when it is not there, shut or broken, in words: every package has errors of its own."""
    try:
        yield
    except (HarnessError, FileNotFoundError, NotADirectoryError):
        raise
    except Exception as error:
        words = " ".join(str(error).split())[:300] or type(error).__name__
        raise HarnessError(
            f"{address}: cannot be reached: {words}",
            allowed="an address that answers, and can be read (and written to by a run)",
            next_step="check address, network and credentials, then type the same command again",
        ) from None


@contextmanager
def in_store(address: str, option: str) -> Iterator[None]:
    """As ``reached``; a bucket that is not there is no empty folder, and no store makes one by a typo."""
    try:
        with reached(address):
            yield
    except FileNotFoundError as error:
        if "does not exist" not in str(error):
            raise
        raise HarnessError(
            f"{address}: cannot be reached: {error}",
            allowed="an address in a bucket (or container) that is there",
            next_step=f"correct {option}, or make the bucket",
        ) from None


def _unsupported(address: str, error: Exception) -> HarnessError:
    """The words of fsspec name the package that an address needs: "Install s3fs to access S3"."""
    scheme = address.partition("://")[0]
    if isinstance(error, ImportError):
        words = str(error).split()
        package = words[1] if words[:1] == ["Install"] and len(words) > 1 else None
        return HarnessError(
            f"{address}: what lies behind {scheme}:// needs a package that is not installed: {error}",
            next_step=f"pip install {package}" if package else "install that package, or name a local folder",
        )
    return HarnessError(
        f"{address}: is no address that files can be kept at: {error}",
        allowed="a folder, or an address that fsspec knows (s3://, gs://, abfs://, ...)",
        next_step="correct the address",
    )


def is_remote(address: str) -> bool:
    """Whether an address needs fsspec: a scheme other than file, longer than a drive letter."""
    scheme, separator, _ = address.partition("://")
    return bool(separator) and len(scheme) > 1 and scheme != "file"
