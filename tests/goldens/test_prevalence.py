"""Prevalence, leakage and overkill of a pool, from labelled samples of it."""

import csv
import json

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from goldens.small_set import CARD, write_policy, write_set
from public_sets import datasets_folder

from harness.cli import main
from harness.files.golden.sets import load_golden
from harness.goldens.pool import open_pool
from harness.goldens.pool_items import item_rows, provenance
from harness.goldens.pool_sample import Asked, sample_pool
from harness.goldens.pool_strata import Design
from harness.goldens.prevalence import estimate, read_sample
from harness.goldens.prevalence_pool import read_predictions

TRUTH = {"hate": "gold_hate", "spam": "gold_spam"}


def pool_rows(n=600):
    rng = np.random.default_rng(3)
    rows = []
    for at in range(n):
        hate, spam = int(rng.random() < 0.1), int(rng.random() < 0.3)
        score = float(np.clip(rng.beta(1, 6) + 0.5 * hate * rng.random(), 0, 1))
        rows.append(
            {
                "id": f"p{at}",
                "text": f"text {at}",
                "score": round(score, 3),
                "views": int(rng.lognormal(3, 1)),
                "removed": "removed" if score > 0.5 else "kept",
                "llm": int(rng.random() < (0.8 if hate else 0.2)),
                "gold_hate": hate,
                "gold_spam": spam,
            }
        )
    return rows


