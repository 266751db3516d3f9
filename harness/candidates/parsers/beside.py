"""What stands beside a verdict in the same answer: prose, fields, lists and tables, or other fields of its object.

Decides whether any of it speaks against the verdict; such an answer is none. The reasons never quote the answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from harness.candidates.parsers.base import ParseContext, Parsed, unparsed
from harness.candidates.parsers.contrary import against_nothing, denied
from harness.candidates.parsers.denials import clears
from harness.candidates.parsers.marks import Row, fields_in, has_marks, rows_of
from harness.candidates.parsers.prose import states
from harness.candidates.parsers.refusals import declines
from harness.candidates.parsers.words import FILL, NOT, adjective_of, words_of


def against(
    flagged: Collection[str],
    texts: Iterable[str],
    context: ParseContext,
    *,
    objects: Sequence[Any] = (),
    skipped: Collection[str] = (),
) -> str | None:
    """Why a verdict does not hold beside what else an answer says; None where nothing speaks against it.

    Args:
        flagged: What the verdict flags; nothing for "not violating".
        texts: Prose of the answer without its verdict.
        context: What was asked.
        objects: Objects of the answer, whole.
        skipped: Fields of them that the format itself reads.

    >>> from harness.candidates.names import NameIndex
    >>> from harness.records import PromptHeader
    >>> asked = ParseContext(PromptHeader("p", "json"), NameIndex(("hate", "spam")))
    >>> against(["hate"], ["Not hateful."], asked)
    'something is flagged, and prose beside it says that nothing is violated'
    """
    said = [text for text in texts if text and not text.isspace()]
    fields = [found for text in said if (found := fields_in(text))]
    if flagged:
        reason = _against_flags(flagged, said, [*fields, *_own(objects, skipped)], context)
    else:
        reason = _against_nothing(said, [*objects, *fields], context, skipped)
    if reason is None and any(marks_against(rows_of(text), flagged, context) for text in said if _may_have_rows(text)):
        return "a list or a table beside the verdict says something else"
    return reason


def unless_denied(
    parsed: Parsed,
    texts: Iterable[str],
    context: ParseContext,
    *,
    objects: Sequence[Any] = (),
    skipped: Collection[str] = (),
) -> Parsed:
    """A verdict that was read, unless what stands beside it speaks against it."""
    if parsed.outcome != "ok":
        return parsed
    flagged = [category for category, decision in parsed.decisions.items() if decision]
    reason = against(flagged, texts, context, objects=objects, skipped=skipped)
    return parsed if reason is None else unparsed(reason)


def _own(objects: Sequence[Any], skipped: Collection[str]) -> list[dict[str, Any]]:
    """The outermost objects without the fields that the format reads."""
    return [
        {name: value for name, value in one.items() if name.casefold() not in skipped}
        for one in objects
        if isinstance(one, dict)
    ]


def _may_have_rows(text: str) -> bool:
    return any(sign in text for sign in (":", " - ", "=", "->", "→")) or has_marks(text)


def _against_flags(
    flagged: Collection[str], texts: Sequence[str], fields: Sequence[Mapping[str, Any]], context: ParseContext
) -> str | None:
    if any(denied(one, context, flagged) for one in fields):
        return "something is flagged, and a word beside it says that nothing is violated"
    if any(clears(text, flagged, context) for text in texts):
        return "something is flagged, and prose beside it says that nothing is violated"
    return None


def _against_nothing(
    texts: Sequence[str], fields: Sequence[Any], context: ParseContext, skipped: Collection[str]
) -> str | None:
    if fields and (contrary := against_nothing(fields, context, skipped=skipped)):
        return contrary
    if any(declines(text) for text in texts):
        return "nothing is listed, and a refusal stands beside it"
    if any(states(text, context) for text in texts):
        return "nothing is listed, and prose beside it states that something is violated"
    return None


def marks_against(rows: Sequence[Row], flagged: Collection[str], context: ParseContext) -> bool:
    """Whether rows about categories say something else than what is flagged.

    A tick or a cross of which nobody said what it means agrees where all that is flagged has one mark and the rest the
    other; where all have the same, a cross agrees with nothing flagged, a tick with all, or with all that passed.
    """
    ticks: set[str] = set()
    crosses: set[str] = set()
    for row in rows:
        categories = _about(row.name, context)
        if not categories:
            continue
        is_flagged = not set(categories).isdisjoint(flagged)
        if row.said is not None and (is_flagged != row.said and (row.said or not context.names.has_crosswalk)):
            return True
        if row.mark is not None:
            (ticks if row.mark else crosses).update(categories)
    marked = set(flagged) & (ticks | crosses)
    if ticks and crosses:
        return not ticks.isdisjoint(crosses) or marked not in (ticks, crosses)
    if crosses:
        return bool(marked)
    all_passed = context.only is None and ticks.issuperset(context.categories)
    return bool(ticks) and marked != ticks and not (all_passed and not flagged)


def _about(name: str, context: ParseContext) -> tuple[str, ...]:
    """The categories that a row is about; none for other names and for one that denies."""
    words = words_of(name)
    if not NOT.isdisjoint(words):
        return ()
    bare = [word for word in words if word not in FILL]
    found = context.names.resolve(name) or context.names.resolve(" ".join(bare))
    return found or (adjective_of(bare[0], context) if len(bare) == 1 else ())
