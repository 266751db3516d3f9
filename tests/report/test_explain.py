from __future__ import annotations

import re
from importlib import resources

import pytest
from click.testing import CliRunner

from harness.cli.explain import command
from harness.core.averages import AVERAGED_METRICS
from harness.core.metric_table import metrics_on
from harness.core.metrics import METRICS
from harness.core.paired import PAIRED_METRICS
from harness.errors import HarnessError
from harness.measure.score import RECALL_AT
from harness.records.answers import OUTCOMES
from harness.report.explain import HEADER, page, pages
from harness.report.scores import COLUMNS, SCORE_COLUMNS

TOPICS = [
    "gate", "verdicts", "tiers", "margin", "recall", "precision", "fpr", "f1", "average_precision", "auroc", "brier",
    "macro", "micro", "intervals", "outcomes", "failures", "prevalence", "clusters", "repeats", "sequential", "reuse",
    "signature", "comparison", "holm",
]  # fmt: skip
GATED = metrics_on("gate")
PRINTED = sorted(
    {
        *METRICS, *AVERAGED_METRICS, *PAIRED_METRICS, *COLUMNS, *SCORE_COLUMNS, *GATED, *OUTCOMES, "withheld",
        "not_asked",
        "precision_at_prevalence", RECALL_AT, "any_violation", "macro average", "micro average", "flip_rate",
        "noise_floor", "p_non_inferior", "p_worse", "p_worse_holm", "p_holm", "items_needed", "on_failure", "all_wrong",
        "dropped", "critical", "guarded", "watch", "PASS", "REGRESSION", "INCONCLUSIVE", "NOT_EVALUABLE", "INVALID",
    }
)  # fmt: skip


@pytest.mark.parametrize("name", PRINTED)
def test_every_name_a_command_prints_has_a_page(name):
    assert page(name).body


@pytest.mark.parametrize("topic", TOPICS)
def test_every_promised_topic_has_its_own_page(topic):
    assert page(topic).topic == topic


@pytest.mark.parametrize("one", pages(), ids=lambda one: one.topic)
def test_page_says_it_plainly_before_formula_and_source(one):
    headings = re.findall(r"^## (.+)$", one.body, re.MULTILINE)
    assert headings == ["Formula", "Source"]
    assert len(one.body.split("## Formula")[0].split()) >= 40
    assert one.summary.endswith(".")


@pytest.mark.parametrize("one", pages(), ids=lambda one: one.topic)
def test_page_points_only_at_pages_that_exist(one):
    for listed in re.findall(r"See\s+also:\s+([^.]+)\.", one.body):
        for name in listed.split(","):
            assert page(name).topic == name.strip()


def test_header_has_the_three_lines_only():
    folder = resources.files("harness.report.explain")
    for one in pages():
        lines = (folder / f"{one.topic}.md").read_text(encoding="utf-8").splitlines()
        assert tuple(line.split(":")[0] for line in lines[:3]) == HEADER
        assert lines[3] == ""


def test_no_two_pages_claim_one_name():
    names = [name for one in pages() for name in {one.topic, *one.also}]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("spelling", ["F1", " f1 ", "Average Precision", "over-blocking", "False positive rate"])
def test_topic_is_found_under_other_spellings(spelling):
    assert page(spelling).topic in {"f1", "average_precision", "fpr"}


def test_unknown_topic_names_the_nearest():
    with pytest.raises(HarnessError, match=r"no page about 'recal'[\s\S]*did you mean 'recall'"):
        page("recal")


def test_command_lists_and_prints():
    listed = CliRunner().invoke(command, [])
    assert listed.exit_code == 0
    names = [line.split()[0] for line in listed.stdout.splitlines()[:-2]]
    assert [name for name in names if name != "formats"] == [one.topic for one in pages()]
    assert "formats" in names
    printed = CliRunner().invoke(command, ["gate"])
    assert printed.stdout.startswith("The rollout gate\n================\n")
    assert CliRunner().invoke(command, ["gate", "--json"]).stdout.startswith('{\n  "topic": "gate"')
