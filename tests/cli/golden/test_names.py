"""Tables about a golden set call its categories as its policy does; files and JSON keep the ids."""

import json
import re

import pytest
from click.testing import CliRunner

from harness.cli import main

CATEGORIES = {"hate_x": "Attacks on groups", "bulk_y": "스팸 및 대량 발송"}
POLICY = "policy: p\nversion: {0}\ncategories:\n" + "".join(
    f"  {one}: {{{{name: {name}, definition: {one} {{0}}}}}}\n" for one, name in CATEGORIES.items()
)
CARD = """\
golden_set: g
version: {0}
policy: {{name: p, version: {0}}}
items: g_v{0}.jsonl
labels: [hate_x, bulk_y]
slices: {{language: meta.lang}}
"""
RULES = """\
rule_set: r
version: 1
rules:
  - {id: club, category: bulk_y, words: [club]}
  - {id: news, category: hate_x, words: [news], decision: allow}
"""


def rows(version):
    votes = [{"annotator": who, "labels": {"hate_x": at % 2}} for at, who in enumerate(("ann", "bob", "cid"))]
    return "".join(
        json.dumps({"id": f"i{at}", "text": f"club {at}" if at % 2 else f"news {at}", "meta": {"lang": "ko"},
                    "labels": {"hate_x": int(at % 3 >= version), "bulk_y": at % 2}, "votes": votes}) + "\n"
        for at in range(12)
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for version in (1, 2):
        (tmp_path / f"p{version}.yaml").write_text(POLICY.format(version))
        (tmp_path / f"g_v{version}.yaml").write_text(CARD.format(version))
        (tmp_path / f"g_v{version}.jsonl").write_text(rows(version))
    (tmp_path / "r.yaml").write_text(RULES)
    (tmp_path / "old.yaml").write_text(RULES.replace("club]", "clubs]"))
    (tmp_path / "foreign.csv").write_text("text,hate_x,bulk_y\none,1,0\ntwo,0,1\n")
    return tmp_path


@pytest.mark.parametrize("words", [
    ["stats", "g_v1.yaml", "--margin", "0.05"],
    ["agreement", "g_v1.yaml", "--annotators"],
    ["audit", "g_v1.yaml", "--all"],
    ["diff", "g_v1.yaml", "g_v2.yaml"],
    ["stale", "g_v1.yaml", "--new-policy", "p2.yaml"],
])  # fmt: skip
def test_golden_commands_name_categories(folder, words):
    """They showed the ids that stand in the files."""
    done = CliRunner().invoke(main, ["golden", *words])
    assert done.exit_code in (0, 1), done.output
    shown = " ".join(done.stdout.split())
    assert not re.search("hate_x|bulk_y", shown), shown
    assert "Attacks on" in shown
    as_json = CliRunner().invoke(main, ["golden", *words, "--json"]).stdout
    assert "hate_x" in as_json
    assert "Attacks" not in as_json


def test_rules_are_told_by_the_names_of_their_categories(folder):
    line = ["rules", "test", "r.yaml", "--golden", "g_v1.yaml", "--against", "old.yaml"]
    shown = CliRunner().invoke(main, line).stdout
    assert not re.search("hate_x|bulk_y", shown), shown
    assert "Attacks on groups (allows)" in shown
    assert "스팸 및 대량 발송, newly caught: 6" in shown


def test_a_set_without_a_policy_at_hand_shows_its_ids(folder):
    (folder / "p1.yaml").unlink()
    assert "hate_x" in CliRunner().invoke(main, ["golden", "stats", "g_v1.yaml"]).stdout


def test_what_an_import_shows_is_not_cut(folder):
    """Columns, what they become and categories were cut at 30 characters, without a word."""
    column = "is_this_private_information_of_other_persons"
    (folder / "long.csv").write_text(f"text,{column}\none text,1\nother text,0\n")
    done = CliRunner().invoke(main, ["golden", "import", "long.csv", "--yes", "--to", "new", "--new-policy"])
    assert done.exit_code == 0, done.output
    assert f"{column}   label: {column.removeprefix('is_')}" in done.stdout
    assert re.search(r"(?m)^This private information of other persons +1 +1$", done.stdout), done.stdout
