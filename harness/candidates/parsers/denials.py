"""What a sentence of prose denies: that anything is violated, or what an answer lists (``prose``: what it states).

Decides by a sentence that no later one takes back, and of that by the clause that it comes to ("It is a quote from a
film, so not a violation"): a form that denies, and of what it denies every word known. Whatever is reported of
somebody, depends on an "if" or speaks of another category denies nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from harness.candidates.parsers.base import ParseContext
from harness.candidates.parsers.prose import (
    ACCUSES,
    ARTICLES,
    END,
    LONGEST,
    LONGEST_NAME,
    SUBJECT,
    begins,
    is_rule,
    last_clause,
    states,
)
from harness.candidates.parsers.words import AGAINST, FILL, adjective_of, words_of

_LEAD = re.compile(
    r"(?:\W|\b(?:so|and|thus|therefore|hence|overall|in conclusion|conclusion|reason|explanation|rationale|because|as"
    r"|however|in(?:\s+this)?\s+(?:context|case))\b)*",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r",\s+(?=(?:so|thus|therefore|hence|which)\b)|,?\s+(?=and\s+(?:so|thus|therefore|hence)\b)|\s+(?=(?:therefore|hence)\b)"
    r"|,?\s+(?=and\s+(?:it\s+)?(?:is\s+not|isn't|does\s+not|doesn't)\b)|,\s+(?=not\s)|\s+(?=with(?:out)?\s+(?:no|any)\b)"
    r"|\s+(?=that\s+(?:does\s+not|doesn't)\s+(?:violate|break|contain)\b)|:\s+|\s[-–—]\s",
    re.IGNORECASE,
)
_CUE = re.compile(
    r"\b(?:no|not|nothing|none|neither|without|safe|ok|clean|approved|published|kept|permitted|stay|remain|innocuous|benign|harmless|acceptable|allowed|compliant|fine|permitted|okay|seguro|inofensivo"
    r"|unbedenklich|zulässig|inoffensif|sûr|gegen|viole|enfreint|não|non|не)\b|n['’]t\b|违反|違反|위반",
    re.IGNORECASE,
)
"""Without any of these a text denies nothing."""
_REST = re.compile(r",\s+(?:just|only|merely|simply|rather)\b(.*)\Z", re.IGNORECASE)
"""What it is instead: "Not hateful, just rude"."""
_BECAUSE = re.compile(r",?\s+(?:because|since|as)\s.*\Z|\s*\([^()]*\)?\W*\Z", re.IGNORECASE | re.DOTALL)
_DOUBTS = frozenset(
    ("but", "however", "although", "though", "yet", "if", "would", "could", "except", "unless", "beyond", "only")
)
_TURNS = frozenset(("but", "however", "although", "though", "yet", "still", "nevertheless", "actually", "instead"))
"""What a later sentence takes a denial back by."""
_REPORTS = frozenset(
    ("says", "said", "say", "claims", "claimed", "claim", "argues", "insists", "thinks", "believes", "pretends",
     "if", "would", "could", "unless", "might")
)  # fmt: skip
"""Beside these a clause within a sentence is not the answer's own word."""
_OF_TEXT = r"(?:\s+(?:here|(?:in|to)\s+(?:it|(?:this|the)\s+\w+)))?"
_NOTHING = re.compile(
    r"(?:there\s+(?:is|are|was|were)\s+)?no\s+(?:clear\s+)?(?:policy\s+|rule\s+)?violations?(?:\s+of\s+(?:the|any)\s+(?:policy"
    r"|policies|rules?))?(?:\s+(?:was|were|is|are|has\s+been))?(?:\s+(?:found|detected|identified|present|here))?"
    r"|no\s+(?:issues?|problems?|concerns?)(?:\s+(?:found|detected|identified|here))?"
    r"|(?:(?:this|it)\s+is\s+)?(?:a\s+)?(?:benign|harmless|innocuous)\s+\w+"
    rf"|nothing{_OF_TEXT}\s+(?:violates|breaks)\s+(?:(?:the|any|our)\s+)?(?:\w+\s+)?(?:polic(?:y|ies)|rules?|guidelines?)"
    r"|no\s+(?:categor(?:y|ies)|polic(?:y|ies)|rules?)\s+(?:apply|applies|(?:is|are|was|were)\s+(?:violated|broken))"
    r"|none\s+of\s+the\s+(?:listed\s+)?(?:categories|policies|rules)\s+(?:apply|applies|(?:is|are|was|were)\s+violated)"
    rf"{_OF_TEXT}",
    re.IGNORECASE,
)
_GOOD = re.compile(r"safe|benign|harmless|acceptable|allowed|permitted|compliant|fine|okay|ok|clean", re.IGNORECASE)
_NOT = r"(?:does\s+not|doesn't|do\s+not|don't)"
_DENIES = re.compile(
    rf"""(?x)(?:
      (?:{SUBJECT})?(?:is|are)\s+(?:(?:completely|perfectly|clearly|entirely|therefore|actually|really)\s+)?
      (?P<good>safe|benign|harmless|acceptable|allowed|compliant|fine|permitted|okay)\b
    | {SUBJECT}(?:should|can|must)\s+(?:be\s+)?(?P<act>allowed|approved|published|kept|permitted|stay|remain)\b
    | (?:{SUBJECT})?(?:therefore\s+)?{_NOT}\s+(?:therefore\s+)?(?P<breaks>violate|break|breach|infringe|contravene)\b
    | (?:{SUBJECT})?(?P<none>violates|breaks|breaches)\s+no\s
    | (?:(?:i|we)\s+(?:{_NOT}|did\s+not|cannot|can't)\s+(?:see|find|detect|identify)(?:\s+any)?
      | (?:i|we)\s+(?:see|find|found|detect|detected)\s+no
      | (?:{SUBJECT})?{_NOT}\s+(?:meet|reach|satisfy|fit|fall\s+under|constitute|qualify\s+as|amount\s+to|count\s+as
        |promote|express|contain)(?:\s+any)?
      | {SUBJECT}(?:is\s+not|isn't) | (?:{SUBJECT})?contains\s+no(?:thing)? | there\s+is\s+no(?:thing)? | is\s+not
      | isn't | not | neither | no(?:thing)? | (?:with|and)\s+no | without)\s
    )(?P<what>.*)""",
    re.IGNORECASE | re.DOTALL,
)
_OTHERWISE = re.compile(
    r"\bno\s+(?:viola|infringe|incumple)\b|\bn'enfreint\s+(?:pas|aucune)\b|\bne\s+viole\s+(?:pas|aucune)\b|\bnão\s+viola\b"
    r"|\bverst(?:ö|oe)(?:ß|ss)t\s+(?:nicht\s+gegen|gegen\s+keine)\b|\bnon\s+viola\b|\bне\s+нарушает\b|(?:没有|沒有|不|未)违反"
    r"|違反して(?:いない|いません)|違反しません|위반하지\s*않"
    r"|^(?:der|dieser)\s+(?:text|beitrag|inhalt)\s+ist\s+(?:unbedenklich|harmlos|zulässig)\W*$"
    r"|^(?:el|este)\s+(?:texto|contenido|mensaje)\s+es\s+(?:seguro|inofensivo|aceptable)\W*$"
    r"|^(?:le|ce)\s+(?:texte|contenu|message)\s+est\s+(?:sûr|inoffensif|acceptable)\W*$",
    re.IGNORECASE,
)
_TURNS_OTHERWISE = re.compile(
    r"\b(?:pero|sino|mais|mas|aber|sondern|ma|но|однако)\b|但|而是|しかし|하지만", re.IGNORECASE
)
_OF_ANY = ACCUSES | {"harmful", "inappropriate", "unacceptable", "problematic"}
_PASSED = (ARTICLES | FILL | frozenset(
    ("here", "context", "all", "at", "anyone", "anybody", "itself", "case", "nature", "tone", "intent", "toward",
     "towards", "group", "groups", "language", "material", "really", "actually", "either", "per", "se", "its", "way",
     "kind", "sort", "some", "under", "threshold", "criteria", "definition", "bar", "standard")
)) - {"ad"}  # fmt: skip
"""What says nothing more of what is denied."""


