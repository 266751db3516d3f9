"""The questions on a terminal: Enter accepts each guess, an answer replaces it."""

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.cli.golden import imports


@pytest.fixture
def asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(text, answers, *options):
        (tmp_path / "a.csv").write_text(text)
        monkeypatch.setattr(imports, "is_terminal", lambda: True)
        return CliRunner().invoke(main, ["golden", "import", "a.csv", *options], input=answers)

    return run


TEXT = "nr,comment,hateful?,lang\n1,one thing,yes,de\n2,two things,no,de\n3,three things,meh,en\n4,four things,no,en\n"


def test_enter_accepts_every_guess_and_asks_what_is_not_plain(asked, tmp_path):
    result = asked(TEXT, "\n\n\n\n\n0\n\n\n\n")
    assert result.exit_code == 0, result.output
    assert "What does 'meh' in 'hateful?' mean" in result.output
    items = (tmp_path / "golden_sets" / "a_v1.jsonl").read_text().splitlines()
    assert len(items) == 4
    assert '"hateful":0' in items[2]


def test_an_answer_replaces_the_guess_and_a_wrong_one_is_asked_again(asked, tmp_path):
    result = asked(TEXT, "comments\ncomment\nrow\nhateful?=hate\n\n\nnull\n-\n\n")
    assert result.exit_code == 0, result.output
    assert "did you mean 'comment'?" in result.output
    item = (tmp_path / "golden_sets" / "a_v1.jsonl").read_text().splitlines()[2]
    assert '"labels":{"hate":null}' in item


def test_no_at_the_end_writes_nothing(asked, tmp_path):
    result = asked(TEXT, "\n\n\n\n\n0\n\nn\n")
    assert result.exit_code == 0, result.output
    assert "Nothing was written." in result.output
    assert not (tmp_path / "golden_sets").exists()


def test_an_answer_that_ends_early_writes_nothing(asked, tmp_path):
    result = asked(TEXT, "\n")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert not (tmp_path / "golden_sets").exists()
