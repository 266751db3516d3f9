"""Doors: how a name in a user's file becomes an object, whoever made it.

A door is a table of entry points under one group. The project's own are listed in its table and those of other packages
are found among what is installed; both are ``importlib.metadata.EntryPoint``s and are imported alike, when first asked
for. What is installed is looked at only for a name that the table does not have, so no start-up pays for it, and a name
of the table cannot be taken over. Decides also which code ``package.module:name`` may name and how a failure to import
is worded; what the object must be able to do is checked by the caller.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import EntryPoint, distributions, entry_points
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from harness.errors import HarnessError
from harness.files.text import joined, suggestion

PROJECT_FOLDERS = ("evals",)
"""An eval in a folder of this name belongs to the project in the folder above it."""


@dataclass(frozen=True)
class Door:
    """One table of things that a user's file may name.

    Args:
        group: Entry point group under which other packages list theirs.
        noun: What is listed, for messages.
        own: Name -> ``package.module:object`` of what the project brings.
        hidden: Names of the table that go by another field and are not offered.
    """

    group: str
    noun: str
    own: Mapping[str, str]
    hidden: Collection[str] = ()

    def __iter__(self) -> Iterator[str]:
        return iter(self.own)

    def __len__(self) -> int:
        return len(self.own)

    def __contains__(self, name: object) -> bool:
        return name in self.own

    def __getitem__(self, name: str) -> Any:
        if name not in self.own:
            raise KeyError(name)
        return self.load(name)[0]

    def entry(self, name: str) -> EntryPoint | None:
        """The entry point of this name: the table's, or else an installed package's."""
        if name in self.own:
            return EntryPoint(name, self.own[name], self.group)
        return _installed(self.group).get(name)

    def installed(self) -> tuple[str, ...]:
        """Names that other packages list; none of their code is run."""
        return tuple(name for name in _installed(self.group) if name not in self.own)

    def load(self, name: str, *, folder: Path | None = None) -> tuple[Any, str]:
        """The object behind a name or ``package.module:object``, and the version of the package that lists it.

        Modules in ``folder``, that of the file which names them, may be named too.
        """
        if ":" in name:
            return import_object(name, what=self.noun, folder=folder), ""
        point = self.entry(name)
        if point is None:
            known = [one for one in (*self.own, *self.installed()) if one not in self.hidden]
            raise HarnessError(
                f"there is no {self.noun} '{name}'",
                allowed=joined(dict.fromkeys(known), most=40),
                next_step=suggestion(
                    name, known, f"install the package that provides it under the entry point {self.group}"
                ),
            )
        return _loaded(point, self.noun), point.dist.version if point.dist else ""


@functools.cache
def _installed(group: str) -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


@functools.cache
def _loaded(point: EntryPoint, noun: str) -> Any:
    with _worded(f"{noun} '{point.name}' ({point.value})", point.module):
        return point.load()


def import_object(path: str, *, what: str, folder: Path | None = None) -> Any:
    """The object at ``package.module:name``: of an installed package, or of a module beside the file that names it."""
    module_name, _, attributes = path.partition(":")
    refusal = refusal_of(path, folder)
    if refusal is not None:
        raise HarnessError(f"{what} '{path}' {refusal}", allowed=ALLOWED_CODE, next_step=code_hint(path, folder))
    with _worded(f"{what} '{path}'", module_name), _importable(module_name, folder):
        found: Any = importlib.import_module(module_name)
    for name in attributes.split("."):
        if not hasattr(found, name):
            raise HarnessError(
                f"{what} '{path}' is not there: {module_name} has no '{attributes}'",
                allowed=joined(public for public in dir(found) if not public.startswith("_")),
                next_step=suggestion(name, dir(found), "correct the name"),
            )
        found = getattr(found, name)
    origin = str(getattr(found, "__module__", module_name)).partition(".")[0]
    if origin in sys.stdlib_module_names:
        raise HarnessError(
            f"{what} '{path}' is {origin}'s own: a part of Python", allowed=ALLOWED_CODE, next_step=CODE_HINT
        )
    return found


ALLOWED_CODE = (
    "a module in the eval's folder or its project's, or one of an installed package; no part of Python itself"
)
OWN = __name__.partition(".")[0]
"""This package, which may run from a folder that nobody installed."""
CODE_HINT = "put the module beside the eval, or install its package (pip install -e FOLDER)"


def code_hint(path: str, folder: Path | None) -> str:
    """What to do about code that may not be imported."""
    top = path.partition(":")[0].partition(".")[0]
    place = project_folder(top, folder)
    if place is None:
        return CODE_HINT
    return (
        f"{place.name}/{top}.py bears the name of a module of Python, which is found before it: rename it, "
        f"to {top}_of_ours.py for example"
    )


def refusal_of(path: str, folder: Path | None) -> str | None:
    """Why ``package.module:name`` may not be imported, found without importing anything; None when it may.

    An eval that names code runs it. So that a file from somebody else cannot name any program on the machine, code must
    be the project's or an installed package's.
    """
    top = path.partition(":")[0].partition(".")[0]
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return "is a part of Python itself, which an eval may not call"
    if top == OWN or project_folder(top, folder) is not None:
        return None
    origin = _origin(top)
    if origin is None:
        return None  # not there: importing says so
    if _is_site(origin.parent if origin.is_file() else origin) or any(
        origin.is_relative_to(folder) for folder in (*_declared_folders(), *_editable_folders())
    ):
        return None
    return f"is found in {origin.parent}, which belongs to no installed package"


def is_importable(path: str, folder: Path | None) -> bool:
    """Whether the top-level module or package can be found; finding it runs none of its code."""
    top = path.partition(":")[0].partition(".")[0]
    return project_folder(top, folder) is not None or _origin(top) is not None


def project_folder(top: str, folder: Path | None) -> Path | None:
    """The folder of the project that holds a module of this name: the eval's own, or the one above evals/."""
    if folder is None:
        return None
    folder = folder.resolve()
    places = (folder, *([folder.parent] if folder.name in PROJECT_FOLDERS else []))
    for one in places:
        if (one / f"{top}.py").is_file() or (one / top / "__init__.py").is_file():
            return one
    # a folder of modules without __init__.py, which Python takes last: not where anything else bears the name
    plain = next((one for one in places if any((one / top).glob("*.py"))), None)
    return plain if plain is not None and _origin(top) in (None, plain / top) else None


