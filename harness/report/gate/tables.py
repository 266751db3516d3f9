"""A gate as tables: every check with what was asked, measured and decided.

Decides words and order; the verdicts are the report's own.
"""

from __future__ import annotations

import math

from harness.core.metric_table import METRIC_TITLES
from harness.core.planning import PLANNED_DISCORDANCE, POWER
from harness.core.results import MetricResult
from harness.gating.checks import check_name
from harness.gating.gate_report import SEVERAL, Across, CheckReport, GateReport, Split
from harness.gating.plan import GatePlan, PlannedCheck
from harness.report.gate.statement_words import check_message, must_catch_item
from harness.report.parts import numbers
from harness.report.parts.tables import Table

CHECK_COLUMNS = ("Check", "Tier", "n", "Baseline", "Candidate", "Difference", "Limit", "Verdict")
REMARKS = "What else"
MOST_SPLITS = 60


def gate_tables(report: GateReport) -> list[Table]:
    """All checks, the split across versions if there is one, and the flip rates where items were asked repeatedly."""
    checks = report.all_checks
    tables = [check_table(checks, has_remarks=False)]
    messages = ((check.name, check.result.verdict, check_message(check)) for check in checks)
    if remarks := tuple(row for row in messages if row[-1]):
        tables.append(Table("What to know", ("Check", "Verdict", REMARKS), remarks, outlook_notes(report)))
    tables += [*must_catch_tables(report), *across_tables(report)]
    tables += [flip_table(report)] if report.flip_rates else []
    return [*tables, *([noise_table(report)] if report.noise_floor else [])]


def across_tables(report: GateReport) -> list[Table]:
    """The split across versions, where there are two."""
    return [] if report.across is None else [across_table(report.across)]


def outlook_notes(report: GateReport) -> tuple[str, ...]:
    """On what the numbers of further items rest, and why the plan's are others."""
    if not any(check.result.items_needed for check in report.all_checks):
        return ()
    return (
        f"Further items: for a power of {numbers.share(report.power)} per check, at the discordance seen here: "
        "(differing items + 1)/(items + 2).",
        f"harness gate --plan, before any call, assumes {numbers.share(PLANNED_DISCORDANCE, 0)} and "
        f"{numbers.share(POWER, 0)}: its numbers are others.",
    )


def check_table(
    checks: tuple[CheckReport, ...], title: str = "", *, has_remarks: bool = True, notes: tuple[str, ...] = ()
) -> Table:
    """One row per check. Differences in points with the 90% interval whose end is the one-sided 95% bound."""
    note = (
        "Baseline and candidate with 95% intervals; differences in points with the 90% interval of the one-sided test."
    )
    columns = (*CHECK_COLUMNS, REMARKS) if has_remarks else CHECK_COLUMNS
    rows = tuple(check_row(check)[: len(columns)] for check in checks)
    return Table(title, columns, rows, (note, *notes), frozenset(["n"]), keys=frozenset(["Check", "Verdict"]))


def check_row(check: CheckReport) -> tuple[str, ...]:
    """One check as text."""
    result, spec = check.result, check.result.spec
    difference = "vs floor"
    if spec.kind == "margin":
        is_known = not math.isnan(result.difference.value)
        difference = numbers.points_with_interval(result.difference) if is_known else "n/a"
    return (
        check.name,
        spec.tier,
        numbers.count(result.n),
        own_value(check.baseline),
        own_value(check.candidate),
        difference,
        numbers.limit(spec.kind, spec.limit),
        result.verdict,
        check_message(check),
    )


def own_value(result: MetricResult) -> str:
    """One system's value; a pooled check has none of its own."""
    is_pooled = math.isnan(result.value) and result.reason == SEVERAL
    return "" if is_pooled else numbers.share_with_interval(result)


