"""Classifiers in a process of their own, and models from files, in whole runs."""

from __future__ import annotations

import json
import os
import sys
from types import SimpleNamespace

import orjson
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from harness.candidates.estimators import load
from harness.candidates.worker import Worker, WorkerError
from harness.cli import main
from harness.errors import HarnessError
from harness.files.doors import import_object

CODE = """\
import os

def judge(texts):
    print("a library that talks on stdout")
    if any("crash" in text for text in texts):
        os._exit(3)
    if any("bad" in text for text in texts):
        raise KeyError("no weights for " + texts[0])
    return [0.9 if "vermin" in text else 0.1 for text in texts]

def who(texts):
    return [os.getpid() / 10_000_000 for _ in texts]

def asks(texts):
    return [0.9 if input("Run remote code? ") == "y" else 0.1 for _ in texts]
"""
TEXTS = {"a": "these vermin", "b": "a lovely day", "c": "crash now", "d": "bad text", "e": "two\nlines \u2028 🍑"}
LABELS = [0, 1, 1, 0, 0, 1]
TRAIN = ["good day", "vermin all", "vermin here", "nice work", "lovely cat", "dirty vermin"]


def write(folder, classifier, texts=TEXTS):
    rows = (json.dumps({"id": name, "text": text, "labels": {"hate": 0}}) for name, text in texts.items())
    files = {
        "own_code.py": CODE,
        "policy.yaml": "policy: p\nversion: 1\ncategories:\n  hate: {name: Hate, definition: Attacks.}\n",
        "items.jsonl": "\n".join(rows) + "\n",
        "card.yaml": "golden_set: g\nversion: 1\npolicy: {name: p, version: 1}\nitems: items.jsonl\nlabels: [hate]\n",
        "eval.yaml": "eval: e\npolicy: policy.yaml\ngolden_set: card.yaml\nmax_error_rate: 1.0\ncandidates:\n"
        f"  clf: {{{classifier}}}\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")


def run(folder):
    stored = ["--runs-dir", str(folder / "runs"), "--cache", str(folder / "cache.sqlite")]
    done = CliRunner().invoke(main, ["run", str(folder / "eval.yaml"), "--json", *stored], catch_exceptions=False)
    rows = next((folder / "runs").rglob("predictions.parquet"), None)
    return done, {} if rows is None else {row["item_id"]: row for row in pq.read_table(rows).to_pylist()}


def test_code_beside_the_eval_runs_in_a_process_that_may_print_raise_and_die(tmp_path):
    write(tmp_path, 'classifier: "own_code:judge"')
    done, rows = run(tmp_path)
    assert orjson.loads(done.stdout)["status"] == "complete"
    said = {name: (row["outcome"], row["decision.hate"], row["error"]) for name, row in rows.items()}
    assert said["a"] == ("ok", 1, None)
    assert said["b"] == ("ok", 0, None)
    assert said["c"] == ("error", None, "the classifier raised ProcessEnded: its process ended with code 3")
    assert said["d"] == ("error", None, "the classifier raised KeyError: 'no weights for [text]'")
    assert said["e"] == ("ok", 0, None)


def test_it_is_another_process_and_is_started_once(tmp_path):
    (tmp_path / "own_code.py").write_text(CODE)
    worker = Worker({"path": "own_code:who", "folder": str(tmp_path)})
    first, second = worker(["x"]), worker(["y", "z"])
    assert first[0] == second[0] == second[1] != os.getpid() / 10_000_000


def test_code_that_asks_the_user_something_raises_instead_of_waiting(tmp_path):
    """input() read the pipe of the texts and hung the run for good."""
    (tmp_path / "own_code.py").write_text(CODE)
    worker = Worker({"path": "own_code:asks", "folder": str(tmp_path)})
    with pytest.raises(WorkerError, match="EOF when reading a line"):
        worker(["x"])


def test_what_ends_the_program_says_why(tmp_path):
    """sys.exit() ended the process, and its words stood in no row."""
    (tmp_path / "quitting.py").write_text("import sys\ndef judge(texts):\n    sys.exit('the licence has expired')\n")
    with pytest.raises(WorkerError, match="the licence has expired") as raised:
        Worker({"path": "quitting:judge", "folder": str(tmp_path)})(["x"])
    assert raised.value.kind == "SystemExit"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('no licence file')", "SystemExit: no licence file"),
        ("from json import nothing_of_that_name", "ImportError: cannot import name 'nothing_of_that_name'"),
        ("import no_such_library_at_all", "there is no module 'no_such_library_at_all'"),
    ],
)
def test_a_module_that_cannot_be_imported_says_why(tmp_path, code, said):
    (tmp_path / "broken_import_of_ours.py").write_text(code)
    with pytest.raises(HarnessError, match=f"'broken_import_of_ours:judge' cannot be imported: {said}"):
        import_object("broken_import_of_ours:judge", what="classifier", folder=tmp_path)


