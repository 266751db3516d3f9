"""``harness explain``: a metric or a verdict in plain words."""

from __future__ import annotations

import click

from harness.cli.options import json_option, print_json


@click.command("explain")
@click.argument("topic", required=False)
@json_option
def command(topic: str | None, as_json: bool) -> None:
    """Explain a metric, a verdict or a method in plain words.

    Without TOPIC: the list of topics. Formula and source stand underneath each page.

    \b
    Examples:
      harness explain
      harness explain gate
      harness explain average_precision
    """
    from harness.report.explain import page, pages

    if topic is not None:
        found = page(topic)
        if as_json:
            print_json(found.as_dict())
            return
        click.echo(f"{found.title}\n{'=' * len(found.title)}\n\n{found.body}")
        return
    if as_json:
        print_json({"topics": [{"topic": one.topic, "summary": one.summary} for one in pages()]})
        return
    width = max(len(one.topic) for one in pages())
    for one in pages():
        click.echo(f"{one.topic.ljust(width)}  {one.summary}")
    click.echo("\nRead one with: harness explain TOPIC")
