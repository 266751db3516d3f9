"""Every command works from any sub-folder: it goes to the project's folder, and takes the defaults declared there.

Decides how a path is meant that was typed in a sub-folder (from there, else from the project's folder) and which option
a declared default belongs to. Which folder is the project and what may be declared is decided by ``files.project``;
click itself puts a flag before the environment, that before the declared default, and that before the built-in one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakSet

import click
from click.core import ParameterSource

from harness.cli.options import note
from harness.cli.voice import verbosity, voice_options
from harness.environment import RUNS_DIR
from harness.errors import HarnessError
from harness.files.project import VARIABLE_OF, Project, declared_defaults, find_project
from harness.files.text import words

ELSEWHERE = frozenset({"init", "quickstart", "completion"})
"""Commands that belong to no project: they work where they are typed."""

NESTED: Mapping[str, Sequence[str]] = {
    "golden": words("import check stats audit agreement frames sample prevalence release export perturb diff stale"),
    "prompts": words("diff show ablate stability optimise"),
    "rules": words("test"),
    "runs": words("list show note merge"),
    "baseline": words("set show"),
    "weekly": words("ack"),
}
"""Commands that have commands of their own (a test holds it complete)."""

OPTIONS: Mapping[str, str] = {
    "runs_dir": "runs_dir",
    "cache": "cache_path",
    "text": "text_mode",
    "production": "production_path",
    "candidate": "candidate",
}
"""Setting -> the parameter it is the default of."""

PATH_NAMES = frozenset({"run_name", "runs_dir", "baseline_run_name", "eval_name", "only"})
"""Parameters that may be a path or something else: an id, a name, an address."""

_KEY = "harness.project"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command was typed, and the project it belongs to."""

    start: Path
    project: Project | None

    @property
    def root(self) -> Path:
        """The folder that the command works in."""
        return self.start if self.project is None else self.project.root


def enter(context: click.Context, command_name: str | None) -> None:
    """Go to the project's folder until the command has ended, and make its defaults those of every command.

    Raises:
        FileError: What the project declares is wrong.
    """
    start = Path.cwd()
    project = None
    try:
        project = None if command_name in ELSEWHERE else find_project(start)
    except HarnessError:
        if command_name != "explain":  # the page that says how to mend the file is not kept from who needs it
            raise
    context.meta[_KEY] = Place(start, project)
    if project is None:
        return
    if project.root != start:
        context.call_on_close(lambda: _go_back(start))
        os.chdir(project.root)
        if command_name is not None:
            note(f"Project: {project.root}")
    flat = {OPTIONS[name]: value for name, value in declared_defaults(project, os.environ).items()}
    if flat and command_name is not None:
        inner = dict.fromkeys(NESTED.get(command_name, ()), flat)
        context.default_map = {command_name: {**flat, **inner}}
    if verbosity() > 0 and command_name is not None:
        for name, value in declared_defaults(project, os.environ).items():
            note(f"Default: {name} = {value} ({project.source})")


def _go_back(start: Path) -> None:
    with suppress(OSError):  # the command may have removed it
        os.chdir(start)


def settings_here(where: Place) -> list[tuple[str, Any, str]]:
    """Setting, value and origin of every default as it counts where a command is typed."""
    from harness.report.parts.masking import default_text_mode
    from harness.runner import default_cache_path

    built_in = {
        "runs_dir": RUNS_DIR,
        "cache": str(default_cache_path()),
        "text": default_text_mode(os.environ),
        "production": "none",
        "candidate": "the eval's only candidate beside the baseline",
    }
    declared = declared_defaults(where.project, os.environ)
    source = None if where.project is None or where.project.source is None else where.project.source.name
    found: list[tuple[str, Any, str]] = []
    for name in OPTIONS:
        variable = VARIABLE_OF.get(name)
        from_environment = os.environ.get(variable) if variable else None
        if from_environment:
            found.append((name, from_environment, f"{variable} (environment)"))
        elif name in declared:
            found.append((name, declared[name], str(source)))
        else:
            found.append((name, built_in[name], "CI is set" if name == "text" and os.environ.get("CI") else "built in"))
    return found


