"""What candidates would have done to a pool: against the truth of a small pool, and over pools as people have them."""

import csv
import gzip
import json
import random

import numpy as np
import pytest
from click.testing import CliRunner
from projects import write_project
from stub_server import StubServer, completion

from harness.cli import main
from harness.core.design_changes import simple_random_size, stratified_sizes, weighted_change
from harness.core.designs import allocate, draw
from harness.errors import HarnessError
from harness.files.evals import load_eval
from harness.goldens.pool import open_pool
from harness.goldens.pool_recorded import Columns
from harness.goldens.pool_sample import Asked
from harness.goldens.pool_strata import Design
from harness.jobs.backtest import backtest
from harness.jobs.backtest_full import full_pass
from harness.jobs.backtest_ready import Wanted, prepare_backtest
from harness.jobs.run import RunOptions
from harness.measure.backtest import ANY
from harness.report.backtest.data import Period, document

EVAL = """\
eval: community
policy: policy.yaml
golden_set: card.yaml
candidates:
  old: {rules: old.yaml}
  new: {rules: new.yaml}
  humans: {recorded: decisions.jsonl}
baseline: old
split: {dev: 0.4, by: group, seed: 7}
"""
OLD = "rule_set: old\nversion: 1\nrules:\n  - {id: r1, category: spam, words: [casino, lottery]}\n"
NEW = """\
rule_set: new
version: 1
rules:
  - {id: r1, category: spam, words: [casino, bonus]}
  - {id: r2, category: hate, words: [vermin]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = write_project(tmp_path_factory.mktemp("backtest") / "p", eval=EVAL)
    (found / "old.yaml").write_text(OLD)
    (found / "new.yaml").write_text(NEW)
    return found


def pool_rows(n=1_200, seed=0):
    rng = random.Random(seed)
    rows = []
    for at in range(n):
        words = [word for word, share in (("casino", 0.05), ("lottery", 0.03), ("bonus", 0.04), ("vermin", 0.02))
                 if rng.random() < share]  # fmt: skip
        spam = "casino" in words or "lottery" in words
        rows.append(
            {
                "id": f"p{at}",
                "text": f"{' '.join(words)} text {at}",
                "action": "removed" if spam else "kept",
                "reasons": ["spam"] if spam else [],
                "spam_flag": int(spam),
                "score": round(min(0.99, max(0.0, (0.8 if spam else 0.2) + rng.gauss(0, 0.15))), 3),
                "views": int(rng.lognormvariate(3, 1)),
            }
        )
    return rows


def truth(rows, word="views"):
    after = [any(one in row["text"] for one in ("casino", "bonus", "vermin")) for row in rows]
    before = [row["action"] == "removed" for row in rows]
    total = sum(row[word] for row in rows)
    pairs = list(zip(before, after, strict=True))
    count = {
        "flagged_before": sum(before),
        "flagged_after": sum(after),
        "newly_flagged": sum(b and not a for a, b in pairs),
        "no_longer_flagged": sum(a and not b for a, b in pairs),
    }
    views = sum(row[word] for row, one in zip(rows, after, strict=True) if one) / total
    return {name: n / len(rows) for name, n in count.items()} | {"views_after": views}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def asked(folder, path, tmp_path, columns=None, *, size=300, candidates=("new",), precision=None, baseline=None,
          max_cost=None, **more):  # fmt: skip
    wanted = Wanted(Asked(size, allocation="root", **more), columns or Columns(), None, precision, baseline)
    options = RunOptions(tmp_path / "runs", tmp_path / "cache.sqlite", candidates, max_cost_usd=max_cost)
    return prepare_backtest(load_eval(folder / "eval.yaml"), open_pool([str(path)]), wanted, options, {})


def test_a_whole_pool_drawn_gives_the_truth_without_an_interval(folder, tmp_path):
    rows = pool_rows(200)
    found = backtest(asked(folder, write(tmp_path / "pool.jsonl", rows), tmp_path, Columns("action"), size=200))
    shift = found.effects[0].items[ANY]
    assert shift.change.low == shift.change.value == shift.change.high
    for name, share in (("before", "flagged_before"), ("after", "flagged_after"), ("gained", "newly_flagged")):
        assert getattr(shift, name).value == pytest.approx(truth(rows)[share])


WAYS = {
    "item": Columns("action"),
    "category": Columns(by_category={"spam": "spam_flag"}),
    "names": Columns(names="reasons"),
    "baseline": Columns(),
}


@pytest.mark.parametrize("columns", WAYS.values(), ids=WAYS)
def test_every_way_of_saying_what_was_decided_before_gives_the_same_flips(folder, tmp_path, columns):
    rows = pool_rows()
    path = write(tmp_path / "pool.jsonl", rows)
    found = backtest(asked(folder, path, tmp_path, columns, size=600, design=Design(("score",)), views="views"))
    expected = truth(rows)
    shift, views = found.effects[0].items[ANY], found.effects[0].views[ANY]
    assert shift.before.value == pytest.approx(expected["flagged_before"], abs=0 if columns else 0.03)
    assert shift.after.low <= expected["flagged_after"] <= shift.after.high
    assert shift.gained.low <= expected["newly_flagged"] <= shift.gained.high
    assert shift.lost.low <= expected["no_longer_flagged"] <= shift.lost.high
    assert shift.after.value - shift.before.value == pytest.approx(shift.gained.value - shift.lost.value)
    assert views.after.low <= expected["views_after"] <= views.after.high
    named = found.effects[0].items["spam"]
    assert named.before.is_defined is (columns.item is None)


def test_the_full_pass_counts_exactly_lists_every_flip_and_goes_on(folder, tmp_path):
    rows = pool_rows(300)
    path = write(tmp_path / "pool.jsonl", rows)
    ready = asked(folder, path, tmp_path, Columns("action"), views="views")
    found = full_pass(ready, tmp_path / "out", "masked", block_rows=70)
    again = full_pass(ready, tmp_path / "out2", "masked", block_rows=70)
    assert found.counts == again.counts
    counts, expected = found.counts["new"][ANY].items, truth(rows)
    assert {name: counts[name] / 300 for name in counts if name != "decided"} == {
        name: pytest.approx(expected[name]) for name in counts if name != "decided"
    }
    listed = list(csv.DictReader((tmp_path / "out" / "flips.csv").read_text().splitlines()))
    assert len(listed) == counts["newly_flagged"] + counts["no_longer_flagged"]
    assert "bonus" not in (tmp_path / "out" / "flips.csv").read_text()


def test_a_larger_draw_holds_a_smaller_one():
    small, large = (set(draw(n, 500, rng=np.random.default_rng(3))[0].tolist()) for n in (20, 90))
    assert small < large


def test_a_wanted_precision_takes_a_pilot_and_then_as_many_as_it_takes(folder, tmp_path):
    rows = pool_rows(3_000, seed=4)
    path = write(tmp_path / "pool.jsonl", rows)
    said = []
    ready = asked(folder, path, tmp_path, Columns("action"), size=200, precision=0.01, design=Design(("score",)))
    found = backtest(ready, note=said.append)
    after = found.effects[0].items[ANY].after
    assert found.pilot == 200
    assert len(found.sample.items) > 200
    assert (after.high - after.low) / 2 < 0.013
    assert after.low <= truth(rows)["flagged_after"] <= after.high
    assert len(said) == 1
    assert "in a simple random sample" in said[0]


MODELS = """\
models:
  m:
    provider: openai
    base_url: "{url}"
    model: m
    params: {{max_tokens: 8}}
    price: {{input_per_mtok: 1, output_per_mtok: 10}}
