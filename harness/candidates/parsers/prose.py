"""What a sentence of prose states outright: that the text violates something, or that it does not.

Decides by form, as a rationale holds any words: a subject that is the text itself (or none), a verb that accuses, and
what is violated by name. A sentence that denies, doubts or quotes states nothing, nor does one that a later one takes
back.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from harness.candidates.parsers.base import ParseContext
from harness.candidates.parsers.words import AGAINST, FILL, FOR, NOT, words_of

_LONGEST = 20_000
_END = re.compile(r"(?<=[.!?。！？;])\s+|(?<=[。！？])|\n+")
_LEAD = re.compile(
    r"(?:\W|\b(?:so|thus|therefore|hence|overall|in conclusion|conclusion|actually|wait|but|however|on reflection"
    r"|moreover|also|and|because|since|as|yes|no|reason|explanation|rationale|verdict|decision)\b)*",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r",\s+(?=(?:so|thus|therefore|hence|and)\b)", re.IGNORECASE)
_SUBJECT = (
    r"(?:this|it|that|(?:the|this|that)(?:\s+\w+)?\s+(?:post|text|content|comment|message|item|tweet|reply|statement|sentence"
    r"|language|image|video|caption|title))\s+(?:(?:clearly|explicitly|directly|plainly|obviously|also)\s+)*"
)
_BREAKS = r"(?:violat\w+|break(?:s|ing)|breach\w+|infring\w+|contraven\w+|goes\s+against)"
_STATES = re.compile(
    rf"(?:{_SUBJECT})?(?P<breaks>(?:is\s+)?{_BREAKS})\b(?P<rule>.*)"
    rf"|{_SUBJECT}(?:is|are|constitutes|qualifies\s+as|counts\s+as|amounts\s+to|falls\s+under)\b(?P<is>.*)"
    rf"|(?:{_SUBJECT})?(?:contains|constitutes|promotes|expresses|incites)\b(?P<holds>.*)"
    rf"|(?:{_SUBJECT})?(?:should|must|needs\s+to|has\s+to|ought\s+to)\s+be\s+(?P<act>\w+)",
    re.IGNORECASE | re.DOTALL,
)
_DENIES_GOOD = re.compile(
    rf"{_SUBJECT}(?:is\s+not|isn't|does\s+not|doesn't|cannot\s+be|can't\s+be|should\s+not\s+be|must\s+not\s+be)\s+(?P<good>\w+)",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(
    r"\b(?:viola|infringe|incumple|enfreint)\s+(?:la|las|los|el|le|les|as|os)\b|verst(?:ö|oe)(?:ß|ss)t\s+gegen\b"
    r"|нарушает\s+(?:правила|политику)|违反了|違反し(?:ている|ています|ます)|위반합니다|위반됩니다",
    re.IGNORECASE,
)
_NO_OTHERWISE = re.compile(r"不|没|未|無|无|ない|ません|않|아니")
_HEDGES = NOT | frozenset(
    ("if", "whether", "would", "could", "might", "may", "unless", "only", "but", "however", "although", "though",
     "yet", "claims", "says", "said", "claim", "quotes", "quoted", "quote", "quoting", "reports", "free", "less",
     "hardly", "barely", "can't", "cannot", "won't", "rather", "nor", "condemns", "criticises", "criticizes",
     "example", "joke", "fiction", "fictional", "seems", "appears", "possibly", "perhaps", "borderline",
     "almost", "ne", "ni", "nunca", "jamais", "nobody", "instead")
)  # fmt: skip
_GOES_ON = frozenset(
    ("speech", "content", "language", "material", "because", "as", "since", "and", "or", "against", "targeting",
     "towards", "toward", "that", "which", "directed", "aimed", "policy", "policies", "rule", "rules", "by",
     "with", "in", "of", "under", "due", "for", "at", "on", "category", "immediately", "here")
)  # fmt: skip
"""What may stand behind what is accused: other words make a compound of it ("hate mail", "unsafe ladder")."""
_GENERIC = FILL | frozenset(
    ("our", "your", "platform", "multiple", "several", "all", "both", "these", "against", "on", "clear")
)
_RULES = frozenset(("policy", "policies", "rule", "rules", "guideline", "guidelines", "standards", "terms"))
_ARTICLES = frozenset(
    ("a", "an", "the", "clear", "clearly", "highly", "very", "explicitly", "direct", "form", "case", "of", "as",
     "category", "under", "example", "in", "definitely", "therefore", "thus", "obviously", "extremely", "overt",
     "blatant", "explicit")
)  # fmt: skip
_ACCUSES = frozenset(
    ("violating", "violative", "violation", "violations", "prohibited", "disallowed", "forbidden", "unsafe")
)
_OF_ANY = _ACCUSES | {"hateful", "harmful", "toxic", "abusive", "inappropriate", "unacceptable"}
_LONGEST_NAME = 4
_WHOLE_LEAD = re.compile(
    r"(?:\W|\b(?:so|thus|therefore|hence|overall|in conclusion|conclusion|reason|explanation|rationale)\b)*",
    re.IGNORECASE,
)
_CONTRASTS = frozenset(
    ("but", "however", "although", "though", "yet", "if", "would", "except", "unless", "beyond", "only")
)
_NOTHING = re.compile(
    r"(?:there\s+(?:is|are|was|were)\s+)?no\s+(?:clear\s+)?(?:policy\s+|rule\s+)?violations?(?:\s+of\s+(?:the|any)\s+(?:policy|policies"
    r"|rules?))?(?:\s+(?:was|were|is|are|has\s+been))?(?:\s+(?:found|detected|identified|present|here))?"
    r"|no\s+(?:categor(?:y|ies)|polic(?:y|ies)|rules?)\s+(?:apply|applies|(?:is|are|was|were)\s+(?:violated|broken))"
    r"|none\s+of\s+the\s+(?:listed\s+)?(?:categories|policies|rules)\s+(?:apply|applies|(?:is|are|was|were)\s+violated)",
    re.IGNORECASE,
)
_DENIES = re.compile(
    rf"(?:{_SUBJECT}(?:is|are)\s+(?:(?:completely|perfectly|clearly|entirely)\s+)?(?P<good>safe|benign|harmless|acceptable|allowed"
    rf"|compliant|fine|permitted)\b"
    rf"|{_SUBJECT}(?:does\s+not|doesn't|do\s+not)\s+(?P<breaks>violate|break|breach|infringe|contravene)\b"
    rf"|(?:{_SUBJECT}(?:is\s+not|isn't)|there\s+is\s+no|not|{_SUBJECT}(?:does\s+not|doesn't)\s+contain)\b)(?P<what>.*)",
    re.IGNORECASE | re.DOTALL,
)


def states(text: str, context: ParseContext) -> bool:
    """Whether a text states that something asked about is violated, and does not take it back.

    >>> from harness.candidates.names import NameIndex
    >>> from harness.records import PromptHeader
    >>> asked = ParseContext(PromptHeader("p", "json"), NameIndex(("hate", "spam")))
    >>> states("This post violates the hate policy.", asked), states("It violates no rule.", asked)
    (True, False)
    >>> states("This is hateful. However, it is quoted.", asked), states("This is clearly hate speech.", asked)
    (False, True)
    """
    said = False
    for sentence in _END.split(text[:_LONGEST].replace("’", "'")):
        clauses = [found.end() for found in _CLAUSE.finditer(sentence)]
        bare = [sentence[_begins(sentence, at) :] for at in (0, *clauses)]
        words = frozenset(words_of(bare[0]))
        if any(one and _accuses(one, words, context) for one in bare):
            said = True
        elif said and (not _HEDGES.isdisjoint(words_of(sentence)) or not FOR.isdisjoint(words)):
            return False
    return said


def clears(text: str, flagged: Collection[str], context: ParseContext) -> bool:
    """Whether a text's last word is that nothing is violated, or none of the categories that an answer lists.

    >>> from harness.candidates.names import NameIndex
    >>> from harness.records import PromptHeader
    >>> asked = ParseContext(PromptHeader("p", "json"), NameIndex(("hate", "spam")))
    >>> clears("This is not hate speech.", ["hate"], asked), clears("This is not hate speech.", ["spam"], asked)
    (True, False)
    """
    sentences = [one for one in _END.split(text[:_LONGEST].replace("’", "'")) if words_of(one)]
    if not sentences:
        return False
    last = sentences[-1][_begins(sentences[-1], 0, _WHOLE_LEAD) :].strip(" .!*_`\"'")
    if "?" in last or not _CONTRASTS.isdisjoint(words_of(last)):
        return False
    if _NOTHING.fullmatch(last):
        return True
    denied = _DENIES.match(last)
    if denied is None:
        return False
    words = words_of(denied["what"])
    if denied["good"]:
        return denied["good"].casefold() in FOR and not words
    if denied["breaks"]:
        return _is_rule([word for word in words if word != "any"], context, flagged)
    accused = [word for word in words if word not in _ARTICLES]
    names = [context.names.resolve(" ".join(accused[:n])) for n in range(1, min(len(accused), _LONGEST_NAME) + 1)]
    names += [context.names.resolve(accused[0])] if accused[1:] in (["speech"], ["content"], ["speech", "here"]) else []
    return any(name and set(flagged) <= set(name) for name in names[-2:]) or accused in ([one] for one in _ACCUSES)


def _begins(sentence: str, at: int, lead: re.Pattern[str] = _LEAD) -> int:
    found = lead.match(sentence, at)
    return at if found is None else found.end()


def _accuses(sentence: str, words: frozenset[str], context: ParseContext) -> bool:
    if "?" in sentence:
        return False
    denied = _DENIES_GOOD.match(sentence)
    if denied is not None:
        rest = frozenset(words_of(sentence[denied.end() :]))
        return denied["good"].casefold() in FOR and _HEDGES.isdisjoint(rest)
    if not _HEDGES.isdisjoint(words):
        return False
    if _OTHERWISE.search(sentence) and not _NO_OTHERWISE.search(sentence):
        return True
    found = _STATES.match(sentence)
    if found is None:
        return False
    if found["act"]:
        behind = words_of(sentence[found.end() :])
        return (
            found["act"].casefold() in AGAINST
            and behind[:1] not in (["that"], ["to"], ["as"])
            and behind[:2] != ["from", "its"]
        )
    if found["breaks"]:
        return _is_rule(words_of(found["rule"]), context)
    return _is_accused(words_of(found["is"] or found["holds"] or ""), context, is_named_only=found["is"] is None)


def _is_rule(words: list[str], context: ParseContext, flagged: Collection[str] = ()) -> bool:
    """Whether what is broken are the rules, or a category asked about: "the spam policy" may be another's."""
    for at, word in enumerate(words[:10]):
        if word in _RULES:
            return True
        if _names(words, at, context):
            named = [context.names.resolve(" ".join(words[at : at + n])) for n in range(1, _LONGEST_NAME + 1)]
            return not flagged or any(name and set(flagged) <= set(name) for name in named)
        if word not in _GENERIC:
            return False
    return False


def _is_accused(words: list[str], context: ParseContext, *, is_named_only: bool) -> bool:
    accusing = _ACCUSES if is_named_only or context.only is not None else _OF_ANY
    for at, word in enumerate(words[:7]):
        if word in accusing:
            return at + 1 == len(words) or words[at + 1] in _GOES_ON
        if _names(words, at, context):
            return True
        if word not in _ARTICLES:
            return False
    return False


def _names(words: list[str], at: int, context: ParseContext) -> bool:
    """Whether a category's name begins at a word, and is not a part of another one."""
    ends = (at + n for n in range(1, _LONGEST_NAME + 1) if context.names.resolve(" ".join(words[at : at + n])))
    return any(end >= len(words) or words[end] in _GOES_ON for end in ends)
