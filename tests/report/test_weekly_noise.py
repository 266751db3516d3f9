"""Twelve weeks of nothing but noise over real items and a real classifier: how often the weekly report calls an alarm.

Two kinds of noise: another random sample of the items every week, and the same items with scores that waver around what
the classifier gave, as a model does that is asked again. Skips where the data sets are not at hand.
"""

import datetime
import json
import os

import numpy as np
import pytest
import yaml
from weekly_cases import apart

from harness.gating.findings.memory import not_restated
from harness.jobs.run import RunOptions, prepare_run
from harness.report.weekly.causes import candidate_series
from harness.report.weekly.collect import collect
from harness.report.weekly.ledger import ledger_of
from harness.runner import run_eval
from tests.public_sets import datasets_folder

WEEKS = [f"2026-W{week}" for week in range(30, 42)]
HISTORIES = int(os.environ.get("NOISE_HISTORIES", "2"))
"""Of each set and kind of noise."""
MOST_ITEMS, SAMPLE = 1_200, 500
SETS = {"openai_moderation": None, "germeval2018": "lang", "mhc_a": "lang"}
"""Set -> field of the language, where it holds several or one is declared."""


def real_decisions(name):
    """Ids, labels, languages and held-out scores of a classifier that learned on the other half of the set."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    lines = (datasets_folder() / name / "data.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row.get("text")]
    rng = np.random.default_rng(1)
    rows = [rows[at] for at in rng.permutation(len(rows))[: 2 * MOST_ITEMS]]
    half = len(rows) // 2
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=3, max_features=20_000)
    learned = vectors.fit_transform([row["text"] for row in rows[:half]])
    held_out = vectors.transform([row["text"] for row in rows[half:]])
    scores = {}
    for category in rows[0]["labels"]:
        gold = np.array([-1 if (one := row["labels"].get(category)) is None else one for row in rows])
        known = gold[:half] >= 0
        if min((gold[:half] == 1).sum(), (gold[half:] == 1).sum()) < 40:
            continue
        model = LogisticRegression(class_weight="balanced").fit(learned[known], gold[:half][known])
        scores[category] = model.predict_proba(held_out)[:, 1]
    return rows[half:], scores


def write_inputs(folder, rows, scores, language):
    folder.mkdir(parents=True)
    policy = {one: {"name": one, "definition": f"{one}.", "severity": "critical"} for one in scores}
    write(folder / "policy.yaml", {"policy": "p", "version": 1, "categories": policy})
    items = [
        {
            "id": row["id"],
            "text": row["text"],
            "labels": {one: row["labels"].get(one) for one in scores},
            "meta": {"lang": str((row.get("meta") or {}).get(language))},
        }
        for row in rows
    ]
    (folder / "g.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in items), encoding="utf-8")
    card = {"golden_set": "g", "version": 1, "policy": {"name": "p", "version": 1}, "items": "g.jsonl"}
    slices = {"language": "meta.lang"} if language else {}
    write(folder / "g.yaml", {**card, "labels": list(scores), "absent_labels": "unknown", "slices": slices})


def write(path, data):
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def run_week(folder, rows, scores, week, seed, *, is_sample, slices):
    rng = np.random.default_rng(seed)
    wavering = {
        one: np.clip(of + (0 if is_sample else rng.normal(0, 0.08, len(of))), 0, 1) for one, of in scores.items()
    }
    decided = [
        {"id": row["id"], "decisions": {one: int(of[at] >= 0.5) for one, of in wavering.items()}}
        for at, row in enumerate(rows)
    ]
    (folder / f"{week}.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in decided), encoding="utf-8")
    spec = {
        "eval": "noise",
        "policy": "policy.yaml",
        "golden_set": "g.yaml",
        "candidates": {"main": {"recorded": f"{week}.jsonl"}},
        "baseline": "main",
        "slices": slices,
        "seed": seed if is_sample else 0,
    }
    write(folder / "noise.yaml", spec)
    options = RunOptions(folder / "runs", folder / "answers.sqlite", limit=SAMPLE if is_sample else None, wave=week)
    monday = datetime.datetime.fromisocalendar(2026, int(week[-2:]), 1).replace(tzinfo=datetime.UTC)
    prepared = prepare_run(folder / "noise.yaml", options, {})
    apart(lambda: run_eval(prepared.request, now=lambda: monday, clock=lambda: 0.0))


def alarms_of(folder):
    """Weeks that flag a figure or open a line of the ledger, and weeks with something open from before."""
    source = collect(folder / "runs", "noise")
    flagged = {point.week for one in candidate_series(source, "main") for point in one.points if point.is_flagged}
    entries = ledger_of(source)
    alarms = flagged | {one.since for one in entries} | {one.week for one in source.moves if not one.is_better}
    told = not_restated(entries)
    still = {
        week for week in WEEKS if any(one.since < week and (one.closed is None or one.closed > week) for one in told)
    }
    return len(alarms), len(still)


@pytest.mark.slow
@pytest.mark.parametrize("is_sample", [True, False], ids=["resampled", "asked again"])
def test_noise_over_real_data_raises_alarms_at_most_at_their_nominal_rate(tmp_path, is_sample):
    """Each week keeps one family of figures at a rate of one in ten (Benjamini-Hochberg under no change at all)."""
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    counted = {}
    for name, language in SETS.items():
        rows, scores = real_decisions(name)
        assert scores
        found = []
        for history in range(HISTORIES):
            folder = tmp_path / f"{name}-{history}"
            write_inputs(folder, rows, scores, language)
            slices = ["language"] if language else []
            for number, week in enumerate(WEEKS):
                seed = 1_000 * history + number + 1
                run_week(folder, rows, scores, week, seed, is_sample=is_sample, slices=slices)
            found.append(alarms_of(folder))
        counted[name] = [sum(column) for column in zip(*found, strict=True)]
    n_weeks = len(SETS) * HISTORIES * (len(WEEKS) - 1)
    alarms, still = (sum(column) for column in zip(*counted.values(), strict=True))
    print(f"{n_weeks} weeks of noise: {alarms} with an alarm, {still} with something still open; {counted}")
    assert alarms <= 0.1 * n_weeks + 2 * (0.09 * n_weeks) ** 0.5
    assert still <= 0.1 * n_weeks + 2 * (0.09 * n_weeks) ** 0.5
