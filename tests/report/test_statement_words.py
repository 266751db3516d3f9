"""Every statement of a gate has words, and no words are left without a statement."""

import json
from string import Formatter
from typing import get_args

import pytest

from harness.core.checks import CheckSpec
from harness.core.gate import POOLED
from harness.core.statements import Statement, StatementKind
from harness.report.gate import statement_words
from harness.report.gate.statement_words import said, statements_text

HATE = CheckSpec("hate", "recall", "critical", margin=0.05)
FLOOR = CheckSpec("hate", "recall", "watch", floor=0.8)
TOGETHER = CheckSpec(POOLED, "failure_rate", "guarded", margin=0.05)
ALL = CheckSpec("*", "failure_rate", "guarded", margin=0.005)
LOOK = {"look": 2, "looks": 5}
MUST = {"n": 9, "missed": [], "unknown": [], "not_in_run": 0}
WRITTEN = [
    (Statement("regressed", (HATE, ALL)), "worse: hate recall, all items failure rate"),
    (Statement("regressed", (HATE,), LOOK), "worse: hate recall (sequential, look 2 of 5)"),
    (Statement("not_proven", (FLOOR, TOGETHER)),
     "not proven: hate recall floor, guarded categories together, failure rate"),
    (Statement("every_check_passes", (TOGETHER, HATE), {"n_critical": 2}),
     "every gated check passes (2 critical, guarded categories together: PASS, hate recall: PASS)"),
    (Statement("every_check_passes", (), LOOK), "every gated check passes (sequential, look 2 of 5)"),
    (Statement("not_evaluated", (HATE, ALL), {"n": 7, "whole_categories": ["hate"]}),
     "2 of 7 gated checks could not be evaluated: hate, all items failure rate"),
    (Statement("not_evaluated", (HATE,), {"n": 1, "whole_categories": []}),
     "1 of 1 gated check could not be evaluated: hate recall"),
    (Statement("not_evaluable", facts={"reason": "no violating items"}), "no violating items"),
    (Statement("not_evaluable", (HATE,), {"reason": "no violating items"}),
     "hate recall could not be evaluated: no violating items"),
    (Statement("decides_alike", facts={"n": 35, "unit": "violating items", "excluded_loss": 0.082}),
     "decides every item alike; with 35 violating items this set can only exclude a loss above 8 points"),
    (Statement("must_catch", facts=MUST), "all 9 must-catch items caught"),
    (Statement("must_catch_not_proven", facts={**MUST, "unknown": ["a", "b"], "not_in_run": 3}),
     "not proven: 2 of 9 must-catch items without an answer: a, b; 3 of 9 must-catch items are not in this run"),
    (Statement("left_out", (ALL,), {"because": "makes_no_calls", "baseline": "v1", "candidate": "r"}),
     "left out of the gate: all items failure rate (r makes no calls)"),
    (Statement("gated_before",
               facts={"candidate": "v2", "run_id": "r1", "n_items": 90, "verdict": "PASS", "is_sequential": True}),
     "'v2' was gated before: sequential run r1, 90 items, PASS"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "words"), WRITTEN, ids=lambda one: getattr(one, "kind", None))
def test_a_statement_reads_as_a_phrase(statement, words):
    assert said(statement) == words


def test_each_kind_has_words_and_each_wording_a_kind():
    assert set(statement_words._WORDS) == set(get_args(StatementKind))


def test_braces_in_a_name_are_no_template():
    odd = "{candidate.__class__} {0}"
    facts = {"because": "makes_no_calls", "baseline": "v1", "candidate": odd}
    assert odd in said(Statement("left_out", (HATE,), facts))
    assert odd in said(Statement("run_stopped", facts={"n_missing": 1, "n": 2, "candidate": odd, "run_id": "r"}))


def test_a_template_asks_for_names_alone():
    for words in statement_words._WORDS.values():
        if isinstance(words, str):
            assert all(name is None or name.isidentifier() for _, name, _, _ in Formatter().parse(words))


def test_statements_are_plain_data_and_several_are_one_sentence():
    both = [
        Statement("regressed", (HATE,)),
        Statement("other_reading", facts={"verdict": "PASS", "reading": "dropped"}),
    ]
    assert statements_text(both) == "worse: hate recall; PASS under 'dropped'"
    assert json.loads(json.dumps([one.as_dict() for one in both]))[0] == {
        "kind": "regressed",
        "checks": [{"category": "hate", "metric": "recall", "margin": 0.05}],
        "facts": {},
    }
