"""Cases: caught at the first violating item or later, counted case by case."""

import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.measure.cases import Cases, decide_cases

POLICY = """policy: p
version: 1
categories:
  grooming: {name: Grooming, definition: d, severity: critical}
"""
CARD = """golden_set: g
version: 1
policy: {name: p, version: 1}
items: items.jsonl
labels: [grooming]
"""
EVAL = """eval: e
policy: policy.yaml
golden_set: card.yaml
on_failure: no_flag
candidates:
  old: {recorded: old.jsonl}
  new: {recorded: new.jsonl}
baseline: old
"""
# group: gold of its messages, flags of old, flags of new
THREADS = {
    "t1": ("0111", "0001", "0100"),  # old two messages late, new at once
    "t2": ("0011", "1000", "0010"),  # old early, and then never
    "t3": ("01", "00", "00"),  # nobody
    "t4": ("000", "000", "010"),  # harmless; new raises a false alarm
    "t5": ("00", "00", "00"),
    None: ("1", "1", "0"),  # a case of its own
}


def write(folder, threads=THREADS, times=True):
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "card.yaml").write_text(CARD)
    (folder / "eval.yaml").write_text(EVAL)
    items, old, new = [], [], []
    for group, (gold, a, b) in threads.items():
        for at in range(len(gold)):
            name = f"{group or 'alone'}-{at}"
            meta = {"at": f"2026-01-01T00:00:{at * 7:02d}Z"} if times else {}
            items.append({"id": name, "text": f"{name} says", "labels": {"grooming": int(gold[at])}, "group": group,
                          "meta": meta})  # fmt: skip
            for rows, flags in ((old, a), (new, b)):
                if flags[at] != "-":
                    rows.append({"id": name, "decisions": {"grooming": int(flags[at])}})
    for name, rows in (("items", items), ("old", old), ("new", new)):
        (folder / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


def harness(*arguments):
    return CliRunner().invoke(main, [*arguments], catch_exceptions=False)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    done = harness("run", "eval.yaml")
    assert done.exit_code == 0, done.output
    return tmp_path


def test_cases_by_messages(project):
    found = orjson.loads(harness("cases", "latest", "--baseline", "old", "--json").stdout)
    assert (found["n_cases"], found["time"]) == (6, "messages")
    old, new = (found["candidates"][name]["grooming"] for name in ("old", "new"))
    assert (old["recall"]["n"], old["recall"]["value"]) == (4, 0.5)  # t1 and the one alone; t2 was early
    assert (new["recall"]["n"], new["recall"]["value"]) == (4, 0.5)  # t1 and t2
    assert [old["within"][k]["value"] for k in ("1", "3", "5")] == [0.25, 0.5, 0.5]
    assert [new["within"][k]["value"] for k in ("1", "3", "5")] == [0.5, 0.5, 0.5]
    assert (old["delay_median"], new["delay_median"]) == (1.0, 0.0)
    assert (old["n_early"], new["n_early"]) == (1, 0)
    assert (old["missed"], new["missed"]) == (["t2", "t3"], ["t3", "item alone-0"])
    assert (old["fpr"]["value"], new["fpr"]["value"], new["fpr"]["n"]) == (0.0, 0.5, 2)
    difference = found["differences"]["new"]["grooming"]
    assert (difference["newly_caught"], difference["newly_missed"]) == (["t2"], ["item alone-0"])
    assert (difference["recall_difference"]["value"], difference["p_value"]) == (0.0, 1.0)


def test_cases_by_seconds(project):
    found = orjson.loads(
        harness("cases", "latest", "--time", "meta.at", "--within", "0", "--within", "14", "--json").stdout
    )
    old = found["candidates"]["old"]["grooming"]
    assert (found["time"], old["delay_median"]) == ("seconds", 7.0)  # 14 s in t1, 0 s alone
    assert [old["within"][k]["value"] for k in ("0", "14")] == [0.25, 0.5]


def test_the_screen_names_what_was_missed(project):
    shown = harness("cases", "latest", "--baseline", "old").output
    assert "6 cases of 16 items" in shown
    assert "Missed, Grooming: t2, t3." in shown
    assert "Newly missed, Grooming: item alone-0." in shown


def test_it_says_that_weights_are_not_used(project):
    """Cases of a weighted set were counted in silence, as if the numbers were the population's."""
    assert "weights" not in harness("cases", "latest").output
    rows = [orjson.loads(line) for line in (project / "items.jsonl").read_bytes().splitlines()]
    weighted = (orjson.dumps({**row, "weight": 1 + at % 3}) + b"\n" for at, row in enumerate(rows))
    (project / "items.jsonl").write_bytes(b"".join(weighted))
    assert harness("run", "eval.yaml").exit_code == 0
    said = "the set declares weights, and here they are not used: every case counts once"
    assert said in harness("cases", "latest").output
    assert orjson.loads(harness("cases", "latest", "--json").stdout)["notes"] == [said]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--time", "seconds"], "a path below meta or context"),
        (["--time", "meta.sent"], "item 't1-0' has meta.sent"),
        (["--candidate", "nwe"], "did you mean 'new'?"),
        (["--candidate", "old", "--baseline", "old"], "are both 'old'"),
    ],
)
def test_mistakes(project, arguments, said):
    done = harness("cases", "latest", *arguments)
    assert done.exit_code in (1, 2)
    assert said in " ".join(done.output.split())


def test_a_sample_and_a_set_without_groups_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    harness("run", "eval.yaml", "--limit", "9")
    assert "cases would be cut apart" in harness("cases", "latest").output
    write(tmp_path, {None: ("10", "10", "10")})
    harness("run", "eval.yaml")
    assert "no item has a group" in harness("cases", "latest").output


def test_a_missing_decision_leaves_a_case_open_unless_another_flags_it():
    cases = Cases(("a", "b", "c"), tuple(np.array(one) for one in ([0, 1], [2, 3], [4, 5])))
    gold = np.array([0, 1, 1, 1, 0, -1], np.int8)
    made = decide_cases(cases, gold, np.array([-1, 0, -1, 1, 0, 0], np.int8))
    assert made.gold.tolist() == [1, 1, -1]
    assert made.caught.tolist() == [0, 1, 0]  # what was not decided before it violated catches nothing
    assert made.delay.tolist()[1] == 1.0
    assert decide_cases(cases, gold, np.array([0, -1, -1, 0, 0, 0], np.int8)).caught.tolist() == [-1, -1, 0]
