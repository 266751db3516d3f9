"""What a short value of an answer says by itself: that something is violated, that nothing is, or nothing.

Decides by closed vocabularies: every word of a value must be known, or the value is a known word with its reason
("unsafe: names a group"). Any other sentence says nothing ("Blocked users are discussed").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from harness.candidates.parsers.base import ParseContext

LIKELY: Final = 0.5
"""A fraction beside an empty list says from above here on that something is violated."""

AGAINST = frozenset(
    ("violation", "violations", "violate", "violates", "violating", "violative", "violated", "breaks", "unsafe",
     "unacceptable", "harmful", "toxic", "hateful", "abusive", "inappropriate", "problematic", "nsfw",
     "malicious", "illegal", "decline", "noncompliant", "disallow", "disallowed", "prohibited", "forbidden",
     "block", "blocked", "remove", "removed", "removal", "delete", "deleted", "deletion", "takedown", "reject",
     "rejected", "deny", "denied", "ban", "banned", "suspend", "suspended", "hide", "hidden", "restrict",
     "restricted", "quarantine", "quarantined", "flag", "flags", "flagged", "warn", "warned", "warning",
     "escalate", "escalated", "fail", "failed", "fails", "failure", "error", "errors", "refused", "refusal",
     "breach", "breaches", "breached", "infringement", "infringes", "contravenes", "against", "unpublishable",
     "unapproved", "refuse", "withhold", "withheld", "disapprove", "disapproved", "veto", "vetoed", "nogo",
     "issue", "issues", "problem", "problems", "concern", "concerns", "inseguro", "insegura", "infracción",
     "infraccion", "infringe", "violación", "violacion", "viola", "dañino", "tóxico", "inapropiado", "prohibido",
     "eliminar", "eliminado", "bloquear", "bloqueado", "rechazar", "rechazado", "denegar", "retirar", "violação",
     "remover", "recusar", "rejeitar", "infraction", "enfreint", "nuisible", "haineux", "interdit", "supprimer",
     "supprimé", "bloquer", "bloqué", "retirer", "refuser", "rejeter", "interdire", "verstoss", "verstoß",
     "verstösst", "verstößt", "schädlich", "unzulässig", "verboten", "löschen", "gelöscht", "entfernen",
     "entfernt", "blockieren", "sperren", "ablehnen", "abgelehnt", "violazione", "rimuovere", "vietato",
     "нарушение", "нарушений", "нарушает", "запрещено", "удалить", "удалено", "заблокировать", "заблокировано",
     "отклонить", "отклонено", "небезопасно", "انتهاك", "مخالف", "حذف", "حظر", "رفض", "违规", "違規", "不合规",
     "不安全", "有害", "删除", "屏蔽", "封禁", "禁止", "拒绝", "违反", "違反", "不通过", "不允许",
     "不適切", "危険", "削除", "却下", "위반", "유해", "삭제",
     "차단", "거부")
)  # fmt: skip
ACTS = frozenset(
    ("review", "down", "report", "shadowban", "shadowbanned", "shadow", "soft", "mute", "muted", "downrank", "demote",
     "demoted", "deprioritize", "limit", "limited", "reduce", "gate", "strike", "lock", "locked", "demonetize",
     "redact", "redacted", "censor", "refer", "route", "forward", "queue", "contact", "come", "second", "closer",
     "look", "moderators", "mod", "mods", "reviewer", "reviewers", "filter", "filtered", "mask", "blur", "hold",
     "held", "pull", "purge", "expel", "kick", "timeout", "terminate", "termination", "deactivate", "revoke",
     "prevent", "stop", "unpublish", "unlist", "age", "geo", "temp", "temporary", "perma", "permanent",
     "permanently", "notify", "authorities", "interstitial")
)  # fmt: skip
"""Words of values alone ("needs review", "take down"), and of no class: a label may say "review" of a review."""
FOR = frozenset(
    ("safe", "ok", "okay", "allow", "allowed", "compliant", "acceptable", "appropriate", "benign", "harmless",
     "permit", "permitted", "approve", "approved", "accept", "accepted", "comply", "complies", "compliance", "clean",
     "fine", "pass", "meets", "publishable", "passes", "passed", "keep", "kept", "publish", "published", "publication",
     "stay", "go", "within",
     "seguro", "segura", "permitir", "permitido", "permitida", "aprobar", "aprobado", "publicar", "cumple", "conforme",
     "sûr", "autoriser", "autorisé", "autorisée", "publier", "unbedenklich", "sicher", "zulässig", "zulassen",
     "erlaubt", "konform", "veröffentlichen", "sicuro", "sicura", "consentito", "veilig", "toegestaan", "bezpieczne",
     "dozwolone", "güvenli", "uygun", "aman", "безопасно", "допустимо", "допускается", "разрешено", "آمن", "مقبول",
     "安全", "合规", "合規", "通过", "允许", "无害", "不违规", "没有问题", "无违规", "安全です", "問題なし", "違反なし",
     "許可", "안전", "허용")
)  # fmt: skip
NOT = frozenset(
    ("not", "non", "no", "none", "nothing", "never", "without", "false", "n/a", "n", "na", "null", "nil", "0", "zero",
     "neither", "isn't", "isnt", "doesn't", "doesnt", "don't", "shouldn't", "cannot", "can't", "won't", "mustn't",
     "sin", "ninguno", "ninguna", "aucun", "aucune", "pas", "kein", "keine", "nicht", "nenhum", "nenhuma", "sem",
     "nessuna", "não", "niet", "geen", "nie", "brak", "tidak", "không", "değil", "yok", "ليس", "غير", "لا", "нет", "не",
     "без", "无", "無", "否", "没有", "なし", "いいえ", "없음", "아니오")
)  # fmt: skip
YES = frozenset(("yes", "true", "sí", "oui", "ja", "sim", "evet", "tak", "да", "是", "نعم", "はい", "예"))
LEVELS = frozenset(("severity", "risk", "harm", "harms", "threat", "toxicity"))
"""What a severity is of, in keys and in values ("high risk")."""
HIGH = frozenset(("high", "critical", "severe", "extreme", "extremely", "serious"))
FILL = frozenset(
    ("this", "it", "that", "the", "a", "an", "any", "content", "text", "post", "comment", "message", "item", "account",
     "user", "is", "are", "was", "be", "been", "has", "have", "contains", "does", "do", "should", "must", "to",
     "needs", "needed", "necessary", "required", "can", "human", "manual", "take", "taken", "send", "likely",
     "clearly", "definitely", "very", "policy", "policies", "rule", "rules", "guideline", "guidelines", "sections",
     "ids", "terms", "community", "of", "in", "with", "for", "and", "or", "nor", "final", "overall", "model", "level",
     "suggested", "recommended", "proposed", "predicted", "primary", "main", "top", "type", "types", "count", "num",
     "total", "speech", "detected", "found", "matched", "triggered", "present", "score", "scores",
     "probability", "likelihood", "step", "steps", "moderator", "p", "prob", "política", "politica", "la", "el", "de",
     "se", "es", "ist", "le", "gegen", "die", "der", "richtlinien", "from", "up", "borderline", "mostly", "probably")
)  # fmt: skip
"""Words that say nothing by themselves, in keys and in values."""
_OBJECTS = frozenset(
    ("publishing", "posting", "submission", "listing", "ad", "thread", "tweet", "reply", "video",
     "image", "photo", "profile", "page", "visibility", "reach", "distribution", "users", "author", "days", "hours",
     "add", "label", "law", "legal", "thumbs", "place", "behind", "trust", "safety", "ncmec", "police", "publicación",
     "contenido", "contenu", "inhalt", "правил", "правила", "политику")
)  # fmt: skip
"""What is acted on, and by whom: it says nothing in a value; in a key it is what the field is about."""
_SILENT = NOT | YES | FILL | _OBJECTS | {"action", "actions", "enforcement", "moderation"}
_KNOWN = _SILENT | AGAINST | ACTS

_BAD_MARKS, _GOOD_MARKS = frozenset("❌✖✗✘🚫⛔🛑🔴👎"), frozenset("✅✔✓☑🟢👍")
"""What stands for a verdict in place of words."""
TICKS, CROSSES = frozenset("✅✔✓☑"), frozenset("❌✖✗✘")
_NO_GO = re.compile(r"\bno[-\s]?go\b", re.IGNORECASE)
_LENGTH = 200
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"\bn/a\b|[^\W_]+(?:'[^\W_]+)*")
PART = re.compile(r"\s[-–—]+\s|\.(?=\s|$)|[,:;!?()\[\]|\n—–，。：；！？、（）]+")
_REASON = re.compile(r"\s[-–—]+\s|[.:;(!\n—–]|\s(?:against|targeting|because|due to|directed at|towards?)\s")
_HANDS_ON = re.compile(
    r"\b(?:pass|send|refer|hand|forward|route)(?:ed|s)?\s(?:\w+\s){0,2}to\s(?:\w+\s){0,2}"
    r"(?:moderators?|moderation|humans?|person|reviewers?|mods?|review|queue|team|trust)\b",
    re.IGNORECASE,
)
"""An action that leaves it to somebody."""
_SHORTEST_STEM, _LONGEST_END = 4, 5
_VIOLATE = "violat"
_KINDS_OF_TEXT = frozenset(("speech", "content", "language", "material"))
_NUMBERED = re.compile(r"label[_ ]?([01])", re.IGNORECASE)
"""Names of classes that had none: of two, the second is the one that is looked for."""


def words_of(text: str) -> list[str]:
    """The words of a key or of a value's beginning, without case, marks and what joins them.

    >>> words_of("isNot_Safe"), words_of("❌ Doesn’t comply."), words_of("N/A")
    (['is', 'not', 'safe'], ["doesn't", 'comply'], ['n/a'])
    """
    return _WORD.findall(_CAMEL.sub(" ", text[:_LENGTH].replace("’", "'")).casefold())


def says(value: Any, context: ParseContext | None = None, *, is_opposite: bool = False) -> bool | None:
    """Whether a value says that something is violated; None unless it is a flag, a number or made of known words.

    Args:
        value: The value.
        context: Whose categories are words that say so.
        is_opposite: Whether a yes, a flag or a number says that nothing is violated, as those of "safe" do.

    >>> says("Violates the policy."), says("no violation found"), says("no - unsafe"), says("Flag of Norway")
    (True, False, True, None)
    """
    if isinstance(value, int | float):
        return (value > LIKELY) != is_opposite
    if not isinstance(value, str):
        return None
    said: bool | None = None
    bare: bool | None = None
    for part in PART.split(value[:_LENGTH]):
        words = words_of(part)
        is_denied = not NOT.isdisjoint(words)
        rest = frozenset(word for word in words if word not in _SILENT and not word.isdigit())
        is_good = bool(rest) and rest <= FOR
        if not is_denied and rest <= AGAINST | ACTS | FOR and _is_kept_from(words, rest):
            said = True  # "decline to publish", "fails to comply"
            continue
        is_code = context is not None and context.names.resolve(part.strip())
        if not (is_code or is_good or rest <= AGAINST | ACTS or is_category_in(words, _KNOWN, context)):
            return None
        if rest:
            said = bool(said) or is_good == is_denied
        elif said is not None and is_denied and (said or NOT.issuperset(words)):
            said = not said  # "violation: none", "safe: no"; but "safe - no issues"
        elif said is None and (is_denied or not YES.isdisjoint(words)):
            bare = is_denied == is_opposite
    return bare if said is None else said


def judges(value: Any, context: ParseContext | None = None) -> bool | None:
    """What a verdict, decision or action says: a flag, or known words, which a reason may follow.

    >>> judges("Unsafe: names a group"), judges("Block - not needed"), judges(1), judges(0.97)
    (True, False, True, None)
    """
    if value in (0, 1, "0", "1"):
        return bool(int(value))
    if not isinstance(value, str):
        return None
    if not words_of(value) and not (_BAD_MARKS | _GOOD_MARKS).isdisjoint(value):
        return not _BAD_MARKS.isdisjoint(value)
    if (numbered := _NUMBERED.fullmatch(value.strip())) or _HANDS_ON.search(value):
        return numbered[1] == "1" if numbered else NOT.isdisjoint(words_of(value)) or None
    value = _NO_GO.sub("nogo", value)
    said = says(value, context)
    head, *reason = _REASON.split(value[:_LENGTH], maxsplit=1)
    is_class = not frozenset(words_of(head)).isdisjoint(AGAINST | FOR) or is_category_in(words_of(head), FILL, context)
    if said is not None or not reason or not is_class:
        return said
    said = says(head, context)
    return None if said and not NOT.isdisjoint(words_of(reason[0])) else said


def _is_kept_from(words: Sequence[str], rest: frozenset[str]) -> bool:
    """Whether what permits stands behind a word that forbids it."""
    first = next((word for word in words if word in rest), "")
    return first not in FOR and not rest.isdisjoint(FOR)


NEUTRAL = frozenset(
    ("neutral", "normal", "regular", "ham", "sfw", "genuine", "accurate", "correct", "civil", "polite", "respectful",
     "positive", "negative", "false", "supportive", "educational", "satire", "sarcasm", "humor", "joke", "fiction",
     "opinion", "criticism", "commentary", "political", "counter", "quote", "news", "discussion", "question", "other",
     "mixed", "possible", "possibly", "maybe", "insufficient", "inconclusive", "unclear", "uncertain", "unsure",
     "undetermined", "borderline", "minor", "low", "medium", "unrelated", "irrelevant", "inapplicable", "tolerated",
     "tolerable", "good", "permissible", "legitimate", "unproblematic", "nontoxic", "monitor", "skip", "proceed",
     "continue", "ignore", "log", "educate", "retain", "leave", "noop", "op", "pass", "passthrough", "whitelist",
     "greenlight", "success", "done", "completed", "complete", "dismiss", "dismissed", "unchanged", "change",
     "mantener", "conserver", "garder", "laisser", "behalten", "belassen", "mantenere", "оставить", "保留", "放行",
     "通過", "問題ありません", "无需处理", "不处理", "対応不要", "유지")
)  # fmt: skip
"""Words of verdicts and actions that neither forbid nor permit."""


def is_unknown(value: Any) -> bool:
    """Whether a verdict or an action is a word or three of which none is known.

    >>> is_unknown("yeet"), is_unknown("monitor"), is_unknown("a joke between friends who know it")
    (True, False, False)
    """
    words = words_of(value) if isinstance(value, str) else []
    rest = frozenset(words) - FILL
    return bool(rest) and len(value.split()) <= 3 and (_KNOWN | FOR | LEVELS | HIGH | NEUTRAL).isdisjoint(rest)


def ticked(value: Any) -> Any:
    """A yes or a no that was given as a mark alone; anything else as it is.

    >>> ticked("✅"), ticked("✗"), ticked("✅ Safe")
    (True, False, '✅ Safe')
    """
    bare = value.strip().removesuffix("\ufe0f") if isinstance(value, str) else ""
    return bare in TICKS if bare in TICKS | CROSSES else value


def is_category_in(words: Sequence[str], known: frozenset[str], context: ParseContext | None) -> bool:
    """Whether all that is not known among the words is one category's name."""
    unknown = [at for at, word in enumerate(words) if word not in known]
    if context is None or not unknown:
        return False
    ends = range(unknown[-1] + 1, len(words) + 1)
    return any(context.names.resolve(" ".join(words[start:end])) for start in range(unknown[0] + 1) for end in ends)


