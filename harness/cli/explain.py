"""``harness explain``: a metric or a verdict in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import json_option, print_json
from harness.cli.screen import as_written

if TYPE_CHECKING:
    from harness.report.explain import Page


@click.command("explain")
@click.argument("topic", required=False)
@click.argument("name", required=False)
@json_option
def command(topic: str | None, name: str | None, as_json: bool) -> None:
    """Explain a metric, a verdict or a method in plain words.

    Without TOPIC: the list of topics. Formula and source stand underneath each page. The page "defaults" also shows
    what is in effect here, and where each value comes from; "formats" is the reference of every file's fields, and with
    NAME of one.

    \b
    Examples:
      harness explain
      harness explain gate
      harness explain average_precision
      harness explain formats
      harness explain formats eval
    """
    from harness.report.explain import page

    if name is not None and topic != "formats":
        raise click.UsageError("NAME goes with the topic formats alone.")
    if topic is None:
        _show_topics(as_json)
    elif topic == "formats":
        from harness.report.explain.formats import reference

        text = reference(name)
        _show(text, {"topic": topic, "name": name, "text": text}, as_json)
    elif (found := page(topic)).topic == "defaults":
        _show_defaults(found, as_json)
    else:
        _show(_titled(found), found.as_dict(), as_json)


def _show_topics(as_json: bool) -> None:
    from harness.report.explain import pages

    if as_json:
        print_json({"topics": [{"topic": one.topic, "summary": one.summary} for one in pages()]})
        return
    width = max(len(one.topic) for one in pages())
    for one in pages():
        click.echo(_topic(one.topic.ljust(width), one.summary))
    click.echo(_topic("formats".ljust(width), "Every field of every file: harness explain formats [NAME]"))
    click.echo("\nRead one with: harness explain TOPIC")


def _titled(found: Page) -> str:
    return f"{found.title}\n{'=' * len(found.title)}\n\n{found.body}"


def _show(text: str, document: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        _show_page(text)


def _show_page(text: str) -> None:
    """Prose folded anew; code and tables as they were written."""
    from harness.report.parts.screen import to_prose

    with as_written():
        click.echo(to_prose(text))


def _topic(name: str, summary: str) -> str:
    from harness.report.parts.screen import folded, screen_width

    wide = screen_width()
    head = f"{name}  "
    return head + summary if wide is None else "\n".join(folded(summary, wide, head, " " * len(head)))


def _show_defaults(found: Page, as_json: bool) -> None:
    """The page, and each default as it counts here."""
    from harness.cli.project import place, settings_here
    from harness.files.project import find_project
    from harness.report.parts.tables import Table, to_terminal

    find_project(place().start)  # what is declared wrongly is said here, not passed over
    rows = settings_here(place())
    if as_json:
        here = {name: {"value": value, "from": origin} for name, value, origin in rows}
        print_json({**found.as_dict(), "project": str(place().root), "in_effect": here})
        return
    _show_page(f"{_titled(found)}\n")
    columns = ("Default", "Value", "From")
    click.echo(to_terminal(Table("In effect here", columns, tuple((n, str(v), o) for n, v, o in rows))))
