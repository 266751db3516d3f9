"""Stories of comparisons: the sentence that must appear on every surface, and the one that must not."""

import json

import numpy as np
import pytest
import stories
from stories import GATE, Story, caught, everywhere, half, nowhere, surfaces, tell

from harness.gating import gate_runs
from harness.gating.findings import PairEvidence, evidence_of, pair_findings
from harness.gating.findings.pair import About, Cell
from harness.gating.findings.stored import NEWLY
from harness.jobs.report import load_source
from harness.measure.compare import compare, compare_metrics
from harness.measure.pairs import CategoryPairs
from harness.measure.slices import slice_changes
from harness.report.comparison.build import build_report
from harness.report.comparison.matrix import candidate_matrix
from harness.report.comparison.renderers import RENDERERS
from harness.report.comparison.terminal import comparison_tables
from harness.report.gate.junit import junit_xml

CALM = "nothing is likely worse"
BRIEF = ("annotations",)
"""What shows harm and failed checks alone, a line each."""


def v1_v2(one, other):
    return {"v1": one, "v2": other}


def languages(tmp_path, checks=GATE):
    """Recall rises overall and falls in Arabic."""
    gold = half(600, 200)
    language = ["ar" if index % 6 == 0 else "en" for index in range(800)]
    is_ar = np.array(language) == "ar"
    before, after = gold.copy(), gold.copy()
    violating = np.flatnonzero(gold == 1)
    english, arabic = violating[~is_ar[violating]], violating[is_ar[violating]]
    before[english[:120]], after[english[:20]] = 0, 0
    before[arabic[:20]], after[arabic[:38]] = 0, 0
    story = Story(tmp_path, {"hate": gold}, {"language": language}, checks=checks)
    return story.run(v1_v2({"hate": before}, {"hate": after}))


@pytest.mark.parametrize("checks", [None, GATE], ids=["compared", "gated"])
def test_a_language_that_falls_inside_a_rising_average_is_named_first(tmp_path, checks):
    """Arabic 75.4 to 60.3 stood under "PASS, catches more"; the word language was nowhere near the top."""
    run = languages(tmp_path, checks)
    found = surfaces(run)
    everywhere(found, "Hate in language ar", "80.0% to 62.0%")
    everywhere(found, "atches more Hate", but=BRIEF)
    nowhere(found, CALM, "BETTER.")
    if checks:
        assert gate_runs(run["v2"], run["v1"]).exit_code == 0  # the gate's own verdict is not touched
        everywhere(found, "Do not ship v2 before somebody has looked", but=("terminal", *BRIEF))
        first = "## Moderation gate: PASS, BUT WORSE SOMEWHERE"
        everywhere({name: found[name] for name in ("comment v2", "summary v2")}, first)


def test_a_critical_category_that_falls_on_few_items_is_harm(tmp_path):
    """Threats, critical, fell 72.7 to 18.2 (n 11): a green PASS, "no category shows a proven change"."""
    gold = {"threats": half(11, 300), "spam": np.roll(half(150, 161), 40)}
    story = Story(tmp_path, gold, policy={"threats": {"severity": "critical", "owner": "policy-safety"}})
    before = {"threats": caught(gold["threats"], 8), "spam": gold["spam"]}
    run = story.run(v1_v2(before, {"threats": caught(gold["threats"], 2), "spam": gold["spam"]}))
    found = tell(
        run,
        "isses more Threats (critical): of 100 violating items it catches 18 instead of 73",
        never=(CALM, "NO PROVEN CHANGE", "No category shows"),
    )
    everywhere(found, "policy-safety", but=BRIEF)


def test_gains_never_stand_without_the_harm_beside_them(tmp_path):
    """A banner named two gains and omitted self-harm (critical), -27.5 points."""
    gold = {"hate": half(200, 200), "spam": np.roll(half(200, 200), 100), "self_harm": np.roll(half(40, 360), 7)}
    before = {"hate": caught(gold["hate"], 140), "spam": caught(gold["spam"], 140), "self_harm": gold["self_harm"]}
    after = {"hate": gold["hate"], "spam": gold["spam"], "self_harm": caught(gold["self_harm"], 29)}
    story = Story(tmp_path, gold, policy={"self_harm": {"name": "Self-harm", "severity": "critical"}})
    found = tell(story.run(v1_v2(before, after)), "isses more Self-harm (critical)", never=(CALM,))
    everywhere(found, "recall of Self-harm is worse", "atches more Hate", "atches more Spam", but=BRIEF)
    assert found["md"].index("Self-harm (critical)") < found["md"].index("Catches more Hate")


