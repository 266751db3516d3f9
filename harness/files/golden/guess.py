"""Which column of a foreign file probably holds what: guessed from its name and a sample of its values.

A guess is only ever proposed, in a message or a question; nothing is read by it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from harness.files.golden.values import LabelValues, folded, meaning
from harness.files.text import nearest, words
from harness.records import GoldenCard

Samples = Mapping[str, Sequence[Any]]

_IDS = words(
    "id _id item item_id itemid case_id caseid conv_id conversation_id comment_id commentid tweet_id tweetid post_id "
    "message_id msg_id sample_id example_id record_id row_id rev_id uid uuid guid inner_id doc_id document_id "
    "video_id content_id key nr no number item_no item_nr row_nr"
)
_TEXTS = words(
    "text txt comment_text comment content body message msg tweet post sentence utterance prompt user_input input "
    "test_case document question query caption description full_text raw_text cleaned_text review title statement "
    "response completion transcript texto texte inhalt kommentar nachricht mensaje comentario テキスト 文本 내용"
)
_LABELS = words(
    "label labels gold target toxicity toxic is_toxic hate hateful is_hate class category categories annotation "
    "verdict decision harmful is_harmful violation violates flagged is_flagged unsafe score severity"
)
_SLICES = words(
    "lang language locale country region platform surface source split subset domain topic functionality type "
    "content_type group_name channel market"
)
_GROUPS = words("group group_id thread thread_id conversation template templ_id template_id case_id author_id user_id")
_INDEX = re.compile(r"|unnamed: ?\d+(\.\d+)?|__index_level_\d+__", re.IGNORECASE)
_SEPARATORS = (",", ";", "|", "/", "+", "&", "#", "\t", "\n", "\u060c", "\u3001", "\uff0c", "\uff1b", " and ", " ")
_ARRAY = re.compile(r"""\[\s*(?:'[^']*'|"[^"]*")(?:\s+(?:'[^']*'|"[^"]*"))+\s*\]""")
_MOST_WORDS = 12
_MOST_VALUES = 30
_LONG = 40
_LONGEST_LITERAL = 100_000


def is_index(name: str, values: Iterable[Any]) -> bool:
    """Whether a column only numbers the rows, as data frames write it: no name of its own, and rising whole numbers."""
    if not _INDEX.fullmatch(name.strip()):
        return False
    last = -1
    for value in values:
        text = str(value).removesuffix(".0")
        if not text.isdigit() or int(text) <= last:
            return False
        last = int(text)
    return True


def id_column(samples: Samples) -> str | None:
    """The column of ids: named like one, and different in every row."""
    named = _named(samples, _IDS)
    others = [name for name in samples if name not in named and re.search(r"(?i)(^|[ _.-])(id|uuid)$|Id$", name)]
    return next((name for name in [*named, *others] if _is_unique(samples[name])), None)


def text_column(samples: Samples, *, besides: Iterable[str] = ()) -> str | None:
    """The column of texts: named like one, else the one with the longest values."""
    left = {name: _texts(values) for name, values in samples.items() if name not in besides}
    texts = {name: values for name, values in left.items() if values}
    named = [name for name in _named(texts, _TEXTS) if len(set(texts[name])) > 1 or len(texts[name]) == 1]
    if named:
        return max(named, key=lambda name: (_mean_length(texts[name]) > _LONG, -named.index(name)))
    longest = max(texts, key=lambda name: _mean_length(texts[name]), default=None)
    return longest if longest is not None and _mean_length(texts[longest]) > 15 else None


def group_column(samples: Samples) -> str | None:
    """The column that says which rows belong together."""
    return next((name for name in _named(samples, _GROUPS) if not _is_unique(samples[name])), None)


def slice_columns(samples: Samples) -> list[str]:
    """Columns with a few short values that repeat."""
    named = _named(samples, _SLICES)
    found = []
    for name, values in samples.items():
        words = [str(value) for value in values if value not in (None, "")]
        distinct = set(words)
        repeats = len(words) >= 3 * len(distinct) and len(distinct) > 1
        is_short = all(len(word) <= _LONG for word in distinct) and len(distinct) <= _MOST_VALUES
        if words and is_short and (name in named or (repeats and not _is_number(distinct))):
            found.append(name)
    return found


def label_columns(samples: Samples) -> list[str]:
    """Columns whose values read as labels of one category: 1 and 0, true and false, yes and no, shares."""
    return [name for name, values in samples.items() if is_label_like(values) and not is_index(name, values)]


