"""Small histories for tests of the weekly report: recorded decisions run week by week, by the real runner."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.jobs.run import RunOptions, prepare_run
from harness.runner import run_eval

EVAL = "small"
MODEL = {"kind": "prompt", "model": "acme-1", "prompt": "hate_v1@aaaa", "categories": ["hate"], "parser": "json-1"}


def apart(call: Callable[[], Any]) -> Any:
    """The result of a call made in a thread of its own: a browser of another test may hold this one's event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


MADE_BY = {"harness_version": "0.0.0", "platform": {"python": "3.11.0"}, "packages": {}}
"""The same on every machine: expected files name them."""


@dataclass
class History:
    """A folder of weekly runs over one category: every candidate catches so many of the violating items.

    Attributes:
        folder: Where files and runs go.
        n_violating: Violating items; as many do not violate.
        target: Of the policy.
        owner: Of the category.
    """

    folder: Path
    n_violating: int = 100
    target: dict[str, float] = field(default_factory=lambda: {"recall": 0.8})
    owner: str | None = "policy-hate"

    @property
    def runs(self) -> Path:
        """The folder of runs."""
        return self.folder / "runs"

    def week(
        self,
        week: str,
        caught: Mapping[str, int],
        *,
        flagged_wrongly: int = 5,
        golden: int = 1,
        relabelled: int = 0,
        fingerprints: Mapping[str, Mapping[str, Any]] | None = None,
        wave: str | None = "",
        **meta: Any,
    ) -> Path:
        """Run one week; ``relabelled`` violating items of it are labelled 0 instead."""
        self.folder.mkdir(parents=True, exist_ok=True)
        policy: dict[str, Any] = {"name": "Hate", "definition": "Attacks people.", "target": self.target}
        if self.owner:
            policy["owner"] = self.owner
        self._yaml("policy.yaml", {"policy": "p", "version": 1, "categories": {"hate": policy}})
        self._golden(golden, relabelled)
        candidates = {}
        for name, n in caught.items():
            rows = [self._decision(index, n, flagged_wrongly) for index in range(2 * self.n_violating)]
            path = self.folder / f"{name}-{week}.jsonl"
            path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
            candidates[name] = {"recorded": path.name}
        spec = {
            "eval": EVAL,
            "policy": "policy.yaml",
            "golden_set": f"g{golden}.yaml",
            "candidates": candidates,
            "baseline": next(iter(candidates)),
        }
        self._yaml("eval.yaml", spec)
        monday = datetime.datetime.fromisocalendar(int(week[:4]), int(week[-2:]), 1).replace(tzinfo=datetime.UTC)
        options = RunOptions(self.runs, self.folder / "answers.sqlite", wave=week if wave == "" else wave)
        prepared = prepare_run(self.folder / "eval.yaml", options, {})
        summary = apart(lambda: run_eval(prepared.request, now=lambda: monday, clock=lambda: 0.0))
        self._patch(Path(summary.path), fingerprints or {}, meta)
        return Path(summary.path)

    def _decision(self, index: int, caught: int, wrong: int) -> dict[str, Any]:
        is_violating = index < self.n_violating
        decision = int(index < caught) if is_violating else int(index - self.n_violating < wrong)
        return {"id": f"i{index:03d}", "decisions": {"hate": decision}}

    def _golden(self, version: int, relabelled: int) -> None:
        rows = []
        for index in range(2 * self.n_violating):
            label = int(index < self.n_violating - relabelled)
            group = {"lang": "de" if index % 4 == 0 else "en"}
            rows.append(
                {"id": f"i{index:03d}", "text": f"item number {index}", "labels": {"hate": label}, "meta": group}
            )
        text = "".join(f"{json.dumps(row)}\n" for row in rows)
        (self.folder / f"g{version}.jsonl").write_text(text, encoding="utf-8")
        card = {
            "golden_set": "g",
            "version": version,
            "policy": {"name": "p", "version": 1},
            "items": f"g{version}.jsonl",
            "labels": ["hate"],
            "slices": {"language": "meta.lang"},
        }
        self._yaml(f"g{version}.yaml", card)

    def _patch(self, run: Path, fingerprints: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        """What a real model would have left in run.json."""
        path = run / "run.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        content["fingerprints"].update(fingerprints)
        content.update({**MADE_BY, **meta})
        path.write_text(json.dumps(content), encoding="utf-8")

    def _yaml(self, name: str, data: Any) -> None:
        (self.folder / name).write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