def place() -> Place:
    """Where the running command was typed."""
    context = click.get_current_context(silent=True)
    found = None if context is None else context.meta.get(_KEY)
    return found if isinstance(found, Place) else Place(Path.cwd(), None)


_EQUIPPED: WeakSet[click.Command] = WeakSet()
"""Commands that have it already: a test may ask for one again."""


def equip(command: click.Command) -> click.Command:
    """Give a command what every command has: paths from where it is typed, ``-q``, ``-v``, completion of names."""
    from harness.cli.completion import completer_of

    if command in _EQUIPPED:
        return command
    _EQUIPPED.add(command)
    for parameter in command.params:
        if isinstance(parameter.type, click.Path) and not isinstance(parameter.type, _PathFrom):
            parameter.type = _PathFrom(parameter.type)
        elif parameter.name in PATH_NAMES and isinstance(parameter.type, click.types.StringParamType):
            parameter.type = _TextFrom()
        completer = completer_of(parameter)
        if completer is not None:
            parameter._custom_shell_complete = completer
    taken = {name for parameter in command.params for name in parameter.opts}
    for option in voice_options():
        if not taken.intersection(option.opts):
            option.hidden = True
            command.params.append(option)
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            equip(inner)
    return command


class _PathFrom(click.Path):
    """A path as it was typed, from the folder where it was typed."""

    def __init__(self, inner: click.Path) -> None:
        for name, value in vars(inner).items():
            setattr(self, name, value)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and _ADDRESS.match(value):  # Path would make a folder "s3:" of it
            if param is not None and param.name == "cache_path":
                from harness.runner.stored import journal_path  # of a journal on a store, the copy on this machine

                return journal_path(value)
            self.fail(f"'{value}' is an address, and this takes a path of this machine.", param, ctx)
        return super().convert(_from_root(value, param, ctx, is_new=True), param, ctx)


class _TextFrom(click.types.StringParamType):
    """A name, an address or a path; a path is taken from where it was typed."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        is_new = param is not None and param.name == "runs_dir"
        return super().convert(_from_root(value, param, ctx, is_new=is_new), param, ctx)


def _from_root(value: Any, param: click.Parameter | None, ctx: click.Context | None, *, is_new: bool) -> Any:
    """A relative path that a person typed, as it is written from the project's folder."""
    if ctx is None or param is None or param.name is None or not isinstance(value, str | os.PathLike):
        return value
    where = ctx.meta.get(_KEY)
    text = os.fspath(value)
    if param.name == "only":  # a choice of items: ``@FILE`` alone is a path
        return f"@{_typed(text[1:], where)}" if text[:1] == "@" and isinstance(where, Place) else text
    if param.name == "eval_path" and isinstance(where, Place) and isinstance(text, str):
        found = _eval_file(text, where)
        if found != text:
            return found
    if not isinstance(where, Place) or where.root == where.start or not isinstance(text, str):
        return value
    source = ctx.get_parameter_source(param.name)
    if source not in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT) or text in ("", "-"):
        return value
    if "://" in text or os.path.isabs(text):
        return value
    try:
        if (where.start / text).exists():
            return os.path.relpath(where.start / text, where.root)
        is_kept = not is_new or source is ParameterSource.ENVIRONMENT
        if is_kept or (where.root / text).exists():
            return value
    except (OSError, ValueError):
        return value
    return os.path.relpath(where.start / text, where.root)


def _typed(text: str, where: Place) -> str:
    """A file to be read: from where it was typed, else from the project's folder."""
    with suppress(OSError, ValueError):
        if where.root != where.start and (where.start / text).exists():
            return os.path.relpath(where.start / text, where.root)
    return text


def _eval_file(text: str, where: Place) -> str:
    """An eval by its file's name alone, with or without the ending: it is looked for in the project's ``evals/``."""
    with suppress(OSError, ValueError):
        if "/" in text or not text or (where.start / text).exists() or (where.root / text).exists():
            return text
        name = text if text.endswith((".yaml", ".yml")) else f"{text}.yaml"
        if (where.root / "evals" / name).is_file() or (where.project and (where.root / "evals").is_dir()):
            return os.path.join("evals", name)
    return text
