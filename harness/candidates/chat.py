"""Prompt x OpenAI-compatible chat model.

Decides the exact request body (it is the cache key) and how an answer becomes a row. What a response means is decided
in ``outcomes``, where its parts stand in ``shapes``; reading the answer's text is left to the parsers.

Structured output, for ``answer: json``: ``json_schema`` and ``json_object`` in models.yaml are sent as said.
``auto`` sends a schema where it is known to be supported (``embedded``, ``azure``, and ``openai`` at its own address),
JSON without one to ``gemini``, and nothing to ``anthropic``, ``bedrock`` and any other ``base_url``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson
from msgspec.structs import replace

from harness.candidates.names import Crosswalk, NameIndex, apply_thresholds
from harness.candidates.outcomes import meaning_of_choice
from harness.candidates.parsers import ParseContext, Parsed, Parser, Token
from harness.candidates.parsers.refusals import looks_like_refusal
from harness.candidates.pictures import PictureParts, nothing_to_send, unread, with_parts
from harness.candidates.responses import document_of, read_document, whole, worst
from harness.candidates.shapes import Choice, choice_of
from harness.errors import FileError, HarnessError
from harness.records import Item, Model, PromptHeader
from harness.records.answers import CHAT_ROUTE, Answer, Decide, Request, Response
from harness.records.evals import Threshold

TOP_LOGPROBS = 20
GIVE_LOGPROBS = ("openai", "azure", "embedded")
"""Providers that are asked for log probabilities where models.yaml is silent: the others refuse them, or may."""
SHORT_ANSWER = 80
"""Characters of an answer that is read once and remembered."""
MOST_KNOWN = 1000
OPENAI_HOST = "api.openai.com"


class Renderer(Protocol):
    """What this module needs of a compiled prompt."""

    @property
    def header(self) -> PromptHeader:
        """Front matter."""

    @property
    def category_ids(self) -> tuple[str, ...]:
        """Categories the prompt asks about."""

    @property
    def shows_text(self) -> bool:
        """Whether it puts the item's text into a message."""

    @property
    def shows_modalities(self) -> bool:
        """Whether it puts modalities into a message: a transcript, texts on the screen."""

    @property
    def shows_item(self) -> bool:
        """Whether it puts anything of the item into a message, beside pictures."""

    def render(self, item: Item, category: str | None = None) -> list[dict[str, Any]]:
        """Messages for one item."""


