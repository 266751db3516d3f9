"""Many scores on few lines: what a reader of twenty candidates or sixty categories needs first.

Decides when the tables of every category are too many to be read, and what stands in their place: a row for each
candidate, and what each falls short of most. The tables themselves are in ``scores``.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.gating.findings.pair import TargetFact
from harness.gating.findings.stored import evidence_alone
from harness.measure.score import CandidateScore, RunScore
from harness.report.parts import numbers
from harness.report.parts.tables import CATEGORY, Table, with_names
from harness.report.parts.words import plural
from harness.report.scores import COLUMNS
from harness.runs import Run

MOST_ROWS = 100
"""Categories times candidates up to which every one is shown."""
WORST_ROWS = 20
TARGETS = "Targets missed"
_SHOWN = ("recall", "precision", "f1")


@dataclass(frozen=True, slots=True)
class _Standing:
    """One candidate: its scores, its targets and the must-catch items that it missed."""

    name: str
    score: CandidateScore
    missed: list[TargetFact]
    n_targets: int
    n_open: int
    must_catch: int


def is_long(score: RunScore) -> bool:
    """Whether the tables of all categories would bury what matters."""
    return sum(len(one.categories) for one in score.candidates.values()) > MOST_ROWS


def overview(run: Run, score: RunScore, *, is_whole: bool = True) -> list[Table]:
    """A row for each candidate, those with the fewest missed targets first; then what each falls short of most.

    Targets are the policy's for the whole set: where only a part of it is looked at (not ``is_whole``), none is judged.
    """
    ranked = sorted((_standing(run, name, one, is_whole) for name, one in score.candidates.items()), key=_rank)
    worst = _missed_table(ranked) if any(one.missed for one in ranked) else _lowest_table(ranked)
    return [_candidates_table(ranked), with_names(worst, score.names)]


def left_out_lines(score: RunScore, of_one: str, of_all: str) -> list[str]:
    """What the overview leaves out, and the commands that show it."""
    first = next(iter(score.candidates.values()))
    return [
        f"Not shown: the {plural(len(first.categories), 'category', 'categories')} of "
        f"{plural(len(score.candidates), 'candidate')} with their intervals, what speaks against each candidate, "
        "its outcomes, cost and latency.",
        f"  Of one candidate: {of_one}",
        f"  Of all: {of_all}",
    ]


def _standing(run: Run, name: str, score: CandidateScore, is_whole: bool) -> _Standing:
    if not is_whole:
        return _Standing(name, score, [], 0, 0, 0)
    evidence = evidence_alone(run, name, score)
    missed = sorted((one for one in evidence.targets if one.state == "missed"), key=lambda one: one.bound - one.target)
    n_open = sum(one.state == "open" for one in evidence.targets)
    return _Standing(name, score, missed, len(evidence.targets), n_open, len(evidence.must_catch))


def _rank(one: _Standing) -> tuple[float, ...]:
    f1 = one.score.macro["f1"]
    return one.must_catch, len(one.missed), -(f1.value if f1.is_defined else -1.0)


def _candidates_table(ranked: list[_Standing]) -> Table:
    """Only the columns in which some candidate has something to show."""
    cells = {"Candidate": [one.name for one in ranked]}
    if any(one.must_catch for one in ranked):
        cells["Must-catch items missed"] = [numbers.count(one.must_catch) for one in ranked]
    if any(one.n_targets for one in ranked):
        cells[TARGETS] = [f"{numbers.count(len(one.missed))}/{numbers.count(one.n_targets)}" for one in ranked]
        cells["Cannot be told"] = [numbers.count(one.n_open) for one in ranked]
    for metric in _SHOWN:
        cells[COLUMNS[metric]] = [numbers.share_with_interval(one.score.macro[metric]) for one in ranked]
    if any(one.score.n_fallback for one in ranked):
        cells["Without a decision"] = [numbers.count(one.score.n_fallback) for one in ranked]
    columns = tuple(cells)
    title = "Candidates, the fewest missed targets first" if TARGETS in cells else "Candidates, the highest F1 first"
    notes = (f"{', '.join(COLUMNS[one] for one in _SHOWN)}: averages over the categories, with 95% intervals.",)
    return Table(title, columns, tuple(zip(*cells.values(), strict=True)), notes, frozenset(columns[1:]))


def _missed_table(ranked: list[_Standing]) -> Table:
    each = max(1, WORST_ROWS // len(ranked))
    rows = [
        (one.name, fact.category, COLUMNS[fact.metric], numbers.share_with_interval(fact.after),
         numbers.share(fact.target, 0), numbers.count(fact.after.n))
        for one in ranked for fact in one.missed[:each]
    ]  # fmt: skip
    left = sum(len(one.missed) for one in ranked) - len(rows)
    columns = ("Candidate", CATEGORY, "Metric", "Value", "Target", "n")
    notes = (f"{plural(left, 'more missed target is', 'more missed targets are')} not shown here.",) if left else ()
    return Table("Missed targets, the worst of each candidate", columns, tuple(rows), notes, frozenset(columns[3:]))


def _lowest_table(ranked: list[_Standing]) -> Table:
    each = max(1, WORST_ROWS // len(ranked))
    rows = []
    for one in ranked:
        found = [(name, score.metrics["recall"]) for name, score in one.score.categories.items()]
        found = sorted(((name, recall) for name, recall in found if recall.is_defined), key=lambda pair: pair[1].value)
        rows += [
            (one.name, name, numbers.share_with_interval(recall), numbers.count(recall.n))
            for name, recall in found[:each]
        ]
    columns = ("Candidate", CATEGORY, "Recall", "n")
    return Table("The lowest recall of each candidate", columns, tuple(rows), (), frozenset(columns[2:]))