def adjective_of(word: str, context: ParseContext) -> tuple[str, ...]:
    """Categories whose name a word is made of: "hateful" of ``hate`` and of ``hate_speech``, "violent" of ``violence``.

    >>> from harness.candidates.names import NameIndex
    >>> from harness.records import PromptHeader
    >>> asked = ParseContext(PromptHeader("p", "json"), NameIndex(("hate_speech", "violence", "self_harm")))
    >>> adjective_of("hateful", asked), adjective_of("violent", asked), adjective_of("harmful", asked)
    (('hate_speech',), ('violence',), ())
    """
    if len(word) < _SHORTEST_STEM or word.startswith(_VIOLATE):
        return ()
    found: dict[str, None] = {}
    for name in dict.fromkeys((*context.names.names, *context.categories)):
        words = [one for one in words_of(name) if one not in _KINDS_OF_TEXT]
        if len(words) == 1 and _is_made_of(word, words[0]):
            found.update(dict.fromkeys(context.names.resolve(name) or (name,)))
    return tuple(found)


def _is_made_of(word: str, name: str) -> bool:
    same = next(
        (at for at, (one, two) in enumerate(zip(word, name, strict=False)) if one != two), min(len(word), len(name))
    )
    return same >= max(_SHORTEST_STEM, len(name) - _LONGEST_END) and len(word) - same <= _LONGEST_END
