import pytest
from candidate_fakes import drive, item
from hypothesis import given
from hypothesis import strategies as st
from projects import EVAL, write_project

from harness.candidates.cascade import CascadeCandidate, HumanStage, Stage
from harness.candidates.votes import VoteCandidate
from harness.jobs.check import check_paths
from harness.records.answers import Answer, Request, Response


class Fixed:
    """A candidate whose answer is given; ``calls`` requests come before it."""

    def __init__(self, name, answer, categories=("hate", "spam"), *, calls=0, needs_text=True):
        self.id, self.categories, self.needs_text = name, categories, needs_text
        self.models_used = (f"model-{name}",) if calls else ()
        self.fingerprint = {"kind": "fixed", "id": name}
        self.asked = self.prepared = 0
        self._answer, self._calls = answer, calls

    def prepare(self, items):
        self.prepared += len(items)

    def decide(self, one):
        self.asked += 1
        for _ in range(self._calls):
            yield [Request(self.models_used[0], "/x", b"{}")]
        return self._answer


def ok(hate, spam=None, **fields):
    decisions = {"hate": hate} if spam is None else {"hate": hate, "spam": spam}
    return Answer("ok", decisions, **fields)


def cascade(*stages):
    return CascadeCandidate(
        "cascade",
        [one if isinstance(one, Stage) else Stage(*one) if isinstance(one, tuple) else Stage(one) for one in stages],
        category_order=("hate", "scams", "spam"),
    )


def run(*stages, one=None):
    return drive(cascade(*stages), one or item())[0]


def test_cascade_flag_is_settled_and_the_rest_goes_on():
    answer = run((Fixed("rules", ok(0, 1)), ("spam",)), Fixed("v2", ok(1, 0)))
    assert (answer.outcome, answer.decisions) == ("ok", {"hate": 1, "spam": 1})


def test_cascade_flag_outside_decide_settles_nothing():
    answer = run((Fixed("rules", ok(1, 0)), ("spam",)), Fixed("v2", ok(0, 0)))
    assert answer.decisions == {"hate": 0, "spam": 0}


@pytest.mark.parametrize(
    ("said", "asked", "outcome", "decisions"),
    [
        (ok(0, 1), 0, "ok", {"hate": 0, "spam": 1}),  # removed for spam: nobody pays for the question about hate
        (ok(0, 0), 1, "ok", {"hate": 1, "spam": 0}),
        (Answer("ok", {"spam": 1}), 0, "abstained", {"hate": None, "spam": 1}),
    ],
)
def test_cascade_may_stop_at_the_first_flag(said, asked, outcome, decisions):
    later = Fixed("v2", ok(1, 0))
    answer = run(Stage(Fixed("rules", said), stop_when_flagged=True), later)
    assert (later.asked, answer.outcome, answer.decisions) == (asked, outcome, decisions)
    if outcome == "abstained":
        assert answer.error == "not asked about hate: stage rules had flagged the item"


def test_cascade_says_in_its_fingerprint_that_it_stops():
    plain, stopping = (cascade(Stage(Fixed("rules", ok(0, 1)), stop_when_flagged=flag)) for flag in (False, True))
    assert "stop_when_flagged" not in plain.fingerprint["stages"][0]
    assert stopping.fingerprint["stages"][0]["stop_when_flagged"] is True


def test_cascade_zero_of_an_early_stage_is_not_final():
    assert run(Fixed("rules", ok(0, 0)), Fixed("v2", ok(0, 1))).decisions == {"hate": 0, "spam": 1}


def test_cascade_stops_when_all_is_settled():
    second = Fixed("v2", ok(0, 0))
    assert run(Fixed("rules", ok(1, 1)), second).decisions == {"hate": 1, "spam": 1}
    assert second.asked == 0


def test_cascade_skips_a_stage_that_speaks_about_nothing_open():
    second = Fixed("spam only", Answer("ok", {"spam": 0}), ("spam",))
    answer = run(Fixed("rules", ok(0, 1)), second)
    assert second.asked == 0
    assert answer.decisions == {"hate": 0, "spam": 1}


def test_cascade_last_word_of_a_failed_stage_is_a_failure():
    answer = run(Fixed("rules", ok(0, 1)), Fixed("v2", Answer("unparsed", {"hate": None}, error="no JSON")))
    assert (answer.outcome, answer.decisions) == ("unparsed", {"hate": None, "spam": 1})
    assert answer.error == "stage v2: no JSON"


