"""Ten weeks of real runs over a public data set: what a weekly report must point out, and what it must not.

``write_weeks(folder)`` runs rule sets and a classifier over ``openai_moderation`` (real labels, nobody's invention) and
returns the folder of runs. Nothing is made up but the order of events:

=========  ===========================================================================================================
2026-W40   rule set v1 over golden set v1 (the first 1,200 items)
2026-W41   the same again
2026-W42   pure noise: the same rule set on another random sample of 800 items
2026-W43   rule set v2 adds words: more harm is caught
2026-W44   the same again
2026-W45   pure noise: another random sample of 800 items
2026-W46   rule set v3 drops words for sexual content: a real regression
2026-W47   the same again: still low, nothing new
2026-W48   golden set v2: 480 more items, and labels that nobody gave now count as negative
2026-W49   rule set v4 takes the words back
=========  ===========================================================================================================

The classifier ``profanity`` is frozen all along: it is the control. As a program it leaves the story behind:
``python -m tests.weekly_story FOLDER``.
"""

from __future__ import annotations

import datetime
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.jobs.run import RunOptions, prepare_run
from harness.runner import run_eval
from tests.public_sets import datasets_folder

EVAL = "platform"
SEXUAL = ["sexy", "naked", "nude", "horny", "erotic", "escort", "tits", "boobs", "orgasm"]
SEXUAL_STRONG = ["porn", "porno", "cock", "dick", "pussy", "anal", "blowjob", "cunt", "slut", "cum", "sex", "fuck"]
WORDS: dict[str, dict[str, list[str]]] = {
    "v1": {
        "sexual": SEXUAL,
        "hate": ["nigger", "niggers", "faggot", "subhuman", "vermin"],
        "violence": ["kill", "stab", "shoot"],
        "harassment": ["idiot", "idiots", "retard", "whore"],
        "self-harm": ["suicide", "cutting"],
    },
    "v2": {
        "sexual": SEXUAL + SEXUAL_STRONG,
        "hate": ["nigger", "niggers", "faggot", "subhuman", "vermin", "bitches", "hoes", "jews", "muslims"],
        "violence": ["kill", "stab", "shoot", "knife", "murder", "bomb", "nuke", "fight"],
        "harassment": ["idiot", "idiots", "retard", "whore", "stupid", "dumb", "bitch", "pathetic", "shitty"],
        "self-harm": ["suicide", "cutting", "scars", "self-harm", "harming", "overdose", "kill myself"],
    },
}
WORDS["v3"] = {**WORDS["v2"], "sexual": [word for word in WORDS["v2"]["sexual"] if word not in SEXUAL_STRONG]}
WORDS["v4"] = WORDS["v2"] | {"sexual": [*WORDS["v2"]["sexual"], "tube", "amateur", "blonde"]}
CATEGORIES = {
    "sexual": ("Sexual content", "medium", {"recall": 0.5, "precision": 0.6}, "policy-adult"),
    "hate": ("Hate", "high", {"recall": 0.5, "precision": 0.6}, "policy-hate"),
    "violence": ("Violence", "high", {"recall": 0.4}, "policy-violence"),
    "harassment": ("Harassment", "medium", {"recall": 0.3, "precision": 0.2}, None),
    "self-harm": ("Self-harm", "critical", {"recall": 0.6, "precision": 0.5}, "policy-wellbeing"),
}


@dataclass(frozen=True)
class Event:
    """One week: which rule set ran over which golden set, and on which sample (seed) of it."""

    week: str
    rules: str
    golden: int = 1
    seed: int | None = None


EVENTS = (
    Event("2026-W40", "v1"),
    Event("2026-W41", "v1"),
    Event("2026-W42", "v1", seed=42),
    Event("2026-W43", "v2"),
    Event("2026-W44", "v2"),
    Event("2026-W45", "v2", seed=45),
    Event("2026-W46", "v3"),
    Event("2026-W47", "v3"),
    Event("2026-W48", "v3", golden=2),
    Event("2026-W49", "v4", golden=2),
)


