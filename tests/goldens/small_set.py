"""A small golden set on disk with its policy, in whatever form a test asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.files.golden.policies import policy_of_card
from harness.files.golden.sets import GoldenSet, load_golden
from harness.records import Policy

POLICY = """\
policy: demo
version: {version}
categories:
  hate:
    name: Hate
    definition: {definition}
    owner: {owner}
  threat: {{name: Threats, definition: Hate with a threat., parent: hate}}
  spam: {{name: Spam, definition: Unwanted bulk.}}
"""
CARD = """\
# who looks after it: the policy team
golden_set: demo
version: 1
policy: {name: demo, version: 1}
items: demo_v1.jsonl
labels: [hate, threat, spam]
slices: {language: meta.lang}
"""


def write_policy(folder: Path, version: int = 1, definition: str = "Attacks people.", owner: str = "amal") -> Path:
    """One version of the policy, beside the card's folder."""
    path = folder / "evals" / "policies" / f"demo_v{version}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(POLICY.format(version=version, definition=definition, owner=owner), encoding="utf-8")
    return path


def rows(n: int = 12) -> list[dict[str, Any]]:
    """Items whose labels alternate; the rows carry more than the harness reads."""
    return [
        {
            "id": f"i{at}",
            "text": f"text {at} é",
            "labels": {"hate": at % 2, "threat": 0 if at else None, "spam": None if at == 3 else 0},
            "meta": {"lang": "de" if at % 3 else "en", "score": 1e-05, "note": {"deep": [at]}},
        }
        for at in range(n)
    ]


def write_set(folder: Path, items: list[dict[str, Any]] | None = None, card: str = CARD) -> Path:
    """Card, items and policy; returns the card's path."""
    write_policy(folder)
    path = folder / "golden_sets" / "demo_v1.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(card, encoding="utf-8")
    lines = [json.dumps(one, ensure_ascii=False) for one in (rows() if items is None else items)]
    (path.parent / "demo_v1.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def load(card: Path) -> tuple[GoldenSet, Policy | None]:
    """The set with the policy that its card names."""
    policy = policy_of_card(card)
    return load_golden(card, None if policy is None else policy.value), None if policy is None else policy.value


def one_category(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A set with one category, hate, in a project of its own; the path of its card."""
    (folder / "evals" / "policies").mkdir(parents=True)
    (folder / "evals/policies/p.yaml").write_text(
        "policy: p\nversion: 1\ncategories: {hate: {name: H, definition: D.}}\n"
    )
    (folder / "golden_sets").mkdir()
    (folder / "golden_sets/s_v1.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    card = folder / "golden_sets/s_v1.yaml"
    card.write_text("golden_set: s\nversion: 1\npolicy: {name: p, version: 1}\nitems: s_v1.jsonl\nlabels: [hate]\n")
    return card
