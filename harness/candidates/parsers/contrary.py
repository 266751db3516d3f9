"""What of a JSON answer speaks against its own verdict, in fields that are not part of the format.

Decides which words, flags, lists, severities and refusals beside "nothing is violated" make it no verdict, and which
words beside listed categories deny them. A value counts where every word of it is known, or it is a known word with its
reason ("unsafe: names a group"); any other sentence says nothing, unless it refuses to judge. Nothing here flags a
category: an answer that contradicts itself is unparsed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from harness.candidates.parsers.base import ParseContext
from harness.candidates.parsers.degrees import goodness, is_absent, is_high, number_in
from harness.candidates.parsers.denials import clears
from harness.candidates.parsers.prose import states
from harness.candidates.parsers.refusals import declines
from harness.candidates.parsers.words import (
    ACTS,
    AGAINST,
    FILL,
    FOR,
    LEVELS,
    LIKELY,
    NEUTRAL,
    NOT,
    YES,
    adjective_of,
    is_category_in,
    is_unknown,
    judges,
    says,
    ticked,
    words_of,
)

RATIONALE_KEYS = ("rationale", "reason", "explanation")
_PROSE = frozenset(
    (*RATIONALE_KEYS, "reasons", "reasoning", "justification", "analysis", "note", "notes", "message", "summary",
     "description", "details", "thought", "thoughts", "理由", "原因", "解释", "說明", "说明", "分析", "根拠", "이유",
     "설명", "razón", "razon", "motivo", "explicación", "justificación", "raison", "explication", "begründung", "grund",
     "motivazione", "explicação", "причина", "обоснование", "объяснение", "السبب")
)  # fmt: skip
_READ = frozenset(("categories", "scores"))
"""What the format itself reads."""
_ECHOING = frozenset(("message", "description", "summary", "details"))
"""Those of them that may hold the words of the text."""
_ECHO = frozenset(
    ("input", "text", "item", "comment", "comments", "content", "context", "original", "quote", "quotes", "evidence",
     "span", "spans", "example", "examples", "definition", "definitions", "metadata", "usage", "policy", "policies",
     "rules", "schema", "topics", "tone", "sentiment", "certainty", "confidence", "confidences",
     "confidence per category", "confidence by category")
)  # fmt: skip
"""Fields that hold what was shown to the model, or what is no statement of it."""
_ASIDE = frozenset(
    ("user", "author", "history", "previous", "alternative", "alternatives", "threshold", "thresholds", "checked",
     "considered", "evaluated", "excluded", "counterfactual", "if")
)  # fmt: skip
"""Words of fields that are about something else than this verdict."""

_VERDICTS = frozenset(
    ("verdict", "decision", "judgement", "judgment", "conclusion", "ruling", "determination", "answer", "label",
     "labels", "class", "classification", "prediction", "veredicto", "decisión", "decision", "verdict", "décision",
     "urteil", "entscheidung", "ergebnis", "bewertung", "decisione", "verdetto", "decisão", "beslissing", "oordeel",
     "решение", "вердикт", "рішення", "القرار", "الحكم", "karar", "keputusan", "判定", "判断", "判決", "결정", "판정")
)  # fmt: skip
_ACTIONS = frozenset(
    ("action", "actions", "recommendation", "recommendations", "disposition", "enforcement", "suggestion", "next",
     "acción", "accion", "acciones", "recomendación", "maßnahme", "massnahme", "aktion", "empfehlung",
     "azione", "ação", "acao", "actie", "действие", "рекомендация", "дія", "الإجراء", "eylem", "tindakan", "操作",
     "处理", "處理", "建议", "措置", "対応", "조치")
)  # fmt: skip
_DECIDING = _ACTIONS | _VERDICTS - {"answer", "label", "labels", "class", "classification", "prediction", "conclusion"}
"""Fields of a word or two, each of which permits or forbids."""
_RESULTS = frozenset(
    ("moderation", "assessment", "result", "outcome", "output", "response", "status", "rating", "safety", "finding",
     "findings", "visibility", "publication", "publishing", "posting")
)  # fmt: skip
_NAMES = frozenset(("category", "categories", "label", "labels"))
_CLASSES = _NAMES | {"class", "classification"}
_ERRORS = frozenset(("error", "errors", "refusal", "refused"))
_KINDS = frozenset(("violation", "violations", "violated", "violating", "type", "types", "category", "categories"))
"""Words of keys under which any name is one of a violation, but for a hedge."""
_VIOLATED = frozenset(
    ("violation", "violations", "violates", "violating", "violated", "violative", "flagged", "unsafe", "harmful")
)
_SCORE = frozenset(("score", "probability", "likelihood"))
_FOUND = frozenset(("detected", "found", "triggered", "matched", "present", "confirmed"))
_QUALIFIERS = frozenset(
    ("hits", "hit", "matches", "match", "positive", "positives", "yes", "true", "secondary", "sub", "additional",
     "reason", "codes", "code")
)  # fmt: skip
"""Words of keys under which a category stands because it is violated, as under words that say nothing."""
_CODES = frozenset(("code", "codes"))
_CATEGORIES = frozenset(("category", "categories"))
_ECHO_WORDS = frozenset(
    ("policy", "policies", "rule", "rules", "guideline", "guidelines", "terms", "text", "content", "user", "model")
)
_GOOD_KEYS = frozenset(
    ("civil", "respectful", "legit", "legitimate", "suitable", "decent", "friendly", "moderation", "review", "checks",
     "check")
)  # fmt: skip
"""Beside words that permit: what a false says the opposite of."""
_FEATURES = frozenset(
    ("sarcasm", "sarcastic", "satire", "satirical", "irony", "ironic", "parody", "humor", "humorous", "humour",
     "quote", "quoted", "quotes", "quotation", "profanity", "profane", "swearing", "slur", "slurs", "keyword",
     "keywords", "mention", "mentions", "mentioned", "sensitive", "controversial", "fictional", "artistic",
     "art", "reclaimed", "context", "contextual", "ambiguous", "ambiguity", "sure", "certain", "confident",
     "english", "reported", "translated", "translation", "considered", "checked", "evaluated", "reviewed",
     "analyzed", "analysed", "processed", "parsed", "verified", "applied", "valid", "empty", "short", "long",
     "url", "urls", "link", "links", "emoji", "emojis", "image", "hashtag", "allowlist", "allowlisted",
     "whitelisted", "consensus", "agreement", "emotional", "sentiment", "journalistic", "historical",
     "scientific", "medical", "religious", "personal", "public", "request", "response", "review", "reviews",
     "escalation", "exception", "exempt", "exemption", "truncated", "cached", "thinking", "tool", "json",
     "schema", "format", "complaint", "criticises", "criticizes", "condemns", "reporting", "reports", "urgent",
     "slang", "ad", "bot", "confidence", "scope")
)  # fmt: skip
"""Words of keys that say what a text is like, or how it was read: a yes beside them is no verdict."""
_HARMS = frozenset(
    ("hate", "hatespeech", "hatred", "harassment", "abuse", "abusive", "bullying", "cyberbullying", "racism",
     "racist", "sexism", "sexist", "misogyny", "homophobia", "transphobia", "antisemitism", "islamophobia",
     "xenophobia", "bigotry", "discrimination", "offensive", "obscene", "extremism", "terrorism", "scam",
     "fraud", "phishing", "doxxing", "doxing", "incitement", "threatening", "dehumanization", "csam", "label_1")
)  # fmt: skip
"""Classes that are no category of the policy, and no harmless ones."""
_KNOWN_KEYS = frozenset.union(
    _VERDICTS, _ACTIONS, _RESULTS, _CLASSES, _ERRORS, _PROSE, FOR, AGAINST, LEVELS, NOT, _ASIDE
)
_HIGH_OF_ANY, _HIGH_OF_TEN = 5, 7
_SAFETY = frozenset(
    ("safety", "safe", "trust", "trustworthiness", "compliance", "appropriateness", "acceptability", "civility",
     "harmlessness", "suitability")
)  # fmt: skip
"""Words of keys of a score that is the better the higher it is."""
_DEGREE = frozenset(("rating", "assessment", "index", "percent", "percentage", "degree"))
_WITHIN = frozenset(
    ("type", "name", "kind", "value", "code", "recommended", "primary", "secondary", "action", "actions")
)
"""Keys of a verdict or an action under which it stands itself."""
_LONGEST_NAME = 4
_HEDGES = frozenset(
    ("unlikely", "possible", "potential", "borderline", "unclear", "uncertain", "unsure", "minor", "low", "mild")
)  # fmt: skip


def denied(verdict: Mapping[str, Any], context: ParseContext, flagged: Collection[str]) -> bool:
    """Whether a verdict's own object says that nothing is violated, or not what it lists."""
    asked = None if context.only is None else context  # of several, "not spam" denies one that is not listed
    return any(
        _denies(key, value, asked, context, flagged)
        for key, value in verdict.items()
        if isinstance(value, str) or key not in _READ
    )


