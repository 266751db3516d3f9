import numpy as np
import pytest
from msgspec import structs

from harness.measure.decisions import FAILURE_READINGS, decisions, outcome_counts
from tests.fakes import FakeRun, column, rows_of

OUTCOMES = ["ok", "ok", "unparsed", "refused", "error", "withheld"]
GOLD = column([1, 0, 1, 1, 1, 1])
DECIDED = column([1, 0, -1, -1, -1, -1])


def run_with(on_failure="no_flag"):
    run = FakeRun(GOLD, {"a": rows_of(DECIDED, OUTCOMES)})
    run.meta.eval = structs.replace(run.meta.eval, on_failure=on_failure)
    return run


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("no_flag", [1, 0, 0, 0, -1, -1]),
        ("review", [1, 0, 0, 0, -1, -1]),
        ("flag", [1, 0, 1, 1, -1, -1]),
        ("all_wrong", [1, 0, 0, 0, -1, -1]),
        ("dropped", [1, 0, -1, -1, -1, -1]),
    ],
)
def test_failed_rows_take_the_named_fallback_and_errors_are_missing_pairs(policy, expected):
    assert (
        reading(run_with(policy if policy in {"no_flag", "flag", "review"} else "no_flag"), policy)
        .y_pred[:, 0, 0]
        .tolist()
        == expected
    )


def reading(run, name):
    read = decisions(run, "a")
    return read.under(name) if name in FAILURE_READINGS else read


def test_the_declared_fallback_is_the_default():
    assert decisions(run_with("flag"), "a").y_pred[:, 0, 0].tolist() == [1, 0, 1, 1, -1, -1]


def test_wrong_is_the_opposite_of_gold_and_missing_without_gold():
    run = FakeRun(
        column([1, 0, -1, 1]), {"a": rows_of(column([-1, -1, -1, 1]), ["refused", "refused", "refused", "ok"])}
    )
    assert reading(run, "all_wrong").y_pred[:, 0, 0].tolist() == [0, 1, -1, 1]


def test_a_partial_answer_takes_the_fallback_only_where_it_is_partial():
    gold, decided = np.array([[1, 1], [0, 1]], np.int8), np.array([[1, -1], [0, 1]], np.int8)
    run = FakeRun(gold, {"a": rows_of(decided)})
    run.meta.eval = structs.replace(run.meta.eval, on_failure="flag")
    read = decisions(run, "a")
    assert read.y_pred[:, 0].tolist() == [[1, 1], [0, 1]]
    assert read.n_fallback == 1


def test_a_category_never_decided_is_not_covered_and_never_a_no():
    gold, decided = np.array([[1, 1], [0, 1]], np.int8), np.array([[1, -1], [0, -1]], np.int8)
    read = decisions(FakeRun(gold, {"a": rows_of(decided)}), "a")
    assert read.is_covered.tolist() == [True, False]
    assert (read.y_pred[:, :, 1] == -1).all()


def test_a_candidate_that_only_ever_refuses_takes_the_fallback_everywhere():
    run = FakeRun(column([1, 0]), {"a": rows_of(column([-1, -1]), ["refused", "refused"])})
    run.meta.fingerprints["a"] = {"categories": ["c0"]}
    assert decisions(run, "a").y_pred[:, 0, 0].tolist() == [0, 0]


def test_outcomes_add_up_to_the_rows():
    counts = outcome_counts(rows_of(DECIDED, OUTCOMES))
    assert counts == {"ok": 2, "unparsed": 1, "refused": 1, "blocked": 0, "abstained": 0, "error": 1, "withheld": 1}
    assert outcome_counts(rows_of(column([1, -1]), ["ok", "not_asked"]))["not_asked"] == 1


def test_a_row_that_was_never_asked_is_a_missing_pair_under_every_policy():
    run = FakeRun(column([1, 1]), {"a": rows_of(column([1, -1]), ["ok", "not_asked"])})
    for policy in ("no_flag", "flag", "review"):
        run.meta.eval = structs.replace(run.meta.eval, on_failure=policy)
        assert decisions(run, "a").y_pred[:, 0, 0].tolist() == [1, -1]
    for other in ("all_wrong", "dropped"):
        assert reading(run, other).y_pred[:, 0, 0].tolist() == [1, -1]
