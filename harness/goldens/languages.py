"""The language of texts against the one their slice says, by lingua (extra ``language``).

Decides when a text contradicts its slice: it is long enough to tell, and another language of the set, or English, is
found with a confidence of at least ``SURE``. Mixed and borrowed words are usual in comments, so a text is only named,
for somebody to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import HarnessError

SURE = 0.9
MIN_CHARS = 40
SLICES = ("language", "lang", "locale")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A text whose language is not its slice's."""

    item: str
    said: str
    found: str


def mismatches(items: Iterable[tuple[str, str, str]], said: Sequence[str]) -> list[Mismatch]:
    """Texts that are in another language than their slice says.

    Args:
        items: Id, text and the slice's value of each item.
        said: All values of the slice: ISO 639-1 codes, also with a region, as in ``pt-BR``.

    Raises:
        HarnessError: The extra is not installed, or no value is a language code.
    """
    try:
        from lingua import IsoCode639_1, LanguageDetectorBuilder
    except ImportError:
        raise HarnessError(
            "languages are found by a package that is not installed",
            allowed="the extra 'language'",
            next_step="pip install 'moderation-harness[language]', or leave out --languages",
        ) from None
    codes = {value: code for value in said if (code := _code(value, IsoCode639_1)) is not None}
    if not codes:
        raise HarnessError(
            f"no value of the slice is a language code: {', '.join(said[:6])}",
            allowed="ISO 639-1 codes such as de, en, pt-BR",
            next_step="write codes in the items, or leave out --languages",
        )
    wanted = list(dict.fromkeys([*codes.values(), IsoCode639_1.EN]))
    if len(wanted) < 2:
        wanted.append(IsoCode639_1.ES)
    detector = LanguageDetectorBuilder.from_iso_codes_639_1(*wanted).build()
    found = []
    for item_id, text, value in items:
        if value not in codes or len(text) < MIN_CHARS:
            continue
        best = detector.compute_language_confidence_values(text)[0]
        if best.value >= SURE and best.language.iso_code_639_1 != codes[value]:
            found.append(Mismatch(item_id, value, best.language.iso_code_639_1.name.lower()))
    return found


def _code(value: str, codes: Any) -> Any:
    return getattr(codes, value.replace("_", "-").split("-")[0].upper(), None)
