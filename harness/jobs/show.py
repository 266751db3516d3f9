"""One item of a stored run, whole: gathered from the run, its golden set and the journal of answers.

Decides what is reproduced and how it is checked. Requests are made again from the run's own inputs; each is what was
sent where it has the key of the answer that the run's row names. What is shown of a text is decided by ``--text``: in a
masked sheet the requests are made of the masked item, so that a prompt cannot carry a text past the mask.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from harness.candidates.rule_set import RuleSetCandidate
from harness.files.pictures import PictureFolder
from harness.files.text import joined
from harness.jobs.reproduce import CannotReproduce, Rebuilt, rebuilt
from harness.jobs.texts import golden_of, no_item
from harness.measure.decisions import decisions as read_decisions
from harness.records import Item
from harness.records.answers import HUMAN, MISSING_OUTCOMES, Answer, Decide, Request, Response
from harness.report.item.data import Call, CandidateSheet, ItemSheet, KeyCheck, Reading, RuleHit
from harness.report.item.masked import AnswerWords, seen_item, shown_raw, shown_text
from harness.report.item.media import Media, media_of
from harness.report.item.policy_text import definitions_of
from harness.report.parts.masking import HIDDEN_TEXT, TextMode
from harness.runner.answers import Stored
from harness.runner.asking import is_asked
from harness.runner.cache import ResponseCache
from harness.runner.keys import Keys
from harness.runs import Run
from harness.runs.meta import changed_parts

_CONTENT = ("input", "messages", "text", "image")
NO_GOLDEN = (
    "The golden set of this run is not at hand or has changed: no text, no votes, "
    "and what was sent cannot be made again."
)


@dataclasses.dataclass(frozen=True, slots=True)
class Sources:
    """Where the parts of a sheet come from.

    Attributes:
        card: The card of the golden set; where the run says it was when None.
        environment: Environment variables that are part of an address; no key is read.
    """

    cache_path: Path
    environment: Mapping[str, str]
    card: Path | None = None


def show_item(run: Run, item_id: str, mode: TextMode, sources: Sources) -> ItemSheet:
    """Everything that is known of one item of a run.

    Raises:
        HarnessError: The run has no such item, or the named card is another golden set.
    """
    run = run.of_part("all")
    at = _position(run, item_id)
    golden = golden_of(run, sources.card)
    item = None if golden is None else golden.item(golden.index_of(item_id))
    notes = [] if golden is not None else [NO_GOLDEN]
    cache = ResponseCache(sources.cache_path, lambda: datetime.now(UTC)) if sources.cache_path.is_file() else None
    if cache is None and any(_asks(run, name) for name in run.candidates):
        notes.append(f"There is no journal at {sources.cache_path}: what came back is not shown.")
    try:
        candidates = []
        for name in run.candidates:
            sheet = _Candidate(run, name, at, item, mode, cache)
            if golden is None or item is None:
                candidates.append(sheet.alone(""))
                continue
            try:
                with rebuilt(run, name, golden, sources.environment) as made:
                    candidates.append(sheet.reproduced(made))
            except CannotReproduce as error:
                candidates.append(sheet.alone(str(error)))
    finally:
        if cache is not None:
            cache.close()
    meta = run.meta
    return ItemSheet(
        run_id=meta.run_id,
        eval_name=meta.eval_name,
        golden_set=meta.golden_set.title,
        policy=f"{meta.policy.name} v{meta.policy.version or ''}",
        item_id=item_id,
        text=shown_text(item.text if item else None, mode),
        text_mode=mode,
        labels={one: _known(int(value)) for one, value in zip(run.categories, run.y_true[at].tolist(), strict=True)},
        votes=_votes(item, golden.card.rename if golden else {}),
        slices={name: tuple(value for value, members in values.items() if at in members)
                for name, values in run.slices.items()},
        group=run.groups[at],
        weight=float(run.weights[at]),
        is_must_catch=bool(run.must_catch[at]),
        definitions=_definitions(run),
        candidates=tuple(candidates),
        notes=tuple(notes),
        media=Media() if golden is None or item is None else media_of(item, PictureFolder.of(golden.items_path), mode),
    )  # fmt: skip


def _position(run: Run, item_id: str) -> int:
    try:
        return run.item_ids.index(item_id)
    except ValueError:
        raise no_item(f"run {run.meta.run_id}", item_id, run.item_ids) from None


def _asks(run: Run, name: str) -> bool:
    return any(key for one in run.texts(name, "response_key")[:1] for key in one)


def _votes(item: Item | None, rename: Mapping[str, str]) -> tuple[Mapping[str, Any], ...]:
    """Votes under the names of the policy's categories."""
    found = []
    for vote in item.votes if item else ():
        labels = vote.get("labels")
        said = {rename.get(name, name): value for name, value in labels.items()} if isinstance(labels, Mapping) else {}
        found.append({**vote, "labels": said})
    return tuple(found)