def clears(text: str, flagged: Collection[str], context: ParseContext) -> bool:
    """Whether a text says to its end that nothing is violated, or not what an answer lists.

    >>> from harness.candidates.names import NameIndex
    >>> from harness.records import PromptHeader
    >>> asked = ParseContext(PromptHeader("p", "json"), NameIndex(("hate", "spam")))
    >>> clears("This is not hate speech.", ["hate"], asked), clears("Not hateful.", ["spam"], asked)
    (True, False)
    >>> clears("It is a quote, so not a violation.", ["hate"], asked), clears("Not spam, but hate.", ["hate"], asked)
    (True, False)
    """
    if not _CUE.search(text):
        return False
    sentences = [one for one in END.split(text[:LONGEST].replace("’", "'")) if words_of(one)]
    for at, sentence in enumerate(sentences):
        behind = sentences[at + 1 :]
        if any(not _TURNS.isdisjoint(words_of(one)) for one in behind) or any(states(one, context) for one in behind):
            continue
        if _is_denial(sentence, flagged, context):
            return True
    return False


def _is_denial(sentence: str, flagged: Collection[str], context: ParseContext) -> bool:
    if "?" in sentence:
        return False
    if _GOOD.fullmatch(sentence.strip(" *_`\"'.!")):
        return True
    if _OTHERWISE.search(sentence.strip(" *_`\"'")):
        return _TURNS_OTHERWISE.search(sentence) is None
    last = last_clause(sentence)
    clauses = [last]
    if _REPORTS.isdisjoint(words_of(sentence)):
        clauses += _CLAUSE.split(last)
    return any(_denies(clause, flagged, context) for clause in clauses if clause)


