"""The public API: what it names, that it is cheap to import, and that it says what the command line says."""

import ast
import asyncio
import json
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import harness as mh
from harness.api.functions import _beside_a_loop
from harness.cli import main
from tests.gating.small_eval import write_eval

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A folder with an eval of two candidates and one run of it."""
    folder = tmp_path_factory.mktemp("template")
    write_eval(folder, n_positives=60)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("HARNESS_RUNS_DIR", raising=False)
        mh.run("evals/demo.yaml", cache="journal.sqlite", progress=False)
    return folder


@pytest.fixture
def project(template, tmp_path, monkeypatch):
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "journal.sqlite"))
    monkeypatch.delenv("HARNESS_RUNS_DIR", raising=False)
    return tmp_path


@pytest.fixture
def run(project):
    return mh.open_run()


def told(*arguments):
    result = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    return json.loads(result.stdout)


def test_what_is_public_is_sorted_exists_and_has_a_type():
    assert mh.__all__ == sorted(mh.__all__)
    assert dir(mh) == mh.__all__
    assert all(getattr(mh, name) is not None for name in mh.__all__)
    stub = ast.parse((ROOT / "harness" / "__init__.pyi").read_text(encoding="utf-8"))
    typed = {alias.asname for one in stub.body if isinstance(one, ast.ImportFrom) for alias in one.names}
    assert typed | {"__version__"} == set(mh.__all__)
    for one in stub.body:
        if isinstance(one, ast.ImportFrom):
            assert {mh._HOME[alias.name] for alias in one.names} == {one.module}


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AttributeError, match="has no attribute 'evaluate'; it has: Comparison, "):
        mh.evaluate  # noqa: B018
    with pytest.raises(ImportError):
        exec("from harness import evaluate")


def test_importing_the_package_loads_nothing():
    script = "import sys; before = set(sys.modules); import harness; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["harness"]


def test_the_notebook_runs(tmp_path, monkeypatch):
    for name in ("evals", "golden_sets"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "journal.sqlite"))
    names = runpy.run_path(str(ROOT / "docs" / "notebook.py"))
    assert names["gate"].verdict in {"PASS", "REGRESSION", "INCONCLUSIVE"}
    assert Path("reports/differences.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in names["pages"]] == ["report.html", "report.json"]
    assert not list(Path("golden_sets").glob("*.gates.jsonl"))


def test_results_are_those_of_the_command_line(run):
    assert mh.score(run).as_dict() == told("score", "latest", "--json")
    assert mh.compare(run).as_dict() == told("compare", "latest", "--json")
    assert mh.gate(run, log=False).as_dict() | {"reuse": None} == told("gate", "latest", "--json") | {"reuse": None}


def test_every_default_is_the_command_lines(project, run, monkeypatch):
    assert run.path == f"reports/runs/{run.run_id}"
    assert mh.open_run().run_id == mh.open_run("latest").run_id == mh.open_run(run.run_id[:14]).run_id == run.run_id
    assert mh.score().as_dict() == mh.score("latest").as_dict() == mh.score(run).as_dict()
    assert mh.write_report(formats="json") == [Path("reports") / run.run_id / "report.json"]
    Path("reports").rename("elsewhere")
    monkeypatch.setenv("HARNESS_RUNS_DIR", "elsewhere/runs")
    assert mh.open_run().path == f"elsewhere/runs/{run.run_id}"
    assert mh.run("evals/demo.yaml", candidates="v2", progress=False).path.startswith("elsewhere/runs/")


def test_a_notebook_in_a_sub_folder_works_as_a_command_does_there(project, run, monkeypatch):
    folder = project / "notebooks" / "mine"
    folder.mkdir(parents=True)
    (project / "harness.toml").write_text('runs_dir = "elsewhere"\ncandidate = "v2"\ntext = "full"\n')
    (project / "reports" / "runs").rename(project / "elsewhere")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("CI", raising=False)
    found = mh.open_run()
    assert (found.run_id, Path(found.path)) == (run.run_id, project / "elsewhere" / run.run_id)
    assert found.frame(texts=True)["text"].notna().all()
    assert mh.run("../../evals/demo.yaml", progress=False).run_id == run.run_id
    assert mh.run("evals/demo.yaml", progress=False).run_id == run.run_id
    assert mh.gate(found, log=True).report.candidate.name == "v2"
    assert len(list(project.glob("golden_sets/*.gates.jsonl"))) == 1
    (page,) = mh.write_report(found, formats="md", out="here")
    assert page == folder / "here" / "report.md"
    (page,) = mh.write_report(found, formats="json")
    assert page == project / "reports" / run.run_id / "report.json"
    assert Path.cwd() == folder


def test_a_gate_is_counted_unless_it_is_only_a_look(project, run):
    assert mh.gate(run, log=False).report.reuse is None
    assert not list(project.rglob("*.gates.jsonl"))
    assert mh.gate(run).report.reuse.n_candidates == 1
    assert len(list(project.rglob("*.gates.jsonl"))) == 1


def test_a_run_as_a_frame(run):
    frame = run.frame()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns[:4]) == ["candidate", "item_id", "repeat", "outcome"]
    assert len(frame) == len(run.stored.item_ids) * len(run.candidates)
    assert "text" not in frame
    assert str(frame["decision.hate"].dtype) == str(frame["label.hate"].dtype) == "Int8"
    v1 = frame[frame.candidate == "v1"]
    caught = ((v1["label.hate"] == 1) & (v1["decision.hate"] == 1)).sum()
    assert caught == mh.score(run).candidates["v1"].categories["hate"].tp
    texts = run.frame(texts=True)["text"]
    assert texts.notna().all()


def test_texts_that_are_not_at_hand_are_said(project, run):
    for path in project.rglob("*.jsonl"):
        path.unlink()
    with pytest.raises(mh.HarnessError, match="not at hand"):
        run.frame(texts=True)


def test_frames_hold_what_the_results_say(run):
    score = mh.score(run)
    frame = score.to_frame()
    one = frame.query("candidate == 'v2' and category == 'hate' and metric == 'recall' and slice.isna()").iloc[0]
    expected = score.candidates["v2"].categories["hate"].metrics["recall"]
    assert (one.value, one.low, one.high, one.n) == (expected.value, expected.low, expected.high, expected.n)
    comparison = mh.compare(run)
    one = comparison.to_frame().query("category == 'hate' and metric == 'recall'").iloc[0]
    expected = comparison.result.comparison.categories["hate"].metrics["recall"]
    assert (one.baseline, one.candidate, one.difference) == tuple(
        getattr(expected, name).value for name in ("baseline", "candidate", "difference")
    )
    gate = mh.gate(run, log=False)
    assert gate.to_frame()["verdict"].tolist() == [check["verdict"] for check in gate.as_dict()["checks"]]


@pytest.mark.parametrize("make", [lambda run: run, mh.score, mh.compare, lambda run: mh.gate(run, log=False)])
def test_results_read_well_and_are_escaped(run, make):
    shown = make(run)
    assert run.run_id in repr(run)
    assert "v1" in repr(shown)
    assert "object at 0x" not in repr(shown)
    html = shown._repr_html_()
    assert html.count("<table>") == html.count("</table>") >= 1


def test_names_in_html_cannot_act():
    from harness.api.display import as_html
    from harness.report.parts.tables import Table

    html = as_html(["<b>x</b>"], [Table("<i>", ("<script>",), (("<img onerror=1>\u202e",),), ("&",))])
    assert "<script>" not in html
    assert "<img" not in html
    assert "<b>" not in html
    assert "\u202e" not in html
    assert "<caption>&lt;i&gt;</caption>" in html


def test_a_picture_shows_itself_and_saves_under_its_own_ending(run, tmp_path):
    png, svg = mh.plot(run), mh.plot(run, "differences", format="svg")
    assert png._repr_png_().startswith(b"\x89PNG")
    assert png._repr_svg_() is None
    assert "<svg" in svg._repr_svg_()
    assert svg.save(tmp_path / "new" / "a.svg").read_bytes() == svg.content
    with pytest.raises(mh.HarnessError, match=r"allowed: a name that ends in \.png"):
        png.save("a.svg")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mh.run("evals/none.yaml"), "none.yaml"),
        (lambda: mh.run("evals/demo.yaml", candidates=["v9"], progress=False), "v9"),
        (lambda: mh.open_run("evals/demo.yaml"), "takes a run"),
        (lambda: mh.open_run("nothing"), "no run 'nothing'"),
        (lambda: mh.plot(kind="pie"), "no plot 'pie'"),
        (lambda: mh.plot(metric="auroc"), "no metric of a plot 'auroc'"),
        (lambda: mh.write_report(formats=["pdf"]), "no report format 'pdf'"),
        (lambda: mh.write_report(formats=[]), "no report format"),
        (lambda: mh.write_report(text="clear"), "not shown as 'clear'"),
        (lambda: mh.compare(candidate="v9"), "v9"),
        (lambda: mh.gate(candidate="v2", baseline="v9"), "v9"),
    ],
)
def test_a_mistake_is_one_message(run, call, words):
    with pytest.raises(mh.HarnessError, match=words) as caught:
        call()
    assert "\n  " in str(caught.value) or caught.value.allowed is None


def test_a_run_works_inside_an_event_loop(project):
    """A notebook has a running loop, in which asyncio.run refuses to work."""

    shutil.rmtree("reports")

    async def cell():
        return mh.run("evals/demo.yaml", progress=False)

    assert asyncio.run(cell()).status == "complete"


def test_an_interrupt_of_the_cell_ends_the_run_in_order():
    stopped = threading.Event()

    def work(on_stoppable):
        on_stoppable(stopped.set)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        assert stopped.wait(30)
        return "summary"

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        assert _beside_a_loop(work) == "summary"
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_unfinished_run_warns_where_it_is_opened(project, run):
    path = Path(run.path) / "run.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"status": "incomplete", "seal": ""}))
    with pytest.warns(UserWarning, match="is incomplete") as caught:
        mh.open_run()
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning):
            mh.score()
