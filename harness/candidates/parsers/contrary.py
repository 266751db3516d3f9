"""What of a JSON answer speaks against its own verdict, in fields that are not part of the format.

Decides which words, flags, lists, severities and refusals beside "nothing is violated" make it no verdict, and which
words beside listed categories deny them. Nothing here flags a category: an answer that contradicts itself is unparsed.
What repeats the item (``text``, ``quote``), and any word that is not known, says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from harness.candidates.parsers.base import ParseContext

LIKELY: Final = 0.5
"""A fraction beside an empty list says from above here on that something is violated."""

RATIONALE_KEYS = ("rationale", "reason", "explanation")
_PROSE = frozenset(
    (*RATIONALE_KEYS, "reasons", "reasoning", "justification", "analysis", "note", "notes",
     "message", "summary", "thought", "thoughts")
)  # fmt: skip
_ECHO = frozenset(
    ("input", "text", "item", "comment", "comments", "content", "context", "original", "quote", "quotes", "evidence",
     "span", "spans", "example", "examples", "definition", "definitions", "metadata", "usage")
)  # fmt: skip
"""Fields that hold what was shown to the model, or what is no statement of it."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BLANKS = re.compile(r"[\s_-]+")
_EDGES = " \t\r\n*_`\"'“”‘’.!:;,()[]<>✅❌⚠️"

_BEFORE = r"(?:(?:is|are|was|has|have|contains?|any|an?|the|content|text|post|comment|message|item|user|policy|final"
_BEFORE += r"|overall|my|model|moderation|suggested|recommended|proposed|predicted|should|must|be|to|needs?) )*"
_ABOUT = r"(?: (?:content|polic(?:y|ies)|rules?|guidelines|terms|found|detected|present|any|violation|flag"
_ABOUT += r"|score|probability|likelihood))*"
_STATE_KEY = re.compile(
    rf"{_BEFORE}(?:violat(?:es?|ions?|ing|ive|ed)|flag(?:s|ged)?|harm(?:s|ful)?|unsafe|toxic|hateful|abusive"
    r"|inappropriate|nsfw|disallowed|prohibited|unacceptable|block(?:ed)?|removed?|deleted?|reject(?:ed)?|bann?(?:ed)?)"
    rf"{_ABOUT}"
)
_OPPOSITE_KEY = re.compile(
    rf"{_BEFORE}(?:safe|compliant|allow(?:ed)?|acceptable|appropriate|benign|harmless|permitted|approved?)"
    r"(?: content)?"
)
_VERDICT_KEY = re.compile(
    rf"{_BEFORE}(?:verdict|decision|judge?ment|label|class(?:ification)?|answer|conclusion|ruling"
    r"|determination|assessment|prediction)"
)
_OUTCOME_KEY = re.compile(
    rf"{_BEFORE}(?:actions?|recommendation|disposition|enforcement|moderation|result|outcome|output|response|status"
    r"|rating|finding|findings)(?: taken)?"
)
_LIST_KEY = re.compile(
    rf"{_BEFORE}(?:(?:violat(?:ed|ing|ion)|flag(?:ged)?|primary|main|top|harm|unsafe|matched|detected|secondary) "
    r"(?:categor(?:y|ies)|polic(?:y|ies)|rules?|types?|labels?|codes?)|violations?|flags|labels|harms"
    r"|categor(?:y|ies)(?: violated)?|polic(?:y|ies) violated|rules? violated)"
)
_ONE_KEY = re.compile(rf"{_BEFORE}(?:main |primary |top )?category")
_LEVEL_KEY = re.compile(rf"{_BEFORE}(?:severity|risk|harm|threat|toxicity)(?: (?:level|rating))?")
_FAILED_KEY = re.compile(r"error|refusal|refused")
_HIGH = re.compile(r"(?:very |extremely )?(?:high|critical|severe|extreme|medium|moderate|serious)(?!\w)")

