"""Kinds of candidates that another package brings, from its entry point to the score of a run."""

import json

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.files import doors
from tests.gating.small_eval import write_eval

CODE = """
from harness.records.answers import Answer


class Guard:
    fingerprint = {"kind": "acme_guard"}
    categories = ("hate",)
    needs_text = True
    models_used = ()

    def __init__(self, builder, candidate_id, spec):
        self.id = candidate_id
        self.endings = tuple(spec.options["flags"])

    def prepare(self, items):
        self.n_prepared = len(items)

    def decide(self, item):
        return Answer("ok", {"hate": int(item.text.endswith(self.endings))})
        yield


class Nameless(Guard):
    def __init__(self, builder, candidate_id, spec):
        self.id = "other"


def nothing(builder, candidate_id, spec):
    return None


number = 7
"""
NAMES = "".join(
    f"{name} = acme_guard:{target}\n"
    for name, target in (("acme", "Guard"), ("nameless", "Nameless"), ("nothing", "nothing"), ("number", "number"))
)


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """A package as an installer leaves it."""
    site = tmp_path / "site"
    described = site / "acme_guard-1.2.dist-info"
    described.mkdir(parents=True)
    (site / "acme_guard.py").write_text(CODE)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-guard\nVersion: 1.2\n")
    (described / "entry_points.txt").write_text(f"[harness.candidates]\n{NAMES}")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "journal.sqlite"))
    doors._installed.cache_clear()
    yield site
    doors._installed.cache_clear()


def with_candidate(folder, text):
    path = write_eval(folder)
    path.write_text(path.read_text().replace("baseline: v1", f"  acme: {text}\nbaseline: v1"))
    return path


def invoke(*arguments):
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


def test_an_installed_kind_runs_and_is_scored(acme, tmp_path):
    path = with_candidate(tmp_path, "{plugin: acme, options: {flags: ['1', '2']}}")
    assert invoke("check", path).exit_code == 0
    run = json.loads(invoke("run", path, "--json").stdout)
    scored = json.loads(invoke("score", run["run_id"], "--json").stdout)["candidates"]["acme"]
    # 300 violating items i0..i299: 30 end in 1 and 30 in 2
    assert scored["categories"]["hate"]["tp"] == 60
    assert scored["outcomes"]["ok"] == 400
    meta = json.loads((tmp_path / run["path"] / "run.json").read_text())
    assert meta["fingerprints"]["acme"] == {
        "kind": "acme_guard", "plugin": "acme", "version": "1.2", "options": {"flags": ["1", "2"]}
    }  # fmt: skip


def test_other_options_are_another_run(acme, tmp_path):
    ids = set()
    for flags in ("['1']", "['2']"):
        path = with_candidate(tmp_path, f"{{plugin: acme, options: {{flags: {flags}}}}}")
        ids.add(json.loads(invoke("run", path, "--json").stdout)["run_id"])
    assert len(ids) == 2


def test_a_kind_that_is_not_installed_names_those_that_are(acme, tmp_path):
    path = with_candidate(tmp_path, "{plugin: acne, options: {flags: []}}")
    checked = invoke("check", path)
    assert checked.exit_code == 0
    assert "needs the plugin 'acne', which is not installed here" in checked.output
    result = invoke("run", path)
    assert result.exit_code == 1
    assert "there is no plugin 'acne'" in result.output
    assert "did you mean 'acme'" in result.output
    assert "moderation" not in result.output


@pytest.mark.parametrize(
    ("candidate", "found"),
    [
        ("{plugin: nothing}", "plugin 'nothing' returned a NoneType without id, fingerprint"),
        ("{plugin: nameless}", "plugin 'nameless' returned a candidate named 'other'"),
        ("{plugin: number}", "plugin 'number' is an int"),
        ("{plugin: 'acme_guard:Gone'}", "acme_guard has no 'Gone'"),
    ],
)
def test_a_plugin_that_makes_no_candidate_is_one_message(acme, tmp_path, candidate, found):
    result = invoke("run", with_candidate(tmp_path, candidate))
    assert result.exit_code == 1
    assert found in result.output


@pytest.mark.parametrize(
    ("candidate", "found"),
    [
        ("{plugin: rules}", "is 'rules', a kind of its own"),
        ("{recorded: v1.jsonl, options: {flags: []}}", "is given for a recorded candidate"),
        ("{recorded: v1.jsonl, options: {samples: true}}", "did you mean 'sample'? It stands beside 'recorded'"),
        ("{rules: gone.yaml, options: {tresholds: {hate: 0.4}}}", "did you mean 'thresholds'? That is for "),
        ("{plugin: acme, model: gone, options: {flags: []}}", "models file"),
    ],
)
def test_faults_of_the_eval_are_found_before_a_run(acme, tmp_path, candidate, found):
    result = invoke("check", with_candidate(tmp_path, candidate))
    assert result.exit_code == 1
    assert found in result.output