"""
PROMPT = "---\nprompt: p\nversion: 1\nanswer: label\nlabels: {none: [], spam: [spam]}\n---\n# user\n\n{{ item.text }}\n"


def test_a_bound_is_of_pilot_and_sample_together_and_what_was_spent_is_told(tmp_path, monkeypatch):
    """Each of them spent the whole of it, and the screen said neither what was spent nor how to go on."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
    spec = EVAL.replace("candidates:", "candidates:\n  v1: {prompt: p.md, model: m}")
    place = write_project(tmp_path / "p", eval=spec)
    (place / "old.yaml").write_text(OLD)
    (place / "new.yaml").write_text(NEW)
    (place / "p.md").write_text(PROMPT)
    path = write(tmp_path / "pool.jsonl", pool_rows(3_000, seed=4))
    sampled = ("--candidate", "v1", "--recorded", "action", "--size", 100, "--precision", 1, "--max-cost", 0.005)
    kept = ("--runs-dir", tmp_path / "runs", "--cache", tmp_path / "c.sqlite")
    with StubServer(lambda asked: completion("spam" if "casino" in asked.texts[0] else "none")) as server:
        (place / "models.yaml").write_text(MODELS.format(url=server.url))
        told = invoke(place / "eval.yaml", path, *sampled, *kept, code=5)
    cost = len(server.seen) * 19e-6
    assert len(server.seen) > 100
    assert 0.004 < cost <= 0.005
    assert f"(${cost:.4f} with earlier executions)" in told.stdout
    assert "The next call might have gone past --max-cost" in told.stderr