def _denies(clause: str, flagged: Collection[str], context: ParseContext) -> bool:
    """Whether a clause denies that the categories, or that any, are violated."""
    bare = clause[begins(clause, 0, _LEAD) :].strip(" .!*_`\"')]")
    if instead := _REST.search(bare):
        words = words_of(instead[1])
        if not AGAINST.isdisjoint(words) or any(_categories_at(words, at, context)[0] for at in range(len(words))):
            return False
        bare = bare[: instead.start()]
    if not _DOUBTS.isdisjoint(words_of(bare)):
        return False
    if _NOTHING.fullmatch(bare):
        return True
    denied = _DENIES.match(bare)
    if denied is None:
        return False
    words = words_of(_BECAUSE.sub("", denied["what"]))
    if denied["good"] or denied["act"]:
        return all(word in _PASSED for word in words)
    if denied["breaks"] or denied["none"]:
        is_any = bool(denied["breaks"]) and all(word in _PASSED for word in words)
        return is_any or is_rule([word for word in words if word != "any"], context, flagged)
    return _are_denied(words, flagged, context)


def _are_denied(words: list[str], flagged: Collection[str], context: ParseContext) -> bool:
    """Whether words behind a "not" name nothing but categories, one of them listed, or stand for any violation."""
    named: set[str] = set()
    is_any, at = False, 0
    while at < len(words):
        categories, length = _categories_at(words, at, context)
        if categories:
            named.update(categories)
        elif words[at] in _OF_ANY:
            is_any = True
        elif words[at] not in _PASSED:
            return False
        at += max(length, 1)
    return is_any or not named.isdisjoint(flagged)


def _categories_at(words: list[str], at: int, context: ParseContext) -> tuple[tuple[str, ...], int]:
    """The categories that are named from a word on, and by how many words."""
    for length in range(min(LONGEST_NAME, len(words) - at), 0, -1):
        if found := context.names.resolve(" ".join(words[at : at + length])):
            return found, length
    found = adjective_of(words[at], context)
    return found, int(bool(found))
