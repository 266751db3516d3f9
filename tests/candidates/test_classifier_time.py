"""Classifiers that do not come back: a stop ends them, and a text that takes too long is an error row of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from candidate_fakes import item, local
from test_classifier_worker import run, write

from harness.candidates.cascade import CascadeCandidate, Stage
from harness.candidates.classifier import ClassifierCandidate
from harness.candidates.names import NameIndex
from harness.candidates.votes import VoteCandidate
from harness.candidates.without import Without
from harness.candidates.worker import NoResultError, StoppedError, Worker
from harness.errors import HarnessError
from harness.runner.engine import Engine

HANGS = """\
import os, pathlib, subprocess, sys, time

HERE = pathlib.Path(__file__).parent

def judge(texts):
    if any("hang" in text for text in texts):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], close_fds=False)
        (HERE / "begun.tmp").write_text(f"{os.getpid()} {child.pid}")
        (HERE / "begun.tmp").rename(HERE / "begun")
        time.sleep(3600)
    return [0.9 if "vermin" in text else 0.1 for text in texts]
"""


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come")


def is_alive(pid):
    """Whether a process runs; one that has ended and was not fetched yet does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def begun(folder):
    with suppress(FileNotFoundError):
        return [int(pid) for pid in (folder / "begun").read_text().split()]
    return None


def command(folder):
    stored = ["--runs-dir", str(folder / "runs"), "--cache", str(folder / "cache.sqlite")]
    return [sys.executable, "-c", "from harness.cli import main; main()", "run", str(folder / "eval.yaml"), *stored]


@pytest.fixture(autouse=True)
def _no_module_of_another_test():
    sys.modules.pop("own_code", None)
    yield
    sys.modules.pop("own_code", None)


@pytest.fixture
def hanging(tmp_path):
    write(tmp_path, 'classifier: "own_code:judge"', {"a": "fine", "b": "this will hang"})
    (tmp_path / "own_code.py").write_text(HANGS)
    return tmp_path


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_ends_a_run_whose_classifier_hangs_and_all_it_started(hanging, sent):
    """SIGTERM and SIGINT were taken and nothing happened: the thread waited for the classifier for good."""
    process = subprocess.Popen(command(hanging), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        pids = wait_for(lambda: begun(hanging))
        assert all(is_alive(pid) for pid in pids)
        process.send_signal(sent)
        _, said = process.communicate(timeout=30)
        wait_for(lambda: not any(is_alive(pid) for pid in pids))
        if sent == signal.SIGKILL:
            return  # nobody was told; the classifier sees that its parent is gone
        assert process.returncode == 5, said
        assert "Traceback" not in said
        run_record = json.loads(next((hanging / "runs").rglob("run.json")).read_text())
        assert (run_record["status"], run_record["reason"]) == ("incomplete", "interrupted")
        rows = pq.read_table(next((hanging / "runs").rglob("predictions.parquet"))).to_pylist()
        assert {row["outcome"] for row in rows} == {"not_asked"}
    finally:
        process.kill()
        process.communicate()
        for pid in begun(hanging) or ():
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def test_a_text_that_takes_too_long_is_an_error_row_with_the_callables_name(hanging):
    write(hanging, 'classifier: "own_code:judge", timeout_s: 2', {"a": "fine", "b": "hang", "c": "vermin", "d": "hang"})
    (hanging / "own_code.py").write_text(HANGS)
    done, rows = run(hanging)
    assert done.exit_code == 0, done.output
    said = {name: (row["outcome"], row["decision.hate"], row["error"]) for name, row in rows.items()}
    late = ("error", None, "classifier 'own_code:judge' gave no result within 2 s")
    assert said == {"a": ("ok", 0, None), "b": late, "c": ("ok", 1, None), "d": late}


def test_a_callable_that_never_comes_back_is_the_users_to_mend(hanging):
    write(hanging, 'classifier: "own_code:judge", timeout_s: 1', {f"h{n}": f"hang {n}" for n in range(20)})
    (hanging / "own_code.py").write_text(HANGS)
    done, rows = run(hanging)
    assert (done.exit_code, rows) == (1, {})
    assert "classifier 'own_code:judge' gave no result within 1 s, for 3 texts one after the other" in done.output


def test_a_slow_callable_is_asked_for_fewer_texts_at_a_time():
    asked = []

    def classify(texts):
        asked.append(len(texts))
        if len(texts) > 20:
            raise NoResultError("NoResult", "gave no result within 1 s")
        return [0.1] * len(texts)

    candidate = ClassifierCandidate("c", "m:f", classify, NameIndex(("hate",)))
    first, then = ([item(f"{wave}{n}", f"{wave}{n}") for n in range(40)] for wave in "ab")
    candidate.prepare(first)
    candidate.prepare(then)
    assert asked == [40, *[1] * 40, *[10] * 4]
    assert {local(candidate, one).outcome for one in (*first, *then)} == {"ok"}


@pytest.mark.parametrize(
    "around",
    [
        lambda one: one,
        lambda one: Without(one, ["context"]),
        lambda one: CascadeCandidate("k", [Stage(one)], category_order=["hate"]),
        lambda one: VoteCandidate("v", [one], rule="any", weights={}, category_order=["hate"]),
        lambda one: Without(CascadeCandidate("k", [Stage(one)], category_order=["hate"]), ["context"]),
    ],
)
def test_a_stop_reaches_the_classifier_through_what_holds_it(hanging, around):
    worker = Worker({"path": "own_code:judge", "folder": str(hanging)})
    candidate = around(ClassifierCandidate("c", "own_code:judge", worker, NameIndex(("hate",))))
    thread = threading.Thread(target=candidate.prepare, args=([item("hang", "i1"), item("fine", "i2")],))
    thread.start()
    wait_for(lambda: begun(hanging))
    candidate.stop_computing()
    thread.join(30)
    assert not thread.is_alive()
    assert local(candidate, item("fine", "i3")).outcome != "ok"
    with pytest.raises(StoppedError):
        worker(["fine"])


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("high", "returned 'high' for 2 texts"),
        (None, "returned None for 2 texts"),
        (0.5, "returned a float for 2 texts"),
        ({"hate": [0.1, 0.2]}, "returned a dict for 2 texts"),
        ([0.5], "returned 1 results for 2 texts"),
        ([True, False], "returned True for a text: a decision, and no score"),
        (["hate", "none"], "returned 'hate' for a text"),
        ([0.2, "0.7"], "returned '0.7' for a text"),
        ([{"hate": 0.5}, 0.5], "returned a mapping for one text and something else for another"),
        ([{"hate": True}] * 2, "returned True as the score of 'hate'"),
        ([{"hate": {"score": 1}}] * 2, "returned a mapping as the score of 'hate'"),
        ([[0.3, 0.7], [0.6, 0.4]], "returned a list of 2 for a text"),
        ([{"label": "hate", "score": 0.9}] * 2, "a transformers pipeline's own form"),
    ],
)
def test_results_that_are_no_scores_end_the_run_with_what_was_found(returned, said):
    """True was taken as a score of 1, '0.7' as one of 0.7, and a word for all texts as one result a letter."""
    candidate = ClassifierCandidate("c", "m:f", lambda texts: returned, NameIndex(("hate",)))
    with pytest.raises(HarnessError, match=said.replace("'", ".")) as caught:
        candidate.prepare([item("a", "i1"), item("b", "i2")])
    assert caught.value.next_step


