"""A sample of a foreign table -> the plan it probably wants. A guess is shown and confirmed, never applied unseen.

What a column holds is guessed by the same rules as the proposals in messages (``files.golden.guess``).
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from harness.files.golden import guess
from harness.files.golden.values import folded, is_negation, meaning
from harness.files.policy import CATEGORY_ID
from harness.goldens.hygiene import has_entities, is_mojibake
from harness.goldens.imports.flat import NoRow
from harness.goldens.imports.foreign import Foreign
from harness.goldens.imports.plan import LabelColumn, Plan, VoteColumn, mapped, parted

SAMPLED = 5_000
_MARKS = (";", ",", "|", "/", "+")
_MOST_NAMES = 60
_ANNOTATOR = re.compile(r"(?i)^(annotator|rater|reviewer|coder|labell?er|worker|user|judge)[ _-]?(id|name|no|number)?$")
_VOTE_COLUMN = re.compile(
    r"(?i)^((?P<category>.+?)[ _.-])?(?P<who>(annotator|rater|reviewer|coder|labell?er|worker|judge|ann)[ _.-]?\w+)$"
)
_IMAGES = ("images", "image", "image_path", "image_url", "img")
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
_GRADED = re.compile(r".+[:=]\s*[\d.,]+%?")
"""A name with its grade, such as ``hate:2``: what the grade means is nobody's guess."""
_BAD_ID = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d+")


def samples_of(foreign: Foreign, most: int = SAMPLED) -> dict[str, list[Any]]:
    """Column -> its values in the first rows."""
    rows = [row for _, row in islice(foreign.rows(), most) if not isinstance(row, NoRow)]
    return {name: [row.get(name) for row in rows] for name in foreign.columns}


def proposed(samples: Mapping[str, Sequence[Any]], plan: Plan, *, categories: Collection[str] = ()) -> Plan:
    """Fill what the plan does not say yet."""
    plan = replace(plan, ignore=tuple(dict.fromkeys([*plan.ignore, *_indices(samples)])))
    left = {name: values for name, values in samples.items() if name not in plan.columns | {*plan.ignore}}
    if plan.text is None:
        plan = replace(plan, text=guess.text_column(left))
    if plan.id is None:
        plan = replace(plan, id=_ids(left, plan))
    left = {name: values for name, values in left.items() if name not in plan.columns}
    if plan.annotator is None and not plan.votes:
        plan = _voters(left, plan, samples)
    left = {name: values for name, values in left.items() if name not in plan.columns}
    if not plan.labels and plan.listed is None and not any(vote.category for vote in plan.votes):
        plan = _labels(left, plan, categories)
    plan = _with_cuts(samples, plan)
    if plan.listed is not None and plan.separator is None:
        plan = replace(
            plan, separator=_separator(samples.get(plan.listed, ()), {folded(one): one for one in categories})
        )
    plan = _words(samples, plan, categories)
    left = {name: values for name, values in left.items() if name not in plan.columns}
    if plan.group is None:
        plan = replace(plan, group=guess.group_column({n: v for n, v in left.items() if not has_lost_digits(v)}))
    if plan.images is None:
        plan = replace(plan, images=next((name for name in left if name.casefold() in _IMAGES), None))
    if not plan.slices:
        left = {name: values for name, values in left.items() if name not in plan.columns}
        plan = replace(plan, slices={name: name for name in guess.slice_columns(left)})
    texts = [value for value in samples.get(plan.text or "", ()) if isinstance(value, str)][:SAMPLED]
    return replace(
        plan,
        unescape=plan.unescape or any(map(has_entities, texts)),
        repair=plan.repair or any(map(is_mojibake, texts)),
    )


def _indices(samples: Mapping[str, Sequence[Any]]) -> list[str]:
    blank = [name for name, values in samples.items() if not name.strip() and not any(map(str, filter(None, values)))]
    return [*blank, *(name for name, values in samples.items() if guess.is_index(name, values))]


def _ids(left: Mapping[str, Sequence[Any]], plan: Plan) -> str | None:
    """A column of ids that kept all their digits."""
    found = guess.id_column({name: values for name, values in left.items() if not has_lost_digits(values)})
    if found is None and plan.annotator is not None:
        named = [name for name in left if is_named_like_ids(name)]
        return named[0] if named else None
    return found


def is_named_like_ids(name: str) -> bool:
    """Whether a column is called what columns of ids are called, whatever it holds."""
    return guess.id_column({name: range(2)}) == name


def has_lost_digits(values: Sequence[Any]) -> bool:
    """Whether ids went through a spreadsheet that wrote them as 1.23E+15."""
    return any((isinstance(value, float) and abs(value) >= 2**53) or _BAD_ID.fullmatch(str(value).strip())
               for value in values)  # fmt: skip


