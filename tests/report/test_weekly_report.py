"""The weekly report over small histories: exact sentences, choice of runs, formats, the command."""

import dataclasses
import json
import re
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner
from weekly_cases import EVAL, MODEL, History

from harness.cli import main
from harness.core.results import MetricResult
from harness.errors import HarnessError
from harness.gating.findings import Finding
from harness.report.weekly.before import Before
from harness.report.weekly.build import build_weekly
from harness.report.weekly.collect import collect
from harness.report.weekly.data import Movement
from harness.report.weekly.digest import LIMIT, digest
from harness.report.weekly.renderers import RENDERERS
from harness.report.weekly.sentences import summary_sentence
from harness.report.weekly.verdict import verdict_word

GOLDEN = Path(__file__).parents[1] / "golden" / "weekly"
WHEN = "2026-11-23 09:30 UTC"
FROZEN = {"kind": "prompt", "model": "acme-1", "prompt": "control@1"}
BEFORE = (("2026-W40", 90), ("2026-W41", 91), ("2026-W42", 89))


def built(history, *, texts=None, mode="none", **chosen):
    source = collect(history.runs, EVAL, **chosen)
    return build_weekly(
        dataclasses.replace(source, texts=texts or {}), generated_at=WHEN, version="0.1.0", text_mode=mode
    )


def three_weeks(folder, control=80):
    history = History(folder)
    for week, caught in BEFORE:
        candidates = {"main": caught} | ({"control": control} if control else {})
        prints = {"main": MODEL} | ({"control": FROZEN} if control else {})
        history.week(week, candidates, fingerprints=prints)
    return history


FELL = (
    "Recall of Hate fell by 20.0 points, from 90.0% over the 3 weeks before to 70.0% [60.4, 78.1] "
    "(q under 0.001, n 100)."
)
MISSED = "In 2026-W43 main missed its only target, recall of Hate (70.0%, target 80%)."
QUIET = "The other figure stayed within what chance explains."


@pytest.mark.parametrize(
    ("fingerprint", "control", "cause"),
    [
        (
            {**MODEL, "temp": 0.7},
            80,
            "Since 2026-W42, temperature unset became 0.7. The frozen control control, on the same model, decided "
            "every item as before: "
            "the cause is our change.",
        ),
        (
            MODEL,
            55,
            "None of its own inputs changed since 2026-W42. The frozen control control moved too (recall of Hate "
            "-25.0 points): the model behind them or the items changed, not we.",
        ),
        (
            {**MODEL, "model": "acme-2"},
            55,
            "Since 2026-W42, model acme-1 became acme-2. The control control asks another model or endpoint, so it "
            "says nothing about drift of this one. It coincides with our change; model drift is not ruled out: "
            "add an unchanged candidate on the same model as control, asked anew every week.",
        ),
        (
            MODEL,
            80,
            "None of its own inputs changed since 2026-W42. The frozen control control, on the same model, decided "
            "every item as before: "
            "look for what the runs do not record.",
        ),
        (
            {**MODEL, "model": "acme-2"},
            None,
            "Since 2026-W42, model acme-1 became acme-2. No control on the same model ran in both weeks. It "
            "coincides with our change; model drift is not ruled out: "
            "add an unchanged candidate on the same model as control, asked anew every week.",
        ),
    ],
    ids=["our change", "vendor drift", "both", "unexplained", "no control"],
)
def test_a_fall_is_told_with_its_cause(tmp_path, fingerprint, control, cause):
    history = three_weeks(tmp_path, 80 if control else None)
    caught = {"main": 70} | ({"control": control} if control else {})
    prints = {"main": fingerprint} | ({"control": FROZEN} if control else {})
    history.week("2026-W43", caught, fingerprints=prints)
    data = built(history)
    assert data.headline == (FELL, cause, QUIET, MISSED)
    assert (data.word, data.tone) == ("MORE HARM MISSED", "bad")