def test_a_full_pass_that_a_bound_ends_says_what_was_spent_in_all(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
    place = write_project(
        tmp_path / "p", eval=EVAL.replace("candidates:", "candidates:\n  v1: {prompt: p.md, model: m}")
    )
    for name, text in (("old.yaml", OLD), ("new.yaml", NEW), ("p.md", PROMPT)):
        (place / name).write_text(text)
    path = write(tmp_path / "pool.jsonl", pool_rows(300))
    command = ("--candidate", "v1", "--recorded", "action", "--full", "--out", tmp_path / "out")
    kept = ("--runs-dir", tmp_path / "runs", "--cache", tmp_path / "c.sqlite")
    with StubServer(lambda asked: completion("none")) as server:
        (place / "models.yaml").write_text(MODELS.format(url=server.url))
        first = invoke(place / "eval.yaml", path, *command, "--max-cost", 0.002, *kept, code=5)
        assert "with a higher bound it goes on" in first.stdout
        second = invoke(place / "eval.yaml", path, *command, *kept)
    assert len(server.seen) == 300
    (line,) = (one for one in second.stdout.splitlines() if one.startswith("Spent, earlier"))
    assert line.split()[-1] == "$0.0057"


def test_a_one_percent_rate_to_a_twentieth_of_a_point_takes_152_000_simple_random_items():
    assert simple_random_size(0.01, 0.0005) == 152_122  # 1.95996² · .01 · .99 / .0005²


def test_neyman_by_hand():
    # N·S = 450, 500; n = 950² / ((10,000 · .01/1.96)² + 22.5 + 250) = 313.8
    assert stratified_sizes(np.array([9000, 1000]), np.array([0.05, 0.5]), 0.01).tolist() == [149, 166]
    assert stratified_sizes(np.array([50, 10]), np.array([0.5, 0.5]), 1e-6).tolist() == [50, 10]


ODD = {
    "no recorded decision at all": ([{"action": None}], Columns("action"), "no row has a recorded decision"),
    "a score as decision": ([{"action": 0.7}], Columns("action"), "stratify by scores with --score"),
    "an unknown category": ([{}], Columns(by_category={"nudity": "action"}), "the policy has no category 'nudity'"),
    "a column that is not there": ([{}], Columns("acton"), "has no column 'acton'"),
    "duplicate ids": ([{"id": "p1"}, {"id": "p1"}], Columns("action"), "ids stand more than once"),
    "negative views": ([{"views": -3}], Columns("action"), "without a number of views"),
    "blank views": ([{"views": None}], Columns("action"), "without a number of views"),
    "a text for each decision": (
        [{"action": f"word {at}"} for at in range(90)], Columns("action"), "different values",
    ),
    "no text": ([{"text": " "}], Columns("action"), None),
    "no text anywhere": ([{"text": None, "action": "kept"}] * 40, Columns("action"), "no item is left to draw"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_pools_are_refused_by_name(folder, tmp_path, name):
    changes, columns, message = ODD[name]
    rows = pool_rows(max(40, len(changes)))
    for row, change in zip(rows, changes, strict=False):
        row.update(change)
    if name == "no recorded decision at all":
        rows = [{**row, "action": None} for row in rows]
    path = write(tmp_path / "pool.jsonl", rows)
    if message is None:
        found = backtest(asked(folder, path, tmp_path, columns, size=40))
        assert found.sample.left_out.counts == {"no text": 1}
        return
    with pytest.raises(HarnessError, match=message):
        backtest(asked(folder, path, tmp_path, columns, size=len(rows), views="views"))


def changed(rows, **values):
    return [{**row, **values} for row in rows]


def changed_ids(rows):
    return [row | {"id": f"q{row['id']}"} for row in rows]


KEPT = {
    "one row": lambda: pool_rows(1),
    "all flagged": lambda: changed(pool_rows(60), action="removed"),
    "none flagged": lambda: changed(pool_rows(60), action="kept"),
    "nothing violates": lambda: changed(pool_rows(60), text="plain words"),
    "blanks for some": lambda: [*changed(pool_rows(30), action=None), *changed_ids(pool_rows(60))],
    "words as flags": lambda: [row | {"action": "TRUE" if row["spam_flag"] else "no"} for row in pool_rows(60)],
    "nobody saw it": lambda: changed(pool_rows(60), views=0),
    "a formula": lambda: changed(pool_rows(60), text='=HYPERLINK("http://x","casino")', id=None),
    "nested rows": lambda: changed(pool_rows(40), meta={"lang": "en", "a": {"b": 1}}, context={"parent": "x"}),
    "a row of other columns": lambda: [*pool_rows(40), {"id": "x", "text": "casino", "action": "removed", "views": 1}],
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_odd_pools_that_hold_give_numbers_that_add_up(folder, tmp_path, name):
    rows = KEPT[name]()
    path = write(tmp_path / "pool.jsonl", rows)
    found = backtest(asked(folder, path, tmp_path, Columns("action"), size=50, views="views"))
    shift = found.effects[0].items[ANY]
    n_known = sum(row["action"] is not None for row in rows)
    assert found.drawn.n_items == n_known
    assert shift.before.value == pytest.approx(
        sum(str(row["action"]).casefold() in ("removed", "true") for row in rows) / n_known
    )
    after = shift.before.value + shift.gained.value - shift.lost.value
    assert min(1.0, after) == pytest.approx(shift.after.value)
    assert shift.after.low <= shift.after.value <= shift.after.high
    json.dumps(document(found, Period(30, 30)), allow_nan=False)


def invoke(*arguments, code=0):
    result = CliRunner().invoke(main, ["backtest", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def test_the_command_writes_every_format_with_masked_texts(folder, tmp_path):
    path = tmp_path / "pool.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in pool_rows(300)).encode()))
    out = tmp_path / "out"
    result = invoke(folder / "eval.yaml", path, "--candidate", "new", "--recorded", "action", "--size", 150, "--views",
                    "views", "--days", 7, "--format", "html,md,xlsx,json,csv", "--out", out, "--runs-dir",
                    tmp_path / "runs", "--cache", tmp_path / "c.sqlite", "--show", "masked")  # fmt: skip
    assert "new would flag" in result.stdout
    assert "a day" in result.stdout
    assert {one.name for one in out.iterdir()} == {
        "backtest.html", "backtest.md", "backtest.xlsx", "backtest.json", "flips.csv",
    }  # fmt: skip
    for name in ("backtest.html", "flips.csv"):
        text = (out / name).read_text()
        assert "b••••" in text
        assert "bonus" not in text
    assert json.loads((out / "backtest.json").read_text())["pool"]["days"] == 7
    again = invoke(folder / "eval.yaml", path, "--candidate", "new", "--recorded", "action", "--size", 150, "--views",
                   "views", "--runs-dir", tmp_path / "runs", "--cache", tmp_path / "c.sqlite", "--json")  # fmt: skip
    assert json.loads(again.stdout)["candidates"]["new"]["cost"]["full_pass_usd"]["value"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--candidate", "humans"], "does not know the items of a pool"),
        (["--candidate", "nwe"], "there is no candidate 'nwe'"),
        (["--baseline", "new", "--candidate", "new"], "nobody to set against it"),
        (["--flagged-as", "reasons", "--crosswalk", "x"], "the policy has no such crosswalk"),
    ],
)
def test_mistakes_are_one_message(folder, tmp_path, arguments, message):
    path = write(tmp_path / "pool.jsonl", pool_rows(20))
    assert message in invoke(folder / "eval.yaml", path, *arguments, code=1).stderr


def simulated(n_rounds, size, allocation):
    """Coverage and bias of before, after and change over draws of one population with rare flips."""
    rng = np.random.default_rng(11)
    n = 40_000
    score = rng.beta(0.5, 6, n)
    before = rng.random(n) < np.clip(score * 1.1 - 0.25, 0, 1)
    after = np.where(rng.random(n) < np.where(score > 0.3, 0.15, 0.004), ~before, before)
    strata = np.searchsorted([0.05, 0.2, 0.5], score) * 2 + before
    sizes = np.bincount(strata)
    kept = sizes > 0
    names = np.flatnonzero(kept)
    goal = {"after": after.mean(), "change": after.mean() - before.mean()}
    covered, sums = dict.fromkeys(goal, 0), dict.fromkeys(goal, 0.0)
    for number in range(n_rounds):
        counts = allocate(sizes[kept], size, allocation=allocation)
        chosen, probability = [], []
        for code, count in zip(names.tolist(), counts.tolist(), strict=True):
            members = np.flatnonzero(strata == code)
            at, pi = draw(count, members.size, rng=np.random.default_rng([number, code]))
            chosen.append(members[at])
            probability.append(pi)
        at, pi = np.concatenate(chosen), np.concatenate(probability)
        change = weighted_change(
            after[at] & ~before[at], before[at] & ~after[at], 1 / pi, probability=pi, strata=strata[at]
        )
        for name, shift in (("after", before.mean()), ("change", 0.0)):
            covered[name] += change.low + shift <= goal[name] <= change.high + shift
            sums[name] += change.value + shift - goal[name]
    return {name: covered[name] / n_rounds for name in goal}, {name: sums[name] / n_rounds for name in goal}


def test_intervals_cover_and_nothing_is_biased():
    covered, bias = simulated(60, 800, "root")
    assert min(covered.values()) >= 0.88  # 60 draws: .95 is seen below .88 once in 100 times
    assert max(abs(one) for one in bias.values()) < 0.003


@pytest.mark.slow
@pytest.mark.parametrize("allocation", ["equal", "root", "proportional"])
@pytest.mark.parametrize("size", [300, 2_000])
def test_intervals_cover_over_a_thousand_draws(allocation, size):
    covered, bias = simulated(1_000, size, allocation)
    print(f"\n{allocation}, {size}: covered {covered}, bias {bias}")
    assert min(covered.values()) >= 0.93
    assert max(abs(one) for one in bias.values()) < 0.0015