def _voters(left: Mapping[str, Sequence[Any]], plan: Plan, samples: Mapping[str, Sequence[Any]]) -> Plan:
    columns = []
    for name, values in left.items():
        found = _VOTE_COLUMN.match(name)
        if found and (guess.is_label_like(values) or _is_word_column(values)) and not _ANNOTATOR.match(name):
            columns.append(VoteColumn(name, found["who"], found["category"]))
    if len(columns) > 1:
        return replace(plan, votes=tuple(columns))
    who = next(
        (name for name, values in left.items() if _ANNOTATOR.match(name) and len(set(map(str, values))) > 1), None
    )
    if who is None:
        return plan
    for name, values in samples.items():
        if name != who and is_named_like_ids(name) and len({*map(str, values)}) < len(values):
            return replace(plan, annotator=who, id=name)
    return plan


def _labels(left: Mapping[str, Sequence[Any]], plan: Plan, categories: Collection[str]) -> Plan:
    known = {folded(name): name for name in categories}
    dotted = [name for name in left if name.startswith("labels.")]
    if dotted:
        return replace(plan, labels=tuple(LabelColumn(name, name.removeprefix("labels.")) for name in dotted))
    named = [name for name in left if folded(name) in known and guess.is_label_like(left[name])]
    if named:
        return replace(plan, labels=tuple(LabelColumn(name, known[folded(name)]) for name in named))
    left = {name: values for name, values in left.items() if not is_named_like_ids(name)}
    binary = guess.label_columns(left)
    binary = [name for name in left if name in binary or _is_only_marked(left[name])] if binary else []
    binary = binary or [name for name, values in left.items() if _is_mostly_yes_or_no(values)]
    if plan.votes:
        return _listed_votes(left, plan)
    listed = _list_column({name: values for name, values in left.items() if name not in binary}, known)
    if listed is not None and (len(binary) < 2 or known):
        return replace(plan, listed=listed[0], separator=plan.separator or listed[1])
    if binary:
        columns = tuple(LabelColumn(name, _category(name, categories, n=len(binary))) for name in binary)
        return replace(plan, labels=columns)
    word = guess.word_column({name: left[name] for name in left})
    if word is not None:
        return replace(plan, listed=word, separator=plan.separator or _separator(left[word], known))
    return plan


def _is_mostly_yes_or_no(values: Sequence[Any]) -> bool:
    """Whether a column says yes and no, beside a few words whose meaning has to be asked."""
    distinct = {folded(value) for value in values if value not in (None, "")}
    codes = [meaning(value) for value in distinct]
    return len(distinct) <= 8 and 1 in codes and 0 in codes


def _is_only_marked(values: Sequence[Any]) -> bool:
    """Whether a column marks what violates and leaves the rest blank, as beside other columns of labels."""
    said = {folded(value) for value in values if value not in (None, "")}
    return said <= {"x", "✓", "✔", "yes", "true", "1"} and bool(said) and any(value in (None, "") for value in values)


def _with_cuts(samples: Mapping[str, Sequence[Any]], plan: Plan) -> Plan:
    """Shares of votes violate from one half on."""
    columns = [label.column for label in plan.labels if label.column not in plan.cuts]
    cuts = {name: cut for name in columns if (cut := _cut(samples.get(name, ()))) is not None}
    return replace(plan, cuts={**plan.cuts, **cuts})


def _listed_votes(left: Mapping[str, Sequence[Any]], plan: Plan) -> Plan:
    return replace(plan, separator=plan.separator or _separator(
        [value for vote in plan.votes for value in left.get(vote.column, ())], {}))  # fmt: skip


def _category(column: str, categories: Collection[str], *, n: int) -> str:
    """The category of a column of labels: the policy's only one, else the column's own name as an id."""
    if n == 1 and len(categories) == 1:
        return next(iter(categories))
    return category_id(column)


def category_id(name: str) -> str:
    """A column's or a label's name as a category id.

    >>> category_id(" Hate speech "), category_id("is_toxic"), category_id("TVEC.01"), category_id("sexual/minors")
    ('hate_speech', 'toxic', 'TVEC.01', 'sexual/minors')

    An id has plain letters only: accents go, and a name in another script has an id of its own that says nothing.

    >>> category_id("Belästigung"), category_id("спам"), category_id("ненависть")
    ('belastigung', 'c_a1b8b676', 'c_d779a788')
    """
    if CATEGORY_ID.fullmatch(name) and any(char.isdigit() for char in name) and name[0].isalpha():
        return name  # the code of a taxonomy, as it writes it
    decomposed = unicodedata.normalize("NFKD", name.strip().casefold())
    bare = "".join(one for one in decomposed if not unicodedata.combining(one))
    text = re.sub(r"[^\w/-]+", "_", bare, flags=re.ASCII).strip("_-/")
    if not text and any(one.isalnum() for one in bare):
        return f"c_{zlib.crc32(bare.encode()):08x}"
    text = re.sub(r"^(?:is|has|label|labels|gold)_", "", text)
    return text if text and text[0].isalpha() else f"c_{text}" if text else "violation"


def _cut(values: Sequence[Any]) -> float | None:
    numbers = []
    for value in values:
        try:
            numbers.append(float(str(value)))
        except ValueError:
            continue
    scale = [number for number in numbers if number not in (0, 1, -1)]
    return None if not scale else 0.5 if max(scale) <= 1 else None