def test_changed_items_stand_beside_the_metric_they_move(tmp_path):
    """-22.6 points "worse, proven" stood beside "81 fixed, 57 broken", which counted false flags too."""
    gold = half(200, 400)
    run = Story(tmp_path, {"hate": gold}).run(v1_v2({"hate": caught(gold, 180, 120)}, {"hate": caught(gold, 130, 20)}))
    found = tell(run, "50 newly missed, 0 newly caught")
    nowhere({name: said for name, said in found.items() if name not in ("json",)}, " fixed", " broken")
    recall = next(one for one in found["md"].split("###") if one.strip().startswith("Recall"))
    assert "Newly missed" in recall
    assert "| 50 | 0 |" in recall


@pytest.mark.parametrize("checks", [None, GATE], ids=["compared", "gated"])
def test_what_falls_everywhere_is_not_said_to_show_most_somewhere(tmp_path, checks):
    """ "It shows most in language en" stood where the rest of the slices fell as far."""
    gold = half(600, 200)
    language = [("ar", "en", "ko", "hi")[index % 4] for index in range(800)]
    story = Story(tmp_path, {"hate": gold}, {"language": language}, checks=checks)
    run = story.run(v1_v2({"hate": gold}, {"hate": caught(gold, 420)}))
    tell(
        run,
        "ovement the same way is seen within language ar, en, hi and ko alone (exploratory)",
        never=("most in", "Most in"),
        but=BRIEF,
        absent=() if checks else ("comment", "summary", "gate"),
    )


@pytest.mark.parametrize("checks", [None, GATE], ids=["compared", "gated"])
def test_a_language_that_falls_steeply_inside_a_small_fall_is_named(tmp_path, checks):
    """French fell from 86% to 70% while the whole fell by less than 3 points: "seen within language fr" was all."""
    gold = half(1_200, 100)
    language = [("fr", "ar", "de", "en", "es", "hi")[index % 6] for index in range(1_300)]
    is_fr = np.array(language) == "fr"
    violating = np.flatnonzero(gold == 1)
    french, others = violating[is_fr[violating]], violating[~is_fr[violating]]
    before, after = gold.copy(), gold.copy()
    before[french[:28]], before[others[:140]] = 0, 0
    after[french[:60]], after[others[:143]] = 0, 0
    story = Story(tmp_path, {"hate": gold}, {"language": language}, checks=checks)
    run = story.run(v1_v2({"hate": before}, {"hate": after}))
    found = surfaces(run)
    everywhere(found, "isses more Hate in language fr: of 100 violating items it catches 70 instead of 86", but=BRIEF)
    everywhere(found, "language fr")
    nowhere(found, "is seen within language fr", CALM)
    if checks:
        everywhere(found, "Do not ship v2", but=("terminal", *BRIEF))


def test_one_category_is_never_called_categories(tmp_path):
    """ "Holm over 1 categories" stood below every comparison of one."""
    gold = half(300, 300)
    run = Story(tmp_path, {"hate": gold}).run(v1_v2({"hate": caught(gold, 250)}, {"hate": caught(gold, 200)}))
    found = tell(run, never=("1 categories",))
    family = {name: found[name] for name in ("html", "md", "xlsx", "json", "terminal v2")}
    everywhere(family, "Holm over 1 category x recall, precision, fpr")


@pytest.mark.parametrize(
    ("fails", "says"),
    [
        (
            ("unparsed",) * 300,
            "Most answers of v2 cannot be used: 300 of 500 answers (60%) failed, all of them unparsed",
        ),
        (("unparsed", "refused", "blocked") * 100, "(60%) failed, unparsed, refused and blocked"),
        (("refused",) * 500, "Nothing usable came from v2: 11 of 11 answers (100%) failed, all of them refused"),
    ],
    ids=["most", "none of them most", "all"],
)
def test_most_and_nothing_are_said_of_failed_answers_only_where_they_are_true(tmp_path, fails, says):
    """ "Nothing usable" was said of 60%, and "most of them unparsed" of a third."""
    gold = np.tile([1, 0], 250)
    outcomes = [*["ok"] * (500 - len(fails)), *fails]  # a run stops where its first ten answers are of no use
    run = Story(tmp_path, {"hate": gold}).run(v1_v2({"hate": gold}, {"hate": gold}), outcomes={"v2": outcomes})
    others = {"Nothing usable", "nothing usable", "most of them"} if len(fails) < 500 else {"Most answers of v2"}
    tell(run, says[1:], never=tuple(one for one in others if one not in says), but=BRIEF if len(fails) == 500 else ())