def test_a_rise_is_told_as_better(tmp_path):
    history = three_weeks(tmp_path, None)
    history.week("2026-W43", {"main": 100}, fingerprints={"main": {**MODEL, "prompt": "hate_v2@bbbb"}})
    data = built(history)
    assert data.word == "BETTER"
    assert data.headline[0].startswith(
        "Recall of Hate rose by 10.0 points, from 90.0% over the 3 weeks before to 100.0%"
    )


def test_a_quiet_week_says_so_and_nothing_else(tmp_path):
    history = three_weeks(tmp_path)
    history.week("2026-W43", {"main": 86, "control": 80}, fingerprints={"main": MODEL, "control": FROZEN})
    data = built(history)
    assert data.headline[0] == "Nothing moved by more than chance explains."
    assert not data.movements
    assert data.word == "STEADY"


def test_a_fall_is_told_once(tmp_path):
    """After a flag the new level is the level: the week after is no second fall."""
    history = three_weeks(tmp_path, None)
    for week in ("2026-W43", "2026-W44"):
        history.week(week, {"main": 70}, fingerprints={"main": MODEL})
    data = built(history)
    assert not data.movements
    assert [(one.week, one.metric) for one in data.earlier] == [("2026-W43", "recall")]
    assert data.rows[0].judgements["recall"].verdict == "missed"  # still below its target, and said so


def test_what_only_the_pairs_prove_is_told_as_small(tmp_path):
    history = History(tmp_path)
    history.week("2026-W42", {"main": 90}, fingerprints={"main": MODEL})
    history.week("2026-W43", {"main": 82}, fingerprints={"main": {**MODEL, "model": "acme-2"}})
    assert built(history).headline[0] == (
        "Recall of Hate fell by 8.0 points [-15.0, -4.0] on the same items as in 2026-W42 (8 newly missed, 0 newly "
        "caught): small on the chart, but not chance."
    )


def test_recorded_decisions_have_no_inputs_to_blame(tmp_path):
    history = History(tmp_path)
    for week, caught in (*BEFORE, ("2026-W43", 70)):
        history.week(week, {"production": caught})
    assert built(history).headline[1] == (
        "These are recorded decisions: what changed since 2026-W42 behind them, the runs cannot say."
    )


def test_another_golden_set_is_never_compared_in_silence(tmp_path):
    history = History(tmp_path)
    history.week("2026-W42", {"main": 90}, fingerprints={"main": MODEL})
    history.week("2026-W43", {"main": 90}, golden=2, relabelled=20, fingerprints={"main": MODEL})
    data = built(history)
    assert data.word == "NEW LABELS"
    assert data.headline[:3] == (
        "Golden set g v1 became g v2: this week's figures are not comparable with those of 2026-W42 and before. On the "
        "200 items that both hold with the same text the change is split below into labels and candidate.",
        "None of the candidate's own inputs changed.",
        "Largest parts: Precision of Hate: labels -10.5, candidate 0.0 points; Recall of Hate: labels +10.0, candidate "
        "0.0 points.",
    )
    assert not data.movements
    assert {point.week: point.weeks_before for one in data.series for point in one.points} == {
        "2026-W42": (),
        "2026-W43": (),
    }
    split = next(one for one in data.splits if one.metric == "recall")
    assert split.before.value + split.by_labels + split.by_candidate == pytest.approx(split.now.value)


def test_the_first_week_has_nothing_to_compare_with(tmp_path):
    history = History(tmp_path)
    history.week("2026-W42", {"main": 100})
    data = built(history)
    assert data.headline == (
        "This is the first week with a run, so there is nothing to compare it with.",
        "In 2026-W42 main met its only target, recall of Hate (100.0%, target 80%).",
    )
    assert data.control_note == "There is no earlier week, so nothing can serve as frozen control."


def test_a_broken_run_speaks_for_nobody_and_is_asked_for(tmp_path):
    history = History(tmp_path)
    history.week("2026-W42", {"main": 90})
    broken = history.week("2026-W43", {"main": 10}, status="invalid")
    data = built(history)
    assert data.week == "2026-W42"
    ask = f"Repeat {broken.name} (invalid): it speaks for nobody until it is complete."
    assert [(one.owner, one.text) for one in data.asks if one.owner == "engineering"] == [("engineering", ask)]