def test_cascade_error_stays_unless_a_later_stage_flags():
    """A stage without an answer was overruled by a later 0: a missing answer counted as a "no"."""
    answer = run(Fixed("llm", Answer("error", {}, error="503")), Fixed("rules", ok(1, 0)))
    assert (answer.outcome, answer.decisions) == ("error", {"hate": 1, "spam": None})
    assert answer.error == "stage llm: 503"
    flagged = run(Fixed("llm", Answer("error", {}, error="503")), Fixed("rules", ok(1, 1)))
    assert (flagged.outcome, flagged.decisions) == ("ok", {"hate": 1, "spam": 1})


def test_cascade_item_that_a_stage_has_no_decision_for_stays_open():
    answer = run(Fixed("human", Answer("not_asked", error="no recorded decision")), Fixed("rules", ok(1, 0)))
    assert (answer.outcome, answer.decisions) == ("not_asked", {"hate": 1, "spam": None})


@pytest.mark.parametrize("outcome", ["refused", "blocked", "unparsed"])
def test_cascade_failure_that_a_later_stage_makes_good_does_not_count(outcome):
    answer = run(Fixed("v1", Answer(outcome, {}, error="x")), Fixed("v2", ok(1, 0)))
    assert (answer.outcome, answer.decisions, answer.error) == ("ok", {"hate": 1, "spam": 0}, None)


def test_cascade_keeps_what_a_partial_answer_did_decide():
    answer = run(Fixed("v1", Answer("error", {"hate": 1, "spam": None}, error="503")))
    assert (answer.outcome, answer.decisions) == ("error", {"hate": 1, "spam": None})


def test_cascade_names_the_stages_taken():
    answer = run(Fixed("rules", ok(0, 0, rationale="rule a")), Fixed("v2", ok(0, 0)))
    assert answer.rationale == "stage rules: rule a; stage v2"


def test_cascade_makes_its_stages_calls():
    from candidate_fakes import answered

    candidate = cascade(Fixed("a", ok(0, 0), calls=2), Fixed("b", ok(0, 1), calls=1))
    answer, made = drive(candidate, item(), *[answered({})] * 3)
    assert [one.model_id for one in made] == ["model-a", "model-a", "model-b"]
    assert candidate.models_used == ("model-a", "model-b")
    assert answer.decisions == {"hate": 0, "spam": 1}


def test_cascade_adds_recorded_latencies_only_when_nothing_was_called():
    first, second = Fixed("a", ok(0, 0, latency_ms=10.0)), Fixed("b", ok(0, 0, latency_ms=5.0))
    assert run(first, second).latency_ms == 15.0
    called = Fixed("b", ok(0, 0), calls=1)
    from candidate_fakes import answered

    assert drive(cascade(first, called), item(), answered({}))[0].latency_ms is None


def test_cascade_prepares_every_stage_and_needs_text_if_one_does():
    stages = [Fixed("a", ok(0, 0)), Fixed("b", ok(0, 0), needs_text=False)]
    candidate = cascade(*stages)
    candidate.prepare([item()])
    assert [stage.prepared for stage in stages] == [1, 1]
    assert candidate.needs_text
    assert not cascade(stages[1]).needs_text


def test_cascade_covers_what_its_stages_speak_about():
    assert cascade((Fixed("a", ok(0, 0)), ("spam",))).categories == ("spam",)
    assert cascade(Fixed("a", ok(0, 0)), Fixed("b", ok(0), ("scams",))).categories == ("hate", "scams", "spam")


outcomes = st.sampled_from(["ok", "unparsed", "refused", "error"])
decisions = st.fixed_dictionaries({"hate": st.sampled_from([0, 1, None]), "spam": st.sampled_from([0, 1, None])})


@given(st.lists(st.builds(Answer, outcomes, decisions), min_size=1, max_size=4))
def test_cascade_flags_what_any_stage_flags(answers):
    """Stages that may settle everything act like a logical or."""
    answer = run(*(Fixed(f"s{n}", one) for n, one in enumerate(answers)))
    for name in ("hate", "spam"):
        assert (answer.decisions[name] == 1) == any(one.decisions[name] == 1 for one in answers)