def _denies(name: str, value: Any, asked: ParseContext | None, context: ParseContext, flagged: Collection[str]) -> bool:
    words = _kernel(name)
    if not _PROSE.isdisjoint(words_of(name)):
        is_own = isinstance(value, str) and _ECHOING.isdisjoint(words_of(name))
        return is_own and clears(value, flagged, context)
    if categories := context.names.resolve(name):
        value = ticked(value)
        said = value if isinstance(value, bool | str) else value.get("violates") if isinstance(value, dict) else None
        is_flagged = not set(flagged).isdisjoint(categories)
        if not is_flagged and isinstance(said, bool | str) and says(said) is True:
            return True
        is_flagged = is_flagged and not context.names.has_crosswalk
        return is_flagged and isinstance(said, bool | str) and says(said) is False
    if _is_of(name, flagged, context):
        value = ticked(value)
        return says(value) is False if isinstance(value, bool | str) else is_absent(value)
    if not words:
        value = number_in(value)
        return isinstance(value, int | float) and not _SCORE.isdisjoint(words_of(name)) and is_absent(value)
    if words & _SAFETY and words <= _SAFETY | _DEGREE and goodness(value):
        return True
    if words <= _VERDICTS:
        return judges(value, asked) is False
    if words <= _DECIDING | _RESULTS:
        is_good = isinstance(value, str) and not FOR.isdisjoint(words_of(value))
        return is_good and judges(value) is False and words != {"status"}
    if words <= _VIOLATED | _CATEGORIES:
        value = ticked(value)
        is_none = isinstance(value, float) and is_absent(value)
        return is_none or value in (False, []) or (isinstance(value, str) and says(value) is False)
    if words & LEVELS and words <= LEVELS | AGAINST | _DEGREE:
        return is_absent(value)
    return words <= FOR and isinstance(value, bool | str) and says(value, is_opposite=True) is False


