"""What all parsers do to an answer first: drop reasoning, fences and decoration; tell a refusal from an answer."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from harness.candidates.parsers.base import Token

_FINAL = "<|channel|>final<|message|>"
_SPOKEN_FINAL = "assistantfinal"
_SPECIAL = re.compile(r"<\|(?:return|end|im_end|eot_id|endoftext|end_of_text)\|>\s*\Z")
_THINK_OPEN = re.compile(r"\s*<(think|thinking|thought|reasoning)>")
_THINK_CLOSE = re.compile(r"</(?:think|thinking|thought|reasoning)>")
_STRUCTURED_START = ("{", "[", "`")
_FENCE = re.compile(r"\A\s*(?:```|~~~)[^\n`]*\n(.*?)\n?\s*(?:```|~~~)\s*\Z", re.DOTALL)
_PREFIX = re.compile(
    r"\A(?:(?:the|my|final)\s+)*(?:answer|verdict|decision|output|label|result|classification)(?:\s+is)?\s*[:=]\s*",
    re.IGNORECASE,
)
_WRAPPING = " \t\r\n*_`\"'“”‘’«»"

_REFUSAL = re.compile(
    r"""\A[\s*_"'“”>-]*(?:no[,.!]\s+)?(?:(?:unfortunately|regrettably)[,\s]+)?(?:
      (?:i\s*(?:'m|\s+am)\s+(?:really\s+|very\s+|so\s+|truly\s+|deeply\s+)?sorry|sorry\b|my\s+apologies|i\s+apologi[sz]e)
    | i\s+(?:really\s+)?(?:can(?:'t|\s*not)|won't|will\s+not|could\s*n(?:o|')t|must\s+decline
        |have\s+to\s+decline|decline|refuse|do\s+not\s+feel|don't\s+feel)\b
    | i\s*(?:'m|\s+am)\s+(?:not\s+(?:able|comfortable|allowed|permitted)|unable)\b
    | (?:as\s+an?\s+(?:ai|language\s+model|llm|assistant))\b
    | this\s+request\s+(?:violates|goes\s+against)\s+(?:my|our)\b
    | lo\s+siento|lo\s+lamento|disculpa|no\s+puedo\b|no\s+me\s+es\s+posible|como\s+(?:un\s+)?modelo\s+de\s+lenguaje
    | (?:je\s+suis\s+)?d[ée]sol[ée]e?\b|je\s+ne\s+(?:peux|suis|puis)\b|en\s+tant\s+qu(?:e\s+|')(?:ia|mod[èe]le)
    | es\s+tut\s+mir\s+leid|tut\s+mir\s+leid|entschuldig|leider\s+kann
    | ich\s+kann\s+(?:das|dir|ihnen|dabei|diese|darauf|nicht)
    | desculpe?\b|sinto\s+muito|lamento\b|n[ãa]o\s+(?:posso|consigo)\b
    | mi\s+dispiace|non\s+posso\b|het\s+spijt\s+me|sorry,?\s+maar|ik\s+kan\s+(?:niet|je|u|hier|dit)
    | przykro\s+mi|przepraszam|nie\s+mog[ęe]|üzgünüm|özür\s+dilerim|maaf\b|saya\s+tidak\s+(?:bisa|dapat)
    | извините|простите|к\s+сожалению|я\s+не\s+могу|вибачте|на\s+жаль
    | عذر|آسف|أعتذر|لا\s+أستطيع|لا\s+يمكنني|माफ़\s+कीजिए|क्षमा\s+करें|मैं\s+.{0,30}नहीं\s+कर\s+सकता
    | 抱歉|对不起|對不起|很抱歉|我无法|我無法|我不能|作为一个
    | 申し訳|すみません|ごめんなさい|죄송|미안하|도와드릴\s*수\s*없
    )""",
    re.IGNORECASE | re.VERBOSE,
)


def answer_start(text: str) -> int:
    """Where the answer begins: after a reasoning block or channel; the length of the text when there is no answer."""
    if _FINAL in text and text.lstrip().startswith("<|"):
        return text.rindex(_FINAL) + len(_FINAL)
    if text.lstrip().startswith("<|channel|>"):
        return len(text)
    if text.lstrip().startswith("analysis") and _SPOKEN_FINAL in text:
        return text.rindex(_SPOKEN_FINAL) + len(_SPOKEN_FINAL)
    opened = _THINK_OPEN.match(text)
    if opened:
        closed = _THINK_CLOSE.search(text, opened.end())
        return closed.end() if closed else len(text)
    if not text.lstrip().startswith(_STRUCTURED_START):  # some templates open the block inside the prompt
        ends = [found.end() for found in _THINK_CLOSE.finditer(text)]
        return ends[-1] if ends else 0
    return 0


def answer_text(text: str) -> str:
    """The answer without reasoning, special tokens at its end and surrounding space."""
    return _SPECIAL.sub("", text[answer_start(text) :]).strip()


def unfenced(text: str) -> str:
    """The inside of a code fence when the whole text is one."""
    found = _FENCE.match(text)
    return found[1].strip() if found else text


def plain(text: str) -> str:
    """A short answer without fence, emphasis, quotes and a leading 'Answer:'."""
    return _PREFIX.sub("", unfenced(text).strip(_WRAPPING)).strip(_WRAPPING)


def looks_like_refusal(text: str) -> bool:
    """Whether an answer begins the way refusals begin; asked only when no verdict could be read."""
    return _REFUSAL.match(answer_text(text)[:400].replace("’", "'")) is not None


def positive_share(tokens: Sequence[Token], positive: str, negative: str) -> float | None:
    """P(positive) / (P(positive) + P(negative)) at the token where the verdict was generated.

    Case, leading space and punctuation around the word are disregarded; None without log probabilities or when
    neither word was weighed there.
    """
    at, position = answer_start("".join(token.text for token in tokens)), 0
    for token in tokens:
        position += len(token.text)
        if position <= at or word_of(token.text) not in (positive, negative):
            continue
        if len(token.alternatives) == 1:  # the server weighed no alternative: what is left goes to the other word
            share = math.exp(min(token.alternatives[0][1], 0.0))
            return share if word_of(token.text) == positive else 1 - share
        shares = {positive: 0.0, negative: 0.0}
        for text, logprob in token.alternatives:
            if (word := word_of(text)) in shares and logprob <= 0:
                shares[word] += math.exp(logprob)
        total = shares[positive] + shares[negative]
        return shares[positive] / total if total > 0 else None
    return None


def verdict_token(tokens: Sequence[Token]) -> Token | None:
    """The first token of the answer that holds part of a word; None without log probabilities."""
    at, position = answer_start("".join(token.text for token in tokens)), 0
    for token in tokens:
        position += len(token.text)
        if position > at and word_of(token.text):
            return token
    return None


def word_of(text: str) -> str:
    """A token's word: without space, quotes, punctuation and case."""
    return text.strip(_WRAPPING + ".,:;!?()[]{}▁Ġ").casefold()