def is_label_like(values: Sequence[Any]) -> bool:
    """Whether all values could be labels of one category, and some say 1 or 0."""
    seen = list(dict.fromkeys(folded(value) for value in values if value is not None))
    if not seen or len(seen) > _MOST_VALUES:
        numbers = [_as_float(value) for value in seen]
        return bool(seen) and all(number is not None and (0 <= number <= 1 or number == -1) for number in numbers)
    known = [meaning(value, none_is_zero=True) for value in seen]
    if any(code in (0, 1) for code in known) and "?" not in known:
        return True
    numbers = [_as_float(value) for value in seen if value != ""]
    return bool(numbers) and all(number is not None and (0 <= number <= 1 or number == -1) for number in numbers)


def word_column(samples: Samples) -> str | None:
    """The column that names labels in words, a few of them again and again; named like labels where several do."""
    found = []
    for name, values in samples.items():
        words = {part for value in values for part in _parts(value)}
        if 1 < len(words) <= _MOST_WORDS and not _is_number(words) and all(len(word) <= _LONG for word in words):
            found.append(name)
    return next(iter(_named(dict.fromkeys(found), _LABELS)), None)


def listed_labels(values: Sequence[Any], names: Sequence[str]) -> tuple[bool, str | None]:
    """Whether the values of a column are lists of known labels, and the separator that joins them."""
    known = {*names}
    values = [_listed(value) for value in values]
    cells = [str(value) for value in values if isinstance(value, str) and value.strip()]
    lists = [value for value in values if isinstance(value, list)]
    if lists and all(isinstance(part, str) and part in known for value in lists for part in value):
        return True, None
    if not cells:
        return False, None
    n_known = sum(cell in known for cell in cells)
    for mark in _SEPARATORS:
        parts = [[part.strip() for part in cell.split(mark)] for cell in cells]
        if any(len(cell) > 1 for cell in parts) and any(part in known for cell in parts for part in cell):
            hits = sum(all(part in known or meaning(part, none_is_zero=True) != "?" for part in cell) for cell in parts)
            if hits > n_known and hits >= 0.9 * len(cells):
                return True, mark
    is_list = n_known > 0 and all(cell in known or meaning(cell, none_is_zero=True) in (0, None) for cell in cells)
    return is_list, None


def structure(cell: str) -> Any:
    """JSON, or a list or mapping as Python prints it, or names as numpy does; the cell itself when it is none.

    >>> structure("['hate' 'spam']"), structure("['hate', 'spam']")
    (['hate', 'spam'], ['hate', 'spam'])
    """
    if _ARRAY.fullmatch(cell):  # Python would read one long name
        return [one[1:-1] for one in re.findall(r"""'[^']*'|"[^"]*\"""", cell)]
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError:
        pass
    try:
        return ast.literal_eval(cell) if len(cell) < _LONGEST_LITERAL else cell
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return cell


def separator_of(name: str, known: Iterable[str]) -> str | None:
    """The mark that parts a name into known ones: ``hate, spam`` is two labels joined by a comma."""
    names = {*known}
    for mark in _SEPARATORS:
        parts = [part.strip() for part in name.split(mark)]
        if len(parts) > 1 and all(part in names for part in parts):
            return mark
    return None


def near_part(name: str, parts: Iterable[str]) -> str | None:
    """The part of an item that a column's name is nearly, such as ``lables``."""
    return nearest(name, parts)


def unread_values(card: GoldenCard, name: str, values: Sequence[Any], *, is_text: bool) -> list[Any]:
    """Values of a label column that the card, as it is, does not read."""
    reads = LabelValues(card, is_text=is_text)
    return [value for value in dict.fromkeys(values) if reads.code(name, value) is None]


def _listed(value: Any) -> Any:
    """A cell's list or choices as a list; every other value as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        value = structure(value)
    return value["choices"] if isinstance(value, dict) and list(value) == ["choices"] else value


def _named(samples: Iterable[str], names: Sequence[str]) -> list[str]:
    """Columns that bear one of the names, in the order of the names."""
    rank = {name: at for at, name in enumerate(names)}
    keys = {name: re.sub(r"[\s.-]+", "_", name.strip()).casefold() for name in samples}
    return sorted((name for name, key in keys.items() if key in rank), key=lambda name: rank[keys[name]])


def _is_unique(values: Sequence[Any]) -> bool:
    kept = [value for value in values if value not in (None, "")]
    is_scalar = all(isinstance(value, str | int) and not isinstance(value, bool) for value in kept)
    return bool(kept) and len(kept) == len(values) and is_scalar and len({str(value) for value in kept}) == len(kept)


def _texts(values: Sequence[Any]) -> list[str]:
    found = [value for value in values if isinstance(value, str) and value]
    return found if not _is_number(found) else []


def _mean_length(values: Sequence[str]) -> float:
    return sum(map(len, values)) / len(values)


def _is_number(values: Iterable[str]) -> bool:
    return all(_as_float(value) is not None for value in values)


def _as_float(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _parts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(part) for part in value]
    return [part.strip() for part in re.split(r"[;,|]", str(value))] if value not in (None, "") else []
