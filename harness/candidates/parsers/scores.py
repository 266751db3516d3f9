"""Scores from log probabilities, read at the very token where the verdict stands.

Decides which token that is and what its alternatives weigh. A word may be several tokens (``un`` + ``safe``) and may
share its beginning with another: then the token where they part decides. Where the tokens do not fit the text, or no
log probability was given, there is no score: nothing known is not 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.candidates.parsers.base import ParseContext, Token, Words

SLACK = 1e-3
"""Servers round: a log probability may be so much above 0."""
_PIECES = {"▁": " ", "Ġ": " ", "Ċ": "\n", "ĉ": "\t"}
_AROUND = " \t\r\n*_`\"'“”‘’«».,:;!?()[]{}<>|=#-–—"


def shares_at(
    tokens: Sequence[Token], text: str, at: int, words: Words, *, least_known: float = 0.0
) -> dict[str, float]:
    """Probability of every choice where the verdict stands, over all choices; empty where that cannot be told.

    Args:
        tokens: Generated tokens with alternatives.
        text: The answer as it came back, reasoning included.
        at: Where in it the verdict's word begins.
        words: Spellings of every choice.
        least_known: Least probability that must lie on the choices.
    """
    found = _token_at(tokens, text, at)
    if found is None:
        return {}
    spellings = {choice: tuple(_folded(word) for word in spelled if word) for choice, spelled in words.items()}
    shares = dict.fromkeys(words, 0.0)
    begun, remaining, number = "", 1.0, found
    while number < len(tokens):
        token = tokens[number]
        if not token.alternatives or any(logprob > SLACK or logprob != logprob for _, logprob in token.alternatives):
            return {}
        said = _joined(begun, token.text)
        open_choices = _compatible(said, spellings)
        if not open_choices and begun == "":
            return {}
        here = _weigh(token, begun, spellings, shares, remaining, None if len(open_choices) > 1 else said)
        if len(open_choices) <= 1:
            break
        begun, remaining, number = said, remaining * here, number + 1
    else:
        exact = [choice for choice, spelled in spellings.items() if begun in spelled]
        if len(exact) == 1:
            shares[exact[0]] += remaining
    total = sum(shares.values())
    if len(tokens[found].alternatives) == 1 and len(words) != 2:
        return {}
    if total <= 0 or total < least_known:
        return {}
    return {choice: share / total for choice, share in shares.items()}


def score_at(context: ParseContext, text: str, at: int, words: Words, choice: str) -> dict[str, float]:
    """The score of the one category asked about: the share of a choice at the verdict; empty where unknown."""
    shares = shares_at(context.tokens, text, at, words) if context.only is not None else {}
    return {context.categories[0]: shares[choice]} if shares else {}


def _weigh(
    token: Token,
    begun: str,
    spellings: Words,
    shares: dict[str, float],
    remaining: float,
    decided: str | None,
) -> float:
    """Add what a token's alternatives weigh; return the weight that goes on undecided, as the generated token does."""
    words = {_joined(begun, text) for text, _ in token.alternatives}
    undecided = 0.0
    for text, logprob in token.alternatives:
        word = _joined(begun, text)
        weight = math.exp(min(logprob, 0.0))
        choices = _compatible(word, spellings)
        if decided is None and len(choices) > 1 and word == _joined(begun, token.text):
            undecided += weight
            continue
        choice = choices[0] if len(choices) == 1 else _begun_by(word, choices, spellings, words)
        if choice is not None:
            shares[choice] += remaining * weight
    if len(token.alternatives) == 1 and len(shares) == 2 and decided is not None:
        (mine,) = _compatible(decided, spellings) or (None,)
        other = next((choice for choice in shares if choice != mine), None)
        if mine is not None and other is not None:  # nothing else was weighed: what is left goes to the other word
            shares[other] += remaining * (1.0 - math.exp(min(token.alternatives[0][1], 0.0)))
    return undecided


def _compatible(word: str, spellings: Words) -> list[str]:
    """Choices that a word begins, or is."""
    if not word:
        return []
    return [
        choice
        for choice, spelled in spellings.items()
        if any(
            one.startswith(word) or (word.startswith(one) and not word[len(one)].isalnum())
            for one in spelled
            if len(one) != len(word) or one == word
        )
    ]


def _begun_by(word: str, choices: Sequence[str], spellings: Words, words: set[str]) -> str | None:
    """Of several choices a token begins, the one that no longer token of the same list begins."""
    longer = {other for other in words if len(other) > len(word) and other.startswith(word)}
    left = [
        choice for choice in choices if not any(one.startswith(other) for one in spellings[choice] for other in longer)
    ]
    return left[0] if len(left) == 1 else None


def _token_at(tokens: Sequence[Token], text: str, at: int) -> int | None:
    """Number of the token that holds a place of the text; None where the tokens do not spell the text."""
    pieces = [token.text for token in tokens]
    joined = "".join(pieces)
    shift = _shift(joined, text)
    if shift is None and any(mark in joined for mark in _PIECES):
        pieces = ["".join(_PIECES.get(char, char) for char in piece) for piece in pieces]
        shift = _shift("".join(pieces), text)
    if shift is None:
        return None
    place, position = at + shift, 0
    for number, piece in enumerate(pieces):
        position += len(piece)
        if position > place:
            return number
    return None


def _shift(joined: str, text: str) -> int | None:
    """How far the text stands to the right among the tokens, which may hold reasoning that was taken out of it."""
    bare = text.strip()
    lead = len(text) - len(text.lstrip())
    found = joined.rfind(bare) if bare else -1
    if found < 0 and joined.strip() and bare.startswith(joined.strip()):  # weighed at the beginning only
        found = len(joined) - len(joined.lstrip())
    return None if found < 0 else found - lead


def _joined(begun: str, text: str) -> str:
    """A word that goes on with a token; around a word's beginning space, quotes and marks are disregarded."""
    for mark, plain in _PIECES.items():
        text = text.replace(mark, plain)
    if begun:
        return _folded((begun + text).rstrip(_AROUND) or begun)
    return _folded(text.strip(_AROUND) if text.strip(_AROUND) else "")


def _folded(text: str) -> str:
    return text.casefold().strip()
