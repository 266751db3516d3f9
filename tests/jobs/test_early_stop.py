"""run --early-stop through the runner: what is asked, what is saved, what is stored."""

import json
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from msgspec import structs

from harness.cli import main
from harness.errors import HarnessError
from harness.gating.baselines import promote
from harness.jobs.early_stop import run_early_stop
from harness.jobs.run import RunOptions, prepare_run
from harness.records import EarlyStop
from harness.report.gate.sequential import sequential_lines
from harness.report.gate.statement_words import statements_text
from harness.report.parts.numbers import usd
from harness.runner import run_eval
from harness.runner.transport import RawResponse
from harness.runs import open_run
from tests.gating.small_eval import MODELS, write_eval


class Model:
    """Answers every question with one word, and counts the questions."""

    def __init__(self, word):
        self.word = word
        self.n_calls = 0

    def open(self):
        pass

    async def post(self, endpoint, route, body, timeout_s):
        self.n_calls += 1
        answer = {
            "choices": [{"message": {"content": self.word}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 1},
        }
        return RawResponse(200, {}, orjson.dumps(answer), answer)

    async def close(self):
        pass


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "journal.sqlite"))
    monkeypatch.setenv("DEMO_KEY", "unused")
    return tmp_path


def prepared(folder, **options):
    path = write_eval(folder, with_prompt=True, n_positives=300, **options)
    priced = MODELS.replace("model: demo}", "model: demo, price: {input_per_mtok: 10.0, output_per_mtok: 10.0}}")
    (folder / "evals" / "models.yaml").write_text(priced)
    run_options = RunOptions(folder / "runs", folder / "journal.sqlite", candidates=("v1", "v3"))
    return prepare_run(path, run_options, {"DEMO_KEY": "unused"}).request


def stopped(request, model, reference="v1", **options):
    return run_early_stop(
        request,
        "v3",
        reference,
        execute=lambda one: run_eval(one, transport=model),
        baselines_root=Path("evals/baselines"),
        **options,
    )


def test_a_hopeless_candidate_is_stopped_at_the_first_look(folder):
    model = Model("No")
    report = stopped(prepared(folder), model)
    assert (report.verdict, report.exit_code, report.look) == ("REGRESSION", 3, 1)
    assert (report.n_items, report.n_items_in_set) == (80, 400)
    assert report.calls == {"made": 80, "unknown": 0, "saved": 320}
    assert model.n_calls == 80  # the stored run was made from the journal
    assert report.cost_usd["spent"] == pytest.approx(80 * 101 * 10 / 1e6)
    assert report.cost_usd["saved"] > 0
    meta = open_run(report.run.path).meta
    assert (meta.cost_usd, meta.spent_usd) == (0.0, pytest.approx(report.cost_usd["spent"]))  # the looks have spent it
    assert statements_text(report.reasons) == "worse: Hate recall (sequential, look 1 of 5)"


def test_what_nobody_knows_the_cost_of_is_unknown(folder):
    """A run whose answers do not say what they used was told as $0.00 spent."""

    class Silent(Model):
        async def post(self, endpoint, route, body, timeout_s):
            answer = (await super().post(endpoint, route, body, timeout_s)).document
            del answer["usage"]
            return RawResponse(200, {}, orjson.dumps(answer), answer)

    report = stopped(prepared(folder), Silent("No"))
    assert (report.calls["unknown"], report.cost_usd["spent"]) == (80, None)
    assert "cost: unknown spent" in "\n".join(sequential_lines(report))


def test_a_bound_that_ends_the_looks_says_what_is_left_and_saves_nothing(folder):
    request = structs.replace(prepared(folder), max_cost_usd=0.03)
    report = stopped(request, Model("No"))
    assert (report.verdict, report.run.reason) == ("INVALID", "budget")
    assert report.run.earlier_cost_usd == pytest.approx(report.cost_usd["spent"])
    told = "\n".join(sequential_lines(report))
    assert "saved" not in told
    assert f"{report.calls['saved']} to come; cost: {usd(report.cost_usd['spent'])} spent" in told


def test_what_was_answered_is_not_asked_again_by_a_whole_run(folder):
    request, model = prepared(folder), Model("No")
    stopped(request, model)
    run_eval(request, transport=model)
    assert model.n_calls == 400


def test_the_stored_run_says_what_it_is_and_cannot_be_gated_or_promoted(folder):
    report = stopped(prepared(folder), Model("No"))
    run = open_run(report.run.path)
    assert run.meta.early_stop == EarlyStop(look=1, looks=5, items=80, items_in_set=400, seed=0)
    assert len(run.item_ids) == 80
    from datetime import UTC, datetime

    from harness.gating import gate_runs

    with pytest.raises(HarnessError, match="its verdict is the sequential one"):
        gate_runs(run["v3"], run["v1"])
    with pytest.raises(HarnessError, match="must cover the whole golden set"):
        promote(run, "v3", who="a", why="b", now=datetime.now(UTC), root=folder / "baselines")
    assert [path.name for path in (folder / "runs").iterdir() if not path.name.startswith(".")] == [run.meta.run_id]