def _definitions(run: Run) -> dict[str, tuple[str, str]]:
    """Name and definition of every category under the policy as it was; the id alone where the run kept none."""
    said = definitions_of(run)
    return {one: (run.meta.policy.category_name(one), said.get(one, "")) for one in run.categories}


def _known(value: int) -> int | None:
    return None if value < 0 else value


# ----------------------------------------------------------------------------------------------- one candidate


class _Candidate:
    """What one candidate of the run made of the item."""

    def __init__(
        self, run: Run, name: str, at: int, item: Item | None, mode: TextMode, cache: ResponseCache | None
    ) -> None:
        self._run, self._name, self._item, self._mode, self._cache = run, name, item, mode, cache
        n_repeats = run.meta.repeats
        columns = ["outcome", *(f"{part}.{one}" for part in ("decision", "score") for one in run.categories),
                   "rationale", "latency_ms", "input_tokens", "cached_tokens", "output_tokens", "cost_usd", "cached",
                   "response_key", "error"]  # fmt: skip
        self._rows = run.rows(name, columns).slice(at * n_repeats, n_repeats).to_pylist()
        self._at = at
        self._fingerprint = run.meta.fingerprint(name)
        names = [*run.categories, *(run.meta.policy.category_name(one) for one in run.categories)]
        self._words = AnswerWords(item.text if item else None, names)

    def alone(self, why: str) -> CandidateSheet:
        """From the run and the journal, without what was sent."""
        readings = []
        for repeat, row in enumerate(self._rows):
            calls = tuple(self._answered(Call(key=key)) for key in (row["response_key"] or "").split())
            readings.append(self._reading(repeat, row, calls))
        note = f"What was sent cannot be made again: {why}." if why and self._asked else ""
        return self._sheet(tuple(readings), note=note)

    def reproduced(self, made: Rebuilt) -> CandidateSheet:
        """With the requests, made again and checked against the keys of the answers."""
        item = self._item
        assert item is not None
        if not is_asked(made.candidate, item):
            return self.alone("")
        made.candidate.prepare([item])
        readings = tuple(self._repeat(made, item, repeat, row) for repeat, row in enumerate(self._rows))
        rules = _hits(made.candidate, item) if isinstance(made.candidate, RuleSetCandidate) else None
        return self._sheet(readings, rules=rules, note=self._differences(made))

    @property
    def _asked(self) -> bool:
        return any(row["response_key"] for row in self._rows)

    def _differences(self, made: Rebuilt) -> str:
        changed = changed_parts(self._run.meta, made.candidate)
        names = [one for one in ("parser", "reader", "engine") if one in changed]
        return f"This version of the harness reads with another {joined(names)}." if names else ""

    def _repeat(self, made: Rebuilt, item: Item, repeat: int, row: Mapping[str, Any]) -> Reading:
        """Follow the candidate through its questions as far as the journal holds the answers."""
        keys = (row["response_key"] or "").split()
        calls: list[Call] = []
        answer: Answer | None = None
        decision = made.candidate.decide(item)
        twin = _Twin(made.candidate.decide(seen_item(item, self._mode)))
        try:
            requests = next(decision)
            seen = twin.send(None, len(requests))
            while True:
                batch = [
                    self._call(made, one, two, repeat, keys, len(calls) + number)
                    for number, (one, two) in enumerate(zip(requests, seen, strict=True))
                ]
                calls += [self._answered(call) for call, _ in batch]
                stored = [self._stored(key) for _, key in batch]
                if any(one is None for one in stored):
                    break
                responses = [
                    one.response(key)
                    for (_, key), one in zip(batch, stored, strict=True)
                    if one is not None and key is not None
                ]
                requests = decision.send(responses)
                seen = twin.send(responses, len(requests))
        except StopIteration as stop:
            answer = stop.value if isinstance(stop.value, Answer) else None
        finally:
            decision.close()
            twin.close()
        calls += [self._answered(Call(key=key)) for key in keys[len(calls) :]]
        return self._reading(repeat, row, tuple(calls), answer)

    def _call(
        self, made: Rebuilt, sent: Request, seen: Request | None, repeat: int, keys: Sequence[str], number: int
    ) -> tuple[Call, bytes | None]:
        body = json.loads(sent.body)
        fields = {name: value for name, value in body.items() if name not in _CONTENT}
        body = {"input": HIDDEN_TEXT} if seen is None else json.loads(seen.body)
        messages = tuple(
            (str(one.get("role")), plain_content(one.get("content"))) for one in body.get("messages") or ()
        )
        said = body.get("input", body.get("text"))
        content = "[image]" if "image" in body else None if said is None else plain_content(said)
        key, check, why = self._checked(made, sent, repeat, keys, number)
        call = Call(
            key=keys[number] if number < len(keys) else None if key is None else key.hex(),
            model=sent.model_id,
            route=sent.route,
            messages=messages,
            content=content,
            params=fields,
            check=check,
            why=why,
        )
        return call, key

    def _checked(
        self, made: Rebuilt, sent: Request, repeat: int, keys: Sequence[str], number: int
    ) -> tuple[bytes | None, KeyCheck, str]:
        endpoint = made.endpoints.get(sent.model_id)
        if endpoint is None:
            return None, "unknown", f"the address of model '{sent.model_id}' is in no models file here"
        key = Keys(endpoint.identity, sent.route, repeat=repeat, wave=self._run.meta.wave).of(sent.body)
        if number >= len(keys):
            return key, "unknown", "the run's row names no answer to it"
        if key.hex() == keys[number]:
            return key, "same", ""
        return key, "another", "the address in the models file, or a default of this version, is another one than then"

    def _stored(self, key: bytes | None) -> Stored | None:
        return None if self._cache is None or key is None else self._cache.get_many([key]).get(key)

    def _answered(self, call: Call) -> Call:
        """With what the journal keeps under the row's key."""
        try:
            stored = self._stored(bytes.fromhex(call.key)) if call.key else None
        except ValueError:
            stored = None
        if stored is None:
            return call
        raw = shown_raw(stored.body, self._mode, self._words)
        return dataclasses.replace(
            call, status=stored.status, raw=raw, latency_ms=None if stored.is_batch else stored.latency_ms
        )

    def _reading(
        self, repeat: int, row: Mapping[str, Any], calls: tuple[Call, ...], again: Answer | None = None
    ) -> Reading:
        categories = self._run.categories
        decisions = {one: row[f"decision.{one}"] for one in categories}
        reread = ""
        if again is not None and calls and all(one.check == "same" for one in calls):
            now = {one: again.decisions.get(one) for one in categories}
            if again.outcome != row["outcome"] or now != decisions:
                flags = joined([one for one, value in now.items() if value == 1]) or "nothing"
                reread = f"{again.outcome.replace('_', ' ')}, flags {flags}"
        return Reading(
            repeat=repeat,
            outcome=str(row["outcome"]),
            decisions=decisions,
            scores={one: row[f"score.{one}"] for one in categories if row[f"score.{one}"] is not None},
            reason=row["error"],
            rationale=shown_text(row["rationale"], self._mode),
            latency_ms=row["latency_ms"],
            cost_usd=row["cost_usd"],
            tokens={name: int(row[name] or 0) for name in ("input_tokens", "cached_tokens", "output_tokens")},
            is_cached=bool(row["cached"]),
            counts_as=self._counts_as(str(row["outcome"])),
            fallback=self._fallback(repeat) if None in decisions.values() else {},
            reread=reread,
            calls=calls,
        )

    def _fallback(self, repeat: int) -> dict[str, int]:
        read = read_decisions(self._run, self._name)
        takes = np.flatnonzero(read.has_failed[self._at, repeat]).tolist()
        return {self._run.categories[one]: int(read.y_pred[self._at, repeat, one]) for one in takes}

    def _counts_as(self, outcome: str) -> str:
        if outcome == "ok":
            return ""
        if outcome == HUMAN:
            return "what is not decided: left to a person, on neither side"
        if outcome in MISSING_OUTCOMES:
            return "nothing: a missing pair, left out"
        declared = self._run.meta.on_failure(self._name)
        return {"flag": "flagged", "no_flag": "not flagged", "review": "sent to a person"}[declared]

    def _sheet(
        self, readings: tuple[Reading, ...], *, rules: tuple[RuleHit, ...] | None = None, note: str = ""
    ) -> CandidateSheet:
        parser = self._fingerprint.get("parser")
        return CandidateSheet(self._name, self._description(), str(parser) if parser else None, readings, rules, note)

    def _description(self) -> str:
        fields = self._run.meta.signature_fields(self._name)
        named = ("prompt", "rules", "model", "moderation", "without")
        shown = [f"{name} {fields[name]}" for name in named if fields.get(name)]
        return ", ".join(shown) or str(self._fingerprint.get("kind") or "")


