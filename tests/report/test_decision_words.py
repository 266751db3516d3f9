"""What the first screen says of a result that is invalid, and of harm that lies in one place."""

import dataclasses
import math

import numpy as np
import pytest
from stored import store_run
from synthetic import synthetic_source

from harness.core.results import MetricResult
from harness.gating import gate_runs
from harness.gating.findings import pair_findings
from harness.gating.findings.pair import About, Cell, MissingFact, PairEvidence
from harness.gating.findings.records import Evidence, Finding
from harness.gating.findings.verdict import decide
from harness.report.comparison.source import OUTCOME_NAMES
from harness.report.parts.decision_words import decision_sentence, screen
from harness.runs import open_run


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (
            MissingFact(120, 600, verdicts=("PASS", "REGRESSION")),
            "120 of 600 items have no answer of one side: counted against v2, PASS becomes REGRESSION.",
        ),
        (
            MissingFact(90, 600, most=0.05),
            "90 of 600 items have no answer of one side, more than the 5% that the eval allows.",
        ),
        (
            MissingFact(90, 600, who="v1", most=0.05),
            "90 of 600 answers of v1 are missing, more than the 5% that the eval allows.",
        ),
    ],
)
def test_an_invalid_result_says_why_and_promises_no_gain(missing, said):
    """The first screen said INVALID, a gain, and nothing of the answers that were missing."""
    rose = [MetricResult(value, value - 0.01, value + 0.01, 500) for value in (0.7, 0.9, 0.2)]
    gain = Cell("hate", "recall", *rose, p_value=1e-9, p_holm=1e-9)
    found = pair_findings(PairEvidence("v1", "v2", {"hate": About("Hate")}, (gain,), missing=(missing,)))
    assert any(one.kind == "gain" for one in found)
    parts = screen(decide("v2", "v1", found, "INVALID"))
    assert parts == [
        ("Invalid", [said]),
        ("Next step", ["Engineering looks at why answers are missing, and completes them."]),
    ]


def test_a_gate_of_stored_rows_tells_the_missing_ones(tmp_path):
    source = synthetic_source(300, 3, 2)
    before, after = source.arms
    right = np.where(source.y_true < 0, 0, source.y_true)
    outcomes, decisions = np.zeros_like(after.outcomes), right.copy()
    outcomes[::3], decisions[::3] = OUTCOME_NAMES.index("not_asked"), -1
    arms = (
        dataclasses.replace(before, outcomes=np.zeros_like(before.outcomes), decisions=right),
        dataclasses.replace(after, outcomes=outcomes, decisions=decisions, scores=None),
    )
    path = store_run(dataclasses.replace(source, arms=arms), tmp_path / "runs")
    run = open_run(str(path), tmp_path)
    told = gate_runs(run[after.id], run[before.id]).findings[0]
    assert (told.kind, told.fact, told.evidence.n) == ("invalid", "missing_pairs", 100)


def undefined(reason):
    return MetricResult(math.nan, math.nan, math.nan, 0, 0, reason)


def test_a_gain_where_no_item_can_be_flagged_wrongly_is_no_reason_to_roll_out():
    """A candidate that flags everything was to be rolled out, where every item of the set violates."""
    rose = [MetricResult(value, value - 0.01, value + 0.01, 500) for value in (0.5, 1.0, 0.5)]
    nothing = undefined("no non-violating items")
    cells = (
        Cell("hate", "recall", *rose, p_value=1e-9, p_holm=1e-9),
        Cell("hate", "fpr", nothing, nothing, nothing, p_value=math.nan, p_holm=math.nan),
    )
    found = decide("v2", "v1", pair_findings(PairEvidence("v1", "v2", {"hate": About("Hate")}, cells)))
    parts = dict(screen(found))
    assert found.answer == "better"
    assert parts["Cannot be told"] == [
        "Whether over-blocking moved in 1 category (Hate): it is not defined there (no non-violating items)."
    ]
    assert parts["Next step"] == ["Label more items for over-blocking of Hate (no owner named in the policy)."]


def test_what_is_not_defined_has_no_interval():
    """ "The intervals hold losses and gains of more than 2 points" stood beside n/a."""
    nothing = undefined("no violating items")
    cell = Cell("hate", "recall", nothing, nothing, nothing, p_value=math.nan, p_holm=math.nan)
    found = pair_findings(PairEvidence("v1", "v2", {"hate": About("Hate")}, (cell,)))
    assert dict(screen(decide("v2", "v1", found)))["Cannot be told"] == [
        "Whether recall moved in 1 category (Hate): it is not defined there (no violating items)."
    ]


@pytest.mark.parametrize(
    ("outcomes", "whose"),
    [({"error": 9}, "It has no figures."), ({"error": 5, "unparsed": 4}, "Every figure of it is the fallback’s")],
)
def test_errors_alone_leave_no_figure_of_the_fallback(outcomes, whose):
    found = pair_findings(PairEvidence("v1", "v2", {}, outcomes=outcomes, decides=False))
    assert whose in dict(screen(decide("v2", "v1", found)))["Invalid"][0]


def test_harm_in_one_language_is_told_of_that_language():
    """ "Recall of Hate in language ar, recall of Spam in language ar [...] and 2 more, 2 in language ar, are worse"."""
    names = ("Threats", "Hate", "Scams", "Spam", "")
    fell = Evidence("likely", 0.001, 0.01)
    harms = [
        Finding("harm", "moved", "v2", name or None, name, ("language", "ar"), "recall", evidence=fell)
        for name in names
    ]
    said = decision_sentence(decide("v2", "v1", harms, "INCONCLUSIVE"))
    assert said.endswith("and recall in language ar (Threats, Hate, Scams and 2 more) is likely worse.")
    elsewhere = dataclasses.replace(harms[1], slice=("language", "fr"))
    said = decision_sentence(decide("v2", "v1", [harms[0], elsewhere], "INCONCLUSIVE"))
    assert said.endswith("recall of Threats in language ar and recall of Hate in language fr are likely worse.")
