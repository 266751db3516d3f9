"""One row of a golden set -> checked label codes, and later an ``Item``.

Decides what a row may hold and says what is wrong with it. Rows are checked once, when the set is loaded; building
items afterwards trusts them.

Labels are a mapping, ``{"hate": 1, "spam": null}``, or the list of what is violated, ``["hate"]``. A list says nothing
about the other labels, so it is read only where the card does: ``absent_labels: negative``. Fields that the card names
under ``ignore`` are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from harness.files.golden.faults import Faults, label_field
from harness.files.text import listed, nearest, shortened, shown, suggestion
from harness.records import GoldenCard, Item

ABSENT: Final = 0xFE  # the label is not in the row
NULL: Final = 0xFF  # the label is null; int8 -1
LABEL_ALLOWED = "1, 0 or null (nobody labelled it)"
LABELS_ALLOWED = (
    'a mapping of label to 1, 0 or null, such as {"hate": 1}; '
    "with 'absent_labels: negative' also a list of the labels that are violated"
)

Row = dict[str, Any]
_MISSING: Final = object()
_SCALARS = (str, int, float)
_YES_NO: Final[Mapping[Any, bool]] = {
    **dict.fromkeys(("true", "yes", "y", "x", "1", True), True),
    **dict.fromkeys(("false", "no", "n", "", "0", "nan", False, None), False),
}


class RowReader:
    """Checks rows against a card and turns checked rows into items."""

    def __init__(self, card: GoldenCard, categories: Sequence[str], faults: Faults | None = None) -> None:
        fields = card.fields
        self.file_labels: tuple[str, ...] = label_names(card)
        self.categories = tuple(categories)
        self.blank = bytes([ABSENT]) * len(self.file_labels)
        self.codes = bytearray()
        self.ids: dict[str, int] = {}
        self._card = card
        self.faults = faults
        self._rename = dict(card.rename)
        self._fields = fields
        self._column = {name: at for at, name in enumerate(self.file_labels)}
        self._is_flat = fields.labels == "."
        self._get_id, self._get_text = _getter(fields.id), _getter(fields.text)
        self._get_labels = self._flat_labels if self._is_flat else _getter(fields.labels)
        self._get_images, self._get_context, self._get_votes, self._get_weight, self._get_group = (
            _nothing if path.split(".")[0] in card.ignore else _getter(path)
            for path in (fields.images, fields.context, fields.votes, fields.weight, fields.group)
        )
        self._get_must_catch = _nothing if card.must_catch.split(".")[0] in card.ignore else _getter(card.must_catch)
        self.must_catch: set[int] = set()
        self._slices = tuple((name, path, _getter(path)) for name, path in card.slices.items())
        paths = [
            getattr(fields, name) for name in ("id", "text", "labels", "images", "context", "votes", "weight", "group")
        ]
        tops = {path.split(".")[0] for path in [*paths, card.must_catch, *card.slices.values()] if path != "."}
        self.parts = frozenset(tops | {"meta"} | (set(self.file_labels) if self._is_flat else set())) - {*card.ignore}
        self.known = self.parts | {*card.ignore}
        self._takes_lists = card.absent_labels == "negative"
        self._hidden = tuple(
            tuple(path.split(".")[1:])
            for path in (fields.labels, fields.votes, fields.weight)
            if path.startswith("meta.")
        )
        self._label_sets: dict[bytes, Mapping[str, int | None]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return RowReader, (self._card, self.categories)  # getters are closures; workers build their own

    # ------------------------------------------------------------------------------------------------- checking

    def add(self, row: Any, index: int) -> None:
        """Check one row, note its id and append its label codes."""
        if type(row) is not dict:
            self._fault(index, None, f"is {shown(row)}", "one JSON object per line", "write {...} on each line")
            self.codes += self.blank
            return
        if not self.known.issuperset(row):
            self._unknown_fields(row, index)
        item_id = self._get_id(row)
        if type(item_id) is not str or not item_id or not item_id.isprintable():
            self._bad_id(item_id, index)
        elif (first := self.ids.setdefault(item_id, index)) != index:
            self._duplicate_id(item_id, first, index)
        images = self._get_images(row)
        if images is not _MISSING and images is not None:
            self._check_images(images, index)
        text = self._get_text(row)
        if type(text) is str:
            if "\0" in text:
                self._fault(index, self._fields.text, "has a NUL character", "text without NUL", "remove the character")
        elif text is _MISSING and not (type(images) is list and images):
            self._fault(
                index,
                self._fields.text,
                "is missing",
                "a string, or null for a withheld text",
                "add the text or images",
            )
        elif text is not None and text is not _MISSING:
            self._fault(
                index,
                self._fields.text,
                f"is {shown(text)}",
                "a string, or null for a withheld text",
                "correct the row",
            )
        labels = self._get_labels(row)
        is_names = type(labels) is list and all(type(name) is str for name in labels)
        if type(labels) is dict:
            self.codes += self._codes_of(labels, index)
        elif is_names and self._takes_lists:
            self.codes += self._codes_of(dict.fromkeys(labels, 1), index)
        else:
            self.codes += self.blank
            self._bad_labels(labels, index, is_names=is_names)
        self._check_rest(row, index)

    def _codes_of(self, labels: dict[str, Any], index: int) -> bytearray:
        codes = bytearray(self.blank)
        column = self._column
        for name, value in labels.items():
            at = column.get(name)
            if at is None:
                if self.faults is not None:
                    self.faults.add_unknown_label(index, name)
            elif value is None:
                codes[at] = NULL
            elif type(value) is int and 0 <= value <= 1:
                codes[at] = value
            else:
                where = label_field(self._fields.labels, name)
                self._fault(index, where, f"is {shown(value)}", LABEL_ALLOWED, _label_hint(value))
        return codes

    def _check_rest(self, row: Row, index: int) -> None:
        meta = row.get("meta")
        if meta is not None and type(meta) is not dict:
            self._fault(index, "meta", f"is {shown(meta)}", "a mapping", "correct the row")
        for name, path, get in self._slices:
            value = get(row)
            if type(value) is not str and _slice_values(value) is None:
                self._fault(
                    index,
                    path,
                    f"is {shown(value)}",
                    f"text, a number, true/false or a list of those (slice '{name}')",
                    "correct the row, or point the slice elsewhere",
                )
        weight = self._get_weight(row)
        if weight is not _MISSING and weight is not None:
            is_number = type(weight) is int or type(weight) is float
            if not is_number or not 0 < weight < float("inf"):
                self._fault(
                    index, self._fields.weight, f"is {shown(weight)}", "a finite number above 0", "correct the weight"
                )
        group = self._get_group(row)
        if group is not _MISSING and group is not None and (type(group) not in (str, int) or group == ""):
            self._fault(
                index, self._fields.group, f"is {shown(group)}", "a string or a whole number", "correct the group"
            )
        must_catch = self._get_must_catch(row)
        if must_catch is not _MISSING:
            self._note_must_catch(must_catch, row, index)
        votes = self._get_votes(row)
        if votes is not _MISSING and votes is not None:
            self._check_votes(votes, index)

    def _note_must_catch(self, value: Any, row: Row, index: int) -> None:
        """True for an item that no candidate may miss; tables write it as 1, 0 or words."""
        said = _YES_NO.get(value.strip().casefold() if type(value) is str else value) if _is_plain(value) else None
        if said is None:
            hint = "write true, or leave the field out"
            self._fault(index, self._card.must_catch, f"is {shown(value)}", "true or false", hint)
        elif said and type(self._get_text(row)) is not str and not _is_filled_list(self._get_images(row)):
            hint = "restore the text, or leave the field out"
            self._fault(index, self._card.must_catch, "is true for a withheld text", "true for shown items", hint)
        elif said:
            self.must_catch.add(index)

    def _check_votes(self, votes: Any, index: int) -> None:
        field, allowed = self._fields.votes, 'a list of {"annotator": NAME, "labels": {LABEL: 1|0|null}}'
        if type(votes) is not list:
            self._fault(index, field, f"is {shown(votes)}", allowed, "correct the votes")
            return
        voters = set()
        for at, vote in enumerate(votes):
            labels = vote.get("labels") if type(vote) is dict else None
            annotator = vote.get("annotator") if type(vote) is dict else None
            if type(annotator) not in (str, int) or annotator == "" or type(labels) is not dict:
                self._fault(index, f"{field}.{at}", f"is {shown(vote)}", allowed, "correct the vote")
                continue
            if str(annotator) in voters:
                self._fault(
                    index, f"{field}.{at}", f"is a second vote of '{shortened(annotator)}'", "one vote each", "keep one"
                )
            voters.add(str(annotator))
            for name, value in labels.items():
                where = f"{field}.{at}.labels.{name}"
                if name not in self._column:
                    self._fault(
                        index,
                        where,
                        "is not a declared label",
                        listed(self.file_labels),
                        suggestion(name, self.file_labels, "correct the vote, or declare the label in the card"),
                    )
                elif value is not None and not (type(value) is int and 0 <= value <= 1):
                    self._fault(index, where, f"is {shown(value)}", LABEL_ALLOWED, _label_hint(value))

    def _check_images(self, images: Any, index: int) -> None:
        is_list = type(images) is list and all(type(name) is str and name for name in images)
        if not is_list:
            self._fault(index, self._fields.images, f"is {shown(images)}", "a list of file names", 'write ["NAME.png"]')
            return
        for name in images:
            if "://" not in name and (name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/")):
                self._fault(
                    index,
                    self._fields.images,
                    f"has '{shortened(name)}', which leaves the folder of the set",
                    "paths inside the folder of the items file",
                    "move the image beside the items",
                )

    def _bad_labels(self, labels: Any, index: int, *, is_names: bool) -> None:
        if is_names:
            found = "is a list, and what it leaves out is unknown"
            hint = "if a label that is not in the list is not violated, write 'absent_labels: negative' in the card"
        elif type(labels) is list:
            found = f"is a list with {shown(next(name for name in labels if type(name) is not str))}"
            hint = "write names of labels"
        else:
            found = "is missing" if labels is _MISSING else f"is {shown(labels)}"
            hint = "add the labels, or say in the card where they are: 'fields: {labels: NAME}'"
        self._fault(index, self._fields.labels, found, LABELS_ALLOWED, hint)

    def _unknown_fields(self, row: Row, index: int) -> None:
        for name in row:
            if name not in self.known:
                near = nearest(name, self.parts)
                otherwise = f"move it under 'meta', or leave it out with 'ignore: [{shortened(name)}]' in the card"
                self._fault(
                    index,
                    name,
                    "is not a known field",
                    listed(sorted(self.parts), most=40),
                    otherwise if near is None else f"did you mean '{near}'? If not, {otherwise}",
                )

    def _bad_id(self, item_id: Any, index: int) -> None:
        if item_id is _MISSING:
            found = "is missing"
        elif type(item_id) is str and item_id:
            found = f"is '{shortened(item_id)}', with a control or invisible character"
        else:
            found = f"is {shown(item_id)}"
        hint = "put it in quotes" if type(item_id) is int else "give the row an id"
        self._fault(index, self._fields.id, found, "a printable string, unique in the set", hint)

    def _duplicate_id(self, item_id: str, first: int, index: int) -> None:
        if self.faults is not None:
            path, line = self.faults.where(first)
            where = path if line is None else f"line {line}"
            self._fault(
                index,
                self._fields.id,
                f"is '{shortened(item_id)}', which {where} has already",
                "each id once",
                "give one of the two rows another id, or remove it",
            )

    def _fault(self, index: int, field: str | None, found: str, allowed: str, next_step: str) -> None:
        if self.faults is not None:
            self.faults.add(index, field, found, allowed, next_step)

    # ------------------------------------------------------------------------------------------------- building

    def item(self, row: Row, codes: bytes) -> Item:
        """The item of a checked row; ``codes`` are its final labels (int8, -1 for null)."""
        labels = self._label_sets.get(codes)
        if labels is None:
            if len(self._label_sets) > 50_000:
                self._label_sets.clear()
            labels = {name: None if code == NULL else code for name, code in zip(self.categories, codes, strict=True)}
            self._label_sets[codes] = labels
        text, images, context = self._get_text(row), self._get_images(row), self._get_context(row)
        group, weight, votes = self._get_group(row), self._get_weight(row), self._get_votes(row)
        meta: Mapping[str, Any] = row.get("meta") or {}
        for path in self._hidden:
            meta = _without(meta, path)
        return Item(
            id=self._get_id(row),
            text=text if type(text) is str else None,
            labels=labels,
            slices={name: _slice_values(get(row)) or () for name, _, get in self._slices},
            group=None if group is _MISSING or group is None else str(group),
            weight=1.0 if weight is _MISSING or weight is None else float(weight),
            images=tuple(images) if type(images) is list else (),
            context=None if context is _MISSING else context,
            votes=() if votes is _MISSING or votes is None else tuple(map(self._vote, votes)),
            meta=meta,
        )

    def _vote(self, vote: Mapping[str, Any]) -> Mapping[str, Any]:
        labels: dict[str, int | None] = {}
        for name, value in vote["labels"].items():
            category = self._rename.get(name, name)
            labels[category] = value if category not in labels else _either(labels[category], value)
        return {**vote, "annotator": str(vote["annotator"]), "labels": labels}

    def _flat_labels(self, row: Row) -> Any:
        return {name: row[name] for name in self.file_labels if name in row}


def label_names(card: GoldenCard) -> tuple[str, ...]:
    """Label names a row may use: the card's, and the left side of its ``rename``."""
    return tuple(dict.fromkeys([*card.labels, *card.rename]))


