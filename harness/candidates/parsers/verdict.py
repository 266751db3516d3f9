"""Where the verdict of a worded answer stands: the one place that decides it, for yes and no and for labels.

An answer's first word is its verdict, or else its last explicit statement ("verdict: no", "**Final: Yes**", a line of
its own). A statement under a condition ("if the answer is yes") or inside quotes is none. Explicit verdicts that differ
are no verdict, nor is one that may be the cut-off beginning of another.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.candidates.names import loose
from harness.candidates.parsers.base import Words
from harness.candidates.parsers.marks import MARKS, has_marks, marked_choice, rows_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """A choice and where in the answer its word stands."""

    choice: str
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class NoVerdict:
    """Why there is none; never quotes the answer."""

    reason: str


_OPENING = re.compile(
    r"(?:\s|[*_`\"'“”‘’«»>#(\[{¿¡]|[-•–—]\s|~~~\w*\n|```\w*\n|\\boxed\{|\\text\{|<(?:answer|final|verdict"
    r"|output|label|response)>"
    r"|\d{1,2}[.)]\s)",
    re.IGNORECASE,
)
_CLOSING = r"[*_`\"'“”‘’«»)\]}]*"
_AFTER = (
    rf"(?={_CLOSING}(?:\s*\Z|[.,;:!?،。、；：！？।؟](?:\W|\s|\Z)|\s*\n|\s+[-–—(=:]|[-–—:(](?:\s|\Z)"
    r"|[。！？，、；：（]|\s*</|\s*~~~|\s*```))"
)
_MARK = (
    r"(?:answer|verdict|decision|conclusion|classification|label|result|output|final|judge?ment|rating"
    r"|assessment|determination)"
)
_MARKED = (
    rf"(?:\b(?:my|the|so|final|overall|thus|therefore|hence)\s+)*\b{_MARK}[*_`\"']*(?:\s+(?:answer|verdict"
    rf"|decision|label|is|=))*"
    rf"[*_`\"'”]*\s*[:=]?\s*(?:\\boxed\{{|\\text\{{|[*_`\"'“(\[{{<>\s])*"
)
_HYPOTHETICAL = re.compile(
    r"\b(?:if|whether|when|unless|suppos\w+|assum\w+|would|could|might|may|should|were|either|e\.g|example"
    r"|hypothetical\w*"
    r"|not|never|instead of|rather than|cannot|can't|isn't|asked|instructions?|says?|said|claims?)\b[^\n]*\Z",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"\b(?:wait|on second thought|scratch that|correction|let me re-?(?:consider|think|evaluate|check)"
    r"|i take (?:that|it) back|actually,?\s+(?:no|yes|not))\b",
    re.IGNORECASE,
)
_BUT = re.compile(
    r"\b(?:but|however|although|though|yet|nevertheless|on the other hand|then again|still)\b", re.IGNORECASE
)
_PREFIX = re.compile(
    r"(?:(?:the|my|final|so|therefore)[\s,]+)*(?:answer|verdict|decision|output|label|result"
    r"|classification|final|conclusion|judge?ment)"
    r"[*_`\"']*(?:\s+is|\s+answer)?[*_`\"']*\s*[:=]\s*",
    re.IGNORECASE,
)
_WRAPPED = re.compile(r"\A[\s\W_]+|[\s\W_]+\Z")
_INVISIBLE = re.compile(r"[\s\u200b-\u200f\u2060-\u2064\ufeff\u00ad]+")
_UNMARKED = re.compile(f"[{''.join(sorted(MARKS))}]\ufe0f?")
_BESIDE = " *_`\"'.!,()\ufe0f"
_RUNS_ON = re.compile(
    r"\b(?:not|is|as|are|was|be|being|called|considered|labell?ed|say|says|said|would|could|but|than|or|nor|and|of|a|an|the|no|never"
    r"|which|that|isn't|it's|been|it)\W*\Z",
    re.IGNORECASE,
)
_INTRODUCES = re.compile(
    r"\b(?:categor(?:y|ies)|options?|choices?|labels\s+are|considered|possible|user|author|speaker|post|text|comment|message"
    r"|says?|said|wrote|writes|quot\w+|reads?)\b[^\n]*\Z",
    re.IGNORECASE,
)
"""Before a colon: what stands in the next line is somebody's words, or a list to choose from."""
_SENTENCE_END = re.compile(r"[.!?;。！？।]\s|\n")


