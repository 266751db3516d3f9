"""What ``harness run`` says of a run: what it waits for, what it came to, what failed and why, and what it cost.

Decides order and words. A run in which nothing could be used opens with that, with the commonest reasons and an example
of what came back; a cost that nobody knows is never written as $0.00.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from harness.cli.options import going_on, note
from harness.environment import RUNS_DIR
from harness.errors import printable

if TYPE_CHECKING:
    from harness.runner import RunSummary

TINY_USD = 1e-9
"""Differences of sums leave less."""


def show_summary(summary: RunSummary) -> None:
    """Print what a run came to and what to type next."""
    if summary.is_reused:
        click.echo("\n".join(reused_lines(summary)))
        if summary.whole is None and (newer := newer_run(summary)):
            note(f"'latest' is {newer}, which was made after this run: name this one by its id.")
        return
    for line in [*useless_lines(summary), _head(summary), *_outcome_lines(summary)]:
        click.echo(line)
    note_incomplete(summary)
    if summary.status == "invalid":
        note(invalid_words(summary))
    elif summary.status == "complete":
        click.echo(next_line(summary))


def show_asked(summary: RunSummary) -> None:
    """Print what the asking behind a result came to, below it, and how to go on where it has not ended."""
    click.echo("\n" + (reused_lines(summary)[0] if summary.is_reused else _head(summary)))
    note_incomplete(summary)
    if summary.status == "invalid":
        note(invalid_words(summary))


def _head(summary: RunSummary) -> str:
    from harness.report.parts import numbers

    calls = f"{numbers.count(summary.calls)} calls, {numbers.count(summary.cached)} answers from the journal"
    cost = f"{cost_words(summary)}, {numbers.duration(summary.wall_s)}"
    place = f"; {summary.path}" if summary.path else ""  # a run on a cluster that was stopped has none yet
    return f"Run {summary.run_id}: {summary.status}; {numbers.count(summary.items)} items, {calls}, {cost}{place}"


def note_incomplete(summary: RunSummary) -> None:
    """Say why a run has not ended, where it has not, and how it goes on."""
    if summary.status != "incomplete":
        return
    note(printable(going_on(summary.reason)))
    if summary.reason == "budget":
        note(budget_words(summary))
    elif summary.reason is not None and summary.reason.startswith("the first"):
        note("Mend the prompt or the model before: what was answered is kept, and more of it would be of no use.")


def _outcome_lines(summary: RunSummary) -> Iterator[str]:
    """What each candidate came to, and of those without reasons above what failed or was rejected."""
    from harness.report.parts import numbers

    for name in summary.counts:
        yield outcomes_line(summary, name)
        if name in summary.examples:  # its reasons stand above
            continue
        for reason, n in summary.error_reasons.get(name, {}).items():
            yield f"    {numbers.count(n)} x error: {printable(reason)}"
        for reason, n in summary.failures.get(name, {}).items():
            if reason.startswith("rejected"):
                yield f"    {numbers.count(n)} x {printable(reason)} (counts as the fallback)"


def invalid_words(summary: RunSummary) -> str:
    """Why no verdict can rest on a run, and what to do about it."""
    if any(counts.get("error") for counts in summary.counts.values()):
        what, step = "Too many rows have no answer", "The same command asks only for those."
    else:
        what, step = "No answer could be used", "Mend the prompt or the model, and run again."
    return f"{what}: no verdict can rest on this run. {step}"


def reused_lines(summary: RunSummary) -> list[str]:
    """What is said of a run that was complete already."""
    from harness.report.parts import numbers

    cost = ""
    if summary.earlier_cost_usd or summary.earlier_unknown_calls:
        spent = numbers.usd_spent(summary.earlier_cost_usd, summary.earlier_unknown_calls)
        cost = "what it has cost is unknown; " if spent == "unknown" else f"it has cost {spent}; "
    head = f"Run {summary.run_id}: {summary.status} already, nothing to do; {cost}{summary.path}"
    return [head, *(outcomes_line(summary, name) for name in summary.counts), next_line(summary)]


def outcomes_line(summary: RunSummary, name: str) -> str:
    """How often a candidate came to what."""
    from harness.report.parts import numbers

    is_open = summary.status == "incomplete"
    counted = ((one, n) for one, n in summary.counts[name].items() if n)
    return f"  {name}: {', '.join(f'{numbers.count(n)} {outcome_words(one, is_open=is_open)}' for one, n in counted)}"


def next_line(summary: RunSummary) -> str:
    """What to type next."""
    from harness.runs.commands import over_runs

    home = str(summary.path).rstrip("/").rpartition("/")[0] or RUNS_DIR
    if summary.whole is not None:
        home = home.rpartition("/")[0] or RUNS_DIR  # a shard lies in a folder of its own
        return f"Next, once all shards are there: {over_runs(home, 'runs', 'merge', summary.whole)}"
    return f"Next: {over_runs(home, 'score', summary.run_id)}"


def newer_run(summary: RunSummary) -> str | None:
    """The run that ``latest`` means where it is not the one that was asked for again; None where it is."""
    from harness.runs.asked import by_last_asked

    newest = by_last_asked(str(summary.path).rstrip("/").rpartition("/")[0], most=1)
    return next((one.run_id for one in newest if one.run_id != summary.run_id), None)


def useless_lines(summary: RunSummary) -> list[str]:
    """The first lines about candidates without one usable answer: why, and what came back once."""
    lines: list[str] = []
    for name, counts in summary.counts.items():
        n_used = sum(counts.get(one, 0) for one in ("ok", "abstained", "human"))
        reasons = summary.failures.get(name, {})
        if n_used or not reasons:
            continue
        n_asked = sum(counts.get(one, 0) for one in ("unparsed", "refused", "blocked", "rejected", "error"))
        lines.append(f"NOTHING USABLE from candidate '{name}': not one of {n_asked:,} answers gives a decision.")
        lines += [f"  {n:,} x {printable(reason)}" for reason, n in reasons.items()]
        if example := summary.examples.get(name):
            lines.append(f"  what came back, for example: {example}")
    return lines


def cost_words(summary: RunSummary) -> str:
    """What this execution spent, as far as anybody knows."""
    from harness.report.parts import numbers

    spent = f"{numbers.usd(summary.cost_usd)} spent"
    if summary.earlier_cost_usd or summary.earlier_unknown_calls:
        total, n_unknown = summary.cost_usd + summary.earlier_cost_usd, summary.earlier_unknown_calls
        spent += f" ({numbers.usd_spent(total, n_unknown + summary.unknown_calls)} with earlier executions)"
    if not summary.unknown_calls:
        return spent
    is_unpriced = summary.unpriced_calls and not summary.unknown_usd
    why = "no price in models.yaml" if is_unpriced else "no usage in the answer, or no answer"
    most = f", at most about {numbers.usd(summary.unknown_usd)}" if summary.unknown_usd else ""
    unknown = f"the cost of {numbers.count(summary.unknown_calls)} calls is unknown ({why}){most}"
    return f"{spent} and {unknown}" if summary.cost_usd else unknown


def budget_words(summary: RunSummary) -> str:
    """Where the money went, when a bound ended the run."""
    from harness.report.parts import numbers

    parts = []
    if summary.next_call_tokens:
        usd = f"{numbers.usd(summary.next_call_usd)} or " if summary.next_call_usd else ""
        parts.append(f"it may take {usd}{numbers.count(summary.next_call_tokens)} tokens")
    if known := summary.cost_usd + summary.earlier_cost_usd:
        parts.append(f"this run has taken {numbers.usd(known)}, earlier executions included")
    most = summary.unknown_usd + summary.spent_before_usd - summary.earlier_cost_usd
    if most > TINY_USD:
        parts.append(f"calls of unknown cost count at the most they may have cost, {numbers.usd(most)}")
    told = f" ({'; '.join(parts)})" if parts else ""
    return f"The next call might have gone past --max-cost or --max-tokens{told}: raise it to go on."


def outcome_words(outcome: str, *, is_open: bool = False) -> str:
    """An outcome in the words of a summary; what a stop has left is not asked *yet*."""
    from harness.records.answers import NOT_ASKED

    if outcome != NOT_ASKED:
        return outcome
    return "not asked yet" if is_open else "not asked"


def announce_model() -> None:
    """Say that the embedded model is needed, before it is looked for and loaded."""
    note("Starting the embedded model on this machine (2 GB of memory) ...")


def show_weights(done_bytes: int, total_bytes: int, what: str) -> None:
    """Show how far joining or downloading the weights is, one line at every tenth."""
    step = max(total_bytes // 10, 1)
    if done_bytes and (done_bytes // step > (done_bytes - 1) // step or done_bytes == total_bytes):
        note(f"{what}: {100 * done_bytes // max(total_bytes, 1)}% of {total_bytes / 1e9:.1f} GB")