def _nothing(row: Row) -> Any:
    return _MISSING


def _getter(path: str) -> Callable[[Row], Any]:
    parts = path.split(".")
    if len(parts) == 1:
        return lambda row: row.get(path, _MISSING)
    if len(parts) == 2:
        outer, inner = parts

        def pair(row: Row) -> Any:
            part = row.get(outer)
            return part.get(inner, _MISSING) if type(part) is dict else _MISSING

        return pair

    def walk(row: Row) -> Any:
        here: Any = row
        for part in parts:
            here = here.get(part, _MISSING) if type(here) is dict else _MISSING
        return here

    return walk


def _slice_values(value: Any) -> tuple[str, ...] | None:
    """Slice values as text; None when the value cannot be one."""
    if type(value) is str:
        return (value,)
    if value is _MISSING or value is None:
        return ()
    if type(value) is bool:
        return ("true" if value else "false",)
    if type(value) is int or type(value) is float:
        return (str(value),)
    if type(value) is list:
        parts = []
        for entry in value:
            if not isinstance(entry, _SCALARS):
                return None
            parts.append(_slice_values(entry) or ())
        return tuple(dict.fromkeys(name for part in parts for name in part))
    return None


def _either(first: int | None, second: int | None) -> int | None:
    """Three-valued or: 1 beats null beats 0."""
    if first == 1 or second == 1:
        return 1
    return None if first is None or second is None else 0


def _is_filled_list(value: Any) -> bool:
    return type(value) is list and bool(value)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, _SCALARS)


def _without(mapping: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any]:
    if path[0] not in mapping:
        return mapping
    if len(path) == 1:
        return {name: value for name, value in mapping.items() if name != path[0]}
    inner = mapping[path[0]]
    return {**mapping, path[0]: _without(inner, path[1:])} if isinstance(inner, dict) else mapping


def _label_hint(value: Any) -> str:
    if isinstance(value, bool):
        return f"write {int(value)} instead of {'true' if value else 'false'}"
    if isinstance(value, str) and value.strip() in ("0", "1"):
        return f"write {value.strip()} without quotes"
    if isinstance(value, str) and value.strip().casefold() in ("", "null", "none", "nan", "na", "unknown"):
        return "write null without quotes (in CSV: an empty cell)"
    if isinstance(value, str) and value.strip().casefold() in ("yes", "no", "y", "n", "true", "false"):
        return f"write {int(value.strip().casefold() in ('yes', 'y', 'true'))}"
    if isinstance(value, float) and value in (0.0, 1.0):
        return f"write {int(value)}"
    return "correct the row; a degree belongs in meta, and the label says whether it violates"
