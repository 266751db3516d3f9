"""A search whose teacher, model, budget or destination fails: it ends at once, with the true cause, and in time."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

import harness as mh
from harness.errors import HarnessError
from harness.files.evals import load_eval
from harness.jobs.optimise import teacher as teachers
from harness.jobs.optimise.gepa import must_suffice
from harness.jobs.optimise.gepa import optimise as search
from harness.jobs.optimise.proposals import UnusableError, Writer, usable
from harness.jobs.optimise.teacher import teacher
from harness.jobs.optimise.written import check_destination, write_version
from tests.jobs.optimise_stub import BETTER, Models, completion, made, optimise, write_files

PAGE = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body><h1>502</h1></body></html>"
FAILS = [
    ((500, {"error": {"message": "CUDA out of memory"}}), "status 500", "CUDA out of memory"),
    ((502, PAGE.encode()), "status 502", "Bad Gateway"),
    ((400, {"error": {"message": "This model's context length is 4096 tokens"}}), "status 400", "4096 tokens"),
    ((401, {"error": {"message": "Incorrect API key"}}), "status 401", "Incorrect API key"),
    ((200, {"error": {"message": "no credits", "code": 402}}), "402", "no credits"),
    ((200, completion("")), "an empty answer", "max_tokens"),
    ((200, completion("```\nYou moder", "length")), "cut off at the token limit", "max_tokens"),
    ((200, completion("", "content_filter")), "content filter", "another model"),
    ((200, completion(PAGE)), "a web page ('502 Bad Gateway')", "base_url"),
]


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(teachers, "MOST_WAIT_S", 0.0)
    with Models() as one:
        yield one


@pytest.fixture
def folder(tmp_path, server, monkeypatch):
    write_files(tmp_path, server)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def gepa():
    pytest.importorskip("gepa", reason="the extra optimise is not installed")


@pytest.mark.parametrize(("fails", "what", "words"), FAILS)
def test_a_teacher_that_fails_is_told_with_its_own_words(folder, server, fails, what, words):
    """A 500 was called an empty answer; an HTML page was taken as a prompt."""
    server.fails = fails
    with made(folder) as objective:
        writer = Writer(teacher(objective, "teacher", {}))
        with pytest.raises(HarnessError) as caught:
            writer("Write better instructions.")
        assert what in str(caught.value)
        assert words in str(caught.value)
        assert (writer.failure is None) == isinstance(caught.value, UnusableError)


@pytest.mark.parametrize(("fails", "what", "words"), [FAILS[0], FAILS[6]])
def test_a_search_whose_teacher_fails_is_an_error(folder, server, fails, what, words):
    """It ended with 0, as if nothing better could be found."""
    gepa()
    server.fails = fails
    done = optimise(folder, "--teacher", "teacher", "--max-answers", "150")
    assert done.exit_code == 1, done.output
    assert what in done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.output
    n_asked = sum(one.body["model"] == "teacher" for one in server.seen)
    assert n_asked <= 4
    assert not list(Path("evals/prompts").glob("*_v2.md"))


def test_what_was_found_before_a_failure_is_kept(folder, server):
    gepa()

    def reflect(prompt):
        if "vermin-callers" in prompt:
            raise ConnectionError("the line is down, key sk-abcdefgh12345678")
        return f"```\n{BETTER.replace('hate: attacks people', 'hate: attacks vermin-callers')}\n```"

    server.says = lambda system, text: (
        "spam" if "buy" in text else "hate" if "hate: attacks" in system and text[-1] in "02468" else "ok"
    )
    with made(folder) as objective:
        found = search(objective, reflect, max_answers=300)
    assert found.is_better
    assert "ConnectionError: the line is down" in found.stopped
    assert "sk-abc" not in found.stopped


def test_a_function_that_raises_is_told_with_its_cause(folder):
    gepa()
    with made(folder) as objective, pytest.raises(HarnessError, match="ZeroDivisionError") as caught:
        search(objective, lambda prompt: 1 / 0, max_answers=150)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("words", "what"), [(None, "NoneType"), (["a"], "list"), (" \n", "empty"), (f"```\n{PAGE}\n```", "web page")]
)
def test_words_that_are_no_proposal(words, what):
    with pytest.raises(UnusableError, match=what):
        usable(words)
    assert usable("Mind <html> tags in posts.") == "Mind <html> tags in posts."


def test_too_few_answers_for_one_proposal_are_refused_before_any_is_asked(folder, server):
    """One answer judged the whole half of the dev part."""
    done = optimise(folder, "--teacher", "teacher", "--max-answers", "1", "--dry-run")
    assert done.exit_code == 1
    with made(folder) as objective:
        least = 2 * len(objective.val) + 8
        assert f"allowed: {least} or more answers" in done.stderr
        must_suffice(objective, least)
    assert not server.seen


def test_no_more_answers_are_judged_than_allowed(folder, server):
    gepa()
    server.says = lambda system, text: "hate" if "vermin" in text and "hate: attacks" in system else "ok"
    with made(folder) as objective:
        most = 2 * len(objective.val) + 12
        found = search(objective, teacher(objective, "teacher", {}), max_answers=most)
        assert found.n_asked <= most
        assert not found.stopped


def test_the_destination_is_looked_at_before_anything_is_asked(folder, server):
    """A file that was there already was found out after a paid search."""
    (folder / "there.md").write_text("x")
    wrong = {
        ("--write", "there.md"): "there.md: is there already",
        ("--write", "no/such/place.md"): "there is no such folder",
        ("--add", "v1"): "has a candidate 'v1'",
    }
    for arguments, words in wrong.items():
        done = optimise(folder, "--teacher", "teacher", *arguments)
        assert done.exit_code == 1
        assert words in done.stderr
    eval_path = folder / "evals" / "posts.yaml"
    eval_path.write_text(
        eval_path.read_text().replace(
            "candidates:\n  v1: {prompt: prompts/posts_v1.md, model: m}",
            "candidates: {v1: {prompt: prompts/posts_v1.md, model: m}}",
        )
    )
    with made(folder) as objective, pytest.raises(HarnessError, match="not edited here"):
        check_destination(objective, None, "v2")
    assert not server.seen
    assert load_eval(eval_path).eval.value.candidates.keys() == {"v1"}


def price(folder, usd=1000.0):
    path = folder / "evals" / "models.yaml"
    path.write_text(path.read_text().replace("}\n", f", price: {{input_per_mtok: {usd}, output_per_mtok: {usd}}}}}\n"))


def test_the_teachers_calls_count_under_the_bound(folder, server):
    price(folder)
    with made(folder, options={"max_cost_usd": 100.0}) as objective:
        teacher(objective, "teacher", {})("Write better.")
        assert objective.purse.spent().usd == pytest.approx(10 * 1000 / 1e6)
        objective.evaluate(objective.seed, objective.train[:2])
        assert objective.purse.spent().usd == pytest.approx(3 * 10 * 1000 / 1e6)
    with made(folder, options={"max_cost_usd": 1.0}) as objective:  # most of a call: 1,024 tokens and its body
        n_seen = len(server.seen)
        with pytest.raises(HarnessError, match="the budget is spent: a call of model 'teacher' may take up to"):
            teacher(objective, "teacher", {})("Write better.")
        assert objective.purse.is_spent
        assert len(server.seen) == n_seen


def test_a_budget_that_ends_a_search_ends_it_with_5(folder, server):
    gepa()
    price(folder, 1.0)
    done = optimise(folder, "--teacher", "teacher", "--max-answers", "150", "--max-cost", "0.003", "--json")
    assert done.exit_code == 5, done.output
    told = orjson.loads(done.stdout)
    assert "budget" in told["stopped"]
    assert 0 < told["cost_usd"] <= 0.003


def test_a_teacher_without_a_price_cannot_be_bounded(folder, server):
    path = folder / "evals" / "models.yaml"
    text = path.read_text().replace("model: m}", "model: m, price: {input_per_mtok: 1, output_per_mtok: 1}}")
    path.write_text(text)
    done = optimise(folder, "--teacher", "teacher", "--max-cost", "1", "--dry-run")
    assert done.exit_code == 1
    assert "no price is known for teacher" in done.stderr


def test_writing_nothing_new_names_what_failed_in_the_search(folder, server):
    server.fails = FAILS[0][0]
    with mh.objective("evals/posts.yaml", cache=folder / "cache.sqlite") as objective:
        with pytest.raises(HarnessError):
            objective.teacher("teacher")("Write better.")
        with pytest.raises(HarnessError, match=r"nothing better was found, since something failed.*status 500"):
            write_version(objective, objective.seed)
