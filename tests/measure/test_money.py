"""What answers cost, per item and per caught violation."""

from dataclasses import replace

import numpy as np
import pytest
from fakes import FakeRun, rows_of

from harness.measure.compare import compare
from harness.measure.score import score_candidate
from harness.report.scores import cost_line

GOLD = np.array([[1, 0], [1, 1], [0, 1], [0, 0], [1, 0]], dtype=np.int8)
PRED = [[1, 0], [0, 1], [0, 0], [1, 0], [1, 0]]  # catches items 0, 1 (by its second category) and 4


def run_of(rows):
    return FakeRun(GOLD, {"v1": rows})


def test_cost_is_divided_by_answers_and_by_caught_items():
    """By hand: 5 rows at $0.002 are $0.01; 3 of them catch a violation; $0.01 / 3 and $2 per 1,000."""
    money = score_candidate(run_of(rows_of(PRED, cost_usd=0.002)), "v1").money
    assert (money.n_caught, money.n_unknown) == (3, 0)
    assert money.cost_usd == pytest.approx(0.01)
    assert money.per_1000_usd == pytest.approx(2.0)
    assert money.per_caught_usd == pytest.approx(0.01 / 3)


def test_rows_of_unknown_price_enter_neither_sum_nor_divisor():
    cost = np.full((5, 1), 0.002)
    cost[0, 0] = np.nan
    rows = replace(rows_of(PRED), cost_usd=cost)
    money = score_candidate(run_of(rows), "v1").money
    assert (money.n_caught, money.n_unknown) == (2, 1)
    assert money.per_1000_usd == pytest.approx(2.0)
    assert money.per_caught_usd == pytest.approx(0.004)


def test_rows_decided_without_asking_count_at_no_cost():
    """A cascade whose first stage decides most items is that much cheaper per item."""
    unasked = np.array([[np.nan]] * 4 + [[0.002]])
    rows = replace(rows_of(PRED), cost_usd=unasked, latency_ms=5_000 * unasked)
    money = score_candidate(run_of(rows), "v1").money
    assert money.n_unknown == 0
    assert money.per_1000_usd == pytest.approx(1000 * 0.002 / 5)


def test_rows_without_an_answer_are_no_divisor():
    outcomes = [["ok"], ["unparsed"], ["error"], ["not_asked"], ["rejected"]]
    money = score_candidate(run_of(rows_of(PRED, outcomes, cost_usd=0.002)), "v1").money
    assert money.per_1000_usd == pytest.approx(1000 * 0.01 / 2)


def test_nothing_priced_is_unknown_and_not_0():
    scored = score_candidate(run_of(rows_of(PRED, cost_usd=np.nan)), "v1")
    assert (scored.money.cost_usd, scored.money.per_1000_usd, scored.money.per_caught_usd) == (None, None, None)
    assert "list price unknown: no price in models.yaml" in cost_line(scored)
    assert "$0" not in cost_line(scored)
    silent = {name: np.zeros((5, 1), dtype=int) for name in ("input_tokens", "cached_tokens", "output_tokens")}
    scored = score_candidate(run_of(replace(rows_of(PRED, cost_usd=np.nan), tokens=silent)), "v1")
    assert scored.money.n_unknown == 5
    assert cost_line(scored).endswith("list price unknown: no answer says what it used")


def test_the_line_of_a_score_names_all_of_it():
    tokens = {
        name: np.full((5, 1), n) for name, n in (("input_tokens", 100), ("cached_tokens", 80), ("output_tokens", 1))
    }
    rows = replace(rows_of(PRED, cost_usd=0.002), tokens=tokens)
    line = cost_line(score_candidate(run_of(rows), "v1"))
    assert "80.0% of the input from the provider's prompt cache" in line
    assert "$2.00 per 1,000 answered items; $0.0033 per caught violation (3 in this set)" in line


def test_a_comparison_holds_both_sides():
    run = FakeRun(GOLD, {"v1": rows_of(PRED, cost_usd=0.002), "v2": rows_of(PRED, cost_usd=0.004)})
    money = compare(run["v1"], run["v2"]).as_dict()["money"]
    assert money["candidate"]["per_1000_usd"] == pytest.approx(2 * money["baseline"]["per_1000_usd"])