def must_catch_tables(report: GateReport, most: int = MOST_SPLITS) -> list[Table]:
    """Must-catch items that were missed or not answered, up to a length that a page can hold; no table without any."""
    must_catch = report.must_catch
    if must_catch is None or not (must_catch.missed or must_catch.unknown):
        return []
    rows = tuple(
        (one.item_id, one.result if one.result == "missed" else "no answer", must_catch_item(must_catch, one))
        for one in (*must_catch.missed, *must_catch.unknown)
    )
    notes = ["A missed must-catch item fails the gate whatever the statistics: caught means that more than half of the "
             "answers flag at least one category the item violates."]  # fmt: skip
    if len(rows) > most:
        notes.append(f"{len(rows) - most} more in --json")
    if must_catch.n_not_in_run:
        notes.append(f"{must_catch.n_not_in_run} must-catch items are not in this run: run all items to judge them.")
    title = f"Must-catch items not caught: {len(rows)} of {must_catch.n}"
    return [Table(title, ("Item", "Result", "What it violates"), rows[:most], tuple(notes))]


def across_table(across: Across) -> Table:
    """Four cells per category and metric, and the split of the change."""
    sides = (f"{who} candidate, {gold} gold" for who in ("Old", "New") for gold in ("old", "new"))
    columns = ("Category", "Metric", *sides, "Labels", "Candidate")
    rows = tuple(_split_row(split) for split in across.splits[:MOST_SPLITS])
    notes = [
        f"{'; '.join(across.differences) or 'no difference'}. Over {numbers.count(across.n_shared)} shared items.",
        "Labels: what new labels did to the old candidate. Candidate: what the new candidate did, on the new labels.",
    ]
    if len(across.splits) > MOST_SPLITS:
        notes.append(f"{len(across.splits) - MOST_SPLITS} more rows in --json")
    title = "Across versions: change split into labels and candidate"
    return Table(title, columns, rows, tuple(notes), frozenset(columns[2:]))


def _split_row(split: Split) -> tuple[str, ...]:
    cells = (split.old_on_old, split.old_on_new, split.new_on_old, split.new_on_new)
    return (
        split.name,
        METRIC_TITLES[split.metric],
        *(numbers.share(cell.value) for cell in cells),
        numbers.points(split.label_change),
        numbers.points(split.candidate_change),
    )


def flip_table(report: GateReport) -> Table:
    """How often each system disagrees with itself: the noise floor of every difference."""
    undefined, names = MetricResult.undefined("not decided"), ("baseline", "candidate")
    rows = tuple(
        (report.named(category), *(numbers.share_with_interval(sides.get(one, undefined)) for one in names))
        for category, sides in report.flip_rates.items()
    )
    columns = ("Category", report.baseline.name, report.candidate.name)
    return Table("Flip rate: chance that two calls on one item disagree", columns, rows, (), frozenset(columns[1:]))


def noise_table(report: GateReport) -> Table:
    """What two runs of one system differ by: no smaller difference means anything."""
    columns = ("Category", "Recall", "Over-blocking (FPR)")
    rows = tuple(
        (report.named(category), *(f"±{noise_points(metrics[one])}" for one in ("recall", "fpr")))
        for category, metrics in report.noise_floor.items()
    )
    title = "Noise floor in points: differences between two runs of one candidate"
    return Table(title, columns, rows, (), frozenset(columns[1:]))


def noise_points(result: MetricResult) -> str:
    """A half-width in points with the ends that follow from its flip rate."""
    if math.isnan(result.value):
        return f"n/a ({result.reason})"
    return f"{100 * result.value:.1f} [{100 * result.low:.1f}, {100 * result.high:.1f}]"


def plan_table(plan: GatePlan) -> Table:
    """What the golden set can prove, per check."""
    columns = ("Check", "Tier", "Items", "Limit", "Power", "Smallest margin", "Needed for 80%", "Enough")
    rows = tuple(_plan_row(check) for check in plan.checks)
    notes = tuple(f"Assumed: {said}." for said in plan.assumptions)
    title = (
        f"What golden set {plan.golden_set.title} can prove for eval {plan.eval_name}, at an assumed discordance of "
    )
    title += f"{100 * plan.discordance:g}%"
    return Table(title, columns, rows, notes, frozenset(columns[2:7]))


def _plan_row(check: PlannedCheck) -> tuple[str, ...]:
    spec = check.spec
    return (
        check_name(spec),
        spec.tier,
        f"{numbers.count(check.n)} {check.unit}",
        numbers.limit(spec.kind, spec.limit),
        numbers.share(check.power, 0),
        "n/a" if math.isnan(check.smallest_margin) else f"{100 * check.smallest_margin:.1f} points",
        "out of reach" if check.needed is None else numbers.count(check.needed),
        "yes" if check.can_pass else "no",
    )
