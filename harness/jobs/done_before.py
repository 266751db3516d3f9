"""Whether a command asks for a run that is complete, told from digests of what it read then: nothing is loaded.

Beside a complete run of this machine stands, by the words of the command that asked for it, what was read to find it:
the digest of every file, the stamp of every picture, which variables were looked at. Where all of it is as it was, the
run would get the same id, so what was printed is printed again. Anything else (another version, an edited file, a
missing key, a run that was touched) is no answer, and the eval is read as ever.

Decides which evals can be told so: prompts and rule sets over items in JSON lines, whose files are all known. Code of a
project, weights, recorded decisions and installed parsers are looked at each time.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from msgspec import structs

from harness import __version__

if TYPE_CHECKING:
    from harness.jobs.run import PreparedRun
    from harness.jobs.run_options import RunOptions

FOLDER = ".done"
"""In the runs folder; what it holds may be removed at any time."""
KINDS = frozenset({"prompt", "rules"})
PROVIDERS = frozenset({"openai", "azure", "anthropic", "gemini"})
READ_BY_LIBRARIES = ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_BASE_URL", "OPENAI_API_VERSION")
"""Variables that packages look up by themselves."""
ADDRESSES = frozenset((*READ_BY_LIBRARIES, "AZURE_OPENAI_ENDPOINT"))
"""Variables that make another run; of others, which hold keys and headers, only that they are set is kept."""
SETTLED_NS = 2_000_000_000
"""A picture that was written a moment ago may be written again within one tick of the file system's clock."""


class Looked(Mapping[str, str]):
    """An environment that remembers which of its variables were looked at."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.names = set(READ_BY_LIBRARIES)

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._environment[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environment)

    def __len__(self) -> int:
        return len(self._environment)


def done_before(eval_path: Path, options: RunOptions, environment: Mapping[str, str]) -> dict[str, Any] | None:
    """What was kept of the same command where it asks for the same complete run; None where that cannot be told."""
    kept = _kept_at(eval_path, options)
    if kept is None:
        return None
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        found: dict[str, Any] = orjson.loads(kept.read_bytes())
        if (
            all(_digest(path) == digest for path, digest in found["files"].items())
            and all(_stamp(path) == stamp for path, stamp in found["stamps"].items())
            and all(_variable(environment, name) == value for name, value in found["variables"].items())
        ):
            return found
    return None


def keep_done(
    prepared: PreparedRun, options: RunOptions, environment: Looked, began_ns: int, run: Path, shown: Mapping[str, Any]
) -> None:
    """Keep what a command read that asked for a complete run; a folder that takes no file costs the next one time.

    ``began_ns`` is when reading began, by the wall clock: what was written since may not be what was read. ``shown`` is
    what the same command is given back.
    """
    kept = _kept_at(prepared.loaded.eval.path, options)
    if kept is None or not _is_told_by_files(prepared):
        return
    with suppress(OSError, TypeError):  # a name that is no text cannot be kept
        files = {str(path.resolve()): _digest(path) for path in _files_of(prepared)}
        pictures = [str(path.resolve()) for path in _pictures_of(prepared)]
        read = [os.stat(path) for path in (*files, *pictures)]
        if any(max(one.st_mtime_ns, one.st_ctime_ns) > began_ns - SETTLED_NS for one in read):
            return
        files[str((run / "run.json").resolve())] = _digest(run / "run.json")
        tables = [str((run / name).resolve()) for name in ("items.parquet", "predictions.parquet")]
        content = {
            "files": files,
            "stamps": {path: _stamp(path) for path in (*pictures, *tables)},
            "variables": {name: _variable(environment, name) for name in sorted(environment.names)},
            **shown,
        }
        kept.parent.mkdir(exist_ok=True)
        mine = kept.with_suffix(f".{os.getpid()}")
        mine.write_bytes(orjson.dumps(content))
        mine.replace(kept)


def _kept_at(eval_path: Path, options: RunOptions) -> Path | None:
    """Where it is kept, by all that the command says; None where a run is elsewhere, or is chosen by other runs."""
    if "://" in str(options.runs_dir) or options.only or options.gguf or options.shard or options.is_batch:
        return None
    words = [str(one) for name, one in structs.asdict(options).items() if name != "cache_path"]
    try:
        said = [__version__, sys.version, _own_code(), os.getcwd(), os.path.abspath(eval_path), *words]
    except OSError:  # a package in an archive, a folder that is gone
        return None
    digest = hashlib.sha256("\0".join(said).encode("utf-8", "surrogateescape")).hexdigest()
    return Path(options.runs_dir) / FOLDER / f"{digest[:32]}.json"


def _own_code() -> str:
    """A digest of when this package's files were written: an edited rule or parser may decide otherwise."""
    found = hashlib.sha256()
    folders = [str(Path(__file__).parents[1])]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if entry.is_dir():
                    folders.append(entry.path)
                elif entry.name.endswith(".py"):
                    status = entry.stat()
                    found.update(f"{entry.path}\n{status.st_size}\n{status.st_mtime_ns}\n".encode())
    return found.hexdigest()


def _is_told_by_files(prepared: PreparedRun) -> bool:
    """Whether every file that can change the run is known by its path."""
    from harness.candidates.parsers import PARSERS
    from harness.records import Loaded

    loaded = prepared.loaded
    items_path = loaded.golden.items_path
    models = {} if loaded.models is None else loaded.models.value
    return (
        items_path is not None
        and items_path.suffix in (".jsonl", ".ndjson")
        and all(spec.kind in KINDS for spec in prepared.request.eval.candidates.values())
        and all(isinstance(one, Path | Loaded) for files in loaded.named.values() for one in files.values())
        and all(prompt.value.header.answer in PARSERS for prompt in loaded.prompts.values())
        and all(models[name].provider in PROVIDERS for name in prepared.request.endpoints)
    )


def _files_of(prepared: PreparedRun) -> list[Path]:
    loaded = prepared.loaded
    assert loaded.golden.items_path is not None
    found = [loaded.eval.path, loaded.policy.path, loaded.golden.path, loaded.golden.items_path]
    found += [one.path for one in (loaded.models, loaded.must_catch) if one is not None]
    named = [one for files in loaded.named.values() for one in files.values()]
    return found + [one if isinstance(one, Path) else one.path for one in named]


def _pictures_of(prepared: PreparedRun) -> list[Path]:
    from harness.files.pictures import DATA_URL

    golden = prepared.loaded.golden
    assert golden.items_path is not None
    return [golden.items_path.parent / name for name in golden.pictures if not name.startswith(DATA_URL)]


def _digest(path: str | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: str) -> list[int]:
    status = os.stat(path)
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _variable(environment: Mapping[str, str], name: str) -> str | None:
    """What is kept of a variable: too little to tell a key by, and enough to see that an address is another one."""
    value = environment.get(name)
    if value is None:
        return None
    if name not in ADDRESSES:
        return "set" if value.strip() else "empty"
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()[:8]
