import datetime
import subprocess
import sys

from projects import POLICY, write_project

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


def test_readers_import_no_heavy_package():
    code = (
        "import sys, harness.records, harness.errors\n"
        "assert 'pydantic' not in sys.modules\n"
        "import harness.files.evals, harness.jobs.check\n"
        "heavy = {'pydantic', 'datasets', 'jinja2', 're2', 'pandas', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