def write_weeks(folder: Path, events: tuple[Event, ...] = EVENTS) -> Path:
    """Run every week into ``folder/runs``; the folder of runs is returned."""
    datasets_folder()
    for event in events:
        spec = _write_eval(folder, event)
        monday = datetime.datetime.fromisocalendar(int(event.week[:4]), int(event.week[-2:]), 1)
        limit = None if event.seed is None else 800
        options = RunOptions(folder / "runs", folder / "answers.sqlite", limit=limit, wave=event.week)
        prepared = prepare_run(spec, options, {})
        made = monday.replace(hour=6, tzinfo=datetime.UTC)
        run_eval(prepared.request, now=lambda made=made: made, clock=lambda: 0.0)  # type: ignore[misc]
    return folder / "runs"


def _write_eval(folder: Path, event: Event) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    _write_policy(folder / "policy.yaml")
    _write_golden(folder, event.golden)
    rules = {
        "rule_set": "platform",
        "version": int(event.rules[1:]),
        "rules": [
            {"id": category, "category": category, "phrases": words} for category, words in WORDS[event.rules].items()
        ],
    }
    _write_yaml(folder / f"rules_{event.rules}.yaml", rules)
    spec: dict[str, Any] = {
        "eval": EVAL,
        "policy": "policy.yaml",
        "golden_set": f"platform_v{event.golden}.yaml",
        "candidates": {
            "rules": {"rules": f"rules_{event.rules}.yaml"},
            "profanity": {
                "classifier": "harness.candidates.adapters:alt_profanity_check",
                "crosswalk": "profanity",
            },
        },
        "baseline": "rules",
        "seed": event.seed or 0,
        "gate": {"checks": [{"category": "*", "metric": "recall", "margin": 0.05}]},
    }
    return _write_yaml(folder / "platform.yaml", spec)


def _write_policy(path: Path) -> None:
    categories = {}
    for category, (name, severity, target, owner) in CATEGORIES.items():
        categories[category] = {
            "name": name,
            "definition": f"What the authors of the data set label '{category}'.",
            "severity": severity,
            "target": target,
            **({"owner": owner} if owner else {}),
        }
    crosswalks = {"profanity": {one: ["score"] for one in ("sexual", "hate", "harassment")}}
    _write_yaml(path, {"policy": "platform", "version": 1, "categories": categories, "crosswalks": crosswalks})


def _write_golden(folder: Path, version: int) -> None:
    """Version 1 holds the first 1,200 items; version 2 all 1,680, with absent labels read as negative."""
    lines = (datasets_folder() / "openai_moderation" / "data.jsonl").read_bytes().splitlines(keepends=True)
    items = folder / f"platform_v{version}.jsonl"
    items.write_bytes(b"".join(_kept_labels(line) for line in (lines[:1200] if version == 1 else lines)))
    card = {
        "golden_set": "platform",
        "version": version,
        "policy": {"name": "platform", "version": 1},
        "items": items.name,
        "labels": list(CATEGORIES),
        "absent_labels": "unknown" if version == 1 else "negative",
        "slices": {"language": "meta.lang", "length": "meta.length"},
        "source": "openai_moderation",
        "licence": "MIT",
    }
    _write_yaml(folder / f"platform_v{version}.yaml", card)


def _kept_labels(line: bytes) -> bytes:
    row = json.loads(line)
    row["labels"] = {category: row["labels"][category] for category in CATEGORIES}
    n_words = len((row["text"] or "").split())
    row["meta"]["length"] = "under 20 words" if n_words < 20 else "20 to 100 words" if n_words <= 100 else "longer"
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _write_yaml(path: Path, data: Any) -> Path:
    path.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


if __name__ == "__main__":
    print(write_weeks(Path(sys.argv[1] if len(sys.argv) > 1 else "weekly_story")))