def test_a_stored_baseline_is_read_at_the_items_asked(folder):
    request = prepared(folder)
    alone = structs.replace(request, candidates=[one for one in request.candidates if one.id == "v1"])
    baseline = run_eval(alone, transport=Model("unused"))
    only = structs.replace(request, candidates=[one for one in request.candidates if one.id == "v3"])
    report = stopped(only, Model("No"), f"{baseline.run_id}:v1")
    assert (report.verdict, report.look) == ("REGRESSION", 1)


def test_a_limit_is_refused(folder):
    with pytest.raises(HarnessError, match="exclude one another"):
        stopped(structs.replace(prepared(folder), limit=10), Model("No"))


def test_command_reports_look_verdict_and_savings(folder):
    path = write_eval(folder, missed=0, n_positives=600)
    result = CliRunner().invoke(
        main, ["run", str(path), "--candidate", "v2", "--early-stop", "--json"], catch_exceptions=False
    )
    found = json.loads(result.stdout)["sequential"]
    assert (result.exit_code, found["verdict"]) == (0, "PASS")
    assert found["look"] < found["looks"] == 5
    assert found["items_asked"] < found["items_in_set"]
    assert "Look 1 of 5: " in result.stderr
    text = CliRunner().invoke(main, ["run", str(path), "--candidate", "v2", "--early-stop"], catch_exceptions=False)
    assert text.stdout.startswith("PASS (sequential): v2 against v1: ")
    assert f"Stopped at look {found['look']} of 5" in text.stdout


def test_a_full_gate_after_a_sequential_run_is_a_second_look(folder):
    """The verdict was known and paid for: a plain gate at full alpha gave the candidate another chance unseen."""
    path = write_eval(folder)
    stop = CliRunner().invoke(main, ["run", str(path), "--candidate", "v2", "--early-stop"], catch_exceptions=False)
    assert "Candidates gated on this golden set so far: 1." in stop.stdout
    whole = json.loads(CliRunner().invoke(main, ["run", str(path), "--json"], catch_exceptions=False).stdout)
    gated = CliRunner().invoke(main, ["gate", whole["run_id"], "--candidate", "v2", "--json"], catch_exceptions=False)
    report = json.loads(gated.stdout)
    assert report["alpha"] == 0.025
    assert any(note.startswith("second look: ") for note in report["notes"])
    assert any("'v2' was gated before: sequential run demo-" in note for note in report["notes"])
    assert report["reuse"]["candidates_gated"] == 1


def test_a_candidate_against_itself_is_no_further_look(folder):
    """A promoted candidate was judged at half of alpha against its own answers, as if it were tried again."""
    path = write_eval(folder)
    CliRunner().invoke(main, ["run", str(path), "--candidate", "v2", "--early-stop"], catch_exceptions=False)
    whole = json.loads(CliRunner().invoke(main, ["run", str(path), "--json"], catch_exceptions=False).stdout)
    arguments = ["gate", whole["run_id"], "--candidate", "v2", "--baseline", "v2", "--json"]
    report = json.loads(CliRunner().invoke(main, arguments, catch_exceptions=False).stdout)
    assert report["alpha"] == 0.05
    assert not any("look" in note for note in report["notes"])


def test_checks_without_data_are_named(folder):
    path = write_eval(folder)
    text = path.read_text()
    precision = '    - {category: "*", metric: precision, margin: 0.05, tier: watch}\n'
    path.write_text(
        text.replace(
            '    - {category: "*", metric: failure_rate', precision + '    - {category: "*", metric: failure_rate'
        )
    )
    (folder / "evals" / "v2.jsonl").write_text(
        "".join(f'{{"id": "i{at}", "decisions": {{"hate": 0}}}}\n' for at in range(400))
    )
    done = CliRunner().invoke(main, ["run", str(path), "--candidate", "v2", "--early-stop", "--json"])
    found = json.loads(done.stdout)["sequential"]
    verdicts = {one["metric"]: one["verdict"] for one in found["checks"]}
    assert (found["verdict"], verdicts["recall"], verdicts["precision"]) == (
        "REGRESSION",
        "REGRESSION",
        "NOT_EVALUABLE",
    )
    assert "Hate precision could not be evaluated: nothing flagged" in found["notes"]


def test_options_that_do_not_fit_together_are_wrong_usage(folder):
    path = write_eval(folder)
    assert CliRunner().invoke(main, ["run", str(path), "--baseline", "v1"]).exit_code == 2
    assert CliRunner().invoke(main, ["run", str(path), "--early-stop", "--dry-run"]).exit_code == 2
