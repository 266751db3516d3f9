"""The group of golden-set commands: its table, near misses, and the check of the shipped set."""

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.cli.golden import COMMANDS, command
from tests.projects import CARD, ITEMS, POLICY


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_table_repeats_each_subcommand_s_own_help(name):
    found = command.get_command(click.Context(command), name)
    assert found.name == name
    assert (found.help or "").strip().splitlines()[0] == COMMANDS[name][1]


def test_a_mistyped_subcommand_names_the_nearest():
    result = CliRunner().invoke(main, ["golden", "chek"])
    assert result.exit_code == 2
    assert "Did you mean 'check'?" in result.output


def test_check_finds_the_policy_of_a_card_in_the_folders_around_it(tmp_path):
    (tmp_path / "golden_sets").mkdir()
    (tmp_path / "evals" / "policies").mkdir(parents=True)
    card = tmp_path / "golden_sets" / "c.yaml"
    card.write_text(CARD)
    (tmp_path / "golden_sets" / "items.jsonl").write_text(
        ITEMS.replace('"hate/threatening": 1', '"hate": 0, "hate/threatening": 1')
    )
    (tmp_path / "evals" / "policies" / "p.yaml").write_text(POLICY)
    result = CliRunner().invoke(main, ["golden", "check", str(card), "--json"])
    assert result.exit_code == 1
    assert "has 'hate/threatening' 1 and its parent 'hate' 0" in result.output


def test_check_prints_json(tmp_path):
    card = tmp_path / "c.yaml"
    card.write_text(CARD)
    (tmp_path / "items.jsonl").write_text(ITEMS)
    result = CliRunner().invoke(main, ["golden", "check", str(card), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["items"] == 3