def test_a_package_that_the_week_before_did_not_load_has_not_changed(tmp_path):
    """A week that is read from the journal calls nobody, and loads no client."""
    history = History(tmp_path)
    history.week("2026-W42", {"main": 90}, packages={"pyarrow": "26.0.1"})
    history.week("2026-W43", {"main": 90}, packages={"aiohttp": "3.14.5", "pyarrow": "26.0.2"})
    versions = {one.name: (one.value, one.before) for one in built(history).engineering.versions}
    assert versions["package aiohttp"] == ("3.14.5", None)
    assert versions["package pyarrow"] == ("26.0.2", "26.0.1")


def test_a_run_without_wave_belongs_to_the_week_it_was_made(tmp_path):
    history = History(tmp_path)
    history.week("2026-W42", {"main": 90}, wave=None)
    assert built(history).week == "2026-W42"


def test_asks_name_the_owner_of_the_policy(tmp_path):
    history = History(tmp_path, owner=None)
    history.week("2026-W42", {"main": 60})
    (ask,) = built(history).asks
    assert (ask.owner, ask.text) == (
        "no owner named in the policy",
        "Recall of Hate is 60.0%, with 95% confidence at most 68.2%, and so below its target of 80%: read the 40 "
        "missed items and change prompt or rules.",
    )


def test_new_errors_are_grouped_where_they_gather(tmp_path):
    history = History(tmp_path)
    history.week("2026-W42", {"main": 100})
    history.week("2026-W43", {"main": 70})
    texts = {f"i{index:03d}": f"text {index}" for index in range(200)}
    errors = built(history, texts=texts, mode="masked").errors
    assert (errors.is_new, errors.n_new, errors.n_gone, errors.since) == (True, 30, 0, "2026-W42")
    (cluster,) = errors.clusters
    assert (cluster.kind, cluster.n_new, cluster.n_items, cluster.stands_out) == ("fn", 30, 100, True)
    assert [one.item_id for one in cluster.examples] == ["i075", "i085", "i095"]
    assert cluster.examples[0].text == "t••• 7•"


def test_errors_of_an_unchanged_candidate_are_not_new_under_new_labels(tmp_path):
    history = History(tmp_path)
    history.week("2026-W42", {"main": 90})
    history.week("2026-W43", {"main": 90}, golden=2, relabelled=20)
    assert built(history).errors.n_new == 0


def test_a_named_control_must_be_frozen(tmp_path):
    history = three_weeks(tmp_path)
    history.week(
        "2026-W43", {"main": 70, "control": 80}, fingerprints={"main": MODEL, "control": {**FROZEN, "model": "acme-2"}}
    )
    data = built(history, control="control")
    assert data.control is None
    assert data.control_note == "control cannot serve as control: it was changed, or did not run before."


def test_runs_are_scored_once(tmp_path, monkeypatch):
    history = three_weeks(tmp_path)
    first = built(history)
    monkeypatch.setattr("harness.report.weekly.summaries.score_run", lambda *_, **__: pytest.fail("scored again"))
    assert json.dumps(built(history).as_dict()) == json.dumps(first.as_dict())


def test_unknown_names_are_the_users_to_mend(tmp_path):
    history = three_weeks(tmp_path)
    with pytest.raises(HarnessError, match="no complete run of eval 'other'"):
        collect(history.runs, "other")
    with pytest.raises(HarnessError, match="no complete run in 2026-W44"):
        collect(history.runs, EVAL, week="2026-W44")
    with pytest.raises(HarnessError, match="has a candidate 'v9'"):
        collect(history.runs, EVAL, candidate="v9")


# --------------------------------------------------------------------------------------------------------- formats


