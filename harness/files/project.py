"""The project a folder belongs to, and the defaults it declares.

Decides where a project begins (the nearest folder upwards with ``evals/`` beside ``golden_sets/``, or a declaration)
and which defaults may be declared: in ``harness.toml``, else in ``[tool.harness]`` of ``pyproject.toml``. What an
environment variable says goes before them, and what a flag or an argument says before that. Where CI is set, no
declared default shows more of a text than a log may hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.environment import CACHE_VARIABLE, RUNS_DIR_VARIABLE, TEXT_VARIABLE
from harness.errors import FileError
from harness.files.text import joined, quoted, read_text, suggestion

OWN_FILE = "harness.toml"
SHARED_FILE = "pyproject.toml"
FOLDERS = ("evals", "golden_sets")
TEXTS = ("masked", "full", "none")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


@dataclass(frozen=True, slots=True)
class Setting:
    """One default that a project may declare: which values it has, in words, and what it decides."""

    is_right: Callable[[Any], bool]
    allowed: str
    about: str


SETTINGS: Mapping[str, Setting] = {
    "runs_dir": Setting(_is_text, "a folder or an fsspec address, in quotes", "folder or address that holds runs"),
    "cache": Setting(_is_text, "the path of a file or an address, in quotes", "journal of answers"),
    "text": Setting(lambda value: value in TEXTS, f"one of {', '.join(TEXTS)}", "how item text is shown"),
    "production": Setting(_is_text, "the path of a file, in quotes", "series of production figures that weekly reads"),
    "candidate": Setting(_is_text, "the name of one candidate, in quotes", "the candidate that is judged"),
}


@dataclass(frozen=True, slots=True)
class Project:
    """A project's folder and its declared defaults.

    Attributes:
        defaults: Setting -> value as it was declared.
        source: The file that declares them; None where none does.
    """

    root: Path
    defaults: Mapping[str, Any] = field(default_factory=dict)
    source: Path | None = None


VARIABLE_OF: Mapping[str, str] = {"runs_dir": RUNS_DIR_VARIABLE, "cache": CACHE_VARIABLE, "text": TEXT_VARIABLE}
"""Setting -> the environment variable that goes before it."""


def declared_defaults(project: Project | None, environment: Mapping[str, str]) -> dict[str, Any]:
    """The declared defaults that count here."""
    found = dict(project.defaults) if project is not None else {}
    if environment.get("CI") and found.get("text") != "none":
        found.pop("text", None)
    return found


def defaults_in_effect(project: Project | None, environment: Mapping[str, str]) -> dict[str, Any]:
    """Declared defaults with what the environment says before them.

    >>> defaults_in_effect(Project(Path(), {"text": "full", "cache": "c.sqlite"}), {"CI": "1", "HARNESS_CACHE": "d"})
    {'cache': 'd'}
    """
    said = {name: environment[variable] for name, variable in VARIABLE_OF.items() if environment.get(variable)}
    return declared_defaults(project, environment) | said


def find_project(start: Path) -> Project | None:
    """The project that a folder belongs to: the nearest one, from the folder itself upwards; None for none.

    Raises:
        FileError: What it declares cannot be read, or holds something unknown.
    """
    for folder in (start, *start.parents):
        own, shared = folder / OWN_FILE, folder / SHARED_FILE
        if own.is_file():
            return Project(folder, _checked(own, _tables(own)), own)
        declared = _declared(shared) if shared.is_file() else None
        if declared is not None:
            return Project(folder, _checked(shared, declared), shared)
        if all((folder / name).is_dir() for name in FOLDERS):
            return Project(folder)
    return None


def _tables(path: Path) -> dict[str, Any]:
    import tomllib  # most folders declare nothing

    text = read_text(path, what="file of defaults").text if path.stat().st_size else ""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileError(str(path), f"is not TOML: {error}", allowed="name = value lines") from None


def _declared(path: Path) -> dict[str, Any] | None:
    """``[tool.harness]``; None where a pyproject.toml has none, or is nobody's business here."""
    try:
        if b"tool" not in (content := path.read_bytes()) or b"harness" not in content:
            return None
    except OSError:
        return None
    tool = _tables(path).get("tool")
    found = tool.get("harness") if isinstance(tool, dict) else None
    if found is not None and not isinstance(found, dict):
        raise FileError(
            str(path), f"is {quoted(found)}", field="tool.harness", allowed="a table", next_step="write [tool.harness]"
        )
    return found


def _checked(path: Path, found: Mapping[str, Any]) -> dict[str, Any]:
    prefix = "tool.harness." if path.name == SHARED_FILE else ""
    for name, value in found.items():
        setting = SETTINGS.get(name)
        if setting is None:
            hint = suggestion(name, SETTINGS, "remove it")
            raise FileError(
                str(path), "is not a known default", field=prefix + name, allowed=joined(SETTINGS), next_step=hint
            )
        if not setting.is_right(value):
            raise FileError(
                str(path), f"is {quoted(value)}", field=prefix + name, allowed=setting.allowed, next_step="correct it"
            )
    return dict(found)