class ChatCandidate:
    """A prompt answered by a model.

    Args:
        crosswalk: Names of the answers -> categories, when they are not the policy's own.
        thresholds: Categories decided by ``score >= threshold`` instead of the answer's word.
        inputs: Names, versions and hashes of the files behind this candidate.
        category_fields: Further fields of the request about a category.
        pictures: Of a prompt with ``media``: how its pictures are sent.
    """

    needs_text = True

    def __init__(
        self,
        candidate_id: str,
        prompt: Renderer,
        model_id: str,
        model: Model,
        parser: Parser,
        *,
        crosswalk: Crosswalk | None = None,
        thresholds: Mapping[str, Threshold] | None = None,
        inputs: Mapping[str, Any] | None = None,
        category_fields: Callable[[str], Mapping[str, Any]] = lambda category: {},
        pictures: PictureParts | None = None,
    ) -> None:
        header = prompt.header
        self.id = candidate_id
        self.models_used = (model_id,)
        self._prompt = prompt
        self._model_id = model_id
        self._parser = parser
        self._pictures = pictures
        self._thresholds = dict(thresholds or {})
        asked = _asked(prompt)
        names = NameIndex(asked, crosswalk)
        self.categories = names.categories
        if not self.categories:
            raise HarnessError(
                f"candidate '{candidate_id}' decides no category: its crosswalk names none that the prompt asks about",
                allowed=", ".join(asked),
                next_step="map at least one of them in the policy's crosswalk",
            )
        self._contexts = [ParseContext(header, names)]
        if header.per == "category":
            self._contexts = [ParseContext(header, NameIndex([one], crosswalk), one) for one in self.categories]
        self._check(crosswalk)
        declared = model.reasoning
        self._reasoning = () if declared is None else ((declared.open, declared.close),)
        self._fixed = [
            _fixed_fields(model, header, parser, context) | dict(category_fields(context.categories[0]))
            for context in self._contexts
        ]
        self._known: dict[tuple[str | None, Choice], Answer] = {}
        self._model_name = model.model or model_id
        self.fingerprint: Mapping[str, Any] = {
            "kind": "prompt",
            "categories": list(self.categories),
            "model": self._model_name,
            "provider": model.provider,
            "params": dict(model.params),
            "structured_output": _structured_output(model),
            "parser": f"{header.answer}-{parser.version}",
            "thresholds": self._thresholds,
            **({"temp": model.params["temperature"]} if "temperature" in model.params else {}),
            **(inputs or {}),
        }

    def _check(self, crosswalk: Crosswalk | None) -> None:
        header, where = self._prompt.header, f"candidate '{self.id}'"
        if self._parser.needs_one_category and any(context.only is None for context in self._contexts):
            raise HarnessError(
                f"{where}: 'answer: {header.answer}' speaks about one category, and the prompt asks about "
                f"{len(self.categories)} at once",
                allowed="'per: category', or one entry under 'categories'",
                next_step="add 'per: category' to the prompt",
            )
        if self._parser.needs_crosswalk and crosswalk is None and header.per == "item":
            raise HarnessError(
                f"{where}: 'answer: {header.answer}' gives codes, and no crosswalk says what they mean here",
                allowed="crosswalk: NAME, of the policy's crosswalks",
                next_step="name the crosswalk in the eval, beside the prompt",
            )
        unscored = [name for name in self._thresholds if name not in self.categories]
        if unscored:
            raise HarnessError(
                f"{where} has a threshold for '{unscored[0]}', which it does not decide",
                allowed=", ".join(self.categories),
                next_step="remove the threshold",
            )

    def prepare(self, items: Sequence[Item]) -> None:
        """Nothing to prepare."""

    def decide(self, item: Item) -> Decide:
        """Ask, and read what comes back: one call, or one per category in a batch.

        An item without text is an abstention wherever the prompt would show its text, and nothing else of it is sent.
        """
        named = [] if self._pictures is None else self._pictures.named(item)
        if not named and not self._shows(item):
            why = nothing_to_send(self._pictures, shows_text=self._prompt.shows_text)
            return Answer("abstained", dict.fromkeys(self.categories), error=why)
        try:
            parts = [] if self._pictures is None else self._pictures.parts(named)
        except FileError as error:
            return Answer("error", dict.fromkeys(self.categories), error=unread(error))
        responses = yield [
            Request(self._model_id, CHAT_ROUTE, self._body(item, context, fixed, parts))
            for context, fixed in zip(self._contexts, self._fixed, strict=True)
        ]
        answers = [
            self._read(response, context, item) for response, context in zip(responses, self._contexts, strict=True)
        ]
        return answers[0] if self._contexts[0].category is None else self._combine(answers)

    def _shows(self, item: Item) -> bool:
        """Whether the messages would show something of an item, beside pictures."""
        prompt = self._prompt
        if item.text is None and prompt.shows_text and not (prompt.shows_modalities and any(item.modalities.values())):
            return False
        return self._pictures is None or prompt.shows_item

    def _body(
        self, item: Item, context: ParseContext, fixed: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]
    ) -> bytes:
        shown = replace(item, text="") if item.text is None else item
        rendered = self._prompt.render(shown, context.category)
        messages = with_parts(rendered, parts) if parts else rendered
        return encode_body({"model": self._model_name, "messages": messages, **fixed})

    def _read(self, response: Response, context: ParseContext, item: Item) -> Answer:
        choice = choice_of(document_of(response)) if response.error is None else None
        document = read_document(response, item.text or "", choice=choice)
        if isinstance(document, Answer):
            found = choice if document.outcome == "refused" else None
            said = found.refusal or found.text if found else None
            return _undecided(Answer(document.outcome, rationale=said or None, error=document.error), context)
        if choice is None:
            return _undecided(Answer("error", error="the response holds no answer"), context)
        return self._read_once(choice, context)

    def _read_once(self, choice: Choice, context: ParseContext) -> Answer:
        """Read a short answer without log probabilities once: most answers of a run are one of a few words."""
        if choice.logprobs is not None or choice.error is not None or len(choice.text) > SHORT_ANSWER:
            return self._read_choice(choice, context)
        at = (context.category, choice)
        known = self._known.get(at)
        if known is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known = self._known[at] = self._read_choice(choice, context)
        return known

    def _read_choice(self, choice: Choice, context: ParseContext) -> Answer:
        is_cut_off = meaning_of_choice(choice).kind == "cut_off"
        text = choice.text
        asked = ParseContext(
            context.header, context.names, context.category, _tokens(choice.logprobs), is_cut_off, self._reasoning,
            frozenset(self._thresholds),
        )  # fmt: skip
        parsed = self._parser.parse(text, asked) if text.strip() else Parsed("unparsed", reason=_no_text(choice))
        if parsed.outcome != "ok" and not _has_decision(parsed) and looks_like_refusal(text, self._reasoning):
            return _undecided(Answer("refused", rationale=text.strip(), error="the model refused in prose"), context)
        reason = parsed.reason
        if parsed.outcome == "unparsed" and is_cut_off:
            reason = f"{reason or 'unreadable'} (cut off at the token limit: raise max_tokens)"
        return self._decided(parsed, reason, context)

    def _decided(self, parsed: Parsed, reason: str | None, context: ParseContext) -> Answer:
        decisions = dict.fromkeys(context.categories) | dict(parsed.decisions)
        if parsed.outcome == "ok":
            wanted = {name: self._thresholds[name] for name in context.categories if name in self._thresholds}
            decisions = apply_thresholds(decisions, parsed.scores, wanted)
            if any(decisions[name] is None for name in wanted):
                return Answer("unparsed", decisions, parsed.scores, parsed.rationale, "no score for a threshold")
        return Answer(parsed.outcome, decisions, parsed.scores, parsed.rationale, reason)

    def _combine(self, answers: Sequence[Answer]) -> Answer:
        """One item's answers per category: every decision that was read is kept, the outcome is the worst."""
        failed = {
            category: answer
            for category, answer in zip(self.categories, answers, strict=True)
            if answer.outcome != "ok"
        }
        return Answer(
            outcome=worst([answer.outcome for answer in answers]),
            decisions={name: decision for answer in answers for name, decision in answer.decisions.items()},
            scores={name: score for answer in answers for name, score in answer.scores.items()},
            rationale=_joined(zip(self.categories, (answer.rationale for answer in answers), strict=True)),
            error=_joined((category, answer.error) for category, answer in failed.items()),
        )