@pytest.fixture(scope="module")
def fallen(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:  # the version stands in signatures, and in expected files
        patch.setattr("harness.measure.run_facts.__version__", "0.0.0")
        yield _fallen(tmp_path_factory)


def _fallen(tmp_path_factory):
    history = three_weeks(tmp_path_factory.mktemp("fallen"))
    fingerprints = {"main": {**MODEL, "temp": 0.7}, "control": FROZEN}
    history.week("2026-W43", {"main": 70, "control": 80}, fingerprints=fingerprints)
    texts = {f"i{index:03d}": f"item number {index}" for index in range(200)}
    return built(history, texts=texts, mode="masked")


@pytest.mark.parametrize("name", list(RENDERERS))
def test_formats_have_the_same_bytes_for_the_same_data(fallen, tmp_path, name):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = [path.read_bytes() for path in RENDERERS[name](fallen, tmp_path / "a", "masked")]
    assert one
    assert one == [path.read_bytes() for path in RENDERERS[name](fallen, tmp_path / "b", "masked")]


@pytest.mark.parametrize("name", ["html", "md", "xlsx", "json"])
def test_formats_are_the_expected_files(fallen, tmp_path, name, assert_expected):
    path = RENDERERS[name](fallen, tmp_path, "masked")[0]
    text = cells_of(path) if name == "xlsx" else path.read_text(encoding="utf-8")
    text = re.sub(r"<style>.*?</style>", "<style></style>", text, flags=re.DOTALL)
    text = re.sub(r"<script>.*?</script>", "<script></script>", text, flags=re.DOTALL)
    text = re.sub(r"sha256-[\w+/]{43}=", "sha256-", text)
    text = re.sub(r"small-[0-9a-f]{12}", "RUN", text)  # ids and signatures hold the harness's version
    text = re.sub(r"\bv:[\d.]+\w*", "v:VERSION", text)
    text = re.sub(r"\d\.\d{9,}(e-?\d+)?", lambda found: f"{float(found[0]):.9g}", text)
    assert_expected(text, GOLDEN / f"{path.name}{'.txt' if name == 'xlsx' else ''}")


def cells_of(path):
    lines = []
    for sheet in openpyxl.load_workbook(path):
        lines.append(f"# {sheet.title} frozen at {sheet.freeze_panes}")
        for row in list(sheet.iter_rows(values_only=True))[:40]:
            shown = [f"{one:.6g}" if isinstance(one, float) else "" if one is None else str(one) for one in row]
            lines.append(" | ".join(shown).rstrip())
    return "\n".join(lines) + "\n"


def test_the_digest_fits_a_chat_message(fallen):
    assert len(digest(fallen)) < LIMIT
    many = dataclasses.replace(fallen, asks=fallen.asks * 60, headline=fallen.headline * 5)
    text = digest(many)
    assert len(text) < LIMIT
    assert re.search(r"… \d+ more lines in the report\.", text)
    assert text.endswith(f"run {fallen.run_id}\n")


def test_without_texts_no_text_travels(fallen, tmp_path):
    for name in ("html", "md", "xlsx", "json"):
        for path in RENDERERS[name](fallen, tmp_path, "none"):
            assert b"item number" not in path.read_bytes()


def test_masked_text_is_not_in_the_source_in_clear(fallen, tmp_path):
    page = RENDERERS["html"](fallen, tmp_path, "masked")[0].read_text(encoding="utf-8")
    assert "item number" not in page
    assert "data-text=" in page


def test_json_holds_no_nan_and_no_text(fallen, tmp_path):
    content = json.loads(RENDERERS["json"](fallen, tmp_path, "masked")[0].read_text(encoding="utf-8"))
    assert content["word"] == "MORE HARM MISSED"
    assert "items" not in content


# --------------------------------------------------------------------------------------------------------- command


def run(*arguments, **environment):
    return CliRunner().invoke(main, ["weekly", *map(str, arguments)], env={"CI": "", **environment})


def test_command_writes_the_formats_it_is_asked_for(tmp_path):
    history = three_weeks(tmp_path)
    out = tmp_path / "out"
    done = run(
        *("--eval", history.folder / "eval.yaml", "--runs-dir", history.runs, "--out", out, "--week", "2026-W42"),
        *("--format", "html,md,xlsx,json,png,svg", "--golden", history.folder / "g1.yaml"),
        SOURCE_DATE_EPOCH="1795424400",
    )
    assert done.exit_code == 0, done.output
    assert done.output.startswith("STEADY. Nothing moved by more than chance explains.")
    assert sorted(path.name for path in out.iterdir()) == [
        "trend_precision.png",
        "trend_precision.svg",
        "trend_recall.png",
        "trend_recall.svg",
        "weekly.html",
        "weekly.json",
        "weekly.md",
        "weekly.xlsx",
    ]


def test_command_prints_json_and_writes_nothing(tmp_path):
    history = three_weeks(tmp_path)
    done = run("--eval", EVAL, "--runs-dir", history.runs, "--week", "2026-W41", "--json", "--text", "none")
    assert json.loads(done.stdout)["week"] == "2026-W41"


def test_command_names_what_is_wrong(tmp_path):
    history = three_weeks(tmp_path)
    done = run("--eval", EVAL, "--runs-dir", history.runs, "--week", "2026-W50")
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: eval 'small' has no complete run in 2026-W50\n  allowed: 2026-W40, 2026-W41, 2026-W42\n"
        f"  run it: harness run EVAL --wave 2026-W50 --runs-dir {history.runs}\n"
    )
    assert run("--eval", EVAL, "--format", "pdf").exit_code == 2