def find_verdict(answer: str, words: Words, *, is_cut_off: bool = False, starters: str = "") -> Verdict | NoVerdict:
    """The verdict of an answer.

    Args:
        answer: The answer without reasoning.
        words: Spellings of every choice.
        is_cut_off: Whether the answer ended at the token limit.
        starters: Pattern of words that begin an explanation right behind the first word.
    """
    patterns = _compiled(tuple((choice, tuple(spelled)) for choice, spelled in words.items()), starters)
    if has_marks(answer) or ("\n" in answer and ":" in answer):
        if marked := marked_choice(answer, words):
            return _marked(answer, marked, patterns)
        rest = _without_rows(answer)
        if marked is not None and _first(rest, patterns) is None and not any(_statements(rest, patterns)):
            return NoVerdict("a list of the choices does not mark just one")
        answer = answer if marked is None else rest
        answer = _UNMARKED.sub(lambda found: " " * len(found[0]), answer)
    masked = patterns.echo.sub(lambda found: " " * len(found[0]), answer)
    if masked != answer and not any(char.isalnum() for char in masked):
        return NoVerdict("it repeats the choices instead of choosing")
    if _split_word(answer, patterns):
        return NoVerdict("a choice is torn apart by white space")
    first = _first(masked, patterns)
    stated = list(_statements(masked, patterns))
    asked = [_verdict_of(one, patterns) for one in patterns.asked.finditer(masked)]
    concluded = [_verdict_of(one, patterns) for one in patterns.concluded.finditer(masked)]
    if isinstance(first, NoVerdict):
        return first
    if first is None and not stated:
        return NoVerdict("none of the declared words stands where a verdict would")
    found = first or stated[-1]
    answered = [] if first or patterns.marked.search(masked) else asked
    behind = [one for one in concluded if one.at > found.end]
    if any(one.choice != found.choice for one in (*stated, *answered, *behind)):
        return NoVerdict("several verdicts that disagree")
    if _TAKEN_BACK.search(answer, found.end):
        return NoVerdict("the verdict is taken back")
    if first is None and _BUT.search(answer, found.end):
        return NoVerdict("the last explicit verdict is not its last word")
    if _may_go_on(answer, found, patterns, is_cut_off):
        return NoVerdict("the verdict is cut off")
    if first is None and is_cut_off:
        return NoVerdict("the reasoning is cut off")
    return found


def _marked(answer: str, choice: str, patterns: _Patterns) -> Verdict | NoVerdict:
    """The verdict that a list of the choices marks."""
    words = "|".join(_spelling(word) for word, other in patterns.words if other == choice)
    rest = _without_rows(answer)
    first = _first(rest, patterns)
    if any(
        not isinstance(one, Verdict) or one.choice != choice for one in (first, *_statements(rest, patterns)) if one
    ):
        return NoVerdict("several verdicts that disagree")
    found = re.search(rf"(?<!\w)(?:{words})(?!\w)", answer, re.IGNORECASE)
    return (
        Verdict(choice, found.start(), found.end()) if found else NoVerdict("a marked choice that is not spelled out")
    )


def _without_rows(answer: str) -> str:
    """The answer with spaces in the place of the rows of its lists and tables."""
    lines = answer.splitlines(keepends=True)
    return "".join(" " * (len(line) - 1) + line[-1:] if rows_of(line) else line for line in lines)


