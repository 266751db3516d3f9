"""A part of the items, chosen by what they are or by how a run decided them."""

import dataclasses
import json

import pytest
from click.testing import CliRunner
from projects import CARD, EVAL, ITEMS, write_project

from harness.cli import main
from harness.errors import HarnessError
from harness.files.evals import load_eval
from harness.jobs.only import chosen_positions, narrowed, pool_of_golden, pool_of_run
from harness.jobs.run import RunOptions, execute, prepare_run
from harness.measure.score import score_run
from harness.runs import open_run

ROWS = (
    ITEMS
    + """\
{"id": "c-4", "text": "big casino", "labels": {"hate": 0, "hate/threatening": 0, "spam": 1}, "meta": {"lang": "ar"}}
{"id": "c,5", "text": "casino talk", "labels": {"hate": 0, "hate/threatening": 0, "spam": 0}, "meta": {"lang": "ar"}}
"""
)
DECISIONS = "".join(
    json.dumps({"id": name, "decisions": decided}) + "\n"
    for name, decided in {"c-1": {"hate": 1}, "c-3": {"hate": 1}, "c-4": {"spam": 1}, "c,5": {"spam": 0}}.items()
)
TWO = EVAL.replace("slices:", "baseline: rules\nslices:")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("only")
    folder = write_project(tmp_path / "p", eval=TWO, items=ROWS, decisions=DECISIONS, card=CARD)
    options = RunOptions(tmp_path / "runs", tmp_path / "cache.sqlite", ("rules", "humans"))
    summary = execute(prepare_run(folder / "eval.yaml", options, {}))
    return folder, options, open_run(summary.run_id, tmp_path / "runs")


CHOICES = [
    (["hate"], "c-1 c-2"),  # a child's 1 implies its parent's
    (["category=hate"], "c-1 c-2"),
    (["hate,spam"], "c-1 c-2 c-4"),
    (["threats"], "c-2"),  # the policy's name, which tables show
    (["category=THREATS,Spam"], "c-2 c-4"),
    (["language=ar"], "c-4 c,5"),
    (["language=ar,de"], "c-3 c-4 c,5"),
    (["language=ar", "spam"], "c-4"),
    (["c-1"], "c-1"),
    (["c-1,c-3"], "c-1 c-3"),
    (["id=c-1,c-3"], "c-1 c-3"),
    (["c,5"], "c,5"),
    (["failed:latest:rules"], "c-1 c,5"),
    (["failed:latest:humans"], "c-3"),
    (["failed:latest"], "c-1 c-3 c,5"),
    (["disagree:latest"], "c-1 c-3 c,5"),
    (["disagree:latest:rules:humans"], "c-1 c-3 c,5"),
    (["disagree:latest", "language=ar"], "c,5"),
    (["c-4,failed:latest:humans"], "c-3 c-4"),
]


@pytest.mark.parametrize(("choices", "expected"), CHOICES, ids=[" ".join(one) for one, _ in CHOICES])
def test_a_choice_means_the_same_of_a_golden_set_and_of_a_run(ran, choices, expected):
    folder, options, run = ran
    loaded = load_eval(folder / "eval.yaml")
    for pool in (pool_of_golden(loaded.golden, policy=loaded.policy.value), pool_of_run(run)):
        found = chosen_positions(choices, pool, options.runs_dir)
        assert " ".join(pool.ids[at] for at in found) == expected


REFUSED = [
    ("", "--only is empty"),
    (",", "--only is empty"),
    ("haet", "no category and no item 'haet'"),
    ("haet", "did you mean 'hate'?"),
    ("lang=ar", "does not have the slice 'lang'"),
    ("language=xx", "does not have the language 'xx'"),
    ("category=hte", "does not have the category 'hte'"),
    ("id=c-9", "does not have the id 'c-9'"),
    ("failed:", "--only failed: names no run"),
    ("failed:nope", "no run 'nope'"),
    ("failed:latest:ruls", "did you mean 'rules'?"),
    ("failed:latest:rules:x", "no candidate 'x'"),
    ("disagree:latest:rules", "one agrees with itself"),
    ("errors:latest", "leaves no item"),
    ("@/nowhere", "is not there"),
    ("@", "is a folder"),
    ("=", "does not have the slice ''"),
    (":", "no category and no item ':'"),
    ("failed:eval.yaml", "is a file of an eval"),
    ("\x00", "no category and no item"),
]