@pytest.mark.parametrize("checks", [None, GATE], ids=["compared", "gated"])
def test_an_answer_that_is_never_readable_comes_before_everything(tmp_path, checks):
    """The comment led with INCONCLUSIVE while "500 unparsed" stood on line 64."""
    gold = half(250, 250)
    story = Story(tmp_path, {"hate": gold}, checks=checks)
    run = story.run(v1_v2({"hate": gold}, {"hate": gold}), outcomes={"v2": ["ok"] * 5 + ["unparsed"] * 495})
    found = surfaces(run)
    everywhere(found, "ost answers of v2 cannot be used: 495 of 500 answers (99%) failed, all of them unparsed")
    nowhere(found, CALM, "BETTER")
    if checks:
        comment = found["comment v2"]
        assert comment.index("ost answers of v2 cannot be used") < comment.index("The gate: ")


def test_a_candidate_that_decided_nothing_is_told(tmp_path):
    gold = half(60, 60)
    nothing = np.full(120, -1)
    run = Story(tmp_path, {"hate": gold}).run(v1_v2({"hate": gold}, {"hate": nothing}))
    (first, *_) = pair_findings(evidence_of(run["v1"], run["v2"]))
    assert first.kind == "invalid"
    tell(
        run, "othing usable came from v2: 120 of 120 answers (100%) failed", never=(CALM, "NO PROVEN CHANGE", "BETTER")
    )


def test_a_must_catch_item_that_is_missed_is_harm_whatever_the_statistics(tmp_path):
    gold = half(400, 400)
    after = gold.copy()
    after[3] = 0
    run = Story(tmp_path, {"hate": gold}, must_catch=(3,)).run(v1_v2({"hate": gold}, {"hate": after}))
    found = tell(run, "isses 1 item that must be caught, whatever the statistics say: i0003", never=(CALM,))
    assert any("Read 1 missed must-catch item, and decide" in said for said in found.values())


def test_more_failures_are_harm(tmp_path):
    gold = half(400, 400)
    outcomes = ["refused" if index >= 770 else "ok" for index in range(800)]
    run = Story(tmp_path, {"hate": gold}).run(v1_v2({"hate": gold}, {"hate": gold}), outcomes={"v2": outcomes})
    said = "ore answers cannot be used: 3.75% instead of 0.00% (30 answers of 800 newly fail"
    found = tell(run, said, never=(CALM,))
    everywhere(found, "more answers fail", but=BRIEF)
    for name in ("comment v2", "summary v2"):
        assert found[name].index("more answers fail") < found[name].index("The gate: ")


def test_better_is_not_good_while_a_target_is_missed(tmp_path):
    gold = half(300, 300)
    story = Story(tmp_path, {"hate": gold}, policy={"hate": {"target": {"recall": 0.9}}})
    run = story.run(v1_v2({"hate": caught(gold, 150)}, {"hate": caught(gold, 210)}))
    found = tell(run, "ecall of Hate misses the policy’s target of 90%: it is 70.0%", never=(CALM,))
    everywhere(found, "PASS, BELOW TARGET", but=("terminal", *BRIEF))
    everywhere({"terminal": found["terminal v2"]}, "BETTER, BELOW TARGET")


def test_what_moved_is_told_before_targets_that_were_missed_already(tmp_path):
    """Five missed targets, old ones, stood first, and the one thing that got worse was counted under "1 more"."""
    gold = {f"c{number}": np.roll(half(200, 200), 40 * number) for number in range(6)}
    kept = {one: caught(values, 150) for one, values in gold.items()}
    surface = ["bio" if index % 4 else "post" for index in range(400)]
    fell = kept["c5"].copy()
    fell[[at for at in np.flatnonzero(fell) if surface[at] == "post"][:25]] = 0
    policy = {one: {"target": {"recall": 0.9}, "severity": "critical"} for one in [*gold][:5]}
    story = Story(tmp_path, gold, {"surface": surface}, policy=policy)
    run = story.run(v1_v2(kept, kept | {"c5": fell}))
    found = tell(run, "isses more C5", "misses the policy’s target of 90%", but=BRIEF)
    for name, said in found.items():
        if not name.startswith(BRIEF):
            assert said.index("isses more C5") < said.index("misses the policy’s target"), name