def test_in_ci_no_text_is_shown(tmp_path):
    history = three_weeks(tmp_path)
    out = tmp_path / "out"
    options = ("--eval", EVAL, "--runs-dir", history.runs, "--out", out, "--golden", history.folder / "g1.yaml")
    assert run(*options, CI="true").exit_code == 0
    assert "item number" not in (out / "weekly.html").read_text(encoding="utf-8")
    assert "Show all texts" not in (out / "weekly.html").read_text(encoding="utf-8")


def test_the_first_week_says_why_there_is_no_picture(tmp_path):
    history = History(tmp_path)
    history.week("2026-W42", {"main": 90})
    done = run(
        "--eval", EVAL, "--runs-dir", history.runs, "--format", "png", "--text", "none", "--out", tmp_path / "out"
    )
    assert done.exit_code == 0, done.output
    assert "png: no trend was drawn; that takes two weeks with runs, and there is 2026-W42 only." in done.stderr
    assert not list((tmp_path / "out").iterdir())


def test_another_candidate_than_the_baseline_is_said_first(tmp_path):
    """Without its baseline the report once showed another candidate as if that were the one."""
    history = History(tmp_path)
    path = history.week("2026-W42", {"other": 90})
    content = json.loads((path / "run.json").read_text(encoding="utf-8"))
    content["eval"]["baseline"] = "main"
    (path / "run.json").write_text(json.dumps(content), encoding="utf-8")
    out = tmp_path / "out"
    options = ("--eval", EVAL, "--runs-dir", history.runs, "--text", "none", "--out", out)
    done = run(*options, "--format", "html,md,json")
    said = (
        f"This is the quality of other. The eval's baseline 'main' has no complete run in 2026-W42: this is the first "
        f"candidate of run {path.name}."
    )
    assert done.stdout.startswith(f"NOT THE BASELINE: {said}")
    assert "<strong>NOT THE BASELINE</strong>" in (out / "weekly.html").read_text(encoding="utf-8")
    assert (out / "weekly.md").read_text(encoding="utf-8").startswith("**⚠ NOT THE BASELINE.** ")
    assert json.loads((out / "weekly.json").read_text(encoding="utf-8"))["banners"][0]["sentence"] == said
    assert "NOT THE BASELINE" not in run(*options, "--candidate", "other", "--format", "json").output


