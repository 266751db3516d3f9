"""``harness completion``: the script that lets a shell complete commands, options, evals, runs and candidates.

The script is click's own; what stands here is which names there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from harness.cli.screen import as_written

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_HARNESS_COMPLETE"
INSTALL = {
    "bash": 'eval "$(harness completion bash)"      # in ~/.bashrc',
    "zsh": 'eval "$(harness completion zsh)"       # in ~/.zshrc',
    "fish": "harness completion fish > ~/.config/fish/completions/harness.fish",
}
MOST = 200

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the script by which a shell completes commands, options, evals and runs.

    \b
    Examples:
      eval "$(harness completion bash)"                 # in ~/.bashrc
      eval "$(harness completion zsh)"                  # in ~/.zshrc
      harness completion fish > ~/.config/fish/completions/harness.fish
    """
    from harness.cli import main

    found = get_completion_class(shell)
    assert found is not None
    with as_written():
        click.echo(found(main, {}, "harness", VARIABLE).source())


def completer_of(parameter: click.Parameter) -> Completer | None:
    """What completes a parameter's value, by its name; None for what click completes by itself."""
    return _COMPLETERS.get(parameter.name or "")


def _evals(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Eval files below the typed folder, else those of the project."""
    from harness.files.project import find_project

    typed, sep, begin = incomplete.rpartition("/")
    folders = [Path(typed)] if sep else [Path(), Path("evals")]
    project = find_project(Path.cwd())
    if project is not None and not sep:
        folders.append(Path(os.path.relpath(project.root / "evals")))
    found: dict[str, None] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yaml"))[:MOST]:
            if path.name.startswith(begin) and _begins(path, b"eval:"):
                found[str(path)] = None
        if sep:
            found.update({f"{one}/": None for one in sorted(folder.iterdir()) if one.is_dir() and one.name[:1] != "."})
    return _items(found, incomplete if sep else "")


def _runs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of stored runs, the newest first, and the names of the last ones."""
    return _items(["latest", "latest~1", *(one.name for one in _run_folders(context))], incomplete)


def _eval_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the evals that were run: run ids without their hash."""
    return _items(dict.fromkeys(one.name.rsplit("-", 1)[0] for one in _run_folders(context)), incomplete)


def _candidates(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Candidates of the eval or of the run on the line."""
    from harness.cli.options import find_run
    from harness.files.project import find_project
    from harness.files.yaml import read_yaml

    words = [word for word in context.args if not word.startswith("-")]  # click leaves them here before an open option
    first = context.params.get("eval_path") or context.params.get("run_name") or (words[0] if words else None)
    if first is None:
        return []
    named = str(first)
    names: Iterable[str]
    if any(one.name == "eval_path" for one in context.command.params):
        path = Path(named)
        if not path.is_file():
            project = find_project(Path.cwd())
            path = (project.root if project else Path()) / "evals" / f"{named.removesuffix('.yaml')}.yaml"
        names = read_yaml(path, what="eval").data.get("candidates", {})
    else:
        names = find_run(_runs_dir(context), named).candidates
    return _items(names, incomplete)


def _runs_dir(context: click.Context) -> str:
    from harness.environment import RUNS_DIR
    from harness.files.project import defaults_in_effect, find_project

    project, given = find_project(Path.cwd()), context.params.get("runs_dir")
    default = str(defaults_in_effect(project, os.environ).get("runs_dir") or RUNS_DIR)
    if "://" in default:
        return default
    root = Path() if project is None else project.root
    return str(given) if given and given != RUNS_DIR else str(root / default)


def _run_folders(context: click.Context) -> list[Path]:
    folder = Path(_runs_dir(context))
    found = [one for one in folder.iterdir() if one.is_dir() and one.name[:1] != "."] if folder.is_dir() else []
    return sorted(found, key=lambda one: one.stat().st_mtime, reverse=True)[:MOST]


def _begins(path: Path, key: bytes) -> bool:
    try:
        return any(line.startswith(key) for line in path.read_bytes()[:65536].splitlines())
    except OSError:
        return False


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _safely(completer: Completer) -> Completer:
    """Completion never fails aloud: what cannot be read completes to nothing."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            return completer(context, parameter, incomplete)
        except Exception:  # a message would be typed into the person's own line
            return []

    return complete


_COMPLETERS: dict[str, Completer] = {
    name: _safely(one)
    for name, one in {
        "eval_path": _evals,
        "run_name": _runs,
        "baseline_run_name": _runs,
        "eval_name": _eval_names,
        "candidate": _candidates,
        "candidates": _candidates,
        "baseline": _candidates,
    }.items()
}
