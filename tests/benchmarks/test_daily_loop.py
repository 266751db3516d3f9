"""How long a person waits between a save and the table: 500 items whose answers are in the journal.

Bounds are on processor time, which other work on the machine moves little; the time that passed is printed beside it.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time

import pytest
from projects import EVAL, MODELS, write_project

from harness.jobs.run import RunOptions, prepare_run
from harness.jobs.watch import Watch
from harness.runner import run_eval
from harness.runner.transport import RawResponse

N_ITEMS = 500
MOST_S = 2.0
REPETITIONS = 3
PROMPT = """\
---
prompt: loop
version: 1
answer: label
labels: {bad: [hate], spam: [spam], fine: []}
---
# system
Answer bad, spam or fine.

# user
{{ item.text }}
"""

pytestmark = [pytest.mark.slow, pytest.mark.benchmark]


class Answers:
    """Answers every call at once."""

    async def open(self):
        pass

    async def post(self, endpoint, route, body, timeout_s):
        text = json.loads(body)["messages"][-1]["content"]
        word = ("bad", "spam", "fine")[len(text) % 3]
        document = {
            "choices": [{"message": {"role": "assistant", "content": word}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 1},
        }
        return RawResponse(200, {}, json.dumps(document).encode(), document)

    async def close(self):
        pass


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose model has answered every item under two versions of its prompt."""
    tmp_path = tmp_path_factory.mktemp("loop")
    rows = (
        "".join(
            json.dumps(
                {"id": f"i{n}", "text": "word " * (n % 40 + 1) + str(n), "labels": {"hate": n % 3 == 0, "spam": 0}}
            )
            + "\n"
            for n in range(N_ITEMS)
        )
        .replace("true", "1")
        .replace("false", "0")
    )
    spec = EVAL.replace("model: embedded", "model: mini")
    folder = write_project(tmp_path / "p", items=rows, prompt=PROMPT, eval=spec, models=MODELS)
    options = RunOptions(tmp_path / "runs", tmp_path / "cache.sqlite", ("v1",))
    for prompt in (PROMPT, edited(1), edited(2), edited(3)):
        (folder / "prompt.md").write_text(prompt)
        prepared = prepare_run(folder / "eval.yaml", options, {"OPENAI_API_KEY": "x"})
        summary = run_eval(prepared.request, transport=Answers())
        assert summary.calls == N_ITEMS
    (folder / "prompt.md").write_text(PROMPT)
    return folder, options


def edited(number):
    return PROMPT.replace("Answer bad", f"{'Please. ' * number}Answer bad")


def test_a_save_shows_its_table_within_two_seconds(project, tmp_path):
    folder, options = project
    watch = Watch(folder / "eval.yaml", options, {"OPENAI_API_KEY": "x"}, tmp_path)
    assert watch.turn().summary.calls == 0
    taken, waited = [], []
    for number in (1, 2, 3):
        (folder / "prompt.md").write_text(edited(number))
        began, busy = time.perf_counter(), time.process_time()
        turn = watch.turn()
        waited.append(time.perf_counter() - began)
        taken.append(time.process_time() - busy)
        assert (turn.summary.items, turn.summary.calls, len(turn.moved)) == (N_ITEMS, 0, 1)
    busy_s, passed_s = statistics.median(taken), statistics.median(waited)
    print(f"\nwatch, {N_ITEMS} cached items: {busy_s:.2f} s busy, {passed_s:.2f} s passed")
    assert statistics.median(taken) < MOST_S


def test_run_and_score_from_the_shell_within_two_seconds_each(project, tmp_path):
    folder, options = project
    (folder / "prompt.md").write_text(PROMPT)
    environment = {**os.environ, "OPENAI_API_KEY": "x", "HARNESS_CACHE": str(options.cache_path)}
    harness = [sys.executable, "-c", "from harness.cli import main; main()"]
    busy: dict[str, list[float]] = {"run": [], "score": []}
    passed: dict[str, list[float]] = {"run": [], "score": []}
    for number in range(REPETITIONS):
        where = ["--runs-dir", str(tmp_path / str(number))]
        for name, command in (
            ("run", ["run", str(folder / "eval.yaml"), "--candidate", "v1", *where]),
            ("score", ["score", "latest", *where]),
        ):
            began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([*harness, *command], env=environment, check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            passed[name].append(time.perf_counter() - began)
            busy[name].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    for name in busy:
        median = statistics.median(busy[name])
        print(
            f"\nshell, {name} of {N_ITEMS} items: {median:.2f} s busy, {statistics.median(passed[name]):.2f} s passed"
        )
        assert median < MOST_S
