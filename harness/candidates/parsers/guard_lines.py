"""Answers of guard models that name fields: Nemotron, Qwen3Guard, PolyGuard, Granite Guardian; and CoPE's bare 0 or 1.

Decides how each published format maps to categories. Names and codes map by the candidate's crosswalk, or are the
policy's own. A name of the guard's taxonomy that nothing maps to says nothing about the policy; one that is neither the
guard's nor the policy's makes an answer unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.candidates import guard_names
from harness.candidates.names import loose
from harness.candidates.parsers.base import ParseContext, Parsed, Parser, decided, unparsed
from harness.candidates.parsers.beside import unless_denied
from harness.candidates.parsers.degrees import number_in
from harness.candidates.parsers.guards import codes_of
from harness.candidates.parsers.scan import BrokenObjectError, json_objects
from harness.candidates.parsers.scores import score_at
from harness.candidates.parsers.text import answer_part, answer_text

NEMOTRON_FIELDS = ("user safety", "prompt safety", "prompt harm", "safety")
"""Where the verdict on the post stands, by version; what it says of a response is not read."""
NONE_WORDS = frozenset({"", "none", "na", "n/a", "null", "safe"})

_FIELD = re.compile(
    r"^(?:[^\S\n]|[*_`#>\"'-])*(?:\d{1,2}[.)]\s*)?([A-Za-z][A-Za-z _]{2,40}?(?:\(s\))?)[*_`\"']*\s*[:\uff1a]"
    r"\s*(.*?)[\s*_`\"',]*$",
    re.MULTILINE,
)
_OWN = re.compile(r"(?:user|prompt|response|request|safety(?: categor\w+)?$|harmful|categor|violated categor|refusal)")
"""Fields of the guards themselves, what they say of a response among them."""
_GOES_ON = re.compile(r",[ \t]*\n[ \t]*[^\s:\"{}][^:\n]*(?:\n|\Z)|,[ \t]*\n[ \t]*[SO]\d|\n[ \t]*[:,;]")
_NUMBER = re.compile(r"^S\d{1,2}\s*[:.]\s*(?=[A-Za-z])")
"""The number of a name in the list that the prompt shows: "S8: Hate/Identity Hate"."""
_SCORE = re.compile(r"<score>\s*[\"']?(\w+)[\"']?\s*</score>", re.IGNORECASE)
_CONFIDENCE = re.compile(r"<confidence>\s*\w+\s*</confidence>", re.IGNORECASE)


def fields_of(answer: str) -> dict[str, str] | str:
    """Named lines or one JSON object: name in lower case -> value; a reason where they contradict one another."""
    try:
        objects = json_objects(answer)
    except BrokenObjectError as error:
        return str(error)
    pairs: list[tuple[str, Any]] = [pair for one in objects for pair in one.items()]
    if not objects and _GOES_ON.search(answer):
        return "a list goes on in the next line"
    known = {_plain_name(name) for name, _ in pairs}
    pairs += [
        (found[1], found[2])
        for found in _FIELD.finditer(answer)
        if not objects or (_plain_name(found[1]) in known and not found[0].rstrip(" ,").endswith("}"))
    ]
    fields: dict[str, str] = {}
    for name, value in pairs:
        text = ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)
        key, text = _plain_name(name), text.strip(" \t*_`\"'.")
        if fields.setdefault(key, text).casefold() != text.casefold():
            return "a field is given twice with different values"
    return fields


def _plain_name(name: str) -> str:
    """A field's name as it is compared: "User Safety", "user_safety"; "Violation(s)" is "violations"."""
    return " ".join(name.replace("_", " ").replace("(s)", "s").split()).casefold()


def parse_nemotron(text: str, context: ParseContext) -> Parsed:
    """``{"User Safety": "unsafe", "Safety Categories": "Violence, Threat"}``, as JSON or as lines; Aegis 2.0 too."""
    fields = fields_of(answer_text(text, context.reasoning))
    if isinstance(fields, str):
        return unparsed(fields)
    asked = next((name for name in NEMOTRON_FIELDS if name in fields), None)
    if asked is None:
        return unparsed(_no_field(fields, NEMOTRON_FIELDS))
    verdict = {"safe": False, "unharmful": False, "unsafe": True, "harmful": True}.get(fields[asked].casefold())
    if verdict is None:
        return unparsed(f"its field '{asked.title()}' says neither safe nor unsafe")
    listed = next(
        (fields[name] for name in ("safety categories", "categories", "violated categories") if name in fields), ""
    )
    listed_ones = re.split(r"[,;]", listed)
    read = _by_names(verdict, listed_ones, guard_names.NEMOTRON, context, guard_names.NEMOTRON_SPELLINGS)
    return _unless_denied(read, fields, text, context)


def _no_field(fields: Mapping[str, str], wanted: Sequence[str]) -> str:
    """Why there is no verdict: no fields at all, or others than those that are read."""
    named = ", ".join(f"'{name.title()}'" for name in wanted)
    if not fields:
        return f"no field is named in it, as JSON or as a line; read are {named}"
    if any(name.startswith("response") for name in fields):
        return f"it speaks of a response only; read of the post are {named}"
    return f"none of its fields is the verdict; read are {named}"