# ------------------------------------------------------------------------------------------------- bands and people


@pytest.mark.parametrize(
    ("score", "decision", "asked"),
    [(0.95, 1, 0), (0.9, 1, 0), (0.5, 0, 1), (0.05, 0, 1), (0.04, 0, 0), (None, 0, 1)],
)
def test_cascade_bands_settle_by_the_score_and_save_the_call(score, decision, asked):
    scores = {} if score is None else {"hate": score}
    first = Fixed("cheap", Answer("ok", {"hate": 1}, scores), ("hate",))
    later = Fixed("dear", ok(0), ("hate",), calls=0)
    stage = Stage(first, None, {"hate": 0.9}, {"hate": 0.05})
    answer = drive(CascadeCandidate("c", [stage, Stage(later)], category_order=("hate",)), item())[0]
    assert (answer.decisions, later.asked) == ({"hate": decision}, asked)


def test_cascade_ends_with_a_person():
    """What is between the bands is nobody's decision yet; what is outside them is settled."""
    first = Fixed("v2", Answer("ok", {"hate": 1, "spam": 0}, {"hate": 0.5, "spam": 0.01}))
    stage = Stage(first, None, {"hate": 0.9, "spam": 0.9}, {"hate": 0.05, "spam": 0.05})
    candidate = CascadeCandidate(
        "triage", [stage, Stage(HumanStage(("hate", "spam")))], category_order=("hate", "spam")
    )
    answer = drive(candidate, item())[0]
    assert (answer.outcome, answer.decisions) == ("human", {"hate": None, "spam": 0})
    assert answer.error == "stage human: sent to a person"


def test_cascade_failed_stage_is_never_settled_by_its_score():
    first = Fixed("v2", Answer("unparsed", {"hate": None}, {"hate": 0.01}), ("hate",))
    later = Fixed("v3", ok(1), ("hate",))
    stage = Stage(first, None, {"hate": 0.9}, {"hate": 0.05})
    assert drive(CascadeCandidate("c", [stage, Stage(later)], category_order=("hate",)), item())[0].decisions == {
        "hate": 1
    }


# ------------------------------------------------------------------------------------------------------------ votes


def vote(rule, *answers, weights=None):
    voters = [Fixed(f"v{n}", answer, ("hate",), calls=n) for n, answer in enumerate(answers)]
    return VoteCandidate("vote", voters, rule=rule, weights=weights or {}, category_order=("hate",))


MISSING = Answer("error", error="timeout")


@pytest.mark.parametrize(
    ("rule", "votes", "decision"),
    [
        ("majority", (1, 1, 0), 1),
        ("majority", (1, 0), 0),
        ("majority", (1, 1, None), 1),
        ("majority", (1, 0, None), None),
        ("majority", (0, 0, None), 0),
        ("any", (0, 1), 1),
        ("any", (0, 0), 0),
        ("any", (0, None), None),
        ("all", (1, 1), 1),
        ("all", (1, 0, None), 0),
        ("all", (1, None), None),
        ("weighted", (1, 0, 0), 1),
        ("weighted", (0, 1, 1), 0),
    ],
)
def test_votes_are_counted_and_a_missing_voice_is_no_no(rule, votes, decision):
    answers = [MISSING if one is None else ok(one) for one in votes]
    candidate = vote(rule, *answers, weights={"v0": 3} if rule == "weighted" else None)
    answer, _ = drive(candidate, item(), *[None] * sum(range(len(votes))))
    assert answer.decisions == {"hate": decision}
    assert answer.outcome == ("error" if decision is None else "ok")


def test_voters_are_asked_side_by_side():
    decision = vote("any", ok(0), ok(1), ok(0)).decide(item())
    batch = next(decision)
    assert [one.model_id for one in batch] == ["model-v1", "model-v2"]
    assert len(decision.send(["a", "b"])) == 1
    with pytest.raises(StopIteration) as done:
        decision.send(["c"])
    assert done.value.value.scores == {"hate": pytest.approx(1 / 3)}


