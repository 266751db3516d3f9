"""A gate's report that another process takes over says the same, word for word; reading it runs nothing."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from harness.core.statements import Statement
from harness.gating import gate_runs
from harness.gating.log import Reuse
from harness.gating.passing_on import packed, unpacked
from harness.report.gate.annotations import annotation_lines
from harness.report.gate.comment import comment_markdown
from harness.report.gate.document import gate_document
from harness.report.gate.junit import junit_xml
from harness.report.gate.statement_words import headline_of, reason_of
from tests.gating.stored import decided, store_run

GOLD = np.array([1] * 300 + [0] * 300)


def report_of(folder, gold=GOLD, *, missed=0, **options):
    run = store_run(folder, gold, {"v1": decided(gold), "v2": decided(gold, missed=missed)}, **options)
    return gate_runs(run["v2"], run["v1"], n_resamples=200)


REPORTS = {
    "pass": lambda folder: report_of(folder),
    "regression": lambda folder: report_of(folder, missed=60),
    "too few items": lambda folder: report_of(folder, GOLD[290:310], missed=1),
    "nothing to evaluate": lambda folder: report_of(folder, np.zeros(100)),
    "invalid": lambda folder: report_of(folder, outcomes={"v2": np.array(["error"] * 60 + ["ok"] * 540)}),
    "must-catch": lambda folder: report_of(folder, missed=1, must_catch=[at in (0, 7) for at in range(600)]),
    "reused": lambda folder: replace(
        report_of(folder),
        reuse=Reuse(4, "g.jsonl"),
        notes=(Statement("second_look", facts={"alpha": np.float64(0.025)}),),
    ),
}


@pytest.mark.parametrize("name", REPORTS)
def test_it_says_the_same_on_the_other_side(tmp_path, name):
    report = REPORTS[name](tmp_path)
    back = unpacked(packed(report))
    assert not isinstance(back, str)
    for words in (gate_document, annotation_lines, comment_markdown, junit_xml, headline_of, reason_of):
        assert repr(words(back)) == repr(words(report)), words.__name__
    statuses = [(one.name, report.status_of(one)) for one in report.all_checks]
    assert [(one.name, back.status_of(one)) for one in back.all_checks] == statuses
    assert (back.exit_code, back.has_gaps, back.power) == (report.exit_code, report.has_gaps, report.power)


def test_why_there_is_none_travels_too():
    assert unpacked(packed("evals/x.yaml:3: \ud800 is missing")) == "evals/x.yaml:3: \ud800 is missing"


def test_ids_that_no_encoding_takes(tmp_path):
    report = report_of(tmp_path, missed=60)
    flips = {"hate": replace(report.flips["hate"], broken=("\ud800", "\x00", "ünï", "1e5"))}
    back = unpacked(packed(replace(report, flips=flips)))
    assert back.flips == flips


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"verdict": "PASS"}', pickle.dumps("x").decode("latin-1")])
def test_what_is_no_report_is_refused(content):
    with pytest.raises(ValueError):  # noqa: PT011
        unpacked(content)
