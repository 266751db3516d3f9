"""``harness bands``: pass, a person, remove; chosen on dev, read on gate, written as a cascade that then decides so."""

import json
import re

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from harness.cli import main

N = 600


def harness(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


def stored(command, *args):
    result = harness(command, *args, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A recorded candidate with scores in two categories, and one decision of an older system; run once."""
    home = tmp_path_factory.mktemp("bands")
    rng = np.random.default_rng(5)
    (home / "evals").mkdir()
    gold = rng.integers(0, 2, (N, 2))
    scores = np.clip(np.round(0.35 + 0.3 * gold + rng.normal(0, 0.16, (N, 2)), 3), 0, 1)
    category = "{name: C, definition: D.}"
    (home / "evals/p.yaml").write_text(f"policy: p\nversion: 1\ncategories: {{hate: {category}, spam: {category}}}\n")
    (home / "evals/s.yaml").write_text(
        "golden_set: s\nversion: 1\npolicy: {name: p, version: 1}\nitems: s.jsonl\nlabels: [hate, spam]\n"
    )
    rows = [{"id": f"i{at}", "text": f"text {at}", "labels": dict(zip(("hate", "spam"), map(int, one), strict=True))}
            for at, one in enumerate(gold)]  # fmt: skip
    (home / "evals/s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    new = [{"id": f"i{at}", "decisions": {"hate": int(a >= 0.5), "spam": int(b >= 0.5)},
            "scores": {"hate": float(a), "spam": float(b)}, "cost_usd": 0.001, "latency_ms": 20}
           for at, (a, b) in enumerate(scores)]  # fmt: skip
    (home / "evals/new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in new))
    (home / "evals/e.yaml").write_text(
        "eval: e\npolicy: p.yaml\ngolden_set: s.yaml\ncandidates:\n  new: {recorded: new.jsonl}\n"
        "split: {dev: 0.5, by: group, seed: 7}\n"
        "gate: {checks: [{category: '*', metric: recall, margin: 0.05}]}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        result = harness("run", "evals/e.yaml", "--cache", home / "cache.sqlite")
        assert result.exit_code == 0, result.output
    return home


@pytest.fixture
def project(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


GOALS = ("--goal", "missed<=0.1", "--goal", "overblocked<=0.1", "--goal", "spam:missed<=0.2")


def test_a_category_s_own_goal_replaces_the_general_one_of_its_kind(project):
    hate, spam = stored("bands", "latest", *GOALS)["bands"]
    assert hate["goals"] == [{"kind": "missed", "value": 0.1}, {"kind": "overblocked", "value": 0.1}]
    assert spam["goals"] == [{"kind": "missed", "value": 0.2}, {"kind": "overblocked", "value": 0.1}]
    assert hate["decide_below"] <= hate["decide_above"]
    assert hate["gate"]["passed"] + hate["gate"]["removed"] + hate["gate"]["to_person"] == hate["gate"]["n"]


def test_hours_are_of_the_share_and_money_is_unknown_until_said(project):
    people = stored("bands", "latest", *GOALS, "--review-seconds", "36")["people"]
    assert people["reviewer_hours_per_1000"]["value"] == pytest.approx(10 * people["share"]["value"])
    assert people["usd_per_1000"] is None
    assert "what an hour costs is unknown" in " ".join(harness("bands", "latest", *GOALS).output.split())
    words = " ".join(harness("bands", "latest", *GOALS, "--review-usd", "25").output.split())
    assert re.search(r"each; \$[\d.]+ \[[\d.]+, [\d.]+\] at \$25.00 an hour", words)
    priced = stored("bands", "latest", *GOALS, "--review-seconds", "36", "--review-usd", "20")["people"]
    assert priced["usd_per_1000"]["value"] == pytest.approx(200 * people["share"]["value"])


def test_without_a_goal_for_removal_nothing_is_removed(project):
    result = harness("bands", "latest", "--goal", "missed<=0.1")
    assert "nothing is removed" in " ".join(result.output.split())
    assert stored("bands", "latest", "--goal", "missed<=0.1")["bands"][0]["gate"]["removed"] == 0


def test_what_cannot_be_promised_leaves_its_band_empty_and_says_why(project):
    result = harness("bands", "latest", "--goal", "hate:missed<=0.001")
    words = " ".join(result.output.split())
    assert "C (hate): nothing passes without a person: missed cannot be promised" in words
    assert "are needed" in words
    assert "spam" not in words.partition("Chosen on")[0]


def test_a_written_cascade_decides_as_was_read_and_every_surface_says_so(project, tmp_path):
    """The row's state is its own: neither failed nor decided wrong, on neither side of a comparison."""
    first = stored("bands", "latest", *GOALS)
    before = (project / "evals/e.yaml").read_text()
    try:
        written = harness("bands", "latest", *GOALS, "--write", "triage")
        assert written.exit_code == 0, written.output
        spec = yaml.safe_load((project / "evals/e.yaml").read_text())["candidates"]["triage"]["cascade"]
        assert [stage["use"] for stage in spec] == ["new", "human"]
        assert harness("check", "evals").exit_code == 0
        assert harness("run", "evals/e.yaml").exit_code == 0
        score = stored("score", "latest")["candidates"]["triage"]
        told = {one["category"]: one["gate"] for one in first["bands"]}
        for name, one in score["people"]["categories"].items():
            assert one["share"]["value"] == pytest.approx(told[name]["share"]["value"])
            assert one["missed"]["value"] == pytest.approx(told[name]["missed"]["value"])
            assert one["overblocked"]["value"] == pytest.approx(told[name]["overblocked"]["value"])
            assert one["error"]["value"] == pytest.approx(told[name]["error"]["value"])
            counts = score["categories"][name]
            assert (
                sum(counts[cell] for cell in ("tp", "fp", "fn", "tn")) == told[name]["passed"] + told[name]["removed"]
            )
        assert score["people"]["share"] == first["people"]["share"]
        assert score["outcomes"]["human"] + score["outcomes"]["ok"] == first["people"]["share"]["n"]
        assert score["failure_rate"]["value"] == 0
        assert score["n_fallback"] == 0
        stage, person = score["stages"]
        assert (stage["n_asked"], person["is_person"]) == (score["people"]["share"]["n"], True)
        assert stage["decided"]["value"] + person["decided"]["value"] == pytest.approx(1)
        assert stage["cost_usd"] == pytest.approx(0.001 * stage["n_asked"])
        compared = stored("compare", "latest", "--baseline", "new", "--candidate", "triage")
        assert any("to a person" in one for one in compared["notes"])
        assert compared["people"]["candidate"]["share"] == first["people"]["share"]
        hate = compared["categories"]["hate"]
        assert sum(hate["cells"].values()) == told["hate"]["passed"] + told["hate"]["removed"]
        gate = harness("gate", "latest", "--baseline", "new", "--candidate", "triage")
        assert "to a person in some category" in " ".join(gate.output.split())
        assert "INVALID" not in gate.output
        out = tmp_path / "out"
        made = harness("report", "latest", "--baseline", "new", "--format", "md,json,xlsx,html", "--out", out,
                       "--review-usd", "30", "--text", "none")  # fmt: skip
        assert made.exit_code == 0, made.output
        page = (out / "report.md").read_text()
        assert "## Stages and people" in page
        assert "reviewer hours per 1,000" in page
        assert "unknown" not in page.partition("## Stages and people")[2].partition("###")[2][:900]
    finally:
        (project / "evals/e.yaml").write_text(before)


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        ("missed<=0", "not between 0 and 1"),
        ("missed<=1", "not between 0 and 1 (1% is 0.01)"),
        ("missed<=5", "(5% is 0.05)"),
        ("missed<=5%", "(5% is 0.05)"),
        ("missed<=-0.1", "not between 0 and 1"),
        ("missed>=0.05", "is no goal"),
        ("missed<0.05", "is no goal"),
        ("missed=0.05", "is no goal"),
        ("missed<=0,05", "is no goal"),
        ("missed<=1e", "cannot be read"),
        ("missed<=nan", "is no goal"),
        ("missed<=inf", "is no goal"),
        ("missed<=.", "cannot be read"),
        ("missed<=", "is no goal"),
        ("Missed<=0.1", "is no goal"),
        ("recall>=0.9", "is no goal"),
        ("", "is no goal"),
        (":missed<=0.1", "no category ''"),
        ("hat:missed<=0.1", "no category 'hat'"),
        ("hate:", "is no goal"),
        ("hate;missed<=0.1", "is no goal"),
        ("HATE:missed<=0.1", "no category 'HATE'"),
    ],
)
def test_odd_goals_are_one_message(project, goal, said):
    result = harness("bands", "latest", "--goal", goal)
    assert result.exit_code in (1, 2), result.output
    assert said in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_goal_twice_is_refused_and_spaces_do_not_matter(project):
    assert (
        "second goal of the same kind"
        in harness("bands", "latest", "--goal", "missed<=0.1", "--goal", "missed<=.2").output
    )
    assert harness("bands", "latest", "--goal", "hate: missed <= 0.1").exit_code == 0