@pytest.mark.parametrize(
    ("candidate", "found"),
    [
        ("{vote: [v1, rules], rule: majority}", None),
        ("{vote: [v1, rules], rule: weighted, weights: {v1: 2}}", None),
        ("{vote: [v1, v9]}", "names the candidate 'v9'"),
        ("{vote: [v1, v1]}", "a second time"),
        ("{vote: [v1], rule: most}", "one of majority, any, all, weighted"),
        ("{vote: [v1], weights: {v1: 2}}", "weights with rule: weighted"),
        ("{vote: [v1], rule: weighted, weights: {v1: 0}}", "above 0"),
        ("{vote: [new]}", "names the candidate 'new'"),
        ("{vote: [v1], rulez: any}", "did you mean 'rule'"),
        ("{cascade: [{use: v1, decide_above: 0.9, decide_below: 0.05}, {use: human}]}", None),
        ("{cascade: [{use: v1, decide_above: {hate: 0.9}}, {use: human}]}", None),
        ("{cascade: [{use: v1, decide_above: 0.1, decide_below: 0.5}, {use: human}]}", "above decide_above"),
        ("{cascade: [{use: v1, decide_above: {hat: 0.9}}, {use: human}]}", "names the category 'hat'"),
        ("{cascade: [{use: v1, decide_above: 1.5}, {use: human}]}", "decide_above"),
    ],
)
def test_faults_of_votes_and_bands_are_found_before_a_run(tmp_path, candidate, found):
    text = EVAL.replace("  clf:", f"  new: {candidate}\n  clf:")
    report = check_paths([write_project(tmp_path, eval=text)])
    assert (not report.errors) is (found is None), report.errors
    if found:
        assert found in "\n".join(map(str, report.errors))


def test_cascade_keeps_what_each_stage_settled_said_and_took():
    rules = Fixed("rules", ok(1, 0))
    chat = Fixed("v2", Answer("ok", {"hate": 0, "spam": 0}, {"spam": 0.5}), calls=2)
    candidate = CascadeCandidate(
        "c", [Stage(rules), Stage(chat, None, {"spam": 0.9}), Stage(HumanStage(("hate", "spam")))],
        category_order=("hate", "spam"),
    )  # fmt: skip
    priced = [Response("k", 200, b"{}", 30.0, cost_usd=0.01), Response("k", 200, b"{}", 12.0, cost_usd=0.02)]
    answer = drive(candidate, item(), *priced)[0]
    assert answer.to_person == ("spam",)
    first, second, person = answer.stages
    assert (first.use, first.settled, first.last, first.calls) == ("rules", ("hate",), (), 0)
    assert (second.settled, second.last, second.calls) == ((), (), 2)
    assert (second.latency_ms, second.cost_usd) == (42.0, pytest.approx(0.03))
    assert (person.use, person.last, person.calls) == ("human", ("spam",), 0)


def test_cascade_one_answer_without_a_price_leaves_the_stage_s_cost_unknown():
    chat = Fixed("v2", ok(1, 1), calls=2)
    answers = [Response("k", 200, b"{}", 30.0, cost_usd=0.01), Response("k", 200, b"{}", float("nan"))]
    (stage,) = drive(cascade(chat), item(), *answers)[0].stages
    assert (stage.calls, stage.cost_usd, stage.latency_ms) == (2, None, None)


def test_cascade_an_error_is_not_made_good_by_a_person():
    """Nobody knows what the stage would have said, so the row stays a missing pair."""
    answer = run(Fixed("v2", Answer("error", {}, error="down")), HumanStage(("hate", "spam")))
    assert (answer.outcome, answer.to_person) == ("error", ())


def test_vote_that_only_people_could_turn_is_left_to_people():
    sent = Answer("human", {"hate": None, "spam": 0}, to_person=("hate",))
    refused = Answer("refused", {"hate": None, "spam": None})
    voters = [Fixed("a", ok(1, 0)), Fixed("b", sent), Fixed("c", ok(0, 0))]
    vote = VoteCandidate("v", voters, rule="majority", weights={}, category_order=("hate", "spam"))
    answer = drive(vote, item())[0]
    assert (answer.outcome, answer.decisions, answer.to_person) == ("human", {"hate": None, "spam": 0}, ("hate",))
    voters[2] = Fixed("c", refused)
    answer = drive(VoteCandidate("v", voters, rule="majority", weights={}, category_order=("hate", "spam")), item())[0]
    assert (answer.outcome, answer.to_person) == ("refused", ())
