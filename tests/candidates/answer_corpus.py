"""Reads the corpus of answers (``corpus/``) and makes the mutations of each.

One file a provider: shapes of its bodies as its documentation prints them, and answers as rows of
``[status, shape, values, kind, decision, kept or again, more]``. One file a guard: rows of
``[text, verdict, more]``. ``decision`` names the flagged categories (``none`` for a decided nothing, ``-`` for no
decision).
"""

from __future__ import annotations

import copy
import functools
import html
import json
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import yaml

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class ProviderCase:
    provider: str
    name: str
    status: int
    body: Any
    kind: str
    decision: str
    is_kept: bool
    text: str | None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bytes(self) -> bytes:
        return orjson.dumps(self.body)


@dataclass(frozen=True)
class GuardCase:
    guard: str
    name: str
    answer: str
    header: Mapping[str, Any]
    categories: tuple[str, ...]
    crosswalk: Mapping[str, list[str]] | None
    text: str
    verdict: str
    more: Mapping[str, Any] = field(default_factory=dict)


def _filled(shape: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(shape, str) and shape.startswith("$"):
        return copy.deepcopy(values[shape[1:]])
    if isinstance(shape, dict):
        return {name: _filled(inner, values) for name, inner in shape.items()}
    if isinstance(shape, list):
        return [_filled(inner, values) for inner in shape]
    return shape


def _files(folder: str) -> Iterator[Mapping[str, Any]]:
    for path in sorted((CORPUS / folder).glob("*.yaml")):
        data = yaml.safe_load(path.read_text("utf-8"))
        assert data["source"], path
        yield {**data, "file": path.stem}


@functools.cache
def provider_cases() -> list[ProviderCase]:
    cases = []
    for data in _files("providers"):
        for number, row in enumerate(data["answers"]):
            status, shape, given, kind, decision, kept, *more = row
            values = {**data.get("defaults", {}), **given}
            cases.append(
                ProviderCase(
                    data["provider"],
                    f"{data['file']}-{number}-{shape}-{kind}",
                    status,
                    _filled(data["shapes"][shape], values),
                    kind,
                    decision,
                    {"kept": True, "again": False}[kept],
                    values.get("text"),
                    more[0] if more else {},
                )
            )
    return cases


@functools.cache
def guard_cases() -> list[GuardCase]:
    cases = []
    for data in _files("guards"):
        for number, (text, verdict, *more) in enumerate(data["answers"]):
            cases.append(
                GuardCase(
                    data["guard"],
                    f"{data['file']}-{number}-{verdict}",
                    data["answer"],
                    data.get("header", {}),
                    tuple(data["categories"]),
                    data.get("crosswalk"),
                    text,
                    verdict,
                    more[0] if more else {},
                )
            )
    return cases


# ------------------------------------------------------------------------------------------------------- mutations

_WRAPS = (
    "```\n{}\n```", "```json\n{}\n```", "~~~\n{}\n~~~", "`{}`", "**{}**", "__{}__", '"{}"', "'{}'", "“{}”", "«{}»",
    "({})", "[{}]", "<answer>{}</answer>", "<p>{}</p>", "<b>{}</b>", "<!-- {} -->", "\\boxed{{{}}}", "\\text{{{}}}",
    "> {}", "- {}", "# {}", "1. {}", "| {} |", "~~{}~~", "<verdict>\n{}\n</verdict>",
)  # fmt: skip
_AROUND = (
    "Answer: {}", "Final answer: {}", "Hier ist meine Antwort:\n{}", "La respuesta es: {}", "Réponse : {}",
    "答案：{}", "回答：\n{}", "Ответ: {}", "الإجابة: {}", "उत्तर: {}", "정답: {}", "Odpowiedź: {}",
    "{}\n\nBegründung: Der Text richtet sich gegen niemanden.", "{}\n\n理由：文本没有攻击任何人。",
    "{}\n\nMotivo: el texto no ataca a nadie.",
    "{}\n\nExplanation: the text would be safe if it did not attack people.",
    "{}\n\nExplanation: one might think yes, or unsafe, but the policy decides.", "Sure! {}", "{} Let me know!",
)  # fmt: skip
_SPACES = (
    "\n\n{}", "{}\n\n\n", "\t{}\t", "\r\n{}\r\n", "\u200b{}", "{}\u200b", "\ufeff{}", "\u00a0{}\u00a0", "\u2028{}",
    "{}\x00", "\u202e{}\u202c", "\u2060{}", "{}</s>", "{}<|im_end|>", "{}<|eot_id|>", "{}<end_of_turn>", "{}<eos>",
)  # fmt: skip
_REASONED = (
    "<think>{1}</think>\n{0}", "<think>\nPerhaps it is:\n{1}\n\nNo.\n</think>\n\n{0}", "[THINK]{1}[/THINK]{0}",
    "<seed:think>{1}</seed:think>{0}", "{1}</think>{0}",
    "<|channel|>analysis<|message|>{1}<|end|><|start|>assistant<|channel|>final<|message|>{0}",
    "analysis{1}assistantfinal{0}", "<|START_THINKING|>{1}<|END_THINKING|>{0}", "◁think▷{1}◁/think▷{0}",
    "<reasoning>{1}</reasoning>\n{0}",
)  # fmt: skip
UNFINISHED = ("<think>{0}", "<think>hm\n{0}", "[THINK]{0}", "<|channel|>analysis<|message|>{0}", "<reasoning>\n{0}")
"""Reasoning that never ended: whatever stands in it is no verdict."""


def mutations(text: str, decoy: str = "It could be either.") -> Iterator[tuple[str, str]]:
    """Mutations after which the verdict must be the same, or none; with their names."""
    for group in (_WRAPS, _AROUND, _SPACES):
        for form in group:
            yield form.encode("unicode_escape").decode(), form.format(text)
    for form in _REASONED:
        yield f"reasoned {form}", form.format(text, decoy)
    for form in UNFINISHED:
        yield f"unfinished {form}", form.format(text)
    yield "twice in lines", f"{text}\n{text}"
    yield "twice in a line", f"{text} {text}"
    yield "three times", "\n\n".join([text] * 3)
    yield "upper", text.upper()
    yield "lower", text.lower()
    yield "json string", json.dumps(text)
    yield "json string twice", json.dumps(json.dumps(text))
    yield "json object", json.dumps({"answer": text})
    yield "json list", json.dumps([text])
    yield "html", html.escape(text)
    yield "url", urllib.parse.quote(text)
    yield "quoted lines", "\n".join(f"> {line}" for line in text.splitlines())
    yield "indented", "\n".join(f"    {line}" for line in text.splitlines())
    yield "line breaks", text.replace("\n", "\r\n")
    yield "one line", " ".join(text.split())
    yield "spaced", " ".join(text)
    for at in _places(text, 12):
        yield f"zero width at {at}", f"{text[:at]}\u200b{text[at:]}"
        yield f"space at {at}", f"{text[:at]} {text[at:]}"
        yield f"line at {at}", f"{text[:at]}\n{text[at:]}"
        if not text[at].isdigit():  # S1 of S10 is a code of its own
            yield f"dropped at {at}", f"{text[:at]}{text[at + 1 :]}"


def _places(text: str, most: int) -> list[int]:
    return sorted({round(at * len(text) / most) for at in range(1, most)} - {0, len(text)})


def prefixes(text: str, most: int = 80) -> Iterator[str]:
    """Beginnings of a text, all of them where it is short."""
    yield from (text[:at] for at in (range(len(text)) if len(text) <= most else [0, *_places(text, most)]))


def suffixes(text: str, most: int = 40) -> Iterator[str]:
    yield from (text[at:] for at in (range(1, len(text)) if len(text) <= most else _places(text, most)))


def wrapped_errors(body: Any, status: int) -> Iterator[tuple[str, int, Any]]:
    """An error document as routers and gateways pass it on."""
    said = json.dumps(body, ensure_ascii=False)
    yield "in error", status, {"error": body}
    yield "in detail", status, {"detail": body}
    yield "as text", status, {"error": {"message": said, "code": status}}
    yield "behind words", status, {"error": {"message": f"litellm.BadRequestError: Exception - {said}", "code": "400"}}
    yield "as python", status, {"error": {"message": f"Error code: {status} - {body!r}", "type": None}}
    yield "as raw", status, {"error": {"message": "Provider returned error", "code": status, "metadata": {"raw": said}}}
    yield "in a list", status, [body]
    yield "inside 200", 200, {"error": {"message": said, "code": status}}
    yield "in a choice", 200, {"choices": [{"finish_reason": "error", "message": {"content": ""},
                                           "error": {"code": status, "message": said}}]}  # fmt: skip


def nulled(body: Any) -> Iterator[tuple[str, Any]]:
    """The document with one value null, for each of its values."""
    for path in _paths(body):
        changed = copy.deepcopy(body)
        place = changed
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = None
        yield ".".join(map(str, path)), changed


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inner:
        yield (*path, step)
        yield from _paths(one, (*path, step))