def test_a_plain_gain_is_told_as_one(tmp_path):
    gold = half(300, 300)
    run = Story(tmp_path, {"hate": gold}).run(v1_v2({"hate": caught(gold, 234)}, {"hate": caught(gold, 255)}))
    told = (CALM, "atches more Hate: of 100 violating items it catches 85 instead of 78")
    found = tell(run, *told, never=("is worse", "BELOW TARGET"), but=BRIEF)
    everywhere(found, "v2 may replace v1", but=("terminal", *BRIEF))


def test_equal_decisions_show_nothing(tmp_path):
    gold = half(300, 300)
    run = Story(tmp_path, {"hate": gold}).run(v1_v2({"hate": caught(gold, 250)}, {"hate": caught(gold, 250)}))
    found = tell(run, never=("BETTER", "WORSE", "better than", "worse than", "atches more", "isses more"))
    everywhere({"terminal": found["terminal v2"]}, "NO PROVEN CHANGE", "Nothing shows that v2 differs from v1")


def test_a_comparison_without_a_gate_is_worded_as_one(tmp_path):
    """Five candidates were five stacked verdicts, with tiles that stayed on the first; none was gated."""
    gold = half(300, 300)
    names = {f"v{number}": {"hate": caught(gold, n)} for number, n in enumerate((234, 255, 180, 234, 240), 1)}
    run = Story(tmp_path, {"hate": gold}, checks=None).run(names)
    found = surfaces(run, candidates=("v2", "v3", "v4", "v5"))
    files = {name: found[name] for name in ("html", "md", "xlsx", "json")}
    said = ("v2 is better than v1, and nothing is likely worse", "v3 is worse than v1", "Nothing shows that v4 differs")
    everywhere(files, "BETTER", "WORSE", "NO PROVEN CHANGE", *said)
    nowhere(found, "PASS", "REGRESSION", "The gate:")


def test_nothing_calls_a_large_set_too_small(tmp_path):
    """ "golden set too small" was said with n 4,434: the interval is told instead."""
    rng = np.random.default_rng(3)
    gold = half(2_000, 500)
    noisy = [np.where(rng.random(2_500) < 0.3, 1 - gold, gold) for _ in range(2)]
    run = Story(tmp_path, {"hate": gold}).run(v1_v2({"hate": noisy[0]}, {"hate": noisy[1]}))
    tell(run, never=("too small to tell", "set is too small", "golden set too small"))


def test_a_category_that_is_no_longer_decided_is_harm(tmp_path):
    gold = {"hate": half(100, 100), "spam": np.roll(half(100, 100), 50)}
    after = {"hate": gold["hate"]}
    tell(
        Story(tmp_path, gold).run(v1_v2(gold, after)),
        "ecides nothing about Spam, which the baseline decides",
        never=(CALM,),
    )


def test_every_candidate_has_its_own_decision_and_a_place_in_the_matrix(tmp_path):
    gold = half(300, 300)
    names = {f"v{number}": {"hate": caught(gold, n)} for number, n in enumerate((234, 255, 180, 234, 240), 1)}
    others = ("v2", "v3", "v4", "v5")
    found = tell(Story(tmp_path, {"hate": gold}).run(names), candidates=others)
    for text in ("v2 may replace v1", "Do not ship v3 in place of v1: recall of Hate is worse", "v4 may replace v1"):
        everywhere({name: found[name] for name in ("html", "md", "xlsx", "json")}, text)
    for name in others:
        own = {one: said for one, said in found.items() if one.startswith(("comment", "summary")) and name in one}
        everywhere(own, "recall of Hate is worse" if name == "v3" else f"{name} may replace v1")
    ranking = json.loads(found["json"])["ranking"]
    assert (ranking[0], ranking[-1]) == ("v2", "v3")
    for name, row in (("html", " {} "), ("md", "| {} | "), ("xlsx", " | {} | ")):
        after = found[name].index(
            {"html": "candidates by decision, best first", "md": "### Candidates", "xlsx": "Place | Candidate"}[name]
        )
        order = [found[name].index(row.format(one), after) for one in ranking]
        assert order == sorted(order), name