_FILL = r"(?:(?:this|it|that|the|content|text|post|comment|message|is|likely|clearly|probably|a|an|any|policy|be) )*"
_NOT = r"(?:not|non|no|isn't|isnt|is not|doesn't|doesnt|does not|do not|don't|never|without)"
_BAD = (
    r"(?:violat(?:es|ing|ion|ions|ive|ed|e)|un(?:safe|acceptable)|harmful|toxic|hateful|abusive|inappropriate|nsfw"
    r"|disallow(?:ed)?|prohibited|block(?:ed|ing)?|remov(?:e|ed|al)|delet(?:e|ed|ion)|take ?down|reject(?:ed|ion)?"
    r"|den(?:y|ied)|ban(?:ned)?|suspend(?:ed)?|hid(?:e|den)|restrict(?:ed)?|quarantined?|flag(?:ged)?|warn(?:ed|ing)?"
    r"|escalated?|(?:needs |manual |human )*review|noncompliant|fail(?:ed|s|ure)?|error|refus(?:ed|al)"
    r"|malicious|illegal|yes|true)"
)
_GOOD = (
    r"(?:safe|ok(?:ay)?|allow(?:ed)?|compliant|acceptable|appropriate|benign|harmless|permit(?:ted)?|approved?"
    r"|accept(?:ed)?|clean|fine|pass(?:es|ed)?|keep|kept)"
)
_SPEAKS_AGAINST = re.compile(rf"{_FILL}(?:{_BAD}|{_NOT} ?{_FILL}{_GOOD})(?!\w)")
_SPEAKS_FOR = re.compile(
    rf"{_FILL}(?:{_GOOD}|{_NOT} ?{_FILL}{_BAD})(?!\w)|(?:none|no|false|n/a|nothing)(?!\w)(?!.*\b{_BAD}(?!\w))"
)

_TO_JUDGE = (
    r"(?:assess|evaluate|judge|classify|moderate|analy[sz]e|assist|help|comply|process|answer|respond|provide|review"
    r"|engage|fulfil+|decide|rate|label|categori[sz]e|access|open|discuss|continue|do (?:this|that)|work with)"
)
_NO_FINDING = (
    r"(?!\s+but\b)(?![^.!?\n]{0,200}\b(?:as\s+(?!i\b|an?\s+(?:ai|language)|it\s|this\s)|any\s+(?:violation|categor|harm|hate|part"
    r"|of\s+(?:the|it|this))))"
)
_DECLINES = re.compile(
    rf"""[\s*_"'“”>-]*(?:(?:unfortunately|regrettably)[,\s]+)?(?:
      (?:(?:i\s*(?:'m|\s+am)\s+(?:\w+\s+)?sorry|sorry|my\s+apologies|i\s+apologi[sz]e)[,.]?\s+(?:but\s+)?)?
      (?:as\s+an?\s+(?:ai|language\s+model|llm|assistant)[\w\s]{{0,30}},?\s+)?
      (?:i\s+)?(?:can(?:'t|\s*not)|won't|will\s+not|could\s*n(?:o|')t|must\s+decline\s+to|decline\s+to|refuse\s+to
        |(?:(?:'m|am)\s+)?(?:un|not\s+)able\s+to)\s+(?:\w+ly\s+)?{_TO_JUDGE}\b{_NO_FINDING}
    | i(?:'m|\s+am)\s+(?:un|not\s+)able\s+to\s+{_TO_JUDGE}\b{_NO_FINDING}
    | i(?:'m|\s+am)\s+(?:\w+\s+)?sorry,?\s+(?:but\s+)?i\s+(?:can(?:'t|\s*not)|won't)\b
    | (?:this|the)\s+(?:\w+\s+){{0,2}}can(?:'t|\s*not)\s+be
      \s+(?:assessed|evaluated|judged|classified|processed|moderated)\b{_NO_FINDING}
    | i\s+(?:must\s+|have\s+to\s+)?(?:decline|refuse)\s*(?:[.!]|\Z)
    | (?:lo\s+siento[,.]?\s+)?(?:pero\s+)?no\s+puedo\s+(?:evaluar|ayudar|asistir|clasificar|juzgar|responder|cumplir)
    | (?:d[ée]sol[ée]e?,?\s+)?(?:mais\s+)?je\s+ne\s+peux\s+pas\s+(?:vous\s+)?(?:évaluer|aider|répondre|classer|juger)
    | (?:desculpe,?\s+)?(?:mas\s+)?não\s+posso\s+(?:avaliar|ajudar|responder|classificar)
    | ich\s+kann\s+.{{0,40}}nicht\s+(?:beurteilen|bewerten|helfen|beantworten|einschätzen)
    | (?:抱歉|对不起|對不起)?[,，]?\s*我?(?:无法|不能|無法)(?:评估|判断|协助|帮助|回答|处理|評估|判斷|協助|幫助|處理)
    | (?:извините,?\s+)?(?:но\s+)?я\s+не\s+могу\s+(?:оценить|помочь|ответить|определить)
    )""",
    re.IGNORECASE | re.VERBOSE,
)


