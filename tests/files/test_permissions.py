"""Copies are no more readable than what they were made from."""

import os
import stat

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.cli.init import write_team_folder
from harness.files.permissions import no_more_readable_than


@pytest.fixture(autouse=True)
def usual_umask():
    """What is private must be so by this project, not by the umask of whoever runs the tests."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def others_may(path):
    return stat.S_IMODE(path.stat().st_mode) & 0o077


@pytest.mark.parametrize(("mode", "left"), [(0o600, 0), (0o640, 0o040), (0o644, 0o044)])
def test_new_files_take_the_mode_of_their_source(tmp_path, mode, left):
    source = tmp_path / "source"
    source.write_text("x")
    source.chmod(mode)
    with no_more_readable_than(source, None, tmp_path / "missing"):
        (tmp_path / "copy").write_text("x")
    (tmp_path / "after").write_text("x")
    assert others_may(tmp_path / "copy") == left
    assert others_may(tmp_path / "after") != 0


def test_what_commands_make_of_a_private_set_stays_private(tmp_path, monkeypatch):
    """Runs, baselines and unfolded tables of a 0600 set were readable for everybody."""
    write_team_folder(tmp_path / "team")
    tmp_path = tmp_path / "team"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache" / "journal.sqlite"))
    for path in (tmp_path / "golden_sets").iterdir():
        path.chmod(0o600)
    before = set(tmp_path.rglob("*"))
    for line in (
        "run evals/team.yaml --candidate rules --candidate rules_v2",
        "baseline set latest --candidate rules --reason because",
        "golden audit golden_sets/team_v1.yaml --run latest --all --no-text-models --out audit.csv",
        "golden audit golden_sets/team_v1.yaml --run latest --all --no-text-models --out audit.xlsx",
    ):
        done = CliRunner().invoke(main, line.split(), catch_exceptions=False)
        assert done.exit_code == 0, done.output
    made = [path for path in set(tmp_path.rglob("*")) - before if path.is_file() and path.suffix != ".log"]
    assert {"predictions.parquet", "items.parquet", "audit.csv", "audit.xlsx"} <= {path.name for path in made}
    assert [str(path) for path in made if others_may(path)] == []


def test_an_unfolded_table_is_as_private_as_its_file(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from harness.files.golden.sets import load_golden

    pq.write_table(pa.table({"id": ["a", "b"], "text": ["x", "y"], "hate": [1, 0]}), tmp_path / "t.parquet")
    (tmp_path / "t.yaml").write_text(
        "golden_set: t\nversion: 1\npolicy: {name: p, version: 1}\nitems: t.parquet\nlabels: [hate]\n"
        "fields: {labels: .}\nsource: x\nlicence: x\n"
    )
    (tmp_path / "t.parquet").chmod(0o600)
    load_golden(tmp_path / "t.yaml", None, cache_dir=tmp_path / "cache")
    made = list((tmp_path / "cache").rglob("*.arrow"))
    assert made
    assert [path for path in made if others_may(path)] == []
