"""The references of commands and of file formats, the table of faults and the kept help, generated.

``python -m tests.command_reference`` writes them all.

``--check`` writes nothing and fails where one is behind. It needs a process of its own: click keeps the help
option of a command as its first caller wanted it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

ROOT = Path(__file__).parent.parent
COMMANDS, FORMATS = ROOT / "docs" / "COMMANDS.md", ROOT / "docs" / "FORMATS.md"
HEAD = """# Commands

Written by `make docs` from the help of every command; `harness COMMAND --help` prints the same.

"""
WIDTH = 100
SETTINGS = {"max_content_width": WIDTH, "terminal_width": WIDTH, "help_option_names": ["-h", "--help"]}


def reference() -> str:
    """Help of every command, in the order of ``harness --help``."""
    from harness.cli import main

    parts: list[str] = []
    _describe(main, click.Context(main, info_name="harness", **SETTINGS), parts)
    return "\n".join(parts)


def kept_help(columns: int) -> str:
    """What ``harness --help`` prints in a terminal of so many columns."""
    from harness.cli import main

    settings = SETTINGS | {"terminal_width": columns - 2}  # click leaves two free
    return click.Context(main, info_name="harness", **settings).get_help() + "\n"


def _describe(command: click.Command, context: click.Context, parts: list[str]) -> None:
    if context.parent is not None and not isinstance(command, click.Group):
        parts.append(f"## {context.command_path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            _describe(
                inner,
                click.Context(inner, info_name=name, parent=context, **SETTINGS),
                parts,
            )


def generated() -> dict[Path, str]:
    """Every generated document, as it should be."""
    from harness.__main__ import HELP_COLUMNS, help_file
    from harness.report.explain.formats import document
    from tests.faults import table

    helps = {Path(help_file(columns)): kept_help(columns) for columns in HELP_COLUMNS}
    return helps | {COMMANDS: HEAD + reference(), FORMATS: document(), table.PAGE: table.page()}


if __name__ == "__main__":
    for path, wanted in generated().items():
        if "--check" not in sys.argv:
            path.write_text(wanted, encoding="utf-8")
        elif not path.is_file() or wanted != path.read_text(encoding="utf-8"):
            sys.exit(f"{path.name} is not up to date: make docs")
