"""Text -> the forms in which rules look for words.

Decides what each normalisation step does. The same steps run over the words of rules, so that both meet in one form; a
rule set lists the steps it wants, and ``harness rules test`` says what each of them adds. All steps take linear time.

* ``strip_zero_width``: zero-width and bidirectional controls, soft hyphens, variation selectors and blank letters go.
* ``nfkc``: compatibility forms (full width, ligatures, mathematical letters) become plain ones.
* ``confusables``: look-alike letters of other scripts are folded in words that mix scripts ("sсаm" with Cyrillic с, а),
  and small capitals become letters; a word of one script stays. A word that could be either is read as both.
* ``casefold``: case is disregarded; "ß" is "ss", Turkish "İ" is "i". Where a rule set has words with the dotless "ı",
  a text with "I" is read a second time with "ı" for it, so that "SATIŞ" is "satış".
* ``arabic_marks``: vowel marks and tatweel of Arabic and points of Hebrew go.
* ``strip_diacritics``: accents of Latin, Greek and Cyrillic letters go, and what ``arabic_marks`` strips; marks of
  other scripts are letters and stay.
* ``join_spaced_letters``: three or more single letters (digits too, after a letter) with one space or mark between them
  are one word ("k i l l", "k.1.l.l").
* ``leetspeak``: digits and ``@ $ ! |`` become the letters they look like, in runs that hold a letter. ``@`` at the
  beginning is a mention, ``!`` at the end is a mark: both stay.
* ``masked_letters``: a word with ``* # % @ $ & _ •`` or another asterisk between its letters, two letters or more left
  ("f*ck", "f**k"), is read as the words of the rule set that fit it, letter for letter. Signs that ``leetspeak`` reads
  as letters ("f@ck") are read in both ways.
* ``collapse_repeats``: a letter three times or more is read as two and, in a further form, as one
  ("killlll" as "kill" and "kil", "fuuuck" as "fuuck" and "fuck").

Steps always run in this order, however the rule set lists them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from harness.candidates.confusables import fold_confusables
from harness.records import NormalisationStep

MAX_MARKS = 30
"""Longest run of combining marks kept, Unicode's stream-safe limit: ordering longer ones takes quadratic time."""

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""What is not seen, wherever it stands; ``goldens.hygiene`` decides where a script or an emoji needs it."""
_ACCENTS = re.compile(
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20e2\u20e4-\u20ff\ufe20-\ufe2f]|(?<![0-9#*\ufe0f])\u20e3"
)
"""Not the mark that makes a keycap of a digit: a rule for the keycap is not one for the digit."""
_MARKS = re.compile(
    "[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u0652\u0657-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed]"
)
"""Vowel marks and tatweel; the hamza and madda that make other letters of theirs are not among them."""
_UNDECOMPOSED = str.maketrans(
    {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ħ": "h", "ŧ": "t", "ı": "i"}
)
_LEET = str.maketrans("0134578@$!|", "oieastbasii")
_LEET_RUN = re.compile(r"[a-z0-9$|][a-z0-9@$!|]*", re.IGNORECASE)
_LEET_SIGN = re.compile(r"[0134578@$!|]")
"""A text without any is left as it is, without a look at each of its words."""
_LETTER = re.compile("[a-z]", re.IGNORECASE)
_REPEATS = re.compile(r"([^\W\d_])\1{2,}")
_SPACED = re.compile(r"(?<![^\W_])[^\W\d_](?:[ .\-_*][^\W_]){2,}(?![^\W_])")
_BETWEEN = re.compile(r"[ .\-_*]")
_ALONE = re.compile(r"[ .\-_*][^\W_][ .\-_*]")
"""What stands in every row of spaced letters, and is looked for faster."""
MOST_LETTERS = 64
MASKS = "*#%@$&_\u2022\u066d\u204e\u2217\u2731"
_MASKED = re.compile(rf"[^\W\d_][\w{re.escape(MASKS)}]*")
_MASK = re.compile(f"[{re.escape(MASKS)}]")
_LEET_MASK = re.compile(r"[^\W\d_][@$]+[^\W\d_]")
"""A mask that the step before would read as a letter."""
_LETTERS = re.compile(r"[^\W\d_]+")
_TURKISH = re.compile("[\u0130\u0131\u011e\u011f\u015e\u015f]")


def _nfkc(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", _with_few_marks(text))


def _strip_diacritics(text: str) -> str:
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", _with_few_marks(text).translate(_UNDECOMPOSED))
    return unicodedata.normalize("NFC", _MARKS.sub("", _ACCENTS.sub("", apart)))


def _arabic_marks(text: str) -> str:
    return text if text.isascii() else _MARKS.sub("", text)


def _casefold(text: str) -> str:
    """Case folded, with Turkish "\u0130" as "i": its full folding keeps a dot that no keyboard types."""
    return text.casefold() if text.isascii() else text.replace("\u0130", "i").casefold().replace("i\u0307", "i")


def _with_few_marks(text: str) -> str:
    """The text with runs of combining marks cut to the length that can be put in order quickly."""
    if len(text) <= 1_000:
        return text
    kept: list[str] = []
    run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        if run <= MAX_MARKS:
            kept.append(character)
    return "".join(kept)


def _leet_run(found: re.Match[str]) -> str:
    run = found[0]
    if not _LETTER.search(run):
        return run
    core = run.rstrip("!|")
    return core.translate(_LEET) + run[len(core) :]


def _leetspeak(text: str) -> str:
    if not _LEET_SIGN.search(text):
        return text
    return _LEET_RUN.sub(_leet_run, text)


def _collapse_repeats(text: str) -> str:
    return _REPEATS.sub(r"\1\1", text)


def _has_repeats(text: str) -> bool:
    """Whether a letter stands three times in a row; few different ones are each looked for, which is faster."""
    letters = set(text)
    if len(letters) <= MOST_LETTERS and not any(3 * one in text for one in letters):
        return False
    return _REPEATS.search(text) is not None


def _join_spaced_letters(text: str) -> str:
    if not _ALONE.search(text):
        return text
    return _SPACED.sub(lambda found: _BETWEEN.sub("", found[0]), text)


STEPS: dict[NormalisationStep, Callable[[str], str]] = {
    "strip_zero_width": lambda text: text if text.isascii() else INVISIBLE.sub("", text),
    "nfkc": _nfkc,
    "confusables": fold_confusables,
    "casefold": _casefold,
    "arabic_marks": _arabic_marks,
    "strip_diacritics": _strip_diacritics,
    "join_spaced_letters": _join_spaced_letters,
    "leetspeak": _leetspeak,
    "masked_letters": lambda text: text,
    "collapse_repeats": _collapse_repeats,
}
"""In the order in which they run; ``masked_letters`` needs the words of the rules and is done by ``Forms``."""
_OF_ASCII: frozenset[NormalisationStep] = frozenset(
    {"casefold", "join_spaced_letters", "leetspeak", "collapse_repeats"}
)
"""Steps that can change a text of ASCII alone; what they make of it is ASCII too."""


def normalise(text: str, steps: Collection[NormalisationStep]) -> str:
    """The text after the steps.

    >>> normalise("Ｋ 1 ＬＬ", ["leetspeak", "casefold", "nfkc"])
    'k 1 ll'
    >>> normalise("Ｋ1ＬＬ", ["leetspeak", "casefold", "nfkc"])
    'kill'
    """
    for name, step in STEPS.items():
        if name in steps:
            text = step(text)
    return text


def _both(text: str) -> list[str]:
    """A text whose mixed words are Latin, and one where they are the other script, when the two differ."""
    latin = fold_confusables(text)
    return [text] if latin == text else list(dict.fromkeys([latin, fold_confusables(text, to_latin=False)]))


def _repeats(text: str) -> list[str]:
    return [_collapse_repeats(text), _REPEATS.sub(r"\1", text)] if _has_repeats(text) else [text]


_READINGS: Mapping[NormalisationStep, Callable[[str], list[str]]] = {"confusables": _both, "collapse_repeats": _repeats}
"""Steps that may leave more than one reading of a text."""


class Forms:
    """The forms of texts for one rule set.

    Args:
        words: Words of its rules as they are written; masked letters and the dotless i are read by them.
    """

    def __init__(self, steps: Collection[NormalisationStep], words: Iterable[str] = ()) -> None:
        self._steps = [name for name in STEPS if name in steps and name != "masked_letters"]
        self._plan = [(name, STEPS[name], _READINGS.get(name)) for name in self._steps]
        self._ascii_plan = [one for one in self._plan if one[0] in _OF_ASCII]
        known = {token for word in words for form in self.word(word) for token in _LETTERS.findall(form)}
        self._has_dotless = "casefold" in steps and any("\u0131" in token for token in known)
        self._by_mask: dict[tuple[int, str], list[str]] = {}
        if "masked_letters" in steps:
            for token in sorted(known):
                self._by_mask.setdefault((len(token), token[0]), []).append(token)

    def of(self, text: str) -> tuple[str, ...]:
        """The forms of a text: one, and others where a step leaves more than one reading."""
        found = self._written(text)
        if self._by_mask:
            masked = found
            if "leetspeak" in self._steps and ("@" in text or "$" in text) and _LEET_MASK.search(text):
                masked = [*found, *self._read(text, without="leetspeak")]
            found = found + [read for one in masked for read in self._unmasked(one)]
        return tuple(found) if len(found) == 1 else tuple(dict.fromkeys(found))

    def word(self, text: str) -> tuple[str, ...]:
        """The forms of a rule's word: that of a text, and for capitals of Turkish also with the dotless i."""
        found = self._read(text)
        if "casefold" in self._steps and "I" in text and _TURKISH.search(text):
            found += self._read(text.replace("I", "\u0131"))
        return tuple(dict.fromkeys(found[:1] + [one for one in found[1:] if "\u0131" in one]))

    def _written(self, text: str) -> list[str]:
        found = self._read(text)
        if self._has_dotless and "I" in text:
            found += self._read(text.replace("I", "\u0131"))
        return found

    def _read(self, text: str, *, without: NormalisationStep | None = None) -> list[str]:
        found = [text]
        for name, step, readings in self._ascii_plan if text.isascii() else self._plan:
            if name == without:
                continue
            if len(found) == 1:
                found = [step(found[0])] if readings is None else readings(found[0])
            elif readings is None:
                found = [step(one) for one in found]
            else:
                found = [one for each in found for one in readings(each)]
        return found if len(found) == 1 else list(dict.fromkeys(found))

    def _unmasked(self, text: str) -> list[str]:
        """The text with masked words read as the rule set's words: so many readings as the most open of them has."""
        if not _MASK.search(text):
            return []
        fitting: dict[str, list[str]] = {}
        for token in set(_MASKED.findall(text)):
            if fits := self._fitting(token):
                fitting[token] = fits
        most = max(map(len, fitting.values()), default=0)
        return [_MASKED.sub(_Reading(fitting, at).of, text) for at in range(most)]

    def _fitting(self, token: str) -> list[str]:
        is_mask = [one in MASKS for one in token]
        if not any(is_mask) or is_mask[0] or is_mask[-1] or len(token) - sum(is_mask) < 2:
            return []
        return [
            word
            for word in self._by_mask.get((len(token), token[0]), ())
            if all(hidden or one == letter for hidden, one, letter in zip(is_mask, token, word, strict=True))
        ]


class _Reading:
    """One reading of every masked word of a text."""

    def __init__(self, fitting: Mapping[str, Sequence[str]], at: int) -> None:
        self._fitting = fitting
        self._at = at

    def of(self, found: re.Match[str]) -> str:
        """The word that a masked one is read as."""
        fits = self._fitting.get(found[0])
        return fits[self._at % len(fits)] if fits else found[0]
