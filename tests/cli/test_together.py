"""Options that do not go together are refused by what was typed, not by what it comes to."""

import click
import pytest
from click.testing import CliRunner

from harness.cli.together import refuse_alone, refuse_clashes


@click.command()
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local")
@click.option("--shards", type=int)
@click.option("--part", type=float, default=0.5)
@click.option("--views")
@click.option("--watch", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
def command(**_said):
    refuse_alone(("--shards", "--engine ray", "--shards goes with --engine ray."), ("--part", "--views"))
    refuse_clashes(("--watch", ("--engine ray", "--json"), "leave {} out."))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", ""),
        ("--engine ray --shards 0 --json", ""),
        ("--shards 0", "--shards goes with --engine ray."),
        ("--engine local --shards 3", "--shards goes with --engine ray."),
        ("--part 0.5", "--part is for --views."),
        ("--part 0.5 --views n --watch --engine local", ""),
        ("--watch --json", "leave --json out."),
        ("--json --watch --engine ray", "leave --engine ray out."),
    ],
)
def test_options_that_do_not_go_together_are_refused(typed, said):
    done = CliRunner().invoke(command, typed.split())
    assert (done.exit_code, said in done.output) == (2 if said else 0, True), done.output
