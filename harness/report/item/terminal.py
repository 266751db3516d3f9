"""One item whole, as text for a terminal.

Decides the order and how much of a long answer is printed; every character is made harmless by ``masking``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.report.item.data import CHECK_WORDS, Call, CandidateSheet, ItemSheet, Reading, votes_of
from harness.report.parts import numbers
from harness.report.parts.masking import WITHHELD_TEXT, log_safe, shorten
from harness.report.parts.screen import folded, terminal_width
from harness.report.parts.tables import Table, to_terminal
from harness.report.parts.words import outcome_words, plural

LONGEST_RAW = 1_500
"""Characters of an answer's body on a terminal; ``--json`` has all of them."""
SAID: Mapping[int | None, str] = {1: "yes", 0: "no", None: "–"}


def item_text(sheet: ItemSheet, width: int | None = None) -> str:
    """The whole sheet."""
    return "\n".join(_lines(sheet, width or terminal_width()))


def _lines(sheet: ItemSheet, width: int) -> Iterator[str]:
    yield log_safe(f"Item {sheet.item_id} of {sheet.golden_set}, run {sheet.run_id}")
    yield ""
    yield from _block("Text", WITHHELD_TEXT if sheet.text is None else sheet.text, width)
    if sheet.text_mode == "masked":
        yield "  (masked; --text full shows texts, messages and answers)"
    for name, lines in sheet.media.words:
        yield from _block(name.capitalize(), "\n".join(lines), width)
    if sheet.media.pictures:
        said = [f"{one.part}: {one.words}" for one in sheet.media.pictures]
        yield from _block("Pictures", "\n".join(said), width)
    for name, value in _facts(sheet):
        yield from _wrapped(f"{name}: {value}", width)
    for note in sheet.notes:
        yield from _wrapped(f"Note: {note}", width)
    yield ""
    yield to_terminal(_decisions(sheet), width)
    for category in sheet.in_play:
        name, definition = sheet.definitions.get(category, (category, ""))
        if definition:
            yield ""
            yield from _block(f"Policy ({sheet.policy}), {name}", definition, width)
    for one in sheet.candidates:
        yield ""
        yield from _candidate(one, sheet, width)


def _facts(sheet: ItemSheet) -> list[tuple[str, str]]:
    facts = [(name, ", ".join(values)) for name, values in sheet.slices.items() if values]
    if sheet.group:
        facts.append(("Group", sheet.group))
    if sheet.weight != 1:
        facts.append(("Weight", f"{sheet.weight:g}"))
    if sheet.is_must_catch:
        facts.append(("Must catch", "yes"))
    return facts


def _decisions(sheet: ItemSheet) -> Table:
    """Gold, votes and every candidate side by side."""
    has_votes = bool(sheet.votes)
    columns = ["Category", "Gold", *(["Votes"] if has_votes else []), *(one.name for one in sheet.candidates)]
    rows = []
    for category in sheet.in_play:
        row = [sheet.name_of(category), SAID[sheet.labels.get(category)]]
        if has_votes:
            row.append(vote_words(votes_of(sheet, category)))
        row += [decision_words(one, category) for one in sheet.candidates]
        rows.append(tuple(row))
    left = len(sheet.labels) - len(rows)
    notes = (f"{plural(left, 'category', 'categories')} that nobody flagged and that do not apply are left out.",)
    return Table("", tuple(columns), tuple(rows), notes if left else ())


def vote_words(votes: Sequence[tuple[str, int | None]]) -> str:
    """``2 of 3 yes``; a vote that says nothing is counted as one."""
    known = [value for _, value in votes if value in (0, 1)]
    if not known:
        return "–"
    silent = len(votes) - len(known)
    return f"{sum(known)} of {len(known)} yes" + (f", {silent} cannot tell" if silent else "")


def decision_words(one: CandidateSheet, category: str) -> str:
    """What a candidate decided, with its score; every repeat where they differ."""
    said = [_said(reading, category) for reading in one.readings]
    scores = [reading.scores.get(category) for reading in one.readings]
    first = said[0] if len(set(said)) == 1 else " / ".join(said)
    known = [score for score in scores if score is not None]
    if not known:
        return first
    low, high = min(known), max(known)
    return f"{first} ({low:.3f})" if low == high else f"{first} ({low:.3f} to {high:.3f})"


def _said(reading: Reading, category: str) -> str:
    """A row of the report has the same words."""
    if category in reading.fallback:
        return f"{SAID[reading.fallback[category]]} (fallback)"
    return SAID[reading.decisions.get(category)]