def against_nothing(values: Iterable[Any], context: ParseContext, *, skipped: Iterable[str] = ()) -> str | None:
    """Why an answer that flags nothing is no verdict; None where nothing speaks against it.

    Args:
        values: The objects of the answer, whole.
        context: What was asked.
        skipped: Fields that the format itself reads.
    """
    known = frozenset(skipped)
    try:
        return next((reason for value in values for reason in _reasons(value, context, known)), None)
    except RecursionError:
        return "objects are nested too deeply"


def _reasons(
    value: Any, context: ParseContext, skipped: frozenset[str], *, is_row: bool = False, is_feature: bool = False
) -> Iterator[str]:
    if isinstance(value, list):
        for inner in value:
            yield from _reasons(inner, context, skipped, is_row=True)
    if not isinstance(value, dict):
        return
    if is_row and any(isinstance(one, str) and context.names.resolve(one) for one in value.values()) and _marks(value):
        yield "nothing is listed, and another field speaks against that"
    for name, inner in value.items():
        words = frozenset(words_of(name))
        is_aside = " ".join(words_of(name)) in _ECHO or (words & _ASIDE and not _is_category(name, context))
        if is_aside or name.casefold() in skipped:
            continue
        said = [one for one in (inner if isinstance(inner, list) else [inner]) if isinstance(one, str)]
        if (words & _PROSE or words <= _VERDICTS | _RESULTS) and any(declines(one) for one in said):
            yield "nothing is listed, and the rationale is a refusal"
        elif (words & _PROSE and any(states(one, context) for one in said)) or (
            name.casefold() in RATIONALE_KEYS and any(says(one, context) is True for one in said)
        ):
            yield "nothing is listed, and the rationale says that something is violated"
        elif not (words & _PROSE and said and words.isdisjoint(_CODES)) and _speaks(
            name, inner, context, is_row=is_row
        ):
            yield "nothing is listed, and another field speaks against that"
        elif _kernel(name) and _kernel(name) <= _DECIDING | {"moderation"} and any(map(is_unknown, _said(inner))):
            yield "nothing is listed, and a verdict or an action beside it is in words that are not known"
        elif not is_feature and _is_unknown_yes(name, inner, context):
            yield "nothing is listed, and a field whose name is not known says yes"
        else:
            yield from _reasons(inner, context, skipped, is_feature=not _FEATURES.isdisjoint(words))