def test_candidates_that_decide_other_categories_stand_in_their_own_columns(tmp_path):
    """The matrix counted columns: a candidate without the first category showed the second one's figure there."""
    gold = {"hate": half(300, 300), "spam": half(200, 400)}
    hate, spam = {"hate": caught(gold["hate"], 270)}, {"spam": caught(gold["spam"], 100)}
    names = {"v1": gold, "v2": spam, "v3": hate, "v4": {**hate, **spam}}
    run = Story(tmp_path, gold).run(names)
    source, _ = load_source(run, "v1", (), run, "none")
    data = build_report(source, generated_at="now", version="0")
    shares = {row.candidate: [text.split()[0] for text, _ in row.cells] for row in candidate_matrix(data)}
    assert shares == {"v2": ["n/a", "50.0%"], "v3": ["90.0%", "n/a"], "v4": ["90.0%", "50.0%"]}
    found = {name: stories.read(RENDERERS[name](source, data, tmp_path, "none")[0]) for name in RENDERERS}
    assert "| v2 | " in found["md"]


def test_one_candidate_alone_is_judged_against_its_targets(tmp_path):
    """The page said "nothing is compared" and left the targets out; the gate called a floor "worse" by +70.0 points."""
    gold = half(300, 300)
    floor = {"category": "*", "metric": "recall", "floor": 0.85, "tier": "guarded"}
    story = Story(tmp_path, {"hate": gold}, policy={"hate": {"target": {"recall": 0.9}}}, checks=[floor])
    found = tell(
        story.run({"v1": {"hate": caught(gold, 210)}}),
        "Recall of Hate misses the policy’s target of 90%: it is 70.0%",
        never=("is worse", "in place of", "nothing is compared", "+70.0", CALM),
        but=BRIEF,
        baseline=None,
        candidates=("v1",),
    )
    alone = {name: found[name] for name in ("html", "md", "xlsx", "json", "terminal")}
    everywhere(alone, "BELOW TARGET", "v1 alone, with nothing to compare it with: 1 target of the policy is missed")
    gated = {name: found[name] for name in ("comment v1", "summary v1", "gate v1")}
    everywhere(gated, "Do not ship v1: recall of Hate fails its floor and 1 target of the policy is missed")
    everywhere(gated, "Recall of Hate fails the gate’s check (floor 85%, and it is 70.0% [")


def test_a_check_that_no_number_of_items_would_pass_says_what_more_items_are_for(tmp_path):
    """The step was "label more items" where no number of them would pass; its 90% looked like the table's 95%."""
    gold = half(60, 60)
    violating, before, after = np.flatnonzero(gold), np.zeros_like(gold), np.zeros_like(gold)
    before[violating[:50]], after[violating[9:54]] = 1, 1
    ungated = (*BRIEF, "terminal")
    found = tell(
        Story(tmp_path, {"hate": gold}).run(v1_v2({"hate": before}, {"hate": after})),
        "Label more items for recall of Hate (no owner named in the policy): if the loss seen is real, they will prove",
        but=ungated,
    )
    everywhere(found, "(margin 5 points, -8.3 [-", "] points, 90% interval)", but=ungated)


def test_a_floor_is_set_against_a_value_and_never_called_a_difference(tmp_path):
    """Page, Markdown and spreadsheet showed 70.0% as "+70.0 points" of difference."""
    gold = half(300, 300)
    floor = {"category": "*", "metric": "recall", "floor": 0.85, "tier": "guarded"}
    run = Story(tmp_path, {"hate": gold}, checks=[floor]).run(
        v1_v2({"hate": caught(gold, 210)}, {"hate": caught(gold, 210)})
    )
    found = tell(run, "ecall of Hate fails", never=("+70.0", "is worse"), but=("terminal", *BRIEF))
    everywhere(found, "recall of Hate fails its floor", but=("terminal", *BRIEF))
    (row,) = [line for line in found["md"].splitlines() if line.startswith("| Hate, recall |")]
    assert "floor 85%" in row
    assert "is 70.0% [" in row


def test_a_check_that_cannot_be_evaluated_keeps_a_pass_from_being_plain(tmp_path):
    gold = {"hate": half(400, 400), "spam": np.zeros(800, int)}
    run = Story(tmp_path, gold).run(v1_v2(gold, gold))
    found = tell(run, "could not be evaluated", but=("terminal", *BRIEF))
    nowhere({name: said for name, said in found.items() if not name.startswith("terminal")}, CALM)


def test_the_next_step_names_items_and_owner(tmp_path):
    gold = half(200, 200)
    story = Story(tmp_path, {"hate": gold}, policy={"hate": {"owner": "policy-hate"}})
    run = story.run(v1_v2({"hate": gold}, {"hate": caught(gold, 150)}))
    tell(run, "ead the 50 newly missed items of Hate, and decide (policy-hate)", but=BRIEF)


