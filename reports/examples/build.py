"""Rebuilds the examples in this folder from real runs over the shipped golden set.

Clock and seeds are fixed, so that the same version of the harness writes the same files. ``comparison/`` sets rule set
v2 against v1; ``comparison_prompts/`` the two prompts, where ``reports/runs`` holds a run of them; ``weekly/`` tells
eight weeks of one candidate that moved from rule set v1 to v2, beside a frozen control.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import shutil
import sys
import tempfile
from pathlib import Path

import yaml

from harness import __version__
from harness.environment import RUNS_DIR
from harness.files.golden.sets import load_golden
from harness.jobs.report import load_source
from harness.jobs.run import RunOptions, prepare_run
from harness.report.comparison.build import build_report
from harness.report.comparison.renderers import RENDERERS
from harness.report.weekly.build import build_weekly
from harness.report.weekly.collect import collect, with_slices
from harness.report.weekly.renderers import RENDERERS as WEEKLY_RENDERERS
from harness.runner import run_eval
from harness.runs import Run, list_runs, open_run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WRITTEN = "2026-11-23 09:00 UTC"
WEEKS = (
    ("2026-W40", 1, None),
    ("2026-W41", 1, None),
    ("2026-W42", 1, 42),
    ("2026-W43", 1, None),
    ("2026-W44", 1, None),
    ("2026-W45", 2, None),
    ("2026-W46", 2, 46),
    ("2026-W47", 2, None),
)
"""ISO week, rule set of the candidate ``rules``, seed of a sample of 500 items (None: all items)."""
REPORTED = "2026-W45"


def main() -> None:
    """Run, build and write everything."""
    os.chdir(ROOT)
    prompts = [one for one in _stored() if {"v1", "v2"} <= set(one.candidates)]
    if prompts:
        comparison(prompts[-1], "comparison_prompts", ("v1", "v2"))
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # the pages print commands, which name no folder where runs lie in the usual one
        folder = Path(scratch)
        comparison(_run(ROOT / "evals" / "community.yaml", folder, None, None, ("rules_v1", "rules_v2")), "comparison")
        weekly(folder)
        os.chdir(ROOT)


def comparison(run: Run, name: str, pair: tuple[str, str] = ("rules_v1", "rules_v2")) -> None:
    """Write one comparison report."""
    source, mode = load_source(run, pair[0], pair[1:], run, "masked")
    data = build_report(source, generated_at=WRITTEN, version=__version__)
    for one in ("html", "md"):
        RENDERERS[one](source, data, _empty(name, one == "html"), mode)


def weekly(folder: Path) -> None:
    """Run the weeks and write the report of the week in which the candidate changed."""
    for week, version, seed in WEEKS:
        _run(_weekly_eval(folder, version, seed), folder, week, None if seed is None else 500, ())
    source = collect(folder / RUNS_DIR, "community_weekly", week=REPORTED, control="rules_v1")
    source = with_slices(source, folder / RUNS_DIR)
    golden = load_golden(ROOT / "golden_sets" / "community_v1.yaml", None)
    source = dataclasses.replace(source, texts={item.id: item.text for item in golden.items()})
    data = build_weekly(source, generated_at=WRITTEN, version=__version__, text_mode="masked")
    target = _empty("weekly", True)
    for one in ("html", "md"):
        WEEKLY_RENDERERS[one](data, target, "masked")
    WEEKLY_RENDERERS["xlsx"](data, target, "none")  # without texts: it keeps the folder small


def _weekly_eval(folder: Path, version: int, seed: int | None) -> Path:
    evals = ROOT / "evals"
    spec = {
        "eval": "community_weekly",
        "policy": str(evals / "policies" / "community.yaml"),
        "golden_set": str(ROOT / "golden_sets" / "community_v1.yaml"),
        "candidates": {
            "rules": {"rules": str(evals / "rules" / f"community_v{version}.yaml")},
            "rules_v1": {"rules": str(evals / "rules" / "community_v1.yaml")},
        },
        "baseline": "rules",
        "seed": seed or 0,
        "slices": ["language", "surface", "functionality"],
        "gate": {"checks": [{"category": "*", "metric": "recall", "margin": 0.05}]},
    }
    path = folder / "weekly.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    return path


def _run(spec: Path, folder: Path, week: str | None, limit: int | None, candidates: tuple[str, ...]) -> Run:
    options = RunOptions(folder / RUNS_DIR, folder / "answers.sqlite", candidates, limit=limit, wave=week)
    label = week or "2026-W47"
    made = datetime.datetime.fromisocalendar(int(label[:4]), int(label[-2:]), 1).replace(hour=6, tzinfo=datetime.UTC)
    prepared = prepare_run(spec, options, {})
    summary = run_eval(prepared.request, now=lambda: made, clock=lambda: 0.0)
    return open_run(summary.path)


def _stored() -> list[Run]:
    runs = ROOT / RUNS_DIR
    if not runs.is_dir():
        return []
    found = [meta for meta in list_runs(runs, "community") if meta.status == "complete"]
    return [open_run(meta.run_id, runs) for meta in sorted(found, key=lambda meta: meta.n_items)]


def _empty(name: str, is_new: bool) -> Path:
    target = HERE / name
    if is_new:
        shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True, exist_ok=True)
    return target


if __name__ == "__main__":
    sys.exit(main())