def _candidate(one: CandidateSheet, sheet: ItemSheet, width: int) -> Iterator[str]:
    head = f"{one.name}: {one.description}" if one.description else one.name
    yield log_safe(shorten(head, 4 * width))
    yield "-" * min(len(head), width)
    if one.note:
        yield from _wrapped(one.note, width)
    for hit in one.rules or ():
        words = "flags" if hit.decision else "allows"
        yield from _wrapped(
            f"Rule {hit.rule} {words} {sheet.name_of(hit.category)}"
            + ("" if hit.is_deciding else " (a rule before it decides)"),
            width,
        )
    if one.rules == ():
        yield "No rule applies."
    for reading in one.readings:
        if len(one.readings) > 1:
            yield f"Repeat {reading.repeat + 1} of {len(one.readings)}"
        yield from _reading(reading, one, sheet, width)


def _reading(reading: Reading, one: CandidateSheet, sheet: ItemSheet, width: int) -> Iterator[str]:
    for number, call in enumerate(reading.calls, 1):
        yield from _call(call, f" {number} of {len(reading.calls)}" if len(reading.calls) > 1 else "", width)
    yield from _wrapped(f"Read as: {read_words(reading, one, sheet)}", width)
    if reading.rationale and one.rules is None:  # what rules decided stands above, in clear
        yield from _block("Reason it gave", reading.rationale, width)
    if reading.reread:
        yield from _wrapped(f"This version reads the same answer as: {reading.reread}", width)
    yield from _wrapped(f"Cost: {cost_words(reading)}", width)


def read_words(reading: Reading, one: CandidateSheet, sheet: ItemSheet) -> str:
    """Outcome, decisions and, where there is one, why the answer could not be used."""
    by = f" by {one.parser}" if one.parser else ""
    if reading.outcome == "ok":
        flags = [sheet.name_of(name) for name, value in reading.decisions.items() if value == 1]
        return f"ok{by}, flags {', '.join(flags) or 'nothing'}"
    why = f" ({reading.reason})" if reading.reason else ""
    counts = f"; counts as {reading.counts_as}" if reading.counts_as else ""
    return f"{outcome_words(reading.outcome)}{by}{why}{counts}"


def cost_words(reading: Reading) -> str:
    """Latency, price and tokens of one row."""
    if not reading.calls and reading.latency_ms is None:
        return "nothing was asked"
    tokens = reading.tokens
    parts = [numbers.milliseconds(reading.latency_ms), numbers.usd(reading.cost_usd)]
    parts.append(f"{numbers.count(tokens['input_tokens'])} tokens in, {numbers.count(tokens['output_tokens'])} out")
    return ", ".join(parts) + (", from the journal" if reading.is_cached else "")


def _call(call: Call, number: str, width: int) -> Iterator[str]:
    if call.route is not None:
        yield from _wrapped(f"Sent{number} to {call.model}, {call.route}: {check_words(call)}", width)
        for role, content in call.messages:
            yield from _block(role, content, width, indent=2)
        if call.content is not None:
            yield from _block("input", call.content, width, indent=2)
        if call.params:
            yield from _wrapped(f"  with {compact(call.params)}", width)
    if call.raw is None:
        yield from _wrapped(f"Came back{number}: not in the journal", width)
        return
    timed = "" if call.latency_ms is None else f" after {numbers.milliseconds(call.latency_ms)}"
    raw = without_logprobs(call.raw)
    yield from _block(f"Came back{number}, status {call.status}{timed}", raw[:LONGEST_RAW], width)
    if raw != call.raw or len(raw) > LONGEST_RAW:
        yield f"  ({numbers.count(len(call.raw))} characters in all; --json has them)"


def without_logprobs(raw: str) -> str:
    """The body without its log probabilities, which would fill the screen."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return raw
    choices = document.get("choices") if isinstance(document, dict) else None
    found = [one for one in choices or () if isinstance(one, dict) and one.get("logprobs")]
    for one in found:
        one["logprobs"] = "..."
    return json.dumps(document, ensure_ascii=False) if found else raw


def check_words(call: Call) -> str:
    """What the key of the stored answer says about the reproduced request."""
    return CHECK_WORDS[call.check] + (f" ({call.why})" if call.why else "")


def compact(params: Mapping[str, Any]) -> str:
    """Parameters on one line."""
    return ", ".join(f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in params.items())


def _block(name: str, text: str, width: int, indent: int = 0) -> Iterator[str]:
    """A heading with its text below; line breaks of the text stay."""
    pad = " " * indent
    yield log_safe(f"{pad}{name}:")
    for line in text.split("\n"):
        for one in folded(line, max(width - indent - 2, 20)):
            yield f"{pad}  {log_safe(one)}".rstrip()


def _wrapped(text: str, width: int) -> Iterator[str]:
    for line in folded(text, width, below="  "):
        yield log_safe(line)