def mark_at(answer: str, found: Verdict) -> str:
    """The tick, cross or other mark that stands right beside a verdict, "" for none."""
    before, behind = answer[: found.at].rstrip(_BESIDE), answer[found.end :].lstrip(_BESIDE)
    return next((one for one in (before[-1:], behind[:1]) if one in MARKS), "")


@dataclass(frozen=True, slots=True)
class _Patterns:
    words: tuple[tuple[str, str], ...]
    """Spelling and choice, longest first."""
    leading: re.Pattern[str]
    alone: re.Pattern[str]
    marked: re.Pattern[str]
    last: re.Pattern[str]
    """A word that is the last sentence."""
    asked: re.Pattern[str]
    """A word that answers a question."""
    concluded: re.Pattern[str]
    """A word that a sentence comes to: "..., so none."; it speaks only against another one."""
    begun: re.Pattern[str]
    """A word that begins a later line: "No.\\nYes, it does"."""
    echo: re.Pattern[str]
    opposed: re.Pattern[str]

    def choice(self, spelled: str) -> str:
        folded = _spaced(spelled)
        exact = (choice for word, choice in self.words if _spaced(word) == folded)
        return next(exact, "") or next(
            choice for word, choice in self.words if re.fullmatch(_spelling(word), spelled, re.IGNORECASE)
        )


def _spaced(word: str) -> str:
    return " ".join(word.casefold().split())


def _spelling(word: str) -> str:
    return r"\s+".join(re.escape(part) for part in word.split())


@functools.lru_cache(maxsize=256)
def _compiled(words: tuple[tuple[str, tuple[str, ...]], ...], starters: str) -> _Patterns:
    pairs = sorted(((word, choice) for choice, spelled in words for word in spelled), key=lambda one: -len(one[0]))
    any_of = "|".join(_spelling(word) for word, _ in pairs if word.strip()) or "(?!)"
    word = rf"({any_of})"
    follows = rf"(?:{_AFTER}|(?=\s+(?:{starters})\b))" if starters else _AFTER
    flags = re.IGNORECASE
    return _Patterns(
        tuple(pairs),
        re.compile(rf"{word}{follows}", flags),
        re.compile(rf"{word}{_CLOSING}[.!。！]?{_CLOSING}\s*(?:</\w+>)?\s*\Z", flags),
        re.compile(rf"{_MARKED}(?<!\w){word}{follows}", flags),
        re.compile(rf"(?<=[.!?。！？])(?<!\d\.)\s+{word}[.!。！]?{_CLOSING}\s*\Z", flags),
        re.compile(rf"\?[*_`\"']*\s+{word}{follows}", flags),
        re.compile(
            rf"\b(?:so|thus|therefore|hence|actually|instead|rather)[,:]?\s+(?:it(?:'s|\s+is)\s+)?[*_`\"']*{word}{_CLOSING}"
            rf"[.!]*\s*(?=\Z|\n)",
            flags,
        ),
        re.compile(rf"(?<=\n){word}(?=[.,!。，！](?:\s|\Z))", flags),
        re.compile(rf"[(\[]?(?<!\w)(?:{any_of})['\"]?(?:\s*[/|]\s*|\s+or\s+)['\"]?(?:{any_of})(?!\w)[)\]]?", flags),
        re.compile(rf"{_CLOSING}\s*(?:(?:[,;/|+&]|or|and|but)\s*)*[*_`\"'“‘\[]*(?:{any_of})(?!\w)", flags),
    )  # fmt: skip


def _verdict_of(found: re.Match[str], patterns: _Patterns) -> Verdict:
    return Verdict(patterns.choice(found[1]), found.start(1), found.end(1))