def test_an_onnx_file_in_a_locale_that_is_missing_names_the_locale(tmp_path, monkeypatch):
    """The advice was to write the file again, which changes nothing."""

    def session(*_, **__):
        raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : Failed to construct locale with name:en_US.UTF-8:locale::x")

    runtime = SimpleNamespace(InferenceSession=session)
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    (tmp_path / "model.onnx").write_bytes(b"onnx")
    with pytest.raises(HarnessError, match=r"in the locale en_US\.UTF-8, which this machine does not have") as raised:
        load({"path": "model.onnx"}, tmp_path)
    assert "localedef -i en_US -f UTF-8 en_US.UTF-8" in str(raised.value.next_step)


def test_a_process_that_keeps_ending_is_the_users_to_mend(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.candidates.worker.MOST_STARTS", 2)
    (tmp_path / "own_code.py").write_text(CODE)
    worker = Worker({"path": "own_code:judge", "folder": str(tmp_path)})
    for _ in range(2):
        with pytest.raises(WorkerError, match="code 3"):
            worker(["crash"])
    with pytest.raises(HarnessError, match="ended 2 times"):
        worker(["crash"])


@pytest.fixture
def pipeline():
    pytest.importorskip("sklearn", reason="the extra sklearn is not installed")
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(CountVectorizer(), LogisticRegression()).fit(TRAIN, LABELS)


def test_a_skops_file_with_scikit_learns_own_types(tmp_path, pipeline):
    io = pytest.importorskip("skops.io", reason="the extra sklearn is not installed")
    io.dump(pipeline, tmp_path / "model.skops")
    write(tmp_path, "classifier: model.skops", {"a": "these vermin", "b": "lovely work"})
    done, rows = run(tmp_path)
    assert rows, done.output
    assert {name: row["decision.hate"] for name, row in rows.items()} == {"a": 1, "b": 0}
    assert rows["a"]["score.hate"] == pytest.approx(pipeline.predict_proba(["these vermin"])[0, 1])


def test_a_skops_file_with_other_types_names_them_until_they_are_trusted(tmp_path, pipeline):
    io = pytest.importorskip("skops.io", reason="the extra sklearn is not installed")
    from fractions import Fraction

    pipeline.note = Fraction(1, 3)
    io.dump(pipeline, tmp_path / "model.skops")
    unknown = io.get_untrusted_types(file=tmp_path / "model.skops")
    assert unknown
    write(tmp_path, "classifier: model.skops", {"a": "these vermin"})
    done, rows = run(tmp_path)
    assert (done.exit_code, rows) == (1, {})
    assert f"holds types that are not trusted: {', '.join(unknown)}" in done.output
    write(tmp_path, f"classifier: model.skops, trusted: {json.dumps(unknown)}", {"a": "these vermin"})
    assert run(tmp_path)[1]["a"]["decision.hate"] == 1


def test_an_onnx_file_gives_the_same_scores(tmp_path, pipeline):
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
    from skl2onnx.common.data_types import StringTensorType

    pipeline.steps[0][1].set_params(lowercase=False)  # lowering needs a locale that a machine may lack
    for zipmap in (True, False):
        options = {id(pipeline): {"zipmap": zipmap}}
        model = skl2onnx.convert_sklearn(
            pipeline, initial_types=[("text", StringTensorType([None, 1]))], options=options
        )
        (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
        call = load({"path": "model.onnx"}, tmp_path)
        texts = ["these vermin", "lovely work"]
        assert call(texts) == pytest.approx(pipeline.predict_proba(texts)[:, 1].tolist(), abs=1e-4)


@pytest.mark.parametrize(
    ("classifier", "said"),
    [
        ("classifier: model.pkl", "a pickle, which runs whatever it says"),
        ("classifier: model.joblib", "write it as skops"),
        ("classifier: gone.skops", "'gone.skops' is not there"),
        ("classifier: model.h5", "a .skops or .onnx file"),
        ('classifier: "own_code:judge", trusted: [a.B]', "trusted types with a .skops file"),
        ("classifier: broken.skops", "broken.skops cannot be read"),
        ("classifier: broken.onnx", "broken.onnx cannot be read"),
    ],
)
def test_what_cannot_be_a_classifier_is_one_message(tmp_path, classifier, said):
    for ending, library in ((".skops", "skops"), (".onnx", "onnxruntime")):
        if f"broken{ending}" in classifier:
            pytest.importorskip(library)
            (tmp_path / f"broken{ending}").write_bytes(b"no model")
    write(tmp_path, classifier, {"a": "text"})
    done, rows = run(tmp_path)
    assert (done.exit_code, rows) == (1, {})
    assert said in " ".join(done.output.split())