@pytest.mark.parametrize(("choice", "found"), REFUSED)
def test_what_means_nothing_is_one_message(ran, choice, found):
    _, options, run = ran
    with pytest.raises(HarnessError) as error:
        chosen_positions([choice], pool_of_run(run), options.runs_dir)
    assert found in str(error.value)


def test_a_name_that_two_categories_have_names_both(ran):
    _, options, run = ran
    pool = dataclasses.replace(pool_of_run(run), names={"hate": "Abuse", "spam": "abuse", "hate/threatening": "spam"})
    with pytest.raises(HarnessError, match="2 categories are called 'ABUSE'") as error:
        chosen_positions(["ABUSE"], pool, options.runs_dir)
    assert error.value.allowed == "hate, spam"
    assert chosen_positions(["spam"], pool, options.runs_dir) == [3]  # an id is first
    pool = dataclasses.replace(pool, names={"hate": "Abuse, hate", "spam": "Abuse, spam", "hate/threatening": "T"})
    assert chosen_positions(["abuse, spam"], pool, options.runs_dir) == [3]  # a comma is part of the name


def test_a_file_of_ids_may_hold_blank_lines_and_comments(ran, tmp_path):
    _, options, run = ran
    path = tmp_path / "ids.txt"
    path.write_text("\ufeff# mine\nc-1\r\n\n c-3 \n", encoding="utf-8")
    assert chosen_positions([f"@{path}"], pool_of_run(run), options.runs_dir) == [0, 2]
    path.write_text("c-1\nc-77\n")
    with pytest.raises(HarnessError, match="1 of 2 ids are not in run"):
        chosen_positions([f"@{path}"], pool_of_run(run), options.runs_dir)
    path.write_text("# none\n")
    with pytest.raises(HarnessError, match="has no id"):
        chosen_positions([f"@{path}"], pool_of_run(run), options.runs_dir)


def test_a_run_asks_the_chosen_items_and_says_so(ran):
    folder, options, run = ran
    chosen = RunOptions(options.runs_dir, options.cache_path, ("rules",), only=("language=ar",))
    summary = execute(prepare_run(folder / "eval.yaml", chosen, {}))
    found = open_run(summary.run_id, options.runs_dir)
    assert found.item_ids == ["c-4", "c,5"]
    assert found.meta.only == ("language=ar",)
    assert found.meta.is_sample  # which weekly reports leave out
    assert summary.run_id != run.meta.run_id
    sampled = RunOptions(options.runs_dir, options.cache_path, ("rules",), limit=1, only=("language=ar",))
    one = execute(prepare_run(folder / "eval.yaml", sampled, {}))
    assert set(open_run(one.run_id, options.runs_dir).item_ids) < {"c-4", "c,5"}


def test_scores_of_chosen_items_are_those_of_a_run_of_them(ran):
    folder, options, run = ran
    part = narrowed(run, ["language=ar"], options.runs_dir)
    chosen = RunOptions(options.runs_dir, options.cache_path, ("rules", "humans"), only=("language=ar",))
    summary = execute(prepare_run(folder / "eval.yaml", chosen, {}))
    alone = open_run(summary.run_id, options.runs_dir)
    first, second = (score_run(one, with_slices=True).as_dict()["candidates"]["rules"] for one in (part, alone))
    for name in ("categories", "macro", "outcomes", "slices"):
        assert first[name] == second[name]


def test_commands_say_what_their_numbers_speak_of(ran, tmp_path):
    _, options, run = ran
    said = []
    for command in (("score", "latest"), ("compare", run.meta.run_id, "--baseline", "rules", "--candidate", "humans")):
        arguments = [*command, "--only", "spam", "--runs-dir", str(options.runs_dir)]
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.stderr
        said.append(result.stderr)
    assert all("chosen by --only spam: the numbers speak of these items" in one for one in said)


def test_an_early_stop_is_not_about_chosen_items(ran):
    result = CliRunner().invoke(main, ["run", "x.yaml", "--early-stop", "--only", "spam"])
    assert result.exit_code == 2
    assert "leave --only out" in result.stderr