def _list_column(left: Mapping[str, Sequence[Any]], known: Mapping[str, str]) -> tuple[str, str | None] | None:
    """The column whose cells name several labels."""
    for name, values in left.items():
        if any(isinstance(value, list) for value in values):
            words = {folded(word) for value in values for word in parted(value, None)}
            if 0 < len(words) <= _MOST_NAMES and (not known or words & known.keys()):
                return name, None
            continue
        mark = _separator(values, known)
        if mark is not None:
            return name, mark
    return None


def _separator(values: Sequence[Any], known: Mapping[str, str]) -> str | None:
    """The mark that joins words of a small set in a column."""
    cells = [str(value).strip() for value in values if value not in (None, "") and not isinstance(value, list)]
    cells = [cell for cell in cells if meaning(cell, none_is_zero=True) == "?" or folded(cell) in known]
    cells = [cell for cell in cells if cell[:1] not in ("[", "{")]
    if not cells or any(len(cell) > 200 for cell in cells) or all(map(_DECIMAL_COMMA.fullmatch, cells)):
        return None
    for mark in _MARKS:
        parts = [[folded(part) for part in cell.split(mark) if part.strip()] for cell in cells]
        words = Counter(word for cell in parts for word in cell)
        several = sum(len(cell) > 1 for cell in parts)
        wholes = {folded(cell) for cell in cells}
        if not several or len(words) > _MOST_NAMES or any(len(word) > 40 for word in words):
            continue
        is_reused = sum(n for word, n in words.items() if n > 1) >= 0.6 * sum(words.values())
        if (known and all(word in known or meaning(word, none_is_zero=True) != "?" for word in words)) or (
            not known and (is_reused or words.keys() & wholes) and len(words) < len(cells) + 1
        ):
            return mark
    return None


def _is_word_column(values: Sequence[Any]) -> bool:
    words = {folded(value) for value in values if value not in (None, "")}
    return 0 < len(words) <= 12 and all(len(word) <= 40 for word in words)


def _words(samples: Mapping[str, Sequence[Any]], plan: Plan, categories: Collection[str]) -> Plan:
    """The values and names that stand in columns of labels, as far as their meaning is plain."""
    values, names = dict(plan.values), dict(plan.names)
    said = {folded(value) for value in values} | {folded(name) for name in names}
    single = [label.column for label in plan.labels] + [vote.column for vote in plan.votes if vote.category]
    for column in single:
        for value in dict.fromkeys(samples.get(column, ())):
            code = None if value is None else meaning(value)
            if value in (None, "") or folded(value) in said or folded(value) in ("0", "1", "true", "false"):
                continue
            if code != "?" and not (column in plan.cuts and _is_number(value)):
                values[str(value)] = code  # type: ignore[assignment]
                said.add(folded(value))
    naming = [plan.listed] if plan.listed else [vote.column for vote in plan.votes if not vote.category]
    words: dict[str, None] = {}
    together: set[str] = set()
    for column in naming:
        for value in samples.get(column, ()):
            said_here = [*(mapped(value) or ()), *parted(value, plan.separator)]
            words.update(dict.fromkeys(said_here))
            together.update(map(folded, said_here if len(said_here) > 1 else ()))
    for word in list(words)[: 10 * _MOST_NAMES]:
        key = folded(word)
        if key in said:
            continue
        said.add(key)
        code = 0 if is_negation(key, words) else meaning(word, none_is_zero=True)
        if key == "0" and key in together:
            code = "?"  # beside others it is the number of a class, and no "nothing"
        near = {folded(name): name for name in categories}
        if key in near:
            names[word] = near[key]
        elif code in (0, None):
            values[word] = code
        elif code == 1 and len(categories) == 1:
            names[word] = next(iter(categories))
        elif any(map(str.isalnum, word)) and not _GRADED.fullmatch(word):
            names[word] = category_id(word)
    zero = [*plan.blank_is_zero]
    votes = [vote.column for vote in plan.votes]
    cast = [value for column in votes for value in samples.get(column, ())]
    # where another annotator writes a no, a blank is no vote
    is_vote_blank_zero = _only_marks(cast, plan, values)
    for column in [*single, *naming]:
        if column in votes and not is_vote_blank_zero:
            continue
        if column not in plan.cuts and column not in zero and _only_marks(samples.get(column, ()), plan, values):
            zero.append(column)
    return replace(plan, values=values, names=names, blank_is_zero=tuple(zero))


def _only_marks(values: Sequence[Any], plan: Plan, codes: Mapping[str, int | None]) -> bool:
    """Whether a column only marks what violates: it never says no, and never that nobody knows."""
    if any(isinstance(value, list) and not value for value in values):
        return False  # an empty list says no, so that nothing at all is not labelled
    by_word = {folded(value): code for value, code in codes.items()}
    words = {folded(word) for value in values for word in parted(value, plan.separator)}
    said = {by_word.get(word, 0 if word in ("0", "0.0", "false") else 1) for word in words}
    return said == {1} and any(value in (None, "") for value in values)


def _is_number(value: Any) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True
