"""The score of a run as tables a policy manager can read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.core.metric_table import METRIC_TITLES, metrics_on
from harness.core.results import MetricResult
from harness.gating.findings import decide, pair_findings
from harness.gating.findings.stored import evidence_alone
from harness.measure.decisions import FAILURE_READINGS
from harness.measure.score import UNDECIDED, CandidateScore, CategoryScore, RunScore
from harness.measure.slices import SMALL_CELL
from harness.measure.weighted import UNWEIGHTED_SCORES, WEIGHTED_NOTE
from harness.report.cascades import cascade_tables
from harness.report.parts import numbers
from harness.report.parts.decision_words import decision_sentence, decision_word, screen_lines
from harness.report.parts.finding_words import few_behind
from harness.report.parts.tables import Table, with_names
from harness.report.parts.words import plural
from harness.report.points import absent_alone, point_table
from harness.runs import Run

_FIRST = ("precision", "recall", "f1", "fpr")
COLUMNS = {name: METRIC_TITLES[name] for name in (*_FIRST, *(one for one in metrics_on("score") if one not in _FIRST))}
READING = (
    "Recall: of what violates, the share that was flagged. Precision: of what was flagged, the share that violates.\n"
    "Over-blocking: of what does not violate, the share that was flagged. In brackets: 95% intervals."
)
SCORE_COLUMNS = {"average_precision": "Average precision", "auroc": "AUROC", "brier": "Brier"}
MISSING = MetricResult.undefined("not measured")


def score_head(score: RunScore) -> str:
    """What was scored: run, golden set, and under a split the part of the items."""
    golden = score.golden_set
    whole = f"Run {score.run_id} on golden set {golden.title}, {numbers.count(golden.n_items)} items"
    n_run = numbers.count(golden.n_items_in_run or 0)
    return f"{whole} of part '{golden.part}' (of {n_run} that were run)" if golden.part else whole


def standing_lines(run: Run, score: RunScore) -> list[str]:
    """What speaks against each candidate by itself: missed targets and must-catch items, unusable answers."""
    lines: list[str] = []
    for name, scored in score.candidates.items():
        decision = decide(name, None, pair_findings(evidence_alone(run, name, scored)))
        if decision.findings:
            word, _ = decision_word(decision)
            lines += [f"{name}: {word}. {decision_sentence(decision)}", *screen_lines(decision), ""]
    return lines


def point_lines(score: RunScore) -> list[str]:
    """Which candidate has no operating point in which categories, where one is shown."""
    return [
        line
        for name, candidate in score.candidates.items()
        for line in absent_alone(name, {score.names.get(one, one): all_ for one, all_ in candidate.points.items()})
    ]


def score_tables(score: RunScore, *, with_slices: bool = False, slice_name: str | None = None) -> list[Table]:
    """Per candidate: categories, scores where they exist, failures, and slices on request."""
    tables: list[Table] = []
    for name, candidate in score.candidates.items():
        tables += [_category_table(name, candidate, score.names), *cascade_tables(name, candidate)]
        of_some = (
            _ranking_table(name, candidate, score.names),
            point_table(name, candidate.points),
            _sensitivity_table(name, candidate),
        )
        tables += [one for one in of_some if one.rows]
        tables += _slice_tables(name, candidate, slice_name) if with_slices else []
    return [with_names(one, score.names) for one in tables]


def overview_tables(score: RunScore) -> list[Table]:
    """Recall and precision of all candidates side by side: the shortest answer to "which one is better where"."""
    candidates = list(score.candidates.values())
    tables = []
    for metric in ("recall", "precision"):
        found = {
            category: [one.categories[category].metrics[metric] for one in candidates]
            for category in candidates[0].categories
        }
        found["macro average"] = [one.macro[metric] for one in candidates]
        rows = [(of, *map(numbers.share_with_interval, every)) for of, every in found.items()]
        table = Table(COLUMNS[metric], ("Category", *score.candidates), tuple(rows), (), frozenset(score.candidates))
        tables.append(with_names(table, score.names))
    return tables


def outcome_line(candidate: CandidateScore) -> str:
    """How the calls ended, in one line whose numbers add up to the items."""
    parts = [f"{numbers.count(n)} {outcome}" for outcome, n in candidate.outcomes.items() if n or outcome == "ok"]
    total = numbers.count(sum(candidate.outcomes.values()))
    return f"{total} rows: {', '.join(parts)}; failure rate {numbers.share_with_interval(candidate.failure_rate)}"


def weight_notes(candidate: CandidateScore) -> list[str]:
    """What the numbers count by, where the set declares weights."""
    return [f"{WEIGHTED_NOTE}; {UNWEIGHTED_SCORES}"] if "|weights:used|" in candidate.signature else []


def cost_line(candidate: CandidateScore) -> str:
    """Latency, tokens and cost in one line."""
    latency = ", ".join(f"{name} {numbers.milliseconds(value)}" for name, value in candidate.latency_ms.items())
    tokens = {name: numbers.count(n) for name, n in candidate.tokens.items()}
    parts = [f"latency {latency}"] if candidate.latency_ms["p50"] is not None else []
    if any(candidate.tokens.values()):
        parts.append(f"{tokens['input_tokens']} input and {tokens['output_tokens']} output tokens")
    return "; ".join([*parts, *_money_parts(candidate)])


def _money_parts(candidate: CandidateScore) -> Iterator[str]:
    """What its answers cost, as far as anybody knows."""
    money, has_tokens = candidate.money, any(candidate.tokens.values())
    if has_tokens and money.cached_share:
        yield f"{numbers.share(money.cached_share)} of the input from the provider's prompt cache"
    if money.cost_usd is not None:
        yield f"list price {numbers.usd_known(candidate.cost_usd, money.n_unknown)}"
    elif has_tokens or money.n_unknown:
        yield f"list price unknown: {'no price in models.yaml' if has_tokens else 'no answer says what it used'}"
        return
    if money.per_1000_usd is not None:
        yield f"{numbers.usd(money.per_1000_usd)} per 1,000 answered items"
    if money.per_caught_usd is not None:
        n_caught = numbers.count(money.n_caught)
        yield f"{numbers.usd(money.per_caught_usd)} per caught violation ({n_caught} in this set)"
    if money.n_unknown:
        yield f"the price of {numbers.count(money.n_unknown)} answers is unknown"


def _category_table(name: str, candidate: CandidateScore, names: Mapping[str, str]) -> Table:
    rows = [_row(category, score) for category, score in candidate.categories.items()]
    n_covered = sum(score.metrics["recall"].reason not in UNDECIDED for score in candidate.categories.values())
    scope = "" if n_covered == len(candidate.categories) else f" of {n_covered} covered"
    rows.append(_row(f"any violation{scope}", candidate.any_violation))
    for label, averages in (("macro average", candidate.macro), ("micro average", candidate.micro)):
        cells = [numbers.share_with_interval(averages[metric]) if metric in averages else "" for metric in COLUMNS]
        rows.append((label, "", *cells))
    notes = [
        outcome_line(candidate),
        *weight_notes(candidate),
        cost_line(candidate),
        *_failure_notes(candidate),
        *(one for metric in ("recall", "precision") for one in _few(metric, candidate, names)),
        *macro_notes(candidate),
        candidate.signature,
    ]
    columns = ("Category", "Violating / all", *COLUMNS.values())
    return Table(name, columns, tuple(rows), tuple(filter(None, notes)), frozenset(columns[1:]))


def _row(category: str, score: CategoryScore) -> tuple[str, ...]:
    return (category, _support(score), *(numbers.share_with_interval(score.metrics[metric]) for metric in COLUMNS))


def _support(score: CategoryScore) -> str:
    violating = score.tp + score.fn
    return f"{numbers.count(violating)} / {numbers.count(violating + score.fp + score.tn)}"


def _few(metric: str, candidate: CandidateScore, names: Mapping[str, str]) -> tuple[str, ...]:
    found = {names.get(one, one): score.metrics[metric].n for one, score in candidate.categories.items()}
    return few_behind(metric, found)


def _failure_notes(candidate: CandidateScore) -> list[str]:
    if not candidate.n_fallback:
        return []
    how = {
        "no_flag": "count as not flagged, as production would treat them",
        "flag": "count as flagged, as production would treat them",
        "review": "go to human review and count as not flagged",
    }[candidate.on_failure]
    n_rows = f"rows without a usable decision: {candidate.n_fallback:,}"
    return [f"{n_rows}; they {how} (on_failure: {candidate.on_failure})"]


def macro_notes(candidate: CandidateScore) -> list[str]:
    """Over how many categories an average is, where it is not over all."""
    reasons = {
        f"{metric} {'' if result.reason.startswith('undefined') else 'over '}{result.reason}"
        for metric, result in candidate.macro.items()
        if result.reason
    }
    return [f"macro average: {'; '.join(sorted(reasons))}"] if reasons else []


def _ranking_table(name: str, candidate: CandidateScore, names: Mapping[str, str]) -> Table:
    rows = tuple(
        (category, *(numbers.score_with_interval(score.metrics.get(metric, MISSING)) for metric in SCORE_COLUMNS))
        for category, score in candidate.categories.items()
        if "average_precision" in score.metrics
    )
    columns, notes = ("Category", *SCORE_COLUMNS.values()), tuple(_unscored(candidate, names))
    return Table(f"{name}: how well its scores rank", columns, rows, notes, frozenset(columns[1:]))


def _unscored(candidate: CandidateScore, names: Mapping[str, str]) -> list[str]:
    """Which figures rest on fewer items than the table of categories: those of items without a score are not ranked."""
    found = []
    for category, one in candidate.categories.items():
        n_scored, n_labelled = one.metrics.get("auroc", MISSING).n, one.tp + one.fp + one.fn + one.tn
        if 0 < n_scored < n_labelled:
            scored = f"{numbers.count(n_scored)} of {plural(int(n_labelled), 'labelled item')} that have a score"
            name = names.get(category, category)
            found.append(f"{name}: ranked are the {scored}; precision and recall above count all of them.")
    return found


def _sensitivity_table(name: str, candidate: CandidateScore) -> Table:
    rows = []
    for category, score in candidate.categories.items():
        readings = [score.metrics, *(score.sensitivity[one] for one in FAILURE_READINGS)] if score.sensitivity else []
        for metric in ("recall", "precision"):
            shares = [numbers.share(one[metric].value) for one in readings]
            rows += [(category, metric, *shares)] if len(set(shares)) > 1 else []
    columns = ("Category", "Metric", "As deployed", "If every failure were wrong", "If failures were dropped")
    return Table(f"{name}: what the failed rows could change", columns, tuple(rows), (), frozenset(columns[2:]))


def _slice_tables(name: str, candidate: CandidateScore, chosen: str | None) -> list[Table]:
    """One table per slice; categories that neither occur nor were flagged in a value are left out and counted."""
    columns = ("Value", "Category", "Violating / all", "Precision", "Recall", "Over-blocking (FPR)")
    tables = []
    for slice_name, values in candidate.slices.items():
        if chosen not in (None, slice_name):
            continue
        rows, n_left_out, n_few = [], 0, 0
        for value, categories in values.items():
            for category, score in categories.items():
                if not score.tp + score.fn + score.fp:
                    n_left_out += 1
                    continue
                n_few += score.tp + score.fn < SMALL_CELL
                cells = (numbers.short_share(score.metrics[one]) for one in ("precision", "recall", "fpr"))
                rows.append((value, category, _support(score), *cells))
        notes = []
        if n_few:
            notes.append(
                f"In {numbers.count(n_few)} of {plural(len(rows), 'row')} fewer than {SMALL_CELL} violating items "
                "stand behind recall: read the interval, not the value."
            )
        if n_left_out:
            notes.append(f"{numbers.count(n_left_out)} rows without a violating or a flagged item are left out")
        title = f"{name}: by {slice_name} (exploratory)"
        tables.append(Table(title, columns, tuple(rows), tuple(notes), frozenset(columns[2:])))
    return tables
