import pytest

from harness.core.noninferiority import noninferiority_test
from harness.errors import HarnessError
from harness.gating.checks import FAILURE_MIN_ITEMS, gate_of, is_implied, resolve_checks
from harness.records import Check, Eval


def line(category, metric, *, margin=None, floor=None, tier="guarded"):
    return Check(category, metric, tier, margin, floor)


def asked(lines, n_items=1000):
    specs = resolve_checks(lines, ("hate", "spam"), n_items)
    return [(one.category, one.metric, one.kind, one.limit, one.tier) for one in specs if one.metric != "failure_rate"]


def test_star_stands_for_every_category():
    assert asked([line("*", "recall", margin=0.05)]) == [
        ("hate", "recall", "margin", 0.05, "guarded"),
        ("spam", "recall", "margin", 0.05, "guarded"),
    ]


def test_later_line_replaces_an_earlier_one_for_the_same_category_and_metric():
    lines = [line("*", "recall", margin=0.05), line("hate", "recall", margin=0.02, tier="critical")]
    assert asked(lines) == [
        ("hate", "recall", "margin", 0.02, "critical"),
        ("spam", "recall", "margin", 0.05, "guarded"),
    ]


def test_a_later_star_replaces_an_earlier_name():
    lines = [line("hate", "recall", margin=0.02, tier="critical"), line("*", "recall", margin=0.05, tier="watch")]
    assert asked(lines)[0] == ("hate", "recall", "margin", 0.05, "watch")


def test_margin_and_floor_of_one_category_stand_side_by_side():
    lines = [line("hate", "recall", margin=0.02, tier="critical"), line("hate", "recall", floor=0.85, tier="watch")]
    assert [one[2:] for one in asked(lines)] == [("margin", 0.02, "critical"), ("floor", 0.85, "watch")]


@pytest.mark.parametrize(("n_items", "tier"), [(597, "watch"), (598, "guarded")])
def test_failure_rate_is_always_gated_once_the_set_can_prove_it(n_items, tier):
    specs = resolve_checks([line("*", "recall", margin=0.05)], ("hate",), n_items)
    (check,) = [one for one in specs if one.metric == "failure_rate"]
    assert (check.category, check.limit, check.tier) == ("*", 0.005, tier)
    assert is_implied(check, [line("*", "recall", margin=0.05)])


def test_the_fewest_items_for_the_failure_rate_are_those_of_the_exact_test():
    assert (
        noninferiority_test(0, 0, FAILURE_MIN_ITEMS, 0.005)
        <= 0.05
        < noninferiority_test(0, 0, FAILURE_MIN_ITEMS - 1, 0.005)
    )


def test_star_of_the_failure_rate_is_one_check_over_all_items():
    specs = resolve_checks([line("*", "failure_rate", margin=0.01, tier="critical")], ("hate", "spam"), 100)
    assert [(one.category, one.tier) for one in specs] == [("*", "critical")]


def test_unknown_category_is_named():
    with pytest.raises(HarnessError, match=r"names 'hat'[\s\S]*\* or hate, spam"):
        asked([line("hat", "recall", margin=0.05)])


def test_an_eval_without_a_gate_says_what_to_add():
    with pytest.raises(HarnessError, match=r"eval 'demo' has no gate[\s\S]*add for example"):
        gate_of(Eval("demo", "", "", {}))