def _hits(candidate: RuleSetCandidate, item: Item) -> tuple[RuleHit, ...]:
    found: list[RuleHit] = []
    for hit in candidate.explain(item):
        is_first = all(one.category != hit.category for one in found)
        found.append(RuleHit(hit.rule, hit.category, hit.decision, is_first))
    return tuple(found)


class _Twin:
    """The same candidate deciding the item as it may be shown, beside the one that decides it as it is."""

    def __init__(self, decision: Decide) -> None:
        self._decision: Decide | None = decision

    def send(self, responses: Sequence[Response] | None, n: int) -> Sequence[Request | None]:
        """Its next requests; nothing is shown once it goes another way, as rules may on a masked text."""
        try:
            found = None if self._decision is None else self._decision.send(responses)  # type: ignore[arg-type]
        except StopIteration:
            found = None
        if found is None or len(found) != n:
            self.close()
            return [None] * n
        return found

    def close(self) -> None:
        """No more of it."""
        if self._decision is not None:
            self._decision.close()
            self._decision = None


def plain_content(content: Any) -> str:
    """Content of a message: text, or its parts in order, a picture by its type and size."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return "\n".join(_plain_part(part) for part in content)
    return json.dumps(content, ensure_ascii=False)


def _plain_part(part: Mapping[str, Any]) -> str:
    url = part.get("image_url")
    url = url.get("url") if isinstance(url, dict) else None
    if not isinstance(url, str):
        return str(part["text"]) if isinstance(part.get("text"), str) else json.dumps(part, ensure_ascii=False)
    head, comma, body = url.partition(",")
    return (
        f"[{head.removeprefix('data:').removesuffix(';base64')}, {len(body) * 3 // 4 - body[-2:].count('='):,} bytes]"
        if comma
        else "[image]"
    )