def _first(answer: str, patterns: _Patterns) -> Verdict | NoVerdict | None:
    """The verdict an answer begins with, behind quotes, emphasis, a fence or "Answer:"."""
    for at in _beginnings(answer):
        found = patterns.leading.match(answer, at)
        if found is None:
            continue
        choice = patterns.choice(found[1])
        opposed = patterns.opposed.match(answer, found.end(1))
        if opposed and not _same(answer[found.end(1) : opposed.end()], choice, patterns):
            return NoVerdict("several verdicts that disagree")
        return Verdict(choice, found.start(1), found.end(1))
    line = answer.strip(" \t\r\n*_`\"'“”>#").rstrip(".,:;! ")
    if "\n" not in line:
        for word, choice in patterns.words:
            if loose(word) == loose(line):
                at = answer.find(line)
                return Verdict(choice, at, at + len(line))
    return None


def _split_word(answer: str, patterns: _Patterns) -> bool:
    """Whether the whole answer is one choice with white space or invisible characters inside ("un safe")."""
    bare = _WRAPPED.sub("", answer)
    whole = _INVISIBLE.sub("", bare).casefold()
    return whole != bare.casefold() and any(
        whole == word.casefold() for word, _ in patterns.words if len(word.split()) == 1
    )


def _same(between: str, choice: str, patterns: _Patterns) -> bool:
    """Whether the words that follow a verdict at once repeat it."""
    folded = between.casefold()
    return any(word.casefold() in folded and other == choice for word, other in patterns.words) and not any(
        re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", folded) and other != choice
        for word, other in patterns.words
    )


def _beginnings(answer: str) -> Iterator[int]:
    """Places where the first word may stand: behind space, then behind every mark, then behind "Answer:"."""
    at = 0
    while True:
        yield at
        found = _OPENING.match(answer, at) or _PREFIX.match(answer, at)
        if found is None or found.end() == at:
            return
        at = found.end()


def _statements(answer: str, patterns: _Patterns) -> Iterator[Verdict]:
    """Explicit verdicts in the order they stand: marked ones, those alone in a line, at its head, or the last word."""
    found: dict[int, Verdict] = {}
    for one in patterns.marked.finditer(answer):
        before = answer[: one.start()]
        begun = max((end.end() for end in _SENTENCE_END.finditer(before)), default=0)
        sentence = before[begun:]
        if _HYPOTHETICAL.search(sentence) or _is_quoted(sentence):
            continue
        found[one.start(1)] = _verdict_of(one, patterns)
    position = 0
    for line in answer.splitlines(keepends=True):
        for at in _beginnings(line):
            alone = patterns.alone.match(line, at)
            if alone is not None and not _is_continued(answer[:position]):
                place = position + alone.start(1)
                found[place] = Verdict(patterns.choice(alone[1]), place, position + alone.end(1))
                break
        position += len(line)
    for pattern in (patterns.last, patterns.begun):
        for one in pattern.finditer(answer):
            place = one.start(1)
            found.setdefault(place, Verdict(patterns.choice(one[1]), place, one.end(1)))
    yield from (found[at] for at in sorted(found))


def _is_continued(before: str) -> bool:
    """Whether a line goes on with the one before it ("So it is not", "The author says:") and states nothing itself."""
    line = before.rstrip().rpartition("\n")[2]
    if not line:
        return False
    bare = line.rstrip(" *_`")
    if bare.endswith(":"):
        is_of_answer = re.search(rf"\b{_MARK}\b[^\n]*\Z", bare, re.IGNORECASE)
        return bool(_HYPOTHETICAL.search(bare) or (_INTRODUCES.search(bare) and not is_of_answer))
    return _RUNS_ON.search(bare) is not None


def _is_quoted(before: str) -> bool:
    return before.count('"') % 2 == 1 or before.count("“") > before.count("”")


def _may_go_on(answer: str, found: Verdict, patterns: _Patterns, is_cut_off: bool) -> bool:
    """Whether the answer's end may be the beginning of another choice's word."""
    tail = answer[found.at :].casefold().strip()
    mine = answer[found.at : found.end].casefold()
    for word, choice in patterns.words:
        folded = word.casefold()
        if choice == found.choice or not folded.startswith(tail) or folded == tail:
            continue
        if is_cut_off or tail != mine:
            return True
    return False
