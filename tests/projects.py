"""A small valid project written into a folder, for tests that break one file of it."""

from __future__ import annotations

from pathlib import Path

POLICY = """\
policy: community
version: 3
categories:
  hate:
    name: Hate
    definition: Attacks people because of a protected attribute.
    severity: high
    prevalence: {value: 0.004, low: 0.003, high: 0.006, source: sample, date: 2026-10-01}
    target: {recall: 0.9}
  hate/threatening: {name: Threats, definition: Hate with a threat., parent: hate}
  spam: {name: Spam, definition: Unwanted bulk., kind: ordinal, levels: [none, low, high], cut: low}
crosswalks:
  llama_guard_3: {hate: [S10]}
"""
CARD = """\
golden_set: community
version: 1
policy: {name: community, version: 3}
items: items.jsonl
labels: [hate, hate/threatening, spam]
slices: {language: meta.lang}
"""
ITEMS = """\
{"id": "c-1", "text": "first text", "labels": {"hate": 1, "spam": null}, "meta": {"lang": "en"}}
{"id": "c-2", "text": null, "labels": {"hate/threatening": 1, "spam": 0}, "group": 12, "weight": 2.5}
{"id": "c-3", "text": "third", "labels": {"hate": 0, "hate/threatening": 0}, "meta": {"lang": ["de", "en"]}}
"""
PROMPT = """\
---
prompt: community_v1
answer: json
---

# system
You moderate. Categories:
{% for category in categories %}
- {{ category.id }}: {{ category.definition }}
{% endfor %}

# user
{{ item.text }}
"""
RULES = """\
rule_set: community
version: 1
rules:
  - {id: r1, category: spam, words: [casino]}
  - {id: r2, category: hate, patterns: ["(?i)go\\\\s+home"], when: {language: [en]}}
"""
MODELS = """\
models:
  embedded: {provider: embedded}
  mini:
    provider: openai
    base_url: https://api.example.com/v1
    api_key_env: OPENAI_API_KEY
    model: mini-1
    params: {temperature: 0, seed: 7}
"""
EVAL = """\
eval: community
policy: policy.yaml
golden_set: card.yaml
candidates:
  v1: {prompt: prompt.md, model: embedded}
  omni: {moderation: mini, crosswalk: llama_guard_3, thresholds: {hate: 0.4}}
  rules: {rules: rules.yaml}
  cascade: {cascade: [{use: rules, decide: [spam]}, {use: v1}]}
  clf: {classifier: "package.module:callable"}
  humans: {recorded: decisions.jsonl}
slices: [language]
gate:
  checks:
    - {category: "*", metric: recall, margin: 0.05}
    - {category: hate, metric: recall, floor: 0.85, tier: watch}
"""
FILES = {
    "policy.yaml": POLICY,
    "card.yaml": CARD,
    "items.jsonl": ITEMS,
    "prompt.md": PROMPT,
    "rules.yaml": RULES,
    "models.yaml": MODELS,
    "eval.yaml": EVAL,
    "decisions.jsonl": '{"id": "c-1", "decisions": {"hate": 1}}\n',
}


def write_project(folder: Path, **changed: str | bytes) -> Path:
    """Write the project; ``changed`` maps a file's stem to other content."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        other = changed.get(name.split(".")[0], content)
        (folder / name).write_bytes(other if isinstance(other, bytes) else other.encode())
    return folder