def declines(text: str) -> bool:
    """Whether prose begins with a refusal to judge; "I cannot find any violation" is a finding.

    >>> declines("I cannot assess this."), declines("I cannot find any violation"), declines("I can't label it as hate")
    (True, False, False)
    """
    return _DECLINES.match(text[:400].replace("’", "'")) is not None


def denied(verdict: Mapping[str, Any]) -> bool:
    """Whether a word of a verdict's own object says that nothing is violated, as against what it lists."""
    return any(_VERDICT_KEY.fullmatch(_plain_key(key)) and _says(value) is False for key, value in verdict.items())


def against_nothing(values: Iterable[Any], context: ParseContext, *, skipped: Iterable[str] = ()) -> str | None:
    """Why an answer that flags nothing is no verdict; None where nothing speaks against it.

    Args:
        values: The objects of the answer, whole.
        context: What was asked.
        skipped: Fields that the format itself reads.
    """
    known = frozenset(skipped)
    return next((reason for value in values for reason in _reasons(value, context, known)), None)


def _reasons(value: Any, context: ParseContext, skipped: frozenset[str]) -> Iterator[str]:
    if isinstance(value, list):
        for inner in value:
            yield from _reasons(inner, context, skipped)
    if not isinstance(value, dict):
        return
    for name, inner in value.items():
        key = _plain_key(name)
        if key in _ECHO or name.casefold() in skipped:
            continue
        if key in _PROSE and isinstance(inner, str) and declines(inner):
            yield "nothing is listed, and the rationale is a refusal"
        elif _speaks(name, key, inner, context):
            yield "nothing is listed, and another field speaks against that"
        elif key not in _PROSE or not isinstance(inner, str):
            yield from _reasons(inner, context, skipped)


def _speaks(name: str, key: str, value: Any, context: ParseContext) -> bool:
    """Whether one field says that something is violated."""
    if _FAILED_KEY.fullmatch(key):
        return value is True or (isinstance(value, str) and bool(value.strip()) and _says(value) is not False)
    if _OPPOSITE_KEY.fullmatch(key):
        return _says(value) is False
    if _LEVEL_KEY.fullmatch(key) and _is_high(value):
        return True
    if _LIST_KEY.fullmatch(key):
        return _lists(key, value, context)
    if _STATE_KEY.fullmatch(key) or context.names.resolve(name):
        return _says(value) is True or (isinstance(value, str) and bool(_categories(value, context)))
    said = value if isinstance(value, list) else [value]
    if _OUTCOME_KEY.fullmatch(key):
        said = [one for one in said if isinstance(one, str)]  # a status of 200 says nothing
    elif not _VERDICT_KEY.fullmatch(key):
        return False
    return any(_says(one) is True or (isinstance(one, str) and _categories(one, context)) for one in said)


def _is_high(value: Any) -> bool:
    if isinstance(value, str):
        return _HIGH.match(_plain_word(value)) is not None
    return isinstance(value, float) and LIKELY < value <= 1


def _lists(key: str, value: Any, context: ParseContext) -> bool:
    """Whether a list, a name or a mapping under a word such as "violations" names something."""
    if isinstance(value, dict):
        return any(_says(inner) is True for inner in value.values())
    if isinstance(value, list):
        return any(_lists(key, one, context) for one in value)
    if isinstance(value, str):
        if not value.strip() or _says(value) is False:
            return False
        if context.only is not None and _ONE_KEY.fullmatch(key):
            return False  # the category that was asked about, repeated
        return bool(_categories(value, context)) or "violat" in key
    return _says(value) is True


def _categories(word: str, context: ParseContext) -> tuple[str, ...]:
    return context.names.resolve(word.strip(_EDGES)) or ()


def _says(value: Any) -> bool | None:
    """Whether a value says that something holds: a flag, a fraction or count, or the words it begins with."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value > LIKELY
    if not isinstance(value, str):
        return None
    word = _plain_word(value)
    if word in ("1", "0"):
        return word == "1"
    if _SPEAKS_FOR.match(word):
        return False
    return True if _SPEAKS_AGAINST.match(word) else None


def _plain_key(name: str) -> str:
    return _BLANKS.sub(" ", _CAMEL.sub(" ", name.strip())).strip().casefold()


def _plain_word(value: str) -> str:
    return _BLANKS.sub(" ", value[:200].replace("’", "'").strip(_EDGES)).strip(_EDGES).casefold()
