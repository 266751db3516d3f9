"""Small stored runs on disk: gold and decisions as given, everything else plain."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.runs import Run, item_schema, open_run, prediction_schema
from harness.runs.layout import status_of_counts

RECALL = [{"category": "*", "metric": "recall", "margin": 0.05, "floor": None, "tier": "critical"}]


def store_run(
    home: Path,
    y_true: Any,
    decided: dict[str, Any],
    *,
    run_id: str = "demo-0123456789ab",
    categories: tuple[str, ...] = ("hate",),
    outcomes: dict[str, Any] | None = None,
    checks: list[dict[str, Any]] | None = None,
    ids: list[str] | None = None,
    texts: list[str | None] | None = None,
    groups: list[str | None] | None = None,
    status: str = "complete",
    baseline: str | None = "v1",
    on_failure: str = "no_flag",
    golden: dict[str, Any] | None = None,
    policy: dict[str, Any] | None = None,
    policy_sha: str = "p" * 64,
    card: Path | None = None,
    error_text: str | None = None,
    max_error_rate: float = 0.005,
    eval_name: str = "demo",
    kind: str = "test",
    must_catch: list[bool] | None = None,
    weights: list[float] | None = None,
    scores: dict[str, Any] | None = None,
    split: dict[str, Any] | None = None,
) -> Run:
    """Write a run folder. Gold (n_items, n_categories); decisions (n_items[, n_repeats], n_categories); -1 is null."""
    gold = np.asarray(y_true, dtype=np.int8)
    gold = gold[:, None] if gold.ndim == 1 else gold
    n_items = gold.shape[0]
    cubes = {name: _cube(values) for name, values in decided.items()}
    n_repeats = next(iter(cubes.values())).shape[1]
    item_ids = ids or [f"i{index}" for index in range(n_items)]
    shown = texts or [f"text of {item_id}" for item_id in item_ids]
    folder = home / run_id
    folder.mkdir(parents=True, exist_ok=True)
    _write_items(folder, gold, categories, item_ids, shown, groups, must_catch, weights)
    named = {
        name: np.asarray((outcomes or {}).get(name, np.full((n_items, n_repeats), "ok")), dtype=object).reshape(
            n_items, n_repeats
        )
        for name in cubes
    }
    _write_predictions(folder, cubes, named, categories, item_ids, error_text, scores or {})
    meta = {
        "format": 1,
        "run_id": run_id,
        "status": status,
        "eval_name": eval_name,
        "eval": {
            "eval": eval_name,
            "candidates": {name: {"on_failure": None} for name in cubes},
            "baseline": baseline,
            "on_failure": on_failure,
            "max_error_rate": max_error_rate,
            "seed": 0,
            "gate": {"alpha": 0.05, "checks": RECALL if checks is None else checks},
            **({} if split is None else {"split": split}),
        },
        "golden_set": {"name": "demo", "version": 1, "hash": "0" * 64, "n_items": n_items} | (golden or {}),
        "policy": policy or {"name": "demo", "version": 1, "categories": {}},
        "categories": list(categories),
        "candidates": list(cubes),
        "repeats": n_repeats,
        "counts": {
            name: {str(one): int((values == one).sum()) for one in np.unique(values)} for name, values in named.items()
        },
        "inputs": {
            "policy": {"name": "demo", "version": 1, "sha256": policy_sha, "path": "policy.yaml"},
            "golden_set": {"name": "demo", "version": 1, "sha256": "0" * 64, "path": str(card or "nowhere.yaml")},
        },
        "fingerprints": {name: {"kind": kind, "name": name} for name in cubes},
        "signatures": {name: {"set": "demo_v1@00000000"} for name in cubes},
        "calls": 0,
        "cached": 0,
        "cost_usd": 0.0,
        "created_at": "2026-11-01T00:00:00+00:00",
        "wall_s": 1.0,
        "harness_version": "0",
    }
    meta["max_error_rate"] = max_error_rate
    if status == "complete":  # as the runner would have it
        meta["status"] = status_of_counts(meta["counts"], max_error_rate)
    (folder / "run.json").write_text(json.dumps(meta), encoding="utf-8")
    return open_run(folder)


def _cube(values: Any) -> np.ndarray:
    array = np.asarray(values, dtype=np.int8)
    if array.ndim == 1:
        array = array[:, None]
    return array[:, None, :] if array.ndim == 2 else array


def _nullable(values: np.ndarray) -> pa.Array:
    return pa.array(values, type=pa.int8(), mask=values < 0)


def _write_items(folder, gold, categories, ids, texts, groups, must_catch, weights) -> None:
    digests = [
        None if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in texts
    ]
    columns = [
        pa.array(ids, type=pa.string()),
        *(_nullable(gold[:, column]) for column in range(len(categories))),
        pa.array(groups or [None] * len(ids), type=pa.string()),
        pa.array(weights or [1.0] * len(ids)),
        pa.array([text is None for text in texts]),
        pa.array(digests, type=pa.string()),
        pa.array(must_catch or [False] * len(ids)),
    ]
    pq.write_table(pa.Table.from_arrays(columns, schema=item_schema(categories, ())), folder / "items.parquet")


def _write_predictions(folder, cubes, outcomes, categories, ids, error_text, scores) -> None:
    schema = prediction_schema(categories)
    tables = []
    for name, cube in cubes.items():
        n_items, n_repeats, _ = cube.shape
        n_rows = n_items * n_repeats
        rows = cube.reshape(n_rows, len(categories)).copy()
        said = outcomes[name].ravel()
        rows[~np.isin(said, ["ok"])] = -1
        scored = np.asarray(scores.get(name, np.full(rows.shape, np.nan)), dtype=float).reshape(rows.shape)
        text = pa.array([error_text] * n_rows, type=pa.string())
        columns = {
            "candidate": pa.array([name] * n_rows),
            "item_id": pa.array(np.repeat(np.asarray(ids, dtype=object), n_repeats)),
            "repeat": pa.array(np.tile(np.arange(n_repeats, dtype=np.int32), n_items)),
            "outcome": pa.array(np.where(said == "rejected", "error", said.astype(str))),
            **{f"decision.{one}": _nullable(rows[:, column]) for column, one in enumerate(categories)},
            **{f"score.{one}": pa.array(scored[:, at], from_pandas=True) for at, one in enumerate(categories)},
            "rationale": text,
            "latency_ms": pa.array(np.full(n_rows, 12.0)),
            **{
                f"{kind}_tokens": pa.array(np.full(n_rows, 3, dtype=np.int64)) for kind in ("input", "cached", "output")
            },
            "cost_usd": pa.array(np.full(n_rows, 0.001)),
            "cached": pa.array(np.zeros(n_rows, dtype=bool)),
            "response_key": text,
            "error": text,
            "rejected": pa.array(said == "rejected"),
        }
        known = [columns[one.name] if one.name in columns else pa.nulls(n_rows, one.type) for one in schema]
        tables.append(pa.table(known, schema=schema))
    pq.write_table(pa.concat_tables(tables), folder / "predictions.parquet")


def decided(y_true: Any, *, missed: int = 0, blocked: int = 0, start: int = 0) -> np.ndarray:
    """Gold with the first ``missed`` violating items after ``start`` missed, and ``blocked`` others flagged."""
    gold = np.asarray(y_true, dtype=np.int8)
    pred = gold.copy()
    pred[np.flatnonzero(gold == 1)[start : start + missed]] = 0
    pred[np.flatnonzero(gold == 0)[:blocked]] = 1
    return pred


GOLD = np.array([1] * 300 + [0] * 300)


def store_case(folder: Path, case: str, **options: Any) -> Run:
    """A run of two candidates that the gate judges as ``case`` says."""
    gold, after, outcomes = GOLD, decided(GOLD), None
    if case == "REGRESSION":
        after = decided(GOLD, missed=60)
    elif case == "INCONCLUSIVE":
        gold = GOLD[280:320]
        after = decided(gold)
    elif case == "NOT_EVALUABLE":
        gold = np.zeros(100)
        after = decided(gold)
    elif case == "INVALID":
        outcomes = {"v2": np.array(["error"] * 60 + ["ok"] * 540)}
    return store_run(folder, gold, {"v1": decided(gold), "v2": after}, outcomes=outcomes, **options)
