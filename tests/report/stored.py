"""Writes a made-up source as a run folder, so that the commands can be tested without running anything."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.report.comparison.source import OUTCOME_NAMES, ReportSource
from harness.runs import item_schema, prediction_schema


def store_run(source: ReportSource, home: Path, run_id: str = "community-0123456789ab") -> Path:
    """The run's folder; its golden set is written beside it."""
    folder = home / run_id
    (folder / "inputs").mkdir(parents=True)
    n_items, categories = len(source.item_ids), list(source.categories)
    card, golden_hash = _golden(source, home / "golden")
    _items(source, folder / "items.parquet")
    tables = [_rows(source, position) for position in range(len(source.arms))]
    pq.write_table(pa.concat_tables(tables), folder / "predictions.parquet")
    inputs = {"golden_set": {"name": "community", "version": 1, "sha256": golden_hash, "path": str(card)}}
    for arm in source.arms:
        one = source.inputs[arm.id][0]
        stored = f"{one.sha256[:8]}-{Path(one.name).name}"
        (folder / "inputs" / stored).write_text(one.text, encoding="utf-8")
        described = {"name": one.name, "version": 1, "sha256": one.sha256, "path": one.name, "stored": stored}
        inputs[f"prompt:{arm.id}"] = described
    counts = {
        arm.id: {name: int((arm.outcomes == code).sum()) for code, name in enumerate(OUTCOME_NAMES)}
        for arm in source.arms
    }
    checks = [{"category": "*", "metric": "recall", "margin": 0.05, "tier": "guarded"}]
    meta = {
        "format": 1,
        "run_id": run_id,
        "status": "complete",
        "eval_name": "community",
        "eval": {
            "eval": "community",
            "baseline": source.arms[0].id,
            "on_failure": "no_flag",
            "candidates": {arm.id: {"prompt": f"prompts/{arm.id}.md", "model": "small"} for arm in source.arms},
            "gate": {"alpha": 0.05, "checks": checks},
            "max_error_rate": 0.05,
        },
        "golden_set": {"name": "community", "version": 1, "hash": golden_hash, "n_items": n_items},
        "policy": {"name": "community", "version": 3, "categories": {one: _policy(one) for one in categories}},
        "categories": categories,
        "candidates": [arm.id for arm in source.arms],
        "fingerprints": {},
        "signatures": {arm.id: {"set": "community_v1@0123", "candidate": arm.id} for arm in source.arms},
        "repeats": 1,
        "counts": counts,
        "inputs": inputs,
        "max_error_rate": 0.05,
        "calls": n_items,
        "cached": 0,
        "cost_usd": 0.1,
        "created_at": "2026-11-23T09:00:00+00:00",
        "wall_s": 1.0,
    }
    (folder / "run.json").write_text(json.dumps(meta), encoding="utf-8")
    return folder


def _policy(category: str) -> dict[str, object]:
    prevalence = {"value": 0.004, "low": 0.003, "high": 0.006, "source": "sample", "date": "2026-11-01"}
    return {"name": category.capitalize(), "severity": "high", "prevalence": prevalence}


def _golden(source: ReportSource, folder: Path) -> tuple[Path, str]:
    """Card and items; the hash is the one the reader of golden sets computes."""
    from harness.files.golden.sets import load_golden

    folder.mkdir()
    lines = [
        json.dumps(
            {
                "id": one,
                "text": source.texts[index],
                "labels": {
                    category: None if (label := int(source.y_true[index, column])) < 0 else label
                    for column, category in enumerate(source.categories)
                },
            }
        )
        for index, one in enumerate(source.item_ids)
    ]
    (folder / "items.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    labels = json.dumps(list(source.categories))
    card = folder / "community.yaml"
    card.write_text(
        f"golden_set: community\nversion: 1\npolicy: {{name: community, version: 3}}\n"
        f"items: items.jsonl\nlabels: {labels}\n",
        encoding="utf-8",
    )
    return card, load_golden(card, None).sha256


def _items(source: ReportSource, path: Path) -> None:
    schema = item_schema(source.categories, list(source.slices))
    n_items = len(source.item_ids)
    columns: dict[str, object] = {"item_id": source.item_ids}
    for column, category in enumerate(source.categories):
        columns[f"label.{category}"] = [None if value < 0 else int(value) for value in source.y_true[:, column]]
    columns["group"], columns["weight"] = [None] * n_items, [1.0] * n_items
    for name, values in source.slices.items():
        found: list[list[str]] = [[] for _ in range(n_items)]
        for value, members in values.items():
            for index in members.tolist():
                found[index].append(value)
        columns[f"slice.{name}"] = found
    columns["withheld"] = [text is None for text in source.texts]
    columns["text_sha256"] = [
        None if text is None else hashlib.sha256(text.encode()).hexdigest() for text in source.texts
    ]
    columns["must_catch"] = [False] * n_items
    pq.write_table(pa.table(columns, schema=schema), path)


def _rows(source: ReportSource, position: int) -> pa.Table:
    arm, n_items = source.arms[position], len(source.item_ids)
    is_answered = arm.outcomes == 0
    columns: dict[str, object] = {
        "candidate": [arm.id] * n_items,
        "item_id": source.item_ids,
        "repeat": [0] * n_items,
        "outcome": ["error" if OUTCOME_NAMES[code] == "rejected" else OUTCOME_NAMES[code] for code in arm.outcomes],
    }
    for column, category in enumerate(source.categories):
        decided = zip(arm.decisions[:, column].tolist(), is_answered.tolist(), strict=True)
        columns[f"decision.{category}"] = [value if known and value >= 0 else None for value, known in decided]
    for column, category in enumerate(source.categories):
        scores = np.full(n_items, np.nan) if arm.scores is None else arm.scores[:, column]
        columns[f"score.{category}"] = [None if np.isnan(value) else float(value) for value in scores]
    columns |= {
        "rationale": arm.rationales or [None] * n_items,
        "latency_ms": [float(value) for value in arm.latency_ms] if arm.latency_ms is not None else [None] * n_items,
        "input_tokens": [400] * n_items,
        "cached_tokens": [0] * n_items,
        "output_tokens": [30] * n_items,
        "cost_usd": [0.0002] * n_items,
        "cached": [False] * n_items,
        "response_key": [None] * n_items,
        "error": [None] * n_items,
        "rejected": [OUTCOME_NAMES[code] == "rejected" for code in arm.outcomes],
        "to_person": [None] * n_items,
        "stages": [None] * n_items,
    }
    return pa.table(columns, schema=prediction_schema(source.categories))
