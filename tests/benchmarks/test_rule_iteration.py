"""Two versions of a rule set on real data: one written from the policy, one improved on dev, gated on the rest.

The items stay where they are; the rule sets beside this file are the harness's own. The second versions were written
after looking at the dev part alone (`split: {dev: 0.5, by: item, seed: 7}`).
"""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from public_sets import PUBLIC_SETS, write_dataset

from harness.cli import main

RULES = Path(__file__).parent / "rule_iteration"
SETS = {
    "spam_policy": ("spam", "spam/escalate"),
    "openai_moderation": ("harassment", "violence"),
    "germeval2018": ("offense",),
}


def call(*arguments):
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


@pytest.mark.parametrize("name", SETS)
def test_second_version_against_the_first(name, tmp_path):
    card = write_dataset(name, tmp_path)
    for version in (1, 2):
        text = (RULES / f"{name}_v{version}.yaml").read_text("utf-8")
        (tmp_path / f"v{version}.yaml").write_text(text, "utf-8")
    checks = "".join(
        f"    - {{category: {category}, metric: {metric}, margin: 0.05, tier: guarded}}\n"
        for category in SETS[name]
        for metric in ("recall", "fpr")
    )
    (tmp_path / "eval.yaml").write_text(
        f"eval: rules\npolicy: policies/{name}.yaml\ngolden_set: {card.name}\ncandidates:\n"
        "  v1: {rules: v1.yaml}\n  v2: {rules: v2.yaml}\nbaseline: v1\nsplit: {dev: 0.5, by: item, seed: 7}\n"
        f"gate:\n  checks:\n{checks}",
        "utf-8",
    )
    runs = tmp_path / "runs"
    assert call("run", tmp_path / "eval.yaml", "--runs-dir", runs, "--cache", tmp_path / "c.sqlite").exit_code == 0
    compared = orjson.loads(
        call("compare", "latest", "--baseline", "v1", "--candidate", "v2", "--json", "--runs-dir", runs).stdout
    )
    gated = call("gate", "latest", "--candidate", "v2", "--runs-dir", runs, "--json")
    verdict = orjson.loads(gated.stdout)
    print(f"\n{name}: {verdict['verdict']} on the gate part")
    for category in SETS[name]:
        found = compared["categories"][category]
        for metric in ("recall", "precision", "fpr"):
            said = " -> ".join(_shown(found[metric][side]) for side in ("baseline", "candidate"))
            print(f"  {category} {metric}: {said}; difference {_shown(found[metric]['difference'])}")
    assert verdict["verdict"] in ("PASS", "REGRESSION", "INCONCLUSIVE")
    assert set(SETS[name]) <= set(PUBLIC_SETS[name].labels)
    assert not re.search(r"Traceback", gated.output)


def _shown(number):
    if number["value"] is None:
        return f"n/a ({number['reason']})"
    return f"{number['value']:.3f} [{number['low']:.3f}, {number['high']:.3f}]"