def parse_qwen3guard(text: str, context: ParseContext) -> Parsed:
    """``Safety: Unsafe`` and ``Categories: ...``; ``Controversial`` counts as unsafe where the prompt is ``strict``."""
    fields = fields_of(answer_text(text, context.reasoning))
    if isinstance(fields, str):
        return unparsed(fields)
    value = fields.get("safety", "").casefold()
    if value not in ("safe", "unsafe", "controversial"):
        return unparsed("no 'Safety' that is Safe, Unsafe or Controversial")
    listed = re.split(r"[,;]", fields.get("categories", fields.get("category", "")))
    if value == "controversial" and not context.header.strict:
        return decided(context, [], rationale="Controversial")
    if value == "safe" and all(name.strip().casefold() in NONE_WORDS for name in listed):
        return _unless_denied(decided(context, []), fields, text, context)
    read = _by_names(value != "safe", listed, guard_names.QWEN, context, guard_names.QWEN_SPELLINGS)
    return _unless_denied(read, fields, text, context)


def parse_polyguard(text: str, context: ParseContext) -> Parsed:
    """``Harmful request`` decides; ``Request Safety Violations`` names what is violated."""
    fields = fields_of(answer_text(text, context.reasoning))
    if isinstance(fields, str):
        return unparsed(fields)
    value = fields.get("harmful request", "").casefold()
    if value not in ("yes", "no"):
        return unparsed("no 'Harmful request' that is yes or no")
    listed = next((fields[name] for name in fields if name.startswith("request safety violation")), "")
    codes = codes_of(listed, "yes") or re.split(r"[,;\s]+", listed)
    return _unless_denied(
        _by_names(value == "yes", codes, tuple(guard_names.LLAMA_GUARD_3), context), fields, text, context
    )


def _unless_denied(parsed: Parsed, fields: Mapping[str, str], text: str, context: ParseContext) -> Parsed:
    """A verdict that was read, unless prose or fields beside the guard's own speak against it."""
    answer = answer_text(text, context.reasoning)
    others = {name: number_in(value) for name, value in fields.items() if not _OWN.match(name)}
    beside = "" if "{" in answer else _FIELD.sub("", answer)
    return unless_denied(parsed, [beside], context, objects=[others])


def _by_names(
    is_unsafe: bool,
    listed: Sequence[str],
    known: Sequence[str],
    context: ParseContext,
    spellings: Mapping[str, str] | None = None,
) -> Parsed:
    """A verdict and the names beside it; ``spellings`` are second spellings of known names."""
    names = [name.strip(" \t*_`\"'.[]()") if "(" not in name else name.strip(" \t*_`\"'.[]") for name in listed]
    is_none = any(name and name.casefold() in NONE_WORDS for name in names)
    names = [_NUMBER.sub("", name) for name in names if name.casefold() not in NONE_WORDS]
    if is_none and names:
        return unparsed("a category, and none")
    if not is_unsafe:
        return unparsed("safe, and violated categories") if names else decided(context, [])
    if context.is_cut_off and names:
        return unparsed("the categories are cut off")
    other = {loose(one): two for pair in (spellings or {}).items() for one, two in (pair, pair[::-1])}
    theirs = {loose(name) for name in (*known, *(spellings or {}))}
    flagged: list[str] = []
    for name in names:
        categories = context.names.resolve(name)
        if categories is None and loose(name) in other:
            categories = context.names.resolve(other[loose(name)])
        if categories is None and loose(name) not in theirs:
            return unparsed("a category that is none of the guard's, the crosswalk's or the policy's")
        flagged += categories or ()
    is_one_word = any(context.names.resolve(one) for one in guard_names.HARMFUL)
    if context.only is not None and (is_one_word or not (context.names.has_crosswalk and names)):
        return decided(context, [context.only])  # it is asked about alone, whatever name it was given
    if not names:
        return unparsed("unsafe, and no category says of what kind")
    return decided(context, flagged)


def parse_granite_guardian(text: str, context: ParseContext) -> Parsed:
    """``<score> yes </score>`` (3.3 and later, after reasoning) or a first word yes or no (3.0 to 3.2)."""
    if context.only is None:
        return unparsed("one answer for several categories")
    answer, start = answer_part(text, context.reasoning)
    scored = list(_SCORE.finditer(answer))
    values = {found[1].casefold() for found in scored}
    at = scored[-1].start(1) if scored else 0
    if not scored:
        bare = _CONFIDENCE.sub("", answer).strip(" \n\t*_`\"'.").casefold()
        values = {line.strip(" *_`\"'.") for line in bare.splitlines() if line.strip()} or {""}
        at = answer.casefold().find(next(iter(values)))
    if len(values) != 1 or not values <= {"yes", "no"}:
        return unparsed("neither yes nor no")
    (value,) = values
    scores = score_at(context, text, start + max(at, 0), {"yes": ("yes",), "no": ("no",)}, "yes")
    read = decided(context, context.categories if value == "yes" else [], scores=scores)
    return unless_denied(read, [_CONFIDENCE.sub("", _SCORE.sub("", answer))] if scored else [], context)


def parse_cope(text: str, context: ParseContext) -> Parsed:
    """``0`` or ``1`` about the one policy asked."""
    if context.only is None:
        return unparsed("one answer for several categories")
    answer, start = answer_part(text, context.reasoning)
    bare = answer.strip(" \n\t*_`\"'.")
    if bare not in ("0", "1"):
        return unparsed("neither 0 nor 1")
    scores = score_at(context, text, start + answer.find(bare), {"1": ("1",), "0": ("0",)}, "1")
    return decided(context, context.categories if bare == "1" else [], scores=scores)


NEMOTRON = Parser(parse_nemotron, version=4)
QWEN3GUARD = Parser(parse_qwen3guard, version=4)
POLYGUARD = Parser(parse_polyguard, version=4)
GRANITE_GUARDIAN = Parser(parse_granite_guardian, version=2, wants_logprobs=True, needs_one_category=True)
COPE = Parser(parse_cope, wants_logprobs=True, needs_one_category=True)
