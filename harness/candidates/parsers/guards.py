"""Answers of guard models: Llama Guard, WildGuard, gpt-oss-safeguard.

Decides how each published answer format maps to categories. Codes map by the candidate's crosswalk: S11 is sexual
content in Llama Guard 2 and self-harm in Llama Guard 3. A code that the taxonomy does not have makes an answer
unreadable; one that the policy has no category for says nothing about the policy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from harness.candidates.guard_names import LLAMA_GUARD_CODES
from harness.candidates.names import loose
from harness.candidates.parsers.base import ParseContext, Parsed, Parser, decided, unparsed
from harness.candidates.parsers.beside import unless_denied
from harness.candidates.parsers.scan import BrokenObjectError, json_objects
from harness.candidates.parsers.scores import score_at
from harness.candidates.parsers.text import answer_part, answer_text, plain

WILDGUARD_FIELDS = ("harmful request", "response refusal", "harmful response")

_OWN_FIELDS = ("violation", "policy_category", "rule_ids", "confidence")
_VERDICT = re.compile(r"[\s*_`\"'#>]*(safe|unsafe)(?![\w-])[*_`\"'.,:;!]*", re.IGNORECASE)
_LISTED = re.compile(
    r"^\s*(?:(?:violated|unsafe|violating|violation)\s+)?(?:categor(?:y|ies)|codes?)\s*[:=]\s*", re.IGNORECASE
)
_CODE = re.compile(r"([SO]\d{1,2})\b[\s.:)(\-–—]*([A-Za-z][\w &/'()-]*)?", re.IGNORECASE)
_DENIED = re.compile(r"(?:no|not|none|false|absent|n/a|yes|true)\b(?!-)", re.IGNORECASE)
_NAME = re.compile(r"(?:and |or )?[A-Z][\w &/'()-]*")
_LINE_NUMBER = re.compile(r"^\d[.)] ")
_LEVEL = re.compile(r"(.*?)\d+")
_SUBRULE = re.compile(r"(.+?)\.[a-z0-9]+\Z", re.IGNORECASE)


def parse_llama_guard(text: str, context: ParseContext) -> Parsed:
    """``safe``, or ``unsafe`` and its codes. P(unsafe) is a score only where one category is asked about."""
    answer, start = answer_part(text, context.reasoning)
    begun = _VERDICT.match(answer)
    if begun is None:
        return unparsed("neither safe nor unsafe")
    word = begun[1].casefold()
    scores = score_at(context, text, start + begun.start(1), {"unsafe": ("unsafe",), "safe": ("safe",)}, "unsafe")
    codes = codes_of(answer[begun.end() :], word)
    if codes is None:
        return unparsed("something that is no code follows")
    if word == "safe":
        return unparsed("safe, and codes") if codes else decided(context, [], scores=scores)
    if context.is_cut_off and (codes or context.only is None):
        return unparsed("the codes are cut off")
    meant = {code: context.names.resolve(code) for code in codes}
    for code, categories in meant.items():
        if categories is None and code not in LLAMA_GUARD_CODES:
            return unparsed("a code that is not known")
        if categories is None and _is_of_another(code, context):
            return unparsed("a code of another version of Llama Guard than the crosswalk's")
    flagged = [category for categories in meant.values() for category in categories or ()]
    if not codes or not context.names.has_crosswalk:
        if context.only is None:
            return unparsed("unsafe, and no code that maps to a category")
        flagged = [context.only]  # the prompt showed the model this category alone, whatever code it gave it
    return decided(context, flagged, scores=scores)


def _is_of_another(code: str, context: ParseContext) -> bool:
    """Whether the crosswalk speaks of O1..O6 where the answer says S1..S14, or the other way round."""
    letters = {name[:1].upper() for name in context.names.names if _CODE.fullmatch(name)}
    return context.names.has_crosswalk and bool(letters) and code[:1] not in letters


def codes_of(rest: str, word: str) -> list[str] | None:
    r"""Codes that follow the verdict, each perhaps with its name; None where something else follows.

    >>> codes_of(" S10: Hate.", "unsafe"), codes_of(" Categories: S1, S2", "unsafe"), codes_of(" because S1", "unsafe")
    (['S10'], ['S1', 'S2'], None)
    >>> codes_of("\nS1\nunsafe\nS2", "unsafe") is None
    True
    """
    said: list[list[str]] = [[]]
    may_be_name = False
    for entry in re.split(r"[,;\n]|(?<=\d)(?:\s+|\s?[.|/+&]\s?)(?=[SOso]\d)", rest):
        bare = _LISTED.sub("", entry).strip(" \t*_`\"'.[]")
        if bare.casefold() == word:
            said.append([])  # the answer begins anew
        if not bare or bare.casefold() in (word, "none", "n/a"):
            continue
        found = _CODE.fullmatch(bare)
        if found is None:
            if may_be_name and _NAME.fullmatch(bare):
                continue  # the second half of a name with a comma
            return None
        if found[2] and (found[2].strip().casefold() in ("safe", "unsafe") or _CODE.match(found[2])):
            return None  # "S1-S4" may be two codes or four
        if found[2] and _DENIED.match(found[2]):
            return None  # "S10: not violated"
        said[-1].append(found[1].upper())
        may_be_name = bool(found[2])
    codes = [one for one in said if one]
    if any(set(one) != set(codes[0]) for one in codes):
        return None  # one verdict after another, and they differ
    return codes[0] if codes else []


def parse_wildguard(text: str, context: ParseContext) -> Parsed:
    """Three lines; ``Harmful request`` decides the one category asked about."""
    if context.only is None:
        return unparsed("one answer for several categories")
    found: dict[str, str] = {}
    beside: list[str] = []
    for line in answer_text(text, context.reasoning).splitlines():
        name, colon, value = line.partition(":")
        field = _LINE_NUMBER.sub("", " ".join(name.replace("_", " ").split()).casefold().strip("*- "))
        if not colon or field not in WILDGUARD_FIELDS:
            beside.append(line)
            continue
        value = value.strip(" *.").casefold()
        value = "n/a" if value in ("na", "none") else value
        if value not in ("yes", "no", "n/a") or found.setdefault(field, value) != value:
            return unparsed("a line is neither yes, no nor n/a")
    if len(found) < len(WILDGUARD_FIELDS):
        return unparsed("a line is missing")
    value = found["harmful request"]
    if value == "n/a":
        return Parsed("abstained", {context.only: None}, reason="the answer is n/a")
    return unless_denied(decided(context, [context.only] if value == "yes" else []), ["\n".join(beside)], context)


def parse_gpt_oss_safeguard(text: str, context: ParseContext) -> Parsed:
    """``0`` or ``1``, a rule id, or an object with ``violation`` and ``policy_category`` or ``rule_ids``."""
    answer = answer_text(text, context.reasoning)
    try:
        objects = json_objects(answer)
    except BrokenObjectError as error:
        return unparsed(str(error))
    if not objects:
        return _bare(plain(answer), context) or unparsed("neither 0, 1, an object nor a known rule id")
    verdicts = [_object(one, context) for one in objects if "violation" in one]
    beside = filter(None, map(plain, answer.splitlines()))
    verdicts += [verdict for line in beside if (verdict := _bare(line, context)) is not None]
    if not verdicts:
        return unparsed("no object with 'violation'")
    first = verdicts[0]
    if any((one.outcome, one.decisions) != (first.outcome, first.decisions) for one in verdicts):
        return unparsed("several objects that disagree")
    texts = [answer.partition("{")[0], answer.rpartition("}")[2].strip("`\n ")]
    return unless_denied(first, texts, context, objects=objects, skipped=_OWN_FIELDS)


def _bare(text: str, context: ParseContext) -> Parsed | None:
    """The verdict of a text that holds nothing but 0, 1 or a rule."""
    if text in ("0", "1"):
        return _verdict(text == "1", [], context)
    flagged = _rule(text, context)
    return None if flagged is None else decided(context, flagged)


def _object(found: dict[str, Any], context: ParseContext) -> Parsed:
    violation = found["violation"]
    if violation not in (0, 1, "0", "1") or isinstance(violation, float):
        return unparsed("'violation' is neither 0 nor 1")
    codes = found.get("rule_ids") or []
    named = found.get("policy_category")
    if not isinstance(codes, list):
        return unparsed("'rule_ids' is not a list")
    if named is not None and not (isinstance(named, str) and named.strip().casefold() in ("", "none", "n/a", "null")):
        codes = [named, *codes]
    rules = []
    for code in codes:
        rule = _rule(code, context) if isinstance(code, str) else None
        if rule is None:
            return unparsed("a rule or category that is not known")
        rules.append(rule)
    rationale = found.get("rationale")
    return _verdict(bool(int(violation)), rules, context, rationale if isinstance(rationale, str) else None)


def _verdict(
    is_violation: bool, rules: Sequence[Sequence[str]], context: ParseContext, rationale: str | None = None
) -> Parsed:
    flagged = [category for rule in rules for category in rule]
    if flagged and not is_violation:
        return unparsed("no violation, and a violated rule")
    if is_violation and not flagged:
        if context.only is None or rules:
            return unparsed("a violation, and no violated rule")
        flagged = [context.only]
    return decided(context, flagged, rationale=rationale)


def _rule(code: str, context: ParseContext) -> tuple[str, ...] | None:
    """Categories of a rule id: itself, its parent (SP2.a -> SP2), or none for the allowed level 0 of a known tree."""
    code = code.strip()
    above = _SUBRULE.match(code)
    for name in (code, *([above[1]] if above else [])):
        categories = context.names.resolve(name)
        if categories is not None:
            return categories
        if name.endswith("0"):
            trees = {found[1] for known in context.names.names if (found := _LEVEL.fullmatch(known))}
            if loose(name[:-1]) in {loose(tree) for tree in trees if tree}:
                return ()
    return None


LLAMA_GUARD = Parser(parse_llama_guard, version=6, wants_logprobs=True, needs_crosswalk=True)
WILDGUARD = Parser(parse_wildguard, version=4, needs_one_category=True)
GPT_OSS_SAFEGUARD = Parser(parse_gpt_oss_safeguard, version=7)
