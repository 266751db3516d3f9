"""Stories: data in, and what every surface says about it. Recorded decisions, run by the real runner."""

from __future__ import annotations

import dataclasses
import datetime
import html
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from openpyxl import load_workbook
from weekly_cases import apart

from harness.gating import gate_runs
from harness.jobs.compare import compare_candidates
from harness.jobs.report import load_source
from harness.jobs.run import RunOptions, prepare_run
from harness.measure.score import score_run
from harness.report.comparison.build import build_report
from harness.report.comparison.renderers import RENDERERS
from harness.report.comparison.terminal import comparison_tables, decision_lines, foot_lines
from harness.report.gate.annotations import annotation_lines
from harness.report.gate.comment import comment_markdown, summary_markdown
from harness.report.gate.screen import foot_lines as foot_of_gate
from harness.report.gate.screen import head_lines
from harness.report.gate.tables import gate_tables
from harness.report.parts.tables import render
from harness.report.scores import score_tables, standing_lines
from harness.report.weekly.build import build_weekly
from harness.report.weekly.collect import collect
from harness.report.weekly.renderers import RENDERERS as WEEKLY
from harness.report.weekly.terminal import terminal_lines
from harness.runner import run_eval
from harness.runs import open_run

GATE = ({"category": "*", "metric": "recall", "margin": 0.05, "tier": "guarded"},)