def test_a_broken_run_is_said_before_anything_else(tmp_path):
    history = History(tmp_path)
    history.week("2026-W42", {"main": 90})
    counts = {"main": {"ok": 50, "not_asked": 150}}
    broken = history.week("2026-W43", {"main": 10}, status="incomplete", counts=counts)
    out = tmp_path / "out"
    done = run(
        *("--eval", EVAL, "--runs-dir", history.runs, "--text", "none", "--out", out, "--format", "html,md,xlsx,json")
    )
    said = f"A run of 2026-W43 is not in this report of 2026-W42. 50 of 200 items were asked (run {broken.name})."
    assert done.stdout.startswith(f"INCOMPLETE: {said}")
    assert "<strong>INCOMPLETE</strong>" in (out / "weekly.html").read_text(encoding="utf-8").split("bar-top")[-2]
    assert (out / "weekly.md").read_text(encoding="utf-8").startswith("**⚠ INCOMPLETE.** ")
    cells = cells_of(out / "weekly.xlsx").splitlines()
    assert cells[1].startswith("INCOMPLETE: ")
    assert any(line.startswith(f"INCOMPLETE | {said}") for line in cells[:6])
    assert broken.name in json.loads((out / "weekly.json").read_text(encoding="utf-8"))["banners"][0]["sentence"]


@pytest.mark.parametrize("limit", [50, None])
def test_a_broken_sample_is_nobodys_task(tmp_path, limit):
    """A trial with --limit that was stopped once became an ask to repeat it."""
    history = History(tmp_path)
    history.week("2026-W42", {"main": 90})
    history.week("2026-W43", {"main": 10}, status="incomplete", limit=limit)
    data = built(history)
    assert any(one.text.startswith("Repeat ") for one in data.asks) == (limit is None)
    assert bool(data.banners) == (limit is None)


def test_a_broken_run_that_was_made_good_is_not_asked_for(tmp_path):
    history = History(tmp_path)
    broken = history.week("2026-W42", {"main": 10}, status="invalid", created_at="2026-10-12T00:00:00+00:00")
    kept = broken.rename(broken.with_name("small-aaaaaaaaaaaa"))
    content = json.loads((kept / "run.json").read_text(encoding="utf-8"))
    (kept / "run.json").write_text(json.dumps(content | {"run_id": kept.name}), encoding="utf-8")
    history.week("2026-W42", {"main": 90}, created_at="2026-10-13T00:00:00+00:00")
    data = built(history)
    assert not data.banners
    assert not any(one.text.startswith("Repeat ") for one in data.asks)


def test_better_is_not_good_while_targets_are_missed():
    """A green BETTER stood above the sentence that no target was met."""
    result = MetricResult(0.5, 0.4, 0.6, 50)
    rose = Movement("2026-W45", "hate", "Hate", "recall", 0.4, result, 0.1, 0.01, True, "chart", "")
    missed, before = Finding("harm", "target_missed", "main", "hate", "Hate"), Before("2026-W44")
    assert verdict_word([rose], [missed], (), before) == ("BETTER, BELOW TARGET", "open")
    assert verdict_word([rose], [], (), before) == ("BETTER", "good")
    words = verdict_word([rose], [], (), before, is_below_in_production=True)
    assert words == ("BETTER, BELOW TARGET IN PRODUCTION", "open")


def test_many_movements_begin_with_one_sentence():
    """Fifteen sentences of figures in a row told nobody whether the week was good."""
    result = MetricResult(0.5, 0.4, 0.6, 50)

    def moved(metric, difference):
        return Movement("2026-W45", "hate", "Hate", metric, 0.5, result, difference, 0.01, difference > 0, "chart", "")

    rose = [moved("recall", 0.1)] * 6 + [moved("precision", 0.1)] * 9
    assert summary_sentence(rose) == ("15 figures moved: recall rose in 6 categories; precision rose in 9 categories.")
    assert summary_sentence([moved("recall", -0.1), *rose]) == (
        "16 figures moved: recall fell in 1 category and rose in 6 categories; precision rose in 9 categories."
    )