def source_hash(path: str, found: Any) -> str:
    """Hash of the files that define ``package.module:name``: code that is edited in place has no other version.

    What those modules import is not part of it. Empty where there is no file to read.
    """
    modules = {path.partition(":")[0], str(getattr(found, "__module__", ""))}
    digest = hashlib.sha256()
    is_read = False
    for name in sorted(modules):
        file = getattr(sys.modules.get(name), "__file__", None)
        with suppress(OSError):
            if file:
                digest.update(Path(file).read_bytes())
                is_read = True
    return digest.hexdigest()[:12] if is_read else ""


def _origin(top: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = [spec.origin] if spec.origin and spec.has_location else list(spec.submodule_search_locations or ())
    return Path(places[0]).resolve() if places and places[0] else Path(top)


def _is_site(folder: Path) -> bool:
    """Whether a package of this folder is one that an installer put there."""
    parents = (folder, folder.parent)
    return any(next(one.glob("*.dist-info"), None) is not None for one in parents if one.is_dir())


def _declared_folders() -> list[Path]:
    """Folders that the person put on Python's path by name."""
    return [Path(one).resolve() for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]


@functools.cache
def _editable_folders() -> tuple[Path, ...]:
    """Folders of packages that are installed in place."""
    found = []
    for one in distributions():
        with suppress(ValueError, OSError, AttributeError):
            told = orjson.loads(one.read_text("direct_url.json") or "{}")
            if told.get("dir_info", {}).get("editable"):
                found.append(Path(unquote(urlsplit(told["url"]).path)).resolve())
    return tuple(found)


@contextmanager
def _importable(module_name: str, folder: Path | None) -> Iterator[None]:
    """Let a module of the project be imported, once; two projects may not lend one another a module of one name."""
    top = module_name.partition(".")[0]
    place = project_folder(top, folder)
    if place is None:
        yield
        return
    there = sys.modules.get(top)
    file = getattr(there, "__file__", None)
    if there is not None and not (file and Path(file).resolve().is_relative_to(place)):
        raise HarnessError(
            f"there is a module '{top}' in {place}, and another of that name is loaded already",
            allowed="a name of its own",
            next_step="rename the module",
        )
    sys.path.insert(0, str(place))
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(str(place))


@contextmanager
def _worded(what: str, module_name: str) -> Iterator[None]:
    """What importing raises, as one message."""
    try:
        yield
    except HarnessError:
        raise
    except ModuleNotFoundError as error:
        missing = error.name or module_name
        raise HarnessError(
            f"{what} cannot be imported: there is no module '{missing}'",
            allowed="package.module:callable of an installed package, or of a module beside the eval",
            next_step=f"install the package that provides '{missing}', or correct the path",
        ) from None
    except (Exception, SystemExit) as error:  # the module is the user's own code: whatever it raises is theirs to mend
        raise HarnessError(
            f"{what} cannot be imported: {type(error).__name__}: {str(error)[:200]}",
            allowed="a module that can be imported",
            next_step=f"try: python -c 'import {module_name}'",
        ) from error
