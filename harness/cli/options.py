"""Options that several commands share, and how they find what they name."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

RUNS_DIR = "reports/runs"


def runs_dir_option(function: F) -> F:
    """``--runs-dir``: where runs are stored."""
    return click.option(
        "--runs-dir",
        default=RUNS_DIR,
        show_default=True,
        envvar="HARNESS_RUNS_DIR",
        help="Folder or fsspec URL that holds runs.",
    )(function)


def json_option(function: F) -> F:
    """``--json``: machine-readable result on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(function)


def text_option(function: F) -> F:
    """``--text``: how much of an item's text is shown."""
    return click.option(
        "--text",
        "text_mode",
        type=click.Choice(["masked", "full", "none"]),
        default="masked",
        show_default=True,
        help="How item text is shown.",
    )(function)


def run_argument(function: F) -> F:
    """``RUN``: a run's id, its folder, or ``latest``."""
    return click.argument("run_name", metavar="RUN")(function)


def eval_argument(function: F) -> F:
    """``EVAL``: an eval file."""
    return click.argument("eval_path", metavar="EVAL", type=click.Path(path_type=Path))(function)


def print_json(data: Any) -> None:
    """Write JSON with sorted keys off: the order is the contract's; NaN cannot occur."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def note(message: str) -> None:
    """Write progress or advice to stderr."""
    click.echo(message, err=True)


def is_interactive() -> bool:
    """Whether stderr is a terminal someone watches."""
    return sys.stderr.isatty()