def _is_unknown_yes(name: str, value: Any, context: ParseContext) -> bool:
    """Whether a yes stands under a name of which nobody knows what it says: ``odio``, ``offensive``, ``detected``."""
    if not isinstance(value, str | bool):
        return False
    words = _kernel(name)
    if not name.isascii():
        return not words <= FOR and says(value) is True
    if not (value is True or (isinstance(value, str) and _is_yes(value))) or _is_category(name, context):
        return False
    if not words:
        return not _FOUND.isdisjoint(words_of(name))
    return not words <= _KNOWN_KEYS and (_FEATURES | NEUTRAL | NOT).isdisjoint(words)


def _is_yes(value: str) -> bool:
    words = words_of(value)
    return len(words) == 1 and (words[0] in YES or words[0] in _FOUND)


def _speaks(name: str, value: Any, context: ParseContext, *, is_row: bool) -> bool:
    """Whether one field says that something is violated; a row is one of a list, and may name what it is about."""
    words = _kernel(name)
    if _is_category(name, context) or not (AGAINST | FOR).isdisjoint(words):
        value = ticked(number_in(value))
    if words & _SAFETY and words <= _SAFETY | _DEGREE and goodness(value) is False:
        return True
    if _is_category(name, context):
        is_listed = (
            isinstance(value, list) and bool(context.names.resolve(name)) and _lists(value, context, is_kind=True)
        )
        is_said = says(value) is True or (isinstance(value, str) and _is_yes(value))
        return is_said or is_listed or (isinstance(value, str | dict) and is_high(value)) or _marks(value)
    if not words or words <= _QUALIFIERS:
        is_of_answer = _ECHO_WORDS.isdisjoint(words_of(name)) or _is_rule_found(words_of(name))
        return not is_row and is_of_answer and _lists(value, context)
    if words <= _ERRORS:
        return _fails(value)
    if is_category_in(words_of(name), FILL | LEVELS, context):
        return isinstance(value, str) and is_high(value)
    if words & LEVELS and words <= LEVELS | _NAMES | AGAINST | {"assessment", "rating"}:
        is_said = isinstance(value, str | bool) and says(value) is True
        least = _HIGH_OF_ANY if not {"severity", "level"}.isdisjoint(words_of(name)) else _HIGH_OF_TEN
        is_top = isinstance(value, int | float) and least <= value <= 10
        return is_said or is_top or is_high(value) or _lists(value, context)
    is_denied, words = not NOT.isdisjoint(words), words - NOT
    if not words or (is_denied and not (words <= FOR | AGAINST and isinstance(value, str | bool))):
        return False  # "no_of_violations" is a count
    is_good = words <= FOR | _GOOD_KEYS and (not words.isdisjoint(FOR) or not words <= {"moderation", "review"})
    if is_good or is_denied:
        return says(value, is_opposite=is_denied != is_good) is True
    if words & AGAINST and words <= AGAINST | _NAMES | {"moderation", "review"}:
        is_kind = not _KINDS.isdisjoint(words_of(name))
        is_said = says(value) is True or (isinstance(value, str) and _is_yes(value))
        return is_said or _marks(value) or _lists(value, context, is_kind=is_kind)
    if words & _CATEGORIES and words <= _NAMES | _QUALIFIERS and _lists(value, context):
        return not is_row and (context.only is None or words != {"category"})
    if words <= _NAMES and _lists(value, context):
        return not is_row and (context.only is None or words != {"category"})  # the category asked about, repeated
    if not words <= _VERDICTS | _ACTIONS | _RESULTS | _NAMES:
        return False
    said = [value] if not isinstance(value, list | dict) else _said(value)
    if words <= _RESULTS and not isinstance(value, dict):
        return any(isinstance(one, str) and says(one, context) is True for one in said)
    if words & _CLASSES:
        if any(
            isinstance(one, str) and frozenset(words_of(one)) - FILL and frozenset(words_of(one)) <= _HARMS | FILL
            for one in said
        ):
            return not is_row
        said = [one for one in said if ACTS.isdisjoint(words_of(str(one)))]
    is_stated = any(isinstance(one, str) and states(one, context) for one in said)
    return is_stated or any(judges(one, context) is True for one in said)


