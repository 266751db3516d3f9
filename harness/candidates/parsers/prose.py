"""What a sentence of prose states outright: that the text violates something (``denials``: that it does not).

Decides by form, as a rationale holds any words: a subject that is the text itself (or none), a verb that accuses, and
what is violated by name; or nothing but what is violated ("Hateful."). A sentence that denies, doubts or quotes states
nothing, nor does one that a later one takes back; of one with a "but" its last clause is read.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from harness.candidates.parsers.base import ParseContext
from harness.candidates.parsers.words import AGAINST, CROSSES, FILL, FOR, NOT, TICKS, adjective_of, words_of

LONGEST = 20_000
END = re.compile(r"(?<=[.!?。！？;])\s+|(?<=[。！？])|\n+")
_LEAD = re.compile(
    r"(?:\W|\b(?:so|thus|therefore|hence|overall|in conclusion|conclusion|actually|wait|but|however|on reflection"
    r"|moreover|in(?:\s+this)?\s+(?:context|case)|also|and|because|since|as|yes|no|reason|explanation|rationale|verdict|decision)\b)*",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r",\s+(?=(?:so|thus|therefore|hence|and|which)\b)|\s+(?=and\s+(?:must|should|needs\s+to|has\s+to)\s+be\b)",
    re.IGNORECASE,
)
_TURN = re.compile(r"(?:\A\W*|,?\s+)(?:but|however|(?:even\s+)?though|although|yet)\b,?\s+", re.IGNORECASE)
_AFTERTHOUGHT = re.compile(r",?\s+(?:even\s+though|although|though)\b.*", re.IGNORECASE | re.DOTALL)
_CONCEDED = re.compile(
    r"\W*(?:even\s+though|although|though|while|despite|whether|since|given|as)\b[^,]*,\s*", re.IGNORECASE
)
SUBJECT = (
    r"(?:this|it|that|which|(?:the|this|that)(?:\s+\w+)?\s+(?:post|text|content|comment|message|item|tweet|reply|statement|sentence"
    r"|request|prompt|claim"
    r"|language|image|video|caption|title))\s+(?:(?:clearly|explicitly|directly|plainly|obviously|also|still|nevertheless)\s+)*"
)
_BREAKS = r"(?:violat\w+|break(?:s|ing)|breach\w+|infring\w+|contraven\w+|goes\s+against)"
_STATES = re.compile(
    rf"(?:{SUBJECT})?(?P<breaks>(?:is\s+)?{_BREAKS})\b(?P<rule>.*)"
    rf"|{SUBJECT}(?:is|are|constitutes|qualifies\s+as|counts\s+as|amounts\s+to|falls\s+under)\b(?P<is>.*)"
    rf"|(?:{SUBJECT})?(?:contains|constitutes|promotes|expresses|incites|encourages|glorifies|advocates)\b(?P<holds>.*)"
    rf"|(?:{SUBJECT})?(?:should|must|needs\s+to|has\s+to|ought\s+to)\s+be\s+(?P<act>\w+)",
    re.IGNORECASE | re.DOTALL,
)
_APPLIES = re.compile(
    r"(?:the\s+)?(?P<applied>[\w /-]{1,40}?)\s+(?:(?:category|policy|rule)\s+)?applies\W*\Z", re.IGNORECASE
)
_FLAGS = re.compile(
    r"i(?:'d|\s+would|\s+will)?\s+(?:flag|label|classify|categori[sz]e|mark)\s+(?:this|it)\s+(?:as|for|under)\s+(?P<flagged>.*)",
    re.IGNORECASE | re.DOTALL,
)
_DENIES_GOOD = re.compile(
    rf"{SUBJECT}(?:is\s+not|isn't|does\s+not|doesn't|cannot\s+be|can't\s+be|should\s+not\s+be|must\s+not\s+be)\s+(?P<good>\w+)",
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
ARTICLES = frozenset(
    ("a", "an", "the", "clear", "clearly", "highly", "very", "explicitly", "direct", "form", "case", "of", "as",
     "category", "under", "example", "in", "definitely", "therefore", "thus", "obviously", "extremely", "overt",
     "blatant", "explicit")
)  # fmt: skip
ACCUSES = frozenset(
    ("violating", "violative", "violation", "violations", "prohibited", "disallowed", "forbidden", "unsafe")
)
_OF_ANY = ACCUSES | {"hateful", "harmful", "toxic", "abusive", "inappropriate", "unacceptable"}
LONGEST_NAME = 4
_BARE_LEAD = ARTICLES | {"still", "plainly", "blatantly", "openly", "directly"}
_TARGETED = frozenset(
    (
        "towards",
        "toward",
        "against",
        "because",
        "targeting",
        "directed",
        "aimed",
        "due",
        "speech",
        "content",
        "language",
    )
)
"""What may follow where nothing but what is violated is said: "Hateful towards women." """
_VERBS = frozenset(("is", "are", "was", "were", "has", "have", "does", "do", "gets", "by"))


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
    sentences = END.split(text[:LONGEST].replace("’", "'").strip())
    for sentence in sentences:
        clauses = [found.end() for found in _CLAUSE.finditer(sentence)]
        bare = [sentence[begins(sentence, at) :] for at in (0, *clauses)]
        words = frozenset(words_of(bare[0]))
        last = last_clause(sentence)
        turned = "" if last == sentence else last[begins(last, 0) :]
        is_all = len(sentences) == 1
        accused = any(one and _accuses(one, words, context) for one in bare)
        if (afterthought := _AFTERTHOUGHT.search(sentence)) and afterthought.start():
            main = sentence[begins(sentence, 0) : afterthought.start()]
            accused = accused or _accuses(main, frozenset(words_of(main)), context)
        accused = accused or (bool(turned) and _accuses(turned, frozenset(words_of(turned)), context))
        if accused or any(one and _is_bare(one, context, is_all=is_all) for one in (sentence, turned and last)):
            said = True
        elif said and (not _HEDGES.isdisjoint(words_of(sentence)) or not FOR.isdisjoint(words)):
            return False
    return said


def last_clause(sentence: str) -> str:
    """What a sentence comes to: what stands behind its last "but", and behind the comma of "Although ..., ".

    >>> last_clause("Although it is rude, it is a quote"), last_clause("It is a quote, but it is vile")
    ('it is a quote', 'it is vile')
    """
    last = _TURN.split(_CONCEDED.sub("", sentence, count=1) if _CONCEDED.match(sentence) else sentence)[-1]
    return _CONCEDED.sub("", last, count=1) if _CONCEDED.match(last) else last


def begins(sentence: str, at: int, lead: re.Pattern[str] = _LEAD) -> int:
    """Where a sentence goes on behind the words that only lead to it: "So", "Therefore"."""
    found = lead.match(sentence, at)
    return at if found is None else found.end()


def _accuses(sentence: str, words: frozenset[str], context: ParseContext) -> bool:
    if "?" in sentence:
        return False
    denied = _DENIES_GOOD.match(sentence)
    if denied is not None:
        rest = frozenset(words_of(sentence[denied.end() :]))
        return denied["good"].casefold() in FOR and _HEDGES.isdisjoint(rest)
    if found := _FLAGS.match(sentence):
        return _is_accused(words_of(found["flagged"]), context, is_named_only=True)
    if not _HEDGES.isdisjoint(words):
        return False
    if _OTHERWISE.search(sentence) and not _NO_OTHERWISE.search(sentence):
        return True
    found = _STATES.match(sentence) or _APPLIES.match(sentence)
    if found is None:
        return False
    if "applied" in found.groupdict():
        return bool(context.names.resolve(found["applied"]))
    if found["act"]:
        behind = words_of(sentence[found.end() :])
        return (
            found["act"].casefold() in AGAINST
            and behind[:1] not in (["that"], ["to"], ["as"])
            and behind[:2] != ["from", "its"]
        )
    if found["breaks"]:
        return is_rule(words_of(found["rule"]), context)
    return _is_accused(words_of(found["is"] or found["holds"] or ""), context, is_named_only=found["is"] is None)


def _is_bare(sentence: str, context: ParseContext, *, is_all: bool) -> bool:
    """Whether a sentence is nothing but what is violated, and perhaps whom it meets; a heading is none."""
    words = words_of(sentence[begins(sentence, 0) :])
    while words and words[0] in _BARE_LEAD:
        words = words[1:]
    if ":" in sentence or not (TICKS | CROSSES).isdisjoint(sentence):
        return False
    is_sentence = is_all or sentence.rstrip(" *_`\"')").endswith((".", "!"))
    if not words or not is_sentence or not (_VERBS | _HEDGES).isdisjoint(words_of(sentence)):
        return False
    accusing = ACCUSES if context.only is None else _OF_ANY
    named = [n for n in range(1, LONGEST_NAME + 1) if context.names.resolve(" ".join(words[:n]))]
    if not named and words[0] not in accusing and not adjective_of(words[0], context):
        return False
    behind = words[max(named, default=1) :]
    return not behind or behind[0] in _TARGETED


def is_rule(words: list[str], context: ParseContext, flagged: Collection[str] = ()) -> bool:
    """Whether what is broken are the rules, or a category asked about: "the spam policy" may be another's."""
    for at, word in enumerate(words[:10]):
        if word in _RULES:
            return True
        if _names(words, at, context):
            named = [context.names.resolve(" ".join(words[at : at + n])) for n in range(1, LONGEST_NAME + 1)]
            return not flagged or any(name and not set(flagged).isdisjoint(name) for name in named)
        if word not in _GENERIC:
            return False
    return False


def _is_accused(words: list[str], context: ParseContext, *, is_named_only: bool) -> bool:
    accusing = ACCUSES if is_named_only or context.only is not None else _OF_ANY
    for at, word in enumerate(words[:7]):
        if word in accusing or (not is_named_only and adjective_of(word, context)):
            return at + 1 == len(words) or words[at + 1] in _GOES_ON
        if _names(words, at, context):
            return True
        if word not in ARTICLES:
            return False
    return False


def _names(words: list[str], at: int, context: ParseContext) -> bool:
    """Whether a category's name begins at a word, and is not a part of another one."""
    ends = (at + n for n in range(1, LONGEST_NAME + 1) if context.names.resolve(" ".join(words[at : at + n])))
    return any(end >= len(words) or words[end] in _GOES_ON for end in ends)