@pytest.mark.slow
def test_pure_noise_raises_no_more_alarms_than_its_nominal_rate():
    """Two equal systems over four categories, one critical, in two languages: harm in at most one of ten comparisons.

    Benjamini-Hochberg at 0.10 in three families, and half of what it finds would be gains: about 0.10 at most.
    """
    rng = np.random.default_rng(11)
    n, names, alarms, trials = 400, ("a", "b", "c", "d"), 0, 150
    about = {name: About(name, "critical" if name == "a" else "medium") for name in names}
    gold = (rng.random((n, 4)) < 0.3).astype(np.int8)
    language = {"language": {"ar": np.arange(0, n, 3), "en": np.setdiff1d(np.arange(n), np.arange(0, n, 3))}}
    for _ in range(trials):
        a, b = (np.where(rng.random(gold.shape) < 0.2, 1 - gold, gold).astype(np.int8) for _ in range(2))
        cells = []
        for column, name in enumerate(names):
            pairs = CategoryPairs(name, gold[:, column], a[:, column, None], b[:, column, None], np.arange(n))
            _, results = compare_metrics(pairs, 0, 1, ("recall", "precision", "fpr"))
            cells += [
                Cell(name, metric, one.baseline, one.candidate, one.difference, one.p_value, 1.0)
                for metric, one in results.items()
                if metric in NEWLY
            ]
        slices = slice_changes(names, gold, a[:, None], b[:, None], language, None)
        found = pair_findings(PairEvidence("v1", "v2", about, tuple(cells), slices))
        alarms += any(one.kind == "harm" for one in found)
    assert alarms / trials <= 0.12


def test_a_language_that_falls_stands_in_the_strip_of_the_first_screen(tmp_path):
    found = tell(languages(tmp_path), "Hate in language ar")
    said = "Recall by language: worse in ar (Hate); better in 1 cell"
    everywhere({name: found[name] for name in ("html", "md")}, said, "▼ -18.0")
    for name, after in (("html", "Bars are 95% intervals"), ("md", "## v2 against v1")):
        assert found[name].index(said) < found[name].index(after)
    assert "| language | ar | Hate | Recall |" in found["xlsx"]
    changes = json.loads(found["json"])["slices"][0]["rows"]
    (fell,) = (row["changes"]["recall"]["v2"]["hate"] for row in changes if row["value"] == "ar")
    assert fell["is_moved"]
    assert fell["is_worse"]


def test_few_items_of_a_language_are_folded_and_named(tmp_path):
    """Slices were a wall of hatched cells with n 1 to 5."""
    gold = half(300, 300)
    language = ["am" if index % 150 == 0 else ("ar", "en")[index % 2] for index in range(600)]
    story = Story(tmp_path, {"hate": gold}, {"language": language})
    run = story.run(v1_v2({"hate": caught(gold, 250)}, {"hate": caught(gold, 200)}))
    found = tell(
        run,
        "fewer than 20 violating items stand behind each figure",
        but=BRIEF,
        never=("Hate in language am", "Anything about"),
    )
    everywhere({name: found[name] for name in ("html", "md")}, "Not drawn: fewer than 20 items in language am.")


def test_a_category_without_a_column_in_the_strip_is_named_below_it(tmp_path):
    """One of few violating items had no column, and nothing said so; a language with two falls was named twice."""
    gold = {"hate": half(200, 200), "spam": np.roll(half(200, 200), 100), "threats": np.roll(half(24, 376), 5)}
    language = [("ar", "en")[index % 2] for index in range(400)]
    is_ar = np.array(language) == "ar"
    after = {one: np.where(is_ar & (np.arange(400) % 4 == 0), 0, values) for one, values in gold.items()}
    run = Story(tmp_path, gold, {"language": language}).run(v1_v2(gold, after))
    found = surfaces(run)
    pages = {name: found[name] for name in ("html", "md")}
    everywhere(
        pages,
        "Not drawn: fewer than 20 items in every language of Threats.",
        "worse in ar (Hate, Spam and 1 more)",
    )
    nowhere(found, "ar (Hate), ar (Spam)")


