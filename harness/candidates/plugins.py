"""Finds what a name in a user's file stands for: built in, installed under an entry point, or ``package.module:name``.

Decides how such a thing is imported and how a failure is worded; what it must be able to do is checked by the caller.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.files.text import listed, suggestion


def import_object(path: str, *, what: str) -> Any:
    """The object at ``package.module:name``."""
    module_name, _, attributes = path.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError as error:
        missing = error.name or module_name
        raise HarnessError(
            f"{what} '{path}' cannot be imported: there is no module '{missing}'",
            allowed="package.module:callable of an installed package",
            next_step=f"install the package that provides '{missing}', or correct the path",
        ) from None
    except Exception as error:  # the module is the user's own code: whatever it raises is theirs to mend
        raise HarnessError(
            f"{what} '{path}' cannot be imported: {type(error).__name__}: {str(error)[:200]}",
            allowed="a module that can be imported",
            next_step=f"try: python -c 'import {module_name}'",
        ) from error
    for name in attributes.split("."):
        if not hasattr(found, name):
            raise HarnessError(
                f"{what} '{path}' is not there: {module_name} has no '{attributes}'",
                allowed=listed(public for public in dir(found) if not public.startswith("_")),
                next_step=suggestion(name, dir(found), "correct the name"),
            )
        found = getattr(found, name)
    return found


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


@functools.cache
def _installed(group: str) -> Mapping[str, Any]:
    return {point.name: point for point in entry_points(group=group)}


def is_installed(group: str, name: str) -> bool:
    """Whether a package brings an entry point of that name; none of its code is run."""
    return name in _installed(group)


def find_plugin(
    group: str, name: str, built_in: Mapping[str, Any], *, what: str, hidden: Collection[str] = ()
) -> tuple[Any, str]:
    """A built-in or installed plugin, and the version of what provides it; a built-in name cannot be taken over.

    ``hidden`` names are entry points that go by another field, and are not offered.
    """
    if name in built_in:
        return built_in[name], ""
    if ":" in name:
        return import_object(name, what=what), ""
    point = None if name in hidden else _installed(group).get(name)
    if point is None:
        known = [*built_in, *(one for one in _installed(group) if one not in hidden)]
        raise HarnessError(
            f"there is no {what} '{name}'",
            allowed=listed(dict.fromkeys(known), most=40),
            next_step=suggestion(name, known, f"install the package that provides it under the entry point {group}"),
        )
    return import_object(point.value, what=what), point.dist.version if point.dist else ""