# ------------------------------------------------------------------------------------------------------- the body


def encode_body(body: Mapping[str, Any]) -> bytes:
    """JSON bytes, always the same for the same content; half surrogate pairs become U+FFFD."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        return orjson.dumps(whole(dict(body)))


def _fixed_fields(model: Model, header: PromptHeader, parser: Parser, context: ParseContext) -> dict[str, Any]:
    """Body fields that do not depend on the item: parameters by name, then what the answer's format needs."""
    fields = {name: model.params[name] for name in sorted(model.params)}
    if parser.wants_logprobs and model.provider in GIVE_LOGPROBS and fields.setdefault("logprobs", True):
        fields.setdefault("top_logprobs", TOP_LOGPROBS)
    if header.answer == "json" and "response_format" not in fields:
        match _structured_output(model):
            case "json_schema":
                fields["response_format"] = response_schema(context.names.names)
            case "json_object":
                fields["response_format"] = {"type": "json_object"}
    return fields


AUTO_FORMAT = {"anthropic": "none", "bedrock": "none", "gemini": "json_object"}


def _structured_output(model: Model) -> str:
    if model.structured_output != "auto":
        return model.structured_output
    if model.provider in AUTO_FORMAT:
        return AUTO_FORMAT[model.provider]
    is_known = model.provider != "openai" or model.base_url is None or urlsplit(model.base_url).hostname == OPENAI_HOST
    return "json_schema" if is_known else "none"


def response_schema(names: Sequence[str]) -> dict[str, Any]:
    """The schema of ``answer: json``: violated categories by name, and a rationale."""
    return {
        "type": "json_schema",
        "json_schema": {
            "name": "decision",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {
                    "categories": {"type": "array", "items": {"type": "string", "enum": list(names)}},
                    "rationale": {"type": "string"},
                },
                "required": ["categories", "rationale"],
                "additionalProperties": False,
            },
        },
    }


# ----------------------------------------------------------------------------------------------------- the answer


def _asked(prompt: Renderer) -> tuple[str, ...]:
    """Categories a prompt decides: with labels and no list of its own, those that the labels name."""
    header = prompt.header
    if header.labels is None or header.categories is not None:
        return prompt.category_ids
    named = {category for categories in header.labels.values() for category in categories}
    return tuple(category for category in prompt.category_ids if category in named)


def _undecided(answer: Answer, context: ParseContext) -> Answer:
    return Answer(answer.outcome, dict.fromkeys(context.categories), {}, answer.rationale, answer.error)


def _has_decision(parsed: Parsed) -> bool:
    return any(decision is not None for decision in parsed.decisions.values())


def _no_text(choice: Choice) -> str:
    """Why there is nothing to read."""
    ended = f"finish_reason '{choice.finish}'" if choice.finish else "no finish_reason"
    if choice.reasoning.strip():
        return f"only reasoning came back, and no answer ({ended})"
    if choice.text:
        return f"the answer is nothing but white space ({ended})"
    return f"the answer is empty ({ended})"


def _tokens(logprobs: Any) -> tuple[Token, ...]:
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list):
        return ()
    return tuple(
        Token(one["token"], _alternatives(one))
        for one in content
        if isinstance(one, dict) and isinstance(one.get("token"), str)
    )


def _alternatives(token: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    """Alternatives of a token; the token itself where the server lists none or leaves it out."""
    weighed: dict[str, float] = {}
    top = token.get("top_logprobs")
    for one in [token, *(top if isinstance(top, list) else [])]:
        if not isinstance(one, dict) or isinstance(one.get("logprob"), bool):
            continue
        if isinstance(one.get("token"), str) and isinstance(one.get("logprob"), int | float):
            weighed.setdefault(one["token"], float(one["logprob"]))
    return tuple(weighed.items())


def _joined(parts: Iterable[tuple[str, str | None]]) -> str | None:
    return "; ".join(f"{name}: {text}" for name, text in parts if text) or None