def test_a_number_that_is_no_score_is_an_error_of_its_text():
    returned = [0.2, 1.5, float("nan"), None]
    candidate = ClassifierCandidate("c", "m:f", lambda texts: returned, NameIndex(("hate",)))
    items = [item(name, name) for name in "abcd"]
    candidate.prepare(items)
    answers = [local(candidate, one) for one in items]
    assert [one.outcome for one in answers] == ["ok", "error", "error", "error"]
    assert [one.error for one in answers[1:]] == [
        f"the score {found} is not a number from 0 to 1" for found in ("1.5", "nan", "None")
    ]


def test_numbers_words_and_truth_values_come_through_the_pipe_as_they_are(tmp_path):
    code = (
        "import numpy as np\n\n"
        "def odd(texts):\n    return [np.float32(0.5), np.bool_(True), 'no', [np.float64(1), 2]]\n\n"
        "def word(texts):\n    return '\\udc80'\n"
    )
    (tmp_path / "own_code.py").write_text(code)
    worker = Worker({"path": "own_code:odd", "folder": str(tmp_path)})
    assert worker(["x"]) == [0.5, True, "no", [1.0, 2.0]]
    assert worker(["x"])[1] is True
    assert Worker({"path": "own_code:word", "folder": str(tmp_path)})(["x"]) == "\udc80"


def test_a_module_with_the_name_of_one_of_pythons_says_to_rename_it(tmp_path):
    """It said only to put the module beside the eval, where it was."""
    write(tmp_path, 'classifier: "imp:judge"', {"a": "text"})
    (tmp_path / "imp.py").write_text("def judge(texts):\n    return [0.1] * len(texts)\n")
    done, rows = run(tmp_path)
    assert (done.exit_code, rows) == (1, {})
    assert "bears the name of a module of Python, which is found before it: rename it" in " ".join(done.output.split())


def test_every_stop_of_a_run_stops_its_candidates():
    class Loud:
        id, models_used, n_stops = "loud", (), 0

        def stop_computing(self):
            self.n_stops += 1

    class Nobody:
        def stop(self):
            pass

    loud = Loud()
    request = SimpleNamespace(candidates=[loud, object()], endpoints={})
    around = SimpleNamespace(clock=time.monotonic, sleep=None, grace_s=None)
    engine = Engine(request, lambda number: iter(()), Nobody(), None, around)
    engine.stop("budget")
    assert (loud.n_stops, engine.reason) == (1, "budget")
