"""How-tos: a new kind and a new parser, each by one new file and one line; and what code an eval may name."""

import dataclasses
import json
import subprocess
import sys
import zipfile

import pytest
from click.testing import CliRunner

from harness.candidates import kinds as kind_table
from harness.candidates import parsers
from harness.cli import main
from harness.errors import HarnessError
from harness.files import doors
from harness.files.doors import Door, import_object, project_folder, refusal_of
from harness.files.kinds import kinds
from tests.gating.small_eval import write_eval

KIND = """
from harness.files.kinds import Kind
from harness.records.answers import Answer


class Ending:
    needs_text = True
    models_used = ()

    def __init__(self, candidate_id, endings):
        self.id = candidate_id
        self.categories = ("hate",)
        self.endings = tuple(endings)
        self.fingerprint = {"kind": "ending", "categories": ["hate"], "endings": list(endings)}

    def prepare(self, items):
        pass

    def decide(self, item):
        return Answer("ok", {"hate": int(item.text.endswith(self.endings))})
        yield


def check(check):
    if "" in check.spec.value:
        check.add(("ending", check.spec.value.index("")), "is empty", "an ending", "remove it")


ENDING = Kind(lambda builder, name, spec: Ending(name, spec.value), value=tuple[str, ...], check=check)
"""
PARSER = """
from harness.candidates.parsers.base import Parser, decided, unparsed


def parse(text, context):
    if text.strip() not in ("thumbs up", "thumbs down"):
        return unparsed("no thumb")
    return decided(context, context.categories if text.strip() == "thumbs down" else ())


THUMB = Parser(parse)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "journal.sqlite"))
    return tmp_path


@pytest.fixture
def fresh_doors():
    """What is installed is looked up once a process."""
    doors._installed.cache_clear()
    yield
    doors._installed.cache_clear()


def with_line(door, name, path):
    """The table with the one line that a new file needs."""
    return dataclasses.replace(door, own={**door.own, name: path})


def with_candidate(folder, text):
    path = write_eval(folder)
    path.write_text(path.read_text().replace("baseline: v1", f"  new: {text}\nbaseline: v1"))
    return path


def invoke(*arguments):
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


def test_a_new_kind_is_one_file_and_one_line(project, monkeypatch):
    (project / "new_kind.py").write_text(KIND)
    monkeypatch.syspath_prepend(str(project))
    monkeypatch.setattr(kind_table, "KINDS", with_line(kinds(), "ending", "new_kind:ENDING"))
    kinds.cache_clear()
    try:
        path = with_candidate(project, "{ending: ['1', '2']}")
        assert invoke("check", path).exit_code == 0
        run = json.loads(invoke("run", path, "--json").stdout)
        scored = json.loads(invoke("score", run["run_id"], "--json").stdout)["candidates"]["new"]
        assert scored["categories"]["hate"]["tp"] == 60  # 300 violating items i0..i299: 30 end in 1 and 30 in 2
        wrong = invoke("check", with_candidate(project, "{ending: ['']}"))
        assert "field 'candidates.new.ending.0' is empty" in wrong.output
        assert "ending" in invoke("check", with_candidate(project, "{endign: ['1']}")).output
        assert "a list, each entry a string" in invoke("check", with_candidate(project, "{ending: 7}")).output
        assert "thresholds" in invoke("check", with_candidate(project, "{ending: ['1'], thresholds: {hate: 1}}")).output
    finally:
        kinds.cache_clear()


def test_a_new_parser_is_one_file_and_one_line(project, monkeypatch):
    (project / "new_parser.py").write_text(PARSER)
    monkeypatch.syspath_prepend(str(project))
    monkeypatch.setattr(parsers, "PARSERS", with_line(parsers.PARSERS, "thumb", "new_parser:THUMB"))
    found = parsers.load_parser("thumb")
    from harness.candidates.names import NameIndex
    from harness.records import PromptHeader

    context = parsers.ParseContext(PromptHeader("p", "thumb"), NameIndex(("hate",)))
    assert found.parse("thumbs down", context).decisions == {"hate": 1}
    assert found.parse("perhaps", context).outcome == "unparsed"


def test_a_package_of_somebody_else_is_found_by_its_entry_points(project, monkeypatch, fresh_doors):
    """Installed by pip from a wheel into a folder of its own, as a user installs it."""
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True).returncode:
        pytest.skip("pip is not there")
    site = project / "site"
    wheel = write_wheel(project)
    subprocess.run(
        [*pip, "install", "-q", "--no-deps", "--no-index", "--disable-pip-version-check", "--target", site, wheel],
        check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.syspath_prepend(str(site))
    path = with_candidate(project, "{acme_ending: ['1', '2']}")
    assert invoke("check", path).exit_code == 0
    run = json.loads(invoke("run", path, "--json").stdout)
    scored = json.loads(invoke("score", run["run_id"], "--json").stdout)["candidates"]["new"]
    assert scored["categories"]["hate"]["tp"] == 60
    assert parsers.load_parser("acme_thumb").version == 1
    with pytest.raises(HarnessError, match="did you mean 'acme_thumb'"):
        parsers.load_parser("acme_thum")


def write_wheel(folder):
    path = folder / "acme_moderation-1.2-py3-none-any.whl"
    info = "acme_moderation-1.2.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("acme_moderation/__init__.py", "")
        wheel.writestr("acme_moderation/ending.py", KIND)
        wheel.writestr("acme_moderation/thumb.py", PARSER)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: acme-moderation\nVersion: 1.2\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(
            f"{info}/entry_points.txt",
            "[harness.candidates]\nacme_ending = acme_moderation.ending:ENDING\n"
            "[harness.parsers]\nacme_thumb = acme_moderation.thumb:THUMB\n",
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def test_start_up_looks_at_nothing_that_is_installed(project):
    """An eval of the project's own kinds asks no metadata and imports no kind it does not use."""
    code = (
        "import sys\n"
        "def asked(**_): raise SystemExit('looked at what is installed')\n"
        "import harness.files.doors as d; d.entry_points = asked\n"
        "from harness.files.evals import load_eval\n"
        f"load_eval({str(write_eval(project))!r})\n"
        "print([n for n in ('classifier', 'cascade', 'chat') if f'harness.candidates.{n}' in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=project)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


# ------------------------------------------------------------------------------------------- code an eval may name


@pytest.mark.parametrize("path", ["subprocess:check_call", "os:system", "builtins:exec", "borrowing_x:os.system"])
def test_a_part_of_python_is_refused(path, tmp_path):
    """Item texts were run as commands."""
    (tmp_path / "borrowing_x.py").write_text("import os\n")
    with pytest.raises(HarnessError, match=r"Python"):
        import_object(path, what="classifier", folder=tmp_path)


def test_check_names_the_code_that_may_not_be_called(project):
    result = invoke("check", with_candidate(project, "{classifier: 'subprocess:check_call', thresholds: {hate: 0.5}}"))
    assert result.exit_code == 1
    assert "names the classifier 'subprocess:check_call', which is a part of Python itself" in result.output


def test_code_of_a_project_lies_beside_the_eval_or_above_evals(tmp_path, monkeypatch):
    (tmp_path / "evals").mkdir()
    (tmp_path / "near_by.py").write_text("def f(texts): return texts\n")
    assert import_object("near_by:f", what="classifier", folder=tmp_path / "evals")(["a"]) == ["a"]
    assert refusal_of("elsewhere_x:f", tmp_path / "evals") is None  # not there: importing it says so
    other = tmp_path / "other"
    other.mkdir()
    (other / "stray_x.py").write_text("")
    monkeypatch.syspath_prepend(str(other))
    assert "belongs to no installed package" in refusal_of("stray_x:f", tmp_path / "evals")
    monkeypatch.setenv("PYTHONPATH", str(other))
    assert refusal_of("stray_x:f", tmp_path / "evals") is None


def test_a_folder_of_modules_without_an_init_file_is_a_package_too(tmp_path):
    """It was said not to be there."""
    (tmp_path / "evals").mkdir()
    (tmp_path / "plain_folder_x").mkdir()
    (tmp_path / "plain_folder_x" / "scorer.py").write_text("def f(texts): return texts\n")
    path = "plain_folder_x.scorer:f"
    assert import_object(path, what="classifier", folder=tmp_path / "evals")(["a"]) == ["a"]
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "mine.py").write_text("")
    assert project_folder("numpy", tmp_path / "evals") is None  # the installed package bears the name


def test_two_projects_do_not_lend_one_another_a_module(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same_name_x.py").write_text(f"def f(texts): return '{name}'\n")
    assert import_object("same_name_x:f", what="classifier", folder=tmp_path / "a")([]) == "a"
    with pytest.raises(HarnessError, match="rename the module"):
        import_object("same_name_x:f", what="classifier", folder=tmp_path / "b")


def test_a_name_of_the_table_cannot_be_taken_over():
    door = Door("harness.candidates", "kind", {"rules": "harness.candidates.rules:RULES"})
    assert door.entry("rules").value == "harness.candidates.rules:RULES"
    assert "rules" not in door.installed()