def write_pool(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def labelled_set(folder, pool_path, asked, *, label=lambda row, category: row[TRUTH[category]]):
    """A sample of the pool, labelled by its own truth, as a golden set on disk."""
    write_policy(folder)
    pool = open_pool([str(pool_path)])
    sample = sample_pool(pool, asked)
    rows = item_rows(pool, sample, ["hate", "threat", "spam"])
    by_id = {one.id: one.row for one in sample.items}
    for row in rows:
        row["labels"] = {name: label(by_id[row["id"]], name) for name in TRUTH}
    card = CARD.replace("labels: [hate, threat, spam]", "labels: [hate, spam]").replace(
        "slices: {language: meta.lang}\n", ""
    )
    facts = provenance(pool, sample, asked)
    card += "provenance:\n" + "".join(f"  {name}: {json.dumps(value)}\n" for name, value in facts.items())
    return write_set(folder, rows, card)


def invoke(*arguments, code=0):
    result = CliRunner().invoke(main, ["golden", "prevalence", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def figures(*arguments):
    found = json.loads(invoke(*arguments, "--json").stdout)["figures"]
    return {(one["category"], one["figure"]): one for one in found}


@pytest.fixture
def asked():
    return Asked(150, Design(scores=("score",)), views="views")


def test_a_whole_pool_labelled_gives_its_figures_exactly(tmp_path):
    rows = pool_rows(60)
    card = labelled_set(tmp_path, write_pool(tmp_path / "p.jsonl", rows), Asked(60, views="views"))
    found = figures(card, "--removed", "removed")
    hate = [row for row in rows if row["gold_hate"]]
    clean = [row for row in rows if not row["gold_hate"]]
    gone = [row for row in rows if row["removed"] == "removed"]
    views = sum(row["views"] for row in rows)
    left_up = [row for row in hate if row["removed"] == "kept"]
    expected = {
        "violating_items": len(hate) / 60,
        "violating_views": sum(row["views"] for row in hate) / views,
        "leakage_items": len(left_up) / len(hate),
        "leakage_views": sum(row["views"] for row in left_up) / sum(row["views"] for row in hate),
        "violating_views_left_up": sum(row["views"] for row in left_up) / views,
        "overkill_items": sum(row["removed"] == "removed" for row in clean) / len(clean),
        "wrong_removals": sum(not row["gold_hate"] for row in gone) / len(gone),
    }
    for name, value in expected.items():
        one = found["hate", name]
        assert (one["value"], one["low"], one["high"]) == pytest.approx((value, value, value)), name


def test_the_lines_for_the_policy_are_yaml_as_they_stand(tmp_path):
    """ "hate: prevalence: {...}" is none, and a narrow screen broke it in the middle."""
    card = labelled_set(tmp_path, write_pool(tmp_path / "p.jsonl", pool_rows(60)), Asked(60, views="views"))
    _, said = invoke(card).stdout.split("For the policy, so that reports give precision in production:\n")
    assert yaml.safe_load(said)["hate"]["prevalence"]["source"]


def test_a_sample_says_how_it_was_drawn_and_where_it_cannot_be_used(tmp_path):
    card = write_set(tmp_path)
    assert "nothing says how its items were drawn" in invoke(card, code=1).output


def test_nobody_has_labelled_yet(tmp_path, asked):
    pool = write_pool(tmp_path / "p.jsonl", pool_rows())
    card = labelled_set(tmp_path, pool, asked, label=lambda row, category: None)
    assert "nobody has labelled" in invoke(card, code=1).output


def test_no_violating_item_is_an_upper_bound(tmp_path, asked):
    pool = write_pool(tmp_path / "p.jsonl", [row | {"gold_hate": 0} for row in pool_rows()])
    card = labelled_set(tmp_path, pool, asked)
    found = figures(card, "--removed", "removed")
    assert found["hate", "violating_items"]["value"] == found["hate", "violating_items"]["low"] == 0
    assert 0 < found["hate", "violating_items"]["high"] < 0.2
    assert found["hate", "leakage_items"]["value"] is None
    assert found["hate", "leakage_items"]["reason"] == "no violating item found"
    assert "the upper end says how common" in invoke(card).stdout


def test_unlabelled_items_leave_their_weight_to_their_stratum(tmp_path):
    """Labels that are missing by stratum, not by content, move nothing."""
    rows = pool_rows()
    pool = write_pool(tmp_path / "p.jsonl", rows)
    whole = Asked(600, Design(scores=("score",), edges=(0.3,)))
    card = labelled_set(
        tmp_path, pool, whole,
        label=lambda row, category: None if row["score"] >= 0.3 and int(row["id"][1:]) % 2 else row[TRUTH[category]],
    )  # fmt: skip
    one = figures(card)["hate", "violating_items"]
    low = [row["gold_hate"] for row in rows if row["score"] < 0.3]
    high = [row["gold_hate"] for row in rows if row["score"] >= 0.3]
    kept = [row["gold_hate"] for row in rows if row["score"] >= 0.3 and not int(row["id"][1:]) % 2]
    assert one["value"] == pytest.approx((sum(low) + len(high) * np.mean(kept)) / 600)
    assert one["low"] < one["value"] < one["high"]
    assert "without a label stand for" in invoke(card).stdout


def test_a_stratum_without_a_label_makes_the_figure_undefined(tmp_path, asked):
    pool = write_pool(tmp_path / "p.jsonl", pool_rows())
    card = labelled_set(
        tmp_path, pool, asked, label=lambda row, category: None if row["score"] < 0.05 else row[TRUTH[category]]
    )
    one = figures(card)["hate", "violating_items"]
    assert one["value"] is None
    assert "no label in score: < 0.05" in one["reason"]


def test_predictions_must_cover_the_pool_of_the_sample(tmp_path, asked):
    rows = pool_rows()
    card = labelled_set(tmp_path, write_pool(tmp_path / "p.jsonl", rows), asked)

    def run(name, rows, message):
        pool = write_pool(tmp_path / name, rows)
        output = invoke(card, "--pool", pool, "--predicted", "hate=llm", code=1).output
        assert message in " ".join(output.split())

    run("short.jsonl", rows[:-300], "not in it")
    run("long.jsonl", [*rows, {**rows[0], "id": "new", "text": "new"}], "601 items, and")
    run("odd.jsonl", [row | {"llm": 3} for row in rows], "'llm' is 3")
    run("blank.jsonl", [row | {"llm": None} for row in rows], "it must have seen the whole pool")
    assert "belong together" in invoke(card, "--predicted", "hate=llm", code=2).output


def test_series_grows_by_a_date_once(tmp_path, asked):
    card = labelled_set(tmp_path, write_pool(tmp_path / "p.jsonl", pool_rows()), asked)
    for name in ("s.csv", "s.jsonl"):
        path = tmp_path / name
        for date in ("2026-11-20", "2026-11-27"):
            invoke(card, "--series", path, "--date", date)
        before = path.read_bytes()
        assert (
            "has the figures of 2026-11-27 already"
            in invoke(card, "--series", path, "--date", "2026-11-27", code=1).output
        )
        assert path.read_bytes() == before
    with (tmp_path / "s.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 2 * 3 * 2  # dates, hate spam and any, items and views
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert "is no series" in invoke(card, "--series", tmp_path / "other.csv", code=1).output


def simulate(folder, rows, asked, n_samples, predicted):
    """Estimates of many samples of one pool: name -> (mean, its error, coverage)."""
    pool_path = write_pool(folder / "p.jsonl", rows)
    pool = open_pool([str(pool_path)])
    truth = {
        "violating_items": np.mean([row["gold_hate"] for row in rows]),
        "violating_views": sum(row["views"] * row["gold_hate"] for row in rows) / sum(row["views"] for row in rows),
    }
    found = {(name, with_model): [] for name in truth for with_model in (False, True)}
    for seed in range(n_samples):
        card = labelled_set(folder, pool_path, Asked(**{**asked, "seed": seed}))
        golden = load_golden(card, None)
        sample = read_sample(golden)
        predictions = read_predictions(pool, golden, sample, {"hate": predicted})
        for with_model in (False, True):
            for one in estimate(sample, predictions if with_model else None):
                if one.category == "hate" and one.name in truth:
                    found[one.name, with_model].append(one.result)
    for (name, with_model), every in found.items():
        values = np.array([one.value for one in every])
        error = values.std() / np.sqrt(n_samples)
        covered = np.mean([one.low <= truth[name] <= one.high for one in every])
        assert abs(values.mean() - truth[name]) < 4 * error + 0.02 * truth[name], (name, with_model)
        assert covered >= 0.88, (name, with_model, covered)


def test_estimates_through_files_are_unbiased_and_cover(tmp_path):
    simulate(tmp_path, pool_rows(), {"size": 120, "design": Design(scores=("score",)), "views": "views"}, 40, "llm")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["surge_toxicity", "germeval2018", "toldbr"])
@pytest.mark.parametrize("errs", ["flags_too_much", "misses_most"])
def test_a_biased_model_moves_no_estimate_on_real_sets(tmp_path, name, errs):
    category = {"surge_toxicity": "toxic", "germeval2018": "offense", "toldbr": "homophobia"}[name]
    rng = np.random.default_rng(11)
    rows = []
    with (datasets_folder() / name / "data.jsonl").open(encoding="utf-8") as file:
        for line in file:
            item = json.loads(line)
            gold = item["labels"].get(category)
            if gold is None or not item["text"] or not item["text"].strip() or len(rows) >= 4_000:
                continue
            rate = {"flags_too_much": (0.95, 0.4), "misses_most": (0.15, 0.0)}[errs]
            score = float(np.clip(rng.beta(1, 5) + 0.6 * gold * rng.random(), 0, 1))
            row = {"id": item["id"], "text": item["text"], "score": score, "views": int(rng.lognormal(3, 1.5))}
            llm = int(rng.random() < rate[0 if gold else 1])
            rows.append(row | {"llm": llm, "gold_hate": gold, "gold_spam": 0})
    simulate(tmp_path, rows, {"size": 300, "design": Design(scores=("score",)), "views": "views"}, 100, "llm")
