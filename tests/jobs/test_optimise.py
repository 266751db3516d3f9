"""The door for optimisers, against a model that answers rightly only once its prompt says a certain thing."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest

import harness as mh
from harness.errors import HarnessError
from harness.files.evals import load_eval
from harness.files.policy import load_policy
from harness.files.prompts import load_prompt
from harness.jobs.optimise.feedback import feedback
from harness.jobs.optimise.texts import changeable, fault, with_texts
from harness.runs.split import is_dev
from tests.jobs.optimise_stub import BETTER, ITEMS, POLICY, Models, made, optimise, write_files
from tests.test_how_to import SHELL, blocks, commands, is_as_told


@pytest.fixture
def server():
    with Models() as one:
        yield one


@pytest.fixture
def folder(tmp_path, server, monkeypatch):
    write_files(tmp_path, server)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def objective(folder):
    with made(folder) as one:
        yield one


def parts(objective):
    """Ids of the dev and of the gate part, found here anew."""
    ids = [item_id for item_id, _, _ in ITEMS]
    flags = is_dev(ids, [None] * len(ids), objective.loaded.eval.value.split)
    dev = {one for one, flag in zip(ids, flags, strict=True) if flag}
    return dev, set(ids) - dev


def texts_seen(server):
    return "\n".join(word for asked in server.seen for word in map(str, asked.texts)) + "\n"


def gate_texts(objective):
    _, gate = parts(objective)
    return [text for item_id, text, _ in ITEMS if item_id in gate]


def holds(words, text):
    """Whether a text stands there as a whole: 'vermin 1' is no part of 'vermin 12'."""
    return any(f"{text}{end}" in words for end in ("\n", '"', "'", "\\n"))


def test_objective_is_the_mean_worth_over_the_dev_part(objective, server):
    dev, _ = parts(objective)
    assert {*objective.train, *objective.val} == dev
    assert not set(objective.train) & set(objective.val)
    assert list(objective.seed) == ["system"]
    before = objective(objective.seed)
    assert before == pytest.approx(sum(not one.startswith("h") for one in dev) / len(dev))
    assert objective(BETTER) == 1.0
    n_asked = len(server.seen)
    assert objective(BETTER, objective.train) == 1.0
    assert len(server.seen) == n_asked


def test_objective_refuses_an_item_of_the_gate_part(objective, server):
    _, gate = parts(objective)
    hidden = sorted(gate)[0]
    with pytest.raises(HarnessError, match=f"item '{hidden}' is in the gate part"):
        objective.evaluate(BETTER, [objective.train[0], hidden])
    with pytest.raises(HarnessError, match="in the gate part"):
        objective.item(hidden)
    with pytest.raises(HarnessError, match="not among the"):
        objective.item("nobody")
    assert not server.seen
    kept = repr([vars(one) if hasattr(one, "__dict__") else one for one in objective._items.values()])
    assert not [text for text in gate_texts(objective) if f"'{text}'" in kept]


def test_objective_needs_a_split(folder):
    path = folder / "evals" / "posts.yaml"
    path.write_text(path.read_text().replace("split: {dev: 0.3, by: group, seed: 7}\n", ""))
    with pytest.raises(HarnessError, match="declares no split"):
        made(folder)


def test_a_metric_that_is_none_is_named(folder):
    with pytest.raises(HarnessError, match="no metric 'f1'"):
        made(folder, metric="f1")


def test_feedback_tells_gold_answer_and_policy(objective):
    item_id = next(one for one in objective.train if one.startswith("h"))
    (judged,) = objective.evaluate(objective.seed, [item_id])
    assert (judged.score, judged.gold, judged.decided, judged.outcome) == (0.0, ("hate",), (), "ok")
    assert judged.feedback == (
        "Wrong: the answer says violates nothing. The right answer: violates hate.\n"
        "Missed hate. The policy says of it: Attacks people because of a protected attribute. "
        "Allowed: quoting it to object."
    )
    (judged,) = objective.evaluate(BETTER, [item_id])
    assert judged.feedback == "Right: violates hate."


def test_an_answer_that_cannot_be_read_is_worth_nothing(objective):
    """Under ``on_failure: no_flag`` it would be right on every harmless post."""
    judged = objective.evaluate("broken", objective.train)
    assert {one.score for one in judged} == {0.0}
    outcomes = {one.outcome for one in judged}
    assert "unparsed" in outcomes
    assert outcomes <= {"unparsed", "not_asked"}  # a run whose first answers are all unusable ends, sooner or later
    said = {one.outcome: one.feedback for one in judged}
    assert said["unparsed"].startswith("Wrong: no decision could be read from the answer (unparsed")
    words = feedback(objective.policy, ["hate"], [], "not_asked", error="the first 10 answers were all unparsed")
    assert words.startswith("Wrong: it was not even asked, since the first 10 answers were all unparsed. The right")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# user\nhello", "would begin another message"),
        ("Say\n# User\nhello", "has the line '# User'"),
        ("{% for x in %}", "cannot be read"),
        ("```\nfence", "not closed"),
        ("{{ item.labels }}", "labels"),
        ("{{ nonsense }}", "nonsense"),
        ("   ", "empty '# system' section"),
    ],
)
def test_a_proposal_that_is_no_prompt_is_worth_nothing_and_asks_nothing(objective, server, text, why):
    judged = objective.evaluate(text, objective.train[:3])
    assert {(one.score, one.outcome) for one in judged} == {(0.0, "invalid")}
    assert why in judged[0].feedback
    assert not server.seen


def test_threads_share_runs_and_ask_each_item_once(objective, server):
    ids = objective.train[:12]
    with ThreadPoolExecutor(4) as pool:
        judged = list(pool.map(lambda one: objective.evaluate(BETTER, [one])[0], ids + ids))
    assert [one.item_id for one in judged] == [*ids, *ids]
    assert {one.score for one in judged} == {1.0}
    assert len(server.seen) == len(ids)


def test_a_call_that_never_came_back_is_no_wrong_answer(folder, server):
    server.says = lambda system, text: 1 / 0
    path = folder / "evals" / "models.yaml"
    path.write_text(path.read_text().replace("model: m}", "model: m, limits: {max_retries: 0}}"))
    with made(folder) as objective, pytest.raises(HarnessError, match=r"m|missing"):
        objective(BETTER)


def test_a_limit_draws_from_the_dev_part(folder):
    with made(folder, options={"limit": 12, "is_balanced": True}) as objective:
        chosen = [*objective.train, *objective.val]
        assert len(chosen) == 12
        assert set(chosen) <= parts(objective)[0]
        assert {one[0] for one in chosen} == {"h", "s", "o"}


def test_texts_are_what_stands_before_the_item(tmp_path):
    path = tmp_path / "p.md"
    path.write_text(
        "---\nprompt: p\nversion: 1\nanswer: label\nlabels: {bad: [hate], ok: []}\n---\n# user\nSay bad or ok.\n\n"
        "# assistant\nok\n\n# user\nJudge this.\n\nPost: {{ item.text }}\nAnswer:\n"
    )
    prompt = load_prompt(path).value
    assert changeable(prompt) == {"user": "Judge this."}
    changed = with_texts(prompt, {"user": "Judge harder.\n"})
    assert [one.template for one in changed.messages][-1] == "Judge harder.\n\nPost: {{ item.text }}\nAnswer:"
    with pytest.raises(HarnessError, match="no text 'system'"):
        with_texts(prompt, {"system": "x"})
    (tmp_path / "policy.yaml").write_text(POLICY)
    assert fault(changed, load_policy(tmp_path / "policy.yaml").value) is None


def test_a_prompt_without_words_before_the_item_has_nothing_to_optimise(tmp_path):
    path = tmp_path / "p.md"
    path.write_text("---\nprompt: p\nanswer: yes_no\n---\n# user\n{{ item.text }} Hate, yes or no?\n")
    with pytest.raises(HarnessError, match="nothing to optimise"):
        changeable(load_prompt(path).value)


def test_command_finds_the_better_wording_and_never_shows_the_gate_part(folder, server):
    pytest.importorskip("gepa", reason="the extra optimise is not installed")
    done = optimise(folder, "--teacher", "teacher", "--max-answers", "150", "--add", "v2", "--json")
    assert done.exit_code == 0, done.output
    found = orjson.loads(done.stdout)
    assert found["after"] == 1.0 > found["before"]
    assert load_prompt(folder / found["prompt"]).value.messages[0].template == BETTER
    assert found["version"] == 2
    loaded = load_eval(folder / "evals" / "posts.yaml")
    assert list(loaded.eval.value.candidates) == ["v1", "v2"]
    assert {one.body["model"] for one in server.seen} == {"m", "teacher"}
    with made(folder, name="v1") as objective:
        seen = texts_seen(server)
        assert not [text for text in gate_texts(objective) if holds(seen, text)]
    again = optimise(folder, "--candidate", "v2", "--teacher", "teacher", "--max-answers", "150")
    assert "nothing is written" in again.output


def test_command_says_what_would_change_and_calls_nothing(folder, server):
    done = optimise(folder, "--teacher", "teacher", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "Texts of 'v1' that may change: system" in done.output
    assert not server.seen
    unknown = optimise(folder, "--teacher", "techer")
    assert unknown.exit_code == 1
    assert "did you mean 'teacher'" in unknown.output


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_dspy_finds_the_better_wording(folder, server):
    dspy = pytest.importorskip("dspy", reason="the extra optimise is not installed")
    with mh.objective("evals/posts.yaml", cache=folder / "cache.sqlite") as objective:
        search = dspy.GEPA(
            objective.dspy_metric, max_metric_calls=150, reflection_lm=objective.dspy_teacher("teacher"), num_threads=4
        )
        best = search.compile(
            objective.dspy_program(),
            trainset=objective.dspy_examples(objective.train),
            valset=objective.dspy_examples(objective.val),
        )
        path = objective.write(best, "evals/prompts/posts_dspy.md")
        assert load_prompt(path).value.messages[0].template == BETTER
        seen = texts_seen(server)
        assert not [text for text in gate_texts(objective) if holds(seen, text)]
        with pytest.raises(HarnessError, match="in the gate part"):
            objective.dspy_examples([sorted(parts(objective)[1])[0]])


@pytest.mark.slow
def test_how_to_holds(folder):
    pytest.importorskip("dspy", reason="the extra optimise is not installed")
    root = Path(__file__).parents[2]
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("CI", "PYTHONHOME")},
        "PYTHON": sys.executable, "PYTHONPATH": str(root), "COLUMNS": "250",
        "HARNESS_CACHE": str(folder / "journal.sqlite"),
    }  # fmt: skip
    for language, file, text in blocks(root / "docs" / "how-to" / "optimise.md"):
        if file:
            (folder / file).write_text(text, encoding="utf-8")
        for command, wanted in commands(text) if language == "console" else ():
            done = subprocess.run(["bash", "-c", SHELL + command], cwd=folder, env=environment, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)  # fmt: skip
            assert is_as_told(wanted, done.stdout), f"$ {command}\nwanted:\n{wanted}\nprinted:\n{done.stdout}"
