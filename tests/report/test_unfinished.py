"""Reports of runs that stopped early or broke: nobody may take their numbers for a result."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from openpyxl import load_workbook
from stored import store_run
from synthetic import left_out_note, rescored, synthetic_source, with_notes

from harness.cli.plot import command as plot_command
from harness.cli.report import command as report_command
from harness.core.results import MetricResult
from harness.gating.findings import PairEvidence, decide, pair_findings
from harness.gating.findings.pair import About, CheckFact, TargetFact
from harness.report.comparison.build import build_report
from harness.report.comparison.source import OUTCOME_NAMES
from harness.report.parts.banner import run_banner
from harness.report.parts.decision_words import decision_sentence, decision_word, screen
from harness.report.parts.words import failed_counts, outcome_words, plural, sentence
from harness.runs import open_run

UNDEFINED = MetricResult.undefined("no violating items")
INCOMPLETE = {"status": "incomplete", "reason": "the budget of $0.10 is spent"}


def built(source):
    return build_report(source, generated_at="2026-11-23 09:30 UTC", version="0.1.0")


def stored(folder, *, n_candidates=2, counts=None, **meta):
    """A stored run whose record says something else than complete."""
    source = synthetic_source(60, 3, n_candidates)
    wanted = counts or meta.pop("counts", None)
    for arm in source.arms if wanted else ():
        names = [name for name, n in wanted.items() for _ in range(n)]
        arm.outcomes[:] = [OUTCOME_NAMES.index(name) for name in names]
        arm.decisions[arm.outcomes != 0] = -1
    run = store_run(source, folder / "runs")
    path = run / "run.json"
    content = json.loads(path.read_text(encoding="utf-8")) | meta
    path.write_text(json.dumps(content), encoding="utf-8")
    return run


def invoke(command, *arguments):
    done = CliRunner().invoke(command, [str(one) for one in arguments], env={"CI": ""})
    assert done.exit_code == 0, done.output
    return done


def first_cells(path):
    sheet = load_workbook(path).worksheets[0]
    return [str(cell.value) for row in sheet.iter_rows(max_row=5) for cell in row if cell.value is not None]


@pytest.mark.parametrize(
    ("meta", "word", "says"),
    [
        (INCOMPLETE, "INCOMPLETE", " items have an answer; v2: "),
        (
            INCOMPLETE | {"counts": {"ok": 20, "error": 2, "not_asked": 38}},
            "INCOMPLETE",
            "v1: 22 of 60 items were asked, 2 of them without an answer",
        ),
        (
            {"status": "invalid", "max_error_rate": 0.05, "counts": {"ok": 40, "error": 20}},
            "INVALID",
            "20 of 60 rows of v1 have no answer; 20 of 60 rows of v2 have no answer. More than 5.0% is allowed",
        ),
        (
            {"status": "invalid", "counts": {"blocked": 40, "unparsed": 20}},
            "INVALID",
            "Not one of 60 answers of v1 can be used: 20 unparsed, 40 blocked",
        ),
    ],
    ids=["incomplete", "not asked", "invalid", "unusable"],
)
def test_every_format_begins_with_what_is_wrong(tmp_path, meta, word, says):
    """The report of a stopped run once said nothing but "a on 2,000 items: no baseline was given"."""
    run = stored(tmp_path, **meta)
    out = tmp_path / "out"
    done = invoke(report_command, run, "--format", "html,md,xlsx,json", "--out", out)
    assert done.stderr.startswith(f"{word}: ")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f"<title>{word}: " in page
    top = page.split('<div class="bar-top">')[0].split("</style>")[1]
    assert f"<strong>{word}</strong>" in top
    assert says in top
    assert "asks again only for what is missing" in top
    markdown = (out / "report.md").read_text(encoding="utf-8")
    assert markdown.startswith(f"> **⚠ {word}.** ")
    cells = first_cells(out / "report.xlsx")
    assert cells[0].startswith(f"{word}: ")
    assert any(says in one for one in cells)
    document = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert next(iter(document)) == "banners"
    assert document["banners"][0]["word"] == word
    assert says in document["banners"][0]["sentence"]


def test_one_candidate_of_a_stopped_run_gets_no_verdict(tmp_path):
    run = stored(tmp_path, n_candidates=1, counts={"ok": 22, "not_asked": 38}, **INCOMPLETE)
    out = tmp_path / "out"
    invoke(report_command, run, "--format", "json", "--out", out)
    document = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert document["verdict"]["word"] == "NO VERDICT"
    assert document["banners"][0]["sentence"].startswith(
        "22 of 60 items were asked (run community-0123456789ab). It stopped: The budget of $0.10 is spent."
    )


def test_a_complete_run_has_no_banner(tmp_path):
    run = open_run(str(stored(tmp_path)), tmp_path)
    assert run_banner(run.meta, run.candidates, "") is None


def test_a_plot_of_a_stopped_run_says_so(tmp_path):
    whole, stopped = stored(tmp_path / "a"), stored(tmp_path / "b", **INCOMPLETE)
    for name, run in (("whole", whole), ("stopped", stopped)):
        done = invoke(plot_command, run, "--out", tmp_path / f"{name}.svg")
        assert done.stderr.startswith("INCOMPLETE: ") == (name == "stopped")
    assert (tmp_path / "stopped.svg").read_bytes() != (tmp_path / "whole.svg").read_bytes()


@pytest.mark.parametrize(("name", "options"), [("x.pdf", ()), ("x", ()), ("x.png", ("--format", "svg"))])
def test_plot_refuses_a_name_that_promises_another_format(tmp_path, name, options):
    """``--out x.pdf`` once wrote a PNG under that name."""
    out = tmp_path / name
    done = CliRunner().invoke(plot_command, [str(stored(tmp_path)), "--out", str(out), *options])
    assert done.exit_code == 2
    assert "allowed: .svg" in done.output if options else "allowed: .png, .svg" in done.output
    assert not out.exists()


def test_rows_never_asked_did_not_fail():
    assert failed_counts({"ok": 3, "unparsed": 1, "withheld": 1, "not_asked": 9}) == {"unparsed": 1}
    assert outcome_words("not_asked") == "not asked"


def test_notes_are_sentences():
    source = synthetic_source(60, 3, 2)
    source = with_notes(source, lambda name: left_out_note("spam", name))
    assert "Left out of the gate: spam (v2 makes no calls)." in built(source).verdict.notes
    assert sentence("Ready!") == "Ready!"
    assert (plural(1, "item"), plural(2, "category", "categories")) == ("1 item", "2 categories")


def test_the_headline_says_how_little_could_be_judged():
    """A PASS over one check of seven once read like a PASS over seven."""
    checks = tuple(
        CheckFact(f"c{index}", "recall", "guarded", "NOT_EVALUABLE", 0.05, "margin", UNDEFINED, None)
        for index in range(6)
    )
    decision = decide("v2", "v1", pair_findings(PairEvidence("v1", "v2", {}, checks=checks)), "PASS")
    assert decision_word(decision) == ("PASS, IN PART", "open")
    assert decision_sentence(decision) == (
        "v2 may replace v1 as far as could be judged: 6 checks could not be evaluated; the others pass."
    )


def test_a_figure_of_two_checks_is_named_once():
    """The margin and the floor of one recall once read "recall of Misogyny and recall of Misogyny"."""
    about = {"misogyny": About("Misogyny"), "hate": About("Hate")}

    def judged(*asked, verdict, targets=()):
        checks = tuple(
            CheckFact(category, "recall", "guarded", verdict, limit, kind, UNDEFINED, None)
            for category, kind, limit in asked
        )
        return decide("v2", "v1", pair_findings(PairEvidence("v1", "v2", about, checks=checks, targets=targets)), None)

    both = (("misogyny", "margin", 0.05), ("misogyny", "floor", 0.7))
    (_, said), *_ = screen(judged(*both, ("hate", "floor", 0.7), verdict="NOT_EVALUABLE"))
    assert said == [
        "3 checks of the gate could not be evaluated: recall of Hate and recall of Misogyny (margin and floor)."
    ]
    (_, said), *_ = screen(judged(("hate", "floor", 0.7), ("hate", "margin", 0.05), *both, verdict="INCONCLUSIVE"))
    assert said[-1] == "And 2 more: recall of Misogyny."
    target = TargetFact("misogyny", "recall", 0.85, "open", MetricResult(0.82, 0.7, 0.9, 133), 0.88)
    asked = (("hate", "floor", 0.7), ("hate", "margin", 0.05), both[0])
    (_, said), *_ = screen(judged(*asked, verdict="INCONCLUSIVE", targets=(target,)))
    assert said[-1] == "And 2 more: recall of Misogyny and target of recall of Misogyny."
    assert decision_sentence(judged(*both, verdict="REGRESSION")).endswith(": recall of Misogyny is worse.")


def test_every_candidate_has_its_own_verdict():
    """Several candidates once stood under the verdict of the first."""
    source = synthetic_source(120, 4, 4)
    verdict = built(source).verdict
    assert [one.candidate for one in verdict.lines] == ["v2", "v3", "v4"]
    words = [source.gates[one.candidate].verdict for one in verdict.lines]
    for line, word in zip(verdict.lines, words, strict=True):
        assert line.word.startswith(word.replace("_", " "))
        assert line.candidate in line.sentence


def test_items_without_a_decision_are_counted_in_the_head():
    """A file of decisions on a sample makes a complete run; its report once spoke of all items."""
    source = synthetic_source(60, 3, 1)
    arm = source.arms[0]
    arm.outcomes[20:] = OUTCOME_NAMES.index("not_asked")
    arm.decisions[20:] = -1
    source = rescored(source, "v1", outcomes={"ok": 20, "not_asked": 40})
    assert "v1 was never asked about 40 of 60 items: these are left out." in built(source).verdict.notes
