import datetime
import subprocess
import sys

import pytest
from projects import POLICY, write_project

from harness.errors import FileError
from harness.files.policy import implied_parents, load_policy


def test_policy_keeps_order_and_values(tmp_path):
    loaded = load_policy(write_project(tmp_path) / "policy.yaml")
    policy = loaded.value
    assert policy.category_ids == ("hate", "hate/threatening", "spam")
    assert policy.category("hate").prevalence.date == datetime.date(2026, 10, 1)
    assert policy.category("spam").levels == ("none", "low", "high")
    assert policy.crosswalks["llama_guard_3"]["hate"] == ("S10",)
    assert len(loaded.sha256) == 64
    assert loaded.path == tmp_path / "policy.yaml"


def test_folded_definitions_have_no_line_break_at_the_end(tmp_path):
    text = POLICY.replace("definition: Attacks people", "definition: >\n      Attacks people")
    policy = load_policy(write_project(tmp_path, policy=text) / "policy.yaml").value
    assert policy.category("hate").definition == "Attacks people because of a protected attribute."


def test_ancestors_nearest_first(tmp_path):
    text = POLICY.replace(
        "  spam: {", "  hate/threatening/now: {name: N, definition: D, parent: hate/threatening}\n  spam: {"
    )
    policy = load_policy(write_project(tmp_path, policy=text) / "policy.yaml").value
    assert implied_parents(policy)["hate/threatening/now"] == ("hate/threatening", "hate")
    assert implied_parents(policy)["hate"] == ()


ODD_IDS = (
    "S1",
    "TVEC.01",
    "sexist/threats/1.1",
    "1.1",
    "1",
    "on",
    "No",
    "null",
    "1e5",
    "0x10",
    "2026-01-01",
    "A_b-c/D.e",
)


@pytest.mark.parametrize("name", ODD_IDS)
def test_an_id_is_kept_as_it_is_written(tmp_path, name):
    """YAML would make numbers, truth values and dates of some of them; capitals and dots were refused."""
    (tmp_path / "policy.yaml").write_text(f"policy: p\nversion: 1\ncategories:\n  {name}: {{name: N, definition: D}}\n")
    assert load_policy(tmp_path / "policy.yaml").value.category_ids == (name,)


@pytest.mark.parametrize(
    ("name", "proposed"),
    [
        ("hate speech", "hate_speech"),
        (".a", "a"),
        ("/a", "a"),
        ("-a", "a"),
        ("a:b", "a_b"),
        ("a\\b", "a_b"),
        ("a|b", "a_b"),
        ("S1!", "S1"),
        ("a" * 101, "a" * 100),
    ],
)
def test_an_id_that_is_none_is_refused_with_the_nearest(tmp_path, name, proposed):
    (tmp_path / "policy.yaml").write_text(f"policy: p\nversion: 1\ncategories:\n  {name}: {{name: N, definition: D}}\n")
    with pytest.raises(FileError, match="letters, digits") as refused:
        load_policy(tmp_path / "policy.yaml")
    assert str(refused.value).endswith(f"write '{proposed}'")


def test_an_id_in_another_script_is_told_where_its_word_belongs(tmp_path):
    """ "Write 'name'" was proposed for every id of Cyrillic letters, the same for all of them."""
    (tmp_path / "policy.yaml").write_text(
        "policy: p\nversion: 1\ncategories:\n  спам: {name: N, definition: D}\n", encoding="utf-8"
    )
    with pytest.raises(FileError, match=r"the word as its name, 'rename: \{спам: ID\}' in cards"):
        load_policy(tmp_path / "policy.yaml")


def test_readers_import_no_heavy_package():
    code = (
        "import sys, harness.records, harness.errors\n"
        "assert 'pydantic' not in sys.modules\n"
        "import harness.files.evals, harness.jobs.check\n"
        "heavy = {'pydantic', 'datasets', 'jinja2', 're2', 'pandas', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