@pytest.mark.parametrize(
    ("cascade", "said"),
    [
        ("[{use: new, decide_above: 90}, {use: human}]", "90"),
        ("[{use: new, decide_above: -0.1}, {use: human}]", "-0.1"),
        ("[{use: new, decide_above: .nan}, {use: human}]", "nan"),
        ("[{use: new, decide_above: high}, {use: human}]", "high"),
        ("[{use: new, decide_above: '0.9'}, {use: human}]", "0.9"),
        ("[{use: new, decide_above: true}, {use: human}]", "true"),
        ("[{use: new, decide_above: [0.9]}, {use: human}]", "decide_above"),
        ("[{use: new, decide_above: {}}, {use: human}]", ""),
        ("[{use: new, decide_above: {hat: 0.9}}, {use: human}]", "hate"),
        ("[{use: new, decide_above: {hate: 9}}, {use: human}]", "9"),
        ("[{use: new, decide_above: {hate: null}}, {use: human}]", "hate"),
        ("[{use: new, decide_above: 0.1, decide_below: 0.9}, {use: human}]", "swap"),
        ("[{use: new, decide_above: {hate: 0.1}, decide_below: {hate: 0.2}}, {use: human}]", "swap"),
        ("[{use: human}, {use: new}]", "nobody is asked after the person"),
        ("[{use: new}, {use: human, decide_above: 0.9}]", "a person gives no scores"),
        ("[{use: new}, {use: human}, {use: human}]", "nobody is asked after the person"),
        ("[{use: rules, decide_below: 0.1}, {use: human}]", "gives no scores"),
        ("[{use: new, decide_abve: 0.9}, {use: human}]", "decide_above"),
        ("[{use: new}, {use: Human}]", "human"),
        ("[{use: new, above: 0.9}, {use: human}]", "decide_above"),
        ("[{use: new}, human]", "human"),
    ],
)
def test_odd_bands_in_an_eval_are_one_message(folder, tmp_path, cascade, said):
    for name in ("p.yaml", "s.yaml", "s.jsonl", "new.jsonl"):
        (tmp_path / name).write_bytes((folder / "evals" / name).read_bytes())
    (tmp_path / "r.yaml").write_text("rule_set: r\nversion: 1\nrules: [{id: a, category: hate, words: [bad]}]\n")
    (tmp_path / "e.yaml").write_text(
        "eval: e\npolicy: p.yaml\ngolden_set: s.yaml\n"
        f"candidates:\n  new: {{recorded: new.jsonl}}\n  rules: {{rules: r.yaml}}\n  triage: {{cascade: {cascade}}}\n"
    )
    result = harness("check", tmp_path / "e.yaml")
    assert "Traceback" not in result.output
    if said:
        assert result.exit_code == 1, result.output
        assert said in result.output