def test_a_gain_stands_above_what_it_costs_in_production(tmp_path):
    """ "✓ met" (88.7%) stood beside 20.0% in production, nine sections down; no totals, no before and after."""
    gold = {"hate": half(300, 300), "spam": np.roll(half(100, 500), 200)}
    prevalence = {"value": 0.004, "source": "impression sample", "date": "2026-10-01"}
    story = Story(tmp_path, gold, policy={"hate": {"prevalence": prevalence, "target": {"precision": 0.8}}})
    before = {"hate": caught(gold["hate"], 200, 20), "spam": gold["spam"]}
    run = story.run(v1_v2(before, {"hate": caught(gold["hate"], 290, 20), "spam": gold["spam"]}))
    found = surfaces(run)
    totals = {one["candidate"]: one for one in json.loads(found["json"])["production"]["totals"]}
    assert totals["v2"]["precision"]["value"] < 0.1
    for name, after in (("html", "Bars are 95% intervals"), ("md", "## v2 against v1")):
        day = found[name].index("A day in production")
        assert day < found[name].index(after)
        assert "Precision in production" in found[name][day:]
        assert f"{100 * totals['v2']['precision']['value']:.1f}%" in found[name][day:]
    everywhere({name: found[name] for name in ("html", "md")}, "the policy states no prevalence: Spam")
    assert "Precision in production" in found["xlsx"]


def test_two_runs_of_one_candidate_are_told_apart(tmp_path):
    """Both heads were "v2 / v2", and the comment said "Do not ship v2 in place of v2"."""
    gold = half(200, 200)
    story = Story(tmp_path, {"hate": gold})
    one = story.run({"v2": {"hate": gold}}, week="2026-W46")
    other = story.run({"v2": {"hate": caught(gold, 120)}}, week="2026-W47")
    names = [f"v2 ({run.meta.run_id})" for run in (one, other)]
    found = tell(
        other,
        f"Do not ship {names[1]} in place of {names[0]}",
        never=("in place of v2:", "v2 against v2", "v2 / v2"),
        but=("terminal", *BRIEF),
        baseline="v2",
        baseline_run=one,
    )
    everywhere({"terminal": found["terminal v2"]}, f"{names[1]} is worse than {names[0]}", "v2 (", ") | Difference")
    tables = comparison_tables(compare(one["v2"], other["v2"]), text_mode="none")
    assert tables[0].columns[2] != tables[0].columns[3]


def test_the_comment_lists_only_what_changed(tmp_path):
    """It listed unchanged checks as changed."""
    gold = {"hate": half(400, 400), "spam": np.roll(half(400, 400), 100)}
    story = Story(tmp_path, gold)
    run = story.run(v1_v2(gold, {"hate": caught(gold["hate"], 300), "spam": gold["spam"]}))
    found = tell(run, "isses more Hate", never=("isses more Spam", "atches more", "pam is worse"))
    changed = found["comment v2"].split("### What changed")[1].split("<details>")[0]
    assert "Hate recall" in changed
    assert "Spam recall" not in changed
    everywhere({name: found[name] for name in ("summary v2", "gate v2")}, "Spam recall")
    everywhere({name: found[name] for name in ("html", "md", "xlsx")}, "about the same")
    spam = next(row for row in json.loads(found["json"])["pairs"][0]["rows"] if row["id"] == "spam")
    assert {one["change"] for one in spam["measures"].values()} == {"same"}


def test_harm_to_a_language_or_a_critical_category_is_named_behind_whatever_is_worse(tmp_path):
    """Behind five worse categories a language that lost everything stood in "and 12 more"."""
    gold = {f"c{number}": np.roll(half(300, 100), 40 * number) for number in range(8)}
    language = ["ar" if index % 5 == 0 else "en" for index in range(400)]
    is_ar = np.array(language) == "ar"
    policy = {
        name: {"severity": "critical" if name in ("c0", "c1", "c2", "c3", "c4", "c5") else "high"} for name in gold
    }
    after = {name: caught(labels, 240) for name, labels in gold.items()}
    after["c7"] = np.where(is_ar, 0, caught(gold["c7"], 290))
    run = Story(tmp_path, gold, {"language": language}, policy=policy).run(v1_v2(gold, after))
    found = tell(run, "In critical categories too: recall of C5.", "In language ar too: recall of C7.", but=BRIEF)
    everywhere(found, "more, 3 of them critical and 1 in language ar, are worse", but=BRIEF)