def _said(value: Any) -> list[Any]:
    """What a verdict or an action says, of one that has its type, or several, within: ``{"type": "remove"}``."""
    if isinstance(value, list):
        return [said for one in value for said in _said(one)]
    if isinstance(value, dict):
        return [said for key, one in value.items() if _kernel(key) <= _WITHIN for said in _said(one)]
    return [value]


def _fails(value: Any) -> bool:
    """Whether the value of an error is one; 0, "none" and "no errors" are none."""
    if isinstance(value, list | dict):
        return any(_fails(one) for one in (value.values() if isinstance(value, dict) else value))
    return bool(value.strip()) and says(value) is not False if isinstance(value, str) else bool(value)


def _lists(value: Any, context: ParseContext, *, is_kind: bool = False, is_row: bool = False) -> bool:
    """Whether a list, a name or a mapping names something, where nothing in it says that it does not hold."""
    if isinstance(value, list):
        return any(_lists(one, context, is_kind=is_kind, is_row=True) for one in value)
    if isinstance(value, dict) and is_row:
        said = [says(one) for one in value.values() if isinstance(one, str | bool | float)]
        return is_kind and any(value.values()) and False not in said
    if isinstance(value, dict):
        return any(
            says(one) is True
            and (context.names.resolve(key) or (is_kind and not isinstance(one, float) and says(key) is not False))
            for key, one in value.items()
        )
    if not isinstance(value, str):
        return False
    words = words_of(value)
    is_short = bool(words) and (is_row or len(words) <= _LONGEST_NAME)
    is_name = is_short and (NOT | _HEDGES).isdisjoint(words) and says(value) is not False
    return is_category_in(words, FILL, context) or bool(context.names.resolve(value)) or (is_kind and is_name)


def _marks(value: Any) -> bool:
    """Whether an object about one category says that it holds: ``detected``, ``score``, ``is_present``."""
    return isinstance(value, dict) and any(
        (
            not _kernel(key)
            and (str(one).casefold() in YES or (isinstance(one, float) and one > LIKELY) or _is_many(one))
        )
        or (key.casefold() in ("value", "applies", "decision", "answer") and judges(one) is True)
        for key, one in value.items()
    )


def _is_many(value: Any) -> bool:
    """Whether a whole number is a high score on any scale: it is no probability, and may be the least of its scale."""
    return type(value) is int and value >= _HIGH_OF_ANY


def _is_category(key: str, context: ParseContext) -> bool:
    """Whether a key names a category, alone or in words such as "is_spam" and "hate_score"."""
    return bool(context.names.resolve(key)) or is_category_in(words_of(key), FILL, context)


def _is_of(key: str, flagged: Collection[str], context: ParseContext) -> bool:
    """Whether a key is about a listed category: "is_hateful", "hate_score"; a crosswalk's name is not alone."""
    words = [word for word in words_of(key) if word not in FILL]
    if context.names.has_crosswalk or not words:
        return False
    named = context.names.resolve(" ".join(words)) or (adjective_of(words[0], context) if len(words) == 1 else ())
    return not set(flagged).isdisjoint(named)


def _is_rule_found(words: Collection[str]) -> bool:
    return not _FOUND.isdisjoint(words) and not {"rule", "rules", "policy", "policies"}.isdisjoint(words)


def _kernel(key: str) -> frozenset[str]:
    return frozenset(words_of(key)) - FILL
