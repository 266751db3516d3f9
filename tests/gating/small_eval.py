"""A small eval on disk whose candidates are recorded decisions, and one that asks a model."""

from __future__ import annotations

import json
from pathlib import Path

POLICY = """\
policy: demo
version: 1
categories:
  hate:
    name: Hate
    definition: Attacks people because of who they are.
    severity: high
"""
CARD = """\
golden_set: demo
version: 1
policy: {name: demo, version: 1}
items: demo_v1.jsonl
labels: [hate]
"""
EVAL = """\
eval: demo
policy: policy.yaml
golden_set: ../golden_sets/demo_v1.yaml
candidates:
  v1: {recorded: v1.jsonl}
  v2: {recorded: v2.jsonl}
%s
baseline: v1
gate:
  checks:
    - {category: "*", metric: recall, margin: 0.05, tier: %s}
    - {category: "*", metric: failure_rate, margin: 0.005, tier: watch}
"""
MODELS = """\
models:
  remote: {provider: openai, base_url: "http://127.0.0.1:9/v1", api_key_env: DEMO_KEY, model: demo}
"""
PROMPT = """\
---
prompt: demo
answer: yes_no
per: category
---
# user
Does this violate {{ category.name }}? {{ item.text }}
"""
SECRET = "a text that no report may show"


def write_eval(
    folder: Path, *, missed: int = 0, n_positives: int = 300, tier: str = "critical", with_prompt: bool = False
) -> Path:
    """Write policy, golden set, recorded decisions and eval; return the eval's path."""
    evals, sets = folder / "evals", folder / "golden_sets"
    evals.mkdir(exist_ok=True)
    sets.mkdir(exist_ok=True)
    gold = [1] * n_positives + [0] * 100
    (evals / "policy.yaml").write_text(POLICY)
    (sets / "demo_v1.yaml").write_text(CARD)
    items = ({"id": f"i{at}", "text": f"{SECRET} {at}", "labels": {"hate": label}} for at, label in enumerate(gold))
    _write_lines(sets / "demo_v1.jsonl", items)
    for name, n_missed in (("v1", 0), ("v2", missed)):
        decisions = [0 if at < n_missed else label for at, label in enumerate(gold)]
        rows = ({"id": f"i{at}", "decisions": {"hate": decision}} for at, decision in enumerate(decisions))
        _write_lines(evals / f"{name}.jsonl", rows)
    extra = "  v3: {prompt: prompt.md, model: remote}" if with_prompt else ""
    if with_prompt:
        (evals / "models.yaml").write_text(MODELS)
        (evals / "prompt.md").write_text(PROMPT)
    path = evals / "demo.yaml"
    path.write_text(EVAL % (extra, tier))
    return path


def _write_lines(path: Path, rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