def test_a_category_is_called_as_the_policy_calls_it_wherever_people_read_of_it(tmp_path):
    """The gate named it by its id: in the headline of the comment, in its tables, and among the report's checks."""
    gold = half(400, 400)
    story = Story(tmp_path, {"h8": gold}, policy={"h8": {"name": "Hate of any kind"}}, must_catch=(0, 1))
    run = story.run(v1_v2({"h8": gold}, {"h8": caught(gold, 300)}))
    found = tell(run, "Hate of any kind", but=BRIEF)
    everywhere(
        {name: found[name] for name in ("comment v2", "summary v2", "gate v2")}, "worse: Hate of any kind recall"
    )
    nowhere({name: found[name] for name in ("comment v2", "summary v2", "gate v2")}, "h8")
    everywhere({"md": found["md"]}, "| Hate of any kind, recall |")
    everywhere({"xlsx": found["xlsx"]}, "v2 | Hate of any kind | Recall | guarded")
    cases = junit_xml(gate_runs(run["v2"], run["v1"]))
    assert 'name="h8 recall (margin 5 points)"' in cases  # a test keeps its history when the category is renamed
    assert "REGRESSION: Hate of any kind recall" in cases


def test_the_gates_interval_is_labelled_as_another_than_the_reports(tmp_path):
    """One difference stood with two intervals, 90% and 95%, and nothing said which was which."""
    gold = half(200, 200)
    run = Story(tmp_path, {"hate": gold}).run(v1_v2({"hate": caught(gold, 180)}, {"hate": caught(gold, 150)}))
    found = tell(run, "-15.0 [", never=("99% interval",), but=("json", "xlsx", *BRIEF))
    everywhere({"md": found["md"]}, "Difference, points (90%)", "Brackets are 95% intervals")
    everywhere({"html": found["html"]}, "Difference, 90% interval")
    everywhere({"xlsx": found["xlsx"]}, "90% interval low")
    everywhere({"terminal": found["terminal v2"]}, "95% intervals; the last columns count")
    for name in ("comment v2", "summary v2", "gate v2"):
        assert "90% interval of the one-sided test" in found[name]
    (pair,) = json.loads(found["json"])["pairs"]
    check, paired = pair["checks"][0], pair["rows"][0]["measures"]["recall"]["difference"]
    assert check["difference"]["value"] == pytest.approx(paired["value"])
    assert paired["low"] < check["difference"]["low"] < check["difference"]["high"] < paired["high"]


def test_many_categories_keep_what_moved_in_view(tmp_path):
    """The table of 60 categories was 60 rows long, whatever they said; nothing is lost: the rest is folded."""
    rng = np.random.default_rng(4)
    gold = {f"c{number:02d}": (rng.random(100) < 0.3).astype(int) for number in range(20)}
    fell = gold["c11"].copy()
    fell[np.flatnonzero(fell)[:20]] = 0
    run = Story(tmp_path, gold).run(v1_v2(gold, {**gold, "c11": fell}))
    found = tell(run, "isses more C11", never=("isses more C10", "atches more", "19 harms"))
    everywhere({"comment": found["comment v2"]}, "19 checks not proven, though no decision changed: C00 recall")
    assert found["comment v2"].index("| C11 recall |") < found["comment v2"].index("19 checks not proven")
    everywhere({name: said for name, said in found.items() if not name.startswith(("comment", *BRIEF))}, "19")
    assert "19 more categories without a change that can be told" in found["html"]
    assert found["html"].index("C11", found["html"].index("Values")) < found["html"].index("19 more categories")


def test_no_candidate_is_left_out_in_silence(tmp_path):
    """Of twenty candidates a report showed seven."""
    gold = half(60, 60)
    names = {f"v{number}": {"hate": caught(gold, 30 + number)} for number in range(1, 13)}
    run = Story(tmp_path, {"hate": gold}).run(names)
    others = tuple(f"v{number}" for number in range(2, 13))
    source, _ = load_source(run, "v1", (), run, "none")
    data = build_report(source, generated_at="now", version="0")
    assert [pair.candidate for pair in data.pairs] == list(others)
    assert {row.candidate for row in candidate_matrix(data)} == {*others} == {*data.ranking}
    found = {name: stories.read(RENDERERS[name](source, data, tmp_path, "none")[0]) for name in RENDERERS}
    everywhere(found, "story: 11 candidates against v1")
    nowhere(found, "Only the first")
    for name, row in (("html", " {} "), ("md", "| {} | "), ("xlsx", " | {} | "), ("json", '"{}"')):
        assert all(row.format(one) in found[name] for one in others), name
