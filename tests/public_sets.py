"""Cards and minimal policies for the public data sets, built into a folder on request.

``write_dataset(name, folder)`` writes ``<name>.yaml`` (the card, pointing at the data where it lies) and
``policies/<name>.yaml``. The data folder is ``MODERATION_DATASETS``, else ``../shared/datasets`` beside the repository.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class PublicSet:
    """What a card of a public data set declares."""

    labels: tuple[str, ...]
    licence: str
    slices: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)


PUBLIC_SETS = {
    "openai_moderation": PublicSet(
        (
            "sexual",
            "hate",
            "violence",
            "harassment",
            "self-harm",
            "sexual/minors",
            "hate/threatening",
            "violence/graphic",
        ),
        "MIT",
        parents={"sexual/minors": "sexual", "hate/threatening": "hate", "violence/graphic": "violence"},
    ),
    "hatecheck": PublicSet(
        ("hateful",),
        "CC-BY-4.0",
        {"functionality": "meta.functionality", "target": "meta.target", "in_suite": "meta.in_suite"},
        {"votes": "meta.votes", "group": "meta.template"},
    ),
    "xstest": PublicSet(("unsafe_prompt",), "CC-BY-4.0", {"type": "meta.type"}),
    "toldbr": PublicSet(
        ("homophobia", "obscene", "insult", "racism", "misogyny", "xenophobia", "toxic"),
        "CC-BY-SA-4.0",
        fields={"votes": "meta.votes"},
    ),
    "mhc_a": PublicSet(("hateful",), "CC-BY-4.0", {"functionality": "meta.functionality", "target": "meta.target"}),
    "spam_policy": PublicSet(
        ("spam", "spam/escalate"), "Apache-2.0", {"severity": "meta.severity_label"}, parents={"spam/escalate": "spam"}
    ),
    "surge_toxicity": PublicSet(("toxic",), "MIT"),
    "germeval2018": PublicSet(
        ("offense", "offense/profanity", "offense/insult", "offense/abuse"),
        "CC-BY-4.0",
        {"split": "meta.split"},
        parents=dict.fromkeys(("offense/profanity", "offense/insult", "offense/abuse"), "offense"),
    ),
    "korean_hate": PublicSet(
        ("hate", "offensive", "bias/gender", "bias/other", "contains_gender_bias"),
        "CC-BY-SA-4.0",
        {"split": "meta.split"},
    ),
    "identity_templates": PublicSet(("toxic",), "CC-BY-4.0", {"identity": "meta.identity"}, {"group": "meta.template"}),
}


def datasets_folder() -> Path:
    """Folder of the public data sets; the test that asks is skipped when it is absent."""
    folder = Path(os.environ.get("MODERATION_DATASETS") or ROOT.parent / "shared" / "datasets")
    if not folder.is_dir():
        pytest.skip(f"public data sets are not at {folder}; set MODERATION_DATASETS to their folder")
    return folder


def dataset_stats(name: str) -> dict[str, Any]:
    """The counts published beside a data set."""
    stats: dict[str, Any] = json.loads((datasets_folder() / name / "stats.json").read_text(encoding="utf-8"))
    return stats


def write_dataset(name: str, folder: Path) -> Path:
    """Write card and policy of a public data set into a folder; the card's path is returned."""
    public = PUBLIC_SETS[name]
    data = datasets_folder() / name / "data.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    write_policy(name, folder)
    card = {
        "golden_set": name,
        "version": 1,
        "policy": {"name": name, "version": 1},
        "items": os.path.relpath(data, folder),
        "labels": list(public.labels),
        "fields": public.fields,
        "slices": {"language": "meta.lang", **public.slices},
        "source": "public data set",
        "licence": public.licence,
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in card.items() if value}, sort_keys=False), "utf-8")
    return path


def write_policy(name: str, folder: Path) -> Path:
    """Write the minimal policy of a public data set; its path is returned."""
    public = PUBLIC_SETS[name]
    policy = {
        "policy": name,
        "version": 1,
        "categories": {
            label: {
                "name": label.replace("_", " ").capitalize(),
                "definition": f"What the authors of the data set label '{label}'.",
                "severity": "high",
                **({"parent": public.parents[label]} if label in public.parents else {}),
            }
            for label in public.labels
        },
    }
    path = folder / "policies" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(policy, sort_keys=False), "utf-8")
    return path