@dataclass
class Story:
    """Gold labels, slices and policy; ``run`` makes a stored run of decisions, gated unless ``checks`` is None.

    Attributes:
        folder: Where everything is written.
        gold: Category -> labels, one for each item.
        slices: Slice -> values, one for each item.
        policy: Category -> further fields of the policy.
        checks: Checks of the gate; None for an eval without one.
        must_catch: Positions of must-catch items.
        votes: For each item what annotators said, as an item holds it.
    """

    folder: Path
    gold: dict[str, np.ndarray]
    slices: dict[str, list[str]] = field(default_factory=dict)
    policy: dict[str, dict[str, Any]] = field(default_factory=dict)
    checks: list[dict[str, Any]] | None = field(default_factory=lambda: list(GATE))
    must_catch: tuple[int, ...] = ()
    policy_version: int = 1
    golden_version: int = 1
    production: tuple[Any, ...] = ()
    split: dict[str, Any] | None = None
    votes: list[list[dict[str, Any]]] | None = None

    @property
    def n(self) -> int:
        return len(next(iter(self.gold.values())))

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def run(
        self,
        decisions: dict[str, dict[str, np.ndarray]],
        *,
        week: str | None = None,
        outcomes: dict[str, list[str]] | None = None,
        fingerprints: dict[str, Any] | None = None,
        baseline: str | None = None,
        scores: dict[str, dict[str, np.ndarray]] | None = None,
        latency: float | None = None,
        **meta: Any,
    ) -> Any:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._inputs()
        tag = week or "once"
        candidates = {}
        for name, by_category in decisions.items():
            path = self.folder / f"{name}-{tag}.jsonl"
            rows = []
            for index in range(self.n):
                decided = {one: _plain(values[index]) for one, values in by_category.items()}
                row: dict[str, Any] = {"id": f"i{index:04d}", "decisions": decided}
                if latency is not None:
                    row["latency_ms"] = latency
                if scores and name in scores:
                    given = {one: round(float(values[index]), 4) for one, values in scores[name].items()}
                    row["scores"] = {one: score for one, score in given.items() if score == score}
                if outcomes and name in outcomes and outcomes[name][index] != "ok":
                    row |= {"outcome": outcomes[name][index], "decisions": dict.fromkeys(by_category)}
                rows.append(json.dumps(row))
            path.write_text("\n".join(rows) + "\n", encoding="utf-8")
            candidates[name] = {"recorded": path.name}
        spec: dict[str, Any] = {
            "eval": "story",
            "policy": "policy.yaml",
            "golden_set": f"g{self.golden_version}.yaml",
            "candidates": candidates,
            "baseline": baseline or next(iter(decisions)),
            "slices": list(self.slices),
        }
        if self.checks is not None:
            spec["gate"] = {"checks": self.checks}
        if self.split is not None:
            spec["split"] = self.split
        if self.must_catch:
            (self.folder / "must.txt").write_text("".join(f"i{one:04d}\n" for one in self.must_catch), encoding="utf-8")
            spec["must_catch"] = "must.txt"
        self._yaml("eval.yaml", spec)
        label = week or "2026-W47"
        monday = datetime.datetime.fromisocalendar(int(label[:4]), int(label[-2:]), 1).replace(tzinfo=datetime.UTC)
        options = RunOptions(self.runs, self.folder / "answers.sqlite", wave=week)
        prepared = prepare_run(self.folder / "eval.yaml", options, {})
        summary = apart(lambda: run_eval(prepared.request, now=lambda: monday, clock=lambda: 0.0))
        path = Path(summary.path) / "run.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        content["fingerprints"].update(fingerprints or {})
        content.update(meta)
        path.write_text(json.dumps(content), encoding="utf-8")
        return open_run(summary.path)

    def weekly_source(self, week: str | None = None, **options: Any) -> Any:
        return dataclasses.replace(collect(self.runs, "story", week=week, **options), production=self.production)

    def weekly(self, week: str | None = None, **options: Any) -> Any:
        source = self.weekly_source(week, **options)
        return build_weekly(source, generated_at="now", version="0.1.0", text_mode="none")

    def weekly_surfaces(self, week: str | None = None) -> dict[str, str]:
        data = self.weekly(week)
        found = {name: read(WEEKLY[name](data, self.folder, "none")[0]) for name in ("html", "md", "xlsx", "json")}
        found["terminal"] = "\n".join(terminal_lines(data))
        assert len((self.folder / "weekly.md").read_text(encoding="utf-8")) <= 1_500
        first_everywhere(found, *data.headline)
        return found

    def _inputs(self) -> None:
        categories = {
            one: {"name": one.capitalize(), "definition": f"What violates {one}.", **self.policy.get(one, {})}
            for one in dict.fromkeys((*self.gold, *self.policy))
        }
        self._yaml("policy.yaml", {"policy": "p", "version": self.policy_version, "categories": categories})
        rows = [
            json.dumps(
                {
                    **({"votes": self.votes[index]} if self.votes else {}),
                    "id": f"i{index:04d}",
                    "text": f"item number {index}",
                    "labels": {one: _plain(values[index]) for one, values in self.gold.items()},
                    "meta": {name: values[index] for name, values in self.slices.items()},
                }
            )
            for index in range(self.n)
        ]
        (self.folder / f"g{self.golden_version}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
        card = {
            "golden_set": "g",
            "version": self.golden_version,
            "policy": {"name": "p", "version": self.policy_version},
            "items": f"g{self.golden_version}.jsonl",
            "labels": list(self.gold),
            "slices": {name: f"meta.{name}" for name in self.slices},
        }
        self._yaml(f"g{self.golden_version}.yaml", card)

    def _yaml(self, name: str, data: Any) -> None:
        (self.folder / name).write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def surfaces(
    run: Any, baseline: str | None = "v1", candidates: tuple[str, ...] = ("v2",), baseline_run: Any = None
) -> dict[str, str]:
    """What every surface of a comparison says, as plain text; the gate's too where the eval has one.

    Args:
        run: Holds the candidates.
        baseline: None for candidates alone: the terminal is then that of ``harness score``.
        candidates: Who is judged.
        baseline_run: Where the baseline is, if not in ``run``.
    """
    folder, other = Path(run.path), baseline_run or run
    source, mode = load_source(run, baseline, candidates, other, "none")
    data = build_report(source, generated_at="now", version="0.1.0")
    found = {name: read(RENDERERS[name](source, data, folder, mode)[0]) for name in ("html", "md", "xlsx", "json")}
    if baseline is None:
        score = score_run(run, with_slices=False)
        tables = render(score_tables(score), "md")
        found["terminal"] = "\n".join([*standing_lines(run, score), _bare(tables)])
    for name in candidates:
        if baseline is not None:
            decided = compare_candidates(other[baseline], run[name])
            tables = render(comparison_tables(decided.comparison, text_mode="none"), "md")
            foot = foot_lines(decided.comparison)
            lines = decision_lines(decided.decision, decided.comparison)
            found[f"terminal {name}"] = "\n".join([*lines, _bare(tables), *foot])
        if run.meta.eval.gate:
            report = gate_runs(run[name], other[baseline or name])
            found[f"comment {name}"] = _bare(comment_markdown(report))
            found[f"summary {name}"] = _bare(summary_markdown(report))
            found[f"annotations {name}"] = "\n".join(annotation_lines(report)).replace("%25", "%")
            found[f"gate {name}"] = "\n".join(
                [*head_lines(report), _bare(render(gate_tables(report), "md")), *foot_of_gate(report)]
            )
    return found


NEVER = re.compile(
    r"shows most|(?<![\d.,-])1 (?:categories|items|candidates|checks|targets|harms|gains|weeks|runs|votes|cells)\b"
    r"|\b(?:nan|None|inf)%|\bmores\b"
)
"""What no surface says, whatever the story: a majority nobody counted, one of many, a figure that is none."""
WEEKLY_READ = ("html", "md", "xlsx", "json", "terminal")
COMPARED = (*WEEKLY_READ, "comment", "summary", "gate")
"""Surfaces that a story of weeks, and one of two candidates, is held to; ``md`` of weeks is the digest."""


def tell(
    run: Any,
    *says: str,
    never: tuple[str, ...] = (),
    but: tuple[str, ...] = (),
    baseline: str | None = "v1",
    candidates: tuple[str, ...] = ("v2",),
    baseline_run: Any = None,
    absent: tuple[str, ...] = (),
) -> dict[str, str]:
    """Render a run to every surface (but those ``absent`` without a gate): all say this, none says that."""
    found = surfaces(run, baseline, candidates, baseline_run)
    missing = [one for one in COMPARED if one not in absent and not any(name.startswith(one) for name in found)]
    assert not missing, f"not rendered: {missing}"
    everywhere(found, *says, but=but)
    nowhere(found, *never)
    return found


def tell_week(
    story: Story,
    week: str | None = None,
    *says: str,
    never: tuple[str, ...] = (),
    but: tuple[str, ...] = (),
    first: str = "",
) -> dict[str, str]:
    """Render a week to every surface: all say this, none says that, ``first`` before all. Returns what each says."""
    found = story.weekly_surfaces(week)
    assert {*found} == {*WEEKLY_READ}
    everywhere(found, *says, but=but)
    nowhere(found, *never)
    if first:
        document = json.loads(found["json"])
        banners = [f"{one['sentence']} {one['advice']}" for one in document["banners"]]
        assert first in [*banners, *document["headline"]][0]
        first_everywhere(found, first, *document["headline"], *[one["text"] for one in document["asks"]])
    return found


def first_everywhere(found: dict[str, str], first: str, *others: str) -> None:
    """Every surface says the first text, and none of the others that it says stands before it."""
    for name, said in found.items():
        at = said.replace("＠", "@").find(_in(name, first))
        assert at >= 0, f"{name} does not say {first!r}:\n{said[:3000]}"
        before = [one for one in others if first not in one and 0 <= said.find(_in(name, one)) < at]
        assert not before, f"{name} says {before[0]!r} before {first!r}"


def _in(name: str, text: str) -> str:
    """A text as a surface holds it."""
    return json.dumps(text, ensure_ascii=False)[1:-1] if name == "json" else text


def everywhere(found: dict[str, str], *texts: str, but: tuple[str, ...] = ()) -> None:
    """Every surface says every text; ``but`` names those that hold fewer findings."""
    for name, said in found.items():
        if not name.startswith(but or ("\0",)):
            for text in texts:
                assert text in said, f"{name} does not say {text!r}:\n{said[:3000]}"


def nowhere(found: dict[str, str], *texts: str) -> None:
    """No surface says any of the texts, nor what none may say in any story."""
    for name, said in found.items():
        for text in texts:
            assert text not in said, f"{name} says {text!r}"
        wrong = NEVER.search(said)
        assert wrong is None, f"{name} says {said[max(wrong.start() - 80, 0) : wrong.end() + 80]!r}"


def _plain(value: Any) -> int | None:
    return None if value is None or int(value) < 0 else int(value)


def read(path: Path) -> str:
    """What a written file says, as plain text."""
    if path.suffix == ".xlsx":
        book = load_workbook(path, read_only=True)
        return "\n".join(
            " | ".join(str(cell) for cell in row if cell is not None)
            for sheet in book.worksheets
            if sheet.title != "Items"  # every item, one a row: no sentence
            for row in sheet.iter_rows(values_only=True)
        )
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        text = re.sub(r"<(script|style).*?</\1>", " ", text, flags=re.DOTALL)
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", text)))
    return _bare(text) if path.suffix == ".md" else text


def _bare(text: str) -> str:
    """Markdown without its escapes."""
    return html.unescape(re.sub(r"\\(.)", r"\1", text))


def caught(gold: np.ndarray, n_caught: int, n_wrong: int = 0) -> np.ndarray:
    """Decisions that catch the first so many violating items and flag the first so many harmless ones."""
    decided = np.zeros_like(gold)
    decided[np.flatnonzero(gold == 1)[:n_caught]] = 1
    decided[np.flatnonzero(gold == 0)[:n_wrong]] = 1
    return decided


def half(n_violating: int, n_other: int) -> np.ndarray:
    """Gold with the violating items first."""
    return np.r_[np.ones(n_violating, int), np.zeros(n_other, int)]
