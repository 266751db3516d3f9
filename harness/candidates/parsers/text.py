"""What all parsers do to an answer first: find where it stands behind reasoning and special tokens.

Decides which delimiters enclose reasoning (those of the families in use, and whatever models.yaml declares), and that
an answer ends where the model ended its turn. Nothing is rewritten: an answer is a part of the text, so that a place in
it is a place among the generated tokens.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from typing import NamedTuple

Delimiters = Sequence[tuple[str, str]]
"""Pairs that open and close reasoning."""

_FINAL = re.compile(r"<\|channel\|>final\s*(?:<\|constrain\|>\s*\w+\s*)?<\|message\|>")
_SPOKEN_FINAL = "assistantfinal"
_NAME = (
    r"(?:\w{1,20}:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|analysis|reflection|scratchpad|cot|longcat_think"
    r"|think_\w{1,12})"
)
_OPENERS = (
    rf"<{_NAME}>", r"\[THINK(?:ING)?\]", r"<\|begin_of_thought\|>", r"<\|START_THINKING\|>", r"◁think▷",
    r"<\|think(?:ing)?\|>", r"<unused94>", r"<\|?channel\|?>thought", r"Here is my thought process:",
)  # fmt: skip
_CLOSERS = (
    rf"</{_NAME}>", r"\[/THINK(?:ING)?\]", r"<\|end_of_thought\|>", r"<\|END_THINKING\|>", r"◁/think▷",
    r"<\|/think(?:ing)?\|>", r"<unused95>", r"<channel\|>", r"Here is my response:",
)  # fmt: skip
_END_TOKEN = (
    r"(?:<\|(?!channel\|>|message\|>|start\|>|think|/think|begin_of_thought|end_of_thought|START_|END_THINK)[^|<>\n]{1,40}\|>"
    r"|<｜[^｜<>\n]{1,40}｜>|</s>|<s>|<(?:eos|bos|pad|unk|EOT|eot|eod|end_of_turn|start_of_turn|end_of_text|im_end|im_start"
    r"|eot_id|endoftext|end_of_utterance|end_of_document|turn\|)>|\[/?INST\]|<EOD>|\[EOS\]|\[end of text\])"
)
_LAST_TOKEN, _LONGEST_TOKEN = re.compile(rf"{_END_TOKEN}\Z"), 60
_TURN_END = re.compile(_END_TOKEN)
_HEAD = re.compile(
    rf"(?:\s|{_END_TOKEN}(?:assistant|model|final)?(?:<\|end_header_id\|>|<\|message\|>)?|assistant\s*\n|<\|start\|>assistant)+"
)
_STRUCTURED_START = ("{", "[{", "[\n", "[]", "`", '"')
_JSON = json.JSONDecoder(strict=False)
_FENCE = re.compile(r"\A\s*(?:```|~~~)[^\n`]*\n(.*?)\n?\s*(?:```|~~~)\s*\Z", re.DOTALL)
_PREFIX = re.compile(
    r"\A(?:(?:the|my|final)\s+)*(?:answer|verdict|decision|output|label|result|classification)(?:\s+is)?\s*[:=]\s*",
    re.IGNORECASE,
)
_WRAPPING = " \t\r\n*_`\"'“”‘’«»"


class Part(NamedTuple):
    """An answer, and where in the text that came back it begins."""

    answer: str
    at: int


@functools.lru_cache(maxsize=64)
def _patterns(declared: tuple[tuple[str, str], ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    opens = "|".join((*(re.escape(opened) for opened, _ in declared), *_OPENERS))
    closes = "|".join((*(re.escape(closed) for _, closed in declared), *_CLOSERS))
    return re.compile(opens, re.IGNORECASE), re.compile(closes, re.IGNORECASE)


def answer_part(text: str, delimiters: Delimiters = ()) -> Part:
    """The answer: what stands behind the reasoning, before the end of the model's turn; empty where there is none."""
    at = _skip(text, _answer_start(text, delimiters))
    end = _answer_end(text, at)
    if not text.startswith(_STRUCTURED_START, at) and (ended := _TURN_END.search(text, at, end)):
        end = ended.start()
    return Part(text[at:end].rstrip(), at)


def _answer_end(text: str, at: int) -> int:
    """Where an answer ends before special tokens and white space, of which there may be thousands of lines."""
    end = len(text.rstrip())
    while found := _LAST_TOKEN.search(text, max(at, end - _LONGEST_TOKEN), end):
        end = len(text[: found.start()].rstrip())
    return max(at, end)


def _answer_start(text: str, delimiters: Delimiters) -> int:
    begun = text.lstrip()
    if begun.startswith("<|") and (finals := list(_FINAL.finditer(text))):
        return finals[-1].end()
    if begun.startswith("<|channel|>"):
        return len(text)
    if begun.startswith("analysis") and _SPOKEN_FINAL in text:
        return text.rindex(_SPOKEN_FINAL) + len(_SPOKEN_FINAL)
    opens, closes = _patterns(tuple((opened, closed) for opened, closed in delimiters))
    at = 0
    while opened := opens.match(text, _skip(text, at)):
        closed = closes.search(text, opened.end())
        if closed is None:
            return len(text)
        at = closed.end()
    rest = _skip(text, at)
    if text.startswith(_STRUCTURED_START, rest):
        whole = _structure_end(text, rest)
        behind = [] if whole is None else [found.end() for found in closes.finditer(text, whole)]
        return behind[-1] if behind and text[behind[-1] :].strip() else at
    ends = [found.end() for found in closes.finditer(text, at)]  # some templates open the block inside the prompt
    if ends:
        return ends[-1]
    return len(text) if opens.search(text, at) else at


def _structure_end(text: str, at: int) -> int | None:
    """Where a JSON value that begins here ends: a mark inside one of its strings closes no reasoning."""
    try:
        return _JSON.raw_decode(text, at)[1]
    except (ValueError, RecursionError):
        return None


def _skip(text: str, at: int) -> int:
    found = _HEAD.match(text, at)
    return found.end() if found else at


def answer_text(text: str, delimiters: Delimiters = ()) -> str:
    """The answer without reasoning, special tokens around it and surrounding space."""
    return answer_part(text, delimiters).answer


def no_answer(text: str) -> str:
    """Why there is nothing to read in a text without an answer."""
    return "there is no answer, only reasoning" if text.strip() else "the answer is empty"


def unfenced(text: str) -> str:
    """The inside of a code fence when the whole text is one."""
    found = _FENCE.match(text)
    return found[1].strip() if found else text


def plain(text: str) -> str:
    """A short answer without fence, emphasis, quotes and a leading 'Answer:'."""
    return _PREFIX.sub("", unfenced(text).strip(_WRAPPING)).strip(_WRAPPING)
